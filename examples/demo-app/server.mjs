// A small relying party on openid-client: authorization code flow with PKCE, state and nonce; userinfo, refresh, sign-out at the provider; and
// calls of a resource server with the access token. Settings come from the environment, see `setting`.
import { createServer } from 'node:http'
import * as oidc from 'openid-client'
import { errorPage, personPage, style, welcomePage } from './pages.mjs'
import { Sessions } from './sessions.mjs'

const environment = (name, otherwise) => {
	const value = process.env[name] ?? otherwise
	if (value === undefined) {
		console.error(`demo-app: ${name} is not set`)
		process.exit(2)
	}
	return value
}

const setting = {
	issuer: environment('ISSUER'),
	clientId: environment('CLIENT_ID', 'demo-app'),
	clientSecret: environment('CLIENT_SECRET'),
	address: new URL(environment('ADDRESS', 'http://localhost:8090')), // what the browser calls us
	listen: environment('LISTEN', '127.0.0.1:8090'),
	resourceServer: environment('RESOURCE_SERVER', 'http://127.0.0.1:8081'),
	scope: environment('SCOPE', 'openid profile email groups offline_access hello.read'),
}
const redirectUri = new URL('/callback', setting.address).href
const afterSignOut = new URL('/', setting.address).href
const secure = setting.address.protocol === 'https:'
const sessions = new Sessions()

// Asked for when first needed, and again after a failure: the application may start before its provider.
let discovered
function provider() {
	discovered ??= oidc.discovery(new URL(setting.issuer), setting.clientId, undefined, oidc.ClientSecretBasic(setting.clientSecret), {
		execute: [
			...(setting.issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : []), // a provider on loopback
			oidc.enableNonRepudiationChecks, // ID tokens' signatures are verified, though they come straight from the provider
		],
		timeout: 8,
	}).catch((error) => {
		discovered = undefined
		throw error
	})
	return discovered
}

function send(response, status, body, headers = {}) {
	const origins = ["'self'", new URL(setting.issuer).origin]
	response.writeHead(status, {
		'Content-Type': 'text/html; charset=utf-8',
		'Cache-Control': 'no-store',
		'Referrer-Policy': 'same-origin', // and not no-referrer: our own forms would come with Origin: null
		'X-Content-Type-Options': 'nosniff',
		'Content-Security-Policy': `default-src 'none'; style-src 'self'; form-action ${origins.join(' ')}; frame-ancestors 'none'; base-uri 'none'`,
		...headers,
	})
	response.end(body)
}

const redirect = (response, to, headers = {}) => send(response, 303, '', { Location: String(to), ...headers })

async function signIn(request, response) {
	const config = await provider()
	const session = sessions.find(request) ?? sessions.create()
	const verifier = oidc.randomPKCECodeVerifier()
	const state = oidc.randomState()
	const nonce = oidc.randomNonce()
	Sessions.remember(session, state, { verifier, nonce })
	const address = oidc.buildAuthorizationUrl(config, {
		redirect_uri: redirectUri, scope: setting.scope, state, nonce, code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
	})
	redirect(response, address, { 'Set-Cookie': Sessions.cookie(session, secure) })
}

async function callback(request, response, url) {
	const session = sessions.find(request)
	const state = url.searchParams.get('state')
	const flow = Sessions.take(session, state)
	if (!flow) {
		return send(response, 400, errorPage('This sign-in is not ours', 'It was not begun in this browser, or it is over already. Please start again.'))
	}
	const config = await provider()
	let tokens
	try {
		tokens = await oidc.authorizationCodeGrant(config, new URL(request.url, setting.address),
			{ pkceCodeVerifier: flow.verifier, expectedState: state, expectedNonce: flow.nonce, idTokenExpected: true })
	} catch (error) {
		console.error(`demo-app: sign-in failed: ${error.code ?? error.name}: ${error.error ?? error.message}`)
		return send(response, 400, errorPage('Sign-in failed', 'The identity provider did not sign you in.', error.error_description ?? error.error ?? error.code))
	}
	const signedIn = sessions.renew(session)
	keep(signedIn, tokens)
	redirect(response, '/', { 'Set-Cookie': Sessions.cookie(signedIn, secure) })
}

function keep(session, tokens) {
	session.tokens = {
		access: tokens.access_token,
		refresh: tokens.refresh_token ?? session.tokens?.refresh, // where refresh tokens do not rotate, the old one goes on
		id: tokens.id_token ?? session.tokens?.id,
		sub: tokens.claims()?.sub ?? session.tokens?.sub,
	}
}

async function refresh(request, response) {
	const session = sessions.find(request)
	if (!session?.tokens?.refresh) return redirect(response, '/')
	try {
		keep(session, await oidc.refreshTokenGrant(await provider(), session.tokens.refresh))
		session.note = `Refreshed at ${new Date().toISOString()}.`
	} catch (error) {
		if (error.error !== 'invalid_grant') throw error
		session.note = undefined
		sessions.remove(session)
		return send(response, 200, welcomePage(setting.issuer, 'Your sign-in has ended at the identity provider. Please sign in again.'), { 'Set-Cookie': Sessions.cookie(undefined, secure) })
	}
	redirect(response, '/')
}

async function signOut(request, response) {
	const session = sessions.find(request)
	const config = await provider()
	sessions.remove(session)
	const away = config.serverMetadata().end_session_endpoint
		? oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: afterSignOut, ...(session?.tokens?.id ? { id_token_hint: session.tokens.id } : {}) })
		: '/'
	redirect(response, away, { 'Set-Cookie': Sessions.cookie(undefined, secure) })
}

/** For showing only: what this application relies on was verified by openid-client. */
function decode(token) {
	try {
		const [header, claims] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')))
		return { header, claims }
	} catch {
		return undefined
	}
}

async function ask(way, token) {
	try {
		const answer = await fetch(new URL(`/hello?by=${way}`, setting.resourceServer),
			{ headers: { Authorization: `Bearer ${token}` }, redirect: 'error', signal: AbortSignal.timeout(8000) })
		return { status: answer.status, text: (await answer.text()).slice(0, 10000) }
	} catch (error) {
		return { text: `The resource server cannot be reached: ${error.cause?.code ?? error.name}` }
	}
}

async function home(request, response) {
	const session = sessions.find(request)
	if (!session?.tokens) return send(response, 200, welcomePage(setting.issuer))
	const { access, id, sub, refresh: refreshable } = session.tokens
	const [person, jwks, introspection] = await Promise.all([
		oidc.fetchUserInfo(await provider(), access, sub).catch((error) => ({ sub, failed: error.cause?.status ?? error.status ?? error.code })),
		ask('jwks', access),
		ask('introspection', access),
	])
	const note = person.failed ? 'The gateway no longer takes this access token. Refresh, or sign in again.' : session.note
	send(response, 200, personPage({ person, idToken: decode(id), accessToken: decode(access), refreshable: Boolean(refreshable), answers: { jwks, introspection }, note }))
}

const routes = {
	'GET /': home,
	'GET /signin': signIn,
	'GET /callback': callback,
	'POST /refresh': refresh,
	'POST /signout': signOut,
	'GET /style.css': (_request, response) => send(response, 200, style, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'max-age=300' }),
	'GET /healthz': (_request, response) => send(response, 200, 'ok\n', { 'Content-Type': 'text/plain' }),
}

const server = createServer(async (request, response) => {
	try {
		const url = new URL(request.url, setting.address)
		// A form of another site may not act here; SameSite=Lax keeps the cookie away already, this says so aloud.
		const foreign = request.method === 'POST' && request.headers.origin !== undefined && request.headers.origin !== setting.address.origin
		const route = foreign ? undefined : routes[`${request.method} ${url.pathname}`]
		if (!route) return send(response, 404, errorPage('Nothing here', 'There is no such page.'))
		await route(request, response, url)
	} catch (error) {
		console.error(`demo-app: ${request.method} ${request.url?.split('?')[0]}: ${error.code ?? error.name}: ${error.cause?.code ?? error.message}`)
		if (!response.headersSent) send(response, 502, errorPage('The identity provider cannot be reached', 'Please try again in a moment.'))
		else response.destroy()
	}
})
server.requestTimeout = 10_000
server.maxHeadersCount = 100

const [host, port] = setting.listen.split(':')
server.listen(Number(port), host, () => {
	const { address, port: real } = server.address()
	console.log(`demo-app: listening on http://${address}:${real}`)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.on(signal, () => {
		server.close(() => process.exit(0))
		server.closeAllConnections()
	})
}
