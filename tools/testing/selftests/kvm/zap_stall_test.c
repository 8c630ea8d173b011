// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stall of vCPUs: how long each vCPU spends in page faults soon after an
 * invalidation, with parameter zap_stall. The lower limit is the time for which this test
 * withholds a page that a vCPU waits for; the upper limit is the time that the VMM's
 * thread spent in KVM_RUN. No other VM may run on the host meanwhile.
 *
 * What breaks without it: the operator is told that invalidations make vCPUs stand still
 * when they do not, or that they do not when they do.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_hold.h"
#include "zap_lib.h"
#include "zap_small_vm.h"
#include "zap_tracing.h"

/* Long enough for a slow machine to do all of a case in, short enough to wait for. */
#define WINDOW_MS	3000
#define SHORT_MS	1000	/* a window that a fault outlives */
#define HELD_MS		50
#define NR_VCPUS	2

#define HOLD_SLOT	TABLES
#define HOLD_GPA	(VM_ROM_GPA + 2 * SZ_1M)

struct stalls {
	uint64_t sum, max, vcpus;
	uint64_t buckets[ZAP_NS_BUCKETS];
};

static struct small_vm t;
static struct vcpu *vcpus[NR_VCPUS];
static struct hold hold;
static unsigned int next_page;	/* that was not held yet */
static uint64_t in_run_ns;	/* of all vCPUs since the last window opened */

static void set(const char *name, const char *word)
{
	if (kvm_param_set(ZAP_MODULE, name, word))
		vm_die("'%s' > parameter %s", word, name);
}

static void stall_on(void)
{
	set("zap_stall", "1");
}

static void stall_off(void)
{
	set("zap_stall", "0");
}

static void stall_off_and_on(void)
{
	stall_off();
	stall_on();
}

static void get(struct stalls *s)
{
	s->sum = zap_stat(t.vm, "zap_stall_ns");
	s->max = zap_stat(t.vm, "zap_stall_max_ns");
	s->vcpus = zap_hist(t.vm, "zap_stall_ns_hist", s->buckets, ZAP_NS_BUCKETS);
}

static uint64_t windows(void)
{
	uint64_t buckets[ZAP_REFAULTS_BUCKETS];

	return zap_hist(t.vm, "zap_refaults_hist", buckets, ZAP_REFAULTS_BUCKETS);
}

static void wait_windows(uint64_t nr)
{
	unsigned int i;

	for (i = 0; i < 300 && windows() < nr; i++)
		zap_sleep_ms(50);
	ktap_equal("windows", windows(), nr);
}

static void create(void)
{
	zap_set_window(0);
	stall_off();
	zap_policy("fast");
	small_vm_create(&t, VM_4K);
	hold_create(&hold);
	vcpus[0] = t.vcpu;
	vcpus[1] = vcpu_create(t.vm, 1);
	guest_pt_map(t.vm->pt, HOLD_GPA, HOLD_GPA, SZ_2M, VM_4K);
	vm_set_slot(t.vm, HOLD_SLOT, 0, HOLD_GPA, HOLD_PAGES * SZ_4K, hold.mem);
	small_vm_touch(&t);
	vcpu_read(vcpus[1], VM_RAM_GPA, SZ_4K);
	next_page = 0;
}

static void destroy(void)
{
	hold_destroy(&hold);
	small_vm_destroy(&t);
}

/* The ROM goes, which opens a window of @ms, and comes back. */
static void open_window(unsigned int ms)
{
	zap_set_window(ms);
	vm_delete_slot(t.vm, ROM);
	vm_set_slot(t.vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t.rom);
	in_run_ns = 0;
}

static struct guest_op read_of(unsigned int page)
{
	return (struct guest_op){
		.op = GUEST_OP_READ, .start = HOLD_GPA + page * SZ_4K, .bytes = SZ_4K,
	};
}

/* A vCPU faults on a page that it gets after @ms; how long it has waited for that. */
static uint64_t fault(unsigned int ms, void (*meanwhile)(void))
{
	struct guest_op op = read_of(next_page);
	struct guest_result res;

	hold.ms[next_page] = ms;
	hold.meanwhile = meanwhile;
	vcpu_must(vcpus[0], &op, &res);
	hold.meanwhile = NULL;
	in_run_ns += res.ns;
	return hold.held_ns[next_page++];
}

static uint64_t of_vms(const char *column)
{
	static char text[4096];
	char word[64];

	if (zap_read_file(ZAP_DEBUGFS "zap/vms", text, sizeof(text)) < 0 ||
	    !zap_vm_word(text, getpid(), column, word, sizeof(word)))
		vm_die("zap/vms has no row of this process");
	return strtoull(word, NULL, 10);
}

static void expect(const char *what, uint64_t ns, uint64_t least, uint64_t most)
{
	ktap_check(ns >= least && ns <= most, "%s %lu ns, expected %lu to %lu", what, ns, least,
		   most);
}

static void expect_none(const struct stalls *before)
{
	struct stalls now;

	get(&now);
	ktap_equal("zap_stall_ns", now.sum - before->sum, 0);
	ktap_equal("zap_stall_max_ns", now.max - before->max, 0);
	ktap_equal("vCPUs in the histogram", now.vcpus - before->vcpus, 0);
}

/* What mapping memory again takes, where no page is held. */
static void test_refaults(void)
{
	const struct guest_op touch = {
		.op = GUEST_OP_READ, .start = VM_RAM_GPA, .bytes = RAM_TOUCHED * SZ_4K,
	};
	struct guest_result res;
	struct stalls before, now;

	create();
	stall_on();
	get(&before);
	ktap_equal("zap_stall_ns without a window", before.sum, 0);
	open_window(WINDOW_MS);
	vcpu_must(vcpus[0], &touch, &res);
	wait_windows(1);
	get(&now);
	expect("zap_stall_ns", now.sum, 1, res.ns);
	ktap_equal("zap_stall_max_ns", now.max, now.sum);
	ktap_diag("%lu ns in page faults, of %lu in KVM_RUN", now.sum, res.ns);
	vcpu_must(vcpus[0], &touch, &res);
	expect_none(&now);
	destroy();
	ktap_result("what is mapped again");
}

/* One fault in each of two windows, of known length, and one in between. */
static void test_oracle(void)
{
	uint64_t least, sum = 0, most_max = 0;
	struct stalls before, now;
	unsigned int i, bucket;

	create();
	stall_on();
	for (i = 0; i < 2; i++) {
		get(&before);
		zap_tracing_take();
		open_window(WINDOW_MS);
		least = fault(HELD_MS << (2 * (1 - i)), NULL);
		ktap_check(least >= HELD_MS * 1000000UL, "held for %lu ns only", least);
		wait_windows(i + 1);
		get(&now);
		sum = now.sum - before.sum;
		expect("zap_stall_ns", sum, least, in_run_ns);
		ktap_equal("stall_ns of kvm_zap_settle", strtoull(zap_traced("stall_ns"), NULL, 10),
			   sum);
		most_max = sum > most_max ? sum : most_max;
		ktap_equal("zap_stall_max_ns", now.max, most_max);
		ktap_equal("vCPUs in the histogram", now.vcpus - before.vcpus, 1);
		bucket = zap_bucket(sum, ZAP_NS_BUCKETS);
		ktap_equal("of these in the bucket of that",
			   now.buckets[bucket] - before.buckets[bucket], 1);
		fault(HELD_MS, NULL);
		expect_none(&now);
	}
	ktap_equal("stall_ns of zap/vms", of_vms("stall_ns"), now.sum);
	ktap_equal("stall_max_ns of zap/vms", of_vms("stall_max_ns"), now.max);
	destroy();
	ktap_result("a fault takes as long as its page is withheld");
}

/* Two at once: the sum is of both, the maximum is of one. */
static void test_vcpus(void)
{
	uint64_t least = 0, least_max = 0, most_max = 0;
	struct guest_result res[NR_VCPUS];
	struct guest_op op;
	struct stalls now;
	unsigned int i;

	create();
	stall_on();
	open_window(WINDOW_MS);
	for (i = 0; i < NR_VCPUS; i++) {
		hold.ms[i] = HELD_MS * (i + 1);
		op = read_of(i);
		vcpu_start(vcpus[i], &op);
	}
	for (i = 0; i < NR_VCPUS; i++) {
		if (vcpu_wait(vcpus[i], &res[i]))
			vm_die("vCPU %u", i);
		in_run_ns += res[i].ns;
		least += hold.held_ns[i];
		least_max = hold.held_ns[i] > least_max ? hold.held_ns[i] : least_max;
		most_max = res[i].ns > most_max ? res[i].ns : most_max;
	}
	wait_windows(1);
	get(&now);
	expect("zap_stall_ns", now.sum, least, in_run_ns);
	expect("zap_stall_max_ns", now.max, least_max, most_max);
	ktap_check(now.max < now.sum, "one vCPU has all of %lu ns", now.sum);
	ktap_equal("vCPUs in the histogram", now.vcpus, NR_VCPUS);
	destroy();
	ktap_result("several vCPUs: sum and maximum");
}

/*
 * A fault outlives its window: counted is the part within, and nothing of it in the next.
 * It closes no earlier than its length after the deletion began; the event says when.
 */
static void test_outlives(void)
{
	uint64_t opened, window_ns, rest;
	struct stalls first, second;
	unsigned int page = 0;

	create();
	stall_on();
	zap_tracing_take();
	opened = vm_now_ns();
	open_window(SHORT_MS);
	fault(2 * SHORT_MS, NULL);
	wait_windows(1);
	get(&first);
	window_ns = (strtoull(zap_traced("window_ms"), NULL, 10) + 1) * 1000000;
	rest = opened + SHORT_MS * 1000000UL;
	rest -= hold.from_ns[page] < rest ? hold.from_ns[page] : rest;
	expect("zap_stall_ns", first.sum, rest, window_ns);
	ktap_check(rest, "the fault began when the window had closed");
	open_window(SHORT_MS);
	fault(0, NULL);
	wait_windows(2);
	get(&second);
	expect("zap_stall_ns of the next", second.sum - first.sum, 1, in_run_ns);
	ktap_equal("zap_stall_max_ns", second.max,
		   second.sum - first.sum > first.sum ? second.sum - first.sum : first.sum);
	destroy();
	ktap_result("a fault that outlives its window");
}

static void test_off(void)
{
	struct stalls before;

	create();
	get(&before);
	open_window(WINDOW_MS);
	fault(HELD_MS, NULL);
	wait_windows(1);
	expect_none(&before);
	stall_on();
	zap_set_window(0);
	vm_delete_slot(t.vm, ROM);
	fault(HELD_MS, NULL);
	expect_none(&before);
	destroy();
	ktap_result("off, or without windows, nothing is counted");
}

/* The parameter changes while a window is open, and while a fault is under way. */
static void test_toggle(void)
{
	uint64_t least, nr = 0;
	struct stalls before, now;

	create();
	get(&before);
	open_window(WINDOW_MS);
	stall_on();
	fault(HELD_MS, NULL);
	wait_windows(++nr);
	expect_none(&before);
	ktap_result("switched on: from the next window");

	open_window(WINDOW_MS);
	least = fault(HELD_MS, stall_off);
	fault(4 * HELD_MS, NULL);
	fault(4 * HELD_MS, stall_on);
	least += fault(HELD_MS, stall_off_and_on);
	wait_windows(++nr);
	get(&now);
	expect("zap_stall_ns", now.sum, least, in_run_ns - 8 * HELD_MS * 1000000UL);
	ktap_equal("vCPUs in the histogram", now.vcpus, 1);
	ktap_result("switched while a window is open");

	stall_off();
	open_window(WINDOW_MS);
	fault(HELD_MS, stall_off_and_on);
	fault(HELD_MS, NULL);
	stall_off();
	wait_windows(++nr);
	before = now;
	expect_none(&before);
	destroy();
	ktap_result("switched off again, nothing is counted");
}

static void test_param(void)
{
	static const char * const legal[][2] = {
		{ "1", "Y" }, { "0", "N" }, { "y", "Y" }, { "N", "N" }, { "on", "Y" },
		{ "off\n", "N" }, { "Y\n", "Y" }, { "Y", "Y" },
	};
	static const char * const illegal[] = { "2", "-1", "\n", " ", "maybe", "o" };
	char word[64];
	unsigned int i;

	kvm_param_get(ZAP_MODULE, "zap_stall", word, sizeof(word));
	ktap_check(!strcmp(word, "N"), "zap_stall is '%s' at first", word);
	for (i = 0; i < ARRAY_SIZE(legal); i++) {
		ktap_equal(legal[i][0], -kvm_param_set(ZAP_MODULE, "zap_stall", legal[i][0]), 0);
		kvm_param_get(ZAP_MODULE, "zap_stall", word, sizeof(word));
		ktap_check(!strcmp(word, legal[i][1]), "'%s' reads '%s'", legal[i][0], word);
	}
	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		/* sysfs does not pass an empty write on. */
		if (illegal[i][0])
			ktap_equal(illegal[i],
				   -kvm_param_set(ZAP_MODULE, "zap_stall", illegal[i]), EINVAL);
		kvm_param_get(ZAP_MODULE, "zap_stall", word, sizeof(word));
		ktap_check(!strcmp(word, "Y"), "after '%s' it reads '%s'", illegal[i], word);
	}
	ktap_result("zap_stall is off at first, and takes Y and N");
}

int main(void)
{
	zap_need_tracing();
	zap_need_debugfs();
	hold_need();
	zap_start(9);
	zap_tracing_start("events/kvm/kvm_zap_settle");
	test_param();
	test_refaults();
	test_oracle();
	test_vcpus();
	test_outlives();
	test_off();
	test_toggle();
	return ktap_end();
}
