/* Secrets at rest: AES-256-GCM with a key for the very place a value stands in.
 *
 * The key is HMAC(purpose key, digest of tenant, table, row, column), and that digest is the associated data too: a value moved to another row
 * meets another key. It also lifts the limit of 2^32 random nonces under one key (NIST SP 800-38D section 8.3), which a gateway that seals
 * every flow of every login would reach.
 */
#include "crypto/seal.h"
#include "base/encoding.h"
#include "base/errors.h"
#include "crypto/broken.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define VERSION     "s1."
#define NONCE_SIZE  12
#define TAG_SIZE    16
#define OVERHEAD    (NONCE_SIZE + TAG_SIZE)
#define PLAIN_MAX   (1024 * 1024)

struct place {
	uint8_t associated[DIGEST_SIZE];
	uint8_t key[DIGEST_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aes_gcm;

static void cipher_fetch(void)
{
	aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!aes_gcm)
		crypto_broken("AES-256-GCM");
}

/* Wipes the purpose's key. */
static void place_derive(struct place *place, uint8_t purpose_key[DERIVED_KEY_SIZE], const struct seal_context *context)
{
	struct digest_parts *parts = digest_parts_new("seal");
	digest_parts_add_text(parts, context->tenant);
	digest_parts_add_text(parts, context->table);
	digest_parts_add_text(parts, context->row);
	digest_parts_add_text(parts, context->column);
	digest_parts_finish(parts, place->associated);
	digest_hmac(purpose_key, DERIVED_KEY_SIZE, place->associated, sizeof place->associated, place->key);
	wipe(purpose_key, DERIVED_KEY_SIZE);
}

static EVP_CIPHER_CTX *cipher_start(const struct place *place, const uint8_t *nonce, bool encrypt)
{
	pthread_once(&once, cipher_fetch);
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	int ignored;
	if (!cipher || EVP_CipherInit_ex2(cipher, aes_gcm, place->key, nonce, encrypt, NULL) != 1 ||
	    EVP_CipherUpdate(cipher, NULL, &ignored, place->associated, sizeof place->associated) != 1)
		crypto_broken("AES-256-GCM");
	return cipher;
}

/* `bytes` is nonce, ciphertext, tag. */
static void bytes_encrypt(const struct place *place, const void *plain, size_t length, uint8_t *bytes)
{
	uint8_t *body = bytes + NONCE_SIZE;
	int written = 0, rest = 0;
	random_bytes(bytes, NONCE_SIZE);
	EVP_CIPHER_CTX *cipher = cipher_start(place, bytes, true);
	if ((length > 0 && EVP_CipherUpdate(cipher, body, &written, plain, (int)length) != 1) ||
	    EVP_CipherFinal_ex(cipher, body + written, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, body + length) != 1)
		crypto_broken("AES-256-GCM");
	EVP_CIPHER_CTX_free(cipher);
}

static struct secret *bytes_decrypt(const struct place *place, uint8_t *bytes, size_t size)
{
	size_t length = size - OVERHEAD;
	uint8_t *body = bytes + NONCE_SIZE;
	g_autoptr(secret_t) plain = secret_new_empty(length);
	int written = 0, rest = 0;
	EVP_CIPHER_CTX *cipher = cipher_start(place, bytes, false);
	bool opened = (length == 0 || EVP_CipherUpdate(cipher, secret_writable(plain), &written, body, (int)length) == 1) &&
	              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, body + length) == 1 &&
	              EVP_CipherFinal_ex(cipher, secret_writable(plain) + written, &rest) == 1;
	EVP_CIPHER_CTX_free(cipher);
	if (!opened)
		ERR_clear_error();
	return opened ? g_steal_pointer(&plain) : NULL;
}

char *seal(const struct root_keys *keys, const struct seal_context *context, const void *plain, size_t length)
{
	struct place place;
	uint8_t purpose_key[DERIVED_KEY_SIZE];
	if (length > PLAIN_MAX)
		crypto_broken("sealing");
	const char *key_id = root_keys_derive_current(keys, "seal", purpose_key);
	place_derive(&place, purpose_key, context);
	g_autofree uint8_t *bytes = g_malloc(length + OVERHEAD);
	bytes_encrypt(&place, plain, length, bytes);
	wipe(&place, sizeof place);
	g_autofree char *text = base64url_encode(bytes, length + OVERHEAD);
	return g_strconcat(VERSION, key_id, ".", text, NULL);
}

char *seal_prefix(const char *key_id)
{
	return g_strconcat(VERSION, key_id, ".", NULL);
}

/* Takes "s1.id.text" apart: the id is copied, the text borrowed. */
static const char *sealed_split(const char *sealed, char key_id[ROOT_KEY_ID_MAX + 1])
{
	if (strncmp(sealed, VERSION, strlen(VERSION)) != 0)
		return NULL;
	const char *id = sealed + strlen(VERSION);
	const char *dot = strchr(id, '.');
	if (!dot || dot - id > ROOT_KEY_ID_MAX)
		return NULL;
	memcpy(key_id, id, (size_t)(dot - id));
	key_id[dot - id] = '\0';
	return dot + 1;
}

struct secret *unseal(const struct root_keys *keys, const struct seal_context *context, const char *sealed, GError **error)
{
	char key_id[ROOT_KEY_ID_MAX + 1];
	const char *text = sealed_split(sealed, key_id);
	size_t text_size = text ? strlen(text) : 0, size = 0;
	g_autofree uint8_t *bytes = g_malloc(text_size + 1);
	if (!text || !base64url_decode(text, text_size, bytes, text_size, &size) || size < OVERHEAD || size - OVERHEAD > PLAIN_MAX) {
		fail(error, ERROR_INTERNAL, "%s.%s: malformed sealed value", context->table, context->column);
		return NULL;
	}
	struct place place;
	uint8_t purpose_key[DERIVED_KEY_SIZE];
	if (!root_keys_derive(keys, key_id, "seal", purpose_key)) {
		fail(error, ERROR_INTERNAL, "%s.%s: sealed under key \"%s\", which the secret key file does not hold", context->table,
		     context->column, key_id);
		return NULL;
	}
	place_derive(&place, purpose_key, context);
	struct secret *plain = bytes_decrypt(&place, bytes, size);
	wipe(&place, sizeof place);
	if (!plain)
		fail(error, ERROR_INTERNAL, "%s.%s: the sealed value was changed, moved, or sealed under another secret", context->table,
		     context->column);
	return plain;
}
