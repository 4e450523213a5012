#!/usr/bin/env python3
"""docs/specifications.md: every test and every statement of docs/assurance.md that it names exists; what is done names a proof, what is not says why or is
empty on purpose; no section of a specification stands twice."""
import re

from lib import house, proofs

PAGE, STATEMENTS = 'docs/specifications.md', 'docs/assurance.md'
LINE = re.compile(r'^(## .+|\|.*\|)$', re.M)
IDENTIFIER = re.compile(r'\b[A-Z]{2}-\d+\b')
STATES = ('done', 'partly', 'not')


def row_faults(top, cells, known):
	section, _, state, shown, missing = cells
	if state not in STATES:
		yield f'state "{state}"'
		return
	names = IDENTIFIER.findall(proofs.PROOF.sub('', shown))
	proved = bool(names or proofs.PROOF.search(shown))
	rest = IDENTIFIER.sub('', proofs.PROOF.sub('', shown)).strip(' ,')
	if rest:
		yield f'not a test: {rest}'
	if state != 'not' and not proved:
		yield f'{state}, and no test'
	if state == 'partly' and not missing:
		yield 'partly, and not what is missing'
	yield from (f'{STATEMENTS} has no {name}' for name in names if name not in known)
	yield from proofs.faults(top, shown)


def check(top):
	page, statements = top / PAGE, top / STATEMENTS
	if not page.is_file():
		yield f'{PAGE}: missing'
		return
	known = set(re.findall(r'^\| ([A-Z]{2}-\d+) \|', house.text_of(statements), re.M)) if statements.is_file() else set()
	text, heading, seen, rows = house.text_of(page), '', set(), 0
	for match in LINE.finditer(text):
		if match[0].startswith('##'):
			heading = match[0]
			continue
		cells = [cell.strip() for cell in match[0].strip('|').split('|')]
		if not heading or cells[0] == '§' or set(cells[0]) == {'-'}:
			continue
		where, rows = f'{PAGE}:{house.line_of(text, match.start())}: {cells[0]}', rows + 1
		if len(cells) != 5:
			yield f'{where}: {len(cells)} cells'
			continue
		if (heading, cells[0]) in seen:
			yield f'{where}: stands twice'
		seen.add((heading, cells[0]))
		yield from (f'{where}: {fault}' for fault in row_faults(top, cells, known))
	if not rows:
		yield f'{PAGE}: no section'


GOOD = '## RFC 1\n| § | x | state | shown | missing |\n|---|---|---|---|---|\n| 1 | x | done | `e2e/a`: "it", AS-1 | |\n| 2 | y | not | | |\n| 3 | z | partly | `store/b`: "keeps" | half |\n'
TREE = {'tests/e2e/a.test.mjs': "test('it is so', () => {})\n", 'tests/store/b.c': 'in_world(keeps),\n', STATEMENTS: '| AS-1 | x | | |\n'}


def planted(row):
	return {**TREE, PAGE: '## RFC 1\n' + row + '\n'}


house.run('every test that the page of specifications names exists', check, planted=[
	({}, 'missing'),
	({**TREE, PAGE: 'nothing\n'}, 'no section'),
	({**TREE, PAGE: GOOD + '| 2 | y | not | | |\n'}, '2: stands twice'),
	(planted('| 1 | x | done | | |'), 'done, and no test'),
	(planted('| 1 | x | partly | AS-1 | |'), 'not what is missing'),
	(planted('| 1 | x | mostly | AS-1 | |'), 'state "mostly"'),
	(planted('| 1 | x | done | AS-2 | |'), 'has no AS-2'),
	(planted('| 1 | x | done | `e2e/z`: "it" | |'), 'there is no tests/e2e/z'),
	(planted('| 1 | x | done | `e2e/a`: "gone" | |'), 'has no test "gone"'),
	(planted('| 1 | x | done | by reading | |'), 'not a test: by reading'),
	(planted('| 1 | x | done | AS-1 |'), '4 cells'),
], clean=[{**TREE, PAGE: GOOD}])
