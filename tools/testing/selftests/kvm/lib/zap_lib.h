/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that the tests share: parameters, which are restored however a test ends,
 * counters, and the MMU that the host uses. On failure, functions print a message and
 * exit.
 */
#ifndef KVM_ZAP_LIB_H
#define KVM_ZAP_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"
#include "zap_policies.h"

#define ZAP_MODULE	"kvm"
#define ZAP_PARAM	"memslot_zap"
#define ZAP_PARAM_PATH	"/sys/module/" ZAP_MODULE "/parameters/" ZAP_PARAM
#define ZAP_DEBUGFS	"/sys/kernel/debug/kvm/"
#define ZAP_RESET	ZAP_DEBUGFS "zap/reset"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * Begin a test of @plan cases: save the parameters for the end, be it a signal.
 * Where there is no KVM, or not kvm-zap's, the test ends here: skipped.
 */
void zap_start(unsigned int plan);

/* Whether the modules that are loaded are kvm-zap's. */
bool zap_have_policies(void);

/* The same for a test that can do without policies, as with the distribution's modules. */
void zap_start_anywhere(unsigned int plan);

/* The test needs zap/stats and its like in debugfs; to be called before it starts. */
void zap_need_debugfs(void);

/* Set the parameter of @site: "memslot", "mmio", "teardown". */
void zap_site_policy(const char *site, const char *word);

/* How long after an invalidation page faults count as refaults; 0: they never do. */
void zap_set_window(unsigned int ms);

void zap_sleep_ms(unsigned int ms);

/* That of memslot. */
void zap_policy(const char *word);

/* The VM's own word, in debugfs; a test that writes it calls zap_need_debugfs(). */
void zap_vm_policy(struct vm *vm, const char *word);

/* How KVM maps guest memory on this host. */
enum zap_mmu {
	ZAP_MMU_TDP,		/* two-dimensional paging, the TDP MMU */
	ZAP_MMU_LEGACY,		/* two-dimensional paging, the shadow MMU's code */
	ZAP_MMU_SHADOW,		/* shadow paging */
};

enum zap_mmu zap_mmu(void);

/*
 * How often KVM deletes a memslot of its own (id above the caller's) when @vm is closed by
 * the process that made it: invalidations like any other, counted in zap/stats. @irqchip:
 * it has an in-kernel interrupt controller. @tss: it had KVM_SET_TSS_ADDR. Depends on the
 * vendor's module; none on AMD, unless AVIC is in use.
 */
unsigned int zap_private_deletions(struct vm *vm, bool irqchip, bool tss);

/* Whether the kernel that runs is as new as that. */
bool zap_kernel_since(unsigned int major, unsigned int minor);

/* The whole of a small file, NUL-terminated; returns its size or -errno. */
long zap_read_file(const char *path, char *buf, size_t bytes);

/* One write(), of all of it: 0 or -errno. */
int zap_write_file(const char *path, const char *text, size_t bytes);

/*
 * A VM whose slot 0, at VM_RAM_GPA, is the 64K at @mem: the guest has written there,
 * the slot was deleted and made again, and the guest has read what it wrote.
 */
struct vm *zap_used_vm(void *mem);

/*
 * Have KVM make more page tables, one for each 2M of the @bytes in slot @slot at
 * ZAP_FILLER_GPA: the guest reads a page there. Free what is returned, never NULL,
 * when the VM is gone.
 */
#define ZAP_FILLER_GPA	(VM_RAM_GPA + 2 * SZ_1G)
#define ZAP_FILLER_BYTES	(2 * SZ_1G)	/* what makes them many for a small memslot */

void *zap_filler_create(struct vcpu *vcpu, unsigned int slot, size_t bytes);
void zap_filler_free(void *filler, size_t bytes);

/* A statistic of the VM, or the sum over its vCPUs. */
uint64_t zap_stat(struct vm *vm, const char *name);

/* The VM's histogram @name of @nr buckets.  Returns how much there is in all of them. */
#define ZAP_NS_BUCKETS		28
#define ZAP_REFAULTS_BUCKETS	16
uint64_t zap_hist(struct vm *vm, const char *name, uint64_t *buckets, unsigned int nr);
/* The bucket of @value: 0, 1, 2 to 3, 4 to 7, ...; the last of @nr has all the rest. */
unsigned int zap_bucket(uint64_t value, unsigned int nr);
uint64_t zap_vcpus_stat(struct vm *vm, const char *name);

/* Leaf SPTEs of all sizes that the VM has. */
uint64_t zap_leafs(struct vm *vm);

/* The VM's counters. */
struct zap_counts {
	uint64_t memslot_zap_fast;
	uint64_t memslot_zap_scoped;
	uint64_t mmio_zap_fast;
	uint64_t mmio_zap_scoped;
	uint64_t zap_sptes;
	uint64_t zap_tables;
	uint64_t zap_yields;
	uint64_t zap_ns;
	uint64_t zap_collateral;
	uint64_t zap_kept;
};

#define ZAP_NR_COUNTS	(sizeof(struct zap_counts) / sizeof(uint64_t))

extern const char * const zap_count_names[ZAP_NR_COUNTS];

void zap_counts(struct vm *vm, struct zap_counts *counts);

/* A row of zap/stats, of all VMs since the module was loaded. */
struct zap_row {
	uint64_t count;
	uint64_t sptes;
	uint64_t tables;
	uint64_t yields;
	uint64_t flushes;
	uint64_t total_ns;
	uint64_t max_ns;
	uint64_t collateral;
	uint64_t kept;
};

void zap_row(const char *site, const char *policy, struct zap_row *row);

/* Sum of the buckets of zap/latency. */
uint64_t zap_latency(const char *site, const char *policy);

/*
 * What @vms, the text of zap/vms, says in @column of the first VM that thread @tid made;
 * false if there is none.
 */
bool zap_vm_word(const char *vms, int tid, const char *column, char *word, size_t bytes);

/* @after - @before, number by number; both are structures of uint64_t. */
#define zap_diff(after, before)	\
	zap_subtract((uint64_t *)(after), (const uint64_t *)(before), \
		     sizeof(*(after)) / sizeof(uint64_t))
void zap_subtract(uint64_t *after, const uint64_t *before, size_t nr);

#endif
