/* The answer being made. Every reply carries X-Content-Type-Options, Referrer-Policy and Cache-Control: no-store unless set otherwise. */
#pragma once
#include "base/errors.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply;

void reply_status(struct reply *reply, unsigned status);
unsigned reply_get_status(const struct reply *reply);
/* Sets (replaces) a header, or adds one more of the same name. CR, LF and NUL in a value abort a test build and drop the header in others. */
void reply_header(struct reply *reply, const char *name, const char *value);
void reply_header_add(struct reply *reply, const char *name, const char *value);
/* Copies the bytes. */
void reply_body(struct reply *reply, const char *content_type, const void *bytes, size_t length);
/* Takes over a g_malloc'ed text. */
void reply_body_take(struct reply *reply, const char *content_type, char *text, size_t length);
/* Holds a reference: for bytes prepared once and sent often. */
void reply_body_shared(struct reply *reply, const char *content_type, GBytes *bytes);
/* Status and compact JSON. Borrows `value`. */
void reply_json(struct reply *reply, unsigned status, const json_t *value);
/* 302 or 303 with Location. */
void reply_redirect(struct reply *reply, unsigned status, const char *url);

struct cookie {
	const char *name, *value; /* value NULL: delete it */
	const char *path;         /* "/" for __Host- names */
	int64_t max_age_s;        /* 0: until the browser closes */
	bool secure;
	bool same_site_none;      /* else Lax */
};
/* HttpOnly always. */
void reply_cookie(struct reply *reply, const struct cookie *cookie);
