/* Certificates for TLS, and which of them a handshake gets. The one file that speaks to GnuTLS: the handshakes are libmicrohttpd's, which asks us by
 * `certificate_choose` from the thread that the connection belongs to.
 *
 * A set is immutable. A connection holds the set that it was answered from until it is closed: GnuTLS borrows what it was handed, and a reload may come in the
 * middle of a handshake. */
#include "gateway/http/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define CHAIN_MAX 8
#define FILE_MAX_BYTES (256 * 1024)
#define NAME_MAX_BYTES 256
#define RSA_BITS_MIN 2048
#define DAY_MS INT64_C(86400000)
#define EXPIRY_NEAR_DAYS 14

/* Everything is named: what another version of GnuTLS adds to its own words does not come in by itself. Forward secrecy and authenticated encryption only;
 * no tickets: their key would undo the former, and every handshake is a whole one. */
const char certificates_priorities[] =
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:+AEAD:+COMP-NULL:+CTYPE-X509:"
	"+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:"
	"+SIGN-EDDSA-ED25519:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:"
	"+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:%SERVER_PRECEDENCE:%NO_TICKETS";

struct pair {
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned length;
	gnutls_privkey_t key;
};

struct certificates {
	_Atomic unsigned holders;
	struct pair *pairs;
	size_t count;
	GHashTable *by_name; /* a name in lower case, or "*." and what is under → struct pair */
};

static void pair_clear(struct pair *pair)
{
	for (unsigned i = 0; i < pair->length; i++)
		gnutls_pcert_deinit(&pair->chain[i]);
	if (pair->key)
		gnutls_privkey_deinit(pair->key);
}

void certificates_release(struct certificates *certificates)
{
	if (!certificates || atomic_fetch_sub(&certificates->holders, 1) > 1)
		return;
	g_hash_table_destroy(certificates->by_name);
	for (size_t i = 0; i < certificates->count; i++)
		pair_clear(&certificates->pairs[i]);
	g_free(certificates->pairs);
	g_free(certificates);
}

static bool fail_tls(GError **error, const char *file, int failed)
{
	return fail(error, ERROR_MALFORMED, "tls: %s: %s", file, gnutls_strerror(failed));
}

/* The caller wipes and frees the text. */
static bool file_read(const char *file, gnutls_datum_t *ret, GError **error)
{
	struct stat found;
	char *text = NULL;
	gsize length = 0;
	if (stat(file, &found) < 0)
		return fail(error, ERROR_MALFORMED, "tls: %s: %s", file, g_strerror(errno));
	if (found.st_size > FILE_MAX_BYTES)
		return fail(error, ERROR_MALFORMED, "tls: %s: larger than any certificate", file);
	g_autoptr(GError) why = NULL;
	if (!g_file_get_contents(file, &text, &length, &why))
		return fail(error, ERROR_MALFORMED, "tls: %s", why->message);
	*ret = (gnutls_datum_t){ .data = (unsigned char *)text, .size = (unsigned)length };
	return true;
}

static bool chain_read(struct pair *pair, const char *file, GError **error)
{
	gnutls_datum_t text;
	unsigned length = CHAIN_MAX;
	if (!file_read(file, &text, error))
		return false;
	int failed = gnutls_pcert_list_import_x509_raw(pair->chain, &length, &text, GNUTLS_X509_FMT_PEM, 0);
	g_free(text.data);
	if (failed < 0)
		return fail_tls(error, file, failed);
	pair->length = length;
	return length > 0 || fail(error, ERROR_MALFORMED, "tls: %s: no certificate is in it", file);
}

static bool key_read(struct pair *pair, const char *file, GError **error)
{
	gnutls_datum_t text;
	struct stat found;
	if (stat(file, &found) == 0 && found.st_mode & S_IROTH)
		return fail(error, ERROR_MALFORMED, "tls: %s: everybody on this machine may read it (chmod o-r)", file);
	if (!file_read(file, &text, error))
		return false;
	int failed = gnutls_privkey_init(&pair->key);
	if (failed >= 0)
		failed = gnutls_privkey_import_x509_raw(pair->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	wipe(text.data, text.size);
	g_free(text.data);
	return failed >= 0 || fail_tls(error, file, failed);
}

/* Whether the key is the certificate's. A failure of GnuTLS is a "no". */
static bool key_fits(gnutls_pubkey_t certified, gnutls_privkey_t key)
{
	unsigned char one[32], other[32];
	size_t one_length = sizeof one, other_length = sizeof other;
	gnutls_pubkey_t own;
	if (gnutls_pubkey_init(&own) < 0)
		return false;
	bool fits = gnutls_pubkey_import_privkey(own, key, 0, 0) >= 0 && gnutls_pubkey_get_key_id(own, GNUTLS_KEYID_USE_SHA256, one, &one_length) >= 0
		&& gnutls_pubkey_get_key_id(certified, GNUTLS_KEYID_USE_SHA256, other, &other_length) >= 0
		&& one_length == other_length && memcmp(one, other, one_length) == 0;
	gnutls_pubkey_deinit(own);
	return fits;
}

static bool pair_fits(const struct pair *pair, const struct http_certificate *files, GError **error)
{
	gnutls_pubkey_t certified = pair->chain[0].pubkey;
	unsigned bits = 0;
	int algorithm = gnutls_pubkey_get_pk_algorithm(certified, &bits);
	bool rsa = algorithm == GNUTLS_PK_RSA || algorithm == GNUTLS_PK_RSA_PSS;
	if (!rsa && algorithm != GNUTLS_PK_ECDSA && algorithm != GNUTLS_PK_EDDSA_ED25519)
		return fail(error, ERROR_MALFORMED, "tls: %s: expected a key of RSA, ECDSA or Ed25519", files->certificate);
	if (rsa && bits < RSA_BITS_MIN)
		return fail(error, ERROR_MALFORMED, "tls: %s: an RSA key of %u bits, expected at least %d", files->certificate, bits, RSA_BITS_MIN);
	return key_fits(certified, pair->key) || fail(error, ERROR_MALFORMED, "tls: %s is not the key of %s", files->key, files->certificate);
}

/* An expired certificate is served all the same: a service that does not start would help nobody more. */
static void expiry_look(gnutls_x509_crt_t leaf, const char *file)
{
	int64_t days = ((int64_t)gnutls_x509_crt_get_expiration_time(leaf) * 1000 - clock_now_ms()) / DAY_MS;
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, days);
	if (days < EXPIRY_NEAR_DAYS)
		log_line(LOG_LEVEL_WARNING, "http.certificate", "file", file, "days_left", text, NULL);
}

static void names_take(struct certificates *set, struct pair *pair, gnutls_x509_crt_t leaf)
{
	char name[NAME_MAX_BYTES];
	int type = 0;
	for (unsigned i = 0; type >= 0 || type == GNUTLS_E_SHORT_MEMORY_BUFFER; i++) {
		size_t length = sizeof name - 1;
		type = gnutls_x509_crt_get_subject_alt_name(leaf, i, name, &length, NULL);
		if (type != GNUTLS_SAN_DNSNAME)
			continue;
		name[length] = '\0';
		char *lower = g_ascii_strdown(name, -1);
		if (g_hash_table_contains(set->by_name, lower)) /* the first that has a name answers for it */
			g_free(lower);
		else
			g_hash_table_insert(set->by_name, lower, pair);
	}
}

static bool pair_read(struct certificates *set, struct pair *pair, const struct http_certificate *files, GError **error)
{
	gnutls_x509_crt_t leaf;
	if (!chain_read(pair, files->certificate, error) || !key_read(pair, files->key, error) || !pair_fits(pair, files, error))
		return false;
	int failed = gnutls_pcert_export_x509(&pair->chain[0], &leaf);
	if (failed < 0)
		return fail_tls(error, files->certificate, failed);
	names_take(set, pair, leaf);
	expiry_look(leaf, files->certificate);
	gnutls_x509_crt_deinit(leaf);
	return true;
}

struct certificates *certificates_read(const struct http_certificate *files, size_t count, GError **error)
{
	struct certificates *set = g_new0(struct certificates, 1);
	set->holders = 1;
	set->count = count;
	set->pairs = g_new0(struct pair, count);
	set->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (size_t i = 0; i < count; i++)
		if (!pair_read(set, &set->pairs[i], &files[i], error)) {
			certificates_release(set);
			return NULL;
		}
	return set;
}

bool http_certificates_check(const struct http_certificate *files, size_t count, GError **error)
{
	struct certificates *set = certificates_read(files, count, error);
	certificates_release(set);
	return set;
}

void certificates_replace(struct http_server *server, struct certificates *fresh)
{
	pthread_mutex_lock(&server->certificates_lock);
	struct certificates *old = server->certificates;
	server->certificates = fresh;
	pthread_mutex_unlock(&server->certificates_lock);
	certificates_release(old);
}

static struct certificates *certificates_hold(struct http_server *server)
{
	pthread_mutex_lock(&server->certificates_lock);
	struct certificates *set = server->certificates;
	atomic_fetch_add(&set->holders, 1);
	pthread_mutex_unlock(&server->certificates_lock);
	return set;
}

/* RFC 6125 section 6.4.3: a star stands for one whole label, the first. Whoever names none of ours gets the first: he may have come by an address. */
static struct pair *pair_named(const struct certificates *set, const char *name)
{
	g_autofree char *lower = g_ascii_strdown(name, -1);
	struct pair *pair = g_hash_table_lookup(set->by_name, lower);
	char *dot = strchr(lower, '.');
	if (!pair && dot && dot > lower) {
		dot[-1] = '*';
		pair = g_hash_table_lookup(set->by_name, dot - 1);
	}
	return pair ? pair : &set->pairs[0];
}

static int certificate_choose(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count, const gnutls_pk_algorithm_t *algorithms,
	int algorithm_count, gnutls_pcert_st **ret_chain, unsigned *ret_length, gnutls_privkey_t *ret_key)
{
	struct MHD_Connection *connection = gnutls_session_get_ptr(session);
	struct peer *peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	char name[NAME_MAX_BYTES];
	size_t length = sizeof name - 1;
	unsigned type = GNUTLS_NAME_DNS;
	(void)authorities;
	(void)authority_count;
	(void)algorithms;
	(void)algorithm_count;
	if (gnutls_server_name_get(session, name, &length, &type, 0) < 0 || type != GNUTLS_NAME_DNS)
		length = 0;
	name[length] = '\0';
	if (!peer->certificates)
		peer->certificates = certificates_hold(peer->server);
	struct pair *pair = pair_named(peer->certificates, name);
	*ret_chain = pair->chain;
	*ret_length = pair->length;
	*ret_key = pair->key;
	return 0;
}

void *certificates_chooser(void)
{
	return (void *)(uintptr_t)certificate_choose;
}
