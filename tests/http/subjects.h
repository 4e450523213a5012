/* The tests of this floor, one list a subject. Each file defines `const struct CMUnitTest NAME_tests[]`, closed by a test without a function. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SUBJECTS(X) X(guard) X(limits) X(request) X(reply) X(body) X(connections) X(workers) X(stop) X(listen) X(forwarded)

#define DECLARE(name) extern const struct CMUnitTest name##_tests[];
SUBJECTS(DECLARE)
#undef DECLARE
#define TESTS_END { NULL, NULL, NULL, NULL, NULL }
