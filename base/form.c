/* One copy of the input, decoded in place and cut by NULs; pairs point into it. Decoding only ever shortens, so nothing is allocated per
 * pair and one wipe ends every value. */
#include "base/form.h"
#include "base/errors.h"
#include "base/secret.h"
#include "base/url.h"
#include <string.h>

struct form {
	size_t size;
	struct {
		const char *name, *value;
	} pairs[FORM_PAIRS_MAX];
	size_t bytes_length;
	char bytes[];
};

/* How much needs no decoding. Tokens make up most of what is decoded, and have nothing to decode. */
static size_t plain_length(const char *text, size_t length)
{
	if (!length)
		return 0;
	const char *percent = memchr(text, '%', length);
	size_t until = percent ? (size_t)(percent - text) : length;
	const char *plus = memchr(text, '+', until);
	return plus ? (size_t)(plus - text) : until;
}

/* ASCII without NUL, eight bytes at a time: tokens and identifiers are nothing else, and need no look at each character. */
static bool is_plain_ascii(const char *text, size_t length)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	size_t i = 0;
	for (uint64_t word; i + sizeof word <= length; i += sizeof word) {
		memcpy(&word, text + i, sizeof word);
		if (((word - ones) | word) & highs) /* a high bit, or a zero byte that borrowed one */
			return false;
	}
	for (; i < length; i++)
		if ((signed char)text[i] <= 0)
			return false;
	return true;
}

bool form_decode(char *text, size_t length, size_t *ret_length)
{
	size_t plain = plain_length(text, length), written = plain;
	for (size_t i = plain; i < length; i++) {
		char c = text[i];
		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			if (i + 2 >= length || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
				return false;
			c = (char)(g_ascii_xdigit_value(text[i + 1]) << 4 | g_ascii_xdigit_value(text[i + 2]));
			i += 2;
		}
		text[written++] = c;
	}
	if (written < length)
		text[written] = '\0';
	if (!is_plain_ascii(text, written) && !g_utf8_validate_len(text, written, NULL)) /* this one refuses NUL too */
		return false;
	*ret_length = written;
	return true;
}

/* `segment` is followed by a byte of the copy that may be overwritten: an ampersand or the closing NUL. */
static bool add_pair(struct form *form, char *segment, size_t length, GError **error)
{
	if (form->size == FORM_PAIRS_MAX)
		return fail(error, ERROR_INVALID_REQUEST, "more than %d parameters", FORM_PAIRS_MAX);
	char *equals = memchr(segment, '=', length);
	size_t name_length = equals ? (size_t)(equals - segment) : length, value_length = 0;
	char *value = segment + length;
	if (equals) {
		value = equals + 1;
		value_length = length - name_length - 1;
	}
	if (!form_decode(segment, name_length, &name_length) || !form_decode(value, value_length, &value_length))
		return fail(error, ERROR_INVALID_REQUEST, "parameter %zu is not percent-encoded UTF-8 without NUL", form->size + 1);
	segment[name_length] = '\0';
	value[value_length] = '\0';
	form->pairs[form->size].name = segment;
	form->pairs[form->size++].value = value;
	return true;
}

struct form *form_parse(const char *bytes, size_t length, GError **error)
{
	g_autoptr(form_t) form = g_malloc0(sizeof *form + length + 1);
	form->bytes_length = length;
	if (length)
		memcpy(form->bytes, bytes, length);
	for (char *segment = form->bytes, *end = segment + length; segment < end;) {
		char *ampersand = memchr(segment, '&', (size_t)(end - segment));
		size_t segment_length = (size_t)((ampersand ? ampersand : end) - segment);
		if (segment_length > 0 && !add_pair(form, segment, segment_length, error))
			return NULL;
		segment += segment_length + 1;
	}
	return g_steal_pointer(&form);
}

void form_free(struct form *form)
{
	if (!form)
		return;
	wipe(form->bytes, form->bytes_length);
	g_free(form);
}

const char *form_get(const struct form *form, const char *name)
{
	for (size_t i = 0; i < form->size; i++)
		if (strcmp(form->pairs[i].name, name) == 0)
			return form->pairs[i].value;
	return NULL;
}

const char *form_value(const struct form *form, const char *name)
{
	const char *value = form_get(form, name);
	return value && *value ? value : NULL;
}

size_t form_count(const struct form *form, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < form->size; i++)
		count += strcmp(form->pairs[i].name, name) == 0;
	return count;
}

const char **form_values(const struct form *form, const char *name)
{
	const char **values = g_new0(const char *, form->size + 1);
	size_t count = 0;
	for (size_t i = 0; i < form->size; i++)
		if (strcmp(form->pairs[i].name, name) == 0 && *form->pairs[i].value)
			values[count++] = form->pairs[i].value;
	return values;
}

const char *form_repeated(const struct form *form, const char *const *allowed)
{
	for (size_t i = 0; i < form->size; i++) {
		const char *name = form->pairs[i].name;
		if ((!allowed || !g_strv_contains(allowed, name)) && form_count(form, name) > 1)
			return name;
	}
	return NULL;
}

size_t form_size(const struct form *form)
{
	return form->size;
}

void form_pair(const struct form *form, size_t index, const char **ret_name, const char **ret_value)
{
	g_assert(index < form->size);
	*ret_name = form->pairs[index].name;
	*ret_value = form->pairs[index].value;
}

void form_append(GString *query, const char *name, const char *value)
{
	if (!value)
		return;
	g_autofree char *encoded_name = url_encode(name), *encoded_value = url_encode(value);
	if (query->len > 0 && !strchr("?&", query->str[query->len - 1]))
		g_string_append_c(query, '&');
	g_string_append_printf(query, "%s=%s", encoded_name, encoded_value);
	wipe(encoded_value, strlen(encoded_value));
}
