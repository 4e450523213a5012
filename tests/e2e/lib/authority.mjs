// A certificate authority of a test's own, and the certificate of one server on loopback. `ca.pem` in the folder is what the gateway's outbound.ca_file names.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export function serverCertificate(folder) {
	const at = (name) => join(folder, name)
	const openssl = (...words) => execFileSync('openssl', words, { stdio: 'ignore', cwd: folder })
	const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
	openssl('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=The test\'s authority', '-keyout', 'ca.key', '-out', 'ca.pem')
	openssl('req', ...ec, '-subj', '/CN=server', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', 'server.key', '-out', 'server.csr')
	openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-copy_extensions', 'copy', '-out', 'server.pem')
	return { key: readFileSync(at('server.key')), cert: readFileSync(at('server.pem')) }
}
