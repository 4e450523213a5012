// Signing in by password against those who would like to: guessers, enumerators, forgers, people with somebody else's cookie (SECURITY LG, SE).
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, secretOf, tenant } from './lib/scene.mjs'

const FAILURES = 5
const throttle = { failures: FAILURES, window: '15m', lock: '15m' }
const clients = ['web', 'asking']
const people = (count) => [...tenant('acme').users, ...Array.from({ length: count }, (_, i) => ({ username: `victim${i}`, email: `victim${i}@acme.example`, password: `${PASSWORDS.alice} ${i}` })),
	{ username: 'Ängström', email: 'Ang.Strom@acme.example', password: 'ångström canary phrase' }, { username: 'nopassword' }]

// One tenant a subject, so that no count reaches another's test.
const SUBJECTS = ['equal', 'lock', 'owner', 'clock', 'unlock', 'spelling', 'address', 'csrf', 'session', 'blue', 'canary', 'washing']
let gateway
before(async () => {
	const wide = { throttle: { ...throttle, failures: 100 } }
	gateway = await Gateway.start({ declaration: declare(...SUBJECTS.map((name) => tenant(name, { clients, users: people(3), policy: ['csrf', 'session', 'blue', 'canary', 'equal'].includes(name) ? wide : { throttle } }))) })
})
after(() => gateway?.stop())

const at = (name, declared = CLIENTS.web) => new Application(gateway, name, declared)
const signInPage = (name, browser = new Browser(), parameters = {}) => browser.open(at(name).begin(parameters).url)

let hosts = 0
/** A browser at an address that nobody used before. */
const elsewhere = () => new Browser({ from: `127.1.${hosts >> 8}.${++hosts & 255}` })
const HERE = '127.0.0.1'

/** One attempt in a browser of its own: the page it ends at. */
async function attempt(name, username, password, browser = elsewhere()) {
	return browser.signIn(await signInPage(name, browser, { prompt: 'login' }), username, password)
}
const rightFor = (username) => PASSWORDS[username] ?? `${PASSWORDS.alice} ${username.replace('victim', '')}`
const letIn = (page) => Boolean(page.answer?.code)
async function fail(name, username, times, browser) {
	for (let i = 0; i < times; i++) assert.ok(!letIn(await attempt(name, username, `wrong ${i}`, browser)))
}
async function at15min(minutes, work) {
	gateway.setClock(minutes * 60_000)
	try { await work() } finally { gateway.setClock(0) }
}

describe('one answer for every no (LG-1)', () => {
	const normal = (page, username) => page.text.replaceAll(page.form.fields.form_token, 'TOKEN').replaceAll(/flow=[A-Za-z0-9_-]+/g, 'flow=FLOW').replaceAll(username, 'NAME')
		.replaceAll(/<code>(<bdi>)?[a-z2-7]{10}/g, 'REF')

	test('wrong, unknown, disabled, without password, impossible: the same status, bytes and headers', async () => {
		await gateway.cli('user', 'disable', 'victim0', '--tenant', 'equal')
		const cases = [['alice', 'wrong password'], ['nobody', 'wrong password'], ['victim0', 'wrong password'], ['victim0', rightFor('victim0')], ['nopassword', 'wrong password'],
			['nobody@elsewhere.example', 'wrong password'], ['alice@acme.example', 'wrong password'], ['alice', 'x'.repeat(5000)], ['alice', '']]
		const answers = new Map()
		for (const [username, password] of cases) {
			const page = await attempt('equal', username, password)
			assert.ok(page.problem, username)
			const { headers } = page
			const seen = JSON.stringify([page.status, normal(page, username), [...headers.keys()].filter((name) => name !== 'content-length').sort(), headers.getSetCookie().length])
			answers.set(seen, [...answers.get(seen) ?? [], username])
		}
		assert.equal(answers.size, 1, JSON.stringify([...answers.values()]))
	})

	const lastReason = async (name) => (await gateway.rows(name, '--event', 'login')).at(-1).reason
	test('locked: the same again, even with the right password', async () => {
		const wrong = await attempt('lock', 'victim1', 'wrong')
		await fail('lock', 'victim1', FAILURES - 1)
		const locked = await attempt('lock', 'victim1', rightFor('victim1'))
		assert.ok(!letIn(locked))
		assert.equal(normal(locked, 'victim1'), normal(wrong, 'victim1'))
		assert.equal(await lastReason('lock'), 'locked', 'only the log knows')
		assert.deepEqual([locked.status, locked.headers.getSetCookie().length], [wrong.status, wrong.headers.getSetCookie().length])
	})

	test('names that cannot be names are just wrong', async () => {
		for (const username of ['', ' ', 'x'.repeat(256), 'a\u0000b', '\u202e', '<script>', '\' OR 1=1 --', '%', '../etc', 'ａｌｉｃｅ\u200b']) {
			const page = await attempt('equal', username, 'wrong')
			assert.ok([200, 400].includes(page.status), `${JSON.stringify(username)}: ${page.status}`)
			assert.ok(!letIn(page))
			assert.ok(!page.text.includes('<script>'))
		}
	})

	test('after a no, the right password still works, in the same tab', async () => {
		const browser = new Browser(), page = await browser.signIn(await signInPage('equal', browser), 'alice', 'wrong')
		assert.equal(page.form.fields.username, 'alice', 'the name stays')
		assert.equal(page.form.fields.password, '', 'the password does not')
		assert.ok(letIn(await browser.signIn(page, 'alice', PASSWORDS.alice)))
	})

	test('an empty form, or a field twice', async () => {
		const browser = new Browser(), page = await signInPage('equal', browser)
		for (const fields of [{ username: undefined, password: undefined }, { username: 'alice', password: undefined }, { username: undefined, password: PASSWORDS.alice }]) assert.ok(!letIn(await browser.submit(page, fields)))
		const twice = new URLSearchParams({ ...page.form.fields, username: 'alice', password: PASSWORDS.alice })
		twice.append('username', 'bruno')
		assert.ok(!letIn(await browser.open(page.form.action, { form: twice })))
	})
})

describe('throttling (LG-2, LG-3)', () => {
	test(`${FAILURES} failures close an account to strangers`, async () => {
		await fail('lock', 'alice', FAILURES)
		assert.ok(!letIn(await attempt('lock', 'alice', PASSWORDS.alice)))
	})

	test('one fewer does not', async () => {
		await fail('unlock', 'bruno', FAILURES - 1)
		assert.ok(letIn(await attempt('unlock', 'bruno', PASSWORDS.bruno)))
		await fail('unlock', 'bruno', FAILURES - 1) // and a success starts the count anew
		assert.ok(letIn(await attempt('unlock', 'bruno', PASSWORDS.bruno)))
	})

	test('the owner, on a device known before, is not locked out by a stranger', async () => {
		const mine = new Browser()
		assert.ok(letIn(await attempt('owner', 'alice', PASSWORDS.alice, mine)))
		await fail('owner', 'alice', FAILURES + 2)
		assert.ok(!letIn(await attempt('owner', 'alice', PASSWORDS.alice)), 'strangers are shut out')
		assert.ok(letIn(await attempt('owner', 'alice', PASSWORDS.alice, mine)), 'the owner is not')
	})

	test('a known device has its own count, for its own account only', async () => {
		const mine = new Browser()
		gateway.setClock(86400_000 * 2) // past the locks of the test before
		assert.ok(letIn(await attempt('owner', 'bruno', PASSWORDS.bruno, mine)))
		await fail('owner', 'bruno', FAILURES, mine)
		assert.ok(!letIn(await attempt('owner', 'bruno', PASSWORDS.bruno, mine)), 'a thief of the device is held too')
		const forged = new Browser()
		forged.cookies.set('psr_d_owner', mine.cookies.get('psr_d_owner').replace(/^[a-z2-7]{26}/, 'a'.repeat(26)))
		await fail('owner', 'carla', FAILURES, forged)
		assert.ok(!letIn(await attempt('owner', 'carla', PASSWORDS.carla)), 'a forged device cookie is a stranger\'s')
		gateway.setClock(0)
	})

	test('a lock ends by itself, and the next one is twice as long', async () => {
		await fail('clock', 'alice', FAILURES)
		await at15min(14, async () => assert.ok(!letIn(await attempt('clock', 'alice', PASSWORDS.alice))))
		await at15min(16, async () => {
			await fail('clock', 'alice', FAILURES)
		})
		await at15min(16 + 29, async () => assert.ok(!letIn(await attempt('clock', 'alice', PASSWORDS.alice)), 'doubled'))
		await at15min(16 + 31, async () => assert.ok(letIn(await attempt('clock', 'alice', PASSWORDS.alice))))
	})

	test('user unlock lifts it at once', async () => {
		gateway.setClock(86400_000)
		await fail('unlock', 'alice', FAILURES)
		assert.ok(!letIn(await attempt('unlock', 'alice', PASSWORDS.alice)))
		await gateway.cli('user', 'unlock', 'alice', '--tenant', 'unlock')
		assert.ok(letIn(await attempt('unlock', 'alice', PASSWORDS.alice)))
		gateway.setClock(0)
	})

	test('spellings of one name share one count', async () => {
		const spellings = ['alice', 'ALICE', 'Alice', ' alice ', 'ａｌｉｃｅ', 'alice@acme.example', 'ALICE@ACME.EXAMPLE']
		for (let i = 0; i < FAILURES; i++) await fail('spelling', spellings[i], 1)
		assert.ok(!letIn(await attempt('spelling', 'alice', PASSWORDS.alice)))
		const rows = (await gateway.rows('spelling', '--event', 'login')).filter((row) => row.reason === 'wrong_password')
		assert.equal(new Set(rows.map((row) => row.account)).size, 1, 'all of them lead to one account')
		assert.equal(rows.length, FAILURES)
	})

	test('composed and decomposed letters are one name', async () => {
		for (const username of ['Ängström', 'a\u0308ngstro\u0308m', 'ÄNGSTRÖM']) assert.ok(letIn(await attempt('csrf', username, 'ångström canary phrase')), username)
		assert.ok(letIn(await attempt('csrf', 'ängström', 'a\u030angstro\u0308m canary phrase')), 'and one password')
	})

	// an address is counted by failures, with ten times the account's limit, and turned away unread once it is closed
	const BY_ADDRESS = FAILURES * 10 // a company behind one address signs in at nine
	const here = () => new Browser({ from: HERE })

	test('one address that tries many names is turned away unread; others, and who is known here, are not', async () => {
		const mine = here()
		assert.ok(letIn(await attempt('address', 'bruno', PASSWORDS.bruno, mine)))
		for (let i = 0; i < BY_ADDRESS; i++) assert.equal((await attempt('address', `name${i}`, 'wrong', here())).status, 200, `${i}`)
		const closed = await attempt('address', 'alice', PASSWORDS.alice, here())
		assert.equal(closed.status, 429)
		assert.match(closed.headers.get('retry-after'), /^\d+$/)
		let reasons
		await until('the record', async () => (reasons = (await gateway.rows('address')).map((row) => row.reason)).includes('throttled_address'))
		assert.ok(letIn(await attempt('address', 'alice', PASSWORDS.alice)), 'from elsewhere all is well')
		assert.ok(letIn(await attempt('address', 'bruno', PASSWORDS.bruno, mine)), 'a known device is its own')
	})

	test('an attacker with one account of his own does not wash his address clean', async () => {
		let status
		for (let i = 0; i < BY_ADDRESS && status !== 429; i++) {
			if (i % 10 === 9) await attempt('washing', 'bruno', PASSWORDS.bruno, here())
			status = (await attempt('washing', `name${i}`, 'wrong', here())).status
		}
		assert.equal((await attempt('washing', 'alice', PASSWORDS.alice, here())).status, 429)
	})
})

describe('forged forms (SE-7)', () => {
	test('no token, another\'s, another flow\'s: 403, and the password is not even looked at', async () => {
		const browser = new Browser(), page = await signInPage('csrf', browser)
		const other = await signInPage('csrf', new Browser()), sibling = await signInPage('csrf', browser)
		const before = (await gateway.rows('csrf', '--event', 'login')).length
		for (const form_token of [undefined, '', 'x', 'x'.repeat(43), other.form.fields.form_token, sibling.form.fields.form_token]) {
			const refused = await browser.submit(page, { username: 'alice', password: PASSWORDS.alice, form_token })
			assert.equal(refused.status, 403)
			assert.ok(!refused.headers.getSetCookie().some((cookie) => cookie.startsWith('psr_s_')))
		}
		assert.equal((await gateway.rows('csrf', '--event', 'login')).length, before)
		assert.ok(letIn(await browser.signIn(page, 'alice', PASSWORDS.alice)), 'the flow lives on')
	})

	test('another browser\'s flow is not taken over, whatever it knows of it', async () => {
		const browser = new Browser(), page = await signInPage('csrf', browser)
		const thief = new Browser()
		await signInPage('csrf', thief)
		for (const one of [thief, new Browser()]) {
			assert.equal((await one.open(page.url)).status, 403)
			assert.equal((await one.submit(page, { username: 'bruno', password: PASSWORDS.bruno })).status, 403)
		}
	})

	test('a flow lives ten minutes', async () => {
		const browser = new Browser(), page = await signInPage('csrf', browser)
		await at15min(11, async () => {
			assert.equal((await browser.open(page.url)).status, 400)
			const late = await browser.submit(page, { username: 'alice', password: PASSWORDS.alice })
			assert.equal(late.status, 400)
			assert.ok(!late.headers.getSetCookie().some((cookie) => cookie.startsWith('psr_s_')))
		})
	})

	test('one flow in two tabs: one code; the other tab is told', async () => {
		const browser = new Browser(), page = await signInPage('csrf', browser)
		assert.ok(letIn(await browser.signIn(page, 'alice', PASSWORDS.alice)))
		const second = await browser.signIn(page, 'alice', PASSWORDS.alice)
		assert.equal(second.status, 400)
		assert.equal(second.location, undefined)
		assert.ok(second.reference)
	})

	test('two tabs at once: never two codes', async () => {
		const browser = new Browser(), page = await signInPage('csrf', browser)
		const pages = await Promise.all(Array.from({ length: 8 }, () => browser.signIn(page, 'alice', PASSWORDS.alice)))
		assert.equal(pages.filter(letIn).length, 1, JSON.stringify(pages.map((one) => one.status)))
		for (const one of pages) if (!letIn(one)) assert.equal(one.status, 400, one.text)
	})

	test('two flows in two tabs of one browser both end well', async () => {
		const browser = new Browser(), first = await signInPage('csrf', browser), second = await signInPage('csrf', browser)
		assert.ok(letIn(await browser.signIn(second, 'alice', PASSWORDS.alice)))
		assert.ok(letIn(await browser.open(first.url)), 'a reload of the first tab finds the person signed in')
	})

	test('flow handles that are none', async () => {
		for (const flow of ['', 'x', 'x'.repeat(43), '\' OR 1=1 --', 'x'.repeat(5000)]) assert.equal((await new Browser().request(`${at('csrf').issuer}/login?flow=${encodeURIComponent(flow)}`)).location?.pathname ?? 400, flow ? 400 : '/t/csrf/login')
	})

	test('cancelling goes back with access_denied', async () => {
		const browser = new Browser(), request = at('csrf').begin()
		const page = await browser.open(request.url)
		const back = await browser.open(page.form.action, { form: { form_token: page.form.fields.form_token, cancel: 'yes' } })
		assert.deepEqual([back.answer?.error, back.answer?.state], ['access_denied', request.state])
	})
})

describe('the session cookie (SE-3, SE-6)', () => {
	const NAME = 'psr_s_session'

	test('is never what the browser brought, and new at each sign-in', async () => {
		const fixed = 'A'.repeat(43), browser = new Browser(), seen = new Set([fixed])
		browser.cookies.set(NAME, fixed)
		for (let i = 0; i < 3; i++) {
			assert.ok(letIn(await attempt('session', 'alice', PASSWORDS.alice, browser)))
			const value = browser.cookies.get(NAME)
			assert.ok(!seen.has(value))
			seen.add(value)
		}
		for (const value of seen) {
			const old = new Browser()
			old.cookies.set(NAME, value)
			const page = await old.request(at('session').begin({ prompt: 'none' }).url)
			assert.equal(letIn(page), value === browser.cookies.get(NAME), 'only the newest one opens')
		}
	})

	test('a failed sign-in sets none', async () => {
		const browser = new Browser()
		await attempt('session', 'alice', 'wrong', browser)
		assert.equal(browser.cookies.get(NAME), undefined)
	})

	test('is worth nothing at another tenant, under either name', async () => {
		const browser = new Browser()
		assert.ok(letIn(await attempt('session', 'alice', PASSWORDS.alice, browser)))
		const value = browser.cookies.get(NAME)
		browser.cookies.set('psr_s_blue', value)
		browser.cookies.set('psr_f_blue', browser.cookies.get('psr_f_session'))
		browser.cookies.set('psr_d_blue', browser.cookies.get('psr_d_session'))
		assert.equal((await browser.request(at('blue').begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		assert.ok(!(await browser.open(`${at('blue').issuer}/account`)).text.includes('Alice Martin'))
	})

	test('sent twice it names nothing', async () => {
		const browser = new Browser()
		assert.ok(letIn(await attempt('session', 'alice', PASSWORDS.alice, browser)))
		const value = browser.cookies.get(NAME)
		const page = await new Browser().request(at('session').begin({ prompt: 'none' }).url, { headers: { Cookie: `${NAME}=${value}; ${NAME}=${value}` } })
		assert.equal(page.answer.error, 'login_required')
	})

	test('ends idle after 8 hours and absolutely after 30 days', async () => {
		const idle = new Browser(), busy = new Browser(), HOUR = 60, none = at('session').begin({ prompt: 'none' }).url
		assert.ok(letIn(await attempt('session', 'alice', PASSWORDS.alice, idle)))
		assert.ok(letIn(await attempt('session', 'alice', PASSWORDS.alice, busy)))
		for (let hours = 7; hours < 30 * 24; hours += 7) await at15min(hours * HOUR, async () => {
			assert.ok(letIn(await busy.request(none)), `${hours} hours, always in use`)
			if (hours === 14) assert.ok(!letIn(await idle.request(none)), 'idle for 14')
		})
		await at15min(30 * 24 * HOUR + 1, async () => assert.ok(!letIn(await busy.request(none)), 'whatever happens'))
	})

	test('another person in the same browser ends the first one\'s session', async () => {
		const browser = new Browser(), first = await at('session').tokens('alice', PASSWORDS.alice, { scope: 'openid' }, browser)
		assert.equal((await at('session').introspect(first.access_token)).json.active, true)
		const old = browser.cookies.get(NAME)
		assert.ok(letIn(await attempt('session', 'bruno', PASSWORDS.bruno, browser)))
		browser.cookies.set(NAME, old)
		assert.equal((await browser.request(at('session').begin({ prompt: 'none' }).url)).answer.error, 'login_required')
		assert.equal((await at('session').introspect(first.access_token)).json.active, false)
	})

	test('/account shows the person, /login without an application leads there', async () => {
		const browser = new Browser()
		const page = await browser.open(`${at('session').issuer}/account`)
		assert.ok(page.form, 'asks first')
		const account = await browser.signIn(page, 'alice', PASSWORDS.alice)
		assert.equal(account.url.pathname, '/t/session/account')
		assert.match(account.text, /Alice Martin/)
	})
})

test('canary: what is secret stands in no log, no store, no answer', async () => {
	const web = at('canary'), seen = []
	for (const password of ['canary of a wrong password', PASSWORDS.alice]) await attempt('canary', 'alice', password)
	await attempt('canary', 'canary of a password typed as name', 'x')
	const tokens = await web.tokens('alice', PASSWORDS.alice), refreshed = (await web.refresh(tokens.refresh_token)).json
	await web.redeem(tokens.request)
	await web.introspect(tokens.access_token)
	await fetch(`${web.issuer}/userinfo`, { headers: { Authorization: `Bearer ${refreshed.access_token}canary` } })
	await web.refresh(`${tokens.refresh_token}x`)
	const { browser, request } = tokens
	const secrets = { 'a password': PASSWORDS.alice, 'a wrong password': 'canary of a wrong password', 'a password typed as a name': 'canary of a password typed as name', 'a client secret': secretOf('web'), 'a code': request.code,
		'a verifier': request.verifier, 'an access token': tokens.access_token, 'its signature': tokens.access_token.split('.')[2], 'a refresh token': tokens.refresh_token, 'an ID token': tokens.id_token,
		'a session cookie': browser.cookies.get('psr_s_canary'), 'a flow cookie': browser.cookies.get('psr_f_canary'), 'a device cookie\'s proof': browser.cookies.get('psr_d_canary').split('.')[2] }
	await until('the records to be written', async () => (await gateway.rows('canary', '--event', 'token.refuse')).length >= 2)
	await gateway.cli('log', 'list', '--tenant', 'canary')
	const places = { 'the process log': Buffer.from(gateway.processLog), 'the connection log': Buffer.from(JSON.stringify(await gateway.rows('canary'))), 'the files of the store': gateway.storedBytes(),
		'the export': Buffer.from(await gateway.cli('export', '--tenant', 'canary')), 'the export with secrets': Buffer.from(await gateway.cli('export', '--with-secrets', '--tenant', 'canary')) }
	for (const [what, secret] of Object.entries(secrets))
		for (const [where, bytes] of Object.entries(places)) {
			assert.ok(secret.length > 20, what)
			if (bytes.includes(secret)) seen.push(`${what} in ${where}`)
		}
	assert.deepEqual(seen, [])
	assert.ok(places['the connection log'].includes('wrong_password') && places['the files of the store'].includes('victim0'), 'the test looked at the right places')
})
