// The authorization endpoint, check by check in the order of gateway/login/authorize.c (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2). Before
// client and redirect URI are proved an error stands on a page of ours; afterwards it goes back to the application with state and iss.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, claimsOf, random } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask } from './lib/raw.mjs'
import { API, CLIENTS, OTHER_API, PASSWORDS, REDIRECT, declare, secretOf, tenant } from './lib/scene.mjs'

const NATIVE = { client_id: 'native', client_name: 'Desktop', token_endpoint_auth_method: 'none', application_type: 'native', grant_types: ['authorization_code'], scope: 'openid',
	redirect_uris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'com.example.app:/cb'] }
const LENIENT = { ...CLIENTS.web, client_id: 'lenient', client_secret: secretOf('lenient'), require_pkce: false, scope: 'openid', grant_types: ['authorization_code'] }
const QUERY = { ...CLIENTS.web, client_id: 'query', client_secret: secretOf('query'), redirect_uris: ['https://app.acme.example/cb?kept=1'] }
const HOSTILE = [`"><script>alert(1)</script>`, `' onmouseover='x`, '{{username}}', '%0d%0aSet-Cookie: x=1', 'é\u0301', '</title><base href=//evil.example>', '&lt;b&gt;']

let gateway, web, asking, staffOnly, spa
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: [...Object.keys(CLIENTS), NATIVE, LENIENT, QUERY] }), tenant('other', { clients: ['web', { ...CLIENTS.web, client_id: 'only-there', client_secret: secretOf('only-there') }] })) })
	const at = (name) => new Application(gateway, 'acme', CLIENTS[name])
	web = at('web'), asking = at('asking'), staffOnly = at('staffonly'), spa = at('spa')
})
after(() => gateway?.stop())

const clientOf = (declared) => new Application(gateway, 'acme', declared)

/** The request is refused on a page of ours: nothing is sent anywhere. */
async function assertPage(url, { status = 400, browser = new Browser(), says } = {}) {
	const page = await browser.request(url)
	assert.equal(page.status, status, page.text)
	assert.equal(page.location, undefined)
	assert.match(page.headers.get('content-type'), /^text\/html/)
	assert.ok(page.reference, 'a reference to ask with')
	if (says) assert.match(page.text, says)
	assert.ok(!page.form)
	return page
}

/** The request is refused at the application's redirect URI. */
async function assertSentBack(request, error, { browser = new Browser(), redirect = REDIRECT } = {}) {
	const page = await browser.request(request.url)
	assert.equal(page.status, 303, page.text)
	const { searchParams } = page.location
	assert.equal(page.location.origin + page.location.pathname, redirect)
	assert.equal(searchParams.get('error'), error, page.location.href)
	assert.equal(searchParams.get('state'), request.state ?? null)
	assert.equal(searchParams.get('iss'), web.issuer)
	assert.match(searchParams.get('error_description'), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
	assert.deepEqual([...searchParams.keys()].filter((name) => !['error', 'error_description', 'state', 'iss'].includes(name)), [], 'no code, no error_ref')
	return page
}

const signedIn = async (name = 'alice', application = web) => (await application.code(name, PASSWORDS[name])).browser
const without = (name) => web.begin({ [name]: undefined })

describe('1 parameters stand once', () => {
	for (const name of ['client_id', 'redirect_uri', 'response_type', 'scope', 'state', 'code_challenge', 'code_challenge_method', 'nonce', 'prompt'])
		test(`${name} twice is refused on a page: which one counts would be a guess`, async () => {
			const request = web.begin({ nonce: 'n', prompt: 'login' })
			await assertPage(`${request.url}&${name}=${encodeURIComponent(request.form.get(name))}`)
		})
	test('resource may stand several times (RFC 8707 section 2)', async () => {
		const page = await new Browser().open(web.begin({ resource: [API, API] }).url)
		assert.ok(page.form)
	})
	test('what we do not know is ignored (section 3.1)', async () => {
		assert.ok((await new Browser().open(`${web.begin().url}&foo=bar&_ga=1`)).form)
	})
	test('a query that is no query is refused', async () => {
		for (const query of ['%', '%zz', 'client_id=%00', 'client_id=%ff', 'a=%C0%80']) {
			const answer = await ask(`${web.issuer}/authorize?${query}`)
			assert.equal(answer.status, 400, query)
		}
	})
})

test('a parameter without a value is as if it were not there (RFC 6749 section 3.1)', async () => {
	const page = await (await signedIn()).request(web.begin({ prompt: '', max_age: '', state: '', nonce: '', id_token_hint: '', request: '', response_mode: '', resource: '' }).url)
	assert.deepEqual(Object.keys(page.answer), ['code', 'iss'])
})

describe('2 the client', () => {
	for (const [what, value] of [['is missing', undefined], ['is unknown', 'nobody'], ['is empty', ''], ['differs in case', 'WEB'], ['is padded', 'web '], ['is hostile', HOSTILE[0]]])
		test(`client_id ${what}: a page`, () => assertPage(web.begin({ client_id: value }).url))
	test('is another tenant\'s: a page', () => assertPage(web.begin({ client_id: 'only-there' }).url))
})

describe('3 the redirect URI, byte for byte', () => {
	const CORPUS = [undefined, '', 'https://evil.example/', `${REDIRECT}/`, `${REDIRECT}?`, `${REDIRECT}?x=1`, `${REDIRECT}#`, `${REDIRECT}#x`, `${REDIRECT}%2f`, `${REDIRECT}/..`, 'https://app.acme.example/CB',
		'https://app.acme.example//cb', 'https://app.acme.example/./cb', 'https://app.acme.example/x/../cb', 'https://app.acme.example:443/cb', 'HTTPS://app.acme.example/cb',
		'https://APP.acme.example/cb', 'http://app.acme.example/cb', 'https://app.acme.example.evil.example/cb', 'https://app.acme.example@evil.example/cb',
		'https://evil.example\\@app.acme.example/cb', 'https://evil.example/https://app.acme.example/cb', '//app.acme.example/cb', '/cb', 'cb', ` ${REDIRECT}`, `${REDIRECT} `, `${REDIRECT}\t`,
		`${REDIRECT}\r\nLocation: https://evil.example`, 'javascript:alert(1)', 'data:text/html,x', 'https://app.acme.example/%63b', 'https://xn--app.acme.example/cb', 'urn:ietf:wg:oauth:2.0:oob',
		`${REDIRECT},https://evil.example/`, 'https://app.acme.example./cb', 'https://app.acme.example/cb;x', 'https://app.acme.example', 'https://*.acme.example/cb']
	for (const uri of CORPUS) test(`${JSON.stringify(uri)} is not it`, async () => {
		const page = await assertPage(web.begin({ redirect_uri: uri }).url)
		assert.ok(!/evil\.example/.test(page.headers.get('content-security-policy')))
	})

	test('another client\'s is not it either', () => assertPage(web.begin({ redirect_uri: 'com.example.app:/cb' }).url))

	test('loopback literals take any port (RFC 8252 section 7.3), and nothing else differs', async () => {
		const native = clientOf(NATIVE)
		for (const uri of ['http://127.0.0.1/cb', 'http://127.0.0.1:1/cb', 'http://127.0.0.1:65535/cb', 'http://[::1]:3000/cb'])
			assert.ok((await new Browser().open(native.begin({ redirect_uri: uri }).url)).form, uri)
		for (const uri of ['http://127.0.0.1:0/cb', 'http://127.0.0.1:65536/cb', 'http://127.0.0.1:080/cb', 'http://127.0.0.1:/cb', 'http://127.0.0.1:8080@evil.example/cb', 'http://127.0.0.2:80/cb', 'http://localhost:3000/cb',
			'https://127.0.0.1:3000/cb', 'http://127.0.0.1:3000/cb/', 'http://127.0.0.1:3000/cb?x', 'http://2130706433:3000/cb', 'http://127.1:3000/cb', 'http://[::1]:3000/CB', 'http://[0:0:0:0:0:0:0:1]:3000/cb'])
			await assertPage(native.begin({ redirect_uri: uri }).url)
	})

	test('a private-use scheme ends there', async () => {
		const page = await clientOf(NATIVE).code('alice', PASSWORDS.alice, { redirect_uri: 'com.example.app:/cb' })
		assert.match(page.page.location.href, /^com\.example\.app:\/cb\?code=/)
	})

	test('a registered query stays, ours comes behind it', async () => {
		const { page } = await clientOf(QUERY).code('alice', PASSWORDS.alice)
		assert.match(page.location.href, /^https:\/\/app\.acme\.example\/cb\?kept=1&code=/)
	})
})

describe('4 texts are bounded and plain', () => {
	for (const name of ['state', 'nonce', 'login_hint', 'ui_locales'])
		test(`${name} over 1024 bytes, or with control characters`, async () => {
			for (const value of ['x'.repeat(1025), 'a\u0000b', 'a\nb', '\u007f', '\u202eevil']) {
				const page = await new Browser().request(web.begin({ [name]: value }).url)
				if (value.includes('\u0000')) assert.equal(page.status, 400)
				else assert.equal(page.answer?.error, 'invalid_request', JSON.stringify(value.slice(0, 9)))
			}
			assert.ok((await new Browser().open(web.begin({ [name]: 'x'.repeat(1024) }).url)).form)
		})
	for (const state of HOSTILE) test(`state ${JSON.stringify(state)} comes back as it was`, async () => {
		assert.equal((await web.code('alice', PASSWORDS.alice, { state })).page.answer.state, state)
	})
	test('without state there is none in the answer', async () => {
		const { page } = await web.code('alice', PASSWORDS.alice, { state: undefined })
		assert.deepEqual(Object.keys(page.answer).sort(), ['code', 'iss'])
	})
})

describe('5 what is not supported says so (Core section 3.1.2.6)', () => {
	for (const [name, error] of [['request', 'request_not_supported'], ['request_uri', 'request_uri_not_supported'], ['registration', 'registration_not_supported']])
		test(name, () => assertSentBack(web.begin({ [name]: 'x' }), error))
})

describe('6 response_type, response_mode, the client\'s grants', () => {
	test('no response_type', () => assertSentBack(without('response_type'), 'invalid_request'))
	for (const type of ['token', 'id_token', 'code token', 'code id_token', 'none', 'CODE', ''])
		test(`response_type=${JSON.stringify(type)}`, async () => {
			const page = await new Browser().request(web.begin({ response_type: type }).url)
			assert.ok(['unsupported_response_type', 'invalid_request'].includes(page.answer.error), page.answer.error)
			assert.equal(page.location.hash, '', 'never in a fragment')
		})
	for (const mode of ['fragment', 'FORM_POST', 'query.jwt', 'web_message']) test(`response_mode=${mode}`, () => assertSentBack(web.begin({ response_mode: mode }), 'invalid_request'))
	test('response_mode=query', async () => assert.ok((await new Browser().open(web.begin({ response_mode: 'query' }).url)).form))
	test('a client without redirect URIs cannot even ask', () => assertPage(clientOf(CLIENTS.machine).begin({ redirect_uri: REDIRECT }).url))
})

describe('7 PKCE (RFC 7636, RFC 9700 section 2.1.1)', () => {
	const PLAIN = { code_challenge_method: 'plain' }, NONE = { code_challenge: undefined, code_challenge_method: undefined }
	for (const [what, parameters] of [['missing', NONE], ['plain', PLAIN], ['without method, which means plain', { code_challenge_method: undefined }], ['a method alone', { code_challenge: undefined }],
		['too short', { code_challenge: 'x'.repeat(42) }], ['too long', { code_challenge: 'x'.repeat(44) }], ['padded', { code_challenge: `${'x'.repeat(42)}=` }], ['not base64url', { code_challenge: `${'x'.repeat(42)}+` }],
		['s256 in small letters', { code_challenge_method: 's256' }]])
		test(what, () => assertSentBack(web.begin({ nonce: 'n', ...parameters }), 'invalid_request'))
	test('a nonce may stand for it only where require_pkce is false', async () => {
		const lenient = clientOf(LENIENT)
		await assertSentBack(lenient.begin(NONE), 'invalid_request')
		const request = await lenient.code('alice', PASSWORDS.alice, { ...NONE, nonce: 'n-0S6' })
		const answer = await lenient.redeem(request, { code_verifier: undefined })
		assert.equal(answer.status, 200, answer.text)
		assert.equal(claimsOf(answer.json.id_token).nonce, 'n-0S6')
	})
	test('a public client needs it, nonce or not', () => assertSentBack(spa.begin({ ...NONE, nonce: 'n' }), 'invalid_request'))
})

describe('8 scope', () => {
	for (const scope of ['openid admin', 'files.read', 'openid  profile', ' openid', 'openid ', 'openid openid', 'openid "x"', 'open\\id', 'OPENID', 'openid\tprofile', 'é'])
		test(JSON.stringify(scope), () => assertSentBack(web.begin({ scope }), 'invalid_scope'))
	test('none is fewer than any, not all', async () => {
		const tokens = await web.tokens('alice', PASSWORDS.alice, { scope: undefined })
		assert.equal(tokens.scope, undefined)
		assert.equal(tokens.id_token, undefined)
		assert.equal(claimsOf(tokens.access_token).scope, undefined)
	})
})

describe('9 resources', () => {
	for (const resource of ['https://nowhere.example', OTHER_API, `${API}/`, [API, OTHER_API]])
		test(JSON.stringify(resource), () => assertSentBack(web.begin({ resource }), 'invalid_target'))
})

describe('10 prompt', () => {
	for (const prompt of ['none login', 'login none', 'create', 'NONE', 'login  consent']) test(`${JSON.stringify(prompt)} is refused`, async () => {
		const page = await (await signedIn()).request(web.begin({ prompt }).url)
		assert.equal(page.answer.error, 'invalid_request')
	})
	test('none, nobody signed in: login_required, and no page', () => assertSentBack(web.begin({ prompt: 'none' }), 'login_required'))
	test('none, signed in: a code at once', async () => {
		const page = await (await signedIn()).request(web.begin({ prompt: 'none' }).url)
		assert.ok(page.answer.code)
	})
	test('none, consent needed: consent_required', async () => {
		await assertSentBack(asking.begin({ prompt: 'none' }), 'consent_required', { browser: await signedIn('carla') })
	})
	for (const prompt of ['login', 'select_account', 'login select_account']) test(`${prompt} asks again, and auth_time is new`, async () => {
		const browser = await signedIn()
		gateway.advance(60_000)
		const page = await browser.open(web.begin({ prompt }).url)
		assert.ok('password' in page.form.fields)
		const tokens = await web.tokens('alice', PASSWORDS.alice, { prompt }, browser)
		assert.ok(claimsOf(tokens.id_token).auth_time >= Math.floor(gateway.now / 1000) - 5)
		gateway.setClock(0)
	})
	test('login asks until the password was given in this very flow', async () => {
		const browser = await signedIn()
		const request = web.begin({ prompt: 'login' })
		const first = await browser.open(request.url), reloaded = await browser.open(first.url)
		assert.ok('password' in reloaded.form.fields)
		assert.match(reloaded.text, /role="alert"[^>]*><p><strong>Please sign in again/, 'and says why, to somebody who is signed in')
		assert.doesNotMatch((await new Browser().open(web.begin({ prompt: 'login' }).url)).text, /sign in again/)
		assert.ok((await browser.signIn(reloaded, 'alice', PASSWORDS.alice)).answer.code)
	})
	test('consent asks, even of a first-party client', async () => {
		const page = await (await signedIn()).open(web.begin({ prompt: 'consent' }).url)
		assert.ok(page.form.buttons.includes('approve'))
	})
})

describe('11 max_age', () => {
	for (const value of ['-1', '1.5', 'x', '2147483648', '9999999999999999999999', '0x10', ' 5']) test(`${JSON.stringify(value)} is no number of seconds`, () => assertSentBack(web.begin({ max_age: value }), 'invalid_request'))
	test('a session younger than it serves, an older one does not', async () => {
		const browser = await signedIn()
		assert.ok((await browser.request(web.begin({ max_age: '300' }).url)).answer.code)
		gateway.advance(301_000)
		assert.ok('password' in (await browser.open(web.begin({ max_age: '300' }).url)).form.fields)
		await assertSentBack(web.begin({ max_age: '300', prompt: 'none' }), 'login_required', { browser })
		gateway.setClock(0)
	})
	test('0 asks for a sign-in now', async () => {
		assert.ok('password' in (await (await signedIn()).open(web.begin({ max_age: '0' }).url)).form.fields)
	})
})

describe('12 hints', () => {
	test('login_hint fills the name in, escaped', async () => {
		assert.equal((await new Browser().open(web.begin({ login_hint: 'alice@acme.example' }).url)).form.fields.username, 'alice@acme.example')
		for (const hint of HOSTILE) {
			const page = await new Browser().open(web.begin({ login_hint: hint }).url)
			assert.equal(page.form.fields.username, hint)
			assert.ok(!page.text.includes('<script'))
			assert.ok(!page.text.includes('<base'))
		}
	})
	test('login_hint of somebody else than who is signed in asks who it is', async () => {
		const browser = await signedIn()
		assert.ok((await browser.request(web.begin({ login_hint: 'Alice@ACME.example' }).url)).answer.code)
		assert.ok('password' in (await browser.open(web.begin({ login_hint: 'bruno' }).url)).form.fields)
		await assertSentBack(web.begin({ login_hint: 'bruno', prompt: 'none' }), 'login_required', { browser })
	})
	test('id_token_hint: the same person passes, another one does not', async () => {
		const alice = await web.tokens('alice', PASSWORDS.alice), bruno = await web.tokens('bruno', PASSWORDS.bruno)
		assert.ok((await alice.browser.request(web.begin({ prompt: 'none', id_token_hint: alice.id_token }).url)).answer.code)
		await assertSentBack(web.begin({ prompt: 'none', id_token_hint: bruno.id_token }), 'login_required', { browser: alice.browser })
		const page = await alice.browser.open(web.begin({ id_token_hint: bruno.id_token }).url)
		assert.ok('password' in page.form.fields)
		const wrongPerson = await alice.browser.signIn(page, 'alice', PASSWORDS.alice)
		assert.equal(wrongPerson.answer.error, 'login_required', 'the one who is meant, or nobody')
	})
	test('id_token_hint that is none is refused', async () => {
		const { id_token, access_token } = await web.tokens('alice', PASSWORDS.alice)
		const foreign = await new Application(gateway, 'other', CLIENTS.web).tokens('alice', PASSWORDS.alice)
		const [header, , signature] = id_token.split('.')
		const forged = `${header}.${Buffer.from(JSON.stringify({ ...claimsOf(id_token), sub: 'a'.repeat(26) })).toString('base64url')}.${signature}`
		const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${id_token.split('.')[1]}.`
		for (const hint of [access_token, foreign.id_token, forged, unsigned, 'x', '..', `${id_token}x`]) await assertSentBack(web.begin({ id_token_hint: hint }), 'invalid_request')
	})
	test('ui_locales chooses the language, then the browser, then the tenant', async () => {
		const titleOf = async (parameters, headers) => (await new Browser({ headers }).open(web.begin(parameters).url)).text
		assert.match(await titleOf({ ui_locales: 'fr' }, { 'Accept-Language': 'en' }), /<html[^>]* lang="fr"/)
		assert.match(await titleOf({ ui_locales: 'xx en' }, { 'Accept-Language': 'fr' }), /<html[^>]* lang="en"/)
		assert.match(await titleOf({}, { 'Accept-Language': 'fr-CH, en;q=0.5' }), /<html[^>]* lang="fr"/)
		assert.match(await titleOf({ ui_locales: '../../etc/passwd' }, {}), /<html[^>]* lang="en"/)
	})
})

describe('POST (Core section 3.1.2.1)', () => {
	test('is stored and goes on by 303, without losing the session', async () => {
		const browser = await signedIn()
		const request = web.begin()
		const page = await browser.request(`${web.issuer}/authorize`, { form: request.form, headers: { Origin: 'https://app.acme.example' } })
		assert.equal(page.status, 303)
		assert.match(page.location.href, new RegExp(`^${web.issuer}/`))
		assert.ok((await browser.open(page.location)).answer.code)
	})
	/** A POST from another site carries no cookie of ours, as SameSite=Lax has it. */
	const postedElsewhere = async (browser, form) => {
		const { cookies } = browser
		browser.cookies = new Map()
		const page = await browser.request(`${web.issuer}/authorize`, { form, headers: { Origin: 'https://app.acme.example' } })
		assert.equal(browser.cookies.size, 0, 'and gets none')
		browser.cookies = cookies
		return page
	}
	test('from another site, it leaves the other tabs their sign-ins, and keeps the session', async () => {
		const browser = new Browser(), first = await browser.open(web.begin().url), before = [...browser.cookies]
		const page = await postedElsewhere(browser, web.begin().form)
		assert.equal(page.location.pathname, '/t/acme/authorize')
		const second = await browser.open(page.location)
		assert.ok(second.form, second.text)
		assert.deepEqual([...browser.cookies].filter(([name]) => name.includes('_f_')), before.filter(([name]) => name.includes('_f_')))
		assert.ok((await browser.signIn(first, 'alice', PASSWORDS.alice)).answer?.code, 'the first tab goes on')
		const third = await postedElsewhere(browser, web.begin().form)
		assert.ok((await browser.open(third.location)).answer?.code, 'and who is signed in is not asked')
	})
	test('what it stored is the first browser\'s that comes, who may come again; for others it is foreign', async () => {
		const page = await postedElsewhere(new Browser(), web.begin().form), own = new Browser(), other = new Browser()
		assert.ok((await own.open(page.location)).form)
		assert.ok((await own.open(page.location)).form)
		const foreign = await other.open(page.location)
		assert.equal(foreign.status, 403)
		assert.equal(other.cookies.size, 0)
		const unknown = await other.open(`${web.issuer}/authorize?flow=${random()}`)
		assert.equal(unknown.status, 400)
		assert.equal((await other.open(`${web.issuer}/login${page.location.search}`)).status, 403)
	})
	test('has its checks too', async () => {
		const page = await new Browser().request(`${web.issuer}/authorize`, { form: web.begin({ redirect_uri: 'https://evil.example/' }).form })
		assert.equal(page.status, 400)
		assert.equal(page.location, undefined)
		const back = await new Browser().request(`${web.issuer}/authorize`, { form: web.begin({ scope: 'admin' }).form })
		assert.equal(back.answer.error, 'invalid_scope')
	})
	test('takes no parameters from the query', async () => {
		const page = await new Browser().request(web.begin().url, { form: { x: '1' } })
		assert.equal(page.status, 400)
	})
	test('prompt=none by POST shows no page either', async () => {
		const request = web.begin({ prompt: 'none' })
		const page = await new Browser().open(`${web.issuer}/authorize`, { form: request.form })
		assert.equal(page.answer?.error, 'login_required', page.text)
		assert.equal(page.answer.state, request.state)
	})
})

describe('headers of our pages', () => {
	const pages = async () => {
		const browser = await signedIn('carla')
		return { 'sign-in': await new Browser().open(web.begin().url), consent: await browser.open(asking.begin().url), error: await new Browser().request(web.begin({ client_id: 'x' }).url),
			'sign-out': await browser.open(`${web.issuer}/logout`), account: await browser.open(`${web.issuer}/account`) }
	}
	test('nothing runs, nothing is loaded, nobody frames or stores them', async () => {
		for (const [name, page] of Object.entries(await pages())) {
			const policy = Object.fromEntries(page.headers.get('content-security-policy').split('; ').map((one) => [one.split(' ')[0], one.split(' ').slice(1).join(' ')]))
			assert.equal(policy['default-src'], '\'none\'', name)
			assert.equal(policy['frame-ancestors'], '\'none\'', name)
			assert.equal(policy['base-uri'], '\'none\'', name)
			assert.match(policy['style-src'], /^'sha256-[A-Za-z0-9+/=]+'$/, name)
			assert.equal(policy['script-src'], undefined, name)
			assert.equal(policy['form-action'].replace(` ${gateway.base}`, ''), ['sign-in', 'consent'].includes(name) ? '\'self\' https://app.acme.example' : '\'self\'', name)
			assert.equal(page.headers.get('x-frame-options'), 'DENY', name)
			assert.equal(page.headers.get('cache-control'), 'no-store', name)
			assert.equal(page.headers.get('referrer-policy'), 'no-referrer', name)
			assert.equal(page.headers.get('x-content-type-options'), 'nosniff', name)
			assert.ok(!/<script|\son[a-z]+=|javascript:/i.test(page.text), name)
		}
	})
	test('a redirect with a code is stored nowhere and tells nobody', async () => {
		const { page } = await web.code('alice', PASSWORDS.alice)
		assert.equal(page.headers.get('cache-control'), 'no-store')
		assert.equal(page.headers.get('referrer-policy'), 'no-referrer')
	})
	test('cookies are HttpOnly and Lax, of the whole host, named by tenant', async () => {
		const browser = new Browser()
		const set = []
		const seen = browser.request.bind(browser)
		browser.request = async (...words) => {
			const page = await seen(...words)
			set.push(...page.headers.getSetCookie())
			return page
		}
		await web.code('alice', PASSWORDS.alice, {}, browser)
		assert.ok(set.length >= 3)
		for (const cookie of set) assert.match(cookie, /^psr_[sfd]_acme=[^;]+; Path=\/; HttpOnly; SameSite=Lax(; Max-Age=\d+)?$/)
	})
})

describe('consent', () => {
	const CONSENTED = 'openid profile wiki.read'
	test('asks a person once for what an application may know, by name', async () => {
		const request = asking.begin({ scope: CONSENTED }), browser = new Browser()
		const page = await browser.signIn(await browser.open(request.url), 'alice', PASSWORDS.alice)
		assert.match(page.text, /The asking application/)
		assert.match(page.text, /Alice Martin/)
		assert.match(page.text, /wiki\.read/)
		const done = await browser.submit(page, { approve: 'yes' })
		assert.ok(done.answer.code)
		assert.equal((await asking.redeem({ ...request, code: done.answer.code })).status, 200)
		const again = await browser.request(asking.begin({ scope: CONSENTED }).url)
		assert.ok(again.answer.code, 'remembered')
		assert.ok((await browser.request(asking.begin({ scope: 'openid', prompt: 'none' }).url)).answer.code, 'less is covered')
		assert.ok((await browser.open(asking.begin({ scope: `${CONSENTED} wiki.write` }).url)).form.buttons.includes('approve'), 'more is asked')
		assert.ok((await browser.open(asking.begin({ scope: CONSENTED, prompt: 'consent' }).url)).form.buttons.includes('approve'))
	})
	test('stays remembered after the application asked for less', async () => {
		const browser = await signedIn('bruno'), open = (scope) => browser.open(asking.begin({ scope }).url)
		assert.ok((await browser.submit(await open('openid profile email'), { approve: 'yes' })).answer.code)
		assert.ok((await open('openid')).answer?.code, 'less')
		assert.ok((await open('openid profile email')).answer?.code, 'as much as before')
	})
	test('stays remembered after signing out: people are asked once', async () => {
		const browser = await signedIn('bruno')
		const page = await browser.open(asking.begin({ scope: 'openid groups' }).url)
		assert.ok((await browser.submit(page, { approve: 'yes' })).answer.code)
		await browser.submit(await browser.open(`${web.issuer}/logout`), { approve: 'yes' })
		const again = await browser.signIn(await browser.open(asking.begin({ scope: 'openid groups' }).url), 'bruno', PASSWORDS.bruno)
		assert.ok(again.answer?.code, again.text)
	})
	test('declined: access_denied, and nothing is remembered', async () => {
		const request = asking.begin({ scope: CONSENTED }), browser = await signedIn('bruno')
		const page = await browser.submit(await browser.open(request.url), { decline: 'yes' })
		assert.equal(page.answer.error, 'access_denied')
		assert.equal(page.answer.state, request.state)
		assert.ok((await browser.open(asking.begin({ scope: CONSENTED }).url)).form.buttons.includes('approve'))
	})
	test('one person\'s consent is not another\'s', async () => {
		assert.ok((await (await signedIn('carla')).open(asking.begin({ scope: CONSENTED }).url)).form.buttons.includes('approve'))
	})
	test('is not given by a forged form, nor in another browser', async () => {
		const browser = await signedIn('carla')
		const page = await browser.open(asking.begin({ scope: CONSENTED }).url)
		const mallory = await signedIn('bruno')
		const foreign = await mallory.open(asking.begin({ scope: CONSENTED }).url)
		for (const fields of [{ form_token: undefined }, { form_token: '' }, { form_token: 'x'.repeat(43) }, { form_token: foreign.form.fields.form_token }]) {
			const refused = await browser.submit(page, { ...fields, approve: 'yes' })
			assert.equal(refused.status, 403)
			assert.equal(refused.location, undefined)
		}
		const stolen = await mallory.submit(page, { approve: 'yes' })
		assert.equal(stolen.status, 403)
		assert.ok((await browser.submit(page, { approve: 'yes' })).answer.code, 'the flow itself is unharmed')
	})
	test('the sign-in form\'s token does not consent', async () => {
		const browser = new Browser()
		const first = await browser.open(asking.begin({ scope: CONSENTED, prompt: 'consent' }).url)
		const page = await browser.signIn(first, 'alice', PASSWORDS.alice)
		assert.equal((await browser.submit(page, { form_token: first.form.fields.form_token, approve: 'yes' })).status, 403)
	})
	test('nobody signed in cannot consent', async () => {
		const browser = new Browser()
		const first = await browser.open(asking.begin({ scope: CONSENTED }).url)
		const page = await browser.request(first.url.href.replace('/login', '/consent'), { form: { form_token: first.form.fields.form_token, approve: 'yes' } })
		assert.equal(page.answer?.code, undefined)
	})
})

describe('allowed_groups', () => {
	test('let their members in', async () => assert.ok((await staffOnly.code('alice', PASSWORDS.alice)).code))
	test('and nobody else: access_denied, after the password', async () => {
		const request = staffOnly.begin(), browser = new Browser()
		const page = await browser.signIn(await browser.open(request.url), 'bruno', PASSWORDS.bruno)
		assert.equal(page.answer.error, 'access_denied')
		assert.equal(page.answer.state, request.state)
		await assertSentBack(staffOnly.begin({ prompt: 'none' }), 'access_denied', { browser })
	})
})
