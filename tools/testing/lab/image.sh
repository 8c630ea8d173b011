# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: what to boot. The kernel image, the initramfs, the modules.
# Needs $top, $here, $run and die().
# shellcheck disable=SC2154 # those are lab's
# shellcheck disable=SC3013 # test -nt: not in POSIX, but in dash, bash and busybox

# Set image, image_modules, vmlinuz and kver for kernel VERSION, and made, where to
# keep what is made of it; the only place that knows where a kernel lies:
# build/VERSION/image with boot/vmlinuz-* and lib/modules/*.
find_image() {
	image=$top/build/$1/image
	# One without a version is not Debian's: somebody built it.
	case $1 in
	debug-*) [ -d "$image" ] || die "no kernel for --kernel $1:" \
		"'scripts/build-debug ${1#debug-}' builds it" ;;
	esac
	if [ ! -d "$image" ] || [ -e "$image/version" ]; then
		"$top/scripts/fetch-image" "$1" >&2 || die "no kernel image for --kernel $1"
	fi
	image=$(cd "$image" && pwd -P)
	vmlinuz=$(echo "$image"/boot/vmlinuz-*)
	[ -f "$vmlinuz" ] || die "not one kernel in $image/boot: remove $image and try again"
	kver=${vmlinuz##*/vmlinuz-}
	image_modules=$image/lib/modules/$kver
	[ -f "$image_modules/modules.dep" ] || die "no $image_modules/modules.dep:
remove $image and try again"
	made=$top/build/$1/lab
}

# The same for the root file system $root; VERSION may be empty. What is made of it
# is made anew each time.
find_root() {
	image=$root
	vmlinuz=$(find "$root/boot" -name "vmlinuz-${1:-*}" | sort -V | tail -n 1)
	[ -n "$vmlinuz" ] || die "--root '$root': no kernel ${1:+$1 }in its /boot"
	kver=${vmlinuz##*/vmlinuz-}
	image_modules=$image/lib/modules/$kver
	[ -f "$image_modules/modules.dep" ] || die "--root '$root': no modules of kernel $kver"
	made=$run/made
}

# Set vmlinux to the kernel that $vmlinuz wraps: QEMU starts that one directly
# (PVH), and a boot under TCG takes half the time without the unpacking. Where
# it cannot be had, $vmlinuz does as well. A kernel with KASAN cannot be started so:
# the code that PVH enters by is instrumented before there is a shadow.
find_vmlinux() {
	vmlinux=$vmlinuz
	case $1 in debug-*) return ;; esac
	vmlinux=$made/vmlinux
	[ ! "$vmlinux" -nt "$image_modules/modules.dep" ] || return 0
	mkdir -p "${vmlinux%/*}"
	"$top/scripts/unpack-kernel" "$vmlinuz" "$vmlinux" || vmlinux=$vmlinuz
}

# Set initrd to an initramfs for $image that holds busybox, init and the modules
# needed to reach the host: 9p over virtio-pci, overlayfs, the serial ports.
find_initrd() {
	initrd=$made/initrd.img
	if [ -f "$initrd" ] && [ "$initrd" -nt "$here/init" ] &&
		[ "$initrd" -nt "$here/image.sh" ] &&
		[ "$initrd" -nt "$image_modules/modules.dep" ]; then
		return
	fi
	busybox=$(command -v busybox) || die "no busybox: run 'make setup'"
	mkdir -p "${initrd%/*}" "$run/initrd/bin" "$run/initrd/modules"
	cp "$busybox" "$run/initrd/bin/busybox"
	cp "$here/init" "$run/initrd/init"
	chmod 755 "$run/initrd/init"

	depends -a virtio_pci 9pnet_virtio 9p overlay virtio_console >"$run/list"
	while read -r module; do
		cp "$module" "$run/initrd/modules/"
		echo "${module##*/}"
	done <"$run/list" >"$run/initrd/modules/order"

	# Several labs may do this at once: each replaces the file in one step.
	(cd "$run/initrd" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$run/initrd.img"
	mv "$run/initrd.img" "$initrd"
	rm -rf "$run/initrd"
}

# List the modules of $image that those named need, themselves included, in the
# order of loading, by path. One that the kernel has built in is none.
depends() {
	modprobe -C /dev/null -d "$image" -S "$kver" --show-depends "$@" >"$run/depends" ||
		die "$image lacks a module that the lab needs"
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$run/depends"
}

# stage_modules DIR: list what KVM needs, for either vendor, and put DIR's modules
# to ctl/modules, as they are now (the next build may begin any time).
stage_modules() {
	[ -z "$root" ] || return 0
	mkdir "$run/ctl/modules"
	: >"$run/ctl/modules/list"
	for module in kvm-amd kvm-intel; do
		depends "$module" >"$run/list"
		sed "s|^$image_modules/||" "$run/list" >"$run/ctl/modules/$module"
	done
	[ "$1" != stock ] || return 0
	[ -f "$1/kvm.ko" ] || die "no kvm.ko in $1: run 'make', or use --modules stock"
	for module in "$1"/*.ko; do
		name=${module##*/}
		target=$(grep -oE "^[^:]*/$name(\.[gxz]z|\.zst)?:" "$image_modules/modules.dep") ||
			die "$module: the kernel $kver has no module of that name"
		cp "$module" "$run/ctl/modules/"
		echo "$name ${target%:}" >>"$run/ctl/modules/list"
	done
}
