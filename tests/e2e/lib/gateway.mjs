// A gateway of the test's own: a temporary folder with configuration and store, the real program on a free port, its command line beside it, and a clock
// that the test moves (base/clock.h). It is waited for by asking it, and stopped by its process id; a run that left a sanitizer report has failed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ask } from './raw.mjs'

const top = resolve(fileURLToPath(import.meta.url), '../../../..')
export const program = resolve(process.env.PASSERELLE ?? join(top, 'build-test/gateway/passerelle'))

// Argon2 at a hundredth of its price: only a test build takes it (gateway/config.c). Its strength is tested in tests/crypto.
const CHEAP = { memory_kib: 64, iterations: 1, parallelism: 1 }
const SANITIZER = /ERROR: (Address|Leak|Thread|Memory)Sanitizer|runtime error:|WARNING: ThreadSanitizer/

/** A port that nobody listens on, below those that Linux gives to outgoing connections: one of these, of any test, could have it when the program comes back to it. */
export async function freePort() {
	for (;;) {
		const port = randomInt(10240, 32768)
		if (await new Promise((done) => {
			const server = createServer().on('error', () => done(false)).listen(port, '127.0.0.1', () => server.close(() => done(true)))
		})) return port
	}
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms))

/** Asks until the answer is true; what it waits for stands in the failure. */
export async function until(what, condition, limitMs = 15000) {
	const end = Date.now() + limitMs
	while (!await condition()) {
		if (Date.now() > end) assert.fail(`waited ${limitMs} ms in vain for ${what}`)
		await pause(10)
	}
}

/** Runs a program to its end. */
export async function run(command, words, { input = '', environment = {}, cwd } = {}) {
	const child = spawn(command, words, { cwd, env: { ...process.env, ...environment }, stdio: ['pipe', 'pipe', 'pipe'] })
	let out = '', err = ''
	child.stdout.setEncoding('utf8').on('data', (piece) => { out += piece })
	child.stderr.setEncoding('utf8').on('data', (piece) => { err += piece })
	child.stdin.on('error', () => {}) // it may end without reading
	child.stdin.end(input)
	const [status, signal] = await once(child, 'close')
	return { status: status ?? signal, out, err }
}

export class Gateway {
	#child
	#text = ''

	/** `declaration`: what `apply` takes, as an object; `config`: keys of passerelle.yaml over the cheap defaults. */
	static async start({ declaration, config = {}, environment = {} } = {}) {
		const gateway = new Gateway()
		gateway.folder = mkdtempSync(join(tmpdir(), 'passerelle-e2e-'))
		gateway.environment = environment
		gateway.config = config
		gateway.clockFile = join(gateway.folder, 'clock')
		gateway.setClock(0)
		gateway.port = await freePort()
		gateway.host = `127.0.0.1:${gateway.port}`
		gateway.writeConfig()
		try {
			if (declaration) await gateway.apply(declaration)
			await gateway.launch()
		} catch (error) {
			await gateway.stop().catch(() => {}) // the first fault is the one to tell
			throw error
		}
		return gateway
	}

	/** A second server on the store of the first, on a port of its own. Its addresses are the first one's: who asks it says so in Host. */
	static async beside(first) {
		const gateway = new Gateway()
		Object.assign(gateway, { folder: mkdtempSync(join(tmpdir(), 'passerelle-e2e-')), environment: first.environment, clockFile: first.clockFile, port: await freePort(), host: first.host })
		gateway.config = { ...first.config, base_url: first.base, store: `sqlite:${first.path('var', 'passerelle.db')}`, secret_key_file: first.path('var', 'secret.key') }
		gateway.writeConfig()
		await gateway.launch()
		return gateway
	}

	get base() { return `${this.config.tls?.length ? 'https' : 'http'}://127.0.0.1:${this.port}` }
	get pid() { return this.#child.pid }
	/** Everything the running program has printed: its process log. */
	get processLog() { return this.#text }
	get running() { return this.#child && this.#child.exitCode === null && this.#child.signalCode === null }
	issuer(tenant) { return `${this.base}/t/${tenant}` }

	writeConfig() {
		const config = { listen: `127.0.0.1:${this.port}`, password_hash: CHEAP, ...this.config }
		writeFileSync(join(this.folder, 'passerelle.yaml'), JSON.stringify(config))
	}

	/** Starts the program on the folder as it is. */
	async launch() {
		this.spawn()
		await until('the gateway to be ready', async () => {
			if (!this.running) assert.fail(`the gateway ended by itself:\n${this.#text}`)
			return (await ask(`${this.base}/readyz`, { headers: { Host: this.host } }).catch(() => ({}))).status === 200
		})
	}

	spawn() {
		this.#text = ''
		this.#child = spawn(program, ['serve'], { cwd: this.folder, env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] })
		for (const stream of [this.#child.stdout, this.#child.stderr]) stream.setEncoding('utf8').on('data', (piece) => { this.#text += piece })
	}

	// libldap loses one priority list with each TLS context it makes; the driver makes one a CA file. Any other leak is ours.
	#env() {
		const file = this.path('leaks')
		writeFileSync(file, 'leak:gnutls_priority_init\n')
		return { ...process.env, LSAN_OPTIONS: `suppressions=${file}:print_suppressions=0`, PASSERELLE_TEST_CLOCK: this.clockFile, ...this.environment }
	}

	/** Its exit status, or the signal that ended it. */
	async ended() {
		if (this.running) await once(this.#child, 'close')
		return this.#child.exitCode ?? this.#child.signalCode
	}

	async kill() {
		this.#child.kill('SIGKILL')
		assert.equal(await this.ended(), 'SIGKILL', this.#text)
	}

	/** SIGTERM, and its end within twice the drain: one that does not come is a fault, and must not hang the tests. */
	async terminate() {
		const guard = setTimeout(() => this.#child.kill('SIGKILL'), 25000)
		this.#child.kill('SIGTERM')
		const status = await this.ended()
		clearTimeout(guard)
		assert.equal(status, 0, `after SIGTERM: ${status}\n${this.#text}`)
		assert.doesNotMatch(this.#text, SANITIZER)
	}

	/** The end of a test file. The folder goes; with $KEEP it stays for whoever looks for a fault. */
	async stop() {
		try {
			if (this.running) await this.terminate()
		} finally {
			if (!process.env.KEEP) rmSync(this.folder, { recursive: true, force: true })
		}
	}

	// --- command line ---

	async command(words, { input } = {}) {
		const done = await run(program, words, { input, cwd: this.folder, environment: this.#env() })
		assert.doesNotMatch(done.err, SANITIZER)
		return done
	}

	/** A command that takes its time: what it has printed so far, and `done`, which is as `command` has it. */
	background(words) {
		const child = spawn(program, words, { cwd: this.folder, env: this.#env(), stdio: ['ignore', 'pipe', 'pipe'] }), running = { child, out: '', err: '' }
		for (const [name, stream] of [['out', child.stdout], ['err', child.stderr]]) stream.setEncoding('utf8').on('data', (piece) => { running[name] += piece })
		running.done = once(child, 'close').then(([status, signal]) => {
			assert.doesNotMatch(running.err, SANITIZER)
			return { status: status ?? signal, out: running.out, err: running.err }
		})
		return running
	}

	/** What a command prints. It must end well. */
	async cli(...words) { return this.cliWith({}, ...words) }
	async cliWith(options, ...words) {
		const done = await this.command(words, options)
		assert.equal(done.status, 0, `passerelle ${words.join(' ')}: ${done.status}\n${done.out}${done.err}`)
		return done.out
	}
	async cliJson(...words) { return JSON.parse(await this.cli(...words, '--json')) }
	async apply(declaration, ...words) { return this.cliWith({ input: JSON.stringify(declaration) }, 'apply', '-f', '-', ...words) }

	/** Rows of the connection log, oldest first. */
	async rows(tenant, ...words) {
		const text = await this.cli('log', 'export', '--tenant', tenant, ...words)
		return text.split('\n').filter(Boolean).map((line) => JSON.parse(line))
	}
	/** `log show REF` as an object. */
	/** What `log show` says of a reference. A refusal that nobody waits for is written within a second. */
	async explain(tenant, ref) {
		let shown
		await until(`the record of ${ref}`, async () => (shown = await this.command(['log', 'show', ref, '--tenant', tenant, '--json'])).status === 0, 5000)
		return JSON.parse(shown.out)
	}

	// --- clock ---

	setClock(offsetMs) {
		const bytes = Buffer.alloc(8)
		bytes.writeBigInt64LE(BigInt(offsetMs))
		const file = openSync(this.clockFile, existsSync(this.clockFile) ? 'r+' : 'w') // the file is mapped: it must stay the same one
		writeSync(file, bytes, 0, 8, 0)
		closeSync(file)
		this.clockOffset = offsetMs
	}
	advance(ms) { this.setClock(this.clockOffset + ms) }
	get now() { return Date.now() + this.clockOffset }

	// --- files ---

	/** The bytes of everything under var/. */
	storedBytes() {
		const place = join(this.folder, 'var')
		return Buffer.concat(readdirSync(place).map((name) => readFileSync(join(place, name))))
	}
	path(...parts) { return join(this.folder, ...parts) }
}
