// SAML messages from the side of the rig: unwrapped, changed in one place, signed again. Text in, text out: what is tested is how the gateway reads, so nothing of
// ours reads here but a few patterns that fit what the two peers write.
import { execFileSync } from 'node:child_process'
import { createSign, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { SignedXml } from 'xml-crypto'

export const FORMATS = {
	persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
	transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
	email: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
	unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
}
export const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:'
export const CLASSES = 'urn:oasis:names:tc:SAML:2.0:ac:classes:'
export const CIPHERS = { cbc: 'http://www.w3.org/2001/04/xmlenc#aes128-cbc', cbc256: 'http://www.w3.org/2001/04/xmlenc#aes256-cbc', gcm: 'http://www.w3.org/2009/xmlenc11#aes128-gcm',
	gcm256: 'http://www.w3.org/2009/xmlenc11#aes256-gcm' }
const SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#'

/** An RSA key and its certificate, as name.key and name.pem. */
export function makeKey(folder, name, { days = 3, bits = 2048 } = {}) {
	execFileSync('openssl', ['req', '-x509', '-newkey', `rsa:${bits}`, '-nodes', '-days', String(days), '-subj', `/CN=${name}`, '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)],
		{ stdio: 'ignore' })
	const read = (kind) => readFileSync(join(folder, `${name}.${kind}`), 'utf8')
	return { key: read('key'), certificate: read('pem'), der: read('pem').replace(/-----[^-]+-----|\s/g, '') }
}

export const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
export const unescape = (text) => text.replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#39;', "'").replaceAll('&#039;', "'").replaceAll('&amp;', '&')
export const posted = (field) => Buffer.from(field, 'base64').toString()
export const inflated = (parameter) => inflateRawSync(Buffer.from(parameter, 'base64')).toString()
export const newId = () => `_${randomBytes(20).toString('hex')}`
export const instant = (ms = Date.now()) => new Date(ms).toISOString()

/** The value of an attribute of the first element of that name. */
export const attributeOf = (xml, element, name) => xml.match(new RegExp(`<(?:\\w+:)?${element}\\b[^>]*?\\s${name}="([^"]*)"`))?.[1]
/** The same text with that attribute given, changed, or left out (undefined), in every element of that name. */
export function withAttribute(xml, element, name, value) {
	return xml.replace(new RegExp(`<(?:\\w+:)?${element}\\b[^>]*>`, 'g'), (tag) => {
		const without = tag.replace(new RegExp(`\\s${name}="[^"]*"`), '')
		return value === undefined ? without : without.replace(/\s*(\/?>)$/, ` ${name}="${escape(value)}"$1`)
	})
}
/** The same text with what stands in every element of that name replaced. */
export const withText = (xml, element, value) => xml.replace(new RegExp(`(<((?:\\w+:)?${element})\\b[^>]*>)[^<]*(</\\2>)`, 'g'), `$1${escape(value)}$3`)
export const without = (xml, element) => xml.replace(new RegExp(`<((?:\\w+:)?${element})\\b[^>]*?(?:/>|>[\\s\\S]*?</\\1>)`, 'g'), '')

/** Which elements are signed: the root's name, "Assertion". */
export const signedOf = (xml) => ['Assertion', 'Response', 'LogoutRequest', 'LogoutResponse'].filter((one) => new RegExp(`<(?:\\w+:)?${one}\\b[^>]*>\\s*<(?:\\w+:)?Issuer\\b[^>]*>[^<]*</(?:\\w+:)?Issuer>\\s*<(?:ds:)?Signature\\b`).test(xml))
export const unsigned = (xml) => without(xml, 'Signature')

/** An enveloped signature over the element of that name, behind its Issuer. */
export function signed(xml, element, { key, certificate }, { signature = SHA256, digest = 'http://www.w3.org/2001/04/xmlenc#sha256', canonicalization = EXCLUSIVE } = {}) {
	const signer = new SignedXml({ privateKey: key, publicCert: certificate, signatureAlgorithm: signature, canonicalizationAlgorithm: canonicalization })
	signer.addReference({ xpath: `//*[local-name(.)='${element}']`, digestAlgorithm: digest, transforms: ['http://www.w3.org/2000/09/xmldsig#enveloped-signature', canonicalization] })
	signer.computeSignature(xml, { prefix: 'ds', location: { reference: `//*[local-name(.)='${element}']/*[local-name(.)='Issuer']`, action: 'after' } })
	return signer.getSignedXml()
}

/** What the redirect binding carries, signed (SAML bindings 3.4.4.1). */
export function redirectQuery(parameter, xml, relayState, pair, { algorithm = SHA256, hash = 'RSA-SHA256' } = {}) {
	const query = new URLSearchParams({ [parameter]: deflateRawSync(xml).toString('base64') })
	if (relayState !== undefined) query.append('RelayState', relayState)
	if (pair) {
		query.append('SigAlg', algorithm)
		query.append('Signature', createSign(hash).update(query.toString()).sign(pair.key, 'base64'))
	}
	return query
}

/** A LogoutRequest that a provider might have sent. `changes` are its attributes. */
export function logoutRequest({ issuer, destination, name, sessionIndexes = [], id = newId(), now = Date.now(), ...changes }) {
	const attributes = { ID: id, Version: '2.0', IssueInstant: instant(now), Destination: destination, NotOnOrAfter: instant(now + 300_000), ...changes }
	const { value, format, spNameQualifier, nameQualifier } = name
	const list = (all) => Object.entries(all).filter(([, one]) => one !== undefined).map(([key, one]) => ` ${key}="${escape(one)}"`).join('')
	return `<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"${list(attributes)}><saml:Issuer>${escape(issuer)}</saml:Issuer>`
		+ `<saml:NameID${list({ Format: format, NameQualifier: nameQualifier, SPNameQualifier: spNameQualifier })}>${escape(value)}</saml:NameID>`
		+ `${sessionIndexes.map((one) => `<samlp:SessionIndex>${escape(one)}</samlp:SessionIndex>`).join('')}</samlp:LogoutRequest>`
}

/** A LogoutResponse that a provider might have sent. */
export function logoutResponse({ issuer, destination, inResponseTo, status = 'Success' }) {
	return `<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${newId()}" InResponseTo="${inResponseTo}" Version="2.0" IssueInstant="${instant()}" Destination="${escape(destination)}">`
		+ `<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${escape(issuer)}</saml:Issuer><samlp:Status><samlp:StatusCode Value="${STATUS}${status}"/></samlp:Status></samlp:LogoutResponse>`
}

export const soap = (xml) => `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>${xml}</soap:Body></soap:Envelope>`
