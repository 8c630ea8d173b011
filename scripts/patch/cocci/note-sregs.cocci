// SPDX-License-Identifier: GPL-2.0-only
// The VMM sets special registers of a vCPU: it may have written guest page tables.
@@
expression vcpu, sregs;
@@
  __set_sregs_common(...)
  {
  ...
  if (!kvm_is_valid_sregs(vcpu, sregs))
	return -EINVAL;
+ kvm_zap_note_sregs(vcpu->kvm);
  ...
  }
