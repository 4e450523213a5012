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
/* Adds the removal of what apply once made and the declaration no longer names. */
bool prune_plan(struct planning *planning);
