#include "tests.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

struct place *place_new(void)
{
	struct place *place = g_new0(struct place, 1);
	place->folder = g_dir_make_tmp("passerelle-admin-XXXXXX", NULL);
	assert_non_null(place->folder);
	place->address = g_strdup_printf("sqlite:%s/var/passerelle.db", place->folder);
	place->key_file = g_strdup_printf("%s/var/secret.key", place->folder);
	place->setting = (struct command_setting){
		.store = place->address, .secret_key_file = place->key_file, .base_url = "http://127.0.0.1:8080", .password_hash = { 19456, 2, 1 },
	};
	return place;
}

static void folder_empty(const char *folder)
{
	GDir *entries = g_dir_open(folder, 0, NULL);
	const char *name;
	while (entries && (name = g_dir_read_name(entries))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_DIR))
			folder_empty(path);
		else
			g_unlink(path);
	}
	if (entries)
		g_dir_close(entries);
	g_rmdir(folder);
}

void place_free(struct place *place)
{
	store_close(place->store);
	root_keys_free(place->keys);
	folder_empty(place->folder);
	g_free(place->folder);
	g_free(place->address);
	g_free(place->key_file);
	g_free(place);
}

void place_open(struct place *place)
{
	g_autoptr(GError) error = NULL;
	if (!store_open_configured(&place->setting, true, &place->store, &place->keys, &error))
		fail_msg("%s", error->message);
}

char *place_write(const struct place *place, const char *name, const char *text)
{
	char *path = g_build_filename(place->folder, name, NULL);
	assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

/* Sends a descriptor to a file; gives back a copy of what it was. */
static int descriptor_divert(int descriptor, const char *path)
{
	int kept = dup(descriptor);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(kept >= 0 && file >= 0 && dup2(file, descriptor) >= 0);
	close(file);
	return kept;
}

static char *descriptor_restore(int descriptor, int kept, const char *path)
{
	char *text = NULL;
	assert_true(dup2(kept, descriptor) >= 0);
	close(kept);
	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

int place_run(struct place *place, char **ret_out, char **ret_error, ...)
{
	char *words[32];
	int count = 0;
	va_list arguments;
	va_start(arguments, ret_error);
	for (char *word; (word = va_arg(arguments, char *)) && count < 31;)
		words[count++] = word;
	va_end(arguments);
	words[count] = NULL;
	g_autofree char *out = g_build_filename(place->folder, "out", NULL), *said = g_build_filename(place->folder, "said", NULL);
	fflush(stdout);
	fflush(stderr);
	int kept_out = descriptor_divert(STDOUT_FILENO, out), kept_error = descriptor_divert(STDERR_FILENO, said);
	int status = command_run(&place->setting, count, words);
	fflush(stdout);
	fflush(stderr);
	*ret_out = descriptor_restore(STDOUT_FILENO, kept_out, out);
	*ret_error = descriptor_restore(STDERR_FILENO, kept_error, said);
	return status;
}

int place_apply(struct place *place, const char *text)
{
	g_autofree char *path = place_write(place, "d.yaml", text), *out = NULL, *said = NULL;
	return place_run(place, &out, &said, "apply", "-f", path, NULL);
}
