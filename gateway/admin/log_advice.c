/* What an administrator can do about each reason that refuses. A new reason must be thought about here: there is no default. */
#include "gateway/admin/log_advice.h"

#include <stddef.h>

/* Of what the verifier said about a provider's token. */
static const char broken_form[] = "The provider sent what it may not send: show its maker the failed check above. If it never happened before, somebody may have forged it.";
static const char other_client[] = "Compare the provider's client_id here with the one registered there.";
static const char start_again[] = "The person starts again from the application; if it happens to everybody, the provider does not return the nonce or keeps old tokens.";
static const char asked_for_more[] = "The application asked for a fresh or a stronger sign-in than this provider gives; see whether it supports max_age and acr_values.";
static const char *const token_advice[] = {
	[REASON_TOKEN_MALFORMED] = broken_form,
	[REASON_TOKEN_TYPE] = broken_form,
	[REASON_TOKEN_EVENT] = broken_form,
	[REASON_TOKEN_TIMES] = broken_form,
	[REASON_TOKEN_ALGORITHM] = "Let the provider sign this client's tokens with RS256, PS256, ES256 or EdDSA and a key of at least 2,048 bits.",
	[REASON_TOKEN_KEY_UNKNOWN] = "`passerelle provider test NAME` shows the provider's keys. Right after it changed them, a minute's wait is enough.",
	[REASON_TOKEN_SIGNATURE] = "Forged, or the provider publishes other keys than it signs with: `passerelle provider test NAME`.",
	[REASON_TOKEN_ISSUER] = "Compare the issuer seen with the provider's declared one; if the provider has moved, declare the new one.",
	[REASON_TOKEN_TENANT] = "Add the directory's id to allowed_directories, if these people may sign in.",
	[REASON_TOKEN_AUDIENCE] = other_client,
	[REASON_TOKEN_AZP] = other_client,
	[REASON_TOKEN_NONCE] = start_again,
	[REASON_TOKEN_OLD] = start_again,
	[REASON_TOKEN_NOT_YET] = "Compare the clocks of both machines (NTP); clock_skew allows up to 5 minutes.",
	[REASON_TOKEN_AT_HASH] = "The answer of the token endpoint was put together from two: something between here and the provider changes answers, or the provider is broken.",
	[REASON_TOKEN_AUTH_TIME] = asked_for_more,
	[REASON_TOKEN_ACR] = asked_for_more,
	[REASON_TOKEN_SUBJECT] = "The provider answered for another person than the one signing in. If it happens again, ask its administrator.",
	[REASON_VERIFIER_FAILED] = "The process log says how it ended (verifier.*). One such record is somebody's attempt; many with one provider want a report to its maker and to us.",
};

const char *log_advice(enum reason reason)
{
	switch (reason) {
	case REASON_OK:
	case REASON_CANCELLED:
		return NULL;
	case REASON_UNDECIDED:
		return "This should not happen: report it, with the reference.";
	case REASON_WRONG_PASSWORD:
		return "The person tries again; `passerelle user passwd NAME` sets a new password.";
	case REASON_UNKNOWN_ACCOUNT:
		return "Check the spelling and the tenant; `passerelle user list` shows who there is. An unknown name is kept as a keyed hash only.";
	case REASON_NO_PASSWORD:
		return "Set a password with `passerelle user passwd NAME`, or let the person sign in through their provider.";
	case REASON_ACCOUNT_DISABLED:
		return "`passerelle user enable NAME`, if it was not meant.";
	case REASON_LOCKED:
		return "Wait, or `passerelle user unlock NAME` once you know that it was the person.";
	case REASON_THROTTLED_ADDRESS:
		return "Wait; look at `passerelle log list --event login` for who tries from that address.";
	case REASON_LOCKED_UPSTREAM:
		return "The directory locked the account: unlock it there, or wait.";
	case REASON_PASSWORD_EXPIRED:
		return "The password must be changed at the provider, or here where its `password_change` allows it.";
	case REASON_PASSWORD_TOO_SHORT:
	case REASON_PASSWORD_REUSED:
	case REASON_PASSWORD_TOO_YOUNG:
	case REASON_PASSWORD_REJECTED:
		return "The person chooses another one; the rules are the directory's.";
	case REASON_PASSWORD_NOT_REPEATED:
		return "The person types it again.";
	case REASON_PASSWORD_FIXED:
		return "Let people, or for expired passwords the service account, change passwords in the directory: see docs/directories.md.";
	case REASON_PASSWORD_UNUSABLE:
		return "`passerelle user passwd NAME` replaces the stored hash.";
	case REASON_PROVIDER_UNKNOWN:
		return "Check the provider's name and whether it is enabled in the declaration.";
	case REASON_PROVIDER_UNAVAILABLE:
		return "Check that the provider is up and can be reached from this machine.";
	case REASON_PROVIDER_UNASKED:
		return "Give the provider a service account (`bind_dn`), and refreshes can ask it.";
	case REASON_PROVIDER_REFUSED:
		return "The provider's own log says why.";
	case REASON_PROVIDER_CODE:
		return "If it is always so, compare the redirect URI registered there with `provider test`; once in a while it is a page that was reloaded.";
	case REASON_PROVIDER_CLIENT:
		return "Run `passerelle provider test`: it shows whether the provider knows us, and what to set on which side.";
	case REASON_STATE_INVALID:
		return "An old page or the Back button does this; many from one address are somebody trying.";
	case REASON_ISS_PARAMETER:
	case REASON_USERINFO_SUBJECT:
		return "The provider is misconfigured, or somebody mixed another one's answer in: compare the failed check with `passerelle provider test`.";
	case REASON_HOSTED_DOMAIN:
		return "Add the domain to the provider's hosted_domains, if its people may come in.";
	case REASON_NO_FRESH_LOGIN:
		return "The application asked for prompt=login or max_age; let these people sign in with another provider, or change the application.";
	case REASON_PROVIDER_VIOLATION:
		return "Compare the failed check above with the provider's settings; if they are right, somebody may have forged the answer.";
	case REASON_TOKEN_MALFORMED:
	case REASON_TOKEN_TYPE:
	case REASON_TOKEN_EVENT:
	case REASON_TOKEN_REPLAYED:
	case REASON_TOKEN_TIMES:
	case REASON_TOKEN_ALGORITHM:
	case REASON_TOKEN_KEY_UNKNOWN:
	case REASON_TOKEN_SIGNATURE:
	case REASON_TOKEN_ISSUER:
	case REASON_TOKEN_TENANT:
	case REASON_TOKEN_AUDIENCE:
	case REASON_TOKEN_AZP:
	case REASON_TOKEN_NONCE:
	case REASON_TOKEN_OLD:
	case REASON_TOKEN_NOT_YET:
	case REASON_TOKEN_AT_HASH:
	case REASON_TOKEN_AUTH_TIME:
	case REASON_TOKEN_ACR:
	case REASON_TOKEN_SUBJECT:
	case REASON_VERIFIER_FAILED:
		return token_advice[reason];
	case REASON_NOT_PROVISIONED:
		return "Make the account first, or change the provider's provisioning.";
	case REASON_GROUP_NOT_ALLOWED:
		return "Put the account into one of the client's allowed_groups.";
	case REASON_FLOW_EXPIRED:
	case REASON_FLOW_FOREIGN:
	case REASON_FORM_FORGED:
		return "The person starts again from the application.";
	case REASON_FLOOD:
		return "If these are people behind one proxy, name it in trusted_proxies; else it is a flood, and it costs little.";
	case REASON_BUSY:
		return "If it happens often, raise workers or hash_slots, or look for a flood of sign-ins.";
	case REASON_CLIENT_UNKNOWN:
		return "Check the client_id and the issuer the application was given; `passerelle client list` shows what there is.";
	case REASON_CLIENT_SECRET_WRONG:
		return "Check the application's secret; `passerelle client rotate-secret ID` makes a new one.";
	case REASON_CLIENT_ASSERTION_WRONG:
		return "The failed check above says what is wrong with it; compare the application's key with the client's jwks, and both clocks.";
	case REASON_CLIENT_ASSERTION_REPLAYED:
		return "The application sent one assertion twice, or somebody took a copy: each needs a jti of its own.";
	case REASON_CLIENT_METHOD_WRONG:
		return "Set token_endpoint_auth_method to what the application does, or the application to what is declared.";
	case REASON_CLIENT_AUTH_MISSING:
		return "The application must authenticate at the token endpoint; declare token_endpoint_auth_method: none only for a public client.";
	case REASON_REDIRECT_MISMATCH:
		return "Add the address, exactly as seen, to the client's redirect_uris, if it is the application's own.";
	case REASON_REQUEST_INVALID:
		return "The application's request must be mended; the failed check above names the parameter.";
	case REASON_RESPONSE_TYPE:
		return "Set the application to the authorization code flow (response_type=code).";
	case REASON_PKCE_MISSING:
		return "Switch PKCE on in the application; a confidential client that sends a nonce may be declared with require_pkce: false.";
	case REASON_PKCE_PLAIN:
		return "Set the application to code_challenge_method=S256.";
	case REASON_PKCE_MISMATCH:
		return "The application lost or mixed up its code_verifier; if it did not, the code was stolen.";
	case REASON_SCOPE_REFUSED:
		return "Add the scope to the client's scope, or take it out of the application's request.";
	case REASON_TARGET_REFUSED:
		return "Add the resource to the client's resources, or take it out of the application's request.";
	case REASON_GRANT_TYPE_REFUSED:
		return "Add the grant to the client's grant_types, if the application should have it.";
	case REASON_LOGIN_REQUIRED:
	case REASON_CONSENT_REQUIRED:
		return "Nothing: the application asks again without prompt=none.";
	case REASON_ACR_UNMET:
		return "The application's acr_values or claims must ask for a class that discovery lists.";
	case REASON_CODE_UNKNOWN:
	case REASON_CODE_EXPIRED:
		return "The person starts again; if it happens often, the application redeems codes too late or twice.";
	case REASON_CODE_REPLAYED:
		return "The application sent a code twice, or somebody stole it: look at both requests' addresses.";
	case REASON_REDIRECT_CHANGED:
		return "The application must send the same redirect_uri to /token as to /authorize.";
	case REASON_REFRESH_UNKNOWN:
	case REASON_REFRESH_EXPIRED:
	case REASON_GRANT_REVOKED:
	case REASON_CLIENT_UNREACHABLE:
		return "Check the client's backchannel_logout_uri and its own log; its session there may still be open.";
	case REASON_SESSION_ENDED:
		return "The person signs in again.";
	case REASON_REFRESH_REPLAYED:
		return "The application kept an old refresh token, or somebody stole it: the person signs in again, and the addresses are worth a look.";
	case REASON_TOKEN_INVALID:
	case REASON_TOKEN_EXPIRED:
	case REASON_TOKEN_REVOKED:
		return "The application gets a new token.";
	case REASON_TOKEN_NOT_YOURS:
		return "Name the caller in the resource's introspection_clients, if it should look into these tokens.";
	case REASON_STORE_BROKEN:
		return "Look at the process log; `passerelle check` tries the store.";
	}
	return NULL;
}
