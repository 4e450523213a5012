/* Password hashes brought from elsewhere: bcrypt, PBKDF2 (passlib's and Keycloak's writing) and {SSHA} (RFC 2307 style). They are only ever
 * verified; who signs in with one gets a hash of ours in its place. Each has a ceiling of its own, since the row decides the cost. */
#include "base/encoding.h"
#include "crypto/compare.h"
#include "crypto/password_internal.h"
#include <crypt.h>
#include <openssl/evp.h>
#include <string.h>

#define BCRYPT_LENGTH      60
#define BCRYPT_COST_MAX    14
#define PBKDF2_ROUNDS_MAX  2000000u /* digests computed in all: iterations times blocks */
#define SHA1_SIZE          20
#define SSHA_SALT_MIN      4
#define SSHA_SALT_MAX      32

enum scheme { SCHEME_UNKNOWN = 0, SCHEME_BCRYPT, SCHEME_PBKDF2, SCHEME_SSHA };

struct foreign {
	enum scheme scheme;
	const EVP_MD *digest;
	uint32_t iterations;
	uint8_t salt[PASSWORD_SALT_MAX];
	size_t salt_length;
	uint8_t tag[PASSWORD_TAG_MAX];
	size_t tag_length;
};

/* $2a$, $2b$ or $2y$ ("x" is a known broken variant), two digits of cost, 53 characters of salt and tag. */
static bool bcrypt_parse(const char *text, struct foreign *foreign)
{
	if (strlen(text) != BCRYPT_LENGTH || strncmp(text, "$2", 2) != 0 || !strchr("aby", text[2]) || text[3] != '$' || text[6] != '$' ||
	    !g_ascii_isdigit(text[4]) || !g_ascii_isdigit(text[5]))
		return false;
	int cost = (text[4] - '0') * 10 + (text[5] - '0');
	if (cost < 4 || cost > BCRYPT_COST_MAX)
		return false;
	for (const char *c = text + 7; *c; c++)
		if (!g_ascii_isalnum(*c) && *c != '.' && *c != '/')
			return false;
	foreign->scheme = SCHEME_BCRYPT;
	return true;
}

/* Padding is tolerated at the end: exports of Keycloak have it. */
static bool bytes_read(const char *text, size_t length, uint8_t *out, size_t capacity, size_t *ret_length)
{
	for (int i = 0; i < 2 && length > 0 && text[length - 1] == '='; i++)
		length--;
	return phc_bytes_decode(text, length, true, out, capacity, ret_length);
}

/* "29000" of passlib, "i=600000" with an optional ",l=32" of others. */
static bool iterations_read(const char **text, struct foreign *foreign)
{
	uint32_t tag_length;
	if (strncmp(*text, "i=", 2) == 0)
		*text += 2;
	if (!phc_number_read(text, PBKDF2_ROUNDS_MAX, &foreign->iterations) || foreign->iterations == 0)
		return false;
	if (strncmp(*text, ",l=", 3) == 0) {
		*text += 3;
		if (!phc_number_read(text, PASSWORD_TAG_MAX, &tag_length))
			return false;
	}
	return *(*text)++ == '$';
}

static bool pbkdf2_parse(const char *text, struct foreign *foreign)
{
	bool sha256 = g_str_has_prefix(text, "$pbkdf2-sha256$");
	if (!sha256 && !g_str_has_prefix(text, "$pbkdf2-sha512$"))
		return false;
	text += strlen("$pbkdf2-sha256$");
	foreign->digest = sha256 ? EVP_sha256() : EVP_sha512();
	if (!iterations_read(&text, foreign))
		return false;
	const char *tag = strchr(text, '$');
	if (!tag || !bytes_read(text, (size_t)(tag - text), foreign->salt, sizeof foreign->salt, &foreign->salt_length) ||
	    !bytes_read(tag + 1, strlen(tag + 1), foreign->tag, sizeof foreign->tag, &foreign->tag_length) || foreign->tag_length < 16)
		return false;
	size_t block = sha256 ? 32 : 64, blocks = (foreign->tag_length + block - 1) / block;
	foreign->scheme = SCHEME_PBKDF2;
	return foreign->iterations * blocks <= PBKDF2_ROUNDS_MAX;
}

static bool ssha_parse(const char *text, struct foreign *foreign)
{
	uint8_t bytes[SHA1_SIZE + SSHA_SALT_MAX];
	size_t length = 0;
	if (g_ascii_strncasecmp(text, "{SSHA}", 6) != 0 || !base64_decode(text + 6, strlen(text + 6), bytes, sizeof bytes, &length) ||
	    length < SHA1_SIZE + SSHA_SALT_MIN)
		return false;
	foreign->scheme = SCHEME_SSHA;
	foreign->tag_length = SHA1_SIZE;
	foreign->salt_length = length - SHA1_SIZE;
	memcpy(foreign->tag, bytes, SHA1_SIZE);
	memcpy(foreign->salt, bytes + SHA1_SIZE, foreign->salt_length);
	return true;
}

static bool foreign_parse(const char *stored, struct foreign *ret_foreign)
{
	if (strnlen(stored, PASSWORD_STORED_MAX + 1) > PASSWORD_STORED_MAX)
		return false;
	return bcrypt_parse(stored, ret_foreign) || pbkdf2_parse(stored, ret_foreign) || ssha_parse(stored, ret_foreign);
}

bool foreign_is_usable(const char *stored)
{
	struct foreign foreign = { 0 };
	return foreign_parse(stored, &foreign);
}

static enum password_verdict verdict_of(bool match)
{
	return match ? PASSWORD_MATCH : PASSWORD_MISMATCH;
}

static enum password_verdict bcrypt_verify(const char *stored, const struct secret *password)
{
	/* bcrypt ends at a NUL: what follows one was never part of a stored password, so such a password is not it. */
	const char *text = (const char *)secret_bytes(password);
	if (memchr(text, '\0', secret_length(password)))
		return PASSWORD_MISMATCH;
	struct crypt_data *work = g_new0(struct crypt_data, 1);
	/* Unlike crypt_r this one returns NULL when it fails, and address sanitizer has no stand-in for it that crashes. */
	const char *computed = crypt_rn(text, stored, work, sizeof *work);
	enum password_verdict verdict = PASSWORD_UNUSABLE;
	if (computed)
		verdict = verdict_of(secrets_equal(computed, strlen(computed), stored, BCRYPT_LENGTH));
	wipe(work, sizeof *work);
	g_free(work);
	return verdict;
}

static enum password_verdict pbkdf2_verify(const struct foreign *foreign, const struct secret *password)
{
	uint8_t tag[PASSWORD_TAG_MAX];
	if (PKCS5_PBKDF2_HMAC((const char *)secret_bytes(password), (int)secret_length(password), foreign->salt, (int)foreign->salt_length,
	                      (int)foreign->iterations, foreign->digest, (int)foreign->tag_length, tag) != 1)
		return PASSWORD_UNUSABLE;
	bool match = secrets_equal(tag, foreign->tag_length, foreign->tag, foreign->tag_length);
	wipe(tag, sizeof tag);
	return verdict_of(match);
}

static enum password_verdict ssha_verify(const struct foreign *foreign, const struct secret *password)
{
	uint8_t tag[SHA1_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool computed = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
	                EVP_DigestUpdate(context, secret_bytes(password), secret_length(password)) == 1 &&
	                EVP_DigestUpdate(context, foreign->salt, foreign->salt_length) == 1 && EVP_DigestFinal_ex(context, tag, NULL) == 1;
	EVP_MD_CTX_free(context);
	if (!computed)
		return PASSWORD_UNUSABLE;
	bool match = secrets_equal(tag, sizeof tag, foreign->tag, SHA1_SIZE);
	wipe(tag, sizeof tag);
	return verdict_of(match);
}

enum password_verdict foreign_verify(const char *stored, const struct secret *password)
{
	struct foreign foreign = { 0 };
	if (!foreign_parse(stored, &foreign))
		return PASSWORD_UNUSABLE;
	switch (foreign.scheme) {
	case SCHEME_UNKNOWN:
		break;
	case SCHEME_BCRYPT:
		return bcrypt_verify(stored, password);
	case SCHEME_PBKDF2:
		return pbkdf2_verify(&foreign, password);
	case SCHEME_SSHA:
		return ssha_verify(&foreign, password);
	}
	return PASSWORD_UNUSABLE;
}
