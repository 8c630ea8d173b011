// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: the choice, and the accounting of what was chosen.
 *
 * Nothing of an architecture is known here.  An invalidation passes through
 * kvm_zap_begin(), which samples the policy, the architecture's engine, which
 * counts what it drops, and kvm_zap_end(), which publishes the counts as the
 * VM's statistics, as rows of debugfs' zap_stats and as the tracepoint.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#define CREATE_TRACE_POINTS
#include <trace/events/kvm_zap.h>

#define KVM_ZAP_WORD(name, word)	word,

static const char * const kvm_zap_policy_words[] = {
	KVM_ZAP_POLICIES(KVM_ZAP_WORD, KVM_ZAP_WORD)
};

static const char * const kvm_zap_site_words[] = {
	KVM_ZAP_SITES(KVM_ZAP_WORD, KVM_ZAP_WORD)
};

/* What may be chosen at a site, as bits, and what its parameter says. */
struct kvm_zap_choice {
	unsigned long legal;
	enum kvm_zap_policy word;
	enum kvm_zap_policy kernel;	/* the word that leaves it to the kernel */
};

static struct kvm_zap_choice kvm_zap_choices[KVM_ZAP_NR_SITES] = {
	[KVM_ZAP_SITE_MEMSLOT] = {
		.legal = BIT(KVM_ZAP_POLICY_STOCK) | BIT(KVM_ZAP_POLICY_FAST) |
			 BIT(KVM_ZAP_POLICY_SCOPED) | BIT(KVM_ZAP_POLICY_AUTO),
		.word = IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_FAST) ?
			KVM_ZAP_POLICY_FAST :
			IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_SCOPED) ?
			KVM_ZAP_POLICY_SCOPED :
			IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_AUTO) ?
			KVM_ZAP_POLICY_AUTO : KVM_ZAP_POLICY_STOCK,
		.kernel = KVM_ZAP_POLICY_STOCK,
	},
	[KVM_ZAP_SITE_MMIO] = {
		.legal = BIT(KVM_ZAP_POLICY_FAST) | BIT(KVM_ZAP_POLICY_SCOPED),
		.word = KVM_ZAP_POLICY_FAST,
		.kernel = KVM_ZAP_POLICY_FAST,
	},
	[KVM_ZAP_SITE_TEARDOWN] = {
		.legal = BIT(KVM_ZAP_POLICY_WALK) | BIT(KVM_ZAP_POLICY_FAST) |
			 BIT(KVM_ZAP_POLICY_BULK),
		.word = KVM_ZAP_POLICY_WALK,
		.kernel = KVM_ZAP_POLICY_WALK,
	},
};

/* The word in @val, of those that are @legal, or -EINVAL. */
static int kvm_zap_parse(const char *val, unsigned long legal)
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

module_param_cb(memslot_zap, &kvm_zap_param_ops,
		&kvm_zap_choices[KVM_ZAP_SITE_MEMSLOT], 0644);
MODULE_PARM_DESC(memslot_zap,
		 "How to drop mappings when a memslot is deleted or moved: stock, fast, scoped, auto");
module_param_cb(mmio_zap, &kvm_zap_param_ops,
		&kvm_zap_choices[KVM_ZAP_SITE_MMIO], 0644);
MODULE_PARM_DESC(mmio_zap,
		 "How to drop MMIO SPTEs when the MMIO generation wraps: fast, scoped");
module_param_cb(teardown_zap, &kvm_zap_param_ops,
		&kvm_zap_choices[KVM_ZAP_SITE_TEARDOWN], 0644);
MODULE_PARM_DESC(teardown_zap,
		 "How to drop mappings when a VM goes away: walk, fast, bulk");

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
					  const struct kvm_memory_slot *slot,
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
	if (word == KVM_ZAP_POLICY_AUTO)
		word = kvm_arch_zap_auto(kvm, slot);

	return word;
}

/* Bucket n counts invalidations of 2^n to 2^(n+1)-1 ns, the last one all above. */
#define KVM_ZAP_NR_BUCKETS	40

/* What a site did under a policy since the module was loaded, by all VMs. */
struct kvm_zap_row {
	u64 count;
	u64 sptes;
	u64 tables;
	u64 yields;
	u64 flushes;
	u64 total_ns;
	u64 max_ns;
	u64 buckets[KVM_ZAP_NR_BUCKETS];
};

/* Invalidations are rare; one lock keeps the columns of a row consistent. */
static DEFINE_SPINLOCK(kvm_zap_rows_lock);
static struct kvm_zap_row kvm_zap_rows[KVM_ZAP_NR_SITES][KVM_ZAP_NR_POLICIES];

/* How many more than @before.  None if the statistic was cleared in between. */
static u64 kvm_zap_remote_flushes(struct kvm *kvm, u64 before)
{
	u64 now = READ_ONCE(kvm->stat.generic.remote_tlb_flush_requests);

	return now - min(now, before);
}

/**
 * kvm_zap_begin() - start an invalidation
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

	policy = kvm_zap_choose(kvm, site, slot, &by);

	if (cmpxchg(&zap->task, NULL, current)) {
		WARN_ON_ONCE(site != KVM_ZAP_SITE_TEARDOWN);
		return policy;
	}

	zap->slot = slot;
	zap->site = site;
	zap->policy = policy == KVM_ZAP_POLICY_STOCK ? own : policy;
	zap->by = by;
	zap->sptes = 0;
	zap->tables = 0;
	zap->yields = 0;
	zap->flushes = kvm_zap_remote_flushes(kvm, 0);
	zap->start_ns = ktime_get_ns();

	return policy;
}

/*
 * Page tables and lock breaks are counted where KVM's common code frees the
 * one and does the other, for whoever does it: count only what the task that
 * runs the invalidation does.
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
		kvm->zap.policy = policy;
}

static void kvm_zap_count_vm(struct kvm *kvm, u64 ns)
{
	const struct kvm_zap *zap = &kvm->zap;
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	bool scoped = zap->policy == KVM_ZAP_POLICY_SCOPED;

	/* Teardown has no counter of its own: the VM's files are gone by then. */
	if (zap->site == KVM_ZAP_SITE_MEMSLOT)
		++*(scoped ? &stat->memslot_zap_scoped : &stat->memslot_zap_fast);
	else if (zap->site == KVM_ZAP_SITE_MMIO)
		++*(scoped ? &stat->mmio_zap_scoped : &stat->mmio_zap_fast);

	stat->zap_sptes += zap->sptes;
	stat->zap_tables += zap->tables;
	stat->zap_yields += zap->yields;
	stat->zap_ns += ns;
}

static unsigned int kvm_zap_bucket(u64 ns)
{
	return min(ns ? ilog2(ns) : 0, KVM_ZAP_NR_BUCKETS - 1);
}

static void kvm_zap_count_row(const struct kvm_zap *zap, u64 flushes, u64 ns)
{
	struct kvm_zap_row *row = &kvm_zap_rows[zap->site][zap->policy];

	spin_lock(&kvm_zap_rows_lock);
	row->count++;
	row->sptes += zap->sptes;
	row->tables += zap->tables;
	row->yields += zap->yields;
	row->flushes += flushes;
	row->total_ns += ns;
	row->max_ns = max(row->max_ns, ns);
	row->buckets[kvm_zap_bucket(ns)]++;
	spin_unlock(&kvm_zap_rows_lock);
}

/**
 * kvm_zap_end() - end an invalidation and publish what it did
 * @kvm: the VM
 */
void kvm_zap_end(struct kvm *kvm)
{
	struct kvm_zap *zap = &kvm->zap;
	u64 ns;

	if (!kvm_zap_is_mine(kvm))
		return;

	ns = ktime_get_ns() - zap->start_ns;
	kvm_zap_count_vm(kvm, ns);
	kvm_zap_count_row(zap, kvm_zap_remote_flushes(kvm, zap->flushes), ns);
	trace_kvm_zap(zap, ns);

	zap->slot = NULL;
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
		kvm->zap.sptes += nr;
}

/**
 * kvm_zap_count_table() - count a page table that is on its way to be freed
 * @kvm: the VM, with or without an invalidation under way
 */
void kvm_zap_count_table(struct kvm *kvm)
{
	if (kvm_zap_is_mine(kvm))
		kvm->zap.tables++;
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
		kvm->zap.yields++;

	return yielded;
}

static void kvm_zap_read_row(int site, int policy, struct kvm_zap_row *row)
{
	spin_lock(&kvm_zap_rows_lock);
	*row = kvm_zap_rows[site][policy];
	spin_unlock(&kvm_zap_rows_lock);
}

/* Rows are of what is done: a site's words but for stock and auto. */
#define for_each_kvm_zap_row(site, policy)				\
	for (site = 0; site < KVM_ZAP_NR_SITES; site++)			\
		for (policy = KVM_ZAP_POLICY_FAST;			\
		     policy < KVM_ZAP_NR_POLICIES; policy++)		\
			if (!(kvm_zap_choices[site].legal & BIT(policy))) { \
			} else

static int kvm_zap_stats_show(struct seq_file *m, void *v)
{
	struct kvm_zap_row row;
	int site, policy;

	seq_puts(m, "site policy count sptes tables yields flushes total_ns max_ns\n");
	for_each_kvm_zap_row(site, policy) {
		kvm_zap_read_row(site, policy, &row);
		seq_printf(m, "%s %s %llu %llu %llu %llu %llu %llu %llu\n",
			   kvm_zap_site_words[site],
			   kvm_zap_policy_words[policy],
			   row.count, row.sptes, row.tables, row.yields,
			   row.flushes, row.total_ns, row.max_ns);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(kvm_zap_stats);

static int kvm_zap_latency_show(struct seq_file *m, void *v)
{
	struct kvm_zap_row row;
	int site, policy, i;

	seq_puts(m, "site policy from_ns count\n");
	for_each_kvm_zap_row(site, policy) {
		kvm_zap_read_row(site, policy, &row);
		for (i = 0; i < KVM_ZAP_NR_BUCKETS; i++) {
			if (!row.buckets[i])
				continue;
			seq_printf(m, "%s %s %llu %llu\n",
				   kvm_zap_site_words[site],
				   kvm_zap_policy_words[policy],
				   i ? BIT_ULL(i) : 0, row.buckets[i]);
		}
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(kvm_zap_latency);

static ssize_t kvm_zap_reset_write(struct file *file, const char __user *buf,
				   size_t count, loff_t *ppos)
{
	spin_lock(&kvm_zap_rows_lock);
	memset(kvm_zap_rows, 0, sizeof(kvm_zap_rows));
	spin_unlock(&kvm_zap_rows_lock);

	return count;
}

static const struct file_operations kvm_zap_reset_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = kvm_zap_reset_write,
};

/**
 * kvm_zap_init_debugfs() - create the files that tell of all VMs
 * @dir: KVM's folder in debugfs, whose removal removes them
 *
 * Resetting has a file of its own: lockdown refuses even to read a file of
 * debugfs that may be written.
 */
void kvm_zap_init_debugfs(struct dentry *dir)
{
	debugfs_create_file("zap_stats", 0444, dir, NULL, &kvm_zap_stats_fops);
	debugfs_create_file("zap_latency", 0444, dir, NULL,
			    &kvm_zap_latency_fops);
	debugfs_create_file("zap_reset", 0200, dir, NULL, &kvm_zap_reset_fops);
}

static int kvm_zap_word_show(struct seq_file *m, void *v)
{
	struct kvm *kvm = m->private;
	enum kvm_zap_policy word = READ_ONCE(kvm->zap.memslot_word);

	seq_printf(m, "%s\n", kvm_zap_policy_words[word]);
	return 0;
}

static int kvm_zap_word_open(struct inode *inode, struct file *file)
{
	return single_open(file, kvm_zap_word_show, inode->i_private);
}

static ssize_t kvm_zap_word_write(struct file *file, const char __user *from,
				  size_t count, loff_t *ppos)
{
	struct kvm *kvm = ((struct seq_file *)file->private_data)->private;
	unsigned long legal = kvm_zap_choices[KVM_ZAP_SITE_MEMSLOT].legal |
			      BIT(KVM_ZAP_POLICY_INHERIT);
	char buf[16] = "";
	int word;

	/* Longer than any word, or not text. */
	if (count >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, from, count))
		return -EFAULT;
	if (strlen(buf) != count)
		return -EINVAL;

	word = kvm_zap_parse(buf, legal);
	if (word < 0)
		return word;

	WRITE_ONCE(kvm->zap.memslot_word, word);
	return count;
}

static const struct file_operations kvm_zap_word_fops = {
	.owner = THIS_MODULE,
	.open = kvm_zap_word_open,
	.read = seq_read,
	.write = kvm_zap_word_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * kvm_zap_create_vm_debugfs() - create a VM's own file
 * @kvm: the VM, whose folder in debugfs exists
 *
 * Its operations hold no reference to the VM: debugfs lets none begin once the
 * folder is removed, which waits for those under way, and that comes before the
 * VM is freed.
 */
void kvm_zap_create_vm_debugfs(struct kvm *kvm)
{
	debugfs_create_file("memslot_zap", 0644, kvm->debugfs_dentry, kvm,
			    &kvm_zap_word_fops);
}

#ifdef CONFIG_KVM_ZAP_KUNIT_TEST
#include "zap_test.c"
#endif
