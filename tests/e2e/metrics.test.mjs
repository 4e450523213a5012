// The metrics: on a listener of their own and nowhere else, in the format that Prometheus reads, counting what happened, and telling nobody's name
// (issue 6 point 5, SECURITY AD-5).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Gateway, freePort, until } from './lib/gateway.mjs'
import { Application, post } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

let gateway, port, web, machine, api
before(async () => {
	port = await freePort()
	gateway = await Gateway.start({ declaration: declare(tenant('acme')), config: { metrics_listen: `127.0.0.1:${port}` } })
	web = new Application(gateway, 'acme', CLIENTS.web), machine = new Application(gateway, 'acme', CLIENTS.machine), api = new Application(gateway, 'acme', CLIENTS.api)
})
after(() => gateway?.stop())

const scrape = async () => {
	const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
	assert.equal(answer.status, 200)
	assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
	return answer.text()
}
const valuesIn = (text) => Object.fromEntries(text.split('\n').filter((line) => line && line[0] !== '#').map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
/** By how much each series grew over the work. What ends a request may be counted a moment after its answer was read. */
async function growth(work, series, least) {
	const before = valuesIn(await scrape())
	await work()
	let grown
	await until(`${series} to have grown by ${least}`, async () => {
		const after = valuesIn(await scrape())
		grown = (name) => (after[name] ?? 0) - (before[name] ?? 0)
		return grown(series) >= least
	})
	return grown
}

test('the text is what the format asks: one HELP and TYPE a family, no series twice, whole histograms', async () => {
	await web.tokens('alice', PASSWORDS.alice)
	const text = await scrape(), seen = new Set(), types = {}
	let family
	for (const line of text.split('\n').slice(0, -1)) {
		const comment = line.match(/^# (HELP|TYPE) (passerelle_[a-z_]+) (.+)$/)
		if (comment) {
			if (comment[1] === 'TYPE') assert.equal(comment[2], family)
			else assert.ok(!(comment[2] in types), `${comment[2]} twice`)
			family = comment[2]
			if (comment[1] === 'TYPE') types[family] = comment[3]
			continue
		}
		const [, name, labels] = line.match(/^(passerelle_[a-z_]+)(\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\})? [0-9.e+-]+$/) ?? assert.fail(line)
		assert.equal(name.replace(types[family] === 'histogram' ? /_(bucket|sum|count)$/ : types[family] === 'summary' ? /_(sum|count)$/ : /$^/, ''), family)
		assert.ok(!seen.has(name + labels), `${line} twice`)
		seen.add(name + labels)
	}
	assert.ok(text.endsWith('\n'))
	const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
	for (const name of Object.keys(types)) assert.ok(page.includes(`\`${name}`), `${name} is not told in docs/metrics.md`)
	for (const [, name] of page.matchAll(/`(passerelle_[a-z_]+)[`{]/g)) assert.ok(name in types, `docs/metrics.md tells ${name}, which is not there`)
	const values = valuesIn(text)
	for (const route of new Set(Object.keys(values).map((key) => key.match(/duration_seconds_bucket\{route="([^"]+)"/)?.[1]).filter(Boolean))) {
		const buckets = Object.entries(values).filter(([key]) => key.startsWith(`passerelle_http_request_duration_seconds_bucket{route="${route}"`)).map(([, value]) => value)
		assert.deepEqual(buckets, [...buckets].sort((a, b) => a - b), route)
		assert.equal(buckets.at(-1), values[`passerelle_http_request_duration_seconds_count{route="${route}"}`])
		assert.ok(values[`passerelle_http_request_duration_seconds_sum{route="${route}"}`] > 0)
	}
})

describe('what happened is counted', () => {
	test('requests, by route and class of status', async () => {
		const { access_token: token } = (await machine.own()).json
		const grown = await growth(async () => {
			for (let i = 0; i < 5; i++) await api.introspect(token)
			await post(`${api.issuer}/introspect`, { token })
			await fetch(`${gateway.base}/t/acme/nowhere`)
		}, 'passerelle_http_requests_total{route="/introspect",status="4xx"}', 1)
		assert.equal(grown('passerelle_http_requests_total{route="/introspect",status="2xx"}'), 5)
		assert.equal(grown('passerelle_http_request_duration_seconds_count{route="/introspect"}'), 6)
		assert.equal(grown('passerelle_http_requests_total{route="none",status="4xx"}'), 1)
	})
	test('tokens that were known, and those that were not', async () => {
		const { access_token: token } = (await machine.own()).json
		const grown = await growth(async () => { for (let i = 0; i < 5; i++) await api.introspect(token) }, 'passerelle_token_cache_hits_total', 4)
		assert.equal(grown('passerelle_token_cache_loads_total'), 1)
		assert.ok(grown('passerelle_cache_hits_total') >= 10)
	})
	test('sign-ins by result and provider, tokens by grant, hashes and their time, commits and theirs', async () => {
		const grown = await growth(async () => {
			await web.refresh((await web.tokens('alice', PASSWORDS.alice)).refresh_token)
			await machine.own()
			const browser = new Browser()
			await browser.signIn(await browser.open(web.begin().url), 'alice', 'wrong')
		}, 'passerelle_logins_total{provider="local",result="denied"}', 1)
		assert.equal(grown('passerelle_logins_total{provider="local",result="ok"}'), 1)
		for (const grant of ['authorization_code', 'client_credentials', 'refresh_token']) assert.equal(grown(`passerelle_tokens_issued_total{grant="${grant}"}`), 1, grant)
		assert.equal(grown('passerelle_password_hash_seconds_count'), 2)
		assert.ok(grown('passerelle_password_hash_seconds_sum') > 0)
		assert.ok(grown('passerelle_store_commit_seconds_count') >= 5 && grown('passerelle_store_commit_seconds_sum') > 0)
		assert.ok(grown('passerelle_http_to_worker_total') >= 4)
	})
	test('a flood of refusals: each of them, though the log counts them together', async () => {
		const stranger = new Application(gateway, 'acme', { client_id: 'nobody', client_secret: 'x' })
		const grown = await growth(async () => { for (let i = 0; i < 60; i++) await stranger.own() }, 'passerelle_events_total{event="client.auth",result="denied"}', 60)
		assert.equal(grown('passerelle_events_total{event="client.auth",result="denied"}'), 60)
	})
})

describe('who may read what', () => {
	test('nobody on the main listener; nothing else on this one', async () => {
		assert.equal((await fetch(`${gateway.base}/metrics`)).status, 404)
		assert.equal((await fetch(`${web.issuer}/metrics`)).status, 404)
		for (const path of ['/', '/healthz', '/t/acme/jwks', '/metrics/', '/console']) assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 404, path)
		assert.equal((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status, 405)
	})
	test('no tenant, person, client, address or token stands in it', async () => {
		await fetch(`${gateway.base}/t/acme/invented-by-a-stranger`)
		const { access_token: token } = (await machine.own()).json
		const text = await scrape()
		for (const word of ['acme', 'alice', 'machine', '127.0.0.1', 'invented', token]) assert.ok(!text.includes(word), word)
	})
	test('none, where none is asked for', async () => {
		const other = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['machine'] })) })
		assert.doesNotMatch(other.processLog, /metrics/)
		await other.stop()
	})
	test('a port that is taken stops the start, and says which', async () => {
		const other = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['machine'] })) })
		await other.terminate()
		other.config = { metrics_listen: `127.0.0.1:${port}` }
		other.writeConfig()
		other.spawn()
		assert.equal(await other.ended(), 1)
		assert.match(other.processLog, new RegExp(`cannot listen on 127.0.0.1:${port}`))
		await other.stop()
	})
})
