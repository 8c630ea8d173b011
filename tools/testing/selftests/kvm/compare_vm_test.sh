#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap compare on real VMs. The figures of VMs that it creates itself are compared with
# what is known of them exactly. Another VM deletes a memslot again and again, and compare
# has to leave its word as it was.
#
# What breaks without it: compare measures other policies than its words say, or a VM
# keeps a word of the experiment.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [KVM-ZAP]
Tests KVM-ZAP's compare, by default build/tools/kvm-zap. KTAP; exit status 0 pass, 1 fail,
4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
desk_start "${1-}" jq

# of VALUE FILTER: what JSON has of it.
of() {
	jq -c --arg name "$1" '.values[] | select(.name == $name) | '"$2" "$tmp/out"
}

ktap_start 4

# 8 MiB in pages of 4 KiB, the ROM's 16 pages, and what the library has mapped for itself,
# which the workload says, too.
"$bench" rom -m 8 -n 3 --json > "$tmp/bench"
all=$(jq '.series.zap_sptes.samples[0]' "$tmp/bench")
[ "$all" -ge 2064 ] || ktap_fail "the workload under stock drops $all SPTEs"
zap 0 compare -r 6 --json -o "$tmp/samples" rom -m 8 -n 3
ktap_equal 'sptes under fast' "$(of sptes '[.first.median, .first.min, .first.max, .again.min, .again.max]')" \
	"[$all,$all,$all,$all,$all]"
ktap_equal 'sptes under scoped' "$(of sptes '.others[0] | [.policy, .median, .min, .max, .differs]')" \
	'["scoped",16,16,16,true]'
ktap_equal 'what scoped keeps' "$(of kept '.others[0].median')" $((all - 16))
ktap_equal 'noise of sptes' "$(of sptes '[.again.ratio, .again.low, .again.high]')" '[1,1,1]'
# The round that warms up is one.
ktap_equal invalidations "$(jq .invalidations "$tmp/samples" | sort | uniq -c | xargs)" '18 4'
ktap_equal parameter "$(cat $parameters/memslot_zap)" stock
# With a parameter that says otherwise.
echo scoped > $parameters/memslot_zap
zap 0 compare -r 1 --json -p fast rom -m 8 -n 3
ktap_equal 'sptes under fast, by its own word' "$(of sptes '[.first.median, .again.median]')" "[$all,$all]"
echo stock > $parameters/memslot_zap
ktap_result "its own VMs have each policy's counts exactly"

# Without the gate VMs are looked for: each row that is read is of so many invalidations.
zap 0 compare -r 1 --json -- "$bench" rom -m 8 -n 40
ktap_equal 'sptes' "$(of sptes '[.first.median, .others[0].median]')" "[$all,16]"
zap 1 compare -r 1 teardown
says 'deletes or moves no memslot'
zap 2 compare -r 1 nosuch
says "unknown workload 'nosuch'"
zap 1 compare -- true
says 'has made no VM'
# A command that changes the word of its own VM.
cat > "$tmp/disobeys" <<-END
	#!/bin/sh
	'$bench' rom -m 8 -n 1000000 > /dev/null &
	until echo fast > \$(echo $debugfs/\$!-*/memslot_zap); do sleep 0.1; done 2> /dev/null
	sleep 2
	kill \$!
	wait
END
chmod 755 "$tmp/disobeys"
zap 1 compare -r 1 -p scoped -- "$tmp/disobeys"
says 'invalidations should have used scoped and used fast: no comparison'
ktap_result 'a command and its VMs'

"$bench" rom -m 8 -n 1000000 --pause-ms 150 > "$tmp/bench" 2>&1 &
pid=$!
desk_vm $pid "$tmp/bench"
word=$(folder $pid)/memslot_zap
# Page faults of its beginning are subtracted for the first windows.
echo 20 > $parameters/zap_window_ms
sleep 5
echo 100 > $parameters/zap_window_ms
zap 0 compare --vm $pid -r 2 -s 3 --json
ktap_equal 'rounds' "$(jq -c '[.rounds_done, .vm.pid]' "$tmp/out")" "[2,$pid]"
# Other memory of this VM is what only fast drops, and only scoped keeps.
ktap_equal 'what fast drops, and scoped keeps' \
	"$(of collateral '[.first.min > 0, .others[0].max]') $(of kept '[.first.max, .others[0].min > 0]')" \
	'[true,0] [0,true]'
# The slower the machine, the more of them are taken for the VM's usual faults: its
# invalidations do not pause.
ktap_check [ "$(of refaults '.others[0].median < .first.median')" = true ]
ktap_diag "refaults: $(of refaults '[.first.min, .first.median, .first.max, .others[0].min, .others[0].median, .others[0].max]')"
ktap_equal 'its word' "$(cat "$word")" inherit
zap 0 restore
says 'nothing to put back'
echo 20 > $parameters/zap_window_ms
"$tool" compare --vm $pid -s 0.5 -r 99 > "$tmp/out" 2> "$tmp/err" &
comparison=$!
sleep 6
kill -INT $comparison
wait $comparison
ktap_equal 'exit status of ^C' $? 1
says 'interrupted after '
says 'of fast in ns'
ktap_equal 'its word after ^C' "$(cat "$word")" inherit
ktap_result 'the word of a VM that is there alternates, and is put back'

"$tool" compare --vm $pid -p scoped -s 60 > "$tmp/out" 2>&1 &
comparison=$!
# shellcheck disable=SC2317 # until_true calls it
has_scoped() { [ "$(cat "$word")" = scoped ]; }
until_true has_scoped
zap 1 compare
says "another 'kvm-zap compare' runs (pid $comparison)"
kill -9 $comparison
wait $comparison 2> /dev/null
ktap_equal 'its word after a kill' "$(cat "$word")" scoped
zap 0 restore
says "memslot_zap of pid $pid: scoped -> inherit"
ktap_equal 'its word' "$(cat "$word")" inherit
"$tool" compare --vm $pid -s 0.5 -r 99 > "$tmp/out" 2> "$tmp/err" &
comparison=$!
sleep 6
kill $pid
wait $pid 2> /dev/null
wait $comparison
ktap_equal 'exit status of a VM that went away' $? 3
says 'has gone meanwhile'
ktap_result 'what a kill leaves restore puts back; a VM may go away'
ktap_end
