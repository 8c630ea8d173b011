# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: QEMU's machine for a PC. Needs $run and what options.sh and image.sh
# set.
# shellcheck disable=SC2154 # those are set there
# shellcheck disable=SC2034 # beside and before are for machine.sh
# shellcheck disable=SC3013 # test -nt: not in POSIX, but in dash, bash and busybox

# shellcheck source=machine.sh
. "$here/machine.sh"

cmdline="$pc_cmdline $cmdline unknown_nmi_panic"

# Beside its own main loop, QEMU before 10.2 loses an interrupt of a CPU now and then:
# do_vmexit() clears a bit of interrupt_request, while that thread sets another one. An idle
# CPU then sleeps for ever, with its timer's interrupt in the APIC's IRR. Any other interrupt
# has the APIC ask again. See init.
[ "$accel$icount" != tcg ] || wake=yes

# By an NMI the kernel panics.
last_words() {
	echo nmi >"$run/monitor.in"
}

# Set initrd to an initramfs for $image that holds busybox, init and the modules
# needed to reach the host: 9p over virtio-pci, overlayfs, the serial ports.
find_initrd() {
	initrd=$made/initrd.img
	if [ -f "$initrd" ] && [ "$initrd" -nt "$here/init" ] &&
		[ "$initrd" -nt "$here/init-qemu.sh" ] &&
		[ "$initrd" -nt "$here/init-virtio.sh" ] &&
		[ "$initrd" -nt "$here/image.sh" ] &&
		[ "$initrd" -nt "$here/qemu.sh" ] &&
		[ "$initrd" -nt "$image_modules/modules.dep" ]; then
		return
	fi
	initramfs "$run/initrd" qemu virtio
	boot_modules "$run/initrd" virtio_pci 9pnet_virtio 9p overlay virtio_console
	mkdir -p "${initrd%/*}"
	pack "$run/initrd" "$initrd"
}

# No files to hand over where the lab shares the host's root.
stage_command() {
	if [ -n "$alone" ]; then
		begin_alone kvm-amd "$@"
		program hold hold
	else
		find_initrd
	fi
}

# QEMU's main loop wakes at each timer as well, and its RCU thread now and then. What they do
# while a CPU has its turn may end that turn early, or have time jump too far. So all threads
# share one CPU of the host, where the main loop goes first, which takes root, and is done
# when a turn begins; and the RCU thread is held until the guest ends. What it would have
# freed by then is little.

# Set before to what QEMU is to be run by: on a CPU that no other lab has, if there is one.
one_cpu() {
	before=''
	allowed=$(sed -n 's/^Cpus_allowed_list:[[:blank:]]*//p' /proc/self/status | tr , ' ')
	for range in $allowed; do
		for cpu in $(seq "${range%-*}" "${range#*-}"); do
			before="taskset -c $cpu"
			exec 6>"$top/build/lab/cpu$cpu"
			! flock -n 6 || break 2
		done
	done
	set -- chrt --reset-on-fork --fifo 1
	! "$@" true 2>/dev/null || before="$* $before"
}

# The threads that the main one has made. They are not as nice as the lab, for
# --reset-on-fork.
set_threads() {
	while kill -0 "$qemu" 2>/dev/null; do
		for task in /proc/"$(pgrep -P "$qemu")"/task/*; do
			case $(cat "$task/comm" 2>/dev/null) in
			call_rcu) rcu=${task##*/} ;;
			*/TCG)
				renice -n "$(nice)" -p "${task##*/}" >/dev/null
				break 2
				;;
			esac
		done
		sleep 0.1
	done
	# When QEMU ends it waits for that thread.
	"$top/build/lab/hold" "${rcu:?}" &
	while kill -0 "$qemu" 2>/dev/null; do
		! grep -qsE 'Kernel panic|reboot: ' "$run/console.log" || break
		sleep 0.5
	done
	kill $! 2>/dev/null || :
	wait
}

# Boot once; set qemu while it runs and qemu_status at its end.
boot() {
	if [ -n "$alone" ]; then
		end_alone
		initrd=$run/initrd.img
	fi
	case $kernel in
	# KASAN has to know at all times how many levels page tables have, and the kernel
	# forgets while it identifies the boot CPU: an interrupt there looks wild to it.
	debug*) cmdline="$cmdline no5lvl" ;;
	esac
	before=''
	[ -z "$alone" ] || one_cpu
	program='qemu-system-x86_64'
	if [ -n "$alone" ] || { [ "$smp" -gt 1 ] && [ "$accel" = tcg ]; }; then
		program=$("$top/scripts/fetch/fetch-qemu") || die "no QEMU for ${alone:---smp $smp}"
	fi
	set -- -kernel "$vmlinux" -initrd "$initrd"
	# In a background command, only an explicit redirection keeps the terminal.
	exec 3</dev/null
	if [ -n "$alone" ]; then
		# Devices that are done when the instruction is: no thread of QEMU's but the
		# one that executes has a say in when the guest sees what. No PCI, where each
		# address that is probed is work for the RCU thread, and a firmware that leaves
		# all CPUs but the first one alone.
		set -- "$@" -M microvm,rtc=on -bios qboot.rom \
			-chardev "file,id=stdout,append=on,path=$(comma "$run/stdout")" \
			-device isa-debugcon,chardev=stdout,iobase=0xe9 \
			-chardev "file,id=stderr,append=on,path=$(comma "$run/stderr")" \
			-device isa-serial,chardev=stderr,index=1 \
			-chardev "file,id=ctl,path=$(comma "$run/ctl.tar")" \
			-device isa-serial,chardev=ctl,index=2
	else
		set -- "$@" -M q35 \
			-fsdev "local,id=root,path=$(comma "${root:-/}"),security_model=none,readonly=on,multidevs=remap" \
			-device virtio-9p-pci,fsdev=root,mount_tag=root \
			-fsdev "local,id=ctl,path=$(comma "$run/ctl"),security_model=none" \
			-device virtio-9p-pci,fsdev=ctl,mount_tag=ctl \
			-fsdev "local,id=out,path=$(comma "$out"),security_model=none,multidevs=remap" \
			-device virtio-9p-pci,fsdev=out,mount_tag=out
		if [ "$verb" = shell ]; then
			exec 3<&0
			set -- "$@" -chardev stdio,id=tty,signal=off -serial chardev:tty
		else
			set -- "$@" -device virtio-serial-pci \
				-chardev "file,id=stdout,append=on,path=$(comma "$run/stdout")" \
				-device virtserialport,chardev=stdout,nr=1 \
				-chardev "file,id=stderr,append=on,path=$(comma "$run/stderr")" \
				-device virtserialport,chardev=stderr,nr=2
		fi
	fi
	if [ "$accel" = kvm ]; then
		set -- "$@" -accel kvm -cpu host
	elif [ -n "$icount" ]; then
		# sleep=off: an idle guest jumps to its next timer. A seed, a clock of
		# its own: nothing that a run reads may differ from the last one's.
		set -- "$@" -accel tcg,thread=single -icount shift=0,sleep=off \
			-cpu max,+svm -seed 1 -rtc base=2024-01-01,clock=vm
		# Fixed addresses: their hashes and cache sets cost the same each time.
		# The watchdogs' timers would only be noise, and the TSC is exact here.
		cmdline="$cmdline nokaslr norandmaps nowatchdog tsc=reliable clocksource=tsc"
	else
		# No word about clocks: the kernel distrusts a TSC that it may have
		# calibrated while the machine was busy, and takes the HPET; told to
		# trust it, guests ran several times too fast and saw stalls.
		set -- "$@" -accel tcg,thread=multi -cpu max,+svm
	fi
	set -- "$@" -append "$cmdline${append:+ $append}"
	beside=''
	[ -z "$alone" ] || beside=set_threads
	machine "$program" "$@"
	[ -z "$alone" ] || alone_results || :
}
