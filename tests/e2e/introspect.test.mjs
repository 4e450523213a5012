// Who may look into which token (RFC 7662), how tokens are revoked (RFC 7009), and that what was revoked is inactive for the very next request. "Inactive"
// is always the same eighteen bytes.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, assertRefused, basic, claimsOf, post } from './lib/application.mjs'
import { API, CLIENTS, OTHER_API, PASSWORDS, declare, secretOf, tenant } from './lib/scene.mjs'

const FILES = { ...CLIENTS.web, client_id: 'files', client_secret: secretOf('files'), resources: [OTHER_API], scope: `${CLIENTS.web.scope} files.read` }
const clients = [...Object.keys(CLIENTS), FILES]

let gateway, web, spa, api, auditor, stranger, machine, files
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients }), tenant('other')) })
	const at = (declared) => new Application(gateway, 'acme', declared)
	web = at(CLIENTS.web), spa = at(CLIENTS.spa), api = at(CLIENTS.api), auditor = at(CLIENTS.auditor), stranger = at(CLIENTS.stranger), machine = at(CLIENTS.machine), files = at(FILES)
})
after(() => gateway?.stop())

const INACTIVE = '{"active":false}'
const alice = (application, scope) => application.tokens('alice', PASSWORDS.alice, scope && { scope })
async function assertInactive(application, ...tokens) {
	for (const token of tokens) {
		const answer = await application.introspect(token)
		assert.equal(answer.status, 200, answer.text)
		assert.equal(answer.text, INACTIVE)
		assert.match(answer.headers.get('content-type'), /^application\/json/)
		assert.equal(answer.headers.get('cache-control'), 'no-store')
	}
}
const cli = (...words) => gateway.cli(...words, '--tenant', 'acme')

describe('what a live token says (RFC 7662 section 2.2)', () => {
	test('of a person', async () => {
		const tokens = await alice(web), { json } = await web.introspect(tokens.access_token)
		const claims = claimsOf(tokens.access_token)
		assert.deepEqual(json, { active: true, scope: web.scope, client_id: 'web', username: 'alice', token_type: 'Bearer', exp: claims.exp, iat: claims.iat, sub: claims.sub, aud: API,
			iss: web.issuer, jti: claims.jti, sid: claims.sid, acr: 'urn:passerelle:acr:pwd', amr: ['pwd'], auth_time: claims.auth_time, groups: ['staff', 'wiki'] })
	})
	test('of a machine', async () => {
		const { json } = await api.introspect((await machine.own()).json.access_token)
		assert.deepEqual([json.active, json.sub, json.client_id, json.username, json.groups, json.sid], [true, 'machine', 'machine', undefined, undefined, undefined])
	})
	test('of a refresh token, to its client', async () => {
		const { json } = await web.introspect((await alice(web)).refresh_token)
		assert.deepEqual([json.active, json.client_id, json.username, json.token_type], [true, 'web', 'alice', undefined])
	})
	test('the hint is a hint: a wrong one changes nothing', async () => {
		const tokens = await alice(web)
		for (const token_type_hint of ['refresh_token', 'access_token', 'nonsense'])
			for (const token of [tokens.access_token, tokens.refresh_token]) assert.equal((await web.introspect(token, { token_type_hint })).json.active, true)
	})
})

describe('who may ask', () => {
	test('nobody without a secret of this tenant', async () => {
		const { access_token: token } = await alice(web)
		assertRefused(await post(`${web.issuer}/introspect`, { token }), 401, 'invalid_client')
		assertRefused(await post(`${web.issuer}/introspect`, { token, client_id: 'spa' }), 401, 'invalid_client')
		assertRefused(await post(`${web.issuer}/introspect`, { token }, basic('api', 'wrong')), 401, 'invalid_client')
		assertRefused(await post(`${web.issuer}/introspect`, { token }, { Authorization: `Bearer ${token}` }), 400, 'invalid_request')
		assertRefused(await web.introspect(undefined), 400, 'invalid_request')
		assertRefused(await web.introspect([token, token]), 400, 'invalid_request')
	})
	test('own, resource, tenant', async () => {
		const tokens = { web: (await alice(web)).access_token, spa: (await alice(spa)).access_token, files: (await alice(files)).access_token, machine: (await machine.own()).json.access_token }
		const expected = { // rows: who asks; columns: whose token
			web: ['web'], files: ['files'], stranger: [], machine: ['machine'], api: ['web', 'spa', 'machine'], auditor: ['web', 'spa', 'files', 'machine'],
		}
		for (const [name, sees] of Object.entries(expected)) {
			const caller = { web, files, stranger, machine, api, auditor }[name]
			for (const [whose, token] of Object.entries(tokens))
				assert.equal(await caller.isActive(token), sees.includes(whose), `${name} asks about a token of ${whose}`)
		}
	})
	test('refresh tokens are for their own client and the whole tenant\'s auditor', async () => {
		const { refresh_token } = await alice(web)
		assert.equal(await web.isActive(refresh_token), true)
		assert.equal(await auditor.isActive(refresh_token), true)
		await assertInactive(api, refresh_token)
		await assertInactive(files, refresh_token)
	})
	test('a resource that names a client no more is closed to it at once', async () => {
		const { access_token } = await alice(web)
		assert.equal(await api.isActive(access_token), true)
		const resources = tenant('acme').resources
		await gateway.apply(declare(tenant('acme', { clients, resources: [{ ...resources[0], introspection_clients: [] }, resources[1]] })))
		await assertInactive(api, access_token)
		await gateway.apply(declare(tenant('acme', { clients })))
		assert.equal(await api.isActive(access_token), true)
	})
})

describe('what never passes', () => {
	test('garbage, other kinds, other tenants', async () => {
		const tokens = await alice(web)
		const foreign = await new Application(gateway, 'other', CLIENTS.web).tokens('alice', PASSWORDS.alice)
		const [header, body, signature] = tokens.access_token.split('.')
		const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
		const { kid } = JSON.parse(Buffer.from(header, 'base64url'))
		await assertInactive(auditor, tokens.id_token, tokens.request.code, foreign.access_token, foreign.refresh_token, foreign.id_token, 'x', '..', '...', 'é', ' ',
			`${tokens.access_token} `, `${tokens.access_token}=`, `${header}.${body}.`, `${header}.${body}`, `${header}.${body}.${signature.slice(0, -2)}`, `${header}.${encode({ ...claimsOf(tokens.access_token), scope: 'admin' })}.${signature}`,
			`${encode({ alg: 'none', typ: 'at+jwt', kid })}.${body}.`, `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${body}.${signature}`, `${encode({ alg: 'ES256', typ: 'JWT', kid })}.${body}.${signature}`,
			tokens.refresh_token.slice(0, -1), tokens.refresh_token.replace('rt', 'at'), `pas_at_${'A'.repeat(49)}`, tokens.refresh_token.toUpperCase(), 'x'.repeat(10000))
	})
	test('expired ones, to the second', async () => {
		const { access_token } = await alice(web), left = claimsOf(access_token).exp * 1000 - gateway.now
		assert.equal(await web.isActive(access_token), true)
		gateway.advance(left - 3000)
		assert.equal(await web.isActive(access_token), true)
		gateway.advance(3001)
		await assertInactive(web, access_token)
		assert.equal((await web.userinfo(access_token)).status, 401)
		gateway.setClock(0)
		assert.equal(await web.isActive(access_token), true)
	})
})

describe('revocation (RFC 7009)', () => {
	const revoked = async (application, token, more) => {
		const answer = await application.revoke(token, more)
		assert.equal(answer.status, 200, answer.text)
	}
	test('an access token goes alone', async () => {
		const tokens = await alice(web)
		await revoked(web, tokens.access_token)
		await assertInactive(web, tokens.access_token)
		assert.equal((await web.userinfo(tokens.access_token)).status, 401)
		assert.equal((await web.refresh(tokens.refresh_token)).status, 200)
	})
	test('an opaque one too', async () => {
		const tokens = await alice(files)
		await revoked(files, tokens.access_token)
		await assertInactive(files, tokens.access_token)
		assert.equal(await files.isActive(tokens.refresh_token), true)
	})
	test('a refresh token takes its family along', async () => {
		for (const application of [web, spa, files]) {
			const tokens = await alice(application), later = (await application.refresh(tokens.refresh_token)).json
			await revoked(application, later.refresh_token, { token_type_hint: 'access_token' })
			await assertInactive(auditor, tokens.access_token, later.access_token, later.refresh_token)
			assertRefused(await application.refresh(later.refresh_token), 400, 'invalid_grant')
		}
	})
	test('an old refresh token takes it along too', async () => {
		const tokens = await alice(spa), later = (await spa.refresh(tokens.refresh_token)).json
		await revoked(spa, tokens.refresh_token)
		await assertInactive(auditor, later.refresh_token, later.access_token)
	})
	test('unknown, expired, foreign: 200, and nothing happens', async () => {
		const tokens = await alice(web)
		for (const token of ['x', `pas_rt_${'A'.repeat(49)}`, tokens.id_token]) await revoked(web, token)
		for (const thief of [spa, files, auditor, new Application(gateway, 'other', CLIENTS.web)]) for (const token of [tokens.access_token, tokens.refresh_token]) await revoked(thief, token)
		assert.equal(await web.isActive(tokens.access_token), true)
		assert.equal(await web.isActive(tokens.refresh_token), true)
	})
	test('needs the client, and a token', async () => {
		const { refresh_token } = await alice(web)
		assertRefused(await post(`${web.issuer}/revoke`, { token: refresh_token }), 401, 'invalid_client')
		assertRefused(await post(`${web.issuer}/revoke`, { token: refresh_token, client_id: 'web' }), 401, 'invalid_client')
		assertRefused(await web.revoke(undefined), 400, 'invalid_request')
		assertRefused(await web.revoke([refresh_token, refresh_token]), 400, 'invalid_request')
		assert.equal(await web.isActive(refresh_token), true)
	})
})

describe('what an act ends is inactive for the next request', () => {
	const OFFLINE = 'openid offline_access wiki.read', ONLINE = 'openid wiki.read'

	test('signing out: what has no offline_access, of every application of the session', async () => {
		const online = await alice(web, ONLINE)
		const offline = await spa.tokens('alice', PASSWORDS.alice, { scope: OFFLINE }, online.browser)
		const opaque = await files.tokens('alice', PASSWORDS.alice, { scope: 'openid files.read' }, online.browser)
		const elsewhere = await alice(web, ONLINE)
		const live = async () => Promise.all([online, offline, opaque, elsewhere].map((one) => auditor.isActive(one.access_token)))
		assert.deepEqual(await live(), [true, true, true, true])
		const page = await online.browser.open(`${web.issuer}/logout?id_token_hint=${online.id_token}`)
		assert.match(page.title, /You are signed out/)
		assert.deepEqual(await live(), [false, true, false, true])
		assertRefused(await web.refresh(online.refresh_token), 400, 'invalid_grant')
		assert.equal((await spa.refresh(offline.refresh_token)).status, 200)
	})

	test('user sign-out: the same, for all of the person\'s sessions', async () => {
		const online = await alice(web, ONLINE), offline = await alice(web, OFFLINE), bruno = await web.tokens('bruno', PASSWORDS.bruno, { scope: ONLINE })
		assert.equal(await web.isActive(online.access_token), true)
		await cli('user', 'sign-out', 'alice')
		await assertInactive(web, online.access_token)
		assert.equal(await web.isActive(offline.access_token), true)
		assert.equal(await web.isActive(bruno.access_token), true)
		assert.equal((await online.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
	})

	test('user disable: all, offline or not; enabling revives nothing', async () => {
		const jwt = await alice(web, OFFLINE), opaque = await alice(files, 'openid offline_access files.read'), bruno = await web.tokens('bruno', PASSWORDS.bruno)
		assert.equal(await web.isActive(jwt.access_token), true)
		assert.equal(await files.isActive(opaque.access_token), true)
		await cli('user', 'disable', 'alice')
		await assertInactive(auditor, jwt.access_token, opaque.access_token, jwt.refresh_token, opaque.refresh_token)
		assertRefused(await web.refresh(jwt.refresh_token), 400, 'invalid_grant')
		assert.equal((await jwt.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		await cli('user', 'enable', 'alice')
		await assertInactive(auditor, jwt.access_token, opaque.access_token, jwt.refresh_token)
		assert.equal((await jwt.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		assert.equal(await web.isActive(bruno.access_token), true)
	})

	test('user passwd: all, and the old password', async () => {
		const tokens = await web.tokens('carla', PASSWORDS.carla), fresh = 'a brand new canary of carla'
		assert.equal(await web.isActive(tokens.access_token), true)
		await gateway.cliWith({ input: `${fresh}\n` }, 'user', 'passwd', 'carla', '--tenant', 'acme')
		await assertInactive(auditor, tokens.access_token, tokens.refresh_token)
		assert.equal((await tokens.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		const page = await tokens.browser.signIn(await tokens.browser.open(web.begin().url), 'carla', PASSWORDS.carla)
		assert.ok(page.problem)
		assert.equal(await web.isActive((await web.tokens('carla', fresh)).access_token), true)
	})

	test('user remove: all, and the name is free for somebody else with another sub', async () => {
		await gateway.cliWith({ input: 'first canary of the one named dora\n' }, 'user', 'add', 'dora', '--password-stdin', '--tenant', 'acme')
		const old = await web.tokens('dora', 'first canary of the one named dora')
		assert.equal(await web.isActive(old.access_token), true)
		await cli('user', 'remove', 'dora', '--yes')
		await assertInactive(auditor, old.access_token, old.refresh_token)
		await gateway.cliWith({ input: 'second canary of the other dora\n' }, 'user', 'add', 'dora', '--password-stdin', '--tenant', 'acme')
		await assertInactive(auditor, old.access_token, old.refresh_token)
		assert.equal((await old.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		const fresh = await web.tokens('dora', 'second canary of the other dora')
		assert.notEqual(claimsOf(fresh.id_token).sub, claimsOf(old.id_token).sub)
	})

	/** A client that this test may remove. */
	const brief = (client_id) => ({ ...CLIENTS.web, client_id, client_secret: secretOf(client_id), grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] })
	const declareBrief = (declared) => gateway.apply(declare(tenant('acme', { clients: [...clients, declared] })))

	test('client remove: all it ever got, and one made again under its name is another', async () => {
		const declared = brief('brief')
		await declareBrief(declared)
		const client = new Application(gateway, 'acme', declared)
		const tokens = await alice(client), own = (await client.own({ scope: 'wiki.read' })).json, request = await client.code('alice', PASSWORDS.alice)
		assert.equal(await auditor.isActive(tokens.access_token), true)
		assert.equal(await auditor.isActive(own.access_token), true)
		await cli('client', 'remove', 'brief', '--yes')
		await assertInactive(auditor, tokens.access_token, tokens.refresh_token, own.access_token)
		assertRefused(await client.refresh(tokens.refresh_token), 401, 'invalid_client')
		gateway.advance(2000)
		await declareBrief(declared)
		await assertInactive(auditor, tokens.access_token, tokens.refresh_token, own.access_token)
		assertRefused(await client.refresh(tokens.refresh_token), 400, 'invalid_grant')
		assertRefused(await client.redeem(request), 400, 'invalid_grant')
		gateway.setClock(0)
	})

	test('client remove and made again within one second: the old token stays dead', async () => {
		const declared = { ...CLIENTS.machine, client_id: 'flash', client_secret: secretOf('flash') }
		const client = new Application(gateway, 'acme', declared)
		const madeAgain = async () => {
			await declareBrief(declared)
			const second = Math.ceil(gateway.now / 1000) * 1000, atMs = (ms) => gateway.setClock(second + ms - Date.now()) // to the gateway all of this is one second
			atMs(10)
			const own = (await client.own()).json.access_token
			assert.equal(await auditor.isActive(own), true)
			atMs(20)
			await cli('client', 'remove', 'flash', '--yes')
			atMs(30)
			await declareBrief(declared)
			const made = Date.parse((await gateway.cliJson('client', 'show', 'flash', '--tenant', 'acme')).created)
			await assertInactive(auditor, own)
			return Math.floor(made / 1000) === claimsOf(own).iat
		}
		await until('all of it to happen in one second', madeAgain) // a command may take longer on a busy machine
		gateway.setClock(0)
	})

	test('tenant remove: everything, for the other tenants nothing', async () => {
		const other = new Application(gateway, 'other', CLIENTS.web), tokens = await other.tokens('alice', PASSWORDS.alice), mine = await alice(web)
		assert.equal(await other.isActive(tokens.access_token), true)
		await gateway.cli('tenant', 'remove', 'other', '--yes')
		assert.equal((await other.introspect(tokens.access_token)).status, 404)
		await gateway.apply(declare(tenant('other')))
		await assertInactive(other, tokens.access_token, tokens.refresh_token)
		assert.equal((await tokens.browser.request(other.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		assert.equal(await web.isActive(mine.access_token), true)
	})

	test('key rotate: what the retired key signed stays good, the new key signs', async () => {
		const before = await alice(web)
		await cli('key', 'rotate')
		const later = await alice(web)
		assert.equal(await web.isActive(before.access_token), true)
		assert.equal(await web.isActive(later.access_token), true)
		const kid = (token) => JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid
		assert.notEqual(kid(before.access_token), kid(later.access_token))
	})
})
