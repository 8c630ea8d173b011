# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init in QEMU: the files that the host shares, over 9p.
# shellcheck disable=SC2154 # newroot and out are init's
# shellcheck disable=SC2034 # newroot is for init

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

# QEMU serves all devices in one loop: once it has taken the status, it has written
# what the relays sent before.
host_end() {
	poweroff -f
}
