#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# How mmu_lock is taken to drop a memslot's mappings, from a trace of the lock functions
# while vCPUs fault elsewhere. Policy scoped takes it for read only in the TDP MMU. A page
# fault takes it for read as well, so it never waits for the zap. Policy fast shows that
# the trace would reveal a writer.
#
# Teardown by bulk takes it for write: nothing else keeps MMU notifiers out of the page
# tables. With policy fast, the test looks at slots_lock: teardown takes it or does without,
# but never waits for it.
#
# What breaks without it: every page fault of the VM waits while a large memslot is
# dropped, and no counter shows it; or a process that exits and the holder of slots_lock
# wait for each other.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"
bench=${KVM_ZAP_BENCH:-build/tools/kvm-zap-bench}
tracing=/sys/kernel/tracing
parameter=/sys/module/kvm/parameters/memslot_zap
teardown=/sys/module/kvm/parameters/teardown_zap

case "${1-}" in -h | --help) sed -n '4,17s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

[ -w $parameter ] || ktap_skip_all "no $parameter, or not root"
[ -w $tracing/current_tracer ] || ktap_skip_all "no $tracing"
grep -q -w function_graph $tracing/available_tracers || ktap_skip_all 'no tracer function_graph'
grep -q -x -e _raw_write_lock $tracing/available_filter_functions ||
	ktap_skip_all '_raw_write_lock() cannot be traced'
[ -x "$bench" ] || ktap_skip_all "no $bench"

before=$(cat $parameter)
teardown_before=$(cat $teardown)
tmp=$(mktemp -d)
# shellcheck disable=SC2317 # the trap calls it
restore() {
	echo nop > "$tracing/current_tracer"
	echo 1 > "$tracing/tracing_on"
	: > "$tracing/set_ftrace_filter"
	: > "$tracing/set_graph_function"
	echo "$before" > "$parameter"
	echo "$teardown_before" > "$teardown"
	rm -rf "$tmp"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# trace NAME SITE FUNCTION...: which of the functions the site's function called
# when the workload ran, to $tmp/NAME. With lockdep some have other names.
trace() {
	name=$1 site=$2
	shift
	echo nop > $tracing/current_tracer
	printf '%s\n' "$@" > "$tmp/functions"
	awk '{ print $1 }' $tracing/available_filter_functions | grep -x -F -f "$tmp/functions" \
		> $tracing/set_ftrace_filter
	echo "$site" > $tracing/set_graph_function
	echo 1024 > $tracing/buffer_size_kb
	echo function_graph > $tracing/current_tracer
	# Where the machine is busy a vCPU may be done before a deletion is over.
	for try in 1 2 3; do
		echo > $tracing/trace
		echo 1 > $tracing/tracing_on
		status=0
		"$bench" contend -s 16 -m 32 -n 3 > "$tmp/log" 2>&1 || status=$?
		echo 0 > $tracing/tracing_on
		[ $status -ne 0 ] || break
		ktap_diag "try $try: $(tail -n 1 "$tmp/log")"
	done
	ktap_equal 'exit status of kvm-zap-bench contend' "$status" 0
	grep -v '^#' $tracing/trace > "$tmp/$name"
}

memslot() { # memslot POLICY FUNCTION
	echo "$1" > $parameter
	trace "$1" "$2" _raw_read_lock _raw_write_lock
}

# called POLICY FUNCTION: how often.
called() { grep -c "$2" "$tmp/$1" || :; }

ktap_start 4

memslot fast kvm_arch_flush_shadow_memslot
ktap_check [ "$(called fast kvm_arch_flush_shadow_memslot)" -ge 3 ]
ktap_check [ "$(called fast _raw_write_lock)" -ge 3 ]
ktap_result 'fast takes mmu_lock for write, and the trace shows it'

# Around it, newer kernels have it for write for a moment, whatever the policy.
memslot scoped kvm_zap_memslot_scoped
ktap_check [ "$(called scoped kvm_zap_memslot_scoped)" -ge 3 ]
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

# Once for each VM that goes away. It is taken again after a break, and by
# kvm_mmu_zap_all(), but that is nested.
echo bulk > $teardown
trace bulk kvm_zap_bulk _raw_write_lock __cond_resched_rwlock_write kvm_mmu_zap_all
ktap_check [ "$(called bulk 'kvm_zap_bulk.*{')" -ge 1 ]
ktap_equal 'times that bulk takes it' "$(called bulk '|    _raw_write_lock')" \
	"$(called bulk 'kvm_zap_bulk.*{')"
[ -z "$ktap_bad" ] || ktap_diag "$(head -n 20 "$tmp/bulk")"
ktap_result 'bulk takes mmu_lock for write'

# VMs go one after the other, and nobody else takes their slots_lock. Only what
# kvm_zap_teardown() calls itself: that is two blanks deeper.
echo fast > $teardown
# With lockdep some have another name.
trace teardown kvm_zap_teardown mutex_trylock _mutex_trylock_nest_lock mutex_lock \
	mutex_lock_nested mutex_unlock kvm_mmu_zap_all_fast
sed -n 's/^[^|]*|  \(  \)\{0,1\}\([a-z_]\{1,\}\).*/\2/p' "$tmp/teardown" |
	sed 's/^_mutex_trylock_nest_lock$/mutex_trylock/' > "$tmp/calls"
vms=$(grep -c -x kvm_zap_teardown "$tmp/calls")
ktap_check [ "$vms" -ge 1 ]
ktap_equal 'what fast at teardown does' "$(sort "$tmp/calls" | uniq -c | sed 's/^ *//')" \
	"$vms kvm_mmu_zap_all_fast
$vms kvm_zap_teardown
$vms mutex_trylock
$vms mutex_unlock"
ktap_equal 'mutex_trylock() as the first step' \
	"$(grep -A 1 -x kvm_zap_teardown "$tmp/calls" | grep -c mutex_trylock)" "$vms"
[ -z "$ktap_bad" ] || ktap_diag "$(cat "$tmp/teardown")"
ktap_result 'fast at teardown has slots_lock and does not wait for it'
ktap_end
