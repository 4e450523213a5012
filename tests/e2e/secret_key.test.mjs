// The gateway's own secret is turned while people sign in: nothing fails, on two servers that nobody told; what was sealed is moved; the old line may go when, and
// only when, nothing needs it (DESIGN section 3, SECURITY KY-1, PW-4).
import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, basic } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask } from './lib/raw.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const partner = { name: 'partner', type: 'oidc', issuer: 'https://127.0.0.1:1', client_id: 'x', client_secret: 'upstream-secret-0123456789abcdef0123456789', button: false }
let gateway, second, web, machine
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { providers: [partner] }), tenant('other')) })
	second = await Gateway.beside(gateway)
	web = new Application(gateway, 'acme', CLIENTS.web), machine = new Application(gateway, 'acme', CLIENTS.machine)
})
after(async () => {
	await second?.stop()
	await gateway?.stop()
})

const file = () => gateway.path('var', 'secret.key')
const lines = () => readFileSync(file(), 'utf8').split('\n').filter(Boolean)
const ids = () => lines().map((line) => line.split(' ')[0])
const keep = (...kept) => writeFileSync(file(), kept.map((line) => `${line}\n`).join(''))
const standing = async () => Object.fromEntries((await gateway.cliJson('secret-key', 'list')).map((key) => [key.id, key]))
const reloads = (at) => at.processLog.split('\n').filter((line) => line.includes('"config.reload"')).map((line) => JSON.parse(line))
async function reload(at) {
	const before = reloads(at).length
	process.kill(at.pid, 'SIGHUP')
	await until('the reload', () => reloads(at).length > before)
	return reloads(at).at(-1)
}
const own = (at) => ask(`${at.base}/t/acme/token`, { method: 'POST', body: 'grant_type=client_credentials',
	headers: { Host: gateway.host, ...basic(machine.id, machine.secret), 'Content-Type': 'application/x-www-form-urlencoded' } })

/** People and services that go on as long as they are let; the first failure ends it. */
function load() {
	const done = { stop: false, signIns: 0, refreshes: 0, services: 0 }
	const each = (work) => (async () => { while (!done.stop) await work() })()
	done.ended = Promise.all([
		...['alice', 'bruno'].map((name) => each(async () => {
			const tokens = await web.tokens(name, PASSWORDS[name])
			done.signIns++
			const again = await web.refresh(tokens.refresh_token)
			assert.equal(again.status, 200, again.text)
			done.refreshes++
		})),
		...[gateway, second].map((at) => each(async () => {
			const answer = await own(at)
			assert.equal(answer.status, 200, answer.text)
			done.services++
		})),
	])
	done.ended.catch(() => { done.stop = true })
	return done
}

test('turned under load, three times: nobody is refused, and what a browser had open still works', async () => {
	const load_ = load()
	await until('the load', () => load_.signIns > 3 || load_.stop)
	for (let round = 0; round < 3; round++) {
		const browser = new Browser(), request = web.begin(), page = await browser.open(request.url)
		const signedIn = await web.code('carla', PASSWORDS.carla)
		const before = ids()
		const report = await gateway.cliJson('secret-key', 'rotate')
		assert.deepEqual(ids(), [report.id, ...before])
		assert.equal(statSync(file()).mode & 0o777, 0o600)
		// A command that opens the store writes under the new key at once; both servers read it, without a signal.
		await gateway.cli('provider', 'disable', 'partner', '--tenant', 'acme')
		await gateway.cli('provider', 'enable', 'partner', '--tenant', 'acme')
		await gateway.cliWith({ input: `${PASSWORDS.carla}\n` }, 'user', 'passwd', 'carla', '--tenant', 'acme')
		for (const at of [gateway, second]) assert.equal((await own(at)).status, 200)
		const done = await gateway.cliJson('secret-key', 'reseal')
		assert.equal(done.key, report.id)
		assert.ok(done.resealed > 0)
		// The page and the code are of before.
		const after_ = await browser.signIn(page, 'carla', PASSWORDS.carla)
		assert.ok(after_.answer?.code, after_.text)
		assert.equal((await web.redeem(signedIn)).status, 400, 'a code of before carla got another password')
		const signIns = load_.signIns
		await until('more of the load', () => load_.signIns > signIns + 2 || load_.stop)
	}
	load_.stop = true
	await load_.ended
	assert.ok(load_.services > 20 && load_.refreshes > 5, JSON.stringify(load_))
	for (const at of [gateway, second]) assert.doesNotMatch(at.processLog, /"level":"error"/)
	assert.equal((await gateway.rows('acme')).filter((row) => row.event === 'secret-key.rotate').length, 3)
	assert.equal((await gateway.rows('other')).filter((row) => row.event === 'secret-key.rotate').length, 3)
})

test('what needs which line is told, and a password turns at its next sign-in', async () => {
	const [newest, ...older] = ids()
	await web.tokens('alice', PASSWORDS.alice)
	await web.tokens('bruno', PASSWORDS.bruno)
	const now = await standing()
	assert.equal(now[newest].state, 'newest')
	assert.ok(now[newest].uses.signing_keys > 0 && now[newest].uses.providers > 0)
	const first = now[older.at(-1)]
	assert.equal(first.state, 'needed') // three people of the other tenant never signed in
	assert.deepEqual([first.uses.passwords, first.uses.signing_keys, first.uses.providers], [3, 0, 0])
	const checked = await gateway.cliJson('check')
	assert.deepEqual(Object.fromEntries(checked.secret_keys.map((key) => [key.id, key.uses])), Object.fromEntries(Object.values(now).map((key) => [key.id, key.uses])))
	const text = await gateway.cli('check')
	assert.match(text, new RegExp(`${older.at(-1)}: needed, needed for passwords \\(3\\)`))
})

test('a line that something needs is missed: by a running server, at its start, by a command', async () => {
	const all = lines()
	keep(...all.slice(0, -1))
	const said = await reload(gateway)
	assert.equal(said.level, 'error')
	assert.match(said.error, /secret_key_file: .*has no key "\w+" any more, and this store still needs it for passwords \(3\)/)
	assert.ok((await web.tokens('alice', PASSWORDS.alice)).access_token, 'it goes on with what it had')
	const done = await gateway.command(['key', 'list', '--tenant', 'acme'])
	assert.equal(done.status, 1)
	assert.match(done.err, /put its line back behind the others/)
	const start = await gateway.command(['serve'])
	assert.equal(start.status, 1)
	assert.match(start.err, /still needs it for passwords \(3\)/)
	keep(...all)
	assert.equal((await reload(gateway)).level, 'info')
})

test('one that nothing needs may go, while servers run', async () => {
	for (const name of ['alice', 'bruno', 'carla']) await gateway.cliWith({ input: `${PASSWORDS[name]}\n` }, 'user', 'passwd', name, '--tenant', 'other')
	gateway.advance(2 * 3600 * 1000) // sign-ins that nobody finished are over
	await until('old lines to be free', async () => Object.values(await standing()).filter((key) => key.state === 'needed').length === 0, 30000)
	const before = await web.tokens('alice', PASSWORDS.alice)
	keep(lines()[0])
	for (const at of [gateway, second]) assert.equal((await reload(at)).level, 'info')
	assert.deepEqual(Object.keys(await standing()), ids())
	assert.ok((await web.tokens('alice', PASSWORDS.alice)).access_token)
	assert.equal((await web.refresh(before.refresh_token)).status, 200)
	await gateway.terminate()
	await gateway.launch()
	assert.ok((await web.tokens('bruno', PASSWORDS.bruno)).access_token)
	assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0)
})

test('a file that others may read, or that is another store\'s, turns nothing', async () => {
	const all = lines()
	chmodSync(file(), 0o644)
	const open = await gateway.command(['secret-key', 'rotate'])
	assert.equal(open.status, 1)
	assert.match(open.err, /chmod 600/)
	chmodSync(file(), 0o600)
	keep(`k9 ${Buffer.alloc(32, 9).toString('base64')}`)
	const other = await gateway.command(['secret-key', 'rotate'])
	assert.equal(other.status, 1)
	assert.match(other.err, /another store's file/)
	assert.equal(lines().length, 1)
	keep(...all)
})

test('two at once: one turns it, or both do, one after the other; no line is lost', async () => {
	const before = ids()
	const done = await Promise.all(Array.from({ length: 4 }, () => gateway.command(['secret-key', 'rotate', '--json'])))
	const turned = done.filter((one) => one.status === 0).map((one) => JSON.parse(one.out).id)
	assert.ok(turned.length > 0)
	for (const one of done.filter(({ status }) => status !== 0)) assert.match(one.err, /being changed by somebody else/)
	assert.deepEqual(ids().slice(turned.length), before)
	assert.deepEqual(ids().slice(0, turned.length).sort(), turned.sort())
})
