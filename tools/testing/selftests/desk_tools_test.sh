#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The commands beside kvm-zap: what kvm-zap-bench, kvm-zap-reload and the lab say of
# themselves, of a host on which something is missing, and within the width of a terminal.
#
# What breaks without it: rows of a table are missing and nobody says why, figures wrap into
# those of the next row, or an operator waits a minute for --check.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
# shellcheck source-path=SCRIPTDIR source=lib/unit.sh
. "$here/lib/unit.sh"
tools=${1:-$top/build/tools/kvm-zap}
tools=${tools%/*}
for command in kvm-zap-bench kvm-zap-reload; do
	[ -x "$tools/$command" ] || ktap_skip_all "no $tools/$command: run 'make'"
	cp "$tools/$command" "$tmp"
done
bench=$tmp/kvm-zap-bench
reload=$tmp/kvm-zap-reload

# run STATUS COMMAND...: on the host made of files; $out and $err have what it says.
run() {
	want=$1
	shift
	on "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null
	status=$?
	# shellcheck disable=SC2034 # says() reads them
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
	[ "$want" = any ] || [ "$status" -eq "$want" ] ||
		ktap_fail "$*: exit status $status, not $want: $out $err"
}

version_test() {
	fake_make
	version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$top/debian/changelog")
	[ -n "$version" ] || ktap_fail 'debian/changelog has no version'
	for option in --version -V; do
		for command in "$tool" "$bench" "$bench rom" "$reload" "$top/tools/kvm/kvm-zap-reload" \
			"$top/tools/testing/lab/lab" "$top/tools/testing/lab/lab run"; do
			# shellcheck disable=SC2086 # words
			run 0 $command $option
			name=${command##*/}
			ktap_equal "$command $option" "$out$err" "${name%% *} $version"
		done
	done
	ktap_result 'each command says which version it is'
}

misspelt_test() {
	fake_make
	run 2 "$bench" roms
	says "unknown workload 'roms': give empty, rom, sparse, dense, "
	says ', teardown, replay'
	# What another architecture alone has.
	unsaid reset
	run 2 "$bench" help
	says "unknown workload 'help': give empty, rom"
	run 125 "$top/tools/testing/lab/lab" ran
	says "unknown verb 'ran': run or shell"
	run 125 "$top/tools/testing/lab/lab" run --kernels x -- true
	says "unknown option '--kernels'"
	run 2 "$reload" --chek
	says "unexpected argument '--chek'; see --help"
	ktap_result 'a word that is misspelt is answered with those that there are'
}

# Whether there is a /dev/kvm, and whether a VM can be made, is nothing to this test.
stats=/sys/kernel/debug/kvm/zap/stats
explained() { # explained TEXT
	run any timeout 100 "$bench" teardown -m 2 -n 1 -w 0
	ktap_equal "lines about $stats" "$(grep -c -F "$stats" "$tmp/err")" "$([ -n "$1" ] && echo 1 || echo 0)"
	[ -z "$1" ] || says "kvm-zap-bench teardown: no rows zap_*, which come from $stats: $1"
}

missing_test() {
	fake_make
	explained ''
	rm -r "$fake/sys/kernel/debug/kvm"
	explained 'debugfs is not mounted: mount -t debugfs none /sys/kernel/debug'
	mkdir -p "$fake/sys/kernel/debug/kvm"
	explained "$stats is missing: the kvm that is loaded is of another version"
	if [ "$unshare" = -m ]; then
		fake_make
		as_user=1
		explained 'only root reads debugfs'
		as_user=
	fi
	# Others miss nothing, and that this kvm has none is in the table.
	run any timeout 100 "$bench" empty -n 1 -w 0
	unsaid debugfs
	fake_make
	rm -r "$fake/sys/kernel/debug/kvm" "$parameters/teardown_zap"
	explained ''
	ktap_result 'kvm-zap-bench says why rows of zap/stats are missing'
}

# table COLUMNS [ARGUMENT]: what is printed on such a terminal.
table() {
	script -qec "stty cols $1; '$tmp/bench_table_test' ${2-}" /dev/null < /dev/null 2>&1 |
		tr -d '\r' > "$tmp/out"
}

table_test() {
	if ! command -v cc > /dev/null; then
		ktap_skip 'no cc' 'tables of kvm-zap-bench'
		return
	fi
	unit bench_table_test report.c desk.c desk_print.c compare_stats.c -ljson-c -lm
	cp "$tmp/out" "$tmp/plain"
	# In a file, a series has one line, whatever it takes.
	ktap_equal 'a row' "$(sed -n 's/  */ /g; s/^cpu_ns //p' "$tmp/plain")" \
		'9 7 11 1 5 CPU time of it, of the process, and so many words more of it'
	ktap_equal 'lines of a file' "$(wc -l < "$tmp/plain")" 7
	ktap_equal 'the policies' "$(sed -n 's/^# policy: //p' "$tmp/plain")" \
		'memslot scoped, mmio scoped, teardown scoped, another_site scoped, and_the_last_of_them scoped'
	! grep -q zap_ns "$tmp/plain" || ktap_fail 'a series without samples is there'
	table 200
	diff "$tmp/plain" "$tmp/out" > "$tmp/err" || ktap_fail "at 200 columns: $(cat "$tmp/err")"
	for columns in 80 100; do
		table $columns
		[ "$(wc -L < "$tmp/out")" -le $columns ] ||
			ktap_fail "wider than $columns: $(cat "$tmp/out")"
		# Nothing is lost, and each row of figures is one line.
		ktap_equal 'a row' "$(sed -n 's/  */ /g; s/^remote_tlb_flushes \([0-9]\)/\1/p' "$tmp/out")" \
			'1,234,569 1,234,567 1,234,571 1 5'
		ktap_equal 'a row' "$(sed -n 's/  */ /g; s/^close_ns \([0-9]\)/\1/p' "$tmp/out")" \
			'123,456,789,012 123,456,789,010 123,456,789,014 1 5'
		grep -q -x 'cpu_ns: CPU time of it, of the process, and so many words more of it' "$tmp/out" ||
			ktap_fail "not said what cpu_ns is: $(cat "$tmp/out")"
		ktap_equal 'what lines with # have' \
			"$(sed -n 's/^#  *//p' "$tmp/out" | tr '\n' ' ' | sed 's/ $//')" \
			"$(sed -n 's/^#  *//p' "$tmp/plain" | tr '\n' ' ' | sed 's/ $//')"
	done
	"$tmp/bench_table_test" --json > "$tmp/out"
	ktap_equal 'JSON' "$(jq -c '[.series.cpu_ns.median, .parameters.fact3, .workload]' "$tmp/out")" \
		'[9,3000,"teardown"]'
	ktap_result 'tables of kvm-zap-bench fit into 80 columns'
}

# A file that has that build ID, as a module has.
module() { # module FILE BUILD-ID
	echo 'int kvm;' | cc -shared -nostdlib -x c -o "$1" "-Wl,--build-id=0x$2" -
}

reload_test() {
	if ! command -v cc > /dev/null; then
		ktap_skip 'no cc' 'kvm-zap-reload --check'
		return
	fi
	fake_make
	# A newline, a NUL and what a pattern would take for more than itself.
	id=0a00242a5e2e5b5c0a000102030405060708090a
	printf '\4\0\0\0\24\0\0\0\3\0\0\0GNU\0\12\0$*^.[\\\12\0\1\2\3\4\5\6\7\10\11\12' \
		> "$fake/sys/module/kvm/notes/.note.gnu.build-id"
	mkdir -p "$tmp/bin"
	cat > "$tmp/bin/modinfo" <<-'END'
		#!/bin/sh
		[ "$*" = '-n kvm' ] && cat "${0%/bin/modinfo}/module"
	END
	cat > "$tmp/bin/insmod" <<-'END'
		#!/bin/sh
		echo "insmod: ERROR: could not insert module $1: File exists" >&2
		exit 1
	END
	for name in modprobe rmmod; do
		# shellcheck disable=SC2016 # another shell's
		printf '#!/bin/sh\necho "$0 $*" >> "%s/unloaded"\nexit 1\n' "$tmp" > "$tmp/bin/$name"
	done
	chmod 755 "$tmp/bin"/*
	real_proc=1
	check() { # check STATUS FILE
		echo "$2" > "$tmp/module"
		run "$1" timeout 60 env PATH="$tmp/bin:$PATH" "$reload" --check
	}
	module "$tmp/kvm.ko" $id
	module "$tmp/other.ko" 0b00242a5e2e5b5c0a000102030405060708090a
	check 0 "$tmp/kvm.ko"
	says "is the one that is installed (kvm-zap's)"
	for packer in xz gzip; do
		$packer -k "$tmp/kvm.ko"
		$packer -k "$tmp/other.ko"
	done
	for suffix in xz gz; do
		check 0 "$tmp/kvm.ko.$suffix"
		says 'is the one that is installed'
	done
	for suffix in '' .xz .gz; do
		check any "$tmp/other.ko$suffix"
		says 'is not the one that is installed'
		# 3: processes of this machine hold its /dev/kvm.
		case $status in 1 | 3) ;; *) ktap_fail "exit status $status of another module" ;; esac
	done
	# Of what is large only the notes are read: all of it would take minutes.
	for name in kvm other; do
		truncate -s 4G "$tmp/$name.ko"
	done
	check 0 "$tmp/kvm.ko"
	check any "$tmp/other.ko"
	says 'is not the one that is installed'
	[ ! -e "$tmp/unloaded" ] || ktap_fail "--check has run $(cat "$tmp/unloaded")"
	mkdir "$tmp/few"
	for name in sh id cat timeout; do
		ln -s "$(command -v $name)" "$tmp/few"
	done
	run 1 env PATH="$tmp/few" "$reload" --check
	says 'no readelf, which reads what a module is: install binutils'
	real_proc=
	ktap_result 'kvm-zap-reload --check reads the notes of a module, and no more'
}

ktap_start 5
version_test
misspelt_test
missing_test
table_test
reload_test
ktap_end
