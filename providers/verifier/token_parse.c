/* A compact JWS taken apart, strictly, before any library sees it (RFC 7515 section 7.1, RFC 8725).
 *
 * Against: three ways to write one token (padding, white space, trailing bits), members given twice so that two readers see two headers, keys or their addresses
 * brought along, compression, extensions that we would overlook, and HMAC, with which the library below reads past the end of a public key.
 */
#include "base/encoding.h"
#include "providers/verifier/token_internal.h"
#include <string.h>

#define HEADER_MAX    8192
#define TEXT_MAX      256  /* of kid and typ, bytes */
#define SIGNATURE_MAX 1024 /* RSA of 8,192 bits */

static const struct {
	const char *name;
	unsigned bit;
} algorithms[] = {
	{ "RS256", TOKEN_RS256 }, { "RS384", TOKEN_RS384 }, { "RS512", TOKEN_RS512 }, { "PS256", TOKEN_PS256 }, { "PS384", TOKEN_PS384 }, { "PS512", TOKEN_PS512 },
	{ "ES256", TOKEN_ES256 }, { "ES384", TOKEN_ES384 }, { "ES512", TOKEN_ES512 }, { "EdDSA", TOKEN_EDDSA }, { "Ed25519", TOKEN_EDDSA },
};

unsigned token_algorithm_named(const char *name)
{
	for (size_t i = 0; name && i < G_N_ELEMENTS(algorithms); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return algorithms[i].bit;
	return 0;
}

/* Nothing that a token may say about itself makes us look anywhere else or read it in another way (SECURITY TK-2). */
static const char *const refused_members[] = { "crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc" };

struct part {
	const char *at;
	size_t length;
};

/* Exactly three, none of them empty. */
static bool parts_split(const char *text, size_t length, struct part parts[3])
{
	for (int i = 0; i < 3; i++) {
		const char *dot = memchr(text, '.', length);
		if ((dot == NULL) != (i == 2))
			return false;
		parts[i] = (struct part){ text, dot ? (size_t)(dot - text) : length };
		if (parts[i].length == 0)
			return false;
		if (dot) {
			length -= parts[i].length + 1;
			text = dot + 1;
		}
	}
	return true;
}

static json_t *object_read(struct part part, size_t max_bytes)
{
	const size_t capacity = part.length / 4 * 3 + 3;
	size_t size = 0;
	g_autofree uint8_t *bytes = g_malloc(capacity);
	if (!base64url_decode(part.at, part.length, bytes, capacity, &size))
		return NULL;
	g_autoptr(json_t) value = json_parse((const char *)bytes, size, max_bytes, NULL);
	return json_is_object(value) ? g_steal_pointer(&value) : NULL;
}

static bool signature_read(struct part part, struct token *token)
{
	token->signed_bytes = g_malloc(SIGNATURE_MAX);
	return base64url_decode(part.at, part.length, token->signed_bytes, SIGNATURE_MAX, &token->signed_length);
}

/* NULL where the member is absent; false where it is not a short text. */
static bool short_text(const json_t *object, const char *name, const char **ret_text)
{
	const json_t *value = json_object_get(object, name);
	*ret_text = json_string_value(value);
	return !value || (*ret_text && json_string_length(value) <= TEXT_MAX);
}

static const char *header_fault(struct token *token, enum reason *ret_reason)
{
	*ret_reason = REASON_TOKEN_TYPE;
	for (size_t i = 0; i < G_N_ELEMENTS(refused_members); i++)
		if (json_object_get(token->header, refused_members[i]))
			return "the header has a member that is not allowed (crit, b64, jku, jwk, x5u, x5c, zip, enc)";
	*ret_reason = REASON_TOKEN_MALFORMED;
	if (!short_text(token->header, "kid", &token->key_id) || !short_text(token->header, "typ", &token->type) ||
	    !short_text(token->header, "alg", &token->algorithm_name))
		return "alg, kid or typ is not a short text";
	*ret_reason = REASON_TOKEN_ALGORITHM;
	token->algorithm = token_algorithm_named(token->algorithm_name);
	return token->algorithm ? NULL : "the algorithm is none that can be used here";
}

static const char *token_fault(const char *text, size_t length, struct token *token, enum reason *ret_reason)
{
	struct part parts[3];
	*ret_reason = REASON_TOKEN_MALFORMED;
	if (length > TOKEN_BYTES_MAX)
		return "longer than 64 KiB";
	if (!parts_split(text, length, parts))
		return "not three parts";
	token->text = g_strndup(text, length);
	token->length = length;
	token->input_length = parts[0].length + 1 + parts[1].length;
	token->header = object_read(parts[0], HEADER_MAX);
	if (!token->header)
		return "the header is not the strict base64url of one strict JSON object";
	const char *fault = header_fault(token, ret_reason);
	if (fault)
		return fault;
	*ret_reason = REASON_TOKEN_MALFORMED;
	token->payload = object_read(parts[1], TOKEN_BYTES_MAX);
	if (!token->payload)
		return "the payload is not the strict base64url of one strict JSON object";
	return signature_read(parts[2], token) ? NULL : "the signature is not strict base64url, or too long";
}

bool token_parse(const char *text, size_t length, struct token *ret, enum reason *ret_reason, const char **ret_fault)
{
	*ret_fault = token_fault(text, length, ret, ret_reason);
	return !*ret_fault;
}

void token_clear(struct token *token)
{
	g_clear_pointer(&token->text, g_free);
	g_clear_pointer(&token->signed_bytes, g_free);
	g_clear_pointer(&token->header, json_decref);
	g_clear_pointer(&token->payload, json_decref);
}
