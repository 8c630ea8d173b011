#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# 'lab run --seed': two boots with one seed take the same schedule, to the nanosecond, and
# a boot with another seed does not. Three boots with two CPUs, of 20 s of CPU time each.
# Uses the distribution's own modules, so it needs no build of ours except the test that
# it runs. KTAP; exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: a failure that depends on the order of two CPUs is seen once,
# and its seed does not bring it back.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
stress=$top/build/tests/zap_stress_test

case "${1-}" in -h | --help) sed -n '4,12s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

"$top/scripts/fetch/fetch-qemu" > /dev/null || ktap_skip_all 'no QEMU for several CPUs'
"$top/scripts/fetch/fetch-image" >&2 || ktap_skip_all 'no kernel image to boot'
[ -x "$stress" ] || ktap_skip_all "no $stress: run 'make tests'"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run NAME SEED: a lab; leaves its standard output, standard error and counts in $tmp/NAME.
run() {
	mkdir "$tmp/$1"
	"$top/tools/testing/lab/lab" run --modules stock --mem 2G --smp 2 --seed "$2" \
		--out "$tmp/$1" -- "$stress" -s 1 -n 30 -v 2 > "$tmp/$1/stdout" 2> "$tmp/$1/stderr"
	ktap_equal "exit status by seed $2" $? 0
}

# digest NAME: what the lab said of it.
digest() {
	sed -n 's/^lab: seed [0-9]*, schedule \([0-9a-f]\{12\}\)$/\1/p' "$tmp/$1/stderr"
}

ktap_start 3

run first 7
run again 7
run other 8
ktap_check test -n "$(digest first)"
ktap_check cmp "$tmp/first/stdout" "$tmp/again/stdout"
ktap_check cmp "$tmp/first/dmesg" "$tmp/again/dmesg"
ktap_result 'two boots by one seed say the same'
ktap_check diff "$tmp/first/schedule" "$tmp/again/schedule"
ktap_equal digest "$(digest again)" "$(digest first)"
ktap_result 'and count the same interrupts, switches and nanoseconds'
ktap_check test "$(digest first)" != "$(digest other)"
# shellcheck disable=SC2016 # expanded there
ktap_check sh -c '! cmp -s "$1/first/schedule" "$1/other/schedule"' sh "$tmp"
ktap_result 'one by another seed does not'

ktap_end
