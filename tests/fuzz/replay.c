/* The ordinary run of the fuzz targets, without libFuzzer: every file under the folders given (seeds, and what was ever found) through its target, a
 * TAP point each. A finding ends the program, and the note before it says which file it was. A target without seeds fails, and so do seeds
 * without a target. */
#include "tests/fuzz/fuzz.h"
#include <stdio.h>

static const struct {
	const char *name;
	void (*run)(const uint8_t *bytes, size_t length);
} targets[] = {
#define TARGET(name, function) { name, function },
#include "tests/fuzz/targets.def"
#undef TARGET
};

static unsigned points, failures;

static void point(bool good, const char *subject, const char *object)
{
	printf("%s %u - %s/%s\n", good ? "ok" : "not ok", ++points, subject, object);
	fflush(stdout);
	failures += !good;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In alphabetical order; an absent folder holds nothing. */
static GPtrArray *names_in(const char *folder)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(folder, 0, NULL);
	for (const char *name; dir && (name = g_dir_read_name(dir));)
		if (name[0] != '.')
			g_ptr_array_add(names, g_strdup(name));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(names, compare_names);
	return names;
}

static bool replay_file(size_t target, const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL), *contents = NULL;
	gsize length = 0;
	printf("# %s\n", path);
	fflush(stdout);
	if (!g_file_get_contents(path, &contents, &length, NULL))
		return false;
	/* A block without GLib's closing NUL, so that the sanitizer sees the first byte too many. */
	g_autofree uint8_t *bytes = g_malloc(length + !length);
	memcpy(bytes, contents, length);
	targets[target].run(bytes, length);
	return true;
}

static size_t replay_target(size_t target, const char *above)
{
	g_autofree char *folder = g_build_filename(above, targets[target].name, NULL);
	g_autoptr(GPtrArray) names = names_in(folder);
	for (guint i = 0; i < names->len; i++)
		point(replay_file(target, folder, names->pdata[i]), targets[target].name, names->pdata[i]);
	return names->len;
}

static void check_folders(const char *above)
{
	g_autoptr(GPtrArray) names = names_in(above);
	for (guint i = 0; i < names->len; i++) {
		bool known = false;
		for (size_t target = 0; target < G_N_ELEMENTS(targets); target++)
			known |= strcmp(targets[target].name, names->pdata[i]) == 0;
		if (!known)
			point(false, names->pdata[i], "has no target");
	}
}

int main(int count, char **folders)
{
	for (size_t target = 0; target < G_N_ELEMENTS(targets); target++) {
		size_t files = 0;
		for (int i = 1; i < count; i++)
			files += replay_target(target, folders[i]);
		if (files == 0)
			point(false, targets[target].name, "has no seeds");
	}
	for (int i = 1; i < count; i++)
		check_folders(folders[i]);
	printf("1..%u\n", points);
	return failures > 0;
}
