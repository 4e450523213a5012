#!/usr/bin/env python3
"""docs/connection-log.md lists the events and reasons of the tables in the code, no more and no fewer (tools/list_tables.py writes them)."""
import re

from lib import house

TABLES = (('gateway/audit/events.def', 'EVENT'), ('policies/reasons.def', 'REASON'))
PAGE = 'docs/connection-log.md'


def check(top):
	page = house.text_of(top / PAGE) if (top / PAGE).is_file() else ''
	told = set(re.findall(r'^\| `([^`]+)` \|', page, re.M))
	known = set()
	for path, macro in TABLES:
		text = house.text_of(top / path) if (top / path).is_file() else ''
		known |= set(re.findall(macro + r'\(\s*\w+,\s*"([^"]+)"', text))
	fields = {name for name in told if name.isalpha() and name not in known}  # rows of the table of fields stand there too
	for name in sorted(known - told):
		yield f'{PAGE}: {name} is not told; run: python3 tools/list_tables.py {PAGE}'
	for name in sorted(told - known - fields):
		yield f'{PAGE}: {name} is told and is in no table; run: python3 tools/list_tables.py {PAGE}'


house.run('the connection log page tells every event and reason', check, planted=[
	({'gateway/audit/events.def': 'EVENT(LOGIN, "login", true, "x")\n', PAGE: 'nothing\n'}, 'login is not told'),
	({'policies/reasons.def': 'REASON(OK, "ok", true, "x")\n', PAGE: '| `ok` | x |\n| `wrong_thing` | x |\n'}, 'wrong_thing is told'),
])
