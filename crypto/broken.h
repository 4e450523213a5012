/* What this floor does when OpenSSL fails where only a broken installation can make it fail: it says so and aborts, because every way of going
 * on would hand out a predictable secret or an unchecked answer (SECURITY KY-5). */
#pragma once
#include <glib.h>

G_NORETURN void crypto_broken(const char *what);
