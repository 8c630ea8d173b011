#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap compare, on a host made of files with VMs that are shell scripts: what it
# prints, when it refuses, and what it leaves behind. Real VMs are the matter of
# compare_vm_test.sh; the statistics and cyclictest's output have test programs of their
# own.
#
# What breaks without it: compare measures a policy against itself and reports a
# comparison, a decimal comma changes figures, or a VM keeps the word of an experiment.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
# shellcheck source-path=SCRIPTDIR source=lib/unit.sh
. "$here/lib/unit.sh"
vmm=$here/lib/compare_vmm.sh
real_proc=1	# its processes are real

# No VM, and a window that is long for this machine.
make_host() {
	fake_make
	echo 2500 > "$parameters/zap_window_ms"
	echo "$vms_header" > "$debugfs/zap/vms"
}

# The notes that there are.
notes() { find "$fake/run/kvm-zap" -type f ! -name '.*' 2> /dev/null; }

# live HOW COUNT: a VM in the background; $vm is its process. A window that its invalidations
# extend lasts 2.5 s.
live() {
	echo 250 > "$parameters/zap_window_ms"
	rm -f "$fake/run/kvm-zap/.compare"
	on "$vmm" "$@" > "$tmp/vmm" 2>&1 &
	tries=0
	until vm=$(sed -n '2s/ .*//p' "$debugfs/zap/vms") && [ -n "$vm" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { ktap_fail "no VM: $(cat "$tmp/vmm")"; return 1; }
		sleep 0.1
	done
}

# lock: waits until a compare runs; $comparing is its process.
lock() {
	tries=0
	until comparing=$(cat "$fake/run/kvm-zap/.compare" 2> /dev/null) && [ -n "$comparing" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { ktap_fail 'no lock'; return 1; }
		sleep 0.1
	done
}

stats_test() {
	if ! command -v cc > /dev/null; then
		ktap_skip 'no cc' 'medians, ratios and intervals'
		ktap_skip 'no cc' "how late a guest's timers woke"
		ktap_skip 'no cc' 'tables, terminals, and each figure in its place'
		ktap_skip 'no cc' 'a value is the count of its name, and what is no comparison is refused'
		ktap_skip 'no cc' "a guest's options, what it needs, and what a run asks of it"
		ktap_skip 'no cc' 'what guests do, and what is waited for'
		ktap_skip 'no cc' 'how QEMU is started, and what is an answer of its guest'
		return
	fi
	unit compare_stats_test compare_stats.c unit_die.c -lm
	ktap_result 'medians, ratios and intervals'
	unit compare_latency_test compare_latency.c compare_stats.c unit_die.c desk.c desk_print.c -ljson-c -lm
	ktap_result "how late a guest's timers woke"
	unit compare_print_test compare_print.c compare_latency.c compare_stats.c desk.c desk_print.c desk_json.c \
		desk_kvm.c desk_module.c desk_vms.c desk_names.c desk_words.c host.c libvm -ljson-c -lm
	ktap_result 'tables, terminals, and each figure in its place'
	unit compare_values_test compare_values.c desk.c desk_print.c desk_kvm.c desk_module.c desk_vms.c desk_names.c \
		desk_words.c host.c libvm -lm
	ktap_result 'a value is the count of its name, and what is no comparison is refused'
	unit compare_guest_test compare_guest.c desk_args.c unit_desk.c
	ktap_result "a guest's options, what it needs, and what a run asks of it"
	unit qemu_load_test qemu_load.c unit_desk.c -ljson-c
	ktap_result 'what guests do, and what is waited for'
	unit qemu_vm_test qemu_fake.c qemu_vm.c desk_qmp.c desk.c desk_print.c host.c libvm -ljson-c
	ktap_result 'how QEMU is started, and what is an answer of its guest'
}

wrong_test() {
	make_host
	zap 2 compare --policies bulk
	says "memslot takes stock, fast, scoped, auto; 'bulk' is a word of teardown"
	zap 2 compare -p fast,turbo
	says "'turbo' is no word"
	zap 2 compare -p 'fast fast'
	says "'fast' is given twice"
	zap 2 compare -p ''
	says 'give at least one of stock, fast, scoped, auto'
	for rounds in 0 -1 1,5 x '' 10000; do
		zap 2 compare --rounds="$rounds"
		says "'$rounds': give a number from 1 to 9999"
	done
	zap 2 compare --vm 1 --seconds 0
	says "'0': give seconds"
	zap 2 compare --vm 1 rom
	says "'rom' is not expected"
	zap 2 compare --seconds 3
	says '--seconds needs --vm'
	zap 2 compare --devices-tested
	zap 2 compare --event '' -- true
	says "--event '': give an event that perf counts"
	zap 2 compare --
	says '-- needs a COMMAND'
	zap 2 compare --output '' -- true
	says "--output '': give a file's name"
	zap 2 compare --by turbo -- true
	says "--by 'turbo': no such value: ns, update_ns, stall_ns, refaults, sptes, "
	zap 3 compare --vm nobody
	says "no VM is called 'nobody'"
	zap 1 compare --output /none/x -- true
	says '/none/x: No such file or directory'
	zap 1 compare -- true
	says 'true has made no VM'
	zap 1 compare -- /none
	says '/none: No such file'
	says 'exit status 127'
	zap 1 compare -- "$vmm" fails 3
	says 'it broke'
	says 'exit status 3'
	zap 1 compare -- "$vmm" still 3
	says 'deletes or moves no memslot'
	zap 1 compare -- "$vmm" stays 3
	says 'has not: give a command that waits'
	zap 0 compare guest-vga --help
	says 'Usage: kvm-zap compare guest-vga [OPTION...]'
	zap 2 compare guest-rom --rounds 0
	zap 2 compare guest-rom --memory=x
	says "'x': give MiB, from 1 on"
	zap 2 compare guest-roms
	says "'guest-roms' is no guest: guest-rom, guest-hotplug, guest-virtio-mem, guest-vga"
	zap 2 compare guest-rom rom
	says "'rom' is not expected: give options"
	zap 1 compare guest-rom --qemu /none
	says '--qemu: /none is no QEMU that runs here'
	printf '#!/bin/sh\necho lists\n' > "$tmp/qemu"
	chmod 755 "$tmp/qemu"
	zap 1 compare guest-virtio-mem --qemu "$tmp/qemu"
	says 'guest-virtio-mem needs QEMU 8.2 or later'
	zap 1 compare guest-rom --qemu "$tmp/qemu" --kernel /none
	says '--kernel: /none: there is no such kernel'
	zap 1 compare guest-rom --qemu "$tmp/qemu" --kernel "$tmp/qemu"
	says 'guest-initrd is missing: it is installed with kvm-zap'
	# Before a guest is made ready.
	zap 1 compare -o /none/x guest-rom --qemu "$tmp/qemu" --kernel "$tmp/qemu"
	says '/none/x: No such file or directory'
	make_host
	mv "$debugfs/zap" "$tmp/zap"
	zap 5 compare
	says 'zap/vms is missing'
	rm -rf "$debugfs"
	zap 5 compare
	says 'debugfs is not mounted'
	rm -r "$tmp/zap" "$parameters"/*zap*
	zap 4 compare
	make_host
	if [ "$unshare" = -m ]; then
		as_user=1
		zap 5 compare
		says 'only root may choose'
		as_user=
	fi
	ktap_equal notes "$(notes)" ''
	ktap_result 'wrong input, and what is missing, has an answer'
}

own_test() {
	make_host
	zap 0 compare -r 2 -o /run/samples -- "$vmm" obeys 8
	says "$vmm obeys 8: 2 of 2 rounds, "
	says 'VALUE fast again scoped /fast'
	says 'ns    10us  1.00  1.0us  0.10'
	says 'sptes 1.0k  1.00     16 0.016'
	says 'scoped: 0.10 of fast in ns; that is 2 samples, an interval takes 6'
	says 'round 2 of 2, '
	unsaid tables
	ktap_equal 'samples' "$(jq -c '[.round, .policy, .again, .values.sptes]' "$fake/run/samples" | xargs)" \
		'[1,fast,false,1000] [1,fast,true,1000] [1,scoped,false,16] [2,scoped,false,16] [2,fast,true,1000] [2,fast,false,1000]'
	head -n 1 "$fake/run/samples" > "$tmp/out"
	json '.command[1:]' '["obeys","8"]'
	zap 0 compare -r 6 -p scoped,fast --by sptes --json -- "$vmm" obeys 4
	json '[.rounds_done, .runs, .runs_empty, .vm, .policies, .by]' '[6,18,0,null,["scoped","fast"],"sptes"]'
	json '.values[] | select(.name == "sptes") | [.first.median, .again.ratio, .again.low, .again.high] + (.others[0] | [.policy, .median, .ratio, .low, .high, .differs, .text])' \
		'[16,1,1,1,"fast",1000,62.5,62.5,62.5,true,"fast: 62.50 of scoped (62.50 to 62.50) in sptes"]'
	json '.values[] | select(.name == "tables") | .others[0] | [.ratio, .differs, .text]' \
		'[null,null,"fast: no difference shown, both have no tables"]'
	# The kernel's own decision is fast here.
	zap 0 compare -r 1 -p scoped -- "$vmm" obeys 4
	says 'scoped: 1.00 of scoped in ns'
	# A disk that is full.
	# shellcheck disable=SC2016 # another shell's
	on sh -c 'ln -sf /dev/full /run/full; exec "$@"' sh "$tool" compare -r 1 -o /run/full -- "$vmm" obeys 2 \
		> "$tmp/out" 2> "$tmp/err"
	ktap_equal 'exit status of a full disk' $? 1
	grep -q '/run/full: No space left' "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
	ktap_equal 'parameter' "$(word memslot_zap)" stock
	ktap_equal notes "$(notes)" ''
	ktap_result "a command's VMs get each policy as a word of their own"
}

refuse_test() {
	make_host
	zap 1 compare -r 2 -o /run/samples --json -- "$vmm" fast 5
	says "invalidations should have used scoped and used fast: no comparison"
	ktap_equal 'what is printed' "$out" ''
	ktap_equal 'samples before it' "$(jq -c .policy "$fake/run/samples" | xargs)" 'fast fast'
	zap 1 compare -r 1 -- "$vmm" dma 5
	says "'fast' does not reach pid "
	zap 1 compare -r 1 -- "$vmm" mmio 5
	says 'at site mmio as well: nothing to compare'
	live obeys 40000 || return
	zap 1 compare --vm "$vm" -s 0.3 -r 9 &
	comparison=$!
	lock
	zap 1 compare -- true
	says "another 'kvm-zap compare' runs (pid $comparing)"
	# Somebody else has a say.
	tries=0
	until [ "$(vm_word "$vm-13")" = scoped ] || [ $tries -gt 600 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	echo auto > "$debugfs/$vm-13/memslot_zap"
	wait $comparison
	ktap_equal 'the word of somebody else' "$(vm_word "$vm-13")" auto
	kill "$vm"
	# It is still at work in the folders that the next test removes.
	wait
	ktap_equal notes "$(notes)" ''
	ktap_result 'no comparison of what was none, nor two at once'
}

live_test() {
	make_host
	live obeys 40000 || return
	begin=$(date +%s)
	zap 0 compare --vm "$vm" -r 2 -s 0.5 --json
	# Before each run the windows of what went before have to end. Each takes 2.5 s, and a run
	# 0.5 s.
	took=$(($(date +%s) - begin))
	[ $took -ge 17 ] || ktap_fail "six runs took $took s"
	json '[.command, .vm.pid, .rounds_done, .runs]' "[null,$vm,2,6]"
	json '.values[] | select(.name == "sptes") | [.first.median, .others[0].median]' '[1000,16]'
	ktap_equal 'its word' "$(vm_word "$vm-13")" inherit
	ktap_equal notes "$(notes)" ''
	kill "$vm"
	wait
	live still 40000 || return
	echo 4000 > "$parameters/zap_window_ms"
	begin=$(date +%s)
	zap 1 compare --vm "$vm" -r 1 -s 0.1
	says 'no invalidation at site memslot in 3 runs'
	# Nothing extends a window here.
	took=$(($(date +%s) - begin))
	[ $took -lt 40 ] || ktap_fail "three runs took $took s"
	echo 250 > "$parameters/zap_window_ms"
	on timeout --preserve-status -s INT 30 "$tool" compare --vm "$vm" -s 0.1 -r 999 > "$tmp/out" 2> "$tmp/err"
	ktap_equal 'exit status of ^C of nothing' $? 1
	grep -q 'no invalidation at site memslot in [1-9][0-9]* runs: nothing to compare' "$tmp/err" ||
		ktap_fail "$(cat "$tmp/out" "$tmp/err")"
	kill "$vm"
	wait
	live obeys 40000 || return
	# What 'kvm-zap set' noted is still so.
	zap 0 set memslot scoped --vm "$vm"
	before=$(cat "$(notes)")
	zap 0 compare --vm "$vm" -p fast -r 1 -s 0.3
	ktap_equal 'its word' "$(vm_word "$vm-13")" scoped
	ktap_equal note "$(cat "$(notes)")" "$before"
	zap 0 restore
	# ^C, and what there is by then.
	on timeout --preserve-status -s INT 30 "$tool" compare --vm "$vm" -s 0.3 -r 99 > "$tmp/out" 2> "$tmp/err"
	ktap_equal 'exit status of ^C' $? 1
	grep -q 'interrupted after [1-9][0-9]* of 99 rounds' "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
	grep -q '^sptes 1.0k' "$tmp/out" || ktap_fail "$(cat "$tmp/out" "$tmp/err")"
	ktap_equal 'its word after ^C' "$(vm_word "$vm-13")" inherit
	ktap_equal notes "$(notes)" ''
	# Killed.
	rm "$fake/run/kvm-zap/.compare"
	on "$tool" compare --vm "$vm" -s 60 > /dev/null 2>&1 &
	lock
	tries=0
	until [ "$(vm_word "$vm-13")" = fast ] || [ $tries -gt 600 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	# While it runs, its words are its own affair.
	zap 0 status -i 0
	says "was 'inherit'; it runs, as pid $comparing, and puts that back"
	zap 0 status -i 0 --json
	json '[.changes[] | [.verb, .pid, .running]]' "[[\"compare\",$vm,$comparing]]"
	zap 1 restore --json
	json '[.restored[].outcome]' '["running"]'
	zap 1 restore
	says "memslot_zap of pid $vm: left to 'kvm-zap compare' (pid $comparing), which runs"
	ktap_equal 'its word while it runs' "$(vm_word "$vm-13")" fast
	kill -9 "$comparing"
	wait $! 2> /dev/null
	ktap_equal 'its word after a kill' "$(vm_word "$vm-13")" fast
	zap 0 status -i 0
	says "by kvm-zap compare since"
	says "was 'inherit'; it was killed: kvm-zap restore"
	zap 0 status -i 0 --json
	json '[.changes[] | [.verb, .pid, .running]]' "[[\"compare\",$vm,null]]"
	# The next one does not take it for the VM's own word.
	zap 0 compare --vm "$vm" -p fast -r 1 -s 3
	says "pid $vm): a 'kvm-zap compare' that was killed has left 'fast'"
	says "it was 'inherit'; 'kvm-zap restore' restores that"
	ktap_equal 'its word after the next one' "$(vm_word "$vm-13")" fast
	zap 0 restore
	says "memslot_zap of pid $vm: fast -> inherit"
	ktap_equal 'its word' "$(vm_word "$vm-13")" inherit
	# It goes away.
	(sleep 14; kill "$vm") &
	zap 3 compare --vm "$vm" -s 0.3 -r 99
	says 'has gone meanwhile'
	says ' of 99 rounds, '
	wait
	ktap_equal notes "$(notes)" ''
	ktap_result "a VM's own word alternates, and is put back"
}

# What a killed compare leaves running does not hold its lock.
lock_test() {
	make_host
	# shellcheck disable=SC2016 # another shell's
	on "$tool" compare -- sh -c 'sleep 600 & echo $! > /run/left; wait' > /dev/null 2>&1 &
	lock
	tries=0
	until left=$(cat "$fake/run/left" 2> /dev/null) && [ -n "$left" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { ktap_fail 'no command'; break; }
		sleep 0.1
	done
	kill -9 "$comparing"
	wait $! 2> /dev/null
	kill -0 "$left" || ktap_fail 'nothing is left: what is to be tested?'
	zap 3 compare --vm nobody
	says "no VM is called 'nobody'"
	kill "$left"
	ktap_result 'a killed one does not keep others from comparing'
}

# A VM that a command has made outlives both.
left_test() {
	make_host
	# The command's own process is killed along, and its VM's is not.
	# shellcheck disable=SC2016 # another shell's
	on "$tool" compare -- sh -c '"$1" obeys 40000 & wait' sh "$vmm" > /dev/null 2>&1 &
	lock
	tries=0
	until vm=$(sed -n '2s/ .*//p' "$debugfs/zap/vms") && [ -n "$vm" ] && [ "$(vm_word "$vm-13")" = fast ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { ktap_fail 'no VM'; break; }
		sleep 0.1
	done
	zap 0 status -i 0
	says "was 'inherit'; it runs, as pid $comparing, and puts that back"
	kill -9 "$comparing"
	wait $! 2> /dev/null
	kill -0 "$vm" || ktap_fail 'the VM is gone: what is to be tested?'
	ktap_equal 'its word after a kill' "$(vm_word "$vm-13")" fast
	zap 0 status -i 0
	says "was 'inherit'; it was killed: kvm-zap restore"
	zap 0 restore
	says "memslot_zap of pid $vm: fast -> inherit"
	ktap_equal 'its word' "$(vm_word "$vm-13")" inherit
	kill "$vm"
	wait
	ktap_equal notes "$(notes)" ''
	# It has ended, and its VM has not.
	make_host
	# shellcheck disable=SC2016 # another shell's
	zap 1 compare -- sh -c 'setsid "$1" obeys 40000 & until [ "$(sed -n 2p /sys/kernel/debug/kvm/zap/vms | cut -d " " -f 3)" = fast ]; do sleep 0.1; done' sh "$vmm"
	says 'has not: give a command that waits'
	vm=$(sed -n '2s/ .*//p' "$debugfs/zap/vms")
	kill -0 "$vm" || ktap_fail 'the VM is gone: what is to be tested?'
	ktap_equal 'its word after the command' "$(vm_word "$vm-13")" inherit
	kill "$vm"
	ktap_equal notes "$(notes)" ''
	ktap_result "a command's VM that stays gets its word back"
}

devices_test() {
	fake_make
	real_proc=
	zap 1 compare --vm gpu-vmm
	says 'it has a device with non-coherent DMA and keeps fast'
	sed -i 's/^410 410 inherit dma fast/410 410 inherit kernel fast/' "$debugfs/zap/vms"
	zap 6 compare --vm gpu-vmm
	says 'gpu-vmm (pid 410) has devices of the host'
	says '--devices-tested'
	ktap_equal 'its word' "$(vm_word 410-13)" inherit
	# Its word is in force already, and nothing happens.
	sed -i 's/^410 410 inherit kernel fast/410 410 scoped vm scoped/' "$debugfs/zap/vms"
	zap 1 compare --vm gpu-vmm --devices-tested -p scoped -r 1 -s 0.1
	says 'no invalidation at site memslot in 2 runs'
	ktap_equal 'its word' "$(vm_word 410-13)" inherit
	sed -i 's/^310 310 scoped vm/310 310 scoped type/' "$debugfs/zap/vms"
	zap 1 compare --vm web
	says 'a VM of its type has no choice, whatever its word is'
	rm -r "$debugfs/211-13"
	zap 3 compare --vm db
	says 'has no folder'
	real_proc=1
	ktap_result 'devices and types have their say'
}

# A perf that has figures of its own, in the manner of its locale.
fake_perf() {
	mkdir -p "$tmp/bin"
	cat > "$tmp/bin/perf" <<-'END'
		#!/bin/sh
		events='' log=''
		comma=,
		[ "${LC_ALL-}" != C ] || comma=.
		while [ $# -gt 0 ]; do
			case $1 in
			--log-fd) log=$2; shift ;;
			-e) events="$events $2"; shift ;;
			--) shift; break ;;
			esac
			shift
		done
		"$@"
		status=$?
		{
			echo '# started on a day'
			echo
			for event in $events; do
				case $event in
				none) echo "event syntax error: 'none'" >&2; exit 129 ;;
				cycles) echo '<not supported>;;cycles;0;100.00;;' ;;
				task-clock) echo "1586${comma}05;msec;task-clock;1586050000;100.00;0.9;CPUs utilized" ;;
				*) echo "4000;;$event;1;100.00;;" ;;
				esac
			done
		} >> "/proc/self/fd/$log"
		exit $status
	END
	chmod 755 "$tmp/bin/perf"
}

perf_test() {
	make_host
	path=$PATH
	fake_perf
	PATH=$tmp/bin:$path
	LC_ALL=de_DE.UTF-8
	export LC_ALL
	zap 0 compare -r 1 -E task-clock -E cpu/event=0x3c,umask=0x0/ -p fast --by task-clock --json \
		-- "$vmm" obeys 4
	unset LC_ALL
	json '.values[] | select(.name == "task-clock") | .first.median * 4 | . >= 1586.05 and . < 6345' true
	json '[.values[] | .name] | .[-2:]' '["task-clock","cpu/event=0x3c,umask=0x0/"]'
	zap 1 compare -E none -- true
	says "--event 'none': perf cannot count it: event syntax error: 'none'"
	zap 1 compare -E cycles -- true
	says "--event 'cycles': this machine does not count 'cycles'"
	rm "$tmp/bin/perf"
	# A PATH without any perf.
	ln -s "$(command -v sh)" "$(command -v mount)" "$tmp/bin"
	PATH=$tmp/bin
	# shellcheck disable=SC2016 # another shell's
	/usr/bin/unshare $unshare /bin/sh -c 'mount --bind "$1/sys" /sys && mount --bind "$1/run" /run && exec "$2" compare -E x -- true' \
		sh "$fake" "$tool" > "$tmp/out" 2> "$tmp/err"
	status=$?
	PATH=$path
	ktap_equal 'exit status without perf' $status 1
	grep -q 'needs perf, which is missing' "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
	if command -v perf > /dev/null && perf stat -e task-clock true > /dev/null 2>&1; then
		zap 0 compare -r 1 -E task-clock,context-switches -E page-faults -p fast --json -- "$vmm" obeys 4
		json '[.values[-3:][].first.median > 0]' '[true,true,true]'
		live obeys 40000 || return
		zap 0 compare --vm "$vm" -s 2 -r 1 -E task-clock -p fast --json
		json '.values[-1] | [.name, .first.median > 0, .again.median > 0]' '["task-clock",true,true]'
		zap 1 compare --vm "$vm" -s 0.5 -r 1 -E nosuch:event
		says "--event 'nosuch:event': perf cannot count it"
		kill "$vm"
		wait
	fi
	ktap_result "perf's events, whatever the locale and their names"
}

ktap_start 15
stats_test
wrong_test
own_test
refuse_test
live_test
lock_test
left_test
devices_test
perf_test
ktap_end
