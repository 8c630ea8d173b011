# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: QEMU's machine for arm64, with the kernel at EL2, so that KVM works. Its
# counterparts are qemu.sh and bochs.sh. Needs $run and what options.sh, image.sh and
# alone.sh set.
# shellcheck disable=SC2154 # those are set there

# shellcheck source=machine.sh
. "$here/machine.sh"

cmdline="console=ttyAMA0 $cmdline sysrq_always_enabled"

# There is no NMI, but there is a keyboard, once the kernel has come to that. One that does
# not listen is left alone.
last_words() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		echo 'sendkey alt-sysrq-c' >"$run/monitor.in"
		! timeout --foreground 1 tail -f -s 0.2 --pid="$qemu" /dev/null || return 0
	done
	echo quit >"$run/monitor.in"
}

stage_command() {
	begin_alone '' "$@"
	if [ -n "$count" ]; then
		program count count.so -shared -fPIC -fvisibility=hidden
		plugin=$program
	fi
}

# The counts of the plugin, for people and for programs. None is a guest without marks.
show_counts() {
	cp "$run/counts" "$out/counts.json"
	[ -s "$run/counts" ] || return 0
	jq -r -s '(.[0] | keys_unsorted), (.[] | [.[]]) | @tsv' "$run/counts" |
		column_table >&2
}

# column_table: print lines of words that tabs separate as columns, numbers to the right.
column_table() {
	awk -F '\t' '{
			for (i = 1; i <= NF; i++) {
				cell[NR, i] = $i
				if (length($i) > width[i])
					width[i] = length($i)
			}
		}
		END {
			for (line = 1; line <= NR; line++)
				for (i = 1; i <= NF; i++)
					printf "%*s%s", width[i], cell[line, i], i < NF ? " " : "\n"
		}'
}

# Boot once; set qemu while it runs and qemu_status at its end.
boot() {
	program=$("$top/scripts/fetch/fetch-qemu" aarch64) || die "no QEMU for --arch arm64"
	end_alone
	# An option of a module that is built in is the kernel's.
	for word in $kvm; do
		cmdline="$cmdline kvm.$word"
	done
	for word in $kvm_arm; do
		cmdline="$cmdline kvm-arm.$word"
	done
	exec 3</dev/null
	set -- -kernel "$vmlinuz" -initrd "$run/initrd.img" \
		-M virt,virtualization=on,gic-version=3 -device virtio-keyboard-pci \
		-device virtio-serial-pci \
		-chardev "file,id=stdout,append=on,path=$(comma "$run/stdout")" \
		-device virtserialport,chardev=stdout,nr=1 \
		-chardev "file,id=stderr,append=on,path=$(comma "$run/stderr")" \
		-device virtserialport,chardev=stderr,nr=2 \
		-chardev "file,id=ctl,path=$(comma "$run/ctl.tar")" \
		-device virtserialport,chardev=ctl,nr=3
	case $cpu in
	# Each return from a function would be a hash of its address, and that is most of
	# what an emulator does then.
	max) set -- "$@" -cpu max,pauth=off ;;
	*) set -- "$@" -cpu "$cpu" ;;
	esac
	if [ -n "$icount" ]; then
		# sleep=off: an idle guest jumps to its next timer.
		set -- "$@" -accel tcg,thread=single -icount shift=0,sleep=off \
			-seed 1 -rtc base=2024-01-01,clock=vm
		cmdline="$cmdline nokaslr norandmaps nowatchdog"
	else
		set -- "$@" -accel tcg,thread=multi
	fi
	if [ -n "$count" ]; then
		set -- "$@" -plugin "$(comma "$plugin"),out=$(comma "$run/counts")"
	fi
	machine "$program" "$@" -append "$cmdline${append:+ $append}"
	alone_results || :
	[ -z "$count" ] || show_counts
	# Vector registers are many.
	sed -i '/^[QZPF][0-9F]/d' "$run/qemu.log"
}
