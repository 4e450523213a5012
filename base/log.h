/* The process log: one JSON object a line on standard error, for operators. People's connections go to the connection log (gateway/audit).
 * Never a secret, never a token, never a password: pass what identifies, not what opens. */
#pragma once
#include <glib.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

/* Before threads start; again whenever level or format are to be others. Also routes GLib's own messages here. */
void log_init(enum log_level level, enum log_format format);
/* Writes {"time":…,"level":…,"event":event, name:value …}: pairs of const char *, closed by NULL; a NULL value is left out.
 * `event` is noun.verb. Control characters are escaped; a value is cut at 2 KiB. One write(2) a line, from any thread. */
void log_line(enum log_level level, const char *event, ...) G_GNUC_NULL_TERMINATED;
