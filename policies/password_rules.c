/* What a new password must be. Strength is an estimate of the bits a guesser who knows the usual lists, keyboards, dates and the words around the
 * account would have to search (libzxcvbn); below a floor it counts as common. On top of the library, which was made for QWERTY and English, stand
 * four cheap looks of our own: repetitions, interleaved walks ("q1w2e3r4"), few different bytes, and words of French keyboards and habits. */
#include "policies/password_rules.h"

#include "base/secret.h"
#include "base/text.h"

#include <string.h>
#include <zxcvbn.h>

/* Throttling leaves an online guesser some thousand tries a year, and what is stolen is peppered. A random password of 8 has no room for much more
 * than the lower floor (as libzxcvbn counts, which finds short words in it); a long one that does not reach the upper is a pattern. */
#define FLOOR_SHORT_BITS 26.0
#define FLOOR_LONG_BITS 38.0
#define SHORT_CHARACTERS 8
#define LONG_CHARACTERS 15
#define DISTINCT_MIN 5
#define REPETITION_BYTES_MIN 4
#define REPETITION_BITS 2.0
#define CONTEXT_CHARACTERS_MIN 4

/* Lower case, as libzxcvbn wants its words. */
static const char *const words_of_habit[] = {
	"azertyuiop", "azerty", "qsdfghjklm", "wxcvbn", "azertyuiopqsdfghjklmwxcvbn", "aqwzsxedcrfv", "motdepasse", "passerelle", "bonjour", "jetaime",
	"soleil", "doudou", "loulou", "chouchou", "coucou", "marseille", "bienvenue", "bisous", "chocolat", "administrateur", "utilisateur", "secret",
	"changemenow", "changethis", "temporary", "default", "correcthorsebatterystaple", "letmein", "welcome", "company", "qazwsx", "edcrfv", "tgbyhn",
	"iloveyou", "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "zaq1", "xsw2", "cde3", "vfr4", "bgt5", "contrase\xc3\xb1" "a", "passwort",
	"wachtwoord", "senha", "parola", NULL,
};

static double floor_bits(size_t characters)
{
	double share = ((double)characters - SHORT_CHARACTERS) / (LONG_CHARACTERS - SHORT_CHARACTERS);

	return FLOOR_SHORT_BITS + CLAMP(share, 0.0, 1.0) * (FLOOR_LONG_BITS - FLOOR_SHORT_BITS);
}

static double strength(const char *password, const GPtrArray *words)
{
	void *list = words->pdata; /* NULL-closed strings, only read */
	return ZxcvbnMatch(password, list, NULL);
}

/* How many bytes from `at` on stood before in the same text, at best. */
static size_t length_seen_before(const char *text, size_t length, size_t at)
{
	size_t best = 0;

	for (size_t from = 0; from < at; from++) {
		size_t count = 0;
		while (at + count < length && text[from + count] == text[at + count])
			count++;
		best = MAX(best, count);
	}
	return best;
}

/* The password without what only repeats an earlier part of it ("naruto123 naruto123!"): each repetition tells a guesser a few bits. */
static double strength_once(const char *password, size_t length, const GPtrArray *words)
{
	char once[PASSWORD_MAX_BYTES + 1];
	size_t count = 0, repetitions = 0;

	for (size_t at = 0; at < length;) {
		size_t seen = length_seen_before(password, length, at);
		if (seen >= REPETITION_BYTES_MIN) {
			at += seen;
			repetitions++;
		} else {
			once[count++] = password[at++];
		}
	}
	once[count] = '\0';
	double bits = strength(once, words) + (double)repetitions * REPETITION_BITS;
	wipe(once, sizeof once);
	return bits;
}

/* Every second byte, starting at `first`: two keyboard walks typed in turns come apart into two weak halves. */
static double strength_of_every_second(const char *password, size_t length, size_t first, const GPtrArray *words)
{
	char half[PASSWORD_MAX_BYTES + 1];
	size_t count = 0;

	for (size_t i = first; i < length; i += 2)
		half[count++] = password[i];
	half[count] = '\0';
	double bits = strength(half, words);
	wipe(half, sizeof half);
	return bits;
}

static bool has_few_bytes(const char *password, size_t length)
{
	bool seen[256] = {false};
	size_t count = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)password[i];
		count += !seen[byte];
		seen[byte] = true;
	}
	wipe(seen, sizeof seen);
	return count < DISTINCT_MIN;
}

static bool is_weak(const char *password, size_t length, const GPtrArray *words)
{
	double least = floor_bits(text_length(password, length));

	if (strength(password, words) < least || strength_once(password, length, words) < least)
		return true;
	return strength_of_every_second(password, length, 0, words) + strength_of_every_second(password, length, 1, words) < least;
}

static void add_word(GPtrArray *words, const char *word)
{
	if (g_utf8_strlen(word, -1) >= CONTEXT_CHARACTERS_MIN)
		g_ptr_array_add(words, g_utf8_strdown(word, -1));
}

/* A word of the context and the parts it is made of: "alice.martin@acme.example" stands for alice and martin too. */
static void add_context(GPtrArray *words, const char *text)
{
	if (strnlen(text, 257) > 256 || !g_utf8_validate(text, -1, NULL))
		return;
	g_auto(GStrv) parts = g_strsplit_set(text, ".@-_+ ", -1);
	add_word(words, text);
	for (size_t i = 0; parts[i] && parts[1]; i++)
		add_word(words, parts[i]);
}

/* NULL-closed, context first when given. */
static GPtrArray *words_new(const char *const *context)
{
	GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; context && context[i]; i++)
		add_context(words, context[i]);
	for (size_t i = 0; words_of_habit[i]; i++)
		g_ptr_array_add(words, g_strdup(words_of_habit[i]));
	g_ptr_array_add(words, NULL);
	return words;
}

static enum password_problem judge_strength(bool refuse_common, const char *password, size_t length, const char *const *context)
{
	g_autoptr(GPtrArray) common = words_new(NULL);
	g_autoptr(GPtrArray) all = words_new(context);

	if (has_few_bytes(password, length) || is_weak(password, length, common))
		return refuse_common ? PASSWORD_COMMON : 0;
	return is_weak(password, length, all) ? PASSWORD_OF_CONTEXT : 0;
}

enum password_problem password_judge(const struct password_rules *rules, const char *password, const char *const *context)
{
	size_t bytes = strnlen(password, PASSWORD_MAX_BYTES + 1);

	/* Before anything that costs by length. */
	if (bytes > PASSWORD_MAX_BYTES)
		return PASSWORD_TOO_LONG;
	size_t characters = text_length(password, bytes);
	if (characters == 0 || characters < rules->min_length)
		return PASSWORD_TOO_SHORT;
	if (characters > rules->max_length)
		return PASSWORD_TOO_LONG;
	return judge_strength(rules->refuse_common, password, bytes, context);
}

const char *password_problem_text(enum password_problem problem)
{
	switch (problem) {
	case PASSWORD_TOO_SHORT:
		return "The password is too short.";
	case PASSWORD_TOO_LONG:
		return "The password is too long.";
	case PASSWORD_COMMON:
		return "The password is one that many people use, or is too easy to guess.";
	case PASSWORD_OF_CONTEXT:
		return "The password is made of your name, your address or the name of your organisation.";
	}
	return "";
}
