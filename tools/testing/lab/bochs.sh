# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: the machine that Bochs emulates. Its counterpart is qemu.sh. Needs $run
# and what options.sh, image.sh and alone.sh set.
# shellcheck disable=SC2154 # those are set there
# shellcheck disable=SC2034 # qemu and qemu_status are for lab

# Virtual time is instructions executed, 10 ns each: faster, and an idle guest takes
# longer to get to its next timer; slower, and a time slice is too short for a test.
ips=100000000
cmdline="$pc_cmdline $cmdline"
# The TSC is exact and counts those; calibrating it takes longer than all else of a boot.
cmdline="$cmdline tsc=reliable clocksource=tsc tsc_early_khz=$((ips / 1000)) hpet=disable"
# XSAVE's areas do not add up in this CPU, and there is no microcode to load.
cmdline="$cmdline noxsave dis_ucode_ldr"
# Nothing that differs from run to run, or that only costs instructions.
cmdline="$cmdline nokaslr norandmaps nowatchdog"
# A kernel that panics has Bochs end: after a warm reset its BIOS would hang.
cmdline="$cmdline reboot=t"

# Where the initramfs goes, above each kernel, and the size of a piece of the kernel.
initrd_at=$((128 << 20))
piece_bytes=$((2 << 20))

# u32 NUMBER...: print each in four bytes, the lowest first.
u32() {
	for n; do
		# shellcheck disable=SC2059 # the format is the data
		printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $((n & 255)) $((n >> 8 & 255)) \
			$((n >> 16 & 255)) $((n >> 24 & 255)))"
	done
}

# piece FILE ADDRESS: append FILE to the pieces, and a line to the table.
piece() {
	count=$((($(wc -c <"$1") + 511) / 512))
	u32 "$sector" "$count" "$2" >>"$run/table"
	dd if="$1" bs=512 conv=sync status=none >>"$run/pieces"
	sector=$((sector + count))
	pieces=$((pieces + 1))
}

# segment OFFSET BYTES ADDRESS: the pieces of a segment of the kernel, but for those that
# are nothing but zeros, because memory is zero already. Bochs takes a second for 20 MiB.
segment() {
	[ $(($3 + $2)) -le "$initrd_at" ] || die "$vmlinux reaches to where the initramfs goes"
	at=0
	while [ "$at" -lt $(($2)) ]; do
		bytes=$((piece_bytes < $2 - at ? piece_bytes : $2 - at))
		dd if="$vmlinux" of="$run/piece" bs=64k iflag=skip_bytes,count_bytes \
			skip=$(($1 + at)) count="$bytes" status=none
		cmp -s -n "$bytes" "$run/piece" /dev/zero || piece "$run/piece" $(($3 + at))
		at=$((at + bytes))
	done
}

# padded FILE SECTORS: print it, zeros behind it.
padded() {
	[ "$(wc -c <"$1")" -le $(($2 * 512)) ] || die "${1##*/} is larger than $2 sectors"
	dd if="$1" bs="$(($2 * 512))" conv=sync status=none
}

# Make the disk that bochs_boot.S describes.
make_disk() {
	# The note that says where PVH enters: owner Xen, type 18.
	entry=$(LC_ALL=C readelf -nW "$vmlinux" 2>/dev/null | sed -n \
		's/^ *Xen .*(0x00000012).*data: \(..\) \(..\) \(..\) \(..\) .*/0x\4\3\2\1/p')
	[ -n "$entry" ] || die "$vmlinux: no kernel that can be entered by PVH"
	gcc -c -o "$run/boot.o" "$here/bochs_boot.S" || die "cannot assemble bochs_boot.S"
	ld -Ttext 0x7c00 -e _start --oformat binary -o "$run/boot" "$run/boot.o" ||
		die "cannot link bochs_boot.S"

	sector=16 pieces=0
	: >"$run/table"
	: >"$run/pieces"
	LC_ALL=C readelf -lW "$vmlinux" | awk '$1 == "LOAD" { print $2, $5, $4 }' >"$run/segments"
	while read -r offset bytes address; do
		segment "$offset" "$bytes" "$address"
	done <"$run/segments"
	piece "$run/initrd.img" "$initrd_at"
	{
		u32 "$entry" "$pieces" "$initrd_at" "$(wc -c <"$run/initrd.img")"
		cat "$run/table"
	} >"$run/head"
	printf '%s\0' "$cmdline${append:+ $append}" >"$run/cmdline"
	{
		padded "$run/boot" 8
		padded "$run/head" 2
		padded "$run/cmdline" 6
		cat "$run/pieces"
	} >"$run/disk.img"
	# Whole cylinders.
	truncate -s %$((16 * 63 * 512)) "$run/disk.img"
	rm -f "$run/pieces" "$run/piece" "$run/initrd.img"
}

stage_command() {
	begin_alone kvm-intel "$@"
}

# Boot once; set qemu while it runs and qemu_status at its end.
boot() {
	bochs=$("$top/scripts/fetch/fetch-bochs") || die "no Bochs for --emulator bochs"
	end_alone
	make_disk
	cat >"$run/bochsrc" <<-'END'
		config_interface: textconfig
		display_library: rfb, options="timeout=0"
		romimage: file=$BXSHARE/BIOS-bochs-latest, options=fastboot
		vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest
		clock: sync=none, time0=1704067200
		pci: enabled=1, chipset=i440fx
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=disk, path=disk.img, mode=flat
		ata1: enabled=0
		boot: disk
		com1: enabled=1, mode=file, dev=console.log
		com2: enabled=1, mode=file, dev=stderr
		com3: enabled=1, mode=file, dev=ctl.tar
		port_e9_hack: enabled=1
		speaker: enabled=0
		sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
		log: bochs.log
		panic: action=fatal
		error: action=ignore
		info: action=report
		debug: action=ignore
	END
	cat >>"$run/bochsrc" <<-END
		cpu: model=corei7_skylake_x, count=1, ips=$ips, reset_on_triple_fault=0, ignore_bad_msrs=1
		memory: guest=$megabytes, host=$megabytes
	END
	: >"$run/stdout"
	: >"$run/stderr"
	# A display that needs no screen is one that the network can look at: have none,
	# where a user may do that.
	set -- unshare --user --map-root-user --net
	"$@" true 2>/dev/null || set --
	(
		cd "$run" || exit
		exec timeout --foreground -k 5 "${timeout:-0}" "$@" "$bochs" -q -f bochsrc
	) </dev/null >>"$run/stdout" 2>"$run/qemu.log" &
	qemu=$!
	# Its own banner comes first, once the guest has written something.
	{ follow stdout | LC_ALL=C sed -u 1,5d || kill -USR1 $$; } &
	follow stderr >&2 &
	qemu_status=0
	wait "$qemu" || qemu_status=$?
	qemu=''
	wait
	# Its own status is 1 when a guest switches off, too.
	if alone_results; then
		qemu_status=0
	fi
	# Of what it says, what ended it.
	grep -ahE '^[0-9]+p\[|^Bochs is exiting|^tar: ' "$run/qemu.log" "$run/bochs.log" >"$run/said" || :
	mv "$run/said" "$run/qemu.log"
}
