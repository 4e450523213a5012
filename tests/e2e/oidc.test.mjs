// People of OpenID providers: the certified one of lib/upstream.mjs as itself, and as Google, Entra ID and LinkedIn are documented to differ. What is wrong with an
// upstream is in oidc_faults.test.mjs.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, assertRefused, claimsOf, post } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { hasChromium, launch, startCallback } from './lib/chromium.mjs'
import { newKey, read } from './lib/jws.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'
import { CLIENT_ID, DIRECTORY, Upstream } from './lib/upstream.mjs'

const guidOf = (name) => `${createHash('sha256').update(name).digest('hex').slice(0, 8)}-2222-4333-8444-555555555555`
const person = (name, more) => ({ sub: `${name}-1`, tid: DIRECTORY, oid: guidOf(name), hd: 'acme.example', name: `${name[0].toUpperCase()}${name.slice(1)} Upstream`,
	preferred_username: name, email: `${name}@partner.example`, email_verified: true, groups: ['wiki-up', 'R&D'], ...more })
const people = () => ({
	...Object.fromEntries(['ada', 'bea', 'cleo', 'dan', 'fred', 'mover', 'leaver', 'tabs', 'real', 'posting', 'linked', 'stray', 'changing', 'frozen'].map((name) => [name, person(name)])),
	crowd: person('crowd', { groups: Array.from({ length: 250 }, (_, i) => `group-${i}`).concat('wiki-up') }),
	victim: person('victim', { email: 'victim@acme.example' }),
	mallory: person('mallory', { email: 'mallory@evil.example' }),
	...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`load${i}`, person(`load${i}`)])),
})
const SCOPE = 'openid profile email groups'
/** Registered there under the name that our assertions give it: its RFC 7638 thumbprint. */
async function assertionKey(alg) {
	const key = newKey(alg)
	return { ...key, jwk: { ...key.jwk, kid: await calculateJwkThumbprint(key.jwk) } }
}
const KEYS = { rs: await assertionKey('RS256'), ps: await assertionKey('PS256'), es: await assertionKey('ES256') }
const signing = (alg, key) => ({ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg, private_key: key.secretPem, client_secret: undefined })
/** How a client authenticates: what the gateway is told, and what is registered at the upstream. */
const METHODS = {
	client_secret_basic: [{ token_endpoint_auth_method: 'client_secret_basic' }, { token_endpoint_auth_method: 'client_secret_basic' }],
	client_secret_post: [{ token_endpoint_auth_method: 'client_secret_post' }, { token_endpoint_auth_method: 'client_secret_post' }],
	client_secret_jwt: [{ token_endpoint_auth_method: 'client_secret_jwt' }, { token_endpoint_auth_method: 'client_secret_jwt', token_endpoint_auth_signing_alg: 'HS256' }],
	'private_key_jwt RS256': [signing('RS256', KEYS.rs), { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'RS256', jwks: { keys: [KEYS.rs.jwk] } }],
	'private_key_jwt PS256': [signing('PS256', KEYS.ps), { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256', jwks: { keys: [KEYS.ps.jwk] } }],
	'private_key_jwt ES256': [signing('ES256', KEYS.es), { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [KEYS.es.jwk] } }],
	none: [{ token_endpoint_auth_method: 'none', client_secret: undefined }, { token_endpoint_auth_method: 'none' }],
}
const nameOf = (method) => `method-${method.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')}`

const upstreams = {}
let gateway, callback, browserClient
const all = () => Object.values(upstreams)
/** The tenants, one a subject. */
function scene({ plain, ec, tls, google, azure, linkedin, spinning }, clients) {
	const group_map = { 'wiki-up': ['wiki', 'staff'] }, mapped = { scope: SCOPE, group_map }, hidden = { button: false }
	const mine = (name, more) => tenant(name, { clients, users: [], ...more })
	return [
		tenant('acme', { clients, providers: [
			plain.provider('partner', { ...mapped, display_name: 'Our partner' }), google.provider('google', { hosted_domains: ['acme.example'] }), azure.provider('azure', { group_map, graph_url: azure.origin }), linkedin.provider('linkedin'),
			ec.provider('ec', hidden), tls.provider('tls', hidden), spinning.provider('spinning', hidden), plain.provider('userinfo', { userinfo: true, ...hidden }),
			plain.provider('posted', { response_mode: 'form_post', ...hidden }), plain.provider('off', { enabled: false }) ] }),
		mine('methods', { providers: Object.entries(METHODS).map(([method, [settings]]) => plain.provider(nameOf(method), { client_id: nameOf(method), ...settings })) }),
		mine('mapping', { providers: [
			plain.provider('claims', { ...mapped, claims: { name: ['nickname', 'preferred_username'], groups: 'groups', email: 'email' }, unmapped_groups: 'drop', username: '{email}' }),
			plain.provider('keep', { ...mapped, unmapped_groups: 'keep', update: 'first' }), plain.provider('prefix', { ...mapped, unmapped_groups: 'prefix' }) ] }),
		mine('closed', { users: [{ username: 'known', links: [{ provider: 'existing', subject: 'linked-1' }] }],
			providers: [plain.provider('existing', { provisioning: 'existing' }), plain.provider('linkonly', { provisioning: 'link' })] }),
		mine('routed', { users: [{ username: 'bruno', email: 'bruno@own.example', password: PASSWORDS.bruno }],
			providers: [plain.provider('here', { domains: ['partner.example'] }), ec.provider('there', { domains: ['ec.example'] })] }),
		mine('offline', { providers: [plain.provider('partner', { ...mapped, scope: `${SCOPE} offline_access` }), google.provider('google', { scope: 'openid profile email offline_access' })] }),
		mine('linking', { domains: ['acme.example'], users: [{ username: 'owner', email: 'victim@acme.example', email_verified: true, password: PASSWORDS.alice },
			{ username: 'squatter', email: 'bea@acme.example', password: PASSWORDS.bruno }],
			providers: [plain.provider('own', { domains: ['acme.example'], link_by_verified_email: true }), ec.provider('foreign', { link_by_verified_email: true }), linkedin.provider('linkedin'),
				plain.provider('mixing', { domains: ['acme.example'], link_by_verified_email: true, userinfo: true }),
				plain.provider('renaming', { domains: ['acme.example'], link_by_verified_email: true, claims: { email: 'preferred_username' } })] }),
		mine('leaving', { providers: [plain.provider('partner', { end_session: true })] }),
	]
}

before(async () => {
	callback = await startCallback()
	const kinds = { plain: {}, ec: { alg: 'ES256' }, tls: { tls: true }, google: { manner: 'google' }, azure: { manner: 'azure' }, linkedin: { manner: 'linkedin' }, spinning: {},
		}
	await Promise.all(Object.entries(kinds).map(async ([name, options]) => { upstreams[name] = await Upstream.start({ people: people(), ...options }) }))
	browserClient = { ...CLIENTS.web, redirect_uris: [...CLIENTS.web.redirect_uris, `${callback.origin}/cb`], claims_in_id_token: true }
	const tenants = scene(upstreams, [browserClient, 'staffonly', 'api']), { plain } = upstreams
	gateway = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1/32'], ca_file: upstreams.tls.authority, timeout: '2s' } }, declaration: declare(...tenants) })
	Upstream.trust(gateway, ...tenants.filter((one) => one.name !== 'methods'))
	for (const [method, [, registered]] of Object.entries(METHODS)) plain.trust(gateway, 'methods', nameOf(method), { client_id: nameOf(method), ...registered })
	plain.trust(gateway, 'leaving', 'partner', { backchannel_logout_uri: `${gateway.issuer('leaving')}/oidc/partner/backchannel-logout`, backchannel_logout_session_required: true })
})
afterEach(() => { for (const one of all()) one.fault = {} })
after(async () => {
	await gateway?.stop()
	await Promise.all([...all(), callback].map((one) => one?.stop()))
})

const at = (name, client = browserClient) => new Application(gateway, name, client)
const newBrowser = () => new Browser({ beyond: all().map((one) => one.origin) })
const atUpstream = (page) => all().some((one) => one.origin === page.url.origin)

/** Through the upstream's sign-in page, where it shows one. */
async function arrive(browser, page, who) {
	let here = page
	if (atUpstream(here)) here = await browser.submit(here, { login: who, refuse: undefined })
	if (atUpstream(here) && here.form) here = await browser.submit(here) // form_post
	return here
}
async function signIn(provider, who, { name = 'acme', client, browser = newBrowser(), ...parameters } = {}) {
	const request = at(name, client).begin({ idp_hint: provider, ...parameters })
	const page = await arrive(browser, await browser.open(request.url), who)
	return { browser, page, request }
}
async function tokensOf(provider, who, options = {}) {
	const { browser, page, request } = await signIn(provider, who, options)
	assert.ok(page.answer?.code, `no code: ${page.status} ${page.location ?? page.text}${page.reference ? JSON.stringify(await gateway.explain(options.name ?? 'acme', page.reference), null, 1) : ''}`)
	const answer = await at(options.name ?? 'acme', options.client).redeem({ ...request, code: page.answer.code })
	assert.equal(answer.status, 200, answer.text)
	return { ...answer.json, browser, id: claimsOf(answer.json.id_token) }
}
const lastLogin = async (name = 'acme') => (await gateway.rows(name, '--event', 'login')).at(-1)
const asksPassword = (page) => page.form?.fields.password !== undefined

describe('signing in', () => {
	test('plain: claims and groups arrive, and the log tells the provider', async () => {
		const { id } = await tokensOf('partner', 'ada')
		assert.match(id.sub, /^[a-z2-7]{26}$/, 'the account\'s, not the upstream\'s')
		assert.deepEqual([id.name, id.email, id.email_verified, id.idp], ['Ada Upstream', 'ada@partner.example', false, 'partner'], 'an address outside the tenant\'s domains is not proved')
		assert.deepEqual(id.groups.toSorted(), ['partner:R&D', 'staff', 'wiki'])
		const row = await lastLogin()
		assert.deepEqual([row.result, row.reason, row.provider, row.account], ['ok', 'ok', 'partner', id.sub])
	})

	for (const provider of ['partner', 'google', 'azure', 'linkedin', 'ec', 'tls', 'posted', 'userinfo'])
		test(`${provider}: twice the same person, another one is another`, async () => {
			const first = await tokensOf(provider, 'bea'), second = await tokensOf(provider, 'bea'), other = await tokensOf(provider, 'cleo')
			assert.equal(second.id.sub, first.id.sub)
			assert.notEqual(other.id.sub, first.id.sub)
			assert.equal(first.id.email, 'bea@partner.example')
		})

	test('the same person at two providers is two (ID-1)', async () => {
		assert.notEqual((await tokensOf('partner', 'dan')).id.sub, (await tokensOf('ec', 'dan')).id.sub)
	})

	test('six tabs at once make one account', async () => {
		const subs = await Promise.all(Array.from({ length: 6 }, async () => (await tokensOf('partner', 'tabs')).id.sub))
		assert.equal(new Set(subs).size, 1)
	})

	test('the session then serves without the upstream', async () => {
		const { browser, id } = await tokensOf('partner', 'fred'), before = upstreams.plain.asked('authorization').length
		const page = await browser.open(at('acme').begin().url)
		assert.ok(page.answer?.code)
		assert.equal(upstreams.plain.asked('authorization').length, before)
		assert.ok(id.sid)
	})

	test('who is disabled here stays out', async () => {
		const { id } = await tokensOf('partner', 'frozen')
		await gateway.cli('user', 'disable', id.sub, '--tenant', 'acme')
		const { page } = await signIn('partner', 'frozen')
		assert.ok(!page.answer?.code)
		assert.equal((await lastLogin()).reason, 'account_disabled')
	})

	test('what was asked of the upstream is what the standards say', async () => {
		await tokensOf('partner', 'ada')
		const { query } = upstreams.plain.asked('authorization').at(-1), { form, headers } = upstreams.plain.asked('token').at(-1)
		assert.deepEqual([query.response_type, query.client_id, query.code_challenge_method, query.redirect_uri], ['code', CLIENT_ID, 'S256', `${at('acme').issuer}/callback/partner`])
		for (const name of ['state', 'nonce', 'code_challenge']) assert.ok(query[name].length >= 43, `${name}: ${query[name]}`)
		assert.equal(new Set([query.state, query.nonce, query.code_challenge]).size, 3)
		assert.deepEqual([form.grant_type, form.redirect_uri], ['authorization_code', query.redirect_uri])
		assert.match(headers.authorization, /^Basic /)
		assert.ok(!form.client_secret)
	})
})

describe('vendors', () => {
	test('google: offline access by its own word, its issuer with and without a scheme', async () => {
		await tokensOf('google', 'ada')
		const { query } = upstreams.google.asked('authorization').at(-1)
		assert.ok(!query.scope.includes('offline_access'))
		assert.equal(query.hd, 'acme.example')
		upstreams.google.schemeless = true
		try {
			assert.ok((await tokensOf('google', 'ada')).id)
		} finally {
			upstreams.google.schemeless = false
		}
	})

	test('azure: a person is (tid, oid), whatever the application\'s sub', async () => {
		const { id } = await tokensOf('azure', 'ada')
		upstreams.azure.fault = { claims: (claims) => ({ ...claims, sub: 'another application\'s' }) }
		assert.equal((await tokensOf('azure', 'ada')).id.sub, id.sub)
		upstreams.azure.fault = { claims: (claims) => ({ ...claims, oid: 'bbbbbbbb-2222-4333-8444-555555555555' }) }
		assert.notEqual((await tokensOf('azure', 'ada')).id.sub, id.sub)
	})

	test('azure: an address proves nothing', async () => {
		assert.equal((await tokensOf('azure', 'victim')).id.email_verified, false)
	})

	test('azure: more groups than a token holds are asked for at an address of ours, never at the token\'s', async () => {
		const { id } = await tokensOf('azure', 'crowd'), asked = upstreams.azure.calls.filter((call) => call.path.endsWith('/getMemberObjects'))
		assert.deepEqual(asked.map((call) => call.path), [`/v1.0/users/${guidOf('crowd')}/getMemberObjects`])
		assert.equal(id.groups.length, 252)
		for (const group of ['wiki', 'staff', 'azure:group-249']) assert.ok(id.groups.includes(group), group)
	})

	test('google and linkedin cannot promise a fresh sign-in, so it is not pretended', async () => {
		for (const provider of ['google', 'linkedin'])
			for (const asked of [{ prompt: 'login' }, { max_age: 60 }]) {
				const before = upstreams[provider].calls.length, page = await newBrowser().open(at('acme').begin({ idp_hint: provider, ...asked }).url)
				assert.ok(!atUpstream(page) && !page.answer?.code, `${page.status} ${page.url}`)
				assert.equal(upstreams[provider].asked('authorization').length, upstreams[provider].calls.slice(0, before).filter((call) => call.route === 'authorization').length)
				assert.equal(page.answer?.error, 'login_required')
				assert.equal((await gateway.rows('acme')).findLast((row) => row.provider === provider).reason, 'no_fresh_login')
			}
	})

	test('linkedin: no nonce, no PKCE, its secret in the form, both issuers', async () => {
		await tokensOf('linkedin', 'ada')
		const { query } = upstreams.linkedin.asked('authorization').at(-1), { form } = upstreams.linkedin.asked('token').at(-1)
		assert.ok(!query.code_challenge && !form.code_verifier)
		assert.ok(form.client_secret)
		upstreams.linkedin.otherIssuer = true
		try {
			assert.ok((await tokensOf('linkedin', 'ada')).id)
		} finally {
			upstreams.linkedin.otherIssuer = false
		}
	})
})

describe('how the client authenticates', () => {
	for (const method of Object.keys(METHODS))
		test(method, async () => {
			await tokensOf(nameOf(method), 'ada', { name: 'methods' })
			const { form, headers } = upstreams.plain.asked('token').at(-1)
			if (method.endsWith('basic')) assert.match(headers.authorization, /^Basic /)
			else assert.ok(!headers.authorization)
			assert.equal(Boolean(form.client_secret), method === 'client_secret_post')
			assert.equal(Boolean(form.client_assertion), method.includes('jwt'))
			if (!form.client_assertion) return
			const [header, claims] = read(form.client_assertion)
			assert.equal(header.alg, method.split(' ')[1] ?? 'HS256')
			assert.deepEqual([claims.iss, claims.sub], [nameOf(method), nameOf(method)])
			assert.ok(claims.jti && claims.exp - claims.iat <= 300)
		})
})

describe('the way to a provider', () => {
	const buttons = (page) => [...page.text.matchAll(/\/login\/([a-z0-9-]+)/g)].map(([, name]) => name)

	test('buttons stand on the sign-in page, for those that are on and want one', async () => {
		const page = await newBrowser().open(at('acme').begin().url)
		assert.deepEqual([...new Set(buttons(page))], ['partner', 'google', 'azure', 'linkedin'])
		assert.match(page.text, /Our partner/)
		assert.ok(asksPassword(page))
	})

	test('a button leads there and back', async () => {
		const browser = newBrowser(), request = at('acme').begin(), page = await browser.open(request.url)
		const address = page.text.match(/"([^"]*\/login\/partner[^"]*)"/)[1].replaceAll('&amp;', '&')
		const posted = new RegExp(`<form[^>]*action="[^"]*/login/partner`).test(page.text)
		const there = await browser.open(new URL(address, page.url), posted ? { form: page.form.fields } : undefined)
		assert.ok(atUpstream(there), `${there.status} ${there.url}`)
		assert.ok((await arrive(browser, there, 'ada')).answer?.code)
	})

	test('an idp_hint for nobody, or for one that is off, shows the sign-in page', async () => {
		for (const provider of ['nobody', 'off']) {
			const page = await newBrowser().open(at('acme').begin({ idp_hint: provider }).url)
			assert.ok(!atUpstream(page), provider)
		}
	})

	test('an address of a provider\'s domain leads there, without a password field', async () => {
		const browser = newBrowser(), page = await browser.open(at('routed').begin().url)
		const there = await browser.submit(page, { username: 'Ada@Partner.Example' })
		assert.equal(there.url.origin, upstreams.plain.origin, `${there.status} ${there.url}`)
		assert.equal(upstreams.plain.asked('authorization').at(-1).query.login_hint?.toLowerCase(), 'ada@partner.example')
		assert.ok((await arrive(browser, there, 'ada')).answer?.code)
	})

	test('a login_hint of such a domain does the same', async () => {
		const there = await newBrowser().open(at('routed').begin({ login_hint: 'ada@ec.example' }).url)
		assert.equal(there.url.origin, upstreams.ec.origin)
	})

	test('other names sign in with their password, as before', async () => {
		const browser = newBrowser()
		let page = await browser.open(at('routed').begin().url)
		page = await browser.submit(page, { username: 'bruno', ...asksPassword(page) ? { password: PASSWORDS.bruno } : {} })
		if (asksPassword(page) && !page.answer) page = await browser.submit(page, { username: 'bruno', password: PASSWORDS.bruno })
		assert.ok(page.answer?.code, `${page.status} ${page.text}`)
	})

	test('login_hint, prompt, max_age, acr_values and ui_locales are passed on', async () => {
		const { id } = await tokensOf('partner', 'ada', { login_hint: 'ada', prompt: 'select_account', max_age: 300, acr_values: 'urn:upstream:strong', ui_locales: 'fr en' })
		const { query } = upstreams.plain.asked('authorization').at(-1)
		assert.deepEqual([query.login_hint, query.prompt, query.max_age, query.acr_values, query.ui_locales], ['ada', 'select_account', '300', 'urn:upstream:strong', 'fr en'])
		assert.ok(id.auth_time)
	})

	test('a fresh sign-in is asked for, and proved', async () => {
		const { browser, id } = await tokensOf('partner', 'ada')
		const again = await tokensOf('partner', 'ada', { browser, prompt: 'login' }), { query } = upstreams.plain.asked('authorization').at(-1)
		assert.deepEqual([query.prompt, query.max_age, again.id.sub], ['login', '0', id.sub])
		upstreams.plain.fault = { claims: (claims) => ({ ...claims, auth_time: claims.iat - 3600 }) }
		assert.ok(!(await signIn('partner', 'ada', { prompt: 'login' })).page.answer?.code)
		assert.equal((await lastLogin()).reason, 'token_auth_time')
	})

	test('a login that must be fresh is not taken from an old one upstream', async () => {
		upstreams.plain.fault = { claims: (claims) => ({ ...claims, auth_time: claims.iat - 3600 }) }
		const { page } = await signIn('partner', 'ada', { max_age: 60 })
		assert.ok(!page.answer?.code)
		assert.equal((await lastLogin()).reason, 'token_auth_time')
	})
})

describe('accounts', () => {
	test('claims are mapped, unmapped groups dropped, the username made', async () => {
		const { id } = await tokensOf('claims', 'ada', { name: 'mapping' })
		assert.deepEqual([id.name, id.preferred_username, id.groups.toSorted()], ['ada', 'ada@partner.example', ['staff', 'wiki']])
	})
	test('unmapped groups kept, or named after the provider', async () => {
		assert.deepEqual((await tokensOf('keep', 'ada', { name: 'mapping' })).id.groups.toSorted(), ['R&D', 'staff', 'wiki'])
		assert.deepEqual((await tokensOf('prefix', 'ada', { name: 'mapping' })).id.groups.toSorted(), ['prefix:R&D', 'staff', 'wiki'])
	})
	test('what changes there changes here, or not, as declared', async () => {
		for (const [provider, expected] of [['keep', 'Changing Upstream'], ['prefix', 'New Name']]) {
			upstreams.plain.people.changing.name = 'Changing Upstream'
			await tokensOf(provider, 'changing', { name: 'mapping' })
			upstreams.plain.people.changing.name = 'New Name'
			assert.equal((await tokensOf(provider, 'changing', { name: 'mapping' })).id.name, expected)
		}
	})
	test('provisioning existing: who was linked comes in, others are told', async () => {
		assert.equal((await tokensOf('existing', 'linked', { name: 'closed' })).id.preferred_username, 'known')
		for (const provider of ['existing', 'linkonly']) {
			const { page } = await signIn(provider, 'stray', { name: 'closed' })
			assert.ok(!page.answer?.code && page.reference, page.text)
			assert.equal((await gateway.explain('closed', page.reference)).reason, 'not_provisioned')
		}
		assert.deepEqual((await gateway.cliJson('user', 'list', '--tenant', 'closed')).map((user) => user.username), ['known'])
	})
	test('groups decide which application a person may use', async () => {
		assert.ok((await tokensOf('partner', 'ada', { client: CLIENTS.staffonly })).id)
		const { page } = await signIn('google', 'ada', { client: CLIENTS.staffonly })
		assert.equal(page.answer?.error ?? page.status, 'access_denied')
	})
})

describe('five stories of accounts taken before their owner came (ID-4)', () => {
	const ofVictim = async (provider = 'own', who = 'victim') => (await tokensOf(provider, who, { name: 'linking' })).id.sub
	/** Where addresses are routed, the name is asked before the password. */
	async function localTokens(username, password) {
		const app = at('linking'), browser = newBrowser(), request = app.begin()
		let page = await browser.open(request.url)
		if (!asksPassword(page)) page = await browser.submit(page, { username })
		page = await browser.signIn(page, username, password)
		assert.ok(page.answer?.code, `${page.status} ${page.text}`)
		return { ...(await app.redeem({ ...request, code: page.answer.code })).json, browser, request }
	}
	const local = async (username, password) => claimsOf((await localTokens(username, password)).id_token).sub

	test('the honest case first: a verified address of an owned domain, by the provider in charge of it, is linked', async () => {
		assert.equal(await ofVictim(), await local('owner', PASSWORDS.alice))
	})
	test('merge: an account that claims an address without proof is not what its owner gets', async () => {
		upstreams.plain.people.bea.email = 'bea@acme.example'
		assert.notEqual(await ofVictim('own', 'bea'), await local('squatter', PASSWORDS.bruno))
	})
	test('live session: the squatter\'s session and tokens stay his own', async () => {
		const app = at('linking'), squatter = await localTokens('squatter', PASSWORDS.bruno), sub = await ofVictim('own', 'bea')
		const later = await app.refresh(squatter.refresh_token)
		assert.notEqual(claimsOf(later.json.id_token).sub, sub)
		const page = await squatter.browser.open(app.begin().url)
		assert.notEqual(claimsOf((await app.redeem({ ...squatter.request, code: page.answer?.code })).json?.id_token ?? 'e30.e30.').sub, sub)
	})
	test('trojan identifier: an attacker\'s account there with the victim\'s address opens nothing', async () => {
		upstreams.ec.people.mallory.email = 'victim@acme.example'
		const mallory = await ofVictim('foreign', 'mallory')
		assert.notEqual(mallory, await local('owner', PASSWORDS.alice))
		assert.equal(await ofVictim(), await local('owner', PASSWORDS.alice), 'nor does it come between')
	})
	test('an address changed afterwards: who signed in as himself does not become another', async () => {
		const before = await ofVictim('own', 'mallory')
		upstreams.plain.people.mallory.email = 'victim@acme.example'
		assert.equal(await ofVictim('own', 'mallory'), before)
		assert.notEqual(before, await ofVictim())
	})
	test('an address of the token and a proof of another one in userinfo do not make one', async () => {
		upstreams.plain.people.load0.email = 'victim@acme.example'
		upstreams.plain.fault = { claims: (claims) => { delete claims.email_verified }, userinfo: (claims) => ({ ...claims, email: 'load0@partner.example', email_verified: true }) }
		assert.notEqual(await ofVictim('mixing', 'load0'), await local('owner', PASSWORDS.alice))
	})
	test('an address that is mapped from a name is not proved by what is said of another', async () => {
		upstreams.plain.people.load1.preferred_username = 'victim@acme.example'
		assert.notEqual(await ofVictim('renaming', 'load1'), await local('owner', PASSWORDS.alice))
	})
	test('a provider that verifies nothing, says so, or says it in a string, links nothing', async () => {
		const owner = await local('owner', PASSWORDS.alice)
		for (const [who, email_verified] of [['cleo', false], ['dan', undefined], ['fred', 'true'], ['stray', 1]]) {
			Object.assign(upstreams.plain.people[who], { email: 'victim@acme.example', email_verified })
			assert.notEqual(await ofVictim('own', who), owner, who)
		}
		upstreams.linkedin.people.ada.email = 'victim@acme.example'
		assert.notEqual(await ofVictim('linkedin', 'ada'), owner, 'LinkedIn never links')
	})
})

describe('at our refresh', () => {
	test('the upstream is asked again where offline_access is configured: groups are those of now', async () => {
		const tokens = await tokensOf('partner', 'mover', { name: 'offline' })
		assert.deepEqual(tokens.id.groups.toSorted(), ['partner:R&D', 'staff', 'wiki'])
		upstreams.plain.people.mover.groups = ['R&D']
		const answer = await at('offline').refresh(tokens.refresh_token)
		assert.equal(answer.status, 200, `${answer.text} ${answer.json.error_ref && JSON.stringify(await gateway.explain('offline', answer.json.error_ref))}`)
		assert.deepEqual(claimsOf(answer.json.id_token).groups, ['partner:R&D'])
		assert.equal(upstreams.plain.asked('token').at(-1).form.grant_type, 'refresh_token')
	})
	test('google gives a refresh token for access_type=offline, and for a scope nothing', async () => {
		const tokens = await tokensOf('google', 'ada', { name: 'offline' }), { query } = upstreams.google.asked('authorization').at(-1)
		assert.deepEqual([query.access_type, query.prompt, query.scope.includes('offline_access')], ['offline', 'consent', false])
		assert.equal((await at('offline').refresh(tokens.refresh_token)).status, 200)
		assert.equal(upstreams.google.asked('token').at(-1).form.grant_type, 'refresh_token')
	})
	test('who is gone there loses refresh here', async () => {
		const tokens = await tokensOf('partner', 'leaver', { name: 'offline' })
		delete upstreams.plain.people.leaver
		assertRefused(await at('offline').refresh(tokens.refresh_token), 400, 'invalid_grant')
	})
	test('an upstream in trouble ends nobody\'s', async () => {
		const tokens = await tokensOf('partner', 'ada', { name: 'offline' })
		upstreams.plain.fault = { raw: { token: (request, response) => { response.writeHead(503).end() } } }
		const during = await at('offline').refresh(tokens.refresh_token)
		upstreams.plain.fault = {}
		if (during.status !== 200) assert.equal((await at('offline').refresh(tokens.refresh_token)).status, 200, 'it works again')
	})
})

describe('signing out', () => {
	test('here, then there, and back', async () => {
		const tokens = await tokensOf('partner', 'ada', { name: 'leaving' }), { browser } = tokens
		let page = await browser.open(`${at('leaving').issuer}/logout?${new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: 'https://app.acme.example/bye', state: 'kept' })}`)
		const { query } = upstreams.plain.asked('end_session').at(-1) ?? {}
		assert.ok(query?.id_token_hint, `the upstream's end_session was not asked: ${page.status} ${page.url}`)
		assert.ok(atUpstream(page) && page.form, page.text)
		page = await browser.submit(page, { logout: 'yes' })
		assert.equal(page.location?.href ?? page.url.href, 'https://app.acme.example/bye?state=kept')
		assert.ok(asksPassword(await browser.open(at('leaving').begin().url)) || atUpstream(await browser.open(at('leaving').begin({ idp_hint: 'partner' }).url)), 'signed out')
	})

	// What was granted with offline_access outlives the session (Back-Channel Logout 1.0, section 2.7).
	const bound = { name: 'leaving', scope: 'openid profile email' }
	const notify = (token) => post(`${at('leaving').issuer}/oidc/partner/backchannel-logout`, { logout_token: token })
	const lives = async (tokens) => at('leaving').isActive(tokens.access_token)

	test('told by the upstream, behind the browser\'s back', async () => {
		const tokens = await tokensOf('partner', 'bea', bound)
		assert.ok(await lives(tokens))
		const answer = await notify(upstreams.plain.logoutToken({ sub: 'bea-1' }))
		assert.equal(answer.status, 200, answer.text)
		assert.equal(answer.headers.get('cache-control'), 'no-store')
		assert.ok(!await lives(tokens))
		assert.ok(!(await tokens.browser.open(at('leaving').begin().url)).answer?.code, 'and the session is over')
	})

	test('by the certified server itself, at its own sign-out', async () => {
		const tokens = await tokensOf('partner', 'cleo', bound)
		const page = await tokens.browser.open(`${upstreams.plain.origin}/session/end`)
		await tokens.browser.submit(page, { logout: 'yes' })
		await until('the session to end', async () => !await lives(tokens))
	})

	test('one of it counts once, and only what is right counts (OP-10)', async () => {
		const tokens = await tokensOf('partner', 'dan', bound), { plain } = upstreams, about = { sub: 'dan-1' }
		const event = 'http://schemas.openid.net/event/backchannel-logout'
		const wrong = { 'another audience': plain.logoutToken({ ...about, aud: 'another' }), 'another issuer': plain.logoutToken({ ...about, iss: 'https://evil.example' }), 'a nonce': plain.logoutToken({ ...about, nonce: 'n' }),
			'no event': plain.logoutToken({ ...about, events: undefined }), 'an event that is no object': plain.logoutToken({ ...about, events: { [event]: 1 } }), 'no jti': plain.logoutToken({ ...about, jti: undefined }),
			'nobody': plain.logoutToken({}), 'an old one': plain.logoutToken({ ...about, iat: 1_600_000_000, exp: 1_600_000_100 }), 'no iat': plain.logoutToken({ ...about, iat: undefined }),
			'an ID token': tokens.id_token, 'an ID token of its own': plain.sign({ iss: plain.issuer, aud: CLIENT_ID, sub: 'dan-1', iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 60 }), 'garbage': 'x.y.z', 'nothing': '' }
		for (const [title, token] of Object.entries(wrong)) {
			const answer = await notify(token)
			assert.equal(answer.status, 400, `${title}: ${answer.text}`)
			assert.ok(await lives(tokens), title)
		}
		const right = plain.logoutToken(about)
		assert.equal((await notify(right)).status, 200)
		assert.ok(!await lives(tokens))
		const again = await tokensOf('partner', 'dan', bound)
		const replay = await notify(right)
		assert.ok(await lives(again), `a replay ends nothing: ${replay.status}`)
		assert.equal(replay.status, 400, replay.text)
	})
})

describe('under way', () => {
	test('keys that change under load fail nobody', async () => {
		const { spinning } = upstreams, results = []
		const lane = async (names) => { for (const name of names) results.push(Boolean((await signIn('spinning', name)).page.answer?.code)) }
		const names = Array.from({ length: 12 }, (_, i) => `load${i}`)
		await lane(names.slice(0, 1))
		const before = spinning.asked('jwks').length
		const lanes = [0, 1, 2].map((lane3) => lane(names.filter((_, i) => i % 3 === lane3)))
		await until('some to be through', () => results.length >= 4)
		spinning.rotate()
		await Promise.all(lanes)
		assert.deepEqual([results.length, results.every(Boolean)], [13, true])
		assert.equal(spinning.asked('jwks').length, before + 1, 'one fetch for all of them')
	})
})

describe('in a real browser', { skip: hasChromium ? false : 'no Chromium here' }, () => {
	// The one that posts is another site than the gateway: its answer comes without cookies that are Lax.
	// form_post from another site needs SameSite=None, which browsers take over https only: docs/providers-openid.md says so.
	for (const provider of ['partner', 'azure'])
		test(provider, async () => {
			const chromium = await launch()
			try {
				const page = await (await chromium.newContext({ locale: 'en-GB' })).newPage()
				page.setDefaultTimeout(10_000)
				const request = at('acme').begin({ redirect_uri: `${callback.origin}/cb` })
				await page.goto(request.url)
				await page.locator(`[href*="/login/${provider}"], form[action*="/login/${provider}"] button, button[formaction*="/login/${provider}"], button[value="${provider}"]`).first().click()
				await page.fill('[name=login]', 'real')
				await page.click('[name=go]')
				await page.waitForURL(`${callback.origin}/**`)
				const { code, state } = Object.fromEntries(new URL(page.url()).searchParams)
				assert.equal(state, request.state)
				assert.equal((await at('acme').redeem({ ...request, code })).status, 200)
			} catch (error) {
				error.message += `\n${JSON.stringify((await gateway.rows('acme')).slice(-6).map(({ event, reason, provider }) => [event, reason, provider]))}`
				throw error
			} finally {
				await chromium.close()
			}
		})
})
