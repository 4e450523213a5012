/* SHA-256, HMAC-SHA-256 and HKDF-SHA-256 (RFC 5869) on OpenSSL EVP. They abort on a library failure, which only a broken installation causes. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SIZE 32

void digest_sha256(const void *bytes, size_t length, uint8_t out[DIGEST_SIZE]);
void digest_hmac(const void *key, size_t key_length, const void *bytes, size_t length, uint8_t out[DIGEST_SIZE]);
void digest_hkdf(const void *key, size_t key_length, const char *info, uint8_t *out, size_t out_length);

/* A digest over several parts, each preceded by its length as 8 big-endian bytes, so that no two lists of parts collide. */
struct digest_parts;
struct digest_parts *digest_parts_new(const char *purpose);
void digest_parts_add(struct digest_parts *parts, const void *bytes, size_t length);
/* NULL text counts as a part of its own kind, different from "". */
void digest_parts_add_text(struct digest_parts *parts, const char *text);
void digest_parts_add_integer(struct digest_parts *parts, int64_t value);
/* Writes the digest and frees the parts. */
void digest_parts_finish(struct digest_parts *parts, uint8_t out[DIGEST_SIZE]);
/* The HMAC of that digest: nobody without the key can make it. */
void digest_parts_finish_keyed(struct digest_parts *parts, const void *key, size_t key_length, uint8_t out[DIGEST_SIZE]);
