// The token endpoint: client authentication (RFC 6749 section 2.3), then each grant in the order of its specification, with the replays, races and clocks
// that RFC 9700 is about.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, assertRefused, basic, claimsOf, headerOf, post, random } from './lib/application.mjs'
import { ask } from './lib/raw.mjs'
import { API, CLIENTS, OTHER_API, PASSWORDS, REDIRECT, declare, secretOf, tenant } from './lib/scene.mjs'

const ODD_SECRET = 'p%40ss+wörd: &=é"\'/\\ canary 0123456789 ~'
const ODD = { client_id: 'odd.client~1_-', client_secret: ODD_SECRET, grant_types: ['client_credentials'], scope: 'wiki.read' }
const ROTATING = { ...CLIENTS.web, client_id: 'rotating', client_secret: secretOf('rotating'), refresh_token_rotation: true }
const LENIENT = { ...CLIENTS.web, client_id: 'lenient', client_secret: secretOf('lenient'), require_pkce: false }
const TWO = { ...CLIENTS.web, client_id: 'two', client_secret: secretOf('two'), resources: [API, OTHER_API], scope: `${CLIENTS.web.scope} files.read` }
const OPAQUE = { ...CLIENTS.machine, client_id: 'opaque-machine', client_secret: secretOf('opaque-machine'), resources: [], access_token_format: 'opaque', scope: 'openid groups wiki.read', grant_types: ['client_credentials', 'authorization_code'], redirect_uris: [REDIRECT] }

let gateway, web, spa, machine, rotating
before(async () => {
	// as many workers as parallel requests: what is tested is the race for one row, not the queue in front of it
	gateway = await Gateway.start({ config: { workers: { threads: 128 } },
		declaration: declare(tenant('acme', { clients: [...Object.keys(CLIENTS), ODD, ROTATING, LENIENT, TWO, OPAQUE] }), tenant('other', { clients: [{ ...CLIENTS.web, client_secret: secretOf('other-web') }] })) })
	web = clientOf(CLIENTS.web), spa = clientOf(CLIENTS.spa), machine = clientOf(CLIENTS.machine), rotating = clientOf(ROTATING)
})
after(() => gateway?.stop())

const clientOf = (declared, at = 'acme') => new Application(gateway, at, declared)
const token = (form, headers) => post(`${web.issuer}/token`, form, headers)
const GRANT = { grant_type: 'client_credentials' }
const alice = (application, parameters) => application.code('alice', PASSWORDS.alice, parameters)
const aliceTokens = (application, parameters) => application.tokens('alice', PASSWORDS.alice, parameters)

async function at(offsetMs, work) {
	gateway.setClock(offsetMs)
	try { return await work() } finally { gateway.setClock(0) }
}

function assertTokens(answer) {
	assert.equal(answer.status, 200, answer.text)
	assert.equal(answer.headers.get('cache-control'), 'no-store')
	assert.match(answer.headers.get('content-type'), /^application\/json/)
	assert.equal(answer.json.token_type, 'Bearer')
	return answer.json
}

describe('client authentication', () => {
	const raw = (text) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

	test('basic: both halves are form-encoded (section 2.3.1)', async () => {
		assertTokens(await token(GRANT, basic(ODD.client_id, ODD_SECRET)))
		const everything = (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
		assertTokens(await token(GRANT, raw(`${everything(ODD.client_id)}:${everything(ODD_SECRET)}`)))
		assertRefused(await token(GRANT, raw(`${ODD.client_id}:${ODD_SECRET}`)), 401, 'invalid_client')
	})
	test('the scheme has no case, and one space', async () => {
		const { Authorization } = basic('machine', CLIENTS.machine.client_secret)
		for (const scheme of ['basic', 'BASIC']) assertTokens(await token(GRANT, { Authorization: Authorization.replace('Basic', scheme) }))
	})
	test('wrong, empty, unknown, missing: one answer, 401 with a challenge', async () => {
		const cases = [basic('machine', 'wrong'), basic('machine', ''), basic('nobody', secretOf('machine')), basic('', ''), basic('machine', `${secretOf('machine')} `), basic('MACHINE', secretOf('machine')), undefined]
		const texts = new Set()
		for (const headers of cases) {
			const answer = await token(GRANT, headers)
			assertRefused(answer, 401, 'invalid_client')
			assert.match(answer.headers.get('www-authenticate'), /^Basic realm="/)
			if (headers) texts.add(answer.text.replace(/"error_ref":"[^"]*"/, ''))
		}
		assert.equal(texts.size, 1, `an unknown client is told what a wrong secret is told: ${[...texts].join('\n')}`)
	})

	test('another method than the registered one is refused, with the right secret', async () => {
		const { id, secret } = machine
		assertRefused(await token({ ...GRANT, client_id: id, client_secret: secret }), 401, 'invalid_client')
		assertRefused(await token({ ...GRANT, client_id: id }), 401, 'invalid_client')
		const request = await alice(clientOf(CLIENTS.post))
		const form = { grant_type: 'authorization_code', code: request.code, redirect_uri: request.redirect, code_verifier: request.verifier }
		assertRefused(await token(form, basic('post', CLIENTS.post.client_secret)), 401, 'invalid_client')
		assertRefused(await token({ ...form, client_id: 'post' }), 401, 'invalid_client')
		assertRefused(await token({ ...form, client_id: 'spa', client_secret: 'x' }), 401, 'invalid_client')
		assertRefused(await token(form, basic('spa', '')), 401, 'invalid_client')
		assertTokens(await clientOf(CLIENTS.post).redeem(request))
	})

	test('two methods at once are refused (section 2.3)', async () => {
		const { id, secret } = machine
		assertRefused(await token({ ...GRANT, client_id: id, client_secret: secret }, basic(id, secret)), 400, 'invalid_request')
		assertRefused(await token({ ...GRANT, client_id: 'web' }, basic(id, secret)), 400, 'invalid_request')
		assertTokens(await token({ ...GRANT, client_id: id }, basic(id, secret)))
		const { Authorization } = basic(id, secret)
		const twice = await ask(`${web.issuer}/token`, { method: 'POST', body: 'grant_type=client_credentials',
			headers: { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: [Authorization, Authorization] } })
		assert.ok([400, 401].includes(twice.status), twice.text)
	})

	test('what is no credential is refused, not understood', async () => {
		for (const value of ['Basic', 'Basic ', 'Basic !!!', 'Basic bWFjaGluZQ==', `Basic ${Buffer.from('a\0b:c').toString('base64')}`, `Basic ${'QUFB'.repeat(2000)}`, 'Bearer x', 'Digest x', `Basic ${Buffer.from('%zz:x').toString('base64')}`]) {
			const answer = await token(GRANT, { Authorization: value })
			assert.ok([[400, 'invalid_request'], [401, 'invalid_client']].some(([status, error]) => answer.status === status && answer.json.error === error), `${value.slice(0, 30)}: ${answer.text}`)
		}
	})

	test('an assertion that is none is refused, and named', async () => {
		const answer = await token({ ...GRANT, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: 'x.y.z' })
		assert.ok(answer.status === 400 || answer.status === 401)
		assert.match(answer.json.error_description, /client_assertion/)
	})

	test('the secret of another tenant\'s client of the same name opens nothing here', async () => {
		assertRefused(await token({ grant_type: 'refresh_token', refresh_token: 'x' }, basic('web', secretOf('other-web'))), 401, 'invalid_client')
		assertRefused(await clientOf({ ...CLIENTS.web, client_secret: secretOf('other-web') }, 'other').refresh('x'), 400, 'invalid_grant')
	})

	test('credentials in the query count for nothing', async () => {
		const answer = await post(`${web.issuer}/token?client_id=machine&client_secret=${secretOf('machine')}&grant_type=client_credentials`, 'grant_type=client_credentials')
		assertRefused(answer, 401, 'invalid_client')
	})
})

describe('grant types', () => {
	for (const [grant_type, error] of [['password', 'unsupported_grant_type'], ['implicit', 'unsupported_grant_type'], ['urn:ietf:params:oauth:grant-type:device_code', 'unsupported_grant_type'], ['CLIENT_CREDENTIALS', 'unsupported_grant_type']])
		test(grant_type, async () => assertRefused(await machine.send('/token', { grant_type, username: 'alice', password: PASSWORDS.alice }), 400, error))
	test('none', async () => assertRefused(await machine.send('/token', {}), 400, 'invalid_request'))
	test('twice', async () => assertRefused(await machine.send('/token', { grant_type: ['client_credentials', 'client_credentials'] }), 400, 'invalid_request'))
	test('not the client\'s', async () => {
		assertRefused(await machine.send('/token', { grant_type: 'authorization_code', code: 'x' }), 400, 'unauthorized_client')
		assertRefused(await web.own(), 400, 'unauthorized_client')
		assertRefused(await clientOf(CLIENTS.api).own(), 400, 'unauthorized_client')
	})
})

describe('authorization_code (section 4.1.3)', () => {
	test('no code, an unknown one, one of another shape', async () => {
		assertRefused(await web.redeem({ redirect: REDIRECT, verifier: random() }, { code: undefined }), 400, 'invalid_request')
		for (const code of ['x', `pas_co_${'A'.repeat(49)}`, 'pas_rt_x', '\' OR 1=1 --', 'é'.repeat(500)]) assertRefused(await web.redeem({ code, redirect: REDIRECT, verifier: random() }), 400, 'invalid_grant')
	})

	describe('PKCE', () => {
		const refusedThenGood = (parameters) => async () => {
			const request = await alice(web)
			assertRefused(await web.redeem(request, parameters), 400, 'invalid_grant')
			assertTokens(await web.redeem(request))
		}
		test('1 a right verifier gives tokens', async () => { assertTokens(await web.redeem(await alice(web))) })
		test('2 a wrong one does not, and spends nothing', refusedThenGood({ code_verifier: random() }))
		test('3 none does not', refusedThenGood({ code_verifier: undefined }))
		test('4 the challenge is not the verifier', async () => {
			const request = await alice(web)
			assertRefused(await web.redeem(request, { code_verifier: request.form.get('code_challenge') }), 400, 'invalid_grant')
		})
		test('5 a verifier without a challenge is what a stripped challenge looks like', async () => {
			const lenient = clientOf(LENIENT)
			const request = await alice(lenient, { code_challenge: undefined, code_challenge_method: undefined, nonce: 'n' })
			assertRefused(await lenient.redeem(request), 400, 'invalid_grant')
			assertTokens(await lenient.redeem(request, { code_verifier: undefined }))
		})
		test('a verifier outside 43 to 128 unreserved characters never fits', async () => {
			for (const verifier of ['x'.repeat(42), 'x'.repeat(129), `${'x'.repeat(43)}+`]) {
				const { createHash } = await import('node:crypto')
				const request = await alice(web, { code_challenge: createHash('sha256').update(verifier).digest('base64url') })
				assertRefused(await web.redeem(request, { code_verifier: verifier }), 400, 'invalid_grant')
			}
		})
	})

	for (const [what, redirect_uri] of [['another', 'https://evil.example/'], ['none', undefined], ['one more slash', `${REDIRECT}/`]])
		test(`redirect_uri: ${what} is not the one of the request`, async () => {
			const request = await alice(web)
			assertRefused(await web.redeem(request, { redirect_uri }), 400, 'invalid_grant')
			assertTokens(await web.redeem(request))
		})

	test('another client cannot redeem it, verifier and all, nor spend it, nor revoke what it gave', async () => {
		const request = await alice(web)
		assertRefused(await clientOf(CLIENTS.post).redeem(request), 400, 'invalid_grant')
		assertRefused(await spa.redeem(request), 400, 'invalid_grant')
		const tokens = assertTokens(await web.redeem(request))
		assertRefused(await spa.redeem(request), 400, 'invalid_grant')
		assert.equal(await web.isActive(tokens.access_token), true)
	})

	test('another tenant\'s client of the same name neither', async () => {
		const request = await alice(web)
		assertRefused(await clientOf({ ...CLIENTS.web, client_secret: secretOf('other-web') }, 'other').redeem(request), 400, 'invalid_grant')
		assertTokens(await web.redeem(request))
	})

	test('lives 60 seconds', async () => {
		const early = await alice(web), late = await alice(web)
		await at(55_000, async () => assertTokens(await web.redeem(early)))
		await at(61_000, async () => assertRefused(await web.redeem(late), 400, 'invalid_grant'))
	})

	test('a second use revokes what the first one gave (RFC 9700 section 4.5)', async () => {
		const request = await alice(web)
		const tokens = assertTokens(await web.redeem(request))
		const refreshed = assertTokens(await web.refresh(tokens.refresh_token))
		assert.equal(await web.isActive(tokens.access_token), true)
		assertRefused(await web.redeem(request), 400, 'invalid_grant')
		for (const one of [tokens.access_token, refreshed.access_token, tokens.refresh_token]) assert.equal(await web.isActive(one), false)
		assertRefused(await web.refresh(tokens.refresh_token), 400, 'invalid_grant')
		assert.equal((await web.userinfo(tokens.access_token)).status, 401)
	})

	test('a second use long after its 60 seconds does so too', async () => {
		const request = await alice(web)
		const tokens = assertTokens(await web.redeem(request))
		await at(120_000, async () => {
			assertRefused(await web.redeem(request), 400, 'invalid_grant')
			assert.equal(await web.isActive(tokens.access_token), false)
		})
	})

	test('a thief without the verifier can replay it and harm nobody', async () => {
		const request = await alice(web)
		const tokens = assertTokens(await web.redeem(request))
		assertRefused(await web.redeem(request, { code_verifier: random() }), 400, 'invalid_grant')
		assert.equal(await web.isActive(tokens.access_token), true)
	})

	for (const name of ['web', 'spa'])
		test(`100 at once (${name}): one wins, and what it got is revoked`, async () => {
			const application = clientOf(CLIENTS[name]), request = await alice(application)
			const answers = await Promise.all(Array.from({ length: 100 }, () => application.redeem(request)))
			const winners = answers.filter((answer) => answer.status === 200)
			assert.equal(winners.length, 1, JSON.stringify(answers.map((answer) => answer.status)))
			for (const answer of answers) if (answer.status !== 200) assertRefused(answer, 400, 'invalid_grant')
			assert.equal((await web.userinfo(winners[0].json.access_token)).status, 401)
			assertRefused(await application.refresh(winners[0].json.refresh_token), 400, 'invalid_grant')
		})

	test('a disabled person\'s code gives nothing', async () => {
		const request = await web.code('carla', PASSWORDS.carla)
		await gateway.cli('user', 'disable', 'carla', '--tenant', 'acme')
		assertRefused(await web.redeem(request), 400, 'invalid_grant')
		await gateway.cli('user', 'enable', 'carla', '--tenant', 'acme')
		assertRefused(await web.redeem(request), 400, 'invalid_grant')
	})
})

describe('refresh_token (section 6, RFC 9700 section 4.14)', () => {
	test('none, unknown, of another kind', async () => {
		assertRefused(await web.send('/token', { grant_type: 'refresh_token' }), 400, 'invalid_request')
		const tokens = await aliceTokens(web)
		for (const text of ['x', `pas_rt_${'A'.repeat(49)}`, tokens.access_token, tokens.id_token, tokens.request.code]) assertRefused(await web.refresh(text), 400, 'invalid_grant')
	})

	test('another client\'s, or the same name at another tenant', async () => {
		const tokens = await aliceTokens(web)
		for (const thief of [clientOf(CLIENTS.post), spa, rotating, clientOf({ ...CLIENTS.web, client_secret: secretOf('other-web') }, 'other')]) assertRefused(await thief.refresh(tokens.refresh_token), 400, 'invalid_grant')
		assertTokens(await web.refresh(tokens.refresh_token))
	})

	describe('confidential clients keep theirs', () => {
		test('it stays good, again and again', async () => {
			const tokens = await aliceTokens(web)
			for (let i = 0; i < 3; i++) assert.equal(assertTokens(await web.refresh(tokens.refresh_token)).refresh_token, tokens.refresh_token)
		})
		test('14 days idle end it, use keeps it alive, 90 days end it whatever happens', async () => {
			const DAY = 86400_000, idle = await aliceTokens(web), used = await aliceTokens(web)
			await at(13 * DAY, async () => assertTokens(await web.refresh(used.refresh_token)))
			await at(15 * DAY, async () => {
				assertRefused(await web.refresh(idle.refresh_token), 400, 'invalid_grant')
				assertTokens(await web.refresh(used.refresh_token))
			})
			for (let day = 28; day < 90; day += 13) await at(day * DAY, async () => assertTokens(await web.refresh(used.refresh_token)))
			await at(90 * DAY + 1000, async () => assertRefused(await web.refresh(used.refresh_token), 400, 'invalid_grant'))
		})
		test('100 at once all work, and nothing is revoked', async () => {
			const tokens = await aliceTokens(web)
			for (const answer of await Promise.all(Array.from({ length: 100 }, () => web.refresh(tokens.refresh_token)))) assertTokens(answer)
			assertTokens(await web.refresh(tokens.refresh_token))
		})
	})

	for (const [what, make] of [['public clients', () => spa], ['a confidential client that rotates', () => rotating]])
		describe(`${what}: a new one at each use`, () => {
			test('the successor is another, of the same family', async () => {
				const application = make(), first = await aliceTokens(application)
				const second = assertTokens(await application.refresh(first.refresh_token))
				assert.notEqual(second.refresh_token, first.refresh_token)
				const third = assertTokens(await application.refresh(second.refresh_token))
				assert.equal(claimsOf(third.id_token).sub, claimsOf(first.id_token).sub)
				assert.equal(claimsOf(third.id_token).sid, claimsOf(first.id_token).sid)
				assert.equal(claimsOf(third.id_token).auth_time, claimsOf(first.id_token).auth_time)
			})
			test('a lost answer: the old one again within 30 s replaces the unused successor', async () => {
				const application = make(), first = await aliceTokens(application)
				const lost = assertTokens(await application.refresh(first.refresh_token))
				const retried = await at(25_000, async () => assertTokens(await application.refresh(first.refresh_token)))
				assert.notEqual(retried.refresh_token, lost.refresh_token)
				assertTokens(await application.refresh(retried.refresh_token))
			})
			test('the replaced successor is an old token: whoever shows it ends the family', async () => {
				const application = make(), first = await aliceTokens(application)
				const stolen = assertTokens(await application.refresh(first.refresh_token))
				const retried = assertTokens(await application.refresh(first.refresh_token))
				assertRefused(await application.refresh(stolen.refresh_token), 400, 'invalid_grant')
				assertRefused(await application.refresh(retried.refresh_token), 400, 'invalid_grant')
				assert.equal((await application.userinfo(retried.access_token)).status, 401)
			})
			test('the 30 s run from the first use, however often it is retried', async () => {
				const application = make(), first = await aliceTokens(application)
				assertTokens(await application.refresh(first.refresh_token))
				await at(25_000, async () => assertTokens(await application.refresh(first.refresh_token)))
				await at(32_000, async () => assertRefused(await application.refresh(first.refresh_token), 400, 'invalid_grant'))
			})
			test('after 30 s it revokes the family', async () => {
				const application = make(), first = await aliceTokens(application)
				const second = assertTokens(await application.refresh(first.refresh_token))
				await at(31_000, async () => {
					assertRefused(await application.refresh(first.refresh_token), 400, 'invalid_grant')
					assertRefused(await application.refresh(second.refresh_token), 400, 'invalid_grant')
					assert.equal((await application.userinfo(second.access_token)).status, 401)
				})
			})
			test('once the successor was used, the old one revokes the family at once', async () => {
				const application = make(), first = await aliceTokens(application)
				const second = assertTokens(await application.refresh(first.refresh_token))
				const third = assertTokens(await application.refresh(second.refresh_token))
				assertRefused(await application.refresh(first.refresh_token), 400, 'invalid_grant')
				assertRefused(await application.refresh(third.refresh_token), 400, 'invalid_grant')
				assert.equal((await application.userinfo(third.access_token)).status, 401)
			})
			test('100 at once: exactly one live successor', async () => {
				const application = make(), first = await aliceTokens(application)
				const answers = await Promise.all(Array.from({ length: 100 }, () => application.refresh(first.refresh_token)))
				const successors = answers.map((answer) => assertTokens(answer).refresh_token)
				assert.equal(new Set(successors).size, 100)
				let live = 0
				for (const text of successors) {
					const probe = application.method === 'none' ? await clientOf(CLIENTS.auditor).isActive(text) : await application.isActive(text)
					if (probe) live++
				}
				assert.equal(live, 1)
			})
		})

	describe('scope', () => {
		test('may narrow for one access token, and the grant stays wide', async () => {
			const tokens = await aliceTokens(web)
			const narrow = assertTokens(await web.refresh(tokens.refresh_token, { scope: 'openid wiki.read' }))
			assert.equal(narrow.scope, 'openid wiki.read')
			assert.equal(claimsOf(narrow.access_token).scope, 'openid wiki.read')
			assert.equal(claimsOf(narrow.access_token).groups, undefined)
			assert.equal(assertTokens(await web.refresh(tokens.refresh_token)).scope, web.scope)
		})
		test('never widens, and asking for more spends nothing', async () => {
			const tokens = await aliceTokens(spa, { scope: 'openid wiki.read' })
			for (const scope of ['openid wiki.read wiki.write', 'admin', 'openid  wiki.read', 'groups']) assertRefused(await spa.refresh(tokens.refresh_token, { scope }), 400, 'invalid_scope')
			assertTokens(await spa.refresh(tokens.refresh_token))
		})
	})

	describe('resource (RFC 8707 section 2.2)', () => {
		test('may narrow, never widen', async () => {
			const two = clientOf(TWO)
			const wide = (await two.redeem(await alice(two), { resource: API })).json
			assert.equal(claimsOf(wide.access_token).aud, API)
			assert.match(assertTokens(await two.refresh(wide.refresh_token, { resource: OTHER_API })).access_token, /^pas_at_/)
			const narrow = await aliceTokens(two, { resource: API })
			assertRefused(await two.refresh(narrow.refresh_token, { resource: OTHER_API }), 400, 'invalid_target')
			assertRefused(await two.refresh(narrow.refresh_token, { resource: 'https://nowhere.example' }), 400, 'invalid_target')
			assertTokens(await two.refresh(narrow.refresh_token))
		})
		test('a target that cannot be given costs no rotation', async () => {
			const rotatingTwo = { ...TWO, client_id: 'two-rotating', client_secret: secretOf('two-rotating'), refresh_token_rotation: true }
			await gateway.apply(declare({ ...tenant('acme', { clients: [...Object.keys(CLIENTS), ODD, ROTATING, LENIENT, TWO, OPAQUE, rotatingTwo] }) }))
			const two = clientOf(rotatingTwo)
			const tokens = (await two.redeem(await alice(two), { resource: API })).json
			assertRefused(await two.refresh(tokens.refresh_token), 400, 'invalid_target') // two formats at once
			await at(60_000, async () => assertTokens(await two.refresh(tokens.refresh_token, { resource: API })))
		})
	})

	test('what was granted is read anew: groups of now, not of then', async () => {
		const tokens = await web.tokens('bruno', PASSWORDS.bruno)
		const one = tenant('acme').users.find((user) => user.username === 'bruno')
		await gateway.apply(declare({ ...tenant('acme', { clients: [...Object.keys(CLIENTS), ODD, ROTATING, LENIENT, TWO, OPAQUE], users: [...tenant('acme').users.filter((user) => user !== one && user.username !== 'bruno'), { ...one, password: undefined, groups: ['changed'] }] }) }))
		assert.deepEqual(claimsOf(assertTokens(await web.refresh(tokens.refresh_token)).access_token).groups, ['changed'])
	})
})

describe('client_credentials (section 4.4)', () => {
	test('a token for the client itself: sub is client_id, no refresh token, nothing of a person', async () => {
		const answer = assertTokens(await machine.own())
		assert.deepEqual(Object.keys(answer).sort(), ['access_token', 'expires_in', 'scope', 'token_type'])
		const claims = claimsOf(answer.access_token)
		assert.deepEqual(Object.keys(claims).sort(), ['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'])
		assert.deepEqual([claims.sub, claims.client_id, claims.scope, claims.aud], ['machine', 'machine', 'wiki.read wiki.write', API])
		assert.equal(headerOf(answer.access_token).typ, 'at+jwt')
	})
	test('scopes: fewer, more, a person\'s', async () => {
		assert.equal(assertTokens(await machine.own({ scope: 'wiki.read' })).scope, 'wiki.read')
		for (const scope of ['admin', 'openid', 'wiki.read files.read', ' wiki.read']) assertRefused(await machine.own({ scope }), 400, 'invalid_scope')
		const opaque = clientOf(OPAQUE)
		assertRefused(await opaque.own({ scope: 'openid' }), 400, 'invalid_scope')
		assert.equal(assertTokens(await opaque.own()).scope, 'wiki.read', 'none asked: those that speak of no person')
	})
	test('resources', async () => {
		assertRefused(await machine.own({ resource: OTHER_API }), 400, 'invalid_target')
		assert.equal(claimsOf(assertTokens(await machine.own({ resource: API })).access_token).aud, API)
	})
	test('is no person: userinfo refuses it', async () => {
		const answer = await machine.userinfo(assertTokens(await machine.own()).access_token)
		assert.equal(answer.status, 403)
		assert.equal((await answer.json()).error, 'insufficient_scope')
	})
	test('opaque ones are stored, live and die', async () => {
		const opaque = clientOf(OPAQUE), { access_token } = assertTokens(await opaque.own())
		assert.match(access_token, /^pas_at_/)
		assert.equal((await opaque.introspect(access_token)).json.sub, OPAQUE.client_id)
		await at(601_000, async () => assert.equal(await opaque.isActive(access_token), false))
		assert.equal((await opaque.revoke(access_token)).status, 200)
		assert.equal(await opaque.isActive(access_token), false)
	})
	test('public clients have none', async () => assertRefused(await token({ ...GRANT, client_id: 'spa' }), 401, 'invalid_client'))
})
