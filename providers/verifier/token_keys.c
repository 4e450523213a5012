/* JWKS documents (RFC 7517), judged before a key of theirs reaches a library: kind, curve, exact sizes, and that `alg`, `use` and `key_ops` agree with verifying
 * signatures by an algorithm that is allowed (RFC 8725 section 3.1). One bad key does not spoil its neighbours: it is shown as unusable. */
#include "base/encoding.h"
#include "crypto/digest.h"
#include "providers/verifier/token_internal.h"
#include <string.h>

#define TEXT_MAX       256
#define RSA_BITS_MIN   2048
#define RSA_BITS_MAX   8192
#define RSA_ALGORITHMS (TOKEN_RS256 | TOKEN_RS384 | TOKEN_RS512 | TOKEN_PS256 | TOKEN_PS384 | TOKEN_PS512)

/* What a key of a kind must have; RSA's sizes are judged by themselves. */
static const struct kind {
	const char *kty, *crv;
	unsigned algorithms;
	size_t coordinate;       /* bytes of each member below */
	const char *members[2];
} kinds[] = {
	{ "RSA", NULL, RSA_ALGORITHMS, 0, { "n", "e" } },
	{ "EC", "P-256", TOKEN_ES256, 32, { "x", "y" } },
	{ "EC", "P-384", TOKEN_ES384, 48, { "x", "y" } },
	{ "EC", "P-521", TOKEN_ES512, 66, { "x", "y" } },
	{ "OKP", "Ed25519", TOKEN_EDDSA, 32, { "x", NULL } },
};

static const struct kind *kind_of(const struct token_key *key)
{
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_strcmp0(kinds[i].kty, key->kty) == 0 && (!kinds[i].crv || g_strcmp0(kinds[i].crv, key->crv) == 0))
			return &kinds[i];
	return NULL;
}

/* Bytes of a base64url member; 0 where it is malformed or absent. */
static size_t member_read(const json_t *jwk, const char *name, uint8_t out[RSA_BITS_MAX / 8])
{
	const char *text = json_string_at(jwk, name);
	size_t size = 0;
	return text && base64url_decode(text, strlen(text), out, RSA_BITS_MAX / 8, &size) ? size : 0;
}

/* Base64urlUInt (RFC 7518 section 2) has no leading zero, so that one key has one text. */
static const char *rsa_fault(const json_t *jwk, int64_t *ret_bits)
{
	uint8_t n[RSA_BITS_MAX / 8], e[RSA_BITS_MAX / 8];
	const size_t n_size = member_read(jwk, "n", n), e_size = member_read(jwk, "e", e);
	if (n_size == 0 || e_size == 0 || n[0] == 0 || e[0] == 0)
		return "n or e is missing or malformed, or the key is over 8,192 bits";
	*ret_bits = (int64_t)n_size * 8 - (__builtin_clz(n[0]) - 24);
	if (*ret_bits < RSA_BITS_MIN)
		return "RSA of less than 2,048 bits";
	/* 3 is still met; an even one is nonsense, and a long one only costs time. */
	return e_size <= 4 && (e[e_size - 1] & 1) == 1 && (e_size > 1 || e[0] >= 3) ? NULL : "the exponent is even, 1, or over 32 bits";
}

static const char *coordinates_fault(const json_t *jwk, const struct kind *kind)
{
	uint8_t room[RSA_BITS_MAX / 8];
	for (size_t i = 0; i < G_N_ELEMENTS(kind->members) && kind->members[i]; i++)
		if (member_read(jwk, kind->members[i], room) != kind->coordinate)
			return "a coordinate is missing, malformed or of the wrong length";
	return NULL;
}

static const char *use_fault(const struct token_key *key)
{
	const json_t *operations = json_object_get(key->jwk, "key_ops");
	if (key->use && strcmp(key->use, "sig") != 0)
		return "its use is not sig";
	return operations && !json_array_has(operations, "verify") ? "its key_ops do not hold verify" : NULL;
}

static const char *key_fault(struct token_key *key, unsigned allowed)
{
	const struct kind *kind = kind_of(key);
	if (!kind)
		return "a kind or curve that is not used here";
	if (json_object_get(key->jwk, "d") || json_object_get(key->jwk, "k"))
		return "it publishes a private key";
	const char *fault = kind->coordinate ? coordinates_fault(key->jwk, kind) : rsa_fault(key->jwk, &key->bits);
	if (!fault)
		fault = use_fault(key);
	if (fault)
		return fault;
	key->algorithms = kind->algorithms & allowed & (key->alg ? token_algorithm_named(key->alg) : TOKEN_ALGORITHMS_ALL);
	return key->algorithms ? NULL : "its alg does not fit its kind, or is not allowed here";
}

/* Absent, or a text of at most 256 bytes. */
static bool text_at(const json_t *jwk, const char *name, const char **ret)
{
	const json_t *value = json_object_get(jwk, name);
	*ret = json_string_value(value);
	return !value || (*ret && json_string_length(value) <= TEXT_MAX);
}

static void key_judge(const json_t *jwk, unsigned allowed, struct token_key *key)
{
	key->jwk = jwk;
	const bool texts = text_at(jwk, "kid", &key->kid) && text_at(jwk, "kty", &key->kty) && text_at(jwk, "alg", &key->alg) && text_at(jwk, "use", &key->use) &&
		text_at(jwk, "crv", &key->crv) && text_at(jwk, "issuer", &key->issuer);
	if (!json_is_object(jwk) || !texts)
		key->fault = "not an object, or kid, kty, alg, use, crv or issuer is not a short text";
	else
		key->fault = key_fault(key, allowed);
}

GArray *token_keys_read(const char *document, size_t length, unsigned allowed, json_t **ret_document, const char **ret_fault)
{
	g_autoptr(json_t) root = json_parse(document, length, KEYS_BYTES_MAX, NULL);
	const json_t *list = json_object_get(root, "keys"), *jwk;
	size_t index;
	if (!json_is_array(list)) {
		*ret_fault = root ? "a JSON document without a list of keys" : "not strict JSON of at most 256 KiB";
		return NULL;
	}
	if (json_array_size(list) > TOKEN_KEYS_MAX) {
		*ret_fault = "more than 64 keys";
		return NULL;
	}
	GArray *keys = g_array_new(FALSE, TRUE, sizeof(struct token_key));
	json_array_foreach(list, index, jwk) {
		struct token_key key = { 0 };
		key_judge(jwk, allowed, &key);
		g_array_append_val(keys, key);
	}
	*ret_document = g_steal_pointer(&root);
	return keys;
}

char *token_key_public(const struct token_key *key)
{
	const struct kind *kind = kind_of(key);
	g_autoptr(json_t) bare = json_pack("{s:s, s:s*}", "kty", key->kty, "crv", kind->crv);
	for (size_t i = 0; i < G_N_ELEMENTS(kind->members) && kind->members[i]; i++)
		json_object_set(bare, kind->members[i], json_object_get(key->jwk, kind->members[i]));
	return json_text(bare);
}

/* --- keys_check --- */

static void key_write(const struct token_key *key, struct record *answer)
{
	record_put_integer(answer, "key", key->algorithms);
	record_put_integer(answer, "bits", key->bits);
	record_put_seen(answer, "kid", key->kid, TEXT_MAX);
	record_put_seen(answer, "kty", key->kty, TEXT_MAX);
	record_put_seen(answer, "alg", key->alg, TEXT_MAX);
	record_put_seen(answer, "use", key->use, TEXT_MAX);
	record_put_seen(answer, "crv", key->crv, TEXT_MAX);
	record_put_text(answer, "fault", key->fault);
}

/* The order of the keys says nothing, so it does not count. */
static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *keys_digest(const GArray *keys)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	uint8_t digest[DIGEST_SIZE];
	for (guint i = 0; i < keys->len; i++) {
		const struct token_key *key = &g_array_index(keys, struct token_key, i);
		g_autofree char *members = key->algorithms ? token_key_public(key) : NULL;
		if (members)
			g_ptr_array_add(texts, g_strdup_printf("%s %u %s", members, key->algorithms, key->kid ? key->kid : ""));
	}
	g_ptr_array_sort(texts, compare_texts);
	struct digest_parts *parts = digest_parts_new("passerelle/jwks");
	for (guint i = 0; i < texts->len; i++)
		digest_parts_add_text(parts, texts->pdata[i]);
	digest_parts_finish(parts, digest);
	return base64url_encode(digest, sizeof digest);
}

bool keys_judge(const struct record *question, struct record *answer)
{
	const struct field *document = record_field_named(question, "keys", FIELD_BYTES);
	const char *fault = NULL;
	g_autoptr(json_t) root = NULL;
	unsigned usable = 0;
	if (!document)
		return false;
	g_autoptr(GArray) keys = token_keys_read(document->value, document->length, (unsigned)record_integer(question, "algorithms", 0), &root, &fault);
	for (guint i = 0; keys && i < keys->len; i++)
		usable += g_array_index(keys, struct token_key, i).algorithms != 0;
	if (keys && usable == 0)
		fault = "no key in it can be used";
	record_put_integer(answer, "valid", fault == NULL);
	record_put_text(answer, "why", fault);
	g_autofree char *digest = keys ? keys_digest(keys) : NULL;
	record_put_text(answer, "digest", digest);
	for (guint i = 0; keys && i < keys->len; i++)
		key_write(&g_array_index(keys, struct token_key, i), answer);
	return true;
}
