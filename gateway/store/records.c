/* What records own, and how it is given back. */
#include "gateway/store/records.h"
#include "base/secret.h"
#include <string.h>

void account_clear(struct account *account)
{
	if (!account)
		return;
	g_free(account->username);
	g_free(account->username_key);
	g_free(account->email);
	g_free(account->email_key);
	g_free(account->name);
	g_free(account->locale);
	json_decref(account->groups);
	memset(account, 0, sizeof(*account));
}

void flow_clear(struct flow *flow)
{
	if (!flow)
		return;
	g_free(flow->client_id);
	json_decref(flow->request);
	g_free(flow->provider);
	g_free(flow->sealed);
	g_free(flow->session);
	memset(flow, 0, sizeof(*flow));
}

void session_clear(struct session *session)
{
	if (!session)
		return;
	g_free(session->provider);
	g_free(session->acr);
	g_free(session->amr);
	g_free(session->address);
	g_free(session->user_agent);
	memset(session, 0, sizeof(*session));
}

void grant_clear(struct grant *grant)
{
	if (!grant)
		return;
	g_free(grant->client_id);
	g_free(grant->scope);
	g_strfreev(grant->resources);
	g_free(grant->acr);
	g_free(grant->amr);
	g_free(grant->provider);
	g_free(grant->nonce);
	json_decref(grant->claims);
	memset(grant, 0, sizeof(*grant));
}

void code_clear(struct code *code)
{
	if (!code)
		return;
	g_free(code->client_id);
	g_free(code->redirect_uri);
	g_free(code->code_challenge);
	memset(code, 0, sizeof(*code));
}

void refresh_token_clear(struct refresh_token *token)
{
	if (!token)
		return;
	g_free(token->client_id);
	memset(token, 0, sizeof(*token));
}

void access_token_clear(struct access_token *token)
{
	if (!token)
		return;
	json_decref(token->claims);
	g_free(token->client_id);
	memset(token, 0, sizeof(*token));
}

void logout_delivery_clear(struct logout_delivery *delivery)
{
	if (!delivery)
		return;
	g_free(delivery->client_id);
	memset(delivery, 0, sizeof(*delivery));
}

void log_row_clear(struct log_row *row)
{
	if (!row)
		return;
	char *const owned[] = { row->node, row->event, row->result, row->reason, row->account, row->username, row->provider, row->client, row->session,
	                        row->ip, row->user_agent, row->device, row->os, row->browser, row->acr, row->amr, row->ref, row->actor };
	for (size_t i = 0; i < G_N_ELEMENTS(owned); i++)
		g_free(owned[i]);
	json_decref(row->detail);
	memset(row, 0, sizeof(*row));
}

void signing_key_clear(struct signing_key *key)
{
	if (!key)
		return;
	g_free(key->kid);
	secret_free(key->pkcs8);
	memset(key, 0, sizeof(*key));
}

void saml_key_clear(struct saml_key *key)
{
	if (!key)
		return;
	g_free(key->kid);
	g_free(key->certificate);
	secret_free(key->pkcs8);
	memset(key, 0, sizeof(*key));
}

void link_clear(struct link *link)
{
	if (!link)
		return;
	g_free(link->provider);
	g_free(link->subject);
	memset(link, 0, sizeof(*link));
}

void provider_record_clear(struct provider_record *provider)
{
	if (!provider)
		return;
	g_free(provider->name);
	g_free(provider->type);
	json_decref(provider->settings);
	memset(provider, 0, sizeof(*provider));
}
