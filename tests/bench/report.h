/* The table and its JSON. A row is one figure, with the ceiling measured beside it in every round; ratios are made within a round, then the median is taken. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define ROUNDS_MAX 15

enum direction { AT_LEAST, AT_MOST };

struct row {
	const char *key, *what;    /* machine and human name */
	const char *unit, *bound_name;
	double value[ROUNDS_MAX], bound[ROUNDS_MAX];
	size_t rounds;
	/* How the ratio is made: bound / value where both are costs (a share of the ceiling), value / bound where it is a multiple of it. */
	bool multiple;
	enum direction direction;
	double target;             /* of the ratio; of the value itself where there is no bound; 0: none */
	const char *note;
	double rate;               /* operations a second, of the last round; 0: not said */
};

void row_add(struct row *row, double value, double bound);
double row_ratio(const struct row *row);
double row_value(const struct row *row);
bool row_good(const struct row *row);
void report_print(const struct row *rows, size_t count, bool json);
