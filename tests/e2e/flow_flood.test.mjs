// Strangers who begin sign-ins and never finish them: each costs a row, so an address may begin only so many (gateway/login/flow_gate.h). Whoever comes from elsewhere,
// is signed in already, or has begun before, notices nothing.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const BURST = 1000, MALLORY = '127.0.0.9'

let gateway, web, there
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['web'] }), tenant('other', { clients: ['web'] })) })
	web = new Application(gateway, 'acme', CLIENTS.web)
	there = new Application(gateway, 'other', CLIENTS.web)
})
after(() => gateway?.stop())

/** Begins sign-ins until one is refused; how many went through. */
async function flood(application, limit) {
	let begun = 0, refused
	const begin = async () => {
		while (!refused && begun < limit) {
			const page = await new Browser({ from: MALLORY }).request(application.begin().url)
			if (page.status === 429) refused ??= page
			else assert.equal(page.status, 303, page.text), begun++
		}
	}
	await Promise.all(Array.from({ length: 8 }, begin))
	return { begun, refused }
}

/** What came back meanwhile is used up first, until this very request is refused. */
const usedUp = (ask) => until('a refusal', async () => {
	await flood(web, 3 * BURST)
	return (await ask()).status === 429
})

test('an address may begin so many sign-ins, and then a few a second', async () => {
	const alice = await web.code('alice', PASSWORDS.alice, {}, new Browser({ from: MALLORY })), early = await new Browser({ from: MALLORY }).open(web.begin().url)
	const from = gateway.now, { begun, refused } = await flood(web, 3 * BURST)
	const regained = (gateway.now - from) / 100 + 10
	assert.ok(begun >= BURST - 10 && begun <= BURST + regained, `${begun} of ${BURST} and ${regained}`)
	assert.match(refused.text, /Too many attempts/)
	assert.equal(refused.headers.get('retry-after'), '5')
	assert.ok(!refused.headers.get('set-cookie'))
	await until('the record', async () => (await gateway.rows('acme', '--event', 'authorization.refuse')).some((row) => row.reason === 'flood' && row.ip === MALLORY))

	// by POST and without an application too
	await usedUp(() => new Browser({ from: MALLORY }).request(`${web.issuer}/authorize`, { form: web.begin().form }))
	await usedUp(() => new Browser({ from: MALLORY }).request(`${web.issuer}/login`))

	// nobody else notices, nor does who is in already
	assert.ok((await new Browser().open(web.begin().url)).form, 'another address')
	assert.ok((await new Browser({ from: MALLORY }).open(there.begin().url)).form, 'another tenant')
	assert.ok((await alice.browser.request(web.begin().url)).answer.code, 'signed in: no flow is begun')
	assert.equal((await new Browser({ from: MALLORY }).request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required', 'nor by prompt=none')

	gateway.advance(2_000)
	assert.ok((await new Browser({ from: MALLORY }).open(web.begin().url)).form, 'it comes back by itself')
	assert.ok(early.form)
	gateway.setClock(0)
})

test('a sign-in that was begun is finished, whatever others do from the same address', async () => {
	const browser = new Browser({ from: MALLORY })
	gateway.advance(200_000)
	const page = await browser.open(web.begin().url)
	await flood(web, 3 * BURST)
	assert.ok((await browser.signIn(page, 'bruno', PASSWORDS.bruno)).answer.code)
	gateway.setClock(0)
})
