#!/usr/bin/env python3
"""The runner counts honestly: tests/run on streams that lie, crash, hang or say nothing. It is the judge of all other tests, so it is tried first."""
import importlib.machinery
import importlib.util
import sys

from lib import house

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('runner', str(house.TOP / 'tests/run'))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader('runner', loader))
loader.exec_module(runner)

# stream -> passed, failed, skipped, faults
STREAMS = [
	('two groups of cmocka', '1..2\nok 1 - a\nok 2 - b\n1..1\nnot ok 1 - c\n', (2, 1, 0, 0)),
	('a plan that does not fit', '1..2\nok 1 - a\n', (1, 0, 0, 1)),
	('a first group cut short', '1..2\nok 1 - a\n1..1\nok 1 - b\n', (2, 0, 0, 1)),
	('more than planned', '1..1\nok 1 - a\nok 2 - b\n', (2, 0, 0, 1)),
	('no plan', 'ok 1 - a\n', (1, 0, 0, 1)),
	('nothing', '', (0, 0, 0, 1)),
	('a plan of nothing', '1..0\n', (0, 0, 0, 1)),
	('a plan that follows', 'ok 1 - a\nnot ok 2 - b\n1..2\n', (1, 1, 0, 0)),
	('a plan that follows and lies', 'ok 1 - a\n1..2\n', (1, 0, 0, 1)),
	('a suite of node', '# Subtest: x\n    ok 1 - y\n    not ok 2 - z\n    1..2\nnot ok 1 - x\nok 2 - w\n1..2\n', (2, 1, 0, 0)),
	('a suite whose hook fails', '    ok 1 - y\n    1..1\nnot ok 1 - x\n1..1\n', (1, 1, 0, 0)),
	('a skipped test', '1..2\nok 1 - a # SKIP no chromium\nok 2 - b\n', (1, 0, 1, 0)),
	('points inside a block of notes', 'not ok 1 - a\n  ---\n  error: |-\n  ok 2 - b\n  not ok 3 - c\n  1..9\n  ...\n1..1\n', (0, 1, 0, 0)),
	('a stream that bails out', '1..1\nok 1 - a\nBail out! no memory\n', (1, 0, 0, 1)),
]
# shell -> whether the program counts as failed
PROGRAMS = [
	('a good one', 'echo 1..1; echo ok 1 - a', False),
	('one that crashes after its last test', 'echo 1..1; echo ok 1 - a; kill -SEGV $$', True),
	('one that exits 1 and names no failure', 'echo 1..1; echo ok 1 - a; exit 1', True),
	('one that hangs', 'echo 1..1; echo ok 1 - a; exec sleep 60', True),
]
points = []
for name, stream, expected in STREAMS:
	tap = runner.Tap()
	tap.feed(stream)
	seen = (tap.passed, tap.failed, tap.skipped, len(tap.faults))
	points.append((seen == expected, name, f'seen {seen}, expected {expected}: {tap.faults}'))
for name, script, fails in PROGRAMS:
	outcome = runner.run({'name': name, 'command': ['sh', '-c', script], 'cwd': house.TOP, 'timeout': 2, 'env': {}})
	points.append(((outcome.tap.failed > 0) == fails, name, f'{outcome.tap.faults}'))
print(f'1..{len(points)}')
for number, (good, name, note) in enumerate(points, 1):
	print(f"{'ok' if good else 'not ok'} {number} - {name}" + ('' if good else f'\n# {note}'))
sys.exit(0 if all(good for good, _, _ in points) else 1)
