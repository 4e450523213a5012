/* The process log. A line is built whole in memory and leaves by one write(2), so that lines of several threads never mix and nothing is
 * held back when the process dies. A value from outside cannot end the line, forge a field or move the cursor of the terminal that shows
 * it. */
#include "base/log.h"
#include "base/clock.h"
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 2048

static _Atomic enum log_level least = LOG_LEVEL_INFO;
static _Atomic enum log_format shape = LOG_FORMAT_JSON;

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_INFO:
		return "info";
	case LOG_LEVEL_DEBUG:
		return "debug";
	}
	return "error";
}

/* Control, format and separator characters: among the formats are those that reorder what a terminal shows. */
static bool needs_escape(gunichar character)
{
	switch ((int)g_unichar_type(character)) {
	case G_UNICODE_CONTROL:
	case G_UNICODE_FORMAT:
	case G_UNICODE_LINE_SEPARATOR:
	case G_UNICODE_PARAGRAPH_SEPARATOR:
		return true;
	default: /* GLib's enum, not ours */
		return false;
	}
}

static void append_escape(GString *line, gunichar character)
{
	if (character > 0xffff) {
		gunichar rest = character - 0x10000;
		g_string_append_printf(line, "\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
	} else {
		g_string_append_printf(line, "\\u%04x", character);
	}
}

/* A JSON string. Bytes that are not UTF-8 become U+FFFD; the cut never splits a character. */
static void append_quoted(GString *line, const char *text)
{
	const char *end = text + strnlen(text, VALUE_MAX);
	g_string_append_c(line, '"');
	while (text < end) {
		gunichar character = g_utf8_get_char_validated(text, end - text);
		if (character == (gunichar)-2 && *end != '\0')
			break;
		if (character == (gunichar)-1 || character == (gunichar)-2) {
			g_string_append(line, "\\ufffd");
			text++;
			continue;
		}
		if (character == '"' || character == '\\')
			g_string_append_c(line, '\\');
		if (needs_escape(character))
			append_escape(line, character);
		else
			g_string_append_unichar(line, character);
		text += g_unichar_to_utf8(character, NULL);
	}
	g_string_append_c(line, '"');
}

static void append_pair(GString *line, const char *name, const char *value)
{
	if (shape == LOG_FORMAT_JSON) {
		g_string_append_c(line, ',');
		append_quoted(line, name);
		g_string_append_c(line, ':');
	} else {
		g_string_append_printf(line, " %s=", name);
	}
	append_quoted(line, value);
}

static void append_head(GString *line, enum log_level level, const char *event)
{
	char now[CLOCK_TEXT_SIZE];
	clock_format(clock_now_ms(), now);
	if (shape == LOG_FORMAT_JSON) {
		g_string_append_printf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":", now, level_name(level));
		append_quoted(line, event);
	} else {
		g_string_append_printf(line, "%s %-7s %s", now, level_name(level), event);
	}
}

/* Nobody can be told that the log cannot be written; the service goes on. */
static void write_line(GString *line)
{
	g_string_append(line, shape == LOG_FORMAT_JSON ? "}\n" : "\n");
	while (write(STDERR_FILENO, line->str, line->len) < 0 && errno == EINTR)
		continue;
}

void log_line(enum log_level level, const char *event, ...)
{
	if (level > least)
		return;
	int saved = errno;
	g_autoptr(GString) line = g_string_sized_new(256);
	append_head(line, level, event);
	va_list pairs;
	va_start(pairs, event);
	for (const char *name = va_arg(pairs, const char *); name; name = va_arg(pairs, const char *)) {
		const char *value = va_arg(pairs, const char *);
		if (value)
			append_pair(line, name, value);
	}
	va_end(pairs);
	write_line(line);
	errno = saved;
}

static enum log_level level_of_glib(GLogLevelFlags flags)
{
	if (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
		return LOG_LEVEL_ERROR;
	if (flags & G_LOG_LEVEL_WARNING)
		return LOG_LEVEL_WARNING;
	return flags & G_LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

/* A field's value is a C string only where its length is negative. */
static char *glib_field(const GLogField *fields, gsize count, const char *key)
{
	for (gsize i = 0; i < count; i++) {
		if (strcmp(fields[i].key, key) != 0 || !fields[i].value)
			continue;
		return fields[i].length < 0 ? g_strdup(fields[i].value) : g_strndup(fields[i].value, (gsize)fields[i].length);
	}
	return NULL;
}

static GLogWriterOutput write_glib(GLogLevelFlags flags, const GLogField *fields, gsize count, gpointer data)
{
	(void)data;
	g_autofree char *message = glib_field(fields, count, "MESSAGE"), *domain = glib_field(fields, count, "GLIB_DOMAIN");
	log_line(level_of_glib(flags), "library.message", "domain", domain, "message", message, NULL);
	return G_LOG_WRITER_HANDLED;
}

void log_init(enum log_level level, enum log_format format)
{
	static bool routed;
	least = level;
	shape = format;
	if (!routed)
		g_log_set_writer_func(write_glib, NULL, NULL);
	routed = true;
}
