# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by qemu.sh and arm64.sh: how QEMU runs, whatever the machine. Needs $run, what
# options.sh sets, and last_words(), which makes a guest that is out of time panic.
# shellcheck disable=SC2154 # those are set there
# shellcheck disable=SC2034 # qemu and qemu_status are for lab

# comma PATH: print PATH for an option of QEMU's, where a comma separates.
comma() {
	printf %s "$1" | LC_ALL=C sed 's/,/,,/g'
}

cmdline="$cmdline panic_print=65"

# What a guest that is out of time was doing, of whose console late.log is what was there
# before: the registers of each CPU by the monitor, then a panic, for
# which the kernel prints each CPU's stack (64) and each task that waits (1).
watch() {
	! timeout --foreground "$timeout" tail -f -s 0.2 --pid="$qemu" /dev/null || return 0
	cp "$run/console.log" "$run/late.log"
	echo "info registers -a" >"$run/monitor.in"
	last_words
}

# machine PROGRAM OPTION...: run QEMU, by the words of $before, if any, its input from
# descriptor 3, and the function $beside beside it, if any. Sets qemu while it runs and
# qemu_status at its end.
machine() {
	: >"$run/stdout"
	: >"$run/stderr"
	# Held open: nobody waits for the other end, and what QEMU says is kept.
	rm -f "$run/monitor.in" "$run/monitor.out"
	mkfifo "$run/monitor.in" "$run/monitor.out"
	exec 4<>"$run/monitor.in" 5<>"$run/monitor.out"
	program=$1
	shift
	set -- "$program" -nodefaults -no-user-config -display none -no-reboot \
		-m "$mem" -smp "$smp" \
		-chardev "file,id=console,path=$(comma "$run/console.log")" \
		-serial chardev:console \
		-chardev "pipe,id=monitor,path=$(comma "$run/monitor")" -mon chardev=monitor "$@"
	# In the foreground group, for the terminal. watch() has half a minute to find out more.
	# shellcheck disable=SC2086 # before is words
	timeout --foreground -k 5 "$((${timeout:-0} ? timeout + 30 : 0))" \
		${before-} "$@" <&3 2>"$run/qemu.log" &
	qemu=$!
	[ -z "${beside-}" ] || "$beside" &
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
