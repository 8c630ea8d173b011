# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: what to boot, that is the kernel image, the initramfs and the modules.
# Needs $top, $here, $run and die().
# shellcheck disable=SC2154 # those are lab's
# shellcheck disable=SC2034 # cmdline and pc_cmdline are for the emulators
# shellcheck disable=SC3013 # test -nt: not in POSIX, but in dash, bash and busybox

# Set image, image_modules, vmlinuz and kver for kernel VERSION, and made, where to
# keep what is made of it; the only place that knows where a kernel lies:
# build/VERSION/image with boot/vmlinuz-* and lib/modules/*.
find_image() {
	image=$top/build/$1/image
	# One without a version is not Debian's: somebody built it.
	case $1 in
	debug-*) [ -d "$image" ] || die "no kernel for --kernel $1:" \
		"'scripts/build/build-debug ${1#debug-}' builds it" ;;
	races-*) [ -d "$image" ] || die "no kernel for --kernel $1:" \
		"'scripts/build/build-debug --races ${1#races-}' builds it" ;;
	small-*-*) [ -d "$image" ] || die "no kernel for --kernel '$1':" \
		"'scripts/build/build-arm64 --${1##*-} $(echo "$1" | cut -d- -f2)' builds it" ;;
	small-*) [ -d "$image" ] || die "no kernel for --kernel '$1':" \
		"'scripts/build/build-arm64 ${1#small-}' builds it" ;;
	esac
	if [ ! -d "$image" ] || [ -e "$image/version" ]; then
		"$top/scripts/fetch/fetch-image" "$1" >&2 || die "no kernel image for --kernel $1"
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
# the code that PVH enters by is instrumented before there is a shadow; nor is one that
# was built here, nor one for arm64, which is not packed.
find_vmlinux() {
	vmlinux=$vmlinuz
	case $1 in debug-* | races-* | small-* | *-arm64) return ;; esac
	vmlinux=$made/vmlinux
	[ ! "$vmlinux" -nt "$image_modules/modules.dep" ] || return 0
	mkdir -p "${vmlinux%/*}"
	"$top/scripts/fetch/extract-vmlinux" "$vmlinuz" "$vmlinux" || vmlinux=$vmlinuz
}

# initramfs DIR HOST PORTS: put together what each lab's initramfs has, with init-HOST.sh and
# init-PORTS.sh.
initramfs() {
	if [ "$arch" = arm64 ]; then
		busybox=$("$top/scripts/fetch/fetch-busybox" arm64) || die "no busybox for arm64"
	else
		busybox=$(command -v busybox) || die "no busybox: run 'make setup'"
	fi
	mkdir -p "$1/bin" "$1/modules"
	cp "$busybox" "$1/bin/busybox"
	cp "$here/init" "$1/init"
	cat "$here/init-$2.sh" "$here/init-$3.sh" >"$1/host.sh"
	chmod 755 "$1/init"
}

# pack DIR FILE: make it one. Several labs may do this at once: each replaces the file
# in one step.
pack() {
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible) >"$run/packed"
	mv "$run/packed" "$2"
	rm -rf "$1"
}

# List the modules of $image that those named need, themselves included, in the
# order of loading, by path, without those that are built into the kernel.
depends() {
	modprobe -C /dev/null -d "$image" -S "$kver" --show-depends "$@" >"$run/depends" ||
		die "$image lacks a module that the lab needs"
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }' "$run/depends"
}

# boot_modules DIR NAME...: the modules that init loads first, for the initramfs DIR.
boot_modules() {
	dir=$1
	shift
	depends -a "$@" >"$run/list"
	while read -r module; do
		cp "$module" "$dir/modules/"
		echo "${module##*/}"
	done <"$run/list" >"$dir/modules/order"
}

# Kernel command line, whatever the emulator. Warnings belong on the console: it is all
# there is when the guest does not live to hand over its log. No mitigations: they cost
# instructions and say nothing about the MMU. The log is kept whole.
cmdline="loglevel=5 log_buf_len=4M panic=-1 mitigations=off"
# Whose kernel has lost a task, or a CPU, has its verdict: what would wait for it for
# good ends there and then.
cmdline="$cmdline oops=panic softlockup_panic=1 hung_task_panic=1"
# Nothing to wait for: no self-tests and, on a PC, no keyboard.
cmdline="$cmdline cryptomgr.notests"
pc_cmdline="console=ttyS0 i8042.noaux i8042.nokbd"

# stage_modules DIR: list what KVM needs, for either vendor, and put DIR's modules
# to ctl/modules, as they are now (the next build may begin any time).
stage_modules() {
	[ -z "$root" ] || return 0
	mkdir "$run/ctl/modules"
	# Kernels for arm64 have KVM built in.
	[ -z "$arch" ] || return 0
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
