/* Networks: what one stranger can have many of counts as one. */
#include "base/address.h"
#include "subjects.h"

#include <string.h>

static void networks(void **state)
{
	static const struct { const char *address; unsigned four, six; const char *network; } rows[] = {
		{ "192.0.2.77", 32, 64, "192.0.2.77" },
		{ "192.0.2.77", 24, 48, "192.0.2.0/24" },
		{ "::ffff:192.0.2.77", 32, 64, "192.0.2.77" },
		{ "2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64" },
		{ "2001:db8:1:2:3:4:5:6", 24, 48, "2001:db8:1::/48" },
		{ "::1", 32, 64, "::/64" },
		{ "", 32, 64, "" },
		{ NULL, 32, 64, "" },
		{ "fe80::1%eth0", 32, 64, "" },
		{ "192.0.2.077", 32, 64, "" },
		{ "192.0.2.77:80", 32, 64, "" },
	};
	char network[ADDRESS_NETWORK_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool found = address_network(rows[i].address, rows[i].four, rows[i].six, network);
		assert_string_equal(network, rows[i].network);
		assert_int_equal(found, rows[i].network[0] != 0);
	}
}

const struct CMUnitTest address_tests[] = { cmocka_unit_test(networks), TESTS_END };
