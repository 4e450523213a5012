// A SAML identity provider that is wrong, forged or in trouble, and people who bring answers that are not theirs (SECURITY SM-1 to SM-12): SimpleSAMLphp and samlp with one
// fault at a time. Each sign-in ends on a page with a reference and a way out, without session and account, and the connection log knows the one reason.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLAIM_FAULTS, FORM_FAULTS, METADATA_FAULTS, RELAY_FAULTS, STATUS_FAULTS } from './lib/saml_faults.mjs'
import { CIPHERS, FORMATS, attributeOf, instant, logoutRequest, logoutResponse, makeKey, posted, redirectQuery, signed, withAttribute } from './lib/saml_messages.mjs'
import { SamlPeer, walk } from './lib/saml_peer.mjs'
import { Samlp } from './lib/samlp.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'
import { SimpleSaml, hasSimpleSaml } from './lib/simplesaml.mjs'

const skip = hasSimpleSaml ? false : 'no SimpleSAMLphp here (packages simplesamlphp, php-cli)'
const PEOPLE = Object.fromEntries(['ada', 'eve'].map((name) => [name, { attributes: { mail: [`${name}@partner.example`], displayName: [name], memberOf: ['wiki'], memberships: ['one', 'two'] } }]))
const both = { 'saml20.sign.response': true }, encrypted = { 'assertion.encryption': true }
const misleading = Object.keys(METADATA_FAULTS).map((_, i) => `misleading${i}`)

const peers = {}, expected = new Map()
let gateway, foreign
const all = () => Object.values(peers)
before(async () => {
	if (skip) return
	peers.ssp = await SimpleSaml.start(PEOPLE)
	peers.samlp = await Samlp.start(PEOPLE)
	foreign = makeKey(peers.ssp.folder, 'foreign')
	const { ssp, samlp } = peers
	const tenants = [tenant('acme', { clients: ['web', 'api'], providers: [ssp.provider('ssp'), ssp.provider('ssp-both'), ssp.provider('cbc-off'), ssp.provider('cbc-bare', { allow_cbc: true }), ssp.provider('gcm'),
		ssp.provider('several', { subject: 'attribute:memberships' }), ssp.provider('lacking', { subject: 'attribute:nowhere' }), ssp.provider('asked', { name_id_format: FORMATS.persistent }), samlp.provider('samlp'),
		ssp.provider('gone', { metadata_url: `${ssp.origin}/nowhere` }), ssp.provider('silent', { metadata_url: `${ssp.origin}/silent` })] }),
		tenant('beta', { clients: ['web'], providers: [ssp.provider('ssp')] })]
	gateway = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1/32'], connect_timeout: '1s', timeout: '1s' } }, declaration: declare(...tenants) })
	const reachable = tenants.map((one) => ({ ...one, providers: one.providers.filter(({ name }) => !['gone', 'silent'].includes(name)) }))
	await SamlPeer.trust(gateway, reachable, { 'ssp-both': both, 'cbc-off': { ...both, ...encrypted }, 'cbc-bare': encrypted, 'gcm': encrypted })
	const text = await ssp.metadata()
	tenants.push(tenant('misled', { clients: ['web'], users: [], providers: Object.values(METADATA_FAULTS).map(([change], i) => ssp.provider(misleading[i], { metadata: change(text) })) }))
	await gateway.apply(declare(tenants.at(-1)))
})
afterEach(() => { for (const one of all()) one.fault = {} })
after(async () => {
	await gateway?.stop()
	await Promise.all(all().map((one) => one.stop()))
})

const web = (name = 'acme', at = gateway) => new Application(at, name, CLIENTS.web)
const newBrowser = () => new Browser({ beyond: all().map((one) => one.origin) })
const hasSession = (browser, name = 'acme') => [...browser.cookies.keys()].some((one) => one.endsWith(`psr_s_${name}`))

async function setOut(provider, { browser = newBrowser(), name = 'acme', who = 'ada', hold = false, ...parameters } = {}) {
	const request = web(name).begin({ idp_hint: provider, ...parameters })
	return { browser, name, request, page: await walk(browser, await browser.open(request.url), all(), who, { hold }) }
}

/** Refused on a page that helps, with nothing left behind. */
async function assertTurnedAway({ page, browser, name = 'acme' }, reason, decides) {
	assert.ok(!page.answer?.code, `signed in: ${page.location}`)
	assert.ok((page.status >= 400 || page.problem) && page.reference, `${page.status} ${page.url} ${page.location ?? page.text}`)
	assert.match(page.text, /<a\b[^>]*href=|<form\b|Go back to the application/, 'a way out')
	assert.ok(!hasSession(browser, name), 'no session')
	const shown = await gateway.explain(name, page.reference)
	assert.equal(shown.reason, reason, JSON.stringify(shown, null, 1))
	const failed = shown.checks.find((check) => check.passed === false)
	assert.ok(failed, JSON.stringify(shown.checks))
	if (decides) assert.equal(failed.check ?? failed.name, decides, JSON.stringify(failed))
	expected.set(page.reference, reason)
	return shown
}
async function assertRefused(provider, fault, reason, decides) {
	const peer = provider.startsWith('samlp') ? peers.samlp : peers.ssp
	peer.fault = fault
	return assertTurnedAway(await setOut(provider), reason, decides)
}
async function assertWorks(provider = 'ssp', options) {
	for (const one of all()) one.fault = {}
	const { page } = await setOut(provider, options)
	assert.ok(page.answer?.code, `${page.status} ${page.text}`)
}

describe('an answer with', { skip }, () => {
	for (const [title, [fault, reason, decides]] of Object.entries({ ...CLAIM_FAULTS, ...FORM_FAULTS }))
		test(title, () => assertRefused('ssp', fault, reason, decides))
	test('the signature of another key, which it brings along', () => assertRefused('ssp', { key: foreign }, 'token_signature'))
	test('the signature of another key around everything', () => assertRefused('ssp-both', { key: foreign }, 'token_signature'))
	test('a good signature on the assertion and a foreign one around it', () => assertRefused('ssp', { text: (xml) => signed(xml, 'Response', foreign) }, 'token_signature'))
	test('a signed response that names no destination', () => assertRefused('ssp-both', { xml: (xml) => withAttribute(xml, 'Response', 'Destination') }, 'saml_address', 'destination'))
	test('several values of the attribute that is the subject', () => assertRefused('several', {}, 'token_subject', 'subject_value'))
	test('no value of the attribute that is the subject', () => assertRefused('lacking', {}, 'token_subject', 'subject_value'))
	test('a NameID of another format than was asked for', () => assertRefused('asked', { xml: (xml) => withAttribute(xml, 'NameID', 'Format', FORMATS.email) }, 'token_subject', 'name_id_format'))
	test('AES-CBC, where it is not allowed', () => assertRefused('cbc-off', {}, 'token_algorithm', 'encryption_algorithm'))
	test('AES-CBC, without a signature around it', () => assertRefused('cbc-bare', {}, 'token_signature', 'response_signature'))
	test('a ciphertext with one letter changed', () => peers.ssp.wanting({ cipher: CIPHERS.gcm }, () =>
		assertRefused('gcm', { text: (xml) => xml.replace(/(<xenc:CipherValue>[^<]{40})(.)([^<]*<\/xenc:CipherValue>\s*<\/xenc:CipherData>\s*<\/xenc:EncryptedData>)/, (whole, head, one, tail) => head + (one === 'A' ? 'B' : 'A') + tail) },
			'saml_decryption', 'decryption')))
	test('and after all of them a good one signs in', () => assertWorks())
})

describe('a provider that says', { skip }, () => {
	for (const [title, [fault, reason, decides]] of Object.entries(STATUS_FAULTS))
		test(title, async () => {
			const shown = await assertRefused('ssp', fault, reason, decides)
			assert.ok(JSON.stringify(shown.checks).includes(title.split(' / ').at(-1)), 'the log has its words')
		})
	test('no, because the person has changed his mind there', async () => {
		const browser = newBrowser(), there = await browser.open(web().begin({ idp_hint: 'samlp' }).url)
		const page = await walk(browser, await browser.submit(there, { refuse: '1' }), all())
		await assertTurnedAway({ page, browser }, 'provider_refused', 'status')
	})
})

describe('a RelayState that is', { skip }, () => {
	for (const [title, [form]] of Object.entries(RELAY_FAULTS))
		test(title, async () => {
			peers.ssp.fault = { form }
			const { page, browser } = await setOut('ssp')
			assert.ok(!page.answer?.code && !hasSession(browser), `${page.status} ${page.location}`)
			assert.ok(page.status >= 400 && page.reference, `${page.status} ${page.location ?? page.text}`)
			expected.set(page.reference, (await gateway.explain('acme', page.reference)).reason)
			assert.ok(['state_invalid', 'request_invalid'].includes(expected.get(page.reference)), expected.get(page.reference))
		})
})

describe('an answer brought', { skip }, () => {
	test('twice: the second time it is nobody\'s', async () => {
		const { browser, page } = await setOut('ssp', { hold: true }), { form } = page
		assert.ok((await browser.submit(page)).answer?.code)
		const again = new Browser()
		again.cookies = new Map([...browser.cookies].filter(([name]) => !name.includes('psr_s_')))
		await assertTurnedAway({ page: await again.open(form.action, { form: form.fields, headers: { Origin: peers.ssp.origin } }), browser: again }, 'flow_expired', 'flow')
	})
	test('with no message, two of them, or two handles', async () => {
		for (const change of [(form) => form.delete('SAMLResponse'), (form) => form.append('SAMLResponse', form.get('SAMLResponse')), (form) => form.append('RelayState', form.get('RelayState'))]) {
			const { page, browser } = await setOut('ssp', { hold: true }), form = new URLSearchParams(page.form.fields)
			change(form)
			const answer = await browser.open(page.form.action, { form, headers: { Origin: peers.ssp.origin } })
			assert.ok(!answer.answer?.code && !hasSession(browser), `${answer.status} ${answer.location}`)
			assert.ok((answer.status >= 400 || answer.problem) && answer.reference, `${answer.status} ${answer.location}`)
			const { reason } = await gateway.explain('acme', answer.reference)
			assert.ok(['provider_violation', 'state_invalid', 'request_invalid'].includes(reason), reason)
		}
	})
	test('by another browser', async () => {
		const { page } = await setOut('ssp', { hold: true }), browser = newBrowser()
		await assertTurnedAway({ page: await browser.open(page.form.action, { form: page.form.fields, headers: { Origin: peers.ssp.origin } }), browser }, 'flow_foreign', 'browser')
	})
	test('by another browser that is on its own way', async () => {
		const { page } = await setOut('ssp', { hold: true }), other = await setOut('ssp', { hold: true, who: 'eve' })
		await assertTurnedAway({ page: await other.browser.open(page.form.action, { form: page.form.fields, headers: { Origin: peers.ssp.origin } }), browser: other.browser }, 'flow_foreign', 'browser')
	})
	test('for one\'s own attempt, but out of another\'s', async () => {
		const theirs = await setOut('ssp', { hold: true, who: 'eve' }), own = await setOut('ssp', { hold: true })
		await assertTurnedAway({ page: await own.browser.submit(own.page, { SAMLResponse: theirs.page.form.fields.SAMLResponse }), browser: own.browser }, 'state_invalid', 'in_response_to')
	})
	test('to another provider of the tenant', async () => {
		const { page, browser } = await setOut('ssp', { hold: true })
		await assertTurnedAway({ page: await browser.open(page.form.action.replace('/saml/ssp/', '/saml/samlp/'), { form: page.form.fields }), browser }, 'state_invalid')
	})
	test('to another tenant', async () => {
		const { page, browser } = await setOut('ssp', { hold: true })
		await assertTurnedAway({ page: await browser.open(page.form.action.replace('/t/acme/', '/t/beta/'), { form: page.form.fields }), browser, name: 'beta' }, 'flow_expired', 'flow')
	})
	test('with the other tenant\'s state', async () => {
		const { page } = await setOut('ssp', { hold: true }), other = await setOut('ssp', { hold: true, name: 'beta' })
		await assertTurnedAway({ page: await other.browser.submit(other.page, { SAMLResponse: page.form.fields.SAMLResponse }), browser: other.browser, name: 'beta' }, 'saml_address', 'destination')
	})
	test('too late', async () => {
		const { page, browser } = await setOut('ssp', { hold: true })
		gateway.advance(7 * 60_000)
		try {
			await assertTurnedAway({ page: await browser.submit(page), browser }, 'token_old')
		} finally {
			gateway.advance(-7 * 60_000)
		}
	})
	test('within the minute that clocks may differ', async () => {
		peers.ssp.fault = { xml: (xml) => withAttribute(withAttribute(xml, 'Conditions', 'NotOnOrAfter', instant(Date.now() - 30_000)), 'Conditions', 'NotBefore', instant(Date.now() + 30_000)) }
		assert.ok((await setOut('ssp')).page.answer?.code)
	})
	test('in the address, or in two megabytes', async () => {
		const { page, browser } = await setOut('ssp', { hold: true })
		assert.ok((await browser.request(`${page.form.action}?${new URLSearchParams({ ...page.form.fields, SAMLResponse: 'x' })}`)).status >= 400)
		assert.equal((await browser.request(page.form.action, { form: { ...page.form.fields, padding: 'p'.repeat(2 << 20) }, headers: { Origin: peers.ssp.origin } })).status, 413)
		assert.ok((await browser.submit(page)).answer?.code, 'the right one still counts')
	})
})

describe('metadata with', { skip }, () => {
	for (const [i, [title, [, decides]]] of Object.entries(METADATA_FAULTS).map((one, index) => [index, one]))
		test(title, async () => assertTurnedAway(await setOut(misleading[i], { name: 'misled' }), decides === 'metadata_validity' ? 'metadata_expired' : 'metadata_invalid', decides))
	test('nothing at its address', async () => assertTurnedAway(await setOut('gone'), 'metadata_invalid', 'metadata'))
	test('a server behind it that says nothing', async () => {
		peers.ssp.fault = { only: /silent/, raw: () => {} }
		await assertTurnedAway(await setOut('silent'), 'provider_unavailable', 'metadata')
	})
})

describe('a logout that nobody signed, or somebody else', { skip }, () => {
	const bound = { scope: 'openid profile email' }
	let tokens, name, sessionIndexes, slo
	const lives = () => web().isActive(tokens.access_token)
	before(async () => {
		if (skip) return
		const { browser, page, request } = await setOut('ssp', bound), xml = peers.ssp.sent.at(-1).xml
		tokens = { ...(await web().redeem({ ...request, code: page.answer.code })).json, browser }
		const [, attributes, value] = xml.match(/<saml:NameID\b([^>]*)>([^<]*)/)
		name = { value, format: attributes.match(/ Format="([^"]*)"/)?.[1], spNameQualifier: attributes.match(/SPNameQualifier="([^"]*)"/)?.[1] }
		sessionIndexes = [attributeOf(xml, 'AuthnStatement', 'SessionIndex')]
		slo = `${web().issuer}/saml/ssp/slo`
	})
	const message = (changes = {}) => logoutRequest({ issuer: peers.ssp.entityId, destination: slo, name, sessionIndexes, ...changes })
	const byPost = (xml) => tokens.browser.request(slo, { form: { SAMLRequest: Buffer.from(xml).toString('base64') }, headers: { Origin: peers.ssp.origin } })
	const byRedirect = (query) => tokens.browser.request(`${slo}?${query}`)
	async function assertStays(page, title, reason) {
		assert.ok(await lives(), `it ended the session, ${title}: ${page.status} ${page.location} ${page.text}`)
		if (reason === 'ok') return // there was nothing to end, which is no fault of the provider's
		assert.ok(page.status >= 400 && page.reference, `${title}: ${page.status} ${page.location} ${page.text}`)
		const shown = await gateway.explain('acme', page.reference)
		if (reason) assert.equal(shown.reason, reason, `${title}: ${JSON.stringify(shown.checks)}`)
	}
	const wrong = () => ({
		'unsigned': [message(), undefined, 'token_signature'], 'of a foreign key': [message(), foreign, 'token_signature'], 'of another issuer': [message({ issuer: 'https://evil.example' }), peers.ssp.pair, 'token_issuer'],
		'of the other provider': [message({ issuer: peers.samlp.entityId }), peers.samlp.pair, 'token_signature'], 'for another address': [message({ destination: 'https://other.example/slo' }), peers.ssp.pair],
		'for no address': [message({ destination: undefined }), peers.ssp.pair], 'that is over': [message({ NotOnOrAfter: instant(Date.now() - 600_000) }), peers.ssp.pair, 'token_old'],
		'of SAML 1.1': [message({ Version: '1.1' }), peers.ssp.pair, 'provider_violation'],
		'about nobody': [message({ name: { ...name, value: 'nobody' } }), peers.ssp.pair, 'ok'], 'about another\'s session': [message({ sessionIndexes: ['_another'] }), peers.ssp.pair, 'ok'],
	})
	test('by redirect', async () => {
		for (const [title, [xml, key, reason]] of Object.entries(wrong())) await assertStays(await byRedirect(redirectQuery('SAMLRequest', xml, 'r', key)), title, reason)
	})
	test('by POST', async () => {
		for (const [title, [xml, key, reason]] of Object.entries(wrong())) await assertStays(await byPost(key ? signed(xml, 'LogoutRequest', key) : xml), title, reason)
	})
	test('a signature over another RelayState, over SHA-1, or twice', async () => {
		const good = redirectQuery('SAMLRequest', message(), 'r', peers.ssp.pair), twice = new URLSearchParams(good)
		twice.append('SAMLRequest', good.get('SAMLRequest'))
		for (const [title, query] of [['another RelayState', `${good}`.replace('RelayState=r', 'RelayState=s')], ['none', `${good}`.replace('&RelayState=r', '')], ['two messages', twice],
			['SHA-1', redirectQuery('SAMLRequest', message(), 'r', peers.ssp.pair, { algorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1', hash: 'RSA-SHA1' })]])
			await assertStays(await byRedirect(query), title)
	})
	test('an answer to a logout that nobody began', async () => {
		const xml = logoutResponse({ issuer: peers.ssp.entityId, destination: slo, inResponseTo: '_b2' })
		const page = await byRedirect(redirectQuery('SAMLResponse', xml, 'r', peers.ssp.pair))
		assert.ok(page.status >= 400 || page.location === undefined || page.location.origin === gateway.base, `${page.status} ${page.location}`)
		assert.ok(await lives())
	})
	test('nothing at all, and the ACS\'s own messages', async () => {
		for (const page of [await tokens.browser.request(slo), await byPost('x'), await byRedirect('SAMLRequest=%00'), await byPost(peers.ssp.sent.at(-1).xml)]) assert.ok(page.status >= 400, `${page.status} ${page.location}`)
		assert.ok(await lives())
	})
	test('and the right one, at last, counts', async () => {
		const page = await byRedirect(redirectQuery('SAMLRequest', message(), 'r', peers.ssp.pair))
		assert.equal(page.location?.origin, peers.ssp.origin, `${page.status} ${page.text}`)
		assert.equal(page.location.searchParams.get('RelayState'), 'r')
		assert.ok(!await lives())
	})
})

describe('afterwards', { skip }, () => {
	test('docs/providers-saml.md tells of every reason, and of the checks that decide', () => {
		const page = readFileSync(new URL('../../docs/providers-saml.md', import.meta.url), 'utf8'), table = page.slice(page.indexOf('## 6.'), page.indexOf('## 7.'))
		for (const reason of new Set(expected.values())) assert.ok(table.includes(`\`${reason}\``), reason)
		const decides = Object.values({ ...CLAIM_FAULTS, ...FORM_FAULTS, ...STATUS_FAULTS }).map((one) => one[2]).concat(Object.values(METADATA_FAULTS).map((one) => one[1])).filter(Boolean)
		const patterns = [...table.matchAll(/`([a-zA-Z_…]+)`/g)].map(([, name]) => new RegExp(`^${name.replace('…', '[a-z_]*')}$`))
		for (const one of new Set(decides)) assert.ok(patterns.some((pattern) => pattern.test(one)), one)
	})
	test('only who was let in has an account, and the log has a reason for each', async () => {
		const users = (await gateway.cliJson('user', 'list', '--tenant', 'acme')).map((user) => user.username)
		assert.ok(users.every((name) => ['ada', 'alice', 'bruno', 'carla'].includes(name.split(' (')[0])), String(users))
		const listed = new Map()
		for (const name of ['acme', 'beta', 'misled'])
			for (const line of (await gateway.cli('log', 'list', '--json', '--limit', '1000', '--tenant', name)).split('\n').filter(Boolean)) {
				const { ref, reason } = JSON.parse(line)
				listed.set(ref, reason)
			}
		for (const [ref, reason] of expected) assert.equal(listed.get(ref), reason)
		assert.ok(expected.size >= 80, `${expected.size} faults`)
	})
	test('both providers sign in', async () => {
		await assertWorks('ssp')
		await assertWorks('samlp')
	})
	test('what they signed is in no log', async () => {
		const exported = gateway.processLog + await gateway.cli('log', 'export', '--tenant', 'acme')
		for (const { xml } of peers.ssp.sent) {
			const signature = xml.match(/<ds:SignatureValue>([^<]{40})/)?.[1]
			if (signature) assert.ok(!exported.includes(signature))
		}
		assert.doesNotMatch(exported, /PRIVATE KEY/)
	})
})
