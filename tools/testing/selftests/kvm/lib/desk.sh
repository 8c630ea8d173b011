# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests of kvm-zap on real VMs. It creates the VMs that they look at and
# runs kvm-zap on them. $here is the folder of the test, one above this file's.
#
#	desk_start "${1-}" jq		# kvm-zap or '', programs that are needed
#	"$bench" rom &
#	desk_ends $!			# killed when the test ends, whatever happens
#	zap 0 status
#	says '1 of 1 VMs'

# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=lib/ktap.sh
# shellcheck disable=SC2154 # the test sets it
. "$here/lib/ktap.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=lib/schema.sh
. "$here/lib/schema.sh"
top=$(cd "$here/../../../.." && pwd -P)
debugfs=/sys/kernel/debug/kvm
parameters=/sys/module/kvm/parameters
bench=$top/build/tools/kvm-zap-bench
tmp='' desk_running=''

# shellcheck disable=SC2317 # the EXIT trap calls it
desk_stop() {
	for desk_pid in $desk_running; do
		kill -CONT "$desk_pid" 2> /dev/null || :
		kill "$desk_pid" 2> /dev/null || :
		wait "$desk_pid" 2> /dev/null || :
	done
	"$tool" restore > /dev/null 2>&1 || :
	echo stock > $parameters/memslot_zap
	rm -rf "$tmp"
}

# Skips the test where it cannot be run. $tool is kvm-zap then, $tmp a folder of the test's.
desk_start() { # desk_start KVM-ZAP COMMAND...
	tool=${1:-$top/build/tools/kvm-zap}
	shift
	for desk_command in "$tool" "$bench"; do
		[ -x "$desk_command" ] || ktap_skip_all "no $desk_command: run 'make'"
	done
	[ -e $parameters/memslot_zap ] || ktap_skip_all 'this kvm has no kvm-zap'
	[ -e $debugfs/zap/vms ] || ktap_skip_all "no $debugfs/zap/vms"
	for desk_command; do
		command -v "$desk_command" > /dev/null || ktap_skip_all "no $desk_command"
	done
	tmp=$(mktemp -d)
	trap desk_stop EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

desk_ends() { # desk_ends PID: the process is to be ended with the test
	desk_running="$1 $desk_running"
}

# until_true COMMAND...: wait for it, on a busy host for some minutes.
until_true() {
	desk_tries=0
	until "$@" > /dev/null 2>&1; do
		desk_tries=$((desk_tries + 1))
		[ $desk_tries -lt 2400 ] || { ktap_fail "never: $*"; return 1; }
		sleep 0.1
	done
}

# shellcheck disable=SC2317 # until_true calls it
desk_has_vm() { grep -q "^$1 " $debugfs/zap/vms && [ -n "$(folder "$1")" ]; }

# The test is skipped if it gets none.
desk_vm() { # desk_vm PID OUTPUT: wait for the VM of a process, whose output the file has
	desk_ends "$1"
	until_true desk_has_vm "$1" > /dev/null || ktap_skip_all "no VM: $(cat "$2")"
}

folder() { # folder PID: the VM's, in debugfs
	find $debugfs -maxdepth 1 -name "$1-*" | head -n 1
}

# The process has its events in an instance of tracefs, which others do not disturb.
# shellcheck disable=SC2317 # until_true calls it
instance() { echo /sys/kernel/tracing/instances/kvm-zap."$1"; }

# The process traces: tracing is switched on when the last event has been enabled.
# shellcheck disable=SC2317 # until_true calls it
traces_now() {
	grep -q 1 "$(instance "$1")/events/kvm/kvm_zap/enable" && grep -q 1 "$(instance "$1")/tracing_on"
}

# A signal that stops a process has arrived when none of its threads is left in a call.
# shellcheck disable=SC2317 # until_true calls it
stands_still() { ! grep -q -v ') T ' /proc/"$1"/task/*/stat; }

stand_still() { # stand_still PID...: stopped, and nothing of it under way any more
	kill -STOP "$@"
	for desk_pid; do
		until_true stands_still "$desk_pid"
	done
}

# zap STATUS ARGUMENT...: kvm-zap has that exit status; $tmp/out and $tmp/err what it says.
zap() {
	desk_want=$1
	shift
	"$tool" "$@" > "$tmp/out" 2> "$tmp/err"
	desk_status=$?
	[ "$desk_status" -eq "$desk_want" ] ||
		ktap_fail "kvm-zap $*: exit status $desk_status, not $desk_want: $(cat "$tmp/out" "$tmp/err")"
}

says() { # says WORDS: those are part of what it said
	cat "$tmp/out" "$tmp/err" | grep -q -F -e "$1" ||
		ktap_fail "not said: '$1' but: $(cat "$tmp/out" "$tmp/err")"
}

between() { # between WHAT LOW GOT HIGH
	{ [ "$2" -le "$3" ] && [ "$3" -le "$4" ]; } 2> /dev/null ||
		ktap_fail "$1: $3, not from $2 to $4"
}

# $kernel is one that guests can boot; false: there is none.
desk_kernel() {
	kernel=$top/build/$(uname -r)/image/boot/vmlinuz-$(uname -r)
	[ -e "$kernel" ] || kernel=/boot/vmlinuz-$(uname -r)
	[ -e "$kernel" ]
}
