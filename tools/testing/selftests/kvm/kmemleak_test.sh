#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The tests before this one have leaked no memory. Once all VMs are closed and KVM is
# unloaded, memory to which nothing points is a leak. Run this test last; it needs a
# kernel with CONFIG_DEBUG_KMEMLEAK.
#
# A page table, an array of rmaps or a file's private data that is not freed fails this
# test.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"

kmemleak=/sys/kernel/debug/kmemleak

scan() {
	echo scan > $kmemleak
	cat $kmemleak
}

[ -w $kmemleak ] || ktap_skip_all "no $kmemleak"
vendor=$(lsmod | awk '$1 == "kvm_amd" || $1 == "kvm_intel" { print $1 }')
[ -n "$vendor" ] || ktap_skip_all 'KVM is not loaded'

ktap_start 2
modprobe -r "$vendor" kvm || ktap_fail "cannot unload $vendor and kvm"
ktap_result unload

# What is younger than some seconds is not reported, and what RCU or a worker is
# about to free is found by one scan and not by the next.
leaks=
for _ in 1 2 3 4; do
	sleep 3
	leaks=$(scan)
	[ -n "$leaks" ] || break
done
[ -z "$leaks" ] || ktap_fail "$leaks"
# kmemleak reports only what a second scan finds again with the same content.
ktap_result leaks

modprobe "$vendor"
ktap_end
