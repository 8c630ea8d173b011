// SPDX-License-Identifier: GPL-2.0-only
// Times of one policy are shown as the other's.

@@
@@
- kvm_zap_count_time(kvm, scoped, ns)
+ kvm_zap_count_time(kvm, !scoped, ns)
