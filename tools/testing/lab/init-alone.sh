# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init where nothing is shared: the command's files, the modules and /ctl are
# in the initramfs, which is the root file system as well. What comes out are bytes:
# standard output by a port that the emulator prints, standard error by the second serial
# port, and at the end, by the third, a tar file of /ctl with LAB_OUT as out/.
# shellcheck disable=SC2154 # newroot, out and relays are init's
# shellcheck disable=SC2034 # relays is for init

host_ctl() {
	rm -f /ctl/reached
}

host_root() {
	newroot=''
	mkdir -p /usr /root
	ln -s ../bin /usr/bin
	ln -s bin /sbin
}

# modprobe finds them, as the initramfs has them in their place.
host_modules() {
	:
}

host_out() {
	mkdir -p "$out"
}

# The line discipline would turn newlines into CR-LF. The last close waits until the
# port has sent it all.
host_relay() {
	debug-port cat <"$1" &
	relays=$!
	{
		stty raw -echo <&1
		exec cat "$2"
	} >/dev/ttyS1 &
	relays="$relays $!"
}

host_end() {
	rm -rf /ctl/modules
	# What the guest has counted, to the nanosecond: see show_schedule() in lab.
	cat /proc/uptime /proc/stat /proc/schedstat >/ctl/schedule
	[ ! -d "$out" ] || ln -s "$out" /ctl/out
	{
		stty raw -echo <&1
		tar -C /ctl -chf - .
	} >/dev/ttyS2
	debug-port off
	poweroff -f
}
