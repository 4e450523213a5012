// The connection log: a record for every step with the right fields, an explanation for every reference an error shows, and a chain that notices an edit
// (CONTRACT section 7, SECURITY AU).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { Gateway, program, run, until } from './lib/gateway.mjs'
import { Application, random } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const FIELDS = ['id', 'node', 'seq', 'time', 'tenant', 'event', 'result', 'reason', 'account', 'username', 'provider', 'client', 'session', 'ip', 'user_agent', 'device', 'os', 'browser', 'acr', 'amr', 'ref', 'actor', 'prev_hash', 'hash']
const DOMAIN = 'acme.example'

let gateway, web, spa, machine, asking
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { domains: [DOMAIN] }), tenant('chain', { clients: ['web'] }), tenant('quiet', { clients: ['web'] })) })
	const at = (declared) => new Application(gateway, 'acme', declared)
	web = at(CLIENTS.web), spa = at(CLIENTS.spa), machine = at(CLIENTS.machine), asking = at(CLIENTS.asking)
})
after(() => gateway?.stop())

/** Rows that came since, once there are enough of them: what is not durable follows within a second. */
async function since(work, enough = 1) {
	const last = (await gateway.rows('acme')).at(-1).seq
	const value = await work()
	let rows
	await until('the records', async () => (rows = (await gateway.rows('acme')).filter((row) => row.seq > last && row.event !== 'log.read')).length >= enough)
	return [rows, value]
}
const assertRow = (row, expected) => {
	assert.deepEqual(Object.keys(row), FIELDS)
	assert.match(row.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
	for (const [name, value] of Object.entries(expected)) assert.deepEqual(row[name], value, `${name} of ${JSON.stringify(row)}`)
}
const DESKTOP = { ip: '127.0.0.1', device: 'desktop', os: 'Linux', browser: 'Firefox 128' }

/** `log follow` under way: its records so far, and its end. */
function follow(...words) {
	const child = spawn(program, ['log', 'follow', '--tenant', 'quiet', '--json', ...words], { cwd: gateway.folder, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PASSERELLE_TEST_CLOCK: gateway.clockFile, LSAN_OPTIONS: 'detect_leaks=0' } })
	const follower = { rows: [] }
	let text = ''
	child.stdout.setEncoding('utf8').on('data', (piece) => {
		const lines = (text + piece).split('\n')
		text = lines.pop()
		follower.rows.push(...lines.map((line) => JSON.parse(line)))
	})
	follower.end = async () => {
		child.kill('SIGTERM')
		await once(child, 'close')
	}
	return follower
}
const sqlAt = async (text) => {
	const done = await run('sqlite3', ['-cmd', '.timeout 5000', gateway.path('var', 'passerelle.db'), text])
	assert.equal(done.status, 0, done.err)
	return done.out.trim()
}

describe('following', () => {
	test('shows each record once and none twice, however many come at once, from every node', async () => {
		const follower = follow()
		await until('following to begin', () => follower.rows.length === 1)
		assert.equal(follower.rows[0].event, 'log.read')
		// More than are read at one time, all of one moment, as if another node on the same store had written them.
		const copied = 2500, columns = 'event,result,reason,account,username,provider,client,session,ip,user_agent,device,os,browser,acr,amr,ref,actor,personal_salt,personal,prev_hash,hash,detail'
		await sqlAt(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${copied}) INSERT INTO log_row (tenant,node,seq,id,time_ms,${columns})
			SELECT tenant,'another',i,id,time_ms,${columns} FROM n, (SELECT * FROM log_row WHERE tenant = (SELECT tenant FROM tenant WHERE name = 'quiet') ORDER BY seq DESC LIMIT 1)`)
		await gateway.cli('user', 'add', 'followed', '--tenant', 'quiet')
		await until('all of them', () => follower.rows.length >= copied + 2)
		await follower.end()
		const others = follower.rows.filter((row) => row.node === 'another').map((row) => row.seq)
		assert.deepEqual(others, Array.from({ length: copied }, (_, i) => i + 1))
		assert.deepEqual(follower.rows.filter((row) => row.node !== 'another').map((row) => row.event), ['log.read', 'user.create'])
		await sqlAt("DELETE FROM log_row WHERE node = 'another'")
	})
	test('takes the filters of a list, and begins in the past where it is told to', async () => {
		const follower = follow('--event', 'user.create', '--since', '1h')
		await until('what was', () => follower.rows.length >= 1)
		await gateway.cli('user', 'add', 'followed-later', '--tenant', 'quiet')
		await until('what is', () => follower.rows.at(-1).username === 'followed-later')
		await follower.end()
		assert.ok(follower.rows.every((row) => row.event === 'user.create'))
		assert.ok(follower.rows.some((row) => row.username === 'followed'))
	})
})

describe('every step stands there', () => {
	test('sign-in, authorization, tokens, refresh, revocation, sign-out', async () => {
		const [rows] = await since(async () => {
			const tokens = await web.tokens('alice', PASSWORDS.alice)
			const later = (await web.refresh(tokens.refresh_token)).json
			await web.revoke(later.refresh_token)
			await tokens.browser.open(`${web.issuer}/logout?id_token_hint=${tokens.id_token}`)
		}, 6)
		assert.deepEqual(rows.map((row) => row.event), ['login', 'authorization.grant', 'token.issue', 'token.refresh', 'token.revoke', 'logout'])
		const [login, grant, issue, refresh, revoke, logout] = rows
		const { account, session } = login
		assert.match(account, /^[a-z2-7]{26}$/)
		assert.match(session, /^[a-z2-7]{26}$/)
		for (const row of rows) assertRow(row, { tenant: 'acme', result: 'ok', reason: 'ok', account, username: 'alice', actor: null, ip: '127.0.0.1' })
		assertRow(login, { ...DESKTOP, session, provider: 'local', client: 'web', acr: 'urn:passerelle:acr:pwd', amr: 'pwd' })
		assertRow(grant, { ...DESKTOP, session, client: 'web', provider: 'local' })
		for (const row of [issue, refresh, revoke]) assertRow(row, { client: 'web', session })
		assertRow(logout, { ...DESKTOP, session })
		for (const row of rows) assert.match(row.ref, /^[a-z2-7]{10}$/)
	})

	test('refused sign-ins, with the real reason', async () => {
		await gateway.cli('user', 'disable', 'carla', '--tenant', 'acme')
		const attempt = async (username, password) => {
			const browser = new Browser()
			return browser.signIn(await browser.open(web.begin().url), username, password)
		}
		const [rows] = await since(async () => {
			await attempt('alice', 'wrong')
			await attempt('nobody', 'wrong')
			await attempt('carla', PASSWORDS.carla)
			await attempt(`Ghost@${DOMAIN}`, 'wrong')
			await attempt('ghost@elsewhere.example', 'wrong')
		}, 5)
		assert.deepEqual(rows.map((row) => [row.event, row.result, row.reason]), [['login', 'denied', 'wrong_password'], ['login', 'denied', 'unknown_account'], ['login', 'denied', 'account_disabled'],
			['login', 'denied', 'unknown_account'], ['login', 'denied', 'unknown_account']])
		assertRow(rows[0], { username: 'alice', session: null, ...DESKTOP })
		assertRow(rows[2], { username: 'carla' })
		assert.match(rows[1].username, /^h:[a-z2-7]{52}$/)
		assert.equal(rows[1].account, null)
		assert.equal(rows[3].username, `Ghost@${DOMAIN}`, 'a name in the tenant\'s own domain is no secret')
		assert.match(rows[4].username, /^h:/)
		assert.notEqual(rows[1].username, rows[4].username)
		await gateway.cli('user', 'enable', 'carla', '--tenant', 'acme')
	})

	test('an unknown name has one keyed hash a tenant, whatever its spelling', async () => {
		const hashes = {}
		for (const name of ['acme', 'quiet']) {
			const application = new Application(gateway, name, CLIENTS.web)
			for (const username of ['Phantom', 'phantom ']) {
				const browser = new Browser()
				await browser.signIn(await browser.open(application.begin().url), username, 'wrong')
			}
			hashes[name] = (await gateway.rows(name, '--event', 'login')).slice(-2).map((row) => row.username)
			assert.equal(hashes[name][0], hashes[name][1])
		}
		assert.notEqual(hashes.acme[0], hashes.quiet[0], 'two tenants cannot compare their logs')
	})

	test('refused authorizations and tokens', async () => {
		const [rows] = await since(async () => {
			await new Browser().request(web.begin({ redirect_uri: 'https://evil.example/' }).url)
			await new Browser().request(web.begin({ scope: 'admin' }).url)
			await new Browser().request(web.begin({ prompt: 'none' }).url)
			await new Browser().request(web.begin({ client_id: 'nobody' }).url)
			await web.redeem({ code: 'x', redirect: 'y', verifier: 'z' })
			await web.refresh('pas_rt_x')
			await new Application(gateway, 'acme', { ...CLIENTS.web, client_secret: 'wrong' }).refresh('x')
			await web.own()
		}, 8)
		assert.deepEqual(rows.map((row) => [row.event, row.reason, row.client]).sort(), [
			['authorization.refuse', 'client_unknown', null], ['authorization.refuse', 'login_required', 'web'], ['authorization.refuse', 'redirect_mismatch', 'web'], ['authorization.refuse', 'scope_refused', 'web'],
			['client.auth', 'client_secret_wrong', 'web'], ['token.refuse', 'code_unknown', 'web'], ['token.refuse', 'grant_type_refused', 'web'], ['token.refuse', 'refresh_unknown', 'web']].sort())
		for (const row of rows) assertRow(row, { result: 'denied' })
	})

	test('a machine\'s own tokens', async () => {
		const [[row]] = await since(() => machine.own())
		assertRow(row, { event: 'token.client', result: 'ok', client: 'machine', account: null, username: null, device: 'unknown' })
	})

	test('consent given, and declined', async () => {
		const [rows] = await since(async () => {
			const browser = (await web.code('bruno', PASSWORDS.bruno)).browser
			await browser.submit(await browser.open(asking.begin({ scope: 'openid' }).url), { decline: 'yes' })
			await browser.submit(await browser.open(asking.begin({ scope: 'openid' }).url), { approve: 'yes' })
		}, 4)
		const declined = rows.find((row) => row.reason === 'cancelled')
		assertRow(declined, { result: 'denied', username: 'bruno', client: 'asking' })
		assert.ok(rows.some((row) => row.event === 'consent' && row.result === 'ok' && row.username === 'bruno' && row.client === 'asking'), JSON.stringify(rows.map((row) => [row.event, row.reason])))
	})

	test('a replayed code and a replayed refresh token', async () => {
		const [rows] = await since(async () => {
			const tokens = await web.tokens('alice', PASSWORDS.alice)
			await web.redeem(tokens.request)
			const rotating = await spa.tokens('alice', PASSWORDS.alice)
			await spa.refresh((await spa.refresh(rotating.refresh_token)).json.refresh_token)
			await spa.refresh(rotating.refresh_token)
		}, 9)
		const refused = rows.filter((row) => row.result === 'denied')
		assert.deepEqual(refused.map((row) => [row.event, row.reason, row.username]), [['token.refuse', 'code_replayed', 'alice'], ['token.refuse', 'refresh_replayed', 'alice']])
	})

	test('what an administrator did or read, and who', async () => {
		const before = (await gateway.rows('acme')).at(-1).seq
		await gateway.cli('user', 'unlock', 'alice', '--tenant', 'acme')
		await gateway.cli('user', 'show', 'alice', '--tenant', 'acme')
		await gateway.cli('log', 'list', '--tenant', 'acme')
		const rows = (await gateway.rows('acme')).filter((row) => row.seq > before)
		assert.ok(rows.some((row) => row.event === 'user.unlock' && row.username === 'alice'))
		assert.ok(rows.filter((row) => row.event === 'log.read').length >= 2)
		for (const row of rows) assert.match(row.actor, /^cli:/)
	})

	test('devices are told apart, hostile ones too', async () => {
		const AGENTS = [['Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'mobile', 'Safari 17'],
			['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0', 'desktop', 'Edge 126'], ['curl/8.5.0', undefined, undefined], ['\u001b[2Jevil', undefined, undefined]]
		for (const [agent, device, name] of AGENTS) {
			if (agent.startsWith('\u001b')) continue // node refuses to send it; tests/http sends such bytes
			const [[row]] = await since(() => new Browser({ headers: { 'User-Agent': agent } }).request(web.begin({ scope: 'admin' }).url))
			if (device) assertRow(row, { device, browser: name, user_agent: agent })
			else assert.notEqual(row.device, 'desktop')
		}
	})

	test('selecting by account, event and time', async () => {
		const alice = await gateway.rows('acme', '--account', 'alice')
		assert.ok(alice.length > 3 && alice.every((row) => row.username === 'alice'))
		assert.ok((await gateway.rows('acme', '--event', 'logout')).every((row) => row.event === 'logout'))
		assert.deepEqual((await gateway.rows('acme', '--since', new Date(gateway.now + 3600_000).toISOString())), [])
	})
})

describe('log show REF explains, check by check', () => {
	const explained = async (reference) => {
		let done
		await until('the record', async () => (done = await gateway.command(['log', 'show', reference, '--tenant', 'acme', '--json'])).status === 0)
		return { json: JSON.parse(done.out), text: await gateway.cli('log', 'show', reference, '--tenant', 'acme') }
	}
	const decisive = ({ json }) => json.checks.find((one) => !one.passed)

	test('a wrong password', async () => {
		const browser = new Browser()
		await browser.signIn(await browser.open(web.begin().url), 'alice', 'Trumpet canary')
		const row = (await gateway.rows('acme', '--event', 'login')).at(-1)
		const shown = await explained(row.ref)
		assert.equal(shown.json.reason, 'wrong_password')
		assert.match(shown.json.explanation, /password is wrong/)
		assert.match(shown.text, /passwd/, 'what to do')
		const failed = decisive(shown)
		assert.match(failed.check, /password/)
		assert.ok(!JSON.stringify(shown).includes('Trumpet'), 'the password typed is not shown')
	})

	test('a redirect URI that differs by one byte', async () => {
		const page = await new Browser().request(web.begin({ redirect_uri: `${web.redirect}/` }).url)
		const shown = await explained(page.reference)
		assert.equal(shown.json.reason, 'redirect_mismatch')
		assert.deepEqual(decisive(shown), { check: 'redirect_uri', seen: `${web.redirect}/`, expected: web.redirect, passed: false })
		const names = shown.json.checks.map((one) => one.check)
		assert.deepEqual(names, ['parameters', 'client_id', 'redirect_uri'], 'in order, up to the one that decided')
		assert.match(shown.text, /✓ client_id[^\n]*\n[^\n]*✗ redirect_uri: seen https:\/\/app\.acme\.example\/cb\/, expected https:\/\/app\.acme\.example\/cb +<- this decided/)
	})

	test('a verifier that does not fit', async () => {
		const answer = await web.redeem(await web.code('alice', PASSWORDS.alice), { code_verifier: random() })
		const shown = await explained(answer.json.error_ref)
		assert.equal(shown.json.reason, 'pkce_mismatch')
		assert.equal(decisive(shown).check, 'code_verifier')
		assert.equal(shown.json.username, 'alice')
	})

	test('a wrong client secret: invalid_client outside, the reason inside', async () => {
		const answer = await new Application(gateway, 'acme', { ...CLIENTS.web, client_secret: 'wrong' }).refresh('x')
		const shown = await explained(answer.json.error_ref)
		assert.equal(shown.json.reason, 'client_secret_wrong')
		assert.match(shown.json.advice, /rotate-secret/)
	})

	test('a refused scope', async () => {
		await new Browser().request(web.begin({ scope: 'openid admin' }).url)
		let row
		await until('the record', async () => (row = (await gateway.rows('acme', '--event', 'authorization.refuse')).at(-1))?.reason === 'scope_refused')
		assert.equal(decisive(await explained(row.ref)).seen, 'openid admin')
	})

	test('hostile values do no harm on a terminal', async () => {
		const page = await new Browser().request(web.begin({ client_id: '\u001b]0;owned\u0007\u202e\u009b31m' }).url)
		const { text } = await explained(page.reference)
		assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/.test(text), JSON.stringify(text))
	})

	test('a reference that nobody has', async () => {
		const done = await gateway.command(['log', 'show', 'aaaaaaaaaa', '--tenant', 'acme'])
		assert.equal(done.status, 1)
	})
})

describe('the chain', () => {
	const verify = () => gateway.command(['log', 'verify', '--tenant', 'chain'])
	const sql = async (text) => {
		const done = await run('sqlite3', [gateway.path('var', 'passerelle.db'), text])
		assert.equal(done.status, 0, done.err)
		return done.out.trim()
	}
	before(async () => {
		const application = new Application(gateway, 'chain', CLIENTS.web)
		for (let i = 0; i < 3; i++) await application.tokens('alice', PASSWORDS.alice)
	})

	test('is whole, row after row, for every tenant', async () => {
		assert.equal((await verify()).status, 0)
		const rows = await gateway.rows('chain')
		for (let i = 1; i < rows.length; i++) {
			assert.equal(rows[i].seq, rows[i - 1].seq + 1)
			assert.equal(rows[i].prev_hash, rows[i - 1].hash)
		}
		assert.equal(rows[0].prev_hash, '0'.repeat(64))
		for (const name of ['acme', 'quiet']) await gateway.cli('log', 'verify', '--tenant', name)
	})

	test('holds when the server writes a hundred rows in parallel', async () => {
		const application = new Application(gateway, 'chain', CLIENTS.web)
		const { refresh_token } = await application.tokens('alice', PASSWORDS.alice), before = (await gateway.rows('chain', '--event', 'token.refresh')).length
		const answers = await Promise.all(Array.from({ length: 100 }, () => application.refresh(refresh_token)))
		const given = answers.filter((answer) => answer.status === 200).length
		assert.ok(given > 50, `${given}`)
		assert.equal((await gateway.rows('chain', '--event', 'token.refresh')).length - before, given, 'a record for each, before its answer')
		assert.equal((await verify()).status, 0)
	})

	test('breaks when a row is edited behind our back, and says where', async () => {
		const table = await sql('SELECT name FROM sqlite_master WHERE type = \'table\' AND sql LIKE \'%prev_hash%\'')
		const columns = (await sql(`SELECT group_concat(name) FROM pragma_table_info('${table}')`)).split(',')
		const tenantId = await sql('SELECT id FROM tenant WHERE name = \'chain\'').catch(() => sql('SELECT tenant FROM tenant WHERE name = \'chain\''))
		const where = `tenant = '${tenantId}' AND event = 'token.issue'`
		const seq = Number(await sql(`SELECT min(seq) FROM ${table} WHERE ${where}`))
		assert.ok(seq > 0)
		const EDITS = { result: 'denied', reason: 'locked', client: 'post', ip: '10.0.0.1', username: 'bruno', account: 'a'.repeat(26), event: 'login', time_ms: 1, ref: 'aaaaaaaaaa', user_agent: 'x', session: 'a'.repeat(26) }
		for (const [column, value] of Object.entries(EDITS)) {
			assert.ok(columns.includes(column), `${column} of ${columns}`)
			const old = await sql(`SELECT quote(${column}) FROM ${table} WHERE tenant = '${tenantId}' AND seq = ${seq}`)
			await sql(`UPDATE ${table} SET ${column} = '${value}' WHERE tenant = '${tenantId}' AND seq = ${seq}`)
			const broken = await verify()
			assert.equal(broken.status, 1, `${column} was edited and nobody noticed`)
			assert.match(broken.err, new RegExp(`\\b${seq}\\b`), broken.err)
			await sql(`UPDATE ${table} SET ${column} = ${old} WHERE tenant = '${tenantId}' AND seq = ${seq}`)
			assert.equal((await verify()).status, 0)
		}
		await sql(`CREATE TABLE kept AS SELECT * FROM ${table} WHERE tenant = '${tenantId}' AND seq = ${seq}; DELETE FROM ${table} WHERE tenant = '${tenantId}' AND seq = ${seq}`)
		assert.equal((await verify()).status, 1, 'a row is missing')
		await sql(`INSERT INTO ${table} SELECT * FROM kept; DROP TABLE kept`)
		assert.equal((await verify()).status, 0)
		assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0, 'the others\' are whole')
	})
})
