# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init in Bochs, where nothing is shared: the command's files, the modules
# and /ctl are in the initramfs, which is the root file system as well. What comes out
# are bytes: standard output by a port that Bochs prints, standard error by the second
# serial port, and at the end, by the third, a tar file of /ctl with LAB_OUT as out/.
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
	bochs-port cat <"$1" &
	relays=$!
	{
		stty raw -echo <&1
		exec cat "$2"
	} >/dev/ttyS1 &
	relays="$relays $!"
}

host_end() {
	rm -rf /ctl/modules
	[ ! -d "$out" ] || ln -s "$out" /ctl/out
	{
		stty raw -echo <&1
		tar -C /ctl -chf - .
	} >/dev/ttyS2
	bochs-port off
	poweroff -f
}
