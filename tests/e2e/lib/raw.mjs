// Requests that fetch would not send: a Host of our choice, doubled headers, bytes that are no HTTP at all.
import { request } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect } from 'node:net'
import { once } from 'node:events'

/** One request by node:http, which lets Host and every other header be said, and from which loopback address it comes. Certificates of the rig's are not looked at. */
export function ask(address, { method = 'GET', headers = {}, body, from } = {}) {
	const url = new URL(address)
	return new Promise((done, fail) => {
		const out = (url.protocol === 'https:' ? requestTls : request)({ host: url.hostname, port: url.port, path: url.pathname + url.search, method, headers, agent: false, localAddress: from, rejectUnauthorized: false }, (answer) => {
			let text = ''
			answer.setEncoding('utf8').on('data', (piece) => { text += piece })
			answer.on('end', () => {
				let json
				try { json = JSON.parse(text) } catch { /* stays undefined */ }
				done({ status: answer.statusCode, headers: answer.headers, text, json })
			})
		})
		out.on('error', fail)
		out.end(body)
	})
}

/** Writes bytes and reads until the other side closes, or `enough` says so. */
export async function talk(port, bytes, { enough = () => false, limitMs = 20000 } = {}) {
	const socket = connect(port, '127.0.0.1')
	let text = ''
	socket.setEncoding('latin1').on('data', (piece) => {
		text += piece
		if (enough(text)) socket.destroy()
	})
	socket.on('error', () => {})
	socket.setTimeout(limitMs, () => socket.destroy())
	await once(socket, 'connect')
	socket.write(bytes)
	await once(socket, 'close')
	return text
}
