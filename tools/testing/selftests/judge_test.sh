#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/bench/judge, by results that are made up: what is too much fails, next to the
# reference and next to the kernel's own scoped path, and a figure that was not measured
# is said to be missing.
#
# What breaks without it: a limit that nothing is held against passes for one that is kept.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/ktap.sh
. "$here/kvm/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,8s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
command -v jq > /dev/null || ktap_skip_all "no jq: run 'make setup'"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# judge KERNEL WORKLOAD MODE "POLICY SERIES=FIGURE..."...: its verdict, in $tmp/verdict
judge() {
	kernel=$1 workload=$2 mode=$3
	shift 3
	printf '%s\n' "$@" | jq -R -s --arg kernel "$kernel" --arg workload "$workload" --arg mode "$mode" '
		split("\n") | map(select(. != "") | split(" ") | {
			workload: $workload, mode: $mode, site: "memslot", policy: .[0],
			result: { kernel: $kernel, series: (.[1:] | map(split("=") |
				{ key: .[0], value: { median: (.[1] | tonumber) } }) | from_entries) } })' \
		> "$tmp/bench.json"
	tools/bench/judge "$tmp/bench.json" > "$tmp/verdict" 2>&1
}

# verdict WORD TEXT: a line of the verdict
verdict() {
	grep -q -F -e "$1 $2" "$tmp/verdict" || {
		ktap_fail "not '$1 $2'"
		ktap_diag "$(grep -F -e "$2" "$tmp/verdict")"
	}
}

zap='zap of scoped to that of the kernel itself'
call='system call, scoped to that of the kernel itself'

ktap_start 5

judge 6.1.0 dense-4k tdp 'scoped zap_ns=39 zap_tables=1' 'reference zap_ns=100' ||
	ktap_fail "exit status $?"
verdict PASS 'dense-4k/tdp: zap of scoped to reference: 0.3900'
judge 6.1.0 dense-4k tdp 'scoped zap_ns=41 zap_tables=0' 'reference zap_ns=100' &&
	ktap_fail 'exit status 0'
verdict FAIL 'dense-4k/tdp: zap of scoped to reference: 0.4100'
verdict FAIL 'dense-4k/tdp: page tables that scoped freed: 0'
ktap_result 'next to the reference'

judge 7.2.0 dense-4k tdp 'scoped traced_ns=41 delete_ns=101' 'quirk traced_ns=100 delete_ns=100' &&
	ktap_fail 'exit status 0'
verdict FAIL "dense-4k/tdp: $zap: 0.4100"
verdict FAIL "dense-4k/tdp: $call: 1.0100"
judge 6.12.0 dense-4k tdp 'scoped traced_ns=41 delete_ns=99' 'quirk traced_ns=100 delete_ns=100' ||
	ktap_fail "exit status $?"
verdict PASS "dense-4k/tdp: $zap: 0.4100"
judge 7.2.0 sparse-16g shadow 'scoped traced_ns=21 move_ns=1' 'quirk traced_ns=1000 move_ns=2' &&
	ktap_fail 'exit status 0'
verdict FAIL "sparse-16g/shadow: $zap: 0.0210"
verdict PASS "sparse-16g/shadow: $call: 0.5000"
ktap_result "next to the kernel's own scoped path"

judge 7.2.0 empty tdp 'scoped traced_ns=1400 delete_ns=106' 'quirk traced_ns=1000 delete_ns=100' &&
	ktap_fail 'exit status 0'
verdict PASS 'empty/tdp: zap of scoped to 500 more'
verdict FAIL "empty/tdp: $call: 1.0600"
ktap_result 'nothing mapped: what counting may cost'

judge 7.2.0 dense-4k tdp 'scoped delete_ns=101' 'quirk delete_ns=100' && ktap_fail 'exit status 0'
verdict SKIP "dense-4k/tdp: $zap: no figure"
verdict FAIL "dense-4k/tdp: $call: 1.0100"
judge 7.2.0 dense-4k tdp 'scoped delete_ns=101' || ktap_fail "exit status $?"
grep -q 'kernel itself' "$tmp/verdict" && ktap_fail 'judged next to what was not run'
ktap_result 'a figure that is missing is said to be, and the others judged'

echo '[]' > "$tmp/bench.json"
tools/bench/judge "$tmp/bench.json" > "$tmp/verdict" 2>&1 && ktap_fail 'exit status 0'
grep -q 'holds no results of bench' "$tmp/verdict" || ktap_fail "$(cat "$tmp/verdict")"
ktap_result 'no results are none'
ktap_end
