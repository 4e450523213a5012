/* Preparing, starting and asking the gateway: see subject.h. */
#include "subject.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

const char code_verifier[] = "the-verifier-of-the-benchmark-43-characters-long";

#define RESOURCE "https://api.bench.example"

static const char declaration[] =
	"tenants:\n"
	"- name: bench\n"
	"  display_name: Bench\n"
	"  policy: { throttle: { failures: 100, window: 1s, lock: 1s } }\n"
	"  resources:\n"
	"  - { identifier: " RESOURCE ", scopes: [api.read], introspection_clients: [service] }\n"
	"  users:\n"
	"  - { username: " USERNAME ", email: alice@bench.example, email_verified: true, name: Alice, groups: [staff], password: \"" PASSWORD "\" }\n"
	"  clients:\n"
	"  - { client_id: service, client_secret: \"" SECRET "\", grant_types: [client_credentials], scope: api.read, resources: [" RESOURCE "] }\n"
	"  - { client_id: keeping, client_secret: \"" SECRET "\", redirect_uris: [" CALLBACK "], grant_types: [authorization_code, refresh_token],\n"
	"      scope: openid profile offline_access api.read, resources: [" RESOURCE "], consent: implicit, id_token_signed_response_alg: ES256 }\n"
	"  - { client_id: rotating, client_secret: \"" SECRET "\", redirect_uris: [" CALLBACK "], grant_types: [authorization_code, refresh_token],\n"
	"      scope: openid profile offline_access api.read, resources: [" RESOURCE "], consent: implicit, id_token_signed_response_alg: RS256, refresh_token_rotation: true }\n";

static void write_file(const struct subject *subject, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(subject->folder, name, NULL);
	if (!g_file_set_contents(path, text, -1, NULL))
		g_error("cannot write %s", path);
}

/* Becomes the program with these words; what it prints goes to a file. */
static pid_t spawn(const struct subject *subject, int cpu, const char *const *words)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	int log = -1;
	if (chdir(subject->folder) || (log = open("output", O_WRONLY | O_CREAT | O_APPEND, 0600)) < 0)
		_exit(126);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execv(subject->program, (char *const *)(uintptr_t)words);
	_exit(127);
}

static void apply(const struct subject *subject, const char *text)
{
	const char *const words[] = { "passerelle", "--config", "passerelle.yaml", "apply", "-f", "bench.yaml", NULL };
	int status;
	write_file(subject, "bench.yaml", text);
	if (waitpid(spawn(subject, -1, words), &status, 0) < 0 || status)
		g_error("the declaration was not applied: see %s/output", subject->folder);
}

void subject_prepare(struct subject *subject, const char *program, const char *where)
{
	subject->program = program;
	subject->folder = g_build_filename(where, "passerelle-bench-XXXXXX", NULL);
	if (!g_mkdtemp(subject->folder))
		g_error("cannot make a folder in %s", where);
	subject->port = free_port();
	g_autofree char *configuration = g_strdup_printf("listen: 127.0.0.1:%u\nlimits: { per_address: 960 }\nlog: { level: warning }\n", subject->port);
	write_file(subject, "passerelle.yaml", configuration);
	apply(subject, declaration);
}

void subject_add_provider(const struct subject *subject, const char *provider)
{
	g_autoptr(GString) text = g_string_new(declaration);
	g_autofree char *providers = g_strdup_printf("  providers:\n%s  clients:\n", provider);
	g_string_replace(text, "  clients:\n", providers, 1);
	apply(subject, text->str);
}

static bool answers(const struct subject *subject)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(subject->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	g_autofree char *host = g_strdup_printf("127.0.0.1:%u", subject->port);
	g_autoptr(GString) text = g_string_new(request);
	g_string_replace(text, "127.0.0.1", host, 1);
	char line[13] = "";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good = !connect(fd, (struct sockaddr *)&address, sizeof address) && send(fd, text->str, text->len, MSG_NOSIGNAL) == (ssize_t)text->len
		&& recv(fd, line, 12, MSG_WAITALL) == 12 && !strcmp(line, "HTTP/1.1 200");
	close(fd);
	return good;
}

double subject_start(struct subject *subject, int cpu)
{
	const char *const words[] = { "passerelle", "--config", "passerelle.yaml", "serve", NULL };
	int64_t began = now_ns();
	subject->process = spawn(subject, cpu, words);
	while (!answers(subject)) {
		if (waitpid(subject->process, NULL, WNOHANG) || now_ns() - began > INT64_C(20000000000))
			g_error("the gateway did not start: see %s/output", subject->folder);
		g_usleep(300);
	}
	return (double)(now_ns() - began) / 1e6;
}

void subject_stop(struct subject *subject)
{
	if (subject->process <= 0)
		return;
	kill(subject->process, SIGTERM);
	waitpid(subject->process, NULL, 0);
	subject->process = 0;
}

void subject_clear(struct subject *subject)
{
	remove_tree(subject->folder);
	g_clear_pointer(&subject->folder, g_free);
}

/* The sum of a process's lines that begin with `name`, in KiB. */
static long memory_kib(long process, const char *file, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/%ld/%s", process, file), *text = NULL;
	long sum = 0;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	for (const char *line = text; line; line = (line = strchr(line, '\n')) ? line + 1 : NULL)
		if (g_str_has_prefix(line, name))
			sum += strtol(strchr(line, ':') + 1, NULL, 10);
	return sum;
}

/* Children are listed under the thread that started them. */
static long children_kib(const struct subject *subject)
{
	g_autofree char *threads = g_strdup_printf("/proc/%d/task", (int)subject->process);
	GDir *folder = g_dir_open(threads, 0, NULL);
	const char *thread;
	long sum = 0;
	while (folder && (thread = g_dir_read_name(folder))) {
		g_autofree char *path = g_build_filename(threads, thread, "children", NULL), *list = NULL;
		char *at = g_file_get_contents(path, &list, NULL, NULL) ? list : NULL, *end;
		for (long child; at && (child = strtol(at, &end, 10)) > 0; at = end)
			sum += memory_kib(child, "smaps_rollup", "Private_");
	}
	g_clear_pointer(&folder, g_dir_close);
	return sum;
}

long subject_resident(const struct subject *subject)
{
	return memory_kib(subject->process, "status", "VmRSS") + children_kib(subject);
}

double subject_command(const struct subject *subject, const char *const *words)
{
	struct rusage used;
	int status;
	if (wait4(spawn(subject, -1, words), &status, 0, &used) < 0 || status)
		g_error("%s %s failed: see %s/output", words[1], words[2], subject->folder);
	return 1e6 * (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* --- requests --- */

static void put_head(GString *out, const struct subject *subject, const char *method, const char *path, const char *cookie)
{
	g_string_append_printf(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n", method, path, subject->port);
	if (cookie && *cookie)
		g_string_append_printf(out, "Cookie: %s\r\n", cookie);
}

void put_get(GString *out, const struct subject *subject, const char *path, const char *cookie)
{
	put_head(out, subject, "GET", path, cookie);
	g_string_append(out, "\r\n");
}

void put_form(GString *out, const struct subject *subject, const char *path, const char *client, const char *cookie, const char *form)
{
	put_head(out, subject, "POST", path, cookie);
	if (client) {
		g_autofree char *pair = g_strconcat(client, ":", SECRET, NULL), *basic = g_base64_encode((const guchar *)pair, strlen(pair));
		g_string_append_printf(out, "Authorization: Basic %s\r\n", basic);
	}
	g_string_append_printf(out, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s", strlen(form), form);
}

char *authorize_path(const char *client, const char *scope)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA256((const uint8_t *)code_verifier, strlen(code_verifier), digest);
	g_autofree char *challenge = g_base64_encode(digest, sizeof digest), *callback = g_uri_escape_string(CALLBACK, NULL, FALSE),
		*words = g_uri_escape_string(scope, NULL, FALSE);
	g_strdelimit(challenge, "+", '-');
	g_strdelimit(challenge, "/", '_');
	challenge[43] = 0;
	return g_strdup_printf(TENANT "/authorize?response_type=code&client_id=%s&redirect_uri=%s&scope=%s&state=0123456789abcdef&nonce=fedcba9876543210"
		"&code_challenge=%s&code_challenge_method=S256", client, callback, words, challenge);
}

/* --- pieces of answers --- */

static char *between(const char *text, const char *before, const char *ends)
{
	const char *found = text ? strstr(text, before) : NULL;
	if (!found)
		return NULL;
	found += strlen(before);
	return g_strndup(found, strcspn(found, ends));
}

char *location_code(const struct answer *answer)
{
	g_autofree char *location = answer_header(answer, "Location");
	char *code = between(location, "?code=", "&");
	return code ? code : between(location, "&code=", "&");
}

char *location_path(const struct answer *answer)
{
	g_autofree char *location = answer_header(answer, "Location");
	const char *host = location ? strstr(location, "://") : NULL;
	const char *path = host ? strchr(host + 3, '/') : location;
	return g_strdup(path);
}

char *cookie_pair(const struct answer *answer)
{
	g_autofree char *cookie = answer_header(answer, "Set-Cookie");
	return cookie ? g_strndup(cookie, strcspn(cookie, ";")) : NULL;
}

char *form_token(const struct answer *answer)
{
	return between(answer->body, "name=\"form_token\" value=\"", "\"");
}

char *json_member(const struct answer *answer, const char *name)
{
	g_autofree char *before = g_strdup_printf("\"%s\":\"", name);
	return between(answer->body, before, "\"");
}

static void expect(const struct answer *answer, unsigned status, const char *what)
{
	if (answer->status != status)
		g_error("%s: %u instead of %u\n%s\n%s", what, answer->status, status, answer->head, answer->body);
}

char *client_token(const struct subject *subject, const char *client)
{
	struct answer answer;
	g_autofree char *text = NULL;
	g_autoptr(GString) request = g_string_new(NULL);
	put_form(request, subject, TENANT "/token", client, NULL, "grant_type=client_credentials");
	talk(subject->port, request, &answer, &text);
	expect(&answer, 200, "client_credentials");
	return json_member(&answer, "access_token");
}

/* The browser's three requests: the application's redirect, the page, the form. */
char *sign_in(const struct subject *subject)
{
	struct answer answer;
	g_autofree char *start = authorize_path("keeping", "api.read"), *first = NULL, *second = NULL, *third = NULL;
	g_autoptr(GString) request = g_string_new(NULL);
	put_get(request, subject, start, NULL);
	talk(subject->port, request, &answer, &first);
	expect(&answer, 303, "the authorization request");
	g_autofree char *path = location_path(&answer), *browser = cookie_pair(&answer);
	g_string_truncate(request, 0);
	put_get(request, subject, path, browser);
	talk(subject->port, request, &answer, &second);
	expect(&answer, 200, "the sign-in page");
	g_autofree char *token = form_token(&answer), *form = g_strdup_printf("form_token=%s&username=" USERNAME "&password=%s", token, PASSWORD);
	g_strdelimit(form, " ", '+');
	g_string_truncate(request, 0);
	put_form(request, subject, path, NULL, browser, form);
	talk(subject->port, request, &answer, &third);
	expect(&answer, 303, "the sign-in");
	return cookie_pair(&answer);
}
