/* Random bytes. A failing source aborts the process: nothing may go on with predictable secrets (SECURITY KY-5). */
#pragma once
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t length);

#define IDENTIFIER_SIZE 27
/* 128 random bits as 26 lower-case base32 characters: accounts, sessions, grants, tenants. */
void random_identifier(char out[IDENTIFIER_SIZE]);
/* The same form, for what is named and not what is known: begins with the millisecond (40 bits, 35 years), the other 88 bits are random. What was made
 * together lies together in an index, so that a commit writes one page of it and not one for each row. */
void timed_identifier(int64_t now_ms, char out[IDENTIFIER_SIZE]);
#define REFERENCE_SIZE 11
/* 50 random bits as 10 lower-case base32 characters: what a person can read to an administrator. */
void random_reference(char out[REFERENCE_SIZE]);
/* The same, beginning with the moment: 26 bits of 64 ms (50 days), 24 random ones. */
void timed_reference(int64_t now_ms, char out[REFERENCE_SIZE]);
