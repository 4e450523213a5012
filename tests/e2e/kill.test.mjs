// Killed at random moments in the midst of everything that is used once or kept: what was acknowledged is there afterwards, what was not works at most once, and the
// next process is ready within a second (SECURITY AU-2, AV). $KILL_ROUNDS says how often; ./dev test kill --kill-rounds 500 is the long run.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { NEEDED, actsAt } from './lib/acts.mjs'
import { Gateway, pause, run } from './lib/gateway.mjs'
import { declare, tenant } from './lib/scene.mjs'

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 20), READY_MS = 1000
let gateway, acts
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: NEEDED })) })
	acts = await actsAt(gateway)
})
after(() => gateway?.stop())

test(`${ROUNDS} times: nothing acknowledged is lost, nothing works twice, ready within a second`, async () => {
	const from = Date.now()
	const { ACTS, made, begin, lookAt } = acts
	await begin(await made())
	let span = 100, silent = 0 // span: in which the moment lies; it follows the machine, so that about half is under way
	const acknowledged = Object.fromEntries(Object.keys(ACTS).map((name) => [name, 0])), starts = []
	for (let round = 0; round < ROUNDS; round++) {
		const things = await made(), moment = Math.random() * span, answers = begin(things)
		await pause(moment)
		await gateway.kill()
		const results = await answers, launched = performance.now()
		span *= results.every((one) => one) ? 0.8 : results.some((one) => one) ? 1 : 1.25
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
