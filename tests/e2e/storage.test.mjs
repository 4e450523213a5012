// A disk that gives errors. Nothing that needed it succeeds, nothing is lost or spent by an error, a broken look-up is never a "no", the store is whole, and once the
// disk works so does everything else, without a restart (SECURITY AS-14, AV).
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { NEEDED, actsAt } from './lib/acts.mjs'
import { Gateway, run, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, OTHER_API, PASSWORDS, declare, secretOf, tenant } from './lib/scene.mjs'
import { failing, lacksStrace } from './lib/strace.mjs'

const skip = await lacksStrace()
const OPAQUE = { ...CLIENTS.web, client_id: 'opaque', client_secret: secretOf('opaque'), resources: [OTHER_API], scope: 'openid offline_access files.read' }

let gateway, web, opaque, acts
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: [...NEEDED, OPAQUE, 'auditor'] })) })
	web = new Application(gateway, 'acme', CLIENTS.web), opaque = new Application(gateway, 'acme', OPAQUE)
	acts = await actsAt(gateway)
})
after(() => gateway?.stop())

/** An answer that admits the fault: an OAuth error that no application takes for the end of its grant, or a page that goes nowhere; nothing is given. */
function assertBroken(answer, what) {
	assert.ok([500, 503].includes(answer?.status), `${what}: ${answer?.status} ${answer?.text}`)
	assert.ok(!answer.location, what)
	if (!answer.json) return
	assert.ok(['server_error', 'temporarily_unavailable'].includes(answer.json.error), `${what}: ${answer.text}`)
	for (const name of ['access_token', 'refresh_token', 'active']) assert.equal(answer.json[name], undefined, what)
}
async function assertHealed() {
	const { refresh_token } = await web.tokens('alice', PASSWORDS.alice)
	await until('it to write again', async () => (await web.refresh(refresh_token)).status === 200)
}
async function assertWhole() {
	assert.equal((await gateway.command(['log', 'verify', '--tenant', 'acme'])).status, 0)
	assert.equal((await run('sqlite3', [gateway.path('var', 'passerelle.db'), 'PRAGMA integrity_check'])).out.trim(), 'ok')
}

describe('while nothing can be written', { skip }, () => {
	for (const rule of ['fdatasync:error=EIO', 'pwrite64:error=EIO', 'pwrite64:error=ENOSPC']) test(rule, async () => {
		const things = await acts.made(), live = await web.tokens('alice', PASSWORDS.alice), request = await web.code('alice', PASSWORDS.alice)
		let answers
		await failing(gateway, rule, async () => {
			for (let i = 0; i < 2; i++) {
				answers = await acts.begin(things)
				for (const [number, answer] of answers.entries()) assertBroken(answer, things[number].name)
			}
			assertBroken(await web.redeem(request), 'an exchange')
			assertBroken(await web.revoke(live.refresh_token), 'a revocation')
			assert.equal(await web.isActive(live.access_token), true, 'reading goes on')
			assert.equal((await fetch(`${web.issuer}/jwks`)).status, 200)
		})
		await assertHealed()
		for (const [number, answer] of answers.entries()) assert.equal(await acts.lookAt(things[number], answer), false)
		assert.deepEqual([(await web.redeem(request)).status, (await web.redeem(request)).status], [200, 400], 'what failed was not spent, and works once')
		assert.equal((await web.refresh(live.refresh_token)).status, 200, 'what failed to be revoked is not')
		assert.equal((await web.revoke(live.refresh_token)).status, 200)
		assert.equal(await web.isActive(live.access_token), false)
		await assertWhole()
	})

	test('now and then: each answer is true', async () => {
		let good = 0, broken = 0
		for (const rule of ['fdatasync:error=EIO:when=1+3', 'pwrite64:error=ENOSPC:when=5+9', 'ftruncate:error=EIO', 'pwrite64:error=EIO:when=3+7']) {
			const things = await acts.made()
			let answers
			await failing(gateway, rule, async () => { answers = await acts.begin(things) }, { mayMiss: rule.startsWith('ftruncate') })
			await assertHealed()
			for (const [number, answer] of answers.entries()) await acts.lookAt(things[number], answer) ? good++ : broken++
		}
		assert.ok(good > 0 && broken > 0, `${good} acknowledged, ${broken} not: both happened`)
		await assertWhole()
	})

	test('killed meanwhile: what was not acknowledged works at most once', async () => {
		const things = await acts.made()
		let answers
		await failing(gateway, 'fdatasync:error=EIO', async () => {
			answers = await acts.begin(things)
			await gateway.kill()
		})
		await gateway.launch()
		for (const [number, answer] of answers.entries()) assert.equal(await acts.lookAt(things[number], answer), false)
		await assertWhole()
	})
})

describe('while nothing can be read', { skip }, () => {
	test('no answer is a "no"', async () => {
		const tokens = await opaque.tokens('alice', PASSWORDS.alice), dead = await opaque.tokens('alice', PASSWORDS.alice), request = await web.code('alice', PASSWORDS.alice)
		const signedIn = request.browser, form = new Browser(), page = await form.open(web.begin().url)
		await opaque.revoke(dead.refresh_token)
		await failing(gateway, 'pread64:error=EIO', async () => {
			assertBroken(await opaque.introspect(tokens.access_token), 'introspection')
			assertBroken(await opaque.introspect(dead.access_token), 'introspection of what is revoked')
			assertBroken(await opaque.refresh(tokens.refresh_token), 'a refresh')
			assertBroken(await web.redeem(request), 'an exchange')
			assertBroken(await opaque.revoke(tokens.refresh_token), 'a revocation')
			assertBroken(await signedIn.request(web.begin({ prompt: 'none' }).url), 'authorize with a session')
			assertBroken(await form.signIn(page, 'alice', PASSWORDS.alice), 'a sign-in')
			const info = await opaque.userinfo(tokens.access_token)
			assert.ok([500, 503].includes(info.status), `userinfo: ${info.status}`)
		})
		await assertHealed()
		assert.equal(await opaque.isActive(tokens.access_token), true)
		assert.equal(await opaque.isActive(dead.access_token), false)
		assert.equal((await opaque.refresh(tokens.refresh_token)).status, 200)
		assert.equal((await web.redeem(request)).status, 200)
		assert.ok((await signedIn.request(web.begin({ prompt: 'none' }).url)).answer.code)
		await assertWhole()
	})
})
