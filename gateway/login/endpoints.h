/* The browser half: endpoints as handlers of a call, for the route table. All of them commit or hash, so they run on workers. */
#pragma once
#include "gateway/call/call.h"

void authorize_endpoint(struct call *call);   /* RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2 */
void signin_endpoint(struct call *call);      /* GET and POST /login */
void upstream_begin_endpoint(struct call *call);    /* GET /login/{provider} */
void upstream_callback_endpoint(struct call *call); /* GET and POST /callback/{provider} */
void change_password_endpoint(struct call *call); /* GET and POST /password */
void upstream_notice_endpoint(struct call *call);    /* POST /oidc/{provider}/backchannel-logout */
void saml_metadata_endpoint(struct call *call);      /* GET /saml/{provider}/metadata: SAML metadata 2.0; inline */
void saml_acs_endpoint(struct call *call);           /* POST /saml/{provider}/acs: SAML bindings 3.5 */
void saml_slo_endpoint(struct call *call);           /* GET and POST /saml/{provider}/slo: SAML profiles 4.4 */
void consent_endpoint(struct call *call);     /* GET and POST /consent */
void logout_endpoint(struct call *call);      /* OpenID Connect RP-Initiated Logout 1.0 */
void logout_done_endpoint(struct call *call);
