# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by bochs_test.sh and those tests for arm64 that boot: the lab's contract for a
# guest that shares nothing with the host. Needs ktap.sh and $lab_words, the options that
# select the guest.
# Each case of alone_cases has at least one boot of its own.
# shellcheck disable=SC2154 # top and lab_words are the test's

lab=$top/tools/testing/lab/lab
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=lib/lab_told.sh
. "$top/tools/testing/selftests/lib/lab_told.sh"

# alone_small PROGRAM: skip, unless there are the program, the kernel of
# scripts/build/build-arm64, and an emulator.
alone_small() {
	program=$top/build/tests-arm64/$1
	[ -x "$program" ] || ktap_skip_all "no $program: 'make tests-arm64' builds it"
	line=$("$top/scripts/kver" | cut -d. -f1-2)
	[ -d "$top/build/small-$line/image" ] ||
		ktap_skip_all "no kernel: 'scripts/build/build-arm64' builds it"
	"$top/scripts/fetch/fetch-qemu" aarch64 > /dev/null || ktap_skip_all 'no QEMU for arm64'
}

# alone_begin: make $tmp, and go to an empty folder in it, below the project's.
alone_begin() {
	tmp=$(mktemp -d "$top/build/lab_alone.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	mkdir "$tmp/dir"
	cd "$tmp/dir" || exit 1
}

# run OPTION... -- COMMAND...: a lab; sets status, fills $tmp/stdout and $tmp/err.
run() {
	status=0
	# shellcheck disable=SC2086 # words are words
	"$lab" run $lab_words "$@" > "$tmp/stdout" 2> "$tmp/err" || status=$?
}

# A failed case shows what the lab said.
result() { # result NAME
	[ -z "$ktap_bad" ] || sed 's/^/# /' "$tmp/err"
	ktap_result "$@"
}

# alone_command EXPECTED SCRIPT OPTION...: five cases of what comes in and what comes out.
# SCRIPT prints, of the options, what the lines of EXPECTED say.
alone_command() {
	expected=$1 script=$2
	shift 2
	head -c 20000 /dev/urandom > bytes
	echo 'cat list/named' > script
	mkdir list
	echo named > list/named
	# shellcheck disable=SC2016 # expanded in the lab
	run "$@" --timeout 1200 --out "$tmp/out" -- sh -c 'pwd
		echo "$#:$1:$2:"
		'"$script"'
		echo "to stderr" >/dev/stderr
		sh ./script
		cp ./bytes "$LAB_OUT/bytes"
		echo end
		cat ./bytes
		exit 7' sh '' "it's  \"\$HOME\""
	{
		pwd
		printf '%s\n' "2::it's  \"\$HOME\":" "$expected" named end
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
}

# alone_ends: four cases of how a guest ends otherwise.
alone_ends() {
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
}

# alone_told: a case, of a lab that is told to end.
alone_told() {
	# shellcheck disable=SC2086 # words are words
	told $lab_words
	ktap_equal 'exit status' "$status" 143
	ktap_check told_all
	result 'SIGTERM ends it with 143, and the emulator'
}
