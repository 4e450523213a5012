/* Random bytes. A failing source aborts the process: nothing may go on with predictable secrets (SECURITY KY-5). */
#pragma once
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *out, size_t length);

#define IDENTIFIER_SIZE 27
/* 128 random bits as 26 lower-case base32 characters: accounts, sessions, grants, tenants. */
void random_identifier(char out[IDENTIFIER_SIZE]);
#define REFERENCE_SIZE 11
/* 50 random bits as 10 lower-case base32 characters: what a person can read to an administrator. */
void random_reference(char out[REFERENCE_SIZE]);
