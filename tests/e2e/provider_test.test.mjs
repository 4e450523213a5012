// `passerelle provider test` of OpenID providers, against the certified one of lib/upstream.mjs: a good one passes every step, and whatever is broken is said at its own
// step, with what to change on which side. Nobody signs in, and no secret is told.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { calculateJwkThumbprint } from 'jose'
import { Gateway, freePort } from './lib/gateway.mjs'
import { newKey } from './lib/jws.mjs'
import { declare, tenant } from './lib/scene.mjs'
import { CLIENT_SECRET, Upstream } from './lib/upstream.mjs'

const PAGE = readFileSync(new URL('../../docs/providers-openid.md', import.meta.url), 'utf8')
const WRONG_SECRET = 'not-the-upstream-secret-canary-0123456789abcdef'
const upstreams = {}, key = newKey('RS256')
let gateway
const all = () => Object.values(upstreams)
before(async () => {
	const kinds = { plain: {}, google: { manner: 'google' }, azure: { manner: 'azure' }, linkedin: { manner: 'linkedin' }, tls: { tls: true }, untrusted: { tls: true } }
	await Promise.all(Object.entries(kinds).map(async ([name, options]) => { upstreams[name] = await Upstream.start({ people: {}, ...options }) }))
	const { plain } = upstreams, nobody = await freePort()
	const acme = tenant('acme', { clients: [], users: [], providers: [
		...Object.entries(upstreams).map(([name, upstream]) => upstream.provider(name)),
		plain.provider('everything', { userinfo: true, response_mode: 'form_post', scope: 'openid profile email offline_access' }),
		plain.provider('signing', { token_endpoint_auth_method: 'private_key_jwt', private_key: key.secretPem, client_secret: undefined, client_id: 'signing' }),
		plain.provider('wrongsecret', { client_secret: WRONG_SECRET }), plain.provider('stranger', { client_id: 'nobody-there' }),
		plain.provider('slash', { issuer: `${plain.origin}/`, discovery_url: plain.discoveryUrl }), plain.provider('elsewhere', { issuer: `${plain.origin}/nowhere` }),
		plain.provider('nobody', { issuer: `http://127.0.0.1:${nobody}` }), plain.provider('nameless', { issuer: 'https://idp.does-not-exist.invalid' }),
		plain.provider('cleartext', { issuer: 'http://127.0.0.2:9' }), plain.provider('metadata', { issuer: 'http://169.254.169.254' }),
	] })
	gateway = await Gateway.start({ declaration: declare(acme), config: { outbound: { allow: ['127.0.0.1/32'], ca_file: upstreams.tls.authority, connect_timeout: '2s', timeout: '2s' } } })
	for (const name of Object.keys(upstreams)) upstreams[name].trust(gateway, 'acme', name)
	plain.trust(gateway, 'acme', 'signing', { client_id: 'signing', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'RS256', jwks: { keys: [{ ...key.jwk, kid: await calculateJwkThumbprint(key.jwk) }] } })
})
afterEach(() => { for (const one of all()) Object.assign(one, { fault: {}, calls: [] }) })
after(async () => {
	await gateway?.stop()
	await Promise.all(all().map((one) => one.stop()))
})

const run = (name, ...words) => gateway.command(['provider', 'test', name, '--tenant', 'acme', ...words])
async function diagnose(name) {
	const done = await run(name, '--json')
	for (const secret of [CLIENT_SECRET, WRONG_SECRET, 'PRIVATE KEY']) assert.ok(!(done.out + done.err).includes(secret), 'a secret was told')
	const found = JSON.parse(done.out)
	assert.equal(done.status, found.passed ? 0 : 1, done.err)
	return { ...found, failed: found.checks.filter((one) => !one.passed), err: done.err }
}
/** Exactly these steps fail, in this order; the last one's words and advice. */
async function assertFails(name, steps, { seen, advice }) {
	const found = await diagnose(name), last = found.failed.at(-1)
	assert.deepEqual(found.failed.map((one) => one.check), steps, JSON.stringify(found.checks, null, 1))
	assert.equal(found.passed, false)
	assert.match(String(last.seen), seen)
	assert.match(String(last.advice), advice)
	for (const one of found.failed) assert.match(String(one.advice), /^(Here|There): |^See the certificate below/, one.check)
	return found
}
/** The step of that name; of several, the one that failed. */
const row = (found, name) => found.failed.find((one) => one.check === name) ?? found.checks.find((one) => one.check === name)
const answering = (status, headers, body = '') => (request, response) => response.writeHead(status, headers).end(body)

describe('a provider in order', () => {
	for (const name of ['plain', 'google', 'azure', 'linkedin', 'tls', 'everything', 'signing'])
		test(name, async () => {
			const found = await diagnose(name)
			assert.deepEqual(found.failed, [])
			assert.equal(row(found, 'to register there').seen, `${gateway.issuer('acme')}/callback/${name}`)
			assert.match(row(found, 'our authentication').seen, /^provider_code$/)
			const upstream = upstreams[name] ?? upstreams.plain
			assert.deepEqual([upstream.asked('token').length, upstream.asked('authorization').length, upstream.asked('userinfo').length], [1, 0, 0], 'nobody was signed in')
		})

	test('in words: each step on a line, exit 0, and a record that it was looked at', async () => {
		const looks = () => gateway.rows('acme', '--event', 'log.read')
		const before = (await looks()).length
		const { status, out, err } = await run('tls')
		assert.deepEqual([status, err], [0, ''])
		assert.ok(out.split('\n').filter(Boolean).every((line) => line.startsWith('passed  ')), out)
		assert.match(out, /certificate: names .*127\.0\.0\.1/)
		assert.match(out, /^passed {2}key .*RSA$/m)
		const records = await looks()
		assert.equal(records.length, before + 1 + 1, 'the test, and this look at the log')
		assert.match(records.at(-1).actor, /^cli:/)
	})

	test('nobody\'s account came of all this', async () => {
		assert.deepEqual(await gateway.cliJson('user', 'list', '--tenant', 'acme'), [])
		assert.deepEqual(await gateway.rows('acme', '--event', 'login'), [])
	})
})

describe('the way there', () => {
	test('nobody listens', () => assertFails('nobody', ['connect', 'discovery'], { seen: /./, advice: /^Here: correct the address, or `outbound`/ }))
	test('a name that is nobody\'s', () => assertFails('nameless', ['resolve', 'discovery'], { seen: /./, advice: /^Here: correct the address/ }))
	for (const name of ['cleartext', 'metadata'])
		test(`${name}: refused by the guard, before anything is sent`, async () => {
			const found = await assertFails(name, ['address guard', 'discovery'], { seen: /./, advice: /outbound/ })
			assert.match(row(found, 'address guard').advice, /^Here: if this address is meant, add it to outbound\.allow/)
		})
	test('keys at an address inside (the metadata of a cloud)', async () => {
		upstreams.plain.fault = { discovery: (document) => ({ ...document, jwks_uri: 'http://169.254.169.254/latest/meta-data' }) }
		const found = await assertFails('plain', ['address guard', 'jwks_uri'], { seen: /./, advice: /outbound/ })
		assert.match(row(found, 'address guard').advice, /outbound\.allow/)
	})
	test('a certificate of nobody whom we trust', async () => {
		const found = await assertFails('untrusted', ['TLS', 'certificate', 'discovery'], { seen: /./, advice: /^Here/ })
		const certificate = row(found, 'certificate')
		assert.match(certificate.seen, /127\.0\.0\.1.*The test's authority/)
		assert.match(certificate.advice, /outbound\.ca_file/)
	})
})

describe('discovery', () => {
	test('another issuer, by one slash', async () => {
		const found = await assertFails('slash', ['issuer'], { seen: new RegExp(`^${upstreams.plain.origin}$`), advice: /^Here: write issuer exactly as the provider states it/ })
		assert.equal(found.failed[0].expected, `${upstreams.plain.origin}/`)
	})
	test('not there', () => assertFails('elsewhere', ['discovery'], { seen: /^status 404$/, advice: /^Here: correct issuer or discovery_url/ }))
	test('a redirect is not followed', async () => {
		upstreams.plain.fault = { raw: { discovery: answering(302, { Location: `${upstreams.google.origin}/.well-known/openid-configuration` }) } }
		await assertFails('plain', ['discovery'], { seen: /^status 302$/, advice: /^Here: write the address to which it redirects/ })
		assert.equal(upstreams.google.calls.length, 0)
	})
	test('a page where metadata should be', async () => {
		upstreams.plain.fault = { raw: { discovery: answering(200, { 'Content-Type': 'text/html' }, '<!doctype html><title>Welcome</title>') } }
		await assertFails('plain', ['discovery'], { seen: /./, advice: /^Here: correct issuer or discovery_url: what is there is no metadata/ })
	})
	for (const [field, failing] of [['jwks_uri', ['jwks_uri']], ['authorization_endpoint', ['authorization_endpoint']], ['token_endpoint', ['token_endpoint']]])
		test(`without ${field}`, async () => {
			upstreams.plain.fault = { discovery: ({ [field]: _, ...document }) => document }
			await assertFails('plain', failing, { seen: /^not stated$/, advice: /^There: this is no OpenID provider/ })
		})
	test('without userinfo, which is asked for here', async () => {
		upstreams.plain.fault = { discovery: ({ userinfo_endpoint, ...document }) => document }
		await assertFails('everything', ['userinfo_endpoint'], { seen: /^not stated$/, advice: /^Here: set userinfo: false/ })
		assert.deepEqual((await diagnose('plain')).failed, [], 'who does not ask for it does not need it')
	})
	test('without our way of authenticating, PKCE and form_post', async () => {
		upstreams.plain.fault = { discovery: (document) => ({ ...document, code_challenge_methods_supported: ['plain'], response_modes_supported: ['query'] }) }
		await assertFails('everything', ['code_challenge_methods_supported', 'response_modes_supported'], { seen: /query/, advice: /^Here: set response_mode: query/ })
		upstreams.plain.fault = { discovery: (document) => ({ ...document, token_endpoint_auth_methods_supported: ['client_secret_basic'] }) }
		await assertFails('signing', ['token_endpoint_auth_methods_supported'], { seen: /client_secret_basic/, advice: /^Here: set token_endpoint_auth_method/ })
	})
})

describe('keys', () => {
	const unusable = { 'none': { keys: [] }, 'a key for encryption only': { keys: [{ ...newKey('RS256').jwk, use: 'enc', kid: 'for-encryption' }] }, 'no set of keys': { nothing: true } }
	for (const [title, jwks] of Object.entries(unusable))
		test(title, async () => {
			upstreams.plain.fault = { jwks: () => jwks }
			await assertFails('plain', ['keys'], { seen: /./, advice: /^There: publish a signing key/ })
		})
	test('one that is not usable beside one that is: said, and no fault', async () => {
		upstreams.plain.fault = { jwks: (document) => ({ keys: [...document.keys, { kty: 'oct', k: 'c2VjcmV0', kid: 'shared' }] }) }
		const found = await diagnose('plain')
		assert.deepEqual(found.failed, [])
		assert.match(row(found, 'key shared').seen, /^oct: ./)
	})
	test('an address that has none', async () => {
		upstreams.plain.fault = { raw: { jwks: answering(500, {}) } }
		await assertFails('plain', ['jwks_uri'], { seen: /^status 500$/, advice: /^(Here|There): / })
	})
})

describe('our authentication', () => {
	for (const name of ['wrongsecret', 'stranger'])
		test(name, () => assertFails(name, ['our authentication'], { seen: /^provider_client$/, advice: /^Here: correct client_id, client_secret or token_endpoint_auth_method\. There: / }))
	test('a token endpoint in trouble is no wrong secret', async () => {
		upstreams.plain.fault = { raw: { token: answering(503, {}) } }
		await assertFails('plain', ['our authentication'], { seen: /^provider_unavailable$/, advice: /^There: look at the token endpoint/ })
	})
	test('a token endpoint that gives tokens to anybody', async () => {
		upstreams.plain.fault = { raw: { token: answering(200, { 'Content-Type': 'application/json' }, '{"access_token":"a","token_type":"Bearer","id_token":"b"}') } }
		await assertFails('plain', ['our authentication'], { seen: /tokens for a code that nobody gave/, advice: /^There: / })
	})
	test('in words: FAILED, what was expected, what to change; exit 1', async () => {
		const { status, out, err } = await run('wrongsecret')
		assert.equal(status, 1)
		assert.match(out, /^FAILED {2}our authentication: provider_client\n {8}expected {2}provider_code.*\n {8}change {4}Here: correct client_id/m)
		assert.match(err, /provider wrongsecret: 1 of \d+ steps failed/)
	})
})

test('a provider that is not there, or switched off: exit 1, and off may be tested', async () => {
	assert.equal((await run('missing')).status, 1)
	await gateway.cli('provider', 'disable', 'plain', '--tenant', 'acme')
	assert.equal((await run('plain')).status, 0)
})

describe('docs/providers-openid.md', () => {
	test('what it tells to write is taken as it stands', async () => {
		const blocks = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text)
		const [first, ...more] = blocks.filter((one) => !one.startsWith('    ')), certified = blocks.find((one) => one.startsWith('    '))
		const microsoft = more.find((one) => one.includes('name: microsoft')).replace('name: microsoft', 'name: certified').replace(/^ +client_secret:.*\n/m, '')
		const folder = gateway.path('page'), at = (name) => `${folder}/${name}`
		mkdirSync(folder)
		for (const [, name] of PAGE.matchAll(/file:([a-z0-9]+\.secret)/g)) writeFileSync(at(name), 'a-secret-of-the-page')
		execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=ours', '-keyout', at('entra.key'), '-out', at('entra.crt')], { stdio: 'ignore' })
		writeFileSync(at('page.yaml'), [first.replace('name: acme', 'name: page'), ...more, microsoft, certified].join(''))
		await gateway.cli('apply', '-f', at('page.yaml'))
		const names = (await gateway.cliJson('provider', 'list', '--tenant', 'page')).map((one) => one.name)
		assert.deepEqual(names, ['google', 'microsoft', 'partners', 'linkedin', 'okta', 'onelogin', 'keycloak', 'gitlab', 'auth0', 'partner', 'certified'])
	})

	test('it names every key', () => {
		const explained = ['oidc_internal.h', 'oidc.c', 'oidc_google.c', 'oidc_azure.c'].map((name) => readFileSync(new URL(`../../providers/${name}`, import.meta.url), 'utf8'))
		const keys = explained.flatMap((text) => [...text.matchAll(/\{ ?\.name = "([a-z_]+)", \.type = KEY_/g)].map(([, name]) => name))
		assert.ok(keys.length > 15, String(keys))
		for (const one of keys) assert.ok(PAGE.includes(`\`${one}\``), one)
	})
})
