#!/usr/bin/env python3
"""What is written is built and run: every .c file is named in a meson.build, every folder of tests is taken up, every end-to-end test is one
that the runner picks up, and every lint can be run."""
import os
import re

from lib import house


def check_sources(top):
	for path in house.sources(top, '.c'):
		name = path.relative_to(top).as_posix()
		folder, wired = path.parent, False
		while not wired and folder != top.parent:
			build = folder / 'meson.build'
			if build.is_file():
				named = re.findall(r"'([^'\n]+\.c)'", re.sub(r'#[^\n]*', '', house.text_of(build)))
				wired = path.relative_to(folder).as_posix() in named or name in named
			folder = folder.parent
		if not wired:
			yield f'{name}: no meson.build names it'


def check_tests(top):
	listing = top / 'tests/meson.build'
	named = house.text_of(listing) if listing.is_file() else ''
	for build in sorted((top / 'tests').glob('*/meson.build')):
		folder = build.parent.name
		if f"'{folder}'" not in named:
			yield f'tests/{folder}: tests/meson.build does not take it up'
		if 'tests/bench' not in build.as_posix() and not re.search(r"\btest\s*\(", house.text_of(build)):
			yield f'tests/{folder}/meson.build: registers no test'
	for path in house.files(top, '.mjs', '.js', under=['tests/e2e'] if (top / 'tests/e2e').is_dir() else []):
		name = path.relative_to(top).as_posix()
		takes_part = re.search(r"from 'node:test'|require\('node:test'\)", house.text_of(path))
		if takes_part and re.search(r'^\s*(test|it|describe|suite)\(', house.text_of(path), re.M) and not (name.endswith('.test.mjs') and name.count('/') == 2):
			yield f'{name}: holds tests, but the runner takes tests/e2e/*.test.mjs only'
	for path in sorted((top / 'tests/lint').glob('*.py')) + sorted((top / 'tests/lint').glob('*.sh')):
		if not os.access(path, os.X_OK):
			yield f'tests/lint/{path.name}: not executable, so it is not run'


def check(top):
	yield from check_sources(top)
	yield from check_tests(top)


house.run('everything written is built and run', check, planted=[
	({'base/a.c': '', 'base/meson.build': "static_library('base', 'b.c')"}, 'base/a.c: no meson.build names it'),
	({'tests/base/test_url.c': '', 'tests/base/meson.build': "# 'test_url.c'\ntest('base', exe)", 'tests/meson.build': "'base'"}, 'tests/base/test_url.c: no meson.build'),
	({'tests/new/meson.build': "test('x', x)", 'tests/meson.build': "'base'"}, 'tests/new: tests/meson.build does not take it up'),
	({'tests/base/meson.build': "executable('x')", 'tests/meson.build': "'base'"}, 'registers no test'),
	({'tests/e2e/login.mjs': "import test from 'node:test'\ntest('x', () => {})\n"}, 'tests/e2e/login.mjs: holds tests'),
	({'tests/lint/new.py': ''}, 'tests/lint/new.py: not executable'),
], clean=[{'base/a.c': '', 'base/meson.build': "static_library('base', 'a.c')", 'tests/e2e/helper.mjs': 'export const x = 1\n'}])
