// The rig itself: a polite relying party (openid-client) signs in at the upstream that the gateway is tested with. What fails here is no fault of the gateway's.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import * as openid from 'openid-client'
import { Browser } from './lib/browser.mjs'
import { newKey, sign } from './lib/jws.mjs'
import { CLIENT_ID, CLIENT_SECRET, DIRECTORY, Upstream } from './lib/upstream.mjs'

const CALLBACK = 'http://127.0.0.1:1/t/acme/callback/partner'
const PEOPLE = { ada: { sub: 'ada-1', tid: DIRECTORY, oid: 'oid-ada', name: 'Ada', email: 'ada@acme.example', email_verified: true, groups: ['staff'] } }
const upstreams = {}
before(async () => {
	await Promise.all(['plain', 'google', 'azure', 'linkedin'].map(async (manner) => {
		upstreams[manner] = await Upstream.start({ manner, people: PEOPLE })
		upstreams[manner].trust({ issuer: () => 'http://127.0.0.1:1/t/acme' }, 'acme', 'partner')
	}))
})
after(() => Promise.all(Object.values(upstreams).map((one) => one.stop())))

/** Discovery without its check of the issuer, which three of four vendors break; every other check stays. */
async function configurationOf(upstream, issuer) {
	const metadata = await (await fetch(upstream.discoveryUrl)).json()
	const post = upstream.mannerName === 'linkedin'
	const config = new openid.Configuration({ ...metadata, issuer }, CLIENT_ID, {}, (post ? openid.ClientSecretPost : openid.ClientSecretBasic)(CLIENT_SECRET))
	openid.allowInsecureRequests(config)
	openid.enableNonRepudiationChecks(config)
	return config
}

async function signIn(manner, { scope = 'openid profile email groups', issuer = upstreams[manner].issuer, nonce = true, pkce = true } = {}) {
	const upstream = upstreams[manner], config = await configurationOf(upstream, issuer), browser = new Browser({ beyond: [upstream.origin] })
	const verifier = openid.randomPKCECodeVerifier(), checks = { expectedState: openid.randomState(), ...nonce ? { expectedNonce: openid.randomNonce() } : {}, ...pkce ? { pkceCodeVerifier: verifier } : {} }
	const url = openid.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope, state: checks.expectedState, login_hint: 'ada', ...nonce ? { nonce: checks.expectedNonce } : {},
		...pkce ? { code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' } : {} })
	let page = await browser.open(url)
	if (page.form) page = await browser.submit(page, { refuse: undefined })
	return openid.authorizationCodeGrant(config, page.location, checks)
}

describe('the upstream of the tests', () => {
	test('plain: every check of a strict relying party passes', async () => {
		const claims = (await signIn('plain')).claims()
		assert.deepEqual([claims.sub, claims.email, claims.email_verified, claims.groups], ['ada-1', 'ada@acme.example', true, ['staff']])
		assert.ok(claims.at_hash)
	})
	test('google: refuses offline_access', async () => {
		assert.equal((await signIn('google')).claims().iss, 'https://accounts.google.com')
		await assert.rejects(signIn('google', { scope: 'openid offline_access' }), { error: 'invalid_scope' })
	})
	test('azure: the issuer is filled with the directory', async () => {
		const claims = (await signIn('azure', { issuer: `${upstreams.azure.origin}/${DIRECTORY}/v2.0` })).claims()
		assert.deepEqual([claims.tid, claims.oid, claims.ver, claims.sub], [DIRECTORY, 'oid-ada', '2.0', 'pairwise-ada-1'])
		assert.match((await (await fetch(upstreams.azure.discoveryUrl)).json()).issuer, /\{tenantid\}/)
	})
	test('linkedin: no nonce, and a verifier is an affront', async () => {
		const claims = (await signIn('linkedin', { nonce: false, pkce: false })).claims()
		assert.deepEqual([claims.nonce, claims.email_verified], [undefined, 'true'])
		await assert.rejects(signIn('linkedin', { nonce: false }), { status: 401 })
	})
	test('faults are done once and not more than asked', async () => {
		upstreams.plain.fault = { claims: (claims) => { claims.nonce = 'another' } }
		await assert.rejects(signIn('plain'), { code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED' })
		upstreams.plain.fault = { jws: (header, claims) => sign(header, claims, newKey().key) }
		await assert.rejects(signIn('plain'), { code: 'OAUTH_INVALID_RESPONSE' })
		upstreams.plain.fault = {}
		upstreams.plain.rotate()
		assert.ok((await signIn('plain')).claims())
	})
})
