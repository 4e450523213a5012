/* A unit of work and the few calls that verbs are written with. Private to gateway/store. */
#pragma once
#include "gateway/store/driver.h"
#include "crypto/seal.h"
#include "gateway/store/store.h"

struct unit {
	struct store *store;
	const struct driver *driver;
	struct connection *connection; /* NULL: a reader is borrowed for each statement */
	bool changed; /* a `change` row was written: the counter must be bumped after the commit */
	bool broken;  /* a statement failed: the transaction may not be kept, whatever its function says */
};

/* Parameters of a statement, in the order of $1 … $n. */
struct value value_text(const char *text); /* NULL is SQL's NULL */
struct value value_integer(int64_t integer);
struct value value_digest(const uint8_t digest[DIGEST_SIZE]);
struct value value_bytes(const void *bytes, size_t length);
/* The compact text of a JSON value, owned by the caller through *ret_text. NULL is SQL's NULL. */
struct value value_json(const json_t *json, char **ret_text);
#define VALUES(...) ((const struct value[]){ __VA_ARGS__ }), sizeof((const struct value[]){ __VA_ARGS__ }) / sizeof(struct value)

/* A statement being read. Begins broken on failure, so that one check at the step is enough. */
struct cursor {
	struct unit *unit; /* with a connection; NULL: there was none to borrow */
	bool borrowed;
	struct rows *rows;
	GError *error;
};
typedef struct cursor cursor_t;
cursor_t cursor_open(struct unit *unit, const char *sql, const struct value *values, size_t count);
enum step_result cursor_step(cursor_t *cursor, GError **error);
void cursor_close(cursor_t *cursor);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(cursor_t, cursor_close)

const char *column_text(cursor_t *cursor, int column);       /* borrowed until the next step */
char *column_copy(cursor_t *cursor, int column);             /* owned; NULL for NULL */
int64_t column_integer(cursor_t *cursor, int column);
bool column_is_null(cursor_t *cursor, int column);
bool column_flag(cursor_t *cursor, int column);
void column_identifier(cursor_t *cursor, int column, char out[IDENTIFIER_SIZE]); /* "" for NULL or nonsense */
/* A column of exactly `length` bytes; zeroes when NULL. False when the stored length is another. */
bool column_bytes(cursor_t *cursor, int column, uint8_t *out, size_t length);
/* NULL stays NULL. False with *error when the text is not JSON of ours: the database was tampered with. */
bool column_json(cursor_t *cursor, int column, json_t **ret, GError **error);

/* Runs a statement that gives no rows. ret_affected may be NULL. */
bool unit_run(struct unit *unit, int64_t *ret_affected, GError **error, const char *sql, const struct value *values, size_t count);
/* As unit_run, but no row affected is ERROR_NOT_FOUND (the row is missing, or another tenant's) with `what` in the message. */
bool unit_run_one(struct unit *unit, const char *what, GError **error, const char *sql, const struct value *values, size_t count);
/* The first row's first column. MISSING without a row. */
enum found unit_text(struct unit *unit, char **ret, GError **error, const char *sql, const struct value *values, size_t count); /* caller frees */
enum found unit_integer(struct unit *unit, int64_t *ret, GError **error, const char *sql, const struct value *values, size_t count);

/* The first row's first column, unsealed. */
enum found unit_sealed(struct unit *unit, const struct seal_context *context, struct secret **ret, GError **error,
                       const char *sql, const struct value *values, size_t count);

/* Reads rows of one record type: `read` fills a cleared record from the row, `clear` empties it. */
struct record_type {
	size_t size;
	bool (*read)(struct unit *unit, cursor_t *cursor, const char *tenant, void *record, GError **error);
	void (*clear)(void *record);
};
/* The one row a look-up may give. *ret is written on FOUND only. */
enum found record_find(struct unit *unit, const struct record_type *type, const char *tenant, void *ret, GError **error,
                       const char *sql, const struct value *values, size_t count);
bool record_list(struct unit *unit, const struct record_type *type, const char *tenant, bool (*each)(void *record, void *context), void *context,
                 GError **error, const char *sql, const struct value *values, size_t count);

/* Adds a row to `change`: what caches drop. Kind "all" with id "" drops everything. */
bool change_add(struct unit *unit, const char *tenant, const char *kind, const char *id, GError **error);
/* Runs an UPDATE … RETURNING id, and writes a change row of that kind for every id; beyond CHANGES_EACH_MAX one row of kind "all" for them all. */
bool change_add_returned(struct unit *unit, const char *tenant, const char *kind, GError **error, const char *sql, const struct value *values, size_t count);
#define CHANGES_EACH_MAX 256
/* Change rows kept: a cache that fell further behind drops everything. */
#define CHANGES_KEPT 10000
/* The newest change's seq; 0 when there was none. */
bool change_head(struct unit *unit, int64_t *ret_seq, GError **error);
/* Sealed columns: context (tenant, table, row, column). Caller frees. */
char *column_seal(struct unit *unit, const struct seal_context *context, const void *plain, size_t length);

/* store.c. The driver of an address and what stands after its scheme; NULL with *error. */
const struct driver *driver_for(const char *address, const char **ret_location, GError **error);
/* A connection for one statement, given back when the statement ends; NULL with *error ERROR_UNAVAILABLE. */
struct unit *reader_take(struct store *store, GError **error);
void reader_give_back(struct unit *unit);
/* Whoever has the store open holds it together with others; who replaces it holds it alone. The descriptor, to be closed; -1 with *error. */
int store_lock(const char *location, bool alone, GError **error);

/* Written before sessions end, while they can still be told from those that had ended: what their clients are to be told. */
bool logout_delivery_add_session(struct unit *unit, const char *tenant, const char *session, int64_t now_ms, GError **error);
bool logout_delivery_add_account(struct unit *unit, const char *tenant, const char *account, int64_t now_ms, GError **error);
/* Ends all sessions of an account, revokes all its grants, offline ones too. */
bool account_end_all(struct unit *unit, const char *tenant, const char *account, int64_t now_ms, GError **error);
enum found tenant_find_issuer(struct unit *unit, const char *issuer, struct tenant **ret, GError **error);
/* Issuers of all tenants, for the set of known hosts. */
bool tenant_issuers(struct unit *unit, bool (*each)(const char *issuer, void *data), void *data, GError **error);
/* Deletes up to *limit rows of removed tenants and takes them off *limit; true also when more is left. */
bool tenant_sweep(struct unit *unit, int64_t *limit, GError **error);
/* Deletes up to *limit rows of the connection log that are over their tenant's retention; an anchor keeps the chain's broken end. */
bool log_sweep(struct unit *unit, int64_t now_ms, int64_t *limit, GError **error);
