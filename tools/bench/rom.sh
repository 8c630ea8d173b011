#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Read every PCI ROM of this machine, again and again, through sysfs. In a guest of QEMU,
# each round deletes and creates a memslot for each ROM, which is the purpose; but the
# script runs in any Linux guest, including busybox' initramfs.
set -eu

prog=${0##*/}
usage="usage: $prog [N]
Enables, reads and disables the ROM of every PCI device N times (default 10).
Prints what it read from each, and a total. Needs root.

Exit status: 0; 2 for wrong usage; 4 if no PCI device has a ROM, or none could
be read."

case ${1-10} in
-h | --help) echo "$usage"; exit 0 ;;
*[!0-9]* | '' | 0 | ???????*)
	echo "$prog: '$1': give the number of rounds, 1 to 999999" >&2
	exit 2
	;;
esac
[ $# -le 1 ] || { echo "$prog: unexpected argument '$2'" >&2; exit 2; }
rounds=${1-10}

devices=/sys/bus/pci/devices
current=
trap '[ -z "$current" ] || echo 0 > "$current" 2> /dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Enable, read, disable; sets n to the number of bytes, 0 if it is unreadable.
read_rom() {
	current=$1
	n=0
	if { echo 1 > "$1"; } 2> /dev/null; then
		# Given the file itself, wc would look up its size and read nothing.
		# shellcheck disable=SC2002
		n=$(cat "$1" 2> /dev/null | wc -c)
		{ echo 0 > "$1"; } 2> /dev/null || :
	fi
	n=$((n))
	current=
}

roms=0 reads=0 bytes=0 failed=0
for rom in "$devices"/*/rom; do
	[ -e "$rom" ] || continue
	roms=$((roms + 1))
	device=${rom%/rom}
	device=${device##*/}
	ok=0 bad=0 got=0 i=0
	while [ "$i" -lt "$rounds" ]; do
		i=$((i + 1))
		read_rom "$rom"
		if [ "$n" -gt 0 ]; then
			ok=$((ok + 1))
			got=$n
			bytes=$((bytes + n))
		else
			bad=$((bad + 1))
		fi
	done
	reads=$((reads + ok))
	failed=$((failed + bad))
	echo "$device: $ok reads of $got bytes$([ "$bad" = 0 ] || echo ", $bad failed")"
done

if [ "$roms" = 0 ]; then
	echo "$prog: no PCI device of this machine has a ROM" >&2
	exit 4
fi
echo "total: $roms ROMs, $rounds rounds, $reads reads, $bytes bytes, $failed failed"
[ "$reads" -gt 0 ] || exit 4
