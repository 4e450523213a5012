/* Tests of the SAML part of the verifier, in this process: the sandbox around it has its own. */
#include "idp.h"
#include "subjects.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TESTS_MAX 128

static size_t add(struct CMUnitTest *all, size_t count, const struct test_list *list)
{
	for (size_t i = 0; i < list->count && count < TESTS_MAX; i++)
		all[count++] = list->tests[i];
	return count;
}

static void keep_seed(const char *folder, const char *name, const char *kind, const char *text)
{
	g_autofree char *path = g_strdup_printf("%s/%s", folder, name), *bytes = g_strconcat(kind, text, NULL);

	g_mkdir_with_parents(folder, 0755);
	g_file_set_contents(path, bytes, -1, NULL);
}

/* Remakes the seeds of the fuzz targets: "test_saml seeds tests/fuzz/seeds". A target's first byte may choose what it is. */
static int seeds_make(const char *folder)
{
	g_autofree char *responses = g_strconcat(folder, "/saml_response", NULL), *filters = g_strconcat(folder, "/prefilter", NULL);

	for (int way = 1; way < 8; way++) {
		struct shape shape = shape_good();
		char name[] = "response0";
		name[8] = (char)('0' + way);
		shape.sign_assertion = way & 1;
		shape.sign_response = way & 2;
		shape.encryption = way & 4 ? ENCRYPT_GCM : ENCRYPT_NOT;
		g_autofree char *xml = idp_response(&shape);
		keep_seed(responses, name, "", xml);
		keep_seed(filters, name, "\x05", xml); /* kinds count modulo 5: PREFILTER_RESPONSE */
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct CMUnitTest all[TESTS_MAX];
	size_t count = 0;

	/* As an attacker of the environment would leave it: it must change nothing (SECURITY SM-3). */
	setenv("LASSO_FLAG", "no-verify-signature", 1);
	if (!saml_library_start())
		return 1;
	pairs_make();
	if (argc > 2 && strcmp(argv[1], "seeds") == 0)
		return seeds_make(argv[2]);
	count = add(all, count, &message_list);
	count = add(all, count, &response_list);
	count = add(all, count, &attack_list);
	count = add(all, count, &cage_list);
	count = add(all, count, &driver_list);
	count = add(all, count, &recorded_list);
	count = add(all, count, &probe_list);
	count = add(all, count, &metadata_list);
	int failed = _cmocka_run_group_tests("saml", all, count, NULL, NULL);
	pairs_free();
	return failed;
}
