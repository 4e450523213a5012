// OAuth 2.0 Form Post Response Mode: the answer travels in the body of a POST that the browser sends by itself, or, without JavaScript, by a button. Errors
// take the same way. What is left of a redirect's address is nothing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { hasChromium, launch } from './lib/chromium.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const NATIVE = { client_id: 'native', client_name: 'Desktop', token_endpoint_auth_method: 'none', application_type: 'native', grant_types: ['authorization_code'], scope: 'openid',
	redirect_uris: ['http://127.0.0.1/cb', 'com.example.app:/cb'] }
const MODE = { response_mode: 'form_post' }

let gateway, web, asking, native, application, received
before(async () => {
	received = []
	application = createServer((request, response) => {
		let body = ''
		request.on('data', (piece) => { body += piece }).on('end', () => {
			if (request.method === 'POST') received.push({ url: request.url, body: Object.fromEntries(new URLSearchParams(body)) })
			response.end('<!doctype html><html lang="en"><title>The application</title><p>Welcome back</p>')
		})
	}).listen(0, '127.0.0.1')
	await once(application, 'listening')
	const there = { redirect_uris: [`http://localhost:${application.address().port}/cb?kept=1`] }
	const clients = [{ ...CLIENTS.web, ...there }, { ...CLIENTS.asking, ...there }, NATIVE]
	gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients })) })
	;[web, asking, native] = clients.map((one) => new Application(gateway, 'acme', one))
})
after(async () => {
	await gateway?.stop()
	application?.close()
	application?.closeAllConnections()
})

/** The page that carries an answer: 200, its form goes to the redirect URI, and the policy lets just that happen. */
function assertCarries(page, request, fields) {
	assert.equal(page.status, 200, page.text)
	assert.equal(page.location, undefined)
	assert.equal(page.form.action, request.redirect)
	assert.deepEqual(Object.keys(page.form.fields).sort(), [...fields, 'iss', ...(request.state === undefined ? [] : ['state'])].sort())
	assert.equal(page.form.fields.iss, web.issuer)
	assert.equal(page.form.fields.state, request.state)
	assert.match(page.text, /<form method="post"/)
	assert.match(page.text, /<button type="submit"/, 'whoever runs no scripts presses it')
	assert.equal(page.headers.get('cache-control'), 'no-store')
	const policy = page.headers.get('content-security-policy')
	assert.match(policy, /; script-src 'sha256-[A-Za-z0-9+/]{43}='; /)
	assert.match(policy, new RegExp(`form-action 'self' ${new URL(request.redirect).origin}$`))
	assert.match(policy, /default-src 'none'/)
}

describe('the answer', () => {
	test('is a page whose form holds code, state and iss; the code is good', async () => {
		const request = web.begin(MODE), browser = new Browser()
		const page = await browser.signIn(await browser.open(request.url), 'alice', PASSWORDS.alice)
		assertCarries(page, request, ['code'])
		assert.equal((await web.redeem({ ...request, code: page.form.fields.code })).status, 200)
		const again = web.begin(MODE)
		assertCarries(await browser.open(again.url), again, ['code'])
	})
	for (const state of ['"><script>alert(1)</script>', '\' onfocus=\'x', '&amp;&#39;', '{{code}}', 'é', '`', '</form>'])
		test(`state ${JSON.stringify(state)} comes back as it was`, async () => {
			const page = await new Browser().open(web.begin({ ...MODE, state, prompt: 'none' }).url)
			assert.equal(page.form.fields.state, state)
			assert.equal(page.text.match(/<script/g).length, 1)
		})
	test('speaks the language that ui_locales asked for', async () => {
		assert.match((await new Browser().open(web.begin({ ...MODE, prompt: 'none', ui_locales: 'fr' }).url)).text, /Retour à/)
	})
	test('after consent too', async () => {
		const request = asking.begin(MODE), browser = new Browser()
		const page = await browser.signIn(await browser.open(request.url), 'alice', PASSWORDS.alice)
		assertCarries(await browser.submit(page, { approve: 'yes' }), request, ['code'])
	})
	test('and for a request that came by POST', async () => {
		const request = web.begin({ ...MODE, prompt: 'none' })
		assertCarries(await new Browser().open(`${web.issuer}/authorize`, { form: request.form }), request, ['error', 'error_description'])
	})
})

describe('errors take the same way', () => {
	for (const [what, parameters, error] of [['scope', { scope: 'admin' }, 'invalid_scope'], ['prompt=none', { prompt: 'none' }, 'login_required'], ['response_type', { response_type: 'token' }, 'unsupported_response_type'],
		['a state that is too long', { nonce: 'x'.repeat(1025) }, 'invalid_request'], ['request', { request: 'x' }, 'request_not_supported']])
		test(what, async () => {
			const request = web.begin({ ...MODE, ...parameters })
			const page = await new Browser().request(request.url)
			assertCarries(page, request, ['error', 'error_description'])
			assert.equal(page.form.fields.error, error)
		})
	test('cancelled', async () => {
		const request = web.begin(MODE), browser = new Browser()
		const page = await browser.submit(await browser.open(request.url), { cancel: 'yes' })
		assertCarries(page, request, ['error', 'error_description'])
		assert.equal(page.form.fields.error, 'access_denied')
	})
	test('but before the redirect URI is proved there is no form', async () => {
		const page = await new Browser().request(web.begin({ ...MODE, redirect_uri: 'https://evil.example/' }).url)
		assert.equal(page.status, 400)
		assert.equal(page.form, undefined)
		assert.doesNotMatch(page.headers.get('content-security-policy'), /script-src|evil/)
	})
})

test('a program behind a private-use scheme sees no body: refused, by its own address', async () => {
	const page = await new Browser().request(native.begin({ ...MODE, redirect_uri: 'com.example.app:/cb' }).url)
	assert.equal(page.location.searchParams.get('error'), 'invalid_request')
	assert.ok((await new Browser().open(native.begin({ ...MODE, redirect_uri: 'http://127.0.0.1:5000/cb' }).url)).form)
})

test('discovery says so', async () => {
	const metadata = await (await fetch(`${web.issuer}/.well-known/openid-configuration`)).json()
	assert.deepEqual(metadata.response_modes_supported, ['query', 'form_post'])
})

describe('in a real browser', { skip: hasChromium ? false : 'no Chromium here' }, () => {
	for (const javaScriptEnabled of [true, false])
		test(javaScriptEnabled ? 'the page sends itself' : 'without scripts its button does', async () => {
			const chromium = await launch()
			try {
				const page = await (await chromium.newContext({ javaScriptEnabled, locale: 'en-GB' })).newPage()
				const request = web.begin(MODE), before = received.length
				await page.goto(request.url)
				await page.fill('[name=username]', 'alice')
				await page.fill('[name=password]', PASSWORDS.alice)
				await page.click('button:has-text("Sign in")')
				if (!javaScriptEnabled) await page.click('button:has-text("Continue")')
				await page.waitForURL(`http://localhost:${application.address().port}/cb?kept=1`)
				await until('the POST', () => received.length > before)
				const [{ url, body }] = received.slice(before)
				assert.equal(url, '/cb?kept=1')
				assert.deepEqual([body.state, body.iss], [request.state, web.issuer])
				assert.equal((await web.redeem({ ...request, code: body.code })).status, 200)
			} finally {
				await chromium.close()
			}
		})
})
