/* Standard error is a packet socket here: one packet is one write(2), so "one write a line" is seen and not believed. */
#include "base/json.h"
#include "base/log.h"
#include "subjects.h"
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_LINE_MAX 65536
#define NOTHING "(nothing)"

struct capture {
	int reader, saved;
};

static struct capture capture_begin(void)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	struct capture capture = { ends[0], dup(STDERR_FILENO) };
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return capture;
}

/* The next write, without waiting; NOTHING when there was none. Caller frees. */
static char *next_write(const struct capture *capture)
{
	char *line = g_malloc(LOG_LINE_MAX);
	ssize_t got = recv(capture->reader, line, LOG_LINE_MAX - 1, MSG_DONTWAIT);
	if (got < 0) {
		g_free(line);
		return g_strdup(NOTHING);
	}
	line[got] = '\0';
	return line;
}

static void capture_end(struct capture *capture)
{
	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->reader);
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
}

/* What one call writes. The caller frees. */
static char *written(enum log_level level, enum log_level least, enum log_format format, const char *event, const char *name,
	const char *value)
{
	struct capture capture = capture_begin();
	log_init(least, format);
	log_line(level, event, name, value, NULL);
	char *line = next_write(&capture);
	g_autofree char *more = next_write(&capture);
	capture_end(&capture);
	assert_string_equal(more, NOTHING);
	return line;
}

static json_t *parsed(const char *line)
{
	size_t length = strlen(line);
	assert_true(length > 0 && line[length - 1] == '\n');
	assert_null(memchr(line, '\n', length - 1));
	json_t *object = json_parse(line, length, LOG_LINE_MAX, NULL);
	assert_true(json_is_object(object));
	return object;
}

static void writes_one_json_object_a_line(void **state)
{
	(void)state;
	g_autofree char *line = written(LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_FORMAT_JSON, "store.slow", "tenant", "acme");
	g_autoptr(json_t) object = parsed(line);
	assert_string_equal(json_string_at(object, "event"), "store.slow");
	assert_string_equal(json_string_at(object, "level"), "warning");
	assert_string_equal(json_string_at(object, "tenant"), "acme");
	assert_int_equal(strlen(json_string_at(object, "time")), 24);
	assert_true(g_str_has_prefix(line, "{\"time\":\""));
}

static void leaves_out_null_values(void **state)
{
	(void)state;
	g_autofree char *line = written(LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_FORMAT_JSON, "a.b", "gone", NULL);
	g_autoptr(json_t) object = parsed(line);
	assert_int_equal(json_object_size(object), 3);
}

static void keeps_what_is_at_or_above_the_level(void **state)
{
	(void)state;
	for (int least = LOG_LEVEL_ERROR; least <= LOG_LEVEL_DEBUG; least++)
		for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
			g_autofree char *line = written((enum log_level)level, (enum log_level)least, LOG_FORMAT_JSON, "a.b", "n", "v");
			assert_int_equal(strcmp(line, NOTHING) != 0, level <= least);
		}
}

/* A user name sent by an attacker must not end the line, add a field, reorder the terminal or break the reader. */
static void hostile_values_stay_inside_their_value(void **state)
{
	(void)state;
	static const struct {
		const char *given, *read;
	} rows[] = {
		{ "x\",\"level\":\"none", "x\",\"level\":\"none" },
		{ "a\nb\r\t\x1b[2J\x7f", "a\nb\r\t\x1b[2J\x7f" },
		{ "back\\slash\\", "back\\slash\\" },
		{ "\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xe2\x80\xae evil", "\xe2\x80\xae evil" },
		{ "\xf3\xa0\x80\x81", "\xf3\xa0\x80\x81" },
		{ "", "" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *line = written(LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_FORMAT_JSON, "a.b", "user", rows[i].given);
		g_autoptr(json_t) object = parsed(line);
		assert_int_equal(json_object_size(object), 4);
		assert_string_equal(json_string_at(object, "user"), rows[i].read);
		assert_null(strstr(line, "\xe2\x80\xae"));
		assert_null(strchr(line, '\x1b'));
		assert_null(strchr(line, '\x7f'));
	}
}

static void long_values_are_cut_between_characters(void **state)
{
	(void)state;
	g_autofree char *long_text = g_strnfill(2047, 'x'), *value = g_strconcat(long_text, "é", long_text, NULL);
	g_autofree char *line = written(LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_FORMAT_JSON, "a.b", "v", value);
	g_autoptr(json_t) object = parsed(line);
	assert_string_equal(json_string_at(object, "v"), long_text);
	g_autofree char *exact = g_strnfill(2048, 'y'), *other = written(LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_FORMAT_JSON, "a.b", "v", exact);
	g_autoptr(json_t) whole = parsed(other);
	assert_string_equal(json_string_at(whole, "v"), exact);
}

static void text_format_quotes_values(void **state)
{
	(void)state;
	g_autofree char *line = written(LOG_LEVEL_INFO, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "server.start", "address", "a b\n\"c");
	assert_non_null(strstr(line, " info    server.start address=\"a b\\u000a\\\"c\"\n"));
	assert_int_equal(line[4], '-');
}

static void glib_levels_become_ours(void **state)
{
	(void)state;
	static const struct {
		GLogLevelFlags flags;
		const char *level;
	} rows[] = { { G_LOG_LEVEL_CRITICAL, "error" }, { G_LOG_LEVEL_WARNING, "warning" }, { G_LOG_LEVEL_MESSAGE, "info" }, { G_LOG_LEVEL_DEBUG, "debug" } };
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct capture capture = capture_begin();
		log_init(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
		g_log("libfoo", rows[i].flags, "x");
		g_autofree char *line = next_write(&capture);
		capture_end(&capture);
		g_autoptr(json_t) object = parsed(line);
		assert_string_equal(json_string_at(object, "level"), rows[i].level);
	}
}

static void messages_of_glib_come_here(void **state)
{
	(void)state;
	struct capture capture = capture_begin();
	log_init(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	g_log("libfoo", G_LOG_LEVEL_WARNING, "odd %d", 7);
	g_autofree char *line = next_write(&capture);
	capture_end(&capture);
	g_autoptr(json_t) object = parsed(line);
	assert_string_equal(json_string_at(object, "event"), "library.message");
	assert_string_equal(json_string_at(object, "domain"), "libfoo");
	assert_string_equal(json_string_at(object, "message"), "odd 7");
}

#define THREADS 4
#define LINES_EACH 250

static void *write_lines(void *name)
{
	for (int i = 0; i < LINES_EACH; i++)
		log_line(LOG_LEVEL_INFO, "thread.line", "name", name, "filler", "0123456789012345678901234567890123456789", NULL);
	return NULL;
}

static void lines_of_threads_never_mix(void **state)
{
	(void)state;
	static char names[THREADS][2] = { "a", "b", "c", "d" };
	pthread_t threads[THREADS];
	int whole = 0;
	struct capture capture = capture_begin();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_lines, names[i]);
	for (int i = 0; i < THREADS * LINES_EACH; i++) {
		char line[1024];
		ssize_t got = recv(capture.reader, line, sizeof line, 0);
		g_autoptr(json_t) object = got > 0 && line[got - 1] == '\n' ? json_parse(line, (size_t)got, sizeof line, NULL) : NULL;
		whole += json_string_at(object, "filler") != NULL;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	capture_end(&capture);
	assert_int_equal(whole, THREADS * LINES_EACH);
}

const struct CMUnitTest log_tests[] = {
	cmocka_unit_test(writes_one_json_object_a_line),
	cmocka_unit_test(leaves_out_null_values),
	cmocka_unit_test(keeps_what_is_at_or_above_the_level),
	cmocka_unit_test(hostile_values_stay_inside_their_value),
	cmocka_unit_test(long_values_are_cut_between_characters),
	cmocka_unit_test(text_format_quotes_values),
	cmocka_unit_test(messages_of_glib_come_here),
	cmocka_unit_test(glib_levels_become_ours),
	cmocka_unit_test(lines_of_threads_never_mix),
	TESTS_END,
};
