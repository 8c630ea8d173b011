// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: how long vCPUs stand still for what an invalidation has dropped.
 *
 * With zap_stall each vCPU adds up the time that KVM's page fault handler takes while a
 * window of zap_window.c is open.  What a vCPU has lost in a window is known when that
 * closes: a vCPU's stall.  The VM's statistics have their sum, the longest and a histogram.
 * Exactly the time within windows is counted: of a fault that is under way when one
 * closes, the part until then.  A fault that begins while none is open is left out.
 *
 * A vCPU takes no lock for that.  It alone writes its stall_ns: what its faults have taken,
 * and, while one is under way, minus the time at which that began.  That is below 0, for no
 * vCPU has been in faults for as long as the host is up.  So one word tells at any moment
 * how long the vCPU was in faults until then, and whoever opens or closes a window reads
 * it once, without waiting.  A fault is neither missed nor counted twice.  Reading the clock
 * and writing the word are two steps: what an interrupt in between takes may be in the
 * window next to the one that it belongs to, so nobody else gets the CPU there.
 */
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>

#include "zap_core.h"

DEFINE_STATIC_KEY_FALSE(kvm_zap_stall_key);

static bool kvm_zap_stall;

/* One at a time: whoever sets a parameter holds the module's param_lock. */
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
 * kvm_zap_stall_begin() - a page fault begins
 * @vcpu: whose, run by this task
 *
 * Nothing is noted while no window is open.
 */
void kvm_zap_stall_begin(struct kvm_vcpu *vcpu)
{
	struct kvm_zap_vcpu *zap = &vcpu->zap;

	if (!READ_ONCE(vcpu->kvm->zap.window.timed))
		return;

	preempt_disable();
	WRITE_ONCE(zap->stall_ns, zap->stall_ns - (s64)ktime_get_ns());
	preempt_enable();
}

/**
 * kvm_zap_stall_end() - the page fault ends, whose beginning may have been noted
 * @vcpu: whose, run by this task
 *
 * The window, and the parameter, may have changed any number of times since.
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
 * kvm_zap_stall_take() - how long a vCPU was in page faults since the last call
 * @vcpu: the vCPU, which may be in one
 * @now: monotonic time
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
	/* A fault may have begun after @now was read. */
	zap->taken_ns = max(ns, before);

	return zap->taken_ns - before;
}

/**
 * kvm_zap_stall_open() - a window opens
 * @kvm: the VM
 * @now: monotonic time
 *
 * Leave out what a fault of the window before has taken since that closed, if it did not
 * close just now.  With zap_stall off no vCPU is asked: once it is on, it counts from the
 * next window.
 *
 * Context: Under the lock of the VM's struct kvm_zap_window.
 */
void kvm_zap_stall_open(struct kvm *kvm, u64 now)
{
	struct kvm_zap_window *w = &kvm->zap.window;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (w->timed || !static_key_enabled(&kvm_zap_stall_key))
		return;

	kvm_for_each_vcpu(i, vcpu, kvm)
		kvm_zap_stall_take(vcpu, now);
	WRITE_ONCE(w->timed, true);
}

/**
 * kvm_zap_stall_close() - the window closes
 * @kvm: the VM, whose next window is open already if it follows at once
 * @now: monotonic time
 *
 * Context: Under the lock of the VM's struct kvm_zap_window.
 *
 * Return: time that vCPUs were in page faults, all together, in nanoseconds.
 */
u64 kvm_zap_stall_close(struct kvm *kvm, u64 now)
{
	struct kvm_zap_vm_stat *stat = &kvm->stat.zap;
	struct kvm_zap_window *w = &kvm->zap.window;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 ns, sum = 0;

	if (!w->timed)
		return 0;

	/* A window that follows at once goes on from here. */
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
