# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by tests that build a test in C of some files of tools: those files, and the test,
# which takes the place of what is below them. The sourcing script sets $here, $top and $tmp,
# and has sourced ktap.sh.
# shellcheck disable=SC2154

# The sources may be those of another tree: where tests of such a test put what is broken.
source=${KVM_ZAP_SOURCE-$top/tools}

# unit_of OPTION...: what find says of the sources, those of arm64 left out.
unit_of() {
	find "$source/kvm" "$source/lib" "$source/bench" -name arm64 -prune -o "$@"
}

# unit NAME SOURCE|libvm|-lLIBRARY...: NAME.c and lib/unit.c, built with these, say that all is
# well; else the case fails. A source that tools do not have is one of lib. libvm: the sources
# of the VM library.
unit() {
	unit_name=$1
	shift
	for unit_word; do
		shift
		case $unit_word in
		-l*) set -- "$@" "$unit_word" ;;
		libvm)
			for unit_file in vm.c vcpu.c stats.c x86/vm_arch.c x86/guest_pt.c x86/guest.S; do
				set -- "$@" "$source/lib/vm/$unit_file"
			done
			;;
		*)
			unit_file=$here/lib/$unit_word
			[ -f "$unit_file" ] || unit_file=$(unit_of -name "$unit_word" -print)
			set -- "$@" "$unit_file"
			;;
		esac
	done
	# shellcheck disable=SC2046 # a word each
	cc -std=gnu11 -O1 -Wall -Wextra -Werror -pthread $(unit_of -type d -printf '-I%p ') \
		-I"$here/lib" -I/usr/include/tracefs -I/usr/include/traceevent -o "$tmp/$unit_name" \
		"$here/$unit_name.c" "$here/lib/unit.c" "$@" > "$tmp/out" 2>&1 ||
		{ ktap_fail "$(cat "$tmp/out")"; return; }
	timeout 300 "$tmp/$unit_name" > "$tmp/out" 2>&1 || ktap_fail "$(grep -v '^ok' "$tmp/out")"
}
