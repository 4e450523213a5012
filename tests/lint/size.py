#!/usr/bin/env python3
"""The last fence on length: no file over 600 lines, no C function over 120. The guides in the house style are far lower; this only stops a slide."""
import re

from lib import house

FILE_LINES, FUNCTION_LINES = 600, 120


def functions(code):
	start = name = None
	for number, line in enumerate(code.split('\n'), 1):
		if line[:1].isalpha() or line[:1] == '_':
			match = re.search(r'([A-Za-z_]\w*)\s*\(', line)
			if match and not line.rstrip().endswith(';') and '=' not in line.split('(')[0]:
				start, name = number, match[1]
		elif line.startswith('}') and start:
			yield name, start, number - start + 1
			start = None


def check(top):
	for path in house.sources(top, '.c', '.h', '.py', '.mjs', '.sql'):
		name = path.relative_to(top).as_posix()
		lines = house.text_of(path).count('\n')
		if lines > FILE_LINES:
			yield f'{name}: {lines} lines (at most {FILE_LINES}): split it by subject'
		if name.endswith('.c'):
			for function, start, length in functions(house.code_of(path)):
				if length > FUNCTION_LINES:
					yield f'{name}:{start}: {function} has {length} lines (at most {FUNCTION_LINES})'


LONG = 'static int long_one(int a,\n\tint b)\n{\n' + '\ta++;\n' * 121 + '}\n'
house.run('no file and no function is too long', check, planted=[
	({'base/a.c': '\n' * 601}, 'base/a.c: 601 lines'),
	({'base/a.c': 'int x;\n' + LONG}, 'base/a.c:2: long_one has 125 lines'),
	({'base/a.c': 'void f(void) {\n' + '\n' * 130 + '}\n'}, 'f has 132 lines'),
], clean=[{'base/a.c': 'static const int table[] = {\n' + '\t1,\n' * 300 + '};\nint f(void) {\n\treturn 1;\n}\n'}])
