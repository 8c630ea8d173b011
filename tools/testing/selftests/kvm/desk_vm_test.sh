#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap on real VMs, compared with KVM's own files in debugfs. One VM is kvm-zap-bench,
# which deletes a memslot again and again; the other is QEMU, which has a name and is
# idle.
#
# What breaks without it: kvm-zap reads or writes a file that this kernel does not have,
# or takes the figures of one VM for those of another.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [KVM-ZAP]
Tests the command KVM-ZAP, by default build/tools/kvm-zap, on VMs that it makes. KTAP; exit
status 0 pass, 1 fail, 4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
desk_start "${1-}" jq qemu-system-x86_64

# of PID FILTER: what JSON has of that VM.
of() {
	jq -r --argjson pid "$1" '.vms[] | select(.pid == $pid) | '"$2" "$tmp/out"
}

"$bench" rom -m 8 -n 1000000 --pause-ms 150 > "$tmp/bench" 2>&1 &
bench_pid=$!
mkfifo "$tmp/qmp.in" "$tmp/qmp.out"
qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 32 -display none -nodefaults -S \
	-chardev "pipe,id=qmp,path=$tmp/qmp" -mon chardev=qmp,mode=control \
	-name 'guest=größe,,1,debug-threads=on' -uuid 11111111-2222-4333-8444-555555555555 \
	> "$tmp/qemu" 2>&1 &
qemu_pid=$!
desk_vm $bench_pid "$tmp/bench"
desk_vm $qemu_pid "$tmp/qemu"
bench_folder=$(folder $bench_pid)
qemu_folder=$(folder $qemu_pid)
# QEMU's VM is there before all of its memslots are: on a busy machine they come late.
for _ in $(seq 60); do
	updates=$(cat "$qemu_folder/memslot_updates")
	sleep 2
	[ "$(cat "$qemu_folder/memslot_updates")" != "$updates" ] || break
done

ktap_start 8

# One sum over both, of the VM's own files.
fast() { cat "$bench_folder/memslot_zap_fast"; }
low=$(fast)
zap 0 status -i 5 --json
high=$(fast)
ktap_equal 'names' "$(of $bench_pid .name), $(of $qemu_pid .name), $(of $qemu_pid .named_by)" \
	'kvm-zap-bench, größe,1, name'
between 'fast invalidations' "$low" "$(of $bench_pid .counts.memslot_fast)" "$high"
ktap_equal 'the one that suffers' "$(jq '.vms[0].pid' "$tmp/out")" "$bench_pid"
[ "$(of $bench_pid '.rates | .invalidations > 0 and .update_share > 0 and .update_share <= 1.1')" = true ] ||
	ktap_fail "rates: $(of $bench_pid '.rates | @json')"
ktap_equal 'rates of the other' "$(of $qemu_pid .rates.invalidations)" 0
[ "$(of $bench_pid .vcpus)" -ge 1 ] || ktap_fail "vCPUs: $(of $bench_pid .vcpus)"
# Not each kernel line counts assigned devices.
assigned=$(awk -v pid="$qemu_pid" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "assigned") nr = i }
	$1 == pid { print $nr == "-" ? "null" : $nr }' $debugfs/zap/vms)
ktap_equal 'what decides' "$(of $qemu_pid '[.word, .vfio, .counts.assigned] | @json')" \
	"[\"inherit\",0,$assigned]"
zap 0 status -i 5
says '1 of 2 VMs: '
says "of kvm-zap-bench's time in updates of memslots"
says 'größe,1'
ktap_result 'status shows each VM, and what it suffers'

zap 0 set memslot scoped --vm $bench_pid
says 'inherit -> scoped'
ktap_equal 'its word' "$(cat "$bench_folder/memslot_zap")" scoped
ktap_equal 'the other word' "$(cat "$qemu_folder/memslot_zap")" inherit
low=$(cat "$bench_folder/memslot_zap_scoped")
fast_before=$(fast)
zap 0 status -i 5 --json
high=$(cat "$bench_folder/memslot_zap_scoped")
between 'scoped invalidations' "$low" "$(of $bench_pid .counts.memslot_scoped)" "$high"
[ "$low" -lt "$high" ] || ktap_fail "no scoped invalidation: $low, $high"
# One may have been under way.
between 'fast invalidations after' "$fast_before" "$(fast)" $((fast_before + 1))
ktap_equal 'what decides' "$(of $bench_pid '[.word, .by, .policy] | @json')" '["scoped","vm","scoped"]'
zap 0 status -i 5
says 'each time, scoped kept '
ktap_result 'set --vm reaches one VM, from its next invalidation on'

zap 0 set memslot fast
says 'memslot: stock -> fast, for 1 of 2 VMs'
says "not reached: kvm-zap-bench (pid $bench_pid): it has a word of its own (scoped)"
ktap_equal memslot_zap "$(cat $parameters/memslot_zap)" fast
zap 0 set memslot auto --vm 'größe,1'
ktap_equal 'the other word' "$(cat "$qemu_folder/memslot_zap")" auto
zap 0 set memslot inherit --vm 11111111-2222-4333-8444-555555555555
zap 0 verify memslot=fast
says "kvm-zap-bench (pid $bench_pid) follows its own vm, scoped"
zap 1 verify memslot=stock mmio=fast
zap 3 set memslot fast --vm nobody
zap 2 set memslot bulk
says "memslot takes stock, fast, scoped, auto (now: fast); 'bulk' is a word of teardown"
ktap_result 'set and verify for all VMs'

row() { awk -v n="$1" '$1 == "memslot" && $2 == "scoped" { print $n }' $debugfs/zap/stats; }
low=$(row 3)
zap 0 stat --json
high=$(row 3)
ktap_equal columns "$(head -n 1 $debugfs/zap/stats | cut -d ' ' -f 1-5)" 'site policy count sptes tables'
json='.rows[] | select(.site == "memslot" and .policy == "scoped")'
between 'scoped invalidations' "$low" "$(jq "$json | .count" "$tmp/out")" "$high"
[ "$(jq "$json | ([.latency[].count] | add) - .count | fabs < 100" "$tmp/out")" = true ] ||
	ktap_fail "histogram and count differ: $(jq -c "$json" "$tmp/out")"
zap 0 stat -i 1 -n 8 --json
ktap_equal lines "$(jq -s length "$tmp/out")" 8
[ "$(jq -s "[.[] | $json | .rates.count] | add > 0" "$tmp/out")" = true ] ||
	ktap_fail "no rate: $(jq -c "$json | .rates" "$tmp/out")"
ktap_result 'stat has what zap/stats has'

low=$(cat "$bench_folder/memslot_zap_scoped")
zap 0 stat --prometheus --output "$tmp/kvm-zap.prom"
high=$(cat "$bench_folder/memslot_zap_scoped")
metric() { # metric POLICY: its value
	grep -F "kvm_zap_vm_invalidations_total{domain=\"kvm-zap-bench\",pid=\"$bench_pid\",site=\"memslot\",policy=\"$1\"}" \
		"$tmp/kvm-zap.prom" | cut -d " " -f 2
}
between 'the metric of scoped' "$low" "$(metric scoped)" "$high"
# It has scoped of its own by now: none of these any more.
ktap_equal 'the metric of fast' "$(metric fast)" "$(fast)"
grep -q -F "kvm_zap_vm_info{domain=\"größe,1\",pid=\"$qemu_pid\",word=\"inherit\"" "$tmp/kvm-zap.prom" ||
	ktap_fail "no info of QEMU: $(grep vm_info "$tmp/kvm-zap.prom")"
if [ -x "$top/build/prometheus/promtool" ]; then
	"$top/build/prometheus/promtool" check metrics < "$tmp/kvm-zap.prom" > "$tmp/err" 2>&1 ||
		ktap_fail "$(cat "$tmp/err")"
fi
ktap_result 'metrics are those of the VM'

# The line that kvm-zap.rst gives, as it stands there.
line=$(sed -n '/{ "execute": "query-stats"/,/^$/p' "$top/Documentation/admin-guide/kvm-zap.rst")
[ -n "$line" ] || ktap_fail 'kvm-zap.rst has no query-stats'
names=$(echo "$line" | jq -r '.arguments.providers[].names[]')
[ "$(echo "$names" | wc -w)" -ge 4 ] || ktap_fail "it asks for '$names'"
for name in $names; do
	cat "$qemu_folder/$name" > "$tmp/$name"
done
exec 7< "$tmp/qmp.out" 8> "$tmp/qmp.in"
echo '{ "execute": "qmp_capabilities" }' "$line" >&8
# A greeting, and two answers.
timeout 100 sed 3q <&7 > "$tmp/qmp"
exec 7<&- 8>&-
# value NAME: what QEMU says.
value() { jq -s --arg name "$1" '.[2].return[].stats[] | select(.name == $name).value' "$tmp/qmp"; }
for name in $names; do
	between "QEMU's $name" "$(cat "$tmp/$name")" "$(value "$name")" "$(cat "$qemu_folder/$name")"
done
[ "$(value memslot_zap_fast)" -ge 1 ] || ktap_fail "nothing was deleted: $(cat "$tmp/qmp")"
ktap_result "QMP's query-stats has what KVM's files have"

kill $qemu_pid
wait $qemu_pid 2> /dev/null
zap 3 set memslot fast --vm 'größe,1'
zap 0 status -i 0 --json
ktap_equal 'VMs left' "$(jq '.vms | length' "$tmp/out")" 1
ktap_result 'a VM that ends is gone'

zap 0 restore
says 'memslot_zap: fast -> stock'
says "memslot_zap of pid $bench_pid: scoped -> inherit"
ktap_equal words "$(cat $parameters/memslot_zap "$bench_folder/memslot_zap" | xargs)" 'stock inherit'
zap 0 restore
says 'nothing to put back'
ktap_result 'restore puts back what was before'
ktap_end
