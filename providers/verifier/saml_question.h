/* The questions of saml_check.h as records: written by the gateway, read by the child. */
#pragma once
#include "providers/verifier/record.h"
#include "providers/verifier/saml_check.h"

struct record *saml_response_question_write(const struct saml_response_question *question);
struct record *saml_logout_question_write(const struct saml_logout_question *question);
/* Borrow from the record; what they allocate is freed by the clear functions. False: no such question. */
bool saml_response_question_read(const struct record *record, struct saml_response_question *ret);
void saml_response_question_clear(struct saml_response_question *question);
bool saml_logout_question_read(const struct record *record, struct saml_logout_question *ret);
void saml_logout_question_clear(struct saml_logout_question *question);
