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

# unit NAME SOURCE|-lLIBRARY...: NAME.c, built with these, says that all is well; else the case
# fails.
unit() {
	unit_name=$1
	shift
	for unit_word; do
		shift
		case $unit_word in
		-l*) set -- "$@" "$unit_word" ;;
		*) set -- "$@" "$(unit_of -name "$unit_word" -print)" ;;
		esac
	done
	# shellcheck disable=SC2046 # a word each
	cc -std=gnu11 -O1 -Wall -Wextra -Werror -pthread $(unit_of -type d -printf '-I%p ') \
		-I/usr/include/tracefs -I/usr/include/traceevent -o "$tmp/$unit_name" \
		"$here/$unit_name.c" "$@" > "$tmp/out" 2>&1 || { ktap_fail "$(cat "$tmp/out")"; return; }
	timeout 300 "$tmp/$unit_name" > "$tmp/out" 2>&1 || ktap_fail "$(grep -v '^ok' "$tmp/out")"
}
