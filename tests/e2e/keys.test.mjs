// A key in somebody else's hands: once `key revoke` has returned, nothing it signed is believed by any running server (SECURITY TK-7, R16); and a turn of
// keys that fails no validation.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, basic, claimsOf, headerOf } from './lib/application.mjs'
import { ask } from './lib/raw.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const T = ['--tenant', 'acme'], ROUNDS = 5
let gateway, second, web, api, machine
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme'), tenant('other')) })
	web = new Application(gateway, 'acme', CLIENTS.web), api = new Application(gateway, 'acme', CLIENTS.api), machine = new Application(gateway, 'acme', CLIENTS.machine)
	second = await Gateway.beside(gateway)
})
after(async () => {
	await second?.stop()
	await gateway?.stop()
})

const keys = async (name = 'acme') => gateway.cliJson('key', 'list', '--tenant', name)
const kidOf = async (state, alg = 'ES256', name = 'acme') => (await keys(name)).find((key) => key.alg === alg && key.state === state)?.kid
/** One request to either server: both answer to the first one's name. */
const to = (at, path, options = {}) => ask(`${at.base}/t/acme${path}`, { ...options, headers: { Host: gateway.host, ...options.headers } })
const published = async (at = gateway) => (await to(at, '/jwks')).json.keys.map((key) => key.kid)
const isActive = async (token, at = gateway) => (await to(at, '/introspect', { method: 'POST', body: new URLSearchParams({ token }).toString(),
	headers: { ...basic(api.id, api.secret), 'Content-Type': 'application/x-www-form-urlencoded' } })).json.active
const alice = () => web.tokens('alice', PASSWORDS.alice)

describe('a revoked key', () => {
	test(`signs nothing that any running server believes, ${ROUNDS} times, at once`, async () => {
		for (let round = 0; round < ROUNDS; round++) {
			const person = await alice(), own = (await machine.own()).json
			const kid = headerOf(person.access_token).kid, next = await kidOf('next')
			for (const at of [gateway, second])
				for (const token of [person.access_token, own.access_token]) assert.equal(await isActive(token, at), true)
			const report = await gateway.cliJson('key', 'revoke', kid, ...T)
			assert.deepEqual([report.kid, report.alg, report.was, report.active], [kid, 'ES256', 'active', next])
			for (const at of [gateway, second]) {
				for (const token of [person.access_token, own.access_token]) assert.equal(await isActive(token, at), false, `round ${round}`)
				assert.equal((await to(at, '/userinfo', { headers: { Authorization: `Bearer ${person.access_token}` } })).status, 401)
				const list = await published(at)
				assert.ok(!list.includes(kid) && list.includes(report.active) && list.includes(report.next))
			}
			// What is not signed lives on: the person need not sign in again.
			const again = await web.refresh(person.refresh_token)
			assert.equal(again.status, 200, again.text)
			assert.equal(headerOf(again.json.access_token).kid, next)
			for (const at of [gateway, second]) assert.equal(await isActive(again.json.access_token, at), true)
		}
	})

	test('is no proof at sign-out either', async () => {
		const person = await alice()
		await gateway.cli('key', 'revoke', headerOf(person.id_token).kid, ...T)
		const page = await person.browser.open(`${web.issuer}/logout?id_token_hint=${person.id_token}&post_logout_redirect_uri=${encodeURIComponent('https://app.acme.example/bye')}`)
		assert.notEqual(page.location, 'https://app.acme.example/bye')
		assert.equal((await person.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, undefined, 'nobody was signed out by it')
	})

	test('that was only announced is replaced, and the one that signs stays', async () => {
		const active = await kidOf('active'), next = await kidOf('next')
		const report = await gateway.cliJson('key', 'revoke', next, ...T)
		assert.deepEqual([report.was, report.active], ['next', active])
		assert.notEqual(report.next, next)
		assert.deepEqual([await kidOf('active'), await kidOf('next')], [active, report.next])
	})

	test('that was retired already takes what it signed with it', async () => {
		const before = await alice()
		await gateway.cli('key', 'rotate', ...T)
		const later = await alice()
		assert.equal(await isActive(before.access_token), true)
		const active = await kidOf('active')
		await gateway.cli('key', 'revoke', headerOf(before.access_token).kid, ...T)
		assert.equal(await isActive(before.access_token), false)
		assert.equal(await isActive(later.access_token), true)
		assert.equal(await kidOf('active'), active)
	})

	test('is refused twice, unknown, and from another tenant; nothing changes then', async () => {
		const kid = await kidOf('active'), was = await keys()
		for (const [words, status] of [[['nobody', ...T], 1], [[kid, '--tenant', 'other'], 1], [[...T], 2], [[(await keys()).find((key) => key.state === 'revoked').kid, ...T], 1]]) {
			const done = await gateway.command(['key', 'revoke', ...words])
			assert.equal(done.status, status, done.err)
		}
		assert.deepEqual(await keys(), was)
	})

	test('leaves a record that names it', async () => {
		const kid = await kidOf('active')
		await gateway.cli('key', 'revoke', kid, ...T)
		const row = (await gateway.rows('acme', '--event', 'key.revoke')).at(-1)
		assert.deepEqual([row.result, row.actor.startsWith('cli:')], ['ok', true])
		assert.match(await gateway.cli('log', 'verify', ...T), /intact/)
	})
})

describe('a turn of keys', () => {
	test('says when the new one is too young for who has an old copy of the set', async () => {
		const turn = async () => (await gateway.command(['key', 'rotate', '--tenant', 'other'])).err
		assert.doesNotMatch(await turn(), /less than/, 'the first next key was published with the first active one')
		assert.match(await turn(), /ES256 key that signs now was published less than 5 minutes ago/)
		gateway.advance(301_000)
		assert.doesNotMatch(await turn(), /less than/)
		gateway.setClock(0)
	})

	test('keeps the old one for longer than any session, then lets it go', async () => {
		const person = await alice(), kid = headerOf(person.access_token).kid
		await gateway.cli('key', 'rotate', ...T)
		gateway.advance(31 * 86400_000)
		assert.ok((await published()).includes(kid))
		gateway.setClock(33 * 86400_000)
		// Housekeeping comes by once a minute; a restart is quicker, and finds the same.
		await until('the old key to leave', async () => !(await published()).includes(kid), 90_000)
		assert.ok((await published()).includes(await kidOf('active')))
		gateway.setClock(0)
	})

	test(`fails no validation by a verifier that keeps its copy, ${ROUNDS} times under load`, async () => {
		gateway.setClock(40 * 86400_000)
		let known = await published(), stop = false, checked = 0
		const client = async () => {
			while (!stop) {
				const answer = await machine.own()
				assert.equal(answer.status, 200, answer.text)
				assert.ok(known.includes(headerOf(answer.json.access_token).kid), 'signed by a key that a copy from before the turn does not have')
				assert.equal(await isActive(answer.json.access_token), true)
				assert.equal(claimsOf(answer.json.access_token).client_id, 'machine')
				checked++
			}
		}
		const clients = Promise.all([client(), client(), client(), client()])
		for (let round = 0; round < ROUNDS; round++) {
			await gateway.cli('key', 'rotate', ...T)
			gateway.advance(300_000) // the copy's life; then the verifier takes a new one
			known = [...known, ...await published()]
		}
		stop = true
		await clients
		assert.ok(checked > ROUNDS)
		gateway.setClock(0)
	})
})
