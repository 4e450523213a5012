"""What the lint scripts share. A lint is a function from a tree to a list of faults, each "file:line: what". It is run first on small planted
trees that break the rule (and on some that must pass), then on the tree itself, and speaks TAP: so a lint that has gone blind fails by itself."""
import pathlib
import re
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[3]
# Folders in which source of our own stands; everything else at the top is texts, or made.
SOURCE_FOLDERS = ('base', 'crypto', 'policies', 'providers', 'gateway', 'tests', 'tools', 'examples')
MADE = {'node_modules', '.git', 'var', '__pycache__'}


def files(top, *suffixes, under=('.',)):
	"""All files below the folders with one of the suffixes, sorted, without what is built or installed."""
	for folder in under:
		for path in sorted((top / folder).rglob('*')):
			parts = path.relative_to(top).parts
			if path.is_file() and not MADE & set(parts) and not re.fullmatch(r'build(-.*)?', parts[0]) and (not suffixes or path.name.endswith(suffixes)):
				yield path


def sources(top, *suffixes):
	return files(top, *(suffixes or ('.c', '.h')), under=[folder for folder in SOURCE_FOLDERS if (top / folder).is_dir()])


def text_of(path):
	return path.read_text(encoding='utf-8', errors='replace')


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_of(path):
	"""The C code with comments and the insides of strings blanked; lines keep their numbers."""
	def blank(match):
		token = match[0]
		if token[0] in '"\'':
			return token[0] + ' ' * (len(token) - 2) + token[0]
		return re.sub(r'[^\n]', ' ', token)
	return TOKEN.sub(blank, text_of(path))


def line_of(text, offset):
	return text.count('\n', 0, offset) + 1


def run(rule, check, planted, clean=()):
	"""planted: (tree, what must be among the faults); clean: trees without fault. A tree is {path: text}."""
	points = []

	def faults_of(tree):
		with tempfile.TemporaryDirectory() as folder:
			top = pathlib.Path(folder)
			for name, text in tree.items():
				(top / name).parent.mkdir(parents=True, exist_ok=True)
				(top / name).write_text(text, encoding='utf-8')
			return list(check(top))

	for tree, expected in planted:
		found = faults_of(tree)
		points.append((any(expected in fault for fault in found), f'a planted fault is found: {expected}', found))
	for tree in clean:
		found = faults_of(tree)
		points.append((not found, f"a good tree passes: {', '.join(tree)}", found))
	found = list(check(TOP))
	points.append((not found, rule, found))
	print(f'1..{len(points)}')
	for number, (good, name, notes) in enumerate(points, 1):
		print(f"{'ok' if good else 'not ok'} {number} - {name}")
		if not good:
			for note in notes:
				print(f'# {note}')
	sys.exit(0 if all(good for good, _, _ in points) else 1)
