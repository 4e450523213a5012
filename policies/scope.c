/* Scopes by the grammar of RFC 6749 section 3.3: words of %x21 / %x23-5B / %x5D-7E, one space between. Each word once, so that a long list cannot
 * be made of a short one, and bounded, because every later step walks it. */
#include "policies/scope.h"

#include <string.h>

#define SCOPE_BYTES_MAX 2048
#define SCOPE_WORDS_MAX 128

const char *const scope_standard[] = {"openid", "profile", "email", "groups", "offline_access", NULL};

static bool is_word_byte(unsigned char byte)
{
	return byte >= 0x21 && byte <= 0x7e && byte != '"' && byte != '\\';
}

bool scope_each(const char *scope, bool (*each)(const char *word, size_t length, void *data), void *data)
{
	bool result = true;
	const char *at = scope ? scope : "";

	while (result && *(at += strspn(at, " "))) {
		size_t length = strcspn(at, " ");
		result = each(at, length, data);
		at += length;
	}
	return result;
}

struct wanted {
	const char *word;
	size_t length;
};

/* False stops scope_each, so "false" from the walk means "found". */
static bool differs(const char *word, size_t length, void *data)
{
	const struct wanted *wanted = data;
	return length != wanted->length || memcmp(word, wanted->word, length) != 0;
}

static bool has_bytes(const char *scope, const char *word, size_t length)
{
	struct wanted wanted = {word, length};
	return length > 0 && !scope_each(scope, differs, &wanted);
}

bool scope_has(const char *scope, const char *word)
{
	return word && has_bytes(scope, word, strlen(word));
}

/* The first occurrence of a word after itself makes it a repeat. */
static bool word_is_new(const char *word, size_t length, void *data)
{
	unsigned *count = data;
	return ++*count <= SCOPE_WORDS_MAX && !has_bytes(word + length, word, length);
}

bool scope_well_formed(const char *scope)
{
	unsigned count = 0;
	size_t length = scope ? strnlen(scope, SCOPE_BYTES_MAX + 1) : 0;

	if (length == 0 || length > SCOPE_BYTES_MAX || scope[0] == ' ' || scope[length - 1] == ' ' || strstr(scope, "  "))
		return false;
	for (size_t i = 0; i < length; i++)
		if (scope[i] != ' ' && !is_word_byte((unsigned char)scope[i]))
			return false;
	return scope_each(scope, word_is_new, &count);
}

static bool word_is_allowed(const char *word, size_t length, void *data)
{
	const char *const *allowed = data;
	return has_bytes(*allowed, word, length);
}

enum reason scope_decide(const char *asked, const char *allowed)
{
	/* Nothing asked is nothing given: what an omitted scope stands for is the caller's to fill in. */
	if (!asked || !*asked)
		return REASON_OK;
	if (!scope_well_formed(asked) || !scope_each(asked, word_is_allowed, &allowed))
		return REASON_SCOPE_REFUSED;
	return REASON_OK;
}
