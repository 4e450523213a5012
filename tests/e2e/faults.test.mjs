// When things break: stores that cannot be opened, disks that are full, processes that are killed. What was acknowledged is kept, what was not is not usable
// twice, and what cannot be proved is refused (SECURITY AV).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Gateway, run, until } from './lib/gateway.mjs'
import { Application, assertRefused } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const one = () => declare(tenant('acme', { clients: ['web', 'spa', 'machine'] }))
const databaseOf = (gateway) => gateway.path('var', 'passerelle.db')
async function sql(gateway, text) {
	const done = await run('sqlite3', [databaseOf(gateway), text])
	assert.equal(done.status, 0, done.err)
	return done.out.trim()
}

describe('a store that cannot be trusted is not served', () => {
	let gateway
	before(async () => {
		gateway = await Gateway.start({ declaration: one() })
		await gateway.terminate()
		await sql(gateway, 'PRAGMA wal_checkpoint(TRUNCATE)')
		copyFileSync(databaseOf(gateway), gateway.path('good.db'))
		copyFileSync(gateway.path('var', 'secret.key'), gateway.path('good.key'))
	})
	after(() => gateway?.stop())

	const restore = () => {
		for (const end of ['', '-wal', '-shm']) rmSync(databaseOf(gateway) + end, { force: true, recursive: true })
		rmSync(gateway.path('var', 'secret.key'), { force: true, recursive: true })
		copyFileSync(gateway.path('good.db'), databaseOf(gateway))
		copyFileSync(gateway.path('good.key'), gateway.path('var', 'secret.key'))
	}
	async function assertRefuses(says) {
		gateway.spawn()
		assert.equal(await gateway.ended(), 1, gateway.processLog)
		assert.match(gateway.processLog, says)
		assert.doesNotMatch(gateway.processLog, /Sanitizer|runtime error/)
		const check = await gateway.command(['check'])
		assert.equal(check.status, 1, check.out)
		assert.match(check.err, says)
	}

	test('garbage where the database should be', async () => {
		writeFileSync(databaseOf(gateway), 'this is no database '.repeat(1000))
		await assertRefuses(/passerelle\.db/)
		restore()
	})
	test('half a database', async () => {
		writeFileSync(databaseOf(gateway), readFileSync(gateway.path('good.db')).subarray(0, 8192 + 100))
		await assertRefuses(/passerelle\.db/)
		restore()
	})
	test('a folder where the database should be', async () => {
		rmSync(databaseOf(gateway))
		mkdirSync(databaseOf(gateway))
		await assertRefuses(/passerelle\.db/)
		restore()
	})
	test('a place where no database can be', async () => {
		gateway.config = { store: `sqlite:${gateway.path('clock')}/passerelle.db` }
		gateway.writeConfig()
		await assertRefuses(/clock/)
		gateway.config = {}
		gateway.writeConfig()
	})
	test('the key file is gone: none is made beside a store that has data', async () => {
		rmSync(gateway.path('var', 'secret.key'))
		await assertRefuses(/secret\.key/)
		assert.ok(!existsSync(gateway.path('var', 'secret.key')))
		restore()
	})
	test('another key file', async () => {
		const other = await Gateway.start()
		await other.terminate()
		copyFileSync(other.path('var', 'secret.key'), gateway.path('var', 'secret.key'))
		await other.stop()
		await assertRefuses(/secret\.key|key/)
		restore()
	})
	test('a key file that is nonsense', async () => {
		writeFileSync(gateway.path('var', 'secret.key'), 'a c2hvcnQ=\n')
		await assertRefuses(/secret\.key/)
		restore()
	})
	test('a database of a later version', async () => {
		await sql(gateway, 'UPDATE meta SET number = number + 100 WHERE name = \'schema\'')
		assert.ok(Number(await sql(gateway, 'SELECT number FROM meta WHERE name = \'schema\'')) > 100)
		await assertRefuses(/later version/)
		restore()
	})
	test('and the good one is served again', async () => {
		await gateway.launch()
		assert.equal((await new Application(gateway, 'acme', CLIENTS.machine).own()).status, 200)
		await gateway.terminate()
	})
	test('the folder it made is its owner\'s alone', () => {
		assert.equal(statSync(gateway.path('var')).mode & 0o077, 0)
	})
	test('a port that is taken', async () => {
		const other = await Gateway.start()
		const port = gateway.port
		gateway.port = other.port
		gateway.writeConfig()
		gateway.spawn()
		assert.equal(await gateway.ended(), 1)
		assert.match(gateway.processLog, /in use|bind|listen/i)
		gateway.port = port
		gateway.writeConfig()
		assert.ok((await fetch(`${other.base}/readyz`)).ok)
		await other.stop()
	})
})

describe('while it runs', () => {
	let gateway, web
	before(async () => {
		gateway = await Gateway.start({ declaration: one() })
		web = new Application(gateway, 'acme', CLIENTS.web)
	})
	after(() => gateway?.stop())

	test('somebody else holds the write lock: 503 with Retry-After, reading goes on, then all is well', async () => {
		const tokens = await web.tokens('alice', PASSWORDS.alice), request = await web.code('alice', PASSWORDS.alice)
		const holder = spawn('sqlite3', [databaseOf(gateway)], { stdio: ['pipe', 'pipe', 'inherit'] })
		holder.stdin.write('BEGIN IMMEDIATE;\nSELECT \'held\';\n')
		await once(holder.stdout, 'data')
		const answer = await web.redeem(request)
		assert.equal(answer.status, 503, answer.text)
		assert.equal(answer.json.error, 'temporarily_unavailable')
		assert.match(answer.headers.get('retry-after'), /^\d+$/)
		const kept = await web.revoke(tokens.access_token)
		assert.deepEqual([kept.status, kept.headers.has('retry-after')], [503, true], 'what is not revoked is not said to be (RFC 7009 section 2.2.1)')
		assert.equal(await web.isActive(tokens.access_token), true)
		assert.equal((await fetch(`${web.issuer}/jwks`)).status, 200)
		holder.stdin.end('ROLLBACK;\n')
		await once(holder, 'exit')
		let redeemed
		await until('the store to write again', async () => [200, 400].includes((redeemed = await web.redeem(request)).status))
		assert.equal(redeemed.status, 200, 'what was refused was not spent')
	})

	test('a request under way is finished before SIGTERM ends the process', async () => {
		const request = await web.code('alice', PASSWORDS.alice)
		const [, headers] = web.credentials()
		const body = new URLSearchParams({ grant_type: 'authorization_code', code: request.code, redirect_uri: request.redirect, code_verifier: request.verifier }).toString()
		const socket = connect(gateway.port, '127.0.0.1')
		let text = ''
		socket.setEncoding('latin1').on('data', (piece) => { text += piece })
		socket.write(`POST /t/acme/token HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nAuthorization: ${headers.Authorization}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`)
		await until('100 Continue', () => text.includes('100 Continue'))
		process.kill(gateway.pid, 'SIGTERM')
		await until('no new connections', async () => fetch(`${gateway.base}/healthz`).then(() => false, () => true))
		assert.ok(gateway.running)
		socket.write(body)
		await until('the answer', () => /HTTP\/1\.1 200 [\s\S]*"access_token"/.test(text) || !gateway.running)
		assert.match(text, /HTTP\/1\.1 200 [\s\S]*"access_token"/)
		assert.equal(await gateway.ended(), 0, gateway.processLog)
		assert.doesNotMatch(gateway.processLog, /Sanitizer|runtime error/)
		await gateway.launch()
		assertRefused(await web.redeem(request), 400, 'invalid_grant')
	})

	test('descriptors run out: who is connected is served, and accepting goes on within a second after some are free', async () => {
		const agent = new Agent({ keepAlive: true, maxSockets: 1 })
		const kept = () => new Promise((done, fail) => request({ agent, port: gateway.port, host: '127.0.0.1', path: '/healthz' }, (answer) => answer.resume().on('end', () => done(answer.statusCode))).on('error', fail).end())
		const limits = readFileSync(`/proc/${gateway.pid}/limits`, 'utf8').match(/^Max open files +(\d+)/m)[1]
		const allow = async (files) => assert.equal((await run('prlimit', ['--pid', gateway.pid, `--nofile=${files}:`])).status, 0)
		const exhaustions = () => gateway.processLog.split('Too many open files').length
		let best = Infinity
		assert.equal(await kept(), 200)
		for (let round = 0; round < 3; round++) { // the best of three: the machine may be busy
			const before = exhaustions(), holding = []
			await allow(readdirSync(`/proc/${gateway.pid}/fd`).length + 4)
			while (exhaustions() === before) {
				const socket = connect(gateway.port, '127.0.0.1').on('error', () => {})
				await once(socket, 'connect')
				holding.push(socket)
				assert.ok(holding.length < 1000, 'descriptors never run out')
			}
			assert.equal(await kept(), 200)
			const waiting = fetch(`${gateway.base}/healthz`)
			holding.splice(0, 4).forEach((socket) => socket.destroy())
			const freed = performance.now()
			assert.equal((await waiting).status, 200)
			best = Math.min(best, performance.now() - freed)
			holding.forEach((socket) => socket.destroy())
			await allow(limits)
		}
		assert.ok(best < 1000, `${best} ms`)
		agent.destroy()
		assert.ok((await web.tokens('alice', PASSWORDS.alice)).access_token)
	})

	test('idle connections do not hold it up', async () => {
		const idle = connect(gateway.port, '127.0.0.1')
		await once(idle, 'connect')
		const started = Date.now()
		await gateway.terminate()
		assert.ok(Date.now() - started < 5000, `${Date.now() - started} ms`)
		idle.destroy()
		await gateway.launch()
	})

	test('sessions, grants and refresh tokens outlive a restart', async () => {
		const tokens = await web.tokens('alice', PASSWORDS.alice)
		await gateway.terminate()
		await gateway.launch()
		assert.equal(await web.isActive(tokens.access_token), true)
		assert.equal((await web.refresh(tokens.refresh_token)).status, 200)
		assert.ok((await tokens.browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
	})

	test('what was revoked before a restart is revoked after it', async () => {
		const tokens = await web.tokens('alice', PASSWORDS.alice)
		await web.revoke(tokens.access_token)
		await gateway.terminate()
		await gateway.launch()
		assert.equal(await web.isActive(tokens.access_token), false)
	})
})

describe('a full disk', () => {
	let mounted, gateway, web, place
	before(async () => {
		if (process.getuid() !== 0) return
		gateway = await Gateway.start()
		await gateway.terminate()
		place = gateway.path('small')
		mkdirSync(place)
		mounted = (await run('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', place])).status === 0
		if (!mounted) return
		gateway.config = { store: `sqlite:${place}/passerelle.db`, secret_key_file: `${place}/secret.key` }
		gateway.writeConfig()
		await gateway.apply(one())
		await gateway.launch()
		web = new Application(gateway, 'acme', CLIENTS.web)
	})
	after(async () => {
		try {
			if (gateway?.running) await gateway.terminate()
		} finally {
			if (mounted) await run('umount', [place])
			await gateway?.stop()
		}
	})

	test('nothing is granted, nobody crashes, and freed it goes on', async (context) => {
		if (!mounted) return context.skip('needs root and a mount of its own')
		const tokens = await web.tokens('alice', PASSWORDS.alice)
		await run('dd', ['if=/dev/zero', `of=${place}/filler`, 'bs=4096'])
		const requests = new Browser(), refused = []
		for (let i = 0; i < 200 && refused.length < 5; i++) {
			const page = await requests.open(web.begin().url)
			const done = page.form ? await requests.signIn(page, 'alice', PASSWORDS.alice) : page
			if (!done.answer?.code) refused.push(done.status)
		}
		assert.ok(refused.length >= 5, 'the disk was never full')
		for (const status of refused) assert.ok([500, 503].includes(status), `${status}`)
		const answer = await web.refresh(tokens.refresh_token)
		assert.ok([500, 503].includes(answer.status), answer.text)
		assert.equal(answer.json.access_token, undefined)
		assert.equal(await web.isActive(tokens.access_token), true, 'reading goes on')
		rmSync(`${place}/filler`)
		await until('it to write again', async () => (await web.refresh(tokens.refresh_token)).status === 200)
		assert.ok((await web.code('alice', PASSWORDS.alice)).code)
		assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0)
	})
})
