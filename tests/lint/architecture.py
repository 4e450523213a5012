#!/usr/bin/env python3
"""ARCHITECTURE.md tells the truth about folders: each one it names exists, each one that holds source is named; and each floor opens with a README."""
import re

from lib import house

NAMED = re.compile(r'`([a-z][\w.-]*(?:/[\w.-]+)*)/`')


def check(top):
	document = top / 'ARCHITECTURE.md'
	if not document.is_file():
		yield 'ARCHITECTURE.md: missing'
		return
	text = house.text_of(document)
	named = {match[1] for match in NAMED.finditer(text)}
	for match in NAMED.finditer(text):
		if not (top / match[1]).is_dir():
			yield f'ARCHITECTURE.md:{house.line_of(text, match.start())}: there is no folder {match[1]}/'
	holding = {path.parent.relative_to(top).as_posix() for path in house.sources(top, '.c', '.h')}
	for folder in sorted(holding):
		above = folder.split('/')
		if not any('/'.join(above[:length]) in named for length in ([len(above)] if above[0] not in ('tests', 'examples', 'tools') else range(1, len(above) + 1))):
			yield f'ARCHITECTURE.md: does not name the folder `{folder}/`'
		if above[0] not in ('tests', 'examples', 'tools') and not (top / folder / 'README.md').is_file() and (top / folder / 'meson.build').is_file() and folder != 'gateway':
			yield f'{folder}: a floor opens with a README.md: what it owns, what it refuses, whom it may call'


house.run('ARCHITECTURE.md names the folders there are', check, planted=[
	({'ARCHITECTURE.md': 'In `base/` and `gone/`.\n', 'base/a.c': ''}, 'ARCHITECTURE.md:1: there is no folder gone/'),
	({'ARCHITECTURE.md': 'In `base/`.\n', 'base/a.c': '', 'crypto/a.c': ''}, 'does not name the folder `crypto/`'),
	({'ARCHITECTURE.md': 'In `gateway/`.\n', 'gateway/http/a.c': ''}, 'does not name the folder `gateway/http/`'),
	({'ARCHITECTURE.md': '`base/`\n', 'base/a.c': '', 'base/meson.build': ''}, 'base: a floor opens with a README.md'),
	({'base/a.c': ''}, 'ARCHITECTURE.md: missing'),
], clean=[{'ARCHITECTURE.md': '`base/` and `tests/`\n', 'base/a.c': '', 'base/README.md': '', 'base/meson.build': '', 'tests/base/a.c': ''}])
