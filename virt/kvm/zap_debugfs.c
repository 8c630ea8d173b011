// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies in debugfs: counts of all VMs together, of each VM, and a VM's own word.
 */
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "zap_core.h"

/* What the architecture counts besides, as columns after the others. */
#define KVM_ZAP_EXTRA_HEAD(arg, NAME, name)	" " #name
#define KVM_ZAP_EXTRA_HEADS	KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_HEAD, 0)

#define KVM_ZAP_COUNTER_HEAD(arg, SITE, site, POLICY, policy)	#site "_" #policy " "
#define KVM_ZAP_TIME_HEAD(POLICY, policy)	#policy "_ns " #policy "_max_ns "

/* There is a row for each word of a site except stock and auto, which are choices only. */
#define for_each_kvm_zap_row(site, policy)				\
	for (site = 0; site < KVM_ZAP_NR_SITES; site++)			\
		for (policy = KVM_ZAP_POLICY_FAST;			\
		     policy < KVM_ZAP_NR_POLICIES; policy++)		\
			if (!(kvm_zap_choices[site].legal & BIT(policy))) { \
			} else

static int kvm_zap_stats_show(struct seq_file *m, void *v)
{
	struct kvm_zap_row row;
	int site, policy, i;

	seq_puts(m, "site policy count sptes tables yields flushes total_ns max_ns collateral kept"
		 KVM_ZAP_EXTRA_HEADS "\n");
	for_each_kvm_zap_row(site, policy) {
		kvm_zap_read_row(site, policy, &row);
		seq_printf(m, "%s %s %llu %llu %llu %llu %llu %llu %llu %llu %llu",
			   kvm_zap_site_words[site],
			   kvm_zap_policy_words[policy],
			   row.count, row.sptes, row.tables, row.yields,
			   row.flushes, row.total_ns, row.max_ns,
			   row.collateral, row.kept);
		for (i = 0; i < KVM_ZAP_NR_EXTRAS; i++)
			seq_printf(m, " %llu", row.extras[i]);
		seq_putc(m, '\n');
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
	kvm_zap_clear_rows();
	return count;
}

static const struct file_operations kvm_zap_reset_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = kvm_zap_reset_write,
};

static void kvm_zap_show_policy(struct seq_file *m, struct kvm *kvm)
{
	enum kvm_zap_policy word = READ_ONCE(kvm->zap->memslot_word);
	enum kvm_zap_policy policy;
	enum kvm_zap_by by;

	policy = kvm_zap_outlook(kvm, &by);
	seq_printf(m, " %s %s %s", kvm_zap_policy_words[word], kvm_zap_by_words[by],
		   kvm_zap_policy_words[policy]);
}

/* A VM's statistics are read as KVM's own files read them: without a lock. */
static void kvm_zap_show_counts(struct seq_file *m, struct kvm *kvm)
{
	const struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	const struct kvm_zap_time *time = kvm->zap->time;
	int i;

	for (i = 0; i < KVM_ZAP_NR_COUNTERS; i++)
		seq_printf(m, " %llu", stat->counts[i]);
	seq_printf(m, " %llu %llu %llu %llu %llu", stat->zap_sptes, stat->zap_collateral,
		   stat->zap_kept, stat->zap_tables, stat->zap_yields);
	for (i = 0; i < KVM_ZAP_NR_TIMES; i++)
		seq_printf(m, " %llu %llu", READ_ONCE(time[i].ns), READ_ONCE(time[i].max_ns));
	seq_printf(m, " %llu %llu %llu %llu %llu", stat->memslot_updates,
		   stat->memslot_update_ns, stat->memslot_update_max_ns,
		   stat->zap_refaults, stat->zap_stall_ns);
}

/* A value that is negative if KVM does not know it. */
static void kvm_zap_show_known(struct seq_file *m, s64 value)
{
	if (value >= 0)
		seq_printf(m, " %lld", value);
	else
		seq_puts(m, " -");
}

static void kvm_zap_show_state(struct seq_file *m, struct kvm *kvm, u64 now)
{
	u64 end_ns = READ_ONCE(kvm->zap->end_ns);
	s64 mapped = kvm_arch_zap_mapped(kvm);
	struct kvm_zap_devices devices;

	kvm_arch_zap_devices(kvm, &devices);
	kvm_zap_show_known(m, mapped);
	if (end_ns)
		seq_printf(m, " %llu", div_u64(now - min(now, end_ns), NSEC_PER_MSEC));
	else
		seq_puts(m, " -");
	kvm_zap_show_known(m, devices.assigned);
	kvm_zap_show_known(m, devices.noncoherent);
}

/*
 * A VM is on vm_list from its creation until just before any part of it is freed, and
 * joins and leaves the list under kvm_lock.  Its fields may change while they are read.
 */
static int kvm_zap_vms_show(struct seq_file *m, void *v)
{
	u64 now = ktime_get_ns();
	struct kvm *kvm;
	int i;

	seq_puts(m, "tgid tid word by policy "
		 KVM_ARCH_ZAP_COUNTERS(KVM_ZAP_COUNTER_HEAD, 0)
		 "sptes collateral kept tables yields "
		 KVM_ARCH_ZAP_TIMES(KVM_ZAP_TIME_HEAD)
		 "updates update_ns update_max_ns refaults stall_ns mapped age_ms assigned noncoherent stall_max_ns"
		 KVM_ZAP_EXTRA_HEADS "\n");
	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list) {
		seq_printf(m, "%d %d", kvm->zap->tgid, kvm->zap->tid);
		kvm_zap_show_policy(m, kvm);
		kvm_zap_show_counts(m, kvm);
		kvm_zap_show_state(m, kvm, now);
		seq_printf(m, " %llu", kvm->stat.zap.zap_stall_max_ns);
		for (i = 0; i < KVM_ZAP_NR_EXTRAS; i++)
			seq_printf(m, " %llu", kvm->stat.zap.extras[i]);
		seq_putc(m, '\n');
		if (seq_has_overflowed(m))
			break;
	}
	mutex_unlock(&kvm_lock);
	return 0;
}

/* Bytes of a typical row at most.  If rows are longer, reading only takes longer. */
#define KVM_ZAP_VMS_ROW	256

/*
 * Show all VMs with one buffer that they fit in.  Otherwise, a VM could be missing or
 * be shown twice if another one comes or goes in between.
 */
static int kvm_zap_vms_open(struct inode *inode, struct file *file)
{
	size_t rows = 2;
	struct kvm *kvm;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &vm_list, vm_list)
		rows++;
	mutex_unlock(&kvm_lock);

	return single_open_size(file, kvm_zap_vms_show, NULL, rows * KVM_ZAP_VMS_ROW);
}

static const struct file_operations kvm_zap_vms_fops = {
	.owner = THIS_MODULE,
	.open = kvm_zap_vms_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

/**
 * kvm_zap_init_debugfs() - create the directory "zap"
 * @dir: KVM's directory in debugfs; removing it removes "zap" as well
 *
 * The reset has a file of its own because lockdown refuses to open any debugfs file
 * that is writable, even for reading.
 */
void kvm_zap_init_debugfs(struct dentry *dir)
{
	struct dentry *zap = debugfs_create_dir("zap", dir);

	debugfs_create_file("stats", 0444, zap, NULL, &kvm_zap_stats_fops);
	debugfs_create_file("latency", 0444, zap, NULL, &kvm_zap_latency_fops);
	debugfs_create_file("reset", 0200, zap, NULL, &kvm_zap_reset_fops);
	debugfs_create_file("vms", 0444, zap, NULL, &kvm_zap_vms_fops);
}

static int kvm_zap_word_show(struct seq_file *m, void *v)
{
	struct kvm *kvm = m->private;
	enum kvm_zap_policy word = READ_ONCE(kvm->zap->memslot_word);

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

	/* Longer than any word. */
	if (count >= sizeof(buf))
		return -EINVAL;
	if (copy_from_user(buf, from, count))
		return -EFAULT;
	if (strlen(buf) != count)
		return -EINVAL;

	word = kvm_zap_parse(buf, legal);
	if (word < 0)
		return word;

	WRITE_ONCE(kvm->zap->memslot_word, word);
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
 * @kvm: the VM, whose directory in debugfs exists
 *
 * The file's operations hold no reference to the VM.  KVM removes the directory before it
 * frees the VM; that waits for operations in progress, and no operation begins afterwards.
 */
void kvm_zap_create_vm_debugfs(struct kvm *kvm)
{
	debugfs_create_file("memslot_zap", 0644, kvm->debugfs_dentry, kvm,
			    &kvm_zap_word_fops);
}
