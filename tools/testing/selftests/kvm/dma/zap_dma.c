// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module for zap_memtype_test. While it is loaded, KVM regards a VM as having a device
 * with non-coherent DMA, as if kvm-vfio had registered one. No emulator of the lab has
 * both an Intel CPU and a device that could be assigned.
 *
 * 'vm_fd' is the VM's file descriptor in the process that loads the module, which has to
 * call finit_module() itself. KVM of 6.1 and 6.12 exports the functions that this module
 * needs; that of 7.2 does not.
 */
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

static int vm_fd = -1;
module_param(vm_fd, int, 0444);
MODULE_PARM_DESC(vm_fd, "The VM's file descriptor in the process that loads the module");

static struct kvm *kvm;

static int __init zap_dma_init(void)
{
	struct file *file = fget(vm_fd);

	if (!file)
		return -EBADF;
	if (file_is_kvm(file)) {
		kvm = file->private_data;
		kvm_get_kvm(kvm);
	}
	fput(file);
	if (!kvm)
		return -EINVAL;

	kvm_arch_register_noncoherent_dma(kvm);
	return 0;
}

static void __exit zap_dma_exit(void)
{
	kvm_arch_unregister_noncoherent_dma(kvm);
	kvm_put_kvm(kvm);
}

module_init(zap_dma_init);
module_exit(zap_dma_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Non-coherent DMA of a VM, for kvm-zap's tests");
