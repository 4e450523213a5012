// OpenID Connect Core 1.0 and RP-Initiated Logout 1.0 in the order of their texts: the statements that stand in no other file. Requests are in authorize.test.mjs, the flow in
// code_flow.test.mjs, claims in claims.test.mjs, userinfo in userinfo.test.mjs; docs/specifications.md says which test shows which section.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

let gateway, web, post
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme')) })
	;[web, post] = [CLIENTS.web, CLIENTS.post].map((one) => new Application(gateway, 'acme', one))
})
after(() => gateway?.stop())

const tokensOf = (name, parameters, browser) => web.tokens(name, PASSWORDS[name], parameters, browser)
const userinfo = async (tokens) => (await web.userinfo(tokens.access_token)).json()

describe('2 the ID token', () => {
	test('its members have the types and forms that are asked for', async () => {
		const { id_token } = await tokensOf('alice', { max_age: '600', nonce: 'n-0S6_WzA2Mj' }), claims = claimsOf(id_token)
		assert.match(claims.sub, /^[\x21-\x7e]{1,255}$/)
		assert.equal(claims.aud, 'web')
		for (const name of ['exp', 'iat', 'auth_time']) assert.ok(Number.isInteger(claims[name]), name)
		assert.ok(claims.exp > claims.iat && claims.iat >= claims.auth_time)
		assert.equal(new URL(claims.iss).search + new URL(claims.iss).hash, '')
		assert.ok(Array.isArray(claims.amr) && claims.amr.every((one) => typeof one === 'string'))
		assert.equal(claims.azp, undefined, 'for one audience alone')
		assert.equal(claims.nonce, 'n-0S6_WzA2Mj')
	})
})

describe('3.1.2.1 the request', () => {
	test('display and claims_locales ask for nothing that must be done, and harm nothing', async () => {
		for (const display of ['page', 'popup', 'touch', 'wap', 'hologram'])
			assert.ok('password' in (await new Browser().open(web.begin({ display, claims_locales: 'fr-CA fr en' }).url)).form.fields, display)
	})
	test('without openid it is a request of OAuth, and nothing of OpenID comes back', async () => {
		const tokens = await tokensOf('alice', { scope: 'wiki.read', nonce: 'n' })
		assert.deepEqual([tokens.id_token, (await web.userinfo(tokens.access_token)).status], [undefined, 403])
	})
	test('an ID token that has expired is a hint all the same', async () => {
		const { id_token, browser } = await tokensOf('alice')
		gateway.advance(3_600_000)
		const { answer } = await browser.request(web.begin({ id_token_hint: id_token, prompt: 'none' }).url)
		gateway.setClock(0)
		assert.ok(answer.code)
	})
})

describe('5 claims', () => {
	test('5.1 have their types', async () => {
		const claims = await userinfo(await tokensOf('alice'))
		for (const name of ['sub', 'name', 'preferred_username', 'email']) assert.equal(typeof claims[name], 'string', name)
		assert.equal(claims.email_verified, true)
		assert.ok(Number.isInteger(claims.updated_at) && claims.updated_at > 1_600_000_000 && claims.updated_at < 10_000_000_000)
	})
	test('5.3.2 what is not known is left out, not null and not empty', async () => {
		const claims = await userinfo(await tokensOf('carla'))
		for (const [name, value] of Object.entries(claims)) assert.ok(value !== null && value !== '', name)
		for (const name of ['email', 'email_verified', 'name']) assert.ok(!(name in claims), name)
	})
	test('5.3.2 sub is the ID token\'s', async () => {
		const tokens = await tokensOf('bruno')
		assert.equal((await userinfo(tokens)).sub, claimsOf(tokens.id_token).sub)
	})
	test('5.4 each scope opens its claims, and no other', async () => {
		const rows = { openid: ['sub'], 'openid profile': ['name', 'preferred_username', 'sub', 'updated_at'], 'openid email': ['email', 'email_verified', 'sub'], 'openid groups': ['groups', 'sub'] }
		for (const [scope, names] of Object.entries(rows)) assert.deepEqual(Object.keys(await userinfo(await tokensOf('alice', { scope }))).sort(), names, scope)
	})
	test('5.7 email_verified is false for who has not proved the address', async () => assert.equal((await userinfo(await tokensOf('bruno'))).email_verified, false))
})

describe('11, 12 going on without the person', () => {
	test('12.2 a refreshed ID token: issuer, subject, audience and the time of the sign-in stay; iat is new; no nonce', async () => {
		const first = await tokensOf('alice', { nonce: 'n-1', scope: 'openid offline_access' }), before = claimsOf(first.id_token)
		gateway.advance(120_000)
		const answer = await web.refresh(first.refresh_token), after = claimsOf(answer.json.id_token)
		gateway.setClock(0)
		for (const name of ['iss', 'sub', 'aud', 'auth_time', 'acr', 'sid', 'idp']) assert.equal(after[name], before[name], name)
		assert.deepEqual(after.amr, before.amr)
		assert.ok(after.iat >= before.iat + 119 && after.exp > before.exp)
		assert.ok(!('nonce' in after) && 'nonce' in before)
	})
	test('12.1 a grant without openid gets no ID token by refreshing', async () => {
		const first = await tokensOf('alice', { scope: 'wiki.read' })
		assert.equal((await web.refresh(first.refresh_token)).json.id_token, undefined)
	})
})

describe('RP-Initiated Logout 2 and 3', () => {
	const logout = (parameters) => `${web.issuer}/logout?${new URLSearchParams(parameters)}`
	const [BYE] = CLIENTS.web.post_logout_redirect_uris

	test('state comes back as it went, and is alone', async () => {
		for (const state of ['a b+c', '%2B%00%', 'é=&?#;', '"><script>']) {
			const { id_token, browser } = await tokensOf('alice')
			const { location } = await browser.request(logout({ id_token_hint: id_token, post_logout_redirect_uri: BYE, state }))
			assert.deepEqual([location.origin + location.pathname, [...location.searchParams]], [BYE, [['state', state]]])
		}
	})
	test('client_id that is not the hint\'s is refused, and nothing ends', async () => {
		const { id_token, browser } = await tokensOf('alice')
		const page = await browser.request(logout({ id_token_hint: id_token, client_id: 'post' }))
		assert.deepEqual([page.status, page.location], [400, undefined])
		assert.ok((await browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
	})
	test('client_id alone vouches for the way back, and the person is asked', async () => {
		const { browser } = await tokensOf('alice')
		const asked = await browser.open(logout({ client_id: 'web', post_logout_redirect_uri: BYE }))
		assert.ok(asked.form.buttons.includes('approve'))
		assert.equal((await browser.submit(asked, { approve: 'yes' })).location.href, BYE)
	})
	test('logout_hint changes nothing; ui_locales chooses the language', async () => {
		const { browser } = await tokensOf('alice')
		const page = await browser.open(logout({ logout_hint: 'bruno', ui_locales: 'fr' }))
		assert.match(page.text, /<html[^>]* lang="fr"/)
		assert.ok(page.form.buttons.includes('approve'))
	})
	test('every session of another browser, and the person\'s at another application there, stay', async () => {
		const here = await tokensOf('alice'), there = await tokensOf('alice')
		await here.browser.request(logout({ id_token_hint: here.id_token }))
		assert.ok((await there.browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
		assert.equal((await here.browser.request(post.begin({ prompt: 'none' }).url)).answer.error, 'login_required', 'but all applications of the one that ended')
	})
})
