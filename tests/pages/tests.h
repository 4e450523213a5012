/* The groups of this program, one a file. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct test_group {
	const struct CMUnitTest *tests;
	size_t count;
};

extern const struct test_group hostile_group, language_group, catalogue_group, form_group;
