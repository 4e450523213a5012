// A real directory of the test's own: slapd unprivileged on a free port, in a folder that goes with it, memberOf and ppolicy kept by its overlays, a certificate
// of its own. What was asked of it stands in its log, so that a test can say what never reached it. Awkward names, stalls and garbage are in tests/providers.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, run, until } from './gateway.mjs'

const PROGRAM = '/usr/sbin/slapd'
export const hasSlapd = existsSync(PROGRAM)

const line = (name, value) => `${name}:: ${Buffer.from(value).toString('base64')}\n`
const entry = (dn, attributes) => line('dn', dn) + Object.entries(attributes).flatMap(([name, value]) => [value].flat().map((one) => line(name, one))).join('') + '\n'

export class Slapd {
	#child
	#text = ''

	/** `people`: { uid: { password, cn, groups, …attributes } }, where cn may be written as it stands in a DN, by `rdn`. */
	static async start(suffix, people, groups) {
		const slapd = new Slapd()
		Object.assign(slapd, { suffix, folder: mkdtempSync(join(tmpdir(), 'passerelle-slapd-')), port: await freePort(), root: `cn=root,${suffix}`, rootPassword: `root canary of ${suffix}`,
			service: `cn=passerelle,ou=services,${suffix}`, servicePassword: `service canary of ${suffix}`, peopleDn: `ou=people,${suffix}`, groupsDn: `ou=groups,${suffix}`, dns: {} })
		try {
			slapd.#configure()
			slapd.#fill(people, groups)
			await slapd.launch()
			await slapd.modify(Object.entries(groups).map(([name, members]) => entry(`cn=${name},${slapd.groupsDn}`,
				{ objectClass: 'groupOfNames', member: members.map((one) => slapd.dns[one] ?? `cn=${one},${slapd.groupsDn}`) })).join(''))
		} catch (error) {
			await slapd.stop()
			throw error
		}
		return slapd
	}

	get url() { return `ldap://127.0.0.1:${this.port}` }
	get certificate() { return join(this.folder, 'server.pem') }
	/** What it was asked so far: a line for each operation. */
	get log() { return this.#text }
	get running() { return this.#child && this.#child.exitCode === null && this.#child.signalCode === null }
	/** Lines of the log that came while `work` was done. They come in order, so that an operation of our own behind it closes the list. */
	async during(work) {
		const from = this.#text.length
		await work()
		const mark = `cn=mark${from}`
		await run('ldapsearch', ['-x', '-H', this.url, '-D', mark, '-w', 'x', '-b', ''])
		await until('the mark in slapd\'s log', () => this.#text.includes(`BIND dn="${mark}"`))
		return this.#text.slice(from).split('\n').filter((one) => !one.includes(mark))
	}

	/** A provider of a declaration that asks it. */
	provider(name, more = {}) {
		return { name, type: 'ldap', url: [this.url], tls_ca_file: this.certificate, bind_dn: this.service, bind_password: this.servicePassword, base_dn: this.peopleDn,
			retry_after: '1s', ...more }
	}

	#configure() {
		const file = (name) => join(this.folder, name)
		execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=slapd', '-addext', 'subjectAltName=IP:127.0.0.1',
			'-keyout', file('server.key'), '-out', this.certificate], { stdio: 'ignore' })
		mkdirSync(file('db'))
		writeFileSync(file('slapd.conf'), `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile ${file('slapd.pid')}
modulepath /usr/lib/ldap
moduleload back_mdb.so
moduleload memberof.so
moduleload ppolicy.so
threads 4
allow bind_anon_cred bind_anon_dn
TLSCACertificateFile ${this.certificate}
TLSCertificateFile ${this.certificate}
TLSCertificateKeyFile ${file('server.key')}
database mdb
maxsize 33554432
suffix "${this.suffix}"
rootdn "${this.root}"
rootpw "${this.rootPassword}"
directory ${file('db')}
dbnosync
index objectClass,uid,mail,entryUUID,member eq
access to attrs=userPassword by self write by dn.exact="${this.service}" =xw by anonymous auth by * none
access to * by dn.exact="${this.service}" read by anonymous auth by * none
overlay memberof
memberof-group-oc groupOfNames
overlay ppolicy
ppolicy_default "cn=default,ou=policies,${this.suffix}"
ppolicy_use_lockout
`)
	}

	#fill(people) {
		const { suffix } = this
		const policy = (name, rules) => entry(`cn=${name},ou=policies,${suffix}`, { objectClass: ['person', 'pwdPolicy'], cn: name, sn: name, pwdAttribute: 'userPassword', ...rules })
		const ldif = entry(suffix, { objectClass: ['dcObject', 'organization'], dc: suffix.match(/^dc=([^,]+)/)[1], o: suffix })
			+ ['people', 'groups', 'policies', 'services'].map((ou) => entry(`ou=${ou},${suffix}`, { objectClass: 'organizationalUnit', ou })).join('')
			+ policy('default', { pwdLockout: 'TRUE', pwdMaxFailure: '0' }) + policy('strict', { pwdMaxAge: '86400', pwdGraceAuthNLimit: '0', pwdInHistory: '3', pwdCheckQuality: '2', pwdMinLength: '12' })
			+ policy('grace', { pwdMaxAge: '86400', pwdGraceAuthNLimit: '2' }) + policy('reset', { pwdMustChange: 'TRUE' })
			+ entry(this.service, { objectClass: ['person', 'simpleSecurityObject'], cn: 'passerelle', sn: 'passerelle', userPassword: this.servicePassword })
			+ Object.entries(people).map(([uid, person]) => this.#person(uid, person)).join('')
		writeFileSync(join(this.folder, 'people.ldif'), ldif)
		execFileSync('/usr/sbin/slapadd', ['-q', '-f', join(this.folder, 'slapd.conf'), '-l', join(this.folder, 'people.ldif')], { stdio: ['ignore', 'ignore', 'pipe'] })
	}

	#person(uid, { password, cn = uid, rdn = `cn=${cn}`, ...more }) {
		this.dns[uid] = `${rdn},${this.peopleDn}`
		return entry(this.dns[uid], { objectClass: 'inetOrgPerson', uid, cn, sn: cn, displayName: cn, ...(password === undefined ? {} : { userPassword: password }), ...more })
	}

	/** In the foreground, so that its process is our child; its log is what `stats` writes. */
	async launch() {
		this.#child = spawn(PROGRAM, ['-d', 'stats', '-f', join(this.folder, 'slapd.conf'), '-h', `${this.url}/`], { stdio: ['ignore', 'ignore', 'pipe'] })
		this.#child.stderr.setEncoding('utf8').on('data', (piece) => { this.#text += piece })
		await until('slapd to answer', () => {
			if (!this.running) throw new Error(`slapd ended by itself:\n${this.#text}`)
			return new Promise((done) => {
				const socket = connect(this.port, '127.0.0.1', () => { socket.destroy(); done(true) }).on('error', () => done(false))
			})
		})
	}

	/** It stops to answer; `launch` starts it again on the same data and port. */
	async halt() {
		const gone = once(this.#child, 'close')
		this.#child.kill('SIGKILL')
		await gone
	}

	/** It keeps its connections and says nothing more, until `thaw`. */
	freeze() { this.#child.kill('SIGSTOP') }
	thaw() { this.#child.kill('SIGCONT') }

	async stop() {
		if (this.running) await this.halt()
		rmSync(this.folder, { recursive: true, force: true })
	}

	/** LDIF of entries to add or changes to make, as root. */
	async modify(ldif) {
		const done = await run('ldapmodify', ['-a', '-x', '-H', this.url, '-D', this.root, '-w', this.rootPassword], { input: ldif })
		if (done.status !== 0) throw new Error(`ldapmodify: ${done.err}\n${ldif}`)
	}
	add(uid, person) { return this.modify(this.#person(uid, person)) }
	replace(dn, attribute, value) { return this.modify(`${line('dn', dn)}changetype: modify\nreplace: ${attribute}\n${line(attribute, value)}`) }
	remove(dn) { return this.modify(`${line('dn', dn)}changetype: delete\n`) }
	members(group, change, uid) { return this.modify(`dn: cn=${group},${this.groupsDn}\nchangetype: modify\n${change}: member\n${line('member', this.dns[uid])}`) }
}
