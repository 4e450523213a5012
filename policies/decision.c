/* The names and sentences of reasons.def, by code. A code from outside the table, which only a memory error can make, denies like the zero one. */
#include "policies/decision.h"

#include <glib.h>
#include <string.h>

struct row {
	const char *name;
	bool allows;
	const char *sentence;
};

static const struct row rows[] = {
#define REASON(name, machine_name, allows, sentence) [REASON_##name] = {machine_name, allows, sentence},
#include "policies/reasons.def"
#undef REASON
};

static const struct row *row_of(enum reason reason)
{
	size_t index = (size_t)reason;
	return &rows[index < G_N_ELEMENTS(rows) ? index : REASON_UNDECIDED];
}

bool reason_allows(enum reason reason)
{
	return row_of(reason)->allows;
}

const char *reason_name(enum reason reason)
{
	return row_of(reason)->name;
}

const char *reason_sentence(enum reason reason)
{
	return row_of(reason)->sentence;
}

enum reason reason_named(const char *machine_name)
{
	for (size_t i = 0; machine_name && i < G_N_ELEMENTS(rows); i++)
		if (strcmp(rows[i].name, machine_name) == 0)
			return (enum reason)i;
	return REASON_UNDECIDED;
}
