// The example resource server against an issuer of this test's own, which signs what a real one never would: each row of the table is one fault, and
// the service must refuse it by both ways where both can see it. Nothing of the gateway runs here.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'

const program = process.env.RESOURCE_SERVER ?? resolve(import.meta.dirname ?? '.', '../../build-test/examples/resource-server/resource-server')
const AUDIENCE = 'https://api.example'
const SECRET = 'a secret: with %41 and / in it, 32 long'
const keys = {
	ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
	rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
	stranger: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
	ed: generateKeyPairSync('ed25519'),
}
const published = (name, more) => ({ ...keys[name].publicKey.export({ format: 'jwk' }), kid: name, use: 'sig', ...more })

let issuer, service, address, jwks, seen
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
const now = () => Math.floor(Date.now() / 1000)

function signatureOf(alg, key, bytes) {
	if (alg === 'ES256') return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
	if (alg === 'PS256') return sign('sha256', bytes, { key, padding: 6, saltLength: 32 })
	if (alg === 'EdDSA') return sign(null, bytes, key)
	return alg === 'RS256' ? sign('sha256', bytes, key) : Buffer.alloc(0)
}

const good = () => ({ iss: issuer.url, sub: 'abcdefghijklmnopqrstuvwxyz', aud: AUDIENCE, client_id: 'demo', scope: 'openid hello.read', iat: now() - 1, exp: now() + 300, jti: 'j' })

/** A token with some claims or header members changed; undefined takes one away. */
function token({ claims = {}, header = {}, key = 'ec', raw } = {}) {
	const fullHeader = { alg: 'ES256', typ: 'at+jwt', kid: key, ...header }
	const body = `${encode(fullHeader)}.${raw === undefined ? encode({ ...good(), ...claims }) : Buffer.from(raw).toString('base64url')}`
	return `${body}.${signatureOf(fullHeader.alg, keys[key].privateKey, Buffer.from(body)).toString('base64url')}`
}

async function startIssuer() {
	seen = { jwks: 0, introspect: 0, authorization: undefined, answer: undefined, token: undefined }
	const server = createServer(async (request, response) => {
		if (request.url === '/jwks') {
			seen.jwks++
			response.writeHead(jwks ? 200 : 500, { 'Content-Type': 'application/json' })
			return response.end(JSON.stringify(jwks ?? {}))
		}
		let text = ''
		for await (const piece of request) text += piece
		seen.introspect++
		seen.authorization = request.headers.authorization
		seen.token = new URLSearchParams(text).get('token')
		const { status = 200, body } = seen.answer
		response.writeHead(status, { 'Content-Type': 'application/json' })
		response.end(typeof body === 'string' ? body : JSON.stringify(body))
	})
	server.listen(0, '127.0.0.1')
	await once(server, 'listening')
	return { server, url: `http://127.0.0.1:${server.address().port}` }
}

async function startService(more = {}) {
	const child = spawn(program, ['--issuer', issuer.url, '--client-id', 'resource-server', '--audience', AUDIENCE, '--listen', '127.0.0.1:0'],
		{ env: { ...process.env, RS_CLIENT_SECRET: SECRET, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
	let log = ''
	child.stderr.on('data', (piece) => { log += piece })
	for await (const line of createInterface({ input: child.stdout })) {
		return { child, address: line.match(/http:\S+/)[0], log: () => log }
	}
	throw new Error(`the resource server did not start: ${log}`)
}

async function stopService({ child, log }) {
	const gone = once(child, 'exit')
	child.kill('SIGTERM')
	const [code] = await gone
	assert.equal(code, 0, log()) // with the sanitizers: no leak, no overrun
}

async function ask(authorization, query = '') {
	const answer = await fetch(`${address}/hello${query}`, { headers: authorization ? { Authorization: authorization } : {} })
	return { status: answer.status, challenge: answer.headers.get('www-authenticate'), body: await answer.json() }
}
const byKeys = (one) => ask(`Bearer ${one}`)
const byAsking = (body, status) => {
	seen.answer = { body, status }
	return ask('Bearer pas_at_opaque', '?by=introspection')
}

before(async () => {
	issuer = await startIssuer()
	jwks = { keys: [published('ec'), published('rsa', { alg: 'RS256' }), published('ed')] }
	service = await startService()
	address = service.address
})
after(async () => {
	await stopService(service)
	issuer.server.close()
	issuer.server.closeAllConnections()
})

test('a good token says who it is for, by keys', async () => {
	const answer = await byKeys(token())
	assert.equal(answer.status, 200)
	assert.equal(answer.body.hello, good().sub)
	assert.equal(answer.body.checked_by, 'jwks')
	assert.equal((await byKeys(token({ key: 'rsa', header: { alg: 'RS256' } }))).status, 200)
	assert.equal((await byKeys(token({ claims: { aud: ['https://other', AUDIENCE] } }))).status, 200)
})

const faults = {
	'of another issuer': { claims: { iss: 'https://evil.example' } },
	'without issuer': { claims: { iss: undefined } },
	'for another service': { claims: { aud: 'https://other' } },
	'for a service whose name begins as ours': { claims: { aud: `${AUDIENCE}.evil` } },
	'without audience': { claims: { aud: undefined } },
	'expired': { claims: { exp: now() - 1 } },
	'without end': { claims: { exp: undefined } },
	'whose end is text': { claims: { exp: String(now() + 300) } },
	'whose end is 1e300': { raw: '1e300' },
	'whose end is a fraction': { claims: { exp: now() + 300.5 } },
	'not valid yet': { claims: { nbf: now() + 3600 } },
	'whose not-before is text': { claims: { nbf: '0' } },
	'issued in the future': { claims: { iat: now() + 3600 } },
	'without time of issue': { claims: { iat: undefined } },
	'without subject': { claims: { sub: undefined } },
	'bound to a key': { claims: { cnf: { jkt: 'x' } } },
	'that is an ID token': { header: { typ: 'JWT' } },
	'without type': { header: { typ: undefined } },
	'with a critical extension': { header: { crit: ['x'], x: 1 } },
	'unsigned': { header: { alg: 'none' } },
	'with HS256 naming an RSA key': { key: 'rsa', header: { alg: 'HS256' } },
	'with PS256 under a key for RS256': { key: 'rsa', header: { alg: 'PS256' } },
	'with ES256 naming an RSA key': { header: { kid: 'rsa' } },
	'by EdDSA, which cjose cannot read': { key: 'ed', header: { alg: 'EdDSA' } },
	'signed by a stranger under our key id': { key: 'stranger', header: { kid: 'ec' } },
	'without key id': { header: { kid: undefined } },
	'whose claims are a list': { raw: '[1]' },
}
for (const [what, fault] of Object.entries(faults)) {
	test(`a token ${what} is refused`, async () => {
		const made = what.includes('1e300') ? token({ raw: JSON.stringify({ ...good(), exp: 0 }).replace('"exp":0', '"exp":1e300') }) : token(fault)
		const answer = await byKeys(made)
		assert.equal(answer.status, 401)
		assert.equal(answer.body.error, 'invalid_token')
		assert.match(answer.challenge, /^Bearer .*error="invalid_token"/)
	})
}

test('malformed tokens are refused', async () => {
	const whole = token()
	const rows = ['.', '..', 'a.b.c', whole.slice(0, -4), `${whole}.x`, whole.split('.').slice(0, 2).join('.'), `${encode([1])}.e30.AA`, 'x'.repeat(9000)]
	for (const row of rows) assert.equal((await byKeys(row)).status, 401, row.slice(0, 40))
})

test('what is no bearer token is not looked at', async () => {
	for (const authorization of [undefined, 'Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer a"b', `bearer ${''}`]) {
		const answer = await ask(authorization)
		assert.equal(answer.status, 401)
		assert.equal(answer.challenge, 'Bearer realm="resource-server"')
	}
})

test('unknown key ids cost one fetch in ten seconds', async () => {
	const before = seen.jwks
	for (let index = 0; index < 5; index++) assert.equal((await byKeys(token({ header: { kid: `unknown-${index}` } }))).status, 401)
	assert.ok(seen.jwks - before <= 1, `${seen.jwks - before} fetches`)
	assert.equal((await byKeys(token())).status, 200) // garbage did not put good keys out
})

test('by introspection: a live token, asked with client_secret_basic', async () => {
	const answer = await byAsking({ active: true, ...good(), username: 'alice' })
	assert.equal(answer.status, 200)
	assert.equal(answer.body.hello, 'alice')
	assert.equal(answer.body.checked_by, 'introspection')
	assert.equal(seen.token, 'pas_at_opaque')
	const [user, secret] = Buffer.from(seen.authorization.split(' ')[1], 'base64').toString().split(':').map((one) => decodeURIComponent(one.replaceAll('+', ' ')))
	assert.deepEqual([user, secret], ['resource-server', SECRET]) // RFC 6749 section 2.3.1: form-encoded first
})

test('by introspection: nothing is kept from one question to the next', async () => {
	assert.equal((await byAsking({ active: true, ...good() })).status, 200)
	assert.equal((await byAsking({ active: false })).status, 401) // revoked between the two
})

test('by introspection: faults are refused', async () => {
	const rows = [{ iss: 'https://evil.example' }, { aud: 'https://other' }, { aud: undefined }, { exp: now() - 1 }, { exp: undefined }, { exp: 'never' }, { nbf: now() + 3600 },
		{ sub: undefined }, { cnf: { jkt: 'x' } }]
	for (const row of rows) assert.equal((await byAsking({ active: true, ...good(), ...row })).status, 401, JSON.stringify(row))
})

test('by introspection: no answer is not a no, and not a yes', async () => {
	for (const [body, status] of [['{}', 200], ['', 200], ['[]', 200], ['{"active":"true"}', 200], ['{"active":true}', 500], ['{"active":true}', 401], ['{"active":1}', 200]]) {
		assert.equal((await byAsking(body, status)).status, 503, `${status} ${body}`)
	}
})

test('the way is jwks or introspection, once', async () => {
	for (const query of ['?by=', '?by', '?by=other', '?by=jwks&by=introspection']) assert.equal((await ask(`Bearer ${token()}`, query)).status, 400, query)
	assert.equal((await ask(`Bearer ${token()}`, '?by=jwks')).status, 200)
})

test('other paths and methods', async () => {
	assert.equal((await fetch(`${address}/other`)).status, 404)
	assert.equal((await fetch(`${address}/healthz`)).status, 200)
	assert.equal((await fetch(`${address}/hello`, { method: 'POST', body: 'x' })).status, 405)
})

test('a scope that is asked for must be there', async () => {
	const strict = await startService({ RS_SCOPE: 'hello.write' })
	const first = await fetch(`${strict.address}/hello`, { headers: { Authorization: `Bearer ${token()}` } })
	const second = await fetch(`${strict.address}/hello`, { headers: { Authorization: `Bearer ${token({ claims: { scope: 'a hello.write' } })}` } })
	await stopService(strict)
	assert.deepEqual([first.status, second.status], [403, 200])
})

test('keys that cannot be had are no refusal', async () => {
	const kept = jwks
	jwks = undefined
	const blind = await startService()
	const answer = await fetch(`${blind.address}/hello`, { headers: { Authorization: `Bearer ${token()}` } })
	await stopService(blind)
	jwks = kept
	assert.equal(answer.status, 503)
})

test('no token and no secret in the log', async () => {
	const one = token({ claims: { iss: 'https://evil.example' } })
	await byKeys(one)
	assert.ok(service.log().includes('refused: another issuer'))
	assert.ok(!service.log().includes(one.slice(-40)) && !service.log().includes(SECRET))
})
