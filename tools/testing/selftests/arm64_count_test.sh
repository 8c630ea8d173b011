#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The counts of 'lab run --arch arm64 --count', compared with known numbers.
# build/tests-arm64/count_test runs loops at EL0, and in a guest at EL1, in which every
# instruction is known, and deletes a memslot whose number of pages is known. Two boots,
# of 3 s of CPU time each. KTAP; exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: the figures of what a policy costs are wrong, and look exact.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lab_words='--arch arm64 --count'
# shellcheck source-path=SCRIPTDIR source=lib/lab_alone.sh
. "$here/lib/lab_alone.sh"

case "${1-}" in -h | --help) sed -n '4,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

program=$top/build/tests-arm64/count_test
[ -x "$program" ] || ktap_skip_all "no $program: 'make tests-arm64' builds it"
"$top/scripts/fetch/fetch-qemu" aarch64 > /dev/null || ktap_skip_all 'no QEMU for arm64'
kver=$("$top/scripts/kver" | sed 's/-amd64$/-arm64/')
"$top/scripts/fetch/fetch-image" "$kver" >&2 || ktap_skip_all 'no kernel image to boot'

alone_begin
counts=$tmp/out/counts.json

# count CPU: fill $counts, and set how often the program does what.
count() {
	times=1 calls=1 pages=1
	run --cpu "$1" --out "$tmp/out" -- "$program"
	ktap_equal 'exit status' "$status" 0
	words=$(tr ' ' '\n' < "$tmp/stdout" | grep -E '^(times|calls|pages)=[0-9]+$') ||
		ktap_fail "no sizes in '$(cat "$tmp/stdout")'"
	eval "$words"
}

# some MARK OBJECT: a section of that mark has exactly the counts of OBJECT, and 0 of
# whatever else there is. Others of it have an interrupt in them.
some() {
	# shellcheck disable=SC2016 # jq's
	jq -e -s --argjson mark "$1" --argjson want "$2" \
		'any(.[] | select(.mark == $mark) | del(.mark) | with_entries(select(.value > 0));
			. == ($want | with_entries(select(.value > 0))))' "$counts" > /dev/null ||
		ktap_fail "no section of mark $1 has $2: $(jq -c "select(.mark == $1)" "$counts" | head -n 3)"
}

# field MARK NAME: the first one's.
field() {
	jq -s "[.[] | select(.mark == $1)][0].$2" "$counts"
}

ktap_start 8
for cpu in cortex-a72 max; do
	count "$cpu"
	some 1 "{\"instructions\": $((20 * times)), \"tlbi_vmalle1\": $((2 * times)),
		\"tlbi_va\": $times, \"dc_civac\": $((4 * times)), \"dc_cvac\": $((2 * times)),
		\"dc_cvau\": $times, \"dc_other\": $times, \"ic\": $((2 * times)), \"dsb\": $((3 * times))}"
	result "$cpu: a loop of a guest's, of each kind that EL1 may do"

	some 3 "{\"instructions\": $((1 + 4 * times)), \"dsb\": $times, \"dc_zva\": $times}"
	result "$cpu: a loop of a program's"

	# Without VHE the host calls EL2 each time that it runs a vCPU.
	[ "$cpu" = max ] || calls=$((2 * calls))
	ktap_equal "fewest HVCs" "$(jq -s '[.[] | select(.mark == 2).hvc] | min' "$counts")" "$calls"
	result "$cpu: a guest's calls, and the host's"

	# KVM drops page by page, and the two tables above them; where it has no FWB each page
	# has 64 cache lines of 64 bytes.
	ktap_equal 'sections of a deletion' "$(jq -s '[.[] | select(.mark == 4)] | length' "$counts")" 1
	case $cpu in
	max)
		ktap_equal 'DC CIVAC' "$(field 4 dc_civac)" 0
		ktap_equal 'HVC' "$(field 4 hvc)" 0
		;;
	*)
		ktap_equal 'DC CIVAC' "$(field 4 dc_civac)" $((64 * pages))
		ktap_equal 'TLBI by IPA' "$(field 4 tlbi_ipas2)" $((pages + 2))
		ktap_equal 'TLBI VMALLE1' "$(field 4 tlbi_vmalle1)" $((pages + 2))
		ktap_equal 'HVC' "$(field 4 hvc)" $((pages + 2))
		;;
	esac
	result "$cpu: a memslot that goes"
done
ktap_end
