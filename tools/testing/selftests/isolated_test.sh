#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A window of refaults that is opened on an isolated CPU is not closed on that CPU. The
# test has a boot of its own, with two CPUs, one of which the kernel's command line
# isolates.
#
# What breaks without it: under the default policy, each deletion of a memslot by a vCPU's
# thread brings a timer and a worker to the CPU that the operator has kept free for that
# vCPU.
set -eu

me=${0##*/}
usage="usage: $me
Boots the lab once, with isolcpus=1. KTAP; exit status 0 pass, 1 fail, 4 skip. Needs the
modules, build/tools/kvm-zap-bench ('make') and a QEMU that boots with two CPUs. The lab
gets KVM_ZAP_MODULES as its --modules, if that is set."

top=$(cd "$(dirname "$0")/../../.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$top/tools/testing/selftests/kvm/lib/ktap.sh"
tracing=/sys/kernel/tracing
window=/sys/module/kvm/parameters/zap_window_ms

# closed CPU: by which CPUs the windows were closed that a task on CPU has opened.
closed() {
	echo > $tracing/trace
	taskset -c "$1" "$top/build/tools/kvm-zap-bench" empty -n 100 > "$tmp/bench" 2>&1 ||
		ktap_fail "$(cat "$tmp/bench")"
	sed -n 's/.*\[\([0-9]*\)\].* kvm_zap_settle: .*/\1/p' $tracing/trace | sort -u | paste -sd ' ' -
}

inside() {
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	[ "$(cat /sys/devices/system/cpu/isolated)" = 1 ] || ktap_skip_all 'CPU 1 is not isolated'
	ktap_start 2
	echo 1 > $window
	echo 1 > $tracing/events/kvm/kvm_zap_settle/enable
	ktap_equal 'CPUs that close the windows of isolated CPU 1' "$(closed 1)" 000
	ktap_result 'a window of an isolated CPU is closed elsewhere'
	ktap_equal 'CPUs that close the windows of CPU 0' "$(closed 0)" 000
	ktap_result 'a window of another CPU is closed there'
	ktap_end
}

case "${1-}" in
-h | --help) echo "$usage"; exit 0 ;;
--inside) inside ;;
'') ;;
*) echo "$usage" >&2; exit 1 ;;
esac

[ -x "$top/build/tools/kvm-zap-bench" ] || ktap_skip_all "no build/tools/kvm-zap-bench: run 'make'"
exec "$top/tools/testing/lab/lab" run --smp 2 --append isolcpus=1 \
	${KVM_ZAP_MODULES:+--modules "$KVM_ZAP_MODULES"} -- "$0" --inside
