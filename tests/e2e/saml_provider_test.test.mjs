// `passerelle provider test` and `provider show` of SAML providers, against npm's samlp: what to enter there, what its metadata says and until when, and with --response
// every check on an answer from a file, also of a sign-in that failed. Nobody signs in by it, and nothing is used up. And what the running gateway says by itself.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { makeKey, withAttribute, withText } from './lib/saml_messages.mjs'
import { SamlPeer, walk } from './lib/saml_peer.mjs'
import { Samlp } from './lib/samlp.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'

const DAY = 86_400_000
const PEOPLE = Object.fromEntries(['ada', 'eve'].map((name) => [name, { attributes: { mail: [`${name}@partner.example`], displayName: [`${name} Ünal`], memberOf: ['wiki-up'] } }]))
let peer, gateway, weak, silent
before(async () => {
	peer = await Samlp.start(PEOPLE)
	weak = makeKey(peer.folder, 'weak', { bits: 1024 })
	silent = createServer(() => {})
	await new Promise((listening) => silent.listen(0, '127.0.0.1', listening))
	const text = await peer.metadata(), dead = `http://127.0.0.1:${silent.address().port}`
	const providers = [peer.provider('partner', { group_map: { 'wiki-up': 'wiki' } }), peer.provider('pasted', { metadata: text }), peer.provider('other'),
		peer.provider('ended', { metadata: withAttribute(text, 'EntityDescriptor', 'validUntil', '2020-01-01T00:00:00Z') }),
		peer.provider('ending', { metadata: withAttribute(text, 'EntityDescriptor', 'validUntil', new Date(Date.now() + 10.5 * DAY).toISOString()) }),
		peer.provider('weak', { metadata: text.replaceAll(peer.pair.der, weak.der) }), peer.provider('pinned', { idp_entity_id: 'urn:somebody-else' }),
		peer.provider('unreached', { metadata: text.replaceAll(peer.origin, dead) }), peer.provider('gone', { metadata_url: `${peer.origin}/nowhere` })]
	const acme = tenant('acme', { clients: ['web'], users: [], providers: [...providers, { name: 'own', type: 'local' }] })
	gateway = await Gateway.start({ declaration: declare(acme), config: { outbound: { allow: ['127.0.0.1/32'], connect_timeout: '1s', timeout: '1s' } } })
	await SamlPeer.trust(gateway, [{ ...acme, providers: providers.slice(0, 3) }])
})
afterEach(() => { peer.fault = {} })
after(async () => {
	await gateway?.stop()
	await peer?.stop()
	silent?.close()
})

const run = (name, ...words) => gateway.command(['provider', 'test', name, '--tenant', 'acme', ...words])
async function diagnose(name, ...words) {
	const done = await run(name, '--json', ...words)
	assert.ok(done.out, done.err)
	const found = JSON.parse(done.out)
	assert.equal(done.status, found.passed ? 0 : 1, done.err)
	const named = (key) => found.checks.filter((one) => one[key]).map((one) => one.check)
	return { ...found, failed: found.checks.filter((one) => !one.passed).map((one) => one.check), warned: named('warning'), skipped: named('skipped') }
}
const row = (found, name) => found.checks.find((one) => one.check === name) ?? assert.fail(`no ${name} in ${JSON.stringify(found.checks, null, 1)}`)
/** An answer that is on its way to our ACS, in its form. */
async function hold(provider, { fault = {}, who = 'ada' } = {}) {
	peer.fault = fault
	const browser = new Browser({ beyond: [peer.origin] }), request = new Application(gateway, 'acme', CLIENTS.web).begin({ idp_hint: provider })
	const page = await walk(browser, await browser.open(request.url), [peer], who, { hold: true })
	assert.ok(page.form?.fields.SAMLResponse, page.text)
	return { browser, page, field: page.form.fields.SAMLResponse, xml: Buffer.from(page.form.fields.SAMLResponse, 'base64').toString() }
}
function file(text, name = 'response') {
	writeFileSync(gateway.path(name), text)
	return gateway.path(name)
}
const otherAudience = { xml: (xml) => withText(xml, 'Audience', 'https://other.example/saml') }

describe('a provider in order', () => {
	for (const name of ['partner', 'pasted'])
		test(name, async () => {
			const found = await diagnose(name), base = `${gateway.issuer('acme')}/saml/${name}`
			assert.deepEqual(found.failed, [])
			// Its key lasts three days only.
			assert.deepEqual(found.warned, ['signing certificate'])
			assert.match(row(found, 'signing certificate').seen, /^RSA 2048 bits, .*SHA-256 [0-9a-f]{64}: 2 days left$/)
			assert.deepEqual(['metadata', 'entity ID', 'ACS', 'SLO'].map((what) => row(found, `to give there: ${what}`).seen), [`${base}/metadata`, `${base}/metadata`, `${base}/acs`, `${base}/slo`])
			for (const what of ['signing', 'encryption']) assert.match(row(found, `to give there: ${what} certificate`).seen, /SHA-256 is [0-9a-f]{64}$/)
			assert.match(row(found, 'to send from there: email').seen, /^mail, urn:oid:/)
			assert.equal(row(found, 'entityID').seen, peer.entityId)
			assert.equal(row(found, 'server').seen.startsWith(`${peer.origin}: status `), true)
			assert.equal(found.checks.some(({ check }) => check === 'resolve'), name === 'partner', 'how it was read')
		})

	test('in words: each step on a line, with what to change where something runs out', async () => {
		const { status, out, err } = await run('partner')
		assert.deepEqual([status, err], [0, ''])
		assert.match(out, /^warning signing certificate: .*2 days left\n {8}expected {2}more than 30 days left\n {8}change {4}There: publish the next signing certificate/m)
		assert.match(out, /^passed {2}to give there: ACS: http.*\/saml\/partner\/acs$/m)
	})

	test('show tells the same of its papers', async () => {
		const shown = await gateway.cliJson('provider', 'show', 'partner', '--tenant', 'acme')
		const { entity_id: entityId, source, signing_certificates: [certificate], warnings, trouble } = shown.published
		assert.deepEqual([entityId, source, trouble], [peer.entityId, peer.metadataUrl, undefined])
		assert.match(certificate.sha256, /^[0-9a-f]{64}$/)
		assert.deepEqual(warnings, [`signing certificate ${certificate.sha256}: 2 days left`])
		const own = await gateway.cliJson('provider', 'show', 'own', '--tenant', 'acme')
		assert.equal('published' in own, false)
	})
})

describe('what is wrong is said where it is', () => {
	const cases = { ended: ['metadata_validity'], weak: ['metadata_signing_key'], pinned: ['metadata_entity', 'metadata'], gone: ['metadata'] }
	for (const [name, failed] of Object.entries(cases))
		test(name, async () => {
			const found = await diagnose(name)
			assert.deepEqual(found.failed, failed, JSON.stringify(found.checks, null, 1))
			for (const one of found.checks.filter((one) => !one.passed)) assert.match(one.advice, /\b(There|Here): /)
		})
	test('a server that does not answer is a warning: browsers go there, not this machine', async () => {
		const found = await diagnose('unreached')
		assert.deepEqual(found.failed, [])
		assert.deepEqual(found.warned, ['signing certificate', 'server'])
		assert.match(row(found, 'server').warning, /^Only people's browsers must get there/)
	})
	test('metadata that will be over in some days', async () => {
		const found = await diagnose('ending'), shown = await gateway.cliJson('provider', 'show', 'ending', '--tenant', 'acme')
		assert.match(row(found, 'validUntil').seen, /: 10 days left$/)
		assert.ok(shown.published.warnings.includes('metadata: 10 days left'), JSON.stringify(shown))
	})
	test('show says why nothing is known', async () => {
		const shown = await gateway.cliJson('provider', 'show', 'ended', '--tenant', 'acme')
		assert.deepEqual([shown.published.entity_id, typeof shown.published.trouble], [undefined, 'string'])
	})
})

describe('an answer from a file', () => {
	test('a good one: each check, what was not judged, and the person as seen and as mapped; and it can still be used, once', async () => {
		const held = await hold('partner')
		for (const text of [held.field, held.xml, new URLSearchParams(held.page.form.fields).toString(), `\n${held.field.replace(/.{76}/g, '$&\n')}\n`]) {
			const found = await diagnose('partner', '--response', file(text))
			assert.deepEqual(found.failed, [], JSON.stringify(found.checks, null, 1))
			assert.deepEqual(found.skipped, ['in_response_to', 'one_use'])
			assert.deepEqual(['subject', 'username', 'email', 'name'].map((what) => row(found, `person: ${what}`).seen), ['ada\'s number', 'ada', 'ada@partner.example', 'ada Ünal'])
			assert.match(row(found, 'person: groups').seen, /wiki/)
			assert.equal(found.claims.NameID, 'ada\'s number')
			assert.deepEqual(found.claims['attribute memberOf'], ['wiki-up'])
		}
		assert.ok((await held.browser.submit(held.page)).answer?.code, 'the answer itself was not used up')
		assert.equal((await diagnose('partner', '--response', file(held.field))).passed, true)
		assert.deepEqual((await gateway.rows('acme', '--event', 'login')).map((one) => one.result), ['ok'])
	})

	test('of last year, from standard input', async () => {
		const { field } = await hold('partner')
		gateway.advance(365 * DAY)
		const done = await gateway.command(['provider', 'test', 'pasted', '--tenant', 'acme', '--response', '-'], { input: field })
		gateway.setClock(0)
		assert.match(done.out, /^passed {2}response_issue_instant: .*365 days ago: times are judged as they were then$/m)
		assert.match(done.out, /^skipped in_response_to: _\S+\n {8}because {3}Whether it answers a request of ours/m)
		// It was made for partner's address; pasted has one of its own.
		assert.match(done.out, /^FAILED {2}recipient: .*\/saml\/partner\/acs\n {8}expected {2}.*\/saml\/pasted\/acs\n {8}change {4}There: set the assertion consumer service/m)
	})

	test('several faults at once are all said; the sign-in that failed by it says the first one', async () => {
		const moved = { xml: (xml) => withAttribute(otherAudience.xml(xml), 'SubjectConfirmationData', 'Recipient', 'https://other.example/acs') }
		const held = await hold('partner', { fault: moved }), found = await diagnose('partner', '--response', file(held.field))
		assert.deepEqual(found.failed, ['recipient', 'audience', 'response as a whole'])
		assert.deepEqual([row(found, 'audience').seen, row(found, 'audience').expected], ['https://other.example/saml', `${gateway.issuer('acme')}/saml/partner/metadata`])
		assert.match(row(found, 'audience').advice, /^There: set the audience .* Or here: set entity_id/)
		assert.equal(row(found, 'response as a whole').seen, 'refused: saml_address')
		const page = await held.browser.submit(held.page), shown = await gateway.explain('acme', page.reference)
		assert.equal(shown.reason, 'saml_address')
		const decided = shown.checks.find((one) => !one.passed), { check, seen, expected, advice } = row(found, 'recipient')
		assert.deepEqual([decided.check, decided.seen, decided.expected, decided.advice], [check, seen, expected, advice])
		assert.match(await gateway.cli('log', 'show', page.reference, '--tenant', 'acme'), /✗ recipient: seen https:\/\/other\.example\/acs, expected .* {3}<- this decided\n {6}change There: set the assertion consumer/)
	})

	test('signed by a key that its metadata does not have', async () => {
		const foreign = makeKey(peer.folder, 'foreign'), { field } = await hold('partner', { fault: { key: foreign } })
		const found = await diagnose('partner', '--response', file(field))
		assert.deepEqual(found.failed, ['assertion_signature', 'response as a whole'])
		assert.equal(found.claims, undefined, 'of what nobody signed nothing is told')
		assert.match(row(found, 'assertion_signature').seen, /by that of the certificate [0-9a-f]{64}$/)
	})

	test('a hostile file is as harmless as a hostile post', async () => {
		const { xml } = await hold('partner'), entity = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
		const cases = { xml_doctype: entity + xml, xml_comment: xml.replace('<saml:Subject>', '<!-- --><saml:Subject>'), response: 'no base64 at all!', xml_well_formed: `<${'x'.repeat(100)}`, xml_size: `<a>${' '.repeat(300 << 10)}</a>` }
		for (const [failed, text] of Object.entries(cases)) {
			const found = await diagnose('partner', '--response', file(text))
			assert.equal(found.failed[0], failed === 'xml_size' ? 'response' : failed, JSON.stringify(found.checks.at(-1)))
			assert.ok(!JSON.stringify(found).includes('root:'), 'a file of this machine was told')
		}
		for (const [text, words] of [['x'.repeat(3 << 20), /no text of at most/], ['a\0b', /no text of at most/]]) {
			const done = await run('partner', '--response', file(text))
			assert.equal(done.status, 1)
			assert.match(done.err, words)
		}
		assert.ok((await diagnose('partner', '--response', file(xml))).passed, 'and a good one still passes')
	})

	test('not of other providers, nor of files that are not there', async () => {
		assert.equal((await run('own', '--response', file('x'))).status, 2)
		assert.equal((await run('partner', '--response', file('x'), '--interactive')).status, 2)
		assert.equal((await run('partner', '--response', '/nowhere/at/all')).status, 1)
	})

	test('each look is in the log, and made no account', async () => {
		const users = await gateway.cliJson('user', 'list', '--tenant', 'acme'), before = (await gateway.rows('acme', '--event', 'log.read')).length
		await run('partner', '--response', file('x'))
		assert.equal((await gateway.rows('acme', '--event', 'log.read')).length, before + 1 + 1)
		assert.deepEqual(await gateway.cliJson('user', 'list', '--tenant', 'acme'), users)
	})
})

test('--interactive tells what the assertion says, before and after mapping', async () => {
	const trial = gateway.background(['provider', 'test', 'partner', '--interactive', '--tenant', 'acme', '--json'])
	await until('an address to open', () => /^http.*$/m.test(trial.err) || trial.child.exitCode !== null)
	const browser = new Browser({ beyond: [peer.origin] })
	await walk(browser, await browser.open(trial.err.match(/^(http\S+)$/m)[1]), [peer], 'eve')
	const { status, out, err } = await trial.done, report = JSON.parse(out).sign_in
	assert.equal(status, 0, err)
	assert.equal(report.subject, 'eve\'s number')
	assert.deepEqual([report.claims.NameID, report.claims['NameID Format'], report.claims.AuthnContextClassRef], ['eve\'s number', 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
		'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport'])
	assert.deepEqual(report.claims['attribute mail'], ['eve@partner.example'])
	assert.equal(report.mapped.email, 'eve@partner.example')
})

test('the running gateway says by itself what runs out and what is not to be had, once a day', async () => {
	const lines = (event, provider) => gateway.processLog.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)).filter((one) => one.event === event && one.provider === provider)
	await until('the first round', () => lines('provider.expires', 'partner').length > 0 && lines('provider.expires', 'ending').length > 1 && lines('provider.metadata_refused', 'gone').length > 0, 40_000)
	const [first] = lines('provider.expires', 'partner')
	assert.deepEqual([first.tenant, first.days_left, first.level], ['acme', '2', 'warning'])
	assert.match(first.what, /^signing certificate [0-9a-f]{64}$/)
	assert.ok(lines('provider.expires', 'ending').some((one) => one.what === 'metadata' && one.days_left === '10'))
	assert.equal(lines('provider.expires', 'partner').length, 1)
})
