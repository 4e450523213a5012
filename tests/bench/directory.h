/* A directory for the bench: slapd with two people, an index and a certificate of its own, in a folder beside the gateway's. Where no slapd is installed there is
 * no figure about it. */
#pragma once
#include "lab.h"

#define DIRECTORY_BASE "dc=corp,dc=example"
#define DIRECTORY_SERVICE "cn=passerelle," DIRECTORY_BASE
#define DIRECTORY_SERVICE_PASSWORD "service account of the bench"
/* One whose password stands there in clear, so that nothing but the asking costs, and one whose is hashed with Argon2id, as directories should. */
#define DIRECTORY_CLEAR "clear"
#define DIRECTORY_HASHED "hashed"

struct directory {
	char *folder, *url, *certificate;
	pid_t process;
};

/* Whether slapd and what it needs are installed. */
bool directory_installed(void);
/* Starts it under `where`, on `cpu`, both people having `password`. */
void directory_start(struct directory *directory, const char *where, int cpu, const char *password);
void directory_stop(struct directory *directory);
