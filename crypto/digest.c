/* SHA-256, HMAC and HKDF on OpenSSL EVP.
 *
 * OpenSSL 3.0 looks an algorithm up by name at every one-shot call, which costs more than hashing a token. So the algorithms are fetched once,
 * and each thread keeps one digest and one MAC context that it starts anew for each use; they leave with the thread.
 */
#include "crypto/digest.h"
#include "base/secret.h"
#include "crypto/broken.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <string.h>

struct contexts {
	EVP_MD_CTX *digest;
	EVP_MAC_CTX *mac;
};

/* Parts are short and many: they are gathered, and hashed in few calls. */
struct digest_parts {
	EVP_MD_CTX *context;
	size_t held;
	uint8_t bytes[1024];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_exit;
static EVP_MD *sha256;
static EVP_MAC *hmac;
static _Thread_local struct contexts *of_this_thread;

static void contexts_free(void *data)
{
	struct contexts *contexts = data;
	EVP_MD_CTX_free(contexts->digest);
	EVP_MAC_CTX_free(contexts->mac);
	g_free(contexts);
	of_this_thread = NULL;
}

static void algorithms_fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!sha256 || !hmac || pthread_key_create(&at_thread_exit, contexts_free) != 0)
		crypto_broken("SHA-256 and HMAC");
}

static struct contexts *contexts_new(void)
{
	pthread_once(&once, algorithms_fetch);
	struct contexts *contexts = g_new0(struct contexts, 1);
	contexts->digest = EVP_MD_CTX_new();
	contexts->mac = EVP_MAC_CTX_new(hmac);
	char name[] = "SHA2-256";
	const OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end() };
	if (!contexts->digest || !contexts->mac || EVP_MAC_CTX_set_params(contexts->mac, parameters) != 1 ||
	    pthread_setspecific(at_thread_exit, contexts) != 0)
		crypto_broken("digest contexts");
	of_this_thread = contexts;
	return contexts;
}

static struct contexts *contexts_here(void)
{
	return of_this_thread ? of_this_thread : contexts_new();
}

void digest_sha256(const void *bytes, size_t length, uint8_t out[DIGEST_SIZE])
{
	EVP_MD_CTX *context = contexts_here()->digest;
	if (EVP_DigestInit_ex2(context, sha256, NULL) != 1 || EVP_DigestUpdate(context, bytes, length) != 1 ||
	    EVP_DigestFinal_ex(context, out, NULL) != 1)
		crypto_broken("SHA-256");
}

void digest_hmac(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t out[DIGEST_SIZE])
{
	EVP_MAC_CTX *context = contexts_here()->mac;
	size_t written = 0;
	/* A NULL key would mean "the key of the last call" to OpenSSL: an empty key must never become somebody else's. */
	const void *some_key = key_length ? key : "";
	if (EVP_MAC_init(context, some_key, key_length, NULL) != 1 || EVP_MAC_update(context, bytes, length) != 1 ||
	    EVP_MAC_final(context, out, &written, DIGEST_SIZE) != 1 || written != DIGEST_SIZE)
		crypto_broken("HMAC-SHA-256");
}

/* RFC 5869 section 2.3, without a salt: what we derive from is uniformly random already. */
void digest_hkdf(const void *key, size_t key_length, const char *info, uint8_t *out, size_t out_length)
{
	static const uint8_t no_salt[DIGEST_SIZE];
	uint8_t extracted[DIGEST_SIZE], block[DIGEST_SIZE];
	size_t info_length = strlen(info);
	if (out_length > 255 * DIGEST_SIZE)
		crypto_broken("more HKDF output than RFC 5869 allows");

	digest_hmac(no_salt, sizeof no_salt, key, key_length, extracted);
	g_autofree uint8_t *input = g_malloc(DIGEST_SIZE + info_length + 1);
	size_t done = 0;
	for (uint8_t counter = 1; done < out_length; counter++) {
		size_t before = counter == 1 ? 0 : DIGEST_SIZE;
		memcpy(input, block, before);
		memcpy(input + before, info, info_length);
		input[before + info_length] = counter;
		digest_hmac(extracted, sizeof extracted, input, before + info_length + 1, block);
		size_t take = MIN(out_length - done, (size_t)DIGEST_SIZE);
		memcpy(out + done, block, take);
		done += take;
	}
	wipe(input, DIGEST_SIZE + info_length + 1);
	wipe(extracted, sizeof extracted);
	wipe(block, sizeof block);
}

static void parts_hash(struct digest_parts *parts, const void *bytes, size_t length)
{
	if (length && EVP_DigestUpdate(parts->context, bytes, length) != 1)
		crypto_broken("SHA-256");
}

static void parts_flush(struct digest_parts *parts)
{
	parts_hash(parts, parts->bytes, parts->held);
	parts->held = 0;
}

static void parts_update(struct digest_parts *parts, const void *bytes, size_t length)
{
	if (length > sizeof parts->bytes - parts->held)
		parts_flush(parts);
	if (length > sizeof parts->bytes) {
		parts_hash(parts, bytes, length);
		return;
	}
	if (length)
		memcpy(parts->bytes + parts->held, bytes, length);
	parts->held += length;
}

static void parts_update_number(struct digest_parts *parts, uint64_t number)
{
	uint64_t big_endian = GUINT64_TO_BE(number);
	parts_update(parts, &big_endian, sizeof big_endian);
}

struct digest_parts *digest_parts_new(const char *purpose)
{
	contexts_here();
	struct digest_parts *parts = g_new(struct digest_parts, 1);
	parts->held = 0;
	parts->context = EVP_MD_CTX_new();
	if (!parts->context || EVP_DigestInit_ex2(parts->context, sha256, NULL) != 1)
		crypto_broken("SHA-256");
	digest_parts_add_text(parts, purpose);
	return parts;
}

void digest_parts_add(struct digest_parts *parts, const void *bytes, size_t length)
{
	parts_update_number(parts, length);
	parts_update(parts, bytes, length);
}

void digest_parts_add_text(struct digest_parts *parts, const char *text)
{
	/* No part has this length, so nothing that is there collides with what is not. */
	if (!text)
		parts_update_number(parts, UINT64_MAX);
	else
		digest_parts_add(parts, text, strlen(text));
}

void digest_parts_add_integer(struct digest_parts *parts, int64_t value)
{
	parts_update_number(parts, sizeof value);
	parts_update_number(parts, (uint64_t)value);
}

void digest_parts_finish(struct digest_parts *parts, uint8_t out[DIGEST_SIZE])
{
	parts_flush(parts);
	if (EVP_DigestFinal_ex(parts->context, out, NULL) != 1)
		crypto_broken("SHA-256");
	EVP_MD_CTX_free(parts->context);
	wipe(parts->bytes, sizeof parts->bytes);
	g_free(parts);
}

void digest_parts_finish_keyed(struct digest_parts *parts, const void *key, size_t key_length, uint8_t out[DIGEST_SIZE])
{
	uint8_t digest[DIGEST_SIZE];
	digest_parts_finish(parts, digest);
	digest_hmac(key, key_length, digest, sizeof digest, out);
}
