// Killed at random moments in the midst of everything that is used once or kept: what was acknowledged is there afterwards, what was not works at most once, and the
// next process is ready within a second (SECURITY AU-2, AV). $KILL_ROUNDS says how often; ./dev test --kill-rounds 500 is the long run.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Gateway, pause, run } from './lib/gateway.mjs'
import { Application, assertRefused, post, random } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { newKey, sign } from './lib/jws.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 20), READY_MS = 1000
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const key = newKey('ES256')
const SIGNS = { ...CLIENTS.machine, client_secret: undefined, client_id: 'signs', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } }

let gateway, web, spa, signedIn
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['web', 'spa', SIGNS] })) })
	web = new Application(gateway, 'acme', CLIENTS.web), spa = new Application(gateway, 'acme', CLIENTS.spa)
	signedIn = (await web.code('alice', PASSWORDS.alice)).browser
})
after(() => gateway?.stop())

const isSignedIn = async (browser) => Boolean((await browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
const now = () => Math.floor(gateway.now / 1000)
const asserted = (assertion) => post(`${web.issuer}/token`, { grant_type: 'client_credentials', client_assertion_type: JWT_BEARER, client_assertion: assertion })
async function assertAtMostOnce(attempt, what) {
	const worked = [await attempt(), await attempt()].filter((answer) => answer.status === 200)
	assert.ok(worked.length <= 1, `${what} worked twice`)
}

/** What is done: made before, done while the process may die, then looked at: `kept` where it was acknowledged with `good`, else `open`. `event`: its record. */
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
const AT_ONCE = ['an exchange', 'an exchange', 'an exchange', 'a rotation', 'a rotation', 'a revocation', 'a revocation', 'an assertion', 'an assertion', 'a sign-in', 'a sign-out']

/** Begins everything at once; the answers, with nothing where none came. */
function begin(things) {
	const answers = things.map(({ name, thing }) => Promise.resolve(ACTS[name].act(thing)).catch(() => undefined))
	return Promise.all(answers)
}
async function made() {
	const things = []
	for (const name of AT_ONCE) things.push({ name, thing: await ACTS[name].make() })
	return things
}
async function lookAt({ name, thing }, answer) {
	const { good, kept, open } = ACTS[name]
	// A busy machine may say 503: that is no acknowledgement, and spends nothing more than silence does.
	assert.ok(answer === undefined || [good, 503].includes(answer.status), `${name}: ${answer?.status} ${answer?.text}`)
	const acknowledged = answer?.status === good
	await (acknowledged ? kept(thing, answer) : open(thing))
	return acknowledged
}

test(`${ROUNDS} times: nothing acknowledged is lost, nothing works twice, ready within a second`, async () => {
	const from = Date.now()
	await begin(await made())
	let span = 0, silent = 0
	const acknowledged = Object.fromEntries(Object.keys(ACTS).map((name) => [name, 0])), starts = []
	for (let round = 0; round < ROUNDS; round++) {
		const things = await made(), moment = Math.random() * (span || 100), began = performance.now()
		const answers = begin(things).then((all) => {
			span = Math.max(span, performance.now() - began)
			return all
		})
		await pause(moment)
		await gateway.kill()
		const results = await answers, launched = performance.now()
		await gateway.launch()
		starts.push(performance.now() - launched)
		for (const [i, answer] of results.entries()) {
			const one = things[i]
			try {
				if (await lookAt(one, answer)) acknowledged[one.name]++
				else silent++
			} catch (error) {
				error.message = `round ${round}, killed after ${moment.toFixed(1)} ms, ${one.name}: ${error.message}`
				throw error
			}
		}
	}
	const all = Object.values(acknowledged).reduce((sum, one) => sum + one), median = starts.toSorted((a, b) => a - b)[starts.length >> 1]
	console.log(`# ${ROUNDS} rounds in ${Math.round((Date.now() - from) / 1000)} s: ${all} acknowledged, ${silent} not; ready after ${Math.round(median)} ms (median)`)
	assert.ok(all > ROUNDS && silent > ROUNDS, `${all} acknowledged, ${silent} not: both happened`)
	assert.ok(median < READY_MS, `ready after ${starts.map(Math.round)} ms`)
	for (const [name, count] of Object.entries(acknowledged)) {
		const { event } = ACTS[name]
		if (event) assert.ok((await gateway.rows('acme', '--event', event)).filter((row) => row.result === 'ok').length >= count, `${name}: an acknowledged one has no record`)
	}
	assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0)
	assert.equal((await run('sqlite3', [gateway.path('var', 'passerelle.db'), 'PRAGMA integrity_check'])).out.trim(), 'ok')
})
