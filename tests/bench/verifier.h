/* The verifier: what it costs to ask another process. */
#pragma once
#include <stdint.h>

struct verifier_times {
	double empty_us; /* wall clock of a question that is no work */
	double token_us; /* of an ID token signed RS256, believed */
};
/* Children of `program`, which are asked for so long each. */
struct verifier_times verifier_measure(const char *program, int64_t measure_ms);
