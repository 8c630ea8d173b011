// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two wraps of the MMIO generation, a whole cycle of memory slot changes apart. An
 * address that was MMIO when the first cycle began is memory when the second one begins
 * with the same number, and must be memory for the guest.
 *
 * What breaks without it: the wrap spares MMIO SPTEs that have the number of the new
 * generation because they are a cycle old, and the guest's accesses to memory end up in
 * user space. Takes about half a minute.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ktap.h"
#include "zap_lib.h"

#define GENERATION	"zap_mmio_generation"
#define STAMP		0x5741UL

enum { TOGGLED, OVER };

static void toggle(struct vm *vm, void *mem)
{
	static uint32_t flags;

	flags ^= KVM_MEM_LOG_DIRTY_PAGES;
	vm_set_slot(vm, TOGGLED, flags, VM_ROM_GPA, SZ_4K, mem);
}

/* Changes until the generation has wrapped, at most @most. */
static unsigned long until_wrap(struct vm *vm, void *mem, unsigned long most)
{
	unsigned long n = 0, before = zap_stat(vm, "mmio_zap_scoped");

	while (n++ < most) {
		toggle(vm, mem);
		if (zap_stat(vm, "mmio_zap_scoped") != before)
			return n;
	}
	return 0;
}

/* Changes of one address space's slots. 7.2 has a bit less of it in an MMIO SPTE. */
static unsigned long cycle(void)
{
	return zap_kernel_since(7, 0) ? 1UL << 17 : 1UL << 18;
}

int main(void)
{
	void *toggled, *over;
	unsigned long n;
	struct vm *vm;
	char word[32];

	if (kvm_param_get(ZAP_MODULE, ZAP_PARAM, word, sizeof(word)) != -ENOENT &&
	    kvm_param_get(ZAP_MODULE, GENERATION, word, sizeof(word)))
		ktap_skip_all("no parameter " GENERATION ": no test build of the modules");
	zap_start(3);
	zap_site_policy("mmio", "scoped");
	snprintf(word, sizeof(word), "%lu", cycle() - 8);
	if (kvm_param_set(ZAP_MODULE, GENERATION, word))
		vm_die("'%s' > parameter " GENERATION, word);

	toggled = vm_backing_alloc(SZ_4K, VM_4K);
	over = vm_backing_alloc(SZ_4K, VM_4K);
	vm = vm_create(NULL);
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
	n = until_wrap(vm, toggled, 16);
	ktap_check(n, "no wrap in 16 changes");
	ktap_result("the first wrap");

	/* In the first generation of the cycle; the guest then leaves it alone. */
	ktap_equal("read from MMIO", vcpu_read64(vm->vcpus, VM_RAM_GPA), vm->mmio_value);
	ktap_check(zap_vcpus_stat(vm, "pf_mmio_spte_created"), "KVM made no MMIO SPTE");
	vm_set_slot(vm, OVER, 0, VM_RAM_GPA, SZ_4K, over);
	memcpy(over, &(uint64_t){ STAMP }, sizeof(uint64_t));

	ktap_diag("%lu changes of memory slots", cycle() - 1);
	n = until_wrap(vm, toggled, cycle());
	ktap_equal("changes until the second wrap", n, cycle() - 1);
	ktap_result("the second wrap");

	ktap_equal("read from memory", vcpu_read64(vm->vcpus, VM_RAM_GPA), STAMP);
	ktap_equal("MMIO exits", vm->vcpus->mmio_reads, 1);
	ktap_result("memory where MMIO was a cycle before");

	vm_destroy(vm);
	vm_backing_free(toggled, SZ_4K);
	vm_backing_free(over, SZ_4K);
	return ktap_end();
}
