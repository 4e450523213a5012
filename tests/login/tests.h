/* The groups of this program, one a file. */
#pragma once
#include "tests/call/bench.h"

extern const struct test_group throttling_group;
