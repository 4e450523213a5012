/* `passerelle key`: a tenant's signing keys. Per algorithm: next → active → retired; a new next is made at each turn, so that what verifies offline has
 * seen the key before it signs (SECURITY TK-7).
 *
 *   rotate   active → retired, next → active, a new next; what is retired still verifies, and is published, until the purge takes it
 *   revoke   any but revoked → revoked: nothing it signed is believed any more; what it was for is taken over by the next key, or by a new one
 */
#include "gateway/admin/key_saml.h"

#include "gateway/admin/plan.h"

#include <string.h>

#define JWKS_CACHED_MS (300 * 1000LL) /* what gateway/oauth/discovery.c tells caches */

static bool key_line(const struct signing_key *key, void *data)
{
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "kid", key->kid, "use", "sig", "alg", jose_algorithm_name(key->algorithm), "state", key_state_name(key->state));
	json_time_set(object, "created", key->created_ms);
	json_time_set(object, "activated", key->activated_ms);
	json_time_set(object, "retired", key->retired_ms);
	json_array_append_new(data, object);
	return true;
}

static bool list_run(struct command *command, GError **error)
{
	static const char *const columns[] = { "kid", "use", "alg", "state", "created", "activated", "retired", NULL };
	g_autoptr(json_t) list = json_array();
	g_autoptr(tenant_t) tenant = command_tenant(command, error);
	struct unit *unit = tenant ? command_reader(command, error) : NULL;
	if (!unit || !key_list(unit, tenant->id, key_line, list, error) || !saml_keys_note(unit, tenant, list, error) || !command_note_read(command, tenant, "key list", error))
		return false;
	print_list(command, list, columns);
	return true;
}

enum { ALGORITHMS = JOSE_ED25519 + 1 };

/* What one algorithm of a tenant has now. */
struct standing {
	char *active, *next;
	int64_t next_since_ms, first_ms; /* when next was published; when the first of its keys was */
};

struct rotation {
	struct tenant *tenant;
	struct standing standing[ALGORITHMS];
	struct signing_key fresh[ALGORITHMS][2]; /* a next; and an active where there is no next to promote */
	const char *revoked;                     /* NULL: nothing is */
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
	standing->first_ms = standing->first_ms ? MIN(standing->first_ms, key->created_ms) : key->created_ms;
	if (key->state == KEY_STATE_ACTIVE && !standing->active)
		standing->active = g_strdup(key->kid);
	else if (key->state == KEY_STATE_NEXT && !standing->next) {
		standing->next = g_strdup(key->kid);
		standing->next_since_ms = key->created_ms;
	}
	return true;
}

/* Next takes the active one's place, or what was made for where there is no next. `end` is what becomes of the active one. */
static bool algorithm_turn(struct unit *unit, const struct rotation *rotation, size_t algorithm, enum key_state end, int64_t now_ms, GError **error)
{
	const struct standing *standing = &rotation->standing[algorithm];
	const char *tenant = rotation->tenant->id;
	const struct signing_key *fresh = rotation->fresh[algorithm];
	if (standing->active && !key_set_state(unit, tenant, standing->active, end, now_ms, error))
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
static bool standing_holds(struct unit *unit, const struct rotation *rotation, GError **error)
{
	struct standing now[ALGORITHMS] = { 0 };
	bool listed = key_list(unit, rotation->tenant->id, standing_note, now, error);
	bool same = standing_same(now, rotation->standing);
	standing_clear(now);
	if (!listed)
		return false;
	return same || fail(error, ERROR_CONFLICT, "the keys were changed by somebody else meanwhile; nothing was done, run the command again");
}

static bool rotate_work(struct unit *unit, struct act *act, GError **error)
{
	const struct rotation *rotation = act->data;
	if (!standing_holds(unit, rotation, error))
		return false;
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (rotation->fresh[i][0].kid && !algorithm_turn(unit, rotation, i, KEY_STATE_RETIRED, act->command->now_ms, error))
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

/* A key that was published with the first of its kind is known to whoever knows any of them; a later one only once every copy of the set from before it
 * has expired. */
static void young_warn(const struct command *command, const struct rotation *rotation)
{
	for (size_t i = 0; i < ALGORITHMS; i++) {
		const struct standing *standing = &rotation->standing[i];
		if (rotation->fresh[i][0].kid && (!standing->next || (standing->next_since_ms > standing->first_ms &&
		                                                      command->now_ms - standing->next_since_ms < JWKS_CACHED_MS)))
			fprintf(stderr, "passerelle: the %s key that signs now was published less than %d minutes ago; whoever verifies with an older copy of /jwks and "
			                "does not ask again refuses its tokens until then\n", jose_algorithm_name((enum jose_algorithm)i), (int)(JWKS_CACHED_MS / 60000));
	}
}

static bool rotate_run(struct command *command, GError **error)
{
	g_auto(rotation_t) rotation = { 0 };
	const char *use = command_option(command, "use");
	if (use && (command_option(command, "alg") || (strcmp(use, "saml") != 0 && strcmp(use, "sig") != 0)))
		return command_misused(command, error, "--use takes sig or saml, and --alg is of sig's");
	if (use && strcmp(use, "saml") == 0)
		return saml_keys_rotate(command, error);
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
	young_warn(command, &rotation);
	return true;
}

struct revoking {
	const char *kid;
	enum jose_algorithm algorithm; /* JOSE_NONE: there is no such key */
	enum key_state state;
};

static bool revoking_note(const struct signing_key *key, void *data)
{
	struct revoking *revoking = data;
	if (strcmp(key->kid, revoking->kid) != 0)
		return true;
	revoking->algorithm = key->algorithm;
	revoking->state = key->state;
	return false;
}

static bool revoke_work(struct unit *unit, struct act *act, GError **error)
{
	const struct rotation *rotation = act->data;
	const char *tenant = rotation->tenant->id;
	struct revoking revoking = { .kid = rotation->revoked };
	int64_t now_ms = act->command->now_ms;
	if (!standing_holds(unit, rotation, error) || !key_list(unit, tenant, revoking_note, &revoking, error))
		return false;
	switch (revoking.state) {
	case KEY_STATE_ACTIVE:
		return algorithm_turn(unit, rotation, revoking.algorithm, KEY_STATE_REVOKED, now_ms, error);
	case KEY_STATE_NEXT:
		return key_set_state(unit, tenant, revoking.kid, KEY_STATE_REVOKED, now_ms, error) &&
		       key_insert(unit, tenant, &rotation->fresh[revoking.algorithm][0], error);
	case KEY_STATE_RETIRED:
		return key_set_state(unit, tenant, revoking.kid, KEY_STATE_REVOKED, now_ms, error);
	case KEY_STATE_REVOKED:
		break;
	}
	return fail(error, ERROR_CONFLICT, "the key %s is revoked already", revoking.kid);
}

/* What takes its place is made before the transaction; of a retired one, nothing does. */
static bool revocation_prepare(struct command *command, struct rotation *rotation, struct revoking *revoking, GError **error)
{
	rotation->revoked = revoking->kid;
	rotation->tenant = command_tenant(command, error);
	struct unit *unit = rotation->tenant ? command_reader(command, error) : NULL;
	if (!unit || !key_list(unit, rotation->tenant->id, standing_note, rotation->standing, error) ||
	    !key_list(unit, rotation->tenant->id, revoking_note, revoking, error))
		return false;
	if (revoking->algorithm == JOSE_NONE)
		return fail(error, ERROR_NOT_FOUND, "tenant %s has no key %s; `passerelle key list` shows those it has", rotation->tenant->name, revoking->kid);
	struct signing_key *fresh = rotation->fresh[revoking->algorithm];
	bool signs = revoking->state == KEY_STATE_ACTIVE;
	if (signs || revoking->state == KEY_STATE_NEXT)
		signing_key_make(revoking->algorithm, KEY_STATE_NEXT, command->now_ms, &fresh[0]);
	if (signs && !rotation->standing[revoking->algorithm].next)
		signing_key_make(revoking->algorithm, KEY_STATE_ACTIVE, command->now_ms, &fresh[1]);
	return true;
}

static json_t *revocation_report(const struct rotation *rotation, const struct revoking *revoking)
{
	const struct standing *standing = &rotation->standing[revoking->algorithm];
	const struct signing_key *fresh = rotation->fresh[revoking->algorithm];
	const char *active = revoking->state != KEY_STATE_ACTIVE ? standing->active : standing->next ? standing->next : fresh[1].kid;
	return json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "kid", revoking->kid, "alg", jose_algorithm_name(revoking->algorithm), "was", key_state_name(revoking->state),
	                 "active", active, "next", fresh[0].kid ? fresh[0].kid : standing->next);
}

/* The emergency: somebody else may have the private key. Nobody is asked whether it is meant. */
static bool revoke_run(struct command *command, GError **error)
{
	g_auto(rotation_t) rotation = { 0 };
	struct revoking revoking = { .kid = command_word(command, 0) };
	enum found of_saml = saml_key_revoke(command, revoking.kid, error);
	if (of_saml != MISSING)
		return of_saml == FOUND;
	if (!revocation_prepare(command, &rotation, &revoking, error))
		return false;
	g_autoptr(json_t) report = revocation_report(&rotation, &revoking);
	struct act act = { .work = revoke_work, .data = &rotation, .tenant = rotation.tenant, .facts = { .event = EVENT_KEY_REVOKE, .detail = report } };
	if (!command_act(command, &act, error))
		return false;
	print_object(command, report);
	fprintf(stderr, "passerelle: nothing that key signed is believed here any more; who verifies offline with a copy of /jwks does so for up to %d minutes\n",
	        (int)(JWKS_CACHED_MS / 60000));
	return true;
}

const struct verb key_verbs[] = {
	{ .object = "key", .name = "list", .run = list_run, .summary = "the signing keys of a tenant" },
	{ .object = "key", .name = "rotate", .options = "alg= use=", .run = rotate_run,
	  .summary = "next becomes active, active becomes retired, a new next is made; with --use saml in two steps, for the providers to be told between them" },
	{ .object = "key", .name = "revoke", .words = "KID", .words_min = 1, .words_max = 1, .run = revoke_run,
	  .summary = "emergency: nothing this key signed is believed from now on, and another one signs" },
	{ 0 },
};
