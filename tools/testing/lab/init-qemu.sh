# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init in QEMU: what the host shares, by 9p and virtio.
# shellcheck disable=SC2154 # newroot, out and relays are init's
# shellcheck disable=SC2034 # relays is for init

# mount_9p TAG DIR OPTIONS: a directory of the host. The packet size is the
# largest that the virtio transport takes in one piece.
mount_9p() {
	mkdir -p "$2"
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2"
}

# Without the cache, both sides see each other's writes; mmap needs that much.
host_ctl() {
	mount_9p ctl /ctl cache=mmap || poweroff -f
}

# The host's files do not change under a lab, as far as the lab is concerned.
host_root() {
	mount_9p root /lower ro,cache=loose || fail "cannot mount the host's root"
	mount_at tmpfs /upper size=50%
	mkdir -p /upper/files /upper/work /newroot
	mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work \
		overlay /newroot || fail "cannot mount the overlay"
	newroot=/newroot
}

# Have modprobe find the image's modules, the replacements in their place.
host_modules() {
	mkdir -p "$lib"
	mount --bind "/newroot$image_modules" "$lib" ||
		fail "the lab does not see $image_modules"
	while read -r module target; do
		mount --bind "/ctl/modules/$module" "$lib/$target" ||
			fail "cannot put $module in place of $target"
	done </ctl/modules/list
}

host_out() {
	mount_9p out "/newroot$out" cache=mmap || fail "cannot mount $out"
}

# port N: wait for virtio serial port N, which the host announces in its own
# time, and print its path.
port() {
	tries=0
	while :; do
		path=$(echo /dev/vport*p"$1")
		[ ! -c "$path" ] || break
		tries=$((tries + 1))
		[ $tries -lt 100 ] || fail "virtio serial port $1 does not appear"
		sleep 0.05
	done
	echo "$path"
}

# relay STDOUT STDERR: pass on what comes through the two pipes; a virtio port can be
# opened only once, and 'tee /dev/stderr' opens it again.
host_relay() {
	stdout=$(port 1)
	stderr=$(port 2)
	cat "$1" >"$stdout" &
	relays=$!
	cat "$2" >"$stderr" &
	relays="$relays $!"
}

# QEMU serves all devices in one loop: once it has taken the status, it has written
# what the relays sent before.
host_end() {
	poweroff -f
}
