# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: the machine. Needs what options.sh and image.sh set, and $run.
# shellcheck disable=SC2154 # those are set there
# shellcheck disable=SC2034 # qemu and qemu_status are for lab
# shellcheck disable=SC3013 # test -nt: not in POSIX, but in dash, bash and busybox

# comma PATH: print PATH for an option of QEMU's, where a comma separates.
comma() {
	printf %s "$1" | LC_ALL=C sed 's/,/,,/g'
}

# An NMI is watch()'s. What is printed then: tasks (1), each CPU's stack (64).
cmdline="$cmdline unknown_nmi_panic panic_print=65"

# Set initrd to an initramfs for $image that holds busybox, init and the modules
# needed to reach the host: 9p over virtio-pci, overlayfs, the serial ports.
find_initrd() {
	initrd=$made/initrd.img
	if [ -f "$initrd" ] && [ "$initrd" -nt "$here/init" ] &&
		[ "$initrd" -nt "$here/init-qemu.sh" ] &&
		[ "$initrd" -nt "$here/image.sh" ] &&
		[ "$initrd" -nt "$here/qemu.sh" ] &&
		[ "$initrd" -nt "$image_modules/modules.dep" ]; then
		return
	fi
	initramfs "$run/initrd" qemu
	depends -a virtio_pci 9pnet_virtio 9p overlay virtio_console >"$run/list"
	while read -r module; do
		cp "$module" "$run/initrd/modules/"
		echo "${module##*/}"
	done <"$run/list" >"$run/initrd/modules/order"
	mkdir -p "${initrd%/*}"
	pack "$run/initrd" "$initrd"
}

# What a guest that is out of time was doing, on its console, of which late.log is what
# was there before: the registers of each CPU by the monitor, then an NMI, for which the
# kernel panics and prints each CPU's stack and each task that waits.
watch() {
	! timeout --foreground "$timeout" tail -f -s 0.2 --pid="$qemu" /dev/null || return 0
	cp "$run/console.log" "$run/late.log"
	printf 'info registers -a\nnmi\n' >"$run/monitor.in"
}

# No files to hand over: the lab shares the host's root.
stage_command() {
	find_initrd
}

# Boot once; set qemu while it runs and qemu_status at its end.
boot() {
	case $kernel in
	# KASAN has to know at all times how many levels page tables have, and the kernel
	# forgets while it identifies the boot CPU: an interrupt there looks wild to it.
	debug*) cmdline="$cmdline no5lvl" ;;
	esac
	program='qemu-system-x86_64'
	if [ "$smp" -gt 1 ] && [ "$accel" = tcg ]; then
		program=$("$top/scripts/fetch-qemu") || die "no QEMU for --smp $smp"
	fi
	set -- -nodefaults -no-user-config -display none -no-reboot -M q35 \
		-kernel "$vmlinux" -initrd "$initrd" \
		-m "$mem" -smp "$smp" \
		-chardev "file,id=console,path=$(comma "$run/console.log")" \
		-serial chardev:console \
		-fsdev "local,id=root,path=$(comma "${root:-/}"),security_model=none,readonly=on,multidevs=remap" \
		-device virtio-9p-pci,fsdev=root,mount_tag=root \
		-fsdev "local,id=ctl,path=$(comma "$run/ctl"),security_model=none" \
		-device virtio-9p-pci,fsdev=ctl,mount_tag=ctl \
		-fsdev "local,id=out,path=$(comma "$out"),security_model=none,multidevs=remap" \
		-device virtio-9p-pci,fsdev=out,mount_tag=out
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
	# Held open: nobody waits for the other end, and what QEMU says is kept.
	rm -f "$run/monitor.in" "$run/monitor.out"
	mkfifo "$run/monitor.in" "$run/monitor.out"
	exec 4<>"$run/monitor.in" 5<>"$run/monitor.out"
	set -- "$@" -chardev "pipe,id=monitor,path=$(comma "$run/monitor")" -mon chardev=monitor
	set -- "$@" -append "$cmdline"
	# In a background command, only an explicit redirection keeps the terminal.
	if [ "$verb" = shell ]; then
		exec 3<&0
		set -- "$@" -chardev stdio,id=tty,signal=off -serial chardev:tty
	else
		exec 3</dev/null
		set -- "$@" -device virtio-serial-pci \
			-chardev "file,id=stdout,append=on,path=$(comma "$run/stdout")" \
			-device virtserialport,chardev=stdout,nr=1 \
			-chardev "file,id=stderr,append=on,path=$(comma "$run/stderr")" \
			-device virtserialport,chardev=stderr,nr=2
		: >"$run/stdout"
		: >"$run/stderr"
	fi
	# In the foreground group, for the terminal. watch() has half a minute to find out more.
	timeout --foreground -k 5 "$((${timeout:-0} ? timeout + 30 : 0))" \
		"$program" "$@" <&3 2>"$run/qemu.log" &
	qemu=$!
	[ "${timeout:-0}" = 0 ] || watch &
	if [ "$verb" = run ]; then
		follow stdout &
		follow stderr >&2 &
	fi
	qemu_status=0
	wait "$qemu" || qemu_status=$?
	qemu=''
	wait
	if [ -e "$run/late.log" ]; then
		qemu_status=124
		dd if="$run/monitor.out" iflag=nonblock bs=64k count=1 2>/dev/null >>"$run/qemu.log" || :
		cp "$run/qemu.log" "$out/monitor"
	fi
}
