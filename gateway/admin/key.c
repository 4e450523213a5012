/* `passerelle key`: a tenant's signing keys. Per algorithm: next → active → retired; a new next is made at each turn, so that what verifies offline has
 * seen the key before it signs (SECURITY TK-7). */
#include "gateway/admin/verbs.h"

#include "gateway/admin/plan.h"

#include <string.h>

static const char *state_word(enum key_state state)
{
	switch (state) {
	case KEY_STATE_REVOKED:
		return "revoked";
	case KEY_STATE_NEXT:
		return "next";
	case KEY_STATE_ACTIVE:
		return "active";
	case KEY_STATE_RETIRED:
		return "retired";
	}
	return "?";
}

static bool key_line(const struct signing_key *key, void *data)
{
	json_t *object = json_pack("{s:s, s:s, s:s}", "kid", key->kid, "alg", jose_algorithm_name(key->algorithm), "state", state_word(key->state));
	json_time_set(object, "created", key->created_ms);
	json_time_set(object, "activated", key->activated_ms);
	json_time_set(object, "retired", key->retired_ms);
	json_array_append_new(data, object);
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "kid", "alg", "state", "created", "activated", "retired", NULL };
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !key_list(unit, tenant->id, key_line, list, error) || !command_note_read(command, tenant, "key list", error))
		return false;
	print_list(command, list, columns);
	return true;
}

enum { ALGORITHMS = JOSE_ED25519 + 1 };

/* What one algorithm of a tenant has now. */
struct standing {
	char *active, *next;
};

struct rotation {
	struct tenant *tenant;
	struct standing standing[ALGORITHMS];
	struct signing_key fresh[ALGORITHMS][2]; /* a next; and an active where there is no next to promote */
};

static void standing_clear(struct standing standing[ALGORITHMS])
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		g_clear_pointer(&standing[i].active, g_free);
		g_clear_pointer(&standing[i].next, g_free);
	}
}

static void rotation_clear(struct rotation *rotation)
{
	tenant_unref(rotation->tenant);
	standing_clear(rotation->standing);
	for (size_t i = 0; i < ALGORITHMS; i++) {
		signing_key_clear(&rotation->fresh[i][0]);
		signing_key_clear(&rotation->fresh[i][1]);
	}
}
typedef struct rotation rotation_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(rotation_t, rotation_clear)

static bool standing_note(const struct signing_key *key, void *data)
{
	struct standing *standing = (struct standing *)data + key->algorithm;
	if (key->state == KEY_STATE_ACTIVE && !standing->active)
		standing->active = g_strdup(key->kid);
	else if (key->state == KEY_STATE_NEXT && !standing->next)
		standing->next = g_strdup(key->kid);
	return true;
}

static bool algorithm_rotate(struct unit *unit, const struct rotation *rotation, size_t algorithm, int64_t now_ms, GError **error)
{
	const struct standing *standing = &rotation->standing[algorithm];
	const char *tenant = rotation->tenant->id;
	const struct signing_key *fresh = rotation->fresh[algorithm];
	if (standing->active && !key_set_state(unit, tenant, standing->active, KEY_STATE_RETIRED, now_ms, error))
		return false;
	if (standing->next ? !key_set_state(unit, tenant, standing->next, KEY_STATE_ACTIVE, now_ms, error) : !key_insert(unit, tenant, &fresh[1], error))
		return false;
	return key_insert(unit, tenant, &fresh[0], error);
}

static bool standing_same(const struct standing *a, const struct standing *b)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (g_strcmp0(a[i].active, b[i].active) != 0 || g_strcmp0(a[i].next, b[i].next) != 0)
			return false;
	return true;
}

/* Two rotations at once would retire a key that has never signed; the second one finds another standing than it planned for, and stops. */
static bool rotate_work(struct unit *unit, struct act *act, GError **error)
{
	const struct rotation *rotation = act->data;
	struct standing now[ALGORITHMS] = { 0 };
	bool listed = key_list(unit, rotation->tenant->id, standing_note, now, error);
	bool same = standing_same(now, rotation->standing);
	standing_clear(now);
	if (!listed)
		return false;
	if (!same)
		return fail(error, ERROR_CONFLICT, "the keys were changed by somebody else meanwhile; nothing was rotated, run the command again");
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (rotation->fresh[i][0].kid && !algorithm_rotate(unit, rotation, i, act->command->now_ms, error))
			return false;
	return true;
}

static bool rotation_prepare(struct command *command, struct rotation *rotation, GError **error)
{
	const char *only = command_option(command, "alg");
	bool any = false;
	if (only && jose_algorithm_named(only) == JOSE_NONE)
		return command_misused(command, error, "--alg takes ES256, RS256, PS256 or Ed25519");
	rotation->tenant = command_tenant(command, error);
	struct unit *unit = rotation->tenant ? command_reader(command, error) : NULL;
	if (!unit || !key_list(unit, rotation->tenant->id, standing_note, rotation->standing, error))
		return false;
	for (enum jose_algorithm i = JOSE_ES256; i < (enum jose_algorithm)ALGORITHMS; i++) {
		const struct standing *standing = &rotation->standing[i];
		if ((!standing->active && !standing->next) || (only && jose_algorithm_named(only) != i))
			continue;
		any = true;
		signing_key_make(i, KEY_STATE_NEXT, command->now_ms, &rotation->fresh[i][0]);
		if (!standing->next)
			signing_key_make(i, KEY_STATE_ACTIVE, command->now_ms, &rotation->fresh[i][1]);
	}
	return any || fail(error, ERROR_NOT_FOUND, "tenant %s has no key%s%s", rotation->tenant->name, only ? " for " : "", only ? only : "");
}

static bool rotate_run(struct command *command, GError **error)
{
	g_auto(rotation_t) rotation = { 0 };
	if (!rotation_prepare(command, &rotation, error))
		return false;
	g_autoptr(json_t) turned = json_array();
	for (size_t i = 0; i < ALGORITHMS; i++) {
		const struct standing *standing = &rotation.standing[i];
		if (rotation.fresh[i][0].kid)
			json_array_append_new(turned, json_pack("{s:s, s:s?, s:s, s:s}", "alg", jose_algorithm_name((enum jose_algorithm)i), "retired", standing->active,
			                                        "active", standing->next ? standing->next : rotation.fresh[i][1].kid, "next", rotation.fresh[i][0].kid));
	}
	g_autoptr(json_t) detail = json_pack("{s:O}", "keys", turned);
	struct act act = { .work = rotate_work, .data = &rotation, .tenant = rotation.tenant, .facts = { .event = EVENT_KEY_ROTATE, .detail = detail } };
	if (!command_act(command, &act, error))
		return false;
	static const char *const columns[] = { "alg", "retired", "active", "next", NULL };
	print_list(command, turned, columns);
	return true;
}

const struct verb key_verbs[] = {
	{ .object = "key", .name = "list", .run = list_run, .summary = "the signing keys of a tenant" },
	{ .object = "key", .name = "rotate", .options = "alg=", .run = rotate_run, .summary = "next becomes active, active becomes retired, a new next is made" },
	{ 0 },
};
