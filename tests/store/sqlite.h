#pragma once
#include "conformance.h"

extern const struct backend sqlite_backend;
