/* A decision: the zero value denies (REASON_UNDECIDED). Every reason is in reasons.def with its machine name and a sentence for administrators. */
#pragma once
#include <stdbool.h>

enum reason {
#define REASON(name, machine_name, allows, sentence) REASON_##name,
#include "policies/reasons.def"
#undef REASON
};

bool reason_allows(enum reason reason);
/* As in the connection log, e.g. "wrong_password". */
const char *reason_name(enum reason reason);
const char *reason_sentence(enum reason reason);
/* REASON_UNDECIDED for an unknown name. */
enum reason reason_named(const char *machine_name);
