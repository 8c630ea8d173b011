#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap on a host with 500 VMs, made of files: each of them has its row and its series,
# within the width of a terminal and in little time.
#
# What breaks without it: the busiest hosts are those where status cannot be read, or where
# the timer that writes metrics does not end before it starts again.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"

many=500

# Besides the three of fake_make. Every fifth has a word of its own.
many_make() {
	fake_make
	i=0
	while [ $i -lt $many ]; do
		pid=$((10000 + i)) word=inherit by=kernel policy=fast
		[ $((i % 5)) -gt 0 ] || word=scoped by=vm policy=scoped
		fake_vm $pid $pid $word $by $policy \
			"$((i + 1)) 0 0 0 $((i * 300)) 200 0 20 3 $((i * 1000000)) 900000 0 0 20 9000000 2000000 $((i * 7)) 0 $((i * 1000)) 40 0 0"
		fake_process $pid qemu-system-x86 qemu-system-x86_64 -name "guest-of-a-customer-with-a-long-name-$i"
		i=$((i + 1))
	done
}

# within SECONDS COMMAND...: kvm-zap ends in that time, with 0.
within() {
	limit=$1
	shift
	began=$(date +%s)
	zap 0 "$@"
	took=$(($(date +%s) - began))
	[ $took -le "$limit" ] || ktap_fail "$* takes $took s for $((many + 3)) VMs, more than $limit"
}

ktap_start 4
many_make
within 20 status -i 0
says "$((many + 3)) VMs, rates not measured"
ktap_equal rows "$(grep -c ' \(inherit\|scoped\) *\(kernel\|vm\|dma\) ' "$tmp/out")" $((many + 3))
on script -qec "stty cols 80; $tool status -i 0" /dev/null < /dev/null 2>&1 | tr -d '\r' > "$tmp/terminal"
ktap_equal 'rows on a terminal' "$(wc -l < "$tmp/terminal")" "$(wc -l < "$tmp/out")"
[ "$(wc -L < "$tmp/terminal")" -le 80 ] ||
	ktap_fail "wider than 80: $(awk 'length > 80' "$tmp/terminal" | head -n 3)"
within 20 status -i 0 --json
json '[.vms | length, (map(.name) | unique | length)]' "[$((many + 3)),$((many + 3))]"
ktap_result 'each VM has its row'

within 20 stat --prometheus --output "$tmp/many.prom"
for metric in info invalidations_total refaults_total; do
	ktap_equal "VMs with $metric" \
		"$(sed -n "s/^kvm_zap_vm_$metric{.*pid=\"\([0-9]*\)\".*/\1/p" "$tmp/many.prom" | sort -u | wc -l)" $((many + 3))
done
ktap_result 'and its series'

within 20 verify memslot=stock
ktap_equal 'VMs with a word of their own' "$(grep -c 'follows its own vm, scoped' "$tmp/out")" $((many / 5 + 1))
within 20 set memslot fast --vm guest-of-a-customer-with-a-long-name-499
ktap_equal 'words written' "$(grep -l fast "$debugfs"/*/memslot_zap)" "$debugfs/10499-13/memslot_zap"
ktap_result 'one is found by its name, those with words of their own are'

within 20 restore
ktap_equal 'words written' "$(grep -l fast "$debugfs"/*/memslot_zap)" ''
within 20 set memslot scoped
says 'not reached'
ktap_result 'words are put back; whom a parameter does not reach is said'
ktap_end
