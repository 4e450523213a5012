/* The child: closes the cage around itself, says so, then answers one question after another until the socket ends or a question kills it. */
#include "base/errors.h"
#include "providers/verifier/frame.h"
#include "providers/verifier/operations.h"
#include "providers/verifier/sandbox.h"
#include "providers/verifier/verifier.h"
#include <unistd.h>

#define MEMORY_BYTES_MAX (1024LL * 1024 * 1024)
#define CPU_MS_MAX       60000

/* A new operation: a row here, a word in verifier.h. */
static const struct operation operations[] = {
	[OPERATION_TOKEN_CHECK] = { "token_check", token_start, token_judge },
	[OPERATION_KEYS_CHECK] = { "keys_check", NULL, keys_judge },
	[OPERATION_SAML_RESPONSE] = { "saml_response", saml_start, saml_response_judge },
	[OPERATION_SAML_LOGOUT] = { "saml_logout", NULL, saml_logout_judge },
	[OPERATION_SAML_METADATA] = { "saml_metadata", NULL, saml_metadata_judge },
#ifdef PASSERELLE_TEST_BUILD
	[OPERATION_TRY] = { "try", try_start, try_run },
#endif
};

static uint32_t answer_make(uint32_t word, const struct record *question, struct record *answer)
{
	const bool known = word < G_N_ELEMENTS(operations) && operations[word].run;
	return known && operations[word].run(question, answer) ? FRAME_ANSWERED : FRAME_REFUSED;
}

/* False when the socket ended. */
static bool answer_one(int64_t cpu_ms)
{
	uint32_t word = 0;
	g_autoptr(record_t) question = NULL, answer = record_new();
	if (frame_read(SANDBOX_SOCKET, RECORD_REQUEST_MAX, INT64_MAX, &word, &question) != FRAME_DONE)
		return false;
	sandbox_allow_cpu(cpu_ms);
	word = answer_make(word, question, answer);
	sandbox_allow_cpu(0);
	const bool said = word == FRAME_ANSWERED;
	return frame_write(SANDBOX_SOCKET, word, said ? answer : NULL, RECORD_ANSWER_MAX, INT64_MAX) == FRAME_DONE;
}

static int say_broken(const GError *error)
{
	g_autoptr(record_t) record = record_new();
	record_put_seen(record, "why", error->message, 256);
	frame_write(SANDBOX_SOCKET, FRAME_BROKEN, record, RECORD_ANSWER_MAX, INT64_MAX);
	return 1;
}

/* The gateway's first frame: how much this child may take. */
static bool limits_read(struct sandbox_limits *ret_limits, int64_t *ret_cpu_ms, GError **error)
{
	uint32_t word = 0;
	g_autoptr(record_t) record = NULL;
	if (frame_read(SANDBOX_SOCKET, RECORD_REQUEST_MAX, INT64_MAX, &word, &record) != FRAME_DONE || word != FRAME_READY)
		return fail(error, ERROR_INTERNAL, "the first frame does not say the limits");
	ret_limits->memory_bytes = (uint64_t)CLAMP(record_integer(record, "memory_bytes", 0), 0, MEMORY_BYTES_MAX);
	*ret_cpu_ms = CLAMP(record_integer(record, "cpu_ms", 1), 1, CPU_MS_MAX);
	return true;
}

static bool child_start(int64_t *ret_cpu_ms, char **ret_level, GError **error)
{
	struct sandbox_limits limits = { 0 };
	if (!sandbox_begin(error) || !limits_read(&limits, ret_cpu_ms, error))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(operations); i++)
		if (operations[i].start)
			operations[i].start();
	return sandbox_close(&limits, ret_level, error);
}

int verifier_main(void)
{
	int64_t cpu_ms = 0;
	g_autofree char *level = NULL;
	g_autoptr(GError) error = NULL;
	if (!child_start(&cpu_ms, &level, &error))
		_exit(say_broken(error));
	g_autoptr(record_t) ready = record_new();
	record_put_text(ready, "sandbox", level);
	bool going = frame_write(SANDBOX_SOCKET, FRAME_READY, ready, RECORD_ANSWER_MAX, INT64_MAX) == FRAME_DONE;
	while (going)
		going = answer_one(cpu_ms);
	_exit(0); /* no destructors: some of them would want to leave the cage */
}
