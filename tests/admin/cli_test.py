#!/usr/bin/env python3
"""The program's command line from outside, in folders of its own: what CONTRACT sections 1 to 3 promise to whoever scripts against it. TAP."""
import glob
import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
PASSWORD = 'correct horse battery canary'
OTHER_PASSWORD = 'another long phrase of canary'
CLIENT_SECRET = 'canary0123456789abcdef0123456789abcdef'
CONFIG = 'password_hash: { memory_kib: 19456, iterations: 2 }\n'
TESTS = []
WORK = tempfile.TemporaryDirectory(prefix='passerelle-cli-')
# In a build with the leak sanitizer: libldap loses one priority list with each TLS context it makes; any other leak is ours.
SUPPRESSIONS = pathlib.Path(WORK.name, 'suppressions')
SUPPRESSIONS.write_text('leak:gnutls_priority_init\n')
os.environ['LSAN_OPTIONS'] = f'suppressions={SUPPRESSIONS}:print_suppressions=0'

GOOD = f'''tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  policy:
    tokens: {{ access: 5m }}
  resources:
  - {{ identifier: https://api.acme.example, scopes: [wiki.read, wiki.write], introspection_clients: [wiki-api] }}
  users:
  - {{ username: alice, email: alice@acme.example, email_verified: true, name: Alice Martin, groups: [staff], password: "{PASSWORD}" }}
  - {{ username: bruno, groups: [staff, wiki] }}
  clients:
  - client_id: wiki
    client_name: Wiki
    redirect_uris: [https://wiki.acme.example/cb]
    grant_types: [authorization_code, refresh_token]
    scope: openid profile email groups offline_access wiki.read
    resources: [https://api.acme.example]
    allowed_groups: [staff]
  - client_id: wiki-api
    client_secret: {CLIENT_SECRET}
    grant_types: [client_credentials]
'''
GOOD_LINES = ['+ tenant acme', '+ resource https://api.acme.example', '+ user alice', '+ user bruno', '+ client wiki', '+ client wiki-api']


def test(function):
	TESTS.append(function)
	return function


class Folder:
	"""An empty folder to run the program in."""

	def __init__(self):
		self.place = tempfile.TemporaryDirectory(prefix='passerelle-cli-')
		self.path = pathlib.Path(self.place.name)
		self.write('passerelle.yaml', CONFIG)

	def write(self, name, text):
		(self.path / name).write_text(text)

	def run(self, *words, stdin='', status=0, environment=None):
		done = subprocess.run([PROGRAM, *words], cwd=self.path, input=stdin, capture_output=True, text=True, timeout=120,
		                      env={**os.environ, **(environment or {})})
		assert done.returncode == status, f'{words}: exit {done.returncode} instead of {status}\n{done.stdout}{done.stderr}'
		self.error = done.stderr
		return done.stdout

	def json(self, *words):
		return json.loads(self.run(*words, '--json'))

	def apply(self, text, *words, status=0):
		return self.run('apply', '-f', '-', *words, stdin=text, status=status)

	def files(self):
		return sorted(str(p.relative_to(self.path)) for p in self.path.rglob('*'))


def applied():
	folder = Folder()
	folder.output = folder.apply(GOOD)
	return folder


@test
def version_and_usage():
	folder = Folder()
	assert re.fullmatch(r'passerelle \d+\.\d+\.\d+\n', folder.run('version'))
	assert folder.json('version')['name'] == 'passerelle'
	for words in ([], ['frobnicate'], ['user'], ['user', 'show'], ['user', 'show', 'a', 'b'], ['user', 'list', '--nonsense'], ['tenant', 'list', '--tenant'],
	              ['apply'], ['log', 'list', '--since', 'yesterday'], ['version', 'x'], ['serve', 'x'], ['--config'], ['key', 'rotate', '--alg', 'HS256']):
		folder.run(*words, status=2)
		assert folder.error, words
	assert 'passerelle apply' in folder.run('--help')


@test
def not_built_yet_says_so():
	folder = Folder()
	for words in (['session', 'list'], ['backup', 'x'], ['restore', 'x']):
		folder.run(*words, status=1)
		assert 'not built yet' in folder.error, folder.error


@test
def check_and_dry_run_make_nothing():
	folder = Folder()
	assert folder.json('check')['new'] is True
	assert folder.apply(GOOD, '--dry-run').splitlines() == GOOD_LINES
	folder.run('user', 'list', status=1)
	folder.apply(GOOD.replace('5m', '5 minutes'), status=1)
	assert folder.files() == ['passerelle.yaml']


@test
def apply_prints_a_line_an_object_and_a_made_secret_once():
	folder = applied()
	lines = folder.output.splitlines()
	secrets = re.findall(r'pas_cs_[A-Za-z0-9_-]{49}', folder.output)
	assert [l for l in lines if not l.startswith(' ')] == GOOD_LINES, lines
	assert len(secrets) == 1 and lines[lines.index('+ client wiki') + 1].split()[1] == secrets[0]
	assert CLIENT_SECRET not in folder.output and PASSWORD not in folder.output
	for words in (['client', 'show', 'wiki'], ['client', 'show', 'wiki', '--json'], ['export'], ['export', '--with-secrets'], ['log', 'export']):
		assert 'pas_cs_' not in folder.run(*words), words
	assert stat.S_IMODE((folder.path / 'var').stat().st_mode) == 0o700
	for name in glob.glob(f'{folder.path}/var/*'):
		assert not os.stat(name).st_mode & 0o077, name


@test
def apply_is_idempotent():
	folder = applied()
	before = folder.run('export', '--with-secrets')
	assert folder.apply(GOOD) == ''
	assert folder.apply(GOOD, '--dry-run', '--prune') == ''
	assert json.loads(folder.apply(GOOD, '--json')) == []
	assert folder.run('export', '--with-secrets') == before


@test
def apply_says_which_keys_differ():
	folder = applied()
	text = GOOD.replace('/cb]', '/cb, https://wiki.acme.example/other]').replace('Alice Martin', 'Alice M.').replace('access: 5m', 'access: 6m')
	lines = ['~ tenant acme: policy', '~ user alice: name', '~ client wiki: redirect_uris']
	assert folder.apply(text, '--dry-run').splitlines() == lines
	assert folder.apply(text).splitlines() == lines
	assert folder.apply(text) == ''
	assert folder.json('user', 'show', 'alice')['name'] == 'Alice M.'
	# A key left out is its default, on objects that apply owns.
	assert folder.apply(text.replace("    allowed_groups: [staff]\n", '')).splitlines() == ['~ client wiki: allowed_groups']
	changes = json.loads(folder.apply(GOOD, '--json'))
	assert {'change': 'change', 'kind': 'user', 'tenant': 'acme', 'name': 'alice', 'keys': ['name'], 'id': folder.json('user', 'show', 'alice')['id']} in changes


@test
def passwords_and_secrets_change_only_when_given():
	folder = applied()
	hashes = folder.run('export', '--with-secrets')
	assert folder.apply(GOOD.replace(f', password: "{PASSWORD}"', '').replace(f'    client_secret: {CLIENT_SECRET}\n', '')) == ''
	assert folder.run('export', '--with-secrets') == hashes
	assert folder.apply(GOOD.replace(PASSWORD, OTHER_PASSWORD)).splitlines() == ['~ user alice: password']
	assert folder.apply(GOOD.replace(PASSWORD, OTHER_PASSWORD)) == ''
	assert folder.apply(GOOD.replace(CLIENT_SECRET, CLIENT_SECRET[::-1])).splitlines() == ['~ user alice: password', '~ client wiki-api: client_secret']
	assert folder.run('export', '--with-secrets') != hashes


# A line of the declaration, and what its mistake must say. The line is found by its text, so that the table stays right when lines move.
MISTAKES = [
	('- name: Acme_', 'tenants[Acme_].name: ', 'expected 1 to 63'),
	('  issuer: https://x.example/', 'tenants[Acme_].issuer: ', 'trailing slash'),
	('  domains: [Foo]', 'tenants[Acme_].domains: ', 'Foo, expected a domain'),
	('  policy: { mfa: required }', 'tenants[Acme_].policy.mfa: ', 'not built yet'),
	('  issuer: http://evil.example', 'tenants[beta].issuer: ', 'https'),
	('  policy: { password: { min_length: 4 }, throttle: { failures: 0 } }', 'tenants[beta].policy.password.min_length: ', 'from 8'),
	('  policy: { password: { min_length: 4 }, throttle: { failures: 0 } }', 'tenants[beta].policy.throttle.failures: ', 'from 1'),
	('  - { identifier: "not a uri" }', 'tenants[gamma].resources[not a uri].identifier: ', 'absolute URI'),
	('  - { identifier: "urn:x", scopes: [openid], introspection_clients: [nobody] }', 'tenants[gamma].resources[urn:x].scopes: ', 'openid'),
	('  - { identifier: "urn:x", scopes: [openid], introspection_clients: [nobody] }', 'tenants[gamma].resources[urn:x].introspection_clients: ', 'nobody'),
	('  - { username: ann, password: short }', 'tenants[gamma].users[ann].password: ', 'too short'),
	('  - { username: com, password: "password1password1" }', 'tenants[gamma].users[com].password: ', 'refused'),
	('  - { username: ＡＮＮ, email: x@y.example }', 'tenants[gamma].users[ＡＮＮ].username: ', 'twice'),
	('  - { username: old, password_hash: "$1$foo" }', 'tenants[gamma].users[old].password_hash: ', 'argon2id, bcrypt'),
	('  - { username: bob, id: 5K, email_verified: true }', 'tenants[gamma].users[bob].id: ', '26 lower-case base32'),
	('  - { username: lin, links: [{ provider: x, subject: y }] }', 'tenants[gamma].users[lin].links: x, ', "one of the tenant's providers"),
	('  - { username: max, links: [{ provider: n }] }', 'tenants[gamma].users[max].links[n].subject: ', 'missing'),
	('  - { username: two, links: [{ provider: n, subject: y }, { provider: n, subject: y }] }', 'tenants[gamma].users[two].links: y of n twice', 'expected once'),
	('  - client_id: aaaaaaaaaaaaaaaaaaaaaaaaaa', 'clients[aaaaaaaaaaaaaaaaaaaaaaaaaa].client_id: ', "account's form"),
	('    client_secret: x123456789012345678901234567890', 'tenants[gamma].clients[short].client_secret: ', 'at least 32 characters'),
	('    grant_types: [client_credentials]', 'tenants[gamma].clients[pub].grant_types: ', 'authenticates'),
	('    require_pkce: false', 'tenants[gamma].clients[pub].require_pkce: ', 'expected true'),
	('    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]', 'tenants[gamma].clients[c].redirect_uris: http://foo', 'expected'),
	('    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]', 'tenants[gamma].clients[c].redirect_uris: https://a', 'expected'),
	('    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]', 'tenants[gamma].clients[c].redirect_uris: javascript', 'expected'),
	('    scope: openid nope offline_access', 'tenants[gamma].clients[c].scope: nope', 'expected openid'),
	('    scope: openid nope offline_access', 'tenants[gamma].clients[c].scope: offline_access', 'refresh_token'),
	('    resources: [https://no.example]', 'tenants[gamma].clients[c].resources: https://no.example', 'resources'),
	('  - client_id: nowhere', 'tenants[gamma].clients[nowhere].redirect_uris: absent', 'at least one'),
	('    token_endpoint_auth_method: private_key_jwt', 'tenants[gamma].clients[later].token_endpoint_auth_method: ', 'not built yet'),
	('    grant_types: ["urn:ietf:params:oauth:grant-type:device_code"]', 'tenants[gamma].clients[later].grant_types', 'not built yet'),
	('    subject_type: pairwise', 'tenants[gamma].clients[later].subject_type: ', 'not built yet'),
	('    backchannel_logout_uri: https://a.example/out', 'tenants[gamma].clients[later].backchannel_logout_uri: ', 'not built yet'),
	('    jwks: { keys: [] }', 'tenants[gamma].clients[later].jwks: ', 'not built yet'),
	('    dpop_bound_access_tokens: true', 'tenants[gamma].clients[later].dpop_bound_access_tokens: ', 'not built yet'),
	('    id_token_signed_response_alg: HS256', 'tenants[gamma].clients[later].id_token_signed_response_alg: ', 'RS256'),
	('    colour: red', 'tenants[gamma].clients[later].colour: ', 'unknown key'),
	('  - { name: s, type: saml, metadata_file: x }', 'tenants[gamma].providers[s].type: saml', 'not built yet'),
	('  - { name: g, type: google }', 'tenants[gamma].providers[g].type: google', 'not built yet'),
	('  - { name: o, type: oidc }', 'tenants[gamma].providers[o].type: oidc', 'not built yet'),
	('  - { name: k, type: kerberos }', 'tenants[gamma].providers[k].type: kerberos', 'expected one of local, ldap'),
	('  - { name: none }', 'tenants[gamma].providers[none].type: missing', 'expected one of local, ldap'),
	('  - { name: own, type: local, claims: { name: cn } }', 'tenants[gamma].providers[own].claims: ', 'unknown key'),
	('  - { name: l, type: ldap, url: [ldap://x] }', 'tenants[gamma].providers[l].base_dn: missing', 'distinguished name'),
	('  - { name: L, type: ldap, url: "http://x", base_dn: dc=x }', 'tenants[gamma].providers[L].name: ', 'expected 1 to 63'),
	('  - { name: L, type: ldap, url: "http://x", base_dn: dc=x }', 'tenants[gamma].providers[L].url[0]: ', 'ldap://host'),
	('    start_tls: false', 'tenants[gamma].providers[clear].start_tls: false', 'passwords would cross the network in clear'),
	('  - name: half2', 'tenants[gamma].providers[half2].bind_password: missing', 'both bind_dn and bind_password'),
	('    upstream_mfa: trust', 'tenants[gamma].providers[half].upstream_mfa: ', 'trust is not built yet'),
	('    claims: { surname: sn }', 'tenants[gamma].providers[half].claims: ', 'email_verified or groups'),
	('    group_map: { x: "" }', 'tenants[gamma].providers[half].group_map: ', 'one of ours'),
	('    username: "{dn}"', 'tenants[gamma].providers[half].username: ', '{email}'),
	('    domains: [Acme.example]', 'tenants[gamma].providers[half].domains[0]: ', 'lower case'),
	('    clock_skew: 1h', 'tenants[gamma].providers[half].clock_skew: ', 'to 10m'),
	('    colour: blue', 'tenants[gamma].providers[half].colour: ', 'unknown key'),
	('    tls_ca_file: nowhere.pem', 'tenants[gamma].providers[ca].tls_ca_file: ', 'nowhere.pem'),
	('  - { name: n, type: local, display_name: again }', 'tenants[gamma].providers[n].name: twice', 'expected once'),
	('  issuer: https://g.example # again', 'tenants[delta].issuer: ', 'is of gamma'),
	('  domains: [g.example, acme.example]', 'tenants[delta].domains: g.example', 'is of gamma'),
	('  domains: [g.example, acme.example]', 'tenants[delta].domains: acme.example', 'is of acme'),
	('- name: gamma # again', 'tenants[gamma].name: ', 'twice'),
]
BAD = '''tenants:
- name: Acme_
  issuer: https://x.example/
  domains: [Foo]
  policy: { mfa: required }
- name: beta
  issuer: http://evil.example
  policy: { password: { min_length: 4 }, throttle: { failures: 0 } }
- name: gamma
  issuer: https://g.example
  domains: [g.example]
  resources:
  - { identifier: "not a uri" }
  - { identifier: "urn:x", scopes: [openid], introspection_clients: [nobody] }
  users:
  - { username: ann, password: short }
  - { username: com, password: "password1password1" }
  - { username: ＡＮＮ, email: x@y.example }
  - { username: old, password_hash: "$1$foo" }
  - { username: bob, id: 5K, email_verified: true }
  - { username: lin, links: [{ provider: x, subject: y }] }
  - { username: max, links: [{ provider: n }] }
  - { username: two, links: [{ provider: n, subject: y }, { provider: n, subject: y }] }
  clients:
  - client_id: aaaaaaaaaaaaaaaaaaaaaaaaaa
  - client_id: short
    redirect_uris: [https://s.example/cb]
    client_secret: x123456789012345678901234567890
  - client_id: pub
    token_endpoint_auth_method: none
    grant_types: [client_credentials]
    require_pkce: false
  - client_id: c
    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]
    scope: openid nope offline_access
    resources: [https://no.example]
  - client_id: nowhere
    grant_types: [authorization_code]
  - client_id: later
    token_endpoint_auth_method: private_key_jwt
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code"]
    subject_type: pairwise
    backchannel_logout_uri: https://a.example/out
    jwks: { keys: [] }
    dpop_bound_access_tokens: true
    id_token_signed_response_alg: HS256
    colour: red
  providers:
  - { name: s, type: saml, metadata_file: x }
  - { name: g, type: google }
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
    upstream_mfa: trust
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
- name: delta
  issuer: https://g.example # again
  domains: [g.example, acme.example]
- name: gamma # again
'''


@test
def every_mistake_names_file_line_and_key():
	folder = applied()
	folder.write('bad.yaml', BAD)
	folder.run('apply', '-f', 'bad.yaml', status=1)
	seen = folder.error.splitlines()
	lines = BAD.splitlines()
	for line, key, text in MISTAKES:
		number = lines.index(line) + 1
		start = f'bad.yaml:{number}: '
		assert any(s.startswith(start) and key in s and text in s for s in seen), f'{start}{key} … {text}\nis not among\n' + folder.error
	numbers = [int(s.split(':')[1]) for s in seen]
	assert numbers == sorted(numbers)
	assert [t['name'] for t in folder.json('tenant', 'list')] == ['acme']


@test
def secrets_are_not_shown_in_mistakes():
	folder = Folder()
	text = GOOD.replace(PASSWORD, 'canarypw').replace(CLIENT_SECRET, 'canarysecret').replace('Alice Martin', '')
	folder.apply(text, status=1)
	assert 'canarypw' not in folder.error and 'canarysecret' not in folder.error and 'users[alice]' in folder.error, folder.error


@test
def all_or_nothing_when_the_store_refuses_late():
	"""The id of a removed account is refused only inside the transaction, after the tenant and others were written in it: all of it must be undone."""
	folder = applied()
	gone = folder.json('user', 'show', 'bruno')['id']
	folder.run('user', 'remove', 'bruno', '--yes')
	before = folder.run('export', '--with-secrets')
	rows = len(folder.run('log', 'export', '--event', 'tenant.update').splitlines())
	text = GOOD.replace('display_name: Acme', 'display_name: Changed').replace('Alice Martin', 'Changed').replace('username: bruno', f'username: bruno, id: {gone}')
	text += '- { name: fresh }\n'
	folder.apply(text, status=1)
	assert gone in folder.error, folder.error
	assert folder.run('export', '--with-secrets') == before
	assert [t['name'] for t in folder.json('tenant', 'list')] == ['acme']
	assert len(folder.run('log', 'export', '--event', 'tenant.update').splitlines()) == rows
	folder.run('log', 'verify')


@test
def an_account_keeps_its_id():
	folder = applied()
	own = folder.json('user', 'show', 'alice')['id']
	assert re.fullmatch('[a-z2-7]{26}', own)
	folder.apply(GOOD.replace('username: alice', 'username: alice, id: aaaaaaaaaaaaaaaaaaaaaaaaaa'), status=1)
	assert 'ids never change' in folder.error
	assert folder.apply(GOOD.replace('username: alice', f'username: alicia, id: {own}')).splitlines() == ['~ user alicia: username']
	assert folder.json('user', 'show', 'alicia')['id'] == own
	# A mail address of one is not the name of another.
	assert folder.apply(GOOD.replace('username: alice', f'username: alicia, id: {own}').replace('username: bruno', 'username: alice@acme.example')).splitlines() == \
		['+ user alice@acme.example']


@test
def export_applied_elsewhere_gives_the_same_accounts():
	here, there = applied(), Folder()
	here.run('user', 'disable', 'bruno')
	text = here.run('export', '--with-secrets')
	assert 'pas_cs_' not in there.apply(text)
	# The pepper stays behind, so the hashes name a key that is not there; the accounts and clients are the same.
	assert there.run('export', '--with-secrets') == text
	assert there.apply(text) == ''
	names = lambda folder: {u['username']: u['id'] for u in folder.json('user', 'list')}
	assert names(here) == names(there)
	assert there.json('user', 'show', 'bruno')['disabled'] is True
	plain = here.run('export')
	assert 'password_hash' not in plain and 'client_secret_hash' not in plain and 'argon2' not in plain
	assert json.loads(here.run('export', '--json'))['tenants'][0]['name'] == 'acme'


@test
def prune_removes_only_what_apply_made():
	folder = applied()
	folder.run('user', 'add', 'hand')
	folder.run('client', 'add', 'handmade', '--redirect-uris', 'https://h.example/cb')
	less = GOOD.replace('  - { username: bruno, groups: [staff, wiki] }\n', '').split('  - client_id: wiki-api')[0].replace(', introspection_clients: [wiki-api]', '')
	assert folder.apply(less).splitlines() == ['~ resource https://api.acme.example: introspection_clients']
	assert sorted(folder.apply(less, '--prune').splitlines()) == ['- client wiki-api', '- user bruno']
	assert [u['username'] for u in folder.json('user', 'list')] == ['alice', 'hand']
	assert [c['client_id'] for c in folder.json('client', 'list')] == ['handmade', 'wiki']
	# Another tenant's absence removes nothing either.
	assert folder.apply('tenants: [{ name: other }]', '--prune').splitlines() == ['+ tenant other']


@test
def apply_does_not_open_what_was_shut():
	folder = applied()
	folder.run('user', 'disable', 'alice')
	assert folder.apply(GOOD) == ''
	assert folder.json('user', 'show', 'alice')['disabled'] is True
	assert folder.apply(GOOD.replace('username: alice', 'username: alice, disabled: false')).splitlines() == ['~ user alice: disabled']
	assert folder.json('user', 'show', 'alice')['disabled'] is False


@test
def user_verbs():
	folder = applied()
	folder.run('user', 'add', 'carl', '--email', 'carl@acme.example', '--groups', 'staff', '--groups', 'ops', '--password-stdin', stdin=PASSWORD + '\n')
	carl = folder.json('user', 'show', 'carl@acme.example')
	assert carl['groups'] == ['staff', 'ops'] and carl['has_password'] is True and carl['declared'] is False
	assert folder.json('user', 'show', carl['id']) == carl
	folder.run('user', 'add', 'carl', status=1)
	assert 'exists already' in folder.error
	folder.run('user', 'add', 'dora', '--password', PASSWORD, status=2)
	folder.run('user', 'passwd', 'carl', stdin='short\n', status=1)
	assert 'short' in folder.error
	folder.run('user', 'passwd', 'carl', stdin='', status=1)
	folder.run('user', 'passwd', 'carl', stdin=OTHER_PASSWORD + '\n')
	for verb in ('disable', 'enable', 'unlock', 'sign-out'):
		folder.run('user', verb, 'carl')
	folder.run('user', 'remove', 'carl', status=2)
	assert '--yes' in folder.error
	folder.run('user', 'remove', 'carl', '--yes')
	folder.run('user', 'show', 'carl', status=1)
	events = [json.loads(l)['event'] for l in folder.run('log', 'export', '--account', carl['id']).splitlines()]
	assert events == ['user.create', 'user.password', 'user.disable', 'user.enable', 'user.unlock', 'user.sign-out', 'user.remove'], events


@test
def client_verbs():
	folder = applied()
	made = folder.json('client', 'add', 'app', '--redirect-uris', 'https://a.example/cb', '--scope', 'openid profile')
	assert made[0]['client_secret'].startswith('pas_cs_')
	turned = folder.json('client', 'rotate-secret', 'app', '--overlap', '7d')
	assert turned['client_secret'].startswith('pas_cs_') and turned['client_secret'] != made[0]['client_secret']
	shown = folder.json('client', 'show', 'app')
	assert shown['secret_count'] == 2 and [bool(s.get('expires')) for s in shown['secrets']] == [False, True]
	folder.run('client', 'rotate-secret', 'app')
	assert folder.json('client', 'show', 'app')['secret_count'] == 1
	folder.run('client', 'rotate-secret', 'app', '--overlap', 'soon', status=2)
	folder.run('client', 'add', 'app', '--redirect-uris', 'https://a.example/cb', status=1)
	folder.run('client', 'add', 'bad', '--redirect-uris', 'http://a.example/cb', status=1)
	folder.run('client', 'add', 'leaky', '--client-secret', CLIENT_SECRET, '--grant-types', 'client_credentials', status=2)
	folder.write('secret', CLIENT_SECRET + '\n')
	assert 'client_secret' not in folder.run('client', 'add', 'filed', '--client-secret', 'file:secret', '--grant-types', 'client_credentials')
	folder.run('client', 'remove', 'app', status=2)
	folder.run('client', 'remove', 'app', '--yes')
	folder.run('client', 'show', 'app', status=1)


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
	# Left out, the switch stays as it is; and what is exported says so.
	text = DIRECTORY + '- { name: beta }\n'
	assert folder.apply(text) == '' and folder.json('provider', 'show', 'directory', *at)['enabled'] is False
	assert folder.json('export', *at)['tenants'][0]['providers'][0]['enabled'] is False
	assert folder.apply(text.replace('display_name: Annuaire', 'display_name: Annuaire\n    enabled: true')).splitlines() == ['~ provider directory: enabled']
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
	there.apply(text.replace('- username: bruno', '- username: bruno\n    name: Bruno B.\n    groups: [staff]'))
	assert there.apply(DIRECTORY + users.split('  - { username: dora')[0]) == ''
	assert there.json('user', 'show', 'bruno')['groups'] == ['staff']


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
		with socket.socket() as probe:
			probe.bind(('127.0.0.1', 0))
			self.port = probe.getsockname()[1]
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
		# Each failure is a step with what was seen, what was expected and what to change.
		wrong = json.loads(folder.run('provider', 'test', 'directory', '--login', 'carla', '--password-stdin', '--json', stdin='not ' + PASSWORD + '\n', status=1))
		failed = [s for s in wrong['checks'] if not s['passed']]
		assert [s['check'] for s in failed] == ['bind as the person'] and failed[0]['advice'] and '49' in failed[0]['seen'] and PASSWORD not in json.dumps(wrong), wrong
		out = folder.run('provider', 'test', 'directory', '--login', 'nobody', status=1)
		assert 'FAILED  person: none' in out and 'expected  ' in out and 'change    ' in out and '1 of 6 steps failed' in folder.error, out + folder.error
		# An escape sequence is shown, never sent to the terminal.
		assert '\x1b' not in folder.run('provider', 'test', 'directory', '--login', '\x1b[31mx', status=1)
		folder.apply(text.replace(DIRECTORY_PASSWORD, 'wrong'))
		assert 'FAILED  service bind: ' in folder.run('provider', 'test', 'directory', status=1)
		folder.apply(text)
		assert folder.json('user', 'list') == before == []
	out = folder.run('provider', 'test', 'directory', status=1)
	assert 'FAILED  connect: ' in out and 'start the directory' in out, out


@test
def keys_turn():
	folder = applied()
	state = lambda alg: {k['state']: k['kid'] for k in folder.json('key', 'list') if k['alg'] == alg}
	before = state('ES256')
	assert set(before) == {'active', 'next'} and set(state('RS256')) == {'active', 'next'}
	folder.run('key', 'rotate')
	after = state('ES256')
	assert after['active'] == before['next'] and after['retired'] == before['active'] and after['next'] not in before.values()
	assert set(state('RS256')) == {'active', 'next', 'retired'}
	# A client that needs another algorithm brings its keys; a tenant without such a client has none.
	folder.run('tenant', 'add', 'plain')
	assert {k['alg'] for k in folder.json('key', 'list', '--tenant', 'plain')} == {'ES256'}
	folder.run('client', 'add', 'ed', '--tenant', 'plain', '--redirect-uris', 'https://e.example/cb', '--id-token-signed-response-alg', 'EdDSA')
	assert {k['alg'] for k in folder.json('key', 'list', '--tenant', 'plain')} == {'ES256', 'Ed25519'}


@test
def tenants_are_told_apart():
	folder = applied()
	folder.run('tenant', 'add', 'beta', '--display-name', 'Beta', '--domains', 'beta.example')
	folder.run('tenant', 'add', 'beta', status=1)
	folder.run('tenant', 'add', 'thief', '--domains', 'acme.example', status=1)
	folder.run('user', 'list', status=2)
	assert '--tenant' in folder.error
	assert folder.json('user', 'list', '--tenant', 'beta') == []
	folder.run('user', 'show', 'alice', '--tenant', 'beta', status=1)
	folder.run('user', 'show', 'alice', '--tenant', 'nobody', status=1)
	folder.run('log', 'list', '--tenant', 'beta', '--account', 'alice', status=1)
	folder.run('tenant', 'remove', 'beta', status=2)
	first = folder.json('tenant', 'show', 'beta')['id']
	folder.run('tenant', 'remove', 'beta', '--yes')
	assert [t['name'] for t in folder.json('tenant', 'list')] == ['acme']
	folder.run('tenant', 'add', 'beta')
	assert folder.json('tenant', 'show', 'beta')['id'] != first


@test
def the_log_holds_acts_and_reads_and_no_secret():
	folder = applied()
	made = re.findall(r'pas_cs_[A-Za-z0-9_-]{49}', folder.output)[0]
	turned = folder.json('client', 'rotate-secret', 'wiki')['client_secret']
	folder.run('user', 'passwd', 'alice', stdin=OTHER_PASSWORD + '\n')
	folder.run('log', 'list')
	folder.run('export', '--with-secrets')
	rows = [json.loads(l) for l in folder.run('log', 'export').splitlines()]
	events = [r['event'] for r in rows]
	for event in ('tenant.create', 'user.create', 'client.create', 'resource.update', 'client.secret', 'user.password', 'log.read'):
		assert event in events, event
	assert all(r['actor'].startswith('cli:') and r['tenant'] == 'acme' and re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z', r['time']) for r in rows)
	assert [r['seq'] for r in rows] == list(range(1, len(rows) + 1))
	assert len(folder.run('log', 'list', '--limit', '3', '--json').splitlines()) == 3
	assert {json.loads(l)['event'] for l in folder.run('log', 'list', '--event', 'user.create', '--json', '--since', '1h').splitlines()} == {'user.create'}
	assert folder.run('log', 'list', '--since', '2999-01-01T00:00:00Z') == ''
	assert folder.json('log', 'verify')['intact'] is True
	folder.run('log', 'show', 'nothere', status=1)
	for name in glob.glob(f'{folder.path}/var/passerelle.db*'):
		data = pathlib.Path(name).read_bytes()
		for canary in (made, turned, PASSWORD, OTHER_PASSWORD, CLIENT_SECRET):
			assert canary.encode() not in data, (name, canary)


@test
def every_read_of_a_tenants_data_is_recorded():
	folder = applied()
	reads = lambda: len(folder.run('log', 'export', '--event', 'log.read').splitlines())
	before = reads()
	for words in (['tenant', 'show'], ['user', 'list'], ['user', 'show', 'alice'], ['client', 'list'], ['client', 'show', 'wiki'], ['key', 'list'], ['export'],
	              ['export', '--with-secrets'], ['log', 'list']):
		folder.run(*words)
		# The export that counts is a read too, and is recorded before it reads.
		assert reads() == before + 2, words
		before += 2


@test
def the_log_can_be_followed():
	folder = applied()
	follower = subprocess.Popen([PROGRAM, 'log', 'follow', '--json'], cwd=folder.path, stdout=subprocess.PIPE, text=True)
	try:
		assert json.loads(follower.stdout.readline())['event'] == 'log.read'
		folder.run('user', 'add', 'fresh')
		assert json.loads(follower.stdout.readline())['username'] == 'fresh'
		folder.run('user', 'add', 'fresher')
		assert json.loads(follower.stdout.readline())['username'] == 'fresher'
	finally:
		follower.terminate()
		follower.wait()
		follower.stdout.close()


@test
def no_key_is_made_against_a_store_that_has_data():
	folder = applied()
	key = folder.path / 'var/secret.key'
	kept = key.read_bytes()
	key.unlink()
	for words in (['check'], ['user', 'list'], ['apply', '-f', '-']):
		folder.run(*words, stdin=GOOD, status=1)
		assert 'secret.key' in folder.error and 'backup' in folder.error, folder.error
		assert not key.exists()
	key.write_bytes(kept)
	key.chmod(0o644)
	folder.run('check', status=1)
	key.chmod(0o600)
	folder.run('check')


@test
def configuration_mistakes_name_file_line_and_key():
	folder = Folder()
	for text, expected in (
		('limits: { connections: many }', 'passerelle.yaml:1: limits.connections: '),
		('\nlisten: 0.0.0.0:8080', 'passerelle.yaml:2: listen'),
		('listen: unix:/run/x', 'not built yet'),
		('base_url: http://sso.example', 'passerelle.yaml:1: base_url: '),
		('base_url: https://sso.example/', 'passerelle.yaml:1: base_url: '),
		('store: postgresql://u@h/db', 'not built yet'),
		('mail: { url: smtp://x }', 'passerelle.yaml:1: mail: not built yet'),
		('tls: [{ certificate: a, key: b }]', 'passerelle.yaml:1: tls: not built yet'),
		('\ntrusted_proxies: [127.0.0.1/32, 10.0.0.1]', 'passerelle.yaml:2: trusted_proxies[1]: seen "10.0.0.1", expected unix, or address/prefix'),
		('\n\nlisten: [127.0.0.1:1, 192.0.2.1:80]', 'passerelle.yaml:3: listen: seen "192.0.2.1:80", expected a loopback address'),
		('metrics_listen: 127.0.0.1:9464', 'passerelle.yaml:1: metrics_listen: not built yet'),
		('colour: red', 'passerelle.yaml:1: colour: unknown key'),
		('listen: 127.0.0.1:0', 'base_url'),
	):
		folder.write('passerelle.yaml', text + '\n')
		folder.run('check', status=1)
		assert expected in folder.error, f'{text}: {folder.error}'
	folder.write('passerelle.yaml', '''listen: 127.0.0.1:8080
tls: []
trusted_proxies: []
mail: none
metrics_listen: none
workers: { hash_slots: auto }
outbound: { allow: [], connect_timeout: 3s, timeout: 8s, ca_file: system, proxy: none }
''')
	folder.run('check')


@test
def the_configuration_is_found_where_the_contract_says():
	folder = Folder()
	folder.write('other.yaml', 'base_url: https://other.example\n')
	folder.write('third.yaml', 'base_url: https://third.example\nstore: sqlite:below/x.db\n')
	assert folder.json('check')['base_url'] == 'http://127.0.0.1:8080'
	assert folder.json('check', '--config', 'other.yaml')['base_url'] == 'https://other.example'
	assert folder.json('--config=other.yaml', 'check')['base_url'] == 'https://other.example'
	chosen = json.loads(folder.run('check', '--json', environment={'PASSERELLE_CONFIG': 'third.yaml'}))
	assert chosen['base_url'] == 'https://third.example' and chosen['store'] == f'sqlite:{os.path.realpath(folder.path)}/below/x.db'
	folder.run('check', '--config', 'missing.yaml', status=1)
	(folder.path / 'passerelle.yaml').unlink()
	assert folder.json('check')['config'] is None


@test
def applies_at_one_time_leave_a_whole_store():
	folder = applied()
	statuses = []

	def bring(number):
		text = GOOD.replace('Alice Martin', f'Alice {number}').replace('display_name: Acme', f'display_name: Acme {number}')
		done = subprocess.run([PROGRAM, 'apply', '-f', '-'], cwd=folder.path, input=text, capture_output=True, text=True, timeout=120)
		statuses.append((done.returncode, done.stderr))

	threads = [threading.Thread(target=bring, args=(n,)) for n in range(4)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
	assert any(status == 0 for status, _ in statuses), statuses
	assert all(status == 0 or 'run the command again' in error or 'busy' in error.lower() for status, error in statuses), statuses
	# Whoever came last wrote both, or neither.
	assert folder.json('tenant', 'show')['display_name'][-1] == folder.json('user', 'show', 'alice')['name'][-1]
	folder.run('log', 'verify')


def main():
	print(f'1..{len(TESTS)}', flush=True)
	failed = 0
	for number, function in enumerate(TESTS, 1):
		try:
			function()
			print(f'ok {number} - {function.__name__}', flush=True)
		except Exception:
			failed += 1
			print(f'not ok {number} - {function.__name__}')
			print(''.join('# ' + line + '\n' for line in traceback.format_exc().splitlines()), end='', flush=True)
	return 1 if failed else 0


sys.exit(main())
