#!/usr/bin/env python3
"""The man pages tell every command that the program lists and every key of its tables, take no text for a request, and have no mistakes that mandoc sees.
TAP. Arguments: the program, the folder of the pages, the top of the sources."""
import pathlib
import re
import shutil
import subprocess
import sys

program, pages, top = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
PAGES = ['passerelle.8', 'passerelle.yaml.5', 'passerelle-declaration.5']
TEXT = {name: (pages / name).read_text() for name in PAGES}
ITEMS = {name: [re.sub(r'\\([-e])', r'\1', found) for found in re.findall(r'^\.It (?:Ic|Cm) "(.*)"$', text, re.M)] for name, text in TEXT.items()}
MACROS = 'Dd Dt Os Sh Nm Nd Op Ar Pp Bl El It Fl Xr Ic Cm Ev Dv Pa'.split()


def commands():
	"""Every command of `passerelle help` stands in the page, written the same way."""
	usage = subprocess.run([program, 'help'], capture_output=True, text=True, check=True).stdout
	listed = [line[len('  passerelle '):].replace('…', 'VALUE') for line in usage.splitlines() if line.startswith('  passerelle ')]
	assert len(listed) > 30, usage
	assert ITEMS['passerelle.8'] == listed, set(listed) ^ set(ITEMS['passerelle.8'])


def rows(path):
	"""Names of the rows of the tables in a file."""
	return set(re.findall(r'\{ \.name = "([a-z_]+)", \.type = KEY_', (top / path).read_text()))


def keys():
	for page, path in (('passerelle.yaml.5', 'gateway/config.c'), ('passerelle-declaration.5', 'gateway/admin/declaration_keys.c')):
		told = {part for item in ITEMS[page] for part in re.split(r'\.|\[\]\.', item)}
		missing = rows(path) - told
		# `tenants` is the file itself, and told in the prose.
		assert missing <= {'tenants'}, f'{page}: {missing}'
	assert {'bind_dn', 'groups.base_dn', 'start_tls'} <= set(ITEMS['passerelle-declaration.5']), 'keys of a driver'


def each_has_its_sentence():
	for page, text in TEXT.items():
		for found in re.findall(r'^\.It (?:Ic|Cm) "(.*)"\n(.*)$', text, re.M):
			assert found[1] and not found[1].startswith('.It') and found[1].rstrip().endswith(('.', '`')), f'{page}: {found}'


def no_text_is_a_request():
	for page, text in TEXT.items():
		for line in text.splitlines():
			assert not line.startswith("'") and (not line.startswith('.') or line[1:3] in MACROS), f'{page}: {line}'


def mandoc_is_content():
	if not shutil.which('mandoc'):
		return '# SKIP no mandoc here'
	for page in PAGES:
		done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', pages / page], capture_output=True, text=True)
		assert done.returncode == 0, done.stdout


TESTS = [commands, keys, each_has_its_sentence, no_text_is_a_request, mandoc_is_content]
print(f'1..{len(TESTS)}')
failed = 0
for number, test in enumerate(TESTS, 1):
	try:
		print(f'ok {number} - {test.__name__}', test() or '')
	except AssertionError as fault:
		failed += 1
		print(f'not ok {number} - {test.__name__}\n# {fault}')
sys.exit(failed > 0)
