// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM as VMMs make them for an operating system, with interrupt controllers in the
 * kernel and a guest in real mode. On Intel, KVM has memslots of its own for that, in the
 * same address spaces as the VMM's: a TSS and page tables for real mode if the CPU has no
 * unrestricted guests, and the page at which the guest accesses its APIC. The VMM deletes
 * a memslot and creates it again over other memory, while these stay.
 *
 * What breaks without it: a zap that drops more than its memslot, or loses track of what
 * it dropped, leaves the guest without an APIC, or unable to run in real mode. KVM's own
 * memslots are deleted with the VM, and an operator who counts finds invalidations that
 * nobody explains.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_private_guest.h"

/* Where VMMs put them: below the BIOS. */
#define TSS_ADDR	0xfffbd000UL
#define IDENTITY_ADDR	0xfffbc000UL

enum { LOW, ROM };

#define LOW_BYTES	SZ_64K
#define NR_WORDS	(REAL_ROM_PAGES + 1)

#define MMIO_WORD	0x4f494d4dU
#define ROUNDS		4

struct test {
	struct vm *vm;
	struct vcpu *real;	/* the vCPU in real mode */
	struct vcpu *vcpu;	/* the library's guest, which uses its APIC */
	unsigned char *low;
	uint32_t *rom[2];	/* what takes turns behind the memslot */
};

static void set_real_mode(struct vcpu *vcpu)
{
	struct kvm_regs regs = { .rip = REAL_CODE, .rflags = 0x202 };
	struct kvm_segment segment = { .limit = 0xffff, .type = 3, .present = 1, .s = 1 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		vm_die("KVM_GET_SREGS: %s", strerror(errno));
	sregs.cr0 = 0x10;
	sregs.cr3 = 0;
	sregs.cr4 = 0;
	sregs.efer = 0;
	sregs.ds = segment;
	sregs.es = segment;
	sregs.fs = segment;
	sregs.gs = segment;
	sregs.ss = segment;
	sregs.cs = segment;
	sregs.cs.type = 11;
	sregs.idt.base = 0;
	sregs.idt.limit = 0x3ff;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) || ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		vm_die("KVM_SET_SREGS or KVM_SET_REGS: %s", strerror(errno));
}

static void vm_ioctl_long(struct vm *vm, unsigned long request, unsigned long arg,
			  const char *name)
{
	if (ioctl(vm->fd, request, arg))
		vm_die("%s: %s", name, strerror(errno));
}

static void set_rom(struct test *t, unsigned int which)
{
	vm_set_slot(t->vm, ROM, 0, REAL_ROM, REAL_ROM_PAGES * SZ_4K, t->rom[which]);
}

static void create(struct test *t)
{
	uint64_t identity = IDENTITY_ADDR;
	unsigned int i, page;

	t->vm = vm_create(NULL);
	vm_ioctl_long(t->vm, KVM_SET_TSS_ADDR, TSS_ADDR, "KVM_SET_TSS_ADDR");
	vm_ioctl_long(t->vm, KVM_SET_IDENTITY_MAP_ADDR, (unsigned long)&identity,
		      "KVM_SET_IDENTITY_MAP_ADDR");
	vm_ioctl_long(t->vm, KVM_CREATE_IRQCHIP, 0, "KVM_CREATE_IRQCHIP");
	t->low = vm_backing_alloc(LOW_BYTES, VM_4K);
	memcpy(t->low + REAL_CODE, real_code, real_code_end - real_code);
	memcpy(t->low + APIC_CODE, apic_code, apic_code_end - apic_code);
	vm_set_slot(t->vm, LOW, 0, 0, LOW_BYTES, t->low);
	for (i = 0; i < 2; i++) {
		t->rom[i] = vm_backing_alloc(REAL_ROM_PAGES * SZ_4K, VM_4K);
		for (page = 0; page < REAL_ROM_PAGES; page++)
			t->rom[i][page * SZ_4K / sizeof(uint32_t)] = i << 16 | page;
	}
	set_rom(t, 0);
	guest_pt_map(t->vm->pt, 0, 0, SZ_2M, VM_4K);
	guest_pt_map(t->vm->pt, APIC_PAGE, APIC_PAGE, SZ_4K, VM_4K);
	t->vcpu = vcpu_create(t->vm, 0);
	t->real = vcpu_create(t->vm, 1);
	/* The second one would wait for the first to start it. */
	if (ioctl(t->real->fd, KVM_SET_MP_STATE, &(struct kvm_mp_state){ KVM_MP_STATE_RUNNABLE }))
		vm_die("KVM_SET_MP_STATE: %s", strerror(errno));
	set_real_mode(t->real);
}

static void destroy(struct test *t)
{
	unsigned int i;

	vm_free(t->vm);
	vm_backing_free(t->low, LOW_BYTES);
	for (i = 0; i < 2; i++)
		vm_backing_free(t->rom[i], REAL_ROM_PAGES * SZ_4K);
}

/* Let the vCPU in real mode read all once; false if it cannot. */
static bool run_real(struct test *t)
{
	struct kvm_run *run = t->real->run;
	const uint32_t word = MMIO_WORD;

	for (;;) {
		if (ioctl(t->real->fd, KVM_RUN, 0) && errno != EINTR)
			return ktap_check(false, "KVM_RUN in real mode: %s", strerror(errno));
		if (run->exit_reason == KVM_EXIT_IO)
			return true;
		if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write)
			memcpy(run->mmio.data, &word, sizeof(word));
		else if (run->exit_reason != KVM_EXIT_INTR)
			return ktap_check(false, "exit %u in real mode", run->exit_reason);
	}
}

/* What the guest in real mode reads: the memory of @which, or MMIO where that is 2. */
static void expect_words(struct test *t, unsigned int which)
{
	const uint32_t *words = (const uint32_t *)(t->low + REAL_WORDS);
	unsigned int i, wrong = 0;

	memset(t->low + REAL_WORDS, 0xff, NR_WORDS * sizeof(*words));
	if (!run_real(t))
		return;
	for (i = 0; i < REAL_ROM_PAGES; i++)
		wrong += words[i] != (which == 2 ? MMIO_WORD : which << 16 | i);
	ktap_equal("wrong words of the memslot", wrong, 0);
	ktap_equal("word of MMIO", words[REAL_ROM_PAGES], MMIO_WORD);
}

/* The guest writes the TPR; both it and KVM find it there. SVM has its upper four bits. */
static void expect_apic(struct test *t, unsigned int priority)
{
	unsigned int tpr = priority << 4;
	struct guest_op op = { .op = GUEST_OP_CALL, .start = APIC_CODE, .value = tpr };
	struct kvm_lapic_state state;
	struct guest_result res;
	unsigned int seen;

	vcpu_must(t->vcpu, &op, &res);
	if (ioctl(t->vcpu->fd, KVM_GET_LAPIC, &state))
		vm_die("KVM_GET_LAPIC: %s", strerror(errno));
	memcpy(&seen, state.regs + APIC_TPR, sizeof(seen));
	ktap_equal("the TPR that the guest reads", res.value, tpr);
	ktap_equal("the TPR that KVM has", seen, tpr);
}

static const char *counted_as(const char *word)
{
	return strcmp(word, "scoped") && strcmp(word, "auto") ? "fast" : "scoped";
}

/* The memslot goes and comes; between, before and after both vCPUs run. */
static void test_guest(struct test *t, const char *word)
{
	struct zap_counts before, after;
	unsigned int round;

	zap_counts(t->vm, &before);
	for (round = 0; round < ROUNDS; round++) {
		expect_words(t, round % 2);
		expect_apic(t, 3 * round + 1);
		vm_delete_slot(t->vm, ROM);
		expect_apic(t, 3 * round + 2);
		expect_words(t, 2);
		set_rom(t, !(round % 2));
		expect_words(t, !(round % 2));
		expect_apic(t, 3 * round + 3);
	}
	zap_counts(t->vm, &after);
	zap_diff(&after, &before);
	ktap_equal("invalidations", after.memslot_zap_fast + after.memslot_zap_scoped, ROUNDS);
	ktap_result("%s: real mode and the APIC, while a memslot goes and comes", word);
}

/* KVM's own memslots go with the VM, under the same policy. */
static void test_end(struct test *t, const char *word)
{
	unsigned int deletions = zap_private_deletions(t->vm, true, true);
	struct zap_row row, before;

	zap_row("memslot", counted_as(word), &before);
	vm_close(t->vm);
	zap_row("memslot", counted_as(word), &row);
	zap_diff(&row, &before);
	ktap_diag("%u deletions of KVM's own memslots are expected", deletions);
	ktap_equal("zap/stats: count at the VM's end", row.count, deletions);
	ktap_equal("zap/stats: sptes at the VM's end", row.sptes, 0);
	destroy(t);
	ktap_result("%s: the VM is closed", word);
}

int main(void)
{
	static const char * const words[] = { ZAP_MEMSLOT_WORDS };
	struct test t;
	unsigned int i;

	zap_need_debugfs();
	zap_start(2 * ARRAY_SIZE(words));
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		zap_policy(words[i]);
		create(&t);
		test_guest(&t, words[i]);
		test_end(&t, words[i]);
	}
	return ktap_end();
}
