/* The secret key file: lines "id base64(32 bytes)", newest first; blank lines are skipped, anything else is an error that names its line.
 *
 * Threats: another user of the machine reads it (so: owner and mode are checked on the opened file, not on the name); a second start, or a
 * symbolic link that somebody left at its place, makes us overwrite a file (so: the new key is written beside it and linked to its name, which
 * fails where that name exists); a crash half way leaves half a key (so: it is fsync'ed before it gets its name); two who add a line at once lose one of
 * them (so: both lock the file that they replace).
 */
#include "base/encoding.h"
#include "base/errors.h"
#include "base/folder.h"
#include "crypto/random.h"
#include "crypto/root_keys_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024)

static bool close_keeping_errno(int fd)
{
	int saved = errno;
	bool closed = close(fd) == 0;
	errno = saved;
	return closed;
}

static bool file_is_private(int fd, const char *path, GError **error)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
	if (!S_ISREG(status.st_mode))
		return fail(error, ERROR_MALFORMED, "%s: not a regular file", path);
	if (status.st_mode & 077)
		return fail(error, ERROR_MALFORMED, "%s: mode %03o lets others read or write the secret key; chmod 600 it", path,
		            (unsigned)status.st_mode & 0777);
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return fail(error, ERROR_MALFORMED, "%s: owned by another user (uid %u)", path, (unsigned)status.st_uid);
	if (status.st_size > FILE_MAX)
		return fail(error, ERROR_MALFORMED, "%s: larger than 64 KiB", path);
	return true;
}

/* Reads the whole file; NUL-terminated by the secret. */
static struct secret *content_read(int fd, const char *path, GError **error)
{
	g_autoptr(secret_t) buffer = secret_new_empty(FILE_MAX + 1);
	size_t length = 0;
	for (;;) {
		ssize_t got = read(fd, secret_writable(buffer) + length, FILE_MAX + 1 - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
			return NULL;
		}
		length += (size_t)got;
		if (got == 0 || length > FILE_MAX)
			break;
	}
	if (length > FILE_MAX) {
		fail(error, ERROR_MALFORMED, "%s: larger than 64 KiB", path);
		return NULL;
	}
	return secret_new(secret_bytes(buffer), length);
}

static void file_note(int fd, struct root_keys_file *ret)
{
	struct stat status;
	if (fstat(fd, &status) == 0)
		*ret = (struct root_keys_file){ .path = ret->path, .device = status.st_dev, .inode = status.st_ino, .size = status.st_size, .changed = status.st_ctim };
}

bool root_keys_file_changed(const struct root_keys_file *file)
{
	struct stat status;
	return stat(file->path, &status) == 0 && (status.st_dev != file->device || status.st_ino != file->inode || status.st_size != file->size ||
	                                          status.st_ctim.tv_sec != file->changed.tv_sec || status.st_ctim.tv_nsec != file->changed.tv_nsec);
}

static struct secret *file_read(const char *path, struct root_keys_file *ret_file, GError **error)
{
	/* Non-blocking, so that a FIFO at this place is seen to be one instead of being waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		fail(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
		return NULL;
	}
	/* Before it is read: what is written meanwhile is another file the next time. */
	file_note(fd, ret_file);
	struct secret *content = file_is_private(fd, path, error) ? content_read(fd, path, error) : NULL;
	close(fd);
	return content;
}

static bool line_read(struct root_keys *keys, const char *line, size_t length, const char **ret_expected)
{
	const char *space = memchr(line, ' ', length);
	size_t id_length = space ? (size_t)(space - line) : 0;
	char id[ROOT_KEY_ID_MAX + 1] = "";
	*ret_expected = "expected \"id base64(32 bytes)\"";
	if (id_length == 0 || id_length > ROOT_KEY_ID_MAX)
		return false;
	memcpy(id, line, id_length);

	uint8_t bytes[ROOT_KEY_SIZE];
	size_t size = 0;
	bool good = strlen(id) == id_length && root_key_id_is_valid(id) &&
	            base64_decode(space + 1, length - id_length - 1, bytes, sizeof bytes, &size) && size == sizeof bytes;
	if (good) {
		*ret_expected = "an id may stand only once";
		good = root_keys_add(keys, id, bytes);
	}
	wipe(bytes, sizeof bytes);
	return good;
}

static bool lines_read(struct root_keys *keys, const char *path, const char *text, size_t length, GError **error)
{
	unsigned number = 0, found = 0;
	const char *end = text + length;
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_length = (size_t)((newline ? newline : end) - text);
		const char *expected;
		number++;
		if (line_length > 0 && !line_read(keys, text, line_length, &expected))
			return fail(error, ERROR_MALFORMED, "%s:%u: %s", path, number, expected);
		found += line_length > 0;
		text += line_length + 1;
	}
	return found > 0 || fail(error, ERROR_MALFORMED, "%s: holds no key", path);
}

struct root_keys *root_keys_read(const char *path, GError **error)
{
	struct root_keys_file file = { 0 };
	g_autoptr(secret_t) content = file_read(path, &file, error);
	if (!content)
		return NULL;
	struct root_keys *keys = root_keys_empty();
	file.path = g_strdup(path);
	*root_keys_file_of(keys) = file;
	if (!lines_read(keys, path, (const char *)secret_bytes(content), secret_length(content), error))
		g_clear_pointer(&keys, root_keys_free);
	return keys;
}

/* A new line, and behind it what there was (may be NULL). */
static struct secret *content_make(const char *id, const struct secret *before)
{
	uint8_t bytes[ROOT_KEY_SIZE];
	random_bytes(bytes, sizeof bytes);
	char *key = base64_encode(bytes, sizeof bytes);
	char *line = g_strdup_printf("%s %s\n%s", id, key, before ? (const char *)secret_bytes(before) : "");
	struct secret *content = secret_new(line, strlen(line));
	wipe(bytes, sizeof bytes);
	wipe(key, strlen(key));
	wipe(line, strlen(line));
	g_free(key);
	g_free(line);
	return content;
}

static bool all_written(int fd, const struct secret *content)
{
	const uint8_t *bytes = secret_bytes(content);
	size_t left = secret_length(content);
	while (left > 0) {
		ssize_t done = write(fd, bytes, left);
		if (done < 0 && errno != EINTR)
			return false;
		if (done > 0) {
			bytes += done;
			left -= (size_t)done;
		}
	}
	return fsync(fd) == 0;
}

static char *id_make(void)
{
	char reference[REFERENCE_SIZE];
	random_reference(reference);
	return g_strconcat("k", reference, NULL);
}

bool root_keys_create(const char *path, GError **error)
{
	g_autofree char *id = id_make(), *temporary = g_strconcat(path, ".XXXXXX", NULL);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
	g_autoptr(secret_t) content = content_make(id, NULL);
	bool made = fchmod(fd, 0600) == 0 && all_written(fd, content);
	made = close_keeping_errno(fd) && made && link(temporary, path) == 0;
	int reason = errno;
	unlink(temporary);
	if (!made && reason == EEXIST)
		return fail(error, ERROR_CONFLICT, "%s: exists already and is never overwritten", path);
	if (!made)
		return fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(reason));
	return folder_sync(path) || fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
}

/* Ours has its new line only if the file is still the one that was read, which the lock on that very file says: who changes it like this must have it. */
static bool file_exchange(int fd, const char *path, const char *id, const struct secret *before, GError **error)
{
	struct stat status;
	g_autofree char *temporary = g_strconcat(path, ".XXXXXX", NULL);
	int made_fd = fstat(fd, &status) == 0 ? mkostemp(temporary, O_CLOEXEC) : -1;
	if (made_fd < 0)
		return fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
	g_autoptr(secret_t) content = content_make(id, before);
	bool kept = fchmod(made_fd, 0600) == 0 && (status.st_uid == geteuid() || fchown(made_fd, status.st_uid, status.st_gid) == 0);
	bool made = kept && all_written(made_fd, content);
	made = close_keeping_errno(made_fd) && made && rename(temporary, path) == 0 && folder_sync(path);
	if (!made) {
		fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
		unlink(temporary);
	}
	return made;
}

static bool is_still(int fd, const char *path)
{
	struct stat opened, named;
	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool root_keys_rotate(const char *path, char **ret_id, GError **error)
{
	struct root_keys *now = root_keys_read(path, error);
	if (!now) /* a broken file is not made to look sound */
		return false;
	root_keys_free(now);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(error, ERROR_MALFORMED, "%s: %s", path, g_strerror(errno));
	g_autofree char *id = id_make();
	g_autoptr(secret_t) before = NULL;
	bool done = flock(fd, LOCK_EX | LOCK_NB) == 0 && is_still(fd, path)
		? (before = content_read(fd, path, error)) && file_exchange(fd, path, id, before, error)
		: fail(error, ERROR_CONFLICT, "%s: is being changed by somebody else just now", path);
	close(fd);
	if (done)
		*ret_id = g_steal_pointer(&id);
	return done;
}
