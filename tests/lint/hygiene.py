#!/usr/bin/env python3
"""Files hold nothing that is true on one machine only: no host of a package registry, no absolute path of a workplace, no conflict marker, no
private key, no lock file with the addresses its packages came from."""
import re

from lib import house

# Put together from pieces, so that this file passes its own rule.
REGISTRIES = ['registry' + r'\.npmjs\.org', 'registry' + r'\.yarnpkg\.com', 'deb' + r'\.debian\.org', 'security' + r'\.debian\.org', 'pypi' + r'\.org',
	'files' + r'\.pythonhosted\.org', 'crates' + r'\.io', 'proxy' + r'\.golang\.org', 'deb' + r'\.nodesource\.com', 'snapshot' + r'\.debian\.org']
RULES = [
	(re.compile('|'.join(REGISTRIES)), 'names the host of a package registry'),
	(re.compile(r'(?<![\w.}$])/(?:work|home|root|Users)/[\w.]+'), 'holds a path of one machine'),
	(re.compile(r'^(?:<{7} |>{7} |={7}$)', re.M), 'holds a conflict marker'),
	(re.compile('-----BEGIN ' + r'(?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----'), 'holds a private key'),
	(re.compile(r'"resolved":\s*"https?:'), 'a lock file says where a package came from (npm config: omit-lockfile-registry-resolved)'),
]
TEXTS = ('.c', '.h', '.def', '.py', '.mjs', '.js', '.json', '.md', '.txt', '.yaml', '.yml', '.sh', '.sql', '.html', '.css', '.po', '.build', '.1', '.5', '.8', 'dev', 'run', '.npmrc',
	'fresh-machine', 'meson_options.txt')
# Keys and paths that tests plant on purpose stand below here.
PLANTED = ('tests/e2e/fixtures/', 'tests/crypto/', 'tests/store/fixtures/')


def check(top):
	for path in house.files(top, *TEXTS):
		name = path.relative_to(top).as_posix()
		if name == 'tests/lint/hygiene.py':
			continue
		text = house.text_of(path)
		for pattern, what in RULES:
			if 'private key' in what and name.startswith(PLANTED):
				continue
			for match in pattern.finditer(text):
				yield f'{name}:{house.line_of(text, match.start())}: {what}: {match[0]}'


house.run('files hold nothing of one machine', check, planted=[
	({'tests/e2e/package-lock.json': '{"x": "https://registry.npmjs.' + 'org/a"}'}, 'names the host of a package registry'),
	({'docs/a.md': 'see /work/' + 'main/x\n'}, 'holds a path of one machine'),
	({'base/a.c': '<<<<<<< ours\n'}, 'base/a.c:1: holds a conflict marker'),
	({'docs/a.md': '-----BEGIN ' + 'PRIVATE KEY-----'}, 'holds a private key'),
	({'a/package-lock.json': '{"resolved": "https://mirror/a.tgz"}'}, 'a lock file says where'),
], clean=[{'docs/a.md': 'var/home/x and https://login.acme.example/work/1 and $HOME/work/x\n'}])
