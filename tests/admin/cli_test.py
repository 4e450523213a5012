#!/usr/bin/env python3
"""The program's command line from outside, in folders of its own: what CONTRACT sections 1 to 3 promise to whoever scripts against it. TAP."""
import glob
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import threading

from cli import Folder, PASSWORD, PROGRAM, assert_mistakes, main, test

OTHER_PASSWORD = 'another long phrase of canary'
CLIENT_SECRET = 'canary0123456789abcdef0123456789abcdef'

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
	('  - client_id: aaaaaaaaaaaaaaaaaaaaaaaaaa', 'clients[aaaaaaaaaaaaaaaaaaaaaaaaaa].client_id: ', "account's form"),
	('    client_secret: x123456789012345678901234567890', 'tenants[gamma].clients[short].client_secret: ', 'at least 32 characters'),
	('    grant_types: [client_credentials]', 'tenants[gamma].clients[pub].grant_types: ', 'authenticates'),
	('    require_pkce: false', 'tenants[gamma].clients[pub].require_pkce: ', 'expected true'),
	('    refresh_token_rotation: false', 'tenants[gamma].clients[pub].refresh_token_rotation: ', 'expected true'),
	('    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]', 'tenants[gamma].clients[c].redirect_uris: http://foo', 'expected'),
	('    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]', 'tenants[gamma].clients[c].redirect_uris: https://a', 'expected'),
	('    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]', 'tenants[gamma].clients[c].redirect_uris: javascript', 'expected'),
	('    scope: openid nope offline_access', 'tenants[gamma].clients[c].scope: nope', 'expected openid'),
	('    scope: openid nope offline_access', 'tenants[gamma].clients[c].scope: offline_access', 'refresh_token'),
	('    resources: [https://no.example]', 'tenants[gamma].clients[c].resources: https://no.example', 'resources'),
	('  - client_id: nowhere', 'tenants[gamma].clients[nowhere].redirect_uris: absent', 'at least one'),
	('    token_endpoint_auth_method: tls_client_auth', 'tenants[gamma].clients[later].token_endpoint_auth_method: ', 'not built yet'),
	('    grant_types: ["urn:ietf:params:oauth:grant-type:device_code"]', 'tenants[gamma].clients[later].grant_types', 'not built yet'),
	('    subject_type: pairwise', 'tenants[gamma].clients[later].subject_type: ', 'not built yet'),
	('    backchannel_logout_uri: https://a.example/out#x', 'tenants[gamma].clients[later].backchannel_logout_uri: ', 'without fragment'),
	('    jwks: { keys: [] }', 'tenants[gamma].clients[later].jwks: ', 'public keys'),
	('    dpop_bound_access_tokens: true', 'tenants[gamma].clients[later].dpop_bound_access_tokens: ', 'not built yet'),
	('    id_token_signed_response_alg: HS256', 'tenants[gamma].clients[later].id_token_signed_response_alg: ', 'RS256'),
	('    colour: red', 'tenants[gamma].clients[later].colour: ', 'unknown key'),
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
  clients:
  - client_id: aaaaaaaaaaaaaaaaaaaaaaaaaa
  - client_id: short
    redirect_uris: [https://s.example/cb]
    client_secret: x123456789012345678901234567890
  - client_id: pub
    token_endpoint_auth_method: none
    grant_types: [client_credentials]
    require_pkce: false
    refresh_token_rotation: false
  - client_id: c
    redirect_uris: ["http://foo.example/cb", "https://a.example/*", "javascript:alert(1)"]
    scope: openid nope offline_access
    resources: [https://no.example]
  - client_id: nowhere
    grant_types: [authorization_code]
  - client_id: later
    token_endpoint_auth_method: tls_client_auth
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code"]
    subject_type: pairwise
    backchannel_logout_uri: https://a.example/out#x
    jwks: { keys: [] }
    dpop_bound_access_tokens: true
    id_token_signed_response_alg: HS256
    colour: red
- name: delta
  issuer: https://g.example # again
  domains: [g.example, acme.example]
- name: gamma # again
'''


@test
def every_mistake_names_file_line_and_key():
	folder = applied()
	assert_mistakes(folder, BAD, MISTAKES)
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
	there.apply(text, status=1)
	assert 'password_hash: made with a key that secret_key_file here does not have' in there.error and there.files() == ['passerelle.yaml']
	(there.path / 'var').mkdir(mode=0o700)
	(there.path / 'var/secret.key').touch(mode=0o600)
	(there.path / 'var/secret.key').write_text((here.path / 'var/secret.key').read_text())
	assert 'pas_cs_' not in there.apply(text)
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
	for words in (['tenant', 'show'], ['user', 'list'], ['user', 'show', 'alice'], ['client', 'list'], ['client', 'show', 'wiki'], ['key', 'list'], ['session', 'list'], ['export'],
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
		('listen: unix:run/x', 'unix:/path'),
		('listen: unix:/run/x', 'base_url'),
		('listen: fd:2', 'from 3'),
		('base_url: http://sso.example', 'passerelle.yaml:1: base_url: '),
		('base_url: https://sso.example/', 'passerelle.yaml:1: base_url: '),
		('store: postgresql://u@h/db', 'not built yet'),
		('mail: { url: smtp://x }', 'passerelle.yaml:1: mail: not built yet'),
		('tls: [{ certificate: a, key: b }]', '/a: No such file'),
		('tls: [{ certificate: a }]', 'passerelle.yaml:1: tls[0].key: missing'),
		('tls: [{ certificate: a, key: b }]\nbase_url: http://localhost', 'passerelle.yaml:2: base_url: seen "http://localhost", expected https://'),
		('\ntrusted_proxies: [127.0.0.1/32, 10.0.0.1]', 'passerelle.yaml:2: trusted_proxies[1]: seen "10.0.0.1", expected unix, or address/prefix'),
		('\n\nlisten: [127.0.0.1:1, 192.0.2.1:80]', 'passerelle.yaml:3: listen: seen "192.0.2.1:80", expected a loopback address'),
		('metrics_listen: 9464', 'passerelle.yaml:1: metrics_listen: '),
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


sys.exit(main())
