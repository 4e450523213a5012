/* The one comparison of secrets (SECURITY KY-2): its time depends on the lengths only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

bool secrets_equal(const void *a, size_t a_length, const void *b, size_t b_length);
