/* Numbers with a unit. The largest duration is bounded so that it, in milliseconds and added to any clock of ours, still fits 64 bits:
 * nobody above has to check again. */
#include "base/units.h"
#include <glib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Smallest first, so that formatting ends on the largest that divides. */
static const struct unit durations[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { NULL, 0 } };
static const struct unit sizes[] = { { "B", 1 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 }, { NULL, 0 } };

#define DURATION_MAX (INT64_MAX / 2000)

static bool parse(const char *text, const struct unit *units, int64_t limit, int64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || (digits > 1 && text[0] == '0'))
		return false;
	int64_t number = 0;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, text[i] - '0', &number))
			return false;
	for (const struct unit *unit = units; unit->name; unit++) {
		if (strcmp(text + digits, unit->name) != 0)
			continue;
		if (__builtin_mul_overflow(number, unit->factor, &number) || number > limit)
			return false;
		*ret = number;
		return true;
	}
	return false;
}

static void format(int64_t number, const struct unit *units, char out[UNIT_TEXT_SIZE])
{
	int64_t shown = MAX(number, 0);
	const struct unit *best = units;
	for (const struct unit *unit = units; unit->name && shown > 0; unit++)
		if (shown % unit->factor == 0)
			best = unit;
	g_snprintf(out, UNIT_TEXT_SIZE, "%" G_GINT64_FORMAT "%s", shown / best->factor, best->name);
}

bool duration_parse(const char *text, int64_t *ret_seconds)
{
	return parse(text, durations, DURATION_MAX, ret_seconds);
}

bool size_parse(const char *text, int64_t *ret_bytes)
{
	return parse(text, sizes, INT64_MAX, ret_bytes);
}

void duration_format(int64_t seconds, char out[UNIT_TEXT_SIZE])
{
	format(seconds, durations, out);
}

void size_format(int64_t bytes, char out[UNIT_TEXT_SIZE])
{
	format(bytes, sizes, out);
}
