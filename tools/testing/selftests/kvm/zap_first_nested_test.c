// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's first nested guest starts while a memslot is being deleted: the memslot is
 * marked invalid already, but its mappings are not dropped yet. Until then KVM had no use
 * for rmaps; now it allocates them for the active memslots.
 *
 * What breaks without it: the old copy of the memslot has no rmaps, and code that looks
 * them up there crashes the host.
 *
 * The deletion is held up by a vCPU in a page fault on memory that another task has to
 * supply (userfaultfd): memslots do not change while a page fault uses them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "nested.h"
#include "zap_lib.h"

enum { RAM, CTL, DOOMED, AWAITED };

#define CTL_GPA		0x90000000UL
#define DOOMED_GPA	VM_ROM_GPA
#define AWAITED_GPA	(VM_ROM_GPA + SZ_2M)
#define BYTES		(16 * SZ_4K)
#define WAIT_MS		10000

struct deletion {
	struct vm *vm;
	pthread_t thread;
	pid_t tid;
	bool done;
};

static void *delete_doomed(void *data)
{
	struct deletion *d = data;

	__atomic_store_n(&d->tid, gettid(), __ATOMIC_RELEASE);
	vm_delete_slot(d->vm, DOOMED);
	__atomic_store_n(&d->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Whether the thread of the deletion sleeps, and no signal would wake it up. */
static bool waits(const struct deletion *d)
{
	pid_t tid = __atomic_load_n(&d->tid, __ATOMIC_ACQUIRE);
	char path[64], stat[512];
	const char *state;

	if (!tid)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	if (zap_read_file(path, stat, sizeof(stat)) < 0)
		return false;
	state = strrchr(stat, ')');
	return state && !strncmp(state, ") D", 3);
}

/* It does so for 20 ms on end: longer than any lock on the way there is held. */
static void wait_until_held_up(const struct deletion *d)
{
	unsigned int ms, on_end = 0;

	for (ms = 0; ms < WAIT_MS && on_end < 20; ms++) {
		on_end = waits(d) ? on_end + 1 : 0;
		usleep(1000);
	}
	if (on_end < 20)
		vm_die("the deletion is not held up by a vCPU in a page fault");
}

/* Have faults on the page @mem wait for supply(); NULL, or why they cannot. */
static const char *await(void *mem, int *fd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register page = {
		.range = { .start = (uintptr_t)mem, .len = SZ_4K },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	*fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return "the kernel has no userfaultfd, or does not permit it";
	if (ioctl(*fd, UFFDIO_API, &api) || ioctl(*fd, UFFDIO_REGISTER, &page) ||
	    madvise(mem, SZ_4K, MADV_DONTNEED))
		vm_die("userfaultfd: %s", strerror(errno));
	return NULL;
}

static void wait_for_fault(int fd)
{
	struct pollfd event = { .fd = fd, .events = POLLIN };

	if (poll(&event, 1, WAIT_MS) != 1 || !(event.revents & POLLIN))
		vm_die("no page fault arrives within %d ms", WAIT_MS);
}

static void supply(int fd, void *mem)
{
	struct uffdio_zeropage zero = { .range = { .start = (uintptr_t)mem, .len = SZ_4K } };

	if (ioctl(fd, UFFDIO_ZEROPAGE, &zero))
		vm_die("UFFDIO_ZEROPAGE: %s", strerror(errno));
}

static const char *test(const char *policy)
{
	const struct guest_op fault = {
		.op = GUEST_OP_READ, .start = AWAITED_GPA, .bytes = SZ_4K,
	};
	size_t ctl_bytes = NESTED_CTL_BYTES + nested_npt_bytes(SZ_2M);
	char *ctl = vm_backing_alloc(ctl_bytes, VM_4K);
	char *ram = vm_backing_alloc(BYTES, VM_4K);
	void *doomed = vm_backing_alloc(SZ_4K, VM_4K);
	void *awaited = vm_backing_alloc(SZ_4K, VM_4K);
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0), *held = vcpu_create(vm, 1);
	struct deletion deletion = { .vm = vm };
	struct zap_counts before, after;
	struct nested *nested;
	const char *why;
	int fd, ret;

	zap_policy(policy);
	guest_pt_map(vm->pt, NESTED_GPA, NESTED_GPA, SZ_2M, 0);
	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, 2 * SZ_2M, 0);
	guest_pt_map(vm->pt, CTL_GPA, CTL_GPA, NESTED_CTL_BYTES, VM_4K);
	vm_set_slot(vm, CTL, 0, CTL_GPA, ctl_bytes, ctl);
	vm_set_slot(vm, RAM, 0, NESTED_GPA, BYTES, ram);
	vm_set_slot(vm, DOOMED, 0, DOOMED_GPA, SZ_4K, doomed);
	vm_set_slot(vm, AWAITED, 0, AWAITED_GPA, SZ_4K, awaited);
	nested = nested_create(vm, CTL_GPA, ctl, NESTED_CTL_BYTES);
	nested_npt(nested, CTL_GPA + NESTED_CTL_BYTES, ctl + NESTED_CTL_BYTES,
		   ctl_bytes - NESTED_CTL_BYTES);
	nested_map(nested, NESTED_GPA, NESTED_GPA, BYTES);
	vcpu_stamp(vcpu, NESTED_GPA, BYTES, 1);
	vcpu_read(vcpu, DOOMED_GPA, SZ_4K);
	zap_counts(vm, &before);

	why = await(awaited, &fd);
	if (!why) {
		vcpu_start(held, &fault);
		wait_for_fault(fd);
		ret = pthread_create(&deletion.thread, NULL, delete_doomed, &deletion);
		if (ret)
			vm_die("pthread_create: %s", strerror(ret));
		wait_until_held_up(&deletion);
		ktap_equal("words that the nested guest finds wrong",
			   nested_mismatches(nested, vcpu, NESTED_GPA, BYTES, 1, NULL), 0);
		ktap_check(!__atomic_load_n(&deletion.done, __ATOMIC_ACQUIRE),
			   "the memslot was gone before the nested guest ran");
		supply(fd, awaited);
		pthread_join(deletion.thread, NULL);
		ret = vcpu_wait(held, NULL);
		ktap_check(!ret, "the vCPU in the page fault: %s", vcpu_strerror(ret));
		close(fd);

		zap_counts(vm, &after);
		zap_diff(&after, &before);
		ktap_equal("memslots deleted", after.memslot_zap_fast + after.memslot_zap_scoped,
			   1);
		ktap_equal("read by the guest from nowhere", vcpu_read64(vcpu, DOOMED_GPA),
			   vm->mmio_value);
		ktap_equal("words that the nested guest finds wrong afterwards",
			   nested_mismatches(nested, vcpu, NESTED_GPA, BYTES, 1, NULL), 0);
	}
	vm_destroy(vm);
	nested_free(nested);
	vm_backing_free(awaited, SZ_4K);
	vm_backing_free(doomed, SZ_4K);
	vm_backing_free(ram, BYTES);
	vm_backing_free(ctl, ctl_bytes);
	return why;
}

int main(void)
{
	static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };
	const char *name = "%s: the first nested guest starts amid a deletion";
	const char *why = vm_unusable() ? NULL : nested_unusable_here();
	unsigned int i;

	if (why)
		ktap_skip_all("%s", why);
	zap_start(ARRAY_SIZE(policies));
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		why = test(policies[i]);
		if (why)
			ktap_skip(why, name, policies[i]);
		else
			ktap_result(name, policies[i]);
	}
	return ktap_end();
}
