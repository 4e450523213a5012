/* What a child can be asked, each a pure function from a question to an answer. Called in the cage: no file, no network, one thread; it may die. */
#pragma once
#include "providers/verifier/record.h"

struct operation {
	const char *name;
	/* Once, before the cage closes: the library's own start, and a first run of everything that is loaded or opened at its first use. NULL: nothing. */
	void (*start)(void);
	/* False: the record is no question of this operation. `answer` is empty. */
	bool (*run)(const struct record *question, struct record *answer);
};

void token_start(void);
bool token_judge(const struct record *question, struct record *answer);
bool keys_judge(const struct record *question, struct record *answer);
void saml_start(void);
bool saml_response_judge(const struct record *question, struct record *answer);
bool saml_logout_judge(const struct record *question, struct record *answer);
bool saml_metadata_judge(const struct record *question, struct record *answer);
#ifdef PASSERELLE_TEST_BUILD
void try_start(void);
bool try_run(const struct record *question, struct record *answer);
#endif
