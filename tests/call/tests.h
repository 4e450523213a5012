/* The groups of this program, one a file. */
#pragma once
#include "tests/call/bench.h"

extern const struct test_group door_group, entitlement_group, provision_group, sources_group, watch_group;
