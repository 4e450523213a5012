/* Between the ldap*.c files only.
 *
 *	ldap.c             the driver: the way of one sign-in
 *	ldap_settings.c    its keys, presets, and the directory made of them
 *	ldap_connect.c     name look-up and TCP, with a deadline
 *	ldap_tls.c         which certificates are believed
 *	ldap_watch.c       the deadline of a handshake
 *	ldap_connection.c  one connection: TLS, bind, with a deadline over each
 *	ldap_pool.c        servers in order with a breaker each, slots, idle service connections
 *	ldap_search.c      escaping, filters, entries
 *	ldap_groups.c      which groups a person is in
 *	ldap_verdict.c     what a directory's answer to a bind means
 *	ldap_password.c    changing a password
 *	ldap_probe.c       the step-by-step diagnosis
 */
#pragma once
#include "policies/mapping.h"
#include "providers/breaker.h"
#include "providers/drivers.h"

#include <pthread.h>

struct ldap;
struct ldapcontrol;

#define LOGIN_BYTES_MAX 256

/* One URL of the list. `breaker` and `idle` are under the directory's lock. */
struct directory_server {
	char *url, *host, *service; /* the port, as getaddrinfo takes it */
	int port;
	bool tls_at_once; /* ldaps */
	struct breaker breaker;
	GQueue idle; /* struct connection, bound as the service account */
};

enum groups_way { GROUPS_NONE = 0, GROUPS_BY_ATTRIBUTE, GROUPS_BY_SEARCH, GROUPS_IN_CHAIN };

/* A configured directory; read only after open but for the pool. Texts are borrowed from `settings`. */
struct directory {
	char *provider;
	json_t *settings; /* our own copy, preset filled in */
	struct directory_server *servers;
	size_t server_count;
	bool start_tls;
	const char *bind_dn, *bind_password, *base_dn, *user_filter, *people_filter, *user_dn, *subject_attribute, *decoy_dn;
	char *own_decoy_dn;
	enum groups_way groups_way;
	bool groups_nested;
	bool password_change, is_active_directory;
	char *groups_base, *groups_filter; /* the filter with a {dn} */
	char *groups_attribute;
	const char *groups_name_attribute;
	char **attributes; /* asked of a person's entry */
	struct mapping mapping;
	json_t *claims, *group_map;
	int64_t connect_timeout_ms, timeout_ms, retry_after_ms;
	const struct tls_context *tls;
	pthread_mutex_t lock;
	pthread_cond_t slot_freed;
	unsigned slots, slots_taken;
	unsigned idle_max;
};

/* ldap_settings.c */
extern const struct key_rule ldap_keys[];
struct directory *directory_new(const char *provider, const json_t *settings, GError **error);
void directory_free(struct directory *directory);

/* ldap_tls.c */
struct tls_context {
	char *ca_file, *min_version;
	bool verified;     /* false: the probe's, to look at a certificate that was refused; nothing is ever said over it */
	int64_t stamp[3];  /* of the file: device and inode, size, time of change */
	struct ldap *keeper; /* never connected */
	void *context;
};
/* The context for a CA file as it is now; kept for the life of the process, shared by everybody who asks for the same. NULL with *error. */
const struct tls_context *tls_context_for(const char *ca_file, const char *min_version, bool verified, GError **error);

/* ldap_connection.c */
struct connection {
	struct ldap *handle;
	struct directory_server *server;
	int64_t idle_since_ms;
};

/* Why a connection did not come about: for the checks. `step` is a literal. */
struct connection_trouble {
	const char *step;
	char text[200];
	int code;
};

/* Resolves, connects and starts TLS where the server or the setting asks for it; nobody is bound yet. NULL with *trouble filled in. */
struct connection *connection_open(struct directory *directory, struct directory_server *server, const struct tls_context *tls, int64_t deadline_ms,
                                   struct connection_trouble *trouble);
/* Closes without waiting for anybody. Takes NULL. */
void connection_close(struct connection *connection);
typedef struct connection connection_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(connection_t, connection_close)
/* Whether an idle connection may be used: nothing has arrived on it and nobody has closed it. */
bool connection_is_quiet(const struct connection *connection);
/* Waits for one message of `id`; the message, or NULL when the connection broke or the deadline passed: it is of no use any more. */
struct ldapmsg *connection_await(struct connection *connection, int id, bool whole, int64_t deadline_ms);

/* A simple bind's answer. `code` is negative where there was none: the connection broke, or the time was over. */
struct bind_answer {
	int code;
	int policy_error;  /* of the password policy control; -1: none */
	int grace_logins;  /* -1: not said */
	unsigned data;     /* Active Directory's code in the diagnostic message, 0: none */
	char diagnostic[160];
};
#define BIND_NO_ANSWER (-1)
/* Refuses an empty DN, an empty password and one with a NUL without asking anybody: BIND_NO_ANSWER. */
struct bind_answer connection_bind(struct connection *connection, const char *dn, const void *password, size_t length, int64_t deadline_ms);
const char *ldap_code_text(int code);

/* Reads the password policy control, where there is one, of any answer. */
void policy_control_read(struct ldap *handle, struct ldapcontrol **controls, int *ret_error, int *ret_grace);

/* ldap_watch.c: shuts the socket at the deadline unless it is struck off first. On the caller's stack, between the two calls. */
struct handshake_watch {
	struct handshake_watch *next;
	int fd;
	int64_t deadline_ms;
	bool shut;
};
/* False where there is no thread to watch: then no handshake may begin. */
bool handshake_watch(struct handshake_watch *watch, int fd, int64_t deadline_ms);
/* False when it came too late: the socket is shut. */
bool handshake_watch_end(struct handshake_watch *watch);

/* ldap_connect.c: name look-up and TCP, each with a deadline; -1 with *trouble. */
int tcp_connect(const char *host, const char *service, int64_t deadline_ms, struct connection_trouble *trouble);
void trouble_set(struct connection_trouble *trouble, const char *step, int code, const char *format, ...) G_GNUC_PRINTF(4, 5);

/* ldap_pool.c */
bool directory_slot_take(struct directory *directory, int64_t deadline_ms);
void directory_slot_give_back(struct directory *directory);
/* Whether the server's breaker lets us try; the first after a pause is the trial, others wait for its outcome. */
bool server_may_be_tried(struct directory *directory, struct directory_server *server);
void server_succeeded(struct directory *directory, struct directory_server *server);
void server_failed(struct directory *directory, struct directory_server *server);
/* Binds as the service account; as nobody, without asking, where none is configured. */
struct bind_answer service_bind(const struct directory *directory, struct connection *connection, int64_t deadline_ms);
/* Runs `work` on a service connection of the first server that answers, an idle one or a new one. `work` is false when the connection broke under it, and is
 * then run again elsewhere. False when no server answered by the deadline. */
bool directory_run(struct directory *directory, int64_t deadline_ms, bool (*work)(struct connection *connection, int64_t deadline_ms, void *data), void *data,
                   struct checks *checks);
/* Binds as a person on a new connection of its own, `first` being asked before the other servers (NULL: in their order). With ret_connection the connection is
 * handed over after a code 0; it is closed otherwise. */
struct bind_answer directory_bind(struct directory *directory, struct directory_server *first, const char *dn, const struct secret *password, int64_t deadline_ms,
                                  struct checks *checks, struct connection **ret_connection);
/* Closes what nobody uses. */
void directory_connections_drop(struct directory *directory);

/* ldap_search.c */
struct entry {
	char *dn;
	json_t *attributes; /* name as asked -> list of texts; objectGUID in its text form */
};
void entry_free(struct entry *entry);

struct search {
	const char *base;
	bool base_only; /* scope base; else subtree */
	const char *filter;
	char **attributes;
	size_t entries_max;
	/* what came back */
	GPtrArray *entries; /* struct entry */
	bool more;          /* there were more than entries_max */
	int code;           /* the directory's result */
};
void search_clear(struct search *search);
typedef struct search search_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(search_t, search_clear)
/* False when the connection broke or the deadline passed. */
bool connection_search(struct connection *connection, struct search *search, int64_t deadline_ms);
/* RFC 4515 section 3. Caller frees. */
char *filter_escape(const void *bytes, size_t length);
/* `template` with {name} replaced by the escaped value. Caller frees. */
char *filter_fill(const char *template, const char *name, const char *value);
/* Two filters that must both hold; `other` may be NULL. Caller frees. */
char *filter_and(const char *filter, const char *other);
/* Encodes the filter as libldap would send it, without sending it anywhere. */
bool filter_is_fit(const char *filter);
/* (attribute=subject), a GUID in text form as its bytes. NULL for a malformed GUID. Caller frees. */
char *filter_of_subject(const char *attribute, const char *subject);
/* `template` is a DN with {login} as, or in, one value; the login is escaped by RFC 4514. NULL where the template is no DN. Caller frees. */
char *dn_fill(const char *template, const char *login);
/* One text for one DN, however it is written: for comparing. NULL for what is no DN, and for the empty DN. Caller frees. */
char *dn_key(const char *dn);
/* The value of the first RDN. NULL where there is none. Caller frees. */
char *dn_first_value(const char *dn);
bool dn_is_under(const char *key, const char *base_key);
char *guid_text(const uint8_t bytes[16]);
const char *entry_text(const struct entry *entry, const char *attribute);

/* ldap_groups.c: a list of {"id": dn key, "name": name}, in `*ret_groups` (caller owns). False when the connection broke. */
bool groups_of(const struct directory *directory, struct connection *connection, const struct entry *person, int64_t deadline_ms, json_t **ret_groups,
               int *ret_code);

/* ldap_verdict.c */
struct bind_meaning {
	enum verdict verdict;
	enum reason reason;
	const char *words; /* for the checks */
};
struct bind_meaning bind_meaning(const struct bind_answer *answer);
/* The code behind ", data " in Active Directory's diagnostic message, 0 where there is none. */
unsigned diagnostic_data(const char *diagnostic);
/* What the entry itself says of being shut: userAccountControl, accountExpires, nsAccountLock, pwdAccountLockedTime. NULL: nothing. A literal. */
const char *entry_is_shut(const struct entry *entry, int64_t now_ms);
extern const char *const status_attributes[];

/* ldap.c, for ldap_probe.c and ldap_password.c too */
struct sign_in {
	struct directory *directory;
	int64_t now_ms, deadline_ms;
	struct checks *checks;
	char *filter, *dn; /* the name that was bound */
	struct search search;
	struct directory_server *server; /* that was asked last */
	const struct entry *person;      /* in `search`; NULL: nobody */
	json_t *groups;
	int groups_code;
};
void sign_in_clear(struct sign_in *sign_in);
typedef struct sign_in sign_in_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(sign_in_t, sign_in_clear)
/* Finds whoever has that name and binds as him. False when that came to nothing: the answer is concluded. *ret_own: the connection, after a code 0; may be NULL. */
bool login_bind(struct sign_in *sign_in, const char *username, const struct secret *password, struct bind_answer *ret_bound, struct connection **ret_own,
                struct provider_answer *answer);
/* Whether the bind was a success; the conclusion is drawn otherwise. */
bool bind_judge(struct sign_in *sign_in, const struct bind_answer *bound, struct provider_answer *answer);
/* After a right password: is the person's entry open, and in which groups? `own` may be NULL where there is a service account. */
void login_conclude(struct sign_in *sign_in, struct connection *own, const struct bind_answer *bound, struct provider_answer *answer);
void conclude(struct provider_answer *answer, enum verdict verdict, enum reason reason);
char *directory_login_filter(const struct directory *directory, const char *login);
const char *entry_subject(const struct directory *directory, const struct entry *entry);
json_t *entry_claims(const struct directory *directory, const struct entry *entry, const json_t *groups);

/* ldap_password.c */
void ldap_change_password(void *state, const struct provider_complete *input, struct provider_answer *answer);
/* {"…"} as UTF-16LE, as Active Directory's unicodePwd takes it. NULL for what is no UTF-8. */
struct secret *unicode_password(const struct secret *password);

/* ldap_probe.c */
void ldap_probe(void *state, const struct provider_probe *input);
