// Debian's Chromium through playwright-core: a real browser for what only a real one can say. Where there is none, tests are skipped and say so.
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { chromium } from 'playwright-core'

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const hasChromium = existsSync(executablePath)

export const launch = () => chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'] })

/** An application's callback on localhost: another site than the gateway's 127.0.0.1. Keeps the addresses it was called at. */
export async function startCallback() {
	const calls = []
	const server = createServer((request, response) => {
		if (request.url !== '/favicon.ico') calls.push(request.url)
		response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
		response.end('<!doctype html><html lang="en"><title>The application</title><p>Welcome back</p>')
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	return { origin: `http://localhost:${server.address().port}`, calls, stop: () => new Promise((done) => { server.close(done); server.closeAllConnections() }) }
}
