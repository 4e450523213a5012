// People of a directory, against a real one (tests/e2e/lib/slapd.mjs): they sign in with its password, its groups arrive in tokens, and what happens to them there
// happens here at the next refresh (SECURITY LD; DESIGN, the provider interface). The driver's own tests are in tests/providers.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, assertRefused, claimsOf } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { hasChromium, launch, startCallback } from './lib/chromium.mjs'
import { API, CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'
import { Slapd, hasSlapd } from './lib/slapd.mjs'

const skip = hasSlapd ? false : 'no slapd here'
const wordOf = (uid) => `tractor café canary of ${uid}`
const FAILURES = 4
const NORTH_WORD = 'glacier canary of the north'
const person = (uid, more) => ({ password: wordOf(uid), mail: `${uid}@acme.example`, ...more })
const PEOPLE = {
	alix: person('alix', { cn: 'Martin, Alix', rdn: 'cn=Martin\\, Alix' }),
	'zoé': { password: wordOf('zoé'), cn: 'Zoé Ångström' },
	...Object.fromEntries(['renamed', 'mover', 'shut', 'steady', 'real', 'tested', 'both', 'bruno', 'staying', 'unsure', 'tabs', 'seated', 'asked', 'waiting', 'unasked'].map((uid) => [uid, person(uid)])),
	locked: person('locked', { pwdAccountLockedTime: '000001010000Z' }),
	expired: person('expired', { pwdChangedTime: '20200101000000Z', pwdPolicySubentry: 'cn=strict,ou=policies,dc=acme,dc=example' }),
}
const GROUPS = { wiki: ['alix', 'mover', 'steady'], 'R&D': ['alix', 'zoé', 'real'] }
const NORTHERN = { ...Object.fromEntries(['alix', 'both', 'nora'].map((uid) => [uid, { password: NORTH_WORD, mail: `${uid}@north.example` }])) }

let south, north, gateway, callback, declaration
before(async () => {
	if (skip) return
	;[south, north, callback] = await Promise.all([Slapd.start('dc=acme,dc=example', PEOPLE, GROUPS), Slapd.start('dc=north,dc=example', NORTHERN, { ice: ['alix'] }), startCallback()])
	const clients = [{ ...CLIENTS.web, redirect_uris: [...CLIENTS.web.redirect_uris, `${callback.origin}/cb`], claims_in_id_token: true }, 'spa', 'api', 'staffonly']
	const directory = south.provider('directory', { group_map: { [`cn=wiki,${south.groupsDn}`]: ['wiki', 'staff'] } })
	declaration = declare(
		tenant('acme', { clients, providers: [directory] }),
		tenant('beta', { clients, users: [], policy: { throttle: { failures: FAILURES, window: '15m', lock: '15m' } }, providers: [north.provider('directory', { timeout: '4s', connect_timeout: '4s' })] }),
		tenant('routed', { clients, domains: ['acme.example'], users: [{ username: 'bruno', email: 'bruno@own.example', password: PASSWORDS.bruno }], providers: [
			south.provider('south', { domains: ['acme.example'] }), north.provider('north', { domains: ['north.example'] })] }),
		tenant('linking', { clients, domains: ['linking.example'], users: [], providers: [south.provider('directory', { domains: ['linking.example'], link_by_verified_email: true })] }),
		tenant('ordered', { clients, users: [], providers: [south.provider('first'), north.provider('second')] }))
	gateway = await Gateway.start({ declaration })
})
after(async () => {
	await gateway?.stop()
	await Promise.all([south, north, callback].map((one) => one?.stop()))
})

const at = (name, client = CLIENTS.web) => new Application(gateway, name, client)
const tokensOf = (uid, { password = wordOf(uid), name = 'acme', client, ...parameters } = {}) => at(name, client).tokens(uid, password, { resource: API, ...parameters })
const subjectOf = async (uid, options) => claimsOf((await tokensOf(uid, options)).id_token).sub
const activeAt = (name, token) => at(name, CLIENTS.api).isActive(token)

/** One attempt in a browser of its own: the page it ends at, and its row. */
async function attempt(uid, password, name = 'acme') {
	const browser = new Browser()
	const page = await browser.signIn(await browser.open(at(name).begin().url), uid, password)
	return { page, browser, row: (await gateway.rows(name, '--event', 'login')).at(-1) }
}
const letIn = (page) => Boolean(page.answer?.code)
const normal = (page, username) => page.text.replaceAll(page.form.fields.form_token, 'TOKEN').replaceAll(/flow=[A-Za-z0-9_-]+/g, 'flow=FLOW').replaceAll(`value="${username}"`, 'NAME')
	.replaceAll(/<code>(<bdi>)?[a-z2-7]{10}/g, 'REF')
/** What a directory was asked, in lines of its log. */
const asked = (lines) => lines.filter((one) => / (BIND|SRCH) /.test(one))
const binds = (lines, dn) => lines.filter((one) => one.includes(` BIND dn="${dn}"`)).length

describe('signing in with the directory\'s password', { skip }, () => {
	test('claims and groups are in the ID token, the access token, userinfo and introspection', async () => {
		const tokens = await tokensOf('alix'), id = claimsOf(tokens.id_token), access = claimsOf(tokens.access_token)
		assert.deepEqual([id.name, id.preferred_username, id.email, id.email_verified, id.amr, id.idp], ['Martin, Alix', 'alix', 'alix@acme.example', false, ['pwd'], 'directory'])
		const user = await (await at('acme').userinfo((await at('acme').tokens('alix', wordOf('alix'))).access_token)).json()
		const introspected = (await at('acme', CLIENTS.api).introspect(tokens.access_token)).json
		for (const one of [id, access, user, introspected]) assert.deepEqual([one.sub, one.groups.toSorted()], [id.sub, ['directory:R&D', 'staff', 'wiki']])
		assert.deepEqual([user.name, user.email, introspected.username], ['Martin, Alix', 'alix@acme.example', 'alix'])
		assert.match(id.sub, /^[a-z2-7]{26}$/, 'the account\'s, not the directory\'s')
	})

	test('the second sign-in is the same person\'s; so is one by mail or in capitals', async () => {
		const sub = await subjectOf('alix')
		for (const login of ['alix', 'ALIX', 'alix@acme.example', ' alix ']) assert.equal(await subjectOf(login, { password: wordOf('alix') }), sub, login)
		assert.equal((await gateway.cliJson('user', 'list', '--tenant', 'acme')).filter((user) => user.username.startsWith('alix')).length, 1)
	})

	test('tabs that sign in for the first time at once make one account', async () => {
		const subs = await Promise.all(Array.from({ length: 6 }, () => subjectOf('tabs')))
		assert.equal(new Set(subs).size, 1)
	})

	test('groups decide which application a person may use', async () => {
		const browser = new Browser(), request = at('acme', CLIENTS.staffonly).begin({ resource: API })
		const page = await browser.signIn(await browser.open(request.url), 'zoé', wordOf('zoé'))
		assert.equal(page.answer?.error ?? page.status, 'access_denied')
		assert.ok(claimsOf((await tokensOf('alix', { client: CLIENTS.staffonly })).id_token).sub)
	})

	test('the log tells who, by which provider and why not', async () => {
		const { row } = await attempt('alix', wordOf('alix'))
		assert.deepEqual([row.result, row.reason, row.provider, row.username, row.amr], ['ok', 'ok', 'directory', 'alix', 'pwd'])
		const { page, row: refused } = await attempt('alix', 'wrong')
		assert.deepEqual([letIn(page), refused.reason, refused.provider], [false, 'wrong_password', 'directory'])
		const shown = await gateway.explain('acme', refused.ref)
		assert.ok(JSON.stringify(shown).includes('directory'))
	})

	test('in a real browser', { skip: hasChromium ? false : 'no Chromium here' }, async () => {
		const chromium = await launch()
		try {
			const page = await (await chromium.newContext({ javaScriptEnabled: false, locale: 'en-GB' })).newPage()
			const request = at('acme').begin({ redirect_uri: `${callback.origin}/cb`, resource: API })
			await page.goto(request.url)
			const type = async (password) => {
				await page.fill('[name=username]', 'real')
				await page.fill('[name=password]', password)
				await page.click('button[type=submit]:has-text("Sign in")')
			}
			await type('wrong')
			assert.match(await page.textContent('[role=alert]'), /Wrong name or password/)
			await type(wordOf('real'))
			await page.waitForURL(`${callback.origin}/**`)
			const { code, state } = Object.fromEntries(new URL(page.url()).searchParams)
			assert.equal(state, request.state)
			const answer = await at('acme').redeem({ ...request, code })
			assert.equal(answer.status, 200, answer.text)
			assert.deepEqual(claimsOf(answer.json.id_token).groups, ['directory:R&D'])
		} finally {
			await chromium.close()
		}
	})
})

describe('a person is the entry, not its name (LD-8)', { skip }, () => {
	const rename = (uid, from) => south.replace(south.dns[from], 'uid', uid)

	test('a renamed uid, and a renamed entry, keep their sub', async () => {
		const sub = await subjectOf('renamed')
		await rename('newname', 'renamed')
		await south.modify(`dn: ${south.dns.renamed}\nchangetype: modrdn\nnewrdn: cn=Married\ndeleteoldrdn: 0\n`)
		assert.equal(await subjectOf('newname', { password: wordOf('renamed') }), sub)
		const { page, row } = await attempt('renamed', wordOf('renamed'))
		assert.deepEqual([letIn(page), row.reason], [false, 'unknown_account'])
	})

	for (const name of ['acme', 'linking'])
		test(`a recycled uid and address inherit nothing (${name})`, async () => {
			const mail = `recycled@${name}.example`
			if (south.dns.recycled) await south.remove(south.dns.recycled)
			await south.add('recycled', { ...person('recycled'), mail })
			const tokens = await tokensOf('recycled', { name }), sub = claimsOf(tokens.id_token).sub
			await south.remove(south.dns.recycled)
			await south.add('recycled', { ...person('recycled'), mail, cn: `Another ${name}` })
			const other = claimsOf((await tokensOf('recycled', { name })).id_token)
			assert.notEqual(other.sub, sub)
			assert.notEqual(other.preferred_username, 'recycled', 'one name for two would mislead applications that go by it')
			assert.equal(await subjectOf('recycled', { name }), other.sub)
			assertRefused(await at(name).refresh(tokens.refresh_token), 400, 'invalid_grant')
			await gateway.cli('user', 'disable', sub, '--tenant', name)
			assert.equal(await subjectOf('recycled', { name }), other.sub, 'what befalls the one does not befall the other')
		})
})

describe('every no looks the same', { skip }, () => {
	test('wrong, unknown, locked, shut here, without password: one page; only who knows an expired password is told; the log knows which', async () => {
		await tokensOf('shut')
		await gateway.cli('user', 'disable', 'shut', '--tenant', 'acme')
		const cases = [['steady', 'wrong', 'wrong_password'], ['nobody', 'wrong', 'unknown_account'], ['locked', wordOf('locked'), 'locked_upstream'], ['locked', 'wrong', 'locked_upstream'],
			['expired', wordOf('expired'), 'password_expired'], ['expired', 'wrong', 'wrong_password'], ['shut', wordOf('shut'), 'account_disabled'], ['shut', 'wrong', 'wrong_password'],
			['*', 'wrong', 'unknown_account'], ['steady)(uid=*', wordOf('steady'), 'unknown_account'], ['bruno', 'wrong', 'wrong_password']]
		const pages = new Map()
		for (const [uid, password, reason] of cases) {
			const { page, row } = await attempt(uid, password)
			assert.deepEqual([letIn(page), row.reason, row.result === 'ok'], [false, reason, false], `${uid}, ${password}`)
			const seen = JSON.stringify([page.status, normal(page, uid), [...page.headers.keys()].filter((name) => name !== 'content-length').sort(), page.headers.getSetCookie().length])
			pages.set(seen, [...pages.get(seen) ?? [], uid])
		}
		const told = [...pages].filter(([page]) => page.includes('Your password has expired'))
		assert.deepEqual(told.map(([, names]) => names), [['expired']])
		assert.equal(pages.size, 2, JSON.stringify([...pages].map(([page, names]) => [names, page]), null, 1))
		const listed = await gateway.cli('log', 'list', '--tenant', 'acme', '--event', 'login')
		for (const [, , reason] of cases) assert.ok(listed.includes(reason), `${reason} in log list:\n${listed}`)
	})

	test('an empty password never reaches the directory', async () => {
		for (const password of ['', '\0', '\0x', `${wordOf('steady')}\0`]) {
			let page
			const lines = await south.during(async () => ({ page } = await attempt('steady', password)))
			assert.ok(!letIn(page), JSON.stringify(password))
			assert.deepEqual(asked(lines), [], JSON.stringify(password))
		}
	})

	test('a throttled name no longer bothers the directory, so that nobody can make it lock somebody', async () => {
		for (let i = 0; i < FAILURES; i++) await attempt('nora', 'wrong', 'beta')
		let seen
		const lines = await north.during(async () => { seen = await attempt('nora', NORTH_WORD, 'beta') })
		assert.deepEqual([letIn(seen.page), seen.row.reason], [false, 'locked'])
		assert.deepEqual(asked(lines), [])
	})
})

describe('at the next refresh', { skip }, () => {
	test('groups are those of now', async () => {
		const tokens = await tokensOf('mover')
		assert.deepEqual(claimsOf(tokens.access_token).groups.toSorted(), ['staff', 'wiki'])
		await south.members('wiki', 'delete', 'mover')
		await south.members('R&D', 'add', 'mover')
		const answer = await at('acme').refresh(tokens.refresh_token)
		assert.equal(answer.status, 200, answer.text)
		for (const token of [answer.json.access_token, answer.json.id_token]) assert.deepEqual(claimsOf(token).groups, ['directory:R&D'])
		assert.deepEqual((await at('acme', CLIENTS.api).introspect(answer.json.access_token)).json.groups, ['directory:R&D'])
	})

	test('who lost the group that an application asks for is refused there', async () => {
		await south.members('wiki', 'add', 'staying')
		const tokens = await tokensOf('staying', { client: CLIENTS.staffonly })
		await south.members('wiki', 'delete', 'staying')
		assertRefused(await at('acme', CLIENTS.staffonly).refresh(tokens.refresh_token), 400, 'invalid_grant')
	})

	for (const client of [CLIENTS.web, CLIENTS.spa])
		test(`who was deleted there loses refresh and access here (${client.client_id})`, async () => {
			const uid = `leaver-${client.client_id}`
			await south.add(uid, { password: wordOf(uid) })
			const tokens = await tokensOf(uid, { client }), app = at('acme', client)
			const later = await app.refresh(tokens.refresh_token)
			assert.equal(later.status, 200, later.text)
			assert.ok(await activeAt('acme', later.json.access_token))
			await south.remove(south.dns[uid])
			const refused = await app.refresh(later.json.refresh_token)
			assertRefused(refused, 400, 'invalid_grant')
			for (const one of [tokens, later.json]) assert.equal(await activeAt('acme', one.access_token), false, 'the family is revoked')
			assertRefused(await app.refresh(later.json.refresh_token), 400, 'invalid_grant')
			const row = (await gateway.rows('acme', '--event', 'token.refuse')).find((one) => one.ref === refused.json.error_ref)
			assert.deepEqual([row.reason, row.username], ['unknown_account', uid])
		})

	test('and does not come back by the session in the browser', async () => {
		const tokens = await tokensOf('seated')
		await south.remove(south.dns.seated)
		assertRefused(await at('acme').refresh(tokens.refresh_token), 400, 'invalid_grant')
		const page = await tokens.browser.open(at('acme').begin().url)
		assert.equal(page.answer?.code, undefined, 'the directory said that this person is gone')
		assert.ok('password' in page.form.fields)
	})

	test('who was locked for ever there too', async () => {
		const tokens = await tokensOf('unsure')
		await south.replace(south.dns.unsure, 'pwdAccountLockedTime', '000001010000Z')
		assertRefused(await at('acme').refresh(tokens.refresh_token), 400, 'invalid_grant')
		assert.equal(await activeAt('acme', tokens.access_token), false)
	})
})

describe('the administrator here', { skip }, () => {
	test('disables an account: refused although the directory says yes, and its tokens end', async () => {
		const tokens = await tokensOf('staying')
		await gateway.cli('user', 'disable', 'staying', '--tenant', 'acme')
		const { page, row } = await attempt('staying', wordOf('staying'))
		assert.deepEqual([letIn(page), row.reason], [false, 'account_disabled'])
		assertRefused(await at('acme').refresh(tokens.refresh_token), 400, 'invalid_grant')
		assert.equal(await activeAt('acme', tokens.access_token), false)
		await gateway.cli('user', 'enable', 'staying', '--tenant', 'acme')
		assert.ok(letIn((await attempt('staying', wordOf('staying'))).page))
	})

	test('disables the provider: nobody signs in by it from then on, nor refreshes', async () => {
		const tokens = await tokensOf('both', { name: 'ordered' })
		const turn = async (way) => { for (const name of ['first', 'second']) await gateway.cli('provider', way, name, '--tenant', 'ordered') }
		await turn('disable')
		let refresh
		const lines = await south.during(async () => {
			const { page, row } = await attempt('both', wordOf('both'), 'ordered')
			assert.deepEqual([letIn(page), page.problem, row.reason === 'ok'], [false, true, false])
			refresh = await at('ordered').refresh(tokens.refresh_token)
		}).finally(() => turn('enable'))
		assert.deepEqual(asked(lines), [])
		assert.notEqual(refresh.status, 200, 'nobody can say any more that the person is still there')
		assert.ok(letIn((await attempt('both', wordOf('both'), 'ordered')).page))
	})

	const recheck = (uid, ...words) => gateway.command(['user', 'recheck', uid, '--tenant', 'acme', ...words])
	const open = async (browser) => (await browser.open(at('acme').begin().url)).answer?.code

	test('asks at once whether a person is still there', async () => {
		const tokens = await tokensOf('asked'), other = await tokensOf('waiting')
		await south.members('wiki', 'add', 'asked')
		const there = await recheck('asked')
		assert.deepEqual([there.status, there.out], [0, 'user asked: directory: still there (ok)\n'], there.err)
		assert.ok(await activeAt('acme', tokens.access_token) && await open(tokens.browser), 'nobody is signed out by being there')
		assert.deepEqual((await gateway.cliJson('user', 'show', 'asked', '--tenant', 'acme')).groups.toSorted(), ['staff', 'wiki'], 'and his groups are those of now')
		await south.replace(south.dns.asked, 'pwdAccountLockedTime', '000001010000Z')
		assert.ok(await activeAt('acme', tokens.access_token), 'before it is asked')
		const gone = await recheck('asked', '--json')
		assert.deepEqual([gone.status, JSON.parse(gone.out)], [0, [{ provider: 'directory', reason: 'account_disabled', ended: true, answered: true }]], gone.err)
		assert.equal(await activeAt('acme', tokens.access_token), false, 'from the moment the command returned')
		assertRefused(await at('acme').refresh(tokens.refresh_token), 400, 'invalid_grant')
		assert.equal(await open(tokens.browser), undefined)
		assert.ok(await activeAt('acme', other.access_token) && await open(other.browser), 'others are not touched')
		const row = (await gateway.rows('acme', '--event', 'user.recheck')).at(-1)
		assert.deepEqual([row.username, row.result, row.actor.startsWith('cli:')], ['asked', 'ok', true])
		assert.match(JSON.stringify(await gateway.explain('acme', row.ref)), /account_disabled/)
	})

	test('a directory that does not answer ends nothing, and the command says so', async () => {
		const tokens = await tokensOf('unasked')
		await south.halt()
		const silent = await recheck('unasked').finally(() => south.launch())
		assert.deepEqual([silent.status, silent.out], [1, 'user unasked: directory: not answered, nothing ended (provider_unavailable)\n'])
		assert.ok(await activeAt('acme', tokens.access_token))
		const local = await recheck('alice')
		assert.equal(local.status, 1)
		assert.match(local.err, /no provider that can be asked/)
	})

	test('tests the provider step by step, and touches no account', async () => {
		const users = await gateway.cli('user', 'list', '--tenant', 'acme', '--json')
		const ask = (password, ...words) => gateway.command(['provider', 'test', 'directory', '--tenant', 'acme', ...words], { input: password === undefined ? '' : `${password}\n` })
		const alone = await ask(undefined)
		assert.equal(alone.status, 0, alone.err)
		for (const step of ['resolve', 'connect', 'StartTLS', 'TLS', 'certificate', 'service bind', 'base']) assert.match(alone.out, new RegExp(`^passed  ${step}: `, 'm'))
		assert.match(alone.out, /certificate: names 127\.0\.0\.1; \d{4}-/)
		const right = await ask(wordOf('tested'), '--login', 'tested', '--password-stdin')
		assert.equal(right.status, 0, right.err)
		for (const [step, value] of [['person', south.dns.tested], ['email', 'tested@acme.example'], ['groups', 'none'], ['bind as the person', '.*right']]) assert.match(right.out, new RegExp(`^passed  ${step}: ${value}`, 'm'))
		for (const [password, login, step] of [['wrong', 'tested', 'bind as the person'], [wordOf('locked'), 'locked', 'bind as the person'], [undefined, 'nobody', 'person']]) {
			const done = await ask(password, '--login', login, ...(password ? ['--password-stdin'] : []))
			assert.equal(done.status, 1, done.out)
			assert.match(done.out, new RegExp(`^FAILED  ${step}: [^\n]*\n +expected [^\n]*\n +change `, 'm'))
			assert.match(done.err, /steps failed/)
		}
		assert.equal((await ask('x', '--password-stdin')).status, 2)
		assert.equal(await gateway.cli('user', 'list', '--tenant', 'acme', '--json'), users)
		assert.ok(!users.includes('tested'))
	})
})

describe('several sources', { skip }, () => {
	test('two tenants, two directories: one name, two people', async () => {
		assert.ok(letIn((await attempt('alix', NORTH_WORD, 'beta')).page))
		const lines = await south.during(async () => assert.ok(!letIn((await attempt('alix', wordOf('alix'), 'beta')).page)))
		assert.deepEqual(asked(lines), [])
		assert.ok(!letIn((await attempt('alix', NORTH_WORD)).page))
		assert.notEqual(await subjectOf('alix', { name: 'beta', password: NORTH_WORD }), await subjectOf('alix'))
		const tokens = await tokensOf('alix', { name: 'beta', password: NORTH_WORD })
		assert.deepEqual(claimsOf(tokens.access_token).groups, ['directory:ice'])
		assert.equal(await activeAt('acme', tokens.access_token), false)
	})

	test('a local account beside the directory: each by its own password, none tried at the other', async () => {
		assert.ok(letIn((await attempt('alice', PASSWORDS.alice)).page))
		const lines = await south.during(async () => {
			assert.equal((await attempt('bruno', 'wrong')).row.provider, 'local')
			assert.ok(!letIn((await attempt('bruno', wordOf('bruno'))).page), 'the name is the local account\'s')
			assert.ok(letIn((await attempt('bruno', PASSWORDS.bruno)).page))
		})
		assert.deepEqual(asked(lines), [])
	})

	test('a domain leads to its directory and to no other', async () => {
		const log = { south: [], north: [] }
		const seen = async (work) => { log.south = await south.during(async () => { log.north = await north.during(work) }) }
		await seen(async () => assert.ok(letIn((await attempt('alix@acme.example', wordOf('alix'), 'routed')).page)))
		assert.deepEqual([asked(log.south).length > 0, asked(log.north).length > 0], [true, false])
		await seen(async () => assert.ok(letIn((await attempt('alix@north.example', NORTH_WORD, 'routed')).page)))
		assert.deepEqual([asked(log.south).length > 0, asked(log.north).length > 0], [false, true])
		for (const [login, password] of [['alix@acme.example', 'wrong'], ['nobody@acme.example', 'wrong'], ['nora@acme.example', NORTH_WORD]]) {
			await seen(async () => assert.ok(!letIn((await attempt(login, password, 'routed')).page), login))
			assert.deepEqual([asked(log.south).length > 0, asked(log.north).length > 0], [true, false], login)
		}
		await seen(async () => assert.ok(letIn((await attempt('bruno@own.example', PASSWORDS.bruno, 'routed')).page)))
		assert.deepEqual([asked(log.south).length > 0, asked(log.north).length > 0], [false, false], 'an address of no directory\'s domain')
		const [own, theirs] = await Promise.all([['bruno', PASSWORDS.bruno], ['bruno@acme.example', wordOf('bruno')]].map(async ([login, password]) => claimsOf((await tokensOf(login, { name: 'routed', password })).id_token)))
		assert.notEqual(own.sub, theirs.sub)
		assert.deepEqual([own.preferred_username, theirs.preferred_username], ['bruno', 'bruno (south)'])
		const claims = claimsOf((await tokensOf('alix@acme.example', { name: 'routed', password: wordOf('alix') })).id_token)
		assert.equal(claims.email_verified, true, 'the domain is the tenant\'s, and the directory\'s')
		assert.notEqual(claims.sub, await subjectOf('alix@north.example', { name: 'routed', password: NORTH_WORD }))
	})

	test('without a domain they are asked in order; a wrong password ends it', async () => {
		assert.ok(letIn((await attempt('nora', NORTH_WORD, 'ordered')).page), 'unknown to the first')
		const lines = await north.during(async () => {
			const { page, row } = await attempt('alix', NORTH_WORD, 'ordered')
			assert.deepEqual([letIn(page), row.reason, row.provider], [false, 'wrong_password', 'first'])
		})
		assert.deepEqual(asked(lines), [])
		const theirs = await south.during(() => attempt('nora', NORTH_WORD, 'ordered'))
		assert.equal(binds(theirs, north.dns.nora), 0)
	})
})

describe('a directory that is gone', { skip }, () => {
	test('is never a wrong password, costs a refresh nothing, and heals', async () => {
		const tokens = await tokensOf('steady'), spa = await tokensOf('steady', { client: CLIENTS.spa })
		await south.halt()
		for (const [uid, password] of [['steady', wordOf('steady')], ['steady', 'wrong'], ['nobody', 'wrong']]) {
			const { page, row } = await attempt(uid, password)
			assert.deepEqual([page.status, row.reason, row.provider], [503, 'provider_unavailable', 'directory'], `${uid}, ${password}`)
			assert.match(page.headers.get('retry-after'), /^\d+$/)
			assert.match(page.text, /role="alert"[\s\S]*The service is busy/)
			assert.doesNotMatch(page.text, /Wrong name or password/)
			assert.ok(page.form.fields.form_token, 'and the form is there to try again')
		}
		const lines = await north.during(async () => assert.equal((await attempt('both', NORTH_WORD, 'ordered')).row.reason, 'provider_unavailable'))
		assert.deepEqual(asked(lines), [], 'the next in order is not asked instead')
		assert.ok(letIn((await attempt('alice', PASSWORDS.alice)).page), 'others sign in as ever')
		assert.ok(letIn((await attempt('alix', NORTH_WORD, 'beta')).page))
		for (const [client, one] of [[CLIENTS.web, tokens], [CLIENTS.spa, spa]]) {
			const answer = await at('acme', client).refresh(one.refresh_token)
			assertRefused(answer, 503, 'temporarily_unavailable')
			assert.ok(await activeAt('acme', one.access_token), 'what is out stays valid')
		}
		const walked = await gateway.command(['provider', 'test', 'directory', '--tenant', 'acme'])
		assert.equal(walked.status, 1)
		assert.match(walked.out, /^FAILED  connect: /m)

		await south.launch()
		for (const [client, one] of [[CLIENTS.web, tokens], [CLIENTS.spa, spa]]) await healed(client, one)
		assert.ok(letIn((await attempt('steady', wordOf('steady'))).page))
	})

	/** A server that failed is left alone for a second (`retry_after`). */
	async function healed(client, tokens) {
		let answer
		await until('the directory to be asked again', async () => (answer = await at('acme', client).refresh(tokens.refresh_token)).status !== 503)
		assert.equal(answer.status, 200, answer.text)
		assert.equal(claimsOf(answer.json.id_token).sub, claimsOf(tokens.id_token).sub)
	}

	test('frozen or gone: each try ends in time, none counts against the person, nobody else waits', async () => {
		const { refresh_token } = await tokensOf('alix', { name: 'beta', password: NORTH_WORD })
		for (const [stall, heal] of [['freeze', 'thaw'], ['halt', 'launch']]) {
			await north[stall]()
			try {
				let ended = 0
				const tries = Array.from({ length: FAILURES }, () => attempt('alix', NORTH_WORD, 'beta').finally(() => ended++))
				assert.ok((await at('acme').code('steady', wordOf('steady'))).code, 'another directory')
				assert.ok((await at('acme').code('alice', PASSWORDS.alice)).code, 'and our own accounts')
				if (stall === 'freeze') assert.ok(ended < FAILURES, 'are not held up by those who still wait')
				assertRefused(await at('beta').refresh(refresh_token), 503, 'temporarily_unavailable')
				await until('each try to end by its deadline', () => ended === FAILURES)
				for (const { page, row } of await Promise.all(tries)) assert.deepEqual([page.status, row.reason], [503, 'provider_unavailable'])
			} finally {
				await north[heal]()
			}
			await until('the directory to be asked again', async () => letIn((await attempt('alix', NORTH_WORD, 'beta')).page))
			assert.equal((await at('beta').refresh(refresh_token)).status, 200)
		}
	})
})

describe('afterwards', { skip }, () => {
	test('no password of the directory\'s stands in a log, an output or the database', async () => {
		const outputs = [gateway.processLog]
		for (const name of declaration.tenants.map((one) => one.name))
			for (const words of [['log', 'export'], ['log', 'list', '--json'], ['export'], ['provider', 'list'], ['user', 'list', '--json']]) outputs.push(await gateway.cli(...words, '--tenant', name))
		outputs.push(await gateway.cli('provider', 'show', 'directory', '--tenant', 'acme'), await gateway.cli('log', 'verify', '--tenant', 'acme'))
		const bytes = gateway.storedBytes()
		for (const secret of [NORTH_WORD, 'tractor café canary', south.servicePassword, north.servicePassword]) {
			for (const text of outputs) assert.ok(!text.includes(secret), `${secret}: ${text.slice(0, 200)}`)
			assert.equal(bytes.indexOf(secret), -1, secret)
		}
		assert.ok(outputs[0].length > 0 && bytes.indexOf('provider_unavailable') > 0)
	})
})
