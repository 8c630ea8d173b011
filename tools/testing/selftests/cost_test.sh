#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What a policy may cost, in instructions of the lab, in each MMU mode: policies stock and
# fast next to the distribution's modules, policy scoped regardless of what else is
# mapped. An engine that walks more than it has to, or accounting in a hot path, fails
# this test.
set -u

cd "$(dirname "$0")/../../.." || exit 1
tmp=$(mktemp -d)
trap 'wait; rm -rf "$tmp"' EXIT INT TERM

nr=0
failed=0
# bound NAME VALUE LIMIT
bound() {
	nr=$((nr + 1))
	if [ -n "$2" ] && [ -n "$3" ] && [ "$2" -le "$3" ]; then
		echo "ok $nr $1 # $2, at most $3"
	else
		echo "not ok $nr $1 # ${2:-no figure}, at most ${3:-no figure}"
		failed=1
	fi
}

cost() { awk -v p="$1" -v m="$2" '$1 == p && $2 == m { print $3 }' "$tmp/cost"; }
zap() { awk -v p="$1" -v m="$2" '$1 == p && $2 == m { print $4 }' "$tmp/cost"; }

stock=$(scripts/fetch/stock-modules) || exit 1

echo 'TAP version 13'
echo '1..24'
for mode in tdp legacy shadow; do
	case $mode in
	tdp) set -- ;;
	legacy) set -- --kvm tdp_mmu=0 ;;
	shadow) set -- --kvm-amd npt=0 ;;
	esac
	lab="tools/testing/lab/lab run --icount --timeout 900"
	# Side by side: what else the machine does is not in the figures.
	$lab --modules "$stock" "$@" -- tools/testing/cost distribution 0 distribution 256 \
		> "$tmp/stock" &
	$lab "$@" -- tools/testing/cost fast 0 fast 256 stock 256 scoped 128 scoped 512 \
		> "$tmp/ours" || echo "# the lab failed"
	wait $! || echo "# the lab with the stock modules failed"
	cat "$tmp/stock" "$tmp/ours" > "$tmp/cost"
	sed 's/^/# /' "$tmp/cost"

	all=$(cost distribution 256)
	for policy in stock fast; do
		bound "$mode: $policy, 256 MiB mapped, next to the distribution's" \
			"$(cost $policy 256)" "${all:+$((all * 101 / 100))}"
	done
	# Where nothing is mapped the system call is 25,000 to 40,000 in all, and differs by
	# up to 5,000 from boot to boot, with any KVM: 25,432 and 30,098 of ours were seen
	# with a zap of 609 and 610. So what counting costs is held by the zap, begin to
	# end: 501 to 615 on 6.1, 6.12 and 7.2.
	empty=$(cost distribution 0)
	bound "$mode: fast, nothing mapped, next to the distribution's" "$(cost fast 0)" \
		"${empty:+$((empty + 6000))}"
	bound "$mode: zap of fast, nothing mapped" "$(zap fast 0)" 800
	scoped=$(cost scoped 128)
	bound "$mode: scoped, 128 MiB mapped, next to the distribution's, nothing mapped" "$scoped" \
		"${empty:+$((empty + 8000))}"
	zap=$(zap scoped 128)
	# What the kernel's own way takes outside the TDP MMU is 4,900 on 7.2.
	bound "$mode: zap of scoped" "$zap" 4900
	# A page more is an instruction more at least, and there are 98,304.
	bound "$mode: zap of scoped, 512 MiB mapped, next to 128 MiB" "$(zap scoped 512)" \
		"${zap:+$((zap * 102 / 100))}"
	fast=$(cost fast 256)
	bound "$mode: scoped next to fast, 256 MiB mapped" "$scoped" \
		"${fast:+$((fast / 250))}"
done
exit $failed
