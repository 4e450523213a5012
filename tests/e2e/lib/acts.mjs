// What counts once, or must be kept: each made ready, done while something breaks, and looked at afterwards. What was acknowledged is there; what was not works at
// most once more. Whoever breaks something brings it under way with `begin`, mends it, and lets `lookAt` judge.
import assert from 'node:assert/strict'
import { Application, assertRefused, post, random } from './application.mjs'
import { Browser } from './browser.mjs'
import { newKey, sign } from './jws.mjs'
import { CLIENTS, PASSWORDS } from './scene.mjs'

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const key = newKey('ES256')
const SIGNS = { ...CLIENTS.machine, client_secret: undefined, client_id: 'signs', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } }
/** Clients that the tenant `acme` must have. */
export const NEEDED = ['web', 'spa', SIGNS]
const AT_ONCE = ['an exchange', 'an exchange', 'an exchange', 'a rotation', 'a rotation', 'a revocation', 'a revocation', 'an assertion', 'an assertion', 'a sign-in', 'a sign-out']

export async function actsAt(gateway) {
	const web = new Application(gateway, 'acme', CLIENTS.web), spa = new Application(gateway, 'acme', CLIENTS.spa)
	const signedIn = (await web.code('alice', PASSWORDS.alice)).browser

	const isSignedIn = async (browser) => Boolean((await browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
	const now = () => Math.floor(gateway.now / 1000)
	const asserted = (assertion) => post(`${web.issuer}/token`, { grant_type: 'client_credentials', client_assertion_type: JWT_BEARER, client_assertion: assertion })
	async function assertAtMostOnce(attempt, what) {
		const worked = [await attempt(), await attempt()].filter((answer) => answer.status === 200)
		assert.ok(worked.length <= 1, `${what} worked twice`)
	}

	/** Acknowledged with `good`: then `kept` must hold, else `open`. `event`: its record. */
	const ACTS = {
		'an exchange': {
			event: 'token.issue', good: 200,
			make: () => web.code('alice', PASSWORDS.alice, {}, signedIn),
			act: (request) => web.redeem(request),
			async kept(request, { json }) {
				assert.equal(await web.isActive(json.access_token), true, 'an acknowledged token is lost')
				assert.equal((await web.refresh(json.refresh_token)).status, 200, 'an acknowledged refresh token is lost')
				assertRefused(await web.redeem(request), 400, 'invalid_grant')
			},
			open: (request) => assertAtMostOnce(() => web.redeem(request), 'a code'),
		},
		'a rotation': {
			event: 'token.refresh', good: 200,
			make: () => spa.tokens('alice', PASSWORDS.alice, {}, signedIn),
			act: (tokens) => spa.refresh(tokens.refresh_token),
			kept: async (tokens, { json }) => assert.equal((await spa.refresh(json.refresh_token)).status, 200, 'an acknowledged rotation is lost'),
			open: async (tokens) => assert.equal((await spa.refresh(tokens.refresh_token)).status, 200, 'a lost answer may be asked for again'),
		},
		'a revocation': {
			event: 'token.revoke', good: 200,
			make: () => web.tokens('alice', PASSWORDS.alice, {}, signedIn),
			act: (tokens) => web.revoke(tokens.refresh_token),
			async kept(tokens) {
				assert.equal(await web.isActive(tokens.access_token), false, 'an acknowledged revocation is lost')
				assertRefused(await web.refresh(tokens.refresh_token), 400, 'invalid_grant')
			},
			open: () => {},
		},
		'an assertion': {
			good: 200,
			make: () => sign({ alg: 'ES256', kid: key.kid }, { iss: 'signs', sub: 'signs', aud: web.issuer, jti: random(), iat: now(), exp: now() + 300 }, key.key),
			act: asserted,
			kept: async (assertion) => assertRefused(await asserted(assertion), 401, 'invalid_client'),
			open: (assertion) => assertAtMostOnce(() => asserted(assertion), 'an assertion'),
		},
		'a sign-in': {
			event: 'login', good: 303,
			async make() {
				const browser = new Browser()
				return { browser, page: await browser.open(web.begin().url) }
			},
			act: ({ browser, page }) => browser.signIn(page, 'alice', PASSWORDS.alice),
			kept: async ({ browser }) => assert.ok(await isSignedIn(browser), 'an acknowledged session is lost'),
			open: () => {},
		},
		'a sign-out': {
			event: 'logout', good: 303,
			make: () => web.tokens('alice', PASSWORDS.alice),
			act: ({ browser, id_token }) => browser.request(`${web.issuer}/logout?${new URLSearchParams({ id_token_hint: id_token })}`),
			kept: async ({ browser }) => assert.ok(!await isSignedIn(browser), 'an acknowledged sign-out is lost'),
			open: () => {},
		},
	}

	async function made() {
		const things = []
		for (const name of AT_ONCE) things.push({ name, thing: await ACTS[name].make() })
		return things
	}
	/** Begins everything at once; the answers, with nothing where none came. */
	const begin = (things) => Promise.all(things.map(({ name, thing }) => Promise.resolve(ACTS[name].act(thing)).catch(() => undefined)))
	/** Whether it was acknowledged. 500 and 503 are no acknowledgement, and spend nothing more than silence does. */
	async function lookAt({ name, thing }, answer) {
		const { good, kept, open } = ACTS[name], acknowledged = answer?.status === good
		assert.ok(acknowledged || answer === undefined || [500, 503].includes(answer.status), `${name}: ${answer?.status} ${answer?.text}`)
		await (acknowledged ? kept(thing, answer) : open(thing))
		return acknowledged
	}
	return { ACTS, made, begin, lookAt }
}
