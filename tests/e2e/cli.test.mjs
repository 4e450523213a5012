// What the command line changes holds for every request that the running server accepts after the command has returned (CONTRACT section 1): in a loop,
// because a race that is lost one time in ten is a race. What the commands print is tested in tests/admin.
import assert from 'node:assert/strict'
import { appendFileSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, assertRefused, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const ROUNDS = 20
let gateway, web, auditor
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme')) })
	web = new Application(gateway, 'acme', CLIENTS.web), auditor = new Application(gateway, 'acme', CLIENTS.auditor)
})
after(() => gateway?.stop())

const T = ['--tenant', 'acme']
const client = (client_id, client_secret) => new Application(gateway, 'acme', { client_id, client_secret })
const secretIn = (text) => text.match(/pas_cs_[A-Za-z0-9_-]{49}/)?.[0] ?? assert.fail(text)

test(`clients: added, rotated, removed, ${ROUNDS} times, each at once`, async () => {
	for (let round = 0; round < ROUNDS; round++) {
		const id = `brief-${round}`
		const first = client(id, secretIn(await gateway.cli('client', 'add', id, '--grant-types', 'client_credentials', '--scope', 'wiki.read', ...T)))
		const answer = await first.own()
		assert.equal(answer.status, 200, `round ${round}: ${answer.text}`)
		const second = client(id, secretIn(await gateway.cli('client', 'rotate-secret', id, ...T)))
		assertRefused(await first.own(), 401, 'invalid_client')
		assert.equal((await second.own()).status, 200)
		await gateway.cli('client', 'remove', id, '--yes', ...T)
		assertRefused(await second.own(), 401, 'invalid_client')
		assert.equal(await auditor.isActive(answer.json.access_token), false)
	}
})

test(`people: disabled and enabled, ${ROUNDS} times, each at once`, async () => {
	for (let round = 0; round < ROUNDS; round++) {
		const tokens = await web.tokens('alice', PASSWORDS.alice)
		assert.equal(await web.isActive(tokens.access_token), true)
		await gateway.cli('user', 'disable', 'alice', ...T)
		assert.equal(await web.isActive(tokens.access_token), false, `round ${round}`)
		const browser = new Browser()
		assert.ok((await browser.signIn(await browser.open(web.begin().url), 'alice', PASSWORDS.alice)).problem)
		await gateway.cli('user', 'enable', 'alice', ...T)
	}
	assert.ok((await web.code('alice', PASSWORDS.alice)).code)
})

test('a rotated secret with overlap keeps the old one alive, for just as long', async () => {
	const id = 'overlapping', first = client(id, secretIn(await gateway.cli('client', 'add', id, '--grant-types', 'client_credentials', '--scope', 'wiki.read', ...T)))
	const second = client(id, secretIn(await gateway.cli('client', 'rotate-secret', id, '--overlap', '1h', ...T)))
	for (const one of [first, second]) assert.equal((await one.own()).status, 200)
	gateway.advance(3601_000)
	assertRefused(await first.own(), 401, 'invalid_client')
	assert.equal((await second.own()).status, 200)
	gateway.setClock(0)
})

describe('a declaration applied while the server runs', () => {
	const changed = (more) => gateway.apply(declare(tenant('acme', { clients: Object.keys(CLIENTS).map((name) => name === 'web' ? { ...CLIENTS.web, ...more } : CLIENTS[name]) })))
	const CASES = [
		['redirect_uris', { redirect_uris: ['https://new.acme.example/cb'] }, async (is) => assert.equal((await new Browser().request(web.begin().url)).status, is ? 400 : 303)],
		['scope', { scope: 'openid offline_access' }, async (is) => assert.equal((await new Browser().request(web.begin({ scope: 'openid wiki.read' }).url)).answer?.error, is ? 'invalid_scope' : undefined)],
		['grant_types', { grant_types: ['authorization_code'], scope: 'openid' }, async (is) => assert.equal((await web.refresh('x')).json.error, is ? 'unauthorized_client' : 'invalid_grant')],
		['allowed_groups', { allowed_groups: ['nobody'] }, async (is) => {
			const browser = new Browser(), page = await browser.signIn(await browser.open(web.begin({ scope: 'openid' }).url), 'alice', PASSWORDS.alice)
			assert.equal(page.answer.error, is ? 'access_denied' : undefined)
		}],
		['access_token_lifetime', { access_token_lifetime: '2m' }, async (is) => assert.equal((await web.tokens('alice', PASSWORDS.alice)).expires_in, is ? 120 : 600)],
		['consent', { consent: 'explicit' }, async (is) => {
			const browser = new Browser(), page = await browser.signIn(await browser.open(web.begin({ scope: 'openid email' }).url), 'bruno', PASSWORDS.bruno)
			assert.equal(Boolean(page.form), is)
		}],
		['token_endpoint_auth_method', { token_endpoint_auth_method: 'client_secret_post' }, async (is) => assert.equal((await web.refresh('x')).status, is ? 401 : 400)],
	]
	for (const [what, more, check] of CASES)
		test(`${what} is the new one at once, and the old one again`, async () => {
			await check(false)
			await changed(more)
			await check(true)
			await changed({})
			await check(false)
		})

	test('the tenant\'s own policy too', async () => {
		await gateway.apply(declare({ ...tenant('acme'), policy: { throttle: { failures: 100 }, tokens: { access: '3m' } } }))
		assert.equal((await web.tokens('alice', PASSWORDS.alice)).expires_in, 180)
		await gateway.apply(declare(tenant('acme')))
		assert.equal((await web.tokens('alice', PASSWORDS.alice)).expires_in, 600)
	})

	test('a declaration with one fault changes nothing', async () => {
		const done = await gateway.command(['apply', '-f', '-'], { input: JSON.stringify(declare(tenant('acme', { clients: [{ ...CLIENTS.web, redirect_uris: ['https://new.acme.example/cb'] }, 'api', { client_id: 'x', redirect_uris: ['http://evil.example/'] }] }))) })
		assert.equal(done.status, 1)
		assert.match(done.err, /redirect_uris/)
		assert.equal((await new Browser().request(web.begin().url)).status, 303)
	})

	test('an account keeps its sub, its password and its tokens', async () => {
		const tokens = await web.tokens('alice', PASSWORDS.alice), { users } = tenant('acme')
		await gateway.apply(declare(tenant('acme', { users: users.map(({ password, ...one }) => one.username === 'alice' ? { ...one, name: 'Alice Dupont' } : one) })))
		assert.equal(await web.isActive(tokens.access_token), true)
		assert.equal((await (await web.userinfo(tokens.access_token)).json()).name, 'Alice Dupont')
		assert.equal(claimsOf((await web.tokens('alice', PASSWORDS.alice)).id_token).sub, claimsOf(tokens.id_token).sub)
	})
})

test('a tenant added while the server runs is served at once, and one removed no more', async () => {
	for (let round = 0; round < 3; round++) {
		await gateway.cli('tenant', 'add', 'fresh')
		assert.equal((await fetch(`${gateway.issuer('fresh')}/jwks`)).status, 200)
		await gateway.cli('tenant', 'remove', 'fresh', '--yes')
		assert.equal((await fetch(`${gateway.issuer('fresh')}/jwks`)).status, 404)
	}
})

describe('export and apply on another gateway', () => {
	let other, exported
	before(async () => {
		exported = await gateway.cli('export', '--with-secrets', ...T)
		other = await Gateway.start()
	})
	after(() => other?.stop())

	test('passwords sealed with a key that is not there are refused, before anything is written', async () => {
		const done = await other.command(['apply', '-f', '-'], { input: exported })
		assert.equal(done.status, 1, done.out)
		assert.match(done.err, /password_hash: .*key/)
		assert.equal((await other.command(['tenant', 'list', '--json'])).out.trim(), '[]')
	})

	test('with the key: the same people with the same sub and passwords, and secrets that work', async () => {
		const before = await web.tokens('alice', PASSWORDS.alice)
		await other.terminate()
		appendFileSync(other.path('var', 'secret.key'), readFileSync(gateway.path('var', 'secret.key')))
		await other.launch()
		await other.cliWith({ input: exported }, 'apply', '-f', '-')
		const there = new Application(other, 'acme', CLIENTS.web), tokens = await there.tokens('alice', PASSWORDS.alice)
		assert.equal(claimsOf(tokens.id_token).sub, claimsOf(before.id_token).sub)
		assert.equal((await there.introspect(before.access_token)).json.active, false, 'keys and tokens stay at home')
	})
})
