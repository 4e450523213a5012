/* A store that many organisations have used for long: written into the gateway's database while it does not run, by SQL, since through the gateway it would take an
 * hour. Knows the schema; the rows are copies of what the bench's own tenant has. */
#pragma once

#define CROWD_TENANTS 10000
#define CROWD_ACCOUNTS 1000000
#define CROWD_TOKENS 100000

/* `folder` is the gateway's. Returns the seconds it took. */
double crowd_fill(const char *folder);
