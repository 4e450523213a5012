/* The measurements, in rounds: in each one the ceilings and what is held against them follow one another within seconds, so that a busy machine weighs on
 * both. The figure of a service's operation is the processor time the server spends on it.
 *
 *   prepare ─→ starts ─→ memory ─→ rounds (HTTP, signatures, rows, tokens) ─→ sign-ins ─→ flood ─→ trickling clients ─→ table
 */
#include "ceilings.h"
#include "crowd.h"
#include "directory.h"
#include "figures.h"
#include "scripts.h"
#include "trickle.h"
#include "verifier.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VISITORS 32 /* as many as the gateway has workers */
#define DIRECTORY_VISITORS 16 /* the driver's default for connections */
#define TOKENS 10000
#define FLOOD_PAGES 64

struct plan {
	unsigned rounds, sign_in_rounds, starts;
	int64_t warm_ms, measure_ms, sign_in_ms, flood_ms;
};

static const struct plan quick = { .rounds = 3, .sign_in_rounds = 1, .starts = 3, .warm_ms = 60, .measure_ms = 300, .sign_in_ms = 1200, .flood_ms = 2000 };
static const struct plan full = { .rounds = 9, .sign_in_rounds = 5, .starts = 7, .warm_ms = 150, .measure_ms = 900, .sign_in_ms = 2000, .flood_ms = 8000 };

struct bench {
	struct plan plan;
	struct subject gateway;
	uint16_t hello_port;
	pid_t hello;
	char *session, *plain_flow, *openid_flow, *rotating_flow;
	GString *introspection, *credentials;
	double hello_us, p256_us, row_us; /* of this round */
	double hashes_per_s;
	const char *only; /* the key of the one figure wanted beside the ceilings */
	bool crowded;
};

/* --- one load --- */

static void complain(const char *what, const struct stream *stream)
{
	if (stream->failures || stream->sheds)
		fprintf(stderr, "bench: %s: %" G_GUINT64_FORMAT " failed (status %u), %" G_GUINT64_FORMAT " shed, of %" G_GUINT64_FORMAT "\n", what, stream->failures,
			stream->bad_status, stream->sheds, stream->operations + stream->failures + stream->sheds);
}

/* Processor time of the server for each operation, in microseconds; operations a second into *ret_rate (NULL: not wanted). */
static double cost_us(const struct bench *bench, const char *what, const struct script *script, const struct scene *scene, double *ret_rate)
{
	struct stream stream = { .script = *script, .data = scene, .connections = VISITORS };
	const struct load load = { .port = bench->gateway.port, .server = bench->gateway.process, .warm_ms = bench->plan.warm_ms,
		.measure_ms = bench->plan.measure_ms };
	struct load_result result = load_run(&load, &stream, 1);
	complain(what, &stream);
	if (ret_rate)
		*ret_rate = (double)stream.operations / result.seconds;
	return stream.operations ? (double)result.cpu_ns / 1000 / (double)stream.operations : 0;
}

static double hello_us(const struct bench *bench, const GString *like, size_t answer_size)
{
	g_autofree char *path = g_strdup_printf(" /%zu HTTP", answer_size);
	const char *after = strstr(like->str, " HTTP");
	g_autoptr(GString) request = g_string_new_len(like->str, strchr(like->str, ' ') - like->str);
	g_string_append_printf(request, "%s%s", path, after + 5);
	struct scene scene = { .request = request, .expected = 200 };
	struct stream stream = { .script = script_same, .data = &scene, .connections = VISITORS };
	const struct load load = { .port = bench->hello_port, .server = bench->hello, .warm_ms = bench->plan.warm_ms, .measure_ms = bench->plan.measure_ms };
	struct load_result result = load_run(&load, &stream, 1);
	complain("hello", &stream);
	rows[HELLO].rate = (double)stream.operations / result.seconds;
	return stream.operations ? (double)result.cpu_ns / 1000 / (double)stream.operations : 0;
}

static size_t answer_size(const struct bench *bench, const GString *request, const char *wanted)
{
	struct answer answer;
	g_autofree char *text = NULL;
	talk(bench->gateway.port, request, &answer, &text);
	if (answer.status != 200 || !strstr(answer.body, wanted))
		g_error("an answer is not what it should be: %u %s", answer.status, answer.body);
	return answer.body_length;
}

static double resident_mb(const struct bench *bench)
{
	return (double)subject_resident(&bench->gateway) / 1024;
}

/* --- the rounds --- */

static void collect(const struct bench *bench, GPtrArray *pool, const char *path, int64_t ms)
{
	struct scene scene = { .subject = &bench->gateway, .pool = pool, .path = path, .cookie = bench->session };
	struct stream stream = { .script = script_collect, .data = &scene, .connections = VISITORS };
	const struct load load = { .port = bench->gateway.port, .server = bench->gateway.process, .measure_ms = ms };
	load_run(&load, &stream, 1);
	complain("collecting codes", &stream);
}

/* Codes are collected first, outside the measurement: as many as fit into it and more. */
static double exchange_us(const struct bench *bench, const char *client, const char *path, double *ret_rate)
{
	g_autoptr(GPtrArray) pool = g_ptr_array_new_with_free_func(g_free);
	collect(bench, pool, path, bench->plan.measure_ms + bench->plan.warm_ms);
	struct scene scene = { .subject = &bench->gateway, .pool = pool, .client = client };
	return cost_us(bench, "code exchange", &script_exchange, &scene, ret_rate);
}

static struct scene application(const struct bench *bench, const char *client, const char *path)
{
	return (struct scene){ .subject = &bench->gateway, .client = client, .path = path, .cookie = bench->session };
}

static void put(enum figure figure, double value_us, double bound_us)
{
	row_add(&rows[figure], value_us, bound_us);
}

static void measure_hello(struct bench *bench)
{
	bench->hello_us = hello_us(bench, bench->introspection, answer_size(bench, bench->introspection, "\"active\":true"));
	put(HELLO, bench->hello_us, 0);
}

static void measure_p256(struct bench *bench)
{
	const struct ceiling_time time = { .measure_ms = bench->plan.measure_ms };
	struct work work = run_apart(SERVER_CPU, ceiling_p256, &time);
	bench->p256_us = work_cpu_us(&work);
	put(P256, bench->p256_us, 0);
}

static void measure_row(struct bench *bench)
{
	const struct ceiling_time time = { .measure_ms = bench->plan.measure_ms, .folder = bench->gateway.folder, .writers = VISITORS };
	struct work work = run_apart(SERVER_CPU, ceiling_row, &time);
	bench->row_us = work_cpu_us(&work);
	rows[ROW].rate = (double)work.operations * 1e9 / (double)work.wall_ns;
	put(ROW, bench->row_us, 0);
}

static void measure_introspection(struct bench *bench)
{
	const struct scene scene = { .request = bench->introspection, .expected = 200 };
	put(INTROSPECTION, cost_us(bench, "introspection", &script_same, &scene, &rows[INTROSPECTION].rate), bench->hello_us);
}

static void measure_credentials(struct bench *bench)
{
	const struct scene scene = { .request = bench->credentials, .expected = 200 };
	put(CREDENTIALS, cost_us(bench, "client_credentials", &script_same, &scene, &rows[CREDENTIALS].rate), bench->hello_us + bench->p256_us);
}

static double durable_us(const struct bench *bench)
{
	return bench->hello_us + bench->p256_us + bench->row_us;
}

static void measure_exchange(struct bench *bench)
{
	put(EXCHANGE, exchange_us(bench, "keeping", bench->plain_flow, &rows[EXCHANGE].rate), durable_us(bench));
}

static void measure_refresh(struct bench *bench)
{
	const struct scene scene = application(bench, "keeping", bench->plain_flow);
	put(REFRESH, cost_us(bench, "refresh", &script_refresh, &scene, &rows[REFRESH].rate), durable_us(bench));
}

static void measure_refresh_rotating(struct bench *bench)
{
	const struct scene scene = application(bench, "rotating", bench->rotating_flow);
	put(REFRESH_ROTATING, cost_us(bench, "refresh with rotation", &script_refresh, &scene, &rows[REFRESH_ROTATING].rate), durable_us(bench));
}

static void measure_code_flow(struct bench *bench)
{
	const struct scene scene = application(bench, "keeping", bench->plain_flow);
	put(CODE_FLOW, cost_us(bench, "code flow", &script_code_flow, &scene, &rows[CODE_FLOW].rate), durable_us(bench) + bench->hello_us + bench->row_us);
}

static void measure_exchange_rsa(struct bench *bench)
{
	const struct ceiling_time time = { .measure_ms = bench->plan.measure_ms };
	struct work work = run_apart(SERVER_CPU, ceiling_rsa2048, &time);
	put(EXCHANGE_RSA, exchange_us(bench, "rotating", bench->openid_flow, &rows[EXCHANGE_RSA].rate), durable_us(bench) + work_cpu_us(&work));
}

/* The ceilings come first: the others are held against them. */
static const struct { enum figure figure; bool ceiling; void (*measure)(struct bench *bench); } measurements[] = {
	{ HELLO, true, measure_hello },
	{ P256, true, measure_p256 },
	{ ROW, true, measure_row },
	{ INTROSPECTION, false, measure_introspection },
	{ CREDENTIALS, false, measure_credentials },
	{ EXCHANGE, false, measure_exchange },
	{ REFRESH, false, measure_refresh },
	{ REFRESH_ROTATING, false, measure_refresh_rotating },
	{ CODE_FLOW, false, measure_code_flow },
	{ EXCHANGE_RSA, false, measure_exchange_rsa },
};

static void round_run(struct bench *bench)
{
	for (size_t i = 0; i < G_N_ELEMENTS(measurements); i++)
		if (measurements[i].ceiling || !bench->only || !strcmp(bench->only, rows[measurements[i].figure].key))
			measurements[i].measure(bench);
}

/* --- sign-ins --- */

/* By few at a time: who waits for a hash is shed, and costs nothing. */
static double sign_in_us(const struct bench *bench, double *ret_rate)
{
	struct scene scene = { .subject = &bench->gateway, .path = bench->plain_flow };
	struct stream stream = { .script = script_sign_in, .data = &scene, .connections = 3, .addresses_apart = true };
	const struct load load = { .port = bench->gateway.port, .server = bench->gateway.process, .warm_ms = 200, .measure_ms = bench->plan.sign_in_ms };
	struct load_result result = load_run(&load, &stream, 1);
	complain("sign-in", &stream);
	*ret_rate = (double)stream.operations / result.seconds;
	return (double)result.cpu_ns / 1000 / (double)MAX(stream.operations, 1);
}

static void sign_in_round(struct bench *bench)
{
	const struct ceiling_time time = { .measure_ms = bench->plan.sign_in_ms };
	struct work work = run_apart(SERVER_CPU, ceiling_argon2, &time);
	bench->hashes_per_s = 1e6 / work_cpu_us(&work);
	row_add(&rows[SIGN_IN], sign_in_us(bench, &rows[SIGN_IN].rate), work_cpu_us(&work));
}

static void add_directory(const struct bench *bench, const struct directory *directory)
{
	g_autofree char *provider = g_strdup_printf("  - { name: corp, type: ldap, url: [\"%s\"], tls_ca_file: \"%s\", bind_dn: \"" DIRECTORY_SERVICE "\",\n"
		"      bind_password: \"" DIRECTORY_SERVICE_PASSWORD "\", base_dn: \"" DIRECTORY_BASE "\", domains: [corp.example], connections: %u }\n",
		directory->url, directory->certificate, DIRECTORY_VISITORS);
	subject_add_provider(&bench->gateway, provider);
}

/* As many at once by the gateway as by bare libldap. */
static double directory_round(const struct bench *bench, const struct directory *directory, const char *person, struct work *ret_bare, struct load_result *ret_result)
{
	const struct ceiling_time time = { .measure_ms = bench->plan.sign_in_ms, .writers = DIRECTORY_VISITORS, .url = directory->url,
		.certificate = directory->certificate, .person = person, .password = PASSWORD };
	g_autofree char *username = g_strconcat(person, "%40corp.example", NULL);
	struct scene scene = { .subject = &bench->gateway, .path = bench->plain_flow, .username = username };
	struct stream stream = { .script = script_sign_in, .data = &scene, .connections = DIRECTORY_VISITORS, .addresses_apart = true };
	const struct load load = { .port = bench->gateway.port, .server = bench->gateway.process, .warm_ms = 500, .measure_ms = bench->plan.sign_in_ms };
	*ret_bare = run_apart(SERVER_CPU, ceiling_ldap, &time);
	*ret_result = load_run(&load, &stream, 1);
	complain("directory sign-in", &stream);
	return (double)MAX(stream.operations, 1);
}

/* The directory and the load have the other processor, so that what is compared is what one core makes of the same directory. Its domain leads to it without
 * asking our own accounts first, which would cost a hash. */
static void ldap_sign_in(struct bench *bench, const char *where)
{
	struct directory directory = { .process = 0 };
	struct work bare;
	struct load_result result;
	directory_start(&directory, where, LOAD_CPU, PASSWORD);
	add_directory(bench, &directory);
	for (unsigned i = 0; i < bench->plan.sign_in_rounds; i++) {
		double operations = directory_round(bench, &directory, DIRECTORY_HASHED, &bare, &result);
		row_add(&rows[LDAP_SIGN_IN], operations / result.seconds, (double)bare.operations * 1e9 / (double)bare.wall_ns);
		operations = directory_round(bench, &directory, DIRECTORY_CLEAR, &bare, &result);
		row_add(&rows[LDAP_COST], (double)result.cpu_ns / 1000 / operations, 3 * (bench->hello_us + bench->row_us) + work_cpu_us(&bare));
		rows[LDAP_COST].rate = operations / result.seconds;
	}
	directory_stop(&directory);
}

/* A page with its form, and the request that posts a wrong password to it. */
static GString *flood_page(const struct bench *bench, unsigned number)
{
	struct answer answer;
	g_autofree char *first = NULL, *second = NULL;
	g_autoptr(GString) request = g_string_new(NULL);
	put_get(request, &bench->gateway, bench->plain_flow, NULL);
	talk(bench->gateway.port, request, &answer, &first);
	g_autofree char *path = location_path(&answer), *cookie = cookie_pair(&answer);
	g_string_truncate(request, 0);
	put_get(request, &bench->gateway, path, cookie);
	talk(bench->gateway.port, request, &answer, &second);
	g_autofree char *token = form_token(&answer), *form = g_strdup_printf("form_token=%s&username=nobody%u&password=a+wrong+password", token, number);
	GString *post = g_string_new(NULL);
	put_form(post, &bench->gateway, path, NULL, cookie, form);
	return post;
}

enum flood_stream { INTROSPECTIONS, EXCHANGES, SIGN_INS, FLOOD_STREAMS };

static struct load_result flood_load(const struct bench *bench, struct stream *streams, size_t count)
{
	const struct load load = { .port = bench->gateway.port, .server = bench->gateway.process, .warm_ms = 500, .measure_ms = bench->plan.flood_ms };
	return load_run(&load, streams, count);
}

static double p99(const struct stream *streams)
{
	return histogram_ms(&streams[INTROSPECTIONS].time, 0.99);
}

static void note_flood(const struct bench *bench, const struct stream *streams, double seconds)
{
	const struct stream *sign_ins = &streams[SIGN_INS], *exchanges = &streams[EXCHANGES], *introspections = &streams[INTROSPECTIONS];
	double offered = (double)(sign_ins->operations + sign_ins->sheds + sign_ins->failures);
	row_add(&rows[FLOOD_ERRORS], (double)(introspections->failures + introspections->sheds), 0);
	row_add(&rows[FLOOD_EXCHANGES], (double)(exchanges->failures + exchanges->sheds), 0);
	row_add(&rows[FLOOD_SHED_TIME], histogram_ms(&sign_ins->shed_time, 0.99), 0);
	row_add(&rows[FLOOD_SHED_COST], offered > 0 ? 100 * (double)sign_ins->sheds / offered : 0, 0);
	row_add(&rows[FLOOD_FAILED], (double)sign_ins->failures, 0);
	row_add(&rows[FLOOD_HASHES], (double)sign_ins->operations / seconds, bench->hashes_per_s);
	rows[FLOOD_SHED_TIME].rate = (double)sign_ins->sheds / seconds;
	rows[FLOOD_P99].rate = (double)introspections->operations / seconds;
	rows[FLOOD_EXCHANGES].rate = (double)exchanges->operations / seconds;
	fprintf(stderr, "bench: flood: introspection p50 %.2f p99 %.2f max %.1f ms; exchange p50 %.1f p99 %.1f ms; answered sign-ins p50 %.0f p99 %.0f ms; "
		"shed p50 %.1f p99 %.1f max %.1f ms\n", histogram_ms(&introspections->time, 0.5), p99(streams), (double)introspections->time.max_ns / 1e6,
		histogram_ms(&exchanges->time, 0.5), histogram_ms(&exchanges->time, 0.99), histogram_ms(&sign_ins->time, 0.5), histogram_ms(&sign_ins->time, 0.99),
		histogram_ms(&sign_ins->shed_time, 0.5), histogram_ms(&sign_ins->shed_time, 0.99), (double)sign_ins->shed_time.max_ns / 1e6);
}

/* Fixed arrival rates: introspections and exchanges alone, then the same with sign-ins at ten times what the hashes allow. */
static void flood(struct bench *bench)
{
	g_autoptr(GPtrArray) pages = g_ptr_array_new(), pool = g_ptr_array_new_with_free_func(g_free);
	const struct scene introspection = { .request = bench->introspection, .expected = 200 };
	struct scene exchange = { .subject = &bench->gateway, .pool = pool, .client = "keeping" }, sign_in = { .subject = &bench->gateway, .pages = pages };
	for (unsigned i = 0; i < FLOOD_PAGES; i++)
		g_ptr_array_add(pages, flood_page(bench, i));
	/* Codes live for a minute. */
	while (pool->len < 50 * (unsigned)(2 * bench->plan.flood_ms / 1000 + 2))
		collect(bench, pool, bench->plain_flow, 300);
	struct stream plan[FLOOD_STREAMS] = {
		[INTROSPECTIONS] = { .script = script_same, .data = &introspection, .connections = VISITORS, .rate = 1000 },
		[EXCHANGES] = { .script = script_exchange, .data = &exchange, .connections = VISITORS, .rate = 50 },
		[SIGN_INS] = { .script = script_flood, .data = &sign_in, .connections = 400, .rate = 10 * bench->hashes_per_s, .addresses_apart = true },
	};
	g_autofree struct stream *idle = g_memdup2(plan, sizeof plan), *busy = g_memdup2(plan, sizeof plan);
	flood_load(bench, idle, SIGN_INS);
	double resident = resident_mb(bench);
	struct load_result result = flood_load(bench, busy, FLOOD_STREAMS);
	row_add(&rows[FLOOD_MEMORY], resident_mb(bench) - resident, 0);
	row_add(&rows[FLOOD_P99], p99(busy), p99(idle));
	note_flood(bench, busy, result.seconds);
	for (unsigned i = 0; i < pages->len; i++)
		g_string_free(pages->pdata[i], TRUE);
}

#define PLACES 960 /* the gateway's default for connections, and for those of one address */
#define PLACES_EACH 240

struct crowd {
	uint16_t port;
	pid_t process;
};

static void crowd_come(void *data)
{
	struct crowd *crowd = data;
	crowd->process = trickle_start(crowd->port, 4 * PLACES, PLACES_EACH);
}

/* Nearly every place is held by a client that never finishes, from addresses enough to have them all, and three times as many wait for one: what is asked on
 * connections that were there before goes on as if alone. */
static void trickled(struct bench *bench)
{
	const struct scene introspection = { .request = bench->introspection, .expected = 200 };
	const struct stream alone = { .script = script_same, .data = &introspection, .connections = VISITORS, .rate = 1000 };
	const struct load load = { .port = bench->gateway.port, .server = bench->gateway.process, .warm_ms = 500, .measure_ms = bench->plan.flood_ms };
	struct crowd crowd = { .port = bench->gateway.port };
	struct stream idle = alone, busy = alone;
	load_run(&load, &idle, 1);
	load_run_beside(&load, &busy, 1, crowd_come, &crowd);
	trickle_stop(crowd.process);
	row_add(&rows[TRICKLE_P99], histogram_ms(&busy.time, 0.99), histogram_ms(&idle.time, 0.99));
	row_add(&rows[TRICKLE_ERRORS], (double)(busy.failures + busy.sheds), 0);
	rows[TRICKLE_P99].rate = (double)busy.operations * 1000 / (double)bench->plan.flood_ms;
	complain("introspection beside trickling clients", &busy);
}

/* --- starts and memory --- */

static void start_gateway(struct bench *bench)
{
	double ms = subject_start(&bench->gateway, SERVER_CPU);
	row_add(&rows[START], ms, 0);
}

static void introspect_once(const struct bench *bench, const char *token)
{
	g_autofree char *form = g_strconcat("token=", token, NULL);
	g_autoptr(GString) request = g_string_new(NULL);
	put_form(request, &bench->gateway, TENANT "/introspect", "service", NULL, form);
	answer_size(bench, request, "\"active\":true");
}

/* On a gateway just started: what one token more in its memory costs. The first ones also pay for what is made once. */
static void memory(struct bench *bench)
{
	g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func(g_free);
	unsigned many = bench->crowded ? 10 * TOKENS : TOKENS;
	for (unsigned i = 0; i < many + 100; i++)
		g_ptr_array_add(tokens, client_token(&bench->gateway, "service"));
	subject_stop(&bench->gateway);
	start_gateway(bench);
	row_add(&rows[RESIDENT], resident_mb(bench), 0);
	for (unsigned i = 0; i < 100; i++)
		introspect_once(bench, tokens->pdata[i]);
	double before = resident_mb(bench);
	for (unsigned i = 100; i < tokens->len; i++) {
		introspect_once(bench, tokens->pdata[i]);
		if (i == TOKENS + 99)
			row_add(&rows[RESIDENT_TOKEN], (resident_mb(bench) - before) * 1024 / TOKENS, 0);
	}
	if (bench->crowded)
		row_add(&rows[RESIDENT_MANY], (resident_mb(bench) - before) * 1024 / many, 0);
}

/* --- a store that is full --- */

static double admin_us(const struct bench *bench)
{
	const char *const words[] = { "passerelle", "--config", "passerelle.yaml", "user", "show", USERNAME, "--tenant", "bench", NULL };
	double times[9];
	for (size_t i = 0; i < G_N_ELEMENTS(times); i++)
		times[i] = subject_command(&bench->gateway, words);
	return median(times, G_N_ELEMENTS(times));
}

static double crowd_us(const struct bench *bench, enum figure figure)
{
	const struct scene caller = { .request = bench->introspection, .expected = 200 }, browser = application(bench, "keeping", bench->plain_flow);
	if (figure == CROWD_ADMIN)
		return admin_us(bench);
	if (figure == CROWD_INTROSPECTION)
		return cost_us(bench, "introspection", &script_same, &caller, NULL);
	if (figure == CROWD_EXCHANGE)
		return exchange_us(bench, "keeping", bench->plain_flow, NULL);
	if (figure == CROWD_REFRESH)
		return cost_us(bench, "refresh", &script_refresh, &browser, NULL);
	if (figure == CROWD_FLOW)
		return cost_us(bench, "code flow", &script_code_flow, &browser, NULL);
	return sign_in_us(bench, &rows[CROWD_SIGN_IN].rate);
}

static void crowd_measure(const struct bench *bench, double costs[FIGURES][ROUNDS_MAX])
{
	for (unsigned i = 0; i < bench->plan.rounds; i++)
		for (enum figure figure = CROWD_ADMIN; figure <= CROWD_SIGN_IN; figure++)
			costs[figure][i] = crowd_us(bench, figure);
}

/* The same measurements before and after the store was filled. */
static void crowd(struct bench *bench)
{
	static double before[FIGURES][ROUNDS_MAX], after[FIGURES][ROUNDS_MAX];
	crowd_measure(bench, before);
	subject_stop(&bench->gateway);
	fprintf(stderr, "bench: filling the store\n");
	fprintf(stderr, "bench: filled in %.0f s\n", crowd_fill(bench->gateway.folder));
	row_add(&rows[CROWD_START], subject_start(&bench->gateway, SERVER_CPU), 0);
	row_add(&rows[CROWD_RESIDENT], resident_mb(bench), 0);
	crowd_measure(bench, after);
	for (enum figure figure = CROWD_ADMIN; figure <= CROWD_SIGN_IN; figure++)
		for (unsigned i = 0; i < bench->plan.rounds; i++)
			row_add(&rows[figure], after[figure][i], before[figure][i]);
}

/* --- all of it --- */

static void prepare(struct bench *bench, const char *program, const char *where)
{
	subject_prepare(&bench->gateway, program, where);
	subject_start(&bench->gateway, SERVER_CPU); /* the first start makes the tenant's files; it is not counted */
	for (unsigned i = 0; i < bench->plan.starts; i++) {
		subject_stop(&bench->gateway);
		start_gateway(bench);
	}
	fprintf(stderr, "bench: the gateway is process %d\n", (int)bench->gateway.process);
	bench->hello_port = free_port();
	bench->hello = hello_start(bench->hello_port, SERVER_CPU);
	bench->session = sign_in(&bench->gateway);
	bench->plain_flow = authorize_path("keeping", "api.read offline_access");
	bench->rotating_flow = authorize_path("rotating", "api.read offline_access");
	bench->openid_flow = authorize_path("rotating", "openid profile api.read");
	g_autofree char *token = client_token(&bench->gateway, "service"), *form = g_strconcat("token=", token, NULL);
	bench->introspection = g_string_new(NULL);
	put_form(bench->introspection, &bench->gateway, TENANT "/introspect", "service", NULL, form);
	bench->credentials = g_string_new(NULL);
	put_form(bench->credentials, &bench->gateway, TENANT "/token", "service", NULL, "grant_type=client_credentials");
}

static void finish(struct bench *bench)
{
	subject_stop(&bench->gateway);
	kill(bench->hello, SIGKILL);
	waitpid(bench->hello, NULL, 0);
	subject_clear(&bench->gateway);
	g_string_free(bench->introspection, TRUE);
	g_string_free(bench->credentials, TRUE);
	g_free(bench->session);
	g_free(bench->plain_flow);
	g_free(bench->openid_flow);
	g_free(bench->rotating_flow);
}

static bool wants(const struct bench *bench, const char *part)
{
	return !bench->only || !strcmp(bench->only, part);
}

static void verifier_round(const struct bench *bench)
{
	const struct verifier_times times = verifier_measure(bench->gateway.program, bench->plan.measure_ms);
	row_add(&rows[VERIFIER_TRIP], times.empty_us, 0);
	row_add(&rows[VERIFIER_TOKEN], times.token_us, 0);
	row_add(&rows[SAML_SIGN], times.saml_sign_us, 0);
	row_add(&rows[SAML_RESPONSE], times.saml_us, 0);
	row_add(&rows[SAML_ENCRYPTED], times.saml_encrypted_us, 0);
}

static void run_rest(struct bench *bench, const char *where)
{
	for (unsigned i = 0; (wants(bench, "sign_in") || wants(bench, "flood")) && i < bench->plan.sign_in_rounds; i++)
		sign_in_round(bench);
	if (wants(bench, "sign_in"))
		row_add(&rows[RESIDENT_BLOCKS], resident_mb(bench), 0);
	if (wants(bench, "flood"))
		flood(bench);
	if (wants(bench, "trickle"))
		trickled(bench);
	for (unsigned i = 0; wants(bench, "verifier") && i < bench->plan.rounds; i++)
		verifier_round(bench);
	if (wants(bench, "ldap_sign_in") && directory_installed())
		ldap_sign_in(bench, where);
	if (bench->crowded)
		crowd(bench);
}

static bool all_good(void)
{
	bool good = true;
	for (size_t i = 0; i < FIGURES; i++)
		good = good && row_good(&rows[i]);
	return good;
}

/* Exit status: 0 when every target was reached, 1 when one was not, 2 for wrong usage. */
int main(int argc, char **argv)
{
	gboolean is_quick = FALSE, json = FALSE, crowded = FALSE;
	int rounds = 0, measure_ms = 0;
	g_autofree char *program = NULL, *where = NULL, *only = NULL;
	const GOptionEntry entries[] = {
		{ "quick", 'q', 0, G_OPTION_ARG_NONE, &is_quick, "About twenty seconds instead of about three minutes", NULL },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print an array of objects", NULL },
		{ "only", 0, 0, G_OPTION_ARG_STRING, &only, "One figure and the ceilings (a name of --json; sign_in, ldap_sign_in, verifier, flood, trickle, memory)", "NAME" },
		{ "rounds", 0, 0, G_OPTION_ARG_INT, &rounds, "How often everything is measured", "N" },
		{ "measure", 0, 0, G_OPTION_ARG_INT, &measure_ms, "How long each time", "MS" },
		{ "crowd", 0, 0, G_OPTION_ARG_NONE, &crowded, "Also in a store of 10,000 tenants and 1,000,000 accounts (up to 2 GB of disk)", NULL },
		{ "gateway", 0, 0, G_OPTION_ARG_FILENAME, &program, "The program under test", "FILE" },
		{ "folder", 0, 0, G_OPTION_ARG_FILENAME, &where, "Where its data goes; the disk there is the one measured", "FOLDER" },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL } };
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 1 || !program || !where) {
		fprintf(stderr, "bench: %s\n", error ? error->message : "--gateway FILE and --folder FOLDER are needed");
		return 2;
	}
	struct bench bench = { .plan = is_quick ? quick : full, .only = only, .crowded = crowded };
	if (rounds > 0)
		bench.plan.rounds = MIN((unsigned)rounds, ROUNDS_MAX);
	if (measure_ms > 0)
		bench.plan.measure_ms = measure_ms;
	pin(LOAD_CPU);
	prepare(&bench, program, where);
	/* First: later there are expired rows, and purging them fills the writer's cache meanwhile. */
	if (wants(&bench, "memory"))
		memory(&bench);
	for (unsigned i = 0; i < bench.plan.rounds; i++)
		round_run(&bench);
	run_rest(&bench, where);
	finish(&bench);
	report_print(rows, FIGURES, json);
	return all_good() ? 0 : 1;
}
