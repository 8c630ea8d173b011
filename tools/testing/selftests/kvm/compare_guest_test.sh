#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap compare with its own guests under QEMU. Their work deletes memslots, under the
# word that is to be measured, and no guest is left behind, however the command ends.
#
# What breaks without it: a guest that does nothing looks like one that a policy makes
# fast, and compare waits for a guest that hangs, or leaves it running.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [--short] [KVM-ZAP]
Tests the guests of KVM-ZAP's compare, by default build/tools/kvm-zap. KTAP; exit status
0 pass, 1 fail, 4 skip.

  --short  only the guest that reads ROMs, and how it ends after ^C"
short='' plan=5 ways='word INT KILL'
case "${1-}" in
-h | --help) echo "$usage"; exit 0 ;;
--short) short=1 plan=3 ways=INT; shift ;;
esac
desk_start "${1-}" jq busybox qemu-system-x86_64
schema_start
desk_kernel || ktap_skip_all "no vmlinuz-$(uname -r) for a guest"

# guest STATUS OPTIONS GUEST [OPTION...]: compare on that one, small and slow as it is here.
guest() {
	guest_want=$1 guest_options=$2 guest_name=$3
	shift 3
	# shellcheck disable=SC2086 # words
	zap "$guest_want" compare $guest_options "$guest_name" --kernel "$kernel" --memory 128 \
		--timeout 600 --interval 20000 "$@"
}

# of VALUE FILTER: what JSON has of it.
of() {
	jq -c --arg name "$1" '.values[] | select(.name == $name) | '"$2" "$tmp/out"
}

json() { # json FILTER EXPECTED: and it keeps to the schema
	schema_keeps "$tmp/out"
	ktap_equal "$1" "$(jq -c "$1" "$tmp/out" 2>&1)" "$2"
}

# shellcheck disable=SC2317 # until_true calls it
none_runs() { ! pgrep -f 'guest=kvm-zap-guest'; }
nothing_left() {
	until_true none_runs || ktap_fail "a guest runs after $1"
	ktap_equal "notes after $1" "$(find /run/kvm-zap -type f ! -name '.*' 2> /dev/null)" ''
	ktap_equal "parameter after $1" "$(cat $parameters/memslot_zap)" stock
}

# What each has to have: runs under both words, in all of which memslots were deleted.
compared() {
	json '[.vm.name, .rounds_done, .runs, .runs_empty, .runs_mixed, .policies]' \
		"[\"kvm-zap-$1\",$2,$(($2 * 3)),0,0,[\"fast\",\"scoped\"]]"
	json '.command[0]' "\"$1\""
	# What scoped leaves mapped is the guest's other memory, which fast drops.
	ktap_equal "$1: kept" "$(of kept '[.first.max, .again.max, .others[0].min > 0]')" '[0,0,true]'
	ktap_equal "$1: tables" "$(of tables '[.first.min > 0, .others[0].max < .first.min]')" '[true,true]'
	nothing_left "$1"
}

ktap_start "$plan"

guest 0 '-r 2 --json -o '"$tmp/samples" guest-rom -n 1
compared guest-rom 2
ktap_equal 'SPTEs and refaults' \
	"$(of sptes '.others[0].median < .first.median') $(of refaults '.others[0].median < .first.median')" 'true true'
ktap_equal 'samples' "$(jq -c '[.round, .policy, .again, .command[0], .vm.policy != null]' "$tmp/samples" | xargs)" \
	'[1,fast,false,guest-rom,true] [1,fast,true,guest-rom,true] [1,scoped,false,guest-rom,true] [2,scoped,false,guest-rom,true] [2,fast,true,guest-rom,true] [2,fast,false,guest-rom,true]'
# Each run reads the same ROMs by as many reads.
ktap_equal 'as many invalidations' "$(jq .invalidations "$tmp/samples" | sort -u | wc -l)" 1
if command -v cyclictest > /dev/null; then
	json '.guest_latency | map([.policy, .again, (.maxima_us | length), .wakings > 0,
		.max_us == (.maxima_us | max), (.histogram | map(.[1]) | add) <= .wakings]) | tostring' \
		'"[[\"fast\",false,2,true,true,true],[\"fast\",true,2,true,true,true],[\"scoped\",false,2,true,true,true]]"'
else
	json '.guest_latency' null
	says 'cyclictest is missing (apt-get install rt-tests)'
fi
ktap_result 'a guest that reads ROMs'

other_guests() {
	guest 0 '-r 1 --json' guest-vga -n 2 --no-latency
	compared guest-vga 1
	json '.guest_latency' null
	guest 0 '-r 1 -E task-clock --json' guest-hotplug -n 1 --no-latency
	compared guest-hotplug 1
	ktap_equal 'task-clock of QEMU' "$(of task-clock '[.first.median > 0, .others[0].median > 0]')" '[true,true]'
	ktap_result 'a guest that switches VGA, and one that has a device plugged'

	qemu=$(command -v qemu-system-x86_64)
	"$qemu" -device virtio-mem-pci,help | grep -q dynamic-memslots || {
		guest 1 '-r 1' guest-virtio-mem -n 1
		says 'guest-virtio-mem needs QEMU 8.2 or later, whose virtio-mem-pci has dynamic-memslots: name one by --qemu'
		nothing_left 'an old QEMU'
		qemu=$top/build/qemu/qemu-system-x86_64
	}
	if [ -x "$qemu" ]; then
		if [ -e "$top/build/$(uname -r)/image/lib/modules" ]; then
			set -- --modules "$top/build/$(uname -r)/image"
		else
			set --
		fi
		guest 0 '-r 1 --json' guest-virtio-mem -n 1 --no-latency --qemu "$qemu" "$@"
		compared guest-virtio-mem 1
		ktap_result 'a guest that has memory plugged and unplugged'
	else
		ktap_skip "no $qemu (scripts/fetch/fetch-qemu)" 'a guest that has memory plugged and unplugged'
	fi
}
[ -n "$short" ] || other_guests

guest 1 '-r 1' guest-rom --qemu /none
says '--qemu: /none is no QEMU that runs here'
zap 1 compare guest-rom --kernel /none
says '--kernel: /none: there is no such kernel'
zap 2 compare guest-rom --rounds 0
zap 2 compare guest-rom rom
says "'rom' is not expected: give options"
zap 2 compare --vm 1 guest-rom
# No kernel at all; one that does not come to its end.
zap 1 compare guest-rom --kernel "$0"
says 'QEMU: '
printf '#!/bin/sh\ncase "$*" in *,help) echo yes ;; *) exec sleep 600 ;; esac\n' > "$tmp/hangs"
chmod 755 "$tmp/hangs"
guest 1 '-r 1' guest-rom --qemu "$tmp/hangs"
says "QEMU's monitor: no greeting"
zap 1 compare guest-rom --kernel "$kernel" --memory 128 --timeout 1
says 'the guest has not booted'
# Of two command lines QEMU takes the last: no init, and no end after the panic.
cat > "$tmp/panics" << 'END'
#!/bin/sh
case "$*" in *,help) ;; *) set -- "$@" -append 'console=ttyS0 quiet noxsave rdinit=/none' ;; esac
exec qemu-system-x86_64 "$@"
END
chmod 755 "$tmp/panics"
guest 1 '-r 1' guest-rom --qemu "$tmp/panics"
says "the guest's kernel has panicked"
nothing_left 'wrong input'
ktap_result 'what is wrong, or hangs, is said'

# Another has a say; ^C; a kill.
# shellcheck disable=SC2317 # until_true calls it
has_word() { grep -q " fast vm fast " "$debugfs/zap/vms"; }
for way in $ways; do
	"$tool" compare -r 99 guest-rom --kernel "$kernel" --memory 128 --timeout 600 --interval 20000 -n 1 \
		> "$tmp/out" 2> "$tmp/err" &
	comparison=$!
	# shellcheck disable=SC3045 # not here
	case $way in
	word)
		until_true has_word
		echo auto > "$(find $debugfs -name memslot_zap -path '*-*/*' | head -n 1)" ;;
	*)
		until_true grep -q -E "^round [2-9] of 99" "$tmp/err"
		kill "-$way" $comparison ;;
	esac
	wait $comparison 2> /dev/null
	status=$?
	case $way in
	word)
		ktap_equal 'exit status where somebody else writes the word' $status 1
		says "somebody wrote 'auto' to" ;;
	INT)
		ktap_equal 'exit status of ^C' $status 1
		says 'interrupted after '
		says 'of fast in ns' ;;
	KILL)
		until_true none_runs
		"$tool" restore > /dev/null 2>&1 ;;
	esac
	nothing_left "$way"
done
ktap_result 'no guest is left, however it ends'
ktap_end
