#!/usr/bin/env python3
"""A floor includes, and links, only floors below it (DESIGN.md section 2; each folder's README.md says the same in words)."""
import re

from lib import house

FLOORS = {
	'base': '',
	'crypto': 'base',
	'policies': 'base',
	'providers/verifier': 'base crypto policies',
	'providers': 'base crypto policies providers/verifier',
	'gateway/store': 'base crypto policies',
	'gateway/http': 'base crypto',
	'gateway/audit': 'base crypto policies gateway/store',
	'gateway/pages': 'base',
	'gateway/call': 'base crypto policies providers providers/verifier gateway/store gateway/http gateway/audit gateway/pages',
}
HALVES = FLOORS['gateway/call'] + ' gateway/call'
# The four halves of the service stand beside each other: what two of them need belongs into gateway/call.
FLOORS.update({half: HALVES for half in ('gateway/login', 'gateway/oauth', 'gateway/account', 'gateway/admin')})
FLOORS['gateway'] = ' '.join(FLOORS)  # main, config, routes
ALLOWED = {floor: {floor, *below.split()} for floor, below in FLOORS.items()}
DEPENDENCY = {floor.rsplit('/', 1)[-1] + '_dep': floor for floor in FLOORS if floor != 'gateway'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)


def floor_of(name):
	"""The floor a path belongs to; None for tests, tools and examples."""
	folder = name.rsplit('/', 1)[0] if '/' in name else ''
	while folder:
		if folder in FLOORS:
			return folder
		folder = folder.rsplit('/', 1)[0] if '/' in folder else ''
	return None


def check_includes(top):
	for path in house.sources(top, '.c', '.h', '.def'):
		name = path.relative_to(top).as_posix()
		text = house.text_of(path)
		floor = floor_of(name)
		for match in INCLUDE.finditer(text):
			target = floor_of(match[1])
			where = f'{name}:{house.line_of(text, match.start())}'
			if name.startswith('examples/') and target:
				yield f'{where}: an example includes {match[1]}: it is a stranger to the gateway'
			elif floor and target and target not in ALLOWED[floor]:
				yield f'{where}: {floor} may not include {match[1]}'
			elif floor and match[1].startswith(('.', 'tests/', 'examples/')):
				yield f'{where}: includes are from the root, and never tests: {match[1]}'


def check_links(top):
	for path in house.files(top, 'meson.build'):
		name = path.relative_to(top).as_posix()
		floor = floor_of(name)
		for match in re.finditer(r'\b([a-z]+_dep)\b', re.sub(r'#[^\n]*', '', house.text_of(path))):
			target = DEPENDENCY.get(match[1])
			if floor and target and target not in ALLOWED[floor]:
				yield f'{name}: {floor} may not link {match[1]}'


def check(top):
	yield from check_includes(top)
	yield from check_links(top)


house.run('floors know only the floors below them', check, planted=[
	({'base/a.c': '#include "crypto/digest.h"\n'}, 'base/a.c:1: base may not include crypto/digest.h'),
	({'gateway/oauth/token.c': '\n#include "gateway/login/flow.h"\n'}, 'gateway/oauth/token.c:2: gateway/oauth may not include'),
	({'gateway/store/sqlite.c': '#include "gateway/config.h"\n'}, 'gateway/store may not include gateway/config.h'),
	({'providers/local.c': '#include "../gateway/http/request.h"\n'}, 'includes are from the root'),
	({'examples/resource-server/main.c': '#include "base/json.h"\n'}, 'an example includes'),
	({'policies/meson.build': "dependencies: [base_dep, store_dep]\n"}, 'policies may not link store_dep'),
], clean=[
	{'gateway/login/a.c': '#include "gateway/call/gateway.h"\n', 'gateway/main.c': '#include "gateway/admin/command.h"\n', 'base/a.c': '/* "crypto/x.h" */\n'},
])
