// RFC 6749 in the order of its text: the statements that stand in no other file. The authorization endpoint's checks are in authorize.test.mjs, client authentication
// and the grants in token.test.mjs; docs/specifications.md says which test shows which section.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, assertRefused, basic, post } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask } from './lib/raw.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const ASKING = { ...CLIENTS.spa, consent: 'explicit' }
const PROGRAM = { ...ASKING, client_id: 'program', application_type: 'native', redirect_uris: ['com.example.app:/cb', 'http://127.0.0.1/cb', 'https://app.acme.example/claimed'] }

let gateway, web, spa, machine
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: [...Object.keys(CLIENTS), { ...ASKING, client_id: 'page' }, PROGRAM] })) })
	;[web, spa, machine] = ['web', 'spa', 'machine'].map((name) => new Application(gateway, 'acme', CLIENTS[name]))
})
after(() => gateway?.stop())

const token = (form, application = machine) => post(`${web.issuer}/token`, form, basic(application.id, application.secret))
const code = (application, parameters, browser) => application.code('alice', PASSWORDS.alice, parameters, browser)

describe('3 endpoints', () => {
	test('3.2 parameters without a value are as if they were not there', async () => {
		assert.equal((await token('grant_type=client_credentials&scope=&resource=&client_id=&client_secret=')).status, 200)
		assertRefused(await token('grant_type='), 400, 'invalid_request')
		assertRefused(await token('grant_type=authorization_code&code=', web), 400, 'invalid_request')
	})
	test('3.2 what we do not know is ignored', async () => assert.equal((await token('grant_type=client_credentials&colour=red&audience=x&')).status, 200))
	test('3.2 parameters in the query are no parameters', async () => {
		const answer = await post(`${web.issuer}/token?grant_type=client_credentials&scope=wiki.write`, 'grant_type=client_credentials&scope=wiki.read', basic(machine.id, machine.secret))
		assert.equal(answer.json.scope, 'wiki.read')
		assertRefused(await post(`${web.issuer}/token?grant_type=client_credentials`, 'scope=wiki.read', basic(machine.id, machine.secret)), 400, 'invalid_request')
	})
	test('3.3 the answer says what was granted, whether all was asked for, less, or nothing', async () => {
		for (const [asked, granted] of [['wiki.write wiki.read', 'wiki.write wiki.read'], ['wiki.read', 'wiki.read'], [undefined, 'wiki.read wiki.write']])
			assert.equal((await machine.own({ scope: asked })).json.scope, granted, String(asked))
	})
	test('3.3 scopes have case, and their words stand one space apart', async () => {
		for (const scope of ['WIKI.READ', 'wiki.read  wiki.write', ' wiki.read', 'wiki.read,wiki.write', 'wiki.read\twiki.write', 'wiki"read', 'wiki\\read', 'wïki.read'])
			assertRefused(await machine.own({ scope }), 400, 'invalid_scope')
	})
})

describe('4.1 authorization code', () => {
	test('4.1.2 state comes back as it went, to the byte', async () => {
		const browser = new Browser()
		await code(web, {}, browser)
		for (const state of ['a b+c', '%2B%00%', 'é=&?#;', '"><script>', '\u{1f600}', '\'--', 'x'.repeat(1024), '0'])
			assert.equal((await web.code('alice', PASSWORDS.alice, { state }, browser)).page.answer.state, state)
	})
	test('4.1.2 a code is no longer than a URI bears, and holds more than 128 bits (section 10.10)', async () => {
		const seen = new Set()
		for (let i = 0; i < 8; i++) seen.add((await code(web)).code)
		assert.equal(seen.size, 8)
		for (const one of seen) assert.match(one, /^[A-Za-z0-9_-]{43,128}$/)
	})
	test('4.1.2 the answer holds what the specifications name, and nothing of the token', async () => {
		assert.deepEqual(Object.keys((await code(web)).page.answer).sort(), ['code', 'iss', 'state'])
		const { answer } = await new Browser().request(web.begin({ scope: 'nobody.has.it' }).url)
		assert.deepEqual(Object.keys(answer).sort(), ['error', 'error_description', 'iss', 'state'])
		assert.match(answer.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
	})
})

describe('5 the token\'s answer', () => {
	test('5.1 fields and headers, of every grant', async () => {
		const first = await web.redeem(await code(web)), answers = [first, await web.refresh(first.json.refresh_token), await machine.own()]
		for (const { status, headers, json, text } of answers) {
			assert.equal(status, 200, text)
			assert.match(headers.get('content-type'), /^application\/json(;\s*charset=utf-8)?$/i)
			assert.deepEqual([headers.get('cache-control'), headers.get('pragma')], ['no-store', 'no-cache'])
			assert.equal(json.token_type.toLowerCase(), 'bearer')
			assert.ok(Number.isInteger(json.expires_in) && json.expires_in > 0)
			assert.ok(!('error' in json))
		}
	})
	test('5.2 errors have the same headers, and no token beside them', async () => {
		for (const answer of [await web.redeem({ code: 'x', redirect: web.redirect, verifier: 'x'.repeat(43) }), await token('grant_type=password'), await post(`${web.issuer}/token`, 'grant_type=client_credentials')]) {
			assert.deepEqual([answer.headers.get('cache-control'), answer.headers.get('pragma')], ['no-store', 'no-cache'])
			assert.ok(!('access_token' in answer.json))
		}
	})
	test('5.2 401 names the scheme that was tried', async () => {
		for (const headers of [basic('machine', 'wrong'), {}]) assert.match((await post(`${web.issuer}/token`, 'grant_type=client_credentials', headers)).headers.get('www-authenticate'), /^Basic realm="/)
	})
})

describe('10 security considerations', () => {
	test('10.2 what a person allowed to a program that cannot prove who it is, the next one does not get unasked', async () => {
		const program = new Application(gateway, 'acme', PROGRAM), page = new Application(gateway, 'acme', { ...ASKING, client_id: 'page' })
		const asks = async (application, redirect_uri, browser) => {
			const { answer } = await browser.request(application.begin({ redirect_uri, prompt: 'none' }).url)
			assert.ok(answer.code || answer.error === 'consent_required', JSON.stringify(answer))
			return !answer.code
		}
		const browser = new Browser()
		for (const redirect_uri of ['com.example.app:/cb', 'http://127.0.0.1:5001/cb', 'https://app.acme.example/claimed']) await code(program, { redirect_uri }, browser)
		await code(page, {}, browser)
		assert.equal(await asks(program, 'com.example.app:/cb', browser), true)
		assert.equal(await asks(program, 'http://127.0.0.1:5001/cb', browser), true)
		assert.equal(await asks(program, 'https://app.acme.example/claimed', browser), false)
		assert.equal(await asks(page, page.redirect, browser), false)
	})
	test('10.3, 10.4 tokens are never in an address', async () => {
		const { page, verifier, redirect, code: given } = await code(spa)
		const { json } = await spa.redeem({ code: given, verifier, redirect })
		for (const secret of [json.access_token, json.refresh_token, json.id_token]) assert.ok(!page.location.href.includes(secret))
		const kinds = await ask(`${web.issuer}/introspect?token=${json.access_token}`, { method: 'POST', body: '', headers: { ...basic(web.id, web.secret), 'Content-Type': 'application/x-www-form-urlencoded' } })
		assert.equal(kinds.status, 400, 'and one in an address is not looked at')
	})
	test('10.10 a thousand guesses at a code cost the person nothing', async () => {
		const request = await code(web)
		for (let i = 0; i < 50; i++) assertRefused(await web.redeem({ ...request, code: request.code.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) }), 400, 'invalid_grant')
		assert.equal((await web.redeem(request)).status, 200)
	})
})
