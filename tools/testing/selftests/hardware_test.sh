#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# check-hardware, the lane for owners of real hardware, as far as a machine without nested
# virtualization can try it: an emulated CPU stands in for the real one. Five boots. KTAP;
# exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: somebody gives us an hour of their machine, and nothing useful
# comes back.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lane=$top/tools/testing/check-hardware

case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

tmp=$(mktemp -d "$top/build/hardware_test.XXXXXX")
ktap_start 9

trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run OPTION...: the lane; sets status, fills $tmp/log.
run() {
	status=0
	"$lane" --out "$tmp/out" "$@" > "$tmp/log" 2>&1 < /dev/null || status=$?
}

# shellcheck disable=SC2317 # ktap_check calls it
refusals() {
	for words in '--no-such' '--accel' '--accel x' '--passes 0' '--passes x' '--passes'; do
		# shellcheck disable=SC2086 # words are words
		run $words
		[ "$status" = 1 ] || { echo "$words: exit status $status"; return 1; }
		grep -qF -- "${words%% *}" "$tmp/log" || { echo "$words: no reason"; return 1; }
	done
}
ktap_check refusals
ktap_result "wrong usage is refused with a reason"

run --accel tcg --no-bench no-such-test
ktap_equal "exit status" "$status" 1
ktap_check grep -q "no test 'no-such-test'" "$tmp/log"
ktap_result "a test that is not there is refused, and named"

name="a machine without nested virtualization is told so"
if grep -qwE "svm|vmx" /proc/cpuinfo; then
	ktap_skip "this one may have it" "$name"
else
	run params
	ktap_equal "exit status" "$status" 125
	ktap_check grep -q "accel kvm: .*tcg works everywhere" "$tmp/log"
	ktap_result "$name"
fi

printf 'empty\tmemslot\tt\tempty -n 3\n' > "$tmp/matrix"
KVM_ZAP_HARDWARE_MATRIX=$tmp/matrix
KVM_ZAP_HARDWARE_VCPUS=1
export KVM_ZAP_HARDWARE_MATRIX KVM_ZAP_HARDWARE_VCPUS
run --accel tcg --passes 1 params/tdp params/tdp-smp
ktap_equal "exit status" "$status" 0
[ "$status" = 0 ] || ktap_diag "$(tail -n 20 "$tmp/log")"
ktap_result "a slice of it passes"
tar -C "$tmp" -xf "$tmp/out/report.tar.xz" || :
report=$tmp/report
ktap_check grep -q '^Model name:' "$report/host.txt"
ktap_check sh -c "! grep -qwF \"$(uname -n)\" '$report/host.txt'"
ktap_result 'the report says what the machine is, but not its name'
ktap_check grep -q '^ok 1 params/tdp$' "$report/tests.ktap"
ktap_check grep -q '^ok 1 params/tdp-smp$' "$report/tests-smp.ktap"
ktap_result 'it has what the tests printed, with one CPU and with several'
ktap_check jq -e > /dev/null '.series.zap_ns.samples | length == 3' "$report/bench/tdp.1/empty.scoped.json"
ktap_result 'it has what a workload measured, each sample'
ktap_check jq -e > /dev/null .write.waits "$report/bench/contention.1/1.scoped.locks.json"
ktap_result 'it has what waited for mmu_lock'
ktap_check grep -q 'exchange' "$report/table-cost.txt"
ktap_result 'it has what a page table costs on this CPU'
ktap_end
