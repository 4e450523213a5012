/* Private to gateway/store: which root keys a database needs. The verbs for others are in store.h. */
#pragma once
#include "gateway/store/unit.h"

/* In a transaction: refuses keys that are not this database's, or lack one that something in it needs; forgets those that nothing needs any more; keeps the
 * fingerprint of the newest. */
bool root_keys_settle(struct unit *unit, const struct root_keys *keys, GError **error);
