// The demo of ./dev run as a person meets it: gateway, resource server and application started by examples/run on ports of their own, a browser of a
// few lines (cookies by host and port, redirects, forms), and then the same again on the store that is there.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { freePort } from './lib/gateway.mjs'

const top = resolve(fileURLToPath(import.meta.url), '../../..')
const folder = mkdtempSync(join(tmpdir(), 'passerelle-demo-'))
const environment = {
	...process.env,
	DEMO_DIR: folder,
	PASSERELLE: process.env.PASSERELLE ?? join(top, 'build-test/passerelle'),
	RESOURCE_SERVER: process.env.RESOURCE_SERVER ?? join(top, 'build-test/examples/resource-server/resource-server'),
}

/** Runs the demo until it says where it is. */
async function startDemo() {
	const child = spawn(join(top, 'examples/run'), { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
	let text = ''
	child.stderr.on('data', (piece) => { text += piece })
	for await (const piece of child.stdout) {
		text += piece
		if (text.includes('Ctrl-C ends')) break
	}
	const find = (name) => text.match(new RegExp(`${name} +(\\S+)`))?.[1] ?? assert.fail(`no ${name} in: ${text}\n${logs()}`)
	return { child, address: find('Open'), user: find('User'), password: find('Password') }
}
const logs = () => ['apply', 'gateway', 'resource-server', 'demo-app'].map((name) => join(folder, `${name}.log`)).filter(existsSync)
	.map((path) => `${path}:\n${readFileSync(path, 'utf8').slice(-3000)}`).join('\n')

async function stopDemo({ child }) {
	child.kill('SIGINT')
	const [code] = await once(child, 'exit')
	assert.equal(code, 130)
	for (const port of [environment.GATEWAY_PORT, environment.RESOURCE_PORT, environment.DEMO_PORT]) {
		await assert.rejects(fetch(`http://127.0.0.1:${port}/`), `port ${port} still answers`)
	}
	assert.doesNotMatch(readFileSync(join(folder, 'gateway.log'), 'utf8') + readFileSync(join(folder, 'resource-server.log'), 'utf8'), /ERROR: (Address|Leak)Sanitizer|runtime error:/)
}

class Browser {
	#cookies = new Map()

	async open(address, form) {
		let url = new URL(address)
		let body = form && new URLSearchParams(form)
		for (let hop = 0; hop < 12; hop++) {
			const cookies = [...(this.#cookies.get(url.host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
			const response = await fetch(url, { method: body ? 'POST' : 'GET', body, redirect: 'manual',
				headers: { ...(cookies ? { Cookie: cookies } : {}), ...(body ? { Origin: url.origin, 'Sec-Fetch-Site': 'same-origin' } : {}) } })
			for (const cookie of response.headers.getSetCookie()) this.#keep(url.host, cookie)
			const text = await response.text()
			if (![301, 302, 303, 307].includes(response.status)) return { url, status: response.status, text, type: response.headers.get('content-type') }
			url = new URL(response.headers.get('location'), url)
			body = response.status === 307 ? body : undefined
		}
		assert.fail(`too many redirects, last to ${url}`)
	}

	#keep(host, cookie) {
		const [pair, ...attributes] = cookie.split('; ')
		const at = pair.indexOf('=')
		const jar = this.#cookies.get(host) ?? new Map()
		if (attributes.some((one) => /^max-age=0$/i.test(one))) jar.delete(pair.slice(0, at))
		else jar.set(pair.slice(0, at), pair.slice(at + 1))
		this.#cookies.set(host, jar)
	}

	/** Sends the form of a page that holds a word, with fields filled in. */
	submit(page, word, fields = {}) {
		const form = page.text.match(/<form\b[\s\S]*?<\/form>/g)?.find((one) => one.includes(word)) ?? assert.fail(`no form with ${word} at ${page.url}:\n${page.text}\n${logs()}`)
		const attribute = (tag, name) => tag.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1].replaceAll('&amp;', '&').replaceAll('&#x27;', "'")
		const inputs = (form.match(/<(input|button)\b[^>]*>/g) ?? []).map((tag) => [attribute(tag, 'name'), attribute(tag, 'value') ?? '']).filter(([name]) => name)
		return this.open(new URL(attribute(form.match(/<form\b[^>]*>/)[0], 'action') ?? '', page.url), { ...Object.fromEntries(inputs), ...fields })
	}

	async signIn(demo, password = demo.password) {
		return this.submit(await this.open(`${demo.address}/signin`), 'name="password"', { username: demo.user, password })
	}
}

const unescape = (text) => text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
/** What the page shows in its boxes: ID token's header and claims, access token's, then the two answers of the resource server. */
function shown(page) {
	assert.equal(page.status, 200, page.text)
	const boxes = [...page.text.matchAll(/<pre>([\s\S]*?)<\/pre>/g)].map((match) => JSON.parse(unescape(match[1])))
	assert.equal(boxes.length, 6, `${page.text}\n${logs()}`)
	const [, id, accessHeader, access, jwks, introspection] = boxes
	return { id, accessHeader, access, jwks, introspection }
}

let demo, subject
before(async () => {
	for (const name of ['GATEWAY_PORT', 'RESOURCE_PORT', 'DEMO_PORT']) environment[name] = String(await freePort())
	demo = await startDemo()
})
after(async () => {
	if (demo?.child.exitCode === null) await stopDemo(demo)
	rmSync(folder, { recursive: true })
})

test('a person signs in and everybody agrees on who it is', async () => {
	const browser = new Browser()
	const first = await browser.open(demo.address)
	assert.match(first.text, /Sign in/)
	const page = await browser.signIn(demo)
	assert.equal(page.url.href, `${demo.address}/`)
	assert.match(page.text, /Hello, Alice Martin/)
	assert.match(page.text, /alice@demo\.example/)
	const { id, accessHeader, access, jwks, introspection } = shown(page)
	assert.match(access.sub, /^[a-z2-7]{26}$/)
	assert.equal(accessHeader.typ, 'at+jwt')
	assert.equal(id.sub, access.sub)
	assert.deepEqual([jwks.checked_by, introspection.checked_by], ['jwks', 'introspection'])
	assert.deepEqual([jwks.sub, introspection.sub], [access.sub, access.sub])
	assert.equal(introspection.username, 'alice')
	assert.equal(jwks.client_id, 'demo-app')
	subject = access.sub
})

test('a wrong password signs nobody in', async () => {
	const browser = new Browser()
	const page = await browser.signIn(demo, 'not-the-password-of-alice')
	assert.equal(page.url.port, environment.GATEWAY_PORT)
	assert.match((await browser.open(demo.address)).text, /Who are you/)
})

test('refresh gives another access token, for the same person', async () => {
	const browser = new Browser()
	const before = shown(await browser.signIn(demo))
	const page = await browser.submit(await browser.open(demo.address), 'Refresh')
	const later = shown(page)
	assert.match(page.text, /Refreshed at/)
	assert.notEqual(later.access.jti, before.access.jti)
	assert.equal(later.access.sub, before.access.sub)
})

test('a callback that was not begun here is refused', async () => {
	const page = await new Browser().open(`${demo.address}/callback?code=x&state=y`)
	assert.equal(page.status, 400)
})

test('signing out ends it at both', async () => {
	const browser = new Browser()
	await browser.signIn(demo)
	let page = await browser.submit(await browser.open(demo.address), 'Sign out')
	if (page.url.port === environment.GATEWAY_PORT && page.text.includes('<form')) page = await browser.submit(page, '<form')
	assert.match((await browser.open(demo.address)).text, /Who are you/)
	const again = await browser.open(`${demo.address}/signin`)
	assert.match(again.text, /name="password"/, 'the gateway asks for the password again')
})

test('run again on the same store: the same person, a new password', async () => {
	const old = demo
	await stopDemo(old)
	demo = await startDemo()
	assert.notEqual(demo.password, old.password)
	const refused = await new Browser().signIn({ ...demo, password: old.password })
	assert.equal(refused.url.port, environment.GATEWAY_PORT)
	assert.equal(shown(await new Browser().signIn(demo)).access.sub, subject)
})

test('nothing secret is left lying about', () => {
	assert.ok(!existsSync(join(folder, 'declaration.yaml')))
	for (const name of ['apply', 'gateway', 'resource-server', 'demo-app']) {
		assert.ok(!readFileSync(join(folder, `${name}.log`), 'utf8').includes(demo.password), name)
	}
})
