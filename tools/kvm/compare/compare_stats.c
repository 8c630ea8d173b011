// SPDX-License-Identifier: GPL-2.0-only
/*
 * Medians and confidence intervals. See compare_stats.h.
 *
 * The bootstrap is Efron's percentile method: on both sides, draw as many samples as
 * there are, with replacement; take the ratio of the medians; repeat this many times. The
 * interval spans the middle 95 % of these ratios. It uses medians, because a disturbed
 * sample may be arbitrarily large. It uses the ratio of medians and not the median of
 * ratios, because samples of two policies do not form pairs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare_stats.h"
#include "vm.h"

#define RESAMPLES	4000

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void *must(void *p)
{
	if (!p)
		vm_die("out of memory");
	return p;
}

static double *sorted(const double *v, size_t n)
{
	double *copy = must(malloc((n + 1) * sizeof(*v)));

	memcpy(copy, v, n * sizeof(*v));
	qsort(copy, n, sizeof(*v), compare);
	return copy;
}

double stats_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : v[n / 2 - 1] + (v[n / 2] - v[n / 2 - 1]) / 2;
}

void stats_summarize(const double *v, size_t n, struct summary *out)
{
	double *copy = sorted(v, n);
	size_t i;

	out->median = stats_median(copy, n);
	out->min = copy[0];
	out->max = copy[n - 1];
	for (i = 0; i < n; i++)
		copy[i] = fabs(copy[i] - out->median);
	out->mad = stats_median(copy, n);
	free(copy);
}

/* SplitMix64: any seed does. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* One of 0 to @n - 1, which is far below 2^32. */
static size_t draw_below(uint64_t *state, size_t n)
{
	return (draw(state) >> 32) * n >> 32;
}

/* The median of @n samples drawn from @v, which is sorted. @hits has room for @n. */
static double resample(const double *v, size_t n, unsigned int *hits, uint64_t *state)
{
	size_t i, seen, lower = (n - 1) / 2, upper = n / 2;
	double low = 0;

	memset(hits, 0, n * sizeof(*hits));
	for (i = 0; i < n; i++)
		hits[draw_below(state, n)]++;
	for (i = 0, seen = 0; i < n; i++) {
		if (seen <= lower && lower < seen + hits[i])
			low = v[i];
		seen += hits[i];
		if (upper < seen)
			return low + (v[i] - low) / 2;
	}
	return low;
}

/* Nothing over nothing is the same. */
static double divide(double a, double b)
{
	return b ? a / b : a ? INFINITY : 1;
}

static void interval(const double *base, size_t nbase, const double *v, size_t n,
		     uint64_t seed, struct ratio *out)
{
	unsigned int *hits = must(calloc(n > nbase ? n : nbase, sizeof(*hits)));
	double *ratios = must(calloc(RESAMPLES, sizeof(*ratios)));
	unsigned int i;

	for (i = 0; i < RESAMPLES; i++) {
		double below = resample(base, nbase, hits, &seed);

		ratios[i] = divide(resample(v, n, hits, &seed), below);
	}
	qsort(ratios, RESAMPLES, sizeof(*ratios), compare);
	out->low = ratios[RESAMPLES / 40];
	out->high = ratios[RESAMPLES - 1 - RESAMPLES / 40];
	out->has_interval = true;
	free(ratios);
	free(hits);
}

void stats_ratio(const double *base, size_t nbase, const double *v, size_t n, uint64_t seed,
		 struct ratio *out)
{
	double *below = sorted(base, nbase), *above = sorted(v, n);
	double a = n ? stats_median(above, n) : 0, b = nbase ? stats_median(below, nbase) : 0;

	memset(out, 0, sizeof(*out));
	out->known = n && nbase && (a || b);
	if (out->known)
		out->ratio = divide(a, b);
	if (out->known && n >= STATS_ENOUGH && nbase >= STATS_ENOUGH)
		interval(below, nbase, above, n, seed, out);
	free(below);
	free(above);
}

bool stats_differs(const struct ratio *ratio, const struct ratio *same)
{
	if (!ratio->has_interval || (ratio->low <= 1 && ratio->high >= 1))
		return false;
	/* What two series alike differ by is noise, however sure each is. */
	return !same->has_interval || ratio->high < same->low || ratio->low > same->high;
}
