// A second SAML identity provider, independent of the first: npm's samlp, by its own functions for requests, responses, errors, logout and metadata. Its sign-in page asks
// a name and no password, and has a button for who changes his mind. Sessions are by a cookie of its own.
import { randomBytes } from 'node:crypto'
import samlp from 'samlp'
import SessionParticipants from 'samlp/lib/sessionParticipants/index.js'
import { CIPHERS, CLASSES, FORMATS, STATUS, attributeOf, escape, newId } from './saml_messages.mjs'
import { SamlPeer } from './saml_peer.mjs'

const BINDINGS = { redirect: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect', post: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST' }
const pem = (der) => `-----BEGIN CERTIFICATE-----\n${der.match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`
const promised = (work) => new Promise((done, fail) => work((error, value) => error ? fail(error) : done(value)))

export class Samlp extends SamlPeer {
	#services = new Map() // by entity id: what its metadata says, and the options
	#sessions = new Map() // by cookie: { name, participants }
	#states = new Map()
	#attempts = new Map()

	static async start(people, options = {}) {
		const peer = new Samlp(people)
		await peer.listen(options)
		return peer
	}

	get entityId() { return `${this.origin}/entity` }
	get metadataUrl() { return `${this.origin}/metadata` }
	get signOnUrl() { return `${this.origin}/sso` }
	get logoutUrl() { return `${this.origin}/slo` }
	leaveUrl() { return this.logoutUrl }
	tileUrl(service, relayState = '') { return `${this.signOnUrl}?${new URLSearchParams({ tile: service, RelayState: relayState })}` }

	/** A service: its metadata, and what is done otherwise there: { signAssertion, signResponse, encrypt (a name of CIPHERS), format, nameOf, context,
	 * logoutBinding, unsigned (its requests may be) }. */
	trust(metadata, options = {}) {
		const keys = Object.fromEntries([...metadata.matchAll(/<md:KeyDescriptor use="(\w+)">.*?<ds:X509Certificate>([^<]*)/g)].map(([, use, der]) => [use, pem(der)]).reverse())
		const service = { id: attributeOf(metadata, 'EntityDescriptor', 'entityID'), acs: attributeOf(metadata, 'AssertionConsumerService', 'Location'),
			slo: attributeOf(metadata, 'SingleLogoutService', 'Location'), keys, options }
		this.#services.set(service.id, service)
	}

	async answer(request, body, call) {
		const reply = { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '' }
		const session = this.#sessions.get(call.headers.cookie?.match(/samlp=(\w+)/)?.[1])
		const asked = { method: request.method, query: call.query, body: call.form, path: call.path, originalUrl: request.url, get: (name) => request.headers[name.toLowerCase()], headers: request.headers }
		const at = { '/metadata': () => this.#metadata(asked, reply), '/sso': () => this.#signOn(asked, reply, session), '/sign-in': () => this.#signIn(asked, reply), '/slo': () => this.#signOut(asked, reply, session) }
		await (at[call.path] ?? (() => { reply.status = 404 }))()
		return reply
	}

	/** What samlp takes for a response of Express, until it has answered. */
	#response(reply, done) {
		return {
			set: (name, value) => { reply.headers[name.toLowerCase()] = value },
			send: (what) => { if (typeof what === 'number') reply.status = what; else reply.body = what; done() },
			redirect: (location) => { Object.assign(reply, { status: 302, body: '' }); reply.headers.location = location; done() },
		}
	}
	#run(middleware, asked, reply) {
		return promised((next) => middleware(asked, this.#response(reply, () => next()), next))
	}

	#metadata(asked, reply) {
		return this.#run(samlp.metadata({ issuer: this.entityId, cert: this.pair.certificate, profileMapper: Object.assign(() => {}, { prototype: { metadata: [] } }),
			redirectEndpointPath: '/sso', postEndpointPath: '/sso', logoutEndpointPaths: { redirect: '/slo', post: '/slo' } }), { ...asked, headers: { host: new URL(this.origin).host, 'x-forwarded-proto': this.origin.split(':')[0] } }, reply)
	}

	async #signOn(asked, reply, session) {
		if (asked.query.tile) return this.#offer(reply, session, { service: this.#services.get(asked.query.tile), relayState: asked.query.RelayState })
		const relayState = asked.query.RelayState ?? asked.body.RelayState
		const about = await promised((next) => samlp.parseRequest(asked, {}, next))
		const service = this.#services.get(about.issuer)
		// Again, now that its key is known.
		const request = await promised((next) => samlp.parseRequest(asked, { signingCert: service.options.unsigned ? undefined : service.keys.signing, deflate: asked.method === 'GET', relayState }, next))
		return this.#offer(reply, request.forceAuthn === 'true' ? undefined : session, { service, relayState, request })
	}

	#offer(reply, session, attempt) {
		if (session) return this.#respond(reply, session, attempt)
		const id = randomBytes(8).toString('hex')
		this.#attempts.set(id, attempt)
		reply.body = `<!doctype html><html lang="en"><title>The provider's sign-in</title><form method="post" action="/sign-in"><input type="hidden" name="attempt" value="${id}"><input name="login" value="">`
			+ '<button name="go" value="1">Continue</button><button name="refuse" value="1">Refuse</button></form>'
	}

	#signIn({ body }, reply) {
		const attempt = this.#attempts.get(body.attempt)
		this.#attempts.delete(body.attempt)
		if (body.refuse || !this.people[body.login]) return this.refuse(reply, attempt, 'AuthnFailed')
		const key = randomBytes(16).toString('hex'), session = { name: body.login, participants: [] }
		this.#sessions.set(key, session)
		reply.headers['set-cookie'] = `samlp=${key}; Path=/; HttpOnly`
		return this.#respond(reply, session, attempt)
	}

	/** An answer without an assertion. */
	refuse(reply, { service, relayState, request }, code) {
		return this.#run(samlp.sendError({ ...this.#settings(service), issuer: this.entityId, destination: service.acs, inResponseTo: request?.id, RelayState: relayState ?? '', signResponse: service.options.signResponse,
			error: { code: `${STATUS}Responder`, description: code }, getPostURL: (asked, next) => next(null, service.acs) }), {}, reply)
	}

	#settings({ options, keys }) {
		const encryption = options.encrypt ? { encryptionCert: keys.encryption, encryptionPublicKey: keys.encryption, encryptionAlgorithm: CIPHERS[options.encrypt], disallowEncryptionWithInsecureAlgorithm: false } : {}
		return { key: this.pair.key, cert: this.pair.certificate, signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', signAssertion: options.signAssertion ?? true, signResponse: options.signResponse ?? false,
			lifetimeInSeconds: 300, ...encryption }
	}

	async #respond(reply, session, { service, relayState, request }) {
		const person = this.people[session.name], { options } = service, format = options.format ?? FORMATS.persistent
		const name = options.nameOf?.(session.name, person) ?? `${session.name}'s number`, sessionIndex = newId()
		const mapper = () => ({ getClaims: () => ({ uid: session.name, ...person.attributes }), getNameIdentifier: () => ({ nameIdentifier: name, nameIdentifierFormat: format }) })
		const xml = await promised((next) => samlp.getSamlResponse({ ...this.#settings(service), issuer: this.entityId, audience: service.id, destination: service.acs, recipient: service.acs, inResponseTo: request?.id,
			sessionIndex, authnContextClassRef: options.context ?? `${CLASSES}PasswordProtectedTransport`, profileMapper: mapper }, person, next))
		session.participants.push({ serviceProviderId: service.id, nameId: name, nameIdFormat: format, sessionIndex, serviceProviderLogoutURL: service.slo, cert: service.keys.signing,
			binding: BINDINGS[options.logoutBinding ?? 'redirect'] })
		reply.body = `<!doctype html><title>Signing in</title><form method="post" action="${escape(service.acs)}"><input type="hidden" name="SAMLResponse" value="${Buffer.from(xml).toString('base64')}">`
			+ `<input type="hidden" name="RelayState" value="${escape(relayState ?? '')}"><noscript><button>Continue</button></noscript></form><script>document.forms[0].submit()</script>`
	}

	#signOut(asked, reply, session) {
		const states = this.#states
		const store = {
			save: (request, state, next) => { const id = randomBytes(8).toString('hex'); states.set(id, state); next(null, id) },
			load: (request, id, how, next = how) => { const state = states.get(id); if (how.destroy) states.delete(id); next(null, state) },
			update: (request, id, state, next) => { states.set(id, state); next(null, id) },
		}
		return this.#run(samlp.logout({ issuer: this.entityId, key: this.pair.key, cert: this.pair.certificate, signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', deflate: true, protocolBinding: BINDINGS.redirect, store,
			sessionParticipants: new SessionParticipants(session?.participants ?? []),
			clearIdPSession: (next) => { for (const [key, one] of this.#sessions) if (one === session) this.#sessions.delete(key); next() } }), asked, reply)
	}
}
