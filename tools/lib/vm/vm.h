/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VM library over the raw KVM API: a VM whose memory slots the caller
 * sets up ioctl by ioctl, and vCPUs that run a tiny built-in 64-bit guest which
 * touches, stamps and checks memory on command.
 *
 * To use it, compile vm.c, vcpu.c, stats.c and, of the architecture's folder, vm_arch.c,
 * guest_pt.c and guest.S along with the program, or link $(O)/libvm.a; add -pthread. What
 * arm64 does not have of all this is in arm64/vm_arch.h.
 *
 * Shortest useful program:
 *
 *	struct vm *vm = vm_create(NULL);
 *	void *ram = vm_backing_alloc(SZ_64M, VM_4K);
 *	struct vcpu *vcpu;
 *
 *	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64M, ram);
 *	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_64M, 0);
 *	vcpu = vcpu_create(vm, 0);
 *	vcpu_stamp(vcpu, VM_RAM_GPA, SZ_64M, 0x1234);
 *	vm_delete_slot(vm, 0);
 *	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64M, ram);
 *	vcpu_check(vcpu, VM_RAM_GPA, SZ_64M, 0x1234);
 *	vm_destroy(vm);
 *
 * Errors: functions that return int give 0 or a negative errno. All others
 * cannot fail: they print what failed (the ioctl's name, the values, errno's
 * text) on stderr and exit with status 1.
 *
 * Units: addresses and sizes are bytes, times nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef KVM_ZAP_VM_H
#define KVM_ZAP_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>

#include "guest.h"
#include "vm_arch.h"

#define SZ_4K		0x1000UL
#define SZ_64K		0x10000UL
#define SZ_1M		0x100000UL
#define SZ_2M		0x200000UL
#define SZ_64M		0x4000000UL
#define SZ_1G		0x40000000UL

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

/* Page sizes, of the host's backing and of the guest's own page tables. */
#define VM_4K		SZ_4K
#define VM_2M		SZ_2M

/*
 * Guest physical map. The library keeps its guest (code, command pages, page
 * tables) in one slot of its own from VM_SYS_GPA on, up to VM_SYS_END at most.
 * Its slot id is the highest one that KVM has (vm->sys_slot), so 0, 1, 2 ...
 * are the caller's. Everything outside is the caller's, too: good places are
 * VM_RAM_GPA for memory and VM_ROM_GPA for something small below 4 GiB. On arm64, where a
 * guest physical address has 40 bits, the page at VM_SYS_END has to stay without a slot.
 */
#define VM_ROM_GPA	0xc0000000UL
#define VM_SYS_GPA	0xd0000000UL
#define VM_SYS_END	0xf0000000UL
#define VM_RAM_GPA	0x100000000UL
#define VM_VCPUS_MAX	1024

/* Options of vm_create(); a zero is the default. */
struct vm_opts {
	unsigned long guest_page; /* guest's page size: VM_4K, VM_2M (default) */
	size_t pt_bytes;	/* room for guest page tables; default 22 MiB, that
				 * is 11 GiB mapped by 4K pages, 5 TiB by 2M
				 */
	unsigned long type;	/* argument of KVM_CREATE_VM; default 0 */
};

struct vcpu;
struct guest_pt;
struct stats;

struct vm {
	int kvm_fd;		/* /dev/kvm */
	int fd;			/* the VM; -1 once vm_close() was called */
	unsigned int sys_slot;	/* id of the library's own slot */
	unsigned int gpa_bits;	/* width of a guest physical address */
	unsigned long guest_page;
	size_t run_bytes;	/* size of a vCPU's struct kvm_run mapping */
	void *sys;		/* host address of VM_SYS_GPA */
	size_t sys_bytes;
	struct guest_pt *pt;	/* what vCPUs start with: maps the library's own slot */
	struct vcpu *vcpus;	/* list, newest first */
	struct stats *stats;
	struct vm_arch arch;

	/* A guest's load from where no slot is reads this; default all ones. */
	uint64_t mmio_value;
	/*
	 * If set, called for each MMIO exit in place of the above. For a load
	 * put the bytes into run->mmio.data. Runs in the vCPU's thread.
	 */
	void (*mmio)(struct vcpu *vcpu, struct kvm_run *run);
};

/* VM (vm.c) ------------------------------------------------------------- */

/* NULL if VMs can be created here, else the reason, for a test that skips. */
const char *vm_unusable(void);

/* Not in the headers of every system that this builds on. */
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL
#define KVM_X86_QUIRK_SLOT_ZAP_ALL	0x80
#endif

/* Quirks that KVM lets a VM disable, KVM_X86_QUIRK_*; 0 if it cannot be told. */
uint64_t vm_quirks(void);

/* Of every VM that is created from now on; vm_quirks() has to hold them. */
void vm_disable_quirks(uint64_t quirks);
uint64_t vm_quirks_disabled(void);

/*
 * Called for every VM from now on: once it is made, and before vm_close() closes anything.
 * The thread is the one that makes or closes it.
 */
void vm_watch(void (*made)(struct vm *vm), void (*closing)(struct vm *vm));

struct vm *vm_create(const struct vm_opts *opts);

/*
 * Close every file descriptor and kvm_run mapping of @vm, its stats included,
 * and nothing else. KVM has torn the VM down when this returns, unless some
 * other process inherited a descriptor. Of the functions here only vm_free()
 * may follow. No vCPU may be running.
 */
void vm_close(struct vm *vm);

/* Free what vm_close() left: the library's own memory of the VM. */
void vm_free(struct vm *vm);

/* vm_close() and vm_free(). The caller's backing memory stays. */
void vm_destroy(struct vm *vm);

/* KVM_CHECK_EXTENSION on the VM: what KVM says, 0 where it does not know @cap. */
int vm_cap(struct vm *vm, int cap);

/*
 * KVM_SET_USER_MEMORY_REGION, as it is. @slot: id, address space in the upper
 * 16 bits. @flags: KVM_MEM_READONLY, KVM_MEM_LOG_DIRTY_PAGES. @bytes 0 deletes,
 * another @gpa moves. vm_try_slot() returns 0 or -errno; the others exit.
 */
int vm_try_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		uint64_t bytes, void *hva);
void vm_set_slot(struct vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa,
		 uint64_t bytes, void *hva);
void vm_delete_slot(struct vm *vm, uint32_t slot);

/* KVM_GET_DIRTY_LOG: one bit a 4K page, rounded up to 64 bits. */
int vm_dirty_log(struct vm *vm, uint32_t slot, void *bitmap);

/*
 * Anonymous memory, aligned to 2 MiB and populated (all zero). @page VM_4K: no
 * huge pages. VM_2M: huge pages are asked for, which the host may not honour
 * (transparent_hugepage/enabled "never", fragmentation): whoever depends on it
 * checks the VM statistic pages_2m once the guest has touched the memory.
 */
void *vm_backing_alloc(size_t bytes, unsigned long page);
void vm_backing_free(void *backing, size_t bytes);

/* Statistics (stats.c) --------------------------------------------------- */

/*
 * Value of the KVM statistic @name (its name in debugfs) through
 * KVM_GET_STATS_FD. -ENOENT: this kernel has no such statistic. -ENOTTY: this
 * kernel has no KVM_GET_STATS_FD (before 5.14).
 */
int vm_stat(struct vm *vm, const char *name, uint64_t *value);
/* A histogram, which has @nr buckets; -EINVAL if it has another number of them. */
int vm_stat_hist(struct vm *vm, const char *name, uint64_t *buckets, unsigned int nr);
int vcpu_stat(struct vcpu *vcpu, const char *name, uint64_t *value);
/* Sum over all vCPUs. */
int vm_vcpus_stat(struct vm *vm, const char *name, uint64_t *value);

/*
 * Module parameters: the word in /sys/module/@module/parameters/@name, without
 * the newline. -ENOENT: no such parameter. kvm_param_set() returns what write()
 * says, e.g. -EINVAL for a word the parameter does not know.
 */
int kvm_param_get(const char *module, const char *name, char *buf, size_t bytes);
int kvm_param_set(const char *module, const char *name, const char *word);

/* Guest page tables (guest_pt.c); of x86, except guest_pt_map() ----------- */

/*
 * A set of 4-level guest page tables. vm->pt is one, in the library's own slot,
 * with the library's guest mapped. For tables elsewhere, e.g. in a slot that is
 * to be deleted, make another with guest_pt_create() and give it to a vCPU with
 * vcpu_set_pt(): its tables are put one after the other into @bytes of guest
 * memory at @gpa, whose host address is @hva. The library's guest is mapped in
 * it by the function itself.
 *
 * A guest whose page tables are in a slot that is gone does not come back from
 * KVM_RUN: give the vCPU other tables before it runs again.
 */
struct guest_pt *guest_pt_create(struct vm *vm, uint64_t gpa, void *hva, size_t bytes);
void guest_pt_free(struct guest_pt *pt);

/*
 * From now on take new tables of @pt from here; tables that exist stay where
 * they are. So a guest may have only its lower levels in the slot in question:
 * map something in a GiB (for tables of 4K pages: 2 MiB) of its own.
 */
void guest_pt_arena(struct guest_pt *pt, uint64_t gpa, void *hva, size_t bytes);

/*
 * Map @bytes at guest virtual @gva to guest physical @gpa: writable, supervisor,
 * accessed and dirty set, in pages of @page (VM_4K, VM_2M, 0: that of the VM).
 * All must be aligned to it. What was mapped there by the same page size is
 * replaced; another page size is an error. The host writes the tables: under
 * shadow paging KVM does not notice a change of an entry that the guest has
 * used. Let the guest write it (guest_pt_entry(), vcpu_write64()) for that.
 */
void guest_pt_map(struct guest_pt *pt, uint64_t gva, uint64_t gpa, uint64_t bytes,
		  unsigned long page);

/*
 * Guest physical address of the entry that maps @gva at @level (1: 4K, 2: 2M,
 * 3: 1G, 4: 512G), 0 if there is no such table. @value, unless NULL, gets it.
 */
uint64_t guest_pt_entry(struct guest_pt *pt, uint64_t gva, int level, uint64_t *value);

/* Guest physical address of the root: what CR3 gets. */
uint64_t guest_pt_root(struct guest_pt *pt);

/* vCPUs (vcpu.c) --------------------------------------------------------- */

/* The command page. Written by the host before a run, by the guest before OUT. */
struct guest_cmd {
	uint64_t op;		/* GUEST_OP_*, see guest.h */
	uint64_t start;		/* guest virtual address */
	uint64_t count;		/* accesses in a pass */
	uint64_t stride;
	uint64_t value;
	uint64_t passes;	/* 0: until stop */
	uint64_t stop;
	uint64_t done;		/* passes completed */
	uint64_t result;
	uint64_t bad_gva;	/* GUEST_OP_CHECK: first mismatch, and what was there */
	uint64_t bad_value;
	uint64_t vector;	/* exception taken (arm64: its class), or GUEST_NO_EXCEPTION */
	uint64_t error;		/* on arm64, these are ESR, ELR and FAR */
	uint64_t rip;
	uint64_t cr2;
};

/* What the guest is to do. @bytes at @start, one access each @stride. */
struct guest_op {
	unsigned int op;	/* GUEST_OP_* */
	uint64_t start;
	uint64_t bytes;
	uint64_t stride;	/* 0: 4096 */
	uint64_t value;
	uint64_t passes;	/* 0: 1 */
	bool until_stop;	/* repeat until vcpu_stop(), at least once */
};

struct guest_result {
	uint64_t value;		/* `result` of the command page */
	uint64_t passes;	/* passes completed */
	uint64_t bad_gva;
	uint64_t bad_value;
	uint64_t ns;		/* from before the first KVM_RUN to after the last */
	uint64_t mmio_reads;	/* MMIO exits during the operation */
	uint64_t mmio_writes;
	uint64_t mmio_gpa;	/* of the last one */
	/* With -EPROTO: the exception that the guest took. */
	unsigned int vector;
	uint64_t error;
	uint64_t rip;
	uint64_t cr2;
};

struct vcpu {
	struct vm *vm;
	struct vcpu *next;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	struct guest_cmd *cmd;
	struct guest_pt *pt;
	struct stats *stats;
	bool lost;		/* the guest is not at its loop: start over */
	uint64_t mmio_reads;	/* since the vCPU was made */
	uint64_t mmio_writes;
	uint64_t mmio_gpa;

	/* Thread of vcpu_start(). */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { VCPU_IDLE, VCPU_BUSY, VCPU_DONE, VCPU_QUIT } state;
	struct guest_op op;
	struct guest_result res;
	int ret;
};

/* @id: 0 to VM_VCPUS_MAX - 1, and what KVM_CAP_MAX_VCPU_ID allows. */
struct vcpu *vcpu_create(struct vm *vm, unsigned int id);

/* Run with these page tables from the next operation on. */
void vcpu_set_pt(struct vcpu *vcpu, struct guest_pt *pt);

/*
 * The same, but the guest does it, with the tables that it has, which must still be
 * there. KVM_SET_SREGS tells KVM that the VMM may have written the guest's memory.
 */
void vcpu_load_pt(struct vcpu *vcpu, struct guest_pt *pt);

/*
 * Let the guest do @op and wait until it is done, in this thread unless the vCPU
 * has one (vcpu_start()). 0, or
 *	-EPROTO		the guest took an exception; @res says which
 *	-ESHUTDOWN	triple fault: not even the exception handler was mapped
 *	-EIO		an exit that the library does not know, named on stderr
 *	other		what KVM_RUN returned
 * After any of these the next operation starts the guest afresh. GUEST_OP_HLT
 * returns 0. @res may be NULL.
 */
int vcpu_exec(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res);

/* What vcpu_exec() or vcpu_wait() returned, in words. */
const char *vcpu_strerror(int ret);

/* The same, but any failure is printed and fatal. */
void vcpu_must(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res);

/* Shorthands of vcpu_must() on 4K strides. */
void vcpu_read(struct vcpu *vcpu, uint64_t gva, uint64_t bytes);
void vcpu_write(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value);
uint64_t vcpu_read64(struct vcpu *vcpu, uint64_t gva);
void vcpu_write64(struct vcpu *vcpu, uint64_t gva, uint64_t value);
void vcpu_stamp(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value);
/* Number of pages that do not hold the stamp; @res may be NULL. */
uint64_t vcpu_mismatches(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value,
			 struct guest_result *res);
/* The same, but a mismatch is printed and fatal. */
void vcpu_check(struct vcpu *vcpu, uint64_t gva, uint64_t bytes, uint64_t value);

/* The stamp that GUEST_OP_STAMP puts at the first 8 bytes of the page at @gva. */
static inline uint64_t guest_stamp(uint64_t gva, uint64_t value)
{
	return value + (gva >> 12);
}

/*
 * Let the guest do @op in a thread of the vCPU, made by the first vcpu_start()
 * and used for everything from then on, and return at once. Each vcpu_start()
 * needs one vcpu_wait(), which returns what vcpu_exec() returned there.
 * vcpu_stop() ends an operation that runs until_stop (after its current pass)
 * and GUEST_OP_SPIN; it does not wait.
 */
void vcpu_start(struct vcpu *vcpu, const struct guest_op *op);
void vcpu_stop(struct vcpu *vcpu);
int vcpu_wait(struct vcpu *vcpu, struct guest_result *res);

/* Print "PROGRAM: MESSAGE" on stderr and exit with status 1. */
void vm_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

uint64_t vm_now_ns(void);

#endif
