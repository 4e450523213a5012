/* One request over one libcurl handle: what libcurl is told, the callbacks that bound it, and what its codes mean.
 *
 * curl_easy_reset forgets every option and keeps the connection, so each request states all of its rules itself. */
#include "providers/fetch_internal.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES_MAX 32768
#define BODY_ROOM_FIRST 8192
#define DNS_KEPT_S 60L
#define CA_KEPT_S 300L
#define CONNECTION_IDLE_S 60L

/* The last word on an address is had here: between the look-up and this call nothing can change it any more (DNS rebinding). */
static curl_socket_t socket_open(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = data;
	struct in6_addr number;
	bool known = purpose == CURLSOCKTYPE_IPCXN && address_from_socket(&address->addr, &number);

	if (!known || (!transfer->settings->proxy && !fetch_guard_admits(transfer->settings->guard, &transfer->target, &number))) {
		char text[INET6_ADDRSTRLEN] = "?";
		if (known)
			address_format(&number, text);
		transfer->guard_refused = true;
		g_snprintf(transfer->refused, sizeof transfer->refused, "%s (%s)", text, known ? address_kind_name(address_kind(&number)) : "no IP address");
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A copy of each head is kept by libcurl; trailers and interim answers count too. */
static size_t head_hear(char *line, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	size_t length = size * count;

	(void)line;
	transfer->head_bytes += length;
	transfer->too_big |= transfer->head_bytes > HEAD_BYTES_MAX;
	return transfer->too_big ? 0 : length;
}

/* We said that we take no other coding; what would have to be unpacked is not looked at (a bomb of one megabyte unpacks to a thousand). */
static bool is_encoded(void *easy)
{
	struct curl_header *coding;

	return curl_easy_header(easy, "Content-Encoding", 0, CURLH_HEADER, -1, &coding) == CURLHE_OK && g_ascii_strcasecmp(coding->value, "identity") != 0;
}

static void body_grow(struct transfer *transfer, size_t needed)
{
	size_t room = MAX(transfer->body_room * 2, MAX(needed, BODY_ROOM_FIRST));
	char *grown = g_malloc(room);

	if (transfer->reply->body) {
		memcpy(grown, transfer->reply->body, transfer->reply->length);
		wipe(transfer->reply->body, transfer->reply->length);
		g_free(transfer->reply->body);
	}
	transfer->reply->body = grown;
	transfer->body_room = room;
}

static size_t body_hear(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	struct fetch_reply *reply = transfer->reply;
	size_t length = size * count;

	transfer->too_big |= length > transfer->body_max - reply->length;
	if (transfer->too_big)
		return 0;
	if (reply->length + length + 1 > transfer->body_room)
		body_grow(transfer, reply->length + length + 1);
	memcpy(reply->body + reply->length, bytes, length);
	reply->length += length;
	return length;
}

/* Our copies of header lines may hold a client's secret. */
static void lines_free(struct curl_slist *lines)
{
	for (struct curl_slist *line = lines; line; line = line->next)
		wipe(line->data, strlen(line->data));
	curl_slist_free_all(lines);
}

static struct curl_slist *lines_of(const struct fetch_request *request)
{
	g_autofree char *accept = g_strconcat("Accept: ", request->accept ? request->accept : "*/*", NULL);
	struct curl_slist *lines = curl_slist_append(NULL, accept);

	lines = curl_slist_append(lines, "Accept-Encoding: identity");
	lines = curl_slist_append(lines, "Expect:");
	for (size_t i = 0; request->headers && request->headers[i]; i++)
		lines = curl_slist_append(lines, request->headers[i]);
	return lines;
}

/* Whom to talk to, and over what. Everything libcurl would read from the environment, and every other protocol it speaks, is switched off by name. */
static void way_set(struct transfer *transfer, CURL *easy, bool trusting)
{
	const struct fetch_settings *settings = transfer->settings;

	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_URL, transfer->request->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, transfer->target.plain ? "http" : "https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy ? settings->proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, trusting ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, trusting ? 0L : 2L);
	if (settings->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, CA_KEPT_S);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* A resolver thread that hangs is left behind; it would hold us for as long as its server is silent. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, DNS_KEPT_S);
	curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)transfer->connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)transfer->total_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	if (transfer->request->checks) {
		curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	}
}

static void request_set(struct transfer *transfer, CURL *easy, struct curl_slist *lines)
{
	const struct fetch_request *request = transfer->request;

	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "Passerelle/" PASSERELLE_VERSION);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)transfer->body_max);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, head_hear);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_hear);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	if (request->method && strcmp(request->method, "POST") == 0) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	} else {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	}
}

/* The values of a header that may be said several times, as one list; NULL: not said. Caller frees. */
static char *header_list(CURL *easy, const char *name)
{
	g_autoptr(GString) list = NULL;
	struct curl_header *header;

	for (size_t i = 0; curl_easy_header(easy, name, i, CURLH_HEADER, -1, &header) == CURLHE_OK; i++) {
		if (!list)
			list = g_string_new(header->value);
		else
			g_string_append_printf(list, ",%s", header->value);
	}
	return list ? g_strdup(list->str) : NULL;
}

static void reply_read(struct transfer *transfer, CURL *easy)
{
	struct fetch_reply *reply = transfer->reply;
	const char *type = NULL;
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
	reply->status = (int)status;
	reply->content_type = type && text_is_plain(type, 256) ? g_strdup(type) : NULL;
	g_autofree char *control = header_list(easy, "Cache-Control"), *age = header_list(easy, "Age");
	g_autofree char *expires = header_list(easy, "Expires"), *date = header_list(easy, "Date");
	reply->fresh_ms = freshness_ms(control, age, expires, date, clock_now_ms());
	if (!reply->body)
		body_grow(transfer, 1);
	reply->body[reply->length] = '\0';
	transfer->encoded = is_encoded(easy);
}

void transfer_run(struct transfer *transfer, void *easy)
{
	struct curl_slist *lines = lines_of(transfer->request);
	const char *peer = NULL;

	way_set(transfer, easy, false);
	request_set(transfer, easy, lines);
	transfer->code = curl_easy_perform(easy);
	if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer)
		g_strlcpy(transfer->reply->peer, peer, sizeof transfer->reply->peer);
	if (transfer->code == CURLE_OK)
		reply_read(transfer, easy);
	lines_free(lines);
}

struct transfer_way transfer_way(const struct transfer *transfer, void *easy)
{
	curl_off_t resolved = 0, encrypted = 0;

	curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &encrypted);
	return (struct transfer_way){.resolved = resolved > 0 || transfer->guard_refused, .connected = transfer->reply->peer[0] != '\0', .encrypted = encrypted > 0};
}

static const char *words_of(const struct transfer *transfer)
{
	return transfer->error[0] ? transfer->error : curl_easy_strerror((CURLcode)transfer->code);
}

static enum fetch_result result_say(const struct transfer *transfer, enum fetch_result result, const char *what)
{
	g_snprintf(transfer->reply->trouble, sizeof transfer->reply->trouble, "%s", what);
	return result;
}

enum fetch_result transfer_result(const struct transfer *transfer)
{
	if (transfer->too_big || transfer->code == CURLE_FILESIZE_EXCEEDED)
		return result_say(transfer, FETCH_TOO_BIG, transfer->head_bytes > HEAD_BYTES_MAX ? "the answer's head is too large" : "the answer is too large");
	if (transfer->encoded)
		return result_say(transfer, FETCH_MALFORMED, "the answer is compressed, which was not asked for");
	if (transfer->code == CURLE_OK)
		return FETCH_OK;
	if (transfer->code == CURLE_COULDNT_CONNECT && transfer->guard_refused) {
		g_snprintf(transfer->reply->trouble, sizeof transfer->reply->trouble, "%s leads to %s, which outbound.allow does not hold", transfer->target.host,
		           transfer->refused);
		return FETCH_REFUSED;
	}
	switch ((CURLcode)transfer->code) {
	case CURLE_OUT_OF_MEMORY: /* what this libcurl says of one line of the head beyond 100 KB */
		return result_say(transfer, FETCH_TOO_BIG, "a line of the answer's head is too large");
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
	case CURLE_BAD_CONTENT_ENCODING:
		return result_say(transfer, FETCH_MALFORMED, words_of(transfer));
	case CURLE_URL_MALFORMAT:
	case CURLE_FAILED_INIT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_WRITE_ERROR:
		return result_say(transfer, FETCH_FAILED, words_of(transfer));
	default: /* the rest, libcurl's enum and not ours, is a server that could not be talked to */
		return result_say(transfer, FETCH_UNAVAILABLE, words_of(transfer));
	}
}

/* The first of the chain, which libcurl hands out as text. */
GBytes *transfer_certificate(void *easy)
{
	static const char begin[] = "Cert:-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
	struct curl_certinfo *chain = NULL;

	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain || chain->num_of_certs < 1)
		return NULL;
	for (const struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
		const char *stop = g_str_has_prefix(line->data, begin) ? strstr(line->data, end) : NULL;
		if (!stop)
			continue;
		g_autofree char *base64 = g_strndup(line->data + sizeof begin - 1, (gsize)(stop - line->data) - (sizeof begin - 1));
		gsize length = 0;
		guchar *der = g_base64_decode(base64, &length);
		return g_bytes_new_take(der, length);
	}
	return NULL;
}

GBytes *transfer_look(const struct transfer *transfer)
{
	struct transfer look = {.fetcher = transfer->fetcher, .settings = transfer->settings, .request = transfer->request, .target = transfer->target, .connect_ms = transfer->connect_ms,
	                        .total_ms = transfer->connect_ms};
	CURL *easy = curl_easy_init();
	GBytes *certificate = NULL;

	if (!easy)
		return NULL;
	way_set(&look, easy, true);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	if (curl_easy_perform(easy) == CURLE_OK)
		certificate = transfer_certificate(easy);
	curl_easy_cleanup(easy);
	return certificate;
}
