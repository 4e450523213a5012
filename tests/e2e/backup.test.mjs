// `backup` and `restore`: a copy made while people sign in is whole, and put back it is the store it was; what is no backup, or another store's, changes
// nothing (SECURITY KY, TN; issue 6 point 5).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Gateway, pause, program, run } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const declaration = () => declare(tenant('acme'), tenant('other'))
let gateway, web, machine, api
before(async () => {
	gateway = await Gateway.start({ declaration: declaration() })
	web = new Application(gateway, 'acme', CLIENTS.web), machine = new Application(gateway, 'acme', CLIENTS.machine), api = new Application(gateway, 'acme', CLIENTS.api)
})
after(() => gateway?.stop())

const backup = (file = 'copy.db') => gateway.cliJson('backup', file)
const digestOf = (...parts) => createHash('sha256').update(readFileSync(gateway.path(...parts))).digest('hex')
const names = (...parts) => readdirSync(gateway.path(...parts))
/** What restore must not touch when it refuses. */
const standing = () => ['passerelle.db', 'secret.key'].map((name) => digestOf('var', name)).join()
async function sql(file, text) {
	const done = await run('sqlite3', [file, text])
	assert.equal(done.status, 0, done.err)
	return done.out.trim()
}
async function stopped() {
	await gateway.terminate()
	await sql(gateway.path('var', 'passerelle.db'), 'PRAGMA wal_checkpoint(TRUNCATE)')
}

describe('a backup, made while the server runs', () => {
	test('is one private, whole file, and says which keys it needs', async () => {
		const report = await backup()
		assert.deepEqual([report.file, report.tenants, report.keys.length], ['copy.db', 2, 1])
		assert.ok(readFileSync(gateway.path('var', 'secret.key'), 'utf8').startsWith(`${report.keys[0]} `))
		const { mode, size } = statSync(gateway.path('copy.db'))
		assert.equal(mode & 0o777, 0o600)
		assert.equal(report.bytes, size)
		assert.deepEqual(names('.').filter((name) => name.startsWith('copy')), ['copy.db'], 'no companions, no leftovers')
		assert.equal(await sql(gateway.path('copy.db'), 'PRAGMA integrity_check'), 'ok')
		for (const name of ['acme', 'other'])
			assert.equal((await gateway.rows(name, '--event', 'log.read')).filter((row) => row.actor.startsWith('cli:')).length > 0, true)
		const key = readFileSync(gateway.path('var', 'secret.key'), 'utf8').split(' ')[1].trim()
		assert.ok(!readFileSync(gateway.path('copy.db')).includes(Buffer.from(key, 'base64')), 'the key file is not in it')
	})

	test('holds all that was acknowledged before, however much goes on', async () => {
		let stop = false, errors = 0
		const work = async () => {
			while (!stop) if ((await web.refresh((await web.tokens('alice', PASSWORDS.alice)).refresh_token)).status !== 200) errors++
		}
		const load = Promise.all([work(), work(), work()])
		for (let round = 0; round < 5; round++) {
			await gateway.cli('user', 'add', `before-${round}`, '--tenant', 'acme')
			await backup('under-load.db')
			assert.equal(await sql(gateway.path('under-load.db'), `SELECT count(*) FROM account WHERE username = 'before-${round}'`), '1')
			assert.equal(await sql(gateway.path('under-load.db'), 'PRAGMA integrity_check'), 'ok')
		}
		stop = true
		await load
		assert.equal(errors, 0)
	})

	test('shows how far it is on a terminal, and nothing in a pipe', async () => {
		const piped = await gateway.command(['backup', 'copy.db'])
		assert.deepEqual([piped.status, piped.err], [0, ''])
		const shown = await run('script', ['-qec', `${program} backup copy.db`, '/dev/null'], { cwd: gateway.folder, environment: { LSAN_OPTIONS: 'detect_leaks=0' } })
		assert.equal(shown.status, 0, shown.out)
		assert.match(shown.out, /\rcopying: 100 %\r\x1b\[K/)
	})

	test('overwrites no stranger\'s file, and not the store', async () => {
		writeFileSync(gateway.path('thesis.txt'), 'three years of work')
		linkSync(gateway.path('var', 'passerelle.db'), gateway.path('another-name.db'))
		symlinkSync(gateway.path('var', 'passerelle.db'), gateway.path('pointer.db'))
		mkdirSync(gateway.path('folder'))
		for (const file of ['thesis.txt', 'var/passerelle.db', 'another-name.db', 'pointer.db', 'folder', 'nowhere/copy.db']) {
			const done = await gateway.command(['backup', file])
			assert.equal(done.status, 1, file)
			assert.ok(done.err.includes(file), done.err)
		}
		assert.equal(readFileSync(gateway.path('thesis.txt'), 'utf8'), 'three years of work')
		assert.deepEqual(names('.').filter((name) => /\.[A-Za-z0-9]{6}$/.test(name)), [])
		assert.equal((await machine.own()).status, 200)
		rmSync(gateway.path('another-name.db'))
	})
})

describe('restore', () => {
	test('refuses while a server runs, and while a command has the store open', async () => {
		await backup()
		const was = digestOf('var', 'secret.key')
		const done = await gateway.command(['restore', 'copy.db'])
		assert.equal(done.status, 1)
		assert.match(done.err, /a server or a command has this store open; stop it first/)
		assert.equal(digestOf('var', 'secret.key'), was)
		await stopped()
		const follower = spawn(program, ['log', 'follow', '--tenant', 'acme'], { cwd: gateway.folder, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LSAN_OPTIONS: 'detect_leaks=0' } })
		await once(follower.stdout, 'data')
		assert.equal((await gateway.command(['restore', 'copy.db'])).status, 1)
		follower.kill('SIGTERM')
		await once(follower, 'close')
	})

	test('refuses what is no backup of this program, is damaged, or is another store\'s; nothing changes', async () => {
		await sql(gateway.path('stranger.db'), 'CREATE TABLE cake (kind TEXT)')
		writeFileSync(gateway.path('garbage.db'), 'this is no database '.repeat(1000))
		writeFileSync(gateway.path('empty.db'), '')
		const whole = readFileSync(gateway.path('copy.db'))
		writeFileSync(gateway.path('half.db'), whole.subarray(0, 3 * 4096 + 100))
		const bent = Buffer.from(whole)
		for (let at = 4096 * 4; at < bent.length; at += 4096) bent.fill(0xa5, at, at + 64)
		writeFileSync(gateway.path('bent.db'), bent)
		const later = gateway.path('later.db')
		copyFileSync(gateway.path('copy.db'), later)
		await sql(later, "UPDATE meta SET number = 1000 WHERE name = 'schema'")
		const foreign = await Gateway.start({ declaration: declaration() })
		await foreign.cli('backup', gateway.path('foreign.db'))
		await foreign.stop()
		const was = standing()
		for (const [file, says] of [['stranger.db', /another program/], ['garbage.db', /not an SQLite database/], ['empty.db', /empty/], ['half.db', /damaged|malformed/], ['bent.db', /damaged|malformed/],
			['later.db', /later version/], ['foreign.db', /secret key file/], ['missing.db', /No such file/]]) {
			const done = await gateway.command(['restore', file])
			assert.equal(done.status, 1, file)
			assert.match(done.err, says)
			assert.ok(done.err.includes(file), done.err)
			assert.equal(standing(), was, file)
		}
		assert.deepEqual(names('var').filter((name) => /restored|replaced/.test(name)), [])
	})

	test('puts back people, applications, tokens and the chain, and keeps what was there', async () => {
		await gateway.launch()
		const person = await web.tokens('alice', PASSWORDS.alice)
		await backup()
		const rows = (await gateway.rows('acme')).length
		await gateway.cli('user', 'add', 'afterwards', '--tenant', 'acme')
		await gateway.cli('user', 'remove', 'bruno', '--yes', '--tenant', 'acme')
		await stopped()
		const report = await gateway.cliJson('restore', 'copy.db')
		assert.equal(report.tenants, 2)
		assert.equal(await sql(report.replaced, "SELECT count(*) FROM account WHERE username = 'afterwards'"), '1')
		await gateway.launch()
		const people = (await gateway.cliJson('user', 'list', '--tenant', 'acme')).map((user) => user.username)
		assert.ok(people.includes('bruno') && !people.includes('afterwards'))
		assert.equal(await api.isActive(person.access_token), true)
		assert.equal((await web.refresh(person.refresh_token)).status, 200)
		assert.ok((await web.code('bruno', PASSWORDS.bruno)).code)
		assert.match(await gateway.cli('log', 'verify', '--tenant', 'acme'), /intact/)
		const log = await gateway.rows('acme')
		assert.ok(log.length > rows)
		for (const name of ['acme', 'other']) assert.equal((await gateway.rows(name, '--event', 'store.restore')).length, 1)
		assert.equal(statSync(gateway.path('var', 'passerelle.db')).mode & 0o777, 0o600)
	})

	test('works in an empty place, with the key file put back, and not without it', async () => {
		await backup()
		await stopped()
		renameSync(gateway.path('var'), gateway.path('lost'))
		const done = await gateway.command(['restore', 'copy.db'])
		assert.equal(done.status, 1)
		assert.match(done.err, /put the secret key file back first/)
		assert.equal(existsSync(gateway.path('var', 'passerelle.db')), false)
		mkdirSync(gateway.path('var'), { recursive: true })
		copyFileSync(gateway.path('lost', 'secret.key'), gateway.path('var', 'secret.key'))
		const report = await gateway.cliJson('restore', 'copy.db')
		assert.equal(report.replaced, undefined)
		await gateway.launch()
		assert.ok((await web.code('alice', PASSWORDS.alice)).code)
	})

	test('replaces a store that is damaged', async () => {
		await backup()
		await stopped()
		writeFileSync(gateway.path('var', 'passerelle.db'), 'lightning '.repeat(5000))
		assert.equal((await gateway.command(['check'])).status, 1)
		await gateway.cli('restore', 'copy.db')
		await gateway.launch()
		assert.ok((await web.code('alice', PASSWORDS.alice)).code)
	})

	test('killed at any moment leaves a store that opens, ten times', async () => {
		await stopped()
		for (let round = 0; round < 10; round++) {
			const child = spawn(program, ['restore', 'copy.db'], { cwd: gateway.folder, stdio: 'ignore' })
			const end = once(child, 'close')
			await pause(20 + round * 25)
			child.kill('SIGKILL')
			await end
			assert.equal((await gateway.command(['check'])).status, 0, `round ${round}`)
			assert.ok((await gateway.cliJson('user', 'list', '--tenant', 'acme')).length >= 3)
		}
		await gateway.cli('restore', 'copy.db')
		assert.deepEqual(names('var').filter((name) => name.includes('.restored')), [])
		await gateway.launch()
		assert.ok((await web.code('alice', PASSWORDS.alice)).code)
	})
})
