/* Syncing a folder: fsync of a file says nothing of its name. */
#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

bool folder_sync(const char *file)
{
	g_autofree char *folder = g_path_get_dirname(file);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool synced = fsync(fd) == 0;
	int failure = errno;
	close(fd);
	errno = failure;
	return synced;
}
