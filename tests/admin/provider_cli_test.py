#!/usr/bin/env python3
"""Providers from the command line: declared, exported, switched, tested against a directory; what becomes of their secrets; the links of users. TAP."""
import glob
import json
import os
import pathlib
import pty
import random
import re
import shutil
import socket
import subprocess
import sys
import time

from cli import Folder, PASSWORD, PROGRAM, assert_mistakes, main, test

DIRECTORY_PASSWORD = 'canary of the service account'
DIRECTORY = f'''tenants:
- name: acme
  domains: [acme.example]
  providers:
  - name: directory
    type: ldap
    display_name: Annuaire
    url: [ldap://127.0.0.1:3890]
    start_tls: false
    bind_dn: "cn=gateway,dc=example,dc=org"
    bind_password: "{DIRECTORY_PASSWORD}"
    base_dn: "ou=people,dc=example,dc=org"
    groups: {{ base_dn: "ou=groups,dc=example,dc=org", nested: true }}
    claims: {{ email: [mail, otherMailbox], name: displayName }}
    group_map: {{ "cn=Wiki,ou=groups,dc=example,dc=org": wiki, "cn=Ops,ou=groups,dc=example,dc=org": [ops, staff] }}
    domains: [acme.example]
    timeout: 60s
  - {{ name: own, type: local }}
'''
PASSWORD_LINE = f'    bind_password: "{DIRECTORY_PASSWORD}"\n'


MISTAKES = [
	('  - { username: lin, links: [{ provider: x, subject: y }] }', 'tenants[gamma].users[lin].links: x, ', "one of the tenant's providers"),
	('  - { username: max, links: [{ provider: n }] }', 'tenants[gamma].users[max].links[n].subject: ', 'missing'),
	('  - { username: two, links: [{ provider: n, subject: y }, { provider: n, subject: y }] }', 'tenants[gamma].users[two].links: y of n twice', 'expected once'),
	('  - { name: s, type: saml, metadata_file: x }', 'tenants[gamma].providers[s].metadata_file: ', 'x'),
	('  - { name: g, type: saml }', 'tenants[gamma].providers[g]: ', 'expected one of metadata_file, metadata_url and metadata'),
	('  - { name: o, type: oidc }', 'tenants[gamma].providers[o].issuer: missing', 'expected'),
	('  - { name: k, type: kerberos }', 'tenants[gamma].providers[k].type: kerberos', 'expected one of local, ldap'),
	('  - { name: none }', 'tenants[gamma].providers[none].type: missing', 'expected one of local, ldap'),
	('  - { name: own, type: local, claims: { name: cn } }', 'tenants[gamma].providers[own].claims: ', 'unknown key'),
	('  - { name: l, type: ldap, url: [ldap://x] }', 'tenants[gamma].providers[l].base_dn: missing', 'expected'),
	('  - { name: L, type: ldap, url: "http://x", base_dn: dc=x }', 'tenants[gamma].providers[L].name: ', 'expected 1 to 63'),
	('  - { name: L, type: ldap, url: "http://x", base_dn: dc=x }', 'tenants[gamma].providers[L].url[0]: ', 'ldap://host'),
	('    start_tls: false', 'tenants[gamma].providers[clear].start_tls: false', 'passwords would cross the network in clear'),
	('  - name: half2', 'tenants[gamma].providers[half2].bind_password: missing', 'both bind_dn and bind_password'),
	('    upstream_mfa: always', 'tenants[gamma].providers[half].upstream_mfa: ', 'trust'),
	('    claims: { surname: sn }', 'tenants[gamma].providers[half].claims: ', 'email_verified or groups'),
	('    group_map: { x: "" }', 'tenants[gamma].providers[half].group_map: ', 'one of ours'),
	('    username: "{dn}"', 'tenants[gamma].providers[half].username: ', '{email}'),
	('    domains: [Acme.example]', 'tenants[gamma].providers[half].domains[0]: ', 'lower case'),
	('    clock_skew: 1h', 'tenants[gamma].providers[half].clock_skew: ', 'to 10m'),
	('    colour: blue', 'tenants[gamma].providers[half].colour: ', 'unknown key'),
	('    tls_ca_file: nowhere.pem', 'tenants[gamma].providers[ca].tls_ca_file: ', 'nowhere.pem'),
	('  - { name: n, type: local, display_name: again }', 'tenants[gamma].providers[n].name: twice', 'expected once'),
]
BAD = '''tenants:
- name: gamma
  users:
  - { username: lin, links: [{ provider: x, subject: y }] }
  - { username: max, links: [{ provider: n }] }
  - { username: two, links: [{ provider: n, subject: y }, { provider: n, subject: y }] }
  providers:
  - { name: s, type: saml, metadata_file: x }
  - { name: g, type: saml }
  - { name: o, type: oidc }
  - { name: k, type: kerberos }
  - { name: none }
  - { name: own, type: local, claims: { name: cn } }
  - { name: l, type: ldap, url: [ldap://x] }
  - { name: L, type: ldap, url: "http://x", base_dn: dc=x }
  - name: clear
    type: ldap
    url: ldap://ldap.example
    start_tls: false
    base_dn: dc=x
  - name: half
    type: ldap
    url: ldap://ldap.example
    base_dn: dc=x
    bind_dn: cn=half,dc=x
    upstream_mfa: always
    claims: { surname: sn }
    group_map: { x: "" }
    username: "{dn}"
    domains: [Acme.example]
    clock_skew: 1h
    colour: blue
  - name: half2
    type: ldap
    url: ldap://ldap.example
    base_dn: dc=x
    bind_dn: cn=half2,dc=x
  - name: ca
    type: ldap
    url: ldap://ldap.example
    base_dn: dc=x
    tls_ca_file: nowhere.pem
  - { name: n, type: local }
  - { name: n, type: local, display_name: again }
'''


@test
def every_mistake_names_file_line_and_key():
	folder = Folder()
	assert_mistakes(folder, BAD, MISTAKES)
	assert folder.files() == ['bad.yaml', 'passerelle.yaml']


@test
def providers_are_declared():
	folder = Folder()
	assert folder.apply(DIRECTORY).splitlines() == ['+ tenant acme', '+ provider directory', '+ provider own']
	assert folder.apply(DIRECTORY) == '' and folder.apply(DIRECTORY, '--dry-run', '--prune') == ''
	exported = folder.json('export')['tenants'][0]['providers']
	assert [p['name'] for p in exported] == ['directory', 'own']
	directory = exported[0]
	for key, value in (('type', 'ldap'), ('url', ['ldap://127.0.0.1:3890']), ('start_tls', False), ('clock_skew', '1m'), ('timeout', '1m'), ('unmapped_groups', 'prefix'),
	                   ('provisioning', 'create'), ('domains', ['acme.example']), ('group_map', {'cn=Wiki,ou=groups,dc=example,dc=org': 'wiki',
	                    'cn=Ops,ou=groups,dc=example,dc=org': ['ops', 'staff']})):
		assert directory[key] == value, (key, directory[key])
	assert 'enabled' not in directory
	# What was exported makes no difference, here; and elsewhere the same, if the secret goes along.
	for words in (['export'], ['export', '--with-secrets']):
		assert folder.apply(folder.run(*words)) == '', words
	there, text = Folder(), folder.run('export', '--with-secrets')
	there.apply(folder.run('export'), status=1)
	assert 'bind_password: missing' in there.error, there.error
	there.apply(text)
	assert there.run('export', '--with-secrets') == text and there.apply(text) == ''
	# Order counts: it is the order in which sources are asked.
	turned = re.sub(r'(  - name: directory\n(?:    .*\n)+)(  - .*\n)', r'\2\1', DIRECTORY)
	assert sorted(folder.apply(turned).splitlines()) == ['~ provider directory: order', '~ provider own: order']
	assert [p['name'] for p in folder.json('provider', 'list')] == ['own', 'directory']
	assert folder.apply(DIRECTORY.split('  - name: directory')[0], '--prune').splitlines() == ['- provider own', '- provider directory']


@test
def a_providers_secret_is_kept_and_never_shown():
	folder = Folder()
	outputs = [folder.apply(DIRECTORY, '--json')]
	secret = lambda: [l for l in folder.run('export', '--with-secrets').splitlines() if 'bind_password' in l]
	kept = secret()
	assert len(kept) == 1 and DIRECTORY_PASSWORD in kept[0]
	assert folder.apply(DIRECTORY.replace(PASSWORD_LINE, '')) == '' and secret() == kept
	assert folder.apply(DIRECTORY.replace(PASSWORD_LINE, '').replace('Annuaire', 'Directory')).splitlines() == ['~ provider directory: display_name'] and secret() == kept
	outputs.append(folder.apply(DIRECTORY.replace(DIRECTORY_PASSWORD, DIRECTORY_PASSWORD[::-1])))
	assert outputs[-1].splitlines() == ['~ provider directory: display_name, bind_password'] and secret() != kept
	outputs.append(folder.apply(DIRECTORY, '--dry-run', '--json'))
	assert json.loads(outputs[-1])[0]['keys'] == ['bind_password']
	# Without the account it belongs to there is nothing it could be for.
	assert folder.apply(DIRECTORY.replace(PASSWORD_LINE, '').replace('    bind_dn: "cn=gateway,dc=example,dc=org"\n', '')).splitlines() == \
		['~ provider directory: bind_dn, bind_password']
	assert secret() == []
	folder.write('secret', DIRECTORY_PASSWORD + '\n')
	outputs.append(folder.apply(DIRECTORY.replace(f'"{DIRECTORY_PASSWORD}"', f'file:{folder.path}/secret')))
	assert secret() == kept
	for words in (['export'], ['provider', 'list'], ['provider', 'show', 'directory'], ['provider', 'show', 'directory', '--json'], ['provider', 'disable', 'directory'],
	              ['provider', 'enable', 'directory'], ['log', 'export'], ['log', 'list', '--json'], ['tenant', 'show']):
		outputs.append(folder.run(*words))
	outputs.append(folder.run('provider', 'test', 'directory', '--json', status=1) + folder.error)
	assert folder.json('provider', 'show', 'directory')['secrets'] == ['bind_password']
	for output in outputs:
		assert DIRECTORY_PASSWORD not in output and DIRECTORY_PASSWORD[::-1] not in output, output
	for name in glob.glob(f'{folder.path}/var/passerelle.db*'):
		data = pathlib.Path(name).read_bytes()
		assert DIRECTORY_PASSWORD.encode() not in data and DIRECTORY_PASSWORD[::-1].encode() not in data, name
	folder.run('log', 'verify')


@test
def a_kept_secret_goes_to_nobody_else():
	"""SECURITY LD-7: whoever may change a declaration must not learn the password by pointing the provider at a server of theirs."""
	folder = Folder()
	folder.write('ca.pem', pathlib.Path('/etc/ssl/certs/ca-certificates.crt').read_text())
	folder.apply(DIRECTORY)
	before = folder.run('export', '--with-secrets')
	for key, old, new in (('url', '127.0.0.1:3890', '127.0.0.1:3891'), ('url', '[ldap://127.0.0.1:3890]', '[ldap://127.0.0.1:3890, ldap://127.0.0.1:3891]'),
	                      ('start_tls', 'start_tls: false', 'start_tls: true'), ('tls_ca_file', 'start_tls: false', f'start_tls: false\n    tls_ca_file: {folder.path}/ca.pem')):
		text = DIRECTORY.replace(PASSWORD_LINE, '').replace(old, new)
		folder.write('d.yaml', text)
		folder.run('apply', '-f', 'd.yaml', status=1)
		line = text.splitlines().index('  - name: directory') + 1
		assert folder.error.startswith(f'd.yaml:{line}: tenants[acme].providers[directory].bind_password: missing') and f'{key} is another now' in folder.error, folder.error
		assert folder.run('export', '--with-secrets') == before
		assert key in folder.apply(DIRECTORY.replace(old, new)), key
		folder.apply(DIRECTORY)
	# The name may be taken by another type; the secret is not taken over by it, nor given back afterwards.
	other = re.sub(r'  - name: directory\n(    .*\n)+', '  - { name: directory, type: local }\n', DIRECTORY)
	folder.apply(other)
	folder.apply(DIRECTORY.replace(PASSWORD_LINE, ''), status=1)
	assert 'both bind_dn and bind_password' in folder.error


@test
def provider_verbs():
	folder = Folder()
	folder.apply(DIRECTORY + '- { name: beta }\n')
	at = ['--tenant', 'acme']
	assert [(p['name'], p['type'], p['enabled']) for p in folder.json('provider', 'list', *at)] == [('directory', 'ldap', True), ('own', 'local', True)]
	assert folder.json('provider', 'list', '--tenant', 'beta') == []
	assert 'Annuaire' in folder.run('provider', 'list', *at)
	for verb in ('show', 'test', 'enable', 'disable'):
		folder.run('provider', verb, 'nothere', *at, status=1)
		folder.run('provider', verb, 'directory', '--tenant', 'beta', status=1)
		assert 'has no provider directory' in folder.error
		folder.run('provider', verb, *at, status=2)
	folder.run('provider', 'disable', 'directory', *at)
	shown = folder.json('provider', 'show', 'directory', *at)
	assert shown['enabled'] is False and shown['bind_dn'] == 'cn=gateway,dc=example,dc=org' and shown['timeout'] == '1m'
	assert folder.json('export', *at)['tenants'][0]['providers'][0]['enabled'] is False
	# Left out, the switch is its default (CONTRACT section 3); said, it stays shut.
	text = DIRECTORY + '- { name: beta }\n'
	assert folder.apply(text.replace('display_name: Annuaire', 'display_name: Annuaire\n    enabled: false')) == ''
	assert folder.apply(text).splitlines() == ['~ provider directory: enabled (acme)']
	assert folder.json('provider', 'show', 'directory', *at)['enabled'] is True
	folder.run('provider', 'disable', 'directory', *at)
	folder.run('provider', 'enable', 'directory', *at)
	assert folder.json('provider', 'show', 'directory', *at)['enabled'] is True
	rows = [json.loads(l) for l in folder.run('log', 'export', '--event', 'provider.update', *at).splitlines()]
	assert [r['provider'] for r in rows] == ['directory', 'own'] + ['directory'] * 4 and all(r['actor'].startswith('cli:') for r in rows)
	before = len(folder.run('log', 'export', '--event', 'log.read', *at).splitlines())
	for words in (['provider', 'list'], ['provider', 'show', 'own'], ['provider', 'test', 'own']):
		folder.run(*words, *at)
	assert len(folder.run('log', 'export', '--event', 'log.read', *at).splitlines()) == before + 4


@test
def links_are_declared_shown_and_exported():
	folder = Folder()
	users = '  users:\n  - { username: bruno, links: [{ provider: directory, subject: b-1 }] }\n  - { username: dora }\n'
	assert folder.apply(DIRECTORY + users).splitlines()[-2:] == ['+ user bruno', '+ user dora']
	assert folder.apply(DIRECTORY + users) == ''
	bruno = folder.json('user', 'show', 'bruno')
	assert bruno['links'] == [{'provider': 'directory', 'subject': 'b-1'}] and bruno['declared'] is False
	assert folder.json('user', 'show', 'dora')['links'] == []
	more = users.replace('subject: b-1 }', 'subject: b-1 }, { provider: own, subject: b-2 }')
	assert folder.apply(DIRECTORY + more).splitlines() == ['~ user bruno: links']
	assert folder.apply(DIRECTORY + more) == ''
	# Left out, or fewer, they stay; another account's is no one's to declare.
	assert folder.apply(DIRECTORY + users) == '' and folder.apply(DIRECTORY + '  users: [{ username: bruno }]\n') == ''
	assert len(folder.json('user', 'show', 'bruno')['links']) == 2
	folder.apply(DIRECTORY + users.replace('username: dora', 'username: dora, links: [{ provider: own, subject: b-2 }]'), status=1)
	assert 'users[dora].links: b-2 of own' in folder.error and bruno['id'] in folder.error, folder.error
	folder.apply(DIRECTORY + users.replace('username: dora', 'username: dora, links: [{ provider: directory, subject: b-1 }]'), status=1)
	assert 'b-1 of directory twice' in folder.error, folder.error
	# The same people elsewhere; and prune leaves those whom a provider brings.
	there, text = Folder(), folder.run('export', '--with-secrets')
	there.apply(text)
	assert there.run('export', '--with-secrets') == text and there.json('user', 'show', 'bruno')['id'] == bruno['id']
	assert there.apply(DIRECTORY, '--prune').splitlines()[-1] == '- user dora' and [u['username'] for u in there.json('user', 'list')] == ['bruno']
	# What a provider brought is not emptied by a declaration that says nothing about it.
	bruno = users.split('  - { username: dora')[0]
	assert there.apply(DIRECTORY + bruno.replace('bruno,', 'bruno, name: Bruno B., groups: [staff],')).splitlines() == ['~ user bruno: name, groups']
	assert there.apply(DIRECTORY + bruno) == ''
	assert there.json('user', 'show', 'bruno')['groups'] == ['staff']


def free_port():
	"""Below those that Linux gives to outgoing connections: one of these could be taken before the directory listens there."""
	while True:
		with socket.socket() as probe:
			port = random.randrange(10240, 32768)
			try:
				probe.bind(('127.0.0.1', port))
				return port
			except OSError:
				continue


class Directory:
	"""A slapd of its own, with one person in one group."""

	def __init__(self, folder):
		program = shutil.which('slapd', path=os.environ['PATH'] + ':/usr/sbin:/usr/lib/openldap')
		assert program, 'slapd is not installed'
		place = folder.path / 'slapd'
		(place / 'db').mkdir(parents=True)
		(place / 'slapd.conf').write_text(''.join(f'include /etc/ldap/schema/{n}.schema\n' for n in ('core', 'cosine', 'inetorgperson')) + f'''pidfile {place}/pid
modulepath /usr/lib/ldap
moduleload back_mdb.so
moduleload memberof.so
threads 2
database mdb
maxsize 16777216
suffix "dc=example,dc=org"
rootdn "cn=root,dc=example,dc=org"
directory {place}/db
dbnosync
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=gateway,dc=example,dc=org" read by * none
overlay memberof
memberof-group-oc groupOfNames
''')
		(place / 'people.ldif').write_text(f'''dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=gateway,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: gateway
userPassword: {DIRECTORY_PASSWORD}

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: uid=carla,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: carla
cn: Carla
sn: Conti
displayName: Carla Conti
mail: carla@acme.example
userPassword: {PASSWORD}

dn: cn=Wiki,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: Wiki
member: uid=carla,ou=people,dc=example,dc=org
''')
		add = shutil.which('slapadd', path=os.path.dirname(program))
		subprocess.run([add, '-f', place / 'slapd.conf', '-l', place / 'people.ldif'], check=True, capture_output=True, timeout=60)
		self.port = free_port()
		self.process = subprocess.Popen([program, '-d', '0', '-h', f'ldap://127.0.0.1:{self.port}/', '-f', place / 'slapd.conf'],
		                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

	def __enter__(self):
		for _ in range(200):
			try:
				socket.create_connection(('127.0.0.1', self.port), 1).close()
				return self
			except OSError:
				assert self.process.poll() is None, 'slapd ended'
				time.sleep(0.05)  # between two tries
		raise AssertionError('slapd does not answer')

	def __exit__(self, *_):
		self.process.terminate()
		self.process.wait()


def typed_on_a_terminal(folder, words, password):
	"""Runs the program with a terminal as its standard input, types the password at the prompt, and gives back what the terminal showed."""
	here, there = pty.openpty()
	process = subprocess.Popen([PROGRAM, *words], cwd=folder.path, stdin=there, stdout=subprocess.PIPE, stderr=there)
	os.close(there)
	shown = b''
	try:
		while b'Password: ' not in shown:
			shown += os.read(here, 1024)
		os.write(here, password.encode() + b'\n')
		out = process.communicate(timeout=60)[0].decode()
		while True:
			try:
				shown += os.read(here, 1024)
			except OSError:  # nobody has the other end any more
				return process.returncode, out, shown.decode()
	finally:
		os.close(here)


@test
def provider_test_walks_the_way_of_a_sign_in():
	folder = Folder()
	with Directory(folder) as directory:
		text = DIRECTORY.replace('3890', str(directory.port))
		folder.apply(text)
		before = folder.json('user', 'list')
		out = folder.run('provider', 'test', 'directory')
		assert 'FAILED' not in out and [l.split(':')[0] for l in out.splitlines()] == ['passed  ' + s for s in ('settings', 'resolve', 'connect', 'service bind', 'base')], out
		folder.run('provider', 'test', 'directory', '--password-stdin', status=2)
		folder.run('provider', 'test', 'directory', '--login', 'carla', '--password', PASSWORD, status=2)
		folder.run('provider', 'test', 'directory', '--login', 'carla', '--password-stdin', stdin='', status=1)
		found = json.loads(folder.run('provider', 'test', 'directory', '--login', 'carla', '--password-stdin', '--json', stdin=PASSWORD + '\n'))
		steps = {s['check']: s for s in found['checks']}
		assert found['passed'] is True and found['provider'] == 'directory' and all(s['passed'] for s in found['checks']), found
		assert steps['email']['seen'] == 'carla@acme.example' and steps['groups']['seen'] == 'wiki' and steps['bind as the person']['passed'], found
		assert PASSWORD not in json.dumps(found)
		status, out, shown = typed_on_a_terminal(folder, ['provider', 'test', 'directory', '--login', 'carla', '--password-stdin'], PASSWORD)
		assert status == 0 and 'passed  bind as the person' in out and PASSWORD not in shown + out, shown + out
		# Each failure is a step with what was seen, what was expected and what to change.
		wrong = json.loads(folder.run('provider', 'test', 'directory', '--login', 'carla', '--password-stdin', '--json', stdin='not ' + PASSWORD + '\n', status=1))
		failed = [s for s in wrong['checks'] if not s['passed']]
		assert [s['check'] for s in failed] == ['bind as the person'] and failed[0]['advice'] and '49' in failed[0]['seen'] and PASSWORD not in json.dumps(wrong), wrong
		out = folder.run('provider', 'test', 'directory', '--login', 'nobody', status=1)
		assert 'FAILED  person: none' in out and 'expected  ' in out and 'change    ' in out and '1 of 7 steps failed' in folder.error, out + folder.error
		# An escape sequence is shown, never sent to the terminal.
		assert '\x1b' not in folder.run('provider', 'test', 'directory', '--login', '\x1b[31mx', status=1)
		folder.apply(text.replace(DIRECTORY_PASSWORD, 'wrong'))
		assert 'FAILED  service bind: ' in folder.run('provider', 'test', 'directory', status=1)
		folder.apply(text)
		assert folder.json('user', 'list') == before == []
	out = folder.run('provider', 'test', 'directory', status=1)
	assert 'FAILED  connect: ' in out and 'start the directory' in out, out


SAML = """
tenants:
- name: acme
  providers:
  - { name: okta, type: saml, metadata: "<EntityDescriptor>" }
"""


@test
def keys_for_saml_turn_in_two_steps():
	folder = Folder()
	keys = lambda use: {k['state']: k['kid'] for k in folder.json('key', 'list') if k['use'] == use}
	folder.apply(SAML.replace('saml', 'local').replace(', metadata: "<EntityDescriptor>"', ''))
	assert keys('saml-signing') == {}
	folder.run('key', 'rotate', '--use', 'saml', status=1)
	assert 'first provider' in folder.error, folder.error
	folder.apply(SAML)
	first = {use: keys(use) for use in ('saml-signing', 'saml-encryption')}
	assert all(set(one) == {'active'} for one in first.values()), first
	folder.apply(SAML)
	assert keys('saml-signing') == first['saml-signing']
	folder.run('key', 'rotate', '--use', 'saml')
	assert 'metadata' in folder.error, folder.error
	published = {use: keys(use) for use in first}
	for use in first:
		assert published[use]['active'] == first[use]['active'] and set(published[use]) == {'active', 'next'}, published
	folder.run('key', 'rotate', '--use', 'saml')
	for use in first:
		assert keys(use) == {'active': published[use]['next'], 'retired': published[use]['active']}
	# An emergency: another one at once; of one that is over, nothing but its end. JWTs' keys have no part in any of it.
	folder.run('key', 'revoke', keys('saml-signing')['active'])
	assert set(keys('saml-signing')) == {'active', 'retired', 'revoked'} and keys('saml-signing')['active'] != published['saml-signing']['next']
	folder.run('key', 'revoke', keys('saml-encryption')['retired'])
	assert set(keys('saml-encryption')) == {'active', 'revoked'}
	folder.run('key', 'revoke', keys('saml-encryption')['revoked'], status=1)
	assert set(keys('sig')) == {'active', 'next'}
	folder.run('key', 'rotate', '--use', 'saml', '--alg', 'ES256', status=2)
	folder.run('key', 'rotate', '--use', 'tls', status=2)
	secret = json.dumps(folder.json('key', 'list'))
	assert 'PRIVATE' not in secret and 'pkcs8' not in secret


@test
def our_name_at_a_saml_provider_stays():
	folder = Folder()
	entity = lambda: folder.json('provider', 'show', 'okta')['entity_id']
	folder.apply(SAML)
	first = entity()
	assert first.endswith('/t/acme/saml/okta/metadata'), first
	folder.apply(SAML.replace('- name: acme', '- name: acme\n  issuer: https://login.acme.example'))
	assert entity() == first
	folder.apply(SAML.replace('type: saml', 'type: saml, entity_id: "urn:acme"'))
	assert entity() == 'urn:acme'
	# What is exported keeps the name elsewhere too.
	assert 'entity_id: urn:acme' in folder.run('export')


sys.exit(main())
