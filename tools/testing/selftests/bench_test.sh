#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The engines keep the limits of make bench, on small sizes of its workloads: an
# engine that walks what it need not, or one that became slower than what it is
# there to beat, fails this.
set -u

cd "$(dirname "$0")/../../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM

KVM_ZAP_MATRIX=$PWD/tools/bench/matrix-small tools/bench/bench --peer --out "$tmp" --timeout 900 \
	--modules "build/$(scripts/kver)/test/modules" > "$tmp/log" 2>&1 || {
	cat "$tmp/log"
	exit 1
}
# A limit without a figure is one that is not kept.
tools/bench/bench --judge --out "$tmp" > "$tmp/verdict"
status=$?
sed 's/^/# /' "$tmp/bench.txt"
echo 'TAP version 13'
awk '/^(PASS|FAIL|SKIP) / { print ($1 == "PASS" ? "ok " : "not ok ") ++n, substr($0, 6) }
	END { print "1.." n + 0; exit !n }' "$tmp/verdict" || status=1
! grep -q '^SKIP' "$tmp/verdict" || status=1
exit $status
