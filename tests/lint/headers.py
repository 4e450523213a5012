#!/usr/bin/env python3
"""How a source file opens: with a comment that says what it is; headers with #pragma once; indentation by tabs; no trailing
blanks; lines that fit a screen."""
import re

from lib import house


def check(top):
	for path in house.sources(top, '.c', '.h'):
		name = path.relative_to(top).as_posix()
		text = house.text_of(path)
		if not text.startswith(('/*', '//')) and not name.startswith('tests/'):
			yield f'{name}:1: a file opens with what it is'
		if name.endswith('.h') and '#pragma once' not in text:
			yield f'{name}: no #pragma once'
		for number, line in enumerate(text.split('\n'), 1):
			if line != line.rstrip():
				yield f'{name}:{number}: trailing blank'
			if re.match(r' {4}(?:if|for|while|return|[a-z_]+\()', line):
				yield f'{name}:{number}: indentation is by tabs'
			if len(line.expandtabs(4)) > 200:
				yield f'{name}:{number}: {len(line.expandtabs(4))} columns'


house.run('source files have the house form', check, planted=[
	({'base/a.c': '#include "base/b.h"\n'}, 'base/a.c:1: a file opens with what it is'),
	({'base/a.h': '/* A. */\nint a;\n'}, 'base/a.h: no #pragma once'),
	({'base/a.c': '/* A. */\nint a; \n'}, 'base/a.c:2: trailing blank'),
	({'base/a.c': '/* A. */\nvoid f(void) {\n    g();\n}\n'}, 'base/a.c:3: indentation is by tabs'),
	({'base/a.c': '/* A. */\n' + 'x' * 201 + '\n'}, '201 columns'),
], clean=[{'base/a.h': '/* A.\n *\n *    drawn   state\n */\n#pragma once\n'}])
