// SPDX-License-Identifier: GPL-2.0-only
/*
 * Medians and confidence intervals, of tools/kvm/compare/compare_stats.c: known vectors,
 * and how often the interval contains the truth. compare_test.sh builds and runs it.
 * KTAP.
 *
 * What breaks without it: noise is reported as a difference, or a difference as noise.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_stats.h"
#include "vm.h"

#define TRIALS	400

static int failed, points;

void vm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	exit(1);
}

static void check(const char *what, double got, double low, double high)
{
	/* Written so that a NaN fails. */
	if (got >= low && got <= high)
		return;
	printf("# %s: %g, not from %g to %g\n", what, got, low, high);
	failed++;
}

static void result(const char *what)
{
	static int before;

	printf("%sok %d %s\n", failed > before ? "not " : "", ++points, what);
	before = failed;
}

static void medians(void)
{
	double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 10 }, one[] = { 7 };
	double huge[] = { 1.7e308, 1.6e308 };
	const double far[] = { 1, 1000, 2, 3, 4 };
	struct summary sum;

	check("median of three", stats_median(odd, 3), 5, 5);
	check("median of four", stats_median(even, 4), 3.5, 3.5);
	check("median of one", stats_median(one, 1), 7, 7);
	check("median of what has no sum", stats_median(huge, 2), 1.6e308, 1.7e308);
	stats_summarize(far, 5, &sum);
	check("median", sum.median, 3, 3);
	check("min", sum.min, 1, 1);
	check("max", sum.max, 1000, 1000);
	check("mad", sum.mad, 1, 1);
	check("what it was", far[1], 1000, 1000);
	result("medians");
}

static void ratios(void)
{
	const double two[] = { 2, 2, 2, 2, 2, 2 }, one[] = { 1, 1, 1, 1, 1, 1 }, none[6] = { };
	const double more[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct ratio r, again, other;

	stats_ratio(two, 6, one, 6, 1, &r);
	check("ratio", r.ratio, 0.5, 0.5);
	check("low", r.low, 0.5, 0.5);
	check("high", r.high, 0.5, 0.5);
	stats_ratio(two, 6, one, 5, 1, &r);
	check("an interval of five", r.has_interval, 0, 0);
	check("ratio of five", r.ratio, 0.5, 0.5);
	stats_ratio(two, 6, none, 6, 1, &r);
	check("nothing of something", r.ratio, 0, 0);
	check("its interval", r.has_interval && !r.low && !r.high, 1, 1);
	stats_ratio(none, 6, none, 6, 1, &r);
	check("nothing of nothing", r.known, 0, 0);
	stats_ratio(none, 6, one, 6, 1, &r);
	check("something of nothing", r.known && isinf(r.ratio) && isinf(r.low), 1, 1);
	stats_ratio(two, 6, one, 0, 1, &r);
	check("no sample", r.known, 0, 0);
	stats_ratio(more, 7, more, 7, 1, &r);
	stats_ratio(more, 7, more, 7, 1, &again);
	stats_ratio(more, 7, more, 7, 2, &other);
	check("the same seed", r.low == again.low && r.high == again.high, 1, 1);
	check("wide", r.low < 0.6 && r.high > 1.6, 1, 1);
	check("another seed", fabs(other.low - r.low), 0, 0.2);
	result("ratios");
}

static struct ratio between(double low, double high)
{
	struct ratio r = { .ratio = low, .known = true, .has_interval = true, .low = low };

	r.high = high;
	return r;
}

static void differences(void)
{
	struct ratio same = between(0.9, 1.1), odd = between(1.2, 1.3), none = { .known = true };
	struct ratio r = between(0.5, 0.8);

	check("a half", stats_differs(&r, &same), 1, 1);
	check("a half, without noise", stats_differs(&r, &none), 1, 1);
	check("no interval", stats_differs(&none, &same), 0, 0);
	r = between(0.5, 0.95);
	check("meets the noise", stats_differs(&r, &same), 0, 0);
	r = between(1.05, 1.5);
	check("meets the noise, larger", stats_differs(&r, &same), 0, 0);
	r = between(1.15, 1.5);
	check("larger", stats_differs(&r, &same), 1, 1);
	r = between(0.95, 1.05);
	check("has 1 in it, the noise has not", stats_differs(&r, &odd), 0, 0);
	result("differences");
}

/* Normal by Box and Muller, from a generator that is not the one under test. */
static double draw(double median, double sigma)
{
	static uint64_t state = 20261128;
	double u[2];
	int i;

	for (i = 0; i < 2; i++) {
		state = state * 6364136223846793005ULL + 1442695040888963407ULL;
		u[i] = ((state >> 11) + 0.5) / (1ULL << 53);
	}
	return median * exp(sigma * sqrt(-2 * log(u[0])) * cos(2 * M_PI * u[1]));
}

struct trials {
	double covered, differ;		/* shares of all */
};

static struct trials try(size_t n, double truth)
{
	struct trials trials = { };
	double a[64], b[32];
	struct ratio r, same;
	size_t i;
	int t;

	for (t = 0; t < TRIALS; t++) {
		for (i = 0; i < 2 * n; i++)
			a[i] = draw(1000, 0.2);
		for (i = 0; i < n; i++)
			b[i] = draw(1000 * truth, 0.2);
		stats_ratio(a, n, a + n, n, t, &same);
		stats_ratio(a, 2 * n, b, n, t, &r);
		trials.covered += r.low <= truth && truth <= r.high;
		trials.differ += stats_differs(&r, &same);
	}
	trials.covered /= TRIALS;
	trials.differ /= TRIALS;
	return trials;
}

static void try_sizes(void)
{
	static const size_t sizes[] = { STATS_ENOUGH, 10, 25 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct trials half = try(sizes[i], 0.5), same = try(sizes[i], 1);

		printf("# of %zu: covers %.3f, %.3f; differ: of a half %.3f, of the same %.3f\n",
		       sizes[i], half.covered, same.covered, half.differ, same.differ);
		check("coverage of a half", half.covered, 0.93, 0.99);
		check("coverage of the same", same.covered, 0.93, 0.99);
		check("a half differs", half.differ, sizes[i] < 10 ? 0.75 : 0.95, 1);
		check("the same does not", same.differ, 0, 0.03);
	}
	result("the interval has the truth in it in 95 of 100 cases");
}

int main(void)
{
	printf("TAP version 13\n1..4\n");
	medians();
	ratios();
	differences();
	try_sizes();
	return failed ? 1 : 0;
}
