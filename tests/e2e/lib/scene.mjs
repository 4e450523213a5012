// The people, applications and services that most tests are about, as a declaration. A test takes them and changes what it is about.
export const PASSWORDS = { alice: 'correct horse of alice canary', bruno: 'battery staple of bruno canary', carla: 'quiet river of carla canary' }
export const API = 'https://api.acme.example', OTHER_API = 'https://files.acme.example'
export const REDIRECT = 'https://app.acme.example/cb'
export const secretOf = (name) => `${name}-secret-canary-0123456789abcdef0123456789`

const PERSON_SCOPE = 'openid profile email groups offline_access wiki.read wiki.write'
const person = { redirect_uris: [REDIRECT], post_logout_redirect_uris: ['https://app.acme.example/bye'], grant_types: ['authorization_code', 'refresh_token'],
	scope: PERSON_SCOPE, resources: [API] }
const confidential = (client_id, more) => ({ client_id, client_name: `The ${client_id} application`, client_secret: secretOf(client_id), ...more })

export const CLIENTS = {
	web: confidential('web', person),
	post: confidential('post', { ...person, token_endpoint_auth_method: 'client_secret_post' }),
	spa: { client_id: 'spa', client_name: 'The page', token_endpoint_auth_method: 'none', ...person },
	asking: confidential('asking', { ...person, consent: 'explicit' }),
	staffonly: confidential('staffonly', { ...person, allowed_groups: ['staff'] }),
	machine: confidential('machine', { grant_types: ['client_credentials'], scope: 'wiki.read wiki.write', resources: [API] }),
	api: confidential('api', { grant_types: [], introspects: 'resource' }),
	auditor: confidential('auditor', { grant_types: [], introspects: 'tenant' }),
	stranger: confidential('stranger', { grant_types: ['client_credentials'], introspects: 'own' }),
}

/** One tenant. `clients` names those of the list above, or declares others. */
export function tenant(name, { clients = Object.keys(CLIENTS), users, policy = {}, ...more } = {}) {
	return {
		name, display_name: `${name[0].toUpperCase()}${name.slice(1)} & Co`,
		policy: { throttle: { failures: 100, window: '15m', lock: '15m' }, ...policy },
		resources: [
			{ identifier: API, scopes: ['wiki.read', 'wiki.write'], introspection_clients: clients.includes('api') ? ['api'] : [], access_token_format: 'jwt' },
			{ identifier: OTHER_API, scopes: ['files.read'], access_token_format: 'opaque' },
		],
		users: users ?? [
			{ username: 'alice', email: 'alice@acme.example', email_verified: true, name: 'Alice Martin', groups: ['staff', 'wiki'], password: PASSWORDS.alice },
			{ username: 'bruno', email: 'bruno@acme.example', name: 'Bruno', groups: ['guests'], password: PASSWORDS.bruno },
			{ username: 'carla', groups: ['staff'], password: PASSWORDS.carla },
		],
		clients: clients.map((one) => typeof one === 'string' ? CLIENTS[one] : one),
		...more,
	}
}
export const declare = (...tenants) => ({ tenants })
