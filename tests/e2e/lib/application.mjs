// An application as the specifications describe it, with every parameter in the test's hand: the polite one is openid-client, in code_flow.test.mjs.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Browser } from './browser.mjs'

export const random = () => randomBytes(32).toString('base64url')
export const challengeOf = (verifier) => createHash('sha256').update(verifier).digest('base64url')
export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'))
export const headerOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'))

/** RFC 6749 section 2.3.1: both halves form-encoded, then joined. */
const formEncode = (text) => new URLSearchParams({ x: text }).toString().slice(2)
export const basic = (id, secret) => ({ Authorization: `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString('base64')}` })

export async function post(address, form, headers = {}) {
	const body = typeof form === 'string' ? form : new URLSearchParams(form)
	const response = await fetch(address, { method: 'POST', body, redirect: 'manual',
		headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers } })
	const text = await response.text()
	let json
	try { json = JSON.parse(text) } catch { /* stays undefined */ }
	return { status: response.status, headers: response.headers, text, json }
}

/** The error answer of RFC 6749 section 5.2, whole: status, body, headers. */
export function assertRefused(answer, status, error) {
	assert.deepEqual([answer.status, answer.json?.error], [status, error], answer.text)
	assert.match(answer.json.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
	assert.match(answer.json.error_ref, /^[a-z2-7]{10}$/)
	assert.deepEqual(Object.keys(answer.json).sort(), ['error', 'error_description', 'error_ref'])
	assert.match(answer.headers.get('content-type'), /^application\/json/)
	assert.equal(answer.headers.get('cache-control'), 'no-store')
	assert.equal(answer.headers.has('www-authenticate'), status === 401, answer.text)
}

/** A declared client at a tenant of a running gateway. */
export class Application {
	constructor(gateway, tenant, declared) {
		Object.assign(this, { gateway, issuer: gateway.issuer(tenant), id: declared.client_id, secret: declared.client_secret,
			method: declared.token_endpoint_auth_method ?? 'client_secret_basic', redirect: declared.redirect_uris?.[0], scope: declared.scope })
	}

	/** An authorization request: its address and what the application keeps beside it. Parameters given as undefined are left out, lists are repeated. */
	begin(parameters = {}) {
		const verifier = random(), state = random()
		const all = { client_id: this.id, redirect_uri: this.redirect, response_type: 'code', scope: this.scope, state, code_challenge: challengeOf(verifier),
			code_challenge_method: 'S256', ...parameters }
		const form = new URLSearchParams()
		for (const [name, value] of Object.entries(all))
			for (const one of [value].flat()) if (one !== undefined) form.append(name, one)
		return { url: `${this.issuer}/authorize?${form}`, form, verifier, state: all.state, redirect: all.redirect_uri }
	}

	/** A person signs in; the code and what it needs to be redeemed. */
	async code(username, password, parameters = {}, browser = new Browser()) {
		const request = this.begin(parameters)
		let page = await browser.open(request.url)
		if (page.form?.fields.password !== undefined) page = await browser.signIn(page, username, password)
		if (page.form?.buttons.includes('approve')) page = await browser.submit(page, { approve: 'yes' })
		assert.ok(page.answer?.code, `no code: ${page.status} ${page.location ?? page.text}`)
		return { ...request, browser, page, code: page.answer.code }
	}

	/** Parameters and headers that authenticate this client by its registered method. */
	credentials() {
		if (this.method === 'none') return [{ client_id: this.id }, {}]
		if (this.method === 'client_secret_post') return [{ client_id: this.id, client_secret: this.secret }, {}]
		return [{}, basic(this.id, this.secret)]
	}

	async send(path, form) {
		const [fields, headers] = this.credentials()
		const body = new URLSearchParams(fields)
		for (const [name, value] of Object.entries(form))
			for (const one of [value].flat()) if (one !== undefined) body.append(name, one)
		return post(`${this.issuer}${path}`, body.toString(), headers)
	}

	redeem(request, more = {}) {
		return this.send('/token', { grant_type: 'authorization_code', code: request.code, redirect_uri: request.redirect, code_verifier: request.verifier, ...more })
	}
	refresh(token, more = {}) { return this.send('/token', { grant_type: 'refresh_token', refresh_token: token, ...more }) }
	introspect(token, more = {}) { return this.send('/introspect', { token, ...more }) }
	revoke(token, more = {}) { return this.send('/revoke', { token, ...more }) }
	own(more = {}) { return this.send('/token', { grant_type: 'client_credentials', ...more }) }

	/** From nothing to tokens. */
	async tokens(username, password, parameters, browser) {
		const request = await this.code(username, password, parameters, browser)
		const answer = await this.redeem(request)
		assert.equal(answer.status, 200, answer.text)
		return { ...answer.json, request, browser: request.browser }
	}

	async isActive(token) {
		const answer = await this.introspect(token)
		assert.equal(answer.status, 200, answer.text)
		if (!answer.json.active) assert.equal(answer.text, '{"active":false}')
		return answer.json.active
	}

	userinfo(token) { return fetch(`${this.issuer}/userinfo`, { headers: { Authorization: `Bearer ${token}` } }) }
}
