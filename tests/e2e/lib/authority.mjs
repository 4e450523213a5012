// A certificate authority of a test's own, ca.pem in its folder, and what it signed for a server on loopback.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Key and certificate of that server, as node:https takes them. */
export function makeServerCertificate(folder) {
	const openssl = (...words) => execFileSync('openssl', words, { stdio: 'ignore', cwd: folder })
	const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
	openssl('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=The other side\'s authority', '-keyout', 'ca.key', '-out', 'ca.pem')
	openssl('req', ...ec, '-subj', '/CN=the other side', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', 'server.key', '-out', 'server.csr')
	openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy', '-out', 'server.pem')
	return { key: readFileSync(join(folder, 'server.key')), cert: readFileSync(join(folder, 'server.pem')) }
}
