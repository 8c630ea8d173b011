#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Upstream's memslot selftests under each policy of memslot_zap. These tests do not know
# about policies: a test that passes under one must pass under the others, and each
# memslot that a test deletes or moves must be counted for the policy in force and for no
# other.
#
# A policy that leaves a mapping of the memslot behind fails set_memory_region_test, where
# a vCPU uses a slot that is deleted meanwhile. If scoped drops mappings of other slots,
# the stress test fails.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"

bin=${KVM_ZAP_UPSTREAM_BIN:-${here%/*/*/*/*}/build/upstream/bin}
policies=${KVM_ZAP_POLICIES:-fast scoped}
param=/sys/module/kvm/parameters/memslot_zap
stats=/sys/kernel/debug/kvm/zap/stats

# Name, word of its output at which it gets all CPUs, command. Until then it has
# one: a grace period for each of the 32764 slots that set_memory_region_test
# adds first, and a TLB flush for each page of the unmap subtests, take a
# multiple of the time where they involve a second emulated CPU.
# The parameters are for seconds each there. There, memslot_perf_test's sixth
# subtest, RW, is killed by its own alarm without kvm-zap, too: it is left out.
tests='set_memory_region_test MOVE set_memory_region_test
memslot_modification_stress_test Testing memslot_modification_stress_test -i 200 -b 4M -v 2
memslot_perf_test.map Testing memslot_perf_test -d -l 1 -s 64 -f 0 -e 0
memslot_perf_test.unmap never memslot_perf_test -d -l 1 -s 64 -f 1 -e 1
memslot_perf_test.unmap_chunked never memslot_perf_test -d -l 1 -s 64 -f 2 -e 2
memslot_perf_test.move_active Testing memslot_perf_test -d -l 1 -s 64 -f 3 -e 3
memslot_perf_test.move_inactive Testing memslot_perf_test -d -l 1 -s 64 -f 4 -e 4'

# counts: memslots invalidated under $policy, under others, and its leaf SPTEs.
counts() {
	awk -v policy="$policy" '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		$column["site"] != "memslot" { next }
		$column["policy"] != policy { others += $column["count"]; next }
		{ count += $column["count"]; sptes += $column["sptes"] }
		END { print count + 0, others + 0, sptes + 0 }' "$stats"
}

# execute COMMAND [ARG...]: run it on one CPU, on all once a line of its output
# has $word. Leaves the output in $tmp/out, the exit status in $status.
execute() {
	taskset -c 0 "$@" > "$tmp/pipe" 2>&1 &
	child=$!
	while IFS= read -r line; do
		echo "$line"
		[ "${line#*"$word"}" = "$line" ] ||
			taskset -ap "$cpus" "$child" > /dev/null 2>&1 || :
	done < "$tmp/pipe" > "$tmp/out"
	status=0
	wait "$child" || status=$?
	child=''
}

# check WORD PROGRAM [ARG...]: run it under $policy; WORD as in the list.
check() {
	word=$1 program=$2 busy=''
	shift 2
	# Waiting for the file must not count as the test's time: some have alarms.
	cat "$bin/$program" > /dev/null || {
		ktap_fail "build it first: scripts/build/build-upstream-tests"
		return
	}
	# On a busy machine an alarm of 2 s goes off, in memslot_perf_test, and
	# set_memory_region_test's main thread has deleted the guest's page tables
	# while the other one still looks for the guest's last word in them.
	for try in 1 2 3; do
		before=$(counts)
		execute "$bin/$program" "$@"
		case $status in
		142) ktap_diag "$program: its own alarm went off, try $try" ;;
		254)
			grep -q 'No vm physical memory at 0x180000' "$tmp/out" || break
			ktap_diag "$program: it raced with itself, try $try"
			;;
		*) break ;;
		esac
	done
	[ "$status" -ne 142 ] || {
		busy=1
		return
	}
	[ "$status" -eq 0 ] || ktap_fail "exit status $status of $program $*"
	# It succeeds without having tested where the setup fails.
	[ "$program" != memslot_perf_test ] || grep -q '^Done [1-9]' "$tmp/out" ||
		ktap_fail "no iteration done"

	# shellcheck disable=SC2046,SC2086 # three numbers each
	set -- $before $(counts)
	case $newer$name in
	yes*.map | yes*.unmap*) ;; # those leave their memslots for the VM's end
	*) [ "$4" -gt "$1" ] || ktap_fail "no memslot was invalidated under $policy" ;;
	esac
	# Whatever it asks for as a VMM, by KVM_X86_QUIRK_SLOT_ZAP_ALL.
	ktap_equal "invalidated under another policy" $(($5 - $2)) 0
	# Twice 4 MiB and a bit of code are mapped once if only their own slots go.
	[ "$policy/$program" != scoped/memslot_modification_stress_test ] ||
		[ $(($6 - $3)) -lt 3072 ] ||
		ktap_fail "$(($6 - $3)) leaf SPTEs dropped: more than the slots have"
	[ -z "$ktap_bad" ] || ktap_diag "$(cat "$tmp/out")"
}

# shellcheck disable=SC2317 # the trap calls it
restore() {
	[ -z "$child" ] || kill "$child" 2> /dev/null || :
	echo "$saved" > "$param"
	rm -rf "$tmp"
}

[ -e "$param" ] || ktap_skip_all "no $param: these are not kvm-zap's modules"
if [ ! -w "$param" ] || [ ! -w /dev/kvm ]; then
	ktap_skip_all "root and /dev/kvm are needed"
fi

cpus=$(taskset -p $$ | sed 's/.*: //')
newer=
[ "$(printf '%s\n' 6.12 "$(uname -r)" | sort -V | head -n 1)" != 6.12 ] || newer=yes
child=''
saved=$(cat "$param")
tmp=$(mktemp -d)
mkfifo "$tmp/pipe"
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck disable=SC2086 # words
ktap_start $(($(echo "$tests" | wc -l) * $(set -- $policies; echo $#)))
for policy in $policies; do
	while read -r name command; do
		echo "$policy" > "$param" || ktap_fail "cannot set $policy"
		# shellcheck disable=SC2086 # words
		check $command < /dev/null
		if [ -n "$busy" ]; then
			ktap_skip "its own alarm went off three times: the machine is too busy" "$policy/$name"
		else
			ktap_result "$policy/$name"
		fi
	done <<-END
		$tests
	END
done
ktap_end
