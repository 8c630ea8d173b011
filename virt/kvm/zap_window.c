// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: refaults, the page faults that vCPUs take because of an invalidation.
 *
 * The end of an invalidation opens a window of zap_window_ms.  If another one ends while
 * the window is open, it extends the window.  When the window closes, the page faults that
 * vCPUs resolved meanwhile are counted as refaults, less those to be expected without an
 * invalidation.  The rate to be expected is that of the quiet time, between the previous
 * window (or the creation of the VM) and the beginning of the invalidation; no more are
 * subtracted than were seen in that time.  Nothing is added to the page fault path: KVM's own
 * statistic is read when an invalidation begins, and when a window opens and closes.  With
 * zap_stall, vCPUs also measure how long these page faults take, see zap_stall.c.
 *
 * A window lasts at most KVM_ZAP_WINDOW_MAX times zap_window_ms.  In a VM that never comes
 * to rest, windows follow each other without a gap.  What was known of a quiet time counts
 * half as much for each of them as for the one before.
 */
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/sched/isolation.h>
#include <linux/workqueue.h>

#include <trace/events/kvm_zap.h>

#include "zap_core.h"

#define KVM_ZAP_WINDOW_MAX	10

static unsigned int kvm_zap_window_ms = 100;

static int kvm_zap_window_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, 10000) ? -EINVAL : 0;
}

static const struct kernel_param_ops kvm_zap_window_ops = {
	.set = kvm_zap_window_set,
	.get = param_get_uint,
};

module_param_cb(zap_window_ms, &kvm_zap_window_ops, &kvm_zap_window_ms, 0644);
MODULE_PARM_DESC(zap_window_ms,
		 "How long after an invalidation page faults count as refaults, in ms, up to 10000; 0: never");

/* 0 if the statistic was cleared meanwhile. */
static u64 kvm_zap_faults_since(u64 before, u64 now)
{
	return now - min(now, before);
}

/* The page faults to be expected in @ns without an invalidation. */
static u64 kvm_zap_baseline(const struct kvm_zap_window *w, u64 ns)
{
	u64 us = div_u64(ns, NSEC_PER_USEC);
	u64 quiet_us = max(div_u64(w->quiet_ns, NSEC_PER_USEC), us);

	return quiet_us ? div64_u64(w->quiet_faults * us, quiet_us) : 0;
}

static void kvm_zap_window_arm(struct kvm_zap_window *w, u64 now)
{
	u64 until = min(w->until_ns, w->since_ns + KVM_ZAP_WINDOW_MAX * w->length_ns);

	/* Keep the timer and the work away from isolated CPUs, where vCPUs may run. */
	schedule_delayed_work_on(housekeeping_any_cpu(HK_TYPE_DOMAIN), &w->work,
				 nsecs_to_jiffies(until - min(until, now)) + 1);
}

static void kvm_zap_window_open(struct kvm *kvm, u64 now)
{
	struct kvm_zap_window *w = &kvm->zap->window;

	w->since_ns = now;
	w->faults = kvm_arch_zap_faults(kvm);
	WRITE_ONCE(w->open, true);
	kvm_zap_stall_open(kvm, now);
	kvm_zap_window_arm(w, now);
}

/**
 * kvm_zap_note_begin() - note the beginning of an invalidation at any site except teardown
 * @kvm: the VM
 *
 * slots_lock is held, as in kvm_zap_note_end(), so that nobody else opens a window.  Ends the
 * quiet time if none is open.  Page faults during the invalidation belong to neither: vCPUs
 * map again meanwhile what it has dropped already.
 */
void kvm_zap_note_begin(struct kvm *kvm)
{
	struct kvm_zap_window *w = &kvm->zap->window;

	if (!KVM_ARCH_ZAP_KNOWS_FAULTS || !READ_ONCE(kvm_zap_window_ms))
		return;

	/* If it closes meanwhile, that is not before the invalidation began. */
	if (READ_ONCE(w->open))
		return;

	spin_lock(&w->lock);
	w->quiet_ns = ktime_get_ns() - w->since_ns;
	w->quiet_faults = kvm_zap_faults_since(w->faults, kvm_arch_zap_faults(kvm));
	spin_unlock(&w->lock);
}

/**
 * kvm_zap_note_end() - note the end of an invalidation at any site except teardown
 * @kvm: the VM
 * @slot: the memslot that went, NULL if there was none
 * @now: monotonic time
 *
 * Opens or extends a window if KVM counts page faults; slots_lock is held in that case.
 */
void kvm_zap_note_end(struct kvm *kvm, const struct kvm_memory_slot *slot, u64 now)
{
	unsigned int ms = READ_ONCE(kvm_zap_window_ms);
	struct kvm_zap_window *w = &kvm->zap->window;

	WRITE_ONCE(kvm->zap->end_ns, now);
	if (!KVM_ARCH_ZAP_KNOWS_FAULTS)
		return;

	lockdep_assert_held(&kvm->slots_lock);

	if (!ms)
		return;

	spin_lock(&w->lock);
	w->slot = slot ? slot->id : -1;
	w->length_ns = (u64)ms * NSEC_PER_MSEC;
	w->until_ns = now + w->length_ns;
	if (!w->open && !w->stopped)
		kvm_zap_window_open(kvm, now);
	spin_unlock(&w->lock);
}

/* Close a window; open the next one at once if @w was extended beyond its maximum. */
static u64 kvm_zap_window_close(struct kvm *kvm, u64 now, u64 *stall_ns)
{
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	struct kvm_zap_window *w = &kvm->zap->window;
	u64 faults = kvm_arch_zap_faults(kvm);
	u64 expected = kvm_zap_baseline(w, now - w->since_ns);
	u64 refaults = kvm_zap_faults_since(w->faults, faults);

	refaults -= min(refaults, expected);
	stat->zap_refaults += refaults;
	KVM_STATS_LOG_HIST_UPDATE(stat->zap_refaults_hist, refaults);

	w->since_ns = now;
	w->faults = faults;
	WRITE_ONCE(w->open, now < w->until_ns);
	*stall_ns = kvm_zap_stall_close(kvm, now);
	if (w->open) {
		w->quiet_faults /= 2;
		kvm_zap_stall_open(kvm, now);
		kvm_zap_window_arm(w, now);
	}

	return refaults;
}

static void kvm_zap_window_work(struct work_struct *work)
{
	struct kvm_zap *zap = container_of(to_delayed_work(work), struct kvm_zap, window.work);
	struct kvm_zap_window *w = &zap->window;
	struct kvm *kvm = zap->kvm;
	u64 refaults, stall_ns, now, ns;
	s32 slot;

	spin_lock(&w->lock);
	now = ktime_get_ns();
	ns = now - w->since_ns;
	if (now < w->until_ns && ns < KVM_ZAP_WINDOW_MAX * w->length_ns) {
		kvm_zap_window_arm(w, now);
		spin_unlock(&w->lock);
		return;
	}
	slot = w->slot;
	refaults = kvm_zap_window_close(kvm, now, &stall_ns);
	spin_unlock(&w->lock);

	trace_kvm_zap_settle(zap->tgid, slot, refaults, stall_ns, ns);
}

/**
 * kvm_zap_init_window() - prepare to count a VM's refaults
 * @kvm: the VM, about to be created
 */
void kvm_zap_init_window(struct kvm *kvm)
{
	struct kvm_zap_window *w = &kvm->zap->window;

	spin_lock_init(&w->lock);
	INIT_DELAYED_WORK(&w->work, kvm_zap_window_work);
	w->since_ns = ktime_get_ns();
}

/**
 * kvm_zap_stop() - stop counting refaults of a VM that goes away
 * @kvm: the VM, to which nobody else has a reference
 *
 * The work reads the statistics of vCPUs, so it is cancelled before kvm_arch_destroy_vm()
 * frees them.  It must not be queued again either: kvm_arch_destroy_vm() also deletes
 * KVM's own memslots, and each of these invalidations would queue it.
 */
void kvm_zap_stop(struct kvm *kvm)
{
	struct kvm_zap_window *w = &kvm->zap->window;

	spin_lock(&w->lock);
	w->stopped = true;
	spin_unlock(&w->lock);
	cancel_delayed_work_sync(&w->work);
}
