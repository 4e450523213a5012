// An upstream OpenID provider that is wrong, forged or in trouble (SECURITY OP-1 to OP-9, section 2.2): the certified one of lib/upstream.mjs with one fault at a time.
// Each sign-in ends on a page with a reference and a way out, without session and account, and the connection log knows the one reason.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CONNECTION_FAULTS, DISCOVERY_FAULTS, RESPONSE_FAULTS, TOKEN_FAULTS, VENDOR_FAULTS } from './lib/faults.mjs'
import { newKey, sign } from './lib/jws.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'
import { DIRECTORY, Upstream } from './lib/upstream.mjs'

const ADA = { sub: 'ada-1', tid: DIRECTORY, oid: 'aaaaaaaa-2222-4333-8444-555555555555', hd: 'acme.example', name: 'Ada', email: 'ada@partner.example', email_verified: true, preferred_username: 'ada' }
const PEOPLE = { ada: ADA, eve: { ...ADA, sub: 'eve-1', oid: 'eeeeeeee-2222-4333-8444-555555555555', email: 'eve@partner.example', preferred_username: 'eve' } }
const MANNERS = { partner: 'plain', other: 'plain', google: 'google', azure: 'azure', linkedin: 'linkedin' }
// A breaker opens for a server, and discovery is kept: whoever breaks these has a server of his own.
const troubled = Object.keys(CONNECTION_FAULTS).map((_, i) => `trouble${i}`), misleading = Object.keys(DISCOVERY_FAULTS).map((_, i) => `misleading${i}`)
const KEYED = ['keys', 'keys0', 'keys1', 'keys2']

const upstreams = {}, expected = new Map()
let gateway
const all = () => Object.values(upstreams)
before(async () => {
	const start = async (name, options) => { upstreams[name] = await Upstream.start({ people: PEOPLE, ...options }) }
	await Promise.all([...Object.entries(MANNERS).map(([name, manner]) => start(name, { manner })), ...[...troubled, ...misleading, ...KEYED, 'stuck'].map((name) => start(name, { alg: 'ES256' })),
		start('untrusted', { tls: true, alg: 'ES256' })])
	const settings = { google: { hosted_domains: ['acme.example'] }, partner: { userinfo: true } }
	const tenants = [tenant('acme', { clients: ['web'], providers: Object.entries(upstreams).map(([name, upstream]) => upstream.provider(name, settings[name])) }),
		tenant('beta', { clients: ['web'], providers: [upstreams.partner.provider('partner')] })]
	gateway = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1/32'], connect_timeout: '1s', timeout: '1s' } }, declaration: declare(...tenants) })
	Upstream.trust(gateway, ...tenants)
})
afterEach(() => { for (const one of all()) one.fault = {} })
after(async () => {
	await gateway?.stop()
	await Promise.all(all().map((one) => one.stop()))
})

const web = (name = 'acme', at = gateway) => new Application(at, name, CLIENTS.web)
const newBrowser = () => new Browser({ beyond: all().map((one) => one.origin) })
const atUpstream = (page) => all().some((one) => one.origin === page.url.origin)
const hasSession = (browser, name = 'acme') => [...browser.cookies.keys()].some((one) => one.endsWith(`psr_s_${name}`))

/** To the upstream's sign-in page. */
async function setOut(provider, { browser = newBrowser(), name = 'acme', at = gateway } = {}) {
	const page = await browser.open(web(name, at).begin({ idp_hint: provider }).url)
	return { browser, page, name, at }
}
/** What the upstream sends the browser back with; nobody has opened it yet. */
async function answerOf({ browser, page, at }, person = 'ada') {
	assert.ok(atUpstream(page), `not at the upstream but at ${page.url}: ${page.text}`)
	browser.beyond = [page.url.origin]
	browser.home = undefined
	const last = await browser.submit(page, { login: person, refuse: undefined })
	browser.beyond = all().map((one) => one.origin)
	assert.equal(last.location?.origin, at.base, `${last.status} ${last.text}`)
	return last.location
}
async function attempt(provider, options) {
	const way = await setOut(provider, options)
	return { ...way, page: await way.browser.open(await answerOf(way)) }
}

/** Refused on a page that helps, with nothing left behind. */
async function assertTurnedAway({ page, browser, name = 'acme', at = gateway }, reason) {
	assert.ok(!page.answer?.code, `signed in: ${page.location}`)
	assert.ok((page.status >= 400 || page.problem) && page.reference, `${page.status} ${page.location ?? page.text}`)
	assert.match(page.text, /<a\b[^>]*href=|<form\b|Go back to the application/, 'a way out')
	assert.ok(!hasSession(browser, name), 'no session')
	const shown = await at.explain(name, page.reference)
	assert.equal(shown.reason, reason, JSON.stringify(shown, null, 1))
	assert.ok(shown.checks.some((check) => check.passed === false), JSON.stringify(shown.checks))
	if (at === gateway) expected.set(page.reference, reason)
	return shown
}
async function assertRefused(provider, fault, reason) {
	upstreams[provider].fault = fault
	return assertTurnedAway(await attempt(provider), reason)
}

describe('an ID token with', () => {
	for (const [title, [fault, reason]] of Object.entries(TOKEN_FAULTS))
		test(title, () => assertRefused('partner', fault, reason))

	test('a key of another curve than its algorithm\'s', async () => {
		const key = newKey('ES256', { curve: 'P-384' }), { partner } = upstreams
		partner.rotate({ alg: 'ES256' })
		partner.keys[0] = { ...key, jwk: { ...key.jwk, alg: undefined } }
		try {
			await assertTurnedAway(await attempt('partner'), 'token_algorithm')
		} finally {
			partner.keys.shift()
		}
	})
})

for (const [provider, faults] of Object.entries(VENDOR_FAULTS))
	describe(`a token of ${provider} with`, () => {
		for (const [title, [fault, reason]] of Object.entries(faults))
			test(title, () => assertRefused(provider, fault, reason))
	})

describe('a token endpoint that answers', () => {
	for (const [title, [fault, reason]] of Object.entries(RESPONSE_FAULTS))
		test(title, () => assertRefused('other', fault, reason))
})

describe('a token endpoint that', () => {
	for (const [i, [title, [raw, reason]]] of Object.entries(CONNECTION_FAULTS).entries())
		test(title, () => assertRefused(troubled[i], { raw: { token: raw } }, reason))
})

describe('userinfo', () => {
	test('of somebody else', () => assertRefused('partner', { userinfo: (claims) => ({ ...claims, sub: 'eve-1' }) }, 'userinfo_subject'))
	test('of nobody', () => assertRefused('partner', { userinfo: (claims) => { delete claims.sub } }, 'userinfo_subject'))
	test('in HTML', () => assertRefused('partner', { raw: { userinfo: (request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>') } }, 'provider_violation'))
})

// Keys are looked for once a minute, by a clock that no test moves: each of these has an upstream of its own.
describe('keys', () => {
	const stray = newKey('ES256')
	const strange = { jws: (header, claims) => sign({ ...header, kid: stray.kid }, claims, stray.key, 'ES256') }
	const known = async (name) => assert.ok((await attempt(name)).page.answer?.code)

	test('an unknown kid is looked for once, and finds nothing', async () => {
		await known('keys')
		const { keys } = upstreams, before = keys.asked('jwks').length
		keys.fault = strange
		for (let i = 0; i < 4; i++) await assertTurnedAway(await attempt('keys'), 'token_key_unknown')
		assert.equal(keys.asked('jwks').length, before + 1)
		keys.fault = {}
		await known('keys')
	})

	for (const [i, [title, garbage]] of Object.entries({ 'HTML': '<h1>It works</h1>', 'an empty set': '{"keys":[]}', 'half a document': '{"keys":[{' }).entries())
		test(`${title} in their place never evicts good ones`, async () => {
			const name = `keys${i}`
			await known(name)
			upstreams[name].fault = { ...strange, raw: { jwks: (request, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(garbage) } }
			await assertTurnedAway(await attempt(name), 'token_key_unknown')
			upstreams[name].fault = { raw: upstreams[name].fault.raw }
			await known(name)
		})
})

describe('what the browser carries back', () => {
	test('a state that was used', async () => {
		const way = await setOut('partner'), back = await answerOf(way)
		assert.ok((await way.browser.open(back)).answer?.code)
		const again = await way.browser.open(back)
		assert.ok(!again.answer?.code)
		assert.equal((await gateway.explain('acme', again.reference)).reason, 'flow_expired')
	})

	test('a state that was used, and refused', async () => {
		upstreams.partner.fault = TOKEN_FAULTS['no sub'][0]
		const way = await setOut('partner'), back = await answerOf(way)
		await way.browser.open(back)
		upstreams.partner.fault = {}
		await assertTurnedAway({ ...way, page: await way.browser.open(back) }, 'state_invalid')
	})

	test('a state of another browser', async () => {
		const way = await setOut('partner'), thief = newBrowser(), back = await answerOf(way), before = upstreams.partner.asked('token').length
		await assertTurnedAway({ browser: thief, page: await thief.open(back) }, 'flow_foreign')
		const busy = (await setOut('partner')).browser
		await assertTurnedAway({ browser: busy, page: await busy.open(back) }, 'flow_foreign')
		assert.equal(upstreams.partner.asked('token').length, before, 'the code went nowhere')
		assert.ok((await way.browser.open(back)).answer?.code, 'and whose it is can still use it')
	})

	test('a state of another provider (mix-up)', async () => {
		const way = await setOut('partner'), back = await answerOf(way), before = upstreams.other.asked('token').length
		back.pathname = back.pathname.replace('/partner', '/other')
		await assertTurnedAway({ ...way, page: await way.browser.open(back) }, 'state_invalid')
		assert.equal(upstreams.other.asked('token').length, before, 'the code of the one is never shown to the other')
	})

	test('a state of another tenant', async () => {
		const way = await setOut('partner'), back = await answerOf(way), before = upstreams.partner.asked('token').length
		back.pathname = back.pathname.replace('/t/acme/', '/t/beta/')
		const page = await way.browser.open(back)
		await assertTurnedAway({ ...way, name: 'beta', page }, 'flow_expired')
		assert.equal(upstreams.partner.asked('token').length, before)
	})

	for (const [title, change] of Object.entries({ 'no state': (back) => back.delete('state'), 'an empty state': (back) => back.set('state', ''), 'a state of letters': (back) => back.set('state', 'x'.repeat(43)),
		'a state with one letter changed': (back) => back.set('state', back.get('state').replace(/.$/, (one) => one === 'A' ? 'B' : 'A')), 'a state twice': (back) => back.append('state', back.get('state')) }))
		test(title, async () => {
			const way = await setOut('partner'), back = await answerOf(way)
			change(back.searchParams)
			const page = await way.browser.open(back)
			assert.ok(!page.answer?.code && page.status >= 400, `${page.status} ${page.location}`)
			assert.ok(!hasSession(way.browser))
		})

	test('a code that was used', async () => {
		const first = await setOut('partner'), used = await answerOf(first)
		assert.ok((await first.browser.open(used)).answer?.code)
		const second = await setOut('partner'), back = await answerOf(second)
		back.searchParams.set('code', used.searchParams.get('code'))
		await assertTurnedAway({ ...second, page: await second.browser.open(back) }, 'provider_code')
	})

	test('a code of another browser\'s sign-in, under its own state', async () => {
		const victim = await setOut('partner'), stolen = await answerOf(victim, 'eve')
		const thief = await setOut('partner'), back = await answerOf(thief)
		back.searchParams.set('code', stolen.searchParams.get('code'))
		const { page } = { page: await thief.browser.open(back) }
		assert.ok(!page.answer?.code, 'PKCE and nonce bind it')
		assert.ok(!hasSession(thief.browser))
	})

	test('the iss of another provider (RFC 9207)', () => assertRefused('partner', { answer: (back) => back.set('iss', upstreams.other.issuer) }, 'iss_parameter'))
	test('no iss, where it is advertised', () => assertRefused('partner', { answer: (back) => back.delete('iss') }, 'iss_parameter'))
	test('neither code nor error', () => assertRefused('partner', { answer: (back) => back.delete('code') }, 'provider_violation'))
	test('both code and error', () => assertRefused('partner', { answer: (back) => back.set('error', 'access_denied') }, 'provider_refused'))

	test('access_denied: the person said no there', async () => {
		const way = await setOut('partner')
		const page = await way.browser.submit(way.page, { go: undefined, refuse: '1', login: 'ada' })
		await assertTurnedAway({ ...way, page }, 'provider_refused')
	})
	test('login_required', () => assertRefused('partner', { answer: (back) => { back.delete('code'); back.set('error', 'login_required') } }, 'provider_refused'))
	test('server_error with HTML in its words', async () => {
		const words = '<script>alert(1)</script><b>"broken"</b>'
		upstreams.partner.fault = { answer: (back) => { back.delete('code'); back.set('error', 'server_error'); back.set('error_description', words) } }
		const turned = await attempt('partner')
		await assertTurnedAway(turned, 'provider_unavailable')
		assert.ok(!turned.page.text.includes('<script>') && !turned.page.text.includes('<b>'))
	})
	test('an error in two thousand letters', () => assertRefused('partner', { answer: (back) => { back.delete('code'); back.set('error', 'e'.repeat(2_000)) } }, 'provider_violation'))
})

describe('discovery that', () => {
	for (const [i, [title, [fault, reason]]] of Object.entries(DISCOVERY_FAULTS).entries())
		test(title, async () => {
			upstreams[misleading[i]].fault = fault
			await assertTurnedAway(await setOut(misleading[i]), reason)
		})
	test('is behind a certificate of nobody\'s', async () => {
		await assertTurnedAway(await setOut('untrusted'), 'provider_unavailable')
		assert.equal(upstreams.untrusted.calls.length, 0)
	})
})

describe('a provider in trouble', () => {
	test('takes its own slots and no more: the others sign in meanwhile', async () => {
		const { stuck, other } = upstreams, waiting = new Set(), slots = 2
		const lone = tenant('apart', { clients: ['web'], providers: [stuck.provider('stuck'), other.provider('other')] })
		const apart = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1/32'] }, workers: { threads: 8, provider_slots: slots } }, declaration: declare(lone) })
		try {
			Upstream.trust(apart, lone)
			const options = { name: 'apart', at: apart }
			const ways = [], backs = []
			for (let i = 0; i < 3 * slots; i++) { // one by one: setting out takes a slot too
				ways.push(await setOut('stuck', options))
				backs.push(await answerOf(ways[i]))
			}
			stuck.fault = { raw: { token: (request, response) => { waiting.add(response) } } }
			const ends = ways.map((way, i) => way.browser.open(backs[i]))
			await until('as many to hang as may', () => waiting.size === slots)
			for (let i = 0; i < 5; i++) assert.ok((await attempt('other', options)).page.answer?.code)
			assert.equal(waiting.size, slots, 'no more than its slots')
			assert.ok([...waiting].every((one) => !one.closed), 'all that while')
			stuck.fault = { raw: { token: (request) => request.socket.destroy() } }
			for (const one of waiting) one.destroy()
			for (const [i, end] of ends.entries()) {
				const page = await end
				assert.ok(!page.answer?.code && page.status >= 400, `${i}: ${page.status}`)
			}
		} finally {
			await apart.stop()
		}
	})
})

describe('after all that', () => {
	test('no account was made for nobody, and the log lists every reason', async () => {
		const users = (await gateway.cliJson('user', 'list', '--tenant', 'acme')).map((user) => user.username)
		assert.deepEqual([...new Set(users.map((name) => name.split(' (')[0]))].sort(), ['ada', 'alice', 'bruno', 'carla'], 'only who was let in has one')
		const listed = new Map()
		for (const name of ['acme', 'beta'])
			for (const line of (await gateway.cli('log', 'list', '--json', '--limit', '1000', '--tenant', name)).split('\n').filter(Boolean)) {
				const { ref, reason } = JSON.parse(line)
				listed.set(ref, reason)
			}
		for (const [ref, reason] of expected) assert.equal(listed.get(ref), reason)
		assert.ok(expected.size >= 70, `${expected.size} faults`)
	})
	for (const provider of Object.keys(MANNERS))
		test(`${provider} without a fault signs in`, async () => assert.ok((await attempt(provider)).page.answer?.code))
	test('secrets and tokens of an upstream are in no log', async () => {
		const { partner } = upstreams, exported = await gateway.cli('log', 'export', '--tenant', 'acme')
		for (const call of partner.asked('token')) if (call.form?.code) assert.ok(!(gateway.processLog + exported).includes(call.form.code))
		assert.ok(!(gateway.processLog + exported).includes('upstream-secret-canary'))
	})
})
