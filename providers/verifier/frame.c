/* Frames: bounded before anything is allocated, read whole or not at all. Neither side trusts the other's length. */
#include "providers/verifier/frame.h"
#include "base/clock.h"
#include "base/secret.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum frame_result await(int fd, short events, int64_t deadline_ms)
{
	struct pollfd waited = { .fd = fd, .events = events };
	const int64_t left_ms = deadline_ms - clock_monotonic_ms();
	if (left_ms <= 0)
		return FRAME_LATE;
	const int ready = poll(&waited, 1, (int)MIN(left_ms, G_MAXINT));
	if (ready == 0)
		return FRAME_LATE;
	return ready > 0 || errno == EINTR ? FRAME_DONE : FRAME_ENDED;
}

/* The child's socket blocks, so that there `await` is never reached and no clock is read. */
static enum frame_result bytes_read(int fd, uint8_t *bytes, size_t length, int64_t deadline_ms)
{
	while (length > 0) {
		const ssize_t count = read(fd, bytes, length);
		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
			continue;
		}
		if (count == 0 || (errno != EAGAIN && errno != EINTR))
			return FRAME_ENDED;
		const enum frame_result result = errno == EINTR ? FRAME_DONE : await(fd, POLLIN, deadline_ms);
		if (result != FRAME_DONE)
			return result;
	}
	return FRAME_DONE;
}

static enum frame_result bytes_write(int fd, const uint8_t *bytes, size_t length, int64_t deadline_ms)
{
	while (length > 0) {
		const ssize_t count = send(fd, bytes, length, MSG_NOSIGNAL);
		if (count >= 0) {
			bytes += count;
			length -= (size_t)count;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return FRAME_ENDED;
		const enum frame_result result = errno == EINTR ? FRAME_DONE : await(fd, POLLOUT, deadline_ms);
		if (result != FRAME_DONE)
			return result;
	}
	return FRAME_DONE;
}

static uint32_t number_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void number_put(uint8_t *bytes, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(number >> (24 - 8 * i));
}

enum frame_result frame_read(int fd, size_t max_bytes, int64_t deadline_ms, uint32_t *ret_word, struct record **ret_record)
{
	uint8_t head[FRAME_HEAD];
	enum frame_result result = bytes_read(fd, head, sizeof head, deadline_ms);
	if (result != FRAME_DONE)
		return result;
	const size_t length = number_at(head);
	if (length > max_bytes)
		return FRAME_MALFORMED;
	g_autofree uint8_t *bytes = g_malloc(length + 1);
	result = bytes_read(fd, bytes, length, deadline_ms);
	if (result == FRAME_DONE) {
		struct record *record = record_decode(bytes, length, max_bytes, NULL);
		if (record) {
			*ret_word = number_at(head + 4);
			*ret_record = record;
		} else {
			result = FRAME_MALFORMED;
		}
	}
	wipe(bytes, length); /* tokens pass here */
	return result;
}

enum frame_result frame_write(int fd, uint32_t word, const struct record *record, size_t max_bytes, int64_t deadline_ms)
{
	g_autoptr(record_t) nothing = record ? NULL : record_new();
	GByteArray *encoded = record_encode(record ? record : nothing, max_bytes);
	if (!encoded)
		return FRAME_MALFORMED;
	g_autofree uint8_t *frame = g_malloc(FRAME_HEAD + encoded->len);
	const size_t length = FRAME_HEAD + encoded->len;
	number_put(frame, encoded->len);
	number_put(frame + 4, word);
	memcpy(frame + FRAME_HEAD, encoded->data, encoded->len);
	wipe(encoded->data, encoded->len);
	g_byte_array_unref(encoded);
	const enum frame_result result = bytes_write(fd, frame, length, deadline_ms);
	wipe(frame, length);
	return result;
}
