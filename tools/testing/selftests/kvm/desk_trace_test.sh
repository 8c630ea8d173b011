#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap trace on a real VM that deletes memslots under fast and under scoped, and on an
# idle VM of QEMU. The test compares what it prints with what KVM has counted, runs others
# that trace at the same time, and looks at what it leaves behind.
#
# What breaks without it: an event is taken for another VM's or lost without a message, or
# the kernel goes on tracing after the reader has gone.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [KVM-ZAP]
Tests the command KVM-ZAP, by default build/tools/kvm-zap, and the kvm-zap-trace beside it.
KTAP; exit status 0 pass, 1 fail, 4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
tracefs=/sys/kernel/tracing
[ -d $tracefs/events/kvm/kvm_zap ] || ktap_skip_all "no $tracefs/events/kvm/kvm_zap"
desk_start "${1-}" jq script qemu-system-x86_64
schema_start
trap 'echo 0 > $tracefs/events/kvm/kvm_zap/enable; desk_stop' EXIT

# Those that run.
traces=''

# start NAME ARGUMENT...: kvm-zap trace in the background; $pid is its process.
start() {
	name=$1
	shift
	"$tool" trace "$@" > "$tmp/$name" 2> "$tmp/$name.err" &
	pid=$!
	traces="$traces $pid"
	desk_ends $pid
}

# end SIGNAL PID: that one ends by the signal; $status is its exit status.
end() {
	kill -"$1" "$2"
	wait "$2" 2> /dev/null
	status=$?
}

# The shell takes it away while it waits for something else.
# shellcheck disable=SC2317 # until_true calls it
dead() { ! grep -q -v ") Z " "/proc/$1/stat"; }

gone() {
	[ ! -e "$(instance "$1")" ] || ktap_fail "$2: $(instance "$1") is left"
}

# counted SITE POLICY: count, SPTEs, tables, nanoseconds, collateral, kept.
counted() {
	awk -v s="$1" -v p="$2" '$1 == s && $2 == p { print $3, $4, $5, $8, $10, $11 }' $debugfs/zap/stats
}

count() { counted memslot "$1" | cut -d ' ' -f 1; }
# shellcheck disable=SC2317 # until_true calls it
reached() { [ "$(count "$1")" -ge "$2" ]; }

# grown BEFORE AFTER: each number less that before. mawk has 31 bits for %d.
grown() {
	# shellcheck disable=SC2086 # words
	echo $1 $2 | awk '{ for (i = 1; i <= 6; i++) printf("%s%.0f", (i > 1 ? " " : ""), $(i + 6) - $i) }'
}

# traced NAME POLICY: the same by the events.
traced() {
	jq -s -r --arg p "$2" '[.[] | select(.event == "zap" and .site == "memslot" and .policy == $p)]
		| [length, (map(.sptes, 0) | add), (map(.tables, 0) | add), (map(.ns, 0) | add),
		   (map(.collateral, 0) | add), (map(.kept, 0) | add)] | map(. // 0) | join(" ")' "$tmp/$1"
}

# those NAME FILTER: which invalidations, in few words.
those() {
	jq -c "select(.event == \"zap\") | select($2) | [.vm.pid, .policy, .slot, .ns, .sptes]" "$tmp/$1"
}

# Some invalidations of $with took $min_ns, and some did not.
split() { [ -n "$(those $with ".ns >= $min_ns")" ] && [ -n "$(those $with ".ns < $min_ns")" ]; }

# run POLICY: the VM makes some invalidations by it, and stands still again.
run() {
	wanted=$(($(count "$1") + 6))
	kill -CONT $bench_pid
	until_true reached "$1" $wanted
	stand_still $bench_pid
	# The window of the last one.
	sleep 1
}

# What other tests have left counted tells nothing of this VM.
echo 1 > $debugfs/zap/reset
"$bench" contend -s 2 -m 16 -n 1000000 > "$tmp/bench" 2>&1 &
bench_pid=$!
qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 32 -display none -nodefaults -S \
	-name 'guest=größe,,1' > "$tmp/qemu" 2>&1 &
qemu_pid=$!
desk_vm $bench_pid "$tmp/bench"
desk_vm $qemu_pid "$tmp/qemu"
until_true reached fast 4
folder=$(folder $bench_pid)

ktap_start 9

# All of it while the VM stands still but for run(): the counts are those of the events.
stand_still $bench_pid
sleep 1
echo 1 > $tracefs/events/kvm/kvm_zap/enable
: > $tracefs/trace
start all --json --memslots
start scoped --json --policy scoped
# Some take longer than that, others do not: the memslots differ in size. A third is below, so
# that one which a busy host has held up does not matter, as it would in the mean.
min_ns=$(awk '$1 == "memslot" && $2 == "fast" { from[++n] = $3; count[n] = $4; all += $4 }
	END { for (i = 1; i < n && 3 * below < all; i++) below += count[i]; print from[i] }' $debugfs/zap/latency)
start slow --json --min-ns "$min_ns"
start mmio --json --site mmio
start other --json --vm 'größe,1'
start text
start top --top -i 0.5 --json
for pid in $traces; do
	until_true traces_now "$pid"
done
fast_before=$(counted memslot fast) scoped_before=$(counted memslot scoped)
refaults_before=$(cat "$folder/zap_refaults")
updates_before=$(cat "$folder/memslot_updates")
run fast
"$tool" set memslot scoped --vm $bench_pid > "$tmp/set"
run scoped
fast=$(grown "$fast_before" "$(counted memslot fast)")
scoped_grown=$(grown "$scoped_before" "$(counted memslot scoped)")
refaults=$(($(cat "$folder/zap_refaults") - refaults_before))
updates=$(($(cat "$folder/memslot_updates") - updates_before))
for pid in $traces; do
	end INT "$pid"
	ktap_equal "exit status of $pid" $status 0
	gone "$pid" '^C'
done
traces=''
{ [ "${fast%% *}" -gt 2 ] && [ "${scoped_grown%% *}" -gt 2 ]; } ||
	ktap_fail "too few invalidations: $fast, $scoped_grown"
ktap_equal 'fast: count, SPTEs, tables, ns, collateral, kept' "$(traced all fast)" "$fast"
ktap_equal 'scoped: the same' "$(traced all scoped)" "$scoped_grown"
ktap_equal refaults "$(jq -s '[.[] | select(.event == "settle").refaults] | add' "$tmp/all")" "$refaults"
ktap_equal updates "$(jq -s '[.[] | select(.event == "memslot")] | length' "$tmp/all")" "$updates"
ktap_equal 'who and which' "$(jq -s -c '[.[] | select(.event == "zap") | [.vm.name, .vm.pid, .by, .as_id]] | unique' "$tmp/all")" \
	"[[\"kvm-zap-bench\",$bench_pid,\"kernel\",0],[\"kvm-zap-bench\",$bench_pid,\"vm\",0]]"
ktap_equal 'memslots' "$(jq -s -c '[.[] | select(.event == "zap") | [.slot, .address, .bytes]] | unique' "$tmp/all")" \
	'[[0,4294967296,33554432],[1,5368709120,2097152]]'
total=$((${fast%% *} + ${scoped_grown%% *}))
ktap_equal 'the last line' "$(tail -n 1 "$tmp/all" | jq -c '[.event, .invalidations, .lost]')" "[\"end\",$total,0]"
ktap_result 'events are what was counted'

ktap_equal '--policy' "$(those scoped true)" "$(those all '.policy == "scoped"')"
in_global=$(grep -c ' kvm_zap: ' $tracefs/trace)
# Where the host has become faster or slower since, by what it was then.
with=all
for _ in 1 2 3; do
	! split || break
	min_ns=$(jq -s 'map(select(.event == "zap").ns) | sort | .[length / 2 | floor]' "$tmp/$with")
	with=again
	start again --json
	start slow --json --min-ns "$min_ns"
	for pid in $traces; do
		until_true traces_now "$pid"
	done
	run scoped
	for pid in $traces; do
		end INT "$pid"
	done
	traces=''
done
ktap_equal '--min-ns' "$(those slow true)" "$(those $with ".ns >= $min_ns")"
split || ktap_fail "all or none took $min_ns ns: $(those $with true)"
ktap_equal '--site, and nothing but it' "$(jq -c .event "$tmp/mmio")" '"end"'
ktap_equal '--vm, and nothing but it' "$(jq -c .event "$tmp/other")" '"end"'
ktap_equal 'kinds without --memslots' "$(jq -s -c '[.[].event] | unique' "$tmp/scoped")" '["end","settle","zap"]'
ktap_result 'filters leave what they say'

# The global buffer, and seven at once.
ktap_equal 'of the global buffer' "$in_global" $total
ktap_equal 'of the global event' "$(cat $tracefs/events/kvm/kvm_zap/enable)" 1
echo 0 > "$tracefs/events/kvm/kvm_zap/enable"
ktap_equal 'lines' "$(grep -c -E "^[0-9:.]{12} kvm-zap-bench +$bench_pid (fast|scoped) +(kernel|vm) " "$tmp/text")" $total
grep -q -E ' fast   kernel +[0-9.]+[mu]s +[0-9.]+k +[0-9]+ 0 32M 0x100000000$' "$tmp/text" ||
	ktap_fail "no such line: $(head -n 4 "$tmp/text")"
grep -q -E ' scoped vm +[0-9.]+[mu]s +512 +0 1 2M 0x140000000$' "$tmp/text" || ktap_fail "no such line: $(tail -n 4 "$tmp/text")"
grep -q -E ' then [0-9]+ page faults within [0-9]+ ms$' "$tmp/text" || ktap_fail "no line about faults"
ktap_equal 'the last words' "$(tail -n 1 "$tmp/text.err")" "kvm-zap: $total invalidations, 0 events lost"
ktap_result 'traces do not disturb each other, nor the global one'

ktap_equal 'sum of all tables' \
	"$(jq -s -c '[.[].rows[]] | [(map(.count) | add), (map(.ns) | add), (map(.sptes) | add)]' "$tmp/top")" \
	"$(jq -s -c '[.[] | select(.event == "zap")] | [length, (map(.ns) | add), (map(.sptes) | add)]' "$tmp/all")"
ktap_equal 'rates' "$(jq -s -c '[.[] | .seconds as $s | .rows[] | (.rate * $s - .count | fabs < 0.01) and (.share * $s * 1e9 - .ns | fabs < 1000 * ($s + 1))] | unique' "$tmp/top")" '[true]'
ktap_equal 'in order' "$(jq -s -c '[.[].rows | map(.count) | . == (sort | reverse)] | unique' "$tmp/top")" '[true]'
ktap_equal 'a row each' "$(jq -s -c '[.[].rows | map([.vm.pid, .slot, .policy]) | length == (unique | length)] | unique' "$tmp/top")" '[true]'
kill -CONT $bench_pid
"$tool" trace --top -n 2 -i 1.5 > "$tmp/tables" 2>&1
ktap_equal 'tables' "$(grep -c ' invalidations a second within ' "$tmp/tables")" 2
grep -q -E "^kvm-zap-bench $bench_pid scoped +[0-9.]+ +[0-9.]+% .* 1 2M 0x140000000$" "$tmp/tables" ||
	ktap_fail "no such row: $(cat "$tmp/tables")"
stand_still $bench_pid
ktap_result '--top sums up by VM and memslot'

cat "$tmp/all" "$tmp/top" > "$tmp/kinds"
schema_kinds "$tmp/kinds" '.event == "zap"' '.event == "settle"' '.event == "memslot"' '.event == "end"' \
	'.rows and .rows != []'
ktap_result 'JSON keeps to the schema'

kill -CONT $bench_pid
script -qec "stty cols 80; LC_ALL=C.UTF-8 $tool trace -n 5 --memslots; LC_ALL=C.UTF-8 $tool trace --top -n 1" /dev/null \
	< /dev/null | tr -d '\r' > "$tmp/tty"
stand_still $bench_pid
# The sequence that clears the terminal has no columns.
sed 's/\x1b\[[0-9]*[HJ]//g' "$tmp/tty" > "$tmp/lines"
widest=$(LC_ALL=C.UTF-8 wc -L < "$tmp/lines")
[ "$widest" -le 80 ] || ktap_fail "$widest columns: $(cat "$tmp/lines")"
grep -q '^[0-9:.]* kvm-zap… ' "$tmp/lines" || ktap_fail "the name is not cut: $(cat "$tmp/lines")"
grep -q -E ' create - +[0-9.]+[mu]s +- +- [01] ' "$tmp/lines" || ktap_fail "no memslot is made: $(cat "$tmp/lines")"
ktap_result 'lines fit a terminal of 80 columns'

start term; pid_term=$pid
start killed; pid_killed=$pid
start alive; pid_alive=$pid
start cut; pid_cut=$pid
for pid in $traces; do
	until_true traces_now "$pid"
done
end TERM $pid_term
ktap_equal 'exit status by TERM' $status 0
gone $pid_term TERM
end KILL $pid_killed
[ -d "$(instance $pid_killed)" ] || ktap_fail 'a kill leaves nothing: what is to be tested?'
"$tool" restore > "$tmp/out" 2>&1
grep -q -x "trace instance kvm-zap.$pid_killed: removed" "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
gone $pid_killed restore
traces_now $pid_alive || ktap_fail 'restore takes the instance of a run that is alive'
end KILL $pid_alive
"$tool" trace -S 0.1 > "$tmp/out" 2>&1
grep -q "removed what a killed run has left: .*/kvm-zap.$pid_alive\$" "$tmp/out" ||
	ktap_fail "$(cat "$tmp/out")"
gone $pid_alive 'the next run'
# Turned off from outside.
echo 0 > "$(instance $pid_cut)/events/kvm/kvm_zap/enable"
until_true dead $pid_cut || kill $pid_cut
wait $pid_cut
ktap_equal "exit status, turned off" $? 1
grep -q 'no more events' "$tmp/cut.err" || ktap_fail "$(cat "$tmp/cut.err")"
traces=''
# Its reader goes away.
kill -CONT $bench_pid
"$tool" trace -S 60 2> "$tmp/err" | head -n 1 > "$tmp/out"
kill -0 $bench_pid || ktap_fail "the VM has ended: $(tail -n 3 "$tmp/bench")"
ktap_equal 'instances of all runs' "$(ls $tracefs/instances)" ''
ktap_result 'no instance is left, however a run ends'

stand_still $bench_pid
sleep 1
start lost --json --buffer 8 --memslots
until_true traces_now "$pid"
kill -STOP "$pid"
overruns() { cat "$(instance "$pid")"/per_cpu/cpu*/stats | awk '/^overrun: / { n += $2 } END { print n + 0 }'; }
# shellcheck disable=SC2317 # until_true calls it
overrun() { [ "$(overruns)" -gt 0 ]; }
kill -CONT $bench_pid
until_true overrun
stand_still $bench_pid
sleep 1
lost=$(overruns)
kill -CONT "$pid"
sleep 3
end INT "$pid"
traces=''
[ "$lost" -gt 0 ] || ktap_fail 'no event was lost: what is to be tested?'
ktap_equal 'lost, by the end' "$(tail -n 1 "$tmp/lost" | jq .lost)" "$lost"
ktap_equal 'lost, as it went' "$(jq -s '[.[] | select(.event == "lost").events] | add' "$tmp/lost")" "$lost"
"$tool" trace -n 1 --vm nobody > "$tmp/out" 2>&1
ktap_equal 'exit status, no such VM' $? 3
# The VM ends meanwhile.
start end --site teardown
until_true traces_now "$pid"
kill $qemu_pid
until_true grep -q 'größe,1 .* walk ' "$tmp/end"
end INT "$pid"
grep -q -E '^[0-9:.]{12} größe,1 +[0-9]+ walk +kernel +[^ ]+ +[0-9.k]+ +0 teardown$' "$tmp/end" ||
	ktap_fail "no such line: $(cat "$tmp/end")"
traces=''
ktap_result 'what is lost is counted, and a VM that ends keeps its name'

# QEMU says what they are, where it can be asked: firmware moves memory about.
mkfifo "$tmp/monitor"
qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 32 -display none -nodefaults -device VGA -S \
	-name guest=vga -qmp "unix:$tmp/qmp,server=on,wait=off" -monitor stdio \
	< "$tmp/monitor" > "$tmp/qemu" 2>&1 &
qemu_pid=$!
exec 8> "$tmp/monitor"
desk_vm $qemu_pid "$tmp/qemu"
start names --json --memslots --vm vga
pid_names=$pid
start nameless --json --memslots --vm vga --qmp none
pid_nameless=$pid
for pid in $traces; do
	until_true traces_now "$pid"
done
echo cont >&8
until_true grep -q '"region":"vga.vram"' "$tmp/names"
# While trace looks, another client is served, if not within a second: QEMU may be slow.
until_true "$tool" trace --vm vga --qmp "$tmp/qmp" -S 0.1
end INT "$pid_names"
end INT "$pid_nameless"
traces=''
exec 8>&-
ktap_equal 'names' "$(jq -r 'select(.region).region' "$tmp/names" | sort -u | grep -v -x -e pc.ram -e vga.vram -e vga.rom -e pc.bios -e pc.rom)" ''
ktap_equal 'the first megabyte' "$(jq -r 'select(.address == 0 and .region).region' "$tmp/names" | sort -u)" pc.ram
ktap_equal 'by --qmp none' "$(jq -c 'select(.event == "zap" or .event == "memslot").region' "$tmp/nameless" | sort -u)" null
ktap_equal 'said' "$(grep -c 'no names' "$tmp/names.err")" 0
ktap_result 'QEMU says what memslots are'
ktap_end
