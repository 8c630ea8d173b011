/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies: how KVM drops mappings wholesale, and what that costs.
 *
 * A zap site is an event at which KVM drops the mappings of a whole VM, memslot or large
 * range; a zap policy is a way to do it.  The architecture brackets each event with
 * kvm_zap_begin() and kvm_zap_end(), or kvm_zap_record_begin() and kvm_zap_record_end(),
 * and runs the engine of the policy that the former returns.  Parameters, statistics,
 * debugfs files and the tracepoint are in virt/kvm/zap*.c, which is architecture-neutral.
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
 * The architecture provides these in asm/kvm_zap.h.  A list calls the macro X for each row.
 *
 * KVM_ARCH_ZAP_SITES(X, XE): the sites, which include MEMSLOT and TEARDOWN; XE is called
 * for the last one.  Arguments: the suffix of the enumerator, the word, the policy that
 * leaves the decision to the kernel, the default, the policies that may be chosen (as
 * bits), and the description of the parameter WORD_zap.
 * KVM_ARCH_ZAP_COUNTERS(X, arg): each site and policy, by suffix and word, that a VM has a
 * counter for; @arg is passed through.  TEARDOWN has none, because the VM's files are
 * gone by then or about to go.
 * KVM_ARCH_ZAP_TIMES(X): each policy, by suffix and word, whose time a VM sums up.
 * KVM_ARCH_ZAP_EXTRAS(X, arg): what else is counted of an invalidation, by suffix and name.
 * KVM_ARCH_ZAP_REASONS(X, XE): why an MMU notifier unmaps memory, by suffix and word, in the
 * order of enum mmu_notifier_event.  Only where that is a site.
 * KVM_ARCH_ZAP_POLICIES(X, XE): the last policies of KVM_ZAP_POLICIES(), from bulk on.  Only
 * where there is another one behind bulk.
 * KVM_ARCH_ZAP_REFUSES: defined where kvm_arch_zap_refuse() is.
 * KVM_ARCH_ZAP_KNOWS_FAULTS: 1 if KVM counts page faults, so that refaults are known.
 * KVM_ARCH_ZAP_SIDE_BY_SIDE: 1 if several invalidations of a VM can be in progress at once.
 * Then each has a record of its own, kvm_zap_record_begin(); else the VM has one record,
 * kvm_zap_begin().
 * struct kvm_arch_zap: the architecture's part of struct kvm_zap.
 *
 * Words are ABI: parameters, the per-VM word, zap/stats and the tracepoint all take them
 * from these lists and those below.
 */

/*
 * X(suffix of the enumerator, word), XE for the last one.  The first three policies can
 * be chosen, but an invalidation is always one of the others.  An architecture has some of
 * them.
 */
#define KVM_ZAP_POLICIES(X, XE)	\
	X(INHERIT, "inherit")	\
	X(STOCK, "stock")	\
	X(AUTO, "auto")		\
	X(FAST, "fast")		\
	X(SCOPED, "scoped")	\
	X(WALK, "walk")		\
	KVM_ARCH_ZAP_POLICIES(X, XE)

/*
 * Who decided: the first of these that applies.  SREGS applies only if the others come to
 * scoped, or did so before.
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

#ifndef KVM_ARCH_ZAP_POLICIES
#define KVM_ARCH_ZAP_POLICIES(X, XE)	XE(BULK, "bulk")
#endif

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

#ifdef KVM_ARCH_ZAP_REASONS
enum kvm_zap_reason {
	KVM_ZAP_REASON_NONE,
#define KVM_ZAP_REASON_ENUM(NAME, name)	KVM_ZAP_REASON_##NAME,
	KVM_ARCH_ZAP_REASONS(KVM_ZAP_REASON_ENUM, KVM_ZAP_REASON_ENUM)
	KVM_ZAP_NR_REASONS,
};
#endif

/*
 * Buckets of the histograms: 0, 1, 2 to 3, 4 to 7, ...; the last one has all the rest, which
 * are times from 67 ms on, and 16,384 refaults or more.  KVM_SANITY_CHECK_VM_STRUCT_SIZE()
 * leaves no room for many more.
 */
#define KVM_ZAP_NS_HIST_COUNT		28
#define KVM_ZAP_REFAULTS_HIST_COUNT	16

/**
 * struct kvm_zap_vm_stat - what a VM's invalidations did, since its creation
 * @counts: invalidations by site and policy, as in KVM_ARCH_ZAP_COUNTERS()
 * @zap_sptes: leaf SPTEs dropped
 * @zap_tables: page-table pages dropped
 * @zap_yields: lock breaks
 * @zap_ns: time spent, in nanoseconds
 * @zap_collateral: leaf SPTEs dropped that did not map the memslot
 * @zap_kept: leaf SPTEs that policy scoped left mapped, summed up over memslots
 * @zap_refaults: page faults soon after an invalidation, see virt/kvm/zap_window.c
 * @zap_stall_ns: time that vCPUs spent in those page faults, see virt/kvm/zap_stall.c
 * @zap_stall_max_ns: the longest stall of one vCPU in one window, in nanoseconds
 * @memslot_updates: memslots created, changed, moved or deleted
 * @memslot_update_ns: time these updates took, in nanoseconds
 * @memslot_update_max_ns: time the longest update took, in nanoseconds
 * @zap_ns_hist: histogram of the time that invalidations took
 * @zap_refaults_hist: histogram of the refaults in a window
 * @zap_stall_ns_hist: histogram of a vCPU's stall in a window, if not 0
 * @extras: what else was counted, as in KVM_ARCH_ZAP_EXTRAS()
 *
 * Part of struct kvm_vm_stat.  The task that runs an invalidation writes it at the end,
 * see kvm_zap_publish().  The fields of updates are written under slots_lock, and those
 * of refaults and stalls under the lock of struct kvm_zap_window.  Like all statistics of
 * KVM, they are read and cleared without a lock, so that a clear may be lost.
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
	u64 zap_ns_hist[KVM_ZAP_NS_HIST_COUNT];
	u64 zap_refaults_hist[KVM_ZAP_REFAULTS_HIST_COUNT];
	u64 zap_stall_ns_hist[KVM_ZAP_NS_HIST_COUNT];
	u64 extras[KVM_ZAP_NR_EXTRAS];
};

/**
 * struct kvm_zap_time - time that a VM's invalidations by one policy took
 * @ns: the sum, in nanoseconds
 * @max_ns: the longest one, in nanoseconds
 */
struct kvm_zap_time {
	u64 ns;
	u64 max_ns;
};

/**
 * struct kvm_zap_update - the memslot update in progress
 * @start_ns: monotonic time at which it began
 * @base_gfn: first page frame of the memslot after the update
 * @npages: its size in pages
 * @flags: its flags
 * @slot: its number
 * @as_id: its address space
 * @change: an enum kvm_mr_change
 *
 * Protected by slots_lock.  For a deletion, the fields describe the old memslot.
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
 * struct kvm_zap_window - time after an invalidation in which page faults are refaults
 * @lock: protects the fields below
 * @work: closes the window
 * @open: whether a window is open; an invalidation that begins reads it without @lock
 * @timed: whether page faults that begin now are timed; vCPUs read it without @lock
 * @stopped: whether windows may no longer be opened, because the VM goes away
 * @slot: the memslot of the latest invalidation, -1 if it had none
 * @since_ns: when the window opened or, if none is open, when the previous one closed
 * @until_ns: when the window is to close
 * @length_ns: length of the window if nothing extends it
 * @faults: page faults at @since_ns
 * @quiet_ns: time between the previous window and the invalidation that opened this one
 * @quiet_faults: page faults in that time, halved for each window that follows without a gap
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
 * @stall_ns: time spent in timed page faults, in nanoseconds; during a fault, the monotonic
 *	time at which it began is subtracted, so that the value is negative
 * @taken_ns: how much of @stall_ns has been counted or left out so far
 *
 * Part of struct kvm_vcpu.  Only the vCPU writes @stall_ns, without a lock.  @taken_ns is
 * protected by the lock of struct kvm_zap_window.
 */
struct kvm_zap_vcpu {
	s64 stall_ns;
	s64 taken_ns;
};

/**
 * struct kvm_zap_record - an invalidation in progress
 * @slot: the memslot whose mappings go, NULL if the site has none
 * @site: why it runs
 * @policy: how it runs, sampled once; kvm_zap_fall_back() may replace it
 * @by: who decided that
 * @sptes: leaf SPTEs dropped so far
 * @tables: page-table pages dropped so far
 * @yields: lock breaks so far
 * @collateral: how many of @sptes did not map @slot, set at the end
 * @left: leaf SPTEs that policy scoped left mapped, set at the end
 * @flushes: remote TLB flushes of the VM when it began
 * @start_ns: monotonic time at which it began
 * @extras: what else the architecture counts, as in KVM_ARCH_ZAP_EXTRAS()
 * @reason: an enum kvm_zap_reason, which the architecture's site sets; for the tracepoint
 *
 * Belongs to the task that runs the invalidation.  @reason exists where there is
 * KVM_ARCH_ZAP_REASONS().
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
#ifdef KVM_ARCH_ZAP_REASONS
	enum kvm_zap_reason reason;
#endif
};

/**
 * struct kvm_zap - a VM's own choice, its invalidation in progress, and times of past ones
 * @kvm: the VM
 * @memslot_word: the VM's own word, as in its memslot_zap in debugfs
 * @arch: the architecture's part
 * @tgid: the process that created the VM, in the initial PID namespace
 * @tid: the thread that did; the VM's folder in debugfs is named after it
 * @time: time that invalidations took by policy, except at site teardown
 * @end_ns: monotonic time at which the latest of these ended, 0 if there was none
 * @update: the memslot update in progress
 * @window: what counts refaults
 * @torn_down: whether all mappings were dropped because the VM goes away
 * @task: the task that runs the invalidation of @record, NULL if there is none
 * @record: the invalidation that kvm_zap_begin() began
 *
 * struct kvm points to it.  The last three fields exist if !KVM_ARCH_ZAP_SIDE_BY_SIDE.
 * @record belongs to the task that @task names.  Other tasks, for
 * example vCPUs that replace a page table meanwhile, only compare @task with themselves.
 * There is one such invalidation at a time: all sites except teardown hold slots_lock, and
 * teardown starts when no task is left that could run them.  But teardown may start
 * twice, if the VM's process exits while another process closes the last file
 * descriptor.  The first is counted.  The second runs without a record, at the same time
 * or later.
 */
struct kvm_zap {
	struct kvm *kvm;
	enum kvm_zap_policy memslot_word;
	struct kvm_arch_zap arch;
	pid_t tgid;
	pid_t tid;
	struct kvm_zap_time time[KVM_ZAP_NR_TIMES];
	u64 end_ns;
	struct kvm_zap_update update;
	struct kvm_zap_window window;
#if !KVM_ARCH_ZAP_SIDE_BY_SIDE
	bool torn_down;
	struct task_struct *task;
	struct kvm_zap_record record;
#endif
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
 * Provided by the architecture: the policy that this VM needs at @site, with the reason in
 * @by, or KVM_ZAP_POLICY_INHERIT if there is a choice.
 */
enum kvm_zap_policy kvm_arch_zap_demand(struct kvm *kvm, enum kvm_zap_site site,
					enum kvm_zap_by *by);

/*
 * Provided by the architecture: 0, or an error if this machine cannot do @word, which is legal
 * for a parameter.  The reason is in the kernel log then.
 */
#ifdef KVM_ARCH_ZAP_REFUSES
int kvm_arch_zap_refuse(enum kvm_zap_policy word);
#else
static inline int kvm_arch_zap_refuse(enum kvm_zap_policy word)
{
	return 0;
}
#endif

/*
 * Provided by the architecture: the policy that auto means for @slot, which is deleted or
 * moved.
 */
enum kvm_zap_policy kvm_arch_zap_auto(struct kvm *kvm,
				      const struct kvm_memory_slot *slot);

/*
 * Provided by the architecture: the policy that @word would lead to at site memslot, or auto,
 * with the reason in @by if it is not @word.
 */
enum kvm_zap_policy kvm_arch_zap_outlook(struct kvm *kvm, enum kvm_zap_policy word,
					 enum kvm_zap_by *by);

/* Provided by the architecture: leaf SPTEs of the VM, negative if KVM does not know. */
s64 kvm_arch_zap_mapped(struct kvm *kvm);

/* Provided by the architecture: page faults that vCPUs resolved, 0 if it does not count them. */
u64 kvm_arch_zap_faults(struct kvm *kvm);

/**
 * struct kvm_zap_devices - host devices of a VM
 * @assigned: assigned devices, negative if KVM does not know
 * @noncoherent: registered users of non-coherent DMA, negative if KVM does not know
 */
struct kvm_zap_devices {
	int assigned;
	int noncoherent;
};

/* Provided by the architecture. */
void kvm_arch_zap_devices(struct kvm *kvm, struct kvm_zap_devices *devices);

void kvm_zap_count_sptes(struct kvm *kvm, u64 nr);
void kvm_zap_count_table(struct kvm *kvm);
int kvm_zap_count_yield(struct kvm *kvm, int yielded);

struct kvm *kvm_zap_alloc_vm(struct kvm *kvm);
void kvm_zap_free_vm(struct kvm *kvm);
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
 * For functions of KVM that engines call as well.  They stay inlined where they were
 * before: as calls, they made a fast zap 1.25 % dearer on 7.2.  Not "inline", because the
 * kernel's "inline" is notrace.
 */
#define KVM_ZAP_STATIC	__inline __gnu_inline

/*
 * Rows of kvm_vm_stats_desc[], each with a name and a field of struct kvm_zap_vm_stat.
 * KVM has had two layouts: the name next to the description (_NESTED) or in it (_FLAT).
 * scripts/patch/graft chooses.
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
	KVM_ZAP_STAT(DESC, zap_ns_hist, LOG_HIST, SECONDS, -9, KVM_ZAP_NS_HIST_COUNT), \
	KVM_ZAP_STAT(DESC, zap_refaults_hist, LOG_HIST, NONE, 0,	\
		     KVM_ZAP_REFAULTS_HIST_COUNT),			\
	KVM_ZAP_STAT(DESC, zap_stall_ns_hist, LOG_HIST, SECONDS, -9, KVM_ZAP_NS_HIST_COUNT), \
	KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_STAT, DESC)

#else /* !CONFIG_KVM_ZAP_POLICY: all of the hooks compile to nothing */

struct kvm_zap_vm_stat { };
struct kvm_zap_vcpu { };

static inline void kvm_zap_count_table(struct kvm *kvm) { }
static inline int kvm_zap_count_yield(struct kvm *kvm, int yielded)
{
	return yielded;
}

static inline struct kvm *kvm_zap_alloc_vm(struct kvm *kvm)
{
	return kvm;
}

static inline void kvm_zap_free_vm(struct kvm *kvm) { }
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

/*
 * Why an MMU notifier unmaps @range, which is a struct mmu_notifier_range.  Travels to the
 * architecture as the PTE of struct kvm_gfn_range, which unmapping has no use for.  0, what
 * KVM itself sets, if nobody wants to know.
 */
#if defined(CONFIG_KVM_ZAP_POLICY) && defined(KVM_ARCH_ZAP_REASONS)
#define kvm_zap_reason(range)	((range)->event + KVM_ZAP_REASON_NONE + 1)
#else
#define kvm_zap_reason(range)	0
#endif

#endif /* __LINUX_KVM_ZAP_H */
