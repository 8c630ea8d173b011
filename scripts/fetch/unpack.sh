# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the scripts that take a program or a library from Debian's packages, unpacked under
# build/ and not installed. The sourcing script sets $top and has die(), and found(), which
# prints what it was called for if that is there already.
# shellcheck disable=SC2154 # top

# unpack_begin NAME: afterwards $tmp is a folder beside build/NAME, which goes when the script
# ends. Two may ask at once: the second one finds what the first one has fetched, and ends here.
unpack_begin() {
	mkdir -p "$top/build"
	exec 8> "$top/build/$1.lock"
	flock 8
	! found || exit 0
	tmp=$(mktemp -d "$top/build/$1.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# unpack_release: prints the name of the machine's release of Debian.
unpack_release() (
	# shellcheck source=/dev/null
	. /etc/os-release
	[ -n "${VERSION_CODENAME-}" ] || die "/etc/os-release does not say which release of Debian this is"
	echo "$VERSION_CODENAME"
)

# unpack_all RELEASE PACKAGE...: these and all that they depend on, in $tmp.
unpack_all() {
	unpack_from=$1
	shift
	mkdir "$tmp/debs"
	for unpack_package; do
		"$top/scripts/fetch/apt-line" "$unpack_from" fetch-all "$unpack_package" "$tmp/debs" || exit 1
	done
	for deb in "$tmp"/debs/*.deb; do
		dpkg-deb -x "$deb" "$tmp" || die "cannot unpack ${deb##*/}"
	done
	rm -r "$tmp/debs"
}
