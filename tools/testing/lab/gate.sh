# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: the log gate. A run passes only with a clean kernel log.
# shellcheck disable=SC2154 # me is lab's

# What the kernel says when something is wrong with it. The lock validator and
# the sanitizers greet at boot in words of their own ('rcu: RCU lockdep checking
# is enabled', 'kasan: KernelAddressSanitizer initialized'): match what they
# report, not their names. Most of lockdep's reports are a WARNING.
gate_pattern='BUG:|kernel BUG at|WARNING:|KASAN:|UBSAN:|Call Trace:|Oops:'
gate_pattern="$gate_pattern|Kernel panic|general protection fault[,:]"
gate_pattern="$gate_pattern|INFO: rcu_.*stall|rcu_.*kthread starved|rcu: .*detected stalls"
gate_pattern="$gate_pattern|INFO: task .* blocked for more than|soft lockup|hard LOCKUP"
gate_pattern="$gate_pattern|turning off the locking correctness validator"
gate_pattern="$gate_pattern|INFO: trying to register non-static key"
gate_pattern="$gate_pattern|kmemleak: .* suspected memory leaks"

# Between these two lines a test makes allocations fail. The kernel shows where one
# did, with no way to have it not do so, and that is no report of anything.
gate_faults='/kvm-zap: allocations are made to fail from here/'
gate_faults="$gate_faults,/kvm-zap: allocations are made to fail until here/"

# gate LOG...: true when no LOG holds a report; else print the first that does
# from the report on.
gate() {
	for log; do
		[ -f "$log" ] || continue
		first=$(LC_ALL=C sed "${gate_faults}s/Call Trace:/call trace/" "$log" |
			grep -anE -m 1 "$gate_pattern") || continue
		first=${first%%:*}
		echo "$me: the kernel log holds a report:" >&2
		tail -n "+$((first > 3 ? first - 3 : 1))" "$log" | head -n 80 >&2
		return 1
	done
}
