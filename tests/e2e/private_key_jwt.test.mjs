// Clients that prove themselves by a JWT they signed: RFC 7523 sections 2.2 and 3, OpenID Connect Core section 9, SECURITY AS-9. The polite one is openid-client,
// the rest is signed by jose with one fault each.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { SignJWT, exportJWK, generateKeyPair, importJWK } from 'jose'
import * as oidc from 'openid-client'
import { Gateway, freePort, until } from './lib/gateway.mjs'
import { Application, assertRefused, basic, claimsOf, post, random } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { Published } from './lib/published.mjs'
import { API, CLIENTS, PASSWORDS, REDIRECT, declare, secretOf, tenant } from './lib/scene.mjs'

const ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA']
const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const METHOD = { token_endpoint_auth_method: 'private_key_jwt' }

let gateway, issuer, foreign, clients, keys, published
before(async () => {
	published = await Published.start()
	keys = Object.fromEntries(await Promise.all(ALGORITHMS.map(async (alg) => [alg, await generateKeyPair(alg, { extractable: true })])))
	keys.spare = await generateKeyPair('ES256', { extractable: true })
	const jwk = async (alg, more) => ({ ...await exportJWK(keys[alg].publicKey), ...more })
	const declared = (client_id, ...jwks) => ({ ...CLIENTS.web, client_secret: undefined, client_id, ...METHOD, grant_types: ['authorization_code', 'refresh_token', 'client_credentials'], jwks: { keys: jwks } })
	clients = Object.fromEntries(await Promise.all(ALGORITHMS.map(async (alg) => [alg, declared(`signs-${alg}`, await jwk(alg, { kid: 'k1', alg, use: 'sig' }))])))
	clients.two = declared('signs-two', await jwk('ES256', { kid: 'old' }), await jwk('spare', { kid: 'new' }))
	for (const name of ['there', 'wordless', 'broken', 'slow', 'late']) {
		clients[name] = { ...declared(`signs-${name}`), jwks: undefined, jwks_uri: published.url(name) }
		published.keys(name, await jwk('ES256', { kid: 'k1' }))
	}
	clients.inside = { ...clients.there, client_id: 'signs-inside', jwks_uri: `https://127.0.0.2:${published.port}/there` }
	clients.nobody = { ...clients.there, client_id: 'signs-nobody', jwks_uri: `https://127.0.0.1:${await freePort()}/jwks` }
	clients.bare = declared('signs-bare', await jwk('RS256'))
	const acme = tenant('acme', { clients: [...Object.values(clients), 'web', 'machine', 'api', 'spa'] })
	acme.resources[0].introspection_clients = ['signs-ES256']
	gateway = await Gateway.start({ declaration: declare(acme, tenant('other', { clients: [clients.ES256, 'api'] })), config: { outbound: { ca_file: published.authority } } })
	issuer = gateway.issuer('acme'), foreign = gateway.issuer('other')
})
after(async () => {
	await gateway?.stop()
	await published?.stop()
})

const now = () => Math.floor(gateway.now / 1000)
const claims = (client_id, more = {}) => {
	const all = { iss: client_id, sub: client_id, aud: issuer, jti: random(), iat: now(), exp: now() + 60, ...more }
	for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name]
	return all
}
/** jose would refuse to sign some of what is signed here, so the payload is bytes and claims are not looked at. */
async function sign(payload, { alg = 'ES256', key = alg, header = { kid: 'k1' } } = {}) {
	const jwt = new SignJWT(payload).setProtectedHeader({ alg, ...header })
	return jwt.sign(await importJWK({ ...await exportJWK(keys[key].privateKey), alg: undefined }, alg))
}
const form = (assertion, more = {}) => ({ grant_type: 'client_credentials', client_assertion_type: TYPE, client_assertion: assertion, ...more })
const call = (assertion, more, path = '/token', headers) => post(`${issuer}${path}`, form(assertion, more), headers)
const own = (more, options) => sign(claims('signs-ES256', more), options)

describe('is taken', () => {
	for (const alg of ALGORITHMS) test(`signed by ${alg}`, async () => {
		const answer = await call(await sign(claims(`signs-${alg}`), { alg }))
		assert.equal(answer.status, 200, answer.text)
		assert.equal(claimsOf(answer.json.access_token).sub, `signs-${alg}`)
	})
	test('with client_id beside it', async () => assert.equal((await call(await own(), { client_id: 'signs-ES256' })).status, 200))
	test('with typ JWT, or its own', async () => {
		for (const typ of ['JWT', 'client-authentication+jwt']) assert.equal((await call(await own({}, { header: { kid: 'k1', typ } }))).status, 200, typ)
	})
	test('without kid: any key of the client that fits', async () => {
		for (const alg of ['RS256', 'PS256']) assert.equal((await call(await sign(claims('signs-bare'), { alg, key: 'RS256', header: {} }))).status, 200, alg)
	})
	test('by the old key and by the new one, while both are declared', async () => {
		assert.equal((await call(await sign(claims('signs-two'), { header: { kid: 'old' } }))).status, 200)
		assert.equal((await call(await sign(claims('signs-two'), { key: 'spare', header: { kid: 'new' } }))).status, 200)
	})
	test('from a clock that is 8 s ahead', async () => {
		assert.equal((await call(await own({ iat: now() + 8, nbf: now() + 8 }))).status, 200)
	})
	test('without iat: RFC 7523 does not ask for it', async () => assert.equal((await call(await own({ iat: undefined }))).status, 200))
	test('at /introspect and /revoke', async () => {
		const token = (await call(await own())).json.access_token
		assert.equal((await call(await own(), { token }, '/introspect')).json.active, true)
		assert.equal((await call(await own(), { token }, '/revoke')).status, 200)
		assert.equal((await call(await own(), { token }, '/introspect')).json.active, false)
	})
	test('from openid-client, through a whole sign-in', async () => {
		const config = await oidc.discovery(new URL(issuer), 'signs-ES256', { id_token_signed_response_alg: 'RS256' }, oidc.PrivateKeyJwt({ key: keys.ES256.privateKey, kid: 'k1' }),
			{ execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] })
		const verifier = oidc.randomPKCECodeVerifier(), state = oidc.randomState(), browser = new Browser()
		const page = await browser.signIn(await browser.open(oidc.buildAuthorizationUrl(config, { redirect_uri: REDIRECT, scope: 'openid profile', state,
			code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' })), 'alice', PASSWORDS.alice)
		const tokens = await oidc.authorizationCodeGrant(config, page.location, { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true })
		const again = await oidc.refreshTokenGrant(config, tokens.refresh_token)
		assert.equal((await oidc.tokenIntrospection(config, again.access_token)).active, true)
		await oidc.tokenRevocation(config, again.refresh_token)
	})
})

/** The check of that name which failed, as `log show` has it. */
async function failedCheck(answer, name) {
	const shown = await gateway.explain('acme', answer.json.error_ref)
	const record = shown[0] ?? shown
	return { reason: record.reason, result: record.result, check: JSON.stringify(record.detail ?? record.checks ?? record).match(new RegExp(`{[^{}]*"${name}"[^{}]*}`))?.[0] }
}

describe('keys at jwks_uri', () => {
	const by = (name, options, more) => sign(claims(`signs-${name}`), options).then((assertion) => call(assertion, more))

	test('are fetched once, and serve every endpoint', async () => {
		const token = (await by('there')).json.access_token
		assert.ok(token)
		assert.equal((await call(await sign(claims('signs-there')), { token }, '/introspect')).status, 200)
		assert.equal((await call(await sign(claims('signs-there')), { token }, '/revoke')).status, 200)
		for (let i = 0; i < 5; i++) assert.equal((await by('there')).status, 200)
		assert.equal(published.asked('there'), 1)
	})
	test('of many who ask at once, one fetches', async () => {
		const answers = await Promise.all(Array.from({ length: 6 }, () => by('late')))
		assert.deepEqual(answers.map((one) => one.status), Array(6).fill(200))
		assert.equal(published.asked('late'), 1)
	})
	test('a new key is found by its kid, and what nobody has costs the server one question a minute', async () => {
		const before = published.asked('there')
		published.keys('there', { ...await exportJWK(keys.spare.publicKey), kid: 'k2' })
		assert.equal((await by('there', { key: 'spare', header: { kid: 'k2' } })).status, 200)
		assertRefused(await by('there'), 401, 'invalid_client') // the old key went with the old document
		for (let i = 0; i < 10; i++) assertRefused(await by('there', { header: { kid: random() } }), 401, 'invalid_client')
		assert.equal(published.asked('there'), before + 1)
		assertRefused(await by('there', { header: { kid: 'k2' } }), 401, 'invalid_client') // that kid, another key
	})
	test('good ones outlive an error, garbage, an empty set, private keys, a redirect and a document without end', async () => {
		assert.equal((await by('wordless')).status, 200)
		const garbage = [['status 500', (name) => published.says(name, 500, 'oh')], ['JSON', (name) => published.says(name, 200, 'keys')], ['no JWK', (name) => published.says(name, 200, '{"keys":[]}')],
			['private', async (name) => published.keys(name, { ...await exportJWK(keys.spare.privateKey), kid: 'k2' })],
			['status 302', (name) => published.says(name, 302, '', { Location: published.url('there') })], ['', (name) => published.says(name, 200, JSON.stringify({ keys: [], x: 'x'.repeat(70000) }))]]
		for (const [i, [says, answer]] of garbage.entries()) {
			const client = { ...clients.wordless, client_id: `signs-garbage-${i}`, jwks_uri: published.url(`garbage-${i}`) }
			published.keys(`garbage-${i}`, { ...await exportJWK(keys.ES256.publicKey), kid: 'k1' })
			await gateway.apply(declare({ ...tenant('acme', { clients: [client] }), resources: [], users: [] }))
			assert.equal((await by(`garbage-${i}`)).status, 200)
			await answer(`garbage-${i}`)
			const refused = await by(`garbage-${i}`, { key: 'spare', header: { kid: 'k2' } })
			assertRefused(refused, 401, 'invalid_client')
			const { reason, check } = await failedCheck(refused, 'jwks_uri')
			assert.equal(reason, 'client_assertion_wrong')
			assert.ok(check.includes(says), check)
			assert.equal((await by(`garbage-${i}`)).status, 200)
			assert.equal(published.asked(`garbage-${i}`), 2)
		}
	})
	test('that cannot be fetched are our trouble, not the client\'s: 503, and the log says what happened', async () => {
		published.says('broken', 500, 'oh')
		for (const [name, says] of [['broken', /status 500, expected 200/], ['nobody', /refused|connect/i], ['inside', /certificate|name/i]]) {
			const answer = await by(name)
			assertRefused(answer, 503, 'temporarily_unavailable')
			assert.equal(answer.headers.get('retry-after'), '1')
			const { reason, result, check } = await failedCheck(answer, 'jwks_uri')
			assert.equal(reason, 'client_keys_unavailable')
			assert.equal(result, 'error')
			assert.match(check, says)
		}
	})
	test('a server that never answers holds a bounded number of workers, and nothing else waits for it', async () => {
		const held = []
		published.answers('slow', (response) => held.push(response))
		const begun = Date.now()
		const stuck = Array.from({ length: 24 }, () => by('slow'))
		await until('the server to be asked', () => held.length > 0)
		for (let i = 0; i < 10; i++) {
			const at = Date.now()
			assert.equal((await by('there', { key: 'spare', header: { kid: 'k2' } })).status, 200)
			assert.equal((await post(`${issuer}/token`, { grant_type: 'client_credentials' }, basic('machine', secretOf('machine')))).status, 200)
			assert.ok(Date.now() - at < 1500)
		}
		const answers = await Promise.all(stuck)
		assert.ok(Date.now() - begun < 12000)
		for (const answer of answers) assertRefused(answer, 503, 'temporarily_unavailable')
		const seen = await Promise.all(answers.map((answer) => failedCheck(answer, 'jwks_uri').catch(() => null)))
		assert.ok(seen.some((one) => one?.check?.includes('too many wait')), JSON.stringify(seen))
		assert.equal(held.length, 1)
	})
})

describe('is refused with one fault', () => {
	const faults = {
		'iss is another': { iss: 'web' }, 'no iss': { iss: undefined }, 'sub is another client': { sub: 'web' },
		'aud is a list': { aud: [] }, 'aud is the token endpoint': { aud: undefined }, 'no exp': { exp: undefined }, 'exp is past': {}, 'exp is far off': {}, 'exp is text': {},
		'exp is no integer': {}, 'exp is beyond every clock': { exp: Number.MAX_SAFE_INTEGER }, 'iat is 60 s ahead': {}, 'nbf is 60 s ahead': {}, 'nbf is text': { nbf: 'x' },
		'no jti': { jti: undefined }, 'jti is empty': { jti: '' }, 'jti is a number': { jti: 7 }, 'jti is too long': { jti: 'x'.repeat(257) },
	}
	const late = { 'aud is a list': () => ({ aud: [issuer] }), 'aud is the token endpoint': () => ({ aud: `${issuer}/token` }), 'exp is past': () => ({ exp: now() - 1 }),
		'exp is far off': () => ({ exp: now() + 3600 }), 'exp is text': () => ({ exp: String(now() + 60) }), 'exp is no integer': () => ({ exp: now() + 60.5 }),
		'iat is 60 s ahead': () => ({ iat: now() + 62 }), 'nbf is 60 s ahead': () => ({ nbf: now() + 62 }) }
	for (const [what, fault] of Object.entries(faults)) test(what, async () => {
		const assertion = await own(late[what]?.() ?? fault)
		assertRefused(await call(assertion), 401, 'invalid_client')
	})
	test('and the log says which check it was', async () => {
		const answer = await call(await sign(claims('signs-RS256', { aud: `${issuer}/token` }), { alg: 'RS256' }))
		await until('the record', async () => (await gateway.rows('acme')).some((row) => row.ref === answer.json.error_ref))
		const shown = await gateway.explain('acme', answer.json.error_ref)
		assert.equal(shown[0]?.reason ?? shown.reason, 'client_assertion_wrong')
		assert.match(JSON.stringify(shown), /"aud"/)
	})
	test('aud is another tenant\'s issuer, and one for us does not fit there', async () => {
		assertRefused(await call(await own({ aud: foreign })), 401, 'invalid_client')
		assertRefused(await post(`${foreign}/token`, form(await own())), 401, 'invalid_client')
	})
	test('aud differs by a slash', async () => assertRefused(await call(await own({ aud: `${issuer}/` })), 401, 'invalid_client'))
	test('typ of another kind of token', async () => {
		for (const typ of ['at+jwt', 'logout+jwt', 'dpop+jwt']) assertRefused(await call(await own({}, { header: { kid: 'k1', typ } })), 401, 'invalid_client')
	})
	test('signed by another client\'s key, or under a kid that is not there', async () => {
		assertRefused(await call(await own({}, { key: 'spare' })), 401, 'invalid_client')
		assertRefused(await call(await own({}, { header: { kid: 'k2' } })), 401, 'invalid_client')
		assertRefused(await call(await sign(claims('signs-two'), { key: 'ES256', header: { kid: 'new' } })), 401, 'invalid_client')
	})
	test('signed by another algorithm than its JWK says', async () => {
		assertRefused(await call(await sign(claims('signs-RS256'), { alg: 'PS256', key: 'PS256' })), 401, 'invalid_client')
	})
	test('unsigned, HMAC, a key in the header, changed after signing: no JWT of ours', async () => {
		const payload = Buffer.from(JSON.stringify(claims('signs-ES256'))).toString('base64url')
		const forged = (header) => `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}.`
		const good = await own()
		const swapped = [good.split('.')[0], payload, good.split('.')[2]].join('.')
		assertRefused(await call(swapped), 401, 'invalid_client')
		for (const header of [{ alg: 'none' }, { alg: 'HS256', kid: 'k1' }, { alg: 'ES256', kid: 'k1', jwk: await exportJWK(keys.spare.publicKey) }, { alg: 'ES256', kid: 'k1', crit: ['b64'], b64: false }])
			assertRefused(await call(`${forged(header)}${'A'.repeat(86)}`), 400, 'invalid_request')
		for (const text of ['x', '..', `${good}.x`, 'a'.repeat(9000)]) assertRefused(await call(text), 400, 'invalid_request')
	})
	test('of a client that is registered for something else, and the other way round', async () => {
		assertRefused(await call(await sign(claims('machine'))), 401, 'invalid_client')
		assertRefused(await call(await sign(claims('spa'))), 401, 'invalid_client')
		assertRefused(await call(await sign(claims('nobody'))), 401, 'invalid_client')
		assertRefused(await post(`${issuer}/token`, { grant_type: 'client_credentials' }, basic('signs-ES256', secretOf('web'))), 401, 'invalid_client')
		assertRefused(await post(`${issuer}/token`, { grant_type: 'client_credentials', client_id: 'signs-ES256' }), 401, 'invalid_client')
	})
	test('beside another way, or with half of what belongs together', async () => {
		assertRefused(await call(await own(), {}, '/token', basic('machine', secretOf('machine'))), 400, 'invalid_request')
		assertRefused(await call(await own(), { client_secret: secretOf('machine') }), 400, 'invalid_request')
		assertRefused(await call(await own(), { client_id: 'machine' }), 400, 'invalid_request')
		assertRefused(await call(await own(), { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' }), 400, 'invalid_request')
		assertRefused(await post(`${issuer}/token`, { grant_type: 'client_credentials', client_assertion_type: TYPE }), 400, 'invalid_request')
	})
	test('one of our own tokens is none', async () => {
		const { json } = await call(await own())
		assertRefused(await call(json.access_token), 401, 'invalid_client')
	})
})

describe('one use', () => {
	test('the second is refused, at whichever endpoint', async () => {
		const assertion = await own()
		const { json } = await call(assertion)
		assert.ok(json.access_token)
		assertRefused(await call(assertion), 401, 'invalid_client')
		assertRefused(await call(assertion, { token: json.access_token }, '/introspect'), 401, 'invalid_client')
		await until('the record', async () => (await gateway.rows('acme')).some((row) => row.reason === 'client_assertion_replayed'))
	})
	test('of twenty at once one is served', async () => {
		const assertion = await own()
		const answers = await Promise.all(Array.from({ length: 20 }, () => call(assertion)))
		assert.equal(answers.filter((one) => one.status === 200).length, 1)
		assert.equal(answers.filter((one) => one.status === 401).length, 19)
	})
	test('the same jti from another client, and at another tenant, is another', async () => {
		const jti = random()
		assert.equal((await call(await own({ jti }))).status, 200)
		assert.equal((await call(await sign(claims('signs-two', { jti }), { header: { kid: 'old' } }))).status, 200)
		assert.equal((await post(`${foreign}/token`, form(await own({ jti, aud: foreign })))).status, 200)
	})
	test('a restart forgets nothing', async () => {
		const assertion = await own({ exp: now() + 300 })
		assert.equal((await call(assertion)).status, 200)
		await gateway.terminate()
		await gateway.launch()
		assertRefused(await call(assertion), 401, 'invalid_client')
	})
	test('a wrong signature spends nothing', async () => {
		const payload = claims('signs-ES256')
		assertRefused(await call(await sign(payload, { key: 'spare' })), 401, 'invalid_client')
		assert.equal((await call(await sign(payload))).status, 200)
	})
})

describe('declared', () => {
	const apply = async (client) => gateway.command(['apply', '-f', '-', '--dry-run'], { input: JSON.stringify(declare(tenant('acme', { clients: ['api', { ...clients.ES256, ...client }] }))) })
	test('without keys, with private ones, with a secret beside, or at an address: refused, and said why', async () => {
		const private_ = await exportJWK(keys.ES256.privateKey)
		for (const [client, says] of [[{ jwks: undefined }, /jwks: absent/], [{ jwks: { keys: [private_] } }, /public keys/], [{ jwks: { keys: [] } }, /public keys/], [{ jwks: 'x' }, /public keys/],
			[{ client_secret: secretOf('x') }, /client_secret: given/], [{ jwks_uri: 'https://x.example/jwks' }, /jwks_uri: given beside jwks/],
			[{ jwks: undefined, jwks_uri: 'http://x.example/jwks' }, /jwks_uri: .*https URL/], [{ jwks: undefined, jwks_uri: 'https://u:p@x.example/jwks' }, /jwks_uri: .*https URL/],
			[{ jwks: undefined, jwks_uri: 'https://x.example/jwks', token_endpoint_auth_method: 'client_secret_basic' }, /jwks_uri: given/], [{ token_endpoint_auth_method: 'none', grant_types: ['authorization_code'], scope: 'openid' }, /jwks: given/]]) {
			const done = await apply(client)
			assert.equal(done.status, 1, done.out)
			assert.match(done.err, says)
			assert.ok(!done.err.includes(private_.d))
		}
	})
	test('has no secret to rotate, and none is made', async () => {
		const shown = JSON.parse(await gateway.cli('client', 'show', 'signs-ES256', '--tenant', 'acme', '--json'))
		assert.equal(shown.secret_count, 0)
		const done = await gateway.command(['client', 'rotate-secret', 'signs-ES256', '--tenant', 'acme'])
		assert.equal(done.status, 1)
	})
	test('comes back by export as it was', async () => {
		const text = await gateway.cli('export', '--tenant', 'acme')
		const done = await gateway.command(['apply', '-f', '-', '--dry-run', '--json'], { input: text })
		assert.equal(done.status, 0, done.err)
		assert.doesNotMatch(done.out, /signs-/)
	})
	test('a key taken away is one no longer, for the next request', async () => {
		const before = await sign(claims('signs-two'), { header: { kid: 'old' } })
		const remaining = { ...clients.two, jwks: { keys: clients.two.jwks.keys.slice(1) } }
		const acme = tenant('acme', { clients: [remaining] })
		await gateway.apply(declare({ ...acme, resources: acme.resources.map((one) => ({ ...one, introspection_clients: [] })) }))
		assertRefused(await call(before), 401, 'invalid_client')
		assert.equal((await call(await sign(claims('signs-two'), { key: 'spare', header: { kid: 'new' } }))).status, 200)
	})
})

test('discovery says so, for each endpoint', async () => {
	const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
	for (const endpoint of ['token', 'introspection', 'revocation']) {
		assert.ok(metadata[`${endpoint}_endpoint_auth_methods_supported`].includes('private_key_jwt'))
		assert.deepEqual(metadata[`${endpoint}_endpoint_auth_signing_alg_values_supported`], ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA'])
	}
})
