// The authorization code flow as OpenID Connect Core section 3.1 and RFC 6749 section 4.1 tell it, from discovery to sign-out. The application is
// openid-client, everything signed is verified by jose: neither of them knows anything of ours.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { Gateway } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { API, CLIENTS, OTHER_API, PASSWORDS, REDIRECT, declare, secretOf, tenant } from './lib/scene.mjs'

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519']
const signedBy = (alg) => ({ ...CLIENTS.web, client_id: `signed-${alg}`, client_secret: secretOf(alg), id_token_signed_response_alg: alg })
const MAIL = 'https://mail.acme.example'
const EXTRA = [
	{ ...CLIENTS.web, client_id: 'two-jwts', client_secret: secretOf('two-jwts'), resources: [API, MAIL] },
	...ALGORITHMS.map(signedBy),
	{ ...CLIENTS.web, client_id: 'telling', client_secret: secretOf('telling'), claims_in_id_token: true },
	{ ...CLIENTS.web, client_id: 'own-audience', client_secret: secretOf('own-audience'), resources: [] },
	{ ...CLIENTS.web, client_id: 'opaque', client_secret: secretOf('opaque'), resources: [], access_token_format: 'opaque' },
	{ ...CLIENTS.web, client_id: 'two-apis', client_secret: secretOf('two-apis'), resources: [API, OTHER_API], scope: `${CLIENTS.web.scope} files.read` },
	{ ...CLIENTS.web, client_id: 'short', client_secret: secretOf('short'), access_token_lifetime: '90s' },
	{ ...CLIENTS.web, client_id: 'no-refresh', client_secret: secretOf('no-refresh'), grant_types: ['authorization_code'], scope: 'openid' },
]

let gateway, issuer, keys
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: [...Object.keys(CLIENTS), ...EXTRA], resources: [...tenant('acme').resources, { identifier: MAIL, scopes: [] }] })) })
	issuer = gateway.issuer('acme')
	keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
})
after(() => gateway?.stop())

const METHODS = { client_secret_basic: oidc.ClientSecretBasic, client_secret_post: oidc.ClientSecretPost, none: oidc.None }

/** openid-client's view of one of our clients, checking signatures of ID tokens too. */
async function configure(declared, metadata = {}) {
	const method = METHODS[declared.token_endpoint_auth_method ?? 'client_secret_basic']
	const config = await oidc.discovery(new URL(issuer), declared.client_id, { id_token_signed_response_alg: declared.id_token_signed_response_alg ?? 'RS256', ...metadata },
		method(declared.client_secret), { execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] })
	return config
}

async function begin(config, parameters = {}) {
	const checks = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() }
	const url = oidc.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, scope: CLIENTS.web.scope, state: checks.expectedState, nonce: checks.expectedNonce,
		code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier), code_challenge_method: 'S256', ...parameters })
	return { url, checks }
}

/** Alice signs in; what openid-client makes of the answer. */
async function signIn(config, { parameters, browser = new Browser(), tokenParameters } = {}) {
	const { url, checks } = await begin(config, parameters)
	const page = await browser.signIn(await browser.open(url), 'alice', PASSWORDS.alice)
	assert.equal(page.location?.origin + page.location?.pathname, REDIRECT, page.text)
	const tokens = await oidc.authorizationCodeGrant(config, page.location, { ...checks, idTokenExpected: true }, tokenParameters)
	return { tokens, checks, page, browser }
}

const seconds = () => Math.floor(gateway.now / 1000)

describe('openid-client goes the whole way', () => {
	for (const name of ['web', 'post', 'spa']) {
		const declared = CLIENTS[name]
		test(`with ${declared.token_endpoint_auth_method ?? 'client_secret_basic'}`, async () => {
			const config = await configure(declared)
			const { tokens, page, checks, browser } = await signIn(config)
			assert.deepEqual([...page.location.searchParams.keys()].sort(), ['code', 'iss', 'state'])
			assert.equal(page.answer.iss, issuer)
			assert.equal(page.answer.state, checks.expectedState)
			assert.equal(tokens.token_type, 'bearer')
			assert.equal(tokens.scope, CLIENTS.web.scope)
			assert.equal(tokens.expires_in, 600)

			const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
			assert.deepEqual({ ...person, updated_at: undefined }, { sub: tokens.claims().sub, name: 'Alice Martin', preferred_username: 'alice',
				email: 'alice@acme.example', email_verified: true, groups: ['staff', 'wiki'], updated_at: undefined })

			const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token)
			assert.equal(refreshed.claims().sub, tokens.claims().sub)
			assert.equal(refreshed.claims().auth_time, tokens.claims().auth_time)
			assert.equal(refreshed.claims().nonce, undefined)
			assert.notEqual(refreshed.access_token, tokens.access_token)
			assert.equal(refreshed.refresh_token === tokens.refresh_token, name !== 'spa', 'public clients get a new refresh token, the others keep theirs')

			if (name !== 'spa') assert.equal((await oidc.tokenIntrospection(config, refreshed.access_token)).active, true)
			await oidc.tokenRevocation(config, refreshed.refresh_token)
			await assert.rejects(oidc.refreshTokenGrant(config, refreshed.refresh_token), { error: 'invalid_grant' })
			await assert.rejects(oidc.fetchUserInfo(config, refreshed.access_token, tokens.claims().sub), 'a revoked family has no live access token')
			if (name !== 'spa') assert.deepEqual(await oidc.tokenIntrospection(config, refreshed.access_token), { active: false })

			const end = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: CLIENTS.web.post_logout_redirect_uris[0], state: 'bye bye' })
			const gone = await browser.open(end)
			assert.deepEqual([gone.location.origin + gone.location.pathname, gone.answer], ['https://app.acme.example/bye', { state: 'bye bye' }])
			const again = await browser.open((await begin(config)).url)
			assert.ok('password' in again.form.fields, 'signed out: the password is asked again')
		})
	}
})

describe('the ID token (OpenID Connect Core section 2)', () => {
	for (const alg of ALGORITHMS) {
		test(`signed with ${alg}`, async () => {
			const declared = signedBy(alg)
			const { tokens } = await signIn(await configure(declared))
			const { payload, protectedHeader } = await jwtVerify(tokens.id_token, keys, { issuer, audience: declared.client_id, typ: 'JWT', algorithms: [alg] })
			assert.equal(protectedHeader.alg, alg)
			assert.match(protectedHeader.kid, /^[A-Za-z0-9_-]{43}$/)
			assert.match(payload.sub, /^[a-z2-7]{26}$/)
		})
	}

	test('says who, when and how, and nothing about the person that userinfo is for', async () => {
		const { tokens, checks } = await signIn(await configure(CLIENTS.web))
		const { payload } = await jwtVerify(tokens.id_token, keys, { issuer, audience: 'web', typ: 'JWT' })
		assert.deepEqual(Object.keys(payload).sort(), ['acr', 'amr', 'at_hash', 'aud', 'auth_time', 'exp', 'iat', 'idp', 'iss', 'nonce', 'sid', 'sub'])
		assert.equal(payload.nonce, checks.expectedNonce)
		assert.equal(payload.acr, 'urn:passerelle:acr:pwd')
		assert.deepEqual(payload.amr, ['pwd'])
		assert.equal(payload.idp, 'local')
		assert.equal(payload.exp - payload.iat, 600)
		assert.ok(Math.abs(payload.iat - seconds()) <= 5 && payload.auth_time <= payload.iat)
		assert.equal(payload.at_hash, createHash('sha256').update(tokens.access_token).digest().subarray(0, 16).toString('base64url'))
	})

	test('holds the scopes\' claims where claims_in_id_token says so', async () => {
		const { tokens } = await signIn(await configure(EXTRA.find((one) => one.client_id === 'telling')))
		const { payload } = await jwtVerify(tokens.id_token, keys, { issuer, audience: 'telling' })
		assert.equal(payload.name, 'Alice Martin')
		assert.equal(payload.preferred_username, 'alice')
		assert.equal(payload.email, 'alice@acme.example')
		assert.equal(payload.email_verified, true)
		assert.deepEqual(payload.groups, ['staff', 'wiki'])
	})

	test('sid is the same for one session and client, another for another client, and not the cookie', async () => {
		const browser = new Browser(), web = new Application(gateway, 'acme', CLIENTS.web), post = new Application(gateway, 'acme', CLIENTS.post)
		const sid = async (application) => (await jwtVerify((await application.tokens('alice', PASSWORDS.alice, {}, browser)).id_token, keys)).payload.sid
		const first = await sid(web), second = await sid(web), other = await sid(post)
		assert.equal(first, second)
		assert.notEqual(first, other)
		for (const value of browser.cookies.values()) assert.ok(!value.includes(first))
	})

	test('without openid there is none', async () => {
		const web = new Application(gateway, 'acme', CLIENTS.web)
		const tokens = await web.tokens('alice', PASSWORDS.alice, { scope: 'wiki.read' })
		assert.equal(tokens.id_token, undefined)
		assert.equal(tokens.scope, 'wiki.read')
		const answer = await web.userinfo(tokens.access_token)
		assert.equal(answer.status, 403)
		assert.match(answer.headers.get('www-authenticate'), /^Bearer .*error="insufficient_scope"/)
	})
})

describe('the access token', () => {
	test('as a JWT (RFC 9068)', async () => {
		const { tokens } = await signIn(await configure(CLIENTS.web))
		const { payload, protectedHeader } = await jwtVerify(tokens.access_token, keys, { issuer, audience: API, typ: 'at+jwt', algorithms: ['ES256'] })
		assert.deepEqual(Object.keys(payload).sort(), ['acr', 'amr', 'aud', 'auth_time', 'client_id', 'exp', 'groups', 'iat', 'iss', 'jti', 'scope', 'sid', 'sub'])
		assert.equal(protectedHeader.typ, 'at+jwt')
		assert.equal(payload.client_id, 'web')
		assert.equal(payload.scope, CLIENTS.web.scope)
		assert.deepEqual(payload.groups, ['staff', 'wiki'])
		assert.equal(payload.sub, tokens.claims().sub)
		assert.equal(payload.sid, tokens.claims().sid)
	})

	test('an ID token never passes for one', async () => {
		const web = new Application(gateway, 'acme', CLIENTS.web)
		const tokens = await web.tokens('alice', PASSWORDS.alice)
		assert.equal(decodeProtectedHeader(tokens.id_token).typ, 'JWT')
		assert.equal((await web.userinfo(tokens.id_token)).status, 401)
		assert.equal(await web.isActive(tokens.id_token), false)
	})

	test('groups stay out of it where that scope was not granted', async () => {
		const web = new Application(gateway, 'acme', CLIENTS.web)
		const tokens = await web.tokens('alice', PASSWORDS.alice, { scope: 'openid wiki.read' })
		const { payload } = await jwtVerify(tokens.access_token, keys)
		assert.equal(payload.groups, undefined)
		const person = await (await web.userinfo(tokens.access_token)).json()
		assert.deepEqual(Object.keys(person), ['sub'])
	})

	test('without resources it is for the issuer', async () => {
		const { tokens } = await signIn(await configure(EXTRA.find((one) => one.client_id === 'own-audience')))
		assert.equal((await jwtVerify(tokens.access_token, keys, { audience: issuer })).payload.aud, issuer)
	})

	test('opaque, where the client says so', async () => {
		const declared = EXTRA.find((one) => one.client_id === 'opaque')
		const config = await configure(declared)
		const { tokens } = await signIn(config)
		assert.match(tokens.access_token, /^pas_at_[A-Za-z0-9_-]{49}$/)
		const introspection = await oidc.tokenIntrospection(config, tokens.access_token)
		assert.equal(introspection.active, true)
		assert.equal(introspection.sub, tokens.claims().sub)
		assert.equal(introspection.aud, issuer)
		assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)).email, 'alice@acme.example')
	})

	test('its life is the client\'s own where declared', async () => {
		const { tokens } = await signIn(await configure(EXTRA.find((one) => one.client_id === 'short')))
		assert.equal(tokens.expires_in, 90)
		const { payload } = await jwtVerify(tokens.access_token, keys)
		assert.equal(payload.exp - payload.iat, 90)
	})

	test('none asked: all of the client\'s', async () => {
		const tokens = await new Application(gateway, 'acme', EXTRA.find((one) => one.client_id === 'two-jwts')).tokens('alice', PASSWORDS.alice)
		assert.deepEqual((await jwtVerify(tokens.access_token, keys, { audience: MAIL })).payload.aud, [API, MAIL])
	})

	test('resources asked for (RFC 8707) are its audience, and the resource\'s format its format', async () => {
		const two = new Application(gateway, 'acme', EXTRA.find((one) => one.client_id === 'two-apis'))
		const jwt = await two.tokens('alice', PASSWORDS.alice, { resource: API })
		assert.equal((await jwtVerify(jwt.access_token, keys)).payload.aud, API)
		const opaque = await two.tokens('alice', PASSWORDS.alice, { resource: OTHER_API })
		assert.match(opaque.access_token, /^pas_at_/)
		assert.equal((await two.introspect(opaque.access_token)).json.aud, OTHER_API)
		const both = await two.code('alice', PASSWORDS.alice, { resource: [API, OTHER_API] })
		const mixed = await two.redeem(both)
		assert.deepEqual([mixed.status, mixed.json.error], [400, 'invalid_target'], 'one token cannot have two formats')
		const narrowed = await two.redeem(both, { resource: API })
		assert.equal(narrowed.status, 200, 'a refused target spent nothing')
		assert.equal((await jwtVerify(narrowed.json.access_token, keys)).payload.aud, API)
		const wide = await two.redeem(await two.code('alice', PASSWORDS.alice, { resource: API }), { resource: OTHER_API })
		assert.deepEqual([wide.status, wide.json.error], [400, 'invalid_target'])
	})
})

test('a client without the refresh_token grant gets none', async () => {
	const { tokens } = await signIn(await configure(EXTRA.find((one) => one.client_id === 'no-refresh')), { parameters: { scope: 'openid' } })
	assert.equal(tokens.refresh_token, undefined)
	const none = new Application(gateway, 'acme', EXTRA.find((one) => one.client_id === 'no-refresh'))
	const answer = await none.refresh('pas_rt_whatever')
	assert.deepEqual([answer.status, answer.json.error], [400, 'unauthorized_client'])
})

test('refresh and opaque tokens have their documented form', async () => {
	const { tokens, page } = await signIn(await configure(CLIENTS.web))
	assert.match(tokens.refresh_token, /^pas_rt_[A-Za-z0-9_-]{49}$/)
	assert.match(page.answer.code, /^pas_co_[A-Za-z0-9_-]{49}$/)
})

test('sub is one for ever: another browser, client and day give the same', async () => {
	const subjects = new Set()
	for (const name of ['web', 'spa', 'post']) {
		subjects.add((await signIn(await configure(CLIENTS[name]))).tokens.claims().sub)
		gateway.advance(1000)
	}
	gateway.setClock(0)
	assert.equal(subjects.size, 1)
})

describe('single sign-on', () => {
	test('a second application finds the person signed in, without a page', async () => {
		const browser = new Browser()
		await signIn(await configure(CLIENTS.web), { browser })
		const config = await configure(CLIENTS.spa)
		const { url, checks } = await begin(config)
		const page = await browser.request(url)
		assert.equal(page.status, 303)
		const tokens = await oidc.authorizationCodeGrant(config, page.location, { ...checks, idTokenExpected: true })
		assert.equal(tokens.claims().aud, 'spa')
	})

	test('openid-client sees through a wrong state, nonce or issuer', async () => {
		const config = await configure(CLIENTS.web)
		const browser = new Browser()
		await signIn(config, { browser })
		const fresh = async () => {
			const { url, checks } = await begin(config)
			return { checks, back: (await browser.request(url)).location }
		}
		const state = await fresh()
		await assert.rejects(oidc.authorizationCodeGrant(config, state.back, { ...state.checks, expectedState: 'another' }))
		const nonce = await fresh()
		await assert.rejects(oidc.authorizationCodeGrant(config, nonce.back, { ...nonce.checks, expectedNonce: 'another' }))
		const mixed = await fresh()
		mixed.back.searchParams.set('iss', 'https://evil.example')
		await assert.rejects(oidc.authorizationCodeGrant(config, mixed.back, mixed.checks))
		const verifier = await fresh()
		await assert.rejects(oidc.authorizationCodeGrant(config, verifier.back, { ...verifier.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), { error: 'invalid_grant' })
	})
})

describe('sign-out (RP-Initiated Logout 1.0)', () => {
	const web = () => new Application(gateway, 'acme', CLIENTS.web)

	test('without a hint the person is asked, and then really signed out', async () => {
		const { browser } = await web().tokens('alice', PASSWORDS.alice)
		const asked = await browser.open(`${issuer}/logout`)
		assert.match(asked.title, /Sign out\?/)
		assert.ok(asked.form.buttons.includes('approve'))
		const still = await browser.request(web().begin({ prompt: 'none' }).url)
		assert.ok(still.answer.code, 'asking alone ends nothing')
		const done = await browser.submit(asked, { approve: 'yes' })
		assert.equal(done.url.pathname, '/t/acme/logout/done')
		assert.match(done.title, /You are signed out/)
		assert.equal((await browser.request(web().begin({ prompt: 'none' }).url)).answer.error, 'login_required')
	})

	test('a hint of another session asks too', async () => {
		const other = await web().tokens('alice', PASSWORDS.alice)
		const { browser } = await web().tokens('bruno', PASSWORDS.bruno)
		const page = await browser.open(`${issuer}/logout?id_token_hint=${other.id_token}`)
		assert.match(page.title, /Sign out\?/)
	})

	test('a forged confirmation ends nothing', async () => {
		const { browser } = await web().tokens('alice', PASSWORDS.alice)
		await browser.request(`${issuer}/logout`, { form: { form_token: 'x'.repeat(43), approve: 'yes' } })
		const mallory = (await web().tokens('bruno', PASSWORDS.bruno)).browser
		const token = (await mallory.open(`${issuer}/logout`)).form.fields.form_token
		await browser.request(`${issuer}/logout`, { form: { form_token: token, approve: 'yes' } })
		assert.ok((await browser.request(web().begin({ prompt: 'none' }).url)).answer.code)
	})

	test('the way back is a registered address, or none', async () => {
		const { browser, id_token } = await web().tokens('alice', PASSWORDS.alice)
		for (const uri of ['https://evil.example/', 'https://app.acme.example/bye/', 'https://app.acme.example/bye?x=1', 'javascript:alert(1)', REDIRECT]) {
			const page = await browser.open(`${issuer}/logout?${new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: uri })}`)
			assert.equal(page.status, 400, uri)
			assert.equal(page.location, undefined, uri)
			assert.ok(!page.text.includes(`href="${uri}`), uri)
		}
		assert.ok((await browser.request(web().begin({ prompt: 'none' }).url)).answer.code, 'a refused request ends nothing')
		const unproved = await browser.open(`${issuer}/logout?post_logout_redirect_uri=${encodeURIComponent('https://app.acme.example/bye')}`)
		assert.equal(unproved.status, 400, 'nobody vouches for the address')
	})

	test('by POST, as section 2 allows', async () => {
		const { browser, id_token } = await web().tokens('alice', PASSWORDS.alice)
		const page = await browser.open(`${issuer}/logout`, { form: { id_token_hint: id_token, post_logout_redirect_uri: 'https://app.acme.example/bye' } })
		assert.equal(page.location.href, 'https://app.acme.example/bye')
	})

	test('an ID token of long ago still is a hint', async () => {
		const { browser, id_token } = await web().tokens('alice', PASSWORDS.alice)
		gateway.advance(3600_000)
		const page = await browser.open(`${issuer}/logout?id_token_hint=${id_token}`)
		gateway.setClock(0)
		assert.equal(page.url.pathname, '/t/acme/logout/done')
	})
})
