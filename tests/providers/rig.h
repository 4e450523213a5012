/* A real directory for the tests: slapd on free ports of this machine, in a folder of its own, with certificates of its own; and peers that misbehave. */
#pragma once
#include "lists.h"

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

#define RIG_BASE "dc=acme,dc=example"
#define RIG_PEOPLE "ou=people," RIG_BASE
#define RIG_GROUPS "ou=groups," RIG_BASE
#define RIG_ROOT "cn=root," RIG_BASE
#define RIG_ROOT_PASSWORD "root of the rig"
#define RIG_SERVICE "cn=passerelle,ou=services," RIG_BASE
#define RIG_SERVICE_PASSWORD "service account 1"

/* The folder everything is in; removed by rig_close. */
const char *rig_folder(void);
void rig_open(void);
void rig_close(void);
/* A TCP port of 127.0.0.1 that nobody listened on just now. */
int rig_free_port(void);

/* certificates.c: written as {folder}/{name}.pem and {name}.key; ca.pem is the only CA. */
enum certificate_kind { CERTIFICATE_GOOD, CERTIFICATE_WRONG_NAME, CERTIFICATE_EXPIRED, CERTIFICATE_SELF_SIGNED };
void certificates_make(const char *folder);
const char *certificate_name(enum certificate_kind kind);

/* slapd.c */
struct slapd {
	int port, tls_port;
	enum certificate_kind certificate;
	bool with_people, allows_anonymous_dn;
	const char *tls_ciphers; /* GnuTLS priorities; NULL: slapd's own */
	const char *refers_to;   /* an ldap:// URL that everything under RIG_BASE is referred to; NULL: it is held here */
	char *folder;
	pid_t pid;
};
void slapd_start(struct slapd *slapd);
/* Ends it, waits for its end, forgets its folder. */
void slapd_stop(struct slapd *slapd);
/* Kills it, waits for its end; slapd_restart starts it again on the same data and ports. */
void slapd_kill(struct slapd *slapd);
void slapd_restart(struct slapd *slapd);
/* Stops it, and returns once it stands still: a signal alone leaves its threads a moment in which they still answer. SIGCONT wakes it. */
void slapd_freeze(const struct slapd *slapd);
/* Binds, searches and extended operations asked of it so far, the asking left out. */
uint64_t slapd_operations(const struct slapd *slapd);
/* Runs ldapmodify as root with this LDIF. */
void slapd_modify(const struct slapd *slapd, const char *ldif);

/* people.c */
char *people_ldif(void);
char *groups_ldif(void);

/* The one with people that most tests ask. */
extern struct slapd rig_slapd;

/* peers.c: something that listens where a directory should. */
enum peer_way {
	PEER_SILENT,          /* accepts and never says a word: for ldaps a stall inside the handshake */
	PEER_SILENT_IN_TLS,   /* grants StartTLS, then never says a word */
	PEER_DRIPS,           /* a byte of a handshake that never ends, every 50 ms */
	PEER_DENIES_STARTTLS, /* answers StartTLS with protocolError, anything else with success */
	PEER_GARBAGE,         /* answers with bytes that are no LDAP */
	PEER_HALF_MESSAGE,    /* answers the beginning of a message */
	PEER_HUGE_MESSAGE,    /* announces a message of two gigabytes */
	PEER_CLOSES,          /* closes at once */
	PEER_FOREIGN_ANSWER,  /* answers with success for another message */
	PEER_RELAY,           /* passes everything on to a slapd, see peer.act_at */
	PEER_LISTENS,         /* only counts who comes */
};
enum peer_act { ACT_NONE, ACT_CLOSE, ACT_FREEZE, ACT_GARBAGE, ACT_KILL_SLAPD, ACT_STOP_SLAPD };
struct peer {
	enum peer_way way;
	struct slapd *behind; /* PEER_RELAY */
	int act_at;           /* PEER_RELAY: at the n-th request of any connection, counted from 1 */
	enum peer_act act;
	bool injects;         /* PEER_RELAY: slips a "success" in clear, for request 2, behind the first answer */
	int port;
	_Atomic int connections;   /* may be read at any time */
	int requests;              /* to be read after peer_stop */
	char *heard;          /* what arrived, NULs as dots, at most 64 KiB; the caller of peer_stop frees it */
	void *inside;
};
void peer_start(struct peer *peer);
void peer_stop(struct peer *peer);
