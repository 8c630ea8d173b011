#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What remains of kvm-zap when the kernel is locked down, as zap-counters.rst describes
# it. Each level has a boot of its own, because lockdown cannot be lifted.
#
# What breaks without it: a debugfs file that should be readable under lockdown gets a
# mode or a function that lockdown refuses. Hosts with Secure Boot lose the counters, and
# nobody notices elsewhere.
set -eu

me=${0##*/}
usage="usage: $me
Boots the lab twice and locks the kernel down in it, at level integrity and at level
confidentiality. Checks what can be read and written, and that policies and
counters work. 25 s a level on an idle machine. KTAP; exit status 0 pass, 1 fail,
4 skip. Needs the modules and build/tools/kvm-zap-bench: 'make'. The lab gets
KVM_ZAP_MODULES as its --modules, if that is set."

top=$(cd "$(dirname "$0")/../../.." && pwd -P)
here=$top/tools/testing/selftests
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"

debugfs=/sys/kernel/debug/kvm
parameters=/sys/module/kvm/parameters
event=/sys/kernel/tracing/events/kvm/kvm_zap/enable
lockdown=/sys/kernel/security/lockdown

# In the lab ---------------------------------------------------------------

# error COMMAND...: in KTAP's way, 'none' or the reason that the command gave.
error() {
	if words=$(LC_ALL=C "$@" 2>&1 > /dev/null); then
		echo none
	else
		echo "${words##*: }"
	fi
}

# put TEXT FILE
# By tee, which tells the reason that the kernel gave, as echo does not.
put() { echo "$1" | tee "$2" > /dev/null; }

# count POLICY: deletions by zap/stats.
count() { awk -v p="$1" '$1 == "memslot" && $2 == p { print $3 }' $debugfs/zap/stats; }

zap() { # zap STATUS ARGUMENT...: kvm-zap has that exit status; $tmp/zap is what it says
	want_status=$1
	shift
	status=0
	"$top/build/tools/kvm-zap" "$@" > "$tmp/zap" 2>&1 || status=$?
	ktap_equal "exit status of kvm-zap $*, which says $(cat "$tmp/zap")" $status "$want_status"
}

says() { # says TEXT: that is part of what it said
	grep -q -F -e "$1" "$tmp/zap" || ktap_fail "not said: '$1', but: $(cat "$tmp/zap")"
}

# Delete a memslot three times.
workload() { "$top/build/tools/kvm-zap-bench" contend -s 2 -m 8 -n 3 > "$tmp/bench" 2>&1; }

readable() { # readable LEVEL
	for file in zap/stats zap/latency zap/vms; do
		ktap_equal "error of reading $file" "$(error cat $debugfs/$file)" none
		ktap_equal "error of writing $file" "$(error put 0 $debugfs/$file)" "$denied"
	done
	ktap_result "$1: zap/stats, zap/latency and zap/vms can be read"
}

# scoped_of PID: deletions of that VM under scoped, by zap/vms.
scoped_of() {
	awk -v pid="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "memslot_scoped") nr = i }
		$1 == pid { print $nr }' $debugfs/zap/vms
}

has_vm() { # has_vm PID: wait for its VM; $folder is the VM's
	tries=0
	until folder=$(echo $debugfs/"$1"-*) && [ -d "$folder" ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { ktap_fail 'no VM comes up'; break; }
		sleep 0.1
	done
}

# A VM that has a word of its own, by kvm-zap, before the kernel is locked down. It stands still.
note_one() {
	"$top/build/tools/kvm-zap-bench" contend -s 2 -m 8 -n 100000 > "$tmp/noted" 2>&1 &
	noted=$!
	has_vm $noted
	zap 0 set memslot scoped --vm $noted
	tries=0
	until [ "$(scoped_of $noted)" -ge 1 ]; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || { ktap_fail 'nothing is deleted under scoped'; break; }
		sleep 0.1
	done
	kill -STOP $noted
}

refused() { # refused LEVEL
	ktap_equal 'error of writing zap/reset' "$(error put 1 $debugfs/zap/reset)" "$denied"
	"$top/build/tools/kvm-zap-bench" contend -s 2 -m 8 -n 100000 > "$tmp/bench" 2>&1 &
	vm=$!
	has_vm $vm
	for file in "$folder/memslot_zap" "$folder/memslot_zap_fast" $debugfs/memslot_zap_fast; do
		[ -e "$file" ] || ktap_fail "no $file"
		ktap_equal "error of reading $file" "$(error cat "$file")" "$denied"
		ktap_equal "error of writing $file" "$(error put 0 "$file")" "$denied"
	done
	# The operator is told what is left to do.
	zap 0 status -i 0
	ktap_check grep -q "^kvm-zap-bench *$vm inherit " "$tmp/zap"
	zap 5 set memslot fast --vm $vm
	says "locked down ($1): no VM's own word can be set"
	kill $vm
	wait $vm 2> /dev/null || :
	ktap_result "$1: files of debugfs that may be written are refused"
}

# The verbs of kvm-zap: each does what it can, and says why it cannot do the rest.
verbs() { # verbs LEVEL
	zap 0 verify memslot=stock mmio=fast teardown=walk
	says "kvm-zap-bench (pid $noted) follows its own vm, scoped"
	zap 1 verify memslot=fast
	zap 0 set memslot fast
	says "not reached: kvm-zap-bench (pid $noted): it has a word of its own (scoped)"
	zap 0 verify memslot=fast
	# Parameters go back. A VM's word stays, and stays noted.
	for again in '' again; do
		zap 5 restore
		[ -n "$again" ] || says 'memslot_zap: fast -> stock'
		says "memslot_zap of pid $noted: stays scoped: the kernel is locked down ($1)"
	done
	ktap_equal 'the parameter' "$(cat $parameters/memslot_zap)" stock
	zap 5 restore --json
	ktap_equal 'what restore says in JSON' "$(jq -c '.restored[] | [.pid, .outcome]' "$tmp/zap")" "[$noted,\"failed\"]"
	zap 0 stat
	says 'memslot  scoped'
	zap 0 stat --prometheus --output "$tmp/zap.prom"
	of="domain=\"kvm-zap-bench\",pid=\"$noted\""
	ktap_check grep -q -F "kvm_zap_vm_info{$of,word=\"scoped\",by=\"vm\",policy=\"scoped\"} 1" "$tmp/zap.prom"
	ktap_equal 'the metric of the VM' \
		"$(sed -n "s/^kvm_zap_vm_invalidations_total{$of,site=\"memslot\",policy=\"scoped\"} //p" "$tmp/zap.prom")" \
		"$(scoped_of $noted)"
	zap 5 compare -r 1 --vm $noted
	says "locked down ($1): no VM's own word can be set"
	zap 5 compare -r 1 -- "$top/build/tools/kvm-zap-bench" rom -m 4 -n 2
	says "locked down ($1): no VM's own word can be set"
	ktap_equal "the VM's word" "$(awk -v pid=$noted '$1 == pid { print $3 }' $debugfs/zap/vms)" scoped
	kill -CONT $noted
	kill $noted
	wait $noted 2> /dev/null || :
	zap 0 restore
	says "memslot_zap of pid $noted: the VM has ended"
	ktap_result "$1: kvm-zap verify, restore, stat --prometheus and compare"
}

works() { # works LEVEL
	for policy in scoped stock fast auto; do
		ktap_equal "error of parameter $policy" \
			"$(error put $policy $parameters/memslot_zap)" none
		ktap_equal 'parameter' "$(cat $parameters/memslot_zap)" $policy
		done=$policy
		[ $policy != auto ] || done=scoped
		[ $policy != stock ] || done=fast # the VMM has not asked for anything
		before=$(count $done)
		workload || ktap_fail "$(tail -n 1 "$tmp/bench")"
		[ $(($(count $done) - before)) -ge 3 ] ||
			ktap_fail "$policy: zap/stats had $before of $done, has $(count $done)"
	done
	ktap_equal 'error of another word' "$(error put Fast $parameters/memslot_zap)" \
		'Invalid argument'
	for policy in bulk walk; do
		ktap_equal "error of teardown_zap $policy" \
			"$(error put $policy $parameters/teardown_zap)" none
	done
	put stock $parameters/memslot_zap
	ktap_result "$1: parameters are written and take effect"
}

# KVM_GET_STATS_FD against what was done, and zap/stats.
counters() { # counters LEVEL
	"$top/build/tests/zap_counters_test" > "$tmp/counters" 2>&1 ||
		ktap_fail "$(grep -v '^ok' "$tmp/counters" | head -n 20)"
	ktap_result "$1: statistics of VMs by KVM_GET_STATS_FD"
}

tracing() { # tracing LEVEL
	want=none
	[ "$1" = integrity ] || want=$denied
	ktap_equal 'error of enabling the event in tracefs' "$(error put 1 $event)" "$want"
	[ "$want" != none ] || put 0 $event
	zap "$([ "$1" = integrity ] && echo 0 || echo 5)" trace -S 0.1
	[ "$1" = integrity ] || says "the kernel is locked down ($1)"
	ktap_equal "instances" "$(ls /sys/kernel/tracing/instances)" ""
	if command -v perf > /dev/null; then
		perf stat -x, -a -e kvm:kvm_zap -o "$tmp/perf" \
			"$top/build/tools/kvm-zap-bench" contend -s 2 -m 8 -n 3 > "$tmp/bench" 2>&1 ||
			ktap_fail "$(tail -n 1 "$tmp/bench")"
		hits=$(awk -F, '$3 == "kvm:kvm_zap" { print $1 }' "$tmp/perf")
		[ "${hits:-0}" -ge 3 ] 2> /dev/null ||
			ktap_fail "perf stat counted '$hits' of kvm:kvm_zap: $(cat "$tmp/perf")"
	fi
	ktap_result "$1: the tracepoint, by tracefs and by perf stat"
}

modules() { # modules LEVEL
	modprobe -r kvm_amd kvm
	# No build of one's own is signed with a key that the machine trusts.
	words=$(LC_ALL=C modprobe kvm_amd 2>&1) && ktap_fail 'an unsigned module was loaded'
	case $words in
	*"$denied"*) ;;
	*) ktap_fail "modprobe says '$words'" ;;
	esac
	ktap_result "$1: an unsigned kvm.ko is refused, once KVM was unloaded"
}

inside() { # inside LEVEL
	denied='Operation not permitted'
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	mountpoint -q /sys/kernel/security || mount -t securityfs securityfs /sys/kernel/security
	[ -e $lockdown ] || ktap_skip_all "no $lockdown: CONFIG_SECURITY_LOCKDOWN_LSM is not in force"
	ktap_start 8
	ktap_equal 'mode of the root of debugfs' "$(stat -c %a /sys/kernel/debug)" 700
	ktap_equal 'error of zap/reset before' "$(error put 1 $debugfs/zap/reset)" none
	note_one
	put "$1" $lockdown
	grep -q -F "[$1]" $lockdown || ktap_fail "lockdown is $(cat $lockdown)"
	ktap_result "$1: the kernel is locked down"
	readable "$1"
	refused "$1"
	verbs "$1"
	works "$1"
	counters "$1"
	tracing "$1"
	modules "$1"
	ktap_end
}

# On the host --------------------------------------------------------------

case "${1-}" in
-h | --help) echo "$usage"; exit 0 ;;
--inside)
	# For the lab only: there is no way back but a reboot.
	[ -n "${LAB_OUT-}" ] || { echo "$me: --inside is for the lab; see --help" >&2; exit 1; }
	inside "${2-}"
	;;
'') ;;
*) echo "$me: '$1' is not known; see --help" >&2; exit 1 ;;
esac

cd "$top"
command -v qemu-system-x86_64 > /dev/null || ktap_skip_all 'no qemu-system-x86_64'
[ -x build/tools/kvm-zap-bench ] || ktap_skip_all "no build/tools/kvm-zap-bench: run 'make'"
[ -x build/tests/zap_counters_test ] || ktap_skip_all "no build/tests: run 'make'"

lab() { # lab LEVEL
	tools/testing/lab/lab run --smp 1 ${KVM_ZAP_MODULES:+--modules "$KVM_ZAP_MODULES"} \
		-- tools/testing/selftests/lockdown_test.sh --inside "$1" 2>&1
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ktap_start 2
for level in integrity confidentiality; do
	echo 0 > "$tmp/status"
	{ lab $level || echo $? > "$tmp/status"; } | sed -u 's/^/    /'
	status=$(cat "$tmp/status")
	if [ "$status" -eq 4 ]; then
		ktap_skip 'the kernel cannot be locked down' "lockdown $level"
		continue
	fi
	ktap_equal "the lab's exit status" "$status" 0
	ktap_result "lockdown $level"
done
ktap_end
