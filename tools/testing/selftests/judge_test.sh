#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/bench/judge, on made-up results: each rule is seen to pass and to fail, a figure
# that was not measured is reported as missing, and a workload that was not run is not
# judged. Also tools/bench/performance-page: what a patch of scripts/patch/series says
# about a workload is found there by its text.
#
# What breaks without it: a limit that is never checked looks like one that is kept.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
command -v jq > /dev/null || ktap_skip_all "no jq: run 'make setup'"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# judge KERNEL WORKLOAD MODE "[WORKLOAD:]POLICY SERIES=FIGURE..."...: its verdict, in
# $tmp/verdict. rest_pages and vcpus are parameters of a run, not series.
judge() {
	kernel=$1 workload=$2 mode=$3 site=memslot
	case $workload in
	teardown-*) site=teardown ;;
	mmio-*) site=mmio ;;
	esac
	shift 3
	printf '%s\n' "$@" | jq -R -s --arg kernel "$kernel" --arg workload "$workload" \
		--arg mode "$mode" --arg site "$site" '
		split("\n") | map(select(. != "") | split(" ") | {
			workload: (if .[0] | contains(":") then .[0] | split(":")[0] else $workload end),
			mode: $mode, site: $site, policy: (.[0] | split(":") | last),
			figures: (.[1:] | map(split("=") | { key: .[0], value: (.[1] | tonumber) }) | from_entries)
		} | .result = { kernel: $kernel,
			parameters: (.figures | { rest_pages, vcpus } | with_entries(select(.value))),
			series: (.figures | del(.rest_pages, .vcpus) | map_values({ median: . })) } | del(.figures))' \
		> "$tmp/bench.json"
	tools/bench/judge "$tmp/bench.json" > "$tmp/verdict" 2>&1
}

# passes, fails: judge, which has to exit like that.
passes() {
	judge "$@" || { ktap_fail "exit status $?"; ktap_diag "$(grep FAIL "$tmp/verdict")"; }
}
fails() { judge "$@" && ktap_fail 'exit status 0'; }

# verdict WORD TEXT: a line of the verdict
verdict() {
	grep -q -F -e "$1 $2" "$tmp/verdict" || {
		ktap_fail "not '$1 $2'"
		ktap_diag "$(grep -F -e "${2%%:*}" "$tmp/verdict")"
	}
}

# unheard TEXT: nothing in the verdict has it.
unheard() {
	! grep -q -F -e "$1" "$tmp/verdict" || ktap_fail "judged what was not run: $1"
}

million=000000

ktap_start 12

better='total of auto to the lesser of fast, scoped'
passes 7.2.0 dense-2m shadow "auto total_cpu_ns=102$million total_ns=1" "fast total_cpu_ns=200$million" \
	"scoped total_cpu_ns=100$million"
verdict PASS "dense-2m/shadow: $better: 1.0200"
fails 7.2.0 dense-2m shadow "auto total_cpu_ns=103$million total_ns=1" "fast total_cpu_ns=200$million" \
	"scoped total_cpu_ns=100$million"
verdict FAIL "dense-2m/shadow: $better: 1.03"
fails 7.2.0 dense-2m shadow "auto total_cpu_ns=103$million total_ns=1" "fast total_cpu_ns=100$million" \
	"scoped total_cpu_ns=103$million"
verdict FAIL "dense-2m/shadow: $better: 1.03"
fails 6.1.0 dense-2m shadow "auto total_ns=103$million total_cpu_ns=1" "fast total_ns=100$million" \
	"scoped total_ns=103$million"
verdict FAIL "dense-2m/shadow: $better: 1.03"
ktap_result 'auto, next to the better of the others'

for peer in distribution-scoped reference; do
	passes 7.2.0 dense-2m shadow "scoped traced_ns=100 delete_ns=100$million" \
		"$peer traced_ns=100 delete_ns=100$million"
	verdict PASS "dense-2m/shadow: zap of scoped to $peer: 1.0000"
	verdict PASS "dense-2m/shadow: system call of scoped to $peer: 1.0000"
	fails 7.2.0 dense-2m shadow "scoped traced_ns=101 delete_ns=101$million" \
		"$peer traced_ns=100 delete_ns=100$million"
	verdict FAIL "dense-2m/shadow: zap of scoped to $peer: 1.0100"
	verdict FAIL "dense-2m/shadow: system call of scoped to $peer: 1.0100"
done
fails 7.2.0 move shadow "scoped traced_ns=100 move_ns=101$million" \
	"distribution-scoped traced_ns=100 move_ns=100$million"
verdict FAIL 'move/shadow: system call of scoped to distribution-scoped: 1.0100'
fails 7.2.0 contend shadow "scoped traced_ns=1 delete_ns=1 total_cpu_ns=101$million" \
	"distribution-scoped traced_ns=1 delete_ns=1 total_cpu_ns=100$million"
verdict FAIL 'contend/shadow: CPU time of all of scoped to distribution-scoped: 1.0100'
ktap_result "scoped, next to the kernel's own scoped path"

fails 6.1.0 dense-2m tdp 'scoped zap_ns=101' 'reference zap_ns=100'
verdict FAIL 'dense-2m/tdp: zap of scoped to reference: 1.0100'
ktap_result 'where nothing was traced, as KVM counts it'

fails 7.2.0 dense-4k tdp 'scoped traced_ns=41' 'distribution-scoped traced_ns=100'
verdict FAIL 'dense-4k/tdp: zap of scoped to distribution-scoped: 0.4100, limit 0.4'
passes 6.12.0 dense-4k tdp 'scoped traced_ns=41' 'distribution-scoped traced_ns=100'
fails 6.1.0 dense-4k tdp 'scoped traced_ns=41 zap_tables=0' 'reference traced_ns=100'
verdict FAIL 'dense-4k/tdp: zap of scoped to reference: 0.4100, limit 0.4'
verdict FAIL 'dense-4k/tdp: page tables that scoped freed: 0'
fails 7.2.0 sparse-16g shadow 'scoped traced_ns=26' 'distribution-scoped traced_ns=1000'
verdict FAIL 'sparse-16g/shadow: zap of scoped to distribution-scoped: 0.0260'
passes 7.2.0 teardown-4k tdp "bulk zap_ns=1600000" "walk zap_ns=100$million"
fails 7.2.0 teardown-4k tdp "bulk zap_ns=1700000" "walk zap_ns=100$million"
verdict FAIL 'teardown-4k/tdp: zap of bulk to walk: 0.0170, limit 0.01 and 600000'
passes 6.1.0 teardown-4k tdp 'bulk zap_ns=6' 'walk zap_ns=100'
for mode in legacy shadow; do
	fails 7.2.0 teardown-4k "$mode" "bulk zap_ns=13" "walk zap_ns=100"
	verdict FAIL "teardown-4k/$mode: zap of bulk to walk: 0.1300, limit 0.12"
	fails 6.1.0 teardown-4k "$mode" "bulk zap_ns=13" "walk zap_ns=100"
	passes 6.12.0 teardown-4k "$mode" "bulk zap_ns=50" "walk zap_ns=100"
	fails 6.12.0 teardown-4k "$mode" "bulk zap_ns=51" "walk zap_ns=100"
	fails 7.2.0 sparse-64g "$mode" "scoped zap_ns=86" "sparse-64m:scoped zap_ns=10"
	verdict FAIL "sparse-64g/$mode: zap of scoped to that of sparse-64m: 8.6000, limit 8.5"
done
passes 7.2.0 teardown-nested tdp 'bulk zap_ns=105' 'teardown-128m:bulk zap_ns=100'
fails 7.2.0 teardown-nested tdp 'bulk zap_ns=106' 'teardown-128m:bulk zap_ns=100'
verdict FAIL 'teardown-nested/tdp: zap of bulk to that of teardown-128m: 1.0600, limit 1.05'
for mode in tdp legacy shadow; do
	passes 7.2.0 mmio-wrap "$mode" 'scoped zap_ns=6' 'fast zap_ns=100'
	fails 7.2.0 mmio-wrap "$mode" 'scoped zap_ns=7' 'fast zap_ns=100'
	verdict FAIL "mmio-wrap/$mode: zap of scoped to fast: 0.0700, limit 0.06"
done
ktap_result 'where an engine is there to be better than that'

for word in stock fast; do
	passes 6.1.0 move legacy "$word traced_ns=101 total_ns=101$million" \
		"distribution traced_ns=100 total_ns=100$million"
	verdict PASS "move/legacy: zap of $word to distribution: 1.0100"
	verdict PASS "move/legacy: total of $word to distribution: 1.0100"
	fails 6.1.0 move legacy "$word traced_ns=102 total_ns=102$million" \
		"distribution traced_ns=100 total_ns=100$million"
	verdict FAIL "move/legacy: zap of $word to distribution: 1.0200"
	verdict FAIL "move/legacy: total of $word to distribution: 1.0200"
done
ktap_result "stock and fast, next to the distribution's KVM"

passes 6.1.0 many-64 shadow 'scoped kept_pages=100 rest_pages=100 traced_ns=1' 'reference traced_ns=1'
verdict PASS 'many-64/shadow: pages of the rest that scoped left mapped: 100, at least 100'
fails 6.1.0 many-64 shadow 'scoped kept_pages=99 rest_pages=100 traced_ns=1' 'reference traced_ns=1'
verdict FAIL 'many-64/shadow: pages of the rest that scoped left mapped: 99, at least 100'
passes 6.1.0 contend shadow 'scoped kept_pages=99 traced_ns=1' 'reference traced_ns=1'
unheard 'of the rest'
ktap_result 'what scoped leaves mapped'

# What does not depend on the policy differs from boot to boot: short calls are allowed that.
passes 7.2.0 move tdp 'scoped traced_ns=1 delete_ns=41600' 'distribution-scoped traced_ns=1 delete_ns=40000'
fails 7.2.0 move tdp 'scoped traced_ns=1 delete_ns=41601' 'distribution-scoped traced_ns=1 delete_ns=40000'
verdict FAIL 'move/tdp: system call of scoped to distribution-scoped: 1.0400'
passes 7.2.0 move tdp "scoped traced_ns=1 delete_ns=50000 vcpus=16" \
	"distribution-scoped traced_ns=1 delete_ns=40000 vcpus=16"
passes 7.2.0 contend tdp "fast traced_ns=200 total_ns=102$million" \
	"distribution traced_ns=100 total_ns=100$million"
unheard "fast to distribution"
ktap_result 'a short system call, with the noise of boots'

passes 7.2.0 empty tdp 'scoped traced_ns=1500 delete_ns=1' 'distribution-scoped traced_ns=1000 delete_ns=1' \
	'fast traced_ns=1500' 'distribution traced_ns=1000'
verdict PASS 'empty/tdp: zap of scoped to distribution-scoped: 1.5000'
verdict PASS 'empty/tdp: zap of fast to distribution: 1.5000'
fails 7.2.0 empty tdp 'scoped traced_ns=1800' 'distribution-scoped traced_ns=1000'
verdict FAIL 'empty/tdp: zap of scoped to distribution-scoped: 1.8000'
passes 7.2.0 rom tdp 'scoped traced_ns=1500' 'distribution-scoped traced_ns=1000'
fails 7.2.0 rom tdp 'scoped traced_ns=1800' 'distribution-scoped traced_ns=1000'
fails 7.2.0 dense-2m tdp 'scoped traced_ns=1500' 'distribution-scoped traced_ns=1000'
passes 6.1.0 many-small tdp 'stock traced_ns=2100000' 'distribution traced_ns=1000000' 'scoped traced_ns=1' 'reference traced_ns=1'
fails 6.1.0 many-small tdp 'stock traced_ns=2140000' 'distribution traced_ns=1000000'
passes 7.2.0 many-small tdp 'scoped traced_ns=2100000 delete_ns=9 total_cpu_ns=1' \
	'distribution-scoped traced_ns=1000000 delete_ns=1 total_cpu_ns=1'
fails 7.2.0 many-small tdp 'scoped traced_ns=2140000' 'distribution-scoped traced_ns=1000000'
fails 7.2.0 many-small tdp "scoped total_cpu_ns=102$million" "distribution-scoped total_cpu_ns=100$million"
verdict FAIL 'many-small/tdp: CPU time of all of scoped to distribution-scoped: 1.0200'
fails 6.1.0 many-small tdp "scoped delete_ns=102$million" "reference delete_ns=100$million"
verdict FAIL 'many-small/tdp: system call of scoped to reference: 1.0200'
ktap_result 'nothing mapped: what counting may cost, and of 2,048 zaps'

fails 7.2.0 dense-2m tdp "scoped delete_ns=101$million" "distribution-scoped delete_ns=100$million" \
	'auto total_cpu_ns=1' 'fast total_cpu_ns=1' 'stock zap_ns=1' 'distribution delete_ns=1'
verdict SKIP 'dense-2m/tdp: zap of scoped to distribution-scoped: no figure'
verdict FAIL 'dense-2m/tdp: system call of scoped to distribution-scoped: 1.0100'
verdict SKIP "dense-2m/tdp: $better: no figure"
verdict SKIP 'dense-2m/tdp: zap of stock to distribution: no figure'
verdict SKIP 'dense-2m/tdp: total of fast to distribution: no figure'
passes 7.2.0 dense-2m tdp "scoped delete_ns=101$million" "fast zap_ns=1" "stock zap_ns=1"
unheard 'distribution'
unheard 'total of'
ktap_result 'a figure that is missing is said to be, what was not run is not judged'

echo '[]' > "$tmp/bench.json"
tools/bench/judge "$tmp/bench.json" > "$tmp/verdict" 2>&1 && ktap_fail 'exit status 0'
grep -q 'holds no results of bench' "$tmp/verdict" || ktap_fail "$(cat "$tmp/verdict")"
ktap_result 'no results are none'

sed -n 's/^@cost //p' scripts/patch/series/* | while read -r text; do
	grep -q -x -F -e "#= $text" tools/bench/matrix || echo "$text"
done > "$tmp/texts"
ktap_equal 'texts of scripts/patch/series that no workload of the matrix has' "$(cat "$tmp/texts")" ''
judge 7.2.0 dense-2m shadow 'distribution traced_ns=4000000' 'distribution-scoped traced_ns=2000 delete_ns=100' \
	'scoped traced_ns=1000 delete_ns=50 total_cpu_ns=10' 'fast total_cpu_ns=100' 'auto total_cpu_ns=11'
tools/bench/performance-page "$tmp/bench.json" > "$tmp/tables"
grep -q -x "256 MiB, all mapped by 2 MiB  shadow  4.00          0.0020          0.0010  0.500  0.500  0.100  1.100" \
	"$tmp/tables" || { ktap_fail 'not the row of dense-2m'; ktap_diag "$(cat "$tmp/tables")"; }
judge 7.2.0 teardown-4k tdp 'walk zap_ns=20000000' 'bulk zap_ns=500000'
tools/bench/performance-page "$tmp/bench.json" > "$tmp/tables"
grep -q -x 'a VM with 2 GiB mapped by 4 KiB goes  TDP  20.0  -     -       0.500' "$tmp/tables" ||
	{ ktap_fail 'not the row of teardown-4k'; ktap_diag "$(cat "$tmp/tables")"; }
ktap_result "the tables of a kernel line's page"

# What was not measured is no point of a line. Here there are zap and total, of two sizes under
# scoped and of one under fast, a zap of the kernel's own, and three in the legend.
tools/bench/plot "$tmp/bench.json" > "$tmp/picture" 2>&1 && ktap_fail 'drawn of other workloads'
ktap_check grep -q 'holds no results of tools/bench/matrix-plot' "$tmp/picture"
if command -v gnuplot > /dev/null; then
	judge 7.2.0 memory-16 tdp 'scoped traced_ns=4000 total_cpu_ns=90000' \
		'memory-64:scoped traced_ns=4000 total_cpu_ns=150000' \
		'fast traced_ns=2400000 total_cpu_ns=16000000' 'distribution-scoped traced_ns=5000'
	tools/bench/plot "$tmp/bench.json" > "$tmp/picture" 2> "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
	ktap_check grep -q "MiB mapped beside a 64 KiB ROM" "$tmp/picture"
	ktap_equal 'points' "$(grep -c "<use xlink:href='#gpPt6'.*translate" "$tmp/picture")" 10
	ktap_result 'the plots'
else
	ktap_skip 'no gnuplot' 'the plots'
fi
ktap_end
