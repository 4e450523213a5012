/* The parts of test_verifier. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>

int record_tests(void);
int token_tests(void);
int claim_tests(void);
int process_tests(void);
