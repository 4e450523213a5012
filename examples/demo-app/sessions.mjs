// Sessions in memory: a random id in an HttpOnly cookie, everything else here. Bounded in number and age; the id changes at sign-in, so that
// one planted beforehand is worth nothing.
import { randomBytes } from 'node:crypto'

const COOKIE = 'demo_session'
const AGE_MS = 8 * 3600 * 1000
const MOST = 1000
const FLOWS = 5 // sign-ins begun in several tabs

export class Sessions {
	#byId = new Map()

	find(request) {
		const ids = (request.headers.cookie ?? '').split(/; */).filter((one) => one.startsWith(`${COOKIE}=`))
		if (ids.length !== 1) return undefined
		const session = this.#byId.get(ids[0].slice(COOKIE.length + 1))
		if (session && session.until < Date.now()) {
			this.#byId.delete(session.id)
			return undefined
		}
		return session
	}

	create() {
		if (this.#byId.size >= MOST) this.#byId.delete(this.#byId.keys().next().value)
		const session = { id: randomBytes(32).toString('base64url'), until: Date.now() + AGE_MS, flows: new Map() }
		this.#byId.set(session.id, session)
		return session
	}

	/** The same person under a new id. */
	renew(session) {
		this.remove(session)
		return Object.assign(this.create(), { flows: session.flows })
	}

	remove(session) {
		if (session) this.#byId.delete(session.id)
	}

	static remember(session, state, flow) {
		if (session.flows.size >= FLOWS) session.flows.delete(session.flows.keys().next().value)
		session.flows.set(state, flow)
	}

	/** One use: an answer that comes twice finds nothing. */
	static take(session, state) {
		const flow = session?.flows.get(state)
		session?.flows.delete(state)
		return flow
	}

	/** The cookie that goes with an answer; undefined takes it away. Over plain HTTP on loopback there can be no Secure. */
	static cookie(session, secure) {
		const end = `; Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
		return session ? `${COOKIE}=${session.id}${end}` : `${COOKIE}=; Max-Age=0${end}`
	}
}
