#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's contract with --emulator bochs, on the host: what lab_test.sh asks of QEMU,
# as far as it can be had there. Uses the distribution's own modules, so it needs no
# build. Three boots, of 20 s of CPU time each. KTAP; exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: the lane of kvm-intel passes whatever its tests or its kernel
# say.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/ktap.sh
. "$here/kvm/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lab=$top/tools/testing/lab/lab

case "${1-}" in -h | --help) sed -n '4,10s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

"$top/scripts/fetch-bochs" > /dev/null || ktap_skip_all 'no Bochs'
"$top/scripts/fetch-image" >&2 || ktap_skip_all 'no kernel image to boot'

tmp=$(mktemp -d "$top/build/bochs_test.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$tmp/dir"
cd "$tmp/dir" || exit 1

# run OPTION... -- COMMAND...: a lab; sets status, fills $tmp/stdout and $tmp/err.
run() {
	status=0
	"$lab" run --emulator bochs --modules stock "$@" > "$tmp/stdout" 2> "$tmp/err" || status=$?
}

# A failed case shows what the lab said.
result() { # result NAME
	[ -z "$ktap_bad" ] || sed 's/^/# /' "$tmp/err"
	ktap_result "$@"
}

ktap_start 10

head -c 20000 /dev/urandom > bytes
echo 'cat list/named' > script
mkdir list
echo named > list/named
# shellcheck disable=SC2016 # expanded in the lab
run --kvm tdp_mmu=0 --kvm-intel ept=0 --timeout 1200 --out "$tmp/out" -- sh -c 'pwd
	echo "$#:$1:$2:"
	grep -h . /sys/module/kvm/parameters/tdp_mmu /sys/module/kvm_intel/parameters/ept
	echo "to stderr" >/dev/stderr
	sh ./script
	cp ./bytes "$LAB_OUT/bytes"
	echo end
	cat ./bytes
	exit 7' sh '' "it's  \"\$HOME\""
{
	pwd
	printf '%s\n' "2::it's  \"\$HOME\":" N N named end
} > "$tmp/expected"
sed '/^end$/q' "$tmp/stdout" > "$tmp/text"
tail -c 20000 "$tmp/stdout" > "$tmp/tail"
ktap_equal 'exit status' "$status" 7
result "the command's exit status is the lab's"
ktap_check cmp "$tmp/expected" "$tmp/text"
result 'directory, arguments, options, and a file that a script names'
ktap_check cmp bytes "$tmp/tail"
result 'output passes byte by byte'
ktap_equal 'standard error' "$(cat "$tmp/err")" 'to stderr'
result 'stderr is apart from stdout'
ktap_check cmp bytes "$tmp/out/bytes"
ktap_check grep -q 'Linux version' "$tmp/out/dmesg"
result 'the files of LAB_OUT and the kernel log arrive'

run --timeout 1200 -- sh -c 'echo "WARNING: on purpose" >/dev/kmsg; echo done'
ktap_equal 'exit status' "$status" 125
ktap_check grep -q 'WARNING: on purpose' "$tmp/err"
result 'a WARNING in the kernel log makes it 125, and is printed'

run --timeout 1200 -- sh -c 'echo c >/proc/sysrq-trigger'
ktap_equal 'exit status' "$status" 125
ktap_check grep -q 'Kernel panic' "$tmp/err"
result 'so does a panic, before the time is out'

run --timeout 3 -- sleep 100
ktap_equal 'exit status' "$status" 124
result 'out of time is 124'

cp "$(command -v sort)" dynamic
run -- ./dynamic
ktap_equal 'exit status' "$status" 125
ktap_check grep -q 'dynamic is linked dynamically' "$tmp/err"
result 'a program that is linked dynamically is refused'

# Bochs runs under timeout.
"$lab" run --emulator bochs --modules stock -- sleep 100 > "$tmp/stdout" 2> "$tmp/err" &
pid=$!
tries=0
until bochs=$(pgrep -P "$pid" -x timeout) || [ "$tries" -ge 300 ]; do
	sleep 0.1
	tries=$((tries + 1))
done
kill -TERM "$pid"
status=0
wait "$pid" || status=$?
ktap_equal 'exit status' "$status" 143
ktap_check test -n "$bochs"
# shellcheck disable=SC2016 # expanded there
ktap_check sh -c '! kill -0 "$1" 2> /dev/null' sh "$bochs"
result 'SIGTERM ends it with 143, and Bochs'

ktap_end
