#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's contract with --emulator bochs, on the host: what lab_test.sh requires of
# QEMU, as far as it exists there. Uses the distribution's own modules, so it needs no
# build. Three boots, of 20 s of CPU time each. KTAP; exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: the lane of kvm-intel passes whatever its tests or its kernel
# report.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lab_words='--emulator bochs --modules stock'
# shellcheck source-path=SCRIPTDIR source=lib/lab_alone.sh
. "$here/lib/lab_alone.sh"

case "${1-}" in -h | --help) sed -n '4,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

"$top/scripts/fetch/fetch-bochs" > /dev/null || ktap_skip_all 'no Bochs'
"$top/scripts/fetch/fetch-image" >&2 || ktap_skip_all 'no kernel image to boot'

alone_begin
ktap_start 10

alone_command "N
N" 'grep -h . /sys/module/kvm/parameters/tdp_mmu /sys/module/kvm_intel/parameters/ept' \
	--kvm tdp_mmu=0 --kvm-intel ept=0
alone_ends
alone_told

ktap_end
