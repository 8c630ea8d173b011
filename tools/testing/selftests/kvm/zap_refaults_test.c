// SPDX-License-Identifier: GPL-2.0-only
/*
 * Refaults: what a VM's vCPUs map again soon after an invalidation, exact to the page,
 * and the parameter that says how soon. No other VM may run on the host meanwhile.
 *
 * What breaks without it: the operator is told that a guest suffers from an invalidation
 * when it has only just started to use its memory, or that it does not suffer when it
 * does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_small_vm.h"
#include "zap_tracing.h"

/* Long enough for a slow machine to touch all pages in, short enough to wait for. */
#define WINDOW_MS	2000

static const char * const policies[] = { "fast", "scoped" };

static uint64_t windows(struct vm *vm, uint64_t *buckets)
{
	return zap_hist(vm, "zap_refaults_hist", buckets, ZAP_REFAULTS_BUCKETS);
}

/* Wait until @nr windows have closed. */
static void wait_windows(struct vm *vm, uint64_t nr)
{
	uint64_t buckets[ZAP_REFAULTS_BUCKETS];
	unsigned int i;

	for (i = 0; i < 300 && windows(vm, buckets) < nr; i++)
		zap_sleep_ms(100);
	ktap_equal("windows", windows(vm, buckets), nr);
}

static void put_rom(struct small_vm *t)
{
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
}

/* The ROM goes, and the rest is used again. */
static void zap_and_touch(struct small_vm *t)
{
	vm_delete_slot(t->vm, ROM);
	vcpu_read(t->vcpu, VM_RAM_GPA, RAM_TOUCHED * SZ_4K);
}

/*
 * Once to be rid of what made the VM, then idle, then the one that counts: exactly what
 * is mapped again under fast, nothing under scoped. And once more with a second
 * invalidation while the window is open: nothing is counted twice.
 */
static void test_oracle(const char *policy)
{
	bool fast = !strcmp(policy, "fast");
	uint64_t buckets[ZAP_REFAULTS_BUCKETS], refaults, faults;
	unsigned int round;
	struct small_vm t;

	zap_policy(policy);
	zap_set_window(WINDOW_MS);
	small_vm_create(&t, VM_4K);
	small_vm_touch(&t);
	zap_and_touch(&t);
	wait_windows(t.vm, 1);

	for (round = 0; round < 2; round++) {
		put_rom(&t);
		zap_sleep_ms(2 * WINDOW_MS);
		refaults = zap_stat(t.vm, "zap_refaults");
		faults = zap_vcpus_stat(t.vm, "pf_fixed");
		zap_and_touch(&t);
		if (round) {
			put_rom(&t);
			zap_sleep_ms(WINDOW_MS / 2);
			vm_delete_slot(t.vm, ROM);
			/* The first one alone would have closed its window by now. */
			zap_sleep_ms(WINDOW_MS * 3 / 4);
			vcpu_read(t.vcpu, VM_RAM_GPA, RAM_TOUCHED * SZ_4K);
		}
		wait_windows(t.vm, 2 + round);
		refaults = zap_stat(t.vm, "zap_refaults") - refaults;
		faults = zap_vcpus_stat(t.vm, "pf_fixed") - faults;
		ktap_equal("zap_refaults", refaults, faults);
		if (fast)
			ktap_check(refaults >= RAM_TOUCHED / 8, "%lu refaults", refaults);
		else
			ktap_equal("zap_refaults", refaults, 0);
		if (fast && zap_mmu() == ZAP_MMU_TDP)
			ktap_check(refaults >= RAM_TOUCHED, "%lu refaults", refaults);
		windows(t.vm, buckets);
		ktap_check(buckets[zap_bucket(refaults, ZAP_REFAULTS_BUCKETS)],
			   "no window in the bucket of %lu", refaults);
	}
	small_vm_destroy(&t);
	ktap_result("%s: refaults are what is mapped again", policy);
}

/* A VM that maps memory all the time: that it goes on to do so is no refault. */
static void test_baseline(void)
{
	const uint64_t bytes = 64 * SZ_1M, step = SZ_2M;
	void *mem = vm_backing_alloc(bytes, VM_4K);
	const uint64_t gpa = VM_RAM_GPA + SZ_1G;
	uint64_t at, in_window, refaults;
	struct small_vm t;

	zap_policy("scoped");
	zap_set_window(WINDOW_MS);
	small_vm_create(&t, VM_4K);
	guest_pt_map(t.vm->pt, gpa, gpa, bytes, 0);
	vm_set_slot(t.vm, TABLES, 0, gpa, bytes, mem);
	/* Much, in the time since the VM was made, which the first window's is no longer than. */
	for (at = 0; at < bytes - step; at += step)
		vcpu_read(t.vcpu, gpa + at, step);
	vm_delete_slot(t.vm, ROM);
	in_window = zap_vcpus_stat(t.vm, "pf_fixed");
	vcpu_read(t.vcpu, gpa + at, 8 * SZ_4K);
	in_window = zap_vcpus_stat(t.vm, "pf_fixed") - in_window;
	wait_windows(t.vm, 1);
	refaults = zap_stat(t.vm, "zap_refaults");
	ktap_check(in_window, "no page faults in the window");
	ktap_check(refaults < in_window, "%lu refaults, of %lu that are new memory", refaults,
		   in_window);
	small_vm_destroy(&t);
	vm_backing_free(mem, bytes);
	ktap_result("a VM that maps new memory anyway has few refaults");
}

static void test_off(void)
{
	uint64_t buckets[ZAP_REFAULTS_BUCKETS];
	struct small_vm t;

	zap_policy("fast");
	zap_set_window(0);
	small_vm_create(&t, VM_4K);
	small_vm_touch(&t);
	zap_and_touch(&t);
	zap_sleep_ms(500);
	ktap_equal("windows", windows(t.vm, buckets), 0);
	ktap_equal("zap_refaults", zap_stat(t.vm, "zap_refaults"), 0);
	small_vm_destroy(&t);
	ktap_result("0 switches it off");
}

/* A window closes in the end, however often it is extended. */
static void test_storm(void)
{
	uint64_t buckets[ZAP_REFAULTS_BUCKETS], start, nr;
	struct small_vm t;

	zap_policy("fast");
	zap_set_window(300);
	small_vm_create(&t, VM_4K);
	start = vm_now_ns();
	do {
		zap_and_touch(&t);
		put_rom(&t);
		nr = windows(t.vm, buckets);
	} while (nr < 2 && vm_now_ns() - start < 60000000000UL);
	ktap_check(nr >= 2, "%lu windows closed", nr);
	ktap_check(zap_stat(t.vm, "zap_refaults") <= zap_vcpus_stat(t.vm, "pf_fixed"),
		   "more refaults than page faults");
	small_vm_destroy(&t);
	ktap_result("windows close in a VM that never comes to rest");
}

/* What a VM did before it had no rest any more is no measure of what it would do now. */
static void test_fades(void)
{
	const uint64_t bytes = 64 * SZ_1M, gpa = VM_RAM_GPA + SZ_1G;
	void *mem = vm_backing_alloc(bytes, VM_4K);
	uint64_t buckets[ZAP_REFAULTS_BUCKETS], start;
	struct small_vm t;

	zap_policy("fast");
	zap_set_window(150);
	small_vm_create(&t, VM_4K);
	guest_pt_map(t.vm->pt, gpa, gpa, bytes, 0);
	vm_set_slot(t.vm, TABLES, 0, gpa, bytes, mem);
	vcpu_read(t.vcpu, gpa, bytes);
	start = vm_now_ns();
	do {
		vm_delete_slot(t.vm, ROM);
		vcpu_read(t.vcpu, VM_RAM_GPA, 48 * SZ_4K);
		put_rom(&t);
		zap_sleep_ms(5);
	} while (!zap_stat(t.vm, "zap_refaults") && windows(t.vm, buckets) < 5 &&
		 vm_now_ns() - start < 60000000000UL);
	ktap_check(zap_stat(t.vm, "zap_refaults"), "none in %lu windows", windows(t.vm, buckets));
	ktap_diag("the first refaults are in window %lu", windows(t.vm, buckets));
	small_vm_destroy(&t);
	vm_backing_free(mem, bytes);
	ktap_result("a VM that never comes to rest has refaults");
}

/*
 * The VM goes while a window is open, again and again: KASAN has the last word. Elsewhere
 * a window that closes although the VM has gone is seen by its event.
 */
static void test_gone(void)
{
	struct small_vm t;
	const char *late;
	unsigned int i;

	zap_policy("fast");
	zap_set_window(1);
	for (i = 0; i < 20; i++) {
		small_vm_create(&t, VM_4K);
		small_vm_touch(&t);
		zap_and_touch(&t);
		small_vm_destroy(&t);
	}
	zap_sleep_ms(500);

	zap_set_window(1000);
	zap_tracing_start("events/kvm/kvm_zap_settle");
	small_vm_create(&t, VM_4K);
	small_vm_touch(&t);
	zap_and_touch(&t);
	small_vm_destroy(&t);
	zap_tracing_take();
	zap_sleep_ms(1500);
	late = zap_tracing_take();
	ktap_check(!strstr(late, "kvm_zap_settle:"), "after the VM has gone: %s", late);
	ktap_result("a VM goes while a window is open");
}

static void test_param(void)
{
	static const char * const legal[] = { "0", "1", "100", "10000", "250\n" };
	static const char * const illegal[] = {
		"10001", "4294967296", "18446744073709551616", "-1", "", "\n", "fast", "1 2", "1.5",
		"100ms",
	};
	char word[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(legal); i++) {
		ktap_equal(legal[i], -kvm_param_set(ZAP_MODULE, "zap_window_ms", legal[i]), 0);
		kvm_param_get(ZAP_MODULE, "zap_window_ms", word, sizeof(word));
		ktap_equal("reads", strtoul(word, NULL, 10), strtoul(legal[i], NULL, 10));
	}
	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		/* sysfs does not pass an empty write on. */
		if (illegal[i][0])
			ktap_equal(illegal[i],
				   -kvm_param_set(ZAP_MODULE, "zap_window_ms", illegal[i]), EINVAL);
		kvm_param_get(ZAP_MODULE, "zap_window_ms", word, sizeof(word));
		ktap_equal("still reads", strtoul(word, NULL, 10), 250);
	}
	ktap_result("zap_window_ms takes 0 to 10000");
}

int main(void)
{
	char word[64];
	unsigned int i;

	zap_need_tracing();
	zap_start(ARRAY_SIZE(policies) + 7);
	kvm_param_get(ZAP_MODULE, "zap_window_ms", word, sizeof(word));
	ktap_check(!strcmp(word, "100"), "zap_window_ms is '%s'", word);
	ktap_result("zap_window_ms is 100 at first");
	test_param();
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		test_oracle(policies[i]);
	test_baseline();
	test_off();
	test_storm();
	test_fades();
	test_gone();
	return ktap_end();
}
