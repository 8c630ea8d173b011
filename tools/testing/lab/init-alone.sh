# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init where nothing is shared with the host. The command's files, the modules
# and /ctl are in the initramfs, which is also the root file system. Output leaves the
# guest as bytes, through the ports of init-serial.sh or init-virtio.sh: standard output,
# standard error and, at the end, a tar file of /ctl with LAB_OUT as out/.
# shellcheck disable=SC2154 # newroot and out are init's
# shellcheck disable=SC2034 # newroot is for init

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

host_end() {
	rm -rf /ctl/modules
	# What the guest has counted, to the nanosecond: see show_schedule() in lab.
	cat /proc/uptime /proc/stat /proc/schedstat >/ctl/schedule
	[ ! -d "$out" ] || ln -s "$out" /ctl/out
	host_send tar -C /ctl -chf - .
	poweroff -f
}
