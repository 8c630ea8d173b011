#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab's contract with --arch arm64, on the host: what lab_test.sh requires of the lab
# on a PC, as far as it exists there. Uses the distribution's own kernel, so it needs no
# build. Ten boots, of 3 s of CPU time each. KTAP; exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: the lane of arm64 passes whatever its tests or its kernel
# report.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lab_words='--arch arm64'
# shellcheck source-path=SCRIPTDIR source=lib/lab_alone.sh
. "$here/lib/lab_alone.sh"

case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

"$top/scripts/fetch/fetch-qemu" aarch64 > /dev/null || ktap_skip_all 'no QEMU for arm64'
kver=$("$top/scripts/kver" | sed 's/-amd64$/-arm64/')
"$top/scripts/fetch/fetch-image" "$kver" >&2 || ktap_skip_all 'no kernel image to boot'

alone_begin
ktap_start 16

alone_command "$kver
7" 'uname -r
	cat /sys/module/kvm/parameters/halt_poll_ns' --kvm halt_poll_ns=7
alone_ends

# What tells one CPU from the other: where KVM runs, and whether it has to clean caches. By
# its own word, KVM is there.
run -- sh -c 'dmesg | grep -o "[a-zA-Z]* mode initialized" && [ -c /dev/kvm ]'
ktap_equal 'exit status' "$status" 0
# Newer kernels say nVHE instead of Hyp.
ktap_equal 'KVM on cortex-a72' "$(sed 's/^nVHE /Hyp /' "$tmp/stdout")" 'Hyp mode initialized'
# shellcheck disable=SC2016 # awk's
run --cpu max --smp 2 --mem 512M -- sh -c 'dmesg | grep -o "[a-zA-Z]* mode initialized"
	grep -c ^processor /proc/cpuinfo
	awk "/MemTotal/ { print (\$2 > 400000 && \$2 < 520000) }" /proc/meminfo'
ktap_equal 'KVM on max' "$(cat "$tmp/stdout")" "$(printf 'VHE mode initialized\n2\n1')"
result 'KVM runs without VHE on one CPU, with it on the other; CPUs and memory are as told'

run --kvm no_such_option=1 -- true
ktap_equal 'exit status' "$status" 125
ktap_check grep -q "no_such_option" "$tmp/err"
result 'an option that KVM does not know makes it 125'

run --kvm-arm mode=protected -- sh -c 'dmesg | grep -o "Protected nVHE mode initialized"'
ktap_equal 'exit status' "$status" 0
run --kvm-arm mode=neither -- true
ktap_equal 'exit status of a mode that KVM does not know' "$status" 125
ktap_check grep -q 'kvm-arm.mode' "$tmp/err"
result 'the mode of KVM is as told, or 125'

cp "$(command -v busybox)" foreign
run -- ./foreign true
ktap_equal 'exit status' "$status" 125
ktap_check grep -q 'X86-64' "$tmp/err"
result 'a program for another machine is refused'

# As much time as it takes to get there.
for seconds in 15 60 240; do
	run --timeout "$seconds" --out "$tmp/late" -- sh -c 'echo runs; exec sleep 1000'
	! grep -q runs "$tmp/stdout" || break
done
ktap_equal 'exit status' "$status" 124
ktap_check grep -q 'PSTATE=' "$tmp/err"
ktap_check grep -q 'task:sleep ' "$tmp/late/dmesg"
result 'out of time says what each CPU and each task was at'

alone_told

# refused VALUE WORDS...: the lab refuses them at once, and names the value.
refused() {
	value=$1
	shift
	run "$@" -- true
	ktap_equal "exit status of $*" "$status" 125
	ktap_check grep -qF -e "'$value'" "$tmp/err"
}
refused debug --kernel debug
refused small-9.9 --kernel small-9.9
refused 6.1.0-1-amd64 --kernel 6.1.0-1-amd64
refused "$tmp" --modules "$tmp"
refused npt=0 --kvm-amd npt=0
refused ept=0 --kvm-intel ept=0
refused / --root /
refused 1 --seed 1
refused bochs --emulator bochs
refused kvm --accel kvm
refused cortex-a53 --cpu cortex-a53
refused x86 --arch x86
refused word --kvm word
status=0
"$lab" run --cpu max -- true > "$tmp/stdout" 2> "$tmp/err" || status=$?
ktap_equal 'exit status of --cpu alone' "$status" 125
ktap_check grep -q -e '--arch arm64' "$tmp/err"
result 'what is for another machine is refused, by its value'

ktap_end
