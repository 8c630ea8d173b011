#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The order in which policy scoped drops SPTEs, flushes TLBs and releases mmu_lock. The
# test reads it from a trace of the deletion of a large memslot, with lock breaks and, in
# shadow paging, of a memslot with guest page tables that map memory outside of it.
#
# scoped flushes what it dropped before it releases mmu_lock, even for a moment, and in
# the TDP MMU before it passes page tables to call_rcu(). All that it dropped there lies
# in the flushed range. There is one flush for the deletion and one for each lock break,
# and none if nothing was dropped.
#
# What breaks without it: a vCPU on another CPU continues to use a mapping, or page
# tables, that were freed. In the lab, where each exit of a vCPU drops its TLB, only the
# order shows this.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"
work=${KVM_ZAP_TESTS:-build/tests}/zap_breaks_test
tracing=/sys/kernel/tracing
parameter=/sys/module/kvm/parameters/memslot_zap
event=$tracing/events/kvmmmu/kvm_tdp_mmu_spte_changed
probe=$tracing/events/kvm_zap_test

case "${1-}" in -h | --help) sed -n '4,15s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

[ -w $parameter ] || ktap_skip_all "no $parameter, or not root"
[ -w $tracing/current_tracer ] || ktap_skip_all "no $tracing"
grep -q -w function_graph $tracing/available_tracers || ktap_skip_all 'no tracer function_graph'
[ -w $event/enable ] || ktap_skip_all "no $event"
[ -w $tracing/kprobe_events ] || ktap_skip_all "no $tracing/kprobe_events"
[ -x "$work" ] || ktap_skip_all "no $work"

# Those that are nested in the ones before them are of no interest.
functions='kvm_zap_memslot_scoped kvm_zap_count_sptes kvm_zap_unlink_empty kvm_zap_free_tables
	kvm_flush_remote_tlbs kvm_flush_remote_tlbs_RANGE kvm_mmu_commit_zap_page tdp_mmu_unlink_sp
	_raw_read_unlock _raw_write_unlock
	__cond_resched_rwlock_read __cond_resched_rwlock_write'
# The name since 6.5, and the one before.
range=with_address
! grep -q -w kvm_flush_remote_tlbs_range $tracing/available_filter_functions || range=range
range=kvm_flush_remote_tlbs_$range
functions=$(echo "$functions" | sed "s/kvm_flush_remote_tlbs_RANGE/$range/")
for function in $functions; do
	# The kernel's modules are named behind their functions.
	grep -q -E "^$function( |$)" $tracing/available_filter_functions ||
		ktap_skip_all "$function() cannot be traced"
done

tmp=$(mktemp -d)
# shellcheck disable=SC2317 # the trap calls it
restore() {
	echo nop > "$tracing/current_tracer"
	echo 0 > "$event/enable"
	[ ! -e "$probe" ] || echo 0 > "$probe/enable"
	echo -:kvm_zap_test/flush >> "$tracing/kprobe_events"
	echo -:kvm_zap_test/free >> "$tracing/kprobe_events"
	echo 1 > "$tracing/tracing_on"
	: > "$tracing/set_ftrace_filter"
	: > "$tracing/set_graph_function"
	: > "$tracing/trace"
	rm -rf "$tmp"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

tdp=
if [ "$(cat /sys/module/kvm/parameters/tdp_mmu)" = Y ] &&
   [ "$(cat /sys/module/kvm_amd/parameters/npt 2> /dev/null ||
	cat /sys/module/kvm_intel/parameters/ept)" != N ]; then
	tdp=1
fi

echo nop > $tracing/current_tracer
# shellcheck disable=SC2086 # a list
printf '%s\n' $functions > $tracing/set_ftrace_filter
echo kvm_zap_memslot_scoped > $tracing/set_graph_function
echo 32768 > $tracing/buffer_size_kb
# Its arguments are (kvm, first page, number of pages).
echo "p:kvm_zap_test/flush $range start=%si:u64 pages=%dx:u64" >> $tracing/kprobe_events ||
	ktap_skip_all "no probe can be put at $range()"
# Page tables are freed by a function of their own.
echo "p:kvm_zap_test/free call_rcu func=%si:symbol" >> $tracing/kprobe_events ||
	ktap_skip_all "no probe can be put at call_rcu()"
echo 1 > $event/enable
echo 1 > $probe/enable
echo function_graph > $tracing/current_tracer
"$work" 24 > "$tmp/work" 2>&1
status=$?
echo 0 > $tracing/tracing_on
cp $tracing/trace "$tmp/trace"

# Only what kvm_zap_memslot_scoped() and its engine do: that is two blanks deep. What is
# dropped is an event in the TDP MMU, and counted or unlinked before it is
# flushed elsewhere. Whoever the CPU is given to in a break leaves lines with another depth.
awk -v tdp="$tdp" '
	function hex(digits,  i, n) {
		for (i = 1; i <= length(digits); i++)
			n = 16 * n + index("0123456789abcdef", substr(digits, i, 1)) - 1
		return n
	}
	function word(name) { return substr($0, match($0, name) + length(name)) + 0 }
	/kvm_zap_memslot_scoped.*\{/ {
		inside = 1
		zaps++
		dropped = end = flushed = broken = 0
		drops_before = drops
		first = -1
		next
	}
	!inside { next }
	/kvm_tdp_mmu_spte_changed:/ {
		if (tdp) dropped++
		drops++
		gfn = $0
		sub(/.* gfn /, "", gfn)
		sub(/ .*/, "", gfn)
		gfn = hex(gfn)
		if (first < 0 || gfn < first) first = gfn
		gfn += 512 ^ (word(" level ") - 1)
		if (gfn > end) end = gfn
		next
	}
	/flush: .* start=/ {
		if (!tdp || first < 0) next
		ranges++
		start = word(" start=")
		if (first < start || end > start + word(" pages=")) outside++
		first = -1
		end = 0
		next
	}
	/free: .* func=tdp_mmu_free_sp_rcu_callback/ {
		frees++
		if (dropped) left["call_rcu"] += dropped
		next
	}
	{ sub(/^[^|]*\|/, "") }
	/^  }/ {
		if (dropped) left["its end"] += dropped
		if (drops == drops_before) idle++
		if (flushed > broken + (drops > drops_before)) vain += flushed
		inside = 0
		next
	}
	!/^    [a-z_]/ { next }
	{ name = $1; sub(/\(.*/, "", name) }
	name == "kvm_zap_count_sptes" || name == "kvm_zap_unlink_empty" {
		if (!tdp) { dropped++; drops++ }
		next
	}
	name ~ /^kvm_flush_remote_tlbs/ || name == "kvm_mmu_commit_zap_page" {
		flushes++
		flushed++
		dropped = 0
		work = 1
		if (name == "kvm_flush_remote_tlbs") { first = -1; end = 0 }
		next
	}
	# It gives the lock up as well, which is nested: nothing is dropped in there.
	name ~ /unlock$/ || name ~ /^__cond_resched_rwlock/ || name == "kvm_zap_free_tables" {
		if (dropped) { left[name] += dropped; dropped = 0 }
		if (name ~ /^__cond_resched_rwlock/) {
			breaks++
			broken++
			# The first memslot is mapped all over: no stretch of work drops nothing.
			if (!work && !tdp && zaps == 1) left["a break without a flush before it"]++
			work = 0
		}
	}
	END {
		print "zaps", zaps + 0
		print "drops", drops + 0
		print "flushes", flushes + 0
		print "breaks", breaks + 0
		print "ranges", ranges + 0
		print "outside", outside + 0
		print "frees", frees + 0
		print "idle", idle + 0
		print "vain", vain + 0
		for (name in left) print "unflushed", left[name], "at", name
	}' "$tmp/trace" > "$tmp/found"

number() { sed -n "s/^$1 //p" "$tmp/found"; }

ktap_start $((2 + 2 * ${tdp:-0}))
ktap_equal 'status of the work' $status 0
ktap_check [ "$(number zaps)" -ge 1 ]
ktap_check [ "$(number drops)" -ge 3 ]
ktap_check [ "$(number breaks)" -ge 3 ]
ktap_diag "$(cat "$tmp/work" "$tmp/found")"
ktap_result 'the trace shows what is dropped, and lock breaks'
ktap_check [ "$(number flushes)" -ge 1 ]
ktap_equal 'dropped and not flushed in time' "$(grep unflushed "$tmp/found")" ''
ktap_result 'what is dropped is flushed before anything is let go of'
if [ "$tdp" ]; then
	ktap_check [ "$(number ranges)" -ge 3 ]
	ktap_equal 'flushes that leave something out' "$(number outside)" 0
	ktap_result 'what is dropped lies in the range that is flushed'
	ktap_check [ "$(number frees)" -ge 3 ]
	ktap_check [ "$(number idle)" -ge 1 ]
	ktap_equal "flushes of which one would do, or none" "$(number vain)" 0
	ktap_result "one flush, and none where nothing was dropped"
fi
[ -z "${KVM_ZAP_TRACE-}" ] || cp "$tmp/trace" "$KVM_ZAP_TRACE"
ktap_end
