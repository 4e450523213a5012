#!/usr/bin/env python3
"""docs/assurance.md: every test it names exists, every row has a proof or says what is open, and no statement stands twice."""
import re

from lib import house, proofs

PAGE = 'docs/assurance.md'
ROW = re.compile(r'^\| ([A-Z]{2}-\d+) \|([^|]+)\|([^|]*)\|([^|]*)\|$', re.M)


def check(top):
	page = top / PAGE
	if not page.is_file():
		yield f'{PAGE}: missing'
		return
	text, seen = house.text_of(page), set()
	for match in ROW.finditer(text):
		where = f'{PAGE}:{house.line_of(text, match.start())}: {match[1]}'
		if match[1] in seen:
			yield f'{where}: stands twice'
		seen.add(match[1])
		if not proofs.PROOF.search(match[3]) and not match[4].strip():
			yield f'{where}: neither a test nor what is open'
		rest = proofs.PROOF.sub('', match[3]).strip(' ,')
		if rest:
			yield f'{where}: not a test: {rest}'
		yield from (f'{where}: {fault}' for fault in proofs.faults(top, match[3]))
	if not seen:
		yield f'{PAGE}: no statement'


GOOD = '| AS-1 | x | `e2e/a`: "it\'s so", `store/b`: "keeps" | |\n| AS-2 | y | | all of it |\n'
TREE = {'tests/e2e/a.test.mjs': "test('it\\'s so', () => {})\n", 'tests/store/b.c': 'WORLD_TEST(keeps),\n'}
house.run('every test that the assurance page names exists', check, planted=[
	({}, 'missing'),
	({**TREE, PAGE: 'nothing\n'}, 'no statement'),
	({**TREE, PAGE: GOOD + '| AS-2 | z | | later |\n'}, 'AS-2: stands twice'),
	({**TREE, PAGE: '| AS-1 | x | | |\n'}, 'neither a test'),
	({**TREE, PAGE: '| AS-1 | x | by reading | |\n'}, 'not a test: by reading'),
	({**TREE, PAGE: '| AS-1 | x | `e2e/z`: "it" | |\n'}, 'there is no tests/e2e/z'),
	({**TREE, PAGE: '| AS-1 | x | `e2e/a`: "gone" | |\n'}, 'has no test "gone"'),
	({'tests/store/b.c': 'static void keeps(void **state)\n', PAGE: '| AS-1 | x | `store/b`: "keeps" | |\n'}, 'has no test "keeps"'),
], clean=[{**TREE, PAGE: GOOD}])
