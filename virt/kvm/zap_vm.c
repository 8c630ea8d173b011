// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zap policies: the part of a VM that they need, from its creation to its end.
 */
#include <linux/kvm_host.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "zap_core.h"

/**
 * kvm_zap_alloc_vm() - allocate the part of a VM that zap policies need
 * @kvm: what kvm_arch_alloc_vm() returned; this task is about to create the VM
 *
 * Allocated apart, because KVM demands that the structure with struct kvm in it has an order
 * of at most 1.
 *
 * Return: @kvm, or NULL without memory; then @kvm is freed.
 */
struct kvm *kvm_zap_alloc_vm(struct kvm *kvm)
{
	if (!kvm)
		return NULL;

	kvm->zap = kzalloc(sizeof(*kvm->zap), GFP_KERNEL_ACCOUNT);
	if (!kvm->zap) {
		kvm_arch_free_vm(kvm);
		return NULL;
	}

	kvm->zap->kvm = kvm;
	kvm->zap->tgid = task_tgid_nr(current);
	kvm->zap->tid = task_pid_nr(current);
	kvm_zap_init_window(kvm);
	return kvm;
}

/**
 * kvm_zap_free_vm() - free what kvm_zap_alloc_vm() allocated
 * @kvm: the VM, about to be freed
 */
void kvm_zap_free_vm(struct kvm *kvm)
{
	kfree(kvm->zap);
}
