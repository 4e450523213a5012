// Tenants are blind to each other: at every endpoint, one tenant's credential with another tenant's object gets, to the byte, the answer for an object that
// does not exist. What exists next door cannot be told from what was made up.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, basic, post } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask } from './lib/raw.mjs'
import { API, CLIENTS, OTHER_API, PASSWORDS, REDIRECT, declare, secretOf, tenant } from './lib/scene.mjs'

const SHARED = ['web', 'api', 'auditor', 'machine']
const own = (name) => ({ ...CLIENTS.web, client_id: `${name}-only`, client_secret: secretOf(`${name}-only`), resources: [API, `https://${name}.example`], redirect_uris: [REDIRECT, `https://${name}.example/cb`], post_logout_redirect_uris: [`https://${name}.example/bye`] })
const opaque = { ...CLIENTS.web, client_id: 'files', client_secret: secretOf('files'), resources: [OTHER_API], scope: `${CLIENTS.web.scope} files.read` }
function declared(name) {
	const one = tenant(name, { clients: [...SHARED, own(name), opaque] })
	return { ...one, resources: [...one.resources, { identifier: `https://${name}.example`, scopes: [] }],
		users: [...one.users, { username: `${name}-person`, email: `person@${name}.example`, name: 'Somebody', password: `canary of ${name} person` }] }
}

let gateway
const has = {} // what each tenant has
before(async () => {
	gateway = await Gateway.start({ declaration: declare(declared('acme'), declared('blue')) })
	for (const name of ['acme', 'blue']) {
		const at = (client) => new Application(gateway, name, client), web = at(CLIENTS.web)
		const browser = new Browser(), tokens = await web.tokens(`${name}-person`, `canary of ${name} person`, {}, browser)
		const code = await web.code(`${name}-person`, `canary of ${name} person`, {}, browser)
		const wrong = await new Browser().request(web.begin({ redirect_uri: 'https://evil.example/' }).url)
		has[name] = { web, at, browser, tokens, code, opaque: await at(opaque).tokens(`${name}-person`, `canary of ${name} person`), reference: wrong.reference }
	}
})
after(() => gateway?.stop())

/** An answer without what is drawn anew each time, and without the object itself. */
function seen(answer, object) {
	let text = answer.text
	if (object) for (const form of [object, encodeURIComponent(object)]) text = text.replaceAll(form, 'OBJECT')
	text = text.replaceAll(/"error_ref":"[a-z2-7]{10}"/g, 'REF').replaceAll(/<code>(<bdi>)?[a-z2-7]{10}/g, 'REF').replaceAll(/name="form_token" value="[^"]*"/g, 'TOKEN').replaceAll(/flow=[A-Za-z0-9_-]+/g, 'FLOW')
	const headers = Object.fromEntries([...new Headers(Object.entries(answer.headers instanceof Headers ? Object.fromEntries(answer.headers) : answer.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)])))]
		.filter(([name]) => !['date', 'content-length', 'set-cookie'].includes(name)).map(([name, value]) => [name, value.replaceAll(/flow=[^&]+/g, 'FLOW').replaceAll(/(state|code)=[^&]+/g, '$1')]))
	return { status: answer.status, text, headers }
}

/** Of the same shape, and nobody's. */
const NOBODY = {
	token: (token) => token.startsWith('pas_') ? `${token.slice(0, 10)}${'A'.repeat(token.length - 10)}` : `${token.split('.').slice(0, 2).join('.')}.${'A'.repeat(token.split('.')[2].length)}`,
	name: (name) => `nobody-${name}`.slice(0, name.length + 7),
}

for (const [mine, theirs] of [['acme', 'blue'], ['blue', 'acme']])
	describe(`${mine} looks for what is ${theirs}'s`, () => {
		/** The same question about their object and about one that does not exist. */
		const same = async (object, nobody, question) => {
			assert.notEqual(object, nobody)
			assert.deepEqual(seen(await question(object), object), seen(await question(nobody), nobody))
		}
		const tokensOf = (name) => ({ access: has[name].tokens.access_token, refresh: has[name].tokens.refresh_token, id: has[name].tokens.id_token, opaque: has[name].opaque.access_token, code: has[name].code.code })

		for (const kind of ['access', 'refresh', 'id', 'opaque', 'code']) {
			test(`/introspect: ${kind}`, async () => {
				for (const client of ['web', 'auditor', 'api'])
					await same(tokensOf(theirs)[kind], NOBODY.token(tokensOf(theirs)[kind]), (token) => has[mine].at(CLIENTS[client]).introspect(token))
			})
			test(`/revoke: ${kind}`, async () => {
				await same(tokensOf(theirs)[kind], NOBODY.token(tokensOf(theirs)[kind]), (token) => has[mine].web.revoke(token))
			})
			test(`/userinfo: ${kind}`, async () => {
				await same(tokensOf(theirs)[kind], NOBODY.token(tokensOf(theirs)[kind]), (token) => ask(`${has[mine].web.issuer}/userinfo`, { headers: { Authorization: `Bearer ${token}` } }))
			})
		}
		test('/token: a code, with its verifier', () => same(has[theirs].code.code, NOBODY.token(has[theirs].code.code), (code) => has[mine].web.redeem({ ...has[theirs].code, code })))
		test('/token: a refresh token', () => same(has[theirs].tokens.refresh_token, NOBODY.token(has[theirs].tokens.refresh_token), (token) => has[mine].web.refresh(token)))
		test('/token, /introspect, /revoke: a client, with its secret', async () => {
			const secret = secretOf(`${theirs}-only`)
			for (const [path, form] of [['/token', { grant_type: 'refresh_token', refresh_token: 'x' }], ['/introspect', { token: 'x' }], ['/revoke', { token: 'x' }]]) {
				await same(`${theirs}-only`, NOBODY.name(`${theirs}-only`), (id) => post(has[mine].web.issuer + path, form, basic(id, secret)))
				await same(`${theirs}-only`, NOBODY.name(`${theirs}-only`), (id) => post(has[mine].web.issuer + path, { ...form, client_id: id, client_secret: secret }))
			}
		})
		test('/token: a resource', () => same(`https://${theirs}.example`, 'https://nobody.example', (resource) => has[mine].at(CLIENTS.machine).own({ resource })))
		test('/authorize: a client', () => same(`${theirs}-only`, NOBODY.name(`${theirs}-only`), (client_id) => new Browser().request(has[mine].web.begin({ client_id }).url)))
		test('/authorize: a redirect URI', () => same(`https://${theirs}.example/cb`, 'https://nobody.example/cb', (redirect_uri) => new Browser().request(has[mine].web.begin({ redirect_uri }).url)))
		test('/authorize: a resource', () => same(`https://${theirs}.example`, 'https://nobody.example', (resource) => new Browser().request(has[mine].web.begin({ resource, state: 's' }).url)))
		test('/authorize: an ID token as hint', () => same(has[theirs].tokens.id_token, NOBODY.token(has[theirs].tokens.id_token), (id_token_hint) => has[mine].browser.request(has[mine].web.begin({ id_token_hint, state: 's' }).url)))
		test('/login: a person, with the password', async () => {
			const attempt = async (username) => {
				const browser = new Browser()
				return browser.signIn(await browser.open(has[mine].web.begin().url), username, `canary of ${theirs} person`)
			}
			await same(`${theirs}-person`, `nobody-person`, attempt)
			await same(`person@${theirs}.example`, 'person@nobody.example', attempt)
		})
		test('/login, /consent: a flow under way, with its cookie', async () => {
			const browser = new Browser(), page = await browser.open(has[theirs].web.begin().url), flow = page.url.searchParams.get('flow')
			browser.cookies.set(`psr_f_${mine}`, browser.cookies.get(`psr_f_${theirs}`))
			const { form_token } = page.form.fields
			for (const path of ['/login', '/consent']) {
				await same(flow, 'A'.repeat(flow.length), (handle) => browser.request(`${has[mine].web.issuer}${path}?flow=${handle}`))
				await same(flow, 'A'.repeat(flow.length), (handle) => browser.request(`${has[mine].web.issuer}${path}?flow=${handle}`, { form: { form_token, username: `${theirs}-person`, password: `canary of ${theirs} person`, approve: 'yes' } }))
			}
			assert.ok((await browser.signIn(page, `${theirs}-person`, `canary of ${theirs} person`)).answer.code, 'unharmed where it belongs')
		})
		test('/account, /authorize, /logout: a session', async () => {
			const value = has[theirs].browser.cookies.get(`psr_s_${theirs}`)
			const with_ = (cookie) => {
				const browser = new Browser()
				browser.cookies.set(`psr_s_${mine}`, cookie)
				return browser
			}
			for (const path of ['/account', '/logout', `/authorize?${has[mine].web.begin({ prompt: 'none', state: 's' }).form}`])
				await same(value, 'A'.repeat(43), (cookie) => with_(cookie).request(has[mine].web.issuer + path))
		})
		test('/logout: an ID token, a client, an address', async () => {
			const { browser } = has[mine], at = (parameters) => browser.request(`${has[mine].web.issuer}/logout?${new URLSearchParams(parameters)}`)
			await same(has[theirs].tokens.id_token, NOBODY.token(has[theirs].tokens.id_token), (id_token_hint) => at({ id_token_hint }))
			await same(`${theirs}-only`, NOBODY.name(`${theirs}-only`), (client_id) => at({ client_id }))
			await same(`https://${theirs}.example/bye`, 'https://nobody.example/bye', (post_logout_redirect_uri) => at({ client_id: `${mine}-only`, post_logout_redirect_uri }))
		})
		test('the command line: a user, a client, a reference', async () => {
			for (const [words, nobody] of [[['user', 'show', `${theirs}-person`], 'nobody'], [['user', 'disable', `${theirs}-person`], 'nobody'], [['client', 'show', `${theirs}-only`], 'nobody'], [['client', 'rotate-secret', `${theirs}-only`], 'nobody'],
				[['log', 'show', has[theirs].reference], 'aaaaaaaaaa']]) {
				const real = await gateway.command([...words, '--tenant', mine]), made = await gateway.command([...words.slice(0, 2), nobody, '--tenant', mine])
				assert.deepEqual([real.status, real.out, real.err.replaceAll(words[2], 'X')], [made.status, made.out, made.err.replaceAll(nobody, 'X')])
				assert.equal(real.status, 1)
			}
		})
		test('and nothing of theirs was harmed', async () => {
			const { tokens, opaque, web, at } = has[theirs]
			assert.equal(await web.isActive(tokens.access_token), true)
			assert.equal(await web.isActive(tokens.refresh_token), true)
			assert.equal(await at(CLIENTS.auditor).isActive(opaque.access_token), true)
			assert.ok((await has[theirs].browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
			assert.ok(!(await gateway.cliJson('user', 'show', `${theirs}-person`, '--tenant', theirs)).disabled)
		})
		test('nor does any of it stand in the other\'s log', async () => {
			const text = JSON.stringify(await gateway.rows(mine))
			for (const secret of [`${theirs}-person`, `person@${theirs}.example`, `"tenant":"${theirs}"`, has[theirs].reference]) assert.ok(!text.includes(secret), secret)
		})
	})

test('a code still is good at home after all that', async () => {
	for (const name of ['acme', 'blue']) assert.equal((await has[name].web.redeem(has[name].code)).status, 200)
})

test('export of one tenant holds nothing of the other', async () => {
	const text = await gateway.cli('export', '--with-secrets', '--tenant', 'acme')
	assert.match(text, /acme-only/)
	assert.doesNotMatch(text, /blue/)
})

test('without --tenant, where several are, nothing is guessed', async () => {
	const done = await gateway.command(['user', 'list'])
	assert.equal(done.status, 2)
	assert.equal(done.out, '')
})
