// A disk that fails at will: strace lets system calls of the running program fail, as many as are wanted, while a test does something.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { until } from './gateway.mjs'

/** Strace at a process: its child, its end, and what it has said once it holds the process or has given up. */
async function hold(pid, words) {
	const child = spawn('strace', ['-f', '-p', pid, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
	const held = { child, said: '', ended: once(child, 'exit').catch((error) => { held.said += error.message }) }
	child.stderr.setEncoding('utf8').on('data', (piece) => { held.said += piece })
	let over = false
	held.ended.then(() => { over = true })
	await until('strace to hold the process, or to give up', () => over || /attached/.test(held.said))
	held.holds = !over
	return held
}

/** Why it cannot be done here, or false. */
export async function lacksStrace() {
	const other = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
	const { child, ended, said, holds } = await hold(other.pid, ['-e', 'trace=none'])
	child.kill('SIGINT')
	await ended
	other.kill()
	return holds ? false : `strace cannot be used here: ${said.trim()}`
}

/** `rule` as strace takes it, such as "fdatasync:error=EIO". What was made to fail, as a number, after `work`. The sanitizers do not end well under a tracer: it
 * has let go when this returns. */
export async function failing(gateway, rule, work, { mayMiss = false } = {}) {
	const file = gateway.path('strace'), call = rule.split(':')[0]
	const { child, ended, said, holds } = await hold(gateway.pid, ['-o', file, '-e', `trace=${call}`, '-e', `inject=${rule}`])
	try {
		assert.ok(holds, said)
		await work()
	} finally {
		child.kill('SIGINT')
		await ended
	}
	const count = readFileSync(file, 'utf8').split('(INJECTED)').length - 1
	assert.ok(count > 0 || mayMiss, `no ${call} was made to fail`)
	return count
}
