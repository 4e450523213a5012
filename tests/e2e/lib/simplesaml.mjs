// A real SAML identity provider of the test's own: Debian's SimpleSAMLphp by PHP's built-in server, unprivileged, with its configuration in lib/simplesaml/ and everything
// that it writes in a folder that goes with it. What is wanted of it stands in rig.json there, which it reads anew for each page: nothing is restarted.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { request as ask } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, until } from './gateway.mjs'
import { CIPHERS, makeKey } from './saml_messages.mjs'
import { SamlPeer, bytesOf } from './saml_peer.mjs'

const PHP = '/usr/bin/php', PAGES = '/usr/share/simplesamlphp/www'
const CONFIGURATION = join(dirname(fileURLToPath(import.meta.url)), 'simplesaml')
export const hasSimpleSaml = existsSync(PHP) && existsSync(PAGES)

export class SimpleSaml extends SamlPeer {
	#child
	text = ""
	#rig = { cipher: CIPHERS.cbc, session_seconds: 8 * 3600, idp: {}, services: [], next_key: false }

	static async start(people, options = {}) {
		const peer = new SimpleSaml(people)
		try {
			peer.next = makeKey(peer.folder, 'next')
			for (const name of ['sessions', 'temp']) mkdirSync(join(peer.folder, name))
			await peer.listen(options)
			peer.want({ origin: peer.origin, entity_id: peer.entityId, people: peer.people })
			await peer.#launch()
		} catch (error) {
			await peer.stop()
			throw error
		}
		return peer
	}

	get metadataUrl() { return `${this.origin}/saml2/idp/metadata.php` }
	get entityId() { return this.metadataUrl }
	get signOnUrl() { return `${this.origin}/saml2/idp/SSOService.php` }
	get logoutUrl() { return `${this.origin}/saml2/idp/SingleLogoutService.php` }
	/** Where a person signs out at the provider itself. */
	leaveUrl(returnTo = `${this.origin}/logout.php`) { return `${this.logoutUrl}?ReturnTo=${encodeURIComponent(returnTo)}` }
	/** Where a tile would lead: an answer that nobody asked for. */
	tileUrl(service, relayState) { return `${this.signOnUrl}?${new URLSearchParams({ spentityid: service, ...(relayState === undefined ? {} : { RelayState: relayState }) })}` }
	/** Its own log. */
	get log() { return existsSync(join(this.folder, 'simplesamlphp.log')) ? readFileSync(join(this.folder, 'simplesamlphp.log'), 'utf8') : '' }

	/** Changes what is wanted: cipher, session_seconds, idp (settings of saml20-idp-hosted), next_key (a second key is published). */
	want(changes) {
		Object.assign(this.#rig, changes)
		const file = join(this.folder, 'rig.json')
		writeFileSync(`${file}.new`, JSON.stringify(this.#rig))
		renameSync(`${file}.new`, file) // a page that is being made reads one or the other
	}
	/** The same for the time of some work. */
	async wanting(changes, work) {
		const before = Object.fromEntries(Object.keys(changes).map((name) => [name, this.#rig[name]]))
		this.want(changes)
		try {
			return await work()
		} finally {
			this.want(before)
		}
	}

	/** A service that may ask it: its metadata, and settings of saml20-sp-remote over them. */
	trust(metadata, options = {}) {
		const of = (text) => text.match(/entityID="([^"]*)"/)[1]
		const others = this.#rig.services.filter((one) => of(one.metadata) !== of(metadata))
		this.want({ services: [...others, { metadata, options }] })
	}

	/** PHP's server forks workers that outlive it. So all of them are a process group of their own, which ends with its first process, and with us, however we end: the shell's
	 * standard input closes then. */
	async #launch() {
		this.port = await freePort()
		this.#child = spawn('/bin/sh', ['-c', '("$@"; kill -KILL 0) & read _; kill -KILL 0', 'sh', PHP, '-d', `auto_prepend_file=${join(CONFIGURATION, 'rig.php')}`, '-d', 'display_errors=0',
			'-d', 'error_reporting=8191', '-d', 'date.timezone=UTC', '-S', `127.0.0.1:${this.port}`, '-t', PAGES], {
			detached: true, stdio: ['pipe', 'ignore', 'pipe'],
			env: { PATH: process.env.PATH, RIG: this.folder, SIMPLESAMLPHP_CONFIG_DIR: CONFIGURATION, PHP_CLI_SERVER_WORKERS: '4', TMPDIR: join(this.folder, 'temp') },
		})
		this.#child.stderr.setEncoding('utf8').on('data', (piece) => { this.text += piece })
		await until('SimpleSAMLphp to answer', () => {
			if (!this.running) throw new Error(`php ended by itself:\n${this.text}`)
			return new Promise((done) => {
				const socket = connect(this.port, '127.0.0.1', () => { socket.destroy(); done(true) }).on('error', () => done(false))
			})
		})
	}

	get running() { return this.#child && this.#child.exitCode === null && this.#child.signalCode === null }

	/** What it answers to one request. */
	async answer(request, body) {
		const out = ask({ host: '127.0.0.1', port: this.port, method: request.method, path: request.url, headers: request.headers, agent: false })
		out.end(body)
		const [answer] = await once(out, 'response')
		return { status: answer.statusCode, headers: answer.headers, body: await bytesOf(answer) }
	}

	async stop() {
		if (this.running) {
			const gone = once(this.#child, 'close')
			this.#child.stdin.end()
			await gone
		}
		await super.stop()
	}
}
