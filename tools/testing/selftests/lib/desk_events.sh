# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests of kvm-zap-trace with made-up events: the program with
# record_source.c in place of tracefs. The sourcing script sets $here, $top and $tmp.
# shellcheck disable=SC2154

command -v cc > /dev/null || ktap_skip_all 'no cc'
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=lib/unit.sh
. "$here/lib/unit.sh"

# $tmp/trace: its events are those of the file that RECORD_EVENTS names.
events_build() {
	set --
	for unit in kvm-zap-trace record record_args record_file record_line trace_args trace_names \
		trace_regions trace_print trace_top desk_qmp desk_qmp_find desk_words desk \
		desk_args desk_print desk_kvm desk_module desk_vms desk_names desk_json host vm \
		vcpu vm_arch guest_pt stats; do
		set -- "$@" "$(find "$source/kvm" "$source/lib" -name arm64 -prune -o -name "$unit.c" -print)"
	done
	# shellcheck disable=SC2046 # a word each
	cc -std=gnu11 -O1 -Wall -Wextra -Werror -pthread -DKVM_ZAP_VERSION='"made-up"' \
		$(find "$source/kvm" "$source/lib" -name arm64 -prune -o -type d -printf '-I%p ') \
		-o "$tmp/trace" "$here/lib/record_source.c" "$@" "$source/lib/vm/x86/guest.S" -ljson-c \
		> "$tmp/cc" 2>&1 || ktap_skip_all "it does not build: $(cat "$tmp/cc")"
}

# events_end VERB STATUS ARGUMENT...: the program as kvm-zap VERB, with the events in $tmp/events,
# ends so: see ends() in desk_zap.sh.
events_end() {
	events_verb=$1 want=$2
	shift 2
	KVM_ZAP_VERB=$events_verb RECORD_EVENTS=$tmp/events ends "$want" "$tmp/trace" "$@"
}
