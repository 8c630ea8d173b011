/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies: how KVM throws mappings away wholesale, and what it cost.
 *
 * A zap site is an event at which KVM drops mappings of a whole VM or memslot,
 * a zap policy is how it does so.  The architecture brackets each event with
 * kvm_zap_begin() and kvm_zap_end() and runs the engine of the policy that
 * kvm_zap_begin() returns; parameters, statistics, debugfs and the tracepoint
 * are kept in virt/kvm/zap.c and know nothing of an architecture.
 *
 * See Documentation/virt/kvm/zap-policy.rst.
 */
#ifndef __LINUX_KVM_ZAP_H
#define __LINUX_KVM_ZAP_H

#include <linux/types.h>

struct dentry;
struct kvm;
struct kvm_memory_slot;
struct task_struct;

/*
 * X(suffix of the enumerator, word), XE for the last one.  The words are ABI:
 * parameters, the per-VM word, zap_stats and the tracepoint all take them from
 * here.  The first three policies are choices only: what is done is one of the
 * others.
 */
#define KVM_ZAP_SITES(X, XE)	\
	X(MEMSLOT, "memslot")	\
	X(MMIO, "mmio")		\
	XE(TEARDOWN, "teardown")

#define KVM_ZAP_POLICIES(X, XE)	\
	X(INHERIT, "inherit")	\
	X(STOCK, "stock")	\
	X(AUTO, "auto")		\
	X(FAST, "fast")		\
	X(SCOPED, "scoped")	\
	X(WALK, "walk")		\
	XE(BULK, "bulk")

/*
 * Who decided: the first of these that has something to say.  SREGS only has where
 * scoped is, or was, what the others say.
 */
#define KVM_ZAP_BYS(X, XE)	\
	X(TYPE, "type")		\
	X(DMA, "dma")		\
	X(SREGS, "sregs")	\
	X(VM, "vm")		\
	X(PARAM, "param")	\
	XE(KERNEL, "kernel")

enum kvm_zap_site {
#define KVM_ZAP_SITE_ENUM(name, word)	KVM_ZAP_SITE_##name,
	KVM_ZAP_SITES(KVM_ZAP_SITE_ENUM, KVM_ZAP_SITE_ENUM)
	KVM_ZAP_NR_SITES,
};

enum kvm_zap_policy {
#define KVM_ZAP_POLICY_ENUM(name, word)	KVM_ZAP_POLICY_##name,
	KVM_ZAP_POLICIES(KVM_ZAP_POLICY_ENUM, KVM_ZAP_POLICY_ENUM)
	KVM_ZAP_NR_POLICIES,
};

enum kvm_zap_by {
#define KVM_ZAP_BY_ENUM(name, word)	KVM_ZAP_BY_##name,
	KVM_ZAP_BYS(KVM_ZAP_BY_ENUM, KVM_ZAP_BY_ENUM)
};

#ifdef CONFIG_KVM_ZAP_POLICY

/**
 * struct kvm_zap_vm_stat - what a VM's invalidations did, since its creation
 * @memslot_zap_fast: memslots deleted or moved with policy fast, or what scoped owed
 * @memslot_zap_scoped: memslots deleted or moved with policy scoped
 * @mmio_zap_fast: MMIO generation wraps handled with policy fast
 * @mmio_zap_scoped: MMIO generation wraps handled with policy scoped
 * @zap_sptes: leaf SPTEs dropped
 * @zap_tables: page-table pages dropped
 * @zap_yields: times the work made way for others
 * @zap_ns: time spent, in nanoseconds
 *
 * Part of struct kvm_vm_stat.  Written at the end of each invalidation by the
 * task that ran it, see struct kvm_zap.
 */
struct kvm_zap_vm_stat {
	u64 memslot_zap_fast;
	u64 memslot_zap_scoped;
	u64 mmio_zap_fast;
	u64 mmio_zap_scoped;
	u64 zap_sptes;
	u64 zap_tables;
	u64 zap_yields;
	u64 zap_ns;
};

/**
 * struct kvm_zap - a VM's own choice, and its invalidation under way
 * @memslot_word: what debugfs' memslot_zap of the VM says
 * @sregs: how often special registers of vCPUs were set, for the architecture
 * @refreshed: the @sregs of which nothing that was mapped before is left, likewise
 * @refreshing: the @sregs when a fast zap began, likewise
 * @kept: whether policy scoped has kept what may be stale once they are set, likewise
 * @task: who runs it, NULL while none is under way
 * @slot: the memslot that goes, NULL where the site has none
 * @site: why it runs
 * @policy: how it runs, sampled once by kvm_zap_begin()
 * @by: who decided that, likewise
 * @sptes: leaf SPTEs dropped so far
 * @tables: page-table pages dropped so far
 * @yields: times the work made way for others so far
 * @flushes: remote TLB flushes of the VM when it began
 * @leafs: leaf SPTEs of the VM when it began, for the architecture
 * @start_ns: monotonic time at which it began
 *
 * Part of struct kvm.  All fields from @slot on belong to the task that @task
 * names; others, e.g. vCPUs that replace a page table meanwhile, only compare
 * @task with themselves.  Sites memslot and mmio hold slots_lock, so no two of
 * them meet, and teardown starts when no task is left that could run them.  But
 * it may start twice: its process exits while another one closes the last file
 * descriptor.  The first is counted, the second runs without.
 */
struct kvm_zap {
	enum kvm_zap_policy memslot_word;
	atomic_t sregs;
	int refreshed;
	int refreshing;
	bool kept;
	struct task_struct *task;
	const struct kvm_memory_slot *slot;
	enum kvm_zap_site site;
	enum kvm_zap_policy policy;
	enum kvm_zap_by by;
	u64 sptes;
	u64 tables;
	u64 yields;
	u64 flushes;
	s64 leafs;
	u64 start_ns;
};

enum kvm_zap_policy kvm_zap_begin(struct kvm *kvm, enum kvm_zap_site site,
				  const struct kvm_memory_slot *slot,
				  enum kvm_zap_policy own);
void kvm_zap_fall_back(struct kvm *kvm, enum kvm_zap_policy policy);
void kvm_zap_end(struct kvm *kvm);

/*
 * By the architecture: the policy that a VM like this needs at @site, and in @by
 * why; KVM_ZAP_POLICY_INHERIT where there is a choice.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site,
					enum kvm_zap_by *by);

/*
 * By the architecture: the better of fast and scoped for @slot, which goes; NULL if none
 * does, and all mappings are about to go.
 */
enum kvm_zap_policy kvm_arch_zap_auto(struct kvm *kvm,
				      const struct kvm_memory_slot *slot);

void kvm_zap_count_sptes(struct kvm *kvm, u64 nr);
void kvm_zap_count_table(struct kvm *kvm);
int kvm_zap_count_yield(struct kvm *kvm, int yielded);

void kvm_zap_init_debugfs(struct dentry *dir);
void kvm_zap_create_vm_debugfs(struct kvm *kvm);

#ifdef CONFIG_KVM_ZAP_TEST
u64 kvm_zap_first_generation(int as_id);
#else
#define kvm_zap_first_generation(as_id)	(as_id)
#endif

/*
 * Functions of KVM that engines call as well. Inlined where they were before: as
 * calls they cost 7.2 1.25 % of a fast zap. Not "inline", which is notrace.
 */
#define KVM_ZAP_STATIC	__inline __gnu_inline

/*
 * Rows of kvm_vm_stats_desc[], named as in struct kvm_zap_vm_stat. KVM has had
 * two types for them: one with the name next to the description, _NESTED here,
 * and one with the name in it, _FLAT. scripts/graft tells which.
 */
#define KVM_ZAP_STATS_COMMON(stat, unit, exp)				\
	STATS_DESC_COMMON(KVM_STATS_TYPE_CUMULATIVE, unit,		\
			  KVM_STATS_BASE_POW10, exp, 1, 0),		\
	.offset = offsetof(struct kvm_vm_stat, zap.stat)
#define KVM_ZAP_STATS_NESTED(stat, unit, exp)				\
	{ { KVM_ZAP_STATS_COMMON(stat, unit, exp) }, .name = #stat }
#define KVM_ZAP_STATS_FLAT(stat, unit, exp)				\
	{ KVM_ZAP_STATS_COMMON(stat, unit, exp), .name = #stat }

#define KVM_ZAP_VM_STATS(DESC)						\
	DESC(memslot_zap_fast, KVM_STATS_UNIT_NONE, 0),			\
	DESC(memslot_zap_scoped, KVM_STATS_UNIT_NONE, 0),		\
	DESC(mmio_zap_fast, KVM_STATS_UNIT_NONE, 0),			\
	DESC(mmio_zap_scoped, KVM_STATS_UNIT_NONE, 0),			\
	DESC(zap_sptes, KVM_STATS_UNIT_NONE, 0),			\
	DESC(zap_tables, KVM_STATS_UNIT_NONE, 0),			\
	DESC(zap_yields, KVM_STATS_UNIT_NONE, 0),			\
	DESC(zap_ns, KVM_STATS_UNIT_SECONDS, -9),

#else /* !CONFIG_KVM_ZAP_POLICY: every edit that graft makes comes to nothing */

struct kvm_zap_vm_stat { };
struct kvm_zap { };

static inline void kvm_zap_count_table(struct kvm *kvm) { }
static inline int kvm_zap_count_yield(struct kvm *kvm, int yielded)
{
	return yielded;
}

static inline void kvm_zap_init_debugfs(struct dentry *dir) { }
static inline void kvm_zap_create_vm_debugfs(struct kvm *kvm) { }

#define kvm_zap_first_generation(as_id)	(as_id)
#define KVM_ZAP_STATIC	static
#define KVM_ZAP_VM_STATS(DESC)

#endif /* CONFIG_KVM_ZAP_POLICY */

#endif /* __LINUX_KVM_ZAP_H */
