# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: a guest that shares nothing with the host. Its root file system is the
# initramfs: busybox, the modules of KVM and zram, and the files that COMMAND names.
# Output leaves the guest as bytes, see init-alone.sh. Needs $run and what options.sh and
# image.sh set.
# shellcheck disable=SC2154 # those are set there

# What may be a path in a line of text.
name_pattern='[A-Za-z0-9._/][A-Za-z0-9._/-]*/[A-Za-z0-9._-]+'

# put FILE: copy it to the same path of the initramfs, and what it names if it is a
# script or a list.
put() {
	case $1 in
	/*) path=$1 ;;
	*) path=$cwd/$1 ;;
	esac
	[ ! -e "$tree$path" ] || return 0
	if LC_ALL=C readelf -lW "$path" 2>/dev/null | grep -qw INTERP; then
		die "$1 is linked dynamically, and there are no libraries with $alone:" \
			"link it with -static"
	fi
	machine=$(LC_ALL=C readelf -hW "$path" 2>/dev/null | sed -n 's/^ *Machine: *//p')
	case $arch:$machine in
	*: | :*X86-64 | arm64:AArch64) ;;
	*) die "$1 is a program for $machine, which the guest is not:" \
		"build it for ${arch:-x86-64}, see scripts/fetch/fetch-cross --help" ;;
	esac
	mkdir -p "$tree${path%/*}"
	cp "$path" "$tree$path" || die "cannot copy $1"
	# Those of text, without the words of comments.
	[ "$(wc -c <"$path")" -lt 65536 ] && LC_ALL=C grep -qI . "$path" || return 0
	# shellcheck disable=SC2016 # what scripts call the folder that they are in
	LC_ALL=C sed '/^[[:blank:]]*#/d; s|\$here/|'"${path%/*}/|g" "$path" |
		grep -oE "$name_pattern" | sort -u >>"$run/named" || :
}

# The command's files.
put_files() {
	printf '%s\n' "$@" | LC_ALL=C grep -oE "$name_pattern" >"$run/named" || :
	for word; do
		case $word in
		/bin/* | /sbin/* | /usr/* | /dev/* | /proc/* | /sys/*) ;;
		*/*) [ ! -f "$word" ] || put "$word" ;;
		esac
	done
	# What a word that is shell names, and what those files name.
	seen=0
	while [ "$seen" -lt "$(wc -l <"$run/named")" ]; do
		seen=$((seen + 1))
		word=$(sed -n "${seen}p" "$run/named")
		[ -f "$word" ] || continue
		case $(cd "$(dirname "$word")" && pwd -P)/ in
		"$top"/*) put "$word" ;;
		esac
	done
}

# program SOURCE NAME [OPTION...]: build one of the lab's own, in C, by default a static
# program; sets program.
program() {
	source=$here/$1.c program=$top/build/lab/$2
	shift 2
	[ $# -gt 0 ] || set -- -static
	if [ ! -e "$program" ] || [ -n "$(find "$source" "$here"/*.h -newer "$program")" ]; then
		gcc -O2 "$@" -o "$run/program" "$source" || die "cannot build ${source##*/}"
		mv "$run/program" "$program"
	fi
}

# put_modules NAME...: these modules, as modprobe finds them.
put_modules() {
	lib=$tree/lib/modules/$kver
	depends -a "$@" >"$run/list"
	while read -r module; do
		target=${module#"$image_modules/"}
		mkdir -p "$lib/${target%/*}"
		cp "$module" "$lib/$target"
	done <"$run/list"
	[ ! -e "$run/ctl/modules/list" ] || while read -r module target; do
		[ ! -e "$lib/$target" ] || cp "$run/ctl/modules/$module" "$lib/$target"
	done <"$run/ctl/modules/list"
	cp "$image_modules"/modules.builtin* "$image_modules/modules.order" "$lib/"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$tree" "$kver" || die "depmod fails"
}

# begin_alone MODULE WORD...: begin the initramfs, with module MODULE, if any, for the command
# of these words. end_alone() adds what lab writes to ctl/.
begin_alone() {
	tree=$run/initrd
	if [ "$arch" = arm64 ]; then
		initramfs "$tree" alone virtio
		boot_modules "$tree" virtio_pci virtio_console virtio_input
	else
		initramfs "$tree" alone serial
		: >"$tree/modules/order"
		program debug_port debug-port
		cp "$program" "$tree/bin/"
	fi
	if [ -n "$seed" ]; then
		program noise noise
		cp "$program" "$tree/bin/"
	fi
	# zram is the only swap that there can be.
	put_modules ${1:+"$1"} zram
	shift
	put_files "$@"
	mkdir -p "$tree$cwd"
}

# Make it $run/initrd.img.
end_alone() {
	cp -R "$run/ctl" "$tree/ctl"
	pack "$tree" "$run/initrd.img"
}

# Take over what the guest has left in ctl.tar; false if that is not whole.
alone_results() {
	if tar -C "$run/ctl" -xf "$run/ctl.tar" 2>>"$run/qemu.log"; then
		[ ! -d "$run/ctl/out" ] || cp -R "$run/ctl/out/." "$out/"
	else
		rm -f "$run/ctl/status"
		return 1
	fi
}
