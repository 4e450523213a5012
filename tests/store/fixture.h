/* Stores as released versions wrote them, kept in fixtures/: every later version must open and read them. */
#pragma once
#include "support.h"

/* Fills a new store at this address with everything of this version: two tenants, every table. */
void fixture_make(const char *folder);
