/* One connection to a directory.
 *
 *	tcp_connect ──> handle on that socket ──> StartTLS asked and granted ──> handshake, chain and name ──> (bind)
 *	                                     └──> ldaps: at once ─────────────┘
 *
 * Nothing here waits past its deadline. The socket stays non-blocking; libldap's waiting is cut into slices, because it measures with the wall clock. Its handshake
 * loops without rest at a peer that stalls, unless LDAP_OPT_CONNECT_ASYNC is on (LIBRARIES.md section 5), and that is why it is, although the socket is our own. */
#include "providers/ldap_internal.h"

#include "base/clock.h"

#include <fcntl.h>
#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLICE_MS 250
/* A person's entry is a few kilobytes; what is larger is no answer to what we ask. */
#define INCOMING_BYTES_MAX (4 * 1024 * 1024)

/* The environment and ldap.conf could turn certificate checks off, or send us to another directory (SECURITY LD-4). libldap reads both once, at its first use, and
 * not at all where LDAPNOINIT is set by then. */
static void library_start(void)
{
	int version = 0;

	setenv("LDAPNOINIT", "1", 1);
	ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
}

void ldap_library_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, library_start);
}

const char *ldap_code_text(int code)
{
	return ldap_err2string(code);
}

static int socket_of(LDAP *handle)
{
	int fd = -1;

	ldap_get_option(handle, LDAP_OPT_DESC, &fd);
	return fd;
}

/* libldap makes the socket blocking again after a handshake. */
static void socket_keep_from_blocking(LDAP *handle)
{
	int fd = socket_of(handle);

	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void times_set(LDAP *handle, int64_t deadline_ms)
{
	int64_t left = MAX(deadline_ms - clock_monotonic_ms(), 1);
	const struct timeval time = {.tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000};

	ldap_set_option(handle, LDAP_OPT_NETWORK_TIMEOUT, &time);
	ldap_set_option(handle, LDAP_OPT_TIMEOUT, &time);
}

/* Every option that matters is set on the handle itself, whatever the library's own defaults are by then. The TLS context is shared: see ldap_tls.c. */
static bool options_set(LDAP *handle, const struct tls_context *tls)
{
	int version = LDAP_VERSION3, never = LDAP_DEREF_NEVER, demand = tls->verified ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
	ber_len_t most = INCOMING_BYTES_MAX;
	Sockbuf *buffer = NULL;

	bool set = ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version) == LDAP_OPT_SUCCESS &&
	           ldap_set_option(handle, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
	           ldap_set_option(handle, LDAP_OPT_RESTART, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
	           ldap_set_option(handle, LDAP_OPT_DEREF, &never) == LDAP_OPT_SUCCESS &&
	           ldap_set_option(handle, LDAP_OPT_CONNECT_ASYNC, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
	           ldap_set_option(handle, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
	           ldap_set_option(handle, LDAP_OPT_X_TLS_CTX, tls->context) == LDAP_OPT_SUCCESS;
	return set && ldap_get_option(handle, LDAP_OPT_SOCKBUF, &buffer) == LDAP_OPT_SUCCESS && ber_sockbuf_ctrl(buffer, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

void connection_close(struct connection *connection)
{
	if (!connection)
		return;
	socket_keep_from_blocking(connection->handle);
	ldap_unbind_ext(connection->handle, NULL, NULL);
	g_free(connection);
}

/* Readable while nobody asked anything: a notice of disconnection, an end, or words we did not ask for. */
bool connection_is_quiet(const struct connection *connection)
{
	struct pollfd looked = {.fd = socket_of(connection->handle), .events = POLLIN};

	return looked.fd >= 0 && poll(&looked, 1, 0) == 0;
}

struct ldapmsg *connection_await(struct connection *connection, int id, bool whole, int64_t deadline_ms)
{
	for (int64_t left; (left = deadline_ms - clock_monotonic_ms()) > 0;) {
		LDAPMessage *message = NULL;
		struct timeval slice = {.tv_usec = MIN(left, SLICE_MS) * 1000};
		int kind = ldap_result(connection->handle, id, whole ? LDAP_MSG_ALL : LDAP_MSG_ONE, &slice, &message);
		if (kind > 0)
			return message;
		ldap_msgfree(message);
		if (kind < 0)
			return NULL;
	}
	return NULL;
}

static bool tls_refused(LDAP *handle, const char *step, int code, struct connection_trouble *trouble)
{
	char *text = NULL;

	ldap_get_option(handle, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
	trouble_set(trouble, step, code, "%s%s%s", ldap_err2string(code), text && *text ? ": " : "", text ? text : "");
	ldap_memfree(text);
	return false;
}

/* A directory that does not grant StartTLS, or somebody between us who strips it, gets nothing more: not even the service account's name. */
static bool start_tls(struct connection *connection, int64_t deadline_ms, struct connection_trouble *trouble)
{
	int id = 0, result = LDAP_OTHER, code = ldap_start_tls(connection->handle, NULL, NULL, &id);

	if (code != LDAP_SUCCESS)
		return tls_refused(connection->handle, "StartTLS", code, trouble);
	LDAPMessage *message = connection_await(connection, id, true, deadline_ms);
	if (!message) {
		trouble_set(trouble, "StartTLS", LDAP_TIMEOUT, "no answer, or a broken one");
		return false;
	}
	code = ldap_parse_extended_result(connection->handle, message, NULL, NULL, 0);
	if (code == LDAP_SUCCESS)
		code = ldap_parse_result(connection->handle, message, &result, NULL, NULL, NULL, NULL, 0);
	ldap_msgfree(message);
	if (code == LDAP_SUCCESS && result == LDAP_SUCCESS)
		return true;
	return tls_refused(connection->handle, "StartTLS", code == LDAP_SUCCESS ? result : code, trouble);
}

static bool tls_begin(struct connection *connection, bool asked_first, int64_t deadline_ms, struct connection_trouble *trouble)
{
	if (asked_first && !start_tls(connection, deadline_ms, trouble))
		return false;
	times_set(connection->handle, deadline_ms);
	struct handshake_watch watch;
	bool watched = handshake_watch(&watch, socket_of(connection->handle), deadline_ms);
	int code = watched ? ldap_install_tls(connection->handle) : LDAP_LOCAL_ERROR;
	bool late = watched && !handshake_watch_end(&watch);
	socket_keep_from_blocking(connection->handle);
	if (code == LDAP_SUCCESS && !late && ldap_tls_inplace(connection->handle))
		return true;
	if (late || clock_monotonic_ms() >= deadline_ms) {
		trouble_set(trouble, "TLS", LDAP_TIMEOUT, "the handshake was not over in time");
		return false;
	}
	return tls_refused(connection->handle, "TLS", code == LDAP_SUCCESS ? LDAP_CONNECT_ERROR : code, trouble);
}

/* libldap takes the name it checks the certificate against from this URL. */
static LDAP *handle_on(int fd, const struct directory_server *server)
{
	bool brackets = strchr(server->host, ':') != NULL;
	g_autofree char *url = g_strdup_printf("ldap://%s%s%s:%d", brackets ? "[" : "", server->host, brackets ? "]" : "", server->port);
	LDAP *handle = NULL;

	if (ldap_init_fd(fd, LDAP_PROTO_TCP, url, &handle) == LDAP_SUCCESS)
		return handle;
	close(fd);
	return NULL;
}

struct connection *connection_open(struct directory *directory, struct directory_server *server, const struct tls_context *tls, int64_t deadline_ms,
                                   struct connection_trouble *trouble)
{
	int fd = tcp_connect(server->host, server->service, deadline_ms, trouble);
	LDAP *handle = fd >= 0 ? handle_on(fd, server) : NULL;

	if (fd >= 0 && !handle)
		trouble_set(trouble, "connect", LDAP_LOCAL_ERROR, "libldap did not take the socket");
	if (!handle)
		return NULL;
	g_autoptr(connection_t) connection = g_new0(struct connection, 1);
	connection->handle = handle;
	connection->server = server;
	if (!options_set(handle, tls)) {
		trouble_set(trouble, "connect", LDAP_LOCAL_ERROR, "libldap refused an option");
		return NULL;
	}
	times_set(handle, deadline_ms);
	if ((server->tls_at_once || directory->start_tls) && !tls_begin(connection, !server->tls_at_once, deadline_ms, trouble))
		return NULL;
	return g_steal_pointer(&connection);
}

void policy_control_read(LDAP *handle, LDAPControl **controls, int *ret_error, int *ret_grace)
{
	LDAPControl *control = ldap_control_find(LDAP_CONTROL_PASSWORDPOLICYRESPONSE, controls, NULL);
	ber_int_t expires = -1, grace = -1;
	LDAPPasswordPolicyError policy = PP_noError;

	if (!control || ldap_parse_passwordpolicy_control(handle, control, &expires, &grace, &policy) != LDAP_SUCCESS)
		return;
	*ret_error = policy == PP_noError ? -1 : (int)policy;
	*ret_grace = grace;
}

static void bind_read(LDAP *handle, LDAPMessage *message, struct bind_answer *answer)
{
	LDAPControl **controls = NULL;
	char *diagnostic = NULL;
	int code = LDAP_OTHER;

	if (ldap_msgtype(message) == LDAP_RES_BIND && ldap_parse_result(handle, message, &code, NULL, &diagnostic, NULL, &controls, 0) == LDAP_SUCCESS) {
		answer->code = code;
		g_strlcpy(answer->diagnostic, diagnostic ? diagnostic : "", sizeof answer->diagnostic);
		answer->data = diagnostic_data(diagnostic);
		policy_control_read(handle, controls, &answer->policy_error, &answer->grace_logins);
	}
	ldap_memfree(diagnostic);
	ldap_controls_free(controls);
}

static struct bind_answer bind_send(LDAP *handle, struct connection *connection, const char *dn, const struct berval *password, int64_t deadline_ms)
{
	struct bind_answer answer = {.code = BIND_NO_ANSWER, .policy_error = -1, .grace_logins = -1};
	LDAPControl *policy = NULL;
	int id = 0;

	if (ldap_create_passwordpolicy_control(handle, &policy) != LDAP_SUCCESS)
		return answer;
	LDAPControl *controls[] = {policy, NULL};
	struct berval credential = *password;
	if (ldap_sasl_bind(handle, dn, LDAP_SASL_SIMPLE, &credential, controls, NULL, &id) == LDAP_SUCCESS) {
		LDAPMessage *message = connection_await(connection, id, true, deadline_ms);
		if (message)
			bind_read(handle, message, &answer);
		ldap_msgfree(message);
	}
	ldap_control_free(policy);
	return answer;
}

/* Without a DN or without a password a bind is anonymous, and many directories answer "success" (RFC 4513 section 5.1.2, SECURITY LD-1). Said here too, where no
 * caller can forget it. */
struct bind_answer connection_bind(struct connection *connection, const char *dn, const void *password, size_t length, int64_t deadline_ms)
{
	struct berval credential = {.bv_len = length, .bv_val = (char *)(uintptr_t)password};

	if (!dn || !*dn || !password || length == 0 || memchr(password, '\0', length))
		return (struct bind_answer){.code = BIND_NO_ANSWER, .policy_error = -1, .grace_logins = -1};
	return bind_send(connection->handle, connection, dn, &credential, deadline_ms);
}
