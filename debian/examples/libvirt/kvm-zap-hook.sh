#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A hook for libvirt: a guest gets its own word of memslot_zap each time that it starts, because
# KVM forgets the word with the VM. The words are in /etc/kvm-zap/guests, a line "NAME WORD" for
# each guest. To use this, copy it to /etc/libvirt/hooks/qemu.d/kvm-zap, executable, and restart
# libvirtd or virtqemud. libvirt calls it with NAME and OPERATION, and the domain's XML on its
# standard input.
#
# What kvm-zap says is in the journal. If it fails, the guest runs on with the parameter's word.

[ "$2" = started ] || exit 0

word=$(awk -v name="$1" '!/^#/ && $1 == name { print $2; exit }' "${KVM_ZAP_GUESTS:-/etc/kvm-zap/guests}")
[ -n "$word" ] || exit 0

kvm-zap set memslot "$word" --vm "$1" 2>&1 | logger -t kvm-zap
exit 0
