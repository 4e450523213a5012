// Signed tokens by hand, right and wrong: header and payload may be objects, or the very text that shall stand there. Nothing is checked: that is the other side's task.
import { constants, createHmac, generateKeyPairSync, randomBytes, sign as signBytes } from 'node:crypto'

const encode = (part) => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
const SIGNERS = {
	none: () => Buffer.alloc(0),
	HS256: (input, secret) => createHmac('sha256', secret).update(input).digest(),
	RS256: (input, key) => signBytes('sha256', input, key),
	PS256: (input, key) => signBytes('sha256', input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
	ES256: (input, key) => signBytes('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
	EdDSA: (input, key) => signBytes(null, input, key),
}

/** A compact JWS; `alg` is what is done, whatever the header says. */
export function sign(header, payload, key, alg = header.alg) {
	const input = `${encode(header)}.${encode(payload)}`
	return `${input}.${SIGNERS[alg](Buffer.from(input), key).toString('base64url')}`
}

/** Header and claims as they stand. */
export const read = (jws) => jws.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')))

/** A fresh key pair: { kid, alg, key, pem, jwk, secretJwk }. `curve` for EC keys that fit no algorithm of ours. */
export function newKey(alg = 'RS256', { curve = 'P-256', kid = randomBytes(8).toString('hex') } = {}) {
	const kinds = { ES256: ['ec', { namedCurve: curve }], EdDSA: ['ed25519', {}] }
	const { publicKey, privateKey } = generateKeyPairSync(...kinds[alg] ?? ['rsa', { modulusLength: 2048 }])
	const named = (jwk) => ({ ...jwk, kid, alg, use: 'sig' })
	return { kid, alg, key: privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }), secretPem: privateKey.export({ type: 'pkcs8', format: 'pem' }),
		jwk: named(publicKey.export({ format: 'jwk' })), secretJwk: named(privateKey.export({ format: 'jwk' })) }
}
