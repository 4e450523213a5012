/* The browser's session at this tenant: found by its cookie, judged by policies/session.h. */
#pragma once
#include "gateway/call/call.h"

/* FOUND: a live session and its account are filled. MISSING: nobody is signed in here. BROKEN with *error. */
enum found browser_session(struct call *call, struct session *ret_session, struct account *ret_account, GError **error);
/* The same by the session's id, where the browser is proved otherwise. */
enum found browser_session_by_id(struct call *call, const char *session, struct session *ret_session, struct account *ret_account, GError **error);
/* Makes the cookie's value and its digest. The value is 256 random bits; caller wipes and frees. */
char *browser_session_value(uint8_t digest[DIGEST_SIZE]);
/* What a client sees of a session: stable for one session and client, and no way back to the cookie or to another client's sid. */
void browser_sid(const char *session, const struct client *client, char out[IDENTIFIER_SIZE]);
/* Session touches are written at most this often. */
#define SESSION_TOUCH_MS 60000
