/* JSON Web Signatures, compact serialisation only (RFC 7515 section 7.1).
 *
 *     text ──jws_parse──> header read, nothing believed ──jws_verify(key)──> payload
 *
 * The attacks this file is written against: "none" and HMAC in `alg`, an algorithm other than the key's, a key or its address brought along in
 * the header, `crit` extensions that we would overlook, a member given twice so that two readers see two headers, and two texts for one token
 * (padding, white space, trailing bits), which would let a revoked token come back under another digest.
 */
#include "base/encoding.h"
#include "base/errors.h"
#include "crypto/jose_internal.h"
#include <string.h>

struct jws {
	char *text; /* header.payload.signature, NUL-terminated copy */
	size_t payload_at, payload_length;
	size_t input_length; /* header.payload */
	uint8_t signature[JOSE_SIGNATURE_MAX];
	size_t signature_size;
	json_t *header;
	enum jose_algorithm algorithm;
};

/* What brings a key along, extends the format, or compresses (SECURITY TK-2). */
static const char *const refused_members[] = { "crit", "b64", "jku", "jwk", "x5u", "x5c", "zip" };

static bool type_is_token(const char *typ)
{
	for (const char *c = typ; *c; c++)
		if (!g_ascii_isalnum(*c) && !strchr("+-./", *c))
			return false;
	return true;
}

/* `name` and `id` say which key it is: the kid, or the thumbprint of its certificate; both are base64url. */
static char *header_make(const struct jose_key *key, const char *name, const char *id, const char *typ)
{
	GString *header = g_string_sized_new(160);
	g_string_append_printf(header, "{\"alg\":\"%s\",\"%s\":\"%s\"", jose_algorithm_name(key->algorithm), name, id);
	if (typ)
		g_string_append_printf(header, ",\"typ\":\"%s\"", typ);
	g_string_append_c(header, '}');
	char *encoded = base64url_encode(header->str, header->len);
	g_string_free(header, TRUE);
	return encoded;
}

static char *sign(const struct jose_key *key, const char *name, const char *id, const char *typ, const char *payload, size_t length, GError **error)
{
	uint8_t signature[JOSE_SIGNATURE_MAX];
	size_t size;
	if (typ && !type_is_token(typ)) {
		fail(error, ERROR_INTERNAL, "a token type that is no media type: \"%s\"", typ);
		return NULL;
	}
	g_autofree char *header = header_make(key, name, id, typ);
	g_autofree char *body = base64url_encode(payload, length);
	g_autofree char *input = g_strconcat(header, ".", body, NULL);
	if (!signature_make(key, input, strlen(input), signature, &size)) {
		fail(error, ERROR_INTERNAL, "signing with key %s failed", key->thumbprint);
		return NULL;
	}
	g_autofree char *seal = base64url_encode(signature, size);
	return g_strconcat(input, ".", seal, NULL);
}

char *jws_sign(const struct jose_key *key, const char *typ, const char *payload, size_t length, GError **error)
{
	return sign(key, "kid", key->thumbprint, typ, payload, length, error);
}

char *jws_sign_certified(const struct jose_key *key, const char *thumbprint, const char *typ, const char *payload, size_t length, GError **error)
{
	return sign(key, "x5t#S256", thumbprint, typ, payload, length, error);
}

void jws_free(struct jws *jws)
{
	if (!jws)
		return;
	json_decref(jws->header);
	g_free(jws->text);
	g_free(jws);
}

/* Finds the two dots; false when there are fewer, or an empty part. A third one is refused as no base64url character of the signature. */
static bool parts_find(struct jws *jws, size_t length, size_t *ret_header_length)
{
	const char *text = jws->text, *end = text + length;
	const char *first = memchr(text, '.', length);
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
	if (!second || first == text || second == first + 1 || second + 1 == end)
		return false;
	*ret_header_length = (size_t)(first - text);
	jws->payload_at = *ret_header_length + 1;
	jws->payload_length = (size_t)(second - first - 1);
	jws->input_length = (size_t)(second - text);
	return base64url_decode(second + 1, (size_t)(end - second - 1), jws->signature, sizeof jws->signature, &jws->signature_size);
}

static bool optional_text(const json_t *header, const char *name)
{
	const json_t *value = json_object_get(header, name);
	return !value || json_is_string(value);
}

static bool header_check(struct jws *jws, GError **error)
{
	if (!json_is_object(jws->header))
		return fail(error, ERROR_INVALID_TOKEN, "JWS header is not a JSON object, or has a member twice");
	for (size_t i = 0; i < G_N_ELEMENTS(refused_members); i++)
		if (json_object_get(jws->header, refused_members[i]))
			return fail(error, ERROR_INVALID_TOKEN, "JWS header has \"%s\"", refused_members[i]);
	if (!optional_text(jws->header, "kid") || !optional_text(jws->header, "typ"))
		return fail(error, ERROR_INVALID_TOKEN, "JWS header's kid or typ is not a string");
	jws->algorithm = jose_algorithm_named(json_string_at(jws->header, "alg"));
	return jws->algorithm != JOSE_NONE || fail(error, ERROR_INVALID_TOKEN, "JWS header's alg is none of ours");
}

struct jws *jws_parse(const char *compact, size_t length, GError **error)
{
	if (length > JOSE_COMPACT_MAX) {
		fail(error, ERROR_INVALID_TOKEN, "JWS of more than 16 KiB");
		return NULL;
	}
	g_autoptr(jws_t) jws = g_new0(struct jws, 1);
	uint8_t header[JOSE_HEADER_MAX];
	size_t encoded_length, header_length;
	jws->text = g_malloc(length + 1);
	memcpy(jws->text, compact, length);
	jws->text[length] = '\0';
	if (!parts_find(jws, length, &encoded_length) || !base64url_decode(jws->text, encoded_length, header, sizeof header, &header_length)) {
		fail(error, ERROR_INVALID_TOKEN, "not a JWS: three base64url parts expected");
		return NULL;
	}
	jws->header = json_parse((const char *)header, header_length, sizeof header, NULL);
	return header_check(jws, error) ? g_steal_pointer(&jws) : NULL;
}

const char *jws_key_id(const struct jws *jws)
{
	return json_string_at(jws->header, "kid");
}

const char *jws_type(const struct jws *jws)
{
	return json_string_at(jws->header, "typ");
}

enum jose_algorithm jws_algorithm(const struct jws *jws)
{
	return jws->algorithm;
}

bool jws_holds(const struct jws *jws, const struct jose_key *key, GError **error)
{
	if (jws->algorithm != key->algorithm)
		return fail(error, ERROR_INVALID_TOKEN, "JWS says %s, its key is for %s", jose_algorithm_name(jws->algorithm),
		            jose_algorithm_name(key->algorithm));
	if (!signature_holds(key, jws->text, jws->input_length, jws->signature, jws->signature_size))
		return fail(error, ERROR_INVALID_TOKEN, "JWS signature does not hold");
	return true;
}

json_t *jws_claimed(const struct jws *jws)
{
	uint8_t payload[JOSE_COMPACT_MAX];
	size_t length = 0;
	g_autoptr(json_t) claims = NULL;
	if (base64url_decode(jws->text + jws->payload_at, jws->payload_length, payload, sizeof payload, &length))
		claims = json_parse((const char *)payload, length, sizeof payload, NULL);
	return json_is_object(claims) ? g_steal_pointer(&claims) : NULL;
}

json_t *jws_verify(const struct jws *jws, const struct jose_key *key, GError **error)
{
	if (!jws_holds(jws, key, error))
		return NULL;
	json_t *claims = jws_claimed(jws);
	if (!claims)
		fail(error, ERROR_INVALID_TOKEN, "JWS payload is not a JSON object");
	return claims;
}
