/* One epoll loop for all visitors of all streams: see load.h. */
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX (64 * 1024)
#define EVENTS 256

struct line {
	struct visitor visitor;
	int fd;
	bool busy;
	int64_t begun_ns; /* of the operation: when it was due */
	GString *request;
	size_t received, next_idle;
	char *room;
};

struct lines {
	struct stream *stream;
	struct line *all;
	size_t *idle, idle_count; /* a stack of those that wait for work */
	int64_t due_ns, gap_ns;   /* open streams: the next begin, and the time between two */
};

struct run {
	const struct load *load;
	struct lines *lines;
	size_t count;
	int epoll;
	bool measuring, ended;
};

static int open_connection(uint16_t port, const struct in_addr *from)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in source = { .sin_family = AF_INET }, target = { .sin_family = AF_INET, .sin_port = htons(port) };
	target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (from)
		source.sin_addr = *from;
	if (fd < 0 || (from && bind(fd, (struct sockaddr *)&source, sizeof source)) || connect(fd, (struct sockaddr *)&target, sizeof target))
		g_error("cannot connect to port %u: %s", port, g_strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static void send_all(int fd, const GString *request)
{
	if (send(fd, request->str, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
		g_error("a request was not taken at once: %s", g_strerror(errno));
}

/* Takes an answer apart in place: the head gets a NUL behind it. False while it is incomplete. */
static bool take_answer(char *text, size_t length, struct answer *ret)
{
	text[length] = 0;
	char *end = strstr(text, "\r\n\r\n");
	if (!end)
		return false;
	*ret = (struct answer){ .head = text, .body = end + 4 };
	char *size = strcasestr(text, "\r\nContent-Length:");
	ret->body_length = size && size < end ? strtoull(size + 17, NULL, 10) : 0;
	if ((size_t)(end + 4 - text) + ret->body_length > length)
		return false;
	end[2] = 0;
	ret->status = length > 12 ? (unsigned)strtoul(text + 9, NULL, 10) : 0;
	return true;
}

char *answer_header(const struct answer *answer, const char *name)
{
	g_autofree char *needle = g_strdup_printf("\r\n%s: ", name);
	const char *found = strcasestr(answer->head, needle);
	if (!found)
		return NULL;
	found += strlen(needle);
	return g_strndup(found, strcspn(found, "\r"));
}

void talk(uint16_t port, const GString *request, struct answer *ret, char **ret_text)
{
	size_t received = 0;
	char *room = g_malloc(ANSWER_MAX + 1);
	int fd = open_connection(port, NULL);
	send_all(fd, request);
	do {
		ssize_t got = recv(fd, room + received, ANSWER_MAX - received, 0);
		if (got <= 0)
			g_error("the connection ended before the answer: %s", request->str);
		received += (size_t)got;
	} while (!take_answer(room, received, ret));
	close(fd);
	*ret_text = room;
}

/* --- one visitor --- */

static void ask(struct run *run, struct line *line)
{
	g_string_truncate(line->request, 0);
	line->received = 0;
	if (line->visitor.stream->script.ask(&line->visitor, line->request))
		send_all(line->fd, line->request);
	else
		run->ended = true;
}

static void begin(struct run *run, struct line *line, int64_t due_ns)
{
	line->visitor.step = 0;
	line->busy = true;
	line->begun_ns = due_ns;
	ask(run, line);
}

static void count_end(struct run *run, struct line *line, enum turn turn, const struct answer *answer)
{
	struct stream *stream = line->visitor.stream;
	int64_t took_ns = now_ns() - line->begun_ns;
	if (!run->measuring)
		return;
	switch (turn) {
	case TURN_DONE:
		stream->operations++;
		histogram_add(&stream->time, took_ns);
		break;
	case TURN_SHED:
		stream->sheds++;
		histogram_add(&stream->shed_time, took_ns);
		break;
	case TURN_FAILED:
		stream->failures++;
		stream->bad_status = answer->status;
		break;
	case TURN_AGAIN:
		break;
	}
}

static void hear(struct run *run, struct lines *lines, struct line *line, const struct answer *answer)
{
	enum turn turn = line->visitor.stream->script.hear(&line->visitor, answer);
	line->visitor.step++;
	if (turn == TURN_AGAIN) {
		ask(run, line);
		return;
	}
	count_end(run, line, turn, answer);
	line->busy = false;
	if (lines->gap_ns)
		lines->idle[lines->idle_count++] = (size_t)(line - lines->all);
	else if (!run->ended)
		begin(run, line, now_ns());
}

static void receive(struct run *run, struct lines *lines, struct line *line)
{
	struct answer answer;
	ssize_t got = recv(line->fd, line->room + line->received, ANSWER_MAX - line->received, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		g_error("the server closed a connection: %s", got ? g_strerror(errno) : line->request->str);
	line->received += (size_t)got;
	if (take_answer(line->room, line->received, &answer))
		hear(run, lines, line, &answer);
}

/* --- streams --- */

static void lines_open(struct run *run, struct lines *lines, struct stream *stream, unsigned number)
{
	*lines = (struct lines){ .stream = stream, .gap_ns = stream->rate > 0 ? (int64_t)(1e9 / stream->rate) : 0, .due_ns = now_ns() };
	lines->all = g_new0(struct line, stream->connections);
	lines->idle = g_new0(size_t, stream->connections);
	for (unsigned i = 0; i < stream->connections; i++) {
		struct line *line = &lines->all[i];
		struct in_addr from = { htonl(0x7f010000U + number * 4096 + i + 1) };
		line->visitor = (struct visitor){ .stream = stream, .index = i, .note = g_string_new(NULL), .cookie = g_string_new(NULL) };
		line->fd = open_connection(run->load->port, stream->addresses_apart ? &from : NULL);
		line->request = g_string_new(NULL);
		line->room = g_malloc(ANSWER_MAX + 1);
		struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint64_t)number << 32 | i };
		epoll_ctl(run->epoll, EPOLL_CTL_ADD, line->fd, &event);
		lines->idle[lines->idle_count++] = i;
	}
}

static void lines_close(struct lines *lines)
{
	for (unsigned i = 0; i < lines->stream->connections; i++) {
		struct line *line = &lines->all[i];
		close(line->fd);
		g_string_free(line->request, TRUE);
		g_string_free(line->visitor.note, TRUE);
		g_string_free(line->visitor.cookie, TRUE);
		g_free(line->room);
	}
	g_free(lines->all);
	g_free(lines->idle);
}

/* Begins what is due. Where every visitor is busy the due time stays in the past, and is counted as waiting. */
static void begin_due(struct run *run, struct lines *lines)
{
	int64_t now = now_ns();
	while (lines->idle_count && (!lines->gap_ns || lines->due_ns <= now) && !run->ended) {
		struct line *line = &lines->all[lines->idle[--lines->idle_count]];
		begin(run, line, lines->gap_ns ? lines->due_ns : now);
		lines->due_ns += lines->gap_ns;
	}
}

static int64_t next_due(const struct run *run, int64_t until)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->lines[i].gap_ns && run->lines[i].idle_count)
			until = MIN(until, run->lines[i].due_ns);
	return until;
}

static void serve_until(struct run *run, int64_t until)
{
	struct epoll_event events[EVENTS];
	while (!run->ended && now_ns() < until) {
		for (size_t i = 0; i < run->count; i++)
			begin_due(run, &run->lines[i]);
		int64_t wait = MAX(next_due(run, until) - now_ns(), 0);
		struct timespec timeout = { .tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000 };
		int ready = epoll_pwait2(run->epoll, events, EVENTS, &timeout, NULL);
		for (int i = 0; i < ready; i++) {
			struct lines *lines = &run->lines[events[i].data.u64 >> 32];
			receive(run, lines, &lines->all[events[i].data.u64 & UINT32_MAX]);
		}
	}
}

/* Hears what is still under way, so that the next load finds a quiet server. */
static void finish(struct run *run)
{
	run->measuring = false;
	run->ended = true;
	for (size_t i = 0; i < run->count; i++)
		for (unsigned j = 0; j < run->lines[i].stream->connections; j++)
			shutdown(run->lines[i].all[j].fd, SHUT_RDWR);
}

struct load_result load_run(const struct load *load, struct stream *streams, size_t count)
{
	return load_run_beside(load, streams, count, NULL, NULL);
}

struct load_result load_run_beside(const struct load *load, struct stream *streams, size_t count, void (*beside)(void *data), void *data)
{
	g_autofree struct lines *lines = g_new0(struct lines, count);
	struct run run = { .load = load, .lines = lines, .count = count, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	for (size_t i = 0; i < count; i++)
		lines_open(&run, &lines[i], &streams[i], (unsigned)i);
	if (beside)
		beside(data);
	serve_until(&run, now_ns() + load->warm_ms * 1000000);
	run.measuring = true;
	int64_t began = now_ns(), cpu = cpu_ns(load->server);
	serve_until(&run, began + load->measure_ms * 1000000);
	struct load_result result = { .seconds = (double)(now_ns() - began) / 1e9, .cpu_ns = cpu_ns(load->server) - cpu };
	finish(&run);
	for (size_t i = 0; i < count; i++)
		lines_close(&lines[i]);
	close(run.epoll);
	return result;
}
