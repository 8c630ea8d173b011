/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies: how KVM throws mappings away wholesale, and what it cost.
 *
 * A zap site is an event at which KVM drops mappings of a whole VM or memslot,
 * a zap policy is how it does so.  The architecture brackets each event with
 * kvm_zap_begin() and kvm_zap_end() and runs the engine of the policy that
 * kvm_zap_begin() returns; parameters, statistics, debugfs and the tracepoint
 * are kept in virt/kvm/zap*.c and know nothing of an architecture.
 *
 * See Documentation/virt/kvm/zap-policy.rst.
 */
#ifndef __LINUX_KVM_ZAP_H
#define __LINUX_KVM_ZAP_H

#include <linux/jump_label.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct dentry;
struct kvm;
struct kvm_memory_slot;
struct kvm_vcpu;
struct task_struct;

/*
 * By the architecture, in asm/kvm_zap.h: what it has, each list for a macro X.
 *
 * KVM_ARCH_ZAP_SITES(X, XE): its sites, MEMSLOT and TEARDOWN among them; XE is for the
 * last one.  The suffix of the enumerator; the word; the policy that leaves it to the
 * kernel; the default; the policies that may be chosen, as bits; what modinfo says of the
 * parameter WORD_zap.
 * KVM_ARCH_ZAP_COUNTERS(X, arg): the sites and policies, each by suffix and word, of which
 * a VM counts how often they were; @arg is handed on.  Not those of TEARDOWN: the VM's
 * files are gone by then.
 * KVM_ARCH_ZAP_TIMES(X): the policies, likewise, of which a VM has the time that they took.
 * KVM_ARCH_ZAP_EXTRAS(X, arg): what else it counts of an invalidation, by suffix and name.
 * KVM_ARCH_ZAP_KNOWS_FAULTS: whether KVM counts page faults, so that there are refaults.
 * struct kvm_arch_zap: what it keeps of a VM.
 *
 * Words are ABI: parameters, the per-VM word, zap/stats and the tracepoint all take them
 * from these lists and those below.
 */

/*
 * X(suffix of the enumerator, word), XE for the last one.  The first three policies are
 * choices only: what is done is one of the others.  An architecture has some of them.
 */
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

#ifdef CONFIG_KVM_ZAP_POLICY

#include <asm/kvm_zap.h>

enum kvm_zap_site {
#define KVM_ZAP_SITE_ENUM(name, ...)	KVM_ZAP_SITE_##name,
	KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_ENUM, KVM_ZAP_SITE_ENUM)
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
	KVM_ZAP_NR_BYS,
};

enum kvm_zap_counter {
#define KVM_ZAP_COUNTER_ENUM(arg, SITE, site, POLICY, policy)	KVM_ZAP_COUNTER_##SITE##_##POLICY,
	KVM_ARCH_ZAP_COUNTERS(KVM_ZAP_COUNTER_ENUM, 0)
	KVM_ZAP_NR_COUNTERS,
};

enum kvm_zap_timed {
#define KVM_ZAP_TIME_ENUM(POLICY, policy)	KVM_ZAP_TIME_##POLICY,
	KVM_ARCH_ZAP_TIMES(KVM_ZAP_TIME_ENUM)
	KVM_ZAP_NR_TIMES,
};

enum kvm_zap_extra {
#define KVM_ZAP_EXTRA_ENUM(arg, NAME, name)	KVM_ZAP_EXTRA_##NAME,
	KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_ENUM, 0)
	KVM_ZAP_NR_EXTRAS,
};

/* Buckets of the histograms: 0, 1, 2 and 3, 4 to 7, ...; the last one has all above. */
#define KVM_ZAP_HIST_COUNT	32

/**
 * struct kvm_zap_vm_stat - what a VM's invalidations did, since its creation
 * @counts: invalidations by site and policy, as in KVM_ARCH_ZAP_COUNTERS()
 * @zap_sptes: leaf SPTEs dropped
 * @zap_tables: page-table pages dropped
 * @zap_yields: times the work made way for others
 * @zap_ns: time spent, in nanoseconds
 * @zap_collateral: leaf SPTEs dropped that were none of the memslot's
 * @zap_kept: leaf SPTEs that policy scoped left mapped, summed up over memslots
 * @zap_refaults: page faults soon after an invalidation, see virt/kvm/zap_window.c
 * @zap_stall_ns: time that vCPUs spent in page faults then, see virt/kvm/zap_stall.c
 * @zap_stall_max_ns: the most of it that one vCPU spent in one window
 * @memslot_updates: memslots created, changed, moved or deleted
 * @memslot_update_ns: time that took, in nanoseconds
 * @memslot_update_max_ns: time that the longest one took, in nanoseconds
 * @zap_ns_hist: invalidations by the time that they took
 * @zap_refaults_hist: windows by the refaults in them
 * @zap_stall_ns_hist: what vCPUs spent so in a window, if anything, by time
 * @extras: what else was counted, as in KVM_ARCH_ZAP_EXTRAS()
 *
 * Part of struct kvm_vm_stat.  Written at the end of each invalidation by the
 * task that ran it, see kvm_zap_record_end(), those of updates by who holds slots_lock, and
 * those of refaults and stalls under the lock of struct kvm_zap_window.
 */
struct kvm_zap_vm_stat {
	u64 counts[KVM_ZAP_NR_COUNTERS];
	u64 zap_sptes;
	u64 zap_tables;
	u64 zap_yields;
	u64 zap_ns;
	u64 zap_collateral;
	u64 zap_kept;
	u64 zap_refaults;
	u64 zap_stall_ns;
	u64 zap_stall_max_ns;
	u64 memslot_updates;
	u64 memslot_update_ns;
	u64 memslot_update_max_ns;
	u64 zap_ns_hist[KVM_ZAP_HIST_COUNT];
	u64 zap_refaults_hist[KVM_ZAP_HIST_COUNT];
	u64 zap_stall_ns_hist[KVM_ZAP_HIST_COUNT];
	u64 extras[KVM_ZAP_NR_EXTRAS];
};

/**
 * struct kvm_zap_time - how long a VM's invalidations under a policy took
 * @ns: all together, in nanoseconds
 * @max_ns: the longest one, in nanoseconds
 */
struct kvm_zap_time {
	u64 ns;
	u64 max_ns;
};

/**
 * struct kvm_zap_update - the update of a memslot that is under way
 * @start_ns: monotonic time at which it began
 * @base_gfn: first page frame of the memslot, as it will be
 * @npages: its size in pages
 * @flags: its flags
 * @slot: its number
 * @as_id: its address space
 * @change: an enum kvm_mr_change
 *
 * Belongs to who holds slots_lock.  What a memslot that goes was, it is said to be.
 */
struct kvm_zap_update {
	u64 start_ns;
	u64 base_gfn;
	u64 npages;
	u32 flags;
	s32 slot;
	u16 as_id;
	u16 change;
};

/**
 * struct kvm_zap_window - time after an invalidation, in which page faults are refaults
 * @lock: protects the fields below
 * @work: closes it
 * @open: whether there is one
 * @timed: whether page faults that begin now are timed; vCPUs look at it without @lock
 * @stopped: whether none may be opened any more, for the VM goes away
 * @slot: the memslot of the latest invalidation, -1 if it had none
 * @since_ns: when it opened or, if it is not open, the one before closed
 * @until_ns: when it is to close
 * @length_ns: how long it is if nothing extends it
 * @faults: page faults at @since_ns
 * @quiet_ns: time between the window before and this one
 * @quiet_faults: page faults in that time
 */
struct kvm_zap_window {
	spinlock_t lock;	/* see above */
	struct delayed_work work;
	bool open;
	bool timed;
	bool stopped;
	s32 slot;
	u64 since_ns;
	u64 until_ns;
	u64 length_ns;
	u64 faults;
	u64 quiet_ns;
	u64 quiet_faults;
};

/**
 * struct kvm_zap_vcpu - how long a vCPU stood still
 * @stall_ns: time in page faults that were timed, in nanoseconds; during one, less the
 *	monotonic time at which it began, which is below 0
 * @taken_ns: how much of that was counted, or left out
 *
 * Part of struct kvm_vcpu.  The vCPU alone writes @stall_ns, without a lock.  @taken_ns is
 * protected by the lock of struct kvm_zap_window.
 */
struct kvm_zap_vcpu {
	s64 stall_ns;
	s64 taken_ns;
};

/**
 * struct kvm_zap_record - an invalidation under way
 * @slot: the memslot that goes, NULL where the site has none
 * @site: why it runs
 * @policy: how it runs, sampled once
 * @by: who decided that, likewise
 * @sptes: leaf SPTEs dropped so far
 * @tables: page-table pages dropped so far
 * @yields: times the work made way for others so far
 * @collateral: leaf SPTEs of these that were none of @slot, once it ends
 * @left: leaf SPTEs that policy scoped left mapped, once it ends
 * @flushes: remote TLB flushes of the VM when it began
 * @start_ns: monotonic time at which it began
 * @extras: what else the architecture counts, as in KVM_ARCH_ZAP_EXTRAS()
 *
 * Belongs to the task that runs the invalidation.
 */
struct kvm_zap_record {
	const struct kvm_memory_slot *slot;
	enum kvm_zap_site site;
	enum kvm_zap_policy policy;
	enum kvm_zap_by by;
	u64 sptes;
	u64 tables;
	u64 yields;
	u64 collateral;
	u64 left;
	u64 flushes;
	u64 start_ns;
	u64 extras[KVM_ZAP_NR_EXTRAS];
};

/**
 * struct kvm_zap - a VM's own choice, its invalidation under way, and what came of others
 * @memslot_word: what debugfs' memslot_zap of the VM says
 * @arch: what the architecture keeps
 * @tgid: the process that created the VM, in the initial PID namespace
 * @tid: the thread that did, after which the VM's folder in debugfs is named
 * @time: how long invalidations took by policy, but for site teardown
 * @end_ns: monotonic time at which the last of these ended, 0 if there was none
 * @torn_down: whether all mappings were dropped because the VM goes away
 * @update: the update of a memslot that is under way
 * @window: what counts refaults
 * @task: who runs the invalidation of @record, NULL while none is under way
 * @record: the invalidation that kvm_zap_begin() began
 *
 * Part of struct kvm.  @record belongs to the task that @task names; others, e.g. vCPUs
 * that replace a page table meanwhile, only compare @task with themselves.  So there is
 * one at a time of these.  Sites but teardown hold slots_lock, so no two of
 * them meet, and teardown starts when no task is left that could run them.  But it may
 * start twice: its process exits while another one closes the last file descriptor.  The
 * first is counted, the second runs without, be it at the same time or later.  Where
 * invalidations of a VM run side by side each has a record of its own, on its stack:
 * kvm_zap_record_begin().
 */
struct kvm_zap {
	enum kvm_zap_policy memslot_word;
	struct kvm_arch_zap arch;
	pid_t tgid;
	pid_t tid;
	struct kvm_zap_time time[KVM_ZAP_NR_TIMES];
	u64 end_ns;
	bool torn_down;
	struct kvm_zap_update update;
	struct kvm_zap_window window;
	struct task_struct *task;
	struct kvm_zap_record record;
};

enum kvm_zap_policy kvm_zap_begin(struct kvm *kvm, enum kvm_zap_site site,
				  const struct kvm_memory_slot *slot,
				  enum kvm_zap_policy own);
void kvm_zap_fall_back(struct kvm *kvm, enum kvm_zap_policy policy);
void kvm_zap_end(struct kvm *kvm);

enum kvm_zap_policy kvm_zap_record_begin(struct kvm *kvm, struct kvm_zap_record *zap,
					 enum kvm_zap_site site,
					 const struct kvm_memory_slot *slot,
					 enum kvm_zap_policy own);
void kvm_zap_record_end(struct kvm *kvm, struct kvm_zap_record *zap);

/*
 * By the architecture: the policy that a VM like this needs at @site, and in @by
 * why; KVM_ZAP_POLICY_INHERIT where there is a choice.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site,
					enum kvm_zap_by *by);

/*
 * By the architecture: what auto is for @slot, which goes; NULL if none does, and all
 * mappings are about to go.
 */
enum kvm_zap_policy kvm_arch_zap_auto(struct kvm *kvm,
				      const struct kvm_memory_slot *slot);

/*
 * By the architecture: what @word, the choice for site memslot, comes to: what is done,
 * or auto; in @by why, if that is not @word's doing.
 */
enum kvm_zap_policy kvm_arch_zap_outlook(struct kvm *kvm, enum kvm_zap_policy word,
					 enum kvm_zap_by *by);

/* By the architecture: leaf SPTEs of the VM, negative if KVM does not know. */
s64 kvm_arch_zap_mapped(struct kvm *kvm);

/* By an architecture with KVM_ARCH_ZAP_KNOWS_FAULTS: page faults that vCPUs resolved. */
u64 kvm_arch_zap_faults(struct kvm *kvm);

/**
 * struct kvm_zap_devices - what of the host a VM has
 * @assigned: devices assigned to it, negative if KVM does not know
 * @noncoherent: those with non-coherent DMA, as their users have registered them, likewise
 */
struct kvm_zap_devices {
	int assigned;
	int noncoherent;
};

/* By the architecture. */
void kvm_arch_zap_devices(struct kvm *kvm, struct kvm_zap_devices *devices);

void kvm_zap_count_sptes(struct kvm *kvm, u64 nr);
void kvm_zap_count_table(struct kvm *kvm);
int kvm_zap_count_yield(struct kvm *kvm, int yielded);

void kvm_zap_init_vm(struct kvm *kvm);
void kvm_zap_init_window(struct kvm *kvm);
void kvm_zap_stop(struct kvm *kvm);
void kvm_zap_update_begin(struct kvm *kvm, const struct kvm_memory_slot *old,
			  const struct kvm_memory_slot *new, int change);
void kvm_zap_update_end(struct kvm *kvm);

DECLARE_STATIC_KEY_FALSE(kvm_zap_stall_key);
void kvm_zap_stall_begin(struct kvm_vcpu *vcpu);
void kvm_zap_stall_end(struct kvm_vcpu *vcpu);

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
 * Rows of kvm_vm_stats_desc[]: a name, where in struct kvm_zap_vm_stat. KVM has had
 * two types for them: one with the name next to the description, _NESTED here,
 * and one with the name in it, _FLAT. scripts/graft tells which.
 */
#define KVM_ZAP_STATS_COMMON(field, type, unit, exp, size)		\
	STATS_DESC_COMMON(KVM_STATS_TYPE_##type, KVM_STATS_UNIT_##unit,	\
			  KVM_STATS_BASE_POW10, exp, size, 0),		\
	.offset = offsetof(struct kvm_vm_stat, zap.field)
#define KVM_ZAP_STATS_NESTED(stat, field, ...)				\
	{ { KVM_ZAP_STATS_COMMON(field, __VA_ARGS__) }, .name = #stat }
#define KVM_ZAP_STATS_FLAT(stat, field, ...)				\
	{ KVM_ZAP_STATS_COMMON(field, __VA_ARGS__), .name = #stat }

#define KVM_ZAP_COUNTER_STAT(DESC, SITE, site, POLICY, policy)		\
	DESC(site##_zap_##policy, counts[KVM_ZAP_COUNTER_##SITE##_##POLICY], \
	     CUMULATIVE, NONE, 0, 1),
#define KVM_ZAP_EXTRA_STAT(DESC, NAME, name)				\
	DESC(zap_##name, extras[KVM_ZAP_EXTRA_##NAME], CUMULATIVE, NONE, 0, 1),
#define KVM_ZAP_STAT(DESC, stat, ...)	DESC(stat, stat, __VA_ARGS__)

#define KVM_ZAP_VM_STATS(DESC)						\
	KVM_ARCH_ZAP_COUNTERS(KVM_ZAP_COUNTER_STAT, DESC)		\
	KVM_ZAP_STAT(DESC, zap_sptes, CUMULATIVE, NONE, 0, 1),		\
	KVM_ZAP_STAT(DESC, zap_tables, CUMULATIVE, NONE, 0, 1),		\
	KVM_ZAP_STAT(DESC, zap_yields, CUMULATIVE, NONE, 0, 1),		\
	KVM_ZAP_STAT(DESC, zap_ns, CUMULATIVE, SECONDS, -9, 1),		\
	KVM_ZAP_STAT(DESC, zap_collateral, CUMULATIVE, NONE, 0, 1),	\
	KVM_ZAP_STAT(DESC, zap_kept, CUMULATIVE, NONE, 0, 1),		\
	KVM_ZAP_STAT(DESC, zap_refaults, CUMULATIVE, NONE, 0, 1),	\
	KVM_ZAP_STAT(DESC, zap_stall_ns, CUMULATIVE, SECONDS, -9, 1),	\
	KVM_ZAP_STAT(DESC, zap_stall_max_ns, PEAK, SECONDS, -9, 1),	\
	KVM_ZAP_STAT(DESC, memslot_updates, CUMULATIVE, NONE, 0, 1),	\
	KVM_ZAP_STAT(DESC, memslot_update_ns, CUMULATIVE, SECONDS, -9, 1), \
	KVM_ZAP_STAT(DESC, memslot_update_max_ns, PEAK, SECONDS, -9, 1), \
	KVM_ZAP_STAT(DESC, zap_ns_hist, LOG_HIST, SECONDS, -9, KVM_ZAP_HIST_COUNT), \
	KVM_ZAP_STAT(DESC, zap_refaults_hist, LOG_HIST, NONE, 0, KVM_ZAP_HIST_COUNT), \
	KVM_ZAP_STAT(DESC, zap_stall_ns_hist, LOG_HIST, SECONDS, -9, KVM_ZAP_HIST_COUNT), \
	KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_STAT, DESC)

#else /* !CONFIG_KVM_ZAP_POLICY: every edit that graft makes comes to nothing */

struct kvm_zap_vm_stat { };
struct kvm_zap { };
struct kvm_zap_vcpu { };

static inline void kvm_zap_count_table(struct kvm *kvm) { }
static inline int kvm_zap_count_yield(struct kvm *kvm, int yielded)
{
	return yielded;
}

static inline void kvm_zap_init_vm(struct kvm *kvm) { }
static inline void kvm_zap_stop(struct kvm *kvm) { }
static inline void kvm_zap_update_begin(struct kvm *kvm,
					const struct kvm_memory_slot *old,
					const struct kvm_memory_slot *new,
					int change) { }
static inline void kvm_zap_update_end(struct kvm *kvm) { }
static inline void kvm_zap_init_debugfs(struct dentry *dir) { }
static inline void kvm_zap_create_vm_debugfs(struct kvm *kvm) { }

#define kvm_zap_first_generation(as_id)	(as_id)
#define KVM_ZAP_STATIC	static
#define KVM_ZAP_VM_STATS(DESC)

#endif /* CONFIG_KVM_ZAP_POLICY */

#endif /* __LINUX_KVM_ZAP_H */
