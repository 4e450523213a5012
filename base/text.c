/* Canonical text on libunistring, the only user of it. Everything is validated and bounded before it is normalised: normalisation may
 * grow a text tenfold, and its cost is the sender's to choose otherwise. */
#include "base/text.h"
#include "base/secret.h"
#include <string.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define LOGIN_MAX 256
#define PASSES_MAX 4

static void free_wiped(uint8_t *bytes, size_t length)
{
	wipe(bytes, length);
	free(bytes);
}

/* What nobody sees would make two names that look alike and are not: controls, formats, unassigned, private use, and the ignorable
 * letters and marks (fillers, variation selectors) that casefolding leaves in. */
static bool login_character_is_refused(ucs4_t character)
{
	uc_general_category_t refused = uc_general_category_or(UC_OTHER, uc_general_category_or(UC_LINE_SEPARATOR, UC_PARAGRAPH_SEPARATOR));
	return uc_is_general_category(character, refused) || uc_is_property_default_ignorable_code_point(character);
}

static bool login_text_is_fit(const uint8_t *text, size_t length)
{
	ucs4_t character;
	for (size_t i = 0; i < length;) {
		i += (size_t)u8_mbtouc(&character, text + i, length - i);
		if (login_character_is_refused(character))
			return false;
	}
	return true;
}

/* Every space separator as U+0020: the Ogham space mark has no compatibility form and would outlive NFKC. Result from malloc. */
static uint8_t *map_spaces(const uint8_t *text, size_t length, size_t *ret_length)
{
	uint8_t *mapped = malloc(length + 1);
	if (!mapped)
		g_error("out of memory");
	size_t written = 0;
	ucs4_t character;
	for (size_t i = 0; i < length;) {
		size_t step = (size_t)u8_mbtouc(&character, text + i, length - i);
		if (uc_is_general_category(character, UC_SPACE_SEPARATOR)) {
			mapped[written++] = ' ';
		} else {
			memcpy(mapped + written, text + i, step);
			written += step;
		}
		i += step;
	}
	*ret_length = written;
	return mapped;
}

/* One application of NFKC, case folding, NFKC, spaces and trimming. */
static char *fold_once(const char *text)
{
	size_t length = 0, mapped_length = 0;
	uint8_t *folded = u8_casefold((const uint8_t *)text, strlen(text), NULL, UNINORM_NFKC, NULL, &length);
	if (!folded)
		return NULL;
	uint8_t *mapped = map_spaces(folded, length, &mapped_length);
	char *result = g_strstrip(g_strndup((const char *)mapped, mapped_length));
	free(mapped);
	free(folded);
	return result;
}

char *text_login_key(const char *typed)
{
	if (!typed || strnlen(typed, LOGIN_MAX + 1) > LOGIN_MAX || !g_utf8_validate(typed, -1, NULL))
		return NULL;
	g_autofree char *current = g_strdup(typed);
	/* Folding may make a text that folds further. A key that is not its own key would give one person two counters, so fold until it rests.
	 * Folding removes no character, so one look at the result sees whatever must not enter. */
	for (int pass = 0; pass < PASSES_MAX; pass++) {
		g_autofree char *folded = fold_once(current);
		if (!folded || !*folded || strlen(folded) > LOGIN_MAX || !login_text_is_fit((const uint8_t *)folded, strlen(folded)))
			return NULL;
		if (strcmp(folded, current) == 0)
			return g_steal_pointer(&folded);
		g_free(current);
		current = g_steal_pointer(&folded);
	}
	return NULL;
}

struct secret *text_password(const char *typed, size_t length, size_t max_bytes)
{
	if (!typed || length == 0 || length > max_bytes || !g_utf8_validate_len(typed, length, NULL)) /* NUL too */
		return NULL;
	size_t mapped_length = 0, normal_length = 0;
	uint8_t *mapped = map_spaces((const uint8_t *)typed, length, &mapped_length);
	uint8_t *normal = u8_normalize(UNINORM_NFC, mapped, mapped_length, NULL, &normal_length);
	struct secret *password = normal ? secret_new(normal, normal_length) : NULL;
	free_wiped(normal, normal_length);
	free_wiped(mapped, mapped_length);
	return password;
}

size_t text_length(const char *text, size_t bytes)
{
	size_t characters = 0;
	for (size_t i = 0; i < bytes; i++)
		characters += ((uint8_t)text[i] & 0xc0) != 0x80;
	return characters;
}

/* Controls, line and paragraph separators, and the bidirectional embeddings, overrides and isolates, which make a line read as another. */
static bool breaks_a_line(gunichar character)
{
	return g_unichar_iscntrl(character) || character == 0x2028 || character == 0x2029 || (character >= 0x202a && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

bool text_is_plain(const char *text, size_t max_bytes)
{
	if (!text || strnlen(text, max_bytes + 1) > max_bytes || !g_utf8_validate(text, -1, NULL))
		return false;
	ucs4_t character;
	for (const uint8_t *rest = (const uint8_t *)text; (rest = u8_next(&character, rest));)
		if (breaks_a_line(character))
			return false;
	return true;
}
