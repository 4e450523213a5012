// Answers of a SAML identity provider that are wrong in exactly one thing: what is wrong, and the reason that the connection log must give for it. They are signed
// again after the change, unless the signature is what is wrong. The corpus of hundreds that tests/saml makes of one response says the same of the verifier alone.
import { FORMATS, STATUS, escape, instant, unsigned, withAttribute, withText, without } from './saml_messages.mjs'

const in_ = (minutes) => instant(Date.now() + minutes * 60_000)
const xml = (change) => ({ xml: change })
const attribute = (element, name, value) => xml((text) => withAttribute(text, element, name, typeof value === 'function' ? value() : value))
const text = (element, value) => xml((all) => withText(all, element, value))
const gone = (element) => xml((all) => without(all, element))
const first = (pattern, value) => xml((all) => all.replace(pattern, value))
const after = (pattern, value) => ({ text: (all) => all.replace(pattern, value) })
const NAME = /(<saml:NameID\b[^>]*>)[^<]*(<\/saml:NameID>)/
const named = (format, value = '$2') => xml((all) => all.replace(/<saml:NameID\b[^>]*>([^<]*)<\/saml:NameID>/, (whole, old) => `<saml:NameID Format="${format}">${value === '$2' ? old : escape(value)}</saml:NameID>`))
const status = (...codes) => xml((all) => without(unsigned(all), 'Assertion').replace(/<samlp:Status>.*?<\/samlp:Status>/s,
	`<samlp:Status>${codes.map((one) => `<samlp:StatusCode Value="${STATUS}${one}">`).join('')}${'</samlp:StatusCode>'.repeat(codes.length)}<samlp:StatusMessage>because</samlp:StatusMessage></samlp:Status>`))

/** By the verifier's claim table: title → [fault, reason, the check that decides]. */
export const CLAIM_FAULTS = {
	'the audience of another service': [text('Audience', 'https://other.example/saml'), 'token_audience', 'audience'],
	'no audience': [gone('AudienceRestriction'), 'token_audience', 'audience'],
	'a second restriction to somebody else': [xml((all) => all.replace('</saml:AudienceRestriction>', '$&<saml:AudienceRestriction><saml:Audience>urn:other</saml:Audience></saml:AudienceRestriction>')), 'token_audience', 'audience'],
	'another issuer of the response': [first(/<saml:Issuer[^>]*>[^<]*/, '<saml:Issuer>https://evil.example'), 'token_issuer', 'issuer'],
	'another issuer of the assertion': [xml((all) => all.replace(/(<saml:Assertion\b.*?<saml:Issuer[^>]*>)[^<]*/s, '$1https://evil.example')), 'token_issuer', 'assertion_issuer'],
	'the address of another service': [attribute('SubjectConfirmationData', 'Recipient', 'https://other.example/acs'), 'saml_address', 'recipient'],
	'no recipient': [attribute('SubjectConfirmationData', 'Recipient'), 'saml_address', 'recipient'],
	'another destination': [attribute('Response', 'Destination', 'https://other.example/acs'), 'saml_address', 'destination'],
	'a response to another request': [attribute('Response', 'InResponseTo', '_another'), 'state_invalid', 'in_response_to'],
	'a response to no request': [attribute('Response', 'InResponseTo'), 'state_invalid', 'in_response_to'],
	'an assertion for another request': [attribute('SubjectConfirmationData', 'InResponseTo', '_another'), 'state_invalid', 'confirmation_in_response_to'],
	'an assertion for no request': [attribute('SubjectConfirmationData', 'InResponseTo'), 'state_invalid', 'confirmation_in_response_to'],
	'conditions that are over': [attribute('Conditions', 'NotOnOrAfter', () => in_(-10)), 'token_old', 'not_on_or_after'],
	'conditions that are not yet': [attribute('Conditions', 'NotBefore', () => in_(10)), 'token_not_yet', 'not_before'],
	'a condition that nobody knows': [xml((all) => all.replace('</saml:Conditions>', '<saml:Condition xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"/>$&')), 'provider_violation', 'conditions'],
	'no conditions': [gone('Conditions'), 'provider_violation', 'conditions'],
	'a confirmation that is over': [attribute('SubjectConfirmationData', 'NotOnOrAfter', () => in_(-10)), 'token_old', 'confirmation_not_on_or_after'],
	'a confirmation that never ends': [attribute('SubjectConfirmationData', 'NotOnOrAfter'), 'token_old', 'confirmation_not_on_or_after'],
	'a confirmation with a beginning': [attribute('SubjectConfirmationData', 'NotBefore', () => in_(-10)), 'provider_violation', 'confirmation_not_before'],
	'another way to confirm': [attribute('SubjectConfirmation', 'Method', 'urn:oasis:names:tc:SAML:2.0:cm:sender-vouches'), 'provider_violation', 'confirmation_method'],
	'no confirmation': [gone('SubjectConfirmation'), 'provider_violation', 'subject_confirmation'],
	'an assertion from the future': [attribute('Assertion', 'IssueInstant', () => in_(10)), 'token_not_yet', 'issue_instant'],
	'a sign-in from the future': [attribute('AuthnStatement', 'AuthnInstant', () => in_(10)), 'token_not_yet', 'authn_instant'],
	'a session that is over': [attribute('AuthnStatement', 'SessionNotOnOrAfter', () => in_(-10)), 'token_old', 'session_not_on_or_after'],
	'no sign-in': [gone('AuthnStatement'), 'provider_violation', 'authn_statement'],
	'no name': [gone('NameID'), 'token_subject', 'name_id'],
	'an empty name': [first(NAME, '$1$2'), 'token_subject', 'name_id'],
	'a name of 300 bytes': [first(NAME, `$1${'n'.repeat(300)}$2`), 'token_subject', 'name_id'],
	'a transient name': [named(FORMATS.transient), 'token_subject', 'name_id_format'],
	'an address as a name, of a provider without domains': [named(FORMATS.email, 'ada@partner.example'), 'token_subject', 'name_id_format'],
	'an unspecified name, of a provider without domains': [named(FORMATS.unspecified), 'token_subject', 'name_id_format'],
	'SAML 1.1 in the response': [attribute('Response', 'Version', '1.1'), 'provider_violation', 'version'],
	'SAML 1.1 in the assertion': [attribute('Assertion', 'Version', '1.1'), 'provider_violation', 'assertion_version'],
	'nobody in it': [{ ...gone('Assertion'), sign: [] }, 'provider_violation', 'one_assertion'],
}

/** What the provider says instead of yes. */
export const STATUS_FAULTS = Object.fromEntries([['Responder', 'AuthnFailed'], ['Responder', 'RequestDenied'], ['Responder', 'NoPassive'], ['Responder', 'NoAuthnContext'], ['Requester', 'InvalidNameIDPolicy'],
	['Requester'], ['VersionMismatch']].map((codes) => [codes.join(' / '), [{ ...status(...codes), sign: [] }, 'provider_refused', 'status']]))

const sha1 = { signature: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }
/** Signatures and forms: nothing is signed again here unless it says so. */
export const FORM_FAULTS = {
	'no signature': [{ text: unsigned }, 'saml_unsigned', 'assertion_signature'],
	'a name changed after signing': [after(NAME, '$1somebody else$2'), 'token_signature'],
	'an attribute changed after signing': [after('ada@partner.example', 'eve@partner.example'), 'token_signature'],
	'a signature with one letter changed': [after(/(<ds:SignatureValue>.{20})(.)/, (all, head, one) => head + (one === 'A' ? 'B' : 'A')), 'token_signature'],
	'an RSA-SHA1 signature': [{ algorithms: sha1 }, 'token_algorithm', 'xml_algorithm'],
	'a SHA-1 digest': [{ algorithms: { digest: 'http://www.w3.org/2000/09/xmldsig#sha1' } }, 'token_algorithm', 'xml_algorithm'],
	'inclusive canonicalization': [{ algorithms: { canonicalization: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' } }, 'token_algorithm', 'xml_algorithm'],
	'HMAC for a signature': [after('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'), 'token_algorithm', 'xml_algorithm'],
	'a second assertion': [after(/<saml:Assertion\b.*<\/saml:Assertion>/s, (one) => one.replace(/ ID="[^"]*"/, ' ID="_evil"').replace(/<ds:Signature\b.*?<\/ds:Signature>/s, '') + one), 'provider_violation', 'one_assertion'],
	'the signed assertion wrapped into another': [after(/<saml:Assertion\b.*<\/saml:Assertion>/s, (one) => one.replace(/ ID="[^"]*"/, ' ID="_evil"').replace(/<ds:Signature\b.*?<\/ds:Signature>/s, '')
		.replace('</saml:Assertion>', `<saml:Advice>${one}</saml:Advice></saml:Assertion>`)), 'saml_xml'],
	'a comment in the name': [after(NAME, '$1ada<!-- -->.evil$2'), 'saml_xml', 'xml_comment'],
	'CDATA in the name': [after(NAME, '$1<![CDATA[ada]]>$2'), 'saml_xml', 'xml_cdata'],
	'a processing instruction': [after('<saml:Subject>', '<?x y?><saml:Subject>'), 'saml_xml', 'xml_processing_instruction'],
	'a document type': [after(/^(<\?xml[^>]*>\s*)?/, '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), 'saml_xml', 'xml_doctype'],
	'no XML': [{ text: () => 'SAML? No, thank you.' }, 'saml_xml'],
	'half of it': [{ text: (all) => all.slice(0, all.length / 2) }, 'saml_xml'],
	'300 KB': [after('</saml:Subject>', `</saml:Subject>${' '.repeat(300 << 10)}`), 'provider_violation', 'SAMLResponse'],
	'a logout instead': [after(/^.*$/s, `<samlp:LogoutResponse xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_a" Version="2.0"/>`), 'saml_xml'],
	'an answer that is not base64': [{ form: (fields) => { fields.set('SAMLResponse', '<<<>>>') } }, 'provider_violation', 'SAMLResponse'],
}

/** The handle that the provider must give back as it got it. */
export const RELAY_FAULTS = {
	'none': [(fields) => { fields.delete('RelayState') }],
	'none, beside base64 in lines': [(fields) => { fields.delete('RelayState'); fields.set('SAMLResponse', fields.get('SAMLResponse').replace(/.{76}/g, '$&\r\n')) }],
	'an empty one': [(fields) => { fields.set('RelayState', '') }],
	'one with a letter changed': [(fields) => { fields.set('RelayState', fields.get('RelayState').replace(/.$/, (one) => one === 'A' ? 'B' : 'A')) }],
	'one of somebody\'s choice': [(fields) => { fields.set('RelayState', 'https://evil.example/') }],
	'one of 10 KB': [(fields) => { fields.set('RelayState', 'r'.repeat(10_000)) }],
}

/** Metadata that leads nowhere. */
export const METADATA_FAULTS = {
	'no signing key': [(text) => without(text, 'KeyDescriptor'), 'metadata_signing_key'],
	'no address to sign in at': [(text) => without(text, 'SingleSignOnService'), 'metadata_sso'],
	'an address that is a script': [(text) => withAttribute(text, 'SingleSignOnService', 'Location', 'javascript:alert(1)'), 'metadata_sso'],
	'an end in the past': [(text) => withAttribute(text, 'EntityDescriptor', 'validUntil', in_(-60)), 'metadata_validity'],
	'no name': [(text) => withAttribute(text, 'EntityDescriptor', 'entityID'), 'metadata_entity_id'],
	'a service provider in it': [(text) => text.replaceAll('IDPSSODescriptor', 'SPSSODescriptor')],
	'a document type': [(text) => text.replace('<md:EntityDescriptor', '<!DOCTYPE x><md:EntityDescriptor'), 'xml_doctype'],
	'HTML in its place': [() => '<h1>It works</h1>'],
}
