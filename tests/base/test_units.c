/* Durations and sizes: what is read, what is refused, and that what is written reads back. */
#include "base/units.h"
#include "subjects.h"
#include <glib.h>

static void reads_durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = { { "0s", 0 }, { "90s", 90 }, { "15m", 900 }, { "12h", 43200 }, { "30d", 2592000 }, { "1000000d", INT64_C(86400000000) } };
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		int64_t seconds = -1;
		assert_true(duration_parse(rows[i].text, &seconds));
		assert_true(seconds == rows[i].seconds);
	}
}

static void refuses_other_durations(void **state)
{
	(void)state;
	static const char *const texts[] = { "", "s", "90", "-1s", "+1s", " 1s", "1s ", "1 s", "1S", "1.5h", "1h30m", "015m", "00s", "0x1s",
		"1ms", "1w", "1min", "9223372036854775807s", "9223372036854775808s", "99999999999999999999d", "106751991167300d", "1s\n",
	                                     "\xd9\xa1s", NULL };
	for (size_t i = 0; texts[i]; i++) {
		int64_t seconds = -7;
		assert_false(duration_parse(texts[i], &seconds));
		assert_true(seconds == -7);
	}
}

/* Whoever turns the largest duration into milliseconds and adds the clock must not overflow. */
static void the_largest_duration_fits_in_milliseconds(void **state)
{
	(void)state;
	int64_t seconds = 0, ms = 0;
	g_autofree char *largest = g_strdup_printf("%" G_GINT64_FORMAT "s", INT64_MAX / 2000),
		*above = g_strdup_printf("%" G_GINT64_FORMAT "s", INT64_MAX / 2000 + 1);
	assert_true(duration_parse(largest, &seconds));
	assert_false(__builtin_mul_overflow(seconds, 1000, &ms) || __builtin_add_overflow(ms, INT64_C(253402300799999), &ms));
	assert_false(duration_parse(above, &seconds));
}

static void reads_sizes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = { { "0B", 0 }, { "512B", 512 }, { "64KiB", 65536 }, { "1MiB", 1048576 }, { "2GiB", INT64_C(2147483648) },
		{ "9223372036854775807B", INT64_MAX } };
	static const char *const refused[] = { "", "1", "1K", "1KB", "1kib", "1kB", "1MB", "1M", "-1B", "1 KiB", "1b", "9223372036854775808B",
		"8589934592GiB", "9007199254740992KiB", "1.5MiB", NULL };
	int64_t bytes = -1;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_true(size_parse(rows[i].text, &bytes));
		assert_true(bytes == rows[i].bytes);
	}
	for (size_t i = 0; refused[i]; i++)
		assert_false(size_parse(refused[i], &bytes));
}

static void writes_the_shortest_text(void **state)
{
	(void)state;
	static const struct {
		int64_t number;
		const char *duration, *size;
	} rows[] = {
		{ 0, "0s", "0B" },           { 1, "1s", "1B" },       { 59, "59s", "59B" },
		{ 60, "1m", "60B" },         { 900, "15m", "900B" },  { 3600, "1h", "3600B" },
		{ 5400, "90m", "5400B" },    { 86400, "1d", "86400B" }, { 1024, "1024s", "1KiB" },
		{ 65536, "65536s", "64KiB" }, { 1048577, "1048577s", "1048577B" }, { -5, "0s", "0B" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		char out[UNIT_TEXT_SIZE];
		duration_format(rows[i].number, out);
		assert_string_equal(out, rows[i].duration);
		size_format(rows[i].number, out);
		assert_string_equal(out, rows[i].size);
	}
}

static void what_is_written_reads_back(void **state)
{
	(void)state;
	for (int64_t number = 0, step = 1; number < INT64_MAX / 2000 - step; number += step, step += step / 3 + 1) {
		char out[UNIT_TEXT_SIZE];
		int64_t back = -1;
		duration_format(number, out);
		assert_true(duration_parse(out, &back) && back == number);
		size_format(number, out);
		assert_true(size_parse(out, &back) && back == number);
	}
	char out[UNIT_TEXT_SIZE];
	int64_t back = -1;
	size_format(INT64_MAX, out);
	assert_true(size_parse(out, &back) && back == INT64_MAX);
}

const struct CMUnitTest units_tests[] = {
	cmocka_unit_test(reads_durations),
	cmocka_unit_test(refuses_other_durations),
	cmocka_unit_test(the_largest_duration_fits_in_milliseconds),
	cmocka_unit_test(reads_sizes),
	cmocka_unit_test(writes_the_shortest_text),
	cmocka_unit_test(what_is_written_reads_back),
	TESTS_END,
};
