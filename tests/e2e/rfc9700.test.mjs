// RFC 9700, Best Current Practice for OAuth 2.0 Security, statement by statement: those that no other file shows. docs/specifications.md has the whole list.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, assertRefused, challengeOf, claimsOf, post, random } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask } from './lib/raw.mjs'
import { API, CLIENTS, OTHER_API, PASSWORDS, REDIRECT, declare, secretOf, tenant } from './lib/scene.mjs'

const LENIENT = { ...CLIENTS.web, client_id: 'lenient', client_secret: secretOf('lenient'), require_pkce: false }
const TWO = { ...CLIENTS.web, client_id: 'two', client_secret: secretOf('two'), resources: [API, OTHER_API], scope: `${CLIENTS.web.scope} files.read` }
const FILES = { ...CLIENTS.api, client_id: 'files', client_secret: secretOf('files') }

let gateway, web, spa, lenient, two, api, files, metadata
before(async () => {
	const acme = tenant('acme', { clients: [...Object.keys(CLIENTS), LENIENT, TWO, FILES] })
	acme.resources[1].introspection_clients = ['files']
	gateway = await Gateway.start({ declaration: declare(acme) })
	;[web, spa, lenient, two, api, files] = [CLIENTS.web, CLIENTS.spa, LENIENT, TWO, CLIENTS.api, FILES].map((one) => new Application(gateway, 'acme', one))
	metadata = await (await fetch(`${web.issuer}/.well-known/oauth-authorization-server`)).json()
})
after(() => gateway?.stop())

const alice = (application, parameters, browser) => application.code('alice', PASSWORDS.alice, parameters, browser)
const declared = (more) => gateway.command(['apply', '-f', '-', '--dry-run'], { input: JSON.stringify(declare(tenant('acme', { clients: [{ ...CLIENTS.web, ...more }, 'api'] }))) })
async function assertNotDeclared(more, key) {
	const done = await declared(more)
	assert.deepEqual([done.status, done.err.includes(key)], [1, true], `${JSON.stringify(more)}: ${done.out}${done.err}`)
}

describe('2.1, 4.1 redirect URIs', () => {
	test('what is registered is one exact address: no pattern, no fragment, no plain http beyond loopback, no scheme that a browser runs', async () => {
		for (const uri of ['https://*.acme.example/cb', 'https://app.acme.example/*', 'https://app.acme.example/cb#x', 'http://app.acme.example/cb', 'javascript:alert(1)', 'data:text/html,x', 'https://user@app.acme.example/cb', 'https://app.acme.example/a/../cb', '//app.acme.example/cb', '/cb', ''])
			await assertNotDeclared({ redirect_uris: [uri] }, 'redirect_uris')
	})
	test('nobody is sent to an address that is not, whatever else is wrong or right with the request', async () => {
		const browser = new Browser()
		await alice(web, {}, browser)
		for (const redirect_uri of [`${REDIRECT}/`, `${REDIRECT}?x=1`, `${REDIRECT}#`, REDIRECT.replace('app.', 'app.evil.'), REDIRECT.replace('https', 'http'), REDIRECT.toUpperCase(), `${REDIRECT}/../x`, 'https://app.acme.example:443/cb', 'https://app.acme.example%2f@evil.example/cb'])
			for (const more of [{}, { prompt: 'none' }, { scope: 'nobody.has.it' }, { response_type: 'token' }, { response_mode: 'form_post' }]) {
				const page = await browser.request(web.begin({ redirect_uri, ...more }).url)
				assert.deepEqual([page.status, page.location, page.form], [400, undefined, undefined], `${redirect_uri} ${JSON.stringify(more)}`)
			}
	})
})

describe('2.1.1, 4.5, 4.8 codes are for who began', () => {
	test('a code of one request with the verifier of another is refused, with one\'s own as well as with a victim\'s', async () => {
		const victim = await alice(web), attacker = await web.code('bruno', PASSWORDS.bruno)
		assertRefused(await web.redeem({ ...victim, verifier: attacker.verifier }), 400, 'invalid_grant')
		assertRefused(await web.redeem({ ...attacker, verifier: victim.verifier }), 400, 'invalid_grant')
		assert.equal((await web.redeem(victim)).status, 200)
	})
	test('a challenge that is taken out on the way leaves a code that a verifier does not open, and the other way round', async () => {
		const stripped = await alice(lenient, { code_challenge: undefined, code_challenge_method: undefined, nonce: random() })
		assertRefused(await lenient.redeem({ ...stripped, verifier: random() }), 400, 'invalid_grant')
		const kept = await alice(lenient, { nonce: random() })
		assertRefused(await lenient.redeem({ ...kept, verifier: undefined }), 400, 'invalid_grant')
	})
	test('the method is S256: plain is refused, by name and by default, and is not in the metadata', async () => {
		assert.deepEqual(metadata.code_challenge_methods_supported, ['S256'])
		const verifier = random()
		for (const code_challenge_method of ['plain', undefined, 's256', 'S512'])
			assert.equal((await new Browser().request(web.begin({ code_challenge: verifier, code_challenge_method }).url)).answer.error, 'invalid_request', String(code_challenge_method))
		assert.notEqual(challengeOf(verifier), verifier)
	})
	test('a public client cannot be declared without PKCE, nor without rotation', async () => {
		const open = { client_id: 'open', client_secret: undefined, token_endpoint_auth_method: 'none' }
		await assertNotDeclared({ ...open, require_pkce: false }, 'require_pkce')
		await assertNotDeclared({ ...open, refresh_token_rotation: false }, 'refresh_token_rotation')
	})
	test('the nonce of a request stands in its own ID token, and in no other', async () => {
		const nonces = [random(), random()], browser = new Browser()
		const seen = []
		for (const nonce of nonces) seen.push(claimsOf((await web.redeem(await alice(web, { nonce }, browser))).json.id_token).nonce)
		assert.deepEqual(seen, nonces)
	})
})

describe('2.1.2, 2.4 what there is not', () => {
	test('no token comes from the authorization endpoint', async () => {
		assert.deepEqual(metadata.response_types_supported, ['code'])
		const browser = new Browser()
		await alice(web, {}, browser)
		for (const response_type of ['token', 'id_token', 'id_token token', 'code token', 'code id_token', 'code id_token token', 'none', 'code code'])
			for (const response_mode of [undefined, 'query']) {
				const { location } = await browser.request(web.begin({ response_type, response_mode, nonce: random() }).url)
				assert.equal(location.searchParams.get('error'), 'unsupported_response_type', response_type)
				assert.equal(location.hash, '')
			}
		assert.equal((await browser.request(web.begin({ response_mode: 'fragment' }).url)).answer.error, 'invalid_request')
	})
	test('no password comes to the token endpoint, and no client can be declared for it', async () => {
		assert.ok(!metadata.grant_types_supported.includes('password') && !metadata.grant_types_supported.includes('implicit'))
		for (const one of [web, spa]) assertRefused(await one.send('/token', { grant_type: 'password', username: 'alice', password: PASSWORDS.alice, scope: 'openid' }), 400, 'unsupported_grant_type')
		for (const grant of ['password', 'implicit']) await assertNotDeclared({ grant_types: ['authorization_code', grant] }, 'grant_types')
	})
})

describe('2.3, 4.10 what a token is good for', () => {
	test('it is for the resource that was asked for, and another one is told it is none', async () => {
		const request = await alice(two, { resource: API }), { json } = await two.redeem(request, { resource: API })
		assert.equal(claimsOf(json.access_token).aud, API)
		assert.equal((await api.introspect(json.access_token)).json.active, true)
		assert.equal((await files.introspect(json.access_token)).text, '{"active":false}')
	})
	test('it has the scopes that were asked for, and no more', async () => {
		const { json } = await web.redeem(await alice(web, { scope: 'openid wiki.read' }))
		assert.equal(json.scope, 'openid wiki.read')
		assert.equal(claimsOf(json.access_token).scope, 'openid wiki.read')
	})
})

describe('2.6 other recommendations', () => {
	test('metadata is published, with what tells a code apart from another server\'s (section 4.4)', () => {
		assert.equal(metadata.issuer, web.issuer)
		assert.equal(metadata.authorization_response_iss_parameter_supported, true)
		for (const [name, value] of Object.entries(metadata)) if (/_endpoint$|jwks_uri/.test(name)) assert.ok(value.startsWith(`${web.issuer}/`), name)
	})
	test('scripts of other sites reach no page: no CORS at the authorization endpoint, nor where cookies count', async () => {
		for (const path of ['/authorize', '/login', '/consent', '/logout', '/account', '/introspect'])
			for (const method of ['OPTIONS', 'GET', 'POST']) {
				const { headers } = await ask(`${web.issuer}${path}`, { method, headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' } })
				assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('access-control-')), [], `${method} ${path}`)
			}
	})
})

describe('4.2 to 4.4 what leaks', () => {
	test('4.2 neither pages nor redirects tell where the browser was, and pages load nothing from elsewhere', async () => {
		const browser = new Browser(), signIn = await browser.open(web.begin().url), answer = await browser.signIn(signIn, 'alice', PASSWORDS.alice)
		for (const page of [signIn, answer, await browser.request(`${web.issuer}/account`), await browser.request(web.begin({ redirect_uri: 'https://evil.example/' }).url)]) {
			assert.equal(page.headers.get('referrer-policy'), 'no-referrer')
			assert.doesNotMatch(page.text ?? '', /<(?:script|link|img|iframe|object)\b[^>]*\b(?:src|href)=/i)
		}
	})
	test('4.3 no secret stands in an address of ours: the sign-in\'s addresses are worth nothing in another browser', async () => {
		const mine = new Browser(), page = await mine.open(web.begin().url)
		for (const text of [PASSWORDS.alice, 'code_verifier', 'form_token']) assert.ok(!page.url.href.includes(text))
		const stolen = await new Browser().request(page.url)
		assert.equal(stolen.status, 403)
		assert.ok((await mine.signIn(page, 'alice', PASSWORDS.alice)).answer.code)
	})
})

describe('4.7 cross-site request forgery', () => {
	test('a code that an attacker fetched for his own account does not open in a victim\'s session: it is bound to the verifier there', async () => {
		const attacker = await web.code('bruno', PASSWORDS.bruno), victim = web.begin()
		assertRefused(await web.redeem({ ...victim, code: attacker.code, redirect: REDIRECT }), 400, 'invalid_grant')
	})
})

describe('4.11, 4.12 redirects', () => {
	test('every answer to a form is 303: a password is never sent on', async () => {
		const browser = new Browser(), page = await browser.open(web.begin().url)
		const { status, location } = await browser.request(page.form.action, { form: { ...page.form.fields, username: 'alice', password: PASSWORDS.alice } })
		assert.equal(status, 303)
		assert.ok(!location.href.includes(encodeURIComponent(PASSWORDS.alice)))
		const posted = await browser.request(`${web.issuer}/authorize`, { form: web.begin().form })
		assert.equal(posted.status, 303)
	})
})

describe('4.14 refresh tokens', () => {
	test('they are bound to what was granted: scope, resources and client', async () => {
		const { json } = await two.redeem(await alice(two, { scope: 'openid wiki.read offline_access', resource: API }))
		assertRefused(await two.refresh(json.refresh_token, { scope: 'openid wiki.read files.read' }), 400, 'invalid_scope')
		assertRefused(await two.refresh(json.refresh_token, { resource: OTHER_API }), 400, 'invalid_target')
		assertRefused(await web.refresh(json.refresh_token), 400, 'invalid_grant')
		assert.equal((await two.refresh(json.refresh_token)).status, 200)
	})
	test('a public client\'s are new at each use, and the old one shown again ends the family', async () => {
		const first = (await spa.redeem(await alice(spa))).json, second = (await spa.refresh(first.refresh_token)).json, third = (await spa.refresh(second.refresh_token)).json
		assert.equal(new Set([first, second, third].map((one) => one.refresh_token)).size, 3)
		assertRefused(await spa.refresh(first.refresh_token), 400, 'invalid_grant')
		assertRefused(await spa.refresh(third.refresh_token), 400, 'invalid_grant')
		assert.equal(await web.isActive(third.access_token), false)
	})
	test('they end when the password changes', async () => {
		const carla = await web.tokens('carla', PASSWORDS.carla)
		await gateway.cliWith({ input: 'another quiet river of carla' }, 'user', 'passwd', 'carla', '--tenant', 'acme')
		assertRefused(await web.refresh(carla.refresh_token), 400, 'invalid_grant')
	})
})

describe('4.15 a client that looks like a person', () => {
	test('no client can have a name of an account\'s form, so that sub never reads as one', async () => {
		const { sub } = claimsOf((await web.redeem(await alice(web))).json.id_token)
		await assertNotDeclared({ client_id: sub }, 'client_id')
		await assertNotDeclared({ client_id: 'a'.repeat(26) }, 'client_id')
	})
})

describe('4.16 clickjacking', () => {
	test('no page of ours lets itself be framed, errors and sign-out included', async () => {
		const browser = new Browser()
		const pages = [await browser.open(web.begin().url), await browser.request(web.begin({ redirect_uri: 'https://evil.example/' }).url), await browser.request(`${web.issuer}/logout/done`), await browser.request(`${gateway.base}/`)]
		await alice(web, {}, browser)
		pages.push(await browser.request(`${web.issuer}/logout`), await browser.request(`${web.issuer}/account`), await browser.open(web.begin({ prompt: 'consent' }).url))
		for (const page of pages) {
			assert.match(page.headers.get('content-security-policy'), /frame-ancestors 'none'/, page.url.href)
			assert.equal(page.headers.get('x-frame-options'), 'DENY')
		}
	})
})

test('2.5 a secret that is guessed is told nothing, and one of fewer than 32 characters is not declared', async () => {
	await assertNotDeclared({ client_secret: 'x'.repeat(31) }, 'client_secret')
	const answers = await Promise.all(['', 'x', secretOf('web').slice(1), `${secretOf('web')}x`].map((secret) => post(`${web.issuer}/token`, { grant_type: 'client_credentials', client_id: 'post', client_secret: secret })))
	for (const answer of answers) assertRefused(answer, 401, 'invalid_client')
})
