/* The gateway under test: the optimised program in a folder of its own, with one declared tenant, and what applications and browsers prepare. */
#pragma once
#include "load.h"

#define SECRET "pas_cs_a-secret-of-the-benchmark-that-is-long-enough"
#define USERNAME "alice"
#define PASSWORD "correct horse battery staple"
#define CALLBACK "https://app.bench.example/callback"
#define TENANT "/t/bench"

struct subject {
	const char *program;
	char *folder;
	uint16_t port;
	pid_t process;
};

/* Writes configuration and declaration into `folder` (made, under `where`) and applies them. */
void subject_prepare(struct subject *subject, const char *program, const char *where);
/* Declares an identity provider more, while it runs; YAML, indented by two. */
void subject_add_provider(const struct subject *subject, const char *provider);
/* Starts it on `cpu` (-1: anywhere) and returns the milliseconds from fork to the first 200. */
double subject_start(struct subject *subject, int cpu);
void subject_stop(struct subject *subject);
/* Removes the folder. */
void subject_clear(struct subject *subject);
/* Resident memory in KiB: its own, and what its children (the verifier's) have beside what they share with it. */
long subject_resident(const struct subject *subject);

/* Processor time of one of the program's commands, in microseconds; `words` end with NULL. */
double subject_command(const struct subject *subject, const char *const *words);

/* Requests, written behind what `out` holds. `client` NULL sends no Authorization. */
void put_get(GString *out, const struct subject *subject, const char *path, const char *cookie);
void put_form(GString *out, const struct subject *subject, const char *path, const char *client, const char *cookie, const char *form);

/* Signs the user in as a browser would; the session's cookie, to be freed. */
char *sign_in(const struct subject *subject);
/* An access token by client_credentials, to be freed. */
char *client_token(const struct subject *subject, const char *client);

/* The path of an authorization request by `client` for `scope`, S256 challenge included. */
char *authorize_path(const char *client, const char *scope);
extern const char code_verifier[];
/* Pieces of answers; each to be freed, NULL when absent. */
char *location_code(const struct answer *answer);
char *location_path(const struct answer *answer);
char *cookie_pair(const struct answer *answer);
char *form_token(const struct answer *answer);
char *json_member(const struct answer *answer, const char *name);
