// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: the choice, and the accounting of what was chosen.
 *
 * Nothing of an architecture is known here.  An invalidation passes through
 * kvm_zap_begin(), which samples the policy, the architecture's engine, which
 * counts what it drops, and kvm_zap_end(), which publishes the counts as the
 * VM's statistics, as rows of debugfs' zap/stats and as the tracepoint.
 */
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

/**
 * kvm_zap_parse() - find a word
 * @val: what was written, with or without a newline
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

	if (word < 0)
		return word;

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

/* Newer kernel lines call it otherwise. */
#ifndef KVM_MAX_NR_ADDRESS_SPACES
#define KVM_MAX_NR_ADDRESS_SPACES	KVM_ADDRESS_SPACE_NUM
#endif

/**
 * kvm_zap_first_generation() - the memslots' generation that a VM starts with
 * @as_id: whose memslots, of the VM's address spaces
 *
 * Return: @as_id, plus a step of all address spaces for each change.
 */
u64 kvm_zap_first_generation(int as_id)
{
	return READ_ONCE(kvm_zap_first_swaps) * KVM_MAX_NR_ADDRESS_SPACES + as_id;
}
#endif

/*
 * Who decides, the first that says something: what the VM is, the VM's word, the
 * parameter, the kernel. Each is read once, so an invalidation has one policy from
 * begin to end.
 */
static enum kvm_zap_policy kvm_zap_choose(struct kvm *kvm, enum kvm_zap_site site,
					  enum kvm_zap_by *by)
{
	enum kvm_zap_policy word = kvm_arch_zap_demand(kvm, site, by);

	if (word != KVM_ZAP_POLICY_INHERIT)
		return word;

	*by = KVM_ZAP_BY_VM;
	if (site == KVM_ZAP_SITE_MEMSLOT)
		word = READ_ONCE(kvm->zap.memslot_word);
	if (word == KVM_ZAP_POLICY_INHERIT) {
		word = READ_ONCE(kvm_zap_choices[site].word);
		*by = word == kvm_zap_choices[site].kernel ? KVM_ZAP_BY_KERNEL : KVM_ZAP_BY_PARAM;
	}

	return word;
}

/**
 * kvm_zap_outlook() - what would decide if a memslot went now, and for what
 * @kvm: the VM
 * @by: what decides
 *
 * Return: fast, scoped or auto, of which the memslot would make one of these.  A guess
 * without slots_lock: what it is made of may change at any time.
 */
enum kvm_zap_policy kvm_zap_outlook(struct kvm *kvm, enum kvm_zap_by *by)
{
	enum kvm_zap_policy word = kvm_zap_choose(kvm, KVM_ZAP_SITE_MEMSLOT, by);

	return kvm_arch_zap_outlook(kvm, word, by);
}

/* Invalidations are rare; one lock keeps the columns of a row consistent. */
static DEFINE_SPINLOCK(kvm_zap_rows_lock);
static struct kvm_zap_row kvm_zap_rows[KVM_ZAP_NR_SITES][KVM_ZAP_NR_POLICIES];

/* How many more than @before.  None if the statistic was cleared in between. */
static u64 kvm_zap_remote_flushes(struct kvm *kvm, u64 before)
{
	u64 now = READ_ONCE(kvm->stat.generic.remote_tlb_flush_requests);

	return now - min(now, before);
}

static __always_inline enum kvm_zap_policy
kvm_zap_decide(struct kvm *kvm, enum kvm_zap_site site, const struct kvm_memory_slot *slot,
	       enum kvm_zap_by *by)
{
	enum kvm_zap_policy policy = kvm_zap_choose(kvm, site, by);

	return policy == KVM_ZAP_POLICY_AUTO ? kvm_arch_zap_auto(kvm, slot) : policy;
}

static __always_inline void kvm_zap_open(struct kvm *kvm, struct kvm_zap_record *zap,
					 enum kvm_zap_site site,
					 const struct kvm_memory_slot *slot,
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
	zap->flushes = kvm_zap_remote_flushes(kvm, 0);
	zap->start_ns = ktime_get_ns();
}

/**
 * kvm_zap_begin() - start an invalidation, of those of which a VM has one at a time
 * @kvm: the VM
 * @site: why
 * @slot: the memslot that goes, NULL where the site has none
 * @own: the policy that the kernel takes by itself
 *
 * Return: the policy to act by, KVM_ZAP_POLICY_STOCK to do as the kernel does by
 * itself, which is counted as @own.  It is sampled here and nowhere else: a
 * parameter written meanwhile counts from the next invalidation.
 */
enum kvm_zap_policy kvm_zap_begin(struct kvm *kvm, enum kvm_zap_site site,
				  const struct kvm_memory_slot *slot,
				  enum kvm_zap_policy own)
{
	struct kvm_zap *zap = &kvm->zap;
	enum kvm_zap_policy policy;
	enum kvm_zap_by by;

	policy = kvm_zap_decide(kvm, site, slot, &by);

	if (cmpxchg(&zap->task, NULL, current)) {
		WARN_ON_ONCE(site != KVM_ZAP_SITE_TEARDOWN);
		return policy;
	}
	/* Another task has torn the VM down before: that was counted. */
	if (site == KVM_ZAP_SITE_TEARDOWN && zap->torn_down) {
		/* As in kvm_zap_end(). */
		smp_store_release(&zap->task, NULL);
		return policy;
	}

	kvm_zap_open(kvm, &zap->record, site, slot,
		     policy == KVM_ZAP_POLICY_STOCK ? own : policy, by);

	return policy;
}

/**
 * kvm_zap_record_begin() - start an invalidation that others may run beside
 * @kvm: the VM
 * @zap: the caller's record of it
 * @site: why
 * @slot: the memslot that goes, NULL where the site has none
 * @own: the policy that the kernel takes by itself
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

/*
 * What kvm_zap_begin() began.  Page tables and lock breaks are counted where KVM's
 * common code frees the one and does the other, for whoever does it: count only what the
 * task that runs the invalidation does.
 */
static bool kvm_zap_is_mine(const struct kvm *kvm)
{
	return READ_ONCE(kvm->zap.task) == current;
}

/**
 * kvm_zap_fall_back() - act by another policy after all
 * @kvm: the VM, in an invalidation that this task runs
 * @policy: what is done, and counted, instead
 */
void kvm_zap_fall_back(struct kvm *kvm, enum kvm_zap_policy policy)
{
	if (kvm_zap_is_mine(kvm))
		kvm->zap.record.policy = policy;
}

/*
 * Leaf SPTEs that went and were none of the memslot's.  The memslot has one of 4 KiB for
 * each page at most, but for those by which it is mapped more than once.
 */
static u64 kvm_zap_collateral(const struct kvm_zap_record *zap)
{
	u64 own = zap->slot ? zap->slot->npages : 0;

	if (zap->site != KVM_ZAP_SITE_MEMSLOT)
		return 0;

	return zap->sptes - min(zap->sptes, own);
}

/* What scoped left mapped, where a memslot went: all that fast would have dropped, too. */
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
	struct kvm_zap_time *time = &kvm->zap.time[times[policy]];

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

	/* Teardown has no counter of its own: the VM's files are gone by then. */
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

/* Once for each of the two below: a call would be a part of what a small zap costs. */
static __always_inline void kvm_zap_publish(struct kvm *kvm, struct kvm_zap_record *zap)
{
	u64 now, ns;

	now = ktime_get_ns();
	ns = now - zap->start_ns;
	zap->collateral = kvm_zap_collateral(zap);
	zap->left = kvm_zap_left(kvm, zap);
	kvm_zap_count_vm(kvm, zap, ns);
	kvm_zap_count_row(zap, kvm_zap_remote_flushes(kvm, zap->flushes), ns);
	trace_kvm_zap(kvm->zap.tgid, zap, ns);
	if (zap->site != KVM_ZAP_SITE_TEARDOWN)
		kvm_zap_note_end(kvm, zap->slot, now);
}

/**
 * kvm_zap_record_end() - end an invalidation and publish what it did
 * @kvm: the VM, of which no other invalidation can end meanwhile
 * @zap: what kvm_zap_record_begin() began
 */
void kvm_zap_record_end(struct kvm *kvm, struct kvm_zap_record *zap)
{
	kvm_zap_publish(kvm, zap);
}

/**
 * kvm_zap_end() - end what kvm_zap_begin() began, and publish what it did
 * @kvm: the VM
 */
void kvm_zap_end(struct kvm *kvm)
{
	struct kvm_zap *zap = &kvm->zap;

	if (!kvm_zap_is_mine(kvm))
		return;

	kvm_zap_publish(kvm, &zap->record);
	zap->torn_down |= zap->record.site == KVM_ZAP_SITE_TEARDOWN;
	zap->record.slot = NULL;
	/* Whoever claims it next, see kvm_zap_begin(), finds all of it written. */
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
		kvm->zap.record.sptes += nr;
}

/**
 * kvm_zap_count_table() - count a page table that is on its way to be freed
 * @kvm: the VM, with or without an invalidation under way
 */
void kvm_zap_count_table(struct kvm *kvm)
{
	if (kvm_zap_is_mine(kvm))
		kvm->zap.record.tables++;
}

/**
 * kvm_zap_count_yield() - count that mmu_lock was dropped for others
 * @kvm: the VM, with or without an invalidation under way
 * @yielded: whether it was
 *
 * Return: @yielded
 */
int kvm_zap_count_yield(struct kvm *kvm, int yielded)
{
	if (yielded && kvm_zap_is_mine(kvm))
		kvm->zap.record.yields++;

	return yielded;
}

/**
 * kvm_zap_read_row() - copy a row, whose columns belong together
 * @site: its site
 * @policy: its policy
 * @row: where to
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

/**
 * kvm_zap_init_vm() - prepare a VM's accounting
 * @kvm: the VM, about to be created by this task
 */
void kvm_zap_init_vm(struct kvm *kvm)
{
	kvm->zap.tgid = task_tgid_nr(current);
	kvm->zap.tid = task_pid_nr(current);
	kvm_zap_init_window(kvm);
}

#ifdef CONFIG_KVM_ZAP_KUNIT_TEST
#include "zap_test.c"
#endif
