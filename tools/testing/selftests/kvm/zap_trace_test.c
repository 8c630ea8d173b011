// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints: kvm:kvm_zap, once for each invalidation, with fields that agree with
 * the VM's counters; kvm:kvm_zap_memslot, once for each update of a memslot; and
 * kvm:kvm_zap_settle, once for each window. The test has a tracing instance of its own.
 *
 * What breaks without it: perf and bpftrace show invalidations that did not happen, miss
 * some that did, or attribute them to another slot.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_tracing.h"

#define KVM_SMM_AS	1U
#define SLOT		7
#define PAGES		16

static const char * const policies[] = { "fast", "scoped" };

struct event {
	char site[16], policy[16], by[16];
	unsigned int as_id;
	int slot;
	unsigned long base_gfn, npages, sptes, tables, yields, ns, collateral, kept;
	int vm;
};

/* All events since the last call, oldest first; more than @max are a failure. */
static unsigned int take_events(struct event *events, unsigned int max)
{
	char *line = zap_tracing_take();
	unsigned int n = 0;
	struct event *e;

	while ((line = strstr(line, ": kvm_zap: "))) {
		line += strlen(": kvm_zap: ");
		if (n == max) {
			ktap_check(false, "more than %u events: %.100s", max, line);
			break;
		}
		e = &events[n++];
		ktap_check(sscanf(line, "site=%15s policy=%15s as_id=%u slot=%d base_gfn=0x%lx npages=%lu sptes=%lu tables=%lu yields=%lu ns=%lu by=%15s collateral=%lu kept=%lu vm=%d",
				  e->site, e->policy, &e->as_id, &e->slot, &e->base_gfn,
				  &e->npages, &e->sptes, &e->tables, &e->yields, &e->ns,
				  e->by, &e->collateral, &e->kept, &e->vm) == 14,
			   "fields of '%.200s'", line);
		ktap_equal("vm", e->vm, getpid());
	}
	return n;
}

/* @event agrees with what the VM counted since @before. */
static void expect_counts(const struct event *e, struct vm *vm, const struct zap_counts *before)
{
	struct zap_counts now;

	zap_counts(vm, &now);
	zap_diff(&now, before);
	ktap_equal("sptes", e->sptes, now.zap_sptes);
	ktap_equal("tables", e->tables, now.zap_tables);
	ktap_equal("yields", e->yields, now.zap_yields);
	ktap_equal("ns", e->ns, now.zap_ns);
	ktap_equal("collateral", e->collateral, now.zap_collateral);
	ktap_equal("kept", e->kept, now.zap_kept);
	ktap_check(e->ns, "ns: 0");
}

/* One event, of site memslot; returns it. */
static struct event expect_memslot(const char *policy, unsigned int as_id, uint64_t gpa)
{
	struct event e = { 0 };

	if (!ktap_equal("events", take_events(&e, 1), 1))
		return e;
	ktap_check(!strcmp(e.site, "memslot"), "site '%s'", e.site);
	ktap_check(!strcmp(e.policy, policy), "policy '%s', expected '%s'", e.policy, policy);
	ktap_check(!strcmp(e.by, "param"), "by '%s'", e.by);
	ktap_equal("as_id", e.as_id, as_id);
	ktap_equal("slot", e.slot, SLOT);
	ktap_equal("base_gfn", e.base_gfn, gpa / SZ_4K);
	ktap_equal("npages", e.npages, PAGES);
	return e;
}

static void test_policy(const char *policy)
{
	const uint64_t here = VM_ROM_GPA, there = VM_ROM_GPA + SZ_1M;
	void *mem = vm_backing_alloc(PAGES * SZ_4K, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	struct zap_counts before;
	struct event e = { 0 };
	uint64_t leafs;

	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	zap_policy(policy);
	take_events(&e, 0);

	vm_set_slot(vm, SLOT, 0, here, PAGES * SZ_4K, mem);
	vm_set_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, here, PAGES * SZ_4K, mem);
	vm_set_slot(vm, SLOT, 0, here, PAGES * SZ_4K, mem);
	vcpu_read(vcpu, here, PAGES * SZ_4K);
	ktap_equal("events", take_events(&e, 0), 0);
	ktap_result("%s: none for slots created, changed, used", policy);

	zap_counts(vm, &before);
	vm_set_slot(vm, SLOT, 0, there, PAGES * SZ_4K, mem);
	e = expect_memslot(policy, 0, here);
	expect_counts(&e, vm, &before);
	ktap_check(e.sptes >= PAGES, "sptes: %lu, %u were mapped", e.sptes, PAGES);
	ktap_result("%s: a slot is moved", policy);

	vcpu_read(vcpu, there, PAGES * SZ_4K);
	zap_counts(vm, &before);
	vm_delete_slot(vm, SLOT);
	e = expect_memslot(policy, 0, there);
	expect_counts(&e, vm, &before);
	ktap_check(e.sptes >= PAGES, "sptes: %lu, %u were mapped", e.sptes, PAGES);
	ktap_result("%s: a slot is deleted", policy);

	if (vm_cap(vm, KVM_CAP_MULTI_ADDRESS_SPACE) > 1) {
		vm_set_slot(vm, KVM_SMM_AS << 16 | SLOT, 0, here, PAGES * SZ_4K, mem);
		zap_counts(vm, &before);
		vm_delete_slot(vm, KVM_SMM_AS << 16 | SLOT);
		e = expect_memslot(policy, KVM_SMM_AS, here);
		expect_counts(&e, vm, &before);
		ktap_result("%s: a slot of SMM's address space is deleted", policy);
	} else {
		ktap_skip("KVM has one address space only",
			  "%s: a slot of SMM's address space is deleted", policy);
	}

	vm_set_slot(vm, SLOT, 0, here, PAGES * SZ_4K, mem);
	vcpu_read(vcpu, here, PAGES * SZ_4K);
	leafs = zap_leafs(vm);
	vm_destroy(vm);
	memset(&e, 0, sizeof(e));
	ktap_equal("events", take_events(&e, 1), 1);
	ktap_check(!strcmp(e.site, "teardown") && !strcmp(e.policy, "walk"),
		   "site '%s' policy '%s'", e.site, e.policy);
	ktap_check(!strcmp(e.by, "kernel"), "by '%s'", e.by);
	ktap_check(e.slot == -1 && !e.as_id && !e.base_gfn && !e.npages,
		   "slot %d as_id %u base_gfn 0x%lx npages %lu", e.slot, e.as_id, e.base_gfn,
		   e.npages);
	ktap_equal("sptes", e.sptes, leafs);
	ktap_check(e.ns && e.tables, "ns %lu tables %lu", e.ns, e.tables);
	ktap_result("%s: the VM is closed", policy);
	vm_backing_free(mem, PAGES * SZ_4K);
}

struct update {
	unsigned int as_id, flags;
	int vm, slot;
	unsigned long base_gfn, npages, ns;
	char change[16];
};

/* The only event since the last call: of an update of a memslot. */
static void expect_update(const char *change, uint64_t gpa, unsigned int flags)
{
	char *line = strstr(zap_tracing_take(), ": kvm_zap_memslot: ");
	struct update u;

	if (!ktap_check(line, "%s: no event", change))
		return;
	line += strlen(": kvm_zap_memslot: ");
	ktap_check(!strstr(line, ": kvm_zap_memslot: "), "%s: two events", change);
	if (!ktap_check(sscanf(line, "vm=%d as_id=%u slot=%d base_gfn=0x%lx npages=%lu flags=0x%x change=%15s ns=%lu",
			       &u.vm, &u.as_id, &u.slot, &u.base_gfn, &u.npages, &u.flags,
			       u.change, &u.ns) == 8, "fields of '%.200s'", line))
		return;
	ktap_check(!strcmp(u.change, change), "change '%s', expected '%s'", u.change, change);
	ktap_equal("vm", u.vm, getpid());
	ktap_equal("as_id", u.as_id, 0);
	ktap_equal("slot", u.slot, SLOT);
	ktap_equal("base_gfn", u.base_gfn, gpa / SZ_4K);
	ktap_equal("npages", u.npages, PAGES);
	ktap_equal("flags", u.flags, flags);
	ktap_check(u.ns, "ns: 0");
}

static void test_updates(void)
{
	const uint64_t here = VM_ROM_GPA, there = VM_ROM_GPA + SZ_1M, bytes = PAGES * SZ_4K;
	void *mem = vm_backing_alloc(bytes, VM_4K);
	struct vm *vm = vm_create(NULL);

	zap_tracing_put("events/kvm/kvm_zap/enable", "0");
	zap_tracing_put("events/kvm/kvm_zap_memslot/enable", "1");
	zap_tracing_take();
	vm_set_slot(vm, SLOT, 0, here, bytes, mem);
	expect_update("create", here, 0);
	vm_set_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, here, bytes, mem);
	expect_update("flags", here, KVM_MEM_LOG_DIRTY_PAGES);
	vm_set_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, there, bytes, mem);
	expect_update("move", there, KVM_MEM_LOG_DIRTY_PAGES);
	vm_set_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, there, bytes, mem);
	vm_try_slot(vm, SLOT + 1, 0, there, bytes, mem);
	ktap_check(!strstr(zap_tracing_take(), "kvm_zap_memslot:"), "an event of nothing");
	vm_delete_slot(vm, SLOT);
	expect_update("delete", there, KVM_MEM_LOG_DIRTY_PAGES);
	zap_tracing_put("events/kvm/kvm_zap_memslot/enable", "0");
	vm_destroy(vm);
	vm_backing_free(mem, bytes);
	ktap_result("an event for each change of a memslot");
}

/* The end of a window agrees with what the VM counted in it. */
static void test_settle(void)
{
	const struct timespec moment = { 0, 100000000 };
	void *mem = vm_backing_alloc(PAGES * SZ_4K, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	unsigned long refaults, stall_ns, window_ms;
	uint64_t buckets[ZAP_REFAULTS_BUCKETS];
	unsigned int i;
	int tgid, slot;
	char *line;

	zap_policy("fast");
	kvm_param_set(ZAP_MODULE, "zap_window_ms", "1000");
	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	vm_set_slot(vm, SLOT, 0, VM_ROM_GPA, PAGES * SZ_4K, mem);
	vcpu_read(vcpu, VM_ROM_GPA, PAGES * SZ_4K);
	zap_tracing_put("events/kvm/kvm_zap_settle/enable", "1");
	zap_tracing_take();
	vm_delete_slot(vm, SLOT);
	vm_set_slot(vm, SLOT, 0, VM_ROM_GPA, PAGES * SZ_4K, mem);
	vcpu_read(vcpu, VM_ROM_GPA, PAGES * SZ_4K);
	/* What is traced while the trace is read may be lost: wait, then read once. */
	for (i = 0; i < 100; i++) {
		nanosleep(&moment, NULL);
		if (zap_hist(vm, "zap_refaults_hist", buckets, ZAP_REFAULTS_BUCKETS))
			break;
	}
	nanosleep(&moment, NULL);
	line = strstr(zap_tracing_take(), ": kvm_zap_settle: ");
	if (ktap_check(line && sscanf(line, ": kvm_zap_settle: vm=%d slot=%d refaults=%lu stall_ns=%lu window_ms=%lu",
				      &tgid, &slot, &refaults, &stall_ns, &window_ms) == 5,
		       "no event with these fields: '%.200s'", line ? line : "")) {
		ktap_equal("vm", tgid, getpid());
		ktap_equal("slot", slot, SLOT);
		ktap_equal("refaults", refaults, zap_stat(vm, "zap_refaults"));
		ktap_equal("stall_ns", stall_ns, 0);
		ktap_check(window_ms >= 1000 && window_ms < 10000, "window_ms %lu", window_ms);
	}
	zap_tracing_put("events/kvm/kvm_zap_settle/enable", "0");
	vm_destroy(vm);
	vm_backing_free(mem, PAGES * SZ_4K);
	ktap_result("an event at the end of a window");
}

int main(void)
{
	unsigned int i;

	zap_need_tracing();
	zap_start(ARRAY_SIZE(policies) * 5 + 2);
	zap_tracing_start("events/kvm/kvm_zap");
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		test_policy(policies[i]);
	test_updates();
	test_settle();
	return ktap_end();
}
