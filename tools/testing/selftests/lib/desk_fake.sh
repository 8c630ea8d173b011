# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests of kvm-zap: a host made of files, mounted over /sys, /proc, /run
# and the like in a namespace, so that kvm-zap needs no option for another root.

fake=	# the folder of that host

# fake_make: a host with three VMs in $fake.
fake_make() {
	rm -rf "$fake"
	parameters=$fake/sys/module/kvm/parameters
	debugfs=$fake/sys/kernel/debug/kvm
	mkdir -p "$parameters" "$debugfs/zap" "$fake/sys/module/kvm/notes" "$fake/proc" \
		"$fake/run" "$fake/modprobe.d" "$fake/modules" "$fake/sys/kernel/security"
	echo live > "$fake/sys/module/kvm/initstate"
	for word in memslot_zap=stock mmio_zap=fast teardown_zap=walk zap_window_ms=100 \
		zap_stall=Y eager_page_split=Y; do
		echo "${word#*=}" > "$parameters/${word%=*}"
	done
	echo 'BOOT_IMAGE=/vmlinuz quiet' > "$fake/proc/cmdline"
	fake_module "$(uname -r)" kvm-zap
	cp "$fake/note" "$fake/sys/module/kvm/notes/.note.gnu.build-id"
	cat > "$debugfs/zap/stats" <<-'END'
		site policy count sptes tables yields flushes total_ns max_ns collateral kept later
		memslot fast 10 1000 20 3 10 5000000 1340942 900 0 x
		memslot scoped 4 64 0 0 4 40000 12000 0 2000 x
		mmio fast 0 0 0 0 0 0 0 0 0 x
		mmio scoped 0 0 0 0 0 0 0 0 0 x
		teardown walk 2 6 5 0 0 60716 59984 0 0 x
		teardown fast 0 0 0 0 0 0 0 0 0 x
		teardown bulk 0 0 0 0 0 0 0 0 0 x
	END
	cat > "$debugfs/zap/latency" <<-'END'
		site policy from_ns count
		memslot fast 262144 9
		memslot fast 1048576 1
		memslot scoped 8192 4
		teardown walk 0 1
		teardown walk 32768 1
	END
	vms_header='tgid tid word by policy memslot_fast memslot_scoped mmio_fast mmio_scoped'
	vms_header="$vms_header sptes collateral kept tables yields fast_ns fast_max_ns scoped_ns"
	vms_header="$vms_header scoped_max_ns updates update_ns update_max_ns refaults stall_ns"
	vms_header="$vms_header mapped age_ms assigned noncoherent stall_max_ns later"
	echo "$vms_header" > "$debugfs/zap/vms"
	fake_vm 210 211 inherit kernel fast '10 0 0 0 1000 900 0 20 3 5000000 1340942 0 0 20 9000000 2000000 800 3000000 65536 40 0 0' 1500000
	fake_vm 310 310 scoped vm scoped '0 4 0 0 64 0 2000 0 0 0 0 40000 12000 8 300000 60000 0 0 1000 - 0 0'
	fake_vm 410 410 inherit dma fast '0 0 0 0 0 0 0 0 0 0 0 0 0 2 1000 600 0 0 300 - 1 1'
	fake_process 210 qemu-system-x86 qemu-system-x86_64 -enable-kvm -name guest=db,debug-threads=on -m 4G
	fake_process 310 qemu-system-x86 /usr/bin/kvm -id 104 -name 'web,debug-threads=on' -uuid C0FFEE00-0000-4000-8000-000000000001
	fake_process 410 gpu-vmm gpu-vmm --sock x
	ln -s /dev/vfio/12 "$fake/proc/410/fd/20"
	ln -s /dev/vfio/vfio "$fake/proc/210/fd/20"
	chmod 700 "$fake/sys/kernel/debug"
}

# fake_module RELEASE OF: kvm.ko for that kernel, with kvm-zap or without.
fake_module() {
	dir=$fake/modules/$1
	mkdir -p "$dir/updates/dkms" "$dir/kernel/arch/x86/kvm"
	printf '\4\0\0\0\24\0\0\0\3\0\0\0GNU\0%s' "id-of-20-bytes-$2-" | head -c 36 > "$fake/note"
	file=updates/dkms/kvm.ko
	[ "$2" = kvm-zap ] || file=kernel/arch/x86/kvm/kvm.ko
	{
		printf 'ELF '
		tail -c 20 "$fake/note"
		[ "$2" != kvm-zap ] || printf ' parm=memslot_zap:How to'
	} > "$dir/$file"
	# What shares its name's beginning, and its folder's name.
	printf '%s\n' "kernel/arch/x86/kvm/kvm-amd.ko: $file" "$file:" > "$dir/modules.dep"
}

# fake_vm TGID TID WORD BY POLICY FIGURES [STALL_MAX_NS]
fake_vm() {
	echo "$1 $2 $3 $4 $5 $6 ${7-0} x" >> "$debugfs/zap/vms"
	mkdir -p "$debugfs/$2-13"
	echo "$3" > "$debugfs/$2-13/memslot_zap"
}

# fake_process PID COMM WORD...: its command line; with no WORD it has none.
fake_process() {
	dir=$fake/proc/$1
	mkdir -p "$dir/fd"
	echo "$2" > "$dir/comm"
	echo "$1 (a) b) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777$1 0 0" > "$dir/stat"
	shift 2
	: > "$dir/cmdline"
	[ $# -eq 0 ] || printf '%s\0' "$@" > "$dir/cmdline"
}

unshare=-m	# its options

# on COMMAND...: on that host. $as_user: by an ordinary user there. $real_proc: /proc is this
# machine's, for programs that do not run without.
on() {
	# shellcheck disable=SC2086,SC2016 # options; another shell's
	unshare $unshare sh -c '
		fake=$1 user=$2 dirs=$3
		shift 3
		for dir in $dirs; do
			mount --bind "$fake/$dir" "/$dir" || exit 99
		done
		mount --bind "$fake/modprobe.d" /etc/modprobe.d || exit 99
		mount --bind "$fake/modules" /lib/modules || exit 99
		[ -z "$user" ] || exec setpriv --reuid 65534 --clear-groups -- "$@"
		exec "$@"' sh "$fake" "${as_user-}" \
		"sys run$([ -n "${real_proc-}" ] || echo " proc")" "$@"
}
