/* What visitors do: each script is one operation of the table. A stream's data is a struct scene. */
#pragma once
#include "subject.h"

struct scene {
	const struct subject *subject;
	const GString *request;    /* script_same: sent as it is */
	unsigned expected;         /* script_same: the status that is right */
	GPtrArray *pool;           /* taken from (codes) or filled (collected codes) */
	const char *client, *path; /* of the application; its authorization request */
	const char *cookie;        /* of the established session */
	const char *username;      /* script_sign_in; NULL: USERNAME */
	const GPtrArray *pages;    /* script_flood: prepared requests that post a password */
};

extern const struct script script_same;         /* one prepared request, again and again; 503 is shed */
extern const struct script script_collect;      /* authorization request with a session → a code for the pool */
extern const struct script script_exchange;     /* a code from the pool → tokens */
extern const struct script script_code_flow;    /* both */
extern const struct script script_refresh;      /* a visitor's refresh token, which is the newest the gateway gave it */
extern const struct script script_sign_in;      /* a new browser: authorization request, page, password → code */
extern const struct script script_flood;        /* a wrong password posted to one of the prepared pages */
