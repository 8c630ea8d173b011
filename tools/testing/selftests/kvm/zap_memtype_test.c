// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory types in EPT, and a device with non-coherent DMA. Without such a device, KVM
 * maps all memory write-back and makes the CPU ignore the guest's page attributes (IPAT);
 * with one, the guest decides. Since 6.7, KVM renews all mappings when the first such
 * device comes and when the last one goes. Before that, mappings keep their type until
 * something drops them; a zap of all mappings for any memslot used to do so as a side
 * effect. That is why such VMs keep policy fast at site memslot there.
 *
 * What breaks without it: a device writes to memory, and the guest, which maps that
 * memory uncached, reads what the CPU has in its cache.
 *
 *	zap_memtype_test MODULE		zap_dma.ko, see there
 *
 * This test needs no CPU with a cache: KVM's tracepoint kvm_mmu_set_spte shows the bits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_tracing.h"

#define MODULE		"zap_dma"
#define EVENT		"events/kvmmmu/kvm_mmu_set_spte"

/* Intel SDM, volume 3, "EPT paging-structure entries": bits 5:3, and 6. */
#define EPT_TYPE_MASK	0x38UL
#define EPT_TYPE_WB	0x30UL
#define EPT_IPAT	0x40UL
#define NOT_MAPPED	~0UL	/* the guest's access has made no SPTE */

enum { SEEN, OTHER };

#define BYTES		SZ_64K
#define SEEN_GPA	(VM_RAM_GPA + SZ_2M)
#define OTHER_GPA	(VM_RAM_GPA + 4 * SZ_2M)

/* The SPTE that KVM makes when the guest reads the page that is looked at. */
static uint64_t read_page(struct vm *vm)
{
	const char *found;
	uint64_t spte;

	zap_tracing_take();
	vcpu_read64(vm->vcpus, SEEN_GPA);
	found = strstr(zap_tracing_take(), " spte ");
	spte = found ? strtoull(found + strlen(" spte "), NULL, 16) : NOT_MAPPED;
	if (found)
		ktap_diag("SPTE 0x%lx: memory type %lu, IPAT %d", spte, (spte & EPT_TYPE_MASK) >> 3,
			  !!(spte & EPT_IPAT));
	return spte;
}

static void expect_own(uint64_t spte)
{
	ktap_check(spte != NOT_MAPPED, "the page was mapped already");
	ktap_equal("type and IPAT", spte & (EPT_TYPE_MASK | EPT_IPAT), EPT_TYPE_WB | EPT_IPAT);
}

static void expect_guests(uint64_t spte)
{
	ktap_check(spte != NOT_MAPPED, "the page is still mapped by its former type");
	ktap_equal("IPAT", spte & EPT_IPAT, 0);
}

static void expect_kept(uint64_t spte)
{
	ktap_check(spte == NOT_MAPPED, "the page was mapped anew, by SPTE 0x%lx", spte);
}

static void device_comes(const struct vm *vm, const char *module)
{
	int fd = open(module, O_RDONLY | O_CLOEXEC);
	char options[32];

	if (fd < 0)
		vm_die("%s: %s", module, strerror(errno));
	snprintf(options, sizeof(options), "vm_fd=%d", vm->fd);
	if (syscall(SYS_finit_module, fd, options, 0))
		vm_die("%s cannot be loaded: %s", module, strerror(errno));
	close(fd);
}

static void device_goes(void)
{
	if (syscall(SYS_delete_module, MODULE, O_NONBLOCK))
		vm_die(MODULE " cannot be unloaded: %s", strerror(errno));
}

/* Delete the other memslot, which the guest has read, and check which policy did it. */
static void delete_other(struct vm *vm, void *mem, bool fast)
{
	struct zap_counts before, after;

	vm_set_slot(vm, OTHER, 0, OTHER_GPA, BYTES, mem);
	vcpu_read(vm->vcpus, OTHER_GPA, BYTES);
	zap_counts(vm, &before);
	vm_delete_slot(vm, OTHER);
	zap_counts(vm, &after);
	zap_diff(&after, &before);
	ktap_equal("memslot_zap_fast", after.memslot_zap_fast, fast);
	ktap_equal("memslot_zap_scoped", after.memslot_zap_scoped, !fast);
}

int main(int argc, char *argv[])
{
	bool follows = zap_kernel_since(6, 7);
	char *seen, *other, filter[64];
	struct vm *vm;

	if (argc != 2)
		vm_die("usage: zap_memtype_test MODULE, where MODULE is zap_dma.ko");
	if (access("/sys/module/kvm_intel", F_OK))
		ktap_skip_all("no kvm-intel: memory types are EPT's");
	if (zap_mmu() == ZAP_MMU_SHADOW)
		ktap_skip_all("no EPT: memory types are EPT's");
	if (access(argv[1], R_OK))
		ktap_skip_all("no %s: KVM exports no such functions to it here", argv[1]);
	zap_need_tracing();

	zap_start(4);
	zap_policy("scoped");
	vm = vm_create(NULL);
	vcpu_create(vm, 0);
	seen = vm_backing_alloc(BYTES, VM_4K);
	other = vm_backing_alloc(BYTES, VM_4K);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, OTHER_GPA + SZ_2M - VM_RAM_GPA, VM_4K);
	vm_set_slot(vm, SEEN, 0, SEEN_GPA, BYTES, seen);
	zap_tracing_start(EVENT);
	snprintf(filter, sizeof(filter), "gfn == 0x%lx", SEEN_GPA / SZ_4K);
	zap_tracing_put(EVENT "/filter", filter);

	expect_own(read_page(vm));
	delete_other(vm, other, false);
	expect_kept(read_page(vm));
	ktap_result("without a device: write-back, whatever the guest says");

	device_comes(vm, argv[1]);
	if (follows)
		expect_guests(read_page(vm));
	else
		expect_kept(read_page(vm));
	ktap_result("a device comes: mappings %s", follows ? "are renewed" : "stay as they are");

	delete_other(vm, other, !follows);
	if (follows)
		expect_kept(read_page(vm));
	else
		expect_guests(read_page(vm));
	ktap_result("a memslot goes: %s", follows ? "scoped keeps the page" :
						    "fast, and the page gets its type");

	device_goes();
	if (follows)
		expect_own(read_page(vm));
	delete_other(vm, other, false);
	expect_kept(read_page(vm));
	ktap_result("the device goes: scoped again");

	vm_destroy(vm);
	vm_backing_free(seen, BYTES);
	vm_backing_free(other, BYTES);
	return ktap_end();
}
