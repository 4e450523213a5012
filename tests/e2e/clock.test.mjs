// The machine's clock is wrong by an hour, and is set right: ahead or behind, at once, while the program runs or before it starts. Nothing that was used or revoked
// comes back, nobody is let in or locked out for longer than the error, and what ended only by the error is the worst of it. Deadlines inside the process run by
// another clock, which nobody sets (base/clock.h); the test moves the one that tells the time.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { NEEDED, actsAt } from './lib/acts.mjs'
import { Application, assertRefused, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { Gateway, run, until } from './lib/gateway.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const HOUR = 3600_000, LIMIT = 5
let gateway, web, spa, acts
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: [...NEEDED, 'machine'], policy: { throttle: { failures: LIMIT, window: '15m', lock: '15m' } } })) })
	web = new Application(gateway, 'acme', CLIENTS.web), spa = new Application(gateway, 'acme', CLIENTS.spa)
	acts = await actsAt(gateway)
})
after(() => gateway?.stop())
afterEach(() => gateway.setClock(0))

const signIn = async (name, password, browser = new Browser()) => browser.signIn(await browser.open(web.begin().url), name, password)
const isSignedIn = async (browser) => Boolean((await browser.request(web.begin({ prompt: 'none' }).url)).answer.code)
/** Everything a person and an application do, at the time it is now. */
async function assertWorks(what) {
	const tokens = await web.tokens('alice', PASSWORDS.alice)
	assert.equal(await web.isActive(tokens.access_token), true, what)
	assert.ok(Math.abs(claimsOf(tokens.access_token).iat - gateway.now / 1000) < 60, `${what}: tokens tell the time it is`)
	assert.equal((await web.refresh(tokens.refresh_token)).status, 200, what)
	assert.ok(await isSignedIn(tokens.browser), what)
	assert.equal((await web.revoke(tokens.refresh_token)).status, 200, what)
	assert.equal(await web.isActive(tokens.access_token), false, what)
	assert.equal((await new Application(gateway, 'acme', CLIENTS.machine).own()).status, 200, what)
}

for (const [what, jump] of [['ahead', HOUR], ['behind', -HOUR]]) describe(`an hour ${what}`, () => {
	test('all works, and works again when the clock is right', async () => {
		gateway.setClock(jump)
		await assertWorks(what)
		gateway.setClock(0)
		await assertWorks('right again')
	})
	test('who was signed in still is, there and back; refresh tokens too', async () => {
		const tokens = await web.tokens('alice', PASSWORDS.alice)
		for (const offset of [jump, 0]) {
			gateway.setClock(offset)
			assert.ok(await isSignedIn(tokens.browser))
			assert.equal((await web.refresh(tokens.refresh_token)).status, 200)
		}
	})
	test('what was used or revoked stays so, there and back', async () => {
		const things = await acts.made(), answers = await acts.begin(things)
		const revoked = await web.tokens('alice', PASSWORDS.alice), code = await web.code('alice', PASSWORDS.alice)
		assert.equal((await web.revoke(revoked.access_token)).status, 200)
		assert.equal((await web.redeem(code)).status, 200)
		for (const offset of [jump, 0]) {
			gateway.setClock(offset)
			assert.equal(await web.isActive(revoked.access_token), false)
			assertRefused(await web.redeem(code), 400, 'invalid_grant')
		}
		for (const [i, answer] of answers.entries()) assert.equal(await acts.lookAt(things[i], answer), true)
	})
	test('a sign-in that was begun goes on, or says that it took too long', async () => {
		const browser = new Browser(), page = await browser.open(web.begin().url)
		gateway.setClock(jump)
		const done = await browser.signIn(page, 'alice', PASSWORDS.alice)
		assert.ok(done.answer?.code || done.status === 400, `${done.status} ${done.text}`)
	})
	test('a lock holds for its time by the clock, and no longer than the error beyond it', async () => {
		for (let i = 0; i < LIMIT; i++) await signIn('bruno', 'wrong')
		assert.ok(!(await signIn('bruno', PASSWORDS.bruno)).answer?.code, 'locked')
		gateway.setClock(jump)
		assert.equal(Boolean((await signIn('bruno', PASSWORDS.bruno)).answer?.code), jump > 0)
		gateway.setClock(16 * 60_000)
		assert.ok((await signIn('bruno', PASSWORDS.bruno)).answer?.code)
		await gateway.cli('user', 'unlock', 'bruno', '--tenant', 'acme')
	})
})

test('a rotated token gets no longer grace by a clock that is set back', async () => {
	const first = await spa.tokens('alice', PASSWORDS.alice)
	assert.equal((await spa.refresh(first.refresh_token)).status, 200)
	gateway.setClock(-HOUR)
	assertRefused(await spa.refresh(first.refresh_token), 400, 'invalid_grant')
})

test('a process that starts an hour ahead forgets nothing that is revoked or used', async () => {
	const things = (await acts.made()).filter(({ name }) => name === 'an assertion'), answers = await acts.begin(things)
	const revoked = await web.tokens('alice', PASSWORDS.alice)
	assert.equal((await web.revoke(revoked.access_token)).status, 200)
	await new Browser().open(web.begin().url)
	await gateway.terminate()
	gateway.setClock(HOUR)
	await gateway.launch()
	await until('what is over to be swept', async () => (await run('sqlite3', [gateway.path('var', 'passerelle.db'), 'SELECT count(*) FROM flow'])).out.trim() === '0')
	gateway.setClock(0)
	assert.equal(await web.isActive(revoked.access_token), false)
	for (const [i, answer] of answers.entries()) assert.equal(await acts.lookAt(things[i], answer), true)
})

test('the process log tells that the clock was set, and by how much', async () => {
	const steps = () => gateway.processLog.split('\n').filter((line) => line.includes('"clock.step"')).map((line) => JSON.parse(line))
	for (const offset of [3 * HOUR, 0]) { // the first may be seen together with what the test before did
		const before = steps().length
		gateway.setClock(offset)
		await until('the step to be seen', () => steps().length > before)
	}
	const { level, seconds } = steps().at(-1)
	assert.equal(level, 'warning')
	assert.ok(Math.abs(Number(seconds) + 3 * HOUR / 1000) < 10, seconds)
})

test('the connection log is whole, whatever its times say', async () => {
	assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0)
	assert.equal((await run('sqlite3', [gateway.path('var', 'passerelle.db'), 'PRAGMA integrity_check'])).out.trim(), 'ok')
})
