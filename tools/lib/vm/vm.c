// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs, their memory slots and the memory behind them. See vm.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vm_internal.h"

#define PT_BYTES_DEFAULT	(22 * SZ_1M)

void vm_die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

uint64_t vm_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int vm_ioctl_must(int fd, unsigned long request, void *arg, const char *name)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		vm_die("%s: %s", name, strerror(errno));
	return ret;
}

/* Opens /dev/kvm and makes a VM, or says why not. */
static const char *vm_open(unsigned long type, int *kvm_fd, int *fd)
{
	static char why[128];
	int version;

	*kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (*kvm_fd < 0) {
		snprintf(why, sizeof(why), "/dev/kvm: %s%s", strerror(errno),
			 errno == ENOENT ? VM_ARCH_NO_KVM : "");
		return why;
	}
	version = ioctl(*kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		snprintf(why, sizeof(why), "/dev/kvm: API version %d, not %d", version,
			 KVM_API_VERSION);
		close(*kvm_fd);
		return why;
	}
	*fd = ioctl(*kvm_fd, KVM_CREATE_VM, type);
	if (*fd < 0) {
		snprintf(why, sizeof(why), "KVM_CREATE_VM of type %lu: %s", type,
			 strerror(errno));
		close(*kvm_fd);
		return why;
	}
	return NULL;
}

const char *vm_unusable(void)
{
	int kvm_fd, fd;
	const char *why = vm_open(0, &kvm_fd, &fd);

	if (why)
		return why;
	close(fd);
	close(kvm_fd);
	return NULL;
}

int vm_cap(struct vm *vm, int cap)
{
	int ret = ioctl(vm->fd, KVM_CHECK_EXTENSION, cap);

	return ret < 0 ? 0 : ret;
}

uint64_t vm_quirks(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int mask = fd < 0 ? 0 : ioctl(fd, KVM_CHECK_EXTENSION, KVM_CAP_DISABLE_QUIRKS2);

	if (fd >= 0)
		close(fd);
	return mask < 0 ? 0 : mask;
}

static uint64_t quirks_off;

void vm_disable_quirks(uint64_t quirks)
{
	quirks_off = quirks;
}

uint64_t vm_quirks_disabled(void)
{
	return quirks_off;
}

static void (*on_made)(struct vm *vm), (*on_closing)(struct vm *vm);

void vm_watch(void (*made)(struct vm *vm), void (*closing)(struct vm *vm))
{
	on_made = made;
	on_closing = closing;
}

struct vm *vm_create(const struct vm_opts *opts)
{
	static const struct vm_opts defaults;
	struct vm *vm = calloc(1, sizeof(*vm));
	size_t pt_bytes;
	const char *why;
	int slots;

	if (!vm)
		vm_die("out of memory");
	if (!opts)
		opts = &defaults;
	vm->guest_page = opts->guest_page ? opts->guest_page : VM_2M;
	vm->mmio_value = ~0UL;

	why = vm_open(opts->type, &vm->kvm_fd, &vm->fd);
	if (why)
		vm_die("%s", why);
	if (quirks_off) {
		struct kvm_enable_cap cap = {
			.cap = KVM_CAP_DISABLE_QUIRKS2,
			.args[0] = quirks_off,
		};

		vm_ioctl_must(vm->fd, KVM_ENABLE_CAP, &cap, "KVM_ENABLE_CAP of quirks");
	}
	vm->run_bytes = vm_ioctl_must(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, NULL,
				      "KVM_GET_VCPU_MMAP_SIZE");
	slots = vm_cap(vm, KVM_CAP_NR_MEMSLOTS);
	if (slots < 2)
		vm_die("KVM_CAP_NR_MEMSLOTS: %d, at least 2 slots are needed", slots);
	vm->sys_slot = slots - 1;
	vm_arch_init(vm);

	pt_bytes = opts->pt_bytes ? opts->pt_bytes : PT_BYTES_DEFAULT;
	vm->sys_bytes = (SYS_PT + pt_bytes + SZ_2M - 1) / SZ_2M * SZ_2M;
	if (vm->sys_bytes > VM_SYS_END - VM_SYS_GPA)
		vm_die("%zu bytes of guest page tables do not fit, %lu do", pt_bytes,
		       VM_SYS_END - VM_SYS_GPA - SYS_PT);
	/* Only what is used gets memory; 4K pages, so that it is the same in each run. */
	vm->sys = mmap(NULL, vm->sys_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->sys == MAP_FAILED)
		vm_die("mmap of %zu bytes for the guest: %s", vm->sys_bytes, strerror(errno));
	madvise(vm->sys, vm->sys_bytes, MADV_NOHUGEPAGE);
	vm_set_slot(vm, vm->sys_slot, 0, VM_SYS_GPA, vm->sys_bytes, vm->sys);
	vm_arch_install_guest(vm);
	vm->pt = guest_pt_create(vm, VM_SYS_GPA + SYS_PT, (char *)vm->sys + SYS_PT,
				 vm->sys_bytes - SYS_PT);
	if (on_made)
		on_made(vm);
	return vm;
}

void vm_close(struct vm *vm)
{
	struct vcpu *vcpu;

	if (on_closing)
		on_closing(vm);
	for (vcpu = vm->vcpus; vcpu; vcpu = vcpu->next)
		vcpu_close(vcpu);
	stats_close(vm->stats);
	vm->stats = NULL;
	close(vm->fd);
	close(vm->kvm_fd);
	vm->fd = -1;
	vm->kvm_fd = -1;
}

void vm_free(struct vm *vm)
{
	struct vcpu *vcpu, *next;

	for (vcpu = vm->vcpus; vcpu; vcpu = next) {
		next = vcpu->next;
		vcpu_free(vcpu);
	}
	guest_pt_free(vm->pt);
	munmap(vm->sys, vm->sys_bytes);
	vm_arch_free(vm);
	free(vm);
}

void vm_destroy(struct vm *vm)
{
	vm_close(vm);
	vm_free(vm);
}

int vm_try_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		uint64_t bytes, void *hva)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)hva,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

void vm_set_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		 uint64_t bytes, void *hva)
{
	int ret = vm_try_slot(vm, slot, flags, gpa, bytes, hva);

	if (ret)
		vm_die("KVM_SET_USER_MEMORY_REGION slot 0x%x flags 0x%x gpa 0x%lx bytes 0x%lx hva %p: %s",
		       slot, flags, gpa, bytes, hva, strerror(-ret));
}

void vm_delete_slot(struct vm *vm, uint32_t slot)
{
	vm_set_slot(vm, slot, 0, 0, 0, NULL);
}

int vm_dirty_log(struct vm *vm, uint32_t slot, void *bitmap)
{
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bitmap };

	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log) ? -errno : 0;
}

void *vm_backing_alloc(size_t bytes, unsigned long page)
{
	unsigned char *p, *aligned;
	size_t i;

	if (page != VM_4K && page != VM_2M)
		vm_die("page size %lu: only %lu and %lu are known", page, VM_4K, VM_2M);
	if (!bytes || bytes % SZ_4K)
		vm_die("%zu bytes of guest memory are not whole 4K pages", bytes);
	p = mmap(NULL, bytes + SZ_2M, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		vm_die("mmap of %zu bytes for guest memory: %s", bytes + SZ_2M, strerror(errno));
	aligned = (unsigned char *)(((uintptr_t)p + SZ_2M - 1) & -SZ_2M);
	if (aligned > p)
		munmap(p, aligned - p);
	munmap(aligned + bytes, p + SZ_2M - aligned);

	/* Fails only where the host has no huge pages to begin with. */
	madvise(aligned, bytes, page == VM_2M ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	for (i = 0; i < bytes; i += SZ_4K)
		*(volatile unsigned char *)(aligned + i) = 0;
	return aligned;
}

void vm_backing_free(void *backing, size_t bytes)
{
	munmap(backing, bytes);
}
