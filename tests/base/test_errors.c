/* The table of error codes: its zero, what may leave the gateway, and the helpers that set an error. */
#include "base/errors.h"
#include "subjects.h"
#include <string.h>

static const enum error_code codes[] = {
#define ERROR(name, http_status, oauth_name, public_text) ERROR_##name,
#include "base/err.def"
#undef ERROR
};

static void zero_is_internal(void **state)
{
	(void)state;
	assert_int_equal(ERROR_INTERNAL, 0);
	assert_int_equal(error_http_status(0), 500);
	assert_string_equal(error_oauth_name(0), "server_error");
}

/* RFC 6749 section 5.2: error is %x20-21 / %x23-5B / %x5D-7E, and so is error_description. */
static bool is_header_safe(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e || *c == '"' || *c == '\\')
			return false;
	return *text != '\0';
}

static void every_row_is_fit_to_leave(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
		assert_in_range(error_http_status(codes[i]), 400, 599);
		assert_true(is_header_safe(error_oauth_name(codes[i])));
		assert_null(strchr(error_oauth_name(codes[i]), ' '));
		assert_true(is_header_safe(error_public_text(codes[i])));
		assert_true(is_header_safe(error_name(codes[i])));
	}
}

static void names_follow_their_specification(void **state)
{
	(void)state;
	static const struct {
		enum error_code code;
		unsigned status;
		const char *oauth_name;
	} rows[] = {
		{ ERROR_INVALID_REQUEST, 400, "invalid_request" }, { ERROR_INVALID_CLIENT, 401, "invalid_client" },
		{ ERROR_INVALID_GRANT, 400, "invalid_grant" },     { ERROR_INVALID_TOKEN, 401, "invalid_token" },
		{ ERROR_INVALID_TARGET, 400, "invalid_target" },   { ERROR_INSUFFICIENT_SCOPE, 403, "insufficient_scope" },
		{ ERROR_LOGIN_REQUIRED, 400, "login_required" },   { ERROR_NOT_SUPPORTED, 501, "not_supported" },
		{ ERROR_MISDIRECTED, 421, "invalid_request" },     { ERROR_TOO_MANY_REQUESTS, 429, "temporarily_unavailable" },
	};
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		assert_int_equal(error_http_status(rows[i].code), rows[i].status);
		assert_string_equal(error_oauth_name(rows[i].code), rows[i].oauth_name);
	}
	assert_string_equal(error_name(ERROR_INVALID_GRANT), "INVALID_GRANT");
}

static void a_code_outside_the_table_is_internal(void **state)
{
	(void)state;
	assert_int_equal(error_http_status((enum error_code)99999), 500);
	assert_string_equal(error_name((enum error_code)G_N_ELEMENTS(codes)), "INTERNAL");
	g_autoptr(GError) odd = g_error_new(PASSERELLE_ERROR, -3, "odd");
	assert_int_equal(error_code_of(odd), ERROR_INTERNAL);
	odd->code = 99999;
	assert_int_equal(error_code_of(odd), ERROR_INTERNAL);
}

static void fail_sets_code_and_message(void **state)
{
	(void)state;
	g_autoptr(GError) error = NULL;
	assert_false((fail)(&error, ERROR_CONFLICT, "%s is taken", "wiki"));
	assert_int_equal(error_code_of(error), ERROR_CONFLICT);
	assert_string_equal(error->message, "wiki is taken");
	assert_false((fail)(NULL, ERROR_CONFLICT, "unheard"));
}

static void a_foreign_error_is_internal(void **state)
{
	(void)state;
	g_autoptr(GError) error = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOENT, "gone");
	assert_int_equal(error_code_of(error), ERROR_INTERNAL);
	assert_int_equal(error_code_of(NULL), ERROR_INTERNAL);
}

const struct CMUnitTest errors_tests[] = {
	cmocka_unit_test(zero_is_internal),
	cmocka_unit_test(every_row_is_fit_to_leave),
	cmocka_unit_test(names_follow_their_specification),
	cmocka_unit_test(a_code_outside_the_table_is_internal),
	cmocka_unit_test(fail_sets_code_and_message),
	cmocka_unit_test(a_foreign_error_is_internal),
	TESTS_END,
};
