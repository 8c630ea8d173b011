// SPDX-License-Identifier: GPL-2.0-only
/*
 * The values of a sample of kvm-zap compare, and whether it was taken under the intended
 * policy. See compare.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "desk.h"

/* Times of one policy are two columns: the one that does not act does not grow. */
static const struct {
	const char *name;
	int count, and;
} values[] = {
	{ "ns", COUNT_FAST_NS, COUNT_SCOPED_NS },
	{ "update_ns", COUNT_UPDATE_NS, -1 },
	{ "stall_ns", COUNT_STALL_NS, -1 },
	{ "refaults", COUNT_REFAULTS, -1 },
	{ "sptes", COUNT_SPTES, -1 },
	{ "collateral", COUNT_COLLATERAL, -1 },
	{ "kept", COUNT_KEPT, -1 },
	{ "tables", COUNT_TABLES, -1 },
	{ "yields", COUNT_YIELDS, -1 },
};

void compare_names(struct compare *c)
{
	size_t i;

	c->names = desk_alloc(ARRAY_SIZE(values) * sizeof(*c->names));
	for (i = 0; i < ARRAY_SIZE(values); i++)
		c->names[i] = desk_copy(values[i].name);
	c->nr_values = ARRAY_SIZE(values);
}

void compare_add(struct compare_counts *sum, const struct desk_vm *before,
		 const struct desk_vm *after)
{
	static const enum desk_count monotonic[] = {
		COUNT_MEMSLOT_FAST, COUNT_MEMSLOT_SCOPED, COUNT_MMIO_FAST, COUNT_MMIO_SCOPED,
		COUNT_SPTES, COUNT_COLLATERAL, COUNT_KEPT, COUNT_TABLES, COUNT_YIELDS,
		COUNT_FAST_NS, COUNT_SCOPED_NS, COUNT_UPDATE_NS, COUNT_REFAULTS, COUNT_STALL_NS,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(monotonic); i++) {
		enum desk_count n = monotonic[i];

		if (after->n[n] < before->n[n])
			sum->shrank = true;
		else
			sum->n[n] += after->n[n] - before->n[n];
	}
}

int compare_follows(const struct compare *c, const struct desk_vm *vm, const char *word,
		    const char **expected)
{
	bool stock = !strcmp(word, "stock");

	*expected = stock ? vm->policy : word;
	if (!strcmp(*expected, "auto"))
		*expected = NULL;
	if ((stock || !strcmp(vm->by, "vm")) && !strcmp(vm->word, word))
		return DESK_OK;
	if (strcmp(vm->word, word))
		desk_say("%s: the word of pid %d is '%s', not '%s': somebody else writes it",
			 c->what, vm->tgid, vm->word, word);
	else
		desk_say("%s: '%s' does not reach pid %d, where '%s' decides: no comparison",
			 c->what, word, vm->tgid, vm->by);
	return DESK_NOT;
}

static int refuse(const struct compare *c, const struct compare_counts *grown,
		  const char *expected)
{
	bool fast = !strcmp(expected, "fast");
	uint64_t own = grown->n[fast ? COUNT_MEMSLOT_FAST : COUNT_MEMSLOT_SCOPED];
	uint64_t other = grown->n[fast ? COUNT_MEMSLOT_SCOPED : COUNT_MEMSLOT_FAST];

	if (!other)
		return DESK_OK;
	desk_say("%s: %lu of %lu invalidations should have used %s and used %s: no comparison",
		 c->what, other, own + other, expected, fast ? "scoped" : "fast");
	return DESK_NOT;
}

static double value(const struct compare_counts *grown, size_t i)
{
	double sum = grown->n[values[i].count];

	if (values[i].and >= 0)
		sum += grown->n[values[i].and];
	return sum;
}

int compare_take(struct compare *c, const struct compare_counts *grown, const char *expected,
		 struct compare_sample *sample)
{
	size_t i;

	if (grown->shrank) {
		desk_say("%s: counters decreased: cleared, or of another VM: no comparison",
			 c->what);
		return DESK_NOT;
	}
	if (expected && refuse(c, grown, expected))
		return DESK_NOT;
	sample->invalidations = grown->n[COUNT_MEMSLOT_FAST] + grown->n[COUNT_MEMSLOT_SCOPED];
	if (grown->n[COUNT_MMIO_FAST] || grown->n[COUNT_MMIO_SCOPED]) {
		sample->invalidations = 0;
		c->mixed++;
	} else if (!sample->invalidations) {
		c->empty++;
	}
	if (!sample->invalidations)
		return DESK_OK;
	for (i = 0; i < c->nr_values; i++) {
		if (i < ARRAY_SIZE(values))
			sample->values[i] = value(grown, i);
		sample->values[i] /= sample->invalidations;
	}
	return DESK_OK;
}
