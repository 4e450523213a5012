/* What every driver's answer is made of: names of verdicts, and the freeing of its parts. */
#include "providers/provider.h"

const char *verdict_name(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_VIOLATION:
		return "violation";
	case VERDICT_OK:
		return "ok";
	case VERDICT_MORE:
		return "more";
	case VERDICT_UNKNOWN:
		return "unknown";
	case VERDICT_MISMATCH:
		return "mismatch";
	case VERDICT_DISABLED:
		return "disabled";
	case VERDICT_EXPIRED:
		return "expired";
	case VERDICT_REFUSED:
		return "refused";
	case VERDICT_UNAVAILABLE:
		return "unavailable";
	}
	return "violation";
}

void step_clear(struct step *step)
{
	if (!step)
		return;
	g_free(step->url);
	json_decref(step->fields);
	*step = (struct step){0};
}

void credential_clear(struct credential *credential)
{
	if (!credential)
		return;
	g_free(credential->stored);
	*credential = (struct credential){0};
}

/* Back to zero, which is a violation: an answer used by mistake after this opens nothing. */
void provider_answer_clear(struct provider_answer *answer)
{
	if (!answer)
		return;
	identity_free(answer->identity);
	g_free(answer->session.sid);
	g_free(answer->session.acr);
	g_free(answer->session.once);
	secret_free(answer->session.logout_keep);
	secret_free(answer->session.refresh_keep);
	step_clear(&answer->step);
	secret_free(answer->keep);
	g_free(answer->replacement_hash);
	*answer = (struct provider_answer){0};
}

void provider_outlook_clear(struct provider_outlook *outlook)
{
	if (!outlook)
		return;
	json_decref(outlook->facts);
	json_decref(outlook->expiries);
	json_decref(outlook->changes);
	g_free(outlook->trouble);
	*outlook = (struct provider_outlook){0};
}

void logout_notice_clear(struct logout_notice *notice)
{
	if (!notice)
		return;
	g_free(notice->subject);
	g_strfreev(notice->sids);
	g_free(notice->id);
	secret_free(notice->keep);
	*notice = (struct logout_notice){0};
}
