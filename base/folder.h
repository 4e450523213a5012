/* Files that must outlive a power cut. */
#pragma once
#include <stdbool.h>

/* Makes the name of a file durable: without it, a power cut could take a name away again that was given a moment ago. False with errno. */
bool folder_sync(const char *file);
