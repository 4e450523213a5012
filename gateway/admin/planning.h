/* What the files that make a plan share. */
#pragma once
#include "gateway/admin/plan.h"

/* One tenant being compared. */
struct planning {
	const struct plan_options *options;
	const struct declared_tenant *declared;
	struct planned_tenant *planned;
	const char *stored;          /* the tenant's internal id; NULL: it is new */
	GError **error;
};

/* Nothing in it but its name and empty lists. */
struct difference *difference_new(enum sign sign, enum object object, const char *name);
/* The difference between what is stored (NULL: nothing) and what is declared. */
struct difference *difference_of(enum object object, const char *name, const json_t *stored, const json_t *declared);
/* Takes the difference over; one without any is freed. */
void difference_keep(struct planning *planning, struct difference *difference);
/* Settings as they will be stored: what apply made stays marked so, what a person made by hand never becomes apply's to remove. Caller owns. */
json_t *settings_marked(const struct planning *planning, const json_t *declared, const json_t *stored);
/* plan_provider.c. */
bool provider_plan(struct planning *planning, const struct declared_provider *declared);
/* The tenant's keys for SAML, with its first provider that needs them. */
bool saml_keys_plan(struct planning *planning);
/* Adds the removal of what apply once made and the declaration no longer names. */
bool prune_plan(struct planning *planning);
