// SPDX-License-Identifier: GPL-2.0-only
/* A VM with one vCPU, over KVM's ioctls. See vm.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define CORE(field) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
		     KVM_REG_ARM_CORE_REG(field))

static void __attribute__((noreturn)) die(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	exit(1);
}

static int must(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static void *must_map(size_t bytes, int flags, int fd)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

void *vm_alloc(size_t bytes)
{
	void *p = must_map(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	/* A kernel without huge pages knows no such advice. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

void *vm_alloc_huge(size_t bytes)
{
	void *p = must_map(bytes + HUGE_PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uintptr_t at = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);

	madvise((void *)at, bytes, MADV_HUGEPAGE);
	memset((void *)at, 0, bytes);
	return (void *)at;
}

void vm_drop_batch(void)
{
	static char *page;

	if (!page)
		page = vm_alloc(PAGE);
	page[0] = 1;
	must(madvise(page, PAGE, MADV_COLD), "madvise");
}

int vm_try_slot(struct vm *vm, unsigned int slot, uint64_t gpa, void *memory, size_t bytes)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)memory,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0 ? errno : 0;
}

void vm_slot(struct vm *vm, unsigned int slot, uint64_t gpa, void *memory, size_t bytes)
{
	errno = vm_try_slot(vm, slot, gpa, memory, bytes);
	if (errno)
		die("KVM_SET_USER_MEMORY_REGION");
}

static void create_vcpu(struct vm *vm, unsigned int n)
{
	vm->vcpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, n), "KVM_CREATE_VCPU");
	must(ioctl(vm->vcpu, KVM_ARM_VCPU_INIT, &vm->init), "KVM_ARM_VCPU_INIT");
	vm->run_bytes = must(ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
	vm->run = must_map(vm->run_bytes, MAP_SHARED, vm->vcpu);
}

void vm_create(struct vm *vm)
{
	vm->kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm->fd = must(ioctl(vm->kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
	vm->code = vm_alloc(PAGE);
	memcpy(vm->code, guest_code, guest_code_end - guest_code);
	vm_slot(vm, 0, VM_CODE, vm->code, PAGE);
	must(ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &vm->init), "KVM_ARM_PREFERRED_TARGET");
	create_vcpu(vm, 0);
}

void vm_more(const struct vm *vm, struct vm *more, unsigned int n)
{
	*more = *vm;
	create_vcpu(more, n);
}

void vm_less(struct vm *more)
{
	munmap(more->run, more->run_bytes);
	close(more->vcpu);
}

void vm_reset(struct vm *vm)
{
	must(ioctl(vm->vcpu, KVM_ARM_VCPU_INIT, &vm->init), "KVM_ARM_VCPU_INIT, again");
}

void vm_destroy(struct vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu);
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->code, PAGE);
}

static void set_reg(struct vm *vm, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	must(ioctl(vm->vcpu, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

/* A write to where there is no memslot is done when the vCPU runs again: not that far. */
static void complete(struct vm *vm)
{
	vm->run->immediate_exit = 1;
	if (ioctl(vm->vcpu, KVM_RUN, 0) == 0 || errno != EINTR)
		die("KVM_RUN that is to end at once");
	vm->run->immediate_exit = 0;
}

void vm_begin(struct vm *vm, const char *program, uint64_t x1, uint64_t x2)
{
	set_reg(vm, CORE(regs.pc), VM_CODE + (program - guest_code));
	set_reg(vm, CORE(regs.regs[1]), x1);
	set_reg(vm, CORE(regs.regs[2]), x2);
	set_reg(vm, CORE(regs.regs[3]), VM_EXIT);
}

int vm_go(struct vm *vm)
{
	return ioctl(vm->vcpu, KVM_RUN, 0) < 0 ? errno : 0;
}

uint64_t vm_result(struct vm *vm, uint64_t *at)
{
	uint64_t value;

	if (vm->run->exit_reason != KVM_EXIT_MMIO) {
		printf("# the guest has left with reason %u\n", vm->run->exit_reason);
		exit(1);
	}
	if (at)
		*at = vm->run->mmio.phys_addr;
	memcpy(&value, vm->run->mmio.data, sizeof(value));
	complete(vm);
	return value;
}

uint64_t vm_run(struct vm *vm, const char *program, uint64_t x1, uint64_t x2, uint64_t *at)
{
	vm_begin(vm, program, x1, x2);
	errno = vm_go(vm);
	if (errno)
		die("KVM_RUN");
	return vm_result(vm, at);
}
