#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/bench/lock-waits and tools/bench/contention see a wait for mmu_lock, report none
# for a command that waits for nothing, and pass on the command's output.
#
# What breaks without it: a tracer that sees nothing reports that nobody waits.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"
top=$(cd "$here/../../../.." && pwd -P)
waits=$top/tools/bench/lock-waits

case "${1-}" in -h | --help) sed -n '4,8s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
command -v jq > /dev/null || ktap_skip_all 'no jq'
[ -d /sys/kernel/tracing/events/lock/contention_begin ] || ktap_skip_all 'no lock:contention_begin'
[ "$(nproc)" -gt 1 ] || ktap_skip_all 'one CPU: nobody spins there'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ktap_start 4

ktap_equal 'waits of a command without threads' \
	"$("$waits" true | jq '.read.waits + .write.waits')" 0
status=0
"$waits" -- sh -c 'exit 3' > /dev/null || status=$?
ktap_equal 'exit status' "$status" 3
status=0
"$waits" --no-such 2> "$tmp/err" || status=$?
ktap_equal 'exit status of wrong usage' "$status" 2
ktap_check grep -q -e '--no-such' "$tmp/err"
ktap_result 'what the command says comes through'

LAB_OUT=$tmp "$top/tools/bench/contention" 2 > "$tmp/table" 2> "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
ktap_diag "$(cat "$tmp/table")"
ktap_check jq -e '.read.waits + .write.waits > 0 and .read.max_ns + .write.max_ns > 0' \
	"$tmp/2.fast.locks.json" > /dev/null
ktap_check jq -e '.series.stall_max_ns.max > 0' "$tmp/2.fast.json" > /dev/null
ktap_result 'vCPUs that fault wait for a deletion, and that is seen'

ktap_equal 'rows' "$(awk '$1 == 2' "$tmp/table" | wc -l)" \
	"$("$top/tools/testing/policies" memslot | wc -w)"
ktap_result 'each policy has its row'

ktap_check sh -c '! ls -d /sys/kernel/tracing/instances/kvm-zap-locks.* 2> /dev/null'
ktap_result 'no instance of the tracer is left behind'
ktap_end
