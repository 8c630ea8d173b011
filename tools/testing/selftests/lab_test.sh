#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's contract, on the host: what a caller of tools/testing/lab/lab may rely on.
# Uses the distribution's own modules, so it needs no build. A handful of boots: 40 s on
# an idle machine. KTAP; exit status 0 pass, 1 fail, 4 skip.
set -eu

top=$(cd "$(dirname "$0")/../../.." && pwd -P)
lab=$top/tools/testing/lab/lab
# shellcheck source-path=SCRIPTDIR source=lib/lab_told.sh
. "$top/tools/testing/selftests/lib/lab_told.sh"
tests=0
failed=0

plan() {
	echo "TAP version 13"
	echo "1..$1"
}

# check NAME COMMAND...: one test, passed when COMMAND succeeds.
check() {
	name=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$tmp/check.log" 2>&1; then
		echo "ok $tests $name"
	else
		sed 's/^/# /' "$tmp/check.log" "$tmp/err"
		echo "not ok $tests $name"
		failed=$((failed + 1))
	fi
}

# run OPTION... -- COMMAND...: a lab; sets status, fills $tmp/stdout and $tmp/err.
run() {
	status=0
	"$lab" run --modules stock "$@" >"$tmp/stdout" 2>"$tmp/err" || status=$?
}

is() { # is NAME EXPECTED ACTUAL
	[ "$2" = "$3" ] || { echo "$1: expected '$2', got '$3'"; return 1; }
}

skip() {
	echo "1..0 # SKIP $*"
	exit 4
}

command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
"$top/scripts/fetch/fetch-image" >&2 || skip "no kernel image to boot"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$tmp/a dir"
cd "$tmp/a dir"
newline='
'
plan 26

# Without the lab's quoting, split or mount of LAB_OUT, one of these goes wrong.
# shellcheck disable=SC2016 # expanded in the lab
script='pwd
	echo "$#:$1:$2:$3:"
	echo "$LAB_TEST,${OTHER-unset},$(id -u)"
	cat /sys/module/kvm/parameters/tdp_mmu /sys/module/kvm_amd/parameters/npt
	[ -d /sys/kernel/debug/kvm ] && [ -e /sys/kernel/tracing/events ] && echo mounted
	cat /proc/sys/kernel/panic_on_oops /proc/sys/kernel/softlockup_panic /proc/sys/kernel/hung_task_panic
	echo vanishes >vanishes
	echo "to stderr" >/dev/stderr
	head -c 300000 /dev/urandom >"$LAB_OUT/bytes"
	echo end
	cat "$LAB_OUT/bytes"
	exit 7'
export LAB_TEST="it's" OTHER=hidden
run --kvm tdp_mmu=0 --kvm-amd npt=0 --out "$tmp/out" -- \
	sh -c "$script" sh '' "it's  \"\$HOME\"" "two${newline}lines$newline"
sed -n '1,/^end$/p' "$tmp/stdout" >"$tmp/text"
{
	pwd
	printf '%s\n' "3::it's  \"\$HOME\":two${newline}lines$newline:" \
		"it's,unset,0" N N mounted 1 1 1 end
} >"$tmp/expected"
check "the command's exit status is the lab's" is status 7 "$status"
check "directory, arguments, environment, options and mounts are as asked for" \
	cmp "$tmp/expected" "$tmp/text"
check "stderr is apart from stdout" is stderr "to stderr" "$(cat "$tmp/err")"
check "the files of LAB_OUT arrive" test -s "$tmp/out/bytes"
tail -c 300000 "$tmp/stdout" >"$tmp/bytes"
check "output passes byte by byte" cmp "$tmp/out/bytes" "$tmp/bytes"
check "the kernel log arrives" grep -q 'Linux version' "$tmp/out/dmesg"
check "the root file system is as before" test ! -e vanishes

# A pass in spite of a report would let every other test pass over a broken KVM.
# The two run at the same time.
"$lab" run --modules stock -- sh -c 'echo c >/proc/sysrq-trigger' \
	>"$tmp/panic.log" 2>&1 &
panic=$!
run -- sh -c 'echo "WARNING: on purpose" >/dev/kmsg; echo done'
check "a WARNING in the kernel log makes it 125" is status 125 "$status"
check "and is printed" grep -q 'WARNING: on purpose' "$tmp/err"
check "beside the command's output" is stdout "done" "$(cat "$tmp/stdout")"
status=0
wait "$panic" || status=$?
check "a panic makes it 125, side by side with another lab" is status 125 "$status"
check "and is printed" grep -q 'Kernel panic' "$tmp/panic.log"

# The report that the gate knows to be KVM's own is known by its pfn, and hides no other.
# report PFN COMM: prints one to the kernel log.
# shellcheck disable=SC2016 # expanded in the lab
report='report() {
	for line in "WARNING: arch/x86/kvm/mmu/mmu.c:3129 at mmu_set_spte+0x54b/0x5b0, CPU#0: $2/9" \
			"RBP: 0 R08: 0 R09: $1" "Call Trace:" "---[ end trace 0 ]---"; do
		echo "$line"
	done >/dev/kmsg
}'
run -- sh -c "$report; report 8000000000000000 zap_stress_test"
check "KVM's own WARNING of an MMIO fault is no report" is status 0 "$status"
run -- sh -c "$report; report 0000000000105b8a zap_stress_test"
check "the same one of a page is" is status 125 "$status"
run -- sh -c "$report; report 8000000000000000 zap_leak_test"
check "and so is one in another test" is status 125 "$status"
run -- sh -c "$report; report 8000000000000000 zap_stress_test; echo WARNING: on purpose >/dev/kmsg"
check "and so is one that follows it" is status 125 "$status"

run --kvm no_such_option=1 -- true
check "an option that KVM does not know makes it 125" is status 125 "$status"

# Without them, a CPU whose timer's interrupt QEMU has lost sleeps for ever.
# shellcheck disable=SC2016 # expanded in the lab
run -- sh -c 'seen() { awk "/rtc0/ { print \$2 }" /proc/interrupts; }; old=$(seen); sleep 2; echo $(($(seen) - old))'
check "an idle CPU has interrupts other than its timer's" test "$(cat "$tmp/stdout")" -ge 20

# Else a failure with kvm-zap's modules could not be told from one of KVM or the emulator.
# shellcheck disable=SC2016 # expanded in the lab
run -- sh -c 'tests=$1; shift; for test; do $tests/zap_$test || exit; done' \
	- "$top/build/tests" content_test 'tables_test -s 1 -n 3' 'stress_test -s 1 -n 100'
check "the tests of contents run on the distribution's modules" is status 0 "$status"
check "and each of them tests them" is points "$(grep -c '^ok [0-9]* .*stock' "$tmp/stdout")" \
	"$(grep -c '^ok' "$tmp/stdout")"

run --timeout 3 -- sleep 100
check "out of time is 124" is status 124 "$status"
check "and says what each CPU was at" grep -q 'RIP=' "$tmp/err"

# Nothing may be left behind by a lab that is told to end.
told --modules stock
check "SIGTERM ends it with 143" is status 143 "$status"
check "and ends QEMU" told_all

refusals() {
	for words in '--no-such' '--smp 0' '--mem 4' '--timeout x' '--accel x' \
		'--seed x' '--seed 0' '--seed 1 --accel kvm' '--seed 1 --root /' \
		'--icount --accel kvm' '--kvm word' '--modules' \
		'--emulator x' '--emulator bochs --smp 2' '--emulator bochs --icount' \
		'--emulator bochs --mem 4G' '--emulator bochs --kernel debug' \
		'--emulator bochs --kvm-amd npt=0' '--emulator bochs --accel kvm' \
		'--emulator bochs --root /' '--emulator bochs --seed 1' \
		'--arch x' '--cpu max' '--count' '--kvm-arm mode=nvhe' '--kernel small'; do
		# shellcheck disable=SC2086 # words are words
		run $words -- true
		is "$words" 125 "$status" || return 1
		[ -s "$tmp/err" ] || { echo "$words: no reason"; return 1; }
	done
	run
	is "no command" 125 "$status" || return 1
	run --modules "$tmp" -- true
	is "--modules without kvm.ko" 125 "$status" || return 1
	grep -qF "$tmp" "$tmp/err"
}
check "wrong usage is refused with 125 and a reason" refusals

check "--help succeeds and names every option" sh -c "
	for verb in '' run shell; do
		for option in --kernel --modules --kvm --kvm-amd --smp --seed --mem --icount \
			--accel --emulator --arch --cpu --count --timeout --out; do
			$lab \$verb --help | grep -q -- \"  \$option \" || exit 1
		done
	done"

[ "$failed" -eq 0 ] || exit 1
