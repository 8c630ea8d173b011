#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What kvm-zap says about VMs, on a host made of files: each figure in its column, the order
# of the VMs, whom a choice reaches, and words of VMs with several folders or devices of each
# kind. What else the command says is the matter of desk_test.sh.
#
# What breaks without it: the VM that suffers most is not the first one, a figure stands below
# another one's title, or 'scoped' is given to a VM that has a device.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"

# counts NAME=VALUE...: a row's figures for fake_vm; those that are not given are 0.
counts() {
	for column in $vms_header; do
		case $column in tgid | tid | word | by | policy | stall_max_ns | later) continue ;; esac
		value=0
		for given; do
			[ "${given%%=*}" != "$column" ] || value=${given#*=}
		done
		printf '%s ' "$value"
	done
}

# A host without VMs, to which fake_vm and fake_process add some.
no_vms() {
	fake_make
	rm -r "$debugfs"/[0-9]*
	echo "$vms_header" > "$debugfs/zap/vms"
	rm -r "$fake/proc/210" "$fake/proc/310" "$fake/proc/410"
}

# guest PID NAME
guest() {
	fake_process "$1" qemu qemu -name "guest=$2"
}

# cells NAME: the words of that VM's line.
cells() {
	sed -n "s/  */ /g; s/^$1 //p" "$tmp/out"
}

# later PID NAME=VALUE...: these figures of that VM, when it is looked at a second time.
later() {
	[ -s "$tmp/later" ] || cp "$debugfs/zap/vms" "$tmp/later"
	pid=$1
	shift
	awk -v pid="$pid" -v given="$*" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		NR > 1 && $1 == pid {
			n = split(given, pairs, " ")
			for (i = 1; i <= n; i++) {
				split(pairs[i], word, "=")
				$at[word[1]] = word[2]
			}
		}
		{ print }' "$tmp/later" > "$tmp/later.new"
	mv "$tmp/later.new" "$tmp/later"
}

# measure ARGUMENT...: status, which sees zap/vms as it is, and then as later() made it, 4 s
# after it: the interval is longer than it should be, as on a machine that is slow.
measure() {
	mv "$debugfs/zap/vms" "$tmp/before"
	seen 4 "$debugfs/zap/vms" "$tmp/before" "$tmp/later"
	zap 0 status -i 2 "$@"
	wait
	rm "$tmp/later"
}

order_test() {
	no_vms
	# All alike but for what has harmed, and how much is mapped.
	fake_vm 501 501 inherit kernel fast "$(counts mapped=10)"
	fake_vm 502 502 inherit kernel fast "$(counts mapped=30)"
	fake_vm 503 503 inherit kernel fast "$(counts mapped=20)"
	fake_vm 504 504 inherit kernel fast "$(counts update_ns=5 mapped=1)"
	fake_vm 505 505 inherit kernel fast "$(counts stall_ns=9 mapped=1)"
	fake_vm 500 500 inherit kernel fast "$(counts mapped=10)"
	for pid in 500 501 502 503 504 505; do
		guest $pid vm$pid
	done
	zap 0 status -i 0 --json
	json '[.vms[].pid]' '[505,504,502,503,500,501]'
	# What its vCPUs lose counts as what the VMM waits for does.
	later 501 memslot_fast=1 update_ns=100000000
	later 503 memslot_fast=1 update_ns=1000 stall_ns=400000000
	later 500 memslot_scoped=1 update_ns=200000000 stall_ns=100000000
	measure --json
	json '[.vms[].pid]' '[503,500,501,505,504,502]'
	ktap_result 'what harms now comes first, then what has harmed, then the larger'
}

# 4 s and more. Figures are such that none needs another unit by that.
columns_test() {
	no_vms
	fake_vm 501 501 inherit param scoped "$(counts mapped=7000 scoped_max_ns=3000000 fast_max_ns=2000)" 70000000
	guest 501 busy
	fake_vm 502 502 fast vm fast "$(counts mapped=5 fast_max_ns=40000 scoped_max_ns=1000 refaults=77 memslot_fast=5)"
	guest 502 idle
	fake_vm 503 503 inherit param fast "$(counts age_ms=7)"
	guest 503 third
	for cpu in 0 1 2 3; do
		ln -s anon_inode:kvm-vcpu:$cpu "$fake/proc/501/fd/3$cpu"
	done
	cp "$debugfs/zap/vms" "$tmp/vms"
	later 501 memslot_fast=100 memslot_scoped=200 mmio_fast=300 mmio_scoped=400 collateral=600000 kept=70000 \
		refaults=60000 updates=500 update_ns=1200000000 stall_ns=7200000000
	later 503 memslot_fast=300 collateral=1200000 kept=1
	# Counts that were cleared meanwhile are no rate.
	later 502 memslot_fast=2 refaults=1
	measure
	ktap_equal 'words' "$(cells busy | cut -d ' ' -f 1-6)" '501 inherit param scoped - 7.0k'
	ktap_equal 'WORST' "$(cells busy | cut -d ' ' -f 11) $(cells idle | cut -d ' ' -f 11)" '3.0ms 40us'
	# REF/S is 60 times INV/S, and STALL, of four vCPUs, one and a half times UPD.
	ktap_equal 'ratios of columns' "$(cells busy | sed 's/k / /g; s/%//g' |
		awk '{ print int(1000 * $8 / $7 / 60 + 0.5), int($10 / $9 / 1.5 + 0.5) }')" '1 1'
	ktap_equal 'what stands still' "$(cells idle | cut -d ' ' -f 7-10)" '0 0 0% 0%'
	ktap_equal titles "$(sed -n 's/  */ /g; /^NAME/p' "$tmp/out")" \
		'NAME PID WORD BY GETS DEV MAPPED INV/S REF/S UPD STALL WORST'
	cp "$tmp/vms" "$debugfs/zap/vms"
	later 501 memslot_fast=100 memslot_scoped=200 mmio_fast=300 mmio_scoped=400 collateral=600000 kept=70000 \
		refaults=60000 updates=500 update_ns=1200000000 stall_ns=7200000000 sptes=11000
	later 503 memslot_fast=300 collateral=1200000 kept=1
	measure --json
	# shellcheck disable=SC2016 # a variable of jq
	json '[.vms[] | select(.name != "idle")] | map(.rates.seconds as $s | .rates | [.invalidations, .updates, .sptes, .collateral, .kept, .refaults] | map(. * $s / 10 | round))' \
		'[[100,50,1100,60000,7000,6000],[30,0,0,120000,0,0]]'
	json '.vms[0].rates.seconds >= 3.9' true
	ktap_equal 'the first line' "$(jq -r '"\(.vms[0].rates | .update_share * 100 | round) \(.vms[0].rates.stall_share * 100 | round)" as $shares |
		($shares | split(" ")) as [$update, $stall] | (.vms | map(.rates)) as $r |
		"2 of 3 VMs: \($r | map(.invalidations) | add | round) invalidations a second, \($update)% of busy\u0027s time in updates of memslots, \($stall)% of its vCPUs\u0027 lost (worst 70ms); scoped would have kept \($r | map(.collateral) | add / 1000 | round)k mappings a second that went (within 2 s)"' "$tmp/out")" \
		"$(jq -r .summary "$tmp/out")"
	# Nothing is measured of faults: no column says 0.
	echo N > "$parameters/zap_stall"
	zap 0 status -i 0.1
	ktap_equal 'STALL without zap_stall' "$(cells busy | cut -d ' ' -f 9)" '0%'
	ktap_equal 'titles without zap_stall' "$(sed -n 's/  */ /g; /^NAME/p' "$tmp/out")" \
		'NAME PID WORD BY GETS DEV MAPPED INV/S REF/S UPD WORST'
	ktap_result 'each figure stands below its title, and the first line has the sums'

	# scoped has kept, and nobody dropped more than had to go.
	cp "$tmp/vms" "$debugfs/zap/vms"
	later 501 memslot_scoped=100 kept=1000000
	measure
	case $(uname -r) in
	[1-5].* | 6.[0-9].* | 6.1[01].*) says '; each time, scoped kept 10k mappings that stock (fast, on this kernel) drops' ;;
	*) says '; each time, scoped kept 10k mappings that fast (as stock, unless a VMM asks for less) drops' ;;
	esac
	ktap_result 'what other policies would do is said of those that differ'
}

# VMs of one thread: the newest is listed first, and had no figures before.
threads_test() {
	no_vms
	fake_vm 501 501 inherit kernel fast "$(counts memslot_fast=1000 mapped=2)"
	guest 501 one
	cp "$debugfs/zap/vms" "$tmp/old"
	fake_vm 501 501 inherit kernel fast "$(counts memslot_fast=1010 mapped=2)"
	{ head -n 1 "$tmp/old"; echo "501 501 inherit kernel fast $(counts memslot_fast=30 mapped=1)0 x"; tail -n 1 "$debugfs/zap/vms"; } > "$tmp/later"
	cp "$tmp/old" "$debugfs/zap/vms"
	measure --json
	# shellcheck disable=SC2016 # a variable of jq
	json '[.vms[] | (.rates.seconds as $s | .rates.invalidations * $s | round)] | sort' '[10,30]'
	ktap_result 'VMs of one thread are told apart by their age'
}

devices_test() {
	for kind in assigned=1 noncoherent=1 group device iommufd; do
		no_vms
		figures=''
		fake_process 501 q qemu -name db
		case $kind in
		group) ln -s /dev/vfio/12 "$fake/proc/501/fd/20" ;;
		device) ln -s 'anon_inode:[vfio-device]' "$fake/proc/501/fd/20" ;;
		iommufd) ln -s /dev/vfio/devices/vfio0 "$fake/proc/501/fd/20" ;;
		*) figures=$kind ;;
		esac
		# shellcheck disable=SC2086 # none, or one
		fake_vm 501 501 inherit kernel fast "$(counts $figures)"
		zap 6 set memslot scoped
		says 'db (pid 501) has devices of the host'
		zap 6 set memslot scoped --vm db
		zap 0 status -i 0
		want=1
		[ $kind != noncoherent=1 ] || want=0+n
		ktap_equal "DEV by $kind" "$(cells db | cut -d ' ' -f 5)" $want
		zap 0 set memslot auto --vm db --devices-tested
		zap 0 set memslot fast --vm db
		says "undo: kvm-zap set memslot auto --vm 501 --devices-tested"
	done
	# Two devices of one group, and three that KVM tells of.
	no_vms
	fake_process 501 q qemu -name db
	ln -s /dev/vfio/12 "$fake/proc/501/fd/20"
	ln -s 'anon_inode:[vfio-device]' "$fake/proc/501/fd/21"
	ln -s 'anon_inode:[vfio-device]' "$fake/proc/501/fd/22"
	fake_vm 501 501 inherit kernel fast "$(counts)"
	zap 0 status -i 0
	ktap_equal 'DEV of two' "$(cells db | cut -d ' ' -f 5)" 2
	sed -i '1q' "$debugfs/zap/vms"
	fake_vm 501 501 inherit dma fast "$(counts assigned=3 noncoherent=1)"
	zap 0 status -i 0
	ktap_equal 'DEV of three' "$(cells db | cut -d ' ' -f 5)" 3+n
	ktap_result 'a device of any kind is one'
}

# Those that a choice does not reach, and those that it does.
reached_test() {
	no_vms
	fake_vm 501 501 inherit type fast "$(counts)"
	guest 501 tdx
	fake_vm 502 502 inherit kernel fast "$(counts)"
	guest 502 plain
	fake_vm 503 503 inherit dma fast "$(counts)"
	guest 503 passed
	zap 0 set memslot scoped
	says 'for 1 of 3 VMs'
	says 'not reached: tdx (pid 501): VMs of its type have no choice (fast)'
	says 'not reached: passed (pid 503): it has a device with non-coherent DMA (fast)'
	unsaid 'not reached: plain'
	zap 0 verify memslot=scoped
	says 'tdx (pid 501) follows its own type, fast'
	says 'passed (pid 503) follows its own dma, fast'
	unsaid plain
	zap 0 set memslot scoped --vm tdx --json
	json '[.vm.pid, [.not_reached[].by]]' '[501,["type"]]'
	zap 0 set memslot scoped --vm plain --json
	json '[.vm.pid, .not_reached]' '[502,[]]'
	# A process with VMs of two threads, one of which has two.
	no_vms
	fake_vm 501 601 inherit kernel fast "$(counts)"
	fake_vm 501 501 inherit kernel fast "$(counts)"
	fake_vm 501 501 inherit kernel fast "$(counts)"
	guest 501 three
	mkdir "$debugfs/501-14"
	echo inherit > "$debugfs/501-14/memslot_zap"
	zap 0 set memslot fast --vm three
	ktap_equal 'words of all' "$(vm_word 501-13) $(vm_word 501-14) $(vm_word 601-13)" 'fast fast fast'
	zap 0 restore
	says 'memslot_zap of pid 501: fast -> inherit'
	ktap_equal 'words of all' "$(vm_word 501-13) $(vm_word 501-14) $(vm_word 601-13)" 'inherit inherit inherit'
	ktap_equal notes "$(ls "$fake/run/kvm-zap")" ''
	ktap_result 'all VMs that a choice does not reach are named, all that it reaches get it'
}

# A note is there exactly as long as there is something to restore.
notes_test() {
	no_vms
	zap 0 set mmio scoped
	zap 0 status -i 0
	says "mmio_zap: 'scoped' by kvm-zap set since"
	echo fast > "$parameters/mmio_zap"	# by somebody else
	zap 0 status -i 0
	unsaid 'by kvm-zap set since'
	echo scoped > "$parameters/mmio_zap"
	zap 0 restore
	says 'mmio_zap: scoped -> fast'
	ktap_equal 'notes after restore' "$(ls "$fake/run/kvm-zap")" ''
	zap 0 restore
	says 'nothing to put back'
	# The kernel does not take it: nothing has changed, neither has the note of before.
	for before in '' 'set memslot auto'; do
		fake_make
		# shellcheck disable=SC2086 # words
		[ -z "$before" ] || zap 0 $before --devices-tested
		kept=$(cat "$fake/run/kvm-zap/memslot_zap" 2> /dev/null)
		# shellcheck disable=SC2016 # another shell's
		on sh -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" set memslot fast' \
			sh /sys/module/kvm/parameters/memslot_zap "$tool" > "$tmp/out" 2>&1
		ktap_equal 'exit status of a refusal' $? 1
		ktap_equal "the note after a refusal, '$before'" "$(cat "$fake/run/kvm-zap/memslot_zap" 2> /dev/null)" "$kept"
	done
	# Nobody changes words between another one's reading and writing.
	fake_make
	zap 0 set mmio scoped
	mkfifo "$tmp/locked"
	for verb in 'set teardown fast' restore; do
		# shellcheck disable=SC2016 # another shell's
		on flock "/run/kvm-zap/.lock" sh -c 'echo > "$1"; sleep 3; echo free > "$1.free"' sh "$tmp/locked" &
		read -r _ < "$tmp/locked"
		# shellcheck disable=SC2086 # words
		zap 0 $verb
		[ -e "$tmp/locked.free" ] || ktap_fail "$verb does not wait for another one"
		wait
		rm -f "$tmp/locked.free"
	done
	ktap_result 'a note is there as long as it holds, and one changes words at a time'
}

newest_test() {
	no_vms
	fake_module 999.9 kvm-zap
	fake_module 999.10 distribution
	zap 1 verify --boot memslot=stock --json
	json .newest_kernel '"999.10"'
	fake_module 999.11 kvm-zap
	mkdir "$fake/modules/999.12"	# what is left of one that was removed
	zap 0 verify --boot memslot=stock mmio=fast teardown=walk --json
	json '[.newest_kernel, [.sites[] | [.site, .boot]]]' \
		'["999.11",[["memslot","stock"],["mmio","fast"],["teardown","walk"]]]'
	# What only begins as a parameter does is none.
	echo 'options kvm memslot_zapper=fast' > "$fake/modprobe.d/a.conf"
	zap 0 verify --boot memslot=stock
	# Debian's own are packed.
	for packer in xz gzip zstd; do
		command -v $packer > /dev/null || continue
		suffix=$packer
		[ $packer != gzip ] || suffix=gz
		[ $packer != zstd ] || suffix=zst
		for of in kvm-zap distribution; do
			fake_module 999.11 $of
			file=$fake/modules/999.11/$(sed -n '2s/:.*//p' "$fake/modules/999.11/modules.dep")
			$packer < "$file" > "$file.$suffix"
			rm "$file"
			sed -i "s/kvm\\.ko:/kvm.ko.$suffix:/" "$fake/modules/999.11/modules.dep"
			zap "$([ $of = kvm-zap ] && echo 0 || echo 1)" verify --boot memslot=stock
			says "kvm.ko.$suffix)"
		done
	done
	ktap_result 'the newest kernel is the one with the highest version, and its kvm may be packed'
}

ktap_start 8
order_test
columns_test
threads_test
devices_test
reached_test
notes_test
newest_test
ktap_end
