/* The memory of one request: see arena.h. Large pieces get a block of their own, small ones share one. */
#include "gateway/http/arena.h"
#include "base/secret.h"
#include <glib.h>
#include <string.h>

#define BLOCK_ROOM 4096

struct arena_block {
	struct arena_block *next;
	size_t room, used;
	char bytes[] __attribute__((aligned(16)));
};

void arena_init(struct arena *arena)
{
	arena->used = 0;
	arena->blocks = NULL;
}

static struct arena_block *block_new(struct arena *arena, size_t length)
{
	size_t room = MAX(length, (size_t)BLOCK_ROOM);
	struct arena_block *block = g_malloc(sizeof *block + room);
	block->room = room;
	block->used = 0;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t length)
{
	g_assert(length < SIZE_MAX / 2);
	size_t rounded = (length + 7) & ~(size_t)7;
	if (rounded <= ARENA_ROOM - arena->used) {
		void *piece = arena->room + arena->used;
		arena->used += rounded;
		return piece;
	}
	struct arena_block *block = arena->blocks;
	if (!block || block->room - block->used < rounded)
		block = block_new(arena, rounded);
	void *piece = block->bytes + block->used;
	block->used += rounded;
	return piece;
}

char *arena_text(struct arena *arena, const char *bytes, size_t length)
{
	char *text = arena_take(arena, length + 1);
	memcpy(text, bytes, length);
	text[length] = '\0';
	return text;
}

void arena_reset(struct arena *arena)
{
	wipe(arena->room, arena->used);
	arena->used = 0;
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		wipe(block->bytes, block->used);
		g_free(block);
	}
}
