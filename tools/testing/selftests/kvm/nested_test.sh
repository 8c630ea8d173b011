#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A nested guest reads a memslot's memory each time the memslot was deleted and created
# again over other memory: under each policy, with the nested page tables outside of the
# memslot and inside. kvm-zap-bench nested compares every word.
#
# What breaks without it: shadow pages of nested page tables survive the memslot that
# their SPTEs map, or that held the tables, and the nested guest reads memory that is no
# longer its own.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"
bench=${KVM_ZAP_BENCH:-build/tools/kvm-zap-bench}
parameter=/sys/module/kvm/parameters/memslot_zap

case "${1-}" in -h | --help) sed -n '4,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
[ -w $parameter ] || ktap_skip_all "no $parameter, or not root"
[ -x "$bench" ] || ktap_skip_all "no $bench"
why=$("$bench" nested -s 2 -m 2 -n 1 -w 0 2>&1 > /dev/null)
[ $? -ne 4 ] || ktap_skip_all "$why"

before=$(cat $parameter)
tmp=$(mktemp)
# shellcheck disable=SC2317 # the trap calls it
restore() {
	echo "$before" > "$parameter"
	rm -f "$tmp"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ktap_start 4
for policy in fast scoped; do
	echo $policy > $parameter
	for tables in '' --tables-inside; do
		# shellcheck disable=SC2086 # one word or none
		"$bench" nested -s 16 -m 16 -n 4 -w 0 $tables > "$tmp" 2>&1 ||
			ktap_fail "$(tail -n 3 "$tmp")"
		ktap_result "$policy, nested page tables $([ "$tables" ] && echo in the memslot || echo elsewhere)"
	done
done
ktap_end
