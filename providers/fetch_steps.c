/* `provider test`: the way of one request, step by step, each with what was seen and what was expected, and where it failed what to change on which side.
 *
 *	address guard ─> resolve ─> connect ─> TLS ─> certificate ─> status
 *
 * A certificate that was refused is looked at over a second connection, over which nothing is said. */
#include "providers/fetch_internal.h"

#include "base/clock.h"
#include "crypto/certificate.h"

#define GUARD_EXPECTED "a public address, the declared host's, or one in outbound.allow"
#define GUARD_ADVICE "Here: if this address is meant, add it to outbound.allow in passerelle.yaml. Else correct the address of the provider."

void steps_refused(const struct fetch_request *request, const char *seen)
{
	g_autofree char *text = g_strdup_printf("%s: %s", request->url, seen);

	check_advised(request->checks, "address guard", text, GUARD_EXPECTED, false, GUARD_ADVICE);
}

static const char *certificate_advice(bool in_time, bool named, bool self_issued)
{
	if (!in_time)
		return "There: renew the provider's certificate. Or set its clock, or this machine's.";
	if (!named)
		return "Here: use one of these names in the provider's address. Or there: get a certificate that has this one.";
	if (self_issued)
		return "Here: put this very certificate in a PEM file and name that in outbound.ca_file. Better, there: one from a CA.";
	return "Here: put the certificate of the CA that issued it in a PEM file and name that in outbound.ca_file. Or there: send the whole chain.";
}

static void certificate_step(const struct transfer *transfer, GBytes *der, bool trusted)
{
	g_auto(certificate_facts_t) facts = {0};
	gsize length;
	const void *bytes = g_bytes_get_data(der, &length);
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	int64_t now_ms = clock_now_ms();

	if (!certificate_read(bytes, length, &facts))
		return;
	bool in_time = facts.from_ms <= now_ms && now_ms <= facts.to_ms;
	clock_format(facts.from_ms, from);
	clock_format(facts.to_ms, to);
	g_autofree char *seen = g_strdup_printf("names %s; %.10s to %.10s; of %s, by %s", *facts.names ? facts.names : "none", from, to, facts.subject, facts.issuer);
	g_autofree char *expected = g_strdup_printf("names %s, valid today, issued under a CA that is trusted here", transfer->target.host);
	check_advised(transfer->request->checks, "certificate", seen, expected, trusted,
	              certificate_advice(in_time, certificate_is_for(bytes, length, transfer->target.host), facts.self_issued));
	transfer->reply->certificate_names = g_strdup(facts.names);
	transfer->reply->certificate_to_ms = facts.to_ms;
}

/* `failed`: the handshake did not end well. The certificate is looked at whether or not it is to blame. */
static void encryption_steps(const struct transfer *transfer, void *easy, bool failed)
{
	g_autoptr(GBytes) der = failed ? transfer_look(transfer) : transfer_certificate(easy);

	check_advised(transfer->request->checks, "TLS", failed ? transfer->reply->trouble : "done", "TLS 1.2 or newer, with a trusted certificate", !failed,
	              der ? "See the certificate below." : "There: offer TLS 1.2 or newer at this address. Here: check host and port.");
	if (der)
		certificate_step(transfer, der, !failed);
}

static bool step(const struct transfer *transfer, const char *name, bool passed, const char *seen, const char *expected, const char *advice)
{
	return check_advised(transfer->request->checks, name, passed ? seen : transfer->reply->trouble, expected, passed, advice);
}

static void status_step(const struct transfer *transfer, enum fetch_result result)
{
	g_autofree char *seen = g_strdup_printf("%d%s%s", transfer->reply->status, transfer->reply->content_type ? " " : "",
	                                        transfer->reply->content_type ? transfer->reply->content_type : "");

	step(transfer, "answer", result == FETCH_OK, seen, "a whole answer in time, of bounded size", "There: see the provider's own log.");
}

void steps_check(const struct transfer *transfer, void *easy, enum fetch_result result)
{
	struct transfer_way way = transfer_way(transfer, easy);

	if (!step(transfer, "resolve", way.resolved, transfer->target.host, "an address", "Here: correct the host. Or correct the name in DNS."))
		return;
	if (!step(transfer, "address guard", result != FETCH_REFUSED, way.connected ? transfer->reply->peer : "nothing to object", GUARD_EXPECTED, GUARD_ADVICE))
		return;
	if (!step(transfer, "connect", way.connected, transfer->reply->peer, "a connection in time",
	          "There: start the server, or open the firewall between this machine and it. Here: correct host and port."))
		return;
	if (!transfer->target.plain) {
		encryption_steps(transfer, easy, !way.encrypted);
		if (!way.encrypted)
			return;
	}
	status_step(transfer, result);
}
