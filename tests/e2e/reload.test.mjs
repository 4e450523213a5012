// SIGHUP: the configuration is read again; what may change changes, the rest is named; a wrong file changes nothing; and nobody who is connected notices
// (issue 6 point 2, SECURITY R17).
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { readdirSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { SignJWT, exportJWK, generateKeyPair } from 'jose'
import { Gateway, freePort, until } from './lib/gateway.mjs'
import { Application, basic, post, random } from './lib/application.mjs'
import { Published } from './lib/published.mjs'
import { ask, talk } from './lib/raw.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const RELOADS = 500
let gateway, machine
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme')), config: { trusted_proxies: ['192.0.2.0/24'] } })
	machine = new Application(gateway, 'acme', CLIENTS.machine)
})
after(() => gateway?.stop())

const reloads = () => gateway.processLog.split('\n').filter((line) => line.includes('"config.reload"')).map((line) => JSON.parse(line))
/** Sends SIGHUP, waits until the program has said what came of it. */
async function reload(config, { text } = {}) {
	const before = reloads().length
	gateway.config = config
	if (text) writeFileSync(gateway.path('passerelle.yaml'), text)
	else gateway.writeConfig()
	process.kill(gateway.pid, 'SIGHUP')
	await until('the reload', () => reloads().length > before)
	return reloads().at(-1)
}
const addressSeen = async (forwarded) => {
	const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'nonsense' }).toString()
	const answer = await ask(`${machine.issuer}/token`, { method: 'POST', body,
		headers: { ...basic(machine.id, machine.secret), 'Content-Type': 'application/x-www-form-urlencoded', 'X-Forwarded-For': forwarded } })
	let row
	await until('the record', async () => (row = (await gateway.rows('acme')).find((one) => one.ref === answer.json.error_ref)))
	return row.ip
}

test('whom to trust is the new list, and the old one again', async () => {
	assert.equal(await addressSeen('203.0.113.9'), '127.0.0.1')
	const said = await reload({ trusted_proxies: ['127.0.0.1/32'] })
	assert.deepEqual([said.level, said.result, said.kept_until_restart], ['info', 'read', undefined])
	assert.equal(await addressSeen('203.0.113.9'), '203.0.113.9')
	await reload({})
	assert.equal(await addressSeen('203.0.113.9'), '127.0.0.1')
})

test('a wrong file keeps everything, and says where it is wrong', async () => {
	await reload({ trusted_proxies: ['127.0.0.1/32'] })
	for (const [text, says] of [['listen: [', /passerelle\.yaml:/], ['trusted_proxies: [10.0.0.1/8]', /passerelle\.yaml:1: trusted_proxies/], ['lissten: 127.0.0.1:1', /lissten/]]) {
		const said = await reload({}, { text })
		assert.equal(said.level, 'error')
		assert.match(said.error, says)
		gateway.writeConfig() // for the command line; the server does not read it
		assert.equal(await addressSeen('203.0.113.10'), '203.0.113.10')
	}
	await reload({})
})

test('what the server was built with is kept, by name', async () => {
	const { port } = gateway
	const said = await reload({ listen: '127.0.0.1:1', base_url: 'http://127.0.0.1:9', store: 'sqlite:elsewhere.db', workers: { threads: 3 },
		limits: { header: '64KiB', connections: 5000 } })
	assert.equal(said.level, 'warning')
	assert.equal(said.kept_until_restart, 'listen, base_url, store, limits.connections, limits.header, workers')
	assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 200)
	assert.equal((await reload({})).kept_until_restart, undefined)
})

test('bounds are the new ones for who comes next; who is connected stays', async () => {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 })
	const kept = () => new Promise((done, fail) => request({ agent, port: gateway.port, host: '127.0.0.1', path: '/healthz' }, (answer) => answer.resume().on('end', () => done(answer.statusCode))).on('error', fail).end())
	assert.equal(await kept(), 200)
	await reload({ limits: { per_address: 1, body: '4KiB' } })
	assert.equal(await kept(), 200)
	assert.equal(await talk(gateway.port, `GET /healthz HTTP/1.1\r\nHost: ${gateway.host}\r\n\r\n`).catch(() => ''), '', 'a second one is turned away')
	agent.destroy()
	await until('the place to be free', async () => (await reload({})).result === 'read' && (await fetch(`${gateway.base}/healthz`)).status === 200)
})

test('metrics move to another address, away, and back; one that is taken keeps them where they are', async () => {
	const [first, other] = [await freePort(), await freePort()]
	const stand = async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => ({}))).status
	await reload({ metrics_listen: `127.0.0.1:${first}` })
	assert.deepEqual([await stand(first), await stand(other)], [200, undefined])
	await reload({ metrics_listen: `127.0.0.1:${other}` })
	assert.deepEqual([await stand(first), await stand(other)], [undefined, 200])
	const said = await reload({ metrics_listen: `127.0.0.1:${gateway.port}`, trusted_proxies: ['127.0.0.1/32'] })
	assert.equal(said.level, 'error')
	assert.match(said.error, /^metrics_listen: /)
	assert.equal(await stand(other), 200)
	assert.equal(await addressSeen('203.0.113.12'), '127.0.0.1', 'nothing of a refused file holds')
	await reload({})
	assert.deepEqual([await stand(first), await stand(other)], [undefined, undefined])
})

test('a hash costs what the new file says from the next password on, and old ones turn at the next sign-in', async () => {
	const web = new Application(gateway, 'acme', CLIENTS.web)
	const stored = () => gateway.cli('export', '--tenant', 'acme', '--with-secrets').then((text) => text.match(/\$argon2id\$v=19\$m=(\d+),t=(\d+)/g))
	const cost = (m, t) => `$argon2id$v=19$m=${m},t=${t}`
	await web.tokens('alice', PASSWORDS.alice)
	assert.ok((await stored()).every((one) => one === cost(64, 1)))
	await reload({ password_hash: { memory_kib: 128, iterations: 2 } })
	await web.tokens('alice', PASSWORDS.alice)
	assert.equal((await stored()).filter((one) => one === cost(128, 2)).length, 1)
	await web.tokens('alice', PASSWORDS.alice)
	const said = await reload({ password_hash: { memory_kib: 1024, iterations: 17 } })
	assert.equal(said.level, 'error')
	assert.match(said.error, /password_hash/)
	await reload({})
	await web.tokens('alice', PASSWORDS.alice)
	assert.ok((await stored()).every((one) => one === cost(64, 1)))
})

test('what may be reached is the new list, and a CA file that is gone changes nothing', async () => {
	const published = await Published.start()
	const { publicKey, privateKey } = await generateKeyPair('ES256')
	published.keys('jwks', { ...await exportJWK(publicKey), kid: 'k1' })
	published.keys('again', { ...await exportJWK(publicKey), kid: 'k1' })
	const clients = Object.fromEntries(['jwks', 'again'].map((name) => [name, { ...CLIENTS.machine, client_id: name, client_secret: undefined, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: published.url(name) }]))
	await gateway.apply(declare({ ...tenant('acme', { clients: Object.values(clients), users: [] }) }))
	const ask_ = async (id) => post(`${machine.issuer}/token`, { grant_type: 'client_credentials', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
		client_assertion: await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setIssuer(id).setSubject(id).setAudience(machine.issuer).setJti(random()).setIssuedAt().setExpirationTime('1m').sign(privateKey) })
	try {
		assert.equal((await ask_('jwks')).status, 503, 'its certificate is nobody\'s that is known')
		const said = await reload({ outbound: { ca_file: '/nowhere.pem' } })
		assert.equal(said.level, 'error')
		assert.match(said.error, /outbound.*nowhere/)
		assert.equal((await reload({ outbound: { ca_file: published.authority } })).level, 'info')
		assert.equal((await ask_('again')).status, 200)
	} finally {
		await published.stop()
		await reload({})
	}
})

test('the process log follows', async () => {
	const before = reloads().length
	gateway.config = { log: { level: 'error', format: 'json' }, trusted_proxies: ['127.0.0.1/32'] }
	gateway.writeConfig()
	process.kill(gateway.pid, 'SIGHUP')
	await until('the reload', async () => await addressSeen('203.0.113.11') === '203.0.113.11')
	assert.equal(reloads().length, before, 'what is not an error is not said any more')
	await reload({ log: { level: 'info', format: 'json' } })
})

test(`${RELOADS} reloads under load fail no request, drop no connection and leave nothing behind`, async () => {
	const agent = new Agent({ keepAlive: true, maxSockets: 8 })
	let stop = false, answered = 0
	const sockets = new Set()
	const one = () => new Promise((done, fail) => {
		const body = 'grant_type=client_credentials'
		const out = request({ agent, method: 'POST', port: gateway.port, host: '127.0.0.1', path: '/t/acme/token',
			headers: { ...basic(machine.id, machine.secret), 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': body.length } },
		(answer) => answer.resume().on('end', () => done(answer.statusCode)))
		out.on('socket', (socket) => sockets.add(socket)).on('error', fail)
		out.end(body)
	})
	const client = async () => {
		while (!stop) {
			assert.equal(await one(), 200)
			answered++
		}
	}
	const open = () => readdirSync(`/proc/${gateway.pid}/fd`).length
	const clients = Promise.all(Array.from({ length: 8 }, client))
	await until('the load', () => answered > 100)
	const files = open()
	for (let i = 0; i < RELOADS; i++) await reload({ limits: { per_address: i % 2 ? 200 : 240 }, trusted_proxies: i % 2 ? ['10.0.0.0/8'] : ['192.0.2.0/24'] }, i % 5 === 4 ? { text: 'listen: [' } : {})
	assert.ok(Math.abs(open() - files) <= 2, `${files} descriptors before, ${open()} after`)
	stop = true
	await clients
	assert.equal(sockets.size, 8, 'every client kept its connection')
	assert.ok(answered > RELOADS, `only ${answered} requests`)
	agent.destroy()
})
