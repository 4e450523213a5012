/* The gateway's half of saml_check.h: the same questions, asked of the verifier. The answer is the same JSON, read as a stranger's (saml_form.h). Workers only. */
#pragma once
#include "providers/verifier/saml_check.h"
#include "providers/verifier/verifier.h"

/* *ret_answer with VERIFIER_ANSWERED only; the caller owns it. A child that breaks the form counts as VERIFIER_CRASHED. */
enum verifier_result saml_response_ask(struct verifier *verifier, const struct saml_response_question *question, int64_t deadline_ms, json_t **ret_answer);
enum verifier_result saml_logout_ask(struct verifier *verifier, const struct saml_logout_question *question, int64_t deadline_ms, json_t **ret_answer);
enum verifier_result saml_metadata_ask(struct verifier *verifier, const char *bytes, size_t length, const char *entity_id, int64_t now_ms, int64_t deadline_ms,
                                       json_t **ret_answer);
