/* The table of error codes in memory, and the two helpers that every failing function uses. A code from a number that is not in the table
 * answers as ERROR_INTERNAL: what cannot be named is our fault and grants nothing. */
#include "base/errors.h"

static const struct {
	unsigned http_status;
	const char *name, *oauth_name, *public_text;
} rows[] = {
#define ERROR(name, http_status, oauth_name, public_text) [ERROR_##name] = { http_status, #name, oauth_name, public_text },
#include "base/err.def"
#undef ERROR
};

static size_t row_of(enum error_code code)
{
	return (size_t)code < G_N_ELEMENTS(rows) ? (size_t)code : (size_t)ERROR_INTERNAL;
}

GQuark passerelle_error_quark(void)
{
	return g_quark_from_static_string("passerelle");
}

unsigned error_http_status(enum error_code code)
{
	return rows[row_of(code)].http_status;
}

const char *error_oauth_name(enum error_code code)
{
	return rows[row_of(code)].oauth_name;
}

const char *error_public_text(enum error_code code)
{
	return rows[row_of(code)].public_text;
}

const char *error_name(enum error_code code)
{
	return rows[row_of(code)].name;
}

bool fail(GError **error, enum error_code code, const char *format, ...)
{
	if (!error)
		return false;
	va_list arguments;
	va_start(arguments, format);
	GError *made = g_error_new_valist(PASSERELLE_ERROR, (int)code, format, arguments);
	va_end(arguments);
	g_propagate_error(error, made);
	return false;
}

enum error_code error_code_of(const GError *error)
{
	if (!error || error->domain != PASSERELLE_ERROR)
		return ERROR_INTERNAL;
	return (enum error_code)row_of((enum error_code)error->code);
}
