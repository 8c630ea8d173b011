// SPDX-License-Identifier: GPL-2.0-only
/*
 * Medians and confidence intervals, of tools/kvm/compare/compare_stats.c: known vectors,
 * and how often the interval contains the truth. compare_test.sh builds and runs it.
 * KTAP.
 *
 * What breaks without it: noise is reported as a difference, or a difference as noise.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare_stats.h"
#include "unit.h"

#define TRIALS	400

static void within(const char *what, double got, double low, double high)
{
	/* Written so that a NaN fails. */
	ktap_check(got >= low && got <= high, "%s: %g, expected %g to %g", what, got, low, high);
}

static void medians(void)
{
	double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 10 }, one[] = { 7 };
	double huge[] = { 1.7e308, 1.6e308 };
	const double far[] = { 1, 1000, 2, 3, 4 };
	struct summary sum;

	within("median of three", stats_median(odd, 3), 5, 5);
	within("median of four", stats_median(even, 4), 3.5, 3.5);
	within("median of one", stats_median(one, 1), 7, 7);
	within("median of what has no sum", stats_median(huge, 2), 1.6e308, 1.7e308);
	stats_summarize(far, 5, &sum);
	within("median", sum.median, 3, 3);
	within("min", sum.min, 1, 1);
	within("max", sum.max, 1000, 1000);
	within("mad", sum.mad, 1, 1);
	within("what it was", far[1], 1000, 1000);
	ktap_result("medians");
}

static void ratios(void)
{
	const double two[] = { 2, 2, 2, 2, 2, 2 }, one[] = { 1, 1, 1, 1, 1, 1 }, none[6] = { };
	const double more[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct ratio r, again, other;

	stats_ratio(two, 6, one, 6, 1, &r);
	within("ratio", r.ratio, 0.5, 0.5);
	within("low", r.low, 0.5, 0.5);
	within("high", r.high, 0.5, 0.5);
	stats_ratio(two, 6, one, 5, 1, &r);
	ktap_equal("an interval of five", r.has_interval, false);
	within("ratio of five", r.ratio, 0.5, 0.5);
	stats_ratio(two, 6, none, 6, 1, &r);
	within("nothing of something", r.ratio, 0, 0);
	ktap_equal("its interval", r.has_interval && !r.low && !r.high, true);
	stats_ratio(none, 6, none, 6, 1, &r);
	ktap_equal("nothing of nothing", r.known, false);
	stats_ratio(none, 6, one, 6, 1, &r);
	ktap_equal("something of nothing", r.known && isinf(r.ratio) && isinf(r.low), true);
	stats_ratio(two, 6, one, 0, 1, &r);
	ktap_equal("no sample", r.known, false);
	stats_ratio(more, 7, more, 7, 1, &r);
	stats_ratio(more, 7, more, 7, 1, &again);
	stats_ratio(more, 7, more, 7, 2, &other);
	ktap_equal("the same seed", r.low == again.low && r.high == again.high, true);
	ktap_equal("wide", r.low < 0.6 && r.high > 1.6, true);
	within("another seed", fabs(other.low - r.low), 0, 0.2);
	ktap_result("ratios");
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

	ktap_equal("a half", stats_differs(&r, &same), true);
	ktap_equal("a half, without noise", stats_differs(&r, &none), true);
	ktap_equal("no interval", stats_differs(&none, &same), false);
	r = between(0.5, 0.95);
	ktap_equal("meets the noise", stats_differs(&r, &same), false);
	r = between(1.05, 1.5);
	ktap_equal("meets the noise, larger", stats_differs(&r, &same), false);
	r = between(1.15, 1.5);
	ktap_equal("larger", stats_differs(&r, &same), true);
	r = between(0.95, 1.05);
	ktap_equal("has 1 in it, the noise has not", stats_differs(&r, &odd), false);
	ktap_result("differences");
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

		ktap_diag("of %zu: covers %.3f, %.3f; differ: of a half %.3f, of the same %.3f",
			  sizes[i], half.covered, same.covered, half.differ, same.differ);
		within("coverage of a half", half.covered, 0.93, 0.99);
		within("coverage of the same", same.covered, 0.93, 0.99);
		within("a half differs", half.differ, sizes[i] < 10 ? 0.75 : 0.95, 1);
		within("the same does not", same.differ, 0, 0.03);
	}
	ktap_result("the interval has the truth in it in 95 of 100 cases");
}

int main(void)
{
	ktap_start(4);
	medians();
	ratios();
	differences();
	try_sizes();
	return ktap_end();
}
