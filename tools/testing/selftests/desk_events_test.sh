#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap trace with made-up events on a host made of files: each figure of a line, of JSON
# and of --top is the event's. Real events are the matter of desk_trace_test.sh, what QEMU
# says of memslots that of desk_qmp_test.sh. trace_source_test.c has what is asked of tracefs,
# and trace_fields_test.c what its records are.
#
# What breaks without it: a column has another one's figures, --top sums up what does not
# belong together, or nobody hears of events that were lost.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
# shellcheck source-path=SCRIPTDIR source=lib/desk_events.sh
. "$here/lib/desk_events.sh"

# trace STATUS ARGUMENT...: of the events on standard input.
trace() {
	cat > "$tmp/events"
	events_end trace "$@"
}

# lines FILTER EXPECTED: of each line of JSON.
lines() {
	ktap_equal "$1" "$(jq -c "$1" "$tmp/out" 2>&1)" "$2"
}

# Each field of an event has a number of its own.
events() {
	cat <<-'END'
		zap at_ms=1 vm=210 policy=fast by=param as_id=0 slot=3 base_gfn=0x100 npages=16 sptes=701 collateral=602 kept=503 tables=404 yields=305 ns=5000
		settle at_ms=2 vm=310 slot=9 refaults=99 stall_ns=98 window_ms=97
		memslot at_ms=3 vm=210 change=move as_id=1 slot=4 base_gfn=0x200 npages=512 flags=2 ns=7000000
		settle at_ms=4 vm=210 slot=3 refaults=55 stall_ns=44 window_ms=100
		settle at_ms=5 vm=210 slot=3 refaults=66 stall_ns=33 window_ms=100
		zap at_ms=6 vm=310 site=mmio policy=scoped by=kernel slot=-1 sptes=8 collateral=7 kept=6 tables=5 yields=4 ns=3
	END
}

line_test() {
	events > "$tmp/in"
	trace 0 -S 1 --memslots < "$tmp/in"
	ktap_equal lines "$(sed 's/^[0-9:.]\{12\} //; s/  */ /g; s/ $//' "$tmp/out")" \
		'TIME VM PID POLICY BY TOOK SPTES OTHERS WHAT
db 210 fast param 5.0us 701 602 3 64K 0x100000
db 210 move - 7.0ms - - 1:4 2M 0x200000
db 210 then 55 page faults within 100 ms
web 310 scoped kernel 3.0ns 8 7 mmio'
	says 'kvm-zap: 2 invalidations, 0 events lost'
	trace 0 -S 1 --memslots --json < "$tmp/in"
	schema_lines "$tmp/out"
	lines 'select(.event == "zap") | [.vm.name, .vm.pid, .site, .policy, .by, .as_id, .slot, .address, .bytes, .sptes, .collateral, .kept, .tables, .yields, .ns]' \
		'["db",210,"memslot","fast","param",0,3,1048576,65536,701,602,503,404,305,5000]
["web",310,"mmio","scoped","kernel",null,null,null,null,8,7,6,5,4,3]'
	lines 'select(.event == "memslot") | [.vm.name, .change, .as_id, .slot, .address, .bytes, .flags, .ns]' \
		'["db","move",1,4,2097152,2097152,2,7000000]'
	lines 'select(.event == "settle") | [.vm.name, .slot, .refaults, .stall_ns, .window_ms]' '["db",3,55,44,100]'
	lines 'select(.event == "end") | [.invalidations, .lost]' '[2,0]'
	# Memslots are no invalidations: the second one is the last event.
	trace 0 -n 2 --memslots --json < "$tmp/in"
	ktap_equal 'to the second invalidation' "$(jq -r .event "$tmp/out" | xargs)" 'zap memslot settle zap end'
	trace 0 -n 1 --json < "$tmp/in"
	lines 'select(.event == "end").invalidations' 1
	ktap_result 'a line has the figures of its event, and of those alone'
}

lost_test() {
	trace 0 -S 2.5 <<-'END'
		lost at_ms=1 events=5
		zap at_ms=2 vm=210 policy=fast slot=3 base_gfn=0x100 npages=16 ns=1
		lost at_ms=1500 events=7
	END
	ktap_equal 'what is said' "$(cat "$tmp/err")" \
		'kvm-zap: 5 events were lost here: give them more room with --buffer
kvm-zap: 7 events were lost here: give them more room with --buffer
kvm-zap: 1 invalidations, 12 events lost'
	trace 0 -S 2.5 --json <<-'END'
		lost at_ms=1 events=5
		lost at_ms=1500 events=7
	END
	lines '[.event, .events, .lost]' '["lost",5,null]
["lost",7,null]
["end",null,12]'
	trace 0 --top --json -i 0.5 -n 2 <<-'END'
		lost at_ms=1 events=5
	END
	lines .lost '5
5'
	trace 1 -S 20 <<-'END'
		off at_ms=1
	END
	says 'no more events: kvm was unloaded, or somebody has turned them off'
	ktap_result 'what was lost is said when it is, and at the end'
}

top_test() {
	cat > "$tmp/many" <<-'END'
		zap at_ms=1 vm=210 policy=fast slot=3 base_gfn=0x100 npages=16 sptes=10 collateral=1 ns=1000
		zap at_ms=2 vm=310 policy=fast slot=3 base_gfn=0x100 npages=16 sptes=20 collateral=2 ns=9000
		zap at_ms=3 vm=210 policy=scoped slot=3 base_gfn=0x100 npages=16 sptes=30 collateral=3 ns=7000
		zap at_ms=4 vm=210 policy=fast slot=4 base_gfn=0x200 npages=16 sptes=40 collateral=4 ns=8000
		zap at_ms=5 vm=210 policy=fast as_id=1 slot=3 base_gfn=0x100 npages=16 sptes=50 collateral=5 ns=6000
		zap at_ms=6 vm=210 policy=fast slot=3 base_gfn=0x100 npages=16 sptes=60 collateral=6 ns=5000
		zap at_ms=7 vm=210 policy=fast slot=3 base_gfn=0x100 npages=16 sptes=70 collateral=7 ns=2000
		zap at_ms=8 vm=310 policy=fast slot=3 base_gfn=0x100 npages=16 sptes=80 collateral=8 ns=4000
		zap at_ms=9 vm=310 site=mmio policy=fast slot=-1 sptes=90 collateral=9 ns=3000
		settle at_ms=9 vm=210 slot=3 refaults=1 window_ms=100
	END
	trace 0 --top --json -n 2 -i 2 < "$tmp/many"
	head -n 1 "$tmp/out" > "$tmp/line"
	tail -n 1 "$tmp/out" > "$tmp/last"
	cp "$tmp/line" "$tmp/out"
	schema_lines "$tmp/out"
	# By count, then by time.
	lines '.rows[] | [.vm.name, .site, .policy, .as_id, .slot, .count, .sptes, .collateral, .ns, .max_ns]' \
		'["db","memslot","fast",0,3,3,140,14,8000,5000]
["web","memslot","fast",0,3,2,100,10,13000,9000]
["db","memslot","fast",0,4,1,40,4,8000,8000]
["db","memslot","scoped",0,3,1,30,3,7000,7000]
["db","memslot","fast",1,3,1,50,5,6000,6000]
["web","mmio","fast",null,null,1,90,9,3000,3000]'
	# shellcheck disable=SC2016 # a variable of jq
	lines '.seconds as $s | [$s >= 2, (.rows[] | (.rate * $s - .count | fabs < 0.001) and (.share * $s * 1e9 - .ns | fabs < 5000 * $s))] | unique' \
		'[true]'
	ktap_equal 'the next table' "$(jq -c .rows "$tmp/last")" '[]'
	trace 0 --top -n 1 -i 2 < "$tmp/many"
	ktap_equal 'the first line' "$(sed -n '1s/^[0-9:]* [0-9.]* \(inv.*\) within .* s, /\1, /p' "$tmp/out")" \
		'invalidations a second, 0 events lost'
	# What stands still in a machine that may be slow: not the rates.
	ktap_equal 'columns' "$(awk 'NR > 2 && NF { print $1, $2, $3, $6, $9, $10 }' "$tmp/out")" \
		'db 210 fast 5.0us 3 64K
web 310 fast 9.0us 3 64K
db 210 fast 8.0us 4 64K
db 210 scoped 7.0us 3 64K
db 210 fast 6.0us 1:3 64K
web 310 fast 3.0us mmio '
	ktap_equal titles "$(sed -n '2s/  */ /gp' "$tmp/out")" 'VM PID POLICY INV/S TIME WORST SPTES/S OTHERS/S WHAT'
	# SPTES/S is ten times OTHERS/S in each row, and INV/S less than both.
	ktap_equal 'rates' "$(awk 'NR > 2 && NF { print ($7 / $8 > 8 && $7 / $8 < 12 && $4 < $8) }' "$tmp/out" | sort -u)" 1
	ktap_result '--top sums up by VM, site, policy and memslot'
}

source_test() {
	unit trace_source_test trace_source.c desk.c host.c libvm
	ktap_result 'tracefs is asked for what the options say, and for what was lost'
	unit trace_fields_test trace_fields.c desk.c host.c libvm -ltraceevent
	ktap_result "an event has each field of its record, and another kvm's is refused"
}

events_build
fake_make
ktap_start 5
line_test
lost_test
top_test
source_test
ktap_end
