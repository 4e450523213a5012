/* The form of a name and a password, as every driver that asks a password reads it. */
#pragma once
#include "providers/provider.h"

/* Takes both fields, each of which must be there exactly once, and the password in its canonical form. False with the answer's verdict and reason set: no account
 * could have accepted this form, so nothing is looked up for it. *ret_username is borrowed from the form and as it was typed; *ret_password is the caller's. */
bool password_form_read(const struct provider_complete *input, const char **ret_username, struct secret **ret_password, struct provider_answer *answer);
/* The same with `new_password`, also exactly once. Anything but well formed is refused before a look-up, as above; *ret_new is the caller's. */
bool password_change_read(const struct provider_complete *input, const char **ret_username, struct secret **ret_password, struct secret **ret_new,
                          struct provider_answer *answer);
/* The step that asks for it. */
void password_form_ask(struct provider_answer *answer);
