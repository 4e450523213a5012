// A certified OpenID provider (npm oidc-provider) on a free port, as the gateway's upstream, in four manners: as the specifications have it, and as Google, Entra ID's
// shared endpoints and LinkedIn are documented to differ (VENDORS.md). What it cannot be configured to do is done to its answers on their way out: `MANNERS` always,
// `fault` while a test wants one, in exactly one place. Everything it was asked stands in `calls`, so that a test can say what was never asked.
//
// A fault is an object with some of
//   discovery(document)  jwks(document)  userinfo(claims)  claims(claims)  header(header)     change it in place, or give another one back
//   jws(header, claims, upstream)     the whole ID token, as text
//   token(body)                       the token response beside it
//   answer(parameters)                what the browser carries back (URLSearchParams)
//   raw: { token|jwks|userinfo|discovery: (request, response) => … }    the bare answer; the certified server is not asked
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverCertificate } from './authority.mjs'
import { newKey, read, sign } from './jws.mjs'

// It warns of node 20, of http and of every interactive default: nothing that a test on loopback can mend.
const { warn, info } = console
const quiet = (text) => /oidc-provider (WARNING|NOTICE)/.test(text)
console.warn = (text, ...more) => { if (!quiet(text)) warn(text, ...more) }
console.info = (text, ...more) => { if (!quiet(text)) info(text, ...more) }
const { Provider, interactionPolicy } = await import('oidc-provider')

export const CLIENT_ID = 'passerelle', CLIENT_SECRET = 'upstream-secret-canary-0123456789abcdef0123456789'
export const DIRECTORY = '11111111-2222-4333-8444-555555555555', OTHER_DIRECTORY = '99999999-2222-4333-8444-555555555555'
const OVERAGE = 200 // groups of which Entra ID still says the names
const ROUTES = { '/.well-known/openid-configuration': 'discovery', '/jwks': 'jwks', '/auth': 'authorization', '/token': 'token', '/me': 'userinfo', '/session/end': 'end_session' }
const SCOPES = { openid: ['sub', 'acr', 'amr', 'hd', 'tid', 'oid', 'xms_edov'], profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale', 'picture'], email: ['email', 'email_verified'], groups: ['groups'] }

const halfHash = (text) => createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url')
const both = (list = [], one) => [...new Set([...list, one])]
const leaveOut = (object, ...names) => { for (const name of names) delete object[name] }
const NO_LOGOUT = ['end_session_endpoint', 'backchannel_logout_supported', 'backchannel_logout_session_supported']
const NO_ISS = ['authorization_response_iss_parameter_supported']

const azureIssuer = (upstream, tenant) => `${upstream.origin}/${tenant}/v2.0`
/** Entra ID: above 200 groups a pointer to an API stands in their place. */
function overflow(claims) {
	if (!(claims.groups?.length > OVERAGE)) return
	delete claims.groups
	claims._claim_names = { groups: 'src1' }
	claims._claim_sources = { src1: { endpoint: `https://graph.example/trap/users/${claims.oid}/getMemberObjects` } }
}

const MANNERS = {
	plain: {
		type: 'oidc', settings: (upstream) => ({ issuer: upstream.issuer }),
		claims(claims, { body }) { claims.at_hash = halfHash(body.access_token) },
	},
	google: {
		type: 'google', issuer: () => 'https://accounts.google.com', discoveryAt: '/.well-known/openid-configuration', settings: (upstream) => ({ discovery_url: upstream.discoveryUrl }),
		discovery(document) { leaveOut(document, ...NO_LOGOUT, ...NO_ISS); document.scopes_supported = ['openid', 'email', 'profile'] },
		claims(claims, { body, upstream }) {
			if (upstream.schemeless) claims.iss = 'accounts.google.com'
			claims.at_hash = halfHash(body.access_token)
		},
		refuses: (parameters) => parameters.get('scope')?.split(' ').includes('offline_access') && 'invalid_scope',
		noIss: true,
	},
	azure: {
		type: 'azure', issuer: (upstream) => azureIssuer(upstream, 'organizations'), discoveryAt: '/organizations/v2.0/.well-known/openid-configuration',
		settings: (upstream) => ({ authority: upstream.origin, directory: 'organizations', allowed_directories: [DIRECTORY] }),
		discovery(document, upstream) { leaveOut(document, ...NO_ISS); document.issuer = azureIssuer(upstream, '{tenantid}') },
		jwks(document, upstream) { for (const key of document.keys) { key.issuer = azureIssuer(upstream, '{tenantid}'); delete key.alg } },
		claims(claims, { person, scope, upstream }) {
			Object.assign(claims, { iss: azureIssuer(upstream, person.tid), tid: person.tid, ver: '2.0', sub: `pairwise-${person.sub}`, groups: person.groups, ...(scope.includes('profile') ? { oid: person.oid } : {}) })
			overflow(claims)
		},
		userinfo(claims) { claims.sub = `pairwise-${claims.sub}` },
		noIss: true,
	},
	linkedin: {
		type: 'linkedin', issuer: () => 'https://www.linkedin.com', discoveryAt: '/oauth/.well-known/openid-configuration', settings: (upstream) => ({ discovery_url: upstream.discoveryUrl }),
		client: { token_endpoint_auth_method: 'client_secret_post' },
		discovery(document) {
			leaveOut(document, ...NO_LOGOUT, ...NO_ISS, 'code_challenge_methods_supported')
			Object.assign(document, { scopes_supported: ['openid', 'profile', 'email'], token_endpoint_auth_methods_supported: ['client_secret_post'] })
		},
		jwks(document) { for (const key of document.keys) leaveOut(key, 'use') },
		claims(claims, { upstream }) {
			leaveOut(claims, 'nonce')
			if (upstream.otherIssuer) claims.iss = 'https://www.linkedin.com/oauth'
			Object.assign(claims, { email_verified: String(claims.email_verified ?? false), locale: { country: 'US', language: 'en' } })
		},
		userinfo(claims) { Object.assign(claims, { email_verified: String(claims.email_verified ?? false), locale: { country: 'US', language: 'en' } }) },
		// "code_verifier" is answered so where PKCE was not enabled for the application.
		token: (form) => form.code_verifier && { error: 'invalid_client', error_description: 'Client authentication failed' },
		noIss: true,
	},
}

/** What oidc-provider keeps; clients come from the test, also while it runs. */
function storage(clients) {
	const rows = new Map()
	return (model) => {
		const id = (one) => `${model}:${one}`
		const where = async (name, value) => [...rows.entries()].find(([key, row]) => key.startsWith(`${model}:`) && row[name] === value)?.[1]
		return {
			find: async (one) => model === 'Client' ? clients.get(one) : rows.get(id(one)),
			findByUid: (uid) => where('uid', uid),
			findByUserCode: (code) => where('userCode', code),
			upsert: async (one, row) => { rows.set(id(one), row) },
			consume: async (one) => { rows.get(id(one)).consumed = Math.floor(Date.now() / 1000) },
			destroy: async (one) => { rows.delete(id(one)) },
			revokeByGrantId: async (grant) => { for (const [key, row] of rows) if (row.grantId === grant) rows.delete(key) },
		}
	}
}

export class Upstream {
	static #asked = new WeakMap()
	#server
	#provider
	#front
	#clients = new Map()
	#offline = new Set()
	calls = []
	fault = {}

	/** `people`: { name that is typed at its sign-in page: { sub, …claims } }. `tls`: https, with a certificate authority of its own. */
	static async start({ manner = 'plain', people, tls = false, host = '127.0.0.1', alg = 'RS256' }) {
		const upstream = new Upstream()
		Object.assign(upstream, { mannerName: manner, manner: MANNERS[manner], people, host, alg, keys: [newKey(alg)], folder: mkdtempSync(join(tmpdir(), 'passerelle-upstream-')) })
		const serve = (request, response) => upstream.#serve(request, response)
		upstream.#server = tls ? createTlsServer(serverCertificate(upstream.folder), serve) : createServer(serve)
		upstream.#server.listen(0, '127.0.0.1')
		await once(upstream.#server, 'listening')
		upstream.scheme = tls ? 'https' : 'http'
		upstream.issuer = upstream.manner.issuer?.(upstream) ?? upstream.origin
		upstream.#configure()
		return upstream
	}

	get port() { return this.#server.address().port }
	get origin() { return `${this.scheme}://${this.host}:${this.port}` }
	get discoveryUrl() { return `${this.origin}${this.manner.discoveryAt ?? '/.well-known/openid-configuration'}` }
	get authority() { return join(this.folder, 'ca.pem') }

	/** A provider of a declaration that asks it. */
	provider(name, more = {}) {
		const provider = { name, type: this.manner.type, client_id: CLIENT_ID, client_secret: CLIENT_SECRET, ...this.manner.settings(this), ...more }
		Upstream.#asked.set(provider, this)
		return provider
	}

	/** Registers all providers of these tenants where they ask. */
	static trust(gateway, ...tenants) {
		for (const { name, providers } of tenants) for (const one of providers) Upstream.#asked.get(one).trust(gateway, name, one.name)
	}

	/** Registers a tenant's provider as this one's client: its callback, and what else RFC 7591 has names for. */
	trust(gateway, tenant, provider, more = {}) {
		const id = more.client_id ?? CLIENT_ID, issuer = gateway.issuer(tenant)
		const before = this.#clients.get(id) ?? {}
		this.#clients.set(id, { client_id: id, client_secret: CLIENT_SECRET, client_name: 'Passerelle', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
			id_token_signed_response_alg: this.alg, ...this.manner.client, ...before, redirect_uris: both(before.redirect_uris, `${issuer}/callback/${provider}`),
			post_logout_redirect_uris: both(before.post_logout_redirect_uris, `${issuer}/logout/done`), ...more })
		if (more.token_endpoint_auth_method === 'none') delete this.#clients.get(id).client_secret
	}

	/** What it was asked at one of its endpoints. */
	asked(route) { return this.calls.filter((call) => call.route === route) }

	/** A new signing key; the old ones stay published unless told otherwise. */
	rotate({ keep = true, alg = 'RS256' } = {}) {
		this.keys = [newKey(alg), ...keep ? this.keys : []]
		this.rotated = true
	}

	/** A token that it might have signed. */
	sign(claims, header = {}) { return sign({ alg: this.keys[0].alg, kid: this.keys[0].kid, ...header }, claims, this.keys[0].key, this.keys[0].alg) }

	/** Logout tokens (Back-Channel Logout section 2.4), right unless told otherwise. */
	logoutToken(claims = {}, header = { typ: 'logout+jwt' }) {
		const now = Math.floor(Date.now() / 1000)
		return this.sign({ iss: this.issuer, aud: CLIENT_ID, iat: now, exp: now + 120, jti: randomBytes(16).toString('hex'), events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, ...claims }, header)
	}

	async stop() {
		this.#server.close()
		this.#server.closeAllConnections()
		rmSync(this.folder, { recursive: true, force: true })
	}

	// --- the certified server ---

	#configure() {
		const policy = interactionPolicy.base()
		policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0)
		const cookie = (name) => `${name}_${this.port}` // ports share a host's cookies
		this.#provider = new Provider(this.issuer, {
			adapter: storage(this.#clients),
			jwks: { keys: this.keys.map((one) => one.secretJwk) },
			claims: SCOPES, scopes: ['openid', 'offline_access'], conformIdTokenClaims: false,
			acrValues: ['urn:upstream:strong'],
			extraParams: ['access_type', 'hd', 'domain_hint'],
			clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
			enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256'] },
			pkce: { required: () => false },
			cookies: { keys: ['a key of the rig'], names: { session: cookie('up_session'), interaction: cookie('up_interaction'), resume: cookie('up_resume') } },
			features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, claimsParameter: { enabled: true },
				rpInitiatedLogout: { enabled: true, logoutSource: (ctx, form) => { ctx.body = `<!doctype html><title>Sign out</title>${form}<button name="logout" value="yes" form="op.logoutForm">Yes</button>` } } },
			ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, RefreshToken: 86400, Grant: 86400, Session: 86400, Interaction: 600 },
			interactions: { policy, url: (ctx, interaction) => `/interaction/${interaction.uid}` },
			fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its own refuses loopback addresses
			findAccount: (ctx, id) => this.#account(id),
			loadExistingGrant: (ctx) => this.#grant(ctx),
			issueRefreshToken: async (ctx, client, code) => code.scopes.has('offline_access') || this.#offline.has(code.grantId),
		})
		this.#provider.proxy = false
		this.#provider.use((ctx, next) => this.#alter(ctx, next))
		this.#front = this.#provider.callback()
	}

	#account(id) {
		const person = Object.values(this.people).find((one) => one.sub === id)
		return person && { accountId: id, claims: async () => person }
	}

	/** Whoever signs in has consented. */
	async #grant(ctx) {
		const { provider, client, session, params } = ctx.oidc
		const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
		grant.addOIDCScope(params.scope)
		const id = await grant.save()
		if (params.access_type === 'offline') this.#offline.add(id)
		return grant
	}

	// --- in front of it ---

	async #serve(request, response) {
		const url = new URL(request.url, this.origin)
		if (this.manner.discoveryAt && url.pathname.endsWith('/.well-known/openid-configuration'))
			request.url = url.pathname === this.manner.discoveryAt ? '/.well-known/openid-configuration' : '/nowhere'
		const route = ROUTES[request.url.split('?')[0]]
		const call = { route, path: url.pathname, method: request.method, query: Object.fromEntries(url.searchParams), headers: request.headers }
		this.calls.push(call)
		request.call = call
		try {
			if (this.fault.raw?.[route]) await this.fault.raw[route](request, response, this)
			else if (url.pathname.startsWith('/interaction/')) await this.#interact(request, response)
			else if (url.pathname.endsWith('/getMemberObjects')) this.#members(request, response, url)
			else await this.#front(request, response)
		} catch (error) {
			call.error = error
			if (!response.headersSent) response.writeHead(500).end(String(error))
		}
	}

	/** Its sign-in page: a name, no password. `refuse` is the button of who changes his mind. */
	async #interact(request, response) {
		const { params } = await this.#provider.interactionDetails(request, response)
		if (request.method !== 'POST') {
			response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
			response.end(`<!doctype html><html lang="en"><title>The upstream's sign-in</title><form method="post" action="${request.url}"><input name="login" value="${escape(params.login_hint)}">`
				+ '<button name="go" value="1">Continue</button><button name="refuse" value="1">Refuse</button></form>')
			return
		}
		const form = new URLSearchParams(await textOf(request)), person = this.people[form.get('login')]
		if (form.get('refuse') || !person) return this.#provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'The person said no' })
		const login = { accountId: person.sub, amr: person.amr ?? ['pwd'], acr: params.acr_values?.split(' ')[0] }
		return this.#provider.interactionFinished(request, response, { login, consent: {}, select_account: {} })
	}

	/** Microsoft Graph's getMemberObjects, for who is in too many groups. */
	#members(request, response, url) {
		const person = Object.values(this.people).find((one) => url.pathname.includes(`/users/${one.oid}/`))
		const known = person && /^Bearer ./.test(request.headers.authorization ?? '')
		response.writeHead(known ? 200 : 401, { 'Content-Type': 'application/json' })
		response.end(JSON.stringify(known ? { value: person.groups } : { error: { code: 'InvalidAuthenticationToken' } }))
	}

	// --- what is done to its answers ---

	async #alter(ctx, next) {
		const { call } = ctx.req, refused = call.route === 'authorization' && this.manner.refuses?.(new URLSearchParams(ctx.querystring))
		if (refused) return ctx.redirect(`${ctx.query.redirect_uri}?${new URLSearchParams({ error: refused, state: ctx.query.state })}`)
		await next()
		if (ctx.oidc?.body) call.form = { ...ctx.oidc.body }
		if (call.route === 'discovery') this.#change(ctx, 'discovery')
		else if (call.route === 'jwks') this.#jwks(ctx)
		else if (call.route === 'token') this.#token(ctx, call)
		else if (call.route === 'userinfo') this.#change(ctx, 'userinfo')
		else this.#answer(ctx)
	}

	/** The manner first, then the fault: each changes in place or gives another one. */
	#change(ctx, place) {
		for (const one of [this.manner, this.fault]) ctx.body = one[place]?.(ctx.body, this) ?? ctx.body
	}

	#jwks(ctx) {
		ctx.body = { keys: this.keys.map(({ jwk }) => ({ ...jwk })) }
		this.#change(ctx, 'jwks')
	}

	#token(ctx, call) {
		const refused = this.manner.token?.(call.form ?? {})
		if (refused) Object.assign(ctx, { status: 401, body: refused })
		if (ctx.body?.id_token) ctx.body.id_token = this.#idToken(ctx)
		ctx.body = this.fault.token?.(ctx.body) ?? ctx.body
	}

	#idToken(ctx) {
		const [header, claims] = read(ctx.body.id_token), { fault } = this
		const person = Object.values(this.people).find((one) => one.sub === claims.sub)
		this.manner.claims(claims, { body: ctx.body, person, upstream: this, scope: (ctx.body.scope ?? '').split(' ') })
		const key = this.keys[0], told = { ...header, kid: key.kid, alg: key.alg }
		const altered = { header: fault.header?.(told) ?? told, claims: fault.claims?.(claims, this) ?? claims }
		if (fault.jws) return fault.jws(altered.header, altered.claims, this)
		return sign(altered.header, altered.claims, key.key, key.alg)
	}

	/** The redirect back to the gateway. */
	#answer(ctx) {
		const location = ctx.response.get('location')
		if (!location || !/[?&](code|error)=/.test(location)) return
		const url = new URL(location, this.origin)
		if (url.origin === this.origin) return
		if (this.manner.noIss) url.searchParams.delete('iss')
		this.fault.answer?.(url.searchParams, this)
		ctx.set('location', url.href)
	}
}

const escape = (text = '') => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
async function textOf(stream) {
	let text = ''
	for await (const piece of stream.setEncoding('utf8')) text += piece
	return text
}
