// SAML as people meet it, in a real Chromium, with scripts and without: the answer is posted from another site, so both sides speak https, as browsers want it for cookies
// that go along then. The provider is SimpleSAMLphp, and samlp once.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, basic, claimsOf } from './lib/application.mjs'
import { hasChromium, launch, startCallback } from './lib/chromium.mjs'
import { ask } from './lib/raw.mjs'
import { SamlPeer } from './lib/saml_peer.mjs'
import { Samlp } from './lib/samlp.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'
import { SimpleSaml, hasSimpleSaml } from './lib/simplesaml.mjs'

const skip = !hasChromium ? 'no Chromium here' : !hasSimpleSaml ? 'no SimpleSAMLphp here (packages simplesamlphp, php-cli)' : false
const PEOPLE = { 'ada': { attributes: { mail: ['ada@partner.example'], displayName: ['Adélaïde Ünal'], memberOf: ['wiki'] } } }
const PASSWORD = 'ada\'s password'

let folder, gateway, ssp, samlp, chromium, callback, web
before(async () => {
	if (skip) return
	folder = mkdtempSync(join(tmpdir(), 'passerelle-saml-browser-'))
	const pair = { certificate: join(folder, 'gateway.pem'), key: join(folder, 'gateway.key') }
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=gateway', '-addext', 'subjectAltName=IP:127.0.0.1',
		'-keyout', pair.key, '-out', pair.certificate], { stdio: 'ignore' })
	callback = await startCallback()
	// To a browser, localhost is another site than 127.0.0.1.
	ssp = await SimpleSaml.start(PEOPLE, { tls: true, host: 'localhost' })
	samlp = await Samlp.start(PEOPLE, { tls: true, host: 'localhost' })
	web = { ...CLIENTS.web, redirect_uris: [`${callback.origin}/cb`], post_logout_redirect_uris: [`${callback.origin}/bye`], claims_in_id_token: true }
	const acme = tenant('acme', { clients: [web], users: [], providers: [ssp.provider('ssp', { display_name: 'The university', metadata: await ssp.metadata() }),
		ssp.provider('posted', { display_name: 'By POST', binding: 'post', metadata: await ssp.metadata() }), samlp.provider('samlp', { display_name: 'The partner', metadata: await samlp.metadata() })] })
	gateway = await Gateway.start({ config: { tls: [pair] }, declaration: declare(acme) })
	await SamlPeer.trust(gateway, [acme])
	chromium = await launch()
})
after(async () => {
	await chromium?.close()
	await Promise.all([callback, gateway, ssp, samlp].map((one) => one?.stop()))
	if (folder) rmSync(folder, { recursive: true, force: true })
})

/** A browser profile of its own; where it stood is told when it fails. */
async function visit(options, work) {
	const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', ...options }), page = await context.newPage(), console = []
	page.setDefaultTimeout(10_000)
	page.on('console', (message) => console.push(message.text()))
	try {
		await work(page, context)
	} catch (error) {
		error.message += `\nat ${page.url()}: ${(await page.textContent('body').catch(() => '')).replace(/\s+/g, ' ').slice(0, 600)}\n${console.join('\n')}\n`
			+ JSON.stringify((await gateway.rows('acme')).slice(-4).map(({ event, reason, provider }) => [event, reason, provider]))
		throw error
	} finally {
		await context.close()
	}
}
const begin = (more) => new Application(gateway, 'acme', web).begin(more)
/** A page of a form that carries a message, which without scripts waits for a click. */
async function sendOn(page, scripts) {
	if (!scripts) await page.locator('form button:visible, form input[type=submit]:visible').first().click()
}
const there = (page, peer) => page.waitForURL((url) => url.origin === peer.origin)
async function signInThere(page, peer, scripts) {
	await there(page, peer)
	if (peer === ssp) {
		await page.fill('[name=username]', 'ada')
		await page.fill('[name=password]', PASSWORD)
		await page.keyboard.press('Enter')
	} else {
		await page.fill('[name=login]', 'ada')
		await page.click('[name=go]')
	}
	if (!scripts) await page.waitForSelector('[name=SAMLResponse]', { state: 'attached' })
	await sendOn(page, scripts)
}
async function tokensOf(page, request) {
	await page.waitForURL(`${callback.origin}/cb**`)
	const { code, state } = Object.fromEntries(new URL(page.url()).searchParams)
	assert.ok(code, page.url())
	assert.equal(state, request.state)
	const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: request.redirect, code_verifier: request.verifier }).toString()
	const answer = await ask(`${gateway.issuer('acme')}/token`, { method: 'POST', body, headers: { ...basic(web.client_id, web.client_secret), 'Content-Type': 'application/x-www-form-urlencoded' } })
	assert.equal(answer.status, 200, answer.text)
	return answer.json
}

for (const scripts of [true, false])
	describe(scripts ? 'with scripts' : 'without scripts', { skip }, () => {
		for (const [name, label] of [['ssp', 'The university'], ['posted', 'By POST'], ['samlp', 'The partner']])
			test(`${name}: from the button on the sign-in page to the application`, () => visit({ javaScriptEnabled: scripts }, async (page) => {
				const peer = name === 'samlp' ? samlp : ssp, request = begin()
				await page.goto(request.url)
				await page.locator('a, button', { hasText: label }).first().click()
				if (name === 'posted') await sendOn(page, scripts)
				await signInThere(page, peer, scripts)
				const { id_token: id } = await tokensOf(page, request)
				assert.deepEqual([claimsOf(id).idp, claimsOf(id).name], [name, 'Adélaïde Ünal'])
			}))

		test('signing out here signs out there', () => visit({ javaScriptEnabled: scripts }, async (page) => {
			const request = begin({ idp_hint: 'ssp' })
			await page.goto(request.url)
			await signInThere(page, ssp, scripts)
			const tokens = await tokensOf(page, request)
			await page.goto(`${gateway.issuer('acme')}/logout?${new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: `${callback.origin}/bye` })}`)
			await page.waitForURL(`${callback.origin}/bye**`)
			await page.goto(begin({ idp_hint: 'ssp' }).url)
			await there(page, ssp)
			assert.ok(await page.isVisible('[name=password]'), 'asked again')
		}))

		test('signing out there signs out here', () => visit({ javaScriptEnabled: scripts }, async (page) => {
			const request = begin({ idp_hint: 'ssp' })
			await page.goto(request.url)
			await signInThere(page, ssp, scripts)
			await tokensOf(page, request)
			await page.goto(ssp.leaveUrl())
			await there(page, ssp)
			await page.goto(begin().url)
			assert.equal(new URL(page.url()).origin, gateway.base)
			assert.ok(await page.isVisible('text=The university'), 'the sign-in page again')
		}))
	})

describe('cookies', { skip }, () => {
	test('the flow\'s goes along from another site, the session\'s does not', () => visit({}, async (page, context) => {
		const request = begin({ idp_hint: 'ssp' })
		await page.goto(request.url)
		await there(page, ssp)
		const flow = (await context.cookies(gateway.base)).filter((one) => one.name.startsWith('__Host-'))
		assert.ok(flow.length > 0 && flow.every((one) => one.secure && one.httpOnly), JSON.stringify(flow))
		assert.ok(flow.some((one) => one.sameSite === 'None'), JSON.stringify(flow))
		await signInThere(page, ssp, true)
		await tokensOf(page, request)
		const session = (await context.cookies(gateway.base)).find((one) => one.name.includes('psr_s_'))
		assert.equal(session?.sameSite, 'Lax')
	}))
})

describe('over http', { skip }, () => {
	let plain, near, far
	before(async () => {
		if (skip) return
		near = await Samlp.start(PEOPLE)
		far = await Samlp.start(PEOPLE, { host: 'localhost' })
		const acme = tenant('acme', { clients: [web], users: [], providers: [near.provider('near', { metadata: await near.metadata() }), far.provider('far', { metadata: await far.metadata() })] })
		plain = await Gateway.start({ declaration: declare(acme) })
		await SamlPeer.trust(plain, [acme])
	})
	after(() => Promise.all([plain, near, far].map((one) => one?.stop())))

	for (const [name, good] of [['near', true], ['far', false]])
		test(good ? 'a provider of the same site answers' : 'an answer from another site comes without its cookie, and a page says what to do', () => visit({}, async (page) => {
			await page.goto(new Application(plain, 'acme', web).begin({ idp_hint: name }).url)
			await page.fill('[name=login]', 'ada')
			await page.click('[name=go]')
			if (good) return page.waitForURL(`${callback.origin}/cb?code=**`)
			await page.waitForURL(`${plain.issuer('acme')}/saml/far/acs`)
			const reference = (await page.textContent('code')).trim()
			assert.equal((await plain.explain('acme', reference)).reason, 'flow_foreign')
		}))
})
