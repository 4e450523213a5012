/* What the fetcher is tried on: fetch_server.py, and a resolver of our own. */
#pragma once
#include "lists.h"
#include "providers/fetch.h"

/* In the good certificate, and so is 127.0.0.1. */
#define RIG_NAME "directory.acme.example"

/* Starts the server in a folder with certificates; poisons the environment first. */
void fetch_rig_open(void);
void fetch_rig_close(void);
const char *fetch_rig_ca(void);
/* https://host:port/path, the port that of the listener. Caller frees. */
char *fetch_rig_url(const char *scheme, const char *host, const char *listener, const char *path);
int fetch_rig_port(const char *listener);
/* One command, its answer as a number (0 for "ok"). */
unsigned fetch_rig_ask(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* What names lead to from now on: addresses, " " between; "": nowhere; "hang": the resolver does not answer before rig_resolver_release. getaddrinfo of the whole program
 * is this. Only RIG_NAME and names under .test may be set; all others lead nowhere. */
void rig_names_are(const char *addresses);
void rig_resolver_release(void);
unsigned rig_lookups(void);

/* Options with the rig's CA, and otherwise as given. */
struct fetcher *fetch_rig_fetcher(struct fetch_options options);
/* A GET of the path at https://127.0.0.1, which is declared. */
enum fetch_result fetch_rig_get(struct fetcher *fetcher, const char *listener, const char *path, struct fetch_reply *reply);
/* Two seconds from now. */
int64_t soon(void);

extern const struct test_list fetch_refusals_list, fetch_transfers_list, fetch_documents_list;
