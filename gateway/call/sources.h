/* A tenant's identity sources, opened: its own accounts and its enabled providers, in the declared order. Opening costs no network; what a driver keeps
 * (handles, breakers) lives as long as the provider is not changed. Lists are immutable and shared by reference. */
#pragma once
#include "gateway/call/saml_keys.h"
#include "gateway/call/slots.h"
#include "gateway/store/store.h"
#include "policies/account.h"
#include "providers/provider.h"

struct source {
	const struct provider_driver *driver;
	char *name, *display_name;
	void *state;               /* the driver's */
	struct slots *slots;       /* take one before calling a driver that the browser is sent away by (slots.h) */
	json_t *settings;
	char **domains;            /* lower case, NULL-closed */
	enum provisioning provisioning;
	bool update_always, link_by_verified_email, trust_mfa;
};

struct source_list {
	struct saml_keys *saml_keys; /* lent to those below */
	size_t count;
	struct source sources[];
};

struct sources;

/* `ways`: fetcher, documents and verifier, which outlive the table; the rest of it is not looked at. `slots`: how many may be at one provider at once. */
struct sources *sources_new(struct store *store, const struct provider_place *ways, unsigned slots);
void sources_free(struct sources *sources);
/* For cache_subscribe: `data` is the table. */
void sources_changed(const struct change *change, void *data);

/* The tenant's list; give it back with source_list_unref. NULL with *error: the store is broken. A provider that cannot be opened (settings of a later
 * version) is left out and said in the process log. */
struct source_list *sources_of(struct sources *sources, const struct tenant *tenant, GError **error);
void source_list_unref(struct source_list *list);
typedef struct source_list source_list_t;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(source_list_t, source_list_unref)

/* The reason an answer stands for: the driver's finer one, else the verdict's. REASON_OK only with an identity. */
enum reason source_reason(const struct provider_answer *answer);

/* The source of that name; NULL when there is none, or it is switched off. */
const struct source *source_named(const struct source_list *list, const char *name);
