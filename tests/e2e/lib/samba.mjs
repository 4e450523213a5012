// A real Active Directory of the test's own: Samba's domain controller, provisioned into a folder that goes with it. Its LDAP ports are fixed, so it has a loopback
// address of its own, and needs the right to listen below 1024. Only its LDAP server runs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, until } from './gateway.mjs'

const PROGRAM = '/usr/sbin/samba', TOOL = '/usr/bin/samba-tool', TEMPLATES = '/usr/share/samba/setup/provision.ldif'
const REALM = 'CORP.ACME.EXAMPLE'
const AGE = `
import sys, ldb
from samba import dsdb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
settings = LoadParm()
settings.load(sys.argv[1])
database = SamDB(lp=settings, session_info=system_session(settings))
change = ldb.Message(ldb.Dn(database, sys.argv[2]))
change["pwdLastSet"] = ldb.MessageElement("131000000000000000", ldb.FLAG_MOD_REPLACE, "pwdLastSet")
database.modify(change, controls=["local_oid:" + dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID + ":1"])
`

/** An address of this machine on which the ports of LDAP are free and ours to take. */
async function freeAddress() {
	const free = (host, port) => new Promise((done) => {
		const server = createServer().on('error', () => done(false)).listen(port, host, () => server.close(() => done(true)))
	})
	for (let last = 77; last < 97; last++) {
		const host = `127.0.0.${last}`
		if ((await Promise.all([389, 636, 3268, 3269].map((port) => free(host, port)))).every(Boolean)) return host
	}
	return undefined
}

/** Why there is no Active Directory here; false where there is. */
export async function lacksSamba() {
	for (const file of [PROGRAM, TOOL, TEMPLATES]) if (!existsSync(file)) return `no Samba domain controller here: ${file} is missing (packages samba-ad-dc, samba-ad-provision)`
	return await freeAddress() ? false : 'the ports of LDAP, below 1024, may not be listened on here'
}

export class Samba {
	#child
	#text = ''
	baseDn = 'DC=corp,DC=acme,DC=example'
	administratorPassword = 'Adm1nistrator canary of the domain'

	static async start() {
		const samba = new Samba()
		samba.folder = mkdtempSync(join(tmpdir(), 'passerelle-samba-'))
		samba.host = await freeAddress()
		try {
			await samba.#provision()
			await samba.#launch()
		} catch (error) {
			await samba.stop()
			throw error
		}
		return samba
	}

	get #settings() { return join(this.folder, 'etc/smb.conf') }
	get certificate() { return join(this.folder, 'ca.pem') }

	/** A provider of a declaration that asks it, over LDAPS, by an account of its own that may read as everybody may. */
	provider(name, more = {}) {
		return { name, type: 'ldap', preset: 'active_directory', url: [`ldaps://${this.host}`], tls_ca_file: this.certificate, bind_dn: 'passerelle@corp.acme.example',
			bind_password: this.passwordOf('passerelle'), base_dn: this.baseDn, retry_after: '1s', ...more }
	}
	passwordOf(name) { return `Old tractor canary 1 of ${name}` }
	dnOf(name) { return `CN=${name},CN=Users,${this.baseDn}` }

	async #provision() {
		await this.#tool('domain', 'provision', '--use-rfc2307', '--server-role=dc', `--realm=${REALM}`, '--domain=CORP', `--adminpass=${this.administratorPassword}`, '--dns-backend=NONE',
			`--targetdir=${this.folder}`, '--host-name=dc1', `--host-ip=${this.host}`, `--option=interfaces=${this.host}/8`, '--option=bind interfaces only=yes', '--option=vfs objects=')
		const own = (await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=dc1', '-addext', `subjectAltName=IP:${this.host}`,
			'-keyout', join(this.folder, 'dc.key'), '-out', this.certificate]))
		if (own.status !== 0) throw new Error(own.err)
		const settings = readFileSync(this.#settings, 'utf8').replace(/^\tserver services.*$/m, '\tserver services = ldap').replace(/^\tlog file.*$/m, `\tlog file = ${this.folder}/log`)
			.replace('[global]', `[global]\n\tpid directory = ${this.folder}\n\tncalrpc dir = ${this.folder}/ncalrpc\n\ttls certfile = ${this.certificate}\n\ttls keyfile = ${this.folder}/dc.key\n\ttls cafile = ${this.certificate}`)
		writeFileSync(this.#settings, settings)
	}

	async #tool(...words) {
		const done = await run(TOOL, [...words, ...(existsSync(this.#settings) ? [`--configfile=${this.#settings}`] : [])])
		if (done.status !== 0) throw new Error(`samba-tool ${words.join(' ')}: ${done.err}${done.out}`)
		return done.out
	}

	async #launch() {
		this.#child = spawn(PROGRAM, ['-i', '-M', 'single', '-s', this.#settings, '--debug-stdout', '-d', '1'], { stdio: ['ignore', 'pipe', 'pipe'] })
		for (const stream of [this.#child.stdout, this.#child.stderr]) stream.setEncoding('utf8').on('data', (piece) => { this.#text += piece })
		await until('the domain controller to answer', async () => {
			if (this.#child.exitCode !== null) throw new Error(`samba ended by itself:\n${this.#text}`)
			return (await run('ldapsearch', [...this.#administrator, '-b', this.baseDn, '-s', 'base', 'dn'], { environment: this.#environment })).status === 0
		}, 30000)
	}

	get #environment() { return { LDAPTLS_CACERT: this.certificate } }
	get #administrator() { return ['-x', '-H', `ldaps://${this.host}`, '-D', 'administrator@corp.acme.example', '-w', this.administratorPassword] }

	async modify(ldif) {
		const done = await run('ldapmodify', ['-c', ...this.#administrator], { input: ldif, environment: this.#environment })
		if (done.status !== 0) throw new Error(`ldapmodify: ${done.err}\n${ldif}`)
	}
	set(name, attributes) {
		return this.modify(`dn: ${this.dnOf(name)}\nchangetype: modify\n${Object.entries(attributes).map(([key, value]) => `replace: ${key}\n${key}: ${value}\n`).join('-\n')}`)
	}
	/** People with a password each; more attributes as LDIF lines. */
	people(names) {
		const password = (name) => Buffer.from(`"${this.passwordOf(name)}"`, 'utf16le').toString('base64')
		return this.modify(names.map((name) => `dn: ${this.dnOf(name)}\nchangetype: add\nobjectClass: user\nsAMAccountName: ${name}\nuserPrincipalName: ${name}@corp.acme.example\ndisplayName: ${name}\n`
			+ `mail: ${name}@acme.example\nuserAccountControl: 512\nunicodePwd:: ${password(name)}\n`).join('\n'))
	}
	groups(names, members) {
		const member = (one) => `member: ${this.dnOf(one)}\n`
		return this.modify(names.map((name) => `dn: ${this.dnOf(name)}\nchangetype: add\nobjectClass: group\nsAMAccountName: ${name}\n${(members[name] ?? []).map(member).join('')}`).join('\n'))
	}
	async subjectOf(name) {
		const done = await run('ldapsearch', [...this.#administrator, '-LLL', '-b', this.dnOf(name), '-s', 'base', 'objectGUID'], { environment: this.#environment })
		const bytes = Buffer.from(done.out.match(/objectGUID:: (.*)/)[1], 'base64'), hex = (...order) => order.map((i) => bytes[i].toString(16).padStart(2, '0')).join('')
		return [hex(3, 2, 1, 0), hex(5, 4), hex(7, 6), hex(8, 9), hex(10, 11, 12, 13, 14, 15)].join('-')
	}
	passwordSettings(...words) { return this.#tool('domain', 'passwordsettings', 'set', ...words) }

	/** As if the password had been set in 2016. LDAP lets nobody write that moment, so its own modules do, on the database. */
	async age(name) {
		const done = await run('/usr/bin/python3', ['-c', AGE, this.#settings, this.dnOf(name)])
		if (done.status !== 0) throw new Error(done.err)
	}

	async stop() {
		if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null) {
			const gone = once(this.#child, 'close')
			this.#child.kill('SIGTERM')
			await gone
		}
		rmSync(this.folder, { recursive: true, force: true })
	}
}
