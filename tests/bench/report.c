/* Printing: see report.h. */
#include "report.h"
#include "lab.h"
#include <stdio.h>
#include <unistd.h>

void row_add(struct row *row, double value, double bound)
{
	if (row->rounds == ROUNDS_MAX)
		return;
	row->value[row->rounds] = value;
	row->bound[row->rounds++] = bound;
}

double row_value(const struct row *row)
{
	return median(row->value, row->rounds);
}

double row_ratio(const struct row *row)
{
	double ratios[ROUNDS_MAX] = { 0 };
	for (size_t i = 0; i < row->rounds; i++) {
		double above = row->multiple ? row->value[i] : row->bound[i], below = row->multiple ? row->bound[i] : row->value[i];
		ratios[i] = below > 0 ? above / below : 0;
	}
	return median(ratios, row->rounds);
}

bool row_good(const struct row *row)
{
	double seen = row->bound_name ? row_ratio(row) : row_value(row);
	return row->target <= 0 || (row->direction == AT_LEAST ? seen >= row->target : seen <= row->target);
}

static void print_json_row(const struct row *row)
{
	printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"", row->key, row_value(row), row->unit);
	if (row->bound_name)
		printf(",\"ceiling\":%.3f,\"ratio\":%.4f", median(row->bound, row->rounds), row_ratio(row));
	if (row->rate > 0)
		printf(",\"per_second\":%.0f", row->rate);
	if (row->target > 0)
		printf(",\"target\":%.3f,\"good\":%s", row->target, row_good(row) ? "true" : "false");
	printf(",\"rounds\":%zu}", row->rounds);
}

static void print_text_row(const struct row *row)
{
	char bound[64] = "", ratio[32] = "", target[32] = "";
	if (row->bound_name) {
		g_snprintf(bound, sizeof bound, "%.1f %s", median(row->bound, row->rounds), row->bound_name);
		g_snprintf(ratio, sizeof ratio, row->multiple ? "%.1f x" : "%.0f %%", row_ratio(row) * (row->multiple ? 1 : 100));
	}
	if (row->target > 0)
		g_snprintf(target, sizeof target, row->multiple || !row->bound_name ? "%s %.3g" : "%s %.0f %%", row->direction == AT_LEAST ? ">=" : "<=",
			row->target * (row->multiple || !row->bound_name ? 1 : 100));
	printf("%-50s %9.2f %-9s %-42s %7s %8s  %s", row->what, row_value(row), row->unit, bound, ratio, target,
		row->target <= 0 ? "" : row_good(row) ? "ok" : "SHORT");
	if (row->rate > 0)
		printf("  %.0f/s", row->rate);
	printf("%s%s\n", row->note ? "  " : "", row->note ? row->note : "");
}

void report_print(const struct row *rows, size_t count, bool json)
{
	if (!json)
		printf("%-50s %9s %-9s %-42s %7s %8s\n", "what", "reached", "", "ceiling in the same rounds", "ratio", "target");
	else
		printf("[");
	for (size_t i = 0; i < count; i++) {
		if (!rows[i].rounds)
			continue;
		if (json) {
			printf("%s", i ? ",\n " : "");
			print_json_row(&rows[i]);
		} else {
			print_text_row(&rows[i]);
		}
	}
	if (json)
		printf("]\n");
}
