#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A hookscript for Proxmox VE: a guest gets its own word of memslot_zap each time that it starts,
# because KVM forgets the word with the VM. The words are in /etc/kvm-zap/guests, a line
# "VMID WORD" for each guest. To use this, copy it to a storage that has snippets, executable, and:
#
#	qm set VMID --hookscript STORAGE:snippets/kvm-zap-hook.sh
#
# Proxmox VE calls it with VMID and PHASE. What kvm-zap says is in the task's log. If it fails, the
# guest runs on with the parameter's word.

[ "$2" = post-start ] || exit 0

word=$(awk -v id="$1" '!/^#/ && $1 == id { print $2; exit }' "${KVM_ZAP_GUESTS:-/etc/kvm-zap/guests}")
[ -n "$word" ] || exit 0

pid=$(cat "${KVM_ZAP_RUN:-/run/qemu-server}/$1.pid") || exit 0
kvm-zap set memslot "$word" --vm "$pid"
exit 0
