// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: how long vCPUs stand still for what an invalidation has dropped.
 *
 * With zap_stall, each vCPU adds up the time that KVM's page fault handler takes while a
 * window of zap_window.c is open.  When a window closes, the time that a vCPU lost in it is
 * that vCPU's stall.  The VM's statistics have the sum of all stalls, the longest one, and a
 * histogram.  Only time within windows is counted: if a fault is in progress when a window
 * closes, the part until then.  A fault that begins while no window is open is left out.
 *
 * A vCPU takes no lock for this.  Only the vCPU writes its stall_ns, which is the time that
 * its faults have taken; during a fault, the time at which the fault began is subtracted.
 * The result is negative, because no vCPU has been in faults for as long as the host is up.
 * So this one word says how long the vCPU was in faults until any given moment, and whoever
 * opens or closes a window reads it once, without waiting.  No fault is missed or counted
 * twice.  Reading the clock and writing the word are two steps, and the time of an interrupt
 * in between may be counted in the adjacent window.  Preemption is disabled to keep this short.
 */
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>

#include "zap_core.h"

DEFINE_STATIC_KEY_FALSE(kvm_zap_stall_key);

static bool kvm_zap_stall;

/* Calls are serialized by the module's param_lock. */
static int kvm_zap_stall_set(const char *val, const struct kernel_param *kp)
{
	int ret = param_set_bool(val, kp);

	if (ret)
		return ret;

	if (kvm_zap_stall)
		static_branch_enable(&kvm_zap_stall_key);
	else
		static_branch_disable(&kvm_zap_stall_key);
	return 0;
}

static const struct kernel_param_ops kvm_zap_stall_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = kvm_zap_stall_set,
	.get = param_get_bool,
};

module_param_cb(zap_stall, &kvm_zap_stall_ops, &kvm_zap_stall, 0644);
MODULE_PARM_DESC(zap_stall,
		 "Whether to count how long page faults soon after an invalidation take");

/**
 * kvm_zap_stall_begin() - note that a page fault begins
 * @vcpu: the vCPU, run by this task
 *
 * Does nothing while no window is open.
 */
void kvm_zap_stall_begin(struct kvm_vcpu *vcpu)
{
	struct kvm_zap_vcpu *zap = &vcpu->zap;

	if (!READ_ONCE(vcpu->kvm->zap->window.timed))
		return;

	preempt_disable();
	WRITE_ONCE(zap->stall_ns, zap->stall_ns - (s64)ktime_get_ns());
	preempt_enable();
}

/**
 * kvm_zap_stall_end() - note that a page fault ends, if its beginning was noted
 * @vcpu: the vCPU, run by this task
 *
 * The window and the parameter may have changed any number of times since the beginning.
 */
void kvm_zap_stall_end(struct kvm_vcpu *vcpu)
{
	struct kvm_zap_vcpu *zap = &vcpu->zap;

	if (zap->stall_ns >= 0)
		return;

	preempt_disable();
	WRITE_ONCE(zap->stall_ns, zap->stall_ns + (s64)ktime_get_ns());
	preempt_enable();
}

/**
 * kvm_zap_stall_take() - tell how long a vCPU was in page faults since the last call
 * @vcpu: the vCPU, which may be in a page fault
 * @now: monotonic time, in nanoseconds
 *
 * Context: Under the lock of the VM's struct kvm_zap_window.
 *
 * Return: time in nanoseconds.
 */
u64 kvm_zap_stall_take(struct kvm_vcpu *vcpu, u64 now)
{
	struct kvm_zap_vcpu *zap = &vcpu->zap;
	s64 before = zap->taken_ns;
	s64 ns = READ_ONCE(zap->stall_ns);

	if (ns < 0)
		ns += now;
	/* A fault that began after @now was read must not make it go back. */
	zap->taken_ns = max(ns, before);

	return zap->taken_ns - before;
}

/**
 * kvm_zap_stall_open() - note that a window opens
 * @kvm: the VM
 * @now: monotonic time, in nanoseconds
 *
 * A fault that began in the previous window may have continued after that closed; leave
 * that time out, unless the windows follow each other directly.  While zap_stall is off,
 * no vCPU is looked at.  If it is switched on, counting starts with the next window.
 *
 * Context: Under the lock of the VM's struct kvm_zap_window.
 */
void kvm_zap_stall_open(struct kvm *kvm, u64 now)
{
	struct kvm_zap_window *w = &kvm->zap->window;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (w->timed || !static_key_enabled(&kvm_zap_stall_key))
		return;

	kvm_for_each_vcpu(i, vcpu, kvm)
		kvm_zap_stall_take(vcpu, now);
	WRITE_ONCE(w->timed, true);
}

/**
 * kvm_zap_stall_close() - note that the window closes
 * @kvm: the VM; its window is still open if the next one follows directly
 * @now: monotonic time, in nanoseconds
 *
 * Context: Under the lock of the VM's struct kvm_zap_window.
 *
 * Return: the time that all vCPUs together were in page faults, in nanoseconds.
 */
u64 kvm_zap_stall_close(struct kvm *kvm, u64 now)
{
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	struct kvm_zap_window *w = &kvm->zap->window;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 ns, sum = 0;

	if (!w->timed)
		return 0;

	/* If the next window follows directly, timing continues. */
	WRITE_ONCE(w->timed, w->open && static_key_enabled(&kvm_zap_stall_key));
	kvm_for_each_vcpu(i, vcpu, kvm) {
		ns = kvm_zap_stall_take(vcpu, now);
		if (!ns)
			continue;
		sum += ns;
		stat->zap_stall_max_ns = max(stat->zap_stall_max_ns, ns);
		KVM_STATS_LOG_HIST_UPDATE(stat->zap_stall_ns_hist, ns);
	}
	stat->zap_stall_ns += sum;

	return sum;
}
