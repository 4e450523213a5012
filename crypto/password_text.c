/* Stored password strings of ours: the PHC form of Argon2id, read strictly, and the bounds of its cost. The cost in a row decides how long a
 * verification takes, so it is held to the ceiling here, before any memory is touched. */
#include "base/encoding.h"
#include "base/errors.h"
#include "crypto/password_internal.h"
#include "crypto/root_keys_internal.h"
#include <string.h>

uint64_t password_cost_work(const struct password_cost *cost)
{
	return (uint64_t)cost->memory_kib * cost->iterations;
}

bool password_cost_is_bearable(const struct password_cost *cost)
{
	/* RFC 9106 section 3.1: at least eight blocks a lane. */
	return cost->parallelism >= 1 && cost->parallelism <= PASSWORD_LANES_MAX && cost->iterations >= 1 &&
	       cost->iterations <= PASSWORD_ITERATIONS_MAX && cost->memory_kib >= 8 * cost->parallelism &&
	       cost->memory_kib <= PASSWORD_MEMORY_MAX_KIB && password_cost_work(cost) <= PASSWORD_WORK_MAX;
}

bool password_cost_check(const struct password_cost *cost, bool floor, GError **error)
{
	if (!password_cost_is_bearable(cost))
		return fail(error, ERROR_MALFORMED,
		            "password_hash: m=%u KiB, t=%u, p=%u is out of bounds (at most 1 GiB, 16 iterations, 4 lanes, 2 GiB times iterations)",
		            cost->memory_kib, cost->iterations, cost->parallelism);
	bool enough = cost->memory_kib >= 19456 && (cost->iterations >= 2 || cost->memory_kib >= 47104);
	if (floor && !enough)
		return fail(error, ERROR_MALFORMED, "password_hash: m=%u KiB, t=%u is under the floor of m=19456 KiB, t=2 (or m=47104 KiB, t=1)",
		            cost->memory_kib, cost->iterations);
	return true;
}

bool phc_number_read(const char **text, uint32_t max, uint32_t *ret_number)
{
	const char *digit = *text;
	uint64_t number = 0;
	if (!g_ascii_isdigit(*digit) || (*digit == '0' && g_ascii_isdigit(digit[1])))
		return false;
	for (; g_ascii_isdigit(*digit); digit++) {
		number = number * 10 + (uint64_t)(*digit - '0');
		if (number > max)
			return false;
	}
	*text = digit;
	*ret_number = (uint32_t)number;
	return true;
}

bool phc_bytes_decode(const char *text, size_t length, bool also_dot, uint8_t *out, size_t capacity, size_t *ret_length)
{
	char padded[PASSWORD_STORED_MAX + 4];
	if (length == 0 || length > PASSWORD_STORED_MAX || memchr(text, '=', length))
		return false;
	memcpy(padded, text, length);
	for (size_t i = 0; also_dot && i < length; i++)
		if (padded[i] == '.')
			padded[i] = '+';
	while (length % 4)
		padded[length++] = '=';
	return base64_decode(padded, length, out, capacity, ret_length);
}

static bool expect(const char **text, const char *word)
{
	size_t length = strlen(word);
	if (strncmp(*text, word, length) != 0)
		return false;
	*text += length;
	return true;
}

static bool key_id_read(const char **text, char key_id[ROOT_KEY_ID_MAX + 1])
{
	key_id[0] = '\0';
	if (!expect(text, ",keyid="))
		return true;
	size_t length = strcspn(*text, "$,");
	if (length > ROOT_KEY_ID_MAX)
		return false;
	memcpy(key_id, *text, length);
	key_id[length] = '\0';
	*text += length;
	return root_key_id_is_valid(key_id);
}

bool stored_argon2_parse(const char *text, struct stored_argon2 *ret_stored)
{
	struct stored_argon2 stored;
	if (strnlen(text, PASSWORD_STORED_MAX + 1) > PASSWORD_STORED_MAX)
		return false;
	bool costs = expect(&text, "$argon2id$v=19$m=") && phc_number_read(&text, PASSWORD_MEMORY_MAX_KIB, &stored.cost.memory_kib) &&
	             expect(&text, ",t=") && phc_number_read(&text, PASSWORD_ITERATIONS_MAX, &stored.cost.iterations) && expect(&text, ",p=") &&
	             phc_number_read(&text, PASSWORD_LANES_MAX, &stored.cost.parallelism) && password_cost_is_bearable(&stored.cost);
	if (!costs || !key_id_read(&text, stored.key_id) || !expect(&text, "$"))
		return false;
	const char *tag = strchr(text, '$');
	if (!tag || !phc_bytes_decode(text, (size_t)(tag - text), false, stored.salt, sizeof stored.salt, &stored.salt_length) ||
	    !phc_bytes_decode(tag + 1, strlen(tag + 1), false, stored.tag, sizeof stored.tag, &stored.tag_length) || stored.salt_length < 8 ||
	    stored.tag_length < 16)
		return false;
	*ret_stored = stored;
	return true;
}

static char *phc_bytes_encode(const uint8_t *bytes, size_t length)
{
	char *text = base64_encode(bytes, length);
	text[strcspn(text, "=")] = '\0';
	return text;
}

char *stored_argon2_write(const struct stored_argon2 *stored)
{
	g_autofree char *salt = phc_bytes_encode(stored->salt, stored->salt_length);
	g_autofree char *tag = phc_bytes_encode(stored->tag, stored->tag_length);
	return g_strdup_printf("$argon2id$v=19$m=%u,t=%u,p=%u%s%s$%s$%s", stored->cost.memory_kib, stored->cost.iterations,
	                       stored->cost.parallelism, stored->key_id[0] ? ",keyid=" : "", stored->key_id, salt, tag);
}
