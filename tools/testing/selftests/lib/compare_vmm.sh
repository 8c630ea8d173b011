#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# For compare_test.sh: a VMM made of files. It creates a folder and a row of zap/vms, and
# counts invalidations there as the word in the folder says.
set -eu

usage="usage: ${0##*/} HOW COUNT
Makes a VM, performs COUNT invalidations under the word that the VM is given, and closes it.
HOW: obeys; fast (whatever its word); dma (has no choice); mmio (at that site as
well); still (no invalidation); fails; stays (its row remains when it ends)."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
[ $# -eq 2 ] || { echo "$usage" >&2; exit 2; }
how=$1 count=$2

kvm=/sys/kernel/debug/kvm
folder=$kvm/$$-13
fast=0 scoped=0 mmio=0 sptes=0 fast_ns=0 scoped_ns=0

# One process at a time: this is the only row.
row() {
	# A file is empty for a moment before it has its word, as those of debugfs are not. A row
	# without a word is one column short, which kvm-zap takes for no row.
	while word=$(cat "$folder/memslot_zap") && [ -z "$word" ]; do
		sleep 0.01
	done
	by=vm policy=$word
	[ "$word" != inherit ] || { by=kernel policy=fast; }
	case $how in dma) by=dma policy=fast ;; esac
	{
		head -n 1 $kvm/zap/vms
		echo "$$ $$ $word $by $policy $fast $scoped $mmio 0 $sptes 0 0 0 0 $fast_ns 0 $scoped_ns 0 $fast 0 0 0 0 0 - 0 0 0 x"
	} > $kvm/zap/.vms.new
	mv $kvm/zap/.vms.new $kvm/zap/vms
}

end() {
	head -n 1 $kvm/zap/vms > $kvm/zap/.vms.new
	mv $kvm/zap/.vms.new $kvm/zap/vms
	rm -r "$folder"
}
[ "$how" = stays ] || trap end EXIT
trap 'exit 143' TERM

mkdir "$folder"
echo inherit > "$folder/memslot_zap"
row
# As a VMM does: what it is to be is known before it deletes a memslot.
tries=0
while word=$(cat "$folder/memslot_zap") && { [ -z "$word" ] || [ "$word" = inherit ]; } && [ $tries -lt 100 ]; do
	tries=$((tries + 1))
	sleep 0.1
done
row
sleep 0.3
while [ "$count" -gt 0 ]; do
	count=$((count - 1))
	case $how:$(cat "$folder/memslot_zap") in
	still:*) ;;
	obeys:scoped | mmio:scoped | stays:scoped)
		scoped=$((scoped + 1)) sptes=$((sptes + 16)) scoped_ns=$((scoped_ns + 1000)) ;;
	*) fast=$((fast + 1)) sptes=$((sptes + 1000)) fast_ns=$((fast_ns + 10000)) ;;
	esac
	[ "$how" != mmio ] || mmio=$((mmio + 1))
	row
	sleep 0.02
done
sleep 0.3
[ "$how" != fails ] || { echo 'it broke' >&2; exit 3; }
