/* What an administrator can do about a reason. */
#pragma once
#include "policies/decision.h"

/* A sentence, or NULL where there is nothing to do. */
const char *log_advice(enum reason reason);
