#!/usr/bin/env python3
"""Functions that have no place in our C, each with what to use instead. Some have one place: those say where."""
import fnmatch
import re

from lib import house

# name pattern -> (instead, where it is allowed all the same)
BANNED = {
	r'strcpy|strcat|strncpy|strncat|stpcpy|sprintf|vsprintf|gets|g_sprintf': ('bounded: GString, g_strdup_printf, snprintf', []),
	r'strtok|strtok_r|strsep': ('a parser over pointer and length', []),
	r'rand|srand|rand_r|random|srandom|drand48|lrand48|g_random_\w+|g_rand_\w+': ('crypto/random.h', ['tests/*']),
	r'system|popen|execlp|execvp|g_spawn_\w+': ('nothing: no shell, no look-up by PATH', ['tests/*']),
	r'localtime|localtime_r|gmtime|asctime|asctime_r|ctime|ctime_r|mktime': ('gmtime_r, GDateTime', []),
	r'time|gettimeofday|clock_gettime|g_get_real_time|g_get_monotonic_time|g_date_time_new_now\w*': ('base/clock.h', ['base/clock.c', 'examples/*', 'tests/*']),
	r'atoi|atol|atoll|atof|scanf|sscanf|fscanf': ('g_ascii_string_to_unsigned, or a parser that sees the end', []),
	r'alloca|g_alloca|g_newa|longjmp|setjmp|siglongjmp|sigsetjmp': ('the heap, and returning', []),
	r'tmpnam|tempnam|mktemp|tmpfile': ('mkstemp, mkdtemp', []),
	r'g_thread_\w+|g_mutex_\w+|g_rw_lock_\w+|g_cond_\w+|g_async_queue_\w+|g_thread_pool_\w+|g_once_\w+|g_static_\w+': ('pthread: thread sanitizer cannot see through GLib\'s', ['examples/*']),
	r'xmlParse\w+|xmlReadFile|json_load_file': ('bytes that were bounded first', ['providers/verifier/*']),
	r'bzero|memset_s': ('explicit_bzero', []),
	r'gethostbyname|inet_ntoa|inet_addr': ('getaddrinfo, inet_ntop, inet_pton', []),
}
PATTERNS = [(re.compile(r'(?<![\w.>])(' + names + r')\s*\('), instead, allowed) for names, (instead, allowed) in BANNED.items()]
# Comparing what a stranger sends with what he must not learn: constant time, by crypto/compare.h. A name that ends so names a secret.
COMPARE = re.compile(r'(?<!\w)(memcmp|strcmp|strncmp|strcasecmp|g_strcmp0|g_str_equal|bcmp)\s*\(')
SECRET = re.compile(r'(?:^|[_\W])(?:secret|password|passwd|mac|hmac|tag|signature|csrf|verifier)$', re.I)
# Constant time itself; and a new password against words that are no secret, while its owner waits.
COMPARES = ('crypto/compare.c', 'policies/password_rules.c')


def arguments_of(code, start):
	"""The arguments of the call whose parenthesis was just opened, as texts."""
	depth, begin, found = 1, start, []
	for at in range(start, len(code)):
		character = code[at]
		depth += (character in '([{') - (character in ')]}')
		if depth == 0 or (depth == 1 and character == ','):
			found.append(code[begin:at].strip())
			begin = at + 1
		if depth == 0:
			break
	return found


def check(top):
	for path in house.sources(top):
		name = path.relative_to(top).as_posix()
		code = house.code_of(path)
		for pattern, instead, allowed in PATTERNS:
			for match in pattern.finditer(code):
				if not any(fnmatch.fnmatch(name, place) for place in allowed):
					yield f'{name}:{house.line_of(code, match.start())}: {match[1]}: instead {instead}'
		if name.startswith(('tests/', 'examples/')) or name in COMPARES:
			continue
		for match in COMPARE.finditer(code):
			if any(SECRET.search(argument) for argument in arguments_of(code, match.end())):
				yield f'{name}:{house.line_of(code, match.start())}: {match[1]} of a secret: instead crypto/compare.h'


house.run('no banned function', check, planted=[
	({'base/a.c': 'void f(char *d, const char *s) {\n\tstrcpy(d, s);\n}\n'}, 'base/a.c:2: strcpy'),
	({'policies/a.c': 'long f(void) { return time(NULL); }\n'}, 'policies/a.c:1: time'),
	({'gateway/http/a.c': 'struct tm *f(time_t t) { return localtime (&t); }\n'}, 'localtime'),
	({'tests/base/a.c': 'int f(const char *s) { return atoi(s); }\n'}, 'tests/base/a.c:1: atoi'),
	({'gateway/login/b.c': 'int f(void) { return rand(); }\n'}, 'rand'),
	({'crypto/a.c': 'int f(void) { return memcmp(a->secret, b, 32); }\n'}, 'memcmp of a secret'),
	({'gateway/login/a.c': 'bool f(void) { return strcmp(\n\tform->csrf, want) == 0; }\n'}, 'strcmp of a secret'),
	({'gateway/a.c': 'static GMutex m; void f(void) { g_mutex_lock(&m); }\n'}, 'g_mutex_lock'),
], clean=[
	{'base/clock.c': 'int64_t f(void) { return time(NULL); }\n', 'base/a.c': '/* strcpy(a, b) */ const char *s = "system(1)"; int x = row->time(1); int y = uptime(2);\n',
		'base/b.c': 'bool f(void) { return strcmp(text_or(password, 1), x) == 0; }\n', 'crypto/compare.c': 'int f(void) { return memcmp(secret, b, 1); }\n'},
])
