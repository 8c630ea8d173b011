#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap trace asks QEMU what a memslot is: made-up events of a VM on a host made of
# files, whose QMP socket belongs to qmp_fake.c. Real QEMUs are the matter of
# desk_trace_test.sh.
#
# What breaks without it: a memslot gets another one's name, trace takes libvirt's
# connection away or waits forever for a VMM that hangs, or a VMM's text moves the
# terminal's cursor.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
# shellcheck source-path=SCRIPTDIR source=lib/desk_events.sh
. "$here/lib/desk_events.sh"
server=''

# shellcheck disable=SC2317 # the EXIT trap calls it
stop() {
	[ -z "$server" ] || kill "$server" 2> /dev/null
	rm -rf "$tmp"
}
trap stop EXIT

# serve HOW: it listens at $socket; $server is its process, and $tmp/said what it was asked.
serve() {
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2> /dev/null
	"$tmp/qmp_fake" "$socket" "$1" "$tmp/mtree" > "$tmp/said" 2>&1 &
	server=$!
	tries=0
	until grep -q ready "$tmp/said"; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || ktap_skip_all "qmp_fake: $(cat "$tmp/said")"
		sleep 0.1
	done
}

# vm WORD...: the only VM of the host is the server's process, with that command line.
vm() {
	fake_make
	echo "$vms_header" > "$debugfs/zap/vms"
	fake_vm "$server" "$server" inherit kernel fast '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 - 0 0'
	fake_process "$server" qemu-system-x86 qemu-system-x86_64 -name guest=db "$@"
	ln -s / "$fake/proc/$server/root"
	ln -s "$tmp" "$fake/proc/$server/cwd"
}

# trace STATUS ARGUMENT...: of the events on standard input; at_ms=2000 ends it.
trace() {
	sed "s/ /\\0vm=$server /" > "$tmp/events"
	events_end trace "$@"
}

# The one event: a memslot of vga.vram's.
one() {
	trace "$@" <<-'END'
		zap at_ms=1 policy=fast slot=3 base_gfn=0xfd000 npages=4096
	END
}

regions() { jq -c 'select(.event == "zap" or .event == "memslot") | .region' "$tmp/out" | xargs; }

names_test() {
	serve "$1"
	vm -qmp "unix:$socket,server=on,wait=off"
	trace 0 -S 1 --json --memslots <<-'END'
		zap at_ms=1 policy=fast slot=3 base_gfn=0xfd000 npages=4096
		memslot at_ms=1 change=create slot=3 base_gfn=0xfd000 npages=4096
		zap at_ms=1 policy=fast slot=0 base_gfn=0 npages=160
		zap at_ms=1 policy=fast slot=4 base_gfn=0xc0 npages=11
		zap at_ms=1 policy=fast slot=5 base_gfn=0x100 npages=16
		zap at_ms=1 policy=fast slot=5 base_gfn=0x110 npages=1048576
		zap at_ms=1 policy=fast slot=6 base_gfn=0xa0 npages=16
		zap at_ms=1 policy=fast slot=6 base_gfn=0xb0000 npages=16
		zap at_ms=1 policy=fast as_id=1 slot=6 base_gfn=0xa0 npages=32
		zap at_ms=1 policy=fast as_id=1 slot=7 base_gfn=0x100 npages=16
		zap at_ms=1 policy=fast slot=8 base_gfn=0xfe000 npages=1
		zap at_ms=1 policy=fast slot=3 base_gfn=0xfd000 npages=4097
		zap at_ms=1 policy=fast slot=3 base_gfn=0xfcfff npages=4096
		zap at_ms=1 site=mmio policy=fast slot=-1
	END
	ktap_equal regions "$(regions)" \
		'vga.vram vga.vram pc.ram pc.ram pc.ram null null null smram pc.ram a@b: c null null null'
	schema_lines "$tmp/out"
}

mtree() {
	cat <<-'END'
		FlatView #0
		 AS "memory", root: system
		 AS "cpu-memory-0", root: system
		 Root memory region: system
		  0000000000000000-000000000009ffff (prio 0, ram): pc.ram KVM
		  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
		  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000 KVM
		  0000000000100000-0000000003ffffff (prio 0, ram): pc.ram @0000000000100000 KVM KVM
		  00000000b0000000-00000000bfffffff (prio 0, i/o): pcie-mmcfg-mmio
		  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram KVM
		  00000000fe000000-00000000fe000fff (prio 1, ramd): a@b: c

		FlatView #1
		 AS "I/O", root: io
		 Root memory region: io
		  00000000000a0000-00000000000affff (prio 0, ram): io @0000000000000010

		FlatView #2
		 AS "KVM-SMRAM", root: KVM-SMRAM
		 Root memory region: KVM-SMRAM
		  00000000000a0000-00000000000bffff (prio 0, ram): smram @00000000000a0000 KVM
		  0000000000100000-0000000003ffffff (prio 0, ram): pc.ram @0000000000100000 KVM

	END
}

# A ROM at the end of the first view.
rom() {
	mtree | sed "/fe000000-/a\\  00000000feac0000-00000000feafffff (prio 1, rom): $1 KVM"
}

later_test() {
	# It is there between two deletions, and never when one is read.
	rm -f "$tmp"/mtree.*
	mtree > "$tmp/mtree.1"
	mtree > "$tmp/mtree.2"
	rom virtio-net-pci.rom > "$tmp/mtree.3"
	mtree > "$tmp/mtree.4"
	serve ok
	vm -qmp "unix:$socket,server,nowait"
	trace 0 -S 3 --json <<-'END'
		zap at_ms=1 policy=fast slot=9 base_gfn=0xfeac0 npages=64
		zap at_ms=1500 policy=fast slot=9 base_gfn=0xfeac0 npages=64
	END
	ktap_equal regions "$(regions)" 'null virtio-net-pci.rom'
	ktap_equal 'how often it is asked' "$(grep -c connected "$tmp/said")" 3
	rm -f "$tmp"/mtree.*
	mtree > "$tmp/mtree.1"
	rom virtio-net-pci.rom > "$tmp/mtree.2"
	mtree > "$tmp/mtree.3"
	serve ok
	vm -qmp "unix:$socket,server,nowait"
	trace 0 -S 4 --json <<-'END'
		zap at_ms=1 policy=fast slot=9 base_gfn=0xfeac0 npages=64
		zap at_ms=1000 policy=fast slot=9 base_gfn=0xfeac0 npages=64
		zap at_ms=1000 policy=fast slot=10 base_gfn=0xfead0 npages=16
		zap at_ms=2000 policy=fast slot=11 base_gfn=0xb0000 npages=16
		zap at_ms=2000 policy=fast slot=9 base_gfn=0xfeac0 npages=64
		zap at_ms=2000 policy=fast slot=10 base_gfn=0xfeac0 npages=16
		zap at_ms=2000 policy=fast slot=3 base_gfn=0xfd000 npages=4096
	END
	ktap_equal regions "$(regions)" \
		'null virtio-net-pci.rom virtio-net-pci.rom null virtio-net-pci.rom null vga.vram'
	# Another device has its addresses.
	rm -f "$tmp"/mtree.*
	rom old.rom > "$tmp/mtree.1"
	rom new.rom > "$tmp/mtree.2"
	serve ok
	vm -qmp "unix:$socket,server,nowait"
	trace 0 -S 3 --json <<-'END'
		zap at_ms=1 policy=fast slot=9 base_gfn=0xfeac0 npages=64
		zap at_ms=1000 policy=fast slot=10 base_gfn=0xb0000 npages=16
		zap at_ms=1000 policy=fast slot=9 base_gfn=0xfeac0 npages=64
	END
	ktap_equal regions "$(regions)" 'old.rom null new.rom'
	# As often as that, and no more.
	asked=$(grep -c connected "$tmp/said")
	{ [ "$asked" -gt 2 ] && [ "$asked" -le 22 ]; } || ktap_fail "asked $asked times in two seconds"
	# Not for ever.
	rm -f "$tmp"/mtree.*
	mtree > "$tmp/mtree.1"
	serve ok
	vm -qmp "unix:$socket,server,nowait"
	trace 0 -S 15 --json <<-'END'
		zap at_ms=1 policy=fast slot=9 base_gfn=0xfeac0 npages=64
	END
	ktap_equal 'how often it is asked in vain' "$(grep -c connected "$tmp/said")" 30
	ktap_result 'what comes and goes has the name that QEMU had for it last'
}

errors_test() {
	while IFS='|' read -r how words; do
		serve "$how"
		vm
		one 1 -S 1 --vm db --qmp "$socket"
		says "--qmp: $socket$words"
		ktap_equal "$how: lines" "$(wc -l < "$tmp/out")" 0
		vm -qmp "unix:$socket,server=on"
		trace 0 -S 8 <<-'END'
			zap at_ms=1 policy=fast slot=3 base_gfn=0xfd000 npages=4096
			zap at_ms=1200 policy=fast slot=3 base_gfn=0xfd000 npages=4096
			zap at_ms=2600 policy=fast slot=3 base_gfn=0xfd000 npages=4096
			zap at_ms=4000 policy=fast slot=3 base_gfn=0xfd000 npages=4096
		END
		says "db (pid $server): its memslots have no names: $socket$words"
		ktap_equal "$how: said" "$(grep -c 'no names' "$tmp/err")" 1
		ktap_equal "$how: lines" "$(grep -c ' 3 16M 0xfd000000$' "$tmp/out")" 4
	done <<-'END'
		silent|: no greeting (it serves one client at a time) within 1 s
		mail| is not QMP: it says '220 mail \x1b[2J ready'
		object| is not QMP: its first message is no greeting
		closes|: no answer to 'qmp_capabilities': the other side has closed it
		refuses|: 'qmp_capabilities' was refused: not \x1b[2J today (GenericError)
		unknown|: 'human-monitor-command' was refused: no such command (CommandNotFound)
		number|: 'info mtree -f': the return value is no text
		mute|: no answer to 'human-monitor-command' within 1 s
		full|: other clients wait there already
	END
	serve flood
	vm
	one 1 -S 1 --vm db --qmp "$socket"
	case $err in *'more than 16 MiB'* | *'within 1 s'*) ;; *) ktap_fail "flood: $err" ;; esac
	vm
	one 1 -S 1 --vm db --qmp "$tmp/none"
	says "--qmp: $tmp/none: No such file or directory"
	one 1 -S 1 --vm db --qmp "$tmp/events"
	says "--qmp: $tmp/events is no socket"
	kill "$server"
	wait "$server" 2> /dev/null
	one 1 -S 1 --vm db --qmp "$socket"
	says "--qmp: $socket: nobody listens there any more"
	server=''
	long=$(printf '%0110d' 0)
	ln -sf "$socket" "$tmp/$long"
	serve ok
	vm
	one 1 -S 1 --vm db --qmp "$tmp/$long"
	says 'the path of a socket has 107 bytes at most: make a link'
	one 1 -S 1 --vm db --qmp "$(printf '/a\033[2Jb')"
	says '--qmp: /a\x1b[2Jb: No such file'
	ktap_result 'what is wrong with a socket is said, and traced all the same'
}

# asked REGION WORD...: that command line; the VM is asked (1) or not (0).
asked() {
	expected=$1 region=$2
	shift 2
	: > "$tmp/said"
	vm "$@"
	one 0 -S 0.5 --json
	ktap_equal "region, $*" "$(regions)" "$region"
	got=$(grep -c human-monitor-command "$tmp/said")
	[ "$got" -eq "$expected" ] || ktap_fail "$*: asked $got times: $(cat "$tmp/said")"
}

find_test() {
	mtree > "$tmp/mtree.1"
	serve ok
	asked 1 vga.vram -qmp "unix:$socket,server=on,wait=off"
	asked 1 vga.vram --qmp="unix:$socket,server"
	asked 1 vga.vram -qmp-pretty 'unix:q,,s,server=on'
	asked 1 vga.vram -chardev "socket,id=m,path=$socket,server=on,wait=off" -mon chardev=m,mode=control
	asked 1 vga.vram -mon 'm,mode=control,pretty=on' -chardev "socket,path=$socket,id=m,server=on"
	asked 1 vga.vram -chardev "socket,id=m,path=$socket,server=on" -qmp chardev:m
	# Proxmox: the second is one that QEMU connects to.
	asked 1 vga.vram -chardev "socket,id=qmp,path=$socket,server=on,wait=off" -mon chardev=qmp,mode=control \
		-chardev 'socket,id=qmp-event,path=/var/run/qmeventd.sock,reconnect=5' -mon chardev=qmp-event,mode=control
	asked 1 vga.vram -qmp stdio -qmp tcp:localhost:4444,server=on -qmp "unix:$socket,server=on"
	asked 0 null
	unsaid 'no names'
	asked 0 null -qmp none
	unsaid 'no names'
	asked 0 null -chardev "socket,id=m,path=$socket,server=on" -mon chardev=m,mode=readline
	asked 0 null -monitor "unix:$socket,server=on"
	for words in stdio tcp:localhost:4444,server=on "unix:$socket" "unix:$socket,server=off" "unix:$socket,noserver"; do
		asked 0 null -qmp "$words"
		says 'its QMP is on no UNIX socket that others may connect to'
	done
	asked 0 null -chardev "socket,id=charmonitor,fd=33,server=on,wait=off" -mon chardev=charmonitor,id=monitor,mode=control
	says "db (pid $server): its memslots have no names: its QMP socket is libvirt's, which has the only connection"
	asked 0 null -chardev "socket,id=charmonitor,path=$socket,server=on" -mon chardev=charmonitor,mode=control
	says "is libvirt's"
	mkdir -p "$tmp/libvirt"
	ln -sf "$socket" "$tmp/libvirt/monitor.sock"
	asked 0 null -qmp "unix:$tmp/libvirt/monitor.sock,server=on"
	says "is libvirt's"
	: > "$tmp/said"
	one 1 -S 1 --vm db --qmp "$tmp/libvirt/monitor.sock"
	says "$tmp/libvirt/monitor.sock is libvirt's, which has the only connection"
	says 'give the VM a QMP socket of its own'
	ktap_equal 'who connected' "$(cat "$tmp/said")" ''
	# libvirt has a socket, and so has somebody else.
	asked 1 vga.vram -chardev "socket,id=charmonitor,fd=33,server=on" -mon chardev=charmonitor,mode=control \
		-qmp "unix:$socket,server=on"
	# Nobody else's socket, but where it is given.
	vm
	real=$server server=$$
	vm -qmp "unix:$socket,server=on"
	trace 0 -S 1 --json <<-'END'
		zap at_ms=1 policy=fast slot=3 base_gfn=0xfd000 npages=4096
		zap at_ms=300 policy=fast slot=3 base_gfn=0xfd000 npages=4096
		zap at_ms=600 policy=fast slot=3 base_gfn=0xfd000 npages=4096
	END
	ktap_equal "another process' socket" "$(regions)" 'null null null'
	says "$socket is a socket of process $real, not $$"
	one 0 -S 0.5 --json --vm db --qmp "$socket"
	ktap_equal 'given' "$(regions)" vga.vram
	server=$real
	vm -qmp "unix:$socket,server=on"
	one 0 -S 0.5 --json --vm db --qmp none
	ktap_equal 'given: none' "$(regions)" null
	for wrong in '--qmp x' '--qmp=' '--vm db --qmp='; do
		# shellcheck disable=SC2086 # words
		zap 2 trace $wrong
	done
	zap 2 trace --qmp x
	says '--qmp needs --vm: a socket is that of one VM'
	ktap_result "the socket is found by the command line, libvirt's is left alone"
}

text_test() {
	esc=$(printf '\033')
	mtree | sed "s/vga.vram/a${esc}[2Jb/" > "$tmp/mtree.1"
	serve ok
	vm -qmp "unix:$socket,server=on"
	one 0 -S 0.5
	says ' 3 16M 0xfd000000 a\x1b[2Jb'
	one 0 -S 0.5 --json
	ktap_equal 'as JSON' "$(jq 'select(.event == "zap").region' "$tmp/out")" '"a\u001b[2Jb"'
	mtree | sed 's/vga.vram/virtio-net-pci.rom/' > "$tmp/mtree.1"
	serve ok
	vm -qmp "unix:$socket,server=on"
	if command -v script > /dev/null; then
		printf 'zap vm=%s at_ms=1 policy=fast slot=9 base_gfn=0xfd000 npages=64\n' "$server" > "$tmp/events"
		for verb in '-S 0.5' '-S 0.5 --top'; do
			RECORD_EVENTS=$tmp/events on script -qec "stty cols 80; $tmp/trace $verb" /dev/null \
				< /dev/null | tr -d '\r' | sed 's/\x1b\[[0-9]*[HJ]//g' > "$tmp/lines"
			[ "$(wc -L < "$tmp/lines")" -le 80 ] || ktap_fail "too wide: $(cat "$tmp/lines")"
			grep -q ' 9 256K virtio-net-p' "$tmp/lines" || ktap_fail "no region: $(cat "$tmp/lines")"
		done
	fi
	ktap_result "what a VMM says is fit for a terminal, and has room on it"
}

cc -std=gnu11 -O1 -Wall -Wextra -Werror -o "$tmp/qmp_fake" "$here/lib/qmp_fake.c" -ljson-c > "$tmp/cc" 2>&1 ||
	ktap_skip_all "qmp_fake does not build: $(cat "$tmp/cc")"
events_build
ln -s qmp.sock "$tmp/q,s"
socket=$tmp/qmp.sock

ktap_start 5
for how in ok pretty; do
	rm -f "$tmp"/mtree.*
	mtree > "$tmp/mtree.1"
	names_test $how
done
ktap_result 'a memslot has the name that QEMU has for its memory'
later_test
rm -f "$tmp"/mtree.*
mtree > "$tmp/mtree.1"
find_test
errors_test
text_test
ktap_end
