/* Frames over the socket between gateway and child: length:u32 word:u32 record. The word is the operation in a question, and in an answer what became of it. */
#pragma once
#include "providers/verifier/record.h"

#define FRAME_HEAD 8

enum frame_word {
	FRAME_READY = 0x70727279,    /* the child's first frame */
	FRAME_BROKEN = 0x62726b6e,   /* the child's first and last frame: it cannot be sandboxed; text "why" */
	FRAME_ANSWERED = 0x616e7377,
	FRAME_REFUSED = 0x72656675,  /* no such operation, or the record is not one of its */
};

enum frame_result { FRAME_ENDED = 0, FRAME_DONE, FRAME_LATE, FRAME_MALFORMED };

/* All of it by the deadline (monotonic; INT64_MAX: none, as in the child). *ret_record is the caller's. The socket of a deadline must be non-blocking. */
enum frame_result frame_read(int fd, size_t max_bytes, int64_t deadline_ms, uint32_t *ret_word, struct record **ret_record);
/* `record` may be NULL: empty. FRAME_MALFORMED where it does not encode within max_bytes: nothing was sent. */
enum frame_result frame_write(int fd, uint32_t word, const struct record *record, size_t max_bytes, int64_t deadline_ms);
