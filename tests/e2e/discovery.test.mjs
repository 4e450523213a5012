// What the gateway says of itself: metadata (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3), keys (RFC 7517), and what stands at all the
// other addresses of CONTRACT section 4, for this Host and for others.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { importJWK } from 'jose'
import { Gateway } from './lib/gateway.mjs'
import { ask } from './lib/raw.mjs'
import { CLIENTS, declare, secretOf, tenant } from './lib/scene.mjs'

const OWN_HOST = 'login.umbra.example'
const METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'], ASSERTIONS = ['ES256', 'RS256', 'PS256', 'Ed25519', 'EdDSA']

let gateway, issuer
before(async () => {
	const ed = { ...CLIENTS.web, client_id: 'ed', client_secret: secretOf('ed'), id_token_signed_response_alg: 'Ed25519' }
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['web', ed] }), tenant('other', { clients: [{ ...CLIENTS.web, id_token_signed_response_alg: 'ES256' }] }),
		tenant('umbra', { issuer: `https://${OWN_HOST}` }), tenant('deep', { issuer: `https://${OWN_HOST}/a/b` })) })
	issuer = gateway.issuer('acme')
})
after(() => gateway?.stop())

const get = async (address, headers) => {
	const answer = await fetch(address, { redirect: 'manual', headers })
	const text = await answer.text()
	return { status: answer.status, headers: answer.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined }
}
const DOCUMENTS = ['openid-configuration', 'oauth-authorization-server']

describe('metadata', () => {
	test('at both names, each below the issuer and inserted at the root, is one document', async () => {
		const texts = new Set()
		for (const name of DOCUMENTS)
			for (const address of [`${issuer}/.well-known/${name}`, `${gateway.base}/.well-known/${name}/t/acme`]) {
				const answer = await get(address)
				assert.equal(answer.status, 200, address)
				assert.match(answer.headers.get('content-type'), /^application\/json/)
				texts.add(answer.text)
			}
		assert.equal(texts.size, 1)
	})

	test('lists what is on, and nothing else', async () => {
		const { json } = await get(`${issuer}/.well-known/openid-configuration`)
		assert.deepEqual({ ...json, claims_supported: undefined, scopes_supported: undefined, id_token_signing_alg_values_supported: undefined, userinfo_signing_alg_values_supported: undefined }, {
			issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, userinfo_endpoint: `${issuer}/userinfo`, jwks_uri: `${issuer}/jwks`,
			introspection_endpoint: `${issuer}/introspect`, revocation_endpoint: `${issuer}/revoke`, end_session_endpoint: `${issuer}/logout`,
			response_types_supported: ['code'], response_modes_supported: ['query', 'form_post'], grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
			subject_types_supported: ['public'], token_endpoint_auth_methods_supported: METHODS,
			revocation_endpoint_auth_methods_supported: METHODS, introspection_endpoint_auth_methods_supported: METHODS.filter((method) => method !== 'none'),
			token_endpoint_auth_signing_alg_values_supported: ASSERTIONS, revocation_endpoint_auth_signing_alg_values_supported: ASSERTIONS,
			introspection_endpoint_auth_signing_alg_values_supported: ASSERTIONS, code_challenge_methods_supported: ['S256'],
			prompt_values_supported: ['none', 'login', 'consent', 'select_account'], acr_values_supported: ['urn:passerelle:acr:pwd'], ui_locales_supported: ['en', 'fr'],
			authorization_response_iss_parameter_supported: true, claims_parameter_supported: true, request_parameter_supported: false, request_uri_parameter_supported: false, backchannel_logout_supported: true, backchannel_logout_session_supported: true,
			claims_supported: undefined, scopes_supported: undefined, id_token_signing_alg_values_supported: undefined, userinfo_signing_alg_values_supported: undefined })
		assert.deepEqual(json.scopes_supported, ['openid', 'profile', 'email', 'groups', 'offline_access'])
		assert.ok(json.claims_supported.includes('sub') && json.claims_supported.includes('email_verified'))
		for (const name of ['id_token', 'userinfo']) assert.deepEqual(json[`${name}_signing_alg_values_supported`].sort(), ['ES256', 'Ed25519', 'RS256'])
	})

	test('what it does not list is not built: no address of it answers 200', async () => {
		const { json } = await get(`${issuer}/.well-known/openid-configuration`)
		for (const name of ['registration_endpoint', 'pushed_authorization_request_endpoint', 'device_authorization_endpoint', 'tls_client_certificate_bound_access_tokens'])
			assert.equal(json[name], undefined, name)
	})

	test('algorithms are the tenant\'s own', async () => {
		const { json } = await get(`${gateway.issuer('other')}/.well-known/openid-configuration`)
		assert.deepEqual(json.id_token_signing_alg_values_supported, ['ES256'])
	})

	test('may be cached, and read by scripts of any origin', async () => {
		for (const path of ['/.well-known/openid-configuration', '/jwks']) {
			const { headers } = await get(`${issuer}${path}`, { Origin: 'https://app.example' })
			assert.match(headers.get('cache-control'), /^public, max-age=\d+$/)
			assert.equal(headers.get('access-control-allow-origin'), '*')
			assert.equal(headers.get('access-control-allow-credentials'), null)
			assert.equal(headers.get('x-content-type-options'), 'nosniff')
			assert.equal(headers.getSetCookie().length, 0)
		}
	})

	test('scripts of any origin may call what applications in a browser need, and nothing that acts on cookies', async () => {
		const headers = { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization, content-type' }
		for (const path of [...DOCUMENTS.map(name => `/.well-known/${name}`), '/jwks', '/token', '/userinfo', '/revoke'])
			for (const method of ['OPTIONS', 'GET', 'DELETE', 'POST']) {
				const answer = await fetch(`${issuer}${path}`, { method, headers })
				assert.equal(answer.headers.get('access-control-allow-origin'), '*', `${method} ${path}`)
				assert.equal(answer.headers.get('access-control-allow-credentials'), null)
				assert.equal(answer.headers.get('access-control-allow-headers'), method === 'OPTIONS' ? 'Authorization, Content-Type' : null)
				assert.equal(answer.headers.get('access-control-expose-headers'), answer.headers.has('www-authenticate') ? 'WWW-Authenticate' : null)
			}
		for (const path of ['/authorize', '/introspect', '/login', '/consent', '/logout', '/logout/done', '/account', '/', '/register', '/nowhere'])
			for (const method of ['OPTIONS', 'GET', 'DELETE', 'POST']) {
				const answer = await fetch(`${issuer}${path}`, { method, headers, redirect: 'manual' })
				assert.deepEqual([...answer.headers.keys()].filter(name => name.startsWith('access-control')), [], `${method} ${path}`)
			}
	})

	test('answers HEAD as GET without its body', async () => {
		const answer = await fetch(`${issuer}/.well-known/openid-configuration`, { method: 'HEAD' })
		assert.equal(answer.status, 200)
		assert.ok(Number(answer.headers.get('content-length')) > 500)
		assert.equal(await answer.text(), '')
	})
})

describe('keys (RFC 7517)', () => {
	const keysOf = async (name) => (await get(`${gateway.issuer(name)}/jwks`)).json.keys
	const PUBLIC = { EC: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'], RSA: ['alg', 'e', 'kid', 'kty', 'n', 'use'], OKP: ['alg', 'crv', 'kid', 'kty', 'use', 'x'] }

	test('are public halves, each of one algorithm, for signatures, named by thumbprint', async () => {
		const { headers, json } = await get(`${issuer}/jwks`)
		assert.match(headers.get('content-type'), /^application\/jwk-set\+json/)
		assert.ok(json.keys.length >= 3)
		for (const key of json.keys) {
			assert.deepEqual(Object.keys(key).sort(), PUBLIC[key.kty])
			assert.equal(key.use, 'sig')
			await importJWK(key, key.alg)
			const { calculateJwkThumbprint } = await import('jose')
			assert.equal(key.kid, await calculateJwkThumbprint(key))
		}
		assert.equal(new Set(json.keys.map((key) => key.kid)).size, json.keys.length)
	})

	test('are no other tenant\'s', async () => {
		const mine = new Set((await keysOf('acme')).map((key) => key.kid))
		for (const key of await keysOf('other')) assert.ok(!mine.has(key.kid))
	})

	test('a rotated key is published beside its predecessor, at once', async () => {
		const before = (await keysOf('other')).map((key) => key.kid)
		const turned = await gateway.cliJson('key', 'rotate', '--tenant', 'other')
		const later = (await keysOf('other')).map((key) => key.kid)
		for (const kid of before) assert.ok(later.includes(kid), 'what the old one signed can still be verified')
		for (const row of turned) assert.ok(later.includes(row.active) && later.includes(row.next))
		if (turned[0].retired) assert.ok(before.includes(turned[0].active), 'the new active one had been published as next')
	})
})

describe('whose host it is', () => {
	test('a foreign Host is misdirected, on every kind of address', async () => {
		for (const path of ['/t/acme/.well-known/openid-configuration', '/t/acme/authorize', '/t/acme/login', '/', '/healthz', '/nowhere'])
			for (const host of ['evil.example', `evil.example:${gateway.port}`, `127.0.0.1:${gateway.port + 1}`, '127.0.0.1', `127.0.0.1.evil.example:${gateway.port}`, `localhost:${gateway.port}`]) {
				const answer = await ask(`${gateway.base}${path}`, { headers: { Host: host } })
				assert.equal(answer.status, 421, `${host}${path}`)
				assert.ok(!answer.text.includes('evil.example'), 'nothing of the Host comes back')
			}
	})

	test('the Host never shapes an address of ours', async () => {
		const { text } = await ask(`${issuer}/.well-known/openid-configuration`, { headers: { Host: `127.0.0.1:${gateway.port}`, 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' } })
		assert.ok(!text.includes('evil.example'))
		assert.equal(JSON.parse(text).issuer, issuer)
	})

	test('a tenant with a host of its own answers there, at its paths, and nowhere else', async () => {
		const at = (host, path) => ask(`${gateway.base}${path}`, { headers: { Host: host } })
		const own = await at(OWN_HOST, '/.well-known/openid-configuration')
		assert.equal(own.status, 200, own.text)
		assert.equal(own.json.issuer, `https://${OWN_HOST}`)
		assert.equal(own.json.token_endpoint, `https://${OWN_HOST}/token`)
		const deep = await at(OWN_HOST, '/a/b/.well-known/openid-configuration')
		assert.equal(deep.json?.issuer, `https://${OWN_HOST}/a/b`, deep.text)
		const inserted = await at(OWN_HOST, '/.well-known/oauth-authorization-server/a/b')
		assert.equal(inserted.json?.issuer, `https://${OWN_HOST}/a/b`, inserted.text)
		assert.equal((await at(`127.0.0.1:${gateway.port}`, '/t/umbra/.well-known/openid-configuration')).status, 404)
		assert.equal((await at(OWN_HOST, '/t/acme/.well-known/openid-configuration')).status, 404)
		assert.equal((await at('LOGIN.Umbra.example', '/jwks')).status, 200, 'host names have no case')
	})
})

describe('addresses', () => {
	const NOT_BUILT = [['POST', '/par'], ['POST', '/device_authorization'], ['POST', '/register'], ['GET', '/device'], ['GET', '/reset'], 
		['GET', '/oidc/okta/frontchannel-logout'], ['GET', '/forward-auth'], ['GET', '/scim/v2/Users']]

	test('that are not built yet say so', async () => {
		for (const [method, path] of [...NOT_BUILT.map(([method, path]) => [method, issuer + path]), ['GET', `${gateway.base}/console`], ['GET', `${gateway.base}/api/v1/openapi.json`]]) {
			const answer = await fetch(path, { method, redirect: 'manual' })
			const json = await answer.json()
			assert.deepEqual([answer.status, json.error], [501, 'not_supported'], `${method} ${path}`)
		}
	})

	test('that do not exist: 404, in the asker\'s form', async () => {
		for (const path of ['/nowhere', '/t/nobody/jwks', '/t/acme/nowhere', '/t/acme/jwks/', '/T/acme/jwks', '/t/ACME/jwks', '/t/acme//jwks', '/.well-known/openid-configuration', '/.well-known/openid-configuration/t/nobody', '/t/acme/logout/', '/t/%61cme%2fjwks']) {
			const json = await get(`${gateway.base}${path}`)
			assert.deepEqual([json.status, json.json?.error], [404, 'not_found'], path)
			const page = await get(`${gateway.base}${path}`, { Accept: 'text/html' })
			assert.equal(page.status, 404)
			assert.match(page.headers.get('content-type'), /^text\/html/)
		}
	})

	test('take their methods only', async () => {
		for (const [method, path, allow] of [['POST', '/jwks', /GET/], ['GET', '/token', /POST/], ['GET', '/introspect', /POST/], ['GET', '/revoke', /POST/], ['PUT', '/authorize', /GET/], ['DELETE', '/userinfo', /GET/]]) {
			const answer = await fetch(`${issuer}${path}`, { method, redirect: 'manual' })
			assert.equal(answer.status, 405, `${method} ${path}`)
			assert.match(answer.headers.get('allow'), allow)
		}
	})

	test('for health say nothing that is secret', async () => {
		assert.deepEqual((await get(`${gateway.base}/healthz`)).json, { status: 'ok' })
		assert.deepEqual((await get(`${gateway.base}/readyz`)).json, { status: 'ready' })
	})

	test('the front page says what this is', async () => {
		const page = await get(`${gateway.base}/`)
		assert.equal(page.status, 200)
		assert.match(page.headers.get('content-security-policy'), /default-src 'none'/)
		assert.ok(!page.text.includes('acme'), 'who is here is nobody\'s business')
		const door = await get(`${issuer}/`)
		assert.equal(door.headers.get('location'), `${issuer}/account`)
	})

	test('say what made them nowhere', async () => {
		for (const path of ['/', '/healthz', '/t/acme/jwks']) {
			const { headers } = await get(`${gateway.base}${path}`)
			assert.equal(headers.get('server'), null)
			assert.equal(headers.get('x-powered-by'), null)
		}
	})
})
