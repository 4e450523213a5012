/* Signatures by OpenSSL and hashes by libargon2, with nothing around them. */
#include "ceilings.h"
#include <argon2.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* The gateway's defaults: m=19456 KiB, t=2, p=1. */
#define MEMORY_KIB 19456
#define ITERATIONS 2

static int64_t own_cpu_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void repeat(int64_t measure_ms, void (*once)(void *data), void *data, struct work *ret)
{
	once(data);
	int64_t began = now_ns(), cpu = own_cpu_ns();
	while (now_ns() - began < measure_ms * 1000000) {
		once(data);
		ret->operations++;
	}
	ret->wall_ns = now_ns() - began;
	ret->cpu_ns = own_cpu_ns() - cpu;
}

/* One signature of what a token is: some 400 bytes, digested and signed by a key that is there. */
static void sign_once(void *key)
{
	static const uint8_t message[400] = { 1 };
	uint8_t signature[512];
	size_t length = sizeof signature;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 || EVP_DigestSign(context, signature, &length, message, sizeof message) != 1)
		g_error("signing failed");
	EVP_MD_CTX_free(context);
}

void ceiling_p256(const void *data, struct work *ret)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	repeat(((const struct ceiling_time *)data)->measure_ms, sign_once, key, ret);
	EVP_PKEY_free(key);
}

void ceiling_rsa2048(const void *data, struct work *ret)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	repeat(((const struct ceiling_time *)data)->measure_ms, sign_once, key, ret);
	EVP_PKEY_free(key);
}

/* The block is mapped once and kept, as the gateway's is. */
static uint8_t *block;

static int take_block(uint8_t **memory, size_t bytes)
{
	if (!block)
		block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*memory = block;
	return block == MAP_FAILED ? ARGON2_MEMORY_ALLOCATION_ERROR : ARGON2_OK;
}

static void keep_block(uint8_t *memory, size_t bytes)
{
	(void)memory, (void)bytes;
}

static void hash_once(void *data)
{
	uint8_t tag[32], salt[16] = { 1 }, password[28] = "correct horse battery staple";
	(void)data;
	argon2_context context = { .out = tag, .outlen = sizeof tag, .pwd = password, .pwdlen = sizeof password, .salt = salt, .saltlen = sizeof salt,
		.t_cost = ITERATIONS, .m_cost = MEMORY_KIB, .lanes = 1, .threads = 1, .version = ARGON2_VERSION_13, .allocate_cbk = take_block,
		.free_cbk = keep_block, .flags = ARGON2_DEFAULT_FLAGS };
	if (argon2_ctx(&context, Argon2_id) != ARGON2_OK)
		g_error("argon2 failed");
}

void ceiling_argon2(const void *data, struct work *ret)
{
	repeat(((const struct ceiling_time *)data)->measure_ms, hash_once, NULL, ret);
}
