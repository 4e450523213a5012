// `passerelle provider test --interactive`: a real sign-in at the certified provider of lib/upstream.mjs that signs nobody in. What is shown must be what a sign-in would
// do; what is written must be nothing; and the address must be worth nothing to whoever else gets it.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'
import { CLIENT_SECRET, DIRECTORY, Upstream } from './lib/upstream.mjs'

const CANARY = 'a-claim-that-nobody-maps-canary'
const person = (name, more) => ({ sub: `${name}-1`, tid: DIRECTORY, oid: 'aaaaaaaa-2222-4333-8444-555555555555', hd: 'elsewhere.example', name: `${name} Upstream`, given_name: CANARY, preferred_username: name,
	email: `${name}@partner.example`, email_verified: true, groups: ['wiki-up', 'R&D'], ...more })
const people = Object.fromEntries(['ada', 'bea', 'cleo'].map((name) => [name, person(name)]))
const upstreams = {}, issued = []
let gateway
const all = () => Object.values(upstreams)
before(async () => {
	for (const manner of ['plain', 'google', 'azure', 'linkedin']) upstreams[manner] = await Upstream.start({ manner, people })
	const { plain, google, azure, linkedin } = upstreams, mapped = { scope: 'openid profile email groups', group_map: { 'wiki-up': 'wiki' } }
	const tenants = [
		tenant('acme', { clients: ['web'], users: [{ username: 'known', links: [{ provider: 'partner', subject: 'bea-1' }] }], providers: [plain.provider('partner', mapped), plain.provider('other'),
			plain.provider('posted', { response_mode: 'form_post' }), plain.provider('closed', { provisioning: 'existing' }), plain.provider('off', { enabled: false }), { name: 'own', type: 'local' },
			google.provider('google', { hosted_domains: ['acme.example'] }), azure.provider('azure'), linkedin.provider('linkedin')] }),
		tenant('beta', { clients: [], users: [], providers: [plain.provider('partner')] })]
	gateway = await Gateway.start({ declaration: declare(...tenants), config: { outbound: { allow: ['127.0.0.1/32'], timeout: '2s' } } })
	Upstream.trust(gateway, ...tenants.map((one) => ({ ...one, providers: one.providers.filter(({ type }) => type !== 'local') })))
})
afterEach(() => { for (const one of all()) one.fault = {} })
after(async () => {
	await gateway?.stop()
	await Promise.all(all().map((one) => one.stop()))
})

const newBrowser = (headers = {}) => new Browser({ beyond: all().map((one) => one.origin), headers })
const running = new Set()
afterEach(async () => {
	for (const one of running) one.child.kill('SIGTERM')
	await Promise.all([...running].map((one) => one.done))
	running.clear()
})
/** The command, once it waits, and the address that it prints. */
async function begin(provider, ...words) {
	const trial = gateway.background(['provider', 'test', provider, '--interactive', '--tenant', 'acme', ...words])
	running.add(trial)
	await until('an address to open', () => /^http.*$/m.test(trial.err) || trial.child.exitCode !== null)
	trial.address = trial.err.match(/^(http\S+)$/m)?.[1]
	assert.ok(trial.address, `${trial.out}${trial.err}`)
	assert.ok(trial.address.startsWith(`${gateway.issuer('acme')}/login/${provider}?trial=`), trial.address)
	return trial
}
async function walk(browser, page, who) {
	let here = await browser.submit(page, { login: who, refuse: undefined })
	if (here.form && all().some((one) => one.origin === here.url.origin)) here = await browser.submit(here) // form_post
	return here
}
/** All of it, and nothing must have been made of it. */
async function go(provider, who, { browser = newBrowser() } = {}) {
	const kept = await everything(), trial = await begin(provider, '--json'), upstream = all().find((one) => one.fault.token) ?? upstreams[provider] ?? upstreams.plain
	const { token } = upstream.fault
	upstream.fault = { ...upstream.fault, token: (body) => { issued.push(...['access_token', 'id_token', 'refresh_token'].map((name) => body[name]).filter(Boolean)); return token?.(body) ?? body } }
	const page = await walk(browser, await browser.open(trial.address), who), { status, out, err } = await trial.done
	assert.ok(issued.length > 0)
	for (const secret of [CLIENT_SECRET, ...issued]) assert.ok(!(out + err + page.text).includes(secret), 'a token or secret was told')
	assert.deepEqual(await everything(), kept, 'something was made or recorded')
	assert.deepEqual(sessions(browser), [])
	const found = JSON.parse(out)
	assert.equal(status, found.passed ? 0 : 1, err)
	return { ...found, page, err }
}
const sessions = (browser) => [...browser.cookies.keys()].filter((name) => /psr_[sd]_/.test(name))
const everything = async () => [await gateway.cliJson('user', 'list', '--tenant', 'acme'), await gateway.rows('acme', '--event', 'login'), await gateway.cliJson('user', 'show', 'known', '--tenant', 'acme')]
const refused = (page) => assert.ok(page.status >= 400 && !page.location, `${page.status} ${page.url} ${page.location}`)

describe('what it tells', () => {
	test('somebody new: every claim raw and mapped, and that an account would be made', async () => {
		const { passed, checks, sign_in, page } = await go('partner', 'ada')
		assert.ok(passed && checks.length > 10 && checks.every((one) => one.passed))
		assert.deepEqual([sign_in.claims.given_name, sign_in.claims.sub, sign_in.claims.email_verified, sign_in.claims.iss], [CANARY, 'ada-1', true, upstreams.plain.issuer])
		assert.deepEqual([sign_in.subject, sign_in.mapped.username, sign_in.mapped.name, sign_in.mapped.email], ['ada-1', 'ada', 'ada Upstream', 'ada@partner.example'])
		assert.deepEqual(sign_in.mapped.groups.toSorted(), ['partner:R&D', 'wiki'])
		assert.deepEqual([sign_in.decision.action, sign_in.decision.reason], ['create', 'ok'])
		assert.ok(sign_in.checks.some((one) => one.check === 'signature' || one.check === 'audience' || /nonce/.test(one.check)), JSON.stringify(sign_in.checks))
		assert.equal(page.title.startsWith('The test is over'), true, page.text)
		assert.ok(!page.text.includes(CANARY), 'the page tells nothing')
	})

	test('somebody who is linked: whose account would be used', async () => {
		const { sign_in } = await go('partner', 'bea')
		assert.deepEqual([sign_in.decision.action, sign_in.decision.username], ['use', 'known'])
	})

	test('somebody who would be refused, and why: exit 1', async () => {
		const { passed, sign_in, err } = await go('closed', 'ada')
		assert.deepEqual([passed, sign_in.decision.action, sign_in.decision.reason], [false, 'refuse', 'not_provisioned'])
		assert.match(sign_in.decision.sentence, /does not take in new people/)
		assert.match(err, /would be refused: not_provisioned/)
	})

	test('a vendor\'s rule that refuses: the claims are shown all the same', async () => {
		const { sign_in } = await go('google', 'ada')
		assert.deepEqual([sign_in.decision.reason, sign_in.claims.hd, sign_in.mapped], ['hosted_domain', 'elsewhere.example', undefined])
	})

	for (const provider of ['azure', 'linkedin', 'posted'])
		test(provider, async () => assert.equal((await go(provider, 'cleo')).sign_in.decision.action, 'create'))

	test('a token that is wrong: the failed check and its reason', async () => {
		upstreams.plain.fault = { claims: (claims) => ({ ...claims, nonce: 'of another sign-in' }) }
		const { passed, sign_in } = await go('partner', 'ada')
		assert.deepEqual([passed, sign_in.decision.reason, sign_in.claims], [false, 'token_nonce', undefined])
		assert.ok(sign_in.checks.some((one) => !one.passed && /nonce/.test(one.check)))
	})

	test('who says no there', async () => {
		const trial = await begin('partner', '--json'), browser = newBrowser()
		await browser.submit(await browser.open(trial.address), { login: 'ada', refuse: '1' })
		const { status, out } = await trial.done
		assert.deepEqual([status, JSON.parse(out).sign_in.decision.reason], [1, 'provider_refused'])
	})

	test('in words; the page in French', async () => {
		const trial = await begin('partner'), browser = newBrowser({ 'Accept-Language': 'fr' })
		const page = await walk(browser, await browser.open(trial.address), 'ada'), { status, out } = await trial.done
		assert.equal(status, 0)
		assert.match(out, new RegExp(`what the provider said:\\n(?: {8}.*\\n)* {8}given_name: ${CANARY}\\n`))
		assert.match(out, /who it is there: ada-1\nwhat it becomes here:\n(?: {8}.*\n)* {8}username: ada\n/)
		assert.match(out, /^decision: create \(ok\)$/m)
		assert.match(page.title, /^L’essai est terminé/)
	})
})

describe('what it cannot be used for', () => {
	const handleOf = (trial) => new URL(trial.address).searchParams.get('trial')

	test('the address opens for one browser, once', async () => {
		const trial = await begin('partner', '--json'), first = newBrowser(), second = newBrowser()
		const page = await first.open(trial.address)
		assert.ok(page.form, 'at the upstream')
		refused(await second.open(trial.address))
		refused(await first.open(trial.address))
		refused(await second.open(`${gateway.issuer('acme')}/login/partner?flow=${handleOf(trial)}`))
		await walk(first, page, 'ada')
		assert.equal((await trial.done).status, 0)
	})

	test('of two browsers at once one has it', async () => {
		const trial = await begin('partner'), browsers = Array.from({ length: 6 }, newBrowser)
		const pages = await Promise.all(browsers.map((one) => one.open(trial.address)))
		assert.equal(pages.filter((page) => page.form).length, 1)
	})

	test('no other step of a sign-in takes it, before it is opened and after', async () => {
		const trial = await begin('partner'), browser = newBrowser(), handle = handleOf(trial)
		const steps = ['/login', '/login/partner', '/login/other', '/consent', '/password'].map((step) => `${gateway.issuer('acme')}${step}?flow=${handle}`)
		for (const step of steps) refused(await browser.request(step))
		await browser.open(trial.address)
		for (const step of steps.filter((one) => !one.includes('/login/partner'))) refused(await browser.request(step))
		refused(await browser.request(steps[0], { form: { username: 'known', password: 'x', form_token: 'x' } }))
		for (const [name, provider] of [['acme', 'other'], ['beta', 'partner'], ['acme', 'off']]) refused(await newBrowser().open(`${gateway.issuer(name)}/login/${provider}?trial=${handle}`))
		assert.deepEqual(sessions(browser), [])
	})

	test('an application\'s sign-in is no trial, whatever it asks for', async () => {
		const browser = newBrowser(), { url } = new Application(gateway, 'acme', CLIENTS.web).begin({ idp_hint: 'partner', trial: 'partner' })
		const page = await walk(browser, await browser.open(url), 'bea')
		assert.ok(page.answer?.code, page.text)
		const flow = await newBrowser().open(`${gateway.issuer('acme')}/login/partner?trial=${new URL((await browser.request(`${gateway.issuer('acme')}/login/partner`)).location).searchParams.get('flow')}`)
		refused(flow)
	})

	test('who is signed in stays who he was', async () => {
		const browser = newBrowser(), application = new Application(gateway, 'acme', CLIENTS.web)
		await walk(browser, await browser.open(application.begin({ idp_hint: 'partner' }).url), 'bea')
		const before = new Map(browser.cookies)
		assert.equal(sessions(browser).length > 0, true)
		const trial = await begin('other', '--json')
		const page = await browser.open(trial.address)
		if (page.form) await walk(browser, page, 'ada')
		assert.equal((await trial.done).status, 0)
		for (const name of sessions(browser)) assert.equal(browser.cookies.get(name), before.get(name))
		assert.ok((await browser.open(application.begin().url)).answer?.code, 'still bea')
	})

	test('once over it is over: neither begun again nor answered again', async () => {
		const trial = await begin('partner'), browser = newBrowser(), { plain } = upstreams
		const page = await browser.open(trial.address)
		browser.beyond = [plain.origin]
		browser.home = undefined
		const { location } = await browser.submit(page, { login: 'ada', refuse: undefined })
		assert.equal(location.origin, gateway.base)
		refused(await newBrowser().request(location)) // another browser has it: the trial stays
		assert.equal((await browser.request(location)).status, 200)
		refused(await browser.request(location))
		assert.equal((await trial.done).status, 0)
		refused(await browser.request(location))
		refused(await browser.request(`${gateway.issuer('acme')}/login/partner?flow=${handleOf(trial)}`))
	})

	test('after ten minutes the address is worth nothing', async () => {
		const trial = await begin('partner')
		gateway.advance(10 * 60_000 + 1000)
		try {
			refused(await newBrowser().open(trial.address))
		} finally {
			gateway.advance(-(10 * 60_000 + 1000))
		}
	})

	test('claims stand in no log and in no clear row', () => {
		assert.ok(!gateway.processLog.includes(CANARY))
		assert.ok(!gateway.storedBytes().includes(CANARY), 'the report is sealed')
	})
})

test('what it is not for: passwords, a provider that is off, one whose steps fail', async () => {
	const run = (name) => gateway.command(['provider', 'test', name, '--interactive', '--tenant', 'acme'])
	for (const [name, status, words] of [['off', 1, /switched off/], ['own', 2, /for providers that the browser is sent to/]]) {
		const done = await run(name)
		assert.deepEqual([done.status, done.out], [status, ''])
		assert.match(done.err, words)
	}
	upstreams.plain.fault = { jwks: () => ({ keys: [] }) }
	const { status, out, err } = await run('partner')
	assert.equal(status, 1)
	assert.match(out, /^FAILED {2}keys/m)
	assert.doesNotMatch(err, /Open this address/)
})
