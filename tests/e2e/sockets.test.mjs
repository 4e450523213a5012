// Where it listens: a unix socket, a socket that a supervisor opened, several at once; and what the supervisor is told (issue 6 point 2).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Gateway, program, until } from './lib/gateway.mjs'
import { CLIENTS, declare, tenant } from './lib/scene.mjs'

const running = []
after(async () => { for (const gateway of running) await gateway.stop() })
async function start(config) {
	const gateway = await Gateway.start({ declaration: declare(tenant('acme', { clients: ['machine'] })) })
	running.push(gateway)
	await gateway.terminate()
	gateway.config = typeof config === 'function' ? config(gateway) : config
	gateway.writeConfig()
	return gateway
}
const ask = (gateway, path, where, headers = {}) => new Promise((done, fail) => {
	const out = request({ ...where, path, agent: false, headers: { Host: gateway.host, ...headers } }, (answer) => answer.resume().on('end', () => done(answer.statusCode)))
	out.on('error', fail).end()
})

test('a unix socket beside two ports; gone at the end, taken over where a crash left it', async () => {
	const path = (gateway) => gateway.path('http.sock')
	const gateway = await start((one) => ({ listen: [`127.0.0.1:${one.port}`, '[::1]:0', `unix:${one.path('http.sock')}`], trusted_proxies: ['unix'] }))
	for (const end of ['kill', 'terminate']) {
		await gateway.launch()
		assert.equal(await ask(gateway, '/readyz', { socketPath: path(gateway) }), 200)
		assert.equal(await ask(gateway, '/readyz', { host: '127.0.0.1', port: gateway.port }), 200)
		assert.equal(statSync(path(gateway)).mode & 0o777, 0o660)
		await gateway[end]()
		assert.equal(existsSync(path(gateway)), end === 'kill')
	}
})

/** A supervisor with a socket of its own (lib/supervisor.py). What it and the program say is in `text`. */
async function supervise(gateway, address) {
	const helper = fileURLToPath(new URL('lib/supervisor.py', import.meta.url))
	const child = spawn('python3', [helper, address, String(gateway.port), gateway.folder, program, 'serve'], { env: { ...process.env, LSAN_OPTIONS: 'detect_leaks=0' } })
	const supervisor = { text: '', start: () => child.stdin.write('go\n'), stop: async () => { child.stdin.end(); await once(child, 'close') } }
	for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece) => { supervisor.text += piece })
	await until('the socket', () => supervisor.text.includes('bound'))
	return supervisor
}

test('a socket that a supervisor opened: who comes while the service restarts waits, and is answered', async () => {
	const gateway = await start((one) => ({ listen: 'fd:3', base_url: one.base }))
	const supervisor = await supervise(gateway, '127.0.0.1'), tcp = { host: '127.0.0.1', port: gateway.port }
	for (let round = 1; round <= 3; round++) {
		const early = ask(gateway, '/readyz', tcp)
		supervisor.start()
		assert.equal(await early, 200, supervisor.text)
		assert.equal(await ask(gateway, '/readyz', tcp), 200)
		process.kill(Number(supervisor.text.match(/pid (\d+)(?![^]*pid)/)[1]), 'SIGTERM')
		await until('the end', () => supervisor.text.match(/ended 0\n/g)?.length === round)
	}
	await supervisor.stop()
})

for (const [what, address, says] of [['bound to the network, without a proxy', '0.0.0.0', /plain HTTP leaves the machine only behind trusted_proxies/], ['that is not there', 'none', /not a listening socket/]])
	test(`an inherited socket ${what} is refused`, async () => {
		const gateway = await start((one) => ({ listen: 'fd:3', base_url: one.base }))
		const supervisor = await supervise(gateway, address)
		supervisor.start()
		await until('the end', () => supervisor.text.includes('ended 1'))
		assert.match(supervisor.text, says)
		await supervisor.stop()
	})

test('the supervisor is told: ready, reloading, ready, stopping', async () => {
	const gateway = await start((one) => ({ base_url: one.base }))
	const where = gateway.path('notify.sock')
	const listener = spawn('python3', ['-c', `import socket,sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(${JSON.stringify(where)})
print('bound', flush=True)
while True: print(s.recv(4096).decode().replace('\\n', ' '), flush=True)`], { stdio: ['ignore', 'pipe', 'inherit'] })
	let said = ''
	listener.stdout.setEncoding('utf8').on('data', (piece) => { said += piece })
	await until('the listener', () => said.includes('bound'))
	gateway.environment = { NOTIFY_SOCKET: where }
	await gateway.launch()
	await until('ready', () => said.includes('READY=1\n'))
	process.kill(gateway.pid, 'SIGHUP')
	await until('ready again', () => /RELOADING=1 MONOTONIC_USEC=\d+\nREADY=1\n/.test(said))
	await gateway.terminate()
	await until('the end', () => said.endsWith('STOPPING=1\n'))
	listener.kill('SIGTERM')
	await once(listener, 'close')
	assert.match(said, /^bound\nREADY=1\nRELOADING=1 MONOTONIC_USEC=\d+\nREADY=1\nSTOPPING=1\n$/)
})
