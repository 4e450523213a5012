/* Records and frames: what was written is read, and nothing else is. */
#include "base/clock.h"
#include "providers/verifier/frame.h"
#include "tests/verifier/tests.h"
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct record *sample(void)
{
	struct record *record = record_new();
	record_put_text(record, "name", "caf\xc3\xa9");
	record_put_bytes(record, "bytes", "\0\1\2", 3);
	record_put_integer(record, "number", INT64_MIN);
	record_put_text(record, "item", "one");
	record_put_text(record, "item", "");
	return record;
}

static void what_is_written_is_read(void **state)
{
	g_autoptr(record_t) record = sample(), again = NULL;
	g_autoptr(GByteArray) encoded = record_encode(record, RECORD_ANSWER_MAX);
	(void)state;

	again = record_decode(encoded->data, encoded->len, RECORD_ANSWER_MAX, NULL);
	assert_non_null(again);
	assert_int_equal(record_size(again), 5);
	assert_string_equal(record_text(again, "name"), "caf\xc3\xa9");
	assert_int_equal(record_integer(again, "number", 0), INT64_MIN);
	assert_int_equal(record_integer(again, "name", 7), 7); /* of another type */
	assert_null(record_text(again, "bytes"));
	assert_memory_equal(record_field_named(again, "bytes", FIELD_BYTES)->value, "\0\1\2", 4);
	g_autofree const char **items = record_texts(again, "item");
	assert_string_equal(items[0], "one");
	assert_string_equal(items[1], "");
	assert_null(items[2]);
	assert_null(record_texts(again, "number"));
}

/* Cut anywhere, or with any byte too many, it is no record. */
static void a_cut_record_is_refused(void **state)
{
	g_autoptr(record_t) record = sample();
	g_autoptr(GByteArray) encoded = record_encode(record, RECORD_ANSWER_MAX);
	(void)state;

	for (guint length = 0; length < encoded->len; length++) {
		g_autofree uint8_t *bytes = g_memdup2(encoded->data, length);
		g_autoptr(GError) error = NULL;
		assert_null(record_decode(bytes, length, RECORD_ANSWER_MAX, &error));
		assert_non_null(error);
	}
	g_byte_array_append(encoded, (const guint8 *)"", 1);
	assert_null(record_decode(encoded->data, encoded->len, RECORD_ANSWER_MAX, NULL));
	assert_null(record_decode(encoded->data, encoded->len - 1, encoded->len - 2, NULL));
}

static void hostile_records_are_refused(void **state)
{
#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }
	static const struct {
		const uint8_t *bytes;
		size_t length;
	} rows[] = {
		BYTES("\0\1\1\1\0\0\0\1x\n"),          /* a control character */
		BYTES("\0\1\1\1\0\0\0\1x\0"),          /* a NUL */
		BYTES("\0\1\1\1\0\0\0\1x\xff"),        /* no UTF-8 */
		BYTES("\0\1\1\1\0\0\0\2x\xc2\x85"),    /* C1 */
		BYTES("\0\1\1\1\0\0\0\1x\x7f"),
		BYTES("\0\1\0\1\0\0\0\1xy"),           /* type 0 */
		BYTES("\0\1\4\1\0\0\0\1xy"),           /* type 4 */
		BYTES("\0\1\1\0\0\0\0\1y"),            /* no name */
		BYTES("\0\1\1\1\0\0\0\1Xy"),           /* a name of other characters */
		BYTES("\0\1\3\1\0\0\0\7x1234567"),     /* an integer of seven bytes */
		BYTES("\0\1\1\1\xff\xff\xff\xffxy"),   /* longer than there is */
		BYTES("\0\1\1\xff\0\0\0\1xy"),         /* a name longer than there is */
		BYTES("\xff\xff\1\1\0\0\0\1xy"),       /* more fields than there are */
		BYTES("\0\0\1"),                       /* something behind */
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_null(record_decode(rows[i].bytes, rows[i].length, RECORD_ANSWER_MAX, NULL));
	g_autoptr(record_t) good = record_decode((const uint8_t *)"\0\1\1\1\0\0\0\1xy", 10, RECORD_ANSWER_MAX, NULL);
	assert_non_null(good);
}

/* What the other side would refuse is not sent. */
static void a_broken_record_does_not_encode(void **state)
{
	(void)state;
	g_autoptr(record_t) control = record_new(), many = record_new(), big = record_new();
	record_put_text(control, "x", "a\tb");
	assert_null(record_encode(control, RECORD_ANSWER_MAX));
	for (int i = 0; i < RECORD_FIELDS_MAX; i++)
		record_put_integer(many, "x", i);
	g_autoptr(GByteArray) just = record_encode(many, RECORD_ANSWER_MAX);
	assert_non_null(just);
	record_put_integer(many, "x", 0);
	assert_null(record_encode(many, RECORD_ANSWER_MAX));
	record_put_bytes(big, "x", just->data, just->len);
	assert_null(record_encode(big, just->len));
}

static void what_strangers_wrote_is_shown_safely(void **state)
{
	(void)state;
	g_autoptr(record_t) record = record_new();
	record_put_seen(record, "seen", "a\r\nb\x1b[0m\xc2\x9b\xff\xc3\xa9 and so on", 12);
	record_put_seen(record, "nothing", NULL, 12);
	g_autoptr(GByteArray) encoded = record_encode(record, RECORD_ANSWER_MAX);
	assert_non_null(encoded);
	assert_int_equal(record_size(record), 1);
	assert_true(g_str_has_prefix(record_text(record, "seen"), "a??b?[0m?"));
}

static void frames_pass_the_socket(void **state)
{
	int pair[2];
	uint32_t word = 0;
	g_autoptr(record_t) record = sample(), again = NULL, more = NULL;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);

	assert_int_equal(frame_read(pair[1], RECORD_ANSWER_MAX, clock_monotonic_ms() + 20, &word, &again), FRAME_LATE);
	assert_int_equal(frame_write(pair[0], 7, record, RECORD_ANSWER_MAX, clock_monotonic_ms() + 1000), FRAME_DONE);
	assert_int_equal(frame_read(pair[1], RECORD_ANSWER_MAX, clock_monotonic_ms() + 1000, &word, &again), FRAME_DONE);
	assert_int_equal(word, 7);
	assert_int_equal(record_size(again), record_size(record));
	assert_int_equal(frame_write(pair[0], 7, record, 4, clock_monotonic_ms() + 1000), FRAME_MALFORMED);
	assert_int_equal(write(pair[0], "\0\0\0\5\0\0\0\0\0", 9), 9);
	assert_int_equal(frame_read(pair[1], RECORD_ANSWER_MAX, clock_monotonic_ms() + 20, &word, &more), FRAME_LATE);
	close(pair[0]);
	assert_int_equal(frame_read(pair[1], RECORD_ANSWER_MAX, clock_monotonic_ms() + 1000, &word, &more), FRAME_ENDED);
	assert_int_equal(frame_write(pair[1], 7, record, RECORD_ANSWER_MAX, clock_monotonic_ms() + 1000), FRAME_ENDED);
	assert_null(more);
	close(pair[1]);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_written_is_read),
	cmocka_unit_test(a_cut_record_is_refused),
	cmocka_unit_test(hostile_records_are_refused),
	cmocka_unit_test(a_broken_record_does_not_encode),
	cmocka_unit_test(what_strangers_wrote_is_shown_safely),
	cmocka_unit_test(frames_pass_the_socket),
};

const struct test_list record_list = { tests, G_N_ELEMENTS(tests) };
