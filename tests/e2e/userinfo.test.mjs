// UserInfo (OpenID Connect Core section 5.3): by GET and POST, as JSON and, for clients that want it, as a signed JWT that passes for nothing else.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oidc from 'openid-client'
import { Gateway } from './lib/gateway.mjs'
import { Application, claimsOf, headerOf, post } from './lib/application.mjs'
import { CLIENTS, PASSWORDS, declare, secretOf, tenant } from './lib/scene.mjs'

const ALGORITHMS = { ES256: 'ES256', RS256: 'RS256', PS256: 'PS256', Ed25519: 'Ed25519', EdDSA: 'Ed25519' }
const signed = (alg) => ({ ...CLIENTS.web, client_id: `signed-${alg}`, client_secret: secretOf(alg), userinfo_signed_response_alg: alg })

let gateway, web, api, keys, tokensOf
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['web', 'api', ...Object.keys(ALGORITHMS).map(signed)] })) })
	web = new Application(gateway, 'acme', CLIENTS.web)
	api = new Application(gateway, 'acme', CLIENTS.api)
	keys = createRemoteJWKSet(new URL(`${web.issuer}/jwks`))
	tokensOf = (alg) => new Application(gateway, 'acme', signed(alg)).tokens('alice', PASSWORDS.alice)
})
after(() => gateway?.stop())

describe('as JSON', () => {
	test('by GET and by POST, in the header and in the form, the same', async () => {
		const { access_token } = await web.tokens('alice', PASSWORDS.alice), address = `${web.issuer}/userinfo`
		const answers = [await web.userinfo(access_token), await fetch(address, { method: 'POST', headers: { Authorization: `Bearer ${access_token}`, 'Content-Type': 'application/x-www-form-urlencoded' } })]
		const texts = await Promise.all(answers.map((one) => one.text()))
		texts.push((await post(address, { access_token })).text)
		assert.equal(new Set(texts).size, 1)
		assert.equal(JSON.parse(texts[0]).name, 'Alice Martin')
		for (const one of answers) {
			assert.match(one.headers.get('content-type'), /^application\/json/)
			assert.equal(one.headers.get('cache-control'), 'no-store')
		}
	})
})

test('a token that is sent twice is refused, even the same one (RFC 6750 section 2)', async () => {
	const { access_token } = await web.tokens('alice', PASSWORDS.alice), header = { Authorization: `Bearer ${access_token}` }, address = `${web.issuer}/userinfo`
	for (const [form, headers] of [[{ access_token }, header], [`access_token=${access_token}&access_token=${access_token}`, {}]]) {
		const answer = await post(address, form, headers)
		assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_request'], answer.text)
	}
})

describe('signed (section 5.3.2)', () => {
	for (const [alg, name] of Object.entries(ALGORITHMS)) test(alg, async () => {
		const { access_token, id_token } = await tokensOf(alg)
		const answer = await web.userinfo(access_token), text = await answer.text()
		assert.equal(answer.headers.get('content-type'), 'application/jwt')
		assert.equal(answer.headers.get('cache-control'), 'no-store')
		const { payload, protectedHeader } = await jwtVerify(text, keys, { issuer: web.issuer, audience: `signed-${alg}` })
		assert.equal(protectedHeader.alg, name)
		assert.equal(payload.sub, claimsOf(id_token).sub)
		assert.deepEqual([payload.email, payload.name], ['alice@acme.example', 'Alice Martin'])
	})
	test('openid-client takes it', async () => {
		const config = await oidc.discovery(new URL(web.issuer), 'signed-ES256', { userinfo_signed_response_alg: 'ES256' }, oidc.ClientSecretBasic(secretOf('ES256')),
			{ execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks] })
		const { access_token, id_token } = await tokensOf('ES256')
		assert.equal((await oidc.fetchUserInfo(config, access_token, claimsOf(id_token).sub)).email, 'alice@acme.example')
	})
	test('it passes for no ID token, no access token, no hint', async () => {
		const { access_token, browser } = await tokensOf('ES256')
		const jwt = await (await web.userinfo(access_token)).text()
		assert.equal(headerOf(jwt).typ, undefined)
		assert.equal((await web.userinfo(jwt)).status, 401)
		assert.equal((await api.introspect(jwt)).text, '{"active":false}')
		assert.equal((await browser.request(web.begin({ id_token_hint: jwt, prompt: 'none' }).url)).answer.error, 'invalid_request')
	})
	test('errors stay JSON', async () => {
		const answer = await web.userinfo('x')
		assert.equal(answer.status, 401)
		assert.match(answer.headers.get('www-authenticate'), /error="invalid_token"/)
		assert.match(answer.headers.get('content-type'), /^application\/json/)
	})
	test('export says it again', async () => {
		const done = await gateway.command(['apply', '-f', '-', '--dry-run', '--json'], { input: await gateway.cli('export', '--tenant', 'acme') })
		assert.equal(done.status, 0, done.err)
		assert.doesNotMatch(done.out, /userinfo|signed-/)
	})
	test('an algorithm there is not is refused', async () => {
		const done = await gateway.command(['apply', '-f', '-', '--dry-run'], { input: JSON.stringify(declare(tenant('acme', { clients: ['api', { ...signed('ES256'), userinfo_signed_response_alg: 'HS256' }] }))) })
		assert.equal(done.status, 1)
		assert.match(done.err, /userinfo_signed_response_alg/)
	})
})
