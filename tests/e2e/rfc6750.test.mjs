// RFC 6750, bearer tokens, at /userinfo: the only resource of our own that takes them.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, post } from './lib/application.mjs'
import { ask } from './lib/raw.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

let gateway, web, machine, address, token
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme')) })
	;[web, machine] = [CLIENTS.web, CLIENTS.machine].map((one) => new Application(gateway, 'acme', one))
	address = `${web.issuer}/userinfo`
	token = (await web.tokens('alice', PASSWORDS.alice)).access_token
})
after(() => gateway?.stop())

const get = (headers, at = address) => ask(at, { headers })
const send = (body, type, headers = {}) => ask(address, { method: 'POST', body, headers: { 'Content-Type': type, ...headers } })
const FORM = 'application/x-www-form-urlencoded'

function assertChallenged(answer, status, error) {
	assert.equal(answer.status, status, answer.text)
	const challenge = answer.headers['www-authenticate']
	assert.match(challenge, /^Bearer realm="[^"]+"/)
	assert.equal(challenge.match(/error="([^"]*)"/)?.[1], error)
	assert.ok(!challenge.includes(token), 'section 5.2: the token is told nobody')
}

describe('2 how a token is sent', () => {
	test('2.1 in the header; the scheme has no case', async () => {
		for (const scheme of ['Bearer', 'bearer', 'BEARER']) assert.equal((await get({ Authorization: `${scheme} ${token}` })).status, 200, scheme)
	})
	test('2.1 what is no b64token after the scheme is no token', async () => {
		for (const value of ['Bearer', 'Bearer ', `Bearer  ${token}`, `Bearer ${token} ${token}`, `Bearer "${token}"`, `Bearer access_token=${token}`, `Token ${token}`, `Bearer${token}`, `Basic ${token}`])
			assert.equal((await get({ Authorization: value })).status, 401, value.slice(0, 20))
	})
	test('2.2 in a form that is posted, and of its type', async () => {
		assert.equal((await send(`access_token=${token}`, FORM)).status, 200)
		assert.equal((await send(`access_token=${token}`, `${FORM}; charset=UTF-8`)).status, 200)
		for (const [body, type] of [[JSON.stringify({ access_token: token }), 'application/json'], [`access_token=${token}`, 'text/plain'], [`access_token=${token}`, 'multipart/form-data; boundary=x']])
			assert.ok([401, 415].includes((await send(body, type)).status), type)
	})
	test('2.2, 2.3 never in an address', async () => assertChallenged(await get({}, `${address}?access_token=${token}`), 401, undefined))
	test('2 by one method each time', async () => {
		assert.equal((await send(`access_token=${token}`, FORM, { Authorization: `Bearer ${token}` })).status, 400)
		assert.equal((await send(`access_token=${token}&access_token=${token}`, FORM)).status, 400)
		assert.equal((await ask(address, { headers: { Authorization: [`Bearer ${token}`, `Bearer ${token}`] } })).status, 400)
	})
})

describe('3 what is answered', () => {
	test('3 without any token a challenge, and no error code', async () => {
		assertChallenged(await get({}), 401, undefined)
		assertChallenged(await send('', FORM), 401, undefined)
	})
	test('3.1 invalid_token: unknown, malformed, expired, revoked', async () => {
		const gone = (await web.tokens('bruno', PASSWORDS.bruno)).access_token
		assert.equal((await web.revoke(gone)).status, 200)
		for (const one of ['x', `${token}x`, `pas_at_${'A'.repeat(49)}`, gone]) assertChallenged(await get({ Authorization: `Bearer ${one}` }), 401, 'invalid_token')
		gateway.advance(3_600_000)
		assertChallenged(await get({ Authorization: `Bearer ${token}` }), 401, 'invalid_token')
		gateway.setClock(0)
	})
	test('3.1 insufficient_scope: a live token that is not for this', async () => {
		assertChallenged(await get({ Authorization: `Bearer ${(await machine.own()).json.access_token}` }), 403, 'insufficient_scope')
		const narrow = await web.tokens('alice', PASSWORDS.alice, { scope: 'wiki.read' })
		assertChallenged(await get({ Authorization: `Bearer ${narrow.access_token}` }), 403, 'insufficient_scope')
	})
	test('5.3 what a token opened is kept by no cache', async () => {
		for (const headers of [{ Authorization: `Bearer ${token}` }, {}]) assert.equal((await get(headers)).headers['cache-control'], 'no-store')
		assert.equal((await post(address, { access_token: token })).headers.get('cache-control'), 'no-store')
	})
})
