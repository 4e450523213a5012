// When things break: stores that cannot be opened, disks that are full, processes that are killed. What was acknowledged is kept, what was not is not usable
// twice, and what cannot be proved is refused (SECURITY AV).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
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

describe('kill -9', () => {
	const ROUNDS = 20, AT_ONCE = 8
	let gateway, web, spa
	before(async () => {
		gateway = await Gateway.start({ declaration: one() })
		web = new Application(gateway, 'acme', CLIENTS.web), spa = new Application(gateway, 'acme', CLIENTS.spa)
	})
	after(() => gateway?.stop())

	test(`${ROUNDS} times in the midst of code exchanges and rotations: nothing acknowledged is lost, nothing works twice`, async () => {
		const browser = (await web.code('alice', PASSWORDS.alice)).browser
		let acknowledged = 0, unanswered = 0
		for (let round = 0; round < ROUNDS; round++) {
			const requests = []
			for (let i = 0; i < AT_ONCE; i++) requests.push(await web.code('alice', PASSWORDS.alice, {}, browser))
			const rotating = await spa.tokens('alice', PASSWORDS.alice, {}, browser)
			let answered = 0
			const note = (answer) => { answered++; return answer }
			const answers = requests.map((request) => web.redeem(request).then(note, () => undefined))
			const rotated = spa.refresh(rotating.refresh_token).then(note, () => undefined)
			const enough = round % (AT_ONCE + 1)
			await until('some answers', () => answered >= enough)
			await gateway.kill()
			const results = await Promise.all(answers), rotation = await rotated
			await gateway.launch()
			for (const [i, answer] of results.entries()) {
				if (answer?.status === 200) {
					acknowledged++
					assert.equal(await web.isActive(answer.json.access_token), true, `round ${round}: an acknowledged token is lost`)
					assert.equal((await web.refresh(answer.json.refresh_token)).status, 200, `round ${round}: an acknowledged refresh token is lost`)
					assertRefused(await web.redeem(requests[i]), 400, 'invalid_grant')
				} else {
					unanswered++
					assert.equal(answer, undefined)
					const again = [await web.redeem(requests[i]), await web.redeem(requests[i])].filter((one) => one.status === 200)
					assert.ok(again.length <= 1, `round ${round}: a code worked twice`)
				}
			}
			if (rotation?.status === 200) assert.equal((await spa.refresh(rotation.json.refresh_token)).status, 200, `round ${round}: an acknowledged rotation is lost`)
			else assert.equal((await spa.refresh(rotating.refresh_token)).status, 200, `round ${round}: a lost answer may be asked for again`)
		}
		assert.ok(acknowledged > ROUNDS && unanswered > ROUNDS, `${acknowledged} acknowledged, ${unanswered} not: both happened`)
		assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0)
		assert.equal(await sql(gateway, 'PRAGMA integrity_check'), 'ok')
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
