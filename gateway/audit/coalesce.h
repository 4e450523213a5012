/* Refusals that repeat are counted instead of written one by one: whoever may knock without a password must not fill the disk, nor the queue in which
 * the records of granted tokens stand.
 *
 *   a refusal ─→ its kind (tenant, event, reason, client, network) has some left to be written in full ─→ written as it is
 *                                          └─ none left, or no room in the queue ─→ counted ─→ at the next flush one record with the count
 *
 * A kind starts with 20 in full, and every flush gives 2 back: who tries a few times finds each of them by its reference. What is bounded: the kinds (when
 * many networks come, they are told apart more coarsely, in the end not at all), and so the records a flush can write.
 *
 * Only what a stranger can cause is counted: an event that is not durable, refused, with no account in it. Nothing is ever left out without a count. */
#pragma once
#include "gateway/audit/audit.h"

struct coalescer;

struct coalescer *coalescer_new(struct store *store);
/* After the last flush. What could not be flushed is lost, and said in the process log. Takes NULL. */
void coalescer_free(struct coalescer *coalescer);
/* As audit_write, for every record of a request. False: the record is lost, which is said in the process log (audit.lost) with a count, at most once a
 * second. From any thread. */
bool coalescer_write(struct coalescer *coalescer, const struct tenant *tenant, const struct audit_facts *facts, bool username_known);
/* Writes one record for each kind that was counted since the last flush, and waits for it. What cannot be written stays counted. By one thread at a time. */
void coalescer_flush(struct coalescer *coalescer, int64_t now_ms);
/* How often coalescer_flush is to be called. */
#define COALESCE_WINDOW_MS 10000

/* For how many refusals a row stands that has no others of them beside it: 0 for an ordinary one. */
int64_t coalesced_count(const struct log_row *row);
