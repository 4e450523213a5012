/* The memory of one request: pieces are taken, never given back singly, and all of it is wiped when the request ends, since bodies, cookies and
 * Location headers carry passwords, codes and tokens. The first ARENA_ROOM bytes lie in the arena itself, so that a small request costs no
 * allocation at all. */
#pragma once
#include <stddef.h>

#define ARENA_ROOM 2048

struct arena_block;
struct arena {
	size_t used;
	struct arena_block *blocks; /* what did not fit into `room` */
	char room[ARENA_ROOM] __attribute__((aligned(16)));
};

void arena_init(struct arena *arena);
/* Never NULL. Not zeroed. */
void *arena_take(struct arena *arena, size_t length);
/* A NUL-terminated copy. */
char *arena_text(struct arena *arena, const char *bytes, size_t length);
/* Wipes everything and is then empty. */
void arena_reset(struct arena *arena);
