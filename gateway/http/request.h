/* One request, as the guard let it through. Everything borrowed lives as long as the request. */
#pragma once
#include "base/form.h"
#include <stdint.h>

enum http_method { METHOD_OTHER = 0, METHOD_GET = 1, METHOD_HEAD = 2, METHOD_POST = 4, METHOD_PUT = 8, METHOD_DELETE = 16, METHOD_PATCH = 32, METHOD_OPTIONS = 64 };

struct request;

enum http_method request_method(const struct request *request);
/* The path as sent, never decoded: one that holds a percent sign, an empty segment, "." or ".." matches no route. */
const char *request_path(const struct request *request);
/* The Host header, lower case, with the port when one was sent. */
const char *request_host(const struct request *request);
/* NULL when the query is malformed: the endpoint says so. */
const struct form *request_query(const struct request *request);
/* The raw query without "?", "" when none: POST /authorize is answered by a redirect to itself. */
const char *request_query_text(const struct request *request);
/* The posted form; NULL unless the endpoint takes forms and it parsed. */
const struct form *request_form(const struct request *request);
/* Raw body, for endpoints that take other types. */
const char *request_body(const struct request *request, size_t *ret_length);
/* Value of a header that may stand once; NULL when absent. *ret_repeated (may be NULL) is set when it stood more than once. */
const char *request_header(const struct request *request, const char *name, bool *ret_repeated);
/* A cookie's value; NULL when absent or when it stands twice (cookie tossing). */
const char *request_cookie(const struct request *request, const char *name);
/* The peer's address without port, or the one a trusted proxy vouches for; "" for a unix socket without a proxy, "::" for one whose trusted proxy
 * vouches for nobody. */
const char *request_address(const struct request *request);
const char *request_user_agent(const struct request *request); /* "" when absent; at most 512 bytes, control characters replaced */
/* Ten characters that pages, errors and logs of this request share (crypto/random.h). */
const char *request_reference(const struct request *request);
/* Wall clock when the head had arrived, Unix ms; and the monotonic moment by which the answer must be ready. */
int64_t request_time_ms(const struct request *request);
int64_t request_deadline_ms(const struct request *request);
