/* The subjects tested here, one a file; main.c runs them as one group, since the TAP protocol allows one plan a program. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct test_list {
	const struct CMUnitTest *tests;
	size_t count;
};
#define TEST_COUNT(tests) (sizeof(tests) / sizeof((tests)[0]))

extern const struct test_list account_list, acr_list, allowance_list, claims_list, claims_request_list, expiry_list,
	linking_list, mapping_list, decision_list, next_list, password_rules_list, pkce_list, redirect_list, scope_list,
	session_list, source_list, throttle_list, token_list;
