/* Proof Key for Code Exchange, S256 only. `plain` is refused because whoever sees the authorization request would hold the verifier, and a verifier
 * without a challenge because that is what a stripped challenge looks like from here. */
#include "policies/pkce.h"

#include <glib.h>
#include <string.h>

#define CHALLENGE_LENGTH 43
#define VERIFIER_MIN 43
#define VERIFIER_MAX 128

static bool all_of(const char *text, size_t min, size_t max, const char *besides_alphanumeric)
{
	size_t length = text ? strnlen(text, max + 1) : 0;

	if (length < min || length > max)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isalnum(text[i]) && !strchr(besides_alphanumeric, text[i]))
			return false;
	return true;
}

bool pkce_challenge_well_formed(const char *challenge)
{
	return all_of(challenge, CHALLENGE_LENGTH, CHALLENGE_LENGTH, "-_");
}

bool pkce_verifier_well_formed(const char *verifier)
{
	return all_of(verifier, VERIFIER_MIN, VERIFIER_MAX, "-._~");
}

enum reason pkce_decide_request(bool required, const char *challenge, const char *method)
{
	if (!challenge) {
		if (method)
			return REASON_REQUEST_INVALID;
		return required ? REASON_PKCE_MISSING : REASON_OK;
	}
	/* A method left out means `plain` (RFC 7636 section 4.3). */
	if (!method || strcmp(method, "S256") != 0)
		return REASON_PKCE_PLAIN;
	return pkce_challenge_well_formed(challenge) ? REASON_OK : REASON_REQUEST_INVALID;
}

enum reason pkce_decide_verifier(const char *challenge, const char *verifier, const char *verifier_s256)
{
	if (!challenge && !verifier)
		return REASON_OK;
	if (!challenge || !verifier || !verifier_s256 || !pkce_verifier_well_formed(verifier))
		return REASON_PKCE_MISMATCH;
	/* The challenge travelled through the browser and the transform is a digest: the time of this comparison tells nothing. */
	return strcmp(challenge, verifier_s256) == 0 ? REASON_OK : REASON_PKCE_MISMATCH;
}
