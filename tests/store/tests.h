/* The groups beside the conformance suite. */
#pragma once
#include "support.h"

extern const struct test_group record_tests, schema_tests, opening_tests, writer_tests, durability_tests, cache_tests, secret_key_tests, fixture_tests;
