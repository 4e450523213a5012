// Requests that no honest client sends, to every address that takes a body, and to the server as a whole. The answer is the specification's error, and the
// server lives: it answers the next honest request, and its end (Gateway.stop) finds no sanitizer report.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Gateway } from './lib/gateway.mjs'
import { Application, basic } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { ask, talk } from './lib/raw.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const FORM = 'application/x-www-form-urlencoded'
let gateway, issuer, web
before(async () => {
	gateway = await Gateway.start({ declaration: declare(tenant('acme')) })
	issuer = gateway.issuer('acme')
	web = new Application(gateway, 'acme', CLIENTS.web)
})
after(() => gateway?.stop())
afterEach(async () => {
	assert.ok(gateway.running, gateway.processLog)
	assert.equal((await fetch(`${gateway.base}/readyz`)).status, 200)
})

const MACHINE = ['/token', '/introspect', '/revoke', '/userinfo'], PAGES = ['/authorize', '/login', '/consent', '/logout']
const send = (path, body, headers = {}) => ask(issuer + path, { method: 'POST', body, headers: { 'Content-Type': FORM, ...(MACHINE.includes(path) ? basic('web', CLIENTS.web.client_secret) : {}), ...headers } })

const BODIES = {
	'nothing at all': [''], 'only separators': ['&&&&=&=&'], 'a name without a value': ['token'], 'a value without a name': ['=x'],
	'broken percents': ['token=%', 'token=%4', 'token=%zz', '%'], 'NUL': ['token=a%00b', 'to%00ken=a', 'token=a\0b'], 'bytes that are no UTF-8': ['token=%ff%fe', 'token=%c0%80', 'token=%ed%a0%80'],
	'one parameter twice': ['token=a&token=b&grant_type=refresh_token&grant_type=refresh_token&client_id=a&client_id=b&form_token=a&form_token=b'],
	'two thousand parameters': [Array.from({ length: 2000 }, (_, i) => `a${i}=`).join('&')], 'a name of 10 kB': [`${'a'.repeat(10000)}=x`],
	'JSON in a form': ['{"grant_type":"client_credentials"}'], 'XML': ['<?xml version="1.0"?><!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>'],
}

describe('bodies', () => {
	for (const [what, bodies] of Object.entries(BODIES))
		test(what, async () => {
			for (const body of bodies) {
				for (const path of MACHINE) {
					const answer = await send(path, body)
					assert.ok([400, 401].includes(answer.status), `${path}: ${answer.status} ${answer.text}`)
					assert.ok(['invalid_request', 'invalid_token', 'invalid_client', 'unsupported_grant_type'].includes(answer.json?.error), `${path}: ${answer.text}`)
				}
				for (const path of PAGES) {
					const answer = await send(path, body, { Accept: 'text/html' })
					assert.ok([200, 303, 400, 403].includes(answer.status), `${path}: ${answer.status}`)
					assert.ok(answer.status !== 303 || path === '/logout', path)
					if (answer.status >= 400) assert.match(answer.headers['content-type'], /^text\/html/)
				}
			}
		})

	test('over 16 KiB: 413', async () => {
		for (const path of [...MACHINE, ...PAGES]) {
			const answer = await send(path, `token=${'x'.repeat(17000)}`)
			assert.equal(answer.status, 413, path)
		}
	})
	test('over a mebibyte, announced or not: 413, and it is not read to the end', async () => {
		for (const path of ['/token', '/login']) assert.equal((await send(path, 'x'.repeat(2 << 20)).catch(() => ({ status: 413 }))).status, 413, path)
		const text = await talk(gateway.port, `POST /t/acme/token HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Type: ${FORM}\r\nContent-Length: 99999999999\r\n\r\n`, { enough: (got) => got.includes('\r\n\r\n') })
		assert.match(text, /^HTTP\/1\.1 413 /)
	})
	test('of another type: 415', async () => {
		const BODY = 'grant_type=client_credentials'
		for (const type of ['application/json', 'multipart/form-data; boundary=x', 'text/plain', 'application/x-www-form-urlencodedx', 'x'.repeat(1000), ''])
			for (const path of [...MACHINE, ...PAGES]) {
				const answer = await send(path, BODY, { 'Content-Type': type })
				assert.equal(answer.status, 415, `${path} ${type.slice(0, 40)}: ${answer.text.slice(0, 100)}`)
			}
		const machine = basic('machine', CLIENTS.machine.client_secret)
		for (const type of [`${FORM}; charset=utf-8`, 'Application/X-WWW-Form-URLEncoded', `${FORM} ; charset=UTF-8`]) assert.equal((await send('/token', BODY, { 'Content-Type': type, ...machine })).status, 200, type)
	})
	test('shorter than announced: the connection ends, nothing happens', async () => {
		const text = await talk(gateway.port, `POST /t/acme/token HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Type: ${FORM}\r\nContent-Length: 10\r\nConnection: close\r\n\r\ngrant`, { limitMs: 500 })
		assert.doesNotMatch(text, /HTTP\/1\.1 200/)
	})
	test('chunked, by the rules and not', async () => {
		const head = (more) => `POST /t/acme/token HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\nContent-Type: ${FORM}\r\nAuthorization: ${basic('machine', CLIENTS.machine.client_secret).Authorization}\r\nConnection: close\r\n${more}\r\n`
		const good = await talk(gateway.port, `${head('Transfer-Encoding: chunked\r\n')}1d\r\ngrant_type=client_credentials\r\n0\r\n\r\n`)
		assert.match(good, /^HTTP\/1\.1 200 /)
		for (const [more, body] of [['Transfer-Encoding: chunked\r\n', 'zz\r\nx\r\n0\r\n\r\n'], ['Transfer-Encoding: chunked\r\n', '-1\r\nx\r\n0\r\n\r\n'], ['Transfer-Encoding: chunked\r\n', 'fffffffffffffffff\r\nx'],
			['Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '1d\r\ngrant_type=client_credentials\r\n0\r\n\r\n'], ['Transfer-Encoding: gzip\r\n', 'x'], ['Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'],
			['Content-Length: 5\r\nContent-Length: 6\r\n', 'x'.repeat(6)], ['Content-Length: -1\r\n', 'x'], ['Content-Length: 5, 5\r\n', 'x'.repeat(5)], ['Content-Length: +5\r\n', 'x'.repeat(5)]]) {
			const text = await talk(gateway.port, head(more) + body, { limitMs: 3000 })
			assert.doesNotMatch(text, /^HTTP\/1\.1 2/, more)
			assert.match(text, /^(HTTP\/1\.[01] [45]|$)/, more)
		}
	})
})

describe('values', () => {
	const VALUES = ['\' OR 1=1 --', '"; DROP TABLE account; --', '../../../etc/passwd', '%s%s%s%n', '{{7*7}}', '<script>alert(1)</script>', '\u0000', '\ud83d\ude00'.repeat(50), '\u202e', 'x'.repeat(8000), '-1', '9'.repeat(400), 'null', '[]', ' ', '\t', '\r\nX-Injected: 1']
	test('in every parameter of /token', async () => {
		for (const value of VALUES)
			for (const name of ['grant_type', 'code', 'redirect_uri', 'code_verifier', 'refresh_token', 'scope', 'resource', 'client_id', 'client_secret']) {
				const form = new URLSearchParams({ grant_type: name === 'refresh_token' ? 'refresh_token' : 'authorization_code', code: 'x', [name]: value })
				const answer = await send('/token', form.toString())
				assert.ok([400, 401].includes(answer.status) && answer.json.error, `${name}=${value.slice(0, 20)}: ${answer.status}`)
				assert.ok(!answer.headers['x-injected'] && !answer.text.includes('<script'))
			}
	})
	test('in every parameter of /authorize, on its pages', async () => {
		for (const value of VALUES)
			for (const name of web.begin({ nonce: 'n', login_hint: 'x', ui_locales: 'x', prompt: 'login', max_age: '1', id_token_hint: 'x', resource: 'x' }).form.keys()) {
				const page = await new Browser().request(web.begin({ [name]: value }).url)
				assert.ok([303, 400].includes(page.status), `${name}=${value.slice(0, 20)}: ${page.status}`)
				assert.equal(page.headers.get('x-injected'), null)
				assert.ok(!page.text.includes('<script') && !page.text.includes('49</'), name)
				if (page.location) assert.ok([new URL(issuer).origin, 'https://app.acme.example'].includes(page.location.origin), page.location.href)
			}
	})
	test('as bearer tokens and credentials', async () => {
		for (const value of ['x'.repeat(9000), 'a b', '', '..', 'e30.e30.', `${'A'.repeat(4000)}.${'A'.repeat(4000)}.${'A'.repeat(400)}`, 'eyJhbGciOiJub25lIn0.e30.', '\u00ff'])
			for (const scheme of ['Bearer', 'Basic', 'DPoP', '']) {
				const answer = await ask(`${issuer}/userinfo`, { headers: { Authorization: `${scheme} ${value}` } })
				assert.ok([400, 401].includes(answer.status), `${scheme} ${value.slice(0, 20)}: ${answer.status}`)
			}
		for (const name of ['access_token']) assert.equal((await ask(`${issuer}/userinfo?${name}=x`)).status, 401, 'never in the query')
	})
	test('userinfo: a token in header and form at once', async () => {
		const { access_token } = await web.tokens('alice', PASSWORDS.alice)
		const answer = await ask(`${issuer}/userinfo`, { method: 'POST', body: `access_token=${access_token}`, headers: { 'Content-Type': FORM, Authorization: `Bearer ${access_token}` } })
		assert.deepEqual([answer.status, answer.json.error], [400, 'invalid_request'])
		assert.equal((await ask(`${issuer}/userinfo`, { method: 'POST', body: `access_token=${access_token}`, headers: { 'Content-Type': FORM } })).status, 200)
	})
	test('JSON Web Tokens built to hurt', async () => {
		const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
		const { access_token } = await web.tokens('alice', PASSWORDS.alice)
		const { kid } = JSON.parse(Buffer.from(access_token.split('.')[0], 'base64url'))
		const body = access_token.split('.')[1], deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
		for (const header of [{}, [], 'null', '1', '"x"', deep, { alg: 'ES256', typ: 'at+jwt', kid, crit: ['x'], x: 1 }, { alg: 'ES256', typ: 'at+jwt', kid, jwk: { kty: 'EC' } }, { alg: 'ES256', typ: 'at+jwt', kid: '../../dev/null' },
			{ alg: 'ES256', typ: 'at+jwt', kid: '\' OR 1=1' }, { alg: ['ES256'], typ: 'at+jwt', kid }, { alg: 'ES256', typ: 'at+jwt', kid: { a: 1 } }, '{"alg":"none","alg":"ES256","typ":"at+jwt"}', { alg: 'ES256', typ: 'at+jwt', kid, zip: 'DEF' }])
			for (const signature of ['', 'A'.repeat(86), access_token.split('.')[2]]) {
				const answer = await web.introspect(`${encode(header)}.${body}.${signature}`)
				assert.ok(answer.text === '{"active":false}' || answer.status === 413 || answer.status === 400, answer.text)
			}
	})
})

describe('heads', () => {
	const host = () => `Host: 127.0.0.1:${gateway.port}\r\n`
	const raw = (text, limitMs = 3000) => talk(gateway.port, text, { limitMs })
	const HEADS = {
		'no Host': () => 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n',
		'two Hosts': () => `GET /healthz HTTP/1.1\r\n${host()}${host()}Connection: close\r\n\r\n`,
		'an unknown method': () => `BREW /healthz HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`,
		'TRACE': () => `TRACE /healthz HTTP/1.1\r\n${host()}Cookie: secret=canary\r\nConnection: close\r\n\r\n`,
		'CONNECT': () => `CONNECT evil.example:443 HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`,
		'an absolute address elsewhere': () => 'GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
		'HTTP/3.0': () => `GET /healthz HTTP/3.0\r\n${host()}Connection: close\r\n\r\n`,
		'a header without a colon': () => `GET /healthz HTTP/1.1\r\n${host()}nonsense\r\nConnection: close\r\n\r\n`,
		'a space before the colon': () => `GET /healthz HTTP/1.1\r\n${host()}Content-Length : 5\r\nConnection: close\r\n\r\n`,
		'a folded header': () => `GET /healthz HTTP/1.1\r\n${host()}X-A: b\r\n c\r\nConnection: close\r\n\r\n`,
		'NUL in a header': () => `GET /healthz HTTP/1.1\r\n${host()}X-A: b\0c\r\nConnection: close\r\n\r\n`,
		'NUL in the path': () => `GET /healthz\0/x HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`,
		'bare line feeds': () => `GET /healthz HTTP/1.1\nHost: 127.0.0.1:${gateway.port}\nConnection: close\n\n`,
		'40 kB of headers': () => `GET /healthz HTTP/1.1\r\n${host()}X-A: ${'x'.repeat(40000)}\r\nConnection: close\r\n\r\n`,
		'a path of 40 kB': () => `GET /${'x'.repeat(40000)} HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`,
		'a TLS hello': () => Buffer.from('16030100a5010000a10303', 'hex'),
		'nonsense': () => Buffer.from(Array.from({ length: 2000 }, (_, i) => (i * 7919) & 255)),
	}
	for (const [what, make] of Object.entries(HEADS))
		test(`${what}: refused`, async () => {
			const text = await raw(make())
			assert.doesNotMatch(text, /^HTTP\/1\.[01] [23]/, text.slice(0, 300))
			assert.ok(!text.includes('canary'))
		})

	test('two requests glued together are two, not one and a half', async () => {
		const text = await raw(`GET /healthz HTTP/1.1\r\n${host()}\r\nGET /t/acme/jwks HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`)
		assert.equal(text.match(/HTTP\/1\.1 200/g).length, 2)
	})
	test('a body on a GET is not the next request', async () => {
		const text = await raw(`GET /healthz HTTP/1.1\r\n${host()}Content-Length: 44\r\nConnection: close\r\n\r\nGET /t/acme/jwks HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
		assert.ok((text.match(/HTTP\/1\.1 /g) ?? []).length <= 1, text)
	})
	test('cookies by the thousand, or without end', async () => {
		for (const cookie of [Array.from({ length: 1500 }, (_, i) => `a${i}=b`).join('; '), `psr_s_acme=${'x'.repeat(20000)}`]) {
			const answer = await ask(`${issuer}/account`, { headers: { Cookie: cookie } })
			assert.ok([303, 400, 431].includes(answer.status), `${cookie.slice(0, 20)}: ${answer.status}`)
		}
	})
	test('other applications\' strange cookies shut nobody out', async () => {
		for (const cookie of ['=;=;;;', 'psr_s_acme', 'psr_s_acme="', 'x="', 'x="y', 'x=y"z', 'psr_f_acme=\u00ff', 'x={"a":"b, c"}', 'a b=c', ',', '; ;'])
			assert.equal((await ask(`${issuer}/account`, { headers: { Cookie: cookie } })).status, 303, cookie)
	})
	test('paths that climb', async () => {
		for (const path of ['/../../etc/passwd', '/t/acme/../../etc/passwd', '/t/acme/%2e%2e/jwks', '/t/acme/..%2fjwks', '/t//jwks', '//evil.example/', '/t/acme/login/..', '/.git/config', '/t/acme\\jwks']) {
			const text = await raw(`GET ${path} HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`)
			assert.match(text, /^HTTP\/1\.1 (400|404|501) /, path)
			assert.ok(!text.includes('root:'), path)
			assert.ok(!/location: *(https?:)?\/\/evil/i.test(text))
		}
	})
})

test('two hundred connections that say nothing keep nobody out', async () => {
	const { connect } = await import('node:net')
	const sockets = await Promise.all(Array.from({ length: 200 }, () => new Promise((done, fail) => {
		const socket = connect({ port: gateway.port, host: '127.0.0.1', localAddress: '127.0.0.9' }, () => done(socket))
		socket.on('error', fail)
	})))
	assert.equal((await new Application(gateway, 'acme', CLIENTS.machine).own()).status, 200)
	for (const socket of sockets) socket.destroy()
})
