/* Starts and ends the server, and stands in for the resolver: getaddrinfo is defined here, in the program, so libcurl's calls arrive here too. That is how a name
 * can lead somewhere else the next time it is asked for, as a hostile name server has it. */
#include "fetch_rig.h"

#include "base/clock.h"
#include "rig.h"

#include <dlfcn.h>
#include <glib/gstdio.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *ca;
static GPid server;
static FILE *to_server, *from_server;
static GHashTable *ports;

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t names_changed = PTHREAD_COND_INITIALIZER;
static char names[256];
static unsigned lookups;

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int resolve_all(const char *addresses, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	union {
		void *found;
		resolver call;
	} real = {dlsym(RTLD_NEXT, "getaddrinfo")};
	g_auto(GStrv) list = g_strsplit(addresses, " ", 8);
	const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST, .ai_socktype = hints ? hints->ai_socktype : SOCK_STREAM};
	struct addrinfo **next = ret;

	*ret = NULL;
	for (char **address = list; *address; address++) {
		int code = **address ? real.call(*address, service, &numeric, next) : EAI_NONAME;
		if (code != 0)
			return code;
		while (*next)
			next = &(*next)->ai_next;
	}
	return *ret ? 0 : EAI_NONAME;
}

int getaddrinfo(const char *restrict host, const char *restrict service, const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
	if (strcmp(host, RIG_NAME) != 0 && !g_str_has_suffix(host, ".test"))
		return EAI_NONAME;
	pthread_mutex_lock(&names_lock);
	lookups++;
	while (strcmp(names, "hang") == 0)
		pthread_cond_wait(&names_changed, &names_lock);
	g_autofree char *now = g_strdup(names);
	pthread_mutex_unlock(&names_lock);
	return resolve_all(now, service, hints, ret);
}

void rig_names_are(const char *addresses)
{
	pthread_mutex_lock(&names_lock);
	g_strlcpy(names, addresses, sizeof names);
	pthread_cond_broadcast(&names_changed);
	pthread_mutex_unlock(&names_lock);
}

void rig_resolver_release(void)
{
	rig_names_are("");
}

unsigned rig_lookups(void)
{
	pthread_mutex_lock(&names_lock);
	unsigned count = lookups;
	pthread_mutex_unlock(&names_lock);
	return count;
}

/* What an attacker or a careless profile script could leave there. None of it may be heard, in any test. */
static void environment_poison(void)
{
	static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

	for (size_t i = 0; i < TEST_COUNT(proxies); i++)
		setenv(proxies[i], "http://127.0.0.1:1", 1);
	g_autofree char *keys = g_build_filename(folder, "session-keys", NULL), *netrc = g_build_filename(folder, ".netrc", NULL);
	setenv("SSLKEYLOGFILE", keys, 1);
	setenv("SSL_CERT_FILE", "/dev/null", 1);
	setenv("CURL_CA_BUNDLE", "/dev/null", 1);
	setenv("HOME", folder, 1);
	assert_true(g_file_set_contents(netrc, "default login netrc password netrc\n", -1, NULL));
}

static void server_start(const char *script)
{
	const char *const arguments[] = {"python3", script, folder, NULL};
	int in, out;
	char line[96] = "";

	assert_non_null(script);
	assert_true(g_spawn_async_with_pipes(NULL, (char **)(uintptr_t)arguments, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &server, &in, &out,
	                                     NULL, NULL));
	to_server = fdopen(in, "w");
	from_server = fdopen(out, "r");
	while (fgets(line, sizeof line, from_server) && !g_str_has_prefix(line, "ready")) {
		char *port = strchr(line, ' ');
		assert_non_null(port);
		g_hash_table_insert(ports, g_strndup(line, (gsize)(port - line)), GUINT_TO_POINTER((unsigned)strtoul(port, NULL, 10)));
	}
	assert_true(g_str_has_prefix(line, "ready"));
}

void fetch_rig_open(void)
{
	folder = g_dir_make_tmp("passerelle-fetch-XXXXXX", NULL);
	assert_non_null(folder);
	ca = g_build_filename(folder, "ca.pem", NULL);
	ports = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	certificates_make(folder);
	server_start(getenv("FETCH_SERVER"));
	environment_poison();
}

void fetch_rig_close(void)
{
	fclose(to_server);
	fclose(from_server);
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	g_hash_table_unref(ports);
	g_autoptr(GDir) opened = g_dir_open(folder, 0, NULL);
	for (const char *entry; (entry = g_dir_read_name(opened));) {
		g_autofree char *path = g_build_filename(folder, entry, NULL);
		g_unlink(path);
	}
	g_rmdir(folder);
	g_free(folder);
	g_free(ca);
}

const char *fetch_rig_ca(void)
{
	return ca;
}

int fetch_rig_port(const char *listener)
{
	return (int)GPOINTER_TO_UINT(g_hash_table_lookup(ports, listener));
}

char *fetch_rig_url(const char *scheme, const char *host, const char *listener, const char *path)
{
	return g_strdup_printf("%s://%s:%d%s", scheme, host, fetch_rig_port(listener), path);
}

unsigned fetch_rig_ask(const char *format, ...)
{
	char answer[64];
	va_list arguments;

	va_start(arguments, format);
	vfprintf(to_server, format, arguments);
	va_end(arguments);
	fputc('\n', to_server);
	fflush(to_server);
	assert_non_null(fgets(answer, sizeof answer, from_server));
	return (unsigned)strtoul(answer, NULL, 10);
}

struct fetcher *fetch_rig_fetcher(struct fetch_options options)
{
	g_autoptr(GError) error = NULL;

	options.ca_file = options.ca_file ? options.ca_file : ca;
	struct fetcher *fetcher = fetcher_new(&options, &error);
	if (!fetcher)
		fail_msg("%s", error->message);
	return fetcher;
}

int64_t soon(void)
{
	return clock_monotonic_ms() + 2000;
}

enum fetch_result fetch_rig_get(struct fetcher *fetcher, const char *listener, const char *path, struct fetch_reply *reply)
{
	g_autofree char *url = fetch_rig_url("https", "127.0.0.1", listener, path);
	const struct fetch_request request = {.url = url, .declared_host = "127.0.0.1", .deadline_ms = soon()};

	return fetch(fetcher, &request, reply);
}
