// SPDX-License-Identifier: GPL-2.0-only
/* guest_memfd, see zap_gmem.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "zap_gmem.h"

/* Numbers and layouts of Linux 6.8 and, the flags, 6.18: linux/kvm.h. */
#define GMEM_CAP_MEMFD		234	/* KVM_CAP_GUEST_MEMFD */
#define GMEM_CAP_VM_TYPES	235	/* KVM_CAP_VM_TYPES */
#define GMEM_CAP_FLAGS		244	/* KVM_CAP_GUEST_MEMFD_FLAGS */
#define GMEM_SLOT_FLAG		0x4U	/* KVM_MEM_GUEST_MEMFD */
#define GMEM_PRIVATE		0x8UL	/* KVM_MEMORY_ATTRIBUTE_PRIVATE */
#define GMEM_MAPPED		3UL	/* GUEST_MEMFD_FLAG_MMAP | ..._INIT_SHARED */

struct gmem_region {
	uint32_t slot;
	uint32_t flags;
	uint64_t gpa;
	uint64_t bytes;
	uint64_t hva;
	uint64_t offset;
	uint32_t fd;
	uint32_t pad[29];
};

struct gmem_attributes {
	uint64_t gpa;
	uint64_t bytes;
	uint64_t attributes;
	uint64_t flags;
};

struct gmem_file {
	uint64_t bytes;
	uint64_t flags;
	uint64_t reserved[6];
};

#define GMEM_SET_REGION		_IOW(KVMIO, 0x49, struct gmem_region)
#define GMEM_SET_ATTRIBUTES	_IOW(KVMIO, 0xd2, struct gmem_attributes)
#define GMEM_CREATE		_IOWR(KVMIO, 0xd4, struct gmem_file)

bool gmem_vm_type(unsigned long type)
{
	struct vm *vm = vm_create(NULL);
	int types = vm_cap(vm, GMEM_CAP_VM_TYPES);

	vm_destroy(vm);
	return types & 1 << type;
}

bool gmem_mappable(struct vm *vm)
{
	return vm_cap(vm, GMEM_CAP_MEMFD) > 0 &&
	       (vm_cap(vm, GMEM_CAP_FLAGS) & GMEM_MAPPED) == GMEM_MAPPED;
}

int gmem_create(struct vm *vm, size_t bytes, void **map)
{
	struct gmem_file file = { .bytes = bytes, .flags = map ? GMEM_MAPPED : 0 };
	int fd = ioctl(vm->fd, GMEM_CREATE, &file);

	if (fd < 0)
		vm_die("KVM_CREATE_GUEST_MEMFD of %zu bytes: %s", bytes, strerror(errno));
	if (!map)
		return fd;
	*map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*map == MAP_FAILED)
		vm_die("mmap of %zu bytes of guest_memfd: %s", bytes, strerror(errno));
	return fd;
}

void gmem_set_slot(struct vm *vm, uint32_t slot, uint64_t gpa, uint64_t bytes, void *hva, int fd)
{
	struct gmem_region region = {
		.slot = slot,
		.flags = GMEM_SLOT_FLAG,
		.gpa = gpa,
		.bytes = bytes,
		.hva = (uintptr_t)hva,
		.fd = fd,
	};

	if (ioctl(vm->fd, GMEM_SET_REGION, &region))
		vm_die("KVM_SET_USER_MEMORY_REGION2 slot %u gpa 0x%lx bytes 0x%lx: %s", slot, gpa,
		       bytes, strerror(errno));
}

void gmem_set_private(struct vm *vm, uint64_t gpa, uint64_t bytes, bool private)
{
	struct gmem_attributes attributes = {
		.gpa = gpa,
		.bytes = bytes,
		.attributes = private ? GMEM_PRIVATE : 0,
	};

	if (ioctl(vm->fd, GMEM_SET_ATTRIBUTES, &attributes))
		vm_die("KVM_SET_MEMORY_ATTRIBUTES gpa 0x%lx bytes 0x%lx: %s", gpa, bytes,
		       strerror(errno));
}
