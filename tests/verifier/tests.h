/* The parts of test_verifier. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>

struct test_list {
	const struct CMUnitTest *tests;
	size_t count;
};
extern const struct test_list record_list, token_list, claim_list, process_list;
/* The keys that the tests of tokens know of, as a document; made once. */
void token_keys_open(void);
void token_keys_close(void);
