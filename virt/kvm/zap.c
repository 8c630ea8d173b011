// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: the choice, and the accounting of what was chosen.
 *
 * This file is architecture-neutral.  An invalidation passes through kvm_zap_begin() or
 * kvm_zap_record_begin(), which sample the policy, the architecture's engine, which counts
 * what it drops, and kvm_zap_end() or kvm_zap_record_end(), which publish the counts in the
 * VM's statistics, in the rows of zap/stats in debugfs, and by the tracepoint.
 */
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "zap_core.h"

#define CREATE_TRACE_POINTS
#include <trace/events/kvm_zap.h>

#define KVM_ZAP_WORD(name, word)	word,

const char * const kvm_zap_policy_words[KVM_ZAP_NR_POLICIES] = {
	KVM_ZAP_POLICIES(KVM_ZAP_WORD, KVM_ZAP_WORD)
};

#define KVM_ZAP_SITE_WORD(name, word, ...)	#word,

const char * const kvm_zap_site_words[KVM_ZAP_NR_SITES] = {
	KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_WORD, KVM_ZAP_SITE_WORD)
};

const char * const kvm_zap_by_words[KVM_ZAP_NR_BYS] = {
	KVM_ZAP_BYS(KVM_ZAP_WORD, KVM_ZAP_WORD)
};

#define KVM_ZAP_SITE_CHOICE(name, site, own, start, may, text)	\
	[KVM_ZAP_SITE_##name] = {				\
		.legal = (may),					\
		.word = (start),				\
		.kernel = KVM_ZAP_POLICY_##own,			\
	},

struct kvm_zap_choice kvm_zap_choices[KVM_ZAP_NR_SITES] = {
	KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_CHOICE, KVM_ZAP_SITE_CHOICE)
};

/* What can be done at a site and is counted for the VM, as bits. */
#define KVM_ZAP_SITE_DONE(site, may)	\
	(KVM_ZAP_SITE_##site == KVM_ZAP_SITE_TEARDOWN ? 0 : (may) & ~(BIT(KVM_ZAP_POLICY_FAST) - 1))
#define KVM_ZAP_SITE_HAS(name, site, own, start, may, text)	\
	+ HWEIGHT8(KVM_ZAP_SITE_DONE(name, may))
#define KVM_ZAP_SITE_TAKES(name, site, own, start, may, text)	\
	| KVM_ZAP_SITE_DONE(name, may)

/* A policy that is missing in these lists would be counted as the first one. */
static_assert((0 KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_HAS, KVM_ZAP_SITE_HAS)) == KVM_ZAP_NR_COUNTERS,
	      "KVM_ARCH_ZAP_COUNTERS() lacks a policy of a site, or has one too many");
static_assert(HWEIGHT8(0 KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_TAKES, KVM_ZAP_SITE_TAKES)) ==
	      KVM_ZAP_NR_TIMES, "KVM_ARCH_ZAP_TIMES() lacks a policy, or has one too many");

/**
 * kvm_zap_parse() - look up a word
 * @val: the word, with or without a newline
 * @legal: the policies that may be chosen, as bits
 *
 * Return: the policy, or -EINVAL.
 */
int kvm_zap_parse(const char *val, unsigned long legal)
{
	int word = sysfs_match_string(kvm_zap_policy_words, val);

	return word < 0 || !(legal & BIT(word)) ? -EINVAL : word;
}

static int kvm_zap_param_set(const char *val, const struct kernel_param *kp)
{
	struct kvm_zap_choice *choice = kp->arg;
	int word = kvm_zap_parse(val, choice->legal);
	int error;

	if (word < 0)
		return word;
	error = kvm_arch_zap_refuse(word);
	if (error)
		return error;

	WRITE_ONCE(choice->word, word);
	return 0;
}

static int kvm_zap_param_get(char *buf, const struct kernel_param *kp)
{
	const struct kvm_zap_choice *choice = kp->arg;
	enum kvm_zap_policy word = READ_ONCE(choice->word);

	return sysfs_emit(buf, "%s\n", kvm_zap_policy_words[word]);
}

static const struct kernel_param_ops kvm_zap_param_ops = {
	.set = kvm_zap_param_set,
	.get = kvm_zap_param_get,
};

#define KVM_ZAP_SITE_PARAM(name, site, own, start, may, text)		\
	module_param_cb(site##_zap, &kvm_zap_param_ops,			\
			&kvm_zap_choices[KVM_ZAP_SITE_##name], 0644);	\
	MODULE_PARM_DESC(site##_zap, text);

KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_PARAM, KVM_ZAP_SITE_PARAM)

#ifdef CONFIG_KVM_ZAP_TEST
static unsigned long kvm_zap_first_swaps;
module_param_named(zap_mmio_generation, kvm_zap_first_swaps, ulong, 0644);
MODULE_PARM_DESC(zap_mmio_generation,
		 "Test builds: how many changes of memslots a new VM starts after");

/* The name in older kernels. */
#ifndef KVM_MAX_NR_ADDRESS_SPACES
#define KVM_MAX_NR_ADDRESS_SPACES	KVM_ADDRESS_SPACE_NUM
#endif

/**
 * kvm_zap_first_generation() - the memslot generation that a VM starts with
 * @as_id: the address space
 *
 * Return: @as_id, plus the number of address spaces for each memslot change.
 */
u64 kvm_zap_first_generation(int as_id)
{
	return READ_ONCE(kvm_zap_first_swaps) * KVM_MAX_NR_ADDRESS_SPACES + as_id;
}
#endif

/*
 * The first that applies decides: the VM's type or devices, the VM's word, the parameter,
 * the kernel.  Each is read once, so that an invalidation has one policy from begin to end.
 */
static enum kvm_zap_policy kvm_zap_choose(struct kvm *kvm, enum kvm_zap_site site,
					  enum kvm_zap_by *by)
{
	enum kvm_zap_policy word = kvm_arch_zap_demand(kvm, site, by);

	if (word != KVM_ZAP_POLICY_INHERIT)
		return word;

	*by = KVM_ZAP_BY_VM;
	if (site == KVM_ZAP_SITE_MEMSLOT)
		word = READ_ONCE(kvm->zap->memslot_word);
	if (word == KVM_ZAP_POLICY_INHERIT) {
		word = READ_ONCE(kvm_zap_choices[site].word);
		*by = word == kvm_zap_choices[site].kernel ? KVM_ZAP_BY_KERNEL : KVM_ZAP_BY_PARAM;
	}

	return word;
}

/**
 * kvm_zap_outlook() - tell what would happen if a memslot were deleted now
 * @kvm: the VM
 * @by: who would decide
 *
 * slots_lock is not held, so the answer may be out of date at once.
 *
 * Return: the policy, or auto, where it depends on the memslot.
 */
enum kvm_zap_policy kvm_zap_outlook(struct kvm *kvm, enum kvm_zap_by *by)
{
	enum kvm_zap_policy word = kvm_zap_choose(kvm, KVM_ZAP_SITE_MEMSLOT, by);

	return kvm_arch_zap_outlook(kvm, word, by);
}

/* Held for some thirty instructions; one lock keeps the columns of a row consistent. */
static DEFINE_SPINLOCK(kvm_zap_rows_lock);
static struct kvm_zap_row kvm_zap_rows[KVM_ZAP_NR_SITES][KVM_ZAP_NR_POLICIES];

/* Remote TLB flushes since the count was @before; 0 if the statistic was cleared meanwhile. */
static u64 kvm_zap_remote_flushes(struct kvm *kvm, u64 before)
{
	u64 now = READ_ONCE(kvm->stat.generic.remote_tlb_flush_requests);

	return now - min(now, before);
}

static enum kvm_zap_policy
kvm_zap_decide(struct kvm *kvm, enum kvm_zap_site site, const struct kvm_memory_slot *slot,
	       enum kvm_zap_by *by)
{
	enum kvm_zap_policy policy = kvm_zap_choose(kvm, site, by);

	return policy == KVM_ZAP_POLICY_AUTO ? kvm_arch_zap_auto(kvm, slot) : policy;
}

static void kvm_zap_open(struct kvm *kvm, struct kvm_zap_record *zap,
			 enum kvm_zap_site site, const struct kvm_memory_slot *slot,
			 enum kvm_zap_policy policy, enum kvm_zap_by by)
{
	zap->slot = slot;
	zap->site = site;
	zap->policy = policy;
	zap->by = by;
	zap->sptes = 0;
	zap->tables = 0;
	zap->yields = 0;
	memset(zap->extras, 0, sizeof(zap->extras));
	if (site != KVM_ZAP_SITE_TEARDOWN)
		kvm_zap_note_begin(kvm);
	zap->flushes = kvm_zap_remote_flushes(kvm, 0);
	zap->start_ns = ktime_get_ns();
}

/*
 * Leaf SPTEs that were dropped and cannot have mapped the memslot: those in excess of one for
 * each of its pages.  Pages that are mapped several times make this too high, huge pages
 * too low.
 */
static u64 kvm_zap_collateral(const struct kvm_zap_record *zap)
{
	u64 own = zap->slot ? zap->slot->npages : 0;

	if (zap->site != KVM_ZAP_SITE_MEMSLOT)
		return 0;

	return zap->sptes - min(zap->sptes, own);
}

/*
 * Leaf SPTEs that scoped left mapped and fast would have dropped at this moment.  Those that
 * stay are counted again at the next invalidation.
 */
static u64 kvm_zap_left(struct kvm *kvm, const struct kvm_zap_record *zap)
{
	if (zap->site != KVM_ZAP_SITE_MEMSLOT || zap->policy != KVM_ZAP_POLICY_SCOPED)
		return 0;

	return kvm_arch_zap_mapped(kvm);
}

static void kvm_zap_count_time(struct kvm *kvm, enum kvm_zap_policy policy, u64 ns)
{
	static const u8 times[KVM_ZAP_NR_POLICIES] = {
#define KVM_ZAP_TIME_OF(POLICY, policy)	[KVM_ZAP_POLICY_##POLICY] = KVM_ZAP_TIME_##POLICY,
		KVM_ARCH_ZAP_TIMES(KVM_ZAP_TIME_OF)
	};
	struct kvm_zap_time *time = &kvm->zap->time[times[policy]];

	WRITE_ONCE(time->ns, time->ns + ns);
	WRITE_ONCE(time->max_ns, max(time->max_ns, ns));
}

static void kvm_zap_count_vm(struct kvm *kvm, const struct kvm_zap_record *zap, u64 ns)
{
	static const u8 counters[KVM_ZAP_NR_SITES][KVM_ZAP_NR_POLICIES] = {
#define KVM_ZAP_COUNTER_OF(arg, SITE, site, POLICY, policy)			\
		[KVM_ZAP_SITE_##SITE][KVM_ZAP_POLICY_##POLICY] =		\
			KVM_ZAP_COUNTER_##SITE##_##POLICY,
		KVM_ARCH_ZAP_COUNTERS(KVM_ZAP_COUNTER_OF, 0)
	};
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	int i;

	/* Teardown has no counter: the VM's files are gone by then or about to go. */
	if (zap->site != KVM_ZAP_SITE_TEARDOWN) {
		stat->counts[counters[zap->site][zap->policy]]++;
		kvm_zap_count_time(kvm, zap->policy, ns);
	}

	stat->zap_sptes += zap->sptes;
	stat->zap_tables += zap->tables;
	stat->zap_yields += zap->yields;
	stat->zap_ns += ns;
	stat->zap_collateral += zap->collateral;
	stat->zap_kept += zap->left;
	for (i = 0; i < KVM_ZAP_NR_EXTRAS; i++)
		stat->extras[i] += zap->extras[i];
	KVM_STATS_LOG_HIST_UPDATE(stat->zap_ns_hist, ns);
}

static unsigned int kvm_zap_bucket(u64 ns)
{
	return min(ns ? ilog2(ns) : 0, KVM_ZAP_NR_BUCKETS - 1);
}

static void kvm_zap_count_row(const struct kvm_zap_record *zap, u64 flushes, u64 ns)
{
	struct kvm_zap_row *row = &kvm_zap_rows[zap->site][zap->policy];
	int i;

	spin_lock(&kvm_zap_rows_lock);
	row->count++;
	row->sptes += zap->sptes;
	row->tables += zap->tables;
	row->yields += zap->yields;
	row->flushes += flushes;
	row->total_ns += ns;
	row->max_ns = max(row->max_ns, ns);
	row->collateral += zap->collateral;
	row->kept += zap->left;
	for (i = 0; i < KVM_ZAP_NR_EXTRAS; i++)
		row->extras[i] += zap->extras[i];
	row->buckets[kvm_zap_bucket(ns)]++;
	spin_unlock(&kvm_zap_rows_lock);
}

static void kvm_zap_publish(struct kvm *kvm, struct kvm_zap_record *zap)
{
	u64 now, ns;

	now = ktime_get_ns();
	ns = now - zap->start_ns;
	zap->collateral = kvm_zap_collateral(zap);
	zap->left = kvm_zap_left(kvm, zap);
	kvm_zap_count_vm(kvm, zap, ns);
	kvm_zap_count_row(zap, kvm_zap_remote_flushes(kvm, zap->flushes), ns);
	trace_kvm_zap(kvm->zap->tgid, zap, ns);
	if (zap->site != KVM_ZAP_SITE_TEARDOWN)
		kvm_zap_note_end(kvm, zap->slot, now);
}

#if KVM_ARCH_ZAP_SIDE_BY_SIDE

/**
 * kvm_zap_record_begin() - begin an invalidation, beside which a VM may have others
 * @kvm: the VM
 * @zap: the caller's record of the invalidation
 * @site: the zap site
 * @slot: the memslot whose mappings go, NULL if the site has none
 * @own: the policy that the kernel would use by itself
 *
 * Return: as kvm_zap_begin().
 */
enum kvm_zap_policy kvm_zap_record_begin(struct kvm *kvm, struct kvm_zap_record *zap,
					 enum kvm_zap_site site,
					 const struct kvm_memory_slot *slot,
					 enum kvm_zap_policy own)
{
	enum kvm_zap_policy policy;
	enum kvm_zap_by by;

	policy = kvm_zap_decide(kvm, site, slot, &by);
	kvm_zap_open(kvm, zap, site, slot,
		     policy == KVM_ZAP_POLICY_STOCK ? own : policy, by);

	return policy;
}

/**
 * kvm_zap_record_end() - end an invalidation and publish its counts
 * @kvm: the VM; the caller makes sure that no other invalidation of it ends meanwhile
 * @zap: the record that was given to kvm_zap_record_begin()
 */
void kvm_zap_record_end(struct kvm *kvm, struct kvm_zap_record *zap)
{
	kvm_zap_publish(kvm, zap);
}

#else /* !KVM_ARCH_ZAP_SIDE_BY_SIDE */

/**
 * kvm_zap_begin() - begin an invalidation, of which a VM has one at a time
 * @kvm: the VM
 * @site: the zap site
 * @slot: the memslot whose mappings go, NULL if the site has none
 * @own: the policy that the kernel would use by itself
 *
 * Return: the policy to use, or KVM_ZAP_POLICY_STOCK to leave the invalidation to the
 * kernel's own code, which is counted as @own.  The policy is sampled only here: a
 * parameter that is written later applies from the next invalidation on.
 */
enum kvm_zap_policy kvm_zap_begin(struct kvm *kvm, enum kvm_zap_site site,
				  const struct kvm_memory_slot *slot,
				  enum kvm_zap_policy own)
{
	struct kvm_zap *zap = kvm->zap;
	enum kvm_zap_policy policy;
	enum kvm_zap_by by;

	policy = kvm_zap_decide(kvm, site, slot, &by);

	if (cmpxchg(&zap->task, NULL, current)) {
		WARN_ON_ONCE(site != KVM_ZAP_SITE_TEARDOWN);
		return policy;
	}
	/* Another task has torn the VM down, and was counted. */
	if (site == KVM_ZAP_SITE_TEARDOWN && zap->torn_down) {
		/* Pairs with cmpxchg() as in kvm_zap_end(). */
		smp_store_release(&zap->task, NULL);
		return policy;
	}

	kvm_zap_open(kvm, &zap->record, site, slot,
		     policy == KVM_ZAP_POLICY_STOCK ? own : policy, by);

	return policy;
}

/*
 * Whether this task runs what kvm_zap_begin() began.  Hooks in KVM's common code count page
 * tables and lock breaks, and any task may call them.  Only what the task that runs the
 * invalidation does belongs to it.
 */
static bool kvm_zap_is_mine(const struct kvm *kvm)
{
	return READ_ONCE(kvm->zap->task) == current;
}

/**
 * kvm_zap_fall_back() - use another policy after all
 * @kvm: the VM, in an invalidation that this task runs
 * @policy: the policy that is used, and counted, instead
 */
void kvm_zap_fall_back(struct kvm *kvm, enum kvm_zap_policy policy)
{
	if (kvm_zap_is_mine(kvm))
		kvm->zap->record.policy = policy;
}

/**
 * kvm_zap_end() - end what kvm_zap_begin() began, and publish its counts
 * @kvm: the VM
 */
void kvm_zap_end(struct kvm *kvm)
{
	struct kvm_zap *zap = kvm->zap;

	if (!kvm_zap_is_mine(kvm))
		return;

	kvm_zap_publish(kvm, &zap->record);
	zap->torn_down |= zap->record.site == KVM_ZAP_SITE_TEARDOWN;
	zap->record.slot = NULL;
	/* The task that claims the record next, in kvm_zap_begin(), sees all of these writes. */
	smp_store_release(&zap->task, NULL);
}

/**
 * kvm_zap_count_sptes() - count leaf SPTEs that the invalidation dropped
 * @kvm: the VM, in an invalidation that this task runs
 * @nr: how many
 */
void kvm_zap_count_sptes(struct kvm *kvm, u64 nr)
{
	if (kvm_zap_is_mine(kvm))
		kvm->zap->record.sptes += nr;
}

/**
 * kvm_zap_count_table() - count a page table that is about to be freed
 * @kvm: the VM, with or without an invalidation in progress
 */
void kvm_zap_count_table(struct kvm *kvm)
{
	if (kvm_zap_is_mine(kvm))
		kvm->zap->record.tables++;
}

/**
 * kvm_zap_count_yield() - count a lock break
 * @kvm: the VM, with or without an invalidation in progress
 * @yielded: whether mmu_lock was released
 *
 * Return: @yielded
 */
int kvm_zap_count_yield(struct kvm *kvm, int yielded)
{
	if (yielded && kvm_zap_is_mine(kvm))
		kvm->zap->record.yields++;

	return yielded;
}

#endif /* KVM_ARCH_ZAP_SIDE_BY_SIDE */

/**
 * kvm_zap_read_row() - copy a row with all of its columns at one moment
 * @site: its site
 * @policy: its policy
 * @row: the copy
 */
void kvm_zap_read_row(int site, int policy, struct kvm_zap_row *row)
{
	spin_lock(&kvm_zap_rows_lock);
	*row = kvm_zap_rows[site][policy];
	spin_unlock(&kvm_zap_rows_lock);
}

/**
 * kvm_zap_clear_rows() - set all rows to zero
 */
void kvm_zap_clear_rows(void)
{
	spin_lock(&kvm_zap_rows_lock);
	memset(kvm_zap_rows, 0, sizeof(kvm_zap_rows));
	spin_unlock(&kvm_zap_rows_lock);
}

#ifdef CONFIG_KVM_ZAP_KUNIT_TEST
#include "zap_test.c"
#endif
