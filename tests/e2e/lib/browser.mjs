// A browser of a few lines: cookies by host, redirects inside the gateway, forms. What leaves the gateway's origin is not followed, but to origins that the test
// names (an upstream provider's): an application's callback is read from the address. Real browsers are in browser.test.mjs.
import assert from 'node:assert/strict'
import { ask } from './raw.mjs'

const unescape = (text) => text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#39;', "'").replaceAll('&#x27;', "'").replaceAll('&#96;', '`').replaceAll('&amp;', '&')
const attribute = (tag, name) => {
	const found = tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1]
	return found === undefined ? undefined : unescape(found)
}

export class Page {
	constructor(url, response, text) {
		Object.assign(this, { url, status: response.status, headers: response.headers, text })
		// A page that leaves by itself is, to a person, a redirect (Refresh: 0).
		const location = response.headers.get('location') ?? response.headers.get('refresh')?.match(/^0;url=(.*)$/)?.[1] ?? null
		/** Where the answer sends the browser. */
		this.location = location === null ? undefined : new URL(location, url)
	}
	/** Parameters of the redirect: what an application reads at its callback. */
	get answer() { return this.location && Object.fromEntries(this.location.searchParams) }
	get title() { return unescape(this.text.match(/<title>([\s\S]*?)<\/title>/)?.[1] ?? '') }
	get reference() { return this.text.match(/<code>(?:<bdi>)?([a-z2-7]{10})</)?.[1] }
	get form() {
		const text = this.text.match(/<form\b[\s\S]*?<\/form>/)?.[0]
		if (!text) return undefined
		const inputs = [...text.matchAll(/<input\b[^>]*>/g)].map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? ''])
		const buttons = [...text.matchAll(/<button\b[^>]*>/g)].map(([tag]) => attribute(tag, 'name')).filter(Boolean)
		return { action: new URL(attribute(text, 'action') ?? '', this.url).href, fields: Object.fromEntries(inputs.filter(([name]) => name)), buttons }
	}
	get problem() { return /role="alert"/.test(this.text) }
}

export class Browser {
	cookies = new Map()

	/** `from`: the loopback address it connects from, where addresses are throttled. `beyond`: origins that it also goes to, and comes back from. */
	constructor({ headers = {}, from, beyond = [] } = {}) {
		Object.assign(this, { from, beyond })
		this.headers = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', Accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...headers }
	}

	#header() { return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') }

	#keep(text) {
		const [pair, ...attributes] = text.split('; ')
		const at = pair.indexOf('=')
		if (attributes.some((one) => /^max-age=0$|^expires=Thu, 01 Jan 1970/i.test(one))) this.cookies.delete(pair.slice(0, at))
		else this.cookies.set(pair.slice(0, at), pair.slice(at + 1))
	}

	/** One request, no redirect followed. */
	async request(address, { form, headers = {}, method } = {}) {
		const url = new URL(address)
		const body = form && (form instanceof URLSearchParams ? form : new URLSearchParams(form))
		const cookies = this.#header()
		const answer = await ask(url, { method: method ?? (body ? 'POST' : 'GET'), body: body?.toString(), from: this.from, headers: { ...this.headers, ...(cookies ? { Cookie: cookies } : {}),
			...(body ? { Origin: url.origin, 'Content-Type': 'application/x-www-form-urlencoded' } : {}), ...headers } })
		const response = { status: answer.status, headers: new Headers(Object.entries(answer.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]))) }
		for (const cookie of response.headers.getSetCookie()) this.#keep(cookie)
		return new Page(url, response, answer.text)
	}

	/** As a person sees it: redirects are followed until a page stands there or the gateway is left. */
	async open(address, options) {
		let page = await this.request(address, options)
		if (!this.beyond.includes(page.url.origin)) this.home = page.url.origin
		for (let hop = 0; page.location && this.#follows(page); hop++) {
			assert.ok(hop < 15, `too many redirects, last to ${page.location}`)
			if (page.url.origin === this.home && !page.headers.get('refresh')) assert.equal(page.status, 303, 'every redirect of ours is a 303')
			page = await this.request(page.location)
		}
		return page
	}

	#follows({ location, url }) { return [url.origin, this.home, ...this.beyond].includes(location.origin) }

	/** Sends the page's form with fields filled in, or left out where undefined. */
	async submit(page, fields = {}) {
		assert.ok(page.form, `no form at ${page.url}:\n${page.text}`)
		const all = { ...page.form.fields, ...fields }
		for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name]
		return this.open(page.form.action, { form: all, headers: { Origin: page.url.origin } })
	}

	async signIn(page, username, password) { return this.submit(page, { username, password }) }
}
