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

# One report is KVM's own and nobody's fault here, on 7.2 and 7.3: a vCPU faults on a gfn
# without a memslot, one is made there and another vCPU maps it before the first takes
# mmu_lock. mmu_set_spte() then finds a present SPTE where it wants to note MMIO, and warns.
# The SPTE's new value is of an old MMIO generation: the guest faults again. The pfn, sixth
# argument and so in R9, is KVM_PFN_NOSLOT; with any other pfn the WARNING is a finding.
# So it is in any test but stress: an SPTE that outlives its memslot looks the same, and
# there an oracle would see what the guest reads by it.
# shellcheck disable=SC2016 # awk's
gate_known='
function flush_report(i) {
	for (i = 1; i <= held; i++) {
		if (known)
			sub(i == 1 ? "WARNING:" : "Call Trace:", "known:", report[i])
		print report[i]
	}
	if (known)
		print me ": the kernel log holds a WARNING of mmu_set_spte() that is" \
			" harmless and not of kvm-zap (KVM_PFN_NOSLOT)" > "/dev/stderr"
	held = known = 0
}
/WARNING: .*mmu_set_spte\+.*zap_stress_test/ { flush_report(); held = 1; report[1] = $0; next }
!held { print; next }
{ report[++held] = $0 }
/ R09: 8000000000000000/ { known = 1 }
/---\[ end trace / { flush_report() }
END { flush_report() }'

# gate LOG...: true when no LOG holds a report; else print the first that does
# from the report on.
gate() {
	for log; do
		[ -f "$log" ] || continue
		first=$(LC_ALL=C sed "${gate_faults}s/Call Trace:/call trace/" "$log" |
			LC_ALL=C awk -v me="$me" "$gate_known" | grep -anE -m 1 "$gate_pattern") || continue
		first=${first%%:*}
		echo "$me: the kernel log holds a report:" >&2
		tail -n "+$((first > 3 ? first - 3 : 1))" "$log" | head -n 80 >&2
		return 1
	done
}
