// The claims parameter (OpenID Connect Core section 5.5), acr_values (section 3.1.2.1) and step-up authentication (RFC 9470, the authorization server's side).
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, secretOf, tenant } from './lib/scene.mjs'

const PWD = 'urn:passerelle:acr:pwd', MFA = 'urn:passerelle:acr:mfa'
const NARROW = { ...CLIENTS.web, client_id: 'narrow', client_secret: secretOf('narrow'), scope: 'openid profile' }
const OPAQUE = { ...CLIENTS.web, client_id: 'opaque', client_secret: secretOf('opaque'), resources: [], access_token_format: 'opaque' }

let gateway, web, narrow, asking, opaque, api
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['web', 'asking', 'api', NARROW, OPAQUE] })) })
	;[web, narrow, asking, opaque, api] = [CLIENTS.web, NARROW, CLIENTS.asking, OPAQUE, CLIENTS.api].map((one) => new Application(gateway, 'acme', one))
})
after(() => gateway?.stop())

const claims = (value) => ({ claims: JSON.stringify(value) })
const alice = (application, parameters, browser) => application.tokens('alice', PASSWORDS.alice, parameters, browser)
const userinfo = async (application, token) => (await application.userinfo(token)).json()
const has = (object, ...names) => names.filter((name) => object[name] !== undefined)

describe('claims by name (section 5.5)', () => {
	test('in the ID token, at userinfo, each where it was asked for', async () => {
		const tokens = await alice(web, { scope: 'openid', ...claims({ id_token: { email: { essential: true }, picture: null }, userinfo: { name: null, groups: null } }) })
		const id = claimsOf(tokens.id_token), told = await userinfo(web, tokens.access_token)
		assert.equal(id.email, 'alice@acme.example')
		assert.deepEqual(has(id, 'name', 'groups', 'picture', 'email_verified'), [])
		assert.deepEqual([told.name, told.groups], ['Alice Martin', ['staff', 'wiki']])
		assert.deepEqual(has(told, 'email', 'preferred_username'), [])
	})
	test('also with opaque tokens, and after a refresh', async () => {
		const tokens = await alice(opaque, { scope: 'openid', ...claims({ id_token: { name: null }, userinfo: { email: null } }) })
		const { json } = await opaque.refresh(tokens.refresh_token)
		for (const one of [tokens, json]) {
			assert.equal(claimsOf(one.id_token).name, 'Alice Martin')
			assert.equal((await userinfo(opaque, one.access_token)).email, 'alice@acme.example')
		}
	})
	test('no claim comes that no scope of the client would release', async () => {
		const tokens = await alice(narrow, { scope: 'openid', ...claims({ id_token: { email: { essential: true }, name: null }, userinfo: { email: { essential: true }, groups: null } }) })
		assert.deepEqual(has(claimsOf(tokens.id_token), 'email', 'name'), ['name'])
		assert.deepEqual(has(await userinfo(narrow, tokens.access_token), 'email', 'groups'), [])
	})
	test('a scope taken from the client takes its claims, also from tokens already given', async () => {
		const tokens = await alice(web, { scope: 'openid', ...claims({ userinfo: { email: null } }) })
		assert.equal((await userinfo(web, tokens.access_token)).email, 'alice@acme.example')
		const less = { ...CLIENTS.web, scope: CLIENTS.web.scope.replace('email ', '') }
		await gateway.apply(declare(tenant('acme', { clients: [less, 'api'] })))
		assert.equal((await userinfo(web, tokens.access_token)).email, undefined)
		await gateway.apply(declare(tenant('acme', { clients: ['web', 'api'] })))
	})
	test('consent is about them too', async () => {
		const request = { scope: 'openid', ...claims({ userinfo: { email: null } }) }, browser = new Browser()
		const page = await browser.signIn(await browser.open(asking.begin(request).url), 'alice', PASSWORDS.alice)
		assert.match(page.text, /See your e-mail address/)
		assert.ok((await browser.submit(page, { approve: 'yes' })).answer.code)
		assert.ok((await browser.request(asking.begin({ ...request, prompt: 'none' }).url)).answer.code, 'remembered')
		const more = await browser.request(asking.begin({ scope: 'openid', prompt: 'none', ...claims({ id_token: { groups: null } }) }).url)
		assert.equal(more.answer.error, 'consent_required', 'consent to openid and email is none to groups')
	})
	test('mean nothing without openid', async () => {
		const page = await new Browser().open(web.begin({ scope: 'wiki.read', claims: 'not even JSON' }).url)
		assert.ok(page.form)
	})
	for (const text of ['{', '[]', '{"userinfo":{"email":true}}', '{"id_token":{},"id_token":{}}', '{"id_token":{"sub":{"values":["a","b"]}}}', `{${' '.repeat(4096)}}`])
		test(`${JSON.stringify(text.slice(0, 40))} is malformed`, async () => {
			const page = await new Browser().request(web.begin({ claims: text }).url)
			assert.equal(page.answer.error, 'invalid_request')
		})
})

describe('sub names the person who is meant (section 5.5.1)', () => {
	test('as id_token_hint does', async () => {
		const tokens = await alice(web), { sub } = claimsOf(tokens.id_token)
		assert.ok((await tokens.browser.request(web.begin({ prompt: 'none', ...claims({ id_token: { sub: { value: sub } } }) }).url)).answer.code)
		const bruno = await web.tokens('bruno', PASSWORDS.bruno)
		const asked = web.begin(claims({ id_token: { sub: { value: sub } } }))
		const page = await bruno.browser.open(asked.url)
		assert.ok('password' in page.form.fields)
		assert.equal((await bruno.browser.signIn(page, 'bruno', PASSWORDS.bruno)).answer.error, 'login_required')
		const both = await bruno.browser.request(web.begin({ id_token_hint: bruno.id_token, ...claims({ id_token: { sub: { value: sub } } }) }).url)
		assert.equal(both.answer.error, 'invalid_request', 'two people')
	})
})

describe('authentication context (sections 2, 5.5.1.1; RFC 9470)', () => {
	const acr = (values, essential) => claims({ id_token: { acr: { values, essential } } })
	test('a class that is met is told in ID token, access token and introspection', async () => {
		const tokens = await alice(web, { acr_values: `${MFA} ${PWD}` })
		for (const token of [tokens.id_token, tokens.access_token]) assert.equal(claimsOf(token).acr, PWD)
		const told = (await api.introspect(tokens.access_token)).json
		assert.equal(told.acr, PWD)
		assert.equal(told.auth_time, claimsOf(tokens.id_token).auth_time)
	})
	test('acr_values are a wish: what was reached is told', async () => assert.equal(claimsOf((await alice(web, { acr_values: 'urn:foreign phr' })).id_token).acr, PWD))
	test('an essential class is met', async () => assert.equal(claimsOf((await alice(web, acr([MFA, PWD], true))).id_token).acr, PWD))
	test('or the request fails, before anybody types a password', async () => {
		for (const values of [[MFA], ['phr'], ['urn:foreign']]) {
			const page = await new Browser().request(web.begin(acr(values, true)).url)
			assert.equal(page.answer.error, 'unmet_authentication_requirements')
		}
	})
	test('claims say it more exactly than acr_values', async () => {
		assert.equal((await new Browser().request(web.begin({ acr_values: PWD, ...acr([MFA], true) }).url)).answer.error, 'unmet_authentication_requirements')
		assert.ok((await new Browser().open(web.begin({ acr_values: MFA, ...acr([MFA], false) }).url)).form)
	})
	test('max_age of a step-up: a fresh sign-in, and every token tells its time', async () => {
		const tokens = await alice(web)
		gateway.advance(400_000)
		const page = await tokens.browser.open(web.begin({ acr_values: PWD, max_age: '300' }).url)
		assert.ok('password' in page.form.fields)
		const fresh = await alice(web, { acr_values: PWD, max_age: '300' }, tokens.browser)
		const told = (await api.introspect(fresh.access_token)).json
		assert.equal(claimsOf(fresh.access_token).auth_time, told.auth_time)
		assert.ok(told.auth_time >= claimsOf(tokens.id_token).auth_time + 400)
		gateway.setClock(0)
	})
	test('too long, or with control characters: refused', async () => {
		for (const acr_values of ['x'.repeat(1025), 'a\nb']) assert.equal((await new Browser().request(web.begin({ acr_values }).url)).answer.error, 'invalid_request')
	})
})

test('discovery says so', async () => {
	const metadata = await (await fetch(`${web.issuer}/.well-known/openid-configuration`)).json()
	assert.equal(metadata.claims_parameter_supported, true)
	assert.deepEqual(metadata.acr_values_supported, [PWD])
	for (const name of ['email', 'groups', 'updated_at']) assert.ok(metadata.claims_supported.includes(name))
})
