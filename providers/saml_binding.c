/* The wrappings of the redirect and POST bindings (providers/saml_message.h). The only user of zlib. */
#include "providers/saml_message.h"

#include "base/encoding.h"
#include "base/errors.h"
#include "base/form.h"
#include "base/url.h"

#include <string.h>
#include <zlib.h>

#define RAW_DEFLATE (-15) /* no zlib header (RFC 1951) */
#define SIGNATURE_ALGORITHM "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
#define SIGNATURE_MAX 1024

static char *deflated(const char *message)
{
	z_stream stream = {0};
	size_t length = strlen(message);

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, RAW_DEFLATE, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		g_error("zlib does not start");
	size_t room = deflateBound(&stream, length);
	g_autofree uint8_t *out = g_malloc(room);
	stream.next_in = (Bytef *)(uintptr_t)message;
	stream.avail_in = (uInt)length;
	stream.next_out = out;
	stream.avail_out = (uInt)room;
	int result = deflate(&stream, Z_FINISH);
	g_assert(result == Z_STREAM_END);
	char *text = base64_encode(out, stream.total_out);
	deflateEnd(&stream);
	return text;
}

char *saml_redirect_url(const char *location, const char *parameter, const char *message, const char *relay_state, const struct certified_key *key)
{
	g_autofree char *field = deflated(message), *encoded = url_encode(field);
	g_autoptr(GString) query = g_string_new(parameter);

	g_string_append_printf(query, "=%s", encoded);
	if (relay_state) {
		g_autofree char *state = url_encode(relay_state);
		g_string_append_printf(query, "&RelayState=%s", state);
	}
	if (key) {
		g_autofree char *algorithm = url_encode(SIGNATURE_ALGORITHM);
		g_string_append_printf(query, "&SigAlg=%s", algorithm);
		g_autofree char *signature = certified_key_sign(key, query->str, query->len), *signature_encoded = url_encode(signature);
		g_string_append_printf(query, "&Signature=%s", signature_encoded);
	}
	return g_strconcat(location, strchr(location, '?') ? "&" : "?", query->str, NULL);
}

/* White space is not part of base64 here, but some providers break lines of 76. */
static char *without_blanks(const char *text)
{
	char *copy = g_strdup(text), *to = copy;

	for (const char *from = copy; *from; from++)
		if (!strchr(" \t\r\n", *from))
			*to++ = *from;
	*to = '\0';
	return copy;
}

static uint8_t *decoded(const char *text, size_t *ret_length, GError **error)
{
	g_autofree char *plain = strlen(text) <= 2 * SAML_MESSAGE_MAX ? without_blanks(text) : NULL;
	g_autofree uint8_t *bytes = g_malloc(SAML_MESSAGE_MAX + 1);

	if (!plain || !*plain || !base64_decode(plain, strlen(plain), bytes, SAML_MESSAGE_MAX, ret_length)) {
		fail(error, ERROR_INVALID_REQUEST, "a SAML message is not base64, or longer than %d bytes", SAML_MESSAGE_MAX);
		return NULL;
	}
	bytes[*ret_length] = '\0';
	return g_steal_pointer(&bytes);
}

char *saml_posted(const char *field, size_t *ret_length, GError **error)
{
	return (char *)decoded(field, ret_length, error);
}

char *saml_inflated(const char *parameter, size_t *ret_length, GError **error)
{
	size_t length = 0;
	g_autofree uint8_t *packed = decoded(parameter, &length, error), *out = NULL;
	z_stream stream = {0};

	if (!packed)
		return NULL;
	if (inflateInit2(&stream, RAW_DEFLATE) != Z_OK)
		g_error("zlib does not start");
	out = g_malloc(SAML_MESSAGE_MAX + 1);
	stream.next_in = packed;
	stream.avail_in = (uInt)length;
	stream.next_out = out;
	stream.avail_out = SAML_MESSAGE_MAX;
	/* One call with all the room there will ever be: what has not ended then is too long, however small it came. */
	int result = inflate(&stream, Z_FINISH);
	bool whole = result == Z_STREAM_END && stream.avail_in == 0 && stream.total_out > 0;
	*ret_length = stream.total_out;
	inflateEnd(&stream);
	if (!whole) {
		fail(error, ERROR_INVALID_REQUEST, "a SAML message is not DEFLATE, or longer than %d bytes", SAML_MESSAGE_MAX);
		return NULL;
	}
	out[*ret_length] = '\0';
	return (char *)g_steal_pointer(&out);
}

/* The raw "name=value" of the query that has this name. NULL: none, or several. */
static char *pair_named(char **pairs, const char *name)
{
	g_autofree char *head = g_strconcat(name, "=", NULL);
	char *found = NULL;

	for (; *pairs; pairs++) {
		if (!g_str_has_prefix(*pairs, head))
			continue;
		if (found)
			return NULL;
		found = *pairs;
	}
	return found;
}

static char *pair_value(const char *pair)
{
	g_autofree char *value = pair ? g_strdup(strchr(pair, '=') + 1) : NULL;
	size_t length = 0;

	return value && form_decode(value, strlen(value), &length) && strlen(value) == length ? g_steal_pointer(&value) : NULL;
}

static bool has_twice(char **pairs, const char *name)
{
	g_autofree char *head = g_strconcat(name, "=", NULL);
	size_t count = 0;

	for (; *pairs; pairs++)
		count += g_str_has_prefix(*pairs, head) ? 1 : 0;
	return count > 1;
}

bool saml_signed_query(const char *query, const char *parameter, char **ret_covered, char **ret_algorithm, GByteArray **ret_signature)
{
	g_auto(GStrv) pairs = g_strsplit(query, "&", 64);
	const char *message = pair_named(pairs, parameter), *state = pair_named(pairs, "RelayState"), *algorithm = pair_named(pairs, "SigAlg");
	g_autofree char *algorithm_text = pair_value(algorithm), *signature_text = pair_value(pair_named(pairs, "Signature"));
	uint8_t signature[SIGNATURE_MAX];
	size_t length = 0;

	if (!message || !algorithm_text || !signature_text || has_twice(pairs, "RelayState") ||
	    !base64_decode(signature_text, strlen(signature_text), signature, sizeof signature, &length) || length == 0)
		return false;
	*ret_covered = g_strjoin("&", message, state ? state : algorithm, state ? algorithm : NULL, NULL);
	*ret_algorithm = g_steal_pointer(&algorithm_text);
	*ret_signature = g_byte_array_append(g_byte_array_new(), signature, (guint)length);
	return true;
}
