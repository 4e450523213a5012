// `passerelle session`: who is signed in, seen and ended from the command line, with the running server knowing at once.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const T = ['--tenant', 'acme'], ONLINE = 'openid wiki.read', OFFLINE = 'openid offline_access wiki.read'
let gateway, web, spa
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme'), tenant('other')) })
	web = new Application(gateway, 'acme', CLIENTS.web), spa = new Application(gateway, 'acme', CLIENTS.spa)
})
after(() => gateway?.stop())

const list = (...words) => gateway.cliJson('session', 'list', ...T, ...words)
const signIn = (who, scope = ONLINE, browser) => web.tokens(who, PASSWORDS[who], { scope }, browser)

test('the list says who, when, from where, with what; newest first', async () => {
	await signIn('alice')
	await signIn('bruno')
	const sessions = await list()
	assert.deepEqual(sessions.map((one) => one.username), ['bruno', 'alice'])
	const [{ id, account, created, auth_time, last_seen, user_agent, ...rest }] = sessions
	assert.match(id, /^[a-z2-7]{26}$/)
	assert.match(account, /^[a-z2-7]{26}$/)
	for (const time of [created, auth_time, last_seen]) assert.ok(Math.abs(Date.parse(time) - gateway.now) < 60_000, time)
	assert.match(user_agent, /Firefox/)
	assert.deepEqual(rest, { username: 'bruno', provider: 'local', acr: 'urn:passerelle:acr:pwd', amr: 'pwd', ip: '127.0.0.1', device: 'desktop', os: 'Linux', browser: 'Firefox 128' })
	assert.deepEqual((await list('--account', 'alice')).map((one) => one.username), ['alice'])
	assert.deepEqual(await list('--account', 'carla'), [])
	assert.deepEqual(await gateway.cliJson('session', 'list', '--tenant', 'other'), [])
	assert.match(await gateway.cli('session', 'list', ...T), /^id +username +provider.*\n[a-z2-7]{26} +bruno +local/)
	assert.equal((await gateway.command(['session', 'list', ...T, '--account', 'nobody'])).status, 1)
})

test('a revoked one is signed out at once; offline_access lives on, and so do the others', async () => {
	const person = await signIn('alice'), elsewhere = await signIn('alice'), bruno = await signIn('bruno')
	const offline = await spa.tokens('alice', PASSWORDS.alice, { scope: OFFLINE }, person.browser)
	const [, mine] = await list('--account', 'alice') // newest first: elsewhere, then this one
	assert.equal(await web.isActive(person.access_token), true)
	assert.match(await gateway.cli('session', 'revoke', mine.id, ...T), new RegExp(`^session ${mine.id}: ended`))
	assert.equal(await web.isActive(person.access_token), false)
	assert.equal((await web.refresh(person.refresh_token)).status, 400)
	assert.equal((await person.browser.request(web.begin({ prompt: 'none' }).url)).answer.error, 'login_required')
	assert.equal((await spa.refresh(offline.refresh_token)).status, 200)
	assert.equal(await web.isActive(elsewhere.access_token), true)
	assert.equal(await web.isActive(bruno.access_token), true)
	assert.ok(!(await list()).some((one) => one.id === mine.id))
	const row = (await gateway.rows('acme', '--event', 'session.revoke')).at(-1)
	assert.deepEqual([row.session, row.account, row.result, row.actor.startsWith('cli:')], [mine.id, mine.account, 'ok', true])
	// Over is over, and says so without a record.
	assert.equal((await gateway.command(['session', 'revoke', mine.id, ...T])).status, 1)
	assert.equal((await gateway.rows('acme', '--event', 'session.revoke')).length, 1)
})

test('another tenant\'s session is not there', async () => {
	const person = await signIn('carla')
	const [{ id }] = await list('--account', 'carla')
	const done = await gateway.command(['session', 'revoke', id, '--tenant', 'other'])
	assert.equal(done.status, 1)
	assert.match(done.err, /no session/)
	assert.equal(await web.isActive(person.access_token), true)
})

test('what idled too long, or whose owner is shut out, is not listed', async () => {
	await signIn('carla')
	assert.ok((await list('--account', 'carla')).length)
	await gateway.cli('user', 'disable', 'carla', ...T)
	assert.deepEqual(await list('--account', 'carla'), [])
	gateway.advance(8 * 3600_000 + 60_000)
	assert.deepEqual(await list(), [])
	gateway.setClock(0)
})
