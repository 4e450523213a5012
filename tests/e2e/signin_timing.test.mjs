// Who exists is not told by how long an answer takes (SECURITY LG-1), not even while passwords are of another system's kind and cost more than ours.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'

// bcrypt at a cost of some fifty milliseconds; here ours costs next to nothing, so that the difference is all there is to see. Nobody knows the passwords.
const BCRYPT = '$2b$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'
const PEOPLE = Array.from({ length: 16 }, (_, i) => `person${i}`), STRANGERS = Array.from({ length: 16 }, (_, i) => `stranger${i}`)

let gateway
before(async () => {
	const migrated = (name, share) => tenant(name, { clients: ['web', 'api'], users: PEOPLE.map((username, i) => i < share * PEOPLE.length ? { username, password_hash: BCRYPT } : { username, password: `correct horse of ${username} canary` }) })
	gateway = await Gateway.start({ declaration: declare(migrated('all', 1), migrated('half', 0.5), migrated('none', 0)) })
})
after(() => gateway?.stop())

/** How long the answers to a wrong password take, one after the other, in milliseconds: the least of three tries each. */
async function times(name, usernames) {
	const web = new Application(gateway, name, CLIENTS.web), found = []
	for (const username of usernames) {
		const tries = []
		for (let i = 0; i < 3; i++) {
			const browser = new Browser(), page = await browser.open(web.begin().url), begun = performance.now()
			const answer = await browser.signIn(page, username, 'not the right password at all')
			tries.push(performance.now() - begun)
			assert.ok(answer.problem, answer.text)
		}
		found.push(Math.min(...tries))
	}
	return found
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length / 2]

test('where all passwords came from elsewhere, made-up names are as slow as people; where none did, as fast', async () => {
	const slow = await times('all', PEOPLE), strangers = await times('all', STRANGERS), fast = await times('none', PEOPLE), others = await times('none', STRANGERS)
	const between = (median(slow) + median(fast)) / 2
	assert.ok(median(slow) > 2 * median(fast), `nothing to tell apart: ${median(slow)} and ${median(fast)} ms`)
	for (const [list, is] of [[strangers, (ms) => ms > between], [others, (ms) => ms < between]])
		assert.ok(list.filter(is).length >= STRANGERS.length - 1, `${list.map(Math.round)}; people ${Math.round(median(slow))} and ${Math.round(median(fast))} ms`)
})

test('where half of them did, some made-up names are slow and some fast, and each stays what it is', async () => {
	const people = await times('half', PEOPLE), between = (Math.min(...people) + Math.max(...people)) / 2
	const first = (await times('half', STRANGERS)).map((ms) => ms > between), again = (await times('half', STRANGERS)).map((ms) => ms > between)
	assert.ok(first.includes(true) && first.includes(false), String(first))
	assert.ok(first.filter((slow, i) => slow !== again[i]).length <= 1, `${first}\n${again}`)
})
