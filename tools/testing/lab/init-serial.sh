# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init where there is no virtio: ports for bytes. Standard output is a port
# that the emulator prints, standard error is the second serial port, and the output of
# host_send()'s command is the third.
# shellcheck disable=SC2034 # relays is for init

# The line discipline would turn newlines into CR-LF. The last close waits until the
# port has sent it all.
host_relay() {
	debug-port cat <"$1" &
	relays=$!
	{
		stty raw -echo <&1
		exec cat "$2"
	} >/dev/ttyS1 &
	relays="$relays $!"
}

host_send() { # host_send COMMAND...
	{
		stty raw -echo <&1
		"$@"
	} >/dev/ttyS2
	debug-port off
}
