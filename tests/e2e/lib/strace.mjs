// A disk that fails at will: strace lets system calls of the running program fail, as many as are wanted, while a test does something.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { run, until } from './gateway.mjs'

/** Why it cannot be done here, or false. */
export async function lacksStrace() {
	const tried = await run('strace', ['-e', 'trace=none', 'true']).catch((error) => ({ err: error.message }))
	return tried.status === 0 ? false : `strace cannot be used here: ${tried.err.trim()}`
}

/** `rule` as strace takes it, such as "fdatasync:error=EIO". What was made to fail, as a number, after `work`. The sanitizers do not end well under a tracer: it
 * has let go when this returns. */
export async function failing(gateway, rule, work, { mayMiss = false } = {}) {
	const file = gateway.path('strace'), call = rule.split(':')[0]
	const child = spawn('strace', ['-f', '-p', gateway.pid, '-o', file, '-e', `trace=${call}`, '-e', `inject=${rule}`], { stdio: ['ignore', 'ignore', 'pipe'] })
	const ended = once(child, 'exit')
	let said = ''
	child.stderr.setEncoding('utf8').on('data', (piece) => { said += piece })
	try {
		await until('strace to hold the program', () => {
			assert.equal(child.exitCode, null, said)
			return /attached/.test(said)
		})
		await work()
	} finally {
		child.kill('SIGINT')
		await ended
	}
	const count = readFileSync(file, 'utf8').split('(INJECTED)').length - 1
	assert.ok(count > 0 || mayMiss, `no ${call} was made to fail`)
	return count
}
