/* The way of one request:
 *
 *	URL and headers read strictly ─> guard, as far as the text goes ─> breaker ─> a connection, or a new one that the guard judges by its address
 *	─> the answer, bounded ─> what it means, for the caller and for the breaker
 */
#include "providers/fetch_internal.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/secret.h"
#include "base/text.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_BYTES_MAX 16384

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static bool library_is_ready;

static void library_start(void)
{
	/* libcurl would write the keys of every TLS session where this says (its one look at the environment that no option switches off). */
	unsetenv("SSLKEYLOGFILE");
	library_is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static int64_t or_standard(int64_t value, int64_t standard)
{
	return value > 0 ? value : standard;
}

bool fetch_proxy_fits(const char *text)
{
	g_autoptr(url_t) url = url_parse(text, NULL);

	return url && g_ascii_strcasecmp(url->scheme, "http") == 0 && url->host[0] && url->port > 0 && !url->has_userinfo && !url->path[0] && !url->query &&
	       !url->fragment;
}

static bool options_fit(const struct fetch_options *options, GError **error)
{
	if (options->ca_file && access(options->ca_file, R_OK) != 0)
		return (fail)(error, ERROR_MALFORMED, "outbound.ca_file: %s: %s, expected a readable file of CA certificates", options->ca_file, g_strerror(errno));
	if (options->proxy && !fetch_proxy_fits(options->proxy))
		return (fail)(error, ERROR_MALFORMED, "outbound.proxy: expected http://host:port");
	return true;
}

static void settings_free(struct fetch_settings *settings)
{
	fetch_guard_free(settings->guard);
	g_free(settings->ca_file);
	g_free(settings->proxy);
	g_free(settings);
}

static struct fetch_settings *settings_new(const struct fetch_options *options, GError **error)
{
	struct fetch_guard *guard = options_fit(options, error) ? fetch_guard_new(options->allow, error) : NULL;
	if (!guard)
		return NULL;
	struct fetch_settings *settings = g_new0(struct fetch_settings, 1);
	settings->guard = guard;
	settings->connect_timeout_ms = or_standard(options->connect_timeout_ms, 3000);
	settings->timeout_ms = or_standard(options->timeout_ms, 8000);
	settings->retry_after_ms = or_standard(options->retry_after_ms, 5000);
	settings->ca_file = g_strdup(options->ca_file);
	settings->proxy = g_strdup(options->proxy);
	settings->holders = 1;
	return settings;
}

static const struct fetch_settings *settings_hold(struct fetcher *fetcher)
{
	pthread_mutex_lock(&fetcher->lock);
	struct fetch_settings *settings = fetcher->settings;
	settings->holders++;
	pthread_mutex_unlock(&fetcher->lock);
	return settings;
}

static void settings_let_go(struct fetcher *fetcher, const struct fetch_settings *held)
{
	struct fetch_settings *settings = (struct fetch_settings *)(uintptr_t)held;

	pthread_mutex_lock(&fetcher->lock);
	bool last = --settings->holders == 0;
	pthread_mutex_unlock(&fetcher->lock);
	if (last)
		settings_free(settings);
}

struct fetcher *fetcher_new(const struct fetch_options *options, GError **error)
{
	pthread_once(&library_once, library_start);
	if (!library_is_ready) {
		(fail)(error, ERROR_INTERNAL, "libcurl does not start");
		return NULL;
	}
	struct fetch_settings *settings = settings_new(options, error);
	if (!settings)
		return NULL;
	struct fetcher *fetcher = g_new0(struct fetcher, 1);
	fetcher->settings = settings;
	pthread_mutex_init(&fetcher->lock, NULL);
	fetcher->servers = g_hash_table_new(g_str_hash, g_str_equal);
	return fetcher;
}

bool fetcher_adjust(struct fetcher *fetcher, const struct fetch_options *options, GError **error)
{
	struct fetch_settings *fresh = settings_new(options, error);
	if (!fresh)
		return false;
	pthread_mutex_lock(&fetcher->lock);
	struct fetch_settings *before = fetcher->settings;
	fresh->number = before->number + 1;
	fetcher->settings = fresh;
	pthread_mutex_unlock(&fetcher->lock);
	settings_let_go(fetcher, before);
	fetcher_idle_close(fetcher);
	return true;
}

void fetcher_free(struct fetcher *fetcher)
{
	if (!fetcher)
		return;
	fetcher_servers_free(fetcher);
	pthread_mutex_destroy(&fetcher->lock);
	settings_free(fetcher->settings);
	g_free(fetcher);
}

const char *fetch_result_name(enum fetch_result result)
{
	switch (result) {
	case FETCH_FAILED:
		return "failed";
	case FETCH_OK:
		return "ok";
	case FETCH_REFUSED:
		return "refused";
	case FETCH_UNAVAILABLE:
		return "unavailable";
	case FETCH_TOO_BIG:
		return "too big";
	case FETCH_MALFORMED:
		return "malformed";
	}
	return "?";
}

void fetch_reply_clear(struct fetch_reply *reply)
{
	if (reply->body)
		wipe(reply->body, reply->length);
	g_free(reply->body);
	g_free(reply->content_type);
	g_free(reply->certificate_names);
	*reply = (struct fetch_reply){.fresh_ms = -1};
}

static enum fetch_result say(struct fetch_reply *reply, enum fetch_result result, const char *text)
{
	g_strlcpy(reply->trouble, text, sizeof reply->trouble);
	return result;
}

/* What libcurl makes of the URL's host: "127.1", "0x7f.1" and "%31.1" are 127.0.0.1 to it. Where it reads another host than we do, one of us would be fooled. */
static bool host_is_read_alike(const char *text, const struct url *url)
{
	CURLU *theirs = curl_url();
	char *host = NULL;
	bool alike = false;

	if (curl_url_set(theirs, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK && curl_url_get(theirs, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
		size_t length = strlen(host);
		bool bracketed = host[0] == '[';
		alike = length - 2 * bracketed == strlen(url->host) && g_ascii_strncasecmp(host + bracketed, url->host, strlen(url->host)) == 0;
	}
	curl_free(host);
	curl_url_cleanup(theirs);
	return alike;
}

/* What the text itself forbids. NULL: nothing. A literal. */
static const char *url_objection(const char *text, const struct url *url)
{
	if (!url)
		return "no absolute URL";
	if (g_ascii_strcasecmp(url->scheme, "https") != 0 && g_ascii_strcasecmp(url->scheme, "http") != 0)
		return "only https may be fetched";
	if (url->has_userinfo || url->fragment || !url->host[0])
		return "a URL with a user name or a fragment, or without a host";
	if (!fetch_host_fits(url->host) || !host_is_read_alike(text, url))
		return "the host is not written in the usual form";
	return NULL;
}

/* A value that ends its line would add headers of its own. */
static bool request_fits(const struct fetch_request *request)
{
	bool post = request->method && strcmp(request->method, "POST") == 0;

	if (!post && ((request->method && strcmp(request->method, "GET") != 0) || request->length > 0))
		return false;
	if (request->accept && !text_is_plain(request->accept, HEADER_BYTES_MAX))
		return false;
	for (size_t i = 0; request->headers && request->headers[i]; i++)
		if (!text_is_plain(request->headers[i], HEADER_BYTES_MAX) || !strchr(request->headers[i], ':'))
			return false;
	return true;
}

static char *server_key(const struct fetch_settings *settings, const struct url *url, const struct fetch_target *target)
{
	g_autofree char *host = g_ascii_strdown(url->host, -1);

	return g_strdup_printf("%u %s %s %d %s", settings->number, target->plain ? "http" : "https", host, url->port, target->declared ? "declared" : "other");
}

/* A time-out says nothing of the server where the caller left it less time than it is due. */
static void breaker_tell(struct transfer *transfer, struct server *server, enum fetch_result result)
{
	struct fetcher *fetcher = transfer->fetcher;
	bool hurried = transfer->code == CURLE_OPERATION_TIMEDOUT && transfer->total_ms < transfer->settings->connect_timeout_ms;

	pthread_mutex_lock(&fetcher->lock);
	switch (result) {
	case FETCH_OK:
	case FETCH_TOO_BIG:
		breaker_succeeded(&server->breaker);
		break;
	case FETCH_UNAVAILABLE:
	case FETCH_MALFORMED:
		if (!hurried)
			breaker_failed(&server->breaker, clock_monotonic_ms(), transfer->settings->retry_after_ms);
		break;
	case FETCH_FAILED:
	case FETCH_REFUSED:
		break;
	}
	pthread_mutex_unlock(&fetcher->lock);
}

static enum fetch_result run(struct transfer *transfer, struct server *server)
{
	struct channel *channel = channel_take(transfer->fetcher, server);

	if (!channel)
		return say(transfer->reply, FETCH_FAILED, "libcurl has no memory");
	transfer_run(transfer, channel->easy);
	enum fetch_result result = transfer_result(transfer);
	breaker_tell(transfer, server, result);
	if (transfer->request->checks)
		steps_check(transfer, channel->easy, result);
	channel_give_back(transfer->fetcher, server, channel, result != FETCH_OK);
	return result;
}

static enum fetch_result refuse(const struct fetch_request *request, struct fetch_reply *reply, const char *objection)
{
	steps_refused(request, objection);
	return say(reply, FETCH_REFUSED, objection);
}

static enum fetch_result fetch_from(struct transfer *transfer, const char *key)
{
	struct fetcher *fetcher = transfer->fetcher;
	int64_t left_ms = transfer->request->deadline_ms - clock_monotonic_ms();

	if (left_ms <= 0)
		return say(transfer->reply, FETCH_UNAVAILABLE, "no time left");
	transfer->total_ms = MIN(left_ms, transfer->settings->timeout_ms);
	transfer->connect_ms = MIN(left_ms, transfer->settings->connect_timeout_ms);
	struct server *server = server_enter(fetcher, key, transfer->request->checks);
	if (!server)
		return say(transfer->reply, FETCH_UNAVAILABLE, "not asked, it failed lately");
	enum fetch_result result = run(transfer, server);
	server_leave(fetcher, server);
	return result;
}

static enum fetch_result fetch_under(struct fetcher *fetcher, const struct fetch_settings *settings, const struct fetch_request *request, struct fetch_reply *reply)
{
	size_t body_max = request->max_bytes > 0 ? MIN(request->max_bytes, FETCH_BYTES_MAX) : FETCH_BYTES_MAX;
	struct transfer transfer = {.fetcher = fetcher, .settings = settings, .request = request, .reply = reply, .body_max = body_max};
	g_autoptr(url_t) url = url_parse(request->url, NULL);

	*reply = (struct fetch_reply){.fresh_ms = -1};
	if (!request_fits(request))
		return say(reply, FETCH_FAILED, "the request itself is malformed");
	const char *objection = url_objection(request->url, url);
	if (objection)
		return refuse(request, reply, objection);
	transfer.target = (struct fetch_target){.host = url->host, .plain = g_ascii_strcasecmp(url->scheme, "http") == 0, .proxied = settings->proxy != NULL,
	                                        .declared = request->declared_host && g_ascii_strcasecmp(url->host, request->declared_host) == 0};
	if (!fetch_guard_may_admit(settings->guard, &transfer.target))
		return refuse(request, reply, transfer.target.plain ? "plain http, and outbound.allow does not hold the host"
		                                                    : "the address is not public, and outbound.allow does not hold it");
	g_autofree char *key = server_key(settings, url, &transfer.target);
	return fetch_from(&transfer, key);
}

enum fetch_result fetch(struct fetcher *fetcher, const struct fetch_request *request, struct fetch_reply *reply)
{
	const struct fetch_settings *settings = settings_hold(fetcher);
	enum fetch_result result = fetch_under(fetcher, settings, request, reply);

	settings_let_go(fetcher, settings);
	return result;
}
