"""What the tests of the command line share: the program in a folder of its own, and the printout. TAP."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
PASSWORD = 'correct horse battery canary'
CONFIG = 'password_hash: { memory_kib: 19456, iterations: 2 }\n'
TESTS = []
WORK = tempfile.TemporaryDirectory(prefix='passerelle-cli-')
# In a build with the leak sanitizer: libldap loses one priority list with each TLS context it makes; any other leak is ours.
SUPPRESSIONS = pathlib.Path(WORK.name, 'suppressions')
SUPPRESSIONS.write_text('leak:gnutls_priority_init\n')
os.environ['LSAN_OPTIONS'] = f'suppressions={SUPPRESSIONS}:print_suppressions=0'


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


def assert_mistakes(folder, text, mistakes):
	"""Each row is a line of the declaration and what its mistake must say. The line is found by its text, so that the table stays right when lines move."""
	folder.write('bad.yaml', text)
	folder.run('apply', '-f', 'bad.yaml', status=1)
	seen, lines = folder.error.splitlines(), text.splitlines()
	for line, key, words in mistakes:
		start = f'bad.yaml:{lines.index(line) + 1}: '
		assert any(s.startswith(start) and key in s and words in s for s in seen), f'{start}{key} … {words}\nis not among\n' + folder.error
	numbers = [int(s.split(':')[1]) for s in seen]
	assert numbers == sorted(numbers)


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
