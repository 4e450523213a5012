// RFC 8725, JSON Web Token Best Current Practices, statement by statement, at every door a JWT can be brought to: introspection, userinfo, the two places that take
// id_token_hint, and client authentication. What reads upstream tokens is in tests/verifier and oidc_faults.test.mjs; the parser alone in tests/crypto.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { Gateway, until } from './lib/gateway.mjs'
import { Application, claimsOf, headerOf, post, random } from './lib/application.mjs'
import { Browser } from './lib/browser.mjs'
import { newKey, read, sign } from './lib/jws.mjs'
import { CLIENTS, PASSWORDS, declare, tenant } from './lib/scene.mjs'

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
// All that this issuer signs is signed by one key, so that only what a token says of itself can tell one kind from another.
const WEB = { ...CLIENTS.web, id_token_signed_response_alg: 'ES256', userinfo_signed_response_alg: 'ES256' }
const SIGNER_KEY = newKey('ES256', { kid: 'k1' })
const SIGNER = { client_id: 'signer', client_name: 'It signs', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [SIGNER_KEY.jwk] }, grant_types: ['client_credentials'], scope: 'wiki.read' }

let gateway, web, auditor, foreign, server, asked, logoutTokens
before(async () => {
	asked = [], logoutTokens = []
	server = createServer((request, response) => {
		let body = ''
		request.on('data', (piece) => { body += piece }).on('end', () => {
			if (request.url === '/logout') logoutTokens.push(new URLSearchParams(body).get('logout_token'))
			else asked.push(request.url)
			response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"keys":[]}')
		})
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	const clients = [{ ...WEB, backchannel_logout_uri: `http://127.0.0.1:${server.address().port}/logout` }, 'auditor', SIGNER]
	gateway = await Gateway.start({ config: { outbound: { allow: ['127.0.0.1'] } }, declaration: declare(tenant('acme', { clients }), tenant('other', { clients: [WEB, 'auditor'] })) })
	;[web, auditor] = [WEB, CLIENTS.auditor].map((one) => new Application(gateway, 'acme', one))
	foreign = new Application(gateway, 'other', WEB)
})
after(async () => {
	await gateway?.stop()
	server?.close()
	server?.closeAllConnections()
})

const now = () => Math.floor(gateway.now / 1000)
const assertion = (more = {}, header = {}) => sign({ alg: 'ES256', kid: 'k1', ...header }, { iss: 'signer', sub: 'signer', aud: web.issuer, jti: random(), iat: now(), exp: now() + 60, ...more }, SIGNER_KEY.key)

/** Alice's tokens, and the browser in which she is signed in. */
async function signedIn(application = web) {
	const tokens = await application.tokens('alice', PASSWORDS.alice)
	return { ...tokens, userinfo: await (await application.userinfo(tokens.access_token)).text() }
}

/** The doors, and whether one lets a token in. `browser` is signed in. */
const DOORS = {
	introspection: async (jwt) => {
		const answer = await auditor.introspect(jwt)
		assert.equal(answer.status, 200, answer.text)
		if (!answer.json.active) assert.equal(answer.text, '{"active":false}')
		return answer.json.active
	},
	userinfo: async (jwt) => {
		const { status } = await web.userinfo(jwt)
		assert.ok(status === 200 || status === 401, String(status))
		return status === 200
	},
	'id_token_hint of a sign-in': async (jwt, browser) => {
		const { answer } = await browser.request(web.begin({ id_token_hint: jwt, prompt: 'none' }).url)
		assert.ok(answer.code || answer.error === 'invalid_request', JSON.stringify(answer))
		return Boolean(answer.code)
	},
	// A hint that counts ends the session at once: this door goes last.
	'id_token_hint of a sign-out': async (jwt, browser) => {
		const page = await browser.request(`${web.issuer}/logout?${new URLSearchParams({ id_token_hint: jwt, client_id: 'web' })}`)
		assert.ok(page.location || page.form || page.status === 400, `${page.status} ${page.text}`)
		const ended = !(await browser.request(web.begin({ prompt: 'none' }).url)).answer.code
		assert.equal(Boolean(page.location), ended)
		return ended
	},
	'client authentication': async (jwt) => {
		const { status, text } = await post(`${web.issuer}/token`, { grant_type: 'client_credentials', client_assertion_type: ASSERTION, client_assertion: jwt })
		assert.ok([200, 400, 401].includes(status), text)
		return status === 200
	},
}
const RIGHT = { introspection: 'access token', userinfo: 'access token', 'id_token_hint of a sign-in': 'ID token', 'id_token_hint of a sign-out': 'ID token', 'client authentication': 'client assertion' }
const rightFor = (door, alice) => ({ 'access token': alice.access_token, 'ID token': alice.id_token, 'client assertion': assertion() })[RIGHT[door]]

/** At each door: a token with one fault is refused, and the same one without it is let in afterwards, so that the fault it was. */
async function assertRefusedEverywhere(spoil) {
	for (const [door, lets] of Object.entries(DOORS)) {
		const alice = await signedIn(), right = rightFor(door, alice)
		for (const [fault, jwt] of Object.entries(await spoil(right, door))) assert.equal(await lets(jwt, alice.browser), false, `${fault}, at ${door}`)
		assert.equal(await lets(right, alice.browser), true, door)
	}
}

const encode = (part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
const again = (jwt, header, key, alg) => sign({ ...headerOf(jwt), ...header }, claimsOf(jwt), key, alg)
const publicKeys = async () => (await (await fetch(`${web.issuer}/jwks`)).json()).keys

describe('3.1 algorithm verification', () => {
	test('none, HMAC under what everybody knows, and another algorithm of ours: refused everywhere', async () => {
		const jwk = (await publicKeys()).find((one) => one.kty === 'EC'), rsa = newKey('RS256'), ed = newKey('EdDSA')
		const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
		await assertRefusedEverywhere((right) => {
			const [, body, signature] = right.split('.')
			return {
				...Object.fromEntries(['none', 'None', 'NONE', 'nOnE', ''].map((alg) => [`alg ${JSON.stringify(alg)}`, again(right, { alg }, undefined, 'none')])),
				'none, the signature left there': `${encode({ ...headerOf(right), alg: 'none' })}.${body}.${signature}`,
				'no alg': `${encode({ ...headerOf(right), alg: undefined })}.${body}.${signature}`,
				...Object.fromEntries(Object.entries({ pem, 'pem without its last line end': pem.trimEnd(), jwk: JSON.stringify(jwk), x: jwk.x, empty: '' }).map(([what, secret]) => [`HMAC by ${what}`, again(right, { alg: 'HS256' }, secret)])),
				'RS256, by a key of his own': again(right, { alg: 'RS256' }, rsa.key), 'PS256, by a key of his own': again(right, { alg: 'PS256' }, rsa.key), 'Ed25519, by a key of his own': again(right, { alg: 'Ed25519' }, ed.key, 'EdDSA'),
				'alg as a list': `${encode({ ...headerOf(right), alg: ['ES256'] })}.${body}.${signature}`, 'alg twice': `${encode(`{"alg":"none",${JSON.stringify(headerOf(right)).slice(1)}`)}.${body}.${signature}`,
			}
		})
	})
})

describe('3.2 appropriate algorithms', () => {
	test('metadata offers signatures by public keys alone', async () => {
		const metadata = await (await fetch(`${web.issuer}/.well-known/openid-configuration`)).json()
		const lists = Object.entries(metadata).filter(([name]) => /signing_alg/.test(name))
		assert.ok(lists.length >= 5)
		for (const [name, list] of lists) for (const alg of list) assert.match(alg, /^(ES256|RS256|PS256|Ed25519|EdDSA)$/, name)
		assert.ok(!Object.keys(metadata).some((name) => /encryption/.test(name)))
	})
})

describe('3.3 all cryptographic operations', () => {
	test('one bit of the header, the body or the signature: refused everywhere', () => assertRefusedEverywhere((right) => Object.fromEntries(right.split('.').flatMap((part, i, parts) => [0, 0.5, 0.9].map((where) => {
		const bytes = Buffer.from(part, 'base64url')
		bytes[Math.floor(where * bytes.length)] ^= 1
		return [`part ${i}, at ${where}`, parts.with(i, bytes.toString('base64url')).join('.')]
	})))))
	test('a signature of zeros, of the curve\'s order, cut, doubled, or of another token: refused everywhere', () => assertRefusedEverywhere(async (right, door) => {
		const [header, body, signature] = right.split('.'), order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
		const other = rightFor(door, await signedIn())
		const by = (hex) => `${header}.${body}.${Buffer.from(hex, 'hex').toString('base64url')}`
		return { zeros: by('00'.repeat(64)), order: by(order + order), 'one and zero': by(`${'00'.repeat(31)}01${'00'.repeat(32)}`), cut: `${header}.${body}.${signature.slice(0, -2)}`, doubled: `${header}.${body}.${signature}${signature}`,
			'of another': `${header}.${body}.${other.split('.')[2]}` }
	}))
})

describe('3.4 cryptographic inputs', () => {
	const refused = async (what, jwk) => {
		const done = await gateway.command(['apply', '-f', '-', '--dry-run'], { input: JSON.stringify(declare(tenant('acme', { clients: [{ ...SIGNER, jwks: { keys: [jwk] } }] }))) })
		assert.equal(done.status, 1, `${what}: ${done.out}`)
		assert.match(done.err, /jwks/, what)
	}
	test('a client\'s key that is no point of its curve, or none that may sign, is refused when it is declared', async () => {
		const { jwk } = newKey('ES256')
		for (const [what, more] of Object.entries({ 'not on the curve': { y: jwk.x }, infinity: { x: encode(''), y: encode('') }, zero: { x: 'A'.repeat(43), y: 'A'.repeat(43) }, 'another curve': { crv: 'P-384' }, 'for encryption': { use: 'enc' } }))
			await refused(what, { ...jwk, ...more })
	})
})

describe('3.5 keys with enough entropy', () => {
	test('ours are of 128 bits of strength, none is shared between tenants, and no symmetric key signs anything', async () => {
		const mine = await publicKeys(), theirs = (await (await fetch(`${foreign.issuer}/jwks`)).json()).keys
		for (const key of mine) {
			if (key.kty === 'RSA') assert.ok(Buffer.from(key.n, 'base64url').length >= 256 && key.e === 'AQAB')
			else assert.ok(key.crv === 'P-256' || key.crv === 'Ed25519', JSON.stringify(key))
		}
		assert.deepEqual(mine.filter((one) => theirs.some((other) => other.kid === one.kid)), [])
	})
	test('a client may not declare a secret, or a short RSA key, to sign with', async () => {
		for (const jwk of [{ kty: 'oct', k: encode('x'.repeat(32)), alg: 'HS256' }, { kty: 'RSA', n: encode('x'.repeat(128)), e: 'AQAB', alg: 'RS256' }, { ...newKey('RS256').jwk, e: 'Aw' }]) {
			const done = await gateway.command(['apply', '-f', '-', '--dry-run'], { input: JSON.stringify(declare(tenant('acme', { clients: [{ ...SIGNER, jwks: { keys: [jwk] } }] }))) })
			assert.deepEqual([done.status, /jwks/.test(done.err)], [1, true], `${jwk.kty}: ${done.out}${done.err}`)
		}
	})
})

describe('3.6 to 3.10 what a token brings along', () => {
	/** Where a client signs, the key is the right one, so that the header alone is the fault. */
	const keyAt = (door, mine) => (door === 'client authentication' ? SIGNER_KEY : mine).key
	test('compression, extensions, keys and addresses in the header: refused everywhere, and nobody is asked', async () => {
		const at = `http://127.0.0.1:${server.address().port}/key`, mine = newKey('ES256')
		await assertRefusedEverywhere((right, door) => Object.fromEntries([{ zip: 'DEF' }, { crit: ['exp'] }, { b64: false }, { jku: at }, { x5u: at }, { jwk: mine.jwk }, { jwk: mine.jwk, kid: mine.kid }, { x5c: ['MIIB'] }]
			.map((more) => [JSON.stringify(more).slice(0, 40), again(right, more, keyAt(door, mine))])))
		assert.deepEqual(asked, [], 'section 3.10: no address from a token is ever fetched')
	})
	test('a kid that is a path, a query or another tenant\'s finds no key', async () => {
		const theirs = (await (await fetch(`${foreign.issuer}/jwks`)).json()).keys[0].kid, mine = newKey('ES256')
		await assertRefusedEverywhere((right, door) => Object.fromEntries(['../../../../dev/null', '\' OR 1=1 --', theirs, '', 'x'.repeat(4000), '\u0000'].map((kid) => [`kid ${kid.slice(0, 30)}`, again(right, { kid }, keyAt(door, mine))])))
	})
	test('3.7 text that is not UTF-8, or not of one reading: refused everywhere', async () => {
		const bytes = (text, charset) => Buffer.from(text, charset).toString('base64url')
		await assertRefusedEverywhere((right) => {
			const [, body, signature] = right.split('.'), header = JSON.stringify(headerOf(right))
			return { 'UTF-16': `${bytes(header, 'utf16le')}.${body}.${signature}`, 'a byte order mark': `${bytes(`\ufeff${header}`)}.${body}.${signature}`, latin1: `${bytes(header.replace('{', '{"a":"\u00e9",'), 'latin1')}.${body}.${signature}`,
				padding: `${right}==`, 'a space in it': right.replace('.', ' .'), 'the other alphabet': right.replace(/.$/, '+') }
		})
	})
	test('3.8 the issuer and subject: a token of another tenant\'s, of the same client and the same name, is refused everywhere', async () => {
		const there = await signedIn(foreign), key = newKey('ES256', { kid: 'k1' })
		await assertRefusedEverywhere((right, door) => ({ 'of another tenant': { 'access token': there.access_token, 'ID token': there.id_token, 'client assertion': assertion({ aud: foreign.issuer }) }[RIGHT[door]],
			'by nobody we know, saying it is ours': again(right, {}, key.key) }))
	})
	test('3.9 the audience: an assertion for anybody else than this issuer is refused', async () => {
		for (const aud of [`${web.issuer}/token`, `${web.issuer}/`, [web.issuer], [web.issuer, 'https://other.example'], gateway.base, '', undefined])
			assert.equal(await DOORS['client authentication'](assertion({ aud })), false, JSON.stringify(aud))
		assert.equal(await DOORS['client authentication'](assertion()), true)
	})
})

describe('3.11 and 3.12 one kind of token for another', () => {
	test('each kind says its type, or has none that means something', async () => {
		const alice = await signedIn()
		assert.deepEqual([alice.access_token, alice.id_token, alice.userinfo].map((jwt) => headerOf(jwt).typ), ['at+jwt', 'JWT', undefined])
		assert.equal(new Set([alice.access_token, alice.id_token, alice.userinfo].map((jwt) => headerOf(jwt).kid)).size, 1, 'one key signs them all: nothing else tells them apart')
	})
	test('none passes at a door that is not its own, and its own takes it', async () => {
		const before = logoutTokens.length, gone = await signedIn()
		await gone.browser.request(`${web.issuer}/logout?${new URLSearchParams({ id_token_hint: gone.id_token })}`)
		await until('a logout token', () => logoutTokens.length > before)
		for (const [door, lets] of Object.entries(DOORS)) {
			const alice = await signedIn()
			const kinds = { 'ID token': alice.id_token, 'access token': alice.access_token, 'signed userinfo': alice.userinfo, 'logout token': logoutTokens.at(-1), 'client assertion': assertion() }
			const taken = []
			for (const [kind, jwt] of Object.entries(kinds).sort(([a], [b]) => (a === RIGHT[door]) - (b === RIGHT[door]))) if (await lets(jwt, alice.browser)) taken.push(kind)
			assert.deepEqual(taken, [RIGHT[door]], door)
		}
	})
	test('nor does one that a client signed with the claims of ours', async () => {
		const alice = await signedIn()
		for (const [jwt, doors] of [[alice.access_token, ['introspection', 'userinfo']], [alice.id_token, ['id_token_hint of a sign-in']]])
			for (const door of doors) {
				assert.equal(await DOORS[door](again(jwt, { kid: 'k1' }, SIGNER_KEY.key), alice.browser), false, door)
				assert.equal(await DOORS[door](again(jwt, {}, SIGNER_KEY.key), alice.browser), false, door)
			}
		assert.equal(read(alice.id_token).length, 2)
	})
})
