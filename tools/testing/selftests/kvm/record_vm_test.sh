#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap record of VMs that delete and move memslots, and kvm-zap-bench replay of the
# recordings: the same updates in the same order, and what each of them drops.
#
# What breaks without it: a recording lacks updates or contains those of another VM, and a
# replay measures something else than what was recorded.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [--no-guest] [KVM-ZAP]
Tests the command KVM-ZAP, by default build/tools/kvm-zap, and kvm-zap-trace and
kvm-zap-bench beside it. --no-guest leaves out the guest of QEMU, which takes most of the
time. KTAP; exit status 0 pass, 1 fail, 4 skip."
cases=7
case "${1-}" in
-h | --help) echo "$usage"; exit 0 ;;
--no-guest) cases=6; shift ;;
esac
[ -d /sys/kernel/tracing/events/kvm/kvm_zap ] || ktap_skip_all 'no events of kvm-zap'
desk_start "${1-}" jq
schema_start
bench=${tool%/*}/kvm-zap-bench

# What the library's guest maps of its own: the code, stack and tables of the CPU, the page of
# commands, the root of its page tables, and one table of each level for each GiB that it
# touches: of the memory beside, and of the memslots.
own_pages=16

# start VERB NAME ARGUMENT...: in the background; $pid is its process.
start() {
	verb=$1 name=$2
	shift 2
	"$tool" "$verb" "$@" > "$tmp/$name" 2> "$tmp/$name.err" &
	pid=$!
	desk_ends $pid
	until_true traces_now $pid
}

# end SIGNAL PID: that one ends by the signal with exit status 0.
end() {
	kill -"$1" "$2"
	wait "$2" 2> /dev/null
	ktap_equal "exit status of $2" $? 0
}

# counted PID [UPDATES INVALIDATIONS]: of a VM, since those.
counted() {
	awk -v pid="$1" -v u="${2-0}" -v z="${3-0}" '
		NR == 1 { for (i = 1; i <= NF; i++) col[$i] = i; next }
		$1 == pid { print $col["updates"] - u, $col["memslot_fast"] + $col["memslot_scoped"] - z }' \
		$debugfs/zap/vms
}

# updates FILE: of a recording, a line each: change, address space, memslot, where within its
# GiB, pages, flags.
updates() {
	jq -c 'select(.event == "memslot") | [.change, .as_id, .slot, .gfn % 262144, .pages, .flags]' "$1"
}

# replay FILE POLICY ARGUMENT...: while all VMs are traced. $tmp/replay is its JSON, $tmp/done
# what updates() would say of it.
replay() {
	file=$1 policy=$2
	shift 2
	echo "$policy" > $parameters/memslot_zap
	start trace traced --json --memslots
	tracer=$pid
	"$bench" replay "$file" --json "$@" > "$tmp/replay" 2> "$tmp/replay.err" &
	replayer=$!
	wait $replayer
	ktap_equal "exit status of replay: $(cat "$tmp/replay.err")" $? 0
	end INT $tracer
	ktap_equal 'lost' "$(tail -n 1 "$tmp/traced" | jq -c .lost)" 0
	# What it begins with ends with the memory beside, in the last memslot but one.
	jq -s -c --argjson pid $replayer '
		[.[] | select(.event == "memslot" and .vm.pid == $pid)]
		| (map(.slot) | max) as $sys | (map(.slot) | index([$sys - 1])) as $rest
		| .[$rest + 1:][]
		| [.change, .as_id, .slot, .address / 4096 % 262144, .bytes / 4096, .flags]' \
		"$tmp/traced" > "$tmp/done"
	ktap_equal 'updates' "$(cat "$tmp/done")" "$(updates "$file")"
	ktap_equal 'invalidations' \
		"$(jq -s --argjson pid $replayer '[.[] | select(.event == "zap" and .site == "memslot" and .vm.pid == $pid)] | length' "$tmp/traced")" \
		"$(jq -s '[.[] | select(.event == "memslot" and .zap)] | length' "$file")"
	ktap_equal 'policies' \
		"$(jq -s -c --argjson pid $replayer '[.[] | select(.event == "zap" and .site == "memslot" and .vm.pid == $pid).policy] | unique' "$tmp/traced")" \
		"[\"$policy\"]"
	echo stock > $parameters/memslot_zap
}

# dropped FILTER LESS MORE: what each invalidation of the replay dropped is by no more than
# that off what FILTER makes of the recording's.
dropped() {
	jq -n -c --slurpfile replay "$tmp/replay" --slurpfile recorded "$file" \
		--argjson less "$2" --argjson more "$3" "
		[\$recorded[] | select(.event == \"memslot\" and .zap) | $1] as \$want
		| \$replay[0].series.zap_sptes.samples as \$got
		| if (\$want | length) != (\$got | length) then \"\(\$got | length) samples of \(\$want | length)\"
		  else range(\$want | length) | select(\$got[.] < \$want[.] - \$less or \$got[.] > \$want[.] + \$more)
		  | [., \$want[.], \$got[.]] end" > "$tmp/off"
	ktap_equal 'number, recorded, replayed' "$(head -n 5 "$tmp/off")" ''
}

"$bench" many -c 3 -s 256 --stride-kib 8 -m 4 -n 1000000 > "$tmp/many.out" 2>&1 &
many=$!
"$bench" move -s 2 -m 4 -n 1000000 > "$tmp/move.out" 2>&1 &
move=$!
desk_vm $many "$tmp/many.out"
desk_vm $move "$tmp/move.out"
# worked PID [UPDATES INVALIDATIONS]: some were invalidated since those.
# shellcheck disable=SC2317 # until_true calls it
worked() { read -r _ n <<-END && [ "$n" -gt 5 ]; }
	$(counted "$@")
END
until_true worked $many
until_true worked $move

ktap_start $cases

# run NAME: the VMs, which stand still before and afterwards, run for a while, and are recorded:
# the counts are those of the lines.
run() {
	stand_still $many $move
	many_before=$(counted $many) move_before=$(counted $move)
	start record "$1.many" --vm $many -o "$tmp/$1.many.json"
	one=$pid
	start record "$1.again" --vm $many
	two=$pid
	start record "$1.move" --vm $move -o "$tmp/$1.move.json"
	three=$pid
	kill -CONT $many $move
	# shellcheck disable=SC2086 # words
	until_true worked $many $many_before
	# shellcheck disable=SC2086 # words
	until_true worked $move $move_before
	stand_still $many $move
	end INT $one
	end TERM $two
	end INT $three
	# shellcheck disable=SC2086 # words
	many_grown=$(counted $many $many_before) move_grown=$(counted $move $move_before)
}

# in_all FILE: updates and invalidations, by its lines and by the last of them.
in_all() {
	jq -s -r '"\([.[] | select(.event == "memslot")] | length) \([.[] | select(.event == "memslot" and .zap)] | length)"' "$1"
}
says_end() { tail -n 1 "$1" | jq -r '"\(.updates) \(.invalidations)"'; }

run fast
"$tool" set memslot scoped --vm $many > "$tmp/set"
"$tool" set memslot scoped --vm $move > "$tmp/set"
many_fast=$many_grown move_fast=$move_grown
run scoped
ktap_equal 'many under fast' "$(in_all "$tmp/fast.many.json")" "$many_fast"
ktap_equal 'many under scoped' "$(in_all "$tmp/scoped.many.json")" "$many_grown"
ktap_equal 'move under fast' "$(in_all "$tmp/fast.move.json")" "$move_fast"
ktap_equal 'move under scoped' "$(in_all "$tmp/scoped.move.json")" "$move_grown"
for name in fast.many fast.move scoped.many scoped.move; do
	ktap_equal "the end of $name" "$(says_end "$tmp/$name.json")" "$(in_all "$tmp/$name.json")"
	[ "$(in_all "$tmp/$name.json" | cut -d ' ' -f 2)" -gt 3 ] || ktap_fail "too few: $(in_all "$tmp/$name.json")"
	ktap_equal "policies of $name" "$(jq -s -c '[.[] | select(.event == "memslot" and .zap).zap.policy] | unique' "$tmp/$name.json")" \
		"[\"${name%.*}\"]"
done
ktap_equal 'changes of many' "$(updates "$tmp/fast.many.json" | jq -s -c '[.[] | [.[0], .[2], .[4]]] | unique')" \
	'[["create",1,64],["create",2,64],["create",3,64],["delete",1,64],["delete",2,64],["delete",3,64]]'
ktap_equal 'changes of move' "$(updates "$tmp/fast.move.json" | jq -s -c '[.[] | [.[0], .[2], .[4]]] | unique')" \
	'[["move",1,512]]'
ktap_equal 'of two at a time' "$(updates "$tmp/fast.again")" "$(updates "$tmp/fast.many.json")"
ktap_result 'all updates and invalidations of the VM are recorded, and no other'

# A page each 8 KiB of 256 KiB. Where the VM stood still between two deletions, the first one
# was by fast and has left nothing: what counts begins when the memslots are there again.
ktap_equal 'many: mapped of the memslot' \
	"$(jq -s -c 'map(select(.event == "memslot")) | .[(map(.change) | index("create")):] | map(select(.zap).zap.sptes) | unique' "$tmp/scoped.many.json")" '[32]'
ktap_equal 'before and after' \
	"$(jq -s -c '[.[] | select(.event == "memslot" and .zap) | .mapped_before - .mapped_after == .zap.sptes and .mapped_after == .zap.kept] | unique' "$tmp/scoped.many.json" "$tmp/fast.many.json")" \
	'[true]'
ktap_equal 'after fast' \
	"$(jq -s -c '[.[] | select(.event == "memslot" and .zap).mapped_after] | unique' "$tmp/fast.many.json")" '[0]'
# All of the guest's memory and that of the library.
first=$(jq -s '[.[] | select(.event == "memslot" and .zap and .slot == 1).mapped_before] | max' "$tmp/fast.many.json")
between 'mapped before fast' $((1024 + 3 * 32)) "$first" $((1024 + 3 * 32 + own_pages))
# A kind each is enough.
for name in fast.many scoped.move; do
	schema_kinds "$tmp/$name.json" '.event == "header"' '.event == "memslot"' '.event == "settle"' '.event == "end"'
done
ktap_result 'what was mapped is that of the VM, and lines keep to the schema'

replay "$tmp/fast.many.json" fast
dropped '.zap.sptes' 0 $own_pages
ktap_equal 'scale, assumed' "$(jq -c '[.parameters.scale, .parameters.unknown]' "$tmp/replay")" '["1.000000",0]'
replay "$tmp/fast.move.json" fast
dropped '.zap.sptes' 0 $own_pages
ktap_result 'the same updates again under fast: as much is dropped'

replay "$tmp/scoped.many.json" scoped
dropped '.zap.sptes' 0 0
replay "$tmp/scoped.move.json" scoped
dropped '.zap.sptes' 0 0
# What was left mapped is what fast would have dropped.
replay "$tmp/scoped.many.json" fast
dropped '.zap.sptes + .zap.kept' 0 $own_pages
ktap_result 'what was recorded under scoped: the same is dropped of each memslot'

replay "$tmp/fast.many.json" fast --max-memory 8
scale=$(jq -r .parameters.scale "$tmp/replay")
[ "$(echo "$scale" | awk '{ print ($1 > 0.1 && $1 < 0.9) }')" -eq 1 ] || ktap_fail "scale $scale"
grep -q ' of what was mapped, for want of memory: see --max-memory$' "$tmp/replay.err" || ktap_fail "$(cat "$tmp/replay.err")"
# Of both parts what is no whole page is cut off.
dropped ".zap.sptes * $scale" 2 $own_pages
ktap_equal 'sizes' "$(jq -s -c '[.[][4]] | unique' "$tmp/done")" '[64]'
ktap_result '--max-memory scales what is mapped, and says so'

"$tool" record --vm $many > "$tmp/killed" 2> "$tmp/killed.err" &
killed=$!
desk_ends $killed
start record gone --vm $many -o "$tmp/gone.json"
gone=$pid
kill -CONT $many
sleep 0.5
kill -KILL $killed
wait $killed 2> /dev/null
jq -c .event "$tmp/killed" > "$tmp/out" 2>&1 || ktap_fail "a kill leaves half a line: $(tail -n 1 "$tmp/out")"
kill $many
wait $many 2> /dev/null
wait $gone
ktap_equal 'exit status' $? 0
# The window of the last update may end behind the VM.
ktap_equal 'the last lines' "$(jq -c 'select(.event != "settle") | [.event, .site, .why]' "$tmp/gone.json" | tail -n 2)" \
	'["zap","teardown",null]
["end",null,"vm"]'
grep -q 'the VM has ended' "$tmp/gone.err" || ktap_fail "$(cat "$tmp/gone.err")"
"$tool" restore > "$tmp/out" 2>&1
ktap_equal 'instances' "$(ls /sys/kernel/tracing/instances)" ''
# Recorded and compared.
head -n 9 "$tmp/fast.many.json" > "$tmp/short.json"
zap 0 compare -r 1 replay "$tmp/short.json"
says 'sptes'
ktap_result 'a VM that ends, a kill, and what compare makes of a recording'

# A guest of kvm-zap compare, which reads ROMs: a recording that has begun under one word and
# goes on under another.
# shellcheck disable=SC2317 # until_true calls it
has_both() {
	jq -s -e '[.[] | select(.zap).zap.policy] | (map(select(. == "fast")) | length) > 2
		and (map(select(. == "scoped")) | length) > 2' "$tmp/qemu.json"
}
qemu_test() {
	"$tool" compare -r 99 guest-rom -n 2 --kernel "$kernel" --memory 128 --timeout 600 --no-latency \
		> "$tmp/compare" 2> "$tmp/compare.err" &
	comparison=$!
	desk_ends $comparison
	until_true grep -q '^round 2 of 99' "$tmp/compare.err" || ktap_fail "$(cat "$tmp/compare.err")"
	guest=$(pgrep -f guest=kvm-zap-guest-rom)
	stand_still "$guest"
	before=$(counted "$guest")
	start record qemu --vm kvm-zap-guest-rom -o "$tmp/qemu.json"
	recorder=$pid
	kill -CONT "$guest"
	until_true has_both
	stand_still "$guest"
	end INT $recorder
	# shellcheck disable=SC2086 # words
	ktap_equal 'of QEMU' "$(in_all "$tmp/qemu.json")" "$(counted "$guest" $before)"
	kill -INT $comparison
	wait $comparison
	ktap_equal 'memslots that are read only come and go' "$(jq -s -c '[.[] | select(.event == "memslot" and .flags == 2).slot] as $slots
		| [.[] | select(.event == "memslot" and (.slot | IN($slots[]))).change] | unique' "$tmp/qemu.json")" '["create","delete"]'
	for word in fast scoped; do
		replay "$tmp/qemu.json" $word
		ktap_equal "samples under $word" "$(jq -c '[.parameters.unknown, (.series.zap_sptes.samples | length)]' "$tmp/replay")" \
			"[0,$(in_all "$tmp/qemu.json" | cut -d ' ' -f 2)]"
	done
}
if [ $cases -eq 6 ]; then
	ktap_end
elif desk_kernel && command -v qemu-system-x86_64 > /dev/null && command -v busybox > /dev/null; then
	qemu_test
	ktap_result 'what a guest of QEMU does is recorded and replayed'
else
	ktap_skip "no QEMU, busybox or vmlinuz-$(uname -r)" 'what a guest of QEMU does is recorded and replayed'
fi
ktap_end
