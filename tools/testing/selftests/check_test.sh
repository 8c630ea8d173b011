#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What tools/testing/check reports of tests that pass, fail, die and are skipped, and what
# make does with an architecture.
#
# What breaks without it: a failure is counted but the end of the log does not name it, or
# it is not counted at all. The two groups of the host's tests run one after the other, and
# make check takes ten minutes more. A verb that only knows x86 runs on x86 when it was
# asked for arm64.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
usage="usage: ${0##*/}
Tests tools/testing/check with lists of its own. KTAP; exit status 0 pass, 1 fail."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$here/../../.." || exit 1

# test_of NAME STATUS LINE...: a test that prints those and ends so. $where is its place.
where=host
test_of() {
	file=$tmp/$1 name=$1 status=$2
	shift 2
	{
		printf '#!/bin/sh\n'
		for line; do
			printf 'echo "%s"\n' "$line"
		done
		echo "exit $status"
	} > "$file"
	chmod +x "$file"
	printf '%s\t%s\t%s\n' "$name" "$where" "$file" >> "$tmp/list"
}

# checked STATUS: the tests of the list, and its exit status; $tmp/out is what it said.
checked() {
	tools/testing/check --list "$tmp/list" > "$tmp/out" 2>&1
	ktap_equal 'exit status' $? "$1"
}

ktap_start 10

test_of passes 0 '1..1' '# 3 of 3' 'ok 1 all are three'
test_of none 4 '1..0 # SKIP no three'
checked 0
ktap_equal 'the count' "$(tail -n 1 "$tmp/out")" '1 passed, 0 failed, 1 skipped'
ktap_equal 'a failure of none' "$(grep -c 'what failed' "$tmp/out")" 0
ktap_result 'tests that pass and are skipped are counted'

test_of fails 1 '1..3' '# fine' 'ok 1 two is two' '# got 3, expected 4' 'not ok 2 three is four' \
	'# fine again' 'ok 3 five is five'
test_of dies 3 'dies: no such thing'
checked 1
ktap_equal 'what failed' "$(sed '1,/^# what failed:$/d' "$tmp/out")" '#     host: # got 3, expected 4
#     host: not ok 2 three is four
# not ok 3 fails/host # exit status 1
#     host: dies: no such thing
# not ok 4 dies/host # exit status 3
1 passed, 2 failed, 1 skipped'
ktap_result 'what failed, and why, is said at the end'

tools/testing/check --list "$tmp/list" fails passes > "$tmp/out" 2>&1
ktap_equal 'of two named' "$(tail -n 1 "$tmp/out")" '1 passed, 1 failed, 0 skipped'
tools/testing/check --list "$tmp/list" fials > "$tmp/out" 2>&1
ktap_equal 'exit status' $? 1
grep -q fials "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
ktap_result 'tests are run by name, and a name of none is refused'

# Each waits for the other.
for place in host host-lab; do
	where=$place
	test_of "meets-$place" 0
	cat > "$tmp/meets-$place" <<-END
		#!/bin/sh
		: > "$tmp/$place.is-here"
		for i in 1 2 3 4 5 6 7 8 9 10; do
			[ "\$(ls "$tmp" | grep -c is-here)" != 2 ] || exit 0
			sleep 1
		done
		exit 1
	END
done
tools/testing/check --list "$tmp/list" meets-host meets-host-lab > "$tmp/out" 2>&1
ktap_equal 'of two that meet' "$(tail -n 1 "$tmp/out")" '2 passed, 0 failed, 0 skipped'
ktap_result 'what needs the lab runs beside the other tests of the host'

# The run before was of as many tests, one in each place; that of one place was not.
tools/testing/check --list "$tmp/list" meets-host meets-host-lab > "$tmp/out" 2>&1
ktap_equal 'estimates' "$(grep -c '^# about 1 min, by the run before$' "$tmp/out")" 1
tools/testing/check --list "$tmp/list" passes none > "$tmp/out" 2>&1
ktap_equal 'estimates, of other tests' "$(grep -c '^# about' "$tmp/out")" 0
ktap_result 'how long it takes is estimated by the run before, where there was one'

cat > "$tmp/burns" <<-'END'
	#!/bin/sh
	# User and system time are in ticks.
	second=$(getconf CLK_TCK)
	while read -r stat < /proc/$$/stat; set -- $stat; [ $((${14} + ${15})) -lt "$second" ]; do :; done
	sleep 2
END
chmod +x "$tmp/burns"
tools/testing/run-points 100 "burns host $tmp/burns" "rests host sleep 1" |
	grep -o '# [a-z]*/host: [0-9]* s.*' | sed 's/: [1-9][0-9]* s, /: N s, /' > "$tmp/out"
ktap_equal 'times' "$(cat "$tmp/out")" '# burns/host: N s, 1 s of CPU time
# rests/host: N s, 0 s of CPU time'
ktap_result 'the CPU time that a test took is printed'

# A test that does not end, and what it waits for.
where=host
test_of waits 0
cat > "$tmp/waits" <<-END
	#!/bin/sh
	(echo \$\$ > "$tmp/waits.pid"; sleep 100)
END
tools/testing/run-points 2 "waits host $tmp/waits" "passes host $tmp/passes" > "$tmp/out" 2>&1
ktap_equal 'verdicts' "$(grep -E '^(not )?ok' "$tmp/out" | sed 's/after [2-9] s/after N s/')" \
	'not ok 1 waits/host # exit status 124 after N s, of 2
ok 2 passes/host'
ktap_equal 'left behind' "$(pgrep -f "$tmp/waits")" ''
ktap_result 'a test that does not end is ended, and the next one runs'

# As check ends its jobs.
rm "$tmp/waits.pid"
setsid tools/testing/run-points 50 "waits host $tmp/waits" > "$tmp/out" 2>&1 &
job=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ ! -s "$tmp/waits.pid" ] || break
	sleep 1
done
kill -- "-$job"
wait "$job" 2> /dev/null
ktap_equal 'exit status' $? 143
for _ in 1 2 3 4 5 6 7 8 9 10; do
	pgrep -f "$tmp/waits" > /dev/null || break
	sleep 0.2
done
ktap_equal 'left behind' "$(pgrep -f "$tmp/waits")" ''
ktap_result 'who ends the tests ends the one that runs'

# A debug kernel with several CPUs has the tests of that list, all of them and no others.
tools/testing/check --list tools/testing/tests-smp list > "$tmp/smp"
ktap_check grep -q -x overlap/tdp-smp4 "$tmp/smp"
for kernel in debug debug-6.1 races races-6.1; do
	tools/testing/check --kernel $kernel --list tools/testing/tests-smp list > "$tmp/out" 2>&1
	ktap_check cmp "$tmp/out" "$tmp/smp"
done
ktap_equal 'tests with several CPUs beside others' \
	"$(tools/testing/check --kernel debug list | grep -c smp)" 0
ktap_result 'debug kernels run all tests of several CPUs'

# refuses WORDS ARGUMENT...: make, called so, does nothing and says WORDS.
refuses() {
	words=$1
	shift
	! env -u MAKEFLAGS -u MAKELEVEL make "$@" > "$tmp/out" 2>&1 || ktap_fail "make $* succeeds"
	grep -q -F "$words" "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
}
refuses "ARCH='mips': kvm-zap knows x86 and arm64" ARCH=mips help
refuses 'make ARCH=arm64 demo: this verb knows x86 only' ARCH=arm64 demo
refuses 'make ARCH=arm64 modules: KVM is a part of the kernel' ARCH=arm64 modules
refuses 'make ARCH=arm64 check: there are rules for arm64 on 6.1 6.12 7.2 only, not on 7.3' ARCH=arm64 LINE=7.3 check
refuses 'make ARCH=arm64 frob: there is no such verb' ARCH=arm64 frob
env -u MAKEFLAGS -u MAKELEVEL make ARCH=arm64 LINE=6.1 M=list check-mutants > "$tmp/out" 2>&1
ktap_check cmp -s "$tmp/out" - << END
$(awk '!/^#/ && NF { print $1 }' tools/testing/mutants/arm64/list)
END
ktap_result 'make ARCH=arm64 runs what is for arm64, and refuses the rest'
ktap_end
