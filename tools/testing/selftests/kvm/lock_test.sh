#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Which way mmu_lock is taken to drop a memslot's mappings, from a trace of the
# lock functions called there while vCPUs fault elsewhere. Policy scoped in the
# TDP MMU takes it for read only: a fault takes it for read as well, so it never
# waits for the zap. That the trace would show it, policy fast proves.
#
# What breaks without it: every fault of the VM waits while a large memslot is
# dropped, and no counter tells.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=ktap.sh
. "$here/ktap.sh"
bench=${KVM_ZAP_BENCH:-build/tools/kvm-zap-bench}
tracing=/sys/kernel/tracing
parameter=/sys/module/kvm/parameters/memslot_zap

case "${1-}" in -h | --help) sed -n '4,12s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

[ -w $parameter ] || ktap_skip_all "no $parameter, or not root"
[ -w $tracing/current_tracer ] || ktap_skip_all "no $tracing"
grep -q -w function_graph $tracing/available_tracers || ktap_skip_all 'no tracer function_graph'
grep -q -x -e _raw_write_lock $tracing/available_filter_functions ||
	ktap_skip_all '_raw_write_lock() cannot be traced'
[ -x "$bench" ] || ktap_skip_all "no $bench"

before=$(cat $parameter)
tmp=$(mktemp -d)
# shellcheck disable=SC2317 # the trap calls it
restore() {
	echo nop > "$tracing/current_tracer"
	echo 1 > "$tracing/tracing_on"
	: > "$tracing/set_ftrace_filter"
	: > "$tracing/set_graph_function"
	echo "$before" > "$parameter"
	rm -rf "$tmp"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# trace POLICY: the lock functions that zaps of the workload called, to $tmp/POLICY.
trace() {
	echo "$1" > $parameter
	echo nop > $tracing/current_tracer
	printf '%s\n' kvm_zap_memslot _raw_read_lock _raw_write_lock > $tracing/set_ftrace_filter
	echo kvm_zap_memslot > $tracing/set_graph_function
	echo 1024 > $tracing/buffer_size_kb
	echo function_graph > $tracing/current_tracer
	echo 1 > $tracing/tracing_on
	"$bench" contend -s 16 -m 32 -n 3 > "$tmp/log" 2>&1 || ktap_fail "$(tail -n 1 "$tmp/log")"
	echo 0 > $tracing/tracing_on
	grep -v '^#' $tracing/trace > "$tmp/$1"
}

# called POLICY FUNCTION: how often.
called() { grep -c "$2" "$tmp/$1" || :; }

ktap_start 2

trace fast
ktap_check [ "$(called fast kvm_zap_memslot)" -ge 3 ]
ktap_check [ "$(called fast _raw_write_lock)" -ge 3 ]
ktap_result 'fast takes mmu_lock for write, and the trace shows it'

trace scoped
ktap_check [ "$(called scoped kvm_zap_memslot)" -ge 3 ]
if [ "$(cat /sys/module/kvm/parameters/tdp_mmu)" = Y ] &&
   [ "$(cat /sys/module/kvm_amd/parameters/npt 2> /dev/null ||
	cat /sys/module/kvm_intel/parameters/ept)" != N ]; then
	ktap_check [ "$(called scoped _raw_read_lock)" -ge 3 ]
	ktap_equal '_raw_write_lock() called by scoped' "$(called scoped _raw_write_lock)" 0
	ktap_result 'scoped takes mmu_lock for read only'
else
	ktap_check [ "$(called scoped _raw_write_lock)" -ge 3 ]
	ktap_result 'scoped takes mmu_lock for write outside of the TDP MMU'
fi
ktap_end
