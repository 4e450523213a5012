/* Which certificates are believed: one context for each CA file as it stands, shared by every connection that names it.
 *
 * Reading a bundle of a hundred and forty CAs for each sign-in would cost more than the sign-in. And libldap loses some kilobytes with each context it makes and can
 * not let go of one that was asked for, so a context is kept for the life of the process; there are as many as there were CA files and changes of them. */
#include "providers/ldap_internal.h"

#include "base/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t contexts_lock = PTHREAD_MUTEX_INITIALIZER;
static GPtrArray *contexts; /* struct tls_context */

/* GnuTLS takes the minimum version as a priority string; LDAP_OPT_X_TLS_PROTOCOL_MIN means nothing to it. */
static const char *priorities_of(const char *min_version)
{
	return strcmp(min_version, "1.3") == 0 ? "SECURE128:-VERS-ALL:+VERS-TLS1.3" : "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
}

static bool file_stamp(const char *file, int64_t stamp[3])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat found;
	bool seen = fd >= 0 && fstat(fd, &found) == 0;

	if (fd >= 0)
		close(fd);
	if (!seen)
		return false;
	stamp[0] = (int64_t)(found.st_dev << 40 ^ found.st_ino);
	stamp[1] = found.st_size;
	stamp[2] = found.st_ctim.tv_sec * 1000000000 + found.st_ctim.tv_nsec;
	return S_ISREG(found.st_mode) || (errno = EINVAL, false);
}

static LDAP *keeper_new(const char *ca_file, const char *min_version, bool verified)
{
	int demand = verified ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER, client = 0;
	LDAP *keeper = NULL;

	if (ldap_create(&keeper) != LDAP_SUCCESS)
		return NULL;
	if (ldap_set_option(keeper, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
	    ldap_set_option(keeper, LDAP_OPT_X_TLS_CACERTFILE, ca_file) == LDAP_OPT_SUCCESS &&
	    ldap_set_option(keeper, LDAP_OPT_X_TLS_CIPHER_SUITE, priorities_of(min_version)) == LDAP_OPT_SUCCESS &&
	    ldap_set_option(keeper, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS)
		return keeper;
	ldap_unbind_ext(keeper, NULL, NULL);
	return NULL;
}

static struct tls_context *context_new(const char *ca_file, const char *min_version, bool verified, const int64_t stamp[3])
{
	LDAP *keeper = keeper_new(ca_file, min_version, verified);
	void *context = NULL;

	if (!keeper)
		return NULL;
	if (ldap_get_option(keeper, LDAP_OPT_X_TLS_CTX, &context) != LDAP_OPT_SUCCESS || !context) {
		ldap_unbind_ext(keeper, NULL, NULL);
		return NULL;
	}
	struct tls_context *made = g_new0(struct tls_context, 1);
	made->ca_file = g_strdup(ca_file);
	made->min_version = g_strdup(min_version);
	made->verified = verified;
	memcpy(made->stamp, stamp, sizeof made->stamp);
	made->keeper = keeper;
	made->context = context;
	return made;
}

static const struct tls_context *context_find(const char *ca_file, const char *min_version, bool verified, const int64_t stamp[3])
{
	for (guint i = 0; contexts && i < contexts->len; i++) {
		const struct tls_context *made = g_ptr_array_index(contexts, i);
		if (strcmp(made->ca_file, ca_file) == 0 && strcmp(made->min_version, min_version) == 0 && made->verified == verified &&
		    memcmp(made->stamp, stamp, sizeof made->stamp) == 0)
			return made;
	}
	return NULL;
}

const struct tls_context *tls_context_for(const char *ca_file, const char *min_version, bool verified, GError **error)
{
	int64_t stamp[3] = {0};

	ldap_library_start();
	if (!file_stamp(ca_file, stamp)) {
		(fail)(error, ERROR_MALFORMED, "tls_ca_file: %s: %s, expected a readable file of CA certificates", ca_file, g_strerror(errno));
		return NULL;
	}
	pthread_mutex_lock(&contexts_lock);
	const struct tls_context *context = context_find(ca_file, min_version, verified, stamp);
	struct tls_context *made = context ? NULL : context_new(ca_file, min_version, verified, stamp);
	if (made && !contexts)
		contexts = g_ptr_array_new();
	if (made)
		g_ptr_array_add(contexts, made);
	pthread_mutex_unlock(&contexts_lock);
	if (!context && !made)
		(fail)(error, ERROR_MALFORMED, "tls_ca_file: %s: no CA certificates in it, expected at least one", ca_file);
	return context ? context : made;
}
