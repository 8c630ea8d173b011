# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by scripts that run a command which has processes of its own in the background: the
# command is a session, and whatever ends the script ends all of the session. A script that has
# to clean up as well sets its own trap on EXIT, and calls stop in it.

running=

# End the command that runs, with all that belongs to it.
stop() {
	[ -z "$running" ] || kill -- "-$running" 2> /dev/null || :
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# apart COMMAND...: returns its exit status.
apart() {
	setsid "$@" < /dev/null &
	running=$!
	apart_status=0
	wait "$running" || apart_status=$?
	running=
	return $apart_status
}
