// Active Directory's preset against a real domain controller, Samba's (tests/e2e/lib/samba.mjs): names, identity, nested groups, what its codes mean, and changing a
// password by unicodePwd. What Samba does otherwise than Windows is said in docs/directories.md.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, assertRefused, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { API, CLIENTS, declare, tenant } from './lib/scene.mjs'
import { Samba, lacksSamba } from './lib/samba.mjs'

const skip = await lacksSamba()
const NAMES = ['alix', 'disabled', 'gone', 'locked', 'reset', 'ruled', 'expired', 'leaver', 'passerelle']
const freshOf = (name) => `New glacier canary 2 of ${name}`

let samba, gateway
before(async () => {
	if (skip) return
	samba = await Samba.start()
	await samba.people(NAMES)
	await samba.groups(['staff'], { staff: ['alix'] })
	await samba.groups(['wiki'], { wiki: ['staff'] })
	await samba.groups(['everyone'], { everyone: ['wiki'] })
	await samba.set('disabled', { userAccountControl: '514' })
	await samba.set('gone', { accountExpires: '116444736000000001' })
	await samba.set('reset', { pwdLastSet: '0' })
	const clients = [CLIENTS.web, 'api']
	const groups = { group_map: { [samba.dnOf('everyone')]: 'everyone', [samba.dnOf('staff')]: 'staff' }, unmapped_groups: 'drop' }
	gateway = await Gateway.start({ declaration: declare(
		tenant('acme', { clients, users: [], providers: [samba.provider('windows', { groups: { nested: true }, password_change: true, ...groups })] }),
		tenant('flat', { clients, users: [], providers: [samba.provider('windows', groups)] })) })
})
after(async () => {
	await gateway?.stop()
	await samba?.stop()
})

const at = (name = 'acme') => new Application(gateway, name, CLIENTS.web)
const tokensOf = (login, name = 'acme', password = samba.passwordOf('alix')) => at(name).tokens(login, password, { resource: API })
async function attempt(login, password) {
	const browser = new Browser()
	const page = await browser.signIn(await browser.open(at().begin().url), login, password)
	return { browser, page, reason: (await gateway.rows('acme', '--event', 'login')).at(-1).reason }
}
const told = (page) => page.text.match(/role="alert"[^>]*><p><strong>([^<]*)/)?.[1]
const change = (browser, page, name, fresh = freshOf(name)) => browser.submit(page, { password: samba.passwordOf(name), new_password: fresh, new_password_again: fresh })

describe('Active Directory', { skip }, () => {
	test('by sAMAccountName, by userPrincipalName, by mail not: one person, known by objectGUID', async () => {
		const subs = []
		for (const login of ['alix', 'ALIX', 'alix@corp.acme.example']) subs.push(claimsOf((await tokensOf(login)).id_token).sub)
		assert.equal(new Set(subs).size, 1)
		assert.equal((await attempt('alix@acme.example', samba.passwordOf('alix'))).reason, 'unknown_account')
		const { links } = await gateway.cliJson('user', 'show', 'alix', '--tenant', 'acme')
		assert.deepEqual(links, [{ provider: 'windows', subject: await samba.subjectOf('alix') }])
	})

	test('nested groups by the in-chain rule, direct ones by memberOf', async () => {
		assert.deepEqual(claimsOf((await tokensOf('alix')).access_token).groups.toSorted(), ['everyone', 'staff'])
		assert.deepEqual(claimsOf((await tokensOf('alix', 'flat')).access_token).groups, ['staff'])
	})

	test('a wrong password, a disabled, an expired account, one to be changed: each by its code', async () => {
		for (const [login, password, reason] of [['alix', 'wrong', 'wrong_password'], ['nobody', 'wrong', 'unknown_account'], ['disabled', samba.passwordOf('disabled'), 'account_disabled'], ['disabled', 'wrong', 'wrong_password'],
			['reset', samba.passwordOf('reset'), 'password_expired'], ['reset', 'wrong', 'wrong_password'], ['alix)(objectClass=*', 'wrong', 'unknown_account']])
			assert.equal((await attempt(login, password)).reason, reason, `${login}, ${password}`)
		assert.notEqual((await attempt('gone', samba.passwordOf('gone'))).reason, 'ok')
	})

	test('locked after too many', async () => {
		await samba.passwordSettings('--account-lockout-threshold=2')
		try {
			for (let i = 0; i < 2; i++) await attempt('locked', 'wrong')
			assert.equal((await attempt('locked', samba.passwordOf('locked'))).reason, 'locked_upstream')
		} finally {
			await samba.passwordSettings('--account-lockout-threshold=0')
		}
	})

	test('a password that must be changed is changed by unicodePwd, by the domain\'s rules', async () => {
		await samba.passwordSettings('--min-pwd-age=0')
		const { browser, page } = await attempt('reset', samba.passwordOf('reset'))
		assert.equal(told(page), 'Your password has expired')
		assert.equal(told(await change(browser, page, 'reset', 'aB1')), 'The new password was not accepted')
		assert.ok((await change(browser, page, 'reset')).answer?.code)
		assert.equal((await attempt('reset', freshOf('reset'))).reason, 'ok')
		assert.deepEqual((await gateway.rows('acme', '--event', 'password.change')).slice(-2).map((row) => row.reason), ['password_rejected', 'ok'])
	})

	test('one that has expired too', async () => {
		await samba.age('expired')
		const { browser, page, reason } = await attempt('expired', samba.passwordOf('expired'))
		assert.equal(reason, 'password_expired')
		assert.ok((await change(browser, page, 'expired')).answer?.code)
		assert.equal((await attempt('expired', freshOf('expired'))).reason, 'ok')
	})

	test('who was disabled loses refresh and access', async () => {
		const tokens = await tokensOf('leaver', 'acme', samba.passwordOf('leaver'))
		assert.equal((await gateway.command(['user', 'recheck', 'leaver', '--tenant', 'acme'])).status, 0)
		await samba.set('leaver', { userAccountControl: '514' })
		assertRefused(await at().refresh(tokens.refresh_token), 400, 'invalid_grant')
		assert.equal(await new Application(gateway, 'acme', CLIENTS.api).isActive(tokens.access_token), false)
	})

	test('the probe walks it to the end', async () => {
		const done = await gateway.command(['provider', 'test', 'windows', '--tenant', 'acme', '--login', 'alix', '--password-stdin'], { input: `${samba.passwordOf('alix')}\n` })
		assert.equal(done.status, 0, done.out + done.err)
	})
})
