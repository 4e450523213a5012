/* Starting xmlsec and Lasso, once, before the child shuts itself in. */
#include "providers/verifier/operations.h"
#include "providers/verifier/saml_check.h"

#include <lasso/lasso.h>
#include <libxml/xmlIO.h>
#include <stdlib.h>
#include <time.h>
#include <xmlsec/errors.h>
#include <xmlsec/io.h>

static void say_nothing(const char *domain, GLogLevelFlags level, const char *text, void *data)
{
	(void)domain, (void)level, (void)text, (void)data;
}

static void say_nothing_of_xml(void *data, const char *format, ...)
{
	(void)data, (void)format;
}

bool saml_library_start(void)
{
	static bool started;

	if (started)
		return true;
	/* LASSO_FLAG=no-verify-signature turns verification off (LIBRARIES 4.2, hole 5). The signature that decides is checked by xmlsec alone, which has no such
	 * switch; Lasso shall not have it either. */
	unsetenv("LASSO_FLAG");
	if (lasso_init() != 0)
		return false;
	/* What a message names is never fetched: no files, no HTTP, for xmlsec and libxml2 alike (hole 3). */
	xmlSecIOCleanupCallbacks();
	xmlCleanupInputCallbacks();
	g_log_set_handler("Lasso", G_LOG_LEVEL_MASK | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, say_nothing, NULL);
	g_log_set_handler("lasso", G_LOG_LEVEL_MASK | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, say_nothing, NULL);
	xmlSetGenericErrorFunc(NULL, say_nothing_of_xml);
	xmlSecErrorsSetCallback(NULL);
	return started = true;
}

void saml_start(void)
{
	/* A child whose SAML does not start is of no use to anybody: it ends, and says so by that. */
	if (!saml_library_start())
		abort();
	/* The C library looks for the time zone whenever something asks for local time, as xmlsec does of certificates: in a file, unless it is told. */
	setenv("TZ", "UTC0", 1);
	tzset();
}
