/* Keys for SAML. Identity providers pin them by certificate, and many read our metadata only when somebody gives it to them: so they turn in two steps, between
 * which both are published.
 *
 *   rotate   nothing → a next one, published beside the active one; a next one → it becomes active, the active one retired
 *   revoke   active → the next one, or a new one, takes its place at once, and the providers must be told
 *
 * A retired key signs no more and is published no more; for some weeks it still decrypts what a provider with old metadata sends. */
#include "gateway/admin/key_saml.h"

#include "gateway/call/saml_keys.h"

#include <string.h>

enum { PURPOSES = SAML_KEY_ENCRYPTION + 1 };

static const char *const uses[PURPOSES] = { [SAML_KEY_SIGNING] = "saml-signing", [SAML_KEY_ENCRYPTION] = "saml-encryption" };

/* --- list --- */

static bool key_line(const struct saml_key *key, void *data)
{
	static const char *const algorithms[PURPOSES] = { [SAML_KEY_SIGNING] = "RSA-SHA256", [SAML_KEY_ENCRYPTION] = "RSA-OAEP" };
	json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kid", key->kid, "use", uses[key->purpose], "alg", algorithms[key->purpose], "state",
	                           key_state_name(key->state), "certificate", key->certificate);
	json_time_set(object, "created", key->created_ms);
	json_time_set(object, "activated", key->activated_ms);
	json_time_set(object, "retired", key->retired_ms);
	json_array_append_new(data, object);
	return true;
}

bool saml_keys_note(struct unit *unit, const struct tenant *tenant, json_t *list, GError **error)
{
	return saml_key_list(unit, tenant->id, key_line, list, error);
}

/* --- what there is --- */

struct standing {
	char *active[PURPOSES], *next[PURPOSES];
};

static void standing_clear(struct standing *standing)
{
	for (size_t i = 0; i < PURPOSES; i++) {
		g_clear_pointer(&standing->active[i], g_free);
		g_clear_pointer(&standing->next[i], g_free);
	}
}

static bool standing_note(const struct saml_key *key, void *data)
{
	struct standing *standing = data;
	if (key->state == KEY_STATE_ACTIVE && !standing->active[key->purpose])
		standing->active[key->purpose] = g_strdup(key->kid);
	if (key->state == KEY_STATE_NEXT && !standing->next[key->purpose])
		standing->next[key->purpose] = g_strdup(key->kid);
	return true;
}

/* What the transaction does, by purpose: planned before it, since making a key takes long. */
struct turn {
	struct tenant *tenant;
	struct standing standing;
	struct saml_key fresh[PURPOSES]; /* without a kid: none is made */
	bool takes_over[PURPOSES];       /* next becomes active, or what was made where there is no next */
	enum key_state end;              /* of the active one then */
	const char *revoked;             /* one that is not active; NULL: none */
};

static void turn_clear(struct turn *turn)
{
	tenant_unref(turn->tenant);
	standing_clear(&turn->standing);
	for (size_t i = 0; i < PURPOSES; i++)
		saml_key_clear(&turn->fresh[i]);
}
typedef struct turn turn_t;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(turn_t, turn_clear)

static bool turn_begin(struct command *command, struct turn *turn, GError **error)
{
	turn->tenant = command_tenant(command, error);
	struct unit *unit = turn->tenant ? command_reader(command, error) : NULL;
	return unit && saml_key_list(unit, turn->tenant->id, standing_note, &turn->standing, error);
}

/* Somebody else's turn meanwhile would make this one retire a key that has just begun. */
static bool standing_holds(struct unit *unit, const struct turn *turn, GError **error)
{
	struct standing now = { 0 };
	bool listed = saml_key_list(unit, turn->tenant->id, standing_note, &now, error), same = true;
	for (size_t i = 0; i < PURPOSES; i++)
		same = same && g_strcmp0(now.active[i], turn->standing.active[i]) == 0 && g_strcmp0(now.next[i], turn->standing.next[i]) == 0;
	standing_clear(&now);
	return listed && (same || fail(error, ERROR_CONFLICT, "the keys were changed by somebody else meanwhile; nothing was done, run the command again"));
}

static bool purpose_turn(struct unit *unit, const struct turn *turn, size_t purpose, int64_t now_ms, GError **error)
{
	const char *tenant = turn->tenant->id, *active = turn->standing.active[purpose], *next = turn->standing.next[purpose];
	if (turn->takes_over[purpose] && active && !saml_key_set_state(unit, tenant, active, turn->end, now_ms, error))
		return false;
	if (turn->takes_over[purpose] && next && !saml_key_set_state(unit, tenant, next, KEY_STATE_ACTIVE, now_ms, error))
		return false;
	return !turn->fresh[purpose].kid || saml_key_insert(unit, tenant, &turn->fresh[purpose], error);
}

static bool turn_work(struct unit *unit, struct act *act, GError **error)
{
	const struct turn *turn = act->data;
	int64_t now_ms = act->command->now_ms;
	if (!standing_holds(unit, turn, error))
		return false;
	for (size_t i = 0; i < PURPOSES; i++)
		if (!purpose_turn(unit, turn, i, now_ms, error))
			return false;
	return !turn->revoked || saml_key_set_state(unit, turn->tenant->id, turn->revoked, KEY_STATE_REVOKED, now_ms, error);
}

static json_t *turn_report(const struct turn *turn)
{
	json_t *report = json_array();
	for (size_t i = 0; i < PURPOSES; i++) {
		const char *active = turn->standing.active[i], *next = turn->standing.next[i], *made = turn->fresh[i].kid;
		bool over = turn->takes_over[i];
		if (over || made)
			json_array_append_new(report, json_pack("{s:s, s:s?, s:s?, s:s?}", "use", uses[i], key_state_name(over ? turn->end : KEY_STATE_RETIRED), over ? active : NULL,
			                                        "active", over ? next ? next : made : active, "next", over ? NULL : made));
	}
	return report;
}

static bool turn_make(struct command *command, struct turn *turn, enum audit_event event, GError **error)
{
	g_autoptr(json_t) report = turn_report(turn), detail = json_pack("{s:O, s:s?}", "keys", report, "kid", turn->revoked);
	struct act act = { .work = turn_work, .data = turn, .tenant = turn->tenant, .facts = { .event = event, .detail = detail } };
	if (!command_act(command, &act, error))
		return false;
	print_list(command, report, (const char *const[]){ "use", key_state_name(turn->end), "active", "next", NULL });
	return true;
}

/* --- the verbs --- */

bool saml_keys_rotate(struct command *command, GError **error)
{
	g_auto(turn_t) turn = { .end = KEY_STATE_RETIRED };
	if (!turn_begin(command, &turn, error))
		return false;
	if (!turn.standing.active[SAML_KEY_SIGNING])
		return fail(error, ERROR_NOT_FOUND, "tenant %s has no keys for SAML; they are made with its first provider of that type", turn.tenant->name);
	bool prepared = turn.standing.next[SAML_KEY_SIGNING] || turn.standing.next[SAML_KEY_ENCRYPTION];
	for (enum saml_key_purpose i = SAML_KEY_SIGNING; i < (enum saml_key_purpose)PURPOSES; i++) {
		turn.takes_over[i] = turn.standing.next[i] != NULL;
		if (!prepared)
			saml_key_make(turn.tenant, i, KEY_STATE_NEXT, command->now_ms, &turn.fresh[i]);
	}
	if (!turn_make(command, &turn, EVENT_KEY_ROTATE, error))
		return false;
	fprintf(stderr, prepared ? "passerelle: the new keys are in use; what is encrypted to the old one is read for 32 days more\n"
	                         : "passerelle: both keys are in the metadata now; give it to the providers that do not read it by themselves, then run this again\n");
	return true;
}

struct search {
	const char *kid;
	enum saml_key_purpose purpose;
	enum key_state state;
	bool found;
};

static bool search_note(const struct saml_key *key, void *data)
{
	struct search *search = data;
	search->found = strcmp(key->kid, search->kid) == 0;
	search->purpose = key->purpose;
	search->state = key->state;
	return !search->found;
}

static bool revocation_make(struct command *command, struct turn *turn, const struct search *search, GError **error)
{
	enum saml_key_purpose purpose = search->purpose;
	bool active = search->state == KEY_STATE_ACTIVE;
	if (search->state == KEY_STATE_REVOKED)
		return fail(error, ERROR_CONFLICT, "the key %s is revoked already", search->kid);
	turn->takes_over[purpose] = active;
	turn->revoked = active ? NULL : search->kid;
	if (active && !turn->standing.next[purpose])
		saml_key_make(turn->tenant, purpose, KEY_STATE_ACTIVE, command->now_ms, &turn->fresh[purpose]);
	if (!turn_make(command, turn, EVENT_KEY_REVOKE, error))
		return false;
	if (active)
		fprintf(stderr, "passerelle: another key is in use at once: give the metadata to every provider, or sign-ins there fail until they have it\n");
	return true;
}

enum found saml_key_revoke(struct command *command, const char *kid, GError **error)
{
	g_auto(turn_t) turn = { .end = KEY_STATE_REVOKED };
	struct search search = { .kid = kid };
	if (!turn_begin(command, &turn, error) || !saml_key_list(command_reader(command, error), turn.tenant->id, search_note, &search, error))
		return BROKEN;
	if (!search.found)
		return MISSING;
	return revocation_make(command, &turn, &search, error) ? FOUND : BROKEN;
}
