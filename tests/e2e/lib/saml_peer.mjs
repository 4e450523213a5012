// What every SAML identity provider of the tests has in common: keys, a front with or without TLS in which everything it was asked is kept, and one fault at a time,
// done to a message on its way out.
//
// A fault is an object with some of
//   xml(text, peer)                the message before it is signed again, where it was signed before
//   sign: ['Assertion', …]         … or there
//   key: makeKey(…)                … by that key
//   algorithms: { signature, … }   … in that way
//   text(text, peer)               the message last of all
//   form(fields, peer)             what the browser carries back (URLSearchParams), in a form or in an address
//   raw(request, response, peer)   the bare answer, with `only`, a pattern of the paths that it is for
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from './raw.mjs'
import { escape, inflated, makeKey, posted, signed, signedOf, unescape, unsigned } from './saml_messages.mjs'

const MESSAGES = ['SAMLResponse', 'SAMLRequest']
const field = (name) => new RegExp(`(name="${name}"\\s*value=")([^"]*)(")`)

/** A certificate authority and a server's certificate for loopback. */
function certificate(folder) {
	const openssl = (...words) => execFileSync('openssl', words, { stdio: 'ignore', cwd: folder })
	const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
	openssl('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=The provider\'s authority', '-keyout', 'ca.key', '-out', 'ca.pem')
	openssl('req', ...ec, '-subj', '/CN=provider', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', 'server.key', '-out', 'server.csr')
	openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy', '-out', 'server.pem')
	return { key: readFileSync(join(folder, 'server.key')), cert: readFileSync(join(folder, 'server.pem')) }
}

export class SamlPeer {
	static #asked = new Map() // providers of declarations → whom they ask
	#server
	calls = []
	fault = {}
	/** What left with the browser: { parameter, by, xml, relayState }, oldest first; `by` is form or address. */
	sent = []

	/** `people`: { name: { password, attributes: { name: [values] } } }. */
	constructor(people) {
		this.folder = mkdtempSync(join(tmpdir(), 'passerelle-saml-'))
		this.people = Object.fromEntries(Object.entries(people).map(([name, person]) => [name, { password: `${name}'s password`, ...person }]))
		this.pair = makeKey(this.folder, 'idp')
	}

	/** `host`: 127.0.0.1, or localhost, which to a browser is another site. */
	async listen({ tls = false, host = '127.0.0.1' } = {}) {
		const serve = (request, response) => this.#serve(request, response)
		this.#server = tls ? createTlsServer(certificate(this.folder), serve) : createServer(serve)
		this.#server.listen(0, '127.0.0.1')
		await once(this.#server, 'listening')
		this.origin = `${tls ? 'https' : 'http'}://${host}:${this.#server.address().port}`
	}

	get authority() { return join(this.folder, 'ca.pem') }
	/** What it was asked at that path. */
	asked(path) { return this.calls.filter((call) => call.path === path) }
	/** The message that it was last sent, as XML. */
	get received() {
		const { query, form } = this.calls.findLast((call) => MESSAGES.some((name) => call.query[name] ?? call.form[name]))
		const name = MESSAGES.find((one) => query[one] ?? form[one])
		return form[name] ? posted(form[name]) : inflated(query[name])
	}
	async metadata() { return (await ask(this.metadataUrl)).text }

	/** A provider of a declaration that asks it. By default the metadata is fetched. */
	provider(name, more = {}) {
		const given = ['metadata', 'metadata_file', 'metadata_url'].some((key) => more[key])
		const provider = { name, type: 'saml', ...(given ? {} : { metadata_url: this.metadataUrl }), ...more }
		SamlPeer.#asked.set(provider, this)
		return provider
	}

	/** Tells every peer of the services that these tenants' providers are to it. `options`: by provider's name, what the peer does otherwise there. */
	static async trust(gateway, tenants, options = {}) {
		for (const { name, providers } of tenants)
			for (const one of providers) {
				const metadata = await ask(`${gateway.issuer(name)}/saml/${one.name}/metadata`)
				if (metadata.status !== 200) throw new Error(`metadata of ${name}/${one.name}: ${metadata.status} ${metadata.text}`)
				SamlPeer.#asked.get(one)?.trust(metadata.text, options[one.name])
			}
	}

	async stop() {
		this.#server?.close()
		this.#server?.closeAllConnections()
		rmSync(this.folder, { recursive: true, force: true })
	}

	async #serve(request, response) {
		const url = new URL(request.url, this.origin), body = await bytesOf(request), form = Object.fromEntries(new URLSearchParams(body.toString()))
		const call = { path: url.pathname, method: request.method, query: Object.fromEntries(url.searchParams), search: url.search, form, body: body.toString(), headers: request.headers }
		this.calls.push(call)
		try {
			if (this.fault.raw && (this.fault.only ?? /./).test(url.pathname)) return await this.fault.raw(request, response, this)
			const answer = await this.answer(request, body, call)
			const page = /html/.test(answer.headers['content-type']) ? this.#page(answer.body.toString()) : answer.body
			response.writeHead(answer.status, this.#headers(answer)).end(page)
		} catch (error) {
			call.error = error
			if (!response.headersSent) response.writeHead(500, { 'Content-Type': 'text/plain' }).end(`the rig: ${error.stack}`)
		}
	}

	#headers({ headers }) {
		const { 'content-length': length, 'transfer-encoding': encoding, connection, ...rest } = headers
		if (rest.location) rest.location = this.#address(rest.location)
		return rest
	}

	/** The forms of a page, with the fault in it. */
	#page(page) {
		const parameter = MESSAGES.find((one) => field(one).test(page))
		if (!parameter) return page
		const fields = new URLSearchParams()
		for (const name of [parameter, 'RelayState']) if (field(name).test(page)) fields.append(name, unescape(page.match(field(name))[2]))
		const xml = this.#faulty(posted(fields.get(parameter)))
		this.sent.push({ parameter, by: 'form', xml, relayState: fields.get('RelayState') })
		fields.set(parameter, Buffer.from(xml).toString('base64'))
		const all = this.fault.form?.(fields, this) ?? fields
		const inputs = [...all].map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`).join('')
		return page.replace(new RegExp(`<input\\b[^>]*?${field('RelayState').source}[^>]*>`), '').replace(new RegExp(`<input\\b[^>]*?${field(parameter).source}[^>]*>`), () => inputs)
	}

	/** A redirect that carries a message. Its signature is over the query, so it is left alone but for `form`. */
	#address(location) {
		const url = new URL(location, this.origin), parameter = MESSAGES.find((one) => url.searchParams.has(one))
		if (!parameter || url.origin === this.origin) return location
		this.sent.push({ parameter, by: 'address', xml: inflated(url.searchParams.get(parameter)), relayState: url.searchParams.get('RelayState') })
		if (this.fault.form) url.search = `${this.fault.form(url.searchParams, this) ?? url.searchParams}`
		return url.href
	}

	#faulty(xml) {
		const { xml: change, sign, key, algorithms, text } = this.fault
		let now = xml
		if (change || sign || key || algorithms) {
			now = change?.(unsigned(xml), this) ?? unsigned(xml)
			for (const element of sign ?? signedOf(xml)) now = signed(now, element, key ?? this.pair, algorithms)
		}
		return text?.(now, this) ?? now
	}
}

/** A message under way in a page's form: it goes on by being submitted. */
export const carries = (page) => MESSAGES.some((one) => page.form?.fields[one] !== undefined)

/** As a person without scripts goes: signs in as `who` where a peer asks, and sends on every form that carries a message, until neither stands there. With `hold`, the
 * answer is left in its form. */
export async function walk(browser, page, peers, who, { hold = false } = {}) {
	let here = page
	for (let hop = 0; here.form; hop++) {
		if (hop > 8) throw new Error(`going round in circles, at ${here.url}`)
		if (hold && here.form.fields.SAMLResponse !== undefined) break
		const peer = peers.find((one) => one.origin === here.url.origin)
		if (carries(here)) here = await browser.submit(here)
		else if (peer && here.form.fields.username !== undefined) here = await browser.submit(here, { username: who, password: peer.people[who]?.password ?? 'nobody\'s' })
		else if (peer && here.form.fields.login !== undefined) here = await browser.submit(here, { login: who })
		else break
	}
	return here
}

export async function bytesOf(stream) {
	const pieces = []
	for await (const piece of stream) pieces.push(piece)
	return Buffer.concat(pieces)
}
