// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads of zap_stress_test that disturb and change no content. They do to the memory
 * behind slots and to KVM what reclaim, khugepaged, fork and other VMs do.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zap_stress.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define OTHER_BYTES	SZ_1M

static pthread_t threads[STRESS_VCPUS];

/* What any kind of private memory, and any of shared memory, survives. */
static void advise(struct stress *s, uint64_t *random)
{
	static const int private[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLLAPSE,
		MADV_POPULATE_WRITE,
	};
	static const int shared[] = {
		MADV_COLD, MADV_PAGEOUT, MADV_DONTNEED, MADV_POPULATE_READ,
	};
	struct stress_area *a = &s->area[stress_below(random, STRESS_AREAS)];
	struct stress_memory *mem = &a->mem[stress_below(random, a->nr_mems)];
	uint32_t first, nr;
	int advice;

	if (a->skip || a->backing == STRESS_HUGETLB)
		return;
	first = stress_below(random, mem->npages);
	nr = mem->npages - first;
	/* All of it now and then; that is slow. */
	if (nr > 32 && stress_below(random, 16))
		nr = 32;
	nr = 1 + stress_below(random, nr);
	if (a->backing == STRESS_SHARED)
		advice = shared[stress_below(random, ARRAY_SIZE(shared))];
	else
		advice = private[stress_below(random, ARRAY_SIZE(private))];
	/* Not every kernel has them all, and nothing depends on them. */
	madvise(mem->hva + first * SZ_4K, nr * SZ_4K, advice);
}

/* Put the same pages of a file where they are already. */
static void remap(struct stress *s, uint64_t *random)
{
	struct stress_area *a = &s->area[stress_below(random, STRESS_AREAS)];
	struct stress_memory *mem = &a->mem[stress_below(random, a->nr_mems)];
	uint32_t first;

	if (a->skip || a->backing != STRESS_SHARED)
		return;
	first = stress_below(random, mem->npages);
	if (!stress_map(mem, a->backing, mem->hva + first * SZ_4K, first, mem->npages - first))
		vm_die("mmap of shared memory anew failed");
}

/* Another VM, with all of its memory mapped, comes and goes. */
static void other_vm(uint64_t *random)
{
	struct vm_opts opts = { .pt_bytes = SZ_1M };
	struct vm *vm = vm_create(&opts);
	void *mem = vm_backing_alloc(OTHER_BYTES, VM_4K);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	uint64_t value = stress_random(random);

	vm_set_slot(vm, 0, 0, VM_RAM_GPA, OTHER_BYTES, mem);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
	vcpu_stamp(vcpu, VM_RAM_GPA, OTHER_BYTES, value);
	if (value & 1)
		vm_delete_slot(vm, 0);
	else
		vcpu_check(vcpu, VM_RAM_GPA, OTHER_BYTES, value);
	vm_destroy(vm);
	vm_backing_free(mem, OTHER_BYTES);
}

/* All private pages become shared with the child, until it is gone. */
static void fork_once(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void *noise_main(void *arg)
{
	struct stress *s = arg;
	uint64_t random = (s->seed + s->rounds) * 0x9e3779b97f4a7c15UL + 0x6e6f697365;

	stress_be_nice();
	random += (uintptr_t)pthread_self() & 0xfff000;
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		switch (stress_below(&random, 64)) {
		case 0:
			other_vm(&random);
			break;
		case 1:
			fork_once();
			break;
		case 2 ... 9:
			remap(s, &random);
			break;
		default:
			advise(s, &random);
		}
		usleep(500 + stress_below(&random, 15000));
	}
	return NULL;
}

void stress_noise_start(struct stress *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_noise; i++)
		if (pthread_create(&threads[i], NULL, noise_main, s))
			vm_die("pthread_create for a thread of noise failed");
}

void stress_noise_end(struct stress *s)
{
	unsigned int i;

	__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < s->nr_noise; i++)
		pthread_join(threads[i], NULL);
}
