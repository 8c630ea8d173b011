#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The scripts for bpftrace, on a VM that deletes memslots under fast and then under
# scoped.
#
# What breaks without it: a script reads a field that the event no longer has, names the
# wrong policy, or is refused by Debian's bpftrace.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [DIR]
Tests kvm-zap-latency.bt and kvm-zap-stall.bt of DIR, by default tools/kvm. KTAP; exit status
0 pass, 1 fail, 4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
scripts=${1:-$top/tools/kvm}
[ -e /sys/kernel/btf/vmlinux ] || ktap_skip_all "the kernel has no BTF"
desk_start '' bpftrace

# It comes with a compiler, which takes time, and does not say when it is ready: the number
# of its programs does.
programs() {
	find "/proc/$bpftrace_pid/fd" -lname 'anon_inode:bpf-prog' 2> /dev/null | wc -l
}

# A signal that comes before bpftrace is ready for it is lost: send another one. Its exit status.
end() {
	kill -INT $bpftrace_pid
	for tries in $(seq 30); do
		sleep 10
		kill -INT $bpftrace_pid
		[ "$tries" -lt 30 ] || kill -KILL $bpftrace_pid
	done 2> /dev/null &
	again=$!
	desk_ends $again
	wait $bpftrace_pid
	set -- $?
	kill $again
	wait $again 2> /dev/null
	return "$1"
}

# trace SCRIPT PROGRAMS: what it prints, of some seconds under fast, then under scoped, is
# in $tmp/out.
trace() {
	echo fast > $parameters/memslot_zap
	bpftrace "$scripts/$1" > "$tmp/out" 2>&1 &
	bpftrace_pid=$!
	desk_ends $bpftrace_pid
	tries=0
	until [ "$(programs)" -ge "$2" ]; do
		tries=$((tries + 1))
		{ [ $tries -lt 1800 ] && kill -0 $bpftrace_pid 2> /dev/null; } ||
			{ ktap_fail "it does not start: $(cat "$tmp/out")"; break; }
		sleep 0.1
	done
	sleep 4
	echo scoped > $parameters/memslot_zap
	sleep 4
	end
	ktap_equal 'exit status' $? 0
}

"$bench" rom -m 8 -n 1000000 --pause-ms 150 > "$tmp/bench" 2>&1 &
bench_pid=$!
desk_vm $bench_pid "$tmp/bench"

ktap_start 2
trace kvm-zap-latency.bt 1
ktap_equal 'sites and policies' "$(grep '^@' "$tmp/out" | sort | xargs)" \
	'@ns[memslot, fast]: @ns[memslot, scoped]:'
[ "$(grep -c '|@' "$tmp/out")" -ge 2 ] || ktap_fail "no histogram: $(cat "$tmp/out")"
ktap_result 'kvm-zap-latency.bt has a histogram for each policy'

trace kvm-zap-stall.bt 3
for map in invalidations faults stall_sum_ns; do
	n=$(sed -n "s/^@$map\\[$bench_pid\\]: //p" "$tmp/out")
	[ "${n:-0}" -gt 0 ] || ktap_fail "no $map of $bench_pid: $(cat "$tmp/out")"
done
grep -q "^@stall_ns\\[$bench_pid\\]:" "$tmp/out" || ktap_fail "no histogram: $(cat "$tmp/out")"
ktap_equal 'maps' "$(sed -n 's/^@\([a-z_]*\).*/\1/p' "$tmp/out" | sort -u | xargs)" \
	'faults invalidations stall_ns stall_sum_ns'
ktap_result 'kvm-zap-stall.bt has the faults of each VM, and their time'
ktap_end
