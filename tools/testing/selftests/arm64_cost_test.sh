#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What each policy costs on arm64, in instructions and TLB invalidations of the whole
# machine, as 'lab run --arch arm64 --count' counts them. build/tests-arm64/zap_cost_test
# drops 256 MiB that are mapped by 4 KiB pages, and a ROM of 64 KiB. On both kinds of CPU,
# policy bulk has to stay below a share of policy walk's instructions, and zap/stats has
# to agree with the counts. Two boots, of 40 s of CPU time each. KTAP; exit status 0 pass,
# 1 fail, 4 skip.
#
# What breaks without it: an engine is correct but more expensive than what it is there to
# beat, or reports numbers of TLB invalidations that nobody has checked.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
# By instructions, not by the clock: on a busy machine, timer ticks would be a part of the counts.
lab_words='--arch arm64 --kernel small --count --icount'
# shellcheck source-path=SCRIPTDIR source=lib/lab_alone.sh
. "$here/lib/lab_alone.sh"

case "${1-}" in -h | --help) sed -n '4,13s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

alone_small zap_cost_test

alone_begin
counts=$tmp/out/counts.json

mib=256

# The marks of zap_cost_test.c.
marks='1 rom
2 delete
3 reset
4 close
5 forget
6 munmap
7 page
8 block'

# counted MARK POLICY NAME: the plugin's number, of several sections the one with the least
# instructions. Walk's sections come first.
counted() {
	jq -s --argjson mark "$1" --argjson nth "$([ "$2" = walk ] && echo 0 || echo 1)" \
		"[.[] | select(.mark == \$mark)] | (length / 2) as \$n |
			.[\$nth * \$n:(\$nth + 1) * \$n] | min_by(.instructions).$3" "$counts"
}

# told WHAT POLICY NAME: that of zap/stats, the same each time.
told() {
	sed -n "s/^$1 $2 .*\\<$3=\\([0-9]*\\).*/\\1/p" "$tmp/stdout" | sort -u
}

# alone MARK NAME: the plugin's number, of the only section of that mark.
alone() {
	jq -s "[.[] | select(.mark == $1)][0].$2" "$counts"
}

# agrees MARK WHAT: zap/stats says what was counted. KVM invalidates TLBs of one IPA or of a
# range, and then what these were used for, or all of the VM's; without VHE each of these is a
# call, and each page is 64 cache lines.
agrees() {
	for policy in walk bulk; do
		tlbis=$(told "$2" $policy tlbis)
		ktap_equal "$2 $policy: TLB invalidations" "$tlbis" \
			$(($(counted "$1" $policy tlbi_vmalle1) + $(counted "$1" $policy tlbi_vmalls12)))
		ktap_equal "$2 $policy: cache lines" $((64 * $(told "$2" $policy cmo_pages))) \
			"$(counted "$1" $policy dc_civac)"
		[ "$cpu" = max ] || [ "$2" = close ] ||
			ktap_equal "$2 $policy: calls of EL2" "$(counted "$1" $policy hvc)" "$tlbis"
	done
}

# below MARK WHAT PERMILLE: bulk's share of walk's instructions.
below() {
	walk=$(counted "$1" walk instructions) bulk=$(counted "$1" bulk instructions)
	share=$((bulk * 1000 / walk))
	echo "# $cpu: $2: $bulk of $walk instructions, $share/1000"
	ktap_check [ "$share" -le "$3" ]
}

# one WHAT MARK: bulk invalidates the TLBs of one IPA, and not all of the VM's.
one() {
	ktap_equal "$1: TLB invalidations by IPA" "$(counted "$2" bulk tlbi_ipas2)" 1
	ktap_equal "$1: TLB invalidations of all of the VM" "$(counted "$2" bulk tlbi_vmalls12)" 0
	ktap_equal "$1: mappings" "$(told "$1" bulk sptes)" 1
}

# beyond_empty PERMILLE: as 'below 4 close', of what closing a VM costs beyond closing an
# empty one.
beyond_empty() {
	walk=$(($(counted 4 walk instructions) - $(counted 11 walk instructions)))
	bulk=$(($(counted 4 bulk instructions) - $(counted 11 bulk instructions)))
	echo "# $cpu: an empty VM: $(counted 11 bulk instructions)"
	echo "# $cpu: close, beyond an empty VM: $bulk of $walk instructions, $((bulk * 1000 / walk))/1000"
	ktap_check [ $((bulk * 1000 / walk)) -le "$1" ]
}

# share MARK WHAT HOST POLICY INSTRUCTIONS LIMIT: of what it costs beyond the host's own work,
# which mark HOST has, what part of walk's that is, in thousandths. The host's own work differs
# by 5 % with the order in which its pages were freed before, and limits allow for that.
share() {
	host=$(alone "$3" instructions)
	own=$(($5 - host)) walk=$(($(counted "$1" walk instructions) - host))
	echo "# $cpu: $2 by $4: the host's own work is $host instructions"
	echo "# $cpu: $2 by $4: $own of $walk instructions are KVM's, $((own * 1000 / walk))/1000"
	ktap_check [ $((own * 1000 / walk)) -le "$6" ]
}

ktap_start 15
for cpu in cortex-a72 max; do
	# Of one kind of CPU with elide.
	case $cpu in
	max) rows=48 ;;
	*) rows=49 ;;
	esac
	run --cpu "$cpu" --out "$tmp/out" -- "$program" "$mib"
	ktap_equal 'exit status' "$status" 0
	ktap_equal 'rows' "$(grep -c 'sptes=' "$tmp/stdout")" $rows
	ktap_equal 'sections' "$(jq -s length "$counts")" $rows
	ktap_equal 'pages of walk' "$(told delete walk sptes)" $((mib * 256))
	ktap_equal 'pages of bulk' "$(told delete bulk sptes)" $((mib * 256))
	result "$cpu: each policy drops all pages"

	echo "$marks" > "$tmp/marks"
	while read -r mark what; do
		agrees "$mark" "$what"
	done < "$tmp/marks"
	result "$cpu: zap/stats says what was counted"

	# Where the CPU cleans caches by line, that is most of what is left. Where KVM itself
	# invalidates TLBs by range, there is less to be won, and nothing by a ROM.
	by_range=$(counted 2 walk tlbi_ripas2)
	case $cpu:$by_range in
	max:0) limit=20 unmap=150 rom=1000 ;;
	max:*) limit=40 unmap=350 rom=1100 ;;
	*) limit=600 unmap=650 rom=1000 ;;
	esac
	below 2 delete $limit
	ktap_check [ "$(told delete bulk tlbis)" -le 4 ]
	result "$cpu: a memslot"
	[ "$cpu" = max ] || below 3 reset 600
	below 1 rom $rom
	result "$cpu: a vCPU's reset, and a ROM"

	# A VM without memory takes nearly half of what is left.
	below 4 close 75
	beyond_empty 50
	result "$cpu: a VM that goes away"

	# Most of the whole is the host's own work: its page tables, and the pages that it frees.
	while read -r mark what host; do
		share "$mark" "$what" "$host" bulk "$(counted "$mark" bulk instructions)" $unmap
		ktap_equal "pages of $what" "$(told "$what" bulk sptes)" $((mib * 256))
		ktap_check [ "$(told "$what" bulk tlbis)" -eq 1 ]
	done <<-END
		5 forget 12
		6 munmap 9
	END
	result "$cpu: memory that the host unmaps"

	one page 7
	one block 8
	result "$cpu: one mapping"
	[ "$cpu" != max ] || continue

	share 6 munmap 9 elide "$(alone 10 instructions)" 250
	ktap_equal 'elide: pages' "$(told elide elide elided)" $((mib * 256))
	ktap_equal 'elide: cache lines' "$(alone 10 dc_civac)" 0
	ktap_equal 'elide: TLB invalidations' "$(alone 10 tlbi_vmalls12)" 1
	result "$cpu: memory that dies with its mappings"
done
ktap_end
