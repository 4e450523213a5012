#!/usr/bin/env python3
"""Every key of passerelle.yaml that gateway/config*.c knows is told in docs/configuration.md, and that page tells no key that is not there.

A key is documented where it stands in backquotes: `limits.body`, or `body` below a heading that names `limits`. The table of keys in the source is
recognised by its rows: a string first thing in braces, `{"listen", …`; section rows hold sub-tables named section_keys."""
import re

from lib import house

ROW = re.compile(r'\{\s*(?:\.(?:name|key|path)\s*=\s*)?"([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*)"\s*,')


def keys_of(top):
	for path in sorted((top / 'gateway').glob('config*.c')):
		text = house.text_of(path)
		for match in ROW.finditer(text):
			if not match[1].endswith('.yaml'):  # the file's own name, in the list of places it is looked for
				yield f'gateway/{path.name}:{house.line_of(text, match.start())}', match[1]


def check(top):
	keys = list(keys_of(top))
	if not (top / 'gateway/config.c').is_file():
		return
	if not keys:
		yield 'gateway/config.c: no table of keys was recognised: this lint has gone blind'
	page = top / 'docs/configuration.md'
	if not page.is_file():
		yield 'docs/configuration.md: missing'
		return
	told = {part for name in re.findall(r'`([^`\n]+)`', house.text_of(page)) for part in (name, name.rstrip(':'), *name.rstrip(':').split('.'))}
	told |= set(re.findall(r'^\s*([a-z][a-z0-9_]*):', house.text_of(page), re.M))  # the example in full
	for where, key in keys:
		if key not in told:
			yield f'{where}: the key {key} is not told in docs/configuration.md'


house.run('every configuration key is documented', check, planted=[
	({'gateway/config.c': 'static const struct key keys[] = {\n\t{"listen", 1},\n\t{"base_url", 1},\n};\n', 'docs/configuration.md': '`listen`\n'}, 'gateway/config.c:3: the key base_url is not told'),
	({'gateway/config.c': '\t{ .name = "workers", .type = 1 },\n', 'docs/configuration.md': 'nothing\n'}, 'the key workers is not told'),
	({'gateway/config.c': 'int x;\n', 'docs/configuration.md': ''}, 'has gone blind'),
	({'gateway/config.c': '{"listen", 1}\n'}, 'docs/configuration.md: missing'),
], clean=[{'gateway/config.c': '{"limits.body", 1}, {"listen", 2}\n', 'docs/configuration.md': '`limits.body`\n```yaml\nlisten: 1\n```\n'}])
