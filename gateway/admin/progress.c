/* How far a long work is: on a terminal, and in nobody's pipe (CONTRACT section 1). */
#include "gateway/admin/verbs.h"

#include <unistd.h>

void progress_step(int64_t done, int64_t all, void *data)
{
	struct progress *progress = data;
	int percent = all > 0 ? (int)(done * 100 / all) : 100;
	if ((progress->shown && percent == progress->percent) || !isatty(STDERR_FILENO))
		return;
	progress->shown = true;
	progress->percent = percent;
	fprintf(stderr, "\r%s: %3d %%", progress->what, percent);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
