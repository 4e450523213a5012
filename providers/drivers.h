/* The drivers, for registry.c: one a file. */
#pragma once
#include "providers/provider.h"

extern const struct provider_driver provider_local;
