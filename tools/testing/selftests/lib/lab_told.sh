# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by tests of the lab's contract: a lab that is told to end. Needs $lab and $tmp.
# shellcheck disable=SC2154,SC2034 # the test's

# told OPTION...: a lab gets SIGTERM once its emulator runs, which it runs under timeout. Sets
# $status to the lab's, and $emulator to that process, '' if there was none within 30 seconds.
told() {
	"$lab" run "$@" -- sleep 100 > "$tmp/stdout" 2> "$tmp/err" &
	told_lab=$!
	told_tries=0
	until emulator=$(pgrep -P "$told_lab" -x timeout) || [ "$told_tries" -ge 300 ]; do
		sleep 0.1
		told_tries=$((told_tries + 1))
	done
	kill -TERM "$told_lab"
	status=0
	wait "$told_lab" || status=$?
}

# The emulator of told() was there, and has ended.
told_all() {
	[ -n "$emulator" ] && ! kill -0 "$emulator" 2> /dev/null
}
