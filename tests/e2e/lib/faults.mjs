// Answers of an upstream that are wrong in exactly one thing: what is wrong, and the reason that the connection log must give for it (policies/reasons.def).
import { newKey, sign } from './jws.mjs'
import { OTHER_DIRECTORY } from './upstream.mjs'

const now = () => Math.floor(Date.now() / 1000)
const claims = (changes) => ({ claims: (all) => ({ ...all, ...changes }) })
const without = (name) => ({ claims: (all) => { delete all[name] } })
const header = (changes) => ({ header: (all) => ({ ...all, ...changes }) })
const text = (value) => JSON.stringify(value)
/** Signed with the right key, but for the text of a part. */
const worded = (headerText, claimsText) => ({ jws: (head, all, { keys: [key] }) => sign(headerText(head), claimsText(all), key.key, key.alg) })
const twice = (name, value) => (all) => text(all).replace('{', `{${text(name)}:${text(value)},`)
const broken = (jws) => jws.replace(/.(?=.{20}$)/, (one) => one === 'A' ? 'B' : 'A')

export const TOKEN_FAULTS = {
	'an issuer of somebody else\'s': [claims({ iss: 'https://evil.example' }), 'token_issuer'],
	'its own issuer with a slash behind it': [{ claims: (all) => { all.iss += '/' } }, 'token_issuer'],
	'no issuer': [without('iss'), 'token_issuer'],
	'the audience of another client': [claims({ aud: 'another' }), 'token_audience'],
	'no audience': [without('aud'), 'token_audience'],
	'two audiences and no azp': [{ claims: (all) => { all.aud = [all.aud, 'another'] } }, 'token_azp'],
	'an azp of another client': [claims({ azp: 'another' }), 'token_azp'],
	'a nonce of another sign-in': [claims({ nonce: 'another' }), 'token_nonce'],
	'no nonce': [without('nonce'), 'token_nonce'],
	'an exp that is over': [{ claims: (all) => ({ ...all, iat: now() - 1200, exp: now() - 600 }) }, 'token_expired'],
	'an iat in an hour': [{ claims: (all) => ({ ...all, iat: now() + 3600, exp: now() + 7200 }) }, 'token_not_yet'],
	'an nbf in an hour': [{ claims: (all) => ({ ...all, nbf: now() + 3600 }) }, 'token_not_yet'],
	'no exp': [without('exp'), 'token_times'],
	'no iat': [without('iat'), 'token_times'],
	'an exp of letters': [{ claims: (all) => ({ ...all, exp: String(all.exp) }) }, 'token_times'],
	'an exp of 1e300': [worded(text, (all) => text({ ...all, exp: 0 }).replace('"exp":0', '"exp":1e300')), 'token_times'],
	'no sub': [without('sub'), 'token_subject'],
	'an empty sub': [claims({ sub: '' }), 'token_subject'],
	'a sub of 300 bytes': [claims({ sub: 's'.repeat(300) }), 'token_subject'],
	'a sub that is a number': [claims({ sub: 7 }), 'token_subject'],
	'the at_hash of another access token': [claims({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), 'token_at_hash'],
	'alg none': [{ jws: (head, all) => sign({ ...head, alg: 'none' }, all, null, 'none') }, 'token_malformed'],
	'alg none and a signature': [{ jws: (head, all, { keys: [key] }) => sign({ ...head, alg: 'none' }, all, key.key, key.alg) }, 'token_algorithm'],
	'alg NONE and a signature': [{ jws: (head, all, { keys: [key] }) => sign({ ...head, alg: 'NONE' }, all, key.key, key.alg) }, 'token_algorithm'],
	'HS256 with the public key as the secret': [{ jws: (head, all, { keys: [key] }) => sign({ ...head, alg: 'HS256' }, all, key.pem, 'HS256') }, 'token_algorithm'],
	'a signature with one letter changed': [{ jws: (head, all, { keys: [key] }) => broken(sign(head, all, key.key, key.alg)) }, 'token_signature'],
	'no signature': [{ jws: (head, all, { keys: [key] }) => sign(head, all, key.key, key.alg).replace(/[^.]*$/, '') }, 'token_malformed'],
	'a foreign key under a known kid': [{ jws: (head, all) => sign(head, all, newKey().key) }, 'token_signature'],
	'a crit that nobody knows': [header({ crit: ['x-rig'], 'x-rig': 1 }), 'token_type'],
	'sub twice': [worded(text, twice('sub', 'somebody')), 'token_malformed'],
	'alg twice': [worded(twice('alg', 'none'), text), 'token_malformed'],
	'a jku': [header({ jku: 'https://evil.example/jwks' }), 'token_type'],
	'a jwk': [{ header: (head) => ({ ...head, jwk: newKey('ES256').jwk }) }, 'token_type'],
	'an x5c': [header({ x5c: ['MIIB'] }), 'token_type'],
	'200 KB': [claims({ padding: 'p'.repeat(150_000) }), 'token_malformed'],
	'four parts': [{ jws: (head, all, { keys: [key] }) => `${sign(head, all, key.key, key.alg)}.x` }, 'token_malformed'],
}

/** Of one manner only. */
export const VENDOR_FAULTS = {
	azure: {
		'a tid outside the list': [{ claims: (all, upstream) => ({ ...all, tid: OTHER_DIRECTORY, iss: `${upstream.origin}/${OTHER_DIRECTORY}/v2.0` }) }, 'token_tenant'],
		'a tid that is not the issuer\'s': [claims({ tid: OTHER_DIRECTORY }), 'token_tenant'],
		'no tid': [without('tid'), 'token_tenant'],
		'the issuer with its hole': [{ claims: (all, upstream) => ({ ...all, iss: `${upstream.origin}/{tenantid}/v2.0` }) }, 'token_issuer'],
		'the issuer of another directory': [{ claims: (all, upstream) => ({ ...all, iss: `${upstream.origin}/${OTHER_DIRECTORY}/v2.0` }) }, 'token_issuer'],
		'no oid': [without('oid'), 'token_subject'],
	},
	google: {
		'no hd': [without('hd'), 'hosted_domain'],
		'another hd': [claims({ hd: 'evil.example' }), 'hosted_domain'],
		'an hd in a list': [claims({ hd: ['acme.example'] }), 'hosted_domain'],
	},
	linkedin: {
		'a token of six minutes ago': [{ claims: (all) => ({ ...all, iat: now() - 400 }) }, 'token_old'],
		'a nonce of another sign-in': [claims({ nonce: 'another' }), 'token_nonce'],
		'a third issuer': [claims({ iss: 'https://www.linkedin.com/other' }), 'token_issuer'],
	},
}

/** What else comes from the token endpoint, or stands around it. */
export const RESPONSE_FAULTS = {
	'no ID token': [{ token: (body) => { delete body.id_token } }, 'provider_violation'],
	'an ID token in a list': [{ token: (body) => { body.id_token = [body.id_token] } }, 'provider_violation'],
	'a token type of its own': [{ token: (body) => { body.token_type = 'mac' } }, 'provider_violation'],
	'invalid_client': [{ raw: { token: json(401, { error: 'invalid_client' }) } }, 'provider_client'],
	'invalid_grant': [{ raw: { token: json(400, { error: 'invalid_grant' }) } }, 'provider_code'],
	'a redirect': [{ raw: { token: (request, response) => response.writeHead(307, { Location: '/elsewhere' }).end() } }, 'provider_violation'],
	'HTML': [{ raw: { token: (request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>It works</h1>') } }, 'provider_violation'],
	'JSON that ends too early': [{ raw: { token: (request, response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"id_token":"') } }, 'provider_violation'],
}

const head = { 'Content-Type': 'application/json' }
/** Where connections suffer: each needs a server of its own, for its breaker opens. */
export const CONNECTION_FAULTS = {
	'hangs': [(request, response) => { response.on('error', () => {}) }, 'provider_unavailable'],
	'sends its head and hangs': [(request, response) => { response.writeHead(200, head).flushHeaders() }, 'provider_unavailable'],
	'drips': [(request, response) => {
		response.writeHead(200, head)
		const drip = setInterval(() => response.write(' '), 100)
		response.on('close', () => clearInterval(drip))
	}, 'provider_unavailable'],
	'resets': [(request) => { request.socket.resetAndDestroy() }, 'provider_unavailable'],
	'answers 10 MB': [(request, response) => { response.on('error', () => {}).writeHead(200, head).end(' '.repeat(10 << 20)) }, 'provider_violation'],
	'answers 500': [(request, response) => { response.writeHead(500, head).end('{}') }, 'provider_unavailable'],
	'answers 503 in HTML': [(request, response) => { response.writeHead(503, { 'Content-Type': 'text/html' }).end('<h1>Busy</h1>') }, 'provider_unavailable'],
	'speaks no HTTP': [(request) => { request.socket.end('SSH-2.0-rig\r\n') }, 'provider_violation'],
}

/** Before anybody is sent there. */
export const DISCOVERY_FAULTS = {
	'names another issuer': [{ discovery: (document) => ({ ...document, issuer: 'https://evil.example' }) }, 'provider_violation'],
	'names its issuer with a slash behind it': [{ discovery: (document) => ({ ...document, issuer: `${document.issuer}/` }) }, 'provider_violation'],
	'names no issuer': [{ discovery: (document) => { delete document.issuer } }, 'provider_violation'],
	'has no token endpoint': [{ discovery: (document) => { delete document.token_endpoint } }, 'provider_violation'],
	'has a number for its keys': [{ discovery: (document) => { document.jwks_uri = 7 } }, 'provider_violation'],
	'has a script for a sign-in page': [{ discovery: (document) => { document.authorization_endpoint = 'javascript:alert(1)//' } }, 'provider_violation'],
	'is HTML': [{ raw: { discovery: (request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>It works</h1>') } }, 'provider_violation'],
	'is a redirect': [{ raw: { discovery: (request, response) => response.writeHead(302, { Location: '/jwks' }).end() } }, 'provider_violation'],
	'is not found': [{ raw: { discovery: json(404, {}) } }, 'provider_violation'],
	'hangs': [{ raw: { discovery: () => {} } }, 'provider_unavailable'],
}

function json(status, body) {
	return (request, response) => response.writeHead(status, head).end(JSON.stringify(body))
}
