/* How many calls may be at one provider at once: a provider that hangs must not take all workers from the others (DESIGN section 4). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct slots;

struct slots *slots_new(unsigned count);
/* Takes NULL. */
void slots_free(struct slots *slots);
/* Waits a short while where few are waiting already; a caller that waits holds a worker. False: none is free. */
bool slots_take(struct slots *slots, int64_t deadline_ms);
void slots_give_back(struct slots *slots);
