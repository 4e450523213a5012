/* Random bytes from OpenSSL's generator, which is one per thread: no lock is taken here.
 *
 * Each call of it costs 3,000 instructions and a system call (whether the process has forked), whatever it is asked for. So a thread draws a small stock and
 * hands it out; what was handed out is wiped, so that memory never tells what was given before.
 */
#include "crypto/random.h"
#include "base/encoding.h"
#include "base/secret.h"
#include "crypto/broken.h"
#include <limits.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#define STOCK_SIZE 512
#define FROM_STOCK_MAX 64 /* more than that is drawn by itself */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct {
	uint8_t bytes[STOCK_SIZE];
	size_t left;
} stock;

/* A child process would hand out what its parent does. The thread that forked is the only one it has. */
static void stock_forget(void)
{
	stock.left = 0;
}

static void stock_watch(void)
{
	if (pthread_atfork(NULL, NULL, stock_forget) != 0)
		crypto_broken("random source");
}

static void draw(void *out, size_t length)
{
	if (length > INT_MAX || RAND_bytes(out, (int)length) != 1)
		crypto_broken("random source");
}

void random_bytes(void *out, size_t length)
{
	if (length > FROM_STOCK_MAX) {
		draw(out, length);
		return;
	}
	if (stock.left < length) {
		pthread_once(&once, stock_watch);
		draw(stock.bytes, STOCK_SIZE);
		stock.left = STOCK_SIZE;
	}
	stock.left -= length;
	memcpy(out, stock.bytes + stock.left, length);
	wipe(stock.bytes + stock.left, length);
}

void random_identifier(char out[IDENTIFIER_SIZE])
{
	uint8_t bytes[16];
	random_bytes(bytes, sizeof bytes);
	base32_encode(bytes, sizeof bytes, out);
	wipe(bytes, sizeof bytes);
}

void timed_identifier(int64_t now_ms, char out[IDENTIFIER_SIZE])
{
	uint8_t bytes[16];
	uint64_t moment = GUINT64_TO_BE((uint64_t)now_ms << 24);
	random_bytes(bytes, sizeof bytes);
	memcpy(bytes, &moment, 5);
	base32_encode(bytes, sizeof bytes, out);
}

/* Seven bytes are twelve characters; the first ten hold fifty bits of them. */
static void reference_write(const uint8_t bytes[7], char out[REFERENCE_SIZE])
{
	char text[13];
	base32_encode(bytes, 7, text);
	memcpy(out, text, REFERENCE_SIZE - 1);
	out[REFERENCE_SIZE - 1] = '\0';
}

void random_reference(char out[REFERENCE_SIZE])
{
	uint8_t bytes[7];
	random_bytes(bytes, sizeof bytes);
	reference_write(bytes, out);
}

void timed_reference(int64_t now_ms, char out[REFERENCE_SIZE])
{
	uint64_t bits;
	random_bytes(&bits, sizeof bits);
	bits = GUINT64_TO_BE(((uint64_t)now_ms >> 6) << 38 | bits >> 26);
	reference_write((const uint8_t *)&bits, out);
}
