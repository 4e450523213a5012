/* The browser's side of a trial (gateway/call/trial.h). */
#pragma once
#include "gateway/login/upstream.h"

/* GET /login/{provider}?trial=HANDLE: this browser's from now on, and on to the provider. Replies. */
void trial_open(struct call *call, const struct source *source, const char *handle);
/* How it ended: the report is written, the browser told to go back to the terminal. `claims` is what was said, NULL: nothing came so far. Replies. */
void trial_end(struct login *login, const struct source *source, const struct provider_answer *answer, const json_t *claims);
