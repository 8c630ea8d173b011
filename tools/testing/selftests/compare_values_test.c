// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/compare/compare_values.c makes of a VM's counts: which count is which
 * value, and which runs are no comparison. compare_test.sh builds and runs it. KTAP.
 *
 * What breaks without it: a value has another one's figures, or what another policy did,
 * or another VM, is taken for the policy's own.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "desk.h"
#include "unit.h"

/* The count that zap/vms calls @name: each of the example has another number. */
static uint64_t count(const struct compare_counts *counts, const char *name)
{
	int i;

	for (i = 0; i < DESK_NR_COUNTS; i++)
		if (!strcmp(desk_count_names[i], name))
			return counts->n[i];
	ktap_check(false, "zap/vms has no '%s'", name);
	return 0;
}

/* So many of each policy at site memslot; of all other columns a number of their own. */
static struct compare_counts example(uint64_t fast, uint64_t scoped)
{
	struct compare_counts counts = { };
	int i;

	for (i = 0; i < DESK_NR_COUNTS; i++)
		counts.n[i] = 1000 + 100 * i;
	counts.n[COUNT_MEMSLOT_FAST] = fast;
	counts.n[COUNT_MEMSLOT_SCOPED] = scoped;
	counts.n[COUNT_MMIO_FAST] = 0;
	counts.n[COUNT_MMIO_SCOPED] = 0;
	return counts;
}

static struct compare new_compare(void)
{
	struct compare c = { .what = desk_copy("db (pid 7)") };

	compare_names(&c);
	return c;
}

static int take(struct compare *c, const struct compare_counts *counts, const char *expected,
		struct compare_sample *sample)
{
	*sample = (struct compare_sample){ };
	sample->values = desk_alloc(c->nr_values * sizeof(*sample->values));
	return compare_take(c, counts, expected, sample);
}

static void values(void)
{
	struct compare_counts counts = example(3, 1);
	struct compare c = new_compare();
	struct compare_sample s;
	size_t i;

	ktap_equal("taken", take(&c, &counts, NULL, &s), DESK_OK);
	ktap_equal("invalidations", s.invalidations, 4);
	for (i = 0; i < c.nr_values; i++) {
		uint64_t n = strcmp(c.names[i], "ns") ? count(&counts, c.names[i]) :
			     count(&counts, "fast_ns") + count(&counts, "scoped_ns");

		ktap_check(s.values[i] == n / 4.0, "%s: %g, expected %g", c.names[i], s.values[i],
			   n / 4.0);
	}
	ktap_equal("names", c.nr_values, 9);
	ktap_result("a value is the count of its name, for each invalidation");
}

static void policies(void)
{
	struct compare_counts fast = example(5, 0), scoped = example(0, 5), both = example(5, 1);
	struct compare_counts none = example(0, 0), mixed = example(5, 0), last = example(5, 0);
	struct compare c = new_compare();
	struct compare_sample s;

	ktap_equal("fast by fast", take(&c, &fast, "fast", &s), DESK_OK);
	ktap_equal("scoped by scoped", take(&c, &scoped, "scoped", &s), DESK_OK);
	ktap_equal("whatever it was", take(&c, &both, NULL, &s), DESK_OK);
	ktap_equal("fast by scoped", take(&c, &fast, "scoped", &s), DESK_NOT);
	ktap_equal("scoped by fast", take(&c, &scoped, "fast", &s), DESK_NOT);
	ktap_equal("one of six by scoped", take(&c, &both, "fast", &s), DESK_NOT);
	ktap_equal("five of six by fast", take(&c, &both, "scoped", &s), DESK_NOT);
	ktap_equal("empty before", c.empty, 0);
	ktap_equal("none", take(&c, &none, "fast", &s), DESK_OK);
	ktap_equal("invalidations of none", s.invalidations, 0);
	ktap_equal("empty", c.empty, 1);
	mixed.n[COUNT_MMIO_FAST] = 1;
	ktap_equal("with one at site mmio", take(&c, &mixed, "fast", &s), DESK_OK);
	ktap_equal("its invalidations", s.invalidations, 0);
	last.n[COUNT_MMIO_SCOPED] = 1;
	ktap_equal("scoped at site mmio", take(&c, &last, "fast", &s), DESK_OK);
	ktap_equal("its invalidations", s.invalidations, 0);
	ktap_equal("mixed", c.mixed, 2);
	ktap_equal("still empty", c.empty, 1);
	ktap_result("what another policy did is no comparison, what another site did no sample");
}

/* Two VMs grow; a count that shrinks is not theirs any more, whichever it is. */
static void sums(void)
{
	struct desk_vm before = { }, after = { };
	struct compare_counts sum = { };
	struct compare c = new_compare();
	struct compare_sample s;
	int i;

	for (i = 0; i < DESK_NR_COUNTS; i++) {
		before.n[i] = 10 * i + 5;
		after.n[i] = 12 * i + 6;
	}
	compare_add(&sum, &before, &after);
	compare_add(&sum, &before, &after);
	ktap_equal("shrank", sum.shrank, 0);
	ktap_equal("fast", sum.n[COUNT_MEMSLOT_FAST], 2);
	ktap_equal("refaults", sum.n[COUNT_REFAULTS], 4 * COUNT_REFAULTS + 2);
	/* A gauge may go down, and the longest is no sum. */
	after.n[COUNT_MAPPED] = 0;
	compare_add(&sum, &before, &after);
	ktap_equal("mapped shrank", sum.shrank, 0);
	for (i = 0; i < DESK_NR_COUNTS; i++) {
		struct compare_counts one = { };
		uint64_t n = after.n[i];

		if (strstr(desk_count_names[i], "max") || i == COUNT_MAPPED ||
		    i == COUNT_ASSIGNED || i == COUNT_NONCOHERENT || i == COUNT_UPDATES)
			continue;
		after.n[i] = before.n[i] - 1;
		compare_add(&one, &before, &after);
		ktap_equal(desk_count_names[i], one.shrank, 1);
		ktap_equal("refused", take(&c, &one, NULL, &s), DESK_NOT);
		after.n[i] = n;
	}
	ktap_result("the growth of VMs is added up, and what shrinks is refused");
}

static int follows(const char *word, const char *of_vm, const char *by, const char *policy,
		   const char **expected)
{
	struct compare c = new_compare();
	struct desk_vm vm = { .tgid = 7 };

	snprintf(vm.word, sizeof(vm.word), "%s", of_vm);
	snprintf(vm.by, sizeof(vm.by), "%s", by);
	snprintf(vm.policy, sizeof(vm.policy), "%s", policy);
	*expected = "unset";
	if (compare_follows(&c, &vm, word, expected))
		return DESK_NOT;
	/* The row's own does not live as long. */
	*expected = !*expected ? "any" : !strcmp(*expected, "fast") ? "fast" : "scoped";
	return DESK_OK;
}

static void words(void)
{
	const char *expected;

	ktap_equal("scoped", follows("scoped", "scoped", "vm", "scoped", &expected), DESK_OK);
	ktap_equal("is scoped", !strcmp(expected, "scoped"), 1);
	ktap_equal("fast", follows("fast", "fast", "vm", "fast", &expected), DESK_OK);
	ktap_equal("is fast", !strcmp(expected, "fast"), 1);
	ktap_equal("auto", follows("auto", "auto", "vm", "scoped", &expected), DESK_OK);
	ktap_equal("is either", !strcmp(expected, "any"), 1);
	ktap_equal("stock", follows("stock", "stock", "kernel", "fast", &expected), DESK_OK);
	ktap_equal("is what the kernel does", !strcmp(expected, "fast"), 1);
	ktap_equal("another word", follows("scoped", "fast", "vm", "fast", &expected), DESK_NOT);
	ktap_equal("stock, another word",
		   follows("stock", "fast", "vm", "fast", &expected), DESK_NOT);
	ktap_equal("a type's", follows("scoped", "scoped", "type", "fast", &expected), DESK_NOT);
	ktap_equal("a device's", follows("scoped", "scoped", "dma", "fast", &expected), DESK_NOT);
	ktap_result("a word has to reach the VM, and says what its invalidations are");
}

int main(void)
{
	/* desk_say() is not looked at here. */
	unit_quiet();
	ktap_start(4);
	values();
	policies();
	sums();
	words();
	return ktap_end();
}
