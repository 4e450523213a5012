/* A verified identity. There is no setter and no copy: what a driver has checked stays as it was checked. */
#include "providers/identity.h"

#include <string.h>

#define SUBJECT_BYTES_MAX 255

struct identity {
	char *provider, *subject;
	char **amr;
	json_t *claims;
};

static char **list_copy(const char *const *list)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	for (size_t i = 0; list && list[i]; i++)
		g_strv_builder_add(builder, list[i]);
	return g_strv_builder_end(builder);
}

/* NULL for a subject that is empty or too long: accounts are looked up by it, and an empty one would make all of a provider's people one person. */
struct identity *identity_new(const char *provider, const char *subject, const char *const *amr, json_t *claims)
{
	size_t length = subject ? strnlen(subject, SUBJECT_BYTES_MAX + 1) : 0;

	if (!provider || !*provider || length == 0 || length > SUBJECT_BYTES_MAX) {
		json_decref(claims);
		return NULL;
	}
	struct identity *identity = g_new0(struct identity, 1);
	identity->provider = g_strdup(provider);
	identity->subject = g_strdup(subject);
	identity->amr = list_copy(amr);
	identity->claims = claims;
	return identity;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	g_free(identity->provider);
	g_free(identity->subject);
	g_strfreev(identity->amr);
	json_decref(identity->claims);
	g_free(identity);
}

const char *identity_provider(const struct identity *identity)
{
	return identity->provider;
}

const char *identity_subject(const struct identity *identity)
{
	return identity->subject;
}

const char *const *identity_amr(const struct identity *identity)
{
	return (const char *const *)identity->amr;
}

const json_t *identity_claims(const struct identity *identity)
{
	return identity->claims;
}
