-- {int}, {bytes}, {table} and {wide} (a table of long rows) stand for what each database calls them. Every key starts with the tenant; only `meta` has none.
-- Digests, never the values: cookies, codes, tokens, client secrets. Sealed: provider settings, signing keys.

CREATE TABLE tenant (
	tenant TEXT NOT NULL,
	name TEXT NOT NULL,
	issuer TEXT NOT NULL,
	settings TEXT NOT NULL,
	session_absolute_ms {int} NOT NULL,
	log_retention_ms {int} NOT NULL,
	created_ms {int} NOT NULL,
	PRIMARY KEY (tenant)
) {table};
CREATE UNIQUE INDEX tenant_name ON tenant (name);
CREATE UNIQUE INDEX tenant_issuer ON tenant (issuer);

CREATE TABLE tenant_domain (
	tenant TEXT NOT NULL,
	domain TEXT NOT NULL,
	PRIMARY KEY (tenant, domain)
) {table};
CREATE UNIQUE INDEX tenant_domain_domain ON tenant_domain (domain);

-- Removed tenants whose rows are still being swept away.
CREATE TABLE tenant_gone (
	tenant TEXT NOT NULL,
	PRIMARY KEY (tenant)
) {table};

CREATE TABLE account (
	tenant TEXT NOT NULL,
	account TEXT NOT NULL,
	username TEXT NOT NULL,
	username_key TEXT NOT NULL,
	email TEXT,
	email_key TEXT,
	email_verified {int} NOT NULL,
	name TEXT,
	locale TEXT,
	group_names TEXT,
	disabled {int} NOT NULL,
	declared {int} NOT NULL,
	created_ms {int} NOT NULL,
	updated_ms {int} NOT NULL,
	credentials_changed_ms {int} NOT NULL,
	PRIMARY KEY (tenant, account)
) {table};
CREATE UNIQUE INDEX account_username ON account (tenant, username_key);
CREATE INDEX account_email ON account (tenant, email_key);

-- Identifiers of removed accounts: `sub` is never given again.
CREATE TABLE account_gone (
	tenant TEXT NOT NULL,
	account TEXT NOT NULL,
	PRIMARY KEY (tenant, account)
) {table};

CREATE TABLE credential (
	tenant TEXT NOT NULL,
	account TEXT NOT NULL,
	stored TEXT NOT NULL,
	PRIMARY KEY (tenant, account)
) {table};

CREATE TABLE link (
	tenant TEXT NOT NULL,
	provider TEXT NOT NULL,
	subject TEXT NOT NULL,
	account TEXT NOT NULL,
	created_ms {int} NOT NULL,
	keep_sealed TEXT,
	PRIMARY KEY (tenant, provider, subject)
) {table};
CREATE INDEX link_account ON link (tenant, account, provider);

-- What may be used once: a client's or a foreign assertion, a logout token. Under the digest of its name, until nobody would take it any more.
CREATE TABLE used_once (
	tenant TEXT NOT NULL,
	digest {bytes} NOT NULL,
	expires_ms {int} NOT NULL,
	PRIMARY KEY (tenant, digest)
) {table};
CREATE INDEX used_once_expires ON used_once (expires_ms);

CREATE TABLE client (
	tenant TEXT NOT NULL,
	client_id TEXT NOT NULL,
	incarnation TEXT NOT NULL,
	settings TEXT NOT NULL,
	hears_logout {int} NOT NULL,
	created_ms {int} NOT NULL,
	PRIMARY KEY (tenant, client_id)
) {table};

CREATE TABLE client_secret (
	tenant TEXT NOT NULL,
	client_id TEXT NOT NULL,
	digest {bytes} NOT NULL,
	position {int} NOT NULL,
	expires_ms {int} NOT NULL,
	PRIMARY KEY (tenant, client_id, digest)
) {table};

CREATE TABLE resource (
	tenant TEXT NOT NULL,
	identifier TEXT NOT NULL,
	settings TEXT NOT NULL,
	PRIMARY KEY (tenant, identifier)
) {table};

CREATE TABLE provider (
	tenant TEXT NOT NULL,
	name TEXT NOT NULL,
	type TEXT NOT NULL,
	settings_sealed TEXT NOT NULL,
	enabled {int} NOT NULL,
	position {int} NOT NULL,
	PRIMARY KEY (tenant, name)
) {table};

CREATE TABLE signing_key (
	tenant TEXT NOT NULL,
	kid TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	state TEXT NOT NULL,
	pkcs8_sealed TEXT NOT NULL,
	created_ms {int} NOT NULL,
	activated_ms {int} NOT NULL,
	retired_ms {int} NOT NULL,
	PRIMARY KEY (tenant, kid)
) {table};

-- What identity providers pin: keys with certificates, for SAML. `purpose`: signing or encryption.
CREATE TABLE saml_key (
	tenant TEXT NOT NULL,
	kid TEXT NOT NULL,
	purpose TEXT NOT NULL,
	state TEXT NOT NULL,
	certificate TEXT NOT NULL,
	pkcs8_sealed TEXT NOT NULL,
	created_ms {int} NOT NULL,
	activated_ms {int} NOT NULL,
	retired_ms {int} NOT NULL,
	PRIMARY KEY (tenant, kid)
) {table};

CREATE TABLE flow (
	tenant TEXT NOT NULL,
	digest {bytes} NOT NULL,
	browser {bytes} NOT NULL,
	client_id TEXT NOT NULL,
	request TEXT,
	provider TEXT,
	sealed TEXT,
	session TEXT,
	consented {int} NOT NULL,
	created_ms {int} NOT NULL,
	expires_ms {int} NOT NULL,
	version {int} NOT NULL,
	PRIMARY KEY (tenant, digest)
) {wide};
CREATE INDEX flow_expires ON flow (expires_ms);

CREATE TABLE session (
	tenant TEXT NOT NULL,
	session TEXT NOT NULL,
	digest {bytes} NOT NULL,
	account TEXT NOT NULL,
	provider TEXT,
	acr TEXT,
	amr TEXT,
	address TEXT,
	user_agent TEXT,
	upstream {bytes},
	keep_sealed TEXT,
	created_ms {int} NOT NULL,
	auth_time_ms {int} NOT NULL,
	last_seen_ms {int} NOT NULL,
	ended_ms {int} NOT NULL,
	ends_ms {int} NOT NULL,
	expires_ms {int} NOT NULL,
	PRIMARY KEY (tenant, session)
) {table};
CREATE UNIQUE INDEX session_digest ON session (tenant, digest);
CREATE INDEX session_upstream ON session (tenant, upstream) WHERE upstream IS NOT NULL;
CREATE INDEX session_account ON session (tenant, account);
CREATE INDEX session_expires ON session (expires_ms);

CREATE TABLE grants (
	tenant TEXT NOT NULL,
	grant_id TEXT NOT NULL,
	account TEXT NOT NULL,
	client_id TEXT NOT NULL,
	scope TEXT,
	resources TEXT,
	session TEXT NOT NULL,
	sid TEXT NOT NULL,
	offline {int} NOT NULL,
	acr TEXT,
	amr TEXT,
	provider TEXT,
	nonce TEXT,
	auth_time_ms {int} NOT NULL,
	created_ms {int} NOT NULL,
	revoked_ms {int} NOT NULL,
	absolute_expires_ms {int} NOT NULL,
	claims TEXT,
	expires_ms {int} NOT NULL,
	PRIMARY KEY (tenant, grant_id)
) {table};
CREATE INDEX grants_account ON grants (tenant, account, client_id);
CREATE INDEX grants_session ON grants (tenant, session);
CREATE INDEX grants_client ON grants (tenant, client_id);
CREATE INDEX grants_expires ON grants (expires_ms);

-- Logout tokens still to be delivered (OpenID Connect Back-Channel Logout 1.0), each for one client of one session that ended.
CREATE TABLE logout_delivery (
	tenant TEXT NOT NULL,
	session TEXT NOT NULL,
	client_id TEXT NOT NULL,
	account TEXT NOT NULL,
	sid TEXT NOT NULL,
	attempts {int} NOT NULL,
	due_ms {int} NOT NULL,
	PRIMARY KEY (tenant, session, client_id)
) {table};
CREATE INDEX logout_delivery_due ON logout_delivery (due_ms);

CREATE TABLE consent (
	tenant TEXT NOT NULL,
	account TEXT NOT NULL,
	client_id TEXT NOT NULL,
	scope TEXT NOT NULL,
	given_ms {int} NOT NULL,
	PRIMARY KEY (tenant, account, client_id)
) {table};
CREATE INDEX consent_client ON consent (tenant, client_id);

CREATE TABLE code (
	tenant TEXT NOT NULL,
	digest {bytes} NOT NULL,
	grant_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	redirect_uri TEXT,
	code_challenge TEXT,
	expires_ms {int} NOT NULL,
	used_ms {int} NOT NULL,
	PRIMARY KEY (tenant, digest)
) {table};
CREATE INDEX code_expires ON code (expires_ms);

CREATE TABLE refresh_token (
	tenant TEXT NOT NULL,
	digest {bytes} NOT NULL,
	grant_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	successor {bytes},
	created_ms {int} NOT NULL,
	idle_expires_ms {int} NOT NULL,
	rotated_ms {int} NOT NULL,
	used_ms {int} NOT NULL,
	PRIMARY KEY (tenant, digest)
) {table};
CREATE INDEX refresh_token_expires ON refresh_token (idle_expires_ms);

CREATE TABLE access_token (
	tenant TEXT NOT NULL,
	digest {bytes} NOT NULL,
	grant_id TEXT NOT NULL,
	client_id TEXT NOT NULL,
	claims TEXT NOT NULL,
	expires_ms {int} NOT NULL,
	revoked_ms {int} NOT NULL,
	PRIMARY KEY (tenant, digest)
) {table};
CREATE INDEX access_token_expires ON access_token (expires_ms);

CREATE TABLE revoked_jti (
	tenant TEXT NOT NULL,
	jti TEXT NOT NULL,
	expires_ms {int} NOT NULL,
	PRIMARY KEY (tenant, jti)
) {table};
CREATE INDEX revoked_jti_expires ON revoked_jti (expires_ms);

CREATE TABLE throttle (
	tenant TEXT NOT NULL,
	bucket {bytes} NOT NULL,
	account TEXT NOT NULL,
	window_start_ms {int} NOT NULL,
	failures {int} NOT NULL,
	locked_until_ms {int} NOT NULL,
	locks {int} NOT NULL,
	expires_ms {int} NOT NULL,
	PRIMARY KEY (tenant, bucket)
) {table};
CREATE INDEX throttle_account ON throttle (tenant, account);
CREATE INDEX throttle_expires ON throttle (expires_ms);

CREATE TABLE log_row (
	tenant TEXT NOT NULL,
	node TEXT NOT NULL,
	seq {int} NOT NULL,
	id TEXT NOT NULL,
	time_ms {int} NOT NULL,
	event TEXT NOT NULL,
	result TEXT NOT NULL,
	reason TEXT,
	account TEXT,
	username TEXT,
	provider TEXT,
	client TEXT,
	session TEXT,
	ip TEXT,
	user_agent TEXT,
	device TEXT,
	os TEXT,
	browser TEXT,
	acr TEXT,
	amr TEXT,
	ref TEXT,
	actor TEXT,
	personal_salt {bytes} NOT NULL,
	personal {bytes} NOT NULL,
	prev_hash {bytes} NOT NULL,
	hash {bytes} NOT NULL,
	detail TEXT,
	PRIMARY KEY (tenant, node, seq)
) {wide};
CREATE INDEX log_row_time ON log_row (tenant, time_ms);
CREATE INDEX log_row_account ON log_row (tenant, account, time_ms) WHERE account IS NOT NULL;
CREATE INDEX log_row_ref ON log_row (tenant, ref);

-- Where retention cut a chain: number and hash of the last row removed, sealed, so that what is left still verifies and nobody else can cut.
CREATE TABLE log_anchor (
	tenant TEXT NOT NULL,
	node TEXT NOT NULL,
	tip_sealed TEXT NOT NULL,
	PRIMARY KEY (tenant, node)
) {table};

-- What caches must drop. seq has no gaps: the number comes from meta's `change`, inside the transaction.
CREATE TABLE change (
	tenant TEXT NOT NULL,
	seq {int} NOT NULL,
	kind TEXT NOT NULL,
	id TEXT NOT NULL,
	PRIMARY KEY (tenant, seq)
) {table};
CREATE UNIQUE INDEX change_seq ON change (seq);

INSERT INTO meta (name, number) VALUES ('change', 0);
