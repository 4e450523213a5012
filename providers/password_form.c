/* Reading the form of a name and a password. What is refused here is refused for everybody alike, before any look-up (LG-1), and an empty password or one with a
 * NUL goes no further (LD-1). */
#include "providers/password_form.h"

#include "base/text.h"
#include "policies/password_rules.h"

#include <string.h>

void password_form_ask(struct provider_answer *answer)
{
	answer->verdict = VERDICT_MORE;
	answer->step.kind = STEP_PASSWORD_FORM;
}

static bool refuse(struct provider_answer *answer, enum verdict verdict)
{
	answer->verdict = verdict;
	answer->reason = REASON_REQUEST_INVALID;
	return false;
}

/* Each field exactly once: of two passwords, another reader of the same form might take the other. */
static bool fields_in_order(const struct provider_complete *input)
{
	size_t usernames = form_count(input->reply, "username"), passwords = form_count(input->reply, "password");
	g_autofree char *seen = g_strdup_printf("username %zu, password %zu", usernames, passwords);

	return check(input->checks, "fields", seen, "username 1, password 1", usernames == 1 && passwords == 1);
}

bool password_form_read(const struct provider_complete *input, const char **ret_username, struct secret **ret_password, struct provider_answer *answer)
{
	if (!fields_in_order(input))
		return refuse(answer, VERDICT_VIOLATION);
	const char *typed = form_get(input->reply, "password");
	struct secret *password = text_password(typed, strlen(typed), PASSWORD_MAX_BYTES);
	if (!check(input->checks, "password form", password ? "well formed" : "empty or too long", "1 to 1,024 bytes", password != NULL))
		return refuse(answer, VERDICT_MISMATCH);
	*ret_username = form_get(input->reply, "username");
	*ret_password = password;
	return true;
}

bool password_change_read(const struct provider_complete *input, const char **ret_username, struct secret **ret_password, struct secret **ret_new,
                          struct provider_answer *answer)
{
	const char *typed = form_count(input->reply, "new_password") == 1 ? form_get(input->reply, "new_password") : NULL;
	g_autoptr(secret_t) fresh = typed ? text_password(typed, strlen(typed), PASSWORD_MAX_BYTES) : NULL;

	if (!check(input->checks, "new password form", fresh ? "well formed" : "missing, twice, empty or too long", "1 to 1,024 bytes", fresh != NULL))
		return refuse(answer, VERDICT_VIOLATION);
	if (!password_form_read(input, ret_username, ret_password, answer))
		return false;
	*ret_new = g_steal_pointer(&fresh);
	return true;
}
