#!/usr/bin/env python3
"""Each foreign library has one owner: only the files named here include its headers (DESIGN.md section 7). Tests and examples may include any."""
import fnmatch
import re

from lib import house

OWNERS = {
	'microhttpd.h': ['gateway/http/*'],
	'gnutls/*': ['gateway/http/certificates.c'],
	'argon2.h': ['crypto/password*.c'],
	'crypt.h': ['crypto/password*.c'],
	'openssl/*': ['crypto/*', 'providers/verifier/token_signature.c'],  # there: Ed25519, which cjose does not know
	'sqlite3.h': ['gateway/store/sqlite*.c'],
	'libpq-fe.h': ['gateway/store/postgres*.c'],
	'yaml.h': ['base/document*.c', 'gateway/admin/yaml_write*.c'],  # read there, written by export
	'uni*.h': ['base/*.c'],
	'zxcvbn*': ['policies/password*.c', 'crypto/password*.c'],
	'ldap.h': ['providers/ldap*.c'],
	'lber.h': ['providers/ldap*.c'],
	'curl/*': ['providers/fetch*.c'],
	'lasso/*': ['providers/verifier/saml*.c'],
	'xmlsec/*': ['providers/verifier/saml*.c'],
	'libxml/*': ['providers/verifier/saml*.[ch]'],
	'oauth2/*': ['providers/verifier/token*.c'],
	'cjose/*': ['providers/verifier/token*.c'],
	'seccomp.h': ['providers/verifier/*.c'],
	'fido*.h': ['crypto/webauthn*.c'],
	'cbor.h': ['crypto/webauthn*.c'],
	'zlib.h': ['providers/saml_binding.c'],
	'qrencode.h': ['gateway/pages/*.c'],
}
NOT_UNISTRING = {'unistd.h'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.M)


def check(top):
	for path in house.sources(top, '.c', '.h', '.def'):
		name = path.relative_to(top).as_posix()
		if name.startswith(('tests/', 'examples/')):
			continue
		text = house.text_of(path)
		for match in INCLUDE.finditer(text):
			header = match[1].lower()
			for pattern, owners in OWNERS.items():
				if fnmatch.fnmatch(header, pattern) and header not in NOT_UNISTRING and not any(fnmatch.fnmatch(name, owner) for owner in owners):
					yield f"{name}:{house.line_of(text, match.start())}: <{match[1]}> belongs to {' '.join(owners)}"


house.run('each foreign header is included by its owner only', check, planted=[
	({'gateway/oauth/token.c': '#include <microhttpd.h>\n'}, 'gateway/oauth/token.c:1: <microhttpd.h> belongs to gateway/http/*'),
	({'gateway/store/rows.c': '#include <sqlite3.h>\n'}, 'belongs to gateway/store/sqlite*.c'),
	({'crypto/digest.c': '#include <argon2.h>\n'}, 'belongs to crypto/password*.c'),
	({'providers/oidc.c': '#include <curl/curl.h>\n'}, 'belongs to providers/fetch*.c'),
	({'gateway/http/reply.h': '#include <openssl/evp.h>\n'}, 'belongs to crypto/*'),
], clean=[{'gateway/http/listen.c': '#include <microhttpd.h>\n#include <unistd.h>\n', 'tests/http/a.c': '#include <microhttpd.h>\n', 'crypto/password.c': '#include <argon2.h>\n'}])
