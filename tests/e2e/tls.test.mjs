// TLS without a proxy: which versions and certificates, what a reload changes, and what those cannot do who handshake badly (issue 6 point 2, SECURITY WB-10).
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect as connectPlain, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect } from 'node:tls'
import { Gateway, freePort, run, until } from './lib/gateway.mjs'
import { Application, basic } from './lib/application.mjs'
import { ask, talk } from './lib/raw.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'

const RELOADS = 100, HEAD_MS = 10000
const folder = mkdtempSync(join(tmpdir(), 'passerelle-tls-'))
const file = (name) => join(folder, name)
const pair = (name) => ({ certificate: file(`${name}.pem`), key: file(`${name}.key`) })
/** A certificate of its own issuing for these names, as name.pem and name.key. */
async function make(name, names, { algorithm = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] } = {}) {
	const done = await run('openssl', ['req', '-x509', '-newkey', ...algorithm, '-nodes', '-days', '30', '-keyout', file(`${name}.key`), '-out', file(`${name}.pem`),
		'-subj', `/CN=${name}`, '-addext', `subjectAltName=${names.map((one) => (/^[\d.]+$/.test(one) ? `IP:${one}` : `DNS:${one}`)).join(',')}`])
	assert.equal(done.status, 0, done.err)
	chmodSync(file(`${name}.key`), 0o600)
}

let gateway, machine
const TLS = () => ['first', 'acme', 'star'].map(pair)
before(async () => {
	await make('first', ['127.0.0.1', 'sso.example'])
	await make('acme', ['login.acme.example'], { algorithm: ['rsa:2048'] })
	await make('star', ['*.globex.example'], { algorithm: ['ed25519'] })
	await make('newer', ['127.0.0.1', 'sso.example'])
	await make('weak', ['sso.example'], { algorithm: ['rsa:1024'] })
	gateway = await Gateway.start({ declaration: declare(tenant('acme')), config: { tls: TLS() } })
	machine = new Application(gateway, 'acme', CLIENTS.machine)
})
after(async () => {
	await gateway?.stop()
	rmSync(folder, { recursive: true, force: true })
})

/** A handshake; what came of it. */
async function handshake(options = {}) {
	const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
	try {
		await Promise.race([once(socket, 'secureConnect'), once(socket, 'close').then(() => { throw new Error('closed') })])
		return { version: socket.getProtocol(), cipher: socket.getCipher().standardName, name: socket.getPeerCertificate().subject.CN, alpn: socket.alpnProtocol }
	} finally {
		socket.destroy()
	}
}
const reloads = () => gateway.processLog.split('\n').filter((line) => line.includes('"config.reload"')).map((line) => JSON.parse(line))
async function reload(config) {
	const before = reloads().length
	gateway.config = config
	gateway.writeConfig()
	process.kill(gateway.pid, 'SIGHUP')
	await until('the reload', () => reloads().length > before)
	return reloads().at(-1)
}
const ticks = () => {
	const fields = readFileSync(`/proc/${gateway.pid}/stat`, 'latin1').split(') ')[1].split(' ')
	return Number(fields[11]) + Number(fields[12])
}

test('TLS 1.2 and 1.3 with forward secrecy; nothing older, nothing weaker', async () => {
	assert.equal((await handshake()).version, 'TLSv1.3')
	const older = await handshake({ maxVersion: 'TLSv1.2' })
	assert.deepEqual([older.version, older.cipher], ['TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'])
	assert.equal((await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })).alpn, 'http/1.1')
	for (const version of ['TLSv1', 'TLSv1.1']) await assert.rejects(handshake({ minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }), version)
	for (const ciphers of ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256']) await assert.rejects(handshake({ maxVersion: 'TLSv1.2', ciphers }), ciphers)
	for (const ciphers of ['AES128-GCM-SHA256', 'DHE-RSA-AES128-GCM-SHA256']) await assert.rejects(handshake({ maxVersion: 'TLSv1.2', ciphers, servername: 'login.acme.example' }), ciphers)
	assert.equal((await handshake({ maxVersion: 'TLSv1.2', servername: 'login.acme.example' })).cipher, 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384')
})

test('a client that asks for a name gets its certificate; any other, the first', async () => {
	for (const [servername, name] of [['login.acme.example', 'acme'], ['LOGIN.acme.example', 'acme'], ['one.globex.example', 'star'], ['sso.example', 'first'], ['globex.example', 'first'],
		['a.b.globex.example', 'first'], ['nobody.example', 'first'], [`${'x'.repeat(60)}.example`, 'first'], ['', 'first']])
		assert.equal((await handshake({ servername })).name, name, servername)
})

test('the issuer is https, its tokens are had, cookies are of the whole host and secure', async () => {
	const answer = await ask(`${machine.issuer}/.well-known/openid-configuration`)
	assert.equal(answer.json.issuer, `https://127.0.0.1:${gateway.port}/t/acme`)
	const body = new URLSearchParams({ grant_type: 'client_credentials' }).toString()
	const token = await ask(`${machine.issuer}/token`, { method: 'POST', body, headers: { ...basic(machine.id, machine.secret), 'Content-Type': 'application/x-www-form-urlencoded' } })
	assert.equal(token.status, 200, token.text)
	const query = new URLSearchParams({ client_id: CLIENTS.web.client_id, response_type: 'code', redirect_uri: CLIENTS.web.redirect_uris[0], scope: 'openid', state: 's', nonce: 'n',
		code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' })
	const page = await ask(`${machine.issuer}/authorize?${query}`, { headers: { Accept: 'text/html' } })
	assert.match(page.headers['set-cookie']?.[0] ?? page.text, /^__Host-.*; Secure/)
	assert.equal(page.headers['strict-transport-security'], undefined, 'on loopback it would bind every other service of this machine')
})

test('bodies of many records, in both directions', async () => {
	const body = `grant_type=client_credentials&padding=${'x'.repeat(200000)}`
	const answer = await ask(`${machine.issuer}/token`, { method: 'POST', body, headers: { ...basic(machine.id, machine.secret), 'Content-Type': 'application/x-www-form-urlencoded' } })
	assert.ok(answer.status === 200 || answer.status === 400 || answer.status === 413, `${answer.status}`)
	assert.ok(answer.text.length > 0)
})

test('plain HTTP to the TLS port is not answered, nor are those who begin with something else', async () => {
	for (const bytes of ['GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', '\x16\x03\x01\xff\xff', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', '\x80\x2e\x01\x03\x01', '\x00'.repeat(64), 'SSH-2.0-x\r\n'])
		assert.doesNotMatch(await talk(gateway.port, bytes, { limitMs: 1000 }), /HTTP/)
	assert.equal((await ask(`${gateway.base}/healthz`)).status, 200)
})

/** What a client says first. */
async function helloOf() {
	const server = createServer().listen(0, '127.0.0.1')
	await once(server, 'listening')
	connect({ port: server.address().port, host: '127.0.0.1' }).on('error', () => {})
	const [socket] = await once(server, 'connection')
	const [hello] = await once(socket, 'data')
	socket.destroy()
	server.close()
	return hello
}

test('a handshake that stalls costs no time, holds nobody up, and ends with the head\'s deadline', { timeout: 60000 }, async () => {
	const begun = Date.now(), stalled = []
	// All of a hello but its last byte; its first byte; nothing; a hello, and nothing after the answer.
	const hello = await helloOf()
	for (let i = 0; i < 40; i++) {
		const socket = connectPlain(gateway.port, '127.0.0.1').on('error', () => {})
		await once(socket, 'connect')
		socket.write([hello.subarray(0, -1), hello.subarray(0, 1), Buffer.alloc(0), hello][i % 4])
		socket.resume()
		stalled.push(once(socket, 'close').then(() => Date.now() - begun))
	}
	assert.equal((await ask(`${gateway.base}/healthz`)).status, 200)
	const ticksBefore = ticks(), measured = Date.now()
	await until('three seconds to pass', () => Date.now() - measured > 3000)
	assert.ok(ticks() - ticksBefore < 60, `${ticks() - ticksBefore} hundredths of a second of three were spent on clients that say nothing`)
	assert.equal((await ask(`${gateway.base}/healthz`)).status, 200)
	for (const took of await Promise.all(stalled)) assert.ok(took > HEAD_MS - 1000, `${took} ms`) // the next deadline, of an idle connection, would come after this test's own
})

test('a client may not make it begin again', async () => {
	const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
	await once(socket, 'secureConnect')
	socket.on('error', () => {})
	socket.renegotiate({}, () => {})
	await once(socket, 'close')
	assert.equal((await ask(`${gateway.base}/healthz`)).status, 200)
})

test('a reload takes new certificates; a wrong pair keeps the old ones, and says what is wrong', async () => {
	assert.equal((await handshake()).name, 'first')
	const said = await reload({ tls: [pair('newer'), pair('acme')] })
	assert.deepEqual([said.result, said.kept_until_restart], ['read', undefined])
	assert.equal((await handshake()).name, 'newer')
	writeFileSync(file('broken.pem'), 'no certificate\n')
	writeFileSync(file('open.key'), readFileSync(file('first.key')), { mode: 0o644 })
	chmodSync(file('open.key'), 0o644)
	for (const [tls, says] of [[[{ ...pair('first'), key: file('acme.key') }], /acme\.key is not the key of .*first\.pem/], [[pair('gone')], /gone\.pem/],
		[[{ certificate: file('broken.pem'), key: file('first.key') }], /broken\.pem/], [[pair('first'), pair('weak')], /weak\.pem: an RSA key of 1024 bits/],
		[[{ ...pair('first'), key: file('open.key') }], /open\.key: everybody/], [[{ ...pair('first'), key: file('first.pem') }], /first\.pem/]]) {
		const kept = await reload({ tls, limits: { per_address: 1 } })
		assert.equal(kept.level, 'error', JSON.stringify(kept))
		assert.match(kept.error, says)
		assert.equal((await handshake()).name, 'newer')
		const checked = await gateway.command(['check'])
		assert.equal(checked.status, 1)
		assert.match(checked.err, says)
	}
	assert.equal((await reload({ tls: [], listen: `127.0.0.1:${gateway.port}` })).kept_until_restart, 'tls, base_url')
	assert.equal((await handshake()).name, 'newer')
	await reload({ tls: TLS() })
	assert.equal((await handshake()).name, 'first')
})

test(`${RELOADS} reloads under load fail no request, drop no connection and leave nothing behind`, { timeout: 120000 }, async () => {
	const agent = new Agent({ keepAlive: true, maxSockets: 4, rejectUnauthorized: false })
	let stop = false, answered = 0, shaken = 0
	const sockets = new Set()
	const one = () => new Promise((done, fail) => {
		const body = 'grant_type=client_credentials'
		request({ agent, method: 'POST', port: gateway.port, host: '127.0.0.1', path: '/t/acme/token',
			headers: { ...basic(machine.id, machine.secret), 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': body.length } },
		(answer) => answer.resume().on('end', () => done(answer.statusCode))).on('socket', (socket) => sockets.add(socket)).on('error', fail).end(body)
	})
	const asking = async () => { while (!stop) { assert.equal(await one(), 200); answered++ } }
	const shaking = async () => { while (!stop) { assert.ok(['first', 'newer'].includes((await handshake()).name)); shaken++ } }
	const load = Promise.all([asking(), asking(), asking(), asking(), shaking(), shaking()])
	await until('the load', () => answered > 50 && shaken > 5)
	const open = () => readdirSync(`/proc/${gateway.pid}/fd`).length
	const files = open()
	for (let i = 0; i < RELOADS; i++) await reload({ tls: i % 3 === 2 ? [{ ...pair('first'), key: file('acme.key') }] : [pair(i % 2 ? 'first' : 'newer')] })
	await reload({ tls: TLS() })
	stop = true
	await load
	assert.equal(sockets.size, 4, 'every client kept its connection')
	assert.ok(Math.abs(open() - files) <= 8, `${files} descriptors before, ${open()} after`)
	agent.destroy()
})

test('unix sockets stay plain; a drain answers who is there; other machines may be listened to', async () => {
	await gateway.terminate()
	const port = await freePort()
	gateway.host = `sso.example:${gateway.port}`
	gateway.config = { tls: TLS(), base_url: `https://${gateway.host}`, listen: [`127.0.0.1:${gateway.port}`, `0.0.0.0:${port}`, `unix:${gateway.path('http.sock')}`] }
	gateway.writeConfig()
	await gateway.launch()
	for (const path of ['/nowhere', '/t/acme/authorize', '/t/acme/logout']) {
		const page = await ask(`https://127.0.0.1:${port}${path}`, { headers: { Host: gateway.host, Accept: 'text/html' } })
		assert.equal(page.headers['strict-transport-security'], 'max-age=31536000', `${path} ${page.status}`)
	}
	const socket = connectPlain(gateway.path('http.sock'))
	socket.end(`GET /healthz HTTP/1.1\r\nHost: ${gateway.host}\r\nConnection: close\r\n\r\n`)
	assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200/)
	assert.equal((await ask(`https://127.0.0.1:${port}/healthz`, { headers: { Host: gateway.host } })).status, 200)
	const kept = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false })
	await once(kept, 'secureConnect')
	kept.on('error', () => {}).resume()
	const gone = once(kept, 'close')
	await gateway.terminate()
	await gone
	for (const [config, says] of [[{ tls: [], listen: `0.0.0.0:${port}`, base_url: gateway.base }, /expected a loopback address/], [{ tls: TLS(), base_url: 'http://127.0.0.1:1' }, /base_url: .*expected https/],
		[{ tls: [{ certificate: file('first.pem') }] }, /tls\[.*key/]]) {
		gateway.config = config
		gateway.writeConfig()
		const done = await gateway.command(['serve'])
		assert.equal(done.status, 1, done.out)
		assert.match(done.err, says)
	}
})
