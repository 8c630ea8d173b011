// SPDX-License-Identifier: GPL-2.0-only
/* The VM of zap_tables_test, and the vCPU that patrols in it. */
#include <string.h>
#include <sys/resource.h>

#include "zap_tables.h"

#define PATROL_PAGES	64
#define PATROL_STAMP	0x70617472000000UL
#define PATROL_NICE	10

/* Memory of the slot that stays. */
static uint64_t stay_alloc(struct tables *t, size_t bytes, void **hva)
{
	uint64_t gpa = TABLES_STAY_GPA + t->stay_used;

	*hva = t->stay + t->stay_used;
	t->stay_used += bytes;
	if (t->stay_used > TABLES_STAY_BYTES)
		vm_die("the test is wrong: %zu bytes that stay, of %lu", t->stay_used,
		       TABLES_STAY_BYTES);
	return gpa;
}

/* An L2 with tables of its own for @bytes from @l2 on, which may be mapped to @gpa. */
static struct nested *nested_new(struct tables *t, uint64_t l2, uint64_t bytes, uint64_t gpa)
{
	size_t npt_bytes = nested_npt_bytes(bytes);
	struct nested *n;
	uint64_t at;
	void *hva;

	at = stay_alloc(t, NESTED_CTL_BYTES, &hva);
	n = nested_create(t->vm, at, hva, NESTED_CTL_BYTES);
	at = stay_alloc(t, npt_bytes, &hva);
	nested_npt(n, at, hva, npt_bytes);
	nested_map(n, l2, gpa, bytes);
	return n;
}

static void patrol_create(struct tables *t)
{
	uint64_t gpa, value, pt_gpa;
	void *hva, *pt;
	uint32_t i;

	gpa = stay_alloc(t, PATROL_PAGES * SZ_4K, &hva);
	for (i = 0; i < PATROL_PAGES; i++) {
		value = guest_stamp(TABLES_GVA + i * SZ_4K, PATROL_STAMP);
		memcpy((char *)hva + i * SZ_4K, &value, sizeof(value));
	}
	t->patrol.vcpu = vcpu_create(t->vm, TABLES_VCPUS);
	if (t->kind == TABLES_L2) {
		t->patrol.nested = nested_new(t, TABLES_GVA, PATROL_PAGES * SZ_4K, gpa);
	} else {
		pt_gpa = stay_alloc(t, 8 * SZ_4K, &pt);
		t->patrol.pt = guest_pt_create(t->vm, pt_gpa, pt, 8 * SZ_4K);
		guest_pt_map(t->patrol.pt, TABLES_GVA, gpa, PATROL_PAGES * SZ_4K, VM_4K);
		vcpu_set_pt(t->patrol.vcpu, t->patrol.pt);
	}
}

void tables_patrol_start(struct tables *t)
{
	struct guest_op op = {
		.op = GUEST_OP_CHECK, .start = TABLES_GVA, .bytes = PATROL_PAGES * SZ_4K,
		.value = PATROL_STAMP, .until_stop = true,
	};
	int nice;

	if (t->kind == TABLES_L2)
		op = nested_call(t->patrol.nested, &op);
	/*
	 * A thread inherits this. The patrol is to run whenever the steps wait, and
	 * not to take half of a single CPU besides.
	 */
	nice = getpriority(PRIO_PROCESS, 0);
	setpriority(PRIO_PROCESS, 0, PATROL_NICE);
	vcpu_start(t->patrol.vcpu, &op);
	setpriority(PRIO_PROCESS, 0, nice);
}

void tables_patrol_stop(struct tables *t)
{
	struct guest_result res;
	int ret;

	vcpu_stop(t->patrol.vcpu);
	ret = vcpu_wait(t->patrol.vcpu, &res);
	if (ret)
		tables_fail(t, "patrol: %s", vcpu_strerror(ret));
	else if (t->kind == TABLES_L2 && nested_done(t->patrol.nested, &res))
		tables_fail(t, "patrol, L2: %s", nested_exit(t->patrol.nested));
	else if (res.value)
		tables_fail(t, "patrol: %lu mismatches, first 0x%lx: 0x%lx", res.value,
			    res.bad_gva, res.bad_value);
	t->passes += res.passes;
}

void tables_create(struct tables *t)
{
	struct tables_slot *s;
	struct tables_vcpu *v;

	t->vm = vm_create(NULL);
	t->stay_used = 0;
	vm_set_slot(t->vm, TABLES_STAY_SLOT, 0, TABLES_STAY_GPA, TABLES_STAY_BYTES, t->stay);
	guest_pt_map(t->vm->pt, TABLES_STAY_GPA, TABLES_STAY_GPA, TABLES_STAY_BYTES, VM_2M);
	/* With this L1 writes to its NPTs. */
	guest_pt_map(t->vm->pt, TABLES_GPA, TABLES_GPA, TABLES_SLOTS * TABLES_AREA, VM_2M);
	tables_slots(t);
	for (v = t->v; v < t->v + TABLES_VCPUS; v++) {
		v->vcpu = vcpu_create(t->vm, v - t->v);
		v->stale = true;
		if (t->kind == TABLES_L2) {
			v->nested = nested_new(t, TABLES_GVA, SZ_64M, TABLES_STAY_GPA);
			nested_map(v->nested, TABLES_LARGE_GVA, TABLES_STAY_GPA,
				   TABLES_LARGE * SZ_2M);
		}
	}
	patrol_create(t);
	for (s = t->slot; s < t->slot + TABLES_SLOTS; s++)
		tables_slot_create(t, s, 0);
}

void tables_destroy(struct tables *t)
{
	struct tables_vcpu *v;

	vm_destroy(t->vm);
	for (v = t->v; v < t->v + TABLES_VCPUS; v++) {
		if (v->nested)
			nested_free(v->nested);
		guest_pt_free(v->pt);
	}
	if (t->patrol.nested)
		nested_free(t->patrol.nested);
	guest_pt_free(t->patrol.pt);
	tables_slots_free(t);
}
