/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics of samples, for kvm-zap compare and kvm-zap-bench. No sample is a NaN; units
 * are the caller's.
 */
#ifndef KVM_ZAP_COMPARE_STATS_H
#define KVM_ZAP_COMPARE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct summary {
	double median, min, max;
	double mad;		/* median of the absolute deviations from the median */
};

/* Sorts @v, which has @n samples, one at least. */
double stats_median(double *v, size_t n);
/* Leaves @v alone. */
void stats_summarize(const double *v, size_t n, struct summary *out);

/*
 * With fewer samples on either side there is no interval: of five, the smallest and the
 * largest do not enclose the median in 95 of 100 cases yet.
 */
#define STATS_ENOUGH	6

struct ratio {
	double ratio;		/* of the medians; infinite over a median of 0 */
	bool known;		/* false: there are no samples, or both medians are 0 */
	bool has_interval;
	double low, high;	/* 95 % of what resampling makes of the ratio lies within */
};

/*
 * The median of @v over that of @base, with a percentile bootstrap's interval. The same
 * samples and the same @seed make the same interval.
 */
void stats_ratio(const double *base, size_t nbase, const double *v, size_t n, uint64_t seed,
		 struct ratio *out);

/*
 * Whether @ratio shows a difference: it has an interval, which neither contains 1 nor
 * meets @same's, the ratio of two series that were made alike.
 */
bool stats_differs(const struct ratio *ratio, const struct ratio *same);

#endif
