// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world of zap_stress_test, see zap_stress.h: the VM of a round, the memories behind
 * its slots, and the threads of its vCPUs.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "zap_stress.h"

/* Code, clocks and beats, in a slot that stays. */
#define DESK_SLOT	100
#define DESK_GPA	0x80000000UL
#define DESK_CLOCKS	0x4000
#define DESK_BEATS	0x8000
#define DESK_BEAT	0x4000	/* bytes for each vCPU */
#define DESK_BYTES	SZ_2M

/* Guest memory that areas are in, and where it is mapped by 4K pages. */
#define AREAS_BYTES	(16 * SZ_1M)
#define ALIAS_GVA	0x700000000UL

static_assert(sizeof(struct stress_beat) <= DESK_BEAT, "beat");

/*
 * Pages from VM_RAM_GPA on. The first two share a page table; the third begins
 * inside of a 2M page, and the fourth right behind it; the last two lie where
 * others do, but in the address space of SMM.
 */
static const struct {
	const char *name;
	enum stress_backing backing;
	uint32_t slot, base, span;
	unsigned int nr_mems;
} layout[STRESS_AREAS] = {
	{ "anonymous memory", STRESS_ANON, 0, 0x105, 48, 3 },
	{ "shared memory", STRESS_SHARED, 1, 0x135, 56, 3 },
	{ "transparent huge pages", STRESS_THP, 2, 0x3c0, 1600, 2 },
	{ "hugetlbfs", STRESS_HUGETLB, 3, 0xa00, 1024, 2 },
	{ "SMM", STRESS_SHARED, STRESS_SMM | 0, 0x0f8, 64, 2 },
	{ "SMM, transparent huge pages", STRESS_THP, STRESS_SMM | 1, 0x3c0, 1600, 2 },
};

void stress_areas(struct stress *s)
{
	unsigned int i;

	for (i = 0; i < STRESS_AREAS; i++) {
		struct stress_area *a = &s->area[i];

		a->name = layout[i].name;
		a->backing = layout[i].backing;
		a->slot = layout[i].slot;
		a->base = layout[i].base;
		a->span = layout[i].span;
		a->nr_mems = layout[i].nr_mems;
	}
}

/* (Re-)map pages of the memory at @at, or, unless NULL, anywhere. NULL: no memory. */
void *stress_map(struct stress_memory *mem, enum stress_backing backing, void *at,
		 uint32_t first, uint32_t nr)
{
	int flags = mem->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *p;

	flags |= (at ? MAP_FIXED : 0) | (backing == STRESS_HUGETLB ? MAP_HUGETLB : MAP_NORESERVE);
	p = mmap(at, nr * SZ_4K, PROT_READ | PROT_WRITE, flags, mem->fd,
		 mem->fd < 0 ? 0 : first * SZ_4K);
	if (p == MAP_FAILED)
		return NULL;
	if (backing == STRESS_ANON || backing == STRESS_THP)
		madvise(p, nr * SZ_4K, backing == STRESS_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

/* Host and guest addresses agree modulo 2M where slot and memory begin alike. */
static void create_memory(struct stress *s, struct stress_area *a, unsigned int i)
{
	struct stress_memory *mem = &a->mem[i];
	unsigned int v;
	uint32_t p;

	mem->id = 1 + (a - s->area) * STRESS_MEMS + i;
	mem->npages = a->span;
	mem->fd = -1;
	mem->map_bytes = (a->span + 1024) * SZ_4K;
	mem->map = mmap(NULL, mem->map_bytes, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->map == MAP_FAILED)
		vm_die("mmap of %zu bytes: %s", mem->map_bytes, strerror(errno));
	mem->hva = (unsigned char *)((((uintptr_t)mem->map + SZ_2M - 1) & -SZ_2M) +
				     (a->base % 512) * SZ_4K);
	if (a->backing == STRESS_SHARED) {
		mem->fd = memfd_create("zap_stress_test", MFD_CLOEXEC);
		if (mem->fd < 0 || ftruncate(mem->fd, mem->npages * SZ_4K))
			vm_die("memfd_create or ftruncate: %s", strerror(errno));
	}
	if (!stress_map(mem, a->backing, mem->hva, 0, mem->npages)) {
		if (a->backing != STRESS_HUGETLB)
			vm_die("mmap of %u pages: %s", mem->npages, strerror(errno));
		a->skip = "the host gives no huge pages of 2M";
		return;
	}
	mem->page = calloc(mem->npages, sizeof(*mem->page));
	for (v = 0; v < s->nr_vcpus; v++)
		mem->own[v] = calloc(mem->npages, sizeof(*mem->own[v]));
	if (!mem->page || !mem->own[s->nr_vcpus - 1])
		vm_die("out of memory");
	mem->gens = 1;
	for (p = 0; p < mem->npages; p++)
		mem->page[p].gen = 1;
	stress_stamp(mem, mem->hva, 0, mem->npages);
}

static void destroy_memory(struct stress *s, struct stress_memory *mem)
{
	unsigned int v;

	if (!mem->map)
		return;
	munmap(mem->map, mem->map_bytes);
	if (mem->fd >= 0)
		close(mem->fd);
	free(mem->page);
	for (v = 0; v < s->nr_vcpus; v++)
		free(mem->own[v]);
	memset(mem, 0, sizeof(*mem));
}

static void create_area(struct stress *s, unsigned int i)
{
	static const struct stress_state absent = { .op = "begin", .policy = "-", .npages = 1 };
	struct stress_area *a = &s->area[i];
	unsigned int m;

	a->clock = (struct stress_clock *)(s->desk + DESK_CLOCKS) + i;
	memset(a->clock, 0, sizeof(*a->clock));
	a->states[0] = absent;
	a->nr_snaps = 0;
	a->nr_logs = 0;
	a->epochs = 0;
	if (a->slot & STRESS_SMM && !s->smm)
		a->skip = "KVM has no SMM";
	for (m = 0; m < a->nr_mems && !a->skip; m++)
		create_memory(s, a, m);
}

/* Into SMM and out of it, and what the vCPU has to visit there. */
static void set_smm(struct stress_vcpu *v, bool smm)
{
	struct stress *s = v->s;
	struct kvm_vcpu_events events;
	unsigned int i, n = 0;

	if (ioctl(v->vcpu->fd, KVM_GET_VCPU_EVENTS, &events))
		vm_die("KVM_GET_VCPU_EVENTS: %s", strerror(errno));
	if (events.smi.smm != smm) {
		events.flags = KVM_VCPUEVENT_VALID_SMM;
		events.smi.smm = smm;
		if (ioctl(v->vcpu->fd, KVM_SET_VCPU_EVENTS, &events))
			vm_die("KVM_SET_VCPU_EVENTS: %s", strerror(errno));
	}
	for (i = 0; i < STRESS_AREAS; i++) {
		const struct stress_area *a = &s->area[i];

		if (a->skip || !(a->slot & STRESS_SMM) == smm)
			continue;
		v->beat->view[n++] = (struct stress_view) {
			.gva = { VM_RAM_GPA + a->base * SZ_4K, ALIAS_GVA + a->base * SZ_4K },
			.clock = DESK_GPA + ((unsigned char *)a->clock - s->desk),
			.npages = a->span,
			.area = i,
		};
	}
	v->beat->nr_views = n;
}

/* Whose VM it is: the VM library hands no argument on. */
static struct stress *the;

static void on_mmio(struct vcpu *vcpu, struct kvm_run *run)
{
	uint64_t page = (run->mmio.phys_addr - VM_RAM_GPA) / SZ_4K;
	unsigned int i;

	for (i = 0; i < STRESS_AREAS; i++)
		if (page - the->area[i].base < the->area[i].span)
			break;
	if (i == STRESS_AREAS) {
		pthread_mutex_lock(&the->lock);
		stress_fail(the, NULL, "vCPU %u: MMIO exit at 0x%llx, where it never was",
			    vcpu->id, run->mmio.phys_addr);
		pthread_mutex_unlock(&the->lock);
	}
	if (run->mmio.is_write)
		the->vcpu[vcpu->id].beat->mmio_writes++;
	else
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
}

void stress_be_nice(void)
{
	if (setpriority(PRIO_PROCESS, gettid(), 10))
		vm_die("setpriority: %s", strerror(errno));
}

static void *vcpu_main(void *arg)
{
	struct stress_vcpu *v = arg;
	struct stress *s = v->s;
	uint64_t random = (s->seed + s->rounds) * 0x9e3779b97f4a7c15UL + v->id + 1;
	struct guest_op visit = {
		.op = GUEST_OP_CALL,
		.start = DESK_GPA + ((unsigned char *)stress_guest_visit - __start_stress_guest),
		.value = DESK_GPA + ((unsigned char *)v->beat - s->desk),
	};
	struct guest_op flush = { .op = GUEST_OP_CR3 };
	struct guest_result res;
	int ret;

	/* Behind the main thread: else it gets one turn in many, and few steps are made. */
	stress_be_nice();
	set_smm(v, false);
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		if (s->smm && !stress_below(&random, 4))
			set_smm(v, !stress_below(&random, 3));
		v->beat->limit = 1 + stress_below(&random, STRESS_RECORDS);
		ret = stress_below(&random, 16) ? 0 : vcpu_exec(v->vcpu, &flush, &res);
		if (!ret)
			ret = vcpu_exec(v->vcpu, &visit, &res);
		if (ret) {
			pthread_mutex_lock(&s->lock);
			stress_fail(s, NULL, "vCPU %u: %s: exception %u, error code 0x%lx, rip 0x%lx, cr2 0x%lx",
				    v->id, vcpu_strerror(ret), res.vector, res.error, res.rip,
				    res.cr2);
			pthread_mutex_unlock(&s->lock);
			break;
		}
		stress_judge(v);
		if (!stress_below(&random, 4))
			sched_yield();
	}
	return NULL;
}

static void create_vcpu(struct stress *s, unsigned int i)
{
	struct stress_vcpu *v = &s->vcpu[i];

	memset(v, 0, sizeof(*v));
	v->s = s;
	v->id = i;
	v->vcpu = vcpu_create(s->vm, i);
	v->beat = (struct stress_beat *)(s->desk + DESK_BEATS + i * DESK_BEAT);
	v->beat->random = (s->seed + i + 1) * 0x9e3779b97f4a7c15UL | 1;
	v->beat->own = (1 + i) * sizeof(uint64_t);
}

/* KVM_CLEAR_DIRTY_LOG in one round of two, with all pages dirty at first in four. */
static void set_manual(struct stress *s)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 };

	cap.args[0] = stress_below(&s->random, 4);
	cap.args[0] &= vm_cap(s->vm, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	s->manual = cap.args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;
	if (s->manual && ioctl(s->vm->fd, KVM_ENABLE_CAP, &cap))
		vm_die("KVM_ENABLE_CAP KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 0x%llx: %s",
		       cap.args[0], strerror(errno));
}

void stress_create(struct stress *s)
{
	/* No more than what is used: rmaps of all of it are the VM's as well. */
	struct vm_opts opts = { .guest_page = VM_2M, .pt_bytes = SZ_1M };
	size_t code_bytes = __stop_stress_guest - __start_stress_guest;
	unsigned int i;
	int err;

	if (code_bytes > DESK_CLOCKS)
		vm_die("%zu bytes of guest code do not fit", code_bytes);
	the = s;
	s->stop = false;
	s->vm = vm_create(&opts);
	s->vm->mmio = on_mmio;
	s->smm = vm_cap(s->vm, KVM_CAP_X86_SMM) && vm_cap(s->vm, KVM_CAP_MULTI_ADDRESS_SPACE) > 1;
	set_manual(s);
	s->desk = vm_backing_alloc(DESK_BYTES, VM_4K);
	memcpy(s->desk, __start_stress_guest, code_bytes);
	vm_set_slot(s->vm, DESK_SLOT, 0, DESK_GPA, DESK_BYTES, s->desk);
	if (s->smm) {
		vm_set_slot(s->vm, STRESS_SMM | DESK_SLOT, 0, DESK_GPA, DESK_BYTES, s->desk);
		vm_set_slot(s->vm, STRESS_SMM | s->vm->sys_slot, 0, VM_SYS_GPA, s->vm->sys_bytes,
			    s->vm->sys);
	}
	guest_pt_map(s->vm->pt, DESK_GPA, DESK_GPA, DESK_BYTES, VM_4K);
	guest_pt_map(s->vm->pt, VM_RAM_GPA, VM_RAM_GPA, AREAS_BYTES, VM_2M);
	guest_pt_map(s->vm->pt, ALIAS_GVA, VM_RAM_GPA, AREAS_BYTES, VM_4K);

	for (i = 0; i < STRESS_AREAS; i++)
		create_area(s, i);
	for (i = 0; i < s->nr_vcpus; i++)
		create_vcpu(s, i);
	for (i = 0; i < s->nr_vcpus; i++) {
		err = pthread_create(&s->vcpu[i].thread, NULL, vcpu_main, &s->vcpu[i]);
		if (err)
			vm_die("pthread_create for vCPU %u: %s", i, strerror(err));
	}
}

void stress_destroy(struct stress *s)
{
	unsigned int i, m;

	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < s->nr_vcpus; i++)
		pthread_join(s->vcpu[i].thread, NULL);
	vm_destroy(s->vm);
	s->vm = NULL;
	for (i = 0; i < STRESS_AREAS; i++) {
		for (m = 0; m < s->area[i].nr_mems; m++)
			stress_check_quiet(s, &s->area[i], &s->area[i].mem[m], true);
		for (m = 0; m < s->area[i].nr_mems; m++)
			destroy_memory(s, &s->area[i].mem[m]);
	}
	vm_backing_free(s->desk, DESK_BYTES);
	s->rounds++;
}
