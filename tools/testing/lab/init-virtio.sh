# shellcheck shell=dash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by init in QEMU: ports for bytes, over virtio. Standard output is the first one,
# standard error the second, and the output of host_send()'s command the third.
# shellcheck disable=SC2034 # relays is for init

# port N: wait for virtio serial port N, which the host announces in its own
# time, and print its path.
port() {
	tries=0
	while :; do
		path=$(echo /dev/vport*p"$1")
		[ ! -c "$path" ] || break
		tries=$((tries + 1))
		[ $tries -lt 100 ] || fail "virtio serial port $1 does not appear"
		sleep 0.05
	done
	echo "$path"
}

# relay STDOUT STDERR: pass on what comes through the two pipes; a virtio port can be
# opened only once, and 'tee /dev/stderr' opens it again.
host_relay() {
	stdout=$(port 1)
	stderr=$(port 2)
	cat "$1" >"$stdout" &
	relays=$!
	cat "$2" >"$stderr" &
	relays="$relays $!"
}

# Each write waits until the host has taken it.
host_send() { # host_send COMMAND...
	"$@" >"$(port 3)"
}
