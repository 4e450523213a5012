/* What a new password must be (SECURITY PW-5 to PW-7): long enough, not common, not made of the words around it. No composition rules. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum password_problem { PASSWORD_TOO_SHORT = 1, PASSWORD_TOO_LONG, PASSWORD_COMMON, PASSWORD_OF_CONTEXT };
#define PASSWORD_MAX_BYTES 1024

struct password_rules {
	unsigned min_length, max_length; /* characters */
	bool refuse_common;              /* blocklist: common */
};

/* 0: fine. `context` is a NULL-closed list of words (tenant, login name, mail name); each counts when it is 4 characters or longer.
 * `password` is UTF-8 in NFC, NUL-terminated. "Common" is judged by libzxcvbn, offline. */
enum password_problem password_judge(const struct password_rules *rules, const char *password, const char *const *context);
const char *password_problem_text(enum password_problem problem);
