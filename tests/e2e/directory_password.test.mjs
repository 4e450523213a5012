// A directory's password that has expired is changed on the sign-in pages, where the administrator allows it (RFC 3062; tests/providers has the directory's side).
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { hasChromium, launch, startCallback } from './lib/chromium.mjs'
import { API, CLIENTS, declare, tenant } from './lib/scene.mjs'
import { Slapd, hasSlapd } from './lib/slapd.mjs'

const skip = hasSlapd ? false : 'no slapd here'
const FAILURES = 4
const wordOf = (uid) => `old tractor canary of ${uid}`
const freshOf = (uid) => `new glacier canary of ${uid}`
const under = (policy, more) => (uid) => [uid, { password: wordOf(uid), pwdPolicySubentry: `cn=${policy},ou=policies,dc=acme,dc=example`, ...more }]
const OLD = { pwdChangedTime: '20200101000000Z' }
const PEOPLE = Object.fromEntries([
	...['expired', 'ruled', 'throttled', 'foreign', 'real', 'kept', 'frozen', 'shut'].map(under('strict', OLD)), ...['grace', 'last'].map(under('grace', OLD)), under('reset', { pwdReset: 'TRUE' })('reset')])

let slapd, gateway, callback
before(async () => {
	if (skip) return
	;[slapd, callback] = await Promise.all([Slapd.start('dc=acme,dc=example', PEOPLE, {}), startCallback()])
	const clients = [{ ...CLIENTS.web, redirect_uris: [...CLIENTS.web.redirect_uris, `${callback.origin}/cb`] }, 'api']
	const policy = { throttle: { failures: FAILURES, window: '15m', lock: '15m' } }
	gateway = await Gateway.start({ declaration: declare(
		tenant('acme', { clients, policy, users: [], providers: [slapd.provider('directory', { password_change: true, timeout: '1s', connect_timeout: '1s' })] }),
		tenant('strict', { clients, users: [], providers: [slapd.provider('directory')] })) })
})
after(async () => {
	await gateway?.stop()
	await Promise.all([slapd, callback].map((one) => one?.stop()))
})

const at = (name = 'acme') => new Application(gateway, name, CLIENTS.web)
const rows = async (event, name = 'acme') => (await gateway.rows(name, '--event', event))
const lastRow = async (event) => (await rows(event)).at(-1)
const isChangePage = (page) => 'new_password' in (page.form?.fields ?? {})
const told = (page) => page.text.match(/role="alert"[^>]*><p><strong>([^<]*)/)?.[1]

/** Signs in with the old password, as far as the page it leads to. */
async function signedIn(uid, name, password = wordOf(uid)) {
	const browser = new Browser(), request = at(name).begin({ resource: API })
	return { browser, request, page: await browser.signIn(await browser.open(request.url), uid, password) }
}
const change = (browser, page, uid, fields = {}) => browser.submit(page, { password: wordOf(uid), new_password: freshOf(uid), new_password_again: freshOf(uid), ...fields })
async function letIn(uid, password) {
	const { page } = await signedIn(uid, 'acme', password)
	return Boolean(page.answer?.code)
}

describe('an expired password', { skip }, () => {
	test('is changed, and the sign-in goes on to the application', async () => {
		const { browser, request, page } = await signedIn('expired')
		assert.ok(isChangePage(page), page.text)
		assert.equal(told(page), 'Your password has expired')
		assert.equal(page.form.fields.username, 'expired')
		assert.equal((await lastRow('login')).reason, 'password_expired')
		const end = await change(browser, page, 'expired')
		assert.ok(end.answer?.code, end.text)
		const answer = await at().redeem({ ...request, code: end.answer.code })
		assert.equal(claimsOf(answer.json.access_token).sub.length, 26)
		const changed = await lastRow('password.change'), login = await lastRow('login')
		assert.deepEqual([changed.result, changed.reason, changed.username, changed.provider], ['ok', 'ok', 'expired', 'directory'])
		assert.deepEqual([login.result, login.reason, login.ref], ['ok', 'ok', changed.ref])
		assert.ok(await letIn('expired', freshOf('expired')))
		assert.ok(!await letIn('expired', wordOf('expired')))
	})

	test('stays where the administrator does not allow it', async () => {
		const { page } = await signedIn('shut', 'strict')
		assert.ok(!isChangePage(page))
		assert.equal(told(page), 'Your password has expired')
	})

	test('must be typed right for the page to be shown at all', async () => {
		const { page } = await signedIn('shut', 'acme', 'wrong')
		assert.ok(!isChangePage(page))
		assert.equal(told(page), 'Wrong name or password')
	})

	test('the directory\'s rules are explained, and cost no attempt', async () => {
		const { browser, page } = await signedIn('ruled'), again = (fresh, repeated = fresh) => ({ new_password: fresh, new_password_again: repeated })
		let last = page
		for (let round = 0; round < FAILURES; round++)
			for (const [fields, problem, reason] of [[again('short'), 'The new password is too short', 'password_too_short'], [again(wordOf('ruled')), 'You have used this password before', 'password_reused'],
				[again(freshOf('ruled'), 'another'), 'The two new passwords differ', 'password_not_repeated'], [again(''), 'The two new passwords differ', 'password_not_repeated']].slice(0, round ? 2 : 4)) {
				last = await change(browser, last, 'ruled', fields)
				assert.deepEqual([isChangePage(last), told(last)], [true, problem], JSON.stringify(fields))
				if (fields.new_password) assert.equal((await lastRow('password.change')).reason, reason)
			}
		assert.ok((await change(browser, last, 'ruled')).answer?.code, 'and then it is accepted')
	})

	test('French is spoken', async () => {
		const browser = new Browser({ headers: { 'Accept-Language': 'fr' } })
		const page = await browser.signIn(await browser.open(at().begin().url), 'shut', wordOf('shut'))
		assert.match(page.text, /Changez votre mot de passe/)
		assert.doesNotMatch(page.text, /Change your password|New password|expired</)
	})

	test('in a real browser, without JavaScript', { skip: hasChromium ? false : 'no Chromium here' }, async () => {
		const chromium = await launch()
		try {
			const page = await (await chromium.newContext({ javaScriptEnabled: false, locale: 'en-GB' })).newPage()
			await page.goto(at().begin({ redirect_uri: `${callback.origin}/cb` }).url)
			await page.fill('[name=username]', 'real')
			await page.fill('[name=password]', wordOf('real'))
			await page.click('button:has-text("Sign in")')
			await page.fill('[name=password]', wordOf('real'))
			await page.fill('[name=new_password]', freshOf('real'))
			await page.fill('[name=new_password_again]', freshOf('real'))
			await page.click('button:has-text("Change and sign in")')
			await page.waitForURL(`${callback.origin}/**`)
			assert.ok(new URL(page.url()).searchParams.get('code'))
		} finally {
			await chromium.close()
		}
	})
})

describe('not yet at its end', { skip }, () => {
	test('in grace, people are let in and may go on without a change', async () => {
		const { browser, page } = await signedIn('grace')
		assert.ok(isChangePage(page))
		assert.match(page.text, /You may go on for now/)
		const later = page.text.match(/<a [^>]*href="([^"]*\/login\?flow=[^"]*)"/)[1]
		assert.ok((await browser.open(new URL(later, page.url))).answer?.code)
		const second = await signedIn('grace')
		assert.match(second.page.text, /for the last time/)
		assert.ok((await change(second.browser, second.page, 'grace')).answer?.code, 'and the change needs no further grace')
		assert.ok(await letIn('grace', freshOf('grace')))
	})

	test('a change ends what was opened with the old one', async () => {
		const first = await signedIn('last'), later = first.page.text.match(/<a [^>]*href="([^"]*)"/)[1]
		const end = await first.browser.open(new URL(later, first.page.url))
		const tokens = (await at().redeem({ ...first.request, code: end.answer.code })).json
		const second = await signedIn('last')
		assert.ok((await change(second.browser, second.page, 'last')).answer?.code)
		assert.equal((await at().refresh(tokens.refresh_token)).status, 400)
		assert.ok('password' in (await first.browser.open(at().begin().url)).form.fields, 'the other browser signs in again')
	})

	test('must be changed after a reset', async () => {
		const { browser, page } = await signedIn('reset')
		assert.ok(isChangePage(page))
		assert.doesNotMatch(page.text, /href="[^"]*\/login\?flow/, 'there is no way on without it')
		assert.ok((await change(browser, page, 'reset')).answer?.code)
		assert.ok(await letIn('reset', freshOf('reset')))
	})
})

describe('who may not', { skip }, () => {
	const unchanged = async (uid) => assert.ok(isChangePage((await signedIn(uid)).page), 'the old one is still right, and expired')

	test('another name, another provider, another browser, another step\'s token: refused before anybody is asked', async () => {
		const { browser, page } = await signedIn('foreign'), strange = new Browser()
		const signIn = await strange.open(at().begin().url)
		const filled = { ...page.form.fields, password: wordOf('kept'), new_password: freshOf('kept'), new_password_again: freshOf('kept') }
		const lines = await slapd.during(async () => {
			for (const [who, action, fields, status] of [
				[browser, page.form.action, { ...filled, username: 'kept' }, 403], [browser, page.form.action, { ...filled, provider: 'local' }, 403], [browser, page.form.action, { ...filled, form_token: '' }, 403],
				[strange, page.form.action, filled, 403], [strange, signIn.form.action.replace('/login', '/password'), { ...filled, form_token: signIn.form.fields.form_token }, 403]]) {
				const refused = await who.request(action, { form: fields })
				assert.equal(refused.status, status, refused.text)
			}
		})
		assert.deepEqual(lines.filter((one) => / (BIND|PASSMOD|EXT) /.test(one)), [])
		await unchanged('kept')
	})

	test('a page that was kept leads to the sign-in', async () => {
		const browser = new Browser(), page = await browser.open(at().begin().url)
		const kept = await browser.open(page.form.action.replace('/login', '/password'))
		assert.ok('password' in kept.form.fields && !isChangePage(kept))
	})

	test('guessing the old one is counted as at the sign-in', async () => {
		const { browser, page } = await signedIn('throttled')
		let last = page
		for (let i = 0; i < FAILURES; i++) {
			last = await change(browser, last, 'throttled', { password: `guess ${i}` })
			assert.equal(told(last), 'The current password is wrong')
		}
		let locked
		const lines = await slapd.during(async () => { locked = await change(browser, last, 'throttled') })
		assert.equal(told(locked), 'The current password is wrong')
		assert.deepEqual((await rows('password.change')).slice(-2).map((row) => row.reason), ['wrong_password', 'locked'])
		assert.deepEqual(lines.filter((one) => / (BIND|PASSMOD|EXT) /.test(one)), [])
	})

	test('cancelling goes back to the application', async () => {
		const { browser, page } = await signedIn('shut')
		const { form_token, provider, username } = page.form.fields
		const back = await browser.request(page.form.action, { form: { form_token, provider, username, cancel: 'yes' } })
		assert.equal(back.answer.error, 'access_denied')
	})

	test('a directory that does not answer: busy, and nothing is claimed', async () => {
		const { browser, page } = await signedIn('frozen')
		await slapd.freeze()
		let busy
		try {
			busy = await change(browser, page, 'frozen')
		} finally {
			await slapd.thaw()
		}
		assert.deepEqual([busy.status, told(busy)], [503, 'The service is busy'])
		assert.equal((await lastRow('password.change')).reason, 'provider_unavailable')
	})
})

describe('afterwards', { skip }, () => {
	test('neither the old nor the new passwords stand in a log, an output or the database', async () => {
		const outputs = [gateway.processLog, await gateway.cli('log', 'export', '--tenant', 'acme'), await gateway.cli('export', '--tenant', 'acme'), await gateway.cli('log', 'verify', '--tenant', 'acme')]
		const bytes = gateway.storedBytes()
		for (const secret of ['old tractor canary', 'new glacier canary', 'guess 1']) {
			for (const text of outputs) assert.ok(!text.includes(secret), secret)
			assert.equal(bytes.indexOf(secret), -1, secret)
		}
		assert.ok(bytes.indexOf('password.change') > 0)
	})
})
