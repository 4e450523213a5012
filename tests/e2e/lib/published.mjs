// An https server at which clients publish their keys: a document for each path, or a way to answer. What it was asked is counted.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverCertificate } from './authority.mjs'

export class Published {
	#server
	#answers = new Map()
	#asked = new Map()
	static async start() {
		const made = new Published()
		made.folder = mkdtempSync(join(tmpdir(), 'passerelle-keys-'))
		made.#server = createServer(serverCertificate(made.folder), (request, response) => {
			const name = request.url.slice(1)
			made.#asked.set(name, made.asked(name) + 1)
			made.#answers.get(name)(response)
		})
		made.#server.listen(0, '0.0.0.0')
		await once(made.#server, 'listening')
		made.port = made.#server.address().port
		return made
	}
	get authority() { return join(this.folder, 'ca.pem') }
	url(name) { return `https://127.0.0.1:${this.port}/${name}` }
	asked(name) { return this.#asked.get(name) ?? 0 }
	answers(name, answer) { this.#answers.set(name, answer) }
	says(name, status, body, headers = {}) { this.answers(name, (response) => response.writeHead(status, { 'Content-Type': 'application/jwk-set+json', ...headers }).end(body)) }
	keys(name, ...jwks) { this.says(name, 200, JSON.stringify({ keys: jwks })) }
	async stop() {
		this.#server.close()
		this.#server.closeAllConnections()
		rmSync(this.folder, { recursive: true, force: true })
	}
}
