// OpenID Connect Back-Channel Logout 1.0: an application hears that a session ended, whoever ended it, and even if it or we were away meanwhile. The application is
// a server of this test's own that checks each logout token as section 2.6 asks.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { Gateway, pause, until } from './lib/gateway.mjs'
import { Application, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, secretOf, tenant } from './lib/scene.mjs'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

let gateway, hears, second, deaf, keys, server, calls, answer
before(async () => {
	calls = []
	answer = () => 200
	server = createServer((request, response) => {
		let body = ''
		request.on('data', (piece) => { body += piece }).on('end', () => {
			const call = { path: request.url, method: request.method, type: request.headers['content-type'], socket: request.socket, form: new URLSearchParams(body) }
			calls.push(call)
			const status = answer(call)
			if (status) response.writeHead(status, { 'Cache-Control': 'no-store', ...(status === 302 ? { Location: '/elsewhere' } : {}) }).end()
		})
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	const at = (path) => ({ backchannel_logout_uri: `http://127.0.0.1:${server.address().port}${path}`, backchannel_logout_session_required: true })
	const clients = [{ ...CLIENTS.web, ...at('/web?kept=1') }, { ...CLIENTS.web, client_id: 'second', client_secret: secretOf('second'), id_token_signed_response_alg: 'ES256', ...at('/second') },
		{ ...CLIENTS.web, client_id: 'deaf', client_secret: secretOf('deaf') }]
	gateway = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1'] } }, declaration: declare(tenant('acme', { clients: [...clients, 'api'] }), tenant('other', { clients: [clients[0], 'api'] })) })
	;[hears, second, deaf] = clients.map((one) => new Application(gateway, 'acme', one))
	keys = createRemoteJWKSet(new URL(`${hears.issuer}/jwks`))
})
after(async () => {
	await gateway?.stop()
	server?.close()
	server?.closeAllConnections()
})

/** What came for one session of a person at an application, as tokens. */
const tokensFor = (path, sid) => calls.filter((one) => one.path === path).map((one) => one.form.get('logout_token')).filter((token) => token && claimsOf(token).sid === sid)
async function heard(path, sid) {
	await until(`a logout token at ${path}`, () => tokensFor(path, sid).length > 0)
	return tokensFor(path, sid)[0]
}
const signedIn = async (name = 'alice', application = hears, browser) => {
	const tokens = await application.tokens(name, PASSWORDS[name], {}, browser)
	return { ...tokens, id: claimsOf(tokens.id_token) }
}
const signOut = async (one) => one.browser.request(`${hears.issuer}/logout?${new URLSearchParams({ id_token_hint: one.id_token })}`)

describe('the logout token (sections 2.4, 2.5)', () => {
	test('is signed like an ID token, says who and which session, and passes for nothing else', async () => {
		const one = await signedIn()
		await signOut(one)
		const token = await heard('/web?kept=1', one.id.sid)
		const call = calls.find((each) => each.form.get('logout_token') === token)
		assert.deepEqual([call.method, call.type, [...call.form.keys()]], ['POST', 'application/x-www-form-urlencoded', ['logout_token']])
		const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: hears.issuer, audience: 'web', typ: 'logout+jwt' })
		assert.equal(protectedHeader.alg, 'RS256')
		assert.deepEqual(Object.keys(payload).sort(), ['aud', 'events', 'exp', 'iat', 'iss', 'jti', 'sid', 'sub'])
		assert.deepEqual(payload.events, { [EVENT]: {} })
		assert.deepEqual([payload.sub, payload.sid], [one.id.sub, one.id.sid])
		assert.ok(payload.exp - payload.iat <= 120)
		assert.equal((await hears.userinfo(token)).status, 401)
		assert.equal((await new Browser().request(hears.begin({ id_token_hint: token, prompt: 'none' }).url)).answer.error, 'invalid_request')
	})
	test('goes to every application of the session, to each with its own sid and algorithm, and to no other', async () => {
		const browser = new Browser(), first = await signedIn('alice', hears, browser), other = await signedIn('alice', second, browser)
		await signedIn('alice', deaf, browser)
		assert.notEqual(first.id.sid, other.id.sid)
		const before = calls.length
		await signOut(first)
		await heard('/web?kept=1', first.id.sid)
		const token = await heard('/second', other.id.sid)
		await jwtVerify(token, keys, { issuer: hears.issuer, audience: 'second', typ: 'logout+jwt', algorithms: ['ES256'] })
		await quiet()
		assert.equal(calls.length, before + 3, 'once each, and the one that closed the list')
	})
	test('several sign-ins of one application in one session are one', async () => {
		const one = await signedIn()
		await signedIn('alice', hears, one.browser)
		await signOut(one)
		await heard('/web?kept=1', one.id.sid)
		await quiet()
		assert.equal(tokensFor('/web?kept=1', one.id.sid).length, 1)
	})
})
/** Nothing waits in the outbox any more: another sign-out, begun later, has been told. */
async function quiet() {
	const one = await signedIn('carla')
	await signOut(one)
	await heard('/web?kept=1', one.id.sid)
}

describe('whoever ends the session', () => {
	const cases = {
		'the person, on our page': async (one) => {
			const page = await one.browser.open(`${hears.issuer}/logout`)
			await one.browser.submit(page, { approve: 'yes' })
		},
		'an administrator who signs the person out': () => gateway.cli('user', 'sign-out', 'bruno', '--tenant', 'acme'),
		'a new password': () => gateway.cliWith({ input: `${PASSWORDS.bruno}\n` }, 'user', 'passwd', 'bruno', '--tenant', 'acme'),
		'somebody else who signs in with this browser': async (one) => {
			const page = await one.browser.open(hears.begin({ prompt: 'login' }).url)
			assert.ok((await one.browser.signIn(page, 'alice', PASSWORDS.alice)).answer.code)
		},
		'an account that is shut': async () => {
			await gateway.cli('user', 'disable', 'bruno', '--tenant', 'acme')
			await gateway.cli('user', 'enable', 'bruno', '--tenant', 'acme')
		},
	}
	for (const [what, end] of Object.entries(cases)) test(what, async () => {
		const one = await signedIn('bruno')
		await end(one)
		await heard('/web?kept=1', one.id.sid)
	})
	test('another tenant hears nothing', async () => {
		const foreign = new Application(gateway, 'other', CLIENTS.web)
		const there = await signedIn('alice', foreign), here = await signedIn()
		await signOut(here)
		await heard('/web?kept=1', here.id.sid)
		assert.equal(tokensFor('/web?kept=1', there.id.sid).length, 0)
	})
})

describe('nothing is lost', () => {
	test('an application that fails is told again, later each time', async () => {
		const one = await signedIn()
		let left = 2
		answer = (call) => (call.path === '/web?kept=1' && left-- > 0 ? 503 : 200)
		await signOut(one)
		await heard('/web?kept=1', one.id.sid)
		// The clock goes on while we wait: when the gateway has noted an attempt's end is not seen from outside.
		const attempts = (count, later) => until(`attempt ${count}`, () => gateway.advance(later) ?? tokensFor('/web?kept=1', one.id.sid).length >= count)
		await attempts(2, 6_000)
		await attempts(3, 31_000)
		const [first, , third] = tokensFor('/web?kept=1', one.id.sid)
		assert.notEqual(claimsOf(first).jti, claimsOf(third).jti, 'a token of its own each time')
		await until('the record', async () => (await gateway.rows('acme', '--event', 'logout.deliver')).at(-1)?.reason === 'ok')
		answer = () => 200
		gateway.setClock(0)
	})
	test('one that refuses is not asked again, and the log says so', async () => {
		const one = await signedIn()
		answer = () => 400
		await signOut(one)
		await until('the record', async () => (await gateway.rows('acme', '--event', 'logout.deliver')).some((row) => row.reason === 'client_unreachable'))
		const row = (await gateway.rows('acme', '--event', 'logout.deliver')).find((each) => each.reason === 'client_unreachable')
		assert.deepEqual([row.client, row.account, row.result], ['web', one.id.sub, 'error'])
		answer = () => 200
		gateway.advance(60_000)
		await quiet()
		assert.equal(tokensFor('/web?kept=1', one.id.sid).length, 1)
		gateway.setClock(0)
	})
	test('a redirect is not followed', async () => {
		const one = await signedIn()
		answer = () => 302
		await signOut(one)
		await heard('/web?kept=1', one.id.sid)
		answer = () => 200
		gateway.advance(6_000)
		await until('another attempt', () => tokensFor('/web?kept=1', one.id.sid).length === 2)
		assert.ok(!calls.some((call) => call.path === '/elsewhere'))
		gateway.setClock(0)
	})
	test('what was to be told when we stopped, by SIGKILL too, is told after the start', async () => {
		const one = await signedIn(), two = await signedIn('bruno')
		answer = () => 0 // never answers: the delivery is under way
		await signOut(one)
		await heard('/web?kept=1', one.id.sid)
		process.kill(gateway.pid, 'SIGKILL')
		await gateway.ended()
		server.closeAllConnections()
		await gateway.cli('user', 'sign-out', 'bruno', '--tenant', 'acme') // while nobody serves
		answer = () => 200
		gateway.advance(31_000) // the lease of who died
		await gateway.launch()
		await until('both', () => tokensFor('/web?kept=1', one.id.sid).length === 2 && tokensFor('/web?kept=1', two.id.sid).length === 1)
		gateway.setClock(0)
	})
	test('one that hangs keeps neither sign-outs nor the others waiting', async () => {
		const browser = new Browser(), slow = await signedIn('alice', hears, browser), quick = await signedIn('alice', second, browser)
		let hanging
		answer = (call) => {
			if (call.path === '/second') return 200
			hanging ??= call.socket
			return 0
		}
		await signOut(slow)
		await heard('/second', quick.id.sid)
		await until('the one that hangs', () => hanging)
		assert.ok(!hanging.destroyed, 'it is still asked, and nobody waited for it')
		answer = () => 200
		server.closeAllConnections()
	})
	test('a client that wants to hear no more is told no more', async () => {
		const one = await signedIn('bruno')
		answer = () => 503
		await signOut(one)
		await heard('/web?kept=1', one.id.sid)
		await gateway.apply(declare(tenant('acme', { clients: [CLIENTS.web, 'api'] })))
		answer = () => 200
		gateway.advance(6_000)
		await pause(1500) // three looks of the senders
		assert.equal(tokensFor('/web?kept=1', one.id.sid).length, 1)
		gateway.setClock(0)
	})
})

test('discovery says so', async () => {
	const metadata = await (await fetch(`${hears.issuer}/.well-known/openid-configuration`)).json()
	assert.deepEqual([metadata.backchannel_logout_supported, metadata.backchannel_logout_session_supported], [true, true])
})
