#!/usr/bin/env python3
"""Every relative link in our documents leads to a file that is there, and every heading that a link names."""
import re

from lib import house

LINK = re.compile(r'(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)')


def anchors_of(text):
	for heading in re.findall(r'^#+ +(.+?) *$', text, re.M):
		yield re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def check(top):
	for path in house.files(top, '.md'):
		name = path.relative_to(top).as_posix()
		text = house.text_of(path)
		for match in LINK.finditer(text):
			where = f'{name}:{house.line_of(text, match.start())}'
			target, _, anchor = match[1].partition('#')
			if re.match(r'[a-z][a-z0-9+.-]*:', target):
				continue
			file = (path.parent / target) if target else path
			if not file.exists():
				yield f'{where}: there is no {target}'
			elif anchor and file.suffix == '.md' and anchor not in anchors_of(house.text_of(file)):
				yield f'{where}: {target or name} has no heading #{anchor}'


house.run('links in documents lead somewhere', check, planted=[
	({'docs/a.md': 'see [b](b.md)\n'}, 'docs/a.md:1: there is no b.md'),
	({'a.md': '# One thing\n[x](#other)\n'}, 'a.md:2: a.md has no heading #other'),
], clean=[{'a.md': '# One thing, and another\n[x](#one-thing-and-another) [y](docs/b.md#b) [z](https://example.org/)\n', 'docs/b.md': '## B\n'}])
