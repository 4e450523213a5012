// People of SAML identity providers: Debian's SimpleSAMLphp and npm's samlp, two real ones that know nothing of each other. Signing in in every form that they can give it,
// what becomes of people, and signing out both ways. What is wrong with a message is in saml_faults.test.mjs, real browsers are in saml_browser.test.mjs.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { after, afterEach, before, describe, test } from 'node:test'
import * as oidc from 'openid-client'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask } from './lib/raw.mjs'
import { CIPHERS, CLASSES, FORMATS, attributeOf, logoutRequest, logoutResponse, posted, redirectQuery, signed, soap } from './lib/saml_messages.mjs'
import { SamlPeer, carries, walk } from './lib/saml_peer.mjs'
import { Samlp } from './lib/samlp.mjs'
import { CLIENTS, PASSWORDS, REDIRECT, declare, tenant } from './lib/scene.mjs'
import { SimpleSaml, hasSimpleSaml } from './lib/simplesaml.mjs'

const PAGE = readFileSync(new URL('../../docs/providers-saml.md', import.meta.url), 'utf8')
const skip = hasSimpleSaml ? false : 'no SimpleSAMLphp here (packages simplesamlphp, php-cli)'
const fullName = (name) => `${name[0].toUpperCase()}${name.slice(1)} Élève-Straße 山田`
const person = (name) => ({ attributes: { mail: [`${name}@partner.example`], displayName: [fullName(name)], memberOf: ['wiki-up', 'R&D', '<équipe>'], employeeNumber: [`number of ${name}`] } })
const people = () => Object.fromEntries(['ada', 'bea', 'cleo', 'dan', 'fred', 'frozen', 'changing', 'linked', 'stray', 'short', 'leaving'].map((name) => [name, person(name)]))
const group_map = { 'wiki-up': ['wiki', 'staff'] }
const GROUPS = ['R&D', '<équipe>']

/** By name: who is asked, what is declared here, and what the peer does for us there. */
function kinds({ ssp, samlp, tls }) {
	const both = { 'saml20.sign.response': true }, responseOnly = { ...both, 'saml20.sign.assertion': false }, encrypted = { 'assertion.encryption': true }, mail = { domains: ['partner.example'] }
	const mailName = { nameOf: (name) => `${name}@partner.example` }
	return {
		'ssp': [ssp, { button: true, display_name: 'The university' }],
		'ssp-both': [ssp, {}, both],
		'ssp-response': [ssp, {}, responseOnly],
		'ssp-encrypted': [ssp, {}, encrypted],
		'ssp-encrypted-both': [ssp, {}, { ...both, ...encrypted }],
		'ssp-encrypted-response': [ssp, {}, { ...responseOnly, ...encrypted }],
		'ssp-cbc': [ssp, { allow_cbc: true }, { ...both, ...encrypted }],
		'ssp-name': [ssp, {}, { 'nameid.encryption': true }],
		'ssp-posted': [ssp, { binding: 'post' }],
		'ssp-asked': [ssp, { name_id_format: FORMATS.persistent }, { NameIDFormat: FORMATS.email }],
		'ssp-attribute': [ssp, { subject: 'attribute:employeeNumber' }, { NameIDFormat: FORMATS.transient }],
		'ssp-oid': [ssp, {}, { 'attributes.NameFormat': 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri', authproc: { 10: { class: 'core:AttributeMap', 0: 'name2oid' } } }],
		'ssp-file': [ssp, { metadata_file: `${ssp.folder}/metadata.xml` }],
		'ssp-inline': [ssp, { metadata: ssp.text }],
		'samlp': [samlp, { button: true }],
		'samlp-both': [samlp, {}, { signResponse: true }],
		'samlp-response': [samlp, {}, { signResponse: true, signAssertion: false }],
		'samlp-encrypted': [samlp, {}, { encrypt: 'gcm256' }],
		'samlp-cbc': [samlp, { allow_cbc: true }, { encrypt: 'cbc256', signResponse: true }],
		'samlp-posted': [samlp, { binding: 'post' }],
		'samlp-tls': [tls, {}],
		'samlp-unsigned': [samlp, { sign_requests: false }, { unsigned: true }],
		'samlp-mail': [samlp, mail, { format: FORMATS.email, ...mailName }],
		'samlp-unspecified': [samlp, mail, { format: FORMATS.unspecified, ...mailName }],
	}
}
/** SimpleSAMLphp's own cipher; elsewhere the rig makes it AES-GCM. */
const byCipher = (provider, work) => provider === 'ssp-cbc' ? peers.ssp.wanting({ cipher: CIPHERS.cbc }, work) : work()

const peers = {}
let gateway, listener, webClient, calls = []
const all = () => Object.values(peers)

function scene({ ssp, samlp, tls }, clients) {
	const mine = (name, more) => tenant(name, { clients, users: [], ...more })
	const table = kinds({ ssp, samlp, tls }), options = Object.fromEntries(Object.entries(table).map(([name, [, , there]]) => [name, there]))
	const tenants = [
		tenant('acme', { clients, providers: [...Object.entries(table).map(([name, [peer, here]]) => peer.provider(name, { button: false, group_map, ...here })), ssp.provider('off', { enabled: false })] }),
		mine('mapping', { providers: [
			ssp.provider('claims', { group_map, claims: { name: ['cn', 'uid'], groups: 'memberOf', email: 'mail' }, unmapped_groups: 'drop', username: '{email}' }),
			ssp.provider('keep', { group_map, unmapped_groups: 'keep', update: 'first' }), ssp.provider('prefix', { group_map, unmapped_groups: 'prefix' }) ] }),
		mine('closed', { users: [{ username: 'known', links: [{ provider: 'existing', subject: 'number of linked' }] }], providers: [ssp.provider('existing', { provisioning: 'existing', subject: 'attribute:employeeNumber' })] }),
		mine('routed', { users: [{ username: 'bruno', email: 'bruno@own.example', password: PASSWORDS.bruno }], providers: [ssp.provider('here', { domains: ['partner.example'] }), samlp.provider('there', { domains: ['there.example'] })] }),
		mine('linking', { domains: ['partner.example'], users: [{ username: 'owner', email: 'dan@partner.example', email_verified: true, password: PASSWORDS.alice }],
			providers: [ssp.provider('own', { domains: ['partner.example'], link_by_verified_email: true }), samlp.provider('foreign', { link_by_verified_email: true })] }),
		mine('strong', { providers: [samlp.provider('weak', { authn_context: [`${CLASSES}TimeSyncToken`] }), samlp.provider('otp', { authn_context: [`${CLASSES}TimeSyncToken`] }),
			samlp.provider('mfa', { upstream_mfa: 'trust' }), samlp.provider('doubted')] }),
		mine('leaving', { providers: ['ssp', 'posting', 'told-by-post', 'named'].map((name) => ssp.provider(name, name === 'posting' ? { binding: 'post' } : {})).concat(samlp.provider('samlp'), samlp.provider('behind', { metadata: samlp.bySoap })) }),
		mine('tile', { providers: [ssp.provider('restarting')] }),
		mine('tiles', { clients: [...clients, { ...CLIENTS.post, initiate_login_uri: 'https://other.acme.example/start' }], providers: [ssp.provider('restarting'), ssp.provider('refusing', { idp_initiated: 'refuse' })] }),
	]
	options.named = { 'nameid.encryption': true }
	options.otp = { context: `${CLASSES}TimeSyncToken` }
	options.mfa = options.doubted = { context: 'https://refeds.org/profile/mfa' }
	return [tenants, options]
}

before(async () => {
	if (skip) return
	listener = createServer((request, response) => {
		let body = ''
		request.on('data', (piece) => { body += piece }).on('end', () => { calls.push({ path: request.url, form: new URLSearchParams(body) }); response.writeHead(200, { 'Cache-Control': 'no-store' }).end() })
	}).listen(0, '127.0.0.1')
	await once(listener, 'listening')
	peers.ssp = await SimpleSaml.start(people())
	peers.samlp = await Samlp.start(people())
	peers.tls = await Samlp.start(people(), { tls: true })
	peers.ssp.want({ cipher: CIPHERS.gcm })
	peers.samlp.bySoap = (await peers.samlp.metadata()).replace(/<SingleLogoutService[^>]*HTTP-POST[^>]*>/, '').replace(/(<SingleLogoutService Binding="[^"]*):HTTP-Redirect" Location="[^"]*"/, `$1:SOAP" Location="${peers.samlp.origin}/soap"`)
	peers.ssp.text = await peers.ssp.metadata()
	writeFileSync(`${peers.ssp.folder}/metadata.xml`, peers.ssp.text)
	webClient = { ...CLIENTS.web, claims_in_id_token: true, backchannel_logout_uri: `http://127.0.0.1:${listener.address().port}/told`, backchannel_logout_session_required: true,
		initiate_login_uri: 'https://app.acme.example/start' }
	const [tenants, options] = scene(peers, [webClient, 'staffonly', 'api'])
	gateway = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1/32'], ca_file: peers.tls.authority, timeout: '4s' } }, declaration: declare(...tenants) })
	await SamlPeer.trust(gateway, tenants.map((one) => ({ ...one, providers: one.providers.filter(({ enabled }) => enabled !== false) })), options)
	peers.ssp.trust((await ask(`${gateway.issuer('leaving')}/saml/told-by-post/metadata`)).text.replace(/<md:SingleLogoutService Binding="[^"]*HTTP-Redirect".*?<\/md:SingleLogoutService>/, ''))
})
afterEach(() => { for (const one of all()) one.fault = {} })
after(async () => {
	await gateway?.stop()
	listener?.close()
	listener?.closeAllConnections()
	await Promise.all(all().map((one) => one.stop()))
})

const at = (name, client = webClient) => new Application(gateway, name, client)
const newBrowser = () => new Browser({ beyond: all().map((one) => one.origin) })
const atPeer = (page) => all().some((one) => one.origin === page.url.origin)
const asksPassword = (page) => page.form?.fields.password !== undefined

/** To the peer and back. */
async function signIn(provider, who, { name = 'acme', client, browser = newBrowser(), ...parameters } = {}) {
	const request = at(name, client).begin({ idp_hint: provider, ...parameters })
	const page = await walk(browser, await browser.open(request.url), all(), who)
	return { browser, page, request }
}
async function tokensOf(provider, who, options = {}) {
	const { browser, page, request } = await signIn(provider, who, options)
	assert.ok(page.answer?.code, `no code: ${page.status} ${page.url} ${page.location ?? page.text}${page.reference ? JSON.stringify(await gateway.explain(options.name ?? 'acme', page.reference), null, 1) : ''}`)
	const answer = await at(options.name ?? 'acme', options.client).redeem({ ...request, code: page.answer.code })
	assert.equal(answer.status, 200, answer.text)
	return { ...answer.json, browser, id: claimsOf(answer.json.id_token) }
}
const lastLogin = async (name = 'acme') => (await gateway.rows(name, '--event', 'login')).at(-1)
const request = (peer) => peer.calls.findLast((call) => call.query.SAMLRequest ?? call.form.SAMLRequest)

describe('signing in', { skip }, () => {
	test('accents and groups arrive, and the log tells the provider', async () => {
		const { id } = await tokensOf('ssp', 'ada')
		assert.match(id.sub, /^[a-z2-7]{26}$/, 'the account\'s, not the NameID')
		assert.deepEqual([id.name, id.email, id.email_verified, id.idp, id.preferred_username], [fullName('ada'), 'ada@partner.example', false, 'ssp', 'ada'])
		assert.deepEqual(id.groups.toSorted(), [...GROUPS.map((one) => `ssp:${one}`), 'staff', 'wiki'].toSorted())
		const row = await lastLogin()
		assert.deepEqual([row.result, row.reason, row.provider, row.account], ['ok', 'ok', 'ssp', id.sub])
	})

	for (const provider of Object.keys(kinds({ ssp: {}, samlp: {} })))
		test(`${provider}: twice the same person, another one is another`, () => byCipher(provider, async () => {
			const first = await tokensOf(provider, 'bea'), second = await tokensOf(provider, 'bea'), other = await tokensOf(provider, 'cleo')
			assert.equal(second.id.sub, first.id.sub)
			assert.notEqual(other.id.sub, first.id.sub)
			assert.deepEqual([first.id.email, first.id.name], ['bea@partner.example', fullName('bea')])
			assert.ok(first.id.groups.includes('wiki'), String(first.id.groups))
		}))

	test('the same person at two providers is two (ID-1)', async () => {
		assert.notEqual((await tokensOf('ssp', 'dan')).id.sub, (await tokensOf('ssp-both', 'dan')).id.sub)
	})

	test('six tabs at once make one account', async () => {
		const subs = await Promise.all(Array.from({ length: 6 }, async () => (await tokensOf('samlp', 'dan')).id.sub))
		assert.equal(new Set(subs).size, 1)
	})

	test('openid-client takes what an application gets: amr, acr, auth_time', async () => {
		const config = await oidc.discovery(new URL(gateway.issuer('acme')), webClient.client_id, { id_token_signed_response_alg: 'RS256' }, oidc.ClientSecretBasic(webClient.client_secret),
			{ execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] })
		const checks = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() }, browser = newBrowser(), begun = Math.floor(Date.now() / 1000)
		const url = oidc.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, scope: webClient.scope, state: checks.expectedState, nonce: checks.expectedNonce, idp_hint: 'ssp',
			code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier), code_challenge_method: 'S256' })
		const page = await walk(browser, await browser.open(url), all(), 'ada')
		const claims = (await oidc.authorizationCodeGrant(config, page.location, { ...checks, idTokenExpected: true })).claims()
		assert.deepEqual([claims.amr, claims.acr, claims.idp], [['pwd'], 'urn:passerelle:acr:pwd', 'ssp'])
		assert.ok(claims.auth_time >= begun - 1 && claims.auth_time <= Date.now() / 1000 + 1, `${claims.auth_time}`)
	})

	test('auth_time is when the person signed in there, not here', async () => {
		const browser = newBrowser(), first = await tokensOf('ssp', 'ada', { browser })
		peers.ssp.fault = { xml: (xml) => xml.replace(/AuthnInstant="[^"]*"/, `AuthnInstant="${new Date(Date.now() - 3600_000).toISOString()}"`) }
		const { id } = await tokensOf('ssp', 'ada')
		assert.ok(Math.abs(id.auth_time - (Date.now() / 1000 - 3600)) < 30, `${id.auth_time}`)
		assert.equal(id.sub, first.id.sub)
	})

	test('who is disabled here stays out', async () => {
		const { id } = await tokensOf('ssp', 'frozen')
		await gateway.cli('user', 'disable', id.sub, '--tenant', 'acme')
		const { page } = await signIn('ssp', 'frozen')
		assert.ok(!page.answer?.code)
		assert.equal((await lastLogin()).reason, 'account_disabled')
	})

	test('the session then serves without the provider, and ends when the provider says', async () => {
		const { browser } = await peers.ssp.wanting({ session_seconds: 600 }, () => tokensOf('ssp', 'short')), before = peers.ssp.calls.length
		assert.ok((await browser.open(at('acme').begin().url)).answer?.code)
		gateway.advance(11 * 60_000)
		try {
			assert.ok((await browser.open(at('acme').begin().url)).form?.fields.username !== undefined, 'the sign-in page')
			assert.equal(peers.ssp.calls.length, before)
		} finally {
			gateway.advance(-11 * 60_000)
		}
	})

	test('an account of one session is not taken over by the other one\'s cookie', async () => {
		const browser = newBrowser(), first = await tokensOf('ssp', 'ada', { browser }), second = await tokensOf('samlp', 'bea', { browser, prompt: 'login' })
		assert.notEqual(first.id.sub, second.id.sub)
		assert.notEqual(first.id.sid, second.id.sid)
	})
})

describe('what is asked of the provider', { skip }, () => {
	test('an AuthnRequest as the profile has it, which the provider verified', async () => {
		await tokensOf('ssp', 'ada')
		const { query } = request(peers.ssp), xml = peers.ssp.received, issuer = gateway.issuer('acme')
		assert.equal(query.SigAlg, 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256')
		assert.ok(Buffer.byteLength(query.RelayState) <= 80, 'SAML bindings 3.4.3')
		assert.deepEqual(['AssertionConsumerServiceURL', 'Destination', 'ProtocolBinding', 'Version', 'ForceAuthn', 'IsPassive'].map((name) => attributeOf(xml, 'AuthnRequest', name)),
			[`${issuer}/saml/ssp/acs`, peers.ssp.signOnUrl, 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST', '2.0', undefined, undefined])
		assert.match(xml, new RegExp(`Issuer[^>]*>${issuer}/saml/ssp/metadata<`))
	})

	test('a request altered on its way is refused there: its signature counts', async () => {
		const browser = newBrowser(), page = await browser.request(at('acme').begin({ idp_hint: 'ssp' }).url)
		let there = page.location
		while (there.origin !== peers.ssp.origin) there = (await browser.request(there)).location
		there.searchParams.set('RelayState', 'another')
		assert.match((await browser.request(there)).text, /SimpleSAML|Unable to validate/)
		assert.ok(!peers.ssp.calls.at(-1).path.includes('loginuserpass'))
	})

	test('by POST it is the same, signed in the message', async () => {
		for (const [provider, peer] of [['ssp-posted', peers.ssp], ['samlp-posted', peers.samlp]]) {
			await tokensOf(provider, 'ada')
			const { form } = request(peer)
			assert.match(posted(form.SAMLRequest), /<ds:SignatureValue/)
			assert.ok(form.RelayState)
		}
	})

	test('a fresh sign-in is asked for, given and proved', async () => {
		for (const asked of [{ prompt: 'login' }, { max_age: 0 }]) {
			const { browser, id } = await tokensOf('ssp', 'ada'), again = await tokensOf('ssp', 'ada', { browser, ...asked })
			assert.equal(attributeOf(peers.ssp.received, 'AuthnRequest', 'ForceAuthn'), 'true')
			assert.equal(again.id.sub, id.sub)
			assert.ok(again.id.auth_time >= id.auth_time)
		}
	})

	test('a sign-in that is too old is none', async () => {
		peers.ssp.fault = { xml: (xml) => xml.replace(/AuthnInstant="[^"]*"/, `AuthnInstant="${new Date(Date.now() - 3600_000).toISOString()}"`) }
		for (const asked of [{ prompt: 'login' }, { max_age: 600 }]) {
			const { page } = await signIn('ssp', 'ada', asked)
			assert.ok(!page.answer?.code)
			assert.equal((await lastLogin()).reason, 'token_auth_time')
		}
	})

	test('prompt=none asks passively, or answers at once: nobody is shown a page', async () => {
		const { page } = await signIn('ssp', 'ada', { prompt: 'none' })
		assert.equal(page.answer?.error, 'login_required')
	})

	test('SAML classes among acr_values are asked for', async () => {
		await tokensOf('samlp', 'ada', { acr_values: `urn:x:y ${CLASSES}PasswordProtectedTransport` })
		assert.match(peers.samlp.received, /<samlp:RequestedAuthnContext[^>]*>\s*<saml:AuthnContextClassRef[^>]*>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</)
	})

	test('a class that is declared must come back', async () => {
		const { page } = await signIn('weak', 'ada', { name: 'strong' })
		assert.ok(!page.answer?.code)
		assert.equal((await lastLogin('strong')).reason, 'token_acr')
		assert.deepEqual((await tokensOf('otp', 'ada', { name: 'strong' })).id.amr, ['otp'])
	})

	test('a second factor there counts here where it is trusted', async () => {
		const doubted = await tokensOf('doubted', 'ada', { name: 'strong' })
		assert.deepEqual([doubted.id.amr ?? [], doubted.id.acr], [[], 'urn:passerelle:acr:pwd'])
		const { id } = await tokensOf('mfa', 'ada', { name: 'strong' })
		assert.ok(id.amr.includes('mfa'), String(id.amr))
		assert.equal(id.acr, 'urn:passerelle:acr:mfa')
	})
})

describe('metadata', { skip }, () => {
	test('ours holds what the other side needs, and no secret', async () => {
		const answer = await ask(`${gateway.issuer('acme')}/saml/ssp/metadata`), issuer = gateway.issuer('acme')
		assert.equal(answer.status, 200)
		assert.match(answer.headers['content-type'], /^application\/samlmetadata\+xml/)
		assert.equal(attributeOf(answer.text, 'EntityDescriptor', 'entityID'), `${issuer}/saml/ssp/metadata`)
		assert.deepEqual(['AuthnRequestsSigned', 'WantAssertionsSigned'].map((name) => attributeOf(answer.text, 'SPSSODescriptor', name)), ['true', 'true'])
		assert.equal(attributeOf(answer.text, 'AssertionConsumerService', 'Location'), `${issuer}/saml/ssp/acs`)
		assert.equal(attributeOf(answer.text, 'SingleLogoutService', 'Location'), `${issuer}/saml/ssp/slo`)
		for (const use of ['signing', 'encryption']) assert.match(answer.text, new RegExp(`KeyDescriptor use="${use}".*?<ds:X509Certificate>MII`, 's'))
		assert.doesNotMatch(answer.text, /PRIVATE/)
	})

	test('tenants have keys of their own, one tenant\'s providers share them', async () => {
		const certificate = async (name, provider) => (await ask(`${gateway.issuer(name)}/saml/${provider}/metadata`)).text.match(/<ds:X509Certificate>([^<]*)/)[1]
		assert.equal(await certificate('acme', 'ssp'), await certificate('acme', 'samlp'))
		assert.notEqual(await certificate('acme', 'ssp'), await certificate('leaving', 'ssp'))
	})

	test('no such provider, one that is off, one of another kind: no metadata', async () => {
		for (const name of ['nobody', 'off', 'local']) assert.ok((await ask(`${gateway.issuer('acme')}/saml/${name}/metadata`)).status >= 400, name)
	})

	test('two keys of the provider are honoured while it changes them', async () => {
		const tenants = [tenant('turning', { clients: [webClient], users: [], providers: [peers.ssp.provider('ssp')] })]
		await peers.ssp.wanting({ next_key: true }, async () => {
			await gateway.apply(declare(...tenants))
			await SamlPeer.trust(gateway, tenants)
			const first = await tokensOf('ssp', 'ada', { name: 'turning' })
			peers.ssp.fault = { key: peers.ssp.next }
			assert.equal((await tokensOf('ssp', 'ada', { name: 'turning' })).id.sub, first.id.sub)
		})
	})
})

describe('accounts', { skip }, () => {
	test('attributes are mapped, unmapped groups dropped, the username made', async () => {
		const { id } = await tokensOf('claims', 'ada', { name: 'mapping' })
		assert.deepEqual([id.name, id.preferred_username, id.groups.toSorted()], ['ada', 'ada@partner.example', ['staff', 'wiki']])
	})
	test('unmapped groups kept, or named after the provider', async () => {
		assert.deepEqual((await tokensOf('keep', 'ada', { name: 'mapping' })).id.groups.toSorted(), [...GROUPS, 'staff', 'wiki'].toSorted())
		assert.deepEqual((await tokensOf('prefix', 'ada', { name: 'mapping' })).id.groups.toSorted(), [...GROUPS.map((one) => `prefix:${one}`), 'staff', 'wiki'].toSorted())
	})
	test('what changes there changes here, or not, as declared', async () => {
		const rename = (name) => peers.ssp.want({ people: { ...peers.ssp.people, changing: { ...peers.ssp.people.changing, attributes: { ...peers.ssp.people.changing.attributes, displayName: [name] } } } })
		for (const [provider, expected] of [['keep', 'Old Name'], ['prefix', 'New Name']]) {
			rename('Old Name')
			await tokensOf(provider, 'changing', { name: 'mapping' })
			rename('New Name')
			assert.equal((await tokensOf(provider, 'changing', { name: 'mapping' })).id.name, expected)
		}
	})
	test('provisioning existing: who was linked comes in, others are told', async () => {
		assert.equal((await tokensOf('existing', 'linked', { name: 'closed' })).id.preferred_username, 'known')
		const { page } = await signIn('existing', 'stray', { name: 'closed' })
		assert.ok(!page.answer?.code && page.reference, page.text)
		assert.equal((await gateway.explain('closed', page.reference)).reason, 'not_provisioned')
		assert.deepEqual((await gateway.cliJson('user', 'list', '--tenant', 'closed')).map((user) => user.username), ['known'])
	})
	test('groups decide which application a person may use', async () => {
		assert.ok((await tokensOf('ssp', 'ada', { client: CLIENTS.staffonly })).id)
	})
	test('an address proves itself only where provider and tenant own its domain', async () => {
		const app = at('linking'), browser = newBrowser(), begun = app.begin()
		let page = await browser.open(begun.url)
		if (!asksPassword(page)) page = await browser.submit(page, { username: 'owner' })
		page = await browser.signIn(page, 'owner', PASSWORDS.alice)
		const owner = claimsOf((await app.redeem({ ...begun, code: page.answer.code })).json.id_token)
		const foreign = await tokensOf('foreign', 'dan', { name: 'linking' })
		assert.notEqual(foreign.id.sub, owner.sub)
		assert.equal(foreign.id.email_verified, false)
	})
})

describe('the way to a provider', { skip }, () => {
	test('buttons stand on the sign-in page, and lead there and back', async () => {
		const browser = newBrowser(), page = await browser.open(at('acme').begin().url)
		const names = [...new Set([...page.text.matchAll(/\/login\/([a-z0-9-]+)/g)].map(([, name]) => name))]
		assert.deepEqual(names, ['ssp', 'samlp'])
		assert.match(page.text, /The university/)
		const address = page.text.match(/"([^"]*\/login\/ssp[^"]*)"/)[1].replaceAll('&amp;', '&')
		const there = await browser.open(new URL(address, page.url), /<form[^>]*action="[^"]*\/login\/ssp/.test(page.text) ? { form: page.form.fields } : undefined)
		assert.ok(atPeer(there), `${there.status} ${there.url}`)
		assert.ok((await walk(browser, there, all(), 'ada')).answer?.code)
	})

	test('an address of a provider\'s domain leads there, without a password field', async () => {
		const browser = newBrowser(), page = await browser.open(at('routed').begin().url)
		const there = await browser.submit(page, { username: 'Ada@Partner.Example' })
		assert.equal(there.url.origin, peers.ssp.origin, `${there.status} ${there.url}`)
		assert.ok((await walk(browser, there, all(), 'ada')).answer?.code)
		assert.equal((await newBrowser().open(at('routed').begin({ login_hint: 'ada@there.example' }).url)).url.origin, peers.samlp.origin)
	})

	test('one that is off, or that nobody knows, leads to the sign-in page', async () => {
		for (const provider of ['nobody', 'off']) assert.ok(!atPeer(await newBrowser().open(at('acme').begin({ idp_hint: provider }).url)), provider)
	})
})

// What was granted with offline_access outlives the session (Back-Channel Logout 1.0, section 2.7).
const bound = { name: 'leaving', scope: 'openid profile email' }
const lives = (tokens) => at('leaving').isActive(tokens.access_token)
const toldOf = (tokens) => calls.some((one) => one.form.get('logout_token') && claimsOf(one.form.get('logout_token')).sid === tokens.id.sid)
async function assertOut(tokens) {
	await until('the session to end', async () => !await lives(tokens))
	await until('the application to be told', () => toldOf(tokens))
	assert.ok(!(await tokens.browser.open(at('leaving').begin().url)).answer?.code, 'the session is over')
}

describe('signing out here', { skip }, () => {
	for (const [provider, peer] of [['ssp', 'ssp'], ['posting', 'ssp'], ['samlp', 'samlp']])
		test(`${provider}: here, then there, and back`, async () => {
			const tokens = await tokensOf(provider, 'ada', bound), { browser } = tokens
			const begun = peers[peer].calls.length
			let page = await browser.open(`${at('leaving').issuer}/logout?${new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: 'https://app.acme.example/bye', state: 'kept' })}`)
			page = await walk(browser, page, all())
			assert.equal(page.location?.href ?? page.url.href, 'https://app.acme.example/bye?state=kept', page.text)
			const asked = peers[peer].calls.slice(begun).find((call) => call.query.SAMLRequest ?? call.form.SAMLRequest)
			assert.ok(asked, 'a LogoutRequest arrived')
			assert.equal(Boolean(asked.form.SAMLRequest), provider === 'posting')
			assert.match(peers[peer].received, /<samlp:LogoutRequest/)
			assert.match(peers[peer].received, /<samlp:SessionIndex/)
			await assertOut(tokens)
			let again = await browser.open(at('leaving').begin({ idp_hint: provider }).url)
			if (carries(again)) again = await browser.submit(again)
			assert.ok(again.form.fields.username !== undefined || again.form.fields.login !== undefined, 'signed out there too')
			const row = (await gateway.rows('leaving')).findLast((one) => one.event === 'logout')
			assert.equal(row?.result, 'ok', JSON.stringify(row))
		})

	test('soap: where the provider takes it behind the browser only, it is told so, and the person goes straight on', async () => {
		const answers = { good: true, broken: false }
		for (const [title, good] of Object.entries(answers)) {
			const tokens = await tokensOf('behind', 'fred', bound), { samlp } = peers, begun = samlp.calls.length
			samlp.fault = { only: /^\/soap$/, raw: (request, response) => {
				const asked = samlp.calls.at(-1).body, id = attributeOf(asked, 'LogoutRequest', 'ID')
				const xml = logoutResponse({ issuer: samlp.entityId, destination: `${at('leaving').issuer}/saml/behind/slo`, inResponseTo: id })
				response.writeHead(200, { 'Content-Type': 'text/xml' }).end(good ? soap(signed(xml, 'LogoutResponse', samlp.pair)) : '<html>')
			} }
			const page = await tokens.browser.open(`${at('leaving').issuer}/logout?${new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: 'https://app.acme.example/bye' })}`)
			assert.equal(page.location?.origin, 'https://app.acme.example', title)
			const [call] = samlp.calls.slice(begun)
			assert.deepEqual([call?.path, call?.method], ['/soap', 'POST'])
			assert.match(call.body, /^<soap:Envelope.*<samlp:LogoutRequest.*<ds:SignatureValue>.*<samlp:SessionIndex/s)
			await assertOut(tokens)
			const failures = (await gateway.rows('leaving')).filter((one) => one.event === 'login.refuse' && one.provider === 'behind')
			assert.equal(failures.length, good ? 0 : 1, 'the log tells who may still be signed in there')
		}
	})

	test('the provider that is away keeps nobody here', async () => {
		const tokens = await tokensOf('ssp', 'bea', bound)
		peers.ssp.fault = { raw: (request, response) => response.writeHead(503).end() }
		await tokens.browser.open(`${at('leaving').issuer}/logout?${new URLSearchParams({ id_token_hint: tokens.id_token })}`)
		await assertOut(tokens)
	})
})

describe('signing out there', { skip }, () => {
	test('one person\'s SessionIndex is not another\'s, even where the provider gives everybody the same', async () => {
		peers.ssp.fault = { xml: (xml) => xml.replace(/SessionIndex="[^"]*"/, 'SessionIndex="1"') }
		const ada = await tokensOf('ssp', 'ada', bound), bea = await tokensOf('ssp', 'bea', bound)
		const [, attributes, value] = peers.ssp.sent.at(-1).xml.match(/<saml:NameID\b([^>]*)>([^<]*)/), slo = `${at('leaving').issuer}/saml/ssp/slo`
		const name = { value, format: attributes.match(/ Format="([^"]*)"/)[1], spNameQualifier: attributes.match(/SPNameQualifier="([^"]*)"/)[1] }
		const query = redirectQuery('SAMLRequest', logoutRequest({ issuer: peers.ssp.entityId, destination: slo, name, sessionIndexes: ['1'] }), 'r', peers.ssp.pair)
		assert.equal((await newBrowser().request(`${slo}?${query}`)).status, 303)
		await assertOut(bea)
		assert.ok(await lives(ada))
	})
	for (const [title, provider, peer, by] of [['by redirect', 'ssp', 'ssp', 'address'], ['by POST', 'told-by-post', 'ssp', 'form'], ['by a name that is encrypted', 'named', 'ssp', 'address'], ['by another maker\'s', 'samlp', 'samlp', 'address']])
		test(`${title}: the session ends here, and applications hear of it`, async () => {
			const tokens = await tokensOf(provider, 'cleo', bound), stranger = await tokensOf(provider, 'dan', bound), { browser } = tokens
			assert.ok(await lives(tokens))
			const begun = peers[peer].calls.length, page = await walk(browser, await browser.open(peers[peer].leaveUrl()), all())
			const answer = peers[peer].calls.slice(begun).findLast((call) => call.query.SAMLResponse ?? call.form.SAMLResponse)
			assert.ok(answer, `no LogoutResponse came: ${page.status} ${page.url} ${page.reference ? JSON.stringify(await gateway.explain('leaving', page.reference)) : page.text}`)
			assert.equal(peers[peer].sent.findLast((one) => one.parameter === 'SAMLRequest').by, by)
			assert.ok(answer[by === 'form' ? 'form' : 'query'].SAMLResponse, 'answered the way it came')
			assert.match(peers[peer].received, /status:Success/)
			assert.equal(page.url.origin, peers[peer].origin, 'and the person ends where he began')
			await assertOut(tokens)
			assert.ok(await lives(stranger), 'others stay')
			assert.ok((await gateway.rows('leaving')).findLast((one) => one.event.startsWith('logout') && one.account === tokens.id.sub), 'a record of it')
		})
})

describe('a tile in the provider\'s portal', { skip }, () => {
	const serviceOf = (provider) => `${at('tiles').issuer}/saml/${provider}/metadata`
	const hasSession = (browser) => [...browser.cookies.keys()].some((one) => one.endsWith('psr_s_tiles'))
	test('restart: the answer is thrown away, and a sign-in of our own asking begins', async () => {
		const browser = newBrowser(), held = await walk(browser, await browser.open(peers.ssp.tileUrl(serviceOf('restarting'), webClient.client_id)), all(), 'ada', { hold: true })
		assert.equal(attributeOf(posted(held.form.fields.SAMLResponse), 'Response', 'InResponseTo'), undefined)
		const first = await browser.request(held.form.action, { form: held.form.fields, headers: { Origin: peers.ssp.origin } })
		assert.equal(first.status, 303)
		assert.equal(first.location.origin + first.location.pathname, `${at('tiles').issuer}/login/restarting`)
		assert.ok(!hasSession(browser), 'nobody is signed in by it')
		const page = await walk(browser, await browser.open(first.location), all(), 'ada')
		assert.equal(page.location && page.location.origin + page.location.pathname, 'https://app.acme.example/start', `the application that the tile names: ${page.status} ${page.text}`)
		assert.equal(page.answer.iss, at('tiles').issuer)
		const done = await browser.open(at('tiles').begin().url)
		assert.ok(done.answer?.code, 'which then asks by itself')
	})
	test('restart without a name: the one application there is', async () => {
		const service = `${at('tile').issuer}/saml/restarting/metadata`
		for (const name of [undefined, 'no-client-of-ours']) {
			const browser = newBrowser(), page = await walk(browser, await browser.open(peers.ssp.tileUrl(service, name)), all(), 'ada')
			assert.equal(page.location?.origin, 'https://app.acme.example', `${page.status} ${page.url}`)
		}
	})
	test('restart without a name, where there are several: the person\'s own page', async () => {
		for (const name of [undefined, 'no-client-of-ours', 'https://evil.example/']) {
			const browser = newBrowser(), page = await walk(browser, await browser.open(peers.ssp.tileUrl(serviceOf('restarting'), name)), all(), 'ada')
			assert.equal(page.url.href, `${at('tiles').issuer}/account`, `${page.status} ${page.location}`)
		}
	})
	test('another\'s tile signs nobody in under a foreign name', async () => {
		const mallory = newBrowser(), held = await walk(mallory, await mallory.open(peers.ssp.tileUrl(serviceOf('restarting'), webClient.client_id)), all(), 'fred', { hold: true }), victim = newBrowser()
		await walk(victim, await victim.open(at('tiles').begin({ idp_hint: 'restarting' }).url), all(), 'ada')
		victim.cookies.delete([...victim.cookies.keys()].find((one) => one.endsWith('psr_s_tiles')))
		const page = await walk(victim, await victim.open(held.form.action, { form: held.form.fields, headers: { Origin: 'https://evil.example' } }), all(), 'nobody')
		assert.equal(page.location?.origin, 'https://app.acme.example')
		assert.match((await victim.open(`${at('tiles').issuer}/account`)).text, /Ada Élève/)
	})
	test('refuse: a page says so', async () => {
		const browser = newBrowser(), page = await walk(browser, await browser.open(peers.ssp.tileUrl(serviceOf('refusing'))), all(), 'ada')
		assert.ok(page.status >= 400 && page.reference, `${page.status} ${page.location}`)
	})
})

describe('docs/providers-saml.md', { skip }, () => {
	test('what it tells to write is taken as it stands', async () => {
		const [first, ...more] = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text), folder = gateway.path('page')
		mkdirSync(folder)
		for (const [, name] of PAGE.matchAll(/metadata_file: ([a-z]+\.xml)/g)) writeFileSync(`${folder}/${name}`, peers.ssp.text)
		writeFileSync(`${folder}/page.yaml`, [first.replace('name: acme', 'name: page').replace('acme.example]', 'page.example]'), ...more].join(''))
		await gateway.cli('apply', '-f', `${folder}/page.yaml`)
		const names = (await gateway.cliJson('provider', 'list', '--tenant', 'page')).map((one) => one.name)
		assert.deepEqual(names, ['okta', 'onelogin', 'entra', 'adfs', 'workspace', 'keycloak', 'simplesaml', 'shibboleth', 'partner'])
	})

	test('each test that it names is one', () => {
		const files = ['saml.test.mjs', 'saml_faults.test.mjs', 'lib/saml_faults.mjs'].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8')).join('')
		const names = [...PAGE.slice(PAGE.indexOf('## 7.')).matchAll(/\| ([^|]*) \|$/gm)].flatMap(([, cell]) => [...cell.matchAll(/\*([^*]{6,})\*/g)].map(([, name]) => name))
		assert.ok(names.length >= 10, String(names))
		for (const name of names) {
			const [, provider] = name.match(/^([a-z-]+): twice the same person, another one is another$/) ?? []
			assert.ok(provider ? kinds({ ssp: {}, samlp: {} })[provider] : files.includes(`'${name}'`), name)
		}
	})

	test('it names every key', () => {
		const keys = [...readFileSync(new URL('../../providers/saml_settings.c', import.meta.url), 'utf8').matchAll(/\{\.name = "([a-z_]+)", \.type = KEY_/g)].map(([, name]) => name)
		assert.ok(keys.length >= 12, String(keys))
		for (const one of keys) assert.ok(PAGE.includes(`\`${one}\``), one)
	})
})
