#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap record, with made-up events on a host made of files, and what kvm-zap-bench
# replay says about wrong files. Real events and VMs are the matter of record_vm_test.sh.
#
# What breaks without it: an invalidation is attributed to another memslot's update, a
# full disk leaves half a line at the end, or a file from somebody else makes KVM do what
# it says.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
# shellcheck source-path=SCRIPTDIR source=lib/desk_events.sh
. "$here/lib/desk_events.sh"
real_zap=${1:-$top/build/tools/kvm-zap}
bench=${real_zap%/*}/kvm-zap-bench
[ -x "$bench" ] || ktap_skip_all "no $bench: run 'make'"
# record STATUS ARGUMENT...: of the events on standard input; its file is $tmp/out.
record() {
	cat > "$tmp/events"
	events_end record "$@"
}

# lines FILTER EXPECTED: of each line; all of them keep to the schema.
lines() {
	ktap_equal "$1" "$(jq -c "$1" "$tmp/out" 2>&1)" "$2"
}

lines_test() {
	record 0 --vm db <<-'END'
		zap at_ms=1 policy=fast as_id=0 slot=3 base_gfn=0x100 npages=16 sptes=700 collateral=684 ns=5000 tables=4 yields=1 by=param
		memslot at_ms=2 as_id=0 slot=3 base_gfn=0x100 npages=16 flags=2 change=delete ns=90000
		memslot at_ms=3 as_id=0 slot=3 base_gfn=0x100 npages=16 flags=2 change=create ns=70000
		zap at_ms=4 policy=scoped as_id=1 slot=9 base_gfn=0x400 npages=8 sptes=5 kept=600 ns=100 by=vm
		memslot at_ms=5 as_id=1 slot=9 base_gfn=0x800 npages=8 flags=0 change=move ns=95000
		memslot at_ms=6 as_id=0 slot=4 base_gfn=0x4000 npages=512 flags=1 change=flags ns=60
		zap at_ms=7 site=mmio policy=fast slot=-1 sptes=77 ns=12
		settle at_ms=107 slot=9 refaults=55 stall_ns=77 window_ms=100
		zap at_ms=120 policy=fast as_id=0 slot=7 base_gfn=0x900 npages=1 sptes=3 ns=1
		memslot at_ms=121 as_id=0 slot=8 base_gfn=0x9000 npages=1 flags=0 change=create ns=2
		zap at_ms=130 site=teardown policy=walk slot=-1 sptes=2 ns=3
	END
	schema_lines "$tmp/out"
	ktap_equal events "$(jq -r .event "$tmp/out" | xargs)" \
		'header memslot memslot memslot memslot zap settle zap memslot zap end'
	lines 'select(.event == "header") | [.format, .vm.name, .vm.pid, .vm.policy, .mapped, .slots, .parameters.memslot_zap]' \
		'[1,"db",210,"fast",65536,null,"stock"]'
	lines 'select(.event == "memslot") | [.as_id, .slot, .gfn, .pages, .flags, .change, .ns]' \
		'[0,3,256,16,2,"delete",90000]
[0,3,256,16,2,"create",70000]
[1,9,2048,8,0,"move",95000]
[0,4,16384,512,1,"flags",60]
[0,8,36864,1,0,"create",2]'
	lines 'select(.change == "delete" or .change == "move") | .zap | [.gfn, .policy, .by, .sptes, .collateral, .kept, .tables, .yields, .ns]' \
		'[256,"fast","param",700,684,0,4,1,5000]
[1024,"scoped","vm",5,0,600,0,0,100]'
	# On a slow machine zap/vms is looked at before the next one.
	lines 'select(.event == "memslot") | [.mapped_before, .mapped_after, .mapped_by] |
		if .[2] == "vms" then [null, null, null] else . end' \
		'[700,0,"event"]
[null,null,null]
[605,600,"event"]
[null,null,null]
[null,null,null]'
	lines 'select(.event == "zap") | [.site, .slot, .gfn, .pages, .sptes, .mapped_before]' \
		'["mmio",null,null,null,77,77]
["memslot",7,2304,1,3,3]
["teardown",null,null,null,2,2]'
	lines 'select(.event == "settle") | [.slot, .refaults, .stall_ns, .window_ms]' '[9,55,77,100]'
	lines 'select(.event == "end") | [.why, .updates, .invalidations, .lost]' '["vm",5,5,0]'
	says '5 updates of memslots, 5 invalidations, 0 events lost'
	says 'the VM has ended'
	times=$(jq -s '[.[] | select(.event == "memslot").at_ns] | [.[0] >= 2000000, .[0] < 3000000000, .[1] - .[0] == 1000000] | all' "$tmp/out")
	ktap_equal 'times' "$times" true
	ktap_result 'an update has its invalidation, and what was mapped'

	# Looks at zap/vms come every tenth of a second.
	record 0 --vm db --seconds 2 <<-'END'
		memslot at_ms=900 as_id=0 slot=3 base_gfn=0x100 npages=16 flags=0 change=create ns=1
		zap at_ms=900 policy=fast as_id=0 slot=3 base_gfn=0x100 npages=16 sptes=1
		memslot at_ms=900 as_id=0 slot=3 base_gfn=0x100 npages=16 flags=0 change=delete ns=1
		memslot at_ms=900 as_id=0 slot=3 base_gfn=0x100 npages=16 flags=0 change=create ns=1
	END
	lines 'select(.event == "memslot") | [.mapped_before, .mapped_by]' '[65536,"vms"]
[1,"event"]
[null,null]'
	lines 'select(.event == "end").why' '"seconds"'
	ktap_result 'what zap/vms said holds until an invalidation'
}

# An invalidation whose own update is not among the events, before one that is like it.
pairs_test() {
	record 0 --vm db --seconds 1 <<-'END'
		zap at_ms=1 policy=fast as_id=1 slot=8 base_gfn=0x900 npages=4
		memslot at_ms=2 as_id=0 slot=8 base_gfn=0x900 npages=4 change=delete
		zap at_ms=3 policy=fast as_id=0 slot=7 base_gfn=0x900 npages=4
		memslot at_ms=4 as_id=0 slot=8 base_gfn=0x900 npages=4 change=delete
		zap at_ms=5 policy=fast as_id=0 slot=8 base_gfn=0x900 npages=2
		memslot at_ms=6 as_id=0 slot=8 base_gfn=0x900 npages=4 change=delete
		zap at_ms=7 policy=fast as_id=0 slot=8 base_gfn=0x900 npages=4
		memslot at_ms=8 as_id=0 slot=8 base_gfn=0x900 npages=4 change=create
		zap at_ms=9 policy=fast as_id=0 slot=8 base_gfn=0x900 npages=4
		memslot at_ms=10 as_id=0 slot=8 base_gfn=0x900 npages=4 change=delete
		zap at_ms=20 policy=fast as_id=0 slot=9 base_gfn=0xa00 npages=4
		lost at_ms=21 events=1
		memslot at_ms=600 as_id=0 slot=9 base_gfn=0xa00 npages=4 change=delete
		zap at_ms=700 policy=fast as_id=0 slot=9 base_gfn=0xa00 npages=4
	END
	ktap_equal pairs "$(jq -r 'if .event == "memslot" and .zap then "both" else .event end' "$tmp/out" | xargs)" \
		'header zap memslot zap memslot zap memslot zap memslot both zap lost memslot zap end'
	ktap_result 'an invalidation is put down to no other update than its own'
}

ends_test() {
	record 0 --vm db --seconds 1.5 <<-'END'
		memslot at_ms=1 as_id=0 slot=3 base_gfn=0x100 npages=16 flags=0 change=create ns=1
		lost at_ms=2 events=5
		lost at_ms=600 events=7
		memslot at_ms=700 stopped=1 as_id=0 slot=4 base_gfn=0x200 npages=16 flags=0 change=create ns=1
	END
	schema_lines "$tmp/out"
	lines 'select(.event == "lost").events' '5
7'
	lines 'select(.event == "end").lost' 12
	lines 'select(.event == "end").updates' 2
	says '12 events lost'
	says 'give them more room with --buffer'
	record 1 --vm db --seconds 5 <<-'END'
		off at_ms=1
	END
	lines 'select(.event == "end").why' '"events"'
	says 'no more events'
	ktap_result 'lost events are counted, and no more of them are said'

	: > "$tmp/events"
	for signal in INT TERM; do
		rm -f "$tmp/file"
		# A shell's background has INT ignored.
		# shellcheck disable=SC2016 # another shell's
		KVM_ZAP_VERB=record RECORD_EVENTS=$tmp/events on sh -c 'echo $$ > "$1"; shift; exec "$@"' sh "$tmp/pid" \
			env --default-signal=INT "$tmp/trace" --vm db -S 60 -o "$tmp/file" 2> "$tmp/err" &
		shell=$!
		tries=0
		until [ -s "$tmp/file" ]; do
			tries=$((tries + 1))
			[ $tries -lt 600 ] || { ktap_fail 'no header'; break; }
			sleep 0.1
		done
		kill -$signal "$(cat "$tmp/pid")"
		wait $shell
		ktap_equal "exit status by $signal" $? 0
		ktap_equal "lines by $signal" "$(jq -c '[.event, .why]' "$tmp/file")" '["header",null]
["end","signal"]'
	done
	# The VM goes, and nobody says so.
	fake_make
	cp "$debugfs/zap/vms" "$tmp/vms"
	(sleep 1; grep -v '^210 ' "$tmp/vms" > "$debugfs/zap/vms") &
	record 0 --vm db --seconds 20 < /dev/null
	wait
	lines 'select(.event == "end").why' '"vm"'
	# Its process is another's now.
	fake_make
	(sleep 1; echo '210 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 999 0 0' > "$fake/proc/210/stat") &
	record 0 --vm db --seconds 20 < /dev/null
	wait
	lines 'select(.event == "end").why' '"vm"'
	ktap_result '^C and the end of the VM end it with a line'
}

full_test() {
	fake_make
	echo keep > "$tmp/file"
	record 1 --vm db --seconds 5 -o "$tmp/file" < /dev/null
	says "$tmp/file: it is not empty"
	ktap_equal 'the file' "$(cat "$tmp/file")" keep
	record 1 --vm db --seconds 5 -o /dev/full < /dev/null
	says '/dev/full: No space left on device'
	record 1 --vm db --seconds 5 -o "$tmp/none/file" < /dev/null
	says "$tmp/none/file: No such file or directory"
	# Room for the header, and for a part of what comes.
	i=0
	while [ $i -lt 100 ]; do
		echo "memslot at_ms=800 as_id=0 slot=$i base_gfn=$i npages=1 flags=0 change=create ns=1"
		i=$((i + 1))
	done > "$tmp/many"
	mkdir -p "$fake/run/small"
	real_record=$tmp/trace
	cat > "$tmp/small" <<-END
		#!/bin/sh
		mount -t tmpfs -o size=12k none /run/small || exit 99
		"$real_record" --vm db -o /run/small/file
		status=\$?
		cat /run/small/file
		exit \$status
	END
	chmod 755 "$tmp/small"
	KVM_ZAP_VERB=record RECORD_EVENTS=$tmp/many on "$tmp/small" > "$tmp/out" 2> "$tmp/err" < /dev/null
	ktap_equal 'exit status, full' $? 1
	err=$(cat "$tmp/err")
	says '/run/small/file: No space left on device'
	got=$(jq -c .event "$tmp/out" 2>&1 | sort | uniq -c | xargs)
	case $got in '1 header '[1-9]*' memslot') ;; *) ktap_fail "not whole lines: $got" ;; esac
	ktap_equal 'the last byte' "$(tail -c 1 "$tmp/out" | od -An -tx1 | xargs)" 0a
	# Of trace, the reason is that of the time when it could not be written.
	KVM_ZAP_VERB=trace RECORD_EVENTS=$tmp/many on "$tmp/trace" -n 2 > /dev/full 2> "$tmp/err" < /dev/null
	ktap_equal 'exit status of trace, full' $? 1
	ktap_equal 'what it says last' "$(tail -n 1 "$tmp/err")" 'kvm-zap: standard output: No space left on device'
	# The reader goes away.
	KVM_ZAP_VERB=record RECORD_EVENTS=$tmp/many on "$tmp/trace" --vm db 2> "$tmp/err" | head -n 1 > "$tmp/out"
	ktap_equal 'said to nobody' "$(cat "$tmp/err")" ''
	ktap_result 'a full disk is named, and what is there are whole lines'
}

wrong_test() {
	fake_make
	for wrong in '' '--vm' '--vm db x' '--vm db -S 0' '--vm db --buffer 7' '--vm db -o '; do
		# shellcheck disable=SC2086 # words
		zap 2 record $wrong
	done
	zap 2 record
	says 'give the VM: --vm NAME or --vm PID'
	zap 1 record --vm db
	says 'kvm-zap-trace is missing'
	cp "$real_zap-trace" "$tmp/kvm-zap-trace"
	zap 3 record --vm nobody
	says "no VM is called 'nobody'"
	zap 5 record --vm db
	says 'tracefs is not mounted: mount -t tracefs none /sys/kernel/tracing'
	mkdir -p "$fake/sys/kernel/tracing/instances" "$fake/sys/kernel/tracing/events/kvm"
	zap 4 record --vm db -o "$tmp/never"
	says 'there is no event kvm:kvm_zap'
	[ ! -e "$tmp/never" ] || ktap_fail 'a file is made for nothing'
	fake_vm 210 212 inherit kernel fast '10 0 0 0 1000 900 0 20 3 5000000 1340942 0 0 20 9000000 2000000 800 3000000 65536 40 0 0'
	record 3 --vm db --seconds 5 < /dev/null
	says 'process 210 has 2 VMs'
	rm "$parameters"/*zap*
	zap 4 record --vm db
	says 'is without kvm-zap'
	if [ "$unshare" = -m ]; then
		fake_make
		as_user=1
		zap 5 record --vm db
		says 'only root may record'
		as_user=
	fi
	rm "$tmp/kvm-zap-trace"
	ktap_result 'record says what is wrong, or missing'
}

header='{"verb":"record","event":"header","format":1}'

# slot CHANGE SLOT GFN PAGES FLAGS [ZAP]: a line of an update.
slot() {
	printf '{"event":"memslot","at_ns":9,"as_id":0,"slot":%s,"gfn":%s,"pages":%s,"flags":%s,"change":"%s","zap":%s}\n' \
		"$2" "$3" "$4" "$5" "$1" "${6-null}"
}

# refused WORDS: replay of the lines on standard input, after a header, says so.
refused() {
	{ echo "$header"; cat; } > "$tmp/file"
	"$bench" replay "$tmp/file" > "$tmp/out" 2> "$tmp/err"
	status=$?
	# This is the end of a pipe, a shell of its own: all_refused() says it.
	[ "$status $(cat "$tmp/err")" = "1 kvm-zap-bench: $tmp/file$1" ] ||
		echo "$status $(cat "$tmp/err"), not '$1'" >> "$tmp/refusals"
}

all_refused() {
	[ ! -s "$tmp/refusals" ] || ktap_fail "$(cat "$tmp/refusals")"
	rm -f "$tmp/refusals"
}

replay_test() {
	kept='"policy":"scoped","sptes":1,"kept":2'
	slot delete 1 -1 16 0 | refused ":2: 'gfn': -1: give a whole number from 0 to 1099511627775"
	slot delete 1 '"1"' 16 0 | refused ":2: 'gfn': \"1\": give a whole number from 0 to 1099511627775"
	slot delete 1 1.5 16 0 | refused ":2: 'gfn': 1.5: give a whole number from 0 to 1099511627775"
	slot delete 1 99999999999999999999999 16 0 > "$tmp/huge"
	{ echo "$header"; cat "$tmp/huge"; } > "$tmp/file"
	"$bench" replay "$tmp/file" > "$tmp/out" 2> "$tmp/err"
	ktap_equal 'exit status, huge' $? 1
	grep -q ":2: 'gfn': .*: give a whole number from 0 to 1099511627775" "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
	slot delete 32764 0 16 0 | refused ":2: 'slot': 32764: give a whole number from 0 to 32763"
	slot delete 1 0 0 0 | refused ":2: 'pages': 0: give a whole number from 1 to 2147483647"
	slot delete 1 1099511627775 2 0 |
		refused ":2: 'pages': 2 from gfn 1099511627775 on end behind 52 bits of address: give 1 at most"
	slot delete 1 0 16 4 | refused ":2: 'flags': 4: give a whole number from 0 to 3"
	slot remove 1 0 16 0 | refused ":2: 'change': \"remove\": give one of create, delete, move, flags"
	slot delete 1 0 16 0 | sed 's/"as_id":0/"as_id":2/' |
		refused ":2: 'as_id': 2: give a whole number from 0 to 1"
	slot delete 1 0 16 0 | sed 's/"pages":16,//' | refused ":2: 'pages' is missing"
	slot delete 1 0 16 0 3 | refused ":2: 'zap': 3: give an object, or null"
	slot delete 1 0 16 0 '{"gfn":0,"policy":"walk","sptes":1,"kept":0}' |
		refused ":2: 'policy': \"walk\": give one of fast, scoped"
	slot create 1 0 16 0 "{\"gfn\":0,$kept}" |
		refused ":2: 'zap': only what is deleted or moves has one: give null"
	slot delete 1 0 16 0 "{\"gfn\":7,$kept}" | refused ":2: 'zap.gfn': 7: slot 1 is at 0 before: give that"
	slot move 1 0 16 0 |
		refused ":2: 'zap': null: no line says where slot 1 was before it moved: give an invalidation with its 'gfn'"
	all_refused
	ktap_result 'replay: a value that is out of range is named, with the line and what would be right'

	{ slot create 1 0 16 0; slot create 2 15 16 0; } |
		refused ":3: 'gfn': slot 2 at 15, 16 pages, overlaps slot 1 at 0, 16 pages, of line 2: KVM refuses that"
	{ slot create 1 0 16 0; slot delete 2 8 16 0; } |
		refused ":2: 'gfn': slot 1 at 0, 16 pages, overlaps slot 2 at 8, 16 pages, of line 3: KVM refuses that"
	{ slot create 1 0 16 0; slot create 2 16 16 0; slot move 2 15 16 0; } |
		refused ":4: 'gfn': slot 2 at 15, 16 pages, overlaps slot 1 at 0, 16 pages, of line 2: KVM refuses that"
	{ slot create 1 0 16 0; slot create 1 32 16 0; } |
		refused ":3: 'change': \"create\": slot 1 is there already, at 0, 16 pages: delete it first"
	{ slot delete 1 0 16 0; slot delete 1 0 16 0; } |
		refused ":3: 'change': slot 1 of address space 0 was deleted before: only \"create\" may follow"
	{ slot create 1 0 16 0; slot delete 1 0 15 0; } | refused ":3: 'pages': 15: slot 1 has 16: give that"
	{ slot create 1 0 16 0; slot delete 1 1 16 0; } | refused ":3: 'gfn': 1: slot 1 has 0: give that"
	{ slot create 1 0 16 2; slot flags 1 0 16 1; } | refused ":3: 'flags': 1: slot 1 has 3: give that"
	{ slot create 1 0 16 0; slot move 1 0 16 0; } |
		refused ":3: 'gfn': 0: slot 1 is there already: give another, or another change"
	{ slot delete 1 0 16 0; slot create 1 0 16 0 | sed 's/"at_ns":9/"at_ns":8/'; } |
		refused ":3: 'at_ns': 8: updates are in order of time: give 9 or more"
	slot create 1 0 16 0 | refused ': no memslot is deleted or moves: there is nothing to measure'
	all_refused
	ktap_result 'replay: what KVM would refuse, or another line contradicts, is refused'

	{ echo '{"event":"lost","at_ns":1,"events":5}'; slot delete 1 0 16 0; } |
		refused ':2: 5 events were lost, and updates follow: give a recording without such a line (kvm-zap record --buffer)'
	echo "$header" | refused ":2: 'event': \"header\": only the first line is one"
	echo 'x' | refused ":2: 'x': give an object of JSON: unexpected character"
	echo '[1]' | refused ":2: '[1]': give an object of JSON: this is none"
	slot delete 1 0 16 0 | tr -d '\n' |
		refused ':2: not a whole line, of 65534 bytes at most: was the recording killed? Remove it'
	{ head -c 100000 /dev/zero | tr '\0' ' '; echo; } |
		refused ':2: not a whole line, of 65534 bytes at most: was the recording killed? Remove it'
	header=$(echo "$header" | sed 's/"format":1/"format":2/')
	slot delete 1 0 16 0 | refused ":1: 'format': 2: give a whole number from 1 to 1"
	header='{"verb":"trace","event":"header","format":1}'
	slot delete 1 0 16 0 | refused ":1: 'verb': \"trace\": give one of record"
	: > "$tmp/file"
	"$bench" replay "$tmp/file" 2> "$tmp/err"
	ktap_equal 'empty' "$(cat "$tmp/err")" "kvm-zap-bench: $tmp/file is empty: give what 'kvm-zap record -o FILE' has written"
	"$bench" replay "$tmp/none" 2> "$tmp/err"
	ktap_equal 'none' "$(cat "$tmp/err")" "kvm-zap-bench: $tmp/none: No such file or directory"
	"$bench" replay 2> "$tmp/err"
	ktap_equal 'exit status, no file' $? 2
	all_refused
	ktap_result 'replay: what is no recording, or not all of one, is refused'
}

events_build
fake_make
plan_test() {
	unit replay_plan_test replay_plan.c unit_die.c
	ktap_result 'replay: what the guest touches, and where memslots are'
	unit bench_replay_test bench_replay.c options.c replay_fake.c unit_die.c
	ktap_result 'replay: the order of updates, of steps and of what is touched'
}

ktap_start 12
lines_test
pairs_test
ends_test
full_test
wrong_test "$@"
replay_test
plan_test
ktap_end
