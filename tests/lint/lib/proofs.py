"""Tests that a page names as proof, in the form `FOLDER/FILE`: "test", where the file is tests/FOLDER/FILE.test.mjs, .c or .py."""
import re

from . import house

PROOF = re.compile(r'`([a-z0-9_/-]+)`: "([^"]+)"')


def file_of(top, name):
	candidates = [f'tests/{name}.test.mjs', f'tests/{name}.c', f'tests/{name}.py']
	return next((top / one for one in candidates if (top / one).is_file()), None)


def holds_test(path, test):
	"""As a test that is run: quoted in JavaScript, given to a macro of the list of tests in C, a function in Python."""
	text = house.text_of(path)
	if path.suffix == '.mjs':
		plain = text.replace("\\'", "'")
		return any(f'{word}({quote}{test}' in plain for word in ('test', 'describe') for quote in "'`")
	if path.suffix == '.py':
		return re.search(rf'^def {re.escape(test)}\(', text, re.M) is not None
	return re.search(rf'\b\w+\({re.escape(test)}[,)]', house.code_of(path)) is not None


def faults(top, cell):
	"""What is wrong with the proofs of a table's cell."""
	for name, test in PROOF.findall(cell):
		path = file_of(top, name)
		if not path:
			yield f'there is no tests/{name}'
		elif not holds_test(path, test):
			yield f'{name} has no test "{test}"'
