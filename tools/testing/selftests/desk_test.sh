#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap on a host made of files: what it says, what it changes, and what it answers to
# wrong input of each kind. Real VMs are desk_vm_test.sh's matter.
#
# What breaks without it: a word is written that nobody can take back, a name that holds a
# control character takes the terminal along, node_exporter loses the file for one series.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../../.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source=kvm/ktap.sh
. "$here/kvm/ktap.sh"
# shellcheck source-path=SCRIPTDIR source=desk_fake.sh
. "$here/desk_fake.sh"

usage="usage: ${0##*/} [KVM-ZAP]
Tests the command KVM-ZAP, by default build/tools/kvm-zap. KTAP; exit status 0 pass,
1 fail, 4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
tool=${1:-$top/build/tools/kvm-zap}
[ -x "$tool" ] || ktap_skip_all "no $tool: run 'make'"
[ -x /usr/bin/jsonschema ] || ktap_skip_all 'no jsonschema: apt-get install python3-jsonschema'
unshare=-m
[ "$(id -u)" -eq 0 ] || unshare=-rm
unshare $unshare true 2> /dev/null || ktap_skip_all 'no mount namespaces here: unshare fails'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$tmp"
cp "$tool" "$tmp/kvm-zap"
tool=$tmp/kvm-zap
fake=$tmp/host
unset COLUMNS

# zap STATUS ARGUMENT...: kvm-zap has that exit status; $out and $err have what it says.
zap() {
	want=$1
	shift
	on "$tool" "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null
	status=$?
	out=$(cat "$tmp/out") err=$(cat "$tmp/err")
	[ "$status" -eq "$want" ] || ktap_fail "kvm-zap $*: exit status $status, not $want: $out $err"
}

# says TEXT: one of these is on stdout, or stderr.
says() {
	case $out$err in *"$1"*) ;; *) ktap_fail "not said: '$1' but: $out $err" ;; esac
}

unsaid() {
	case $out$err in *"$1"*) ktap_fail "said: '$1': $out $err" ;; esac
}

# json FILTER EXPECTED: of what was printed last, which keeps to the schema.
json() {
	/usr/bin/jsonschema -i "$tmp/out" "$top/tools/kvm/kvm-zap.schema.json" > "$tmp/schema" 2>&1 ||
		ktap_fail "$(head -n 5 "$tmp/schema")"
	ktap_equal "$1" "$(jq -c "$1" "$tmp/out" 2>&1)" "$2"
}

word() { cat "$parameters/$1"; }
vm_word() { cat "$debugfs/$1/memslot_zap"; }

# In order ------------------------------------------------------------------

status_test() {
	fake_make
	zap 0 status -i 0
	says '3 VMs, rates not measured'
	says "kvm is kvm-zap's, the one installed by DKMS"
	says 'memslot_zap=stock mmio_zap=fast teardown_zap=walk zap_stall=Y zap_window_ms=100'
	unsaid eager
	says 'db      210 inherit kernel fast     -    66k'
	says '410 inherit dma    fast   1+n'
	zap 0 -i 0 --json
	json '[.vms[] | [.name, .named_by, .pid, .tid, .vfio, .vcpus, .age_ms]]' \
		'[["db","name",210,211,0,0,40],["web","name",310,310,0,0,null],["gpu-vmm","comm",410,410,1,0,null]]'
	json '[.vms[1].id, .vms[1].uuid, .vms[0].id]' '["104","C0FFEE00-0000-4000-8000-000000000001",null]'
	json '[.vms[0].counts.update_ns, .vms[0].rates.seconds, .changes]' '[9000000,null,[]]'
	json '.module | [.origin, .installed_has_kvm_zap, .installed_is_loaded]' '["kvm-zap",true,true]'
	json '.parameters | length' 5
	ktap_result 'status says what is in force, and JSON keeps to the schema'

	# 30 deletions more of db within the interval, 2 of them scoped; a VM comes.
	fake_make
	cp "$debugfs/zap/vms" "$tmp/vms"
	sed 's/^210 211 inherit kernel fast 10 0 0 0 1000 900 0 20 3 5000000 1340942 0 0 20 9000000 2000000 800 3000000/210 211 inherit kernel fast 38 2 0 0 2000 1500 0 20 3 5000000 1340942 0 0 50 109000000 2000000 2800 53000000/
		$a 510 510 inherit param scoped 0 6 0 0 6 0 0 0 0 0 0 6 1 6 600 100 0 0 1 5 0 0 x' \
		"$tmp/vms" > "$tmp/vms.new"
	ln -s anon_inode:kvm-vcpu:0 "$fake/proc/210/fd/30"
	ln -s anon_inode:kvm-vcpu:1 "$fake/proc/210/fd/31"
	(sleep 0.5; cp "$tmp/vms.new" "$debugfs/zap/vms") &
	zap 0 status -i 3 --json
	wait
	json '[.vms[] | .name] | .[0:2]' '["db","510"]'
	# The interval is as long as the machine makes it.
	# shellcheck disable=SC2016 # a variable of jq
	json '.vms[0].rates | .seconds as $s | [.invalidations, .updates, .refaults / 100, .update_share * 100, .stall_share * 1000] | map(. * $s | round)' \
		'[30,30,20,10,25]'
	json '.vms[1].rates | .invalidations * .seconds | round' 6
	json '.vms[0].rates.seconds | . >= 3 and . < 30' true
	says '2 of 4 VMs: '
	says ' invalidations a second, '
	says "of db's time in updates of memslots, "
	says 'scoped would have kept '
	cp "$tmp/vms" "$debugfs/zap/vms"
	zap 0 status -i 0.1
	says '3 VMs: no invalidation within 0.1 s'
	echo "$vms_header" > "$debugfs/zap/vms"
	zap 0
	says 'no VM runs'
	ktap_result 'status measures, the VM that suffers most comes first'
}

# Names that VMMs really have, and worse.
names_test() {
	fake_make
	esc=$(printf '\033')
	fake_process 210 q qemu -name 'guest=größe-数据,debug-threads=on'
	fake_process 310 q qemu -name "guest=a${esc}[2J
b$(printf '\377')" -uuid x
	fake_process 410 'a b'
	fake_vm 510 510 inherit param fast '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 - 0 0'
	fake_process 510 q qemu -name debug-threads=on,guest=with,,comma -id 7
	fake_vm 610 610 inherit param fast '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 - 0 0'
	fake_process 610 q qemu -name a-name-that-is-longer-than-any-column-of-a-table-should-be-by-far
	fake_vm 710 710 inherit param fast '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 - 0 0'
	fake_process 710 q qemu -uuid 0000-1
	zap 0 -i 0 --json
	json '[.vms[].name] | sort' '["0000-1","a\u001b[2J\nb\\xff","a b","a-name-that-is-longer-than-any-column-of-a-table-should-be-by-far","größe-数据","with,comma"]'
	zap 0 -i 0
	says 'größe-数据'
	says "a\\x1b[2J\\x0ab\\xff"
	case $out in *"$esc"*) ktap_fail 'an escape sequence reaches the terminal' ;; esac
	# On a terminal of 80 columns each line fits, however wide its characters are.
	on script -qec "stty cols 80; LC_ALL=C.UTF-8 $tool -i 0" /dev/null > "$tmp/out" < /dev/null 2>&1
	tr -d '\r' < "$tmp/out" | tail -n +5 > "$tmp/lines"
	ktap_equal 'lines of a table' "$(wc -l < "$tmp/lines")" 7
	widest=$(LC_ALL=C.UTF-8 wc -L < "$tmp/lines")
	[ "$widest" -le 80 ] || ktap_fail "$widest columns: $(cat "$tmp/lines")"
	grep -q 'a-name.*…' "$tmp/lines" || ktap_fail "not cut: $(cat "$tmp/lines")"
	ktap_result 'names of any kind, within 80 columns'
}

set_test() {
	fake_make
	zap 0 set memslot fast
	says 'memslot: stock -> fast, for 1 of 3 VMs'
	says 'not reached: web (pid 310): it has a word of its own (scoped)'
	says 'not reached: gpu-vmm (pid 410): it has a device with non-coherent DMA (fast)'
	says 'undo: kvm-zap set memslot stock'
	ktap_equal memslot_zap "$(word memslot_zap)" fast
	zap 0 -i 0
	says "memslot_zap: 'fast' by kvm-zap set since"
	zap 0 set memslot fast
	says 'is fast already, nothing is changed'
	zap 0 set memslot stock --json
	json '[.was, .now, .changed, .vm, [.not_reached[].pid]]' '["fast","stock",true,null,[310,410]]'
	[ ! -e "$fake/run/kvm-zap/memslot_zap" ] || ktap_fail 'a note stays'
	zap 0 set teardown bulk
	says 'teardown: walk -> bulk, for 3 of 3 VMs'
	zap 0 set memslot fast --vm db
	says 'memslot of db (pid 210): inherit -> fast'
	ktap_equal 'word of db' "$(vm_word 211-13)" fast
	undo=$(sed -n 's/^undo: kvm-zap //p' "$tmp/out")
	# shellcheck disable=SC2086 # a command
	zap 0 $undo
	ktap_equal 'word of db' "$(vm_word 211-13)" inherit
	for who in 310 web 104 c0ffee00-0000-4000-8000-000000000001; do
		zap 0 set memslot auto --vm $who
		says 'scoped -> auto'
		ktap_equal "word by $who" "$(vm_word 310-13)" auto
		zap 0 set memslot scoped --vm 310
	done
	zap 0 set memslot auto --vm 410 --devices-tested --json
	json '[.vm.name, [.not_reached[].by]]' '["gpu-vmm",["dma"]]'
	ktap_result 'set changes what it says, names whom it does not reach, and how to go back'
}

wrong_test() {
	fake_make
	echo scoped > "$parameters/memslot_zap"
	zap 2 set memslot bulk
	says "memslot takes stock, fast, scoped, auto (now: scoped); 'bulk' is a word of teardown"
	zap 2 set mmio SCOPED
	says "mmio takes fast, scoped (now: fast); 'SCOPED' is no word"
	zap 2 set memslots fast
	says "'memslots' is no site: memslot, mmio, teardown"
	zap 2 set memslot inherit
	says 'give --vm'
	zap 2 set teardown bulk --vm db
	says 'only memslot'
	zap 2 set memslot
	says 'a SITE and a WORD are wanted'
	zap 2 set memslot fast 210
	says "'210' is not expected"
	zap 2 frobnicate
	says "'frobnicate' is no verb: status, set, verify, restore, stat"
	zap 2 --json status
	says 'the verb goes first'
	for seconds in -1 1,5 nan '' 1x 999999; do
		zap 2 status -i "$seconds"
		says "'$seconds': give seconds"
	done
	zap 2 stat -n 0 -i 1
	zap 2 stat -n 3
	says '--count wants --interval'
	zap 2 stat --output x
	zap 2 stat --prometheus --json
	zap 3 set memslot fast --vm nobody
	says "no VM is called 'nobody'"
	zap 3 set memslot fast --vm 999
	fake_process 310 q qemu -name db
	zap 3 set memslot fast --vm db
	says "2 VMs are called 'db': give the pid (210, 310)"
	# A number that is one VM's process and the other's name.
	fake_process 310 q qemu -name x -id 210
	zap 3 set memslot fast --vm 210
	says 'give the pid'
	rm -r "$debugfs/211-13"
	fake_process 310 q qemu -name web
	zap 3 set memslot fast --vm db
	says 'has no folder'
	ktap_equal memslot_zap "$(word memslot_zap)" scoped
	ktap_equal 'notes' "$(ls "$fake/run/kvm-zap" 2> /dev/null)" ''
	ktap_result 'wrong input has an answer, and changes nothing'
}

devices_test() {
	fake_make
	# Not by DMA now: what is chosen would reach it.
	sed -i 's/^410 410 inherit dma fast/410 410 inherit kernel fast/' "$debugfs/zap/vms"
	for word in scoped auto; do
		zap 6 set memslot $word
		says 'gpu-vmm (pid 410) has devices of the host'
		says '--devices-tested'
	done
	ktap_equal memslot_zap "$(word memslot_zap)" stock
	zap 6 set memslot scoped --vm 410
	ktap_equal 'word of gpu-vmm' "$(vm_word 410-13)" inherit
	zap 0 set memslot scoped --vm db
	zap 0 set memslot fast
	zap 0 set mmio scoped
	zap 0 set memslot scoped --devices-tested
	says 'undo: kvm-zap set memslot fast'
	zap 0 set memslot fast
	says 'undo: kvm-zap set memslot scoped --devices-tested'
	# One that only its open files tell of, as a VMM may do without KVM's own device.
	echo stock > "$parameters/memslot_zap"
	sed -i '/^410/s/1 1 x$/0 0 x/' "$debugfs/zap/vms"
	zap 6 set memslot scoped
	# It has a word of its own: it is not reached.
	sed -i 's/^410 410 inherit kernel/410 410 fast vm/' "$debugfs/zap/vms"
	zap 0 set memslot scoped
	# Which VMs have devices cannot be told.
	echo stock > "$parameters/memslot_zap"
	rm "$debugfs/zap/vms"
	zap 5 set memslot scoped
	says 'which VMs have devices is not known'
	zap 0 set memslot fast
	says 'note: which VMs this reaches is not known'
	ktap_result 'scoped wants to know of devices'
}

restore_test() {
	fake_make
	zap 0 restore
	says 'nothing to put back'
	zap 0 set memslot fast
	zap 0 set memslot scoped --devices-tested
	zap 0 set memslot auto --vm db
	zap 0 set memslot auto --vm web
	zap 0 set mmio scoped
	zap 0 set teardown bulk
	echo fast > "$parameters/teardown_zap"	# by somebody else
	fake_process 310 q qemu -name web	# another VM of the same folder
	sed -i 's/777310/778310/' "$fake/proc/310/stat"
	zap 0 status -i 0 --json
	json '[.changes[].target]' '["211-13","memslot_zap","mmio_zap"]'
	zap 1 restore --json
	json '[.restored[] | [.target, .was, .now, .outcome]]' \
		'[["211-13","auto","inherit","restored"],["310-13","auto","scoped","gone"],["memslot_zap","scoped","stock","restored"],["mmio_zap","scoped","fast","restored"],["teardown_zap","bulk","walk","foreign"]]'
	ktap_equal words "$(word memslot_zap) $(word mmio_zap) $(word teardown_zap) $(vm_word 211-13) $(vm_word 310-13)" \
		'stock fast fast inherit auto'
	zap 1 restore
	says 'somebody has changed it since'
	zap 0 restore --force
	says 'teardown_zap: bulk -> walk'
	ktap_equal teardown_zap "$(word teardown_zap)" walk
	# Two at once: the note is of what was before both.
	fake_make
	on "$tool" set mmio scoped > "$tmp/one" &
	on "$tool" set teardown fast > "$tmp/two" &
	on "$tool" set memslot fast > "$tmp/one" &
	on "$tool" set memslot auto --devices-tested > "$tmp/two" &
	wait
	ktap_equal 'notes of two' "$(cat "$fake/run/kvm-zap/"* | sed 's/ by .*//' | sort | xargs)" \
		"was fast now scoped was stock now $(word memslot_zap) was walk now fast"
	# Killed after the note, before the change.
	fake_make
	mkdir -p "$fake/run/kvm-zap"
	echo 'was stock now scoped by compare when 1 vm 0 start 0' > "$fake/run/kvm-zap/memslot_zap"
	echo junk > "$fake/run/kvm-zap/mmio_zap"
	: > "$fake/run/kvm-zap/memslot_zap.a1B2c3"
	zap 0 restore
	says 'memslot_zap: is stock already'
	# No room for a note: the change is not made.
	fake_make
	mkdir "$fake/run/kvm-zap"
	# shellcheck disable=SC2016 # another shell's
	on sh -c 'mount -t tmpfs -o nr_inodes=2 none /run/kvm-zap && exec "$1" set memslot fast' \
		sh "$tool" > "$tmp/out" 2>&1
	ktap_equal 'exit status without room' $? 1
	grep -q 'what was before cannot be noted in /run/kvm-zap: No space left' "$tmp/out" ||
		ktap_fail "$(cat "$tmp/out")"
	ktap_equal memslot_zap "$(word memslot_zap)" stock
	ktap_result 'restore puts back what was before, and says what it leaves alone'
}

verify_test() {
	fake_make
	zap 0 verify memslot=stock teardown=walk --json
	json '[.ok, .newest_kernel, [.sites[] | [.site, .word, .now, .boot]]]' \
		'[true,null,[["memslot","stock","stock",null],["teardown","walk","walk",null]]]'
	says 'web (pid 310) follows its own vm, scoped'
	zap 1 verify memslot=scoped
	says 'not so: now: memslot is stock'
	zap 0 verify --boot memslot=stock
	says 'boot: memslot is stock (the default, no modprobe.d has one)'
	printf '%s\n' '# options kvm memslot_zap=auto' 'options kvm memslot_zap=fast nx_huge_pages=off' \
		> "$fake/modprobe.d/a.conf"
	echo 'options kvm_amd npt=1' > "$fake/modprobe.d/b.conf"
	zap 1 verify --boot memslot=stock
	says "boot: memslot is fast (modprobe's configuration)"
	echo 'options kvm mmio_zap=scoped memslot_zap=scoped' > "$fake/modprobe.d/z.conf"
	echo scoped > "$parameters/memslot_zap"
	zap 0 verify --boot memslot=scoped
	if command -v systemd-tmpfiles > /dev/null; then
		mkdir "$fake/run/tmpfiles.d"
		echo 'w- /sys/module/kvm/parameters/memslot_zap - - - - auto' > "$fake/run/tmpfiles.d/zap.conf"
		real_proc=1
		zap 1 verify --boot memslot=scoped
		real_proc=
		says 'boot: tmpfiles.d writes auto to /sys/module/kvm/parameters/memslot_zap'
		rm -r "$fake/run/tmpfiles.d"
	fi
	# The next kernel's kvm is the distribution's.
	fake_module 999.0 distribution
	zap 1 verify --boot memslot=scoped --json
	json '[.ok, .newest_kernel, [.reasons[] | select(.ok | not) | .text]]' \
		'[false,"999.0",["boot: kvm for 999.0, the newest kernel, is without kvm-zap (/lib/modules/999.0/kernel/arch/x86/kvm/kvm.ko)"]]'
	zap 0 verify memslot=scoped
	for wrong in memslot memslots=fast memslot=bulk 'memslot=fast memslot=fast' ''; do
		# shellcheck disable=SC2086 # words
		zap 2 verify $wrong
	done
	ktap_result 'verify tells now and after a reboot'
}

stat_test() {
	fake_make
	zap 0 stat
	says 'memslot  fast      10  1.0k    900'
	unsaid mmio
	zap 0 stat --all
	says 'mmio     scoped'
	zap 0 stat --json
	json '[.rows[0] | .count, .collateral, .latency, .rates]' \
		'[10,900,[{"from_ns":262144,"count":9},{"from_ns":1048576,"count":1}],null]'
	on script -qec "stty cols 80; $tool stat" /dev/null < /dev/null 2>&1 | tr -d '\r' > "$tmp/out"
	grep -q '262us - 524us  *9 ###*$' "$tmp/out" || ktap_fail "no bars: $(cat "$tmp/out")"
	[ "$(wc -L < "$tmp/out")" -le 80 ] || ktap_fail "wider than 80: $(cat "$tmp/out")"
	(
		sleep 0.5
		sed 's/^memslot fast 10 1000/memslot fast 30 1500/' "$debugfs/zap/stats" > "$tmp/stats"
		cp "$tmp/stats" "$debugfs/zap/stats"
	) &
	zap 0 stat -i 1 -n 3 --json
	wait
	ktap_equal 'JSON lines' "$(wc -l < "$tmp/out")" 3
	ktap_equal 'growth, in all lines' \
		"$(jq -s '[.[] | .rows[0].rates.count * .seconds] | add | round' "$tmp/out")" 20
	head -n 1 "$tmp/out" > "$tmp/line"
	cp "$tmp/line" "$tmp/out"
	json .verb '"stat"'
	# Interrupted: what there is is whole.
	on timeout -s INT 3 "$tool" stat -i 0.2 --json > "$tmp/out" 2>&1
	jq -s -e 'length >= 2' "$tmp/out" > /dev/null || ktap_fail "^C: $(cat "$tmp/out")"
	on "$tool" stat > /dev/full 2> "$tmp/err"
	ktap_equal 'exit status of a full disk' $? 1
	ktap_result 'stat has totals, rates and histograms'
}

prometheus_test() {
	fake_make
	promtool=$("$top/scripts/fetch-promtool") || {
		ktap_skip 'no promtool' 'metrics and alerts for Prometheus'
		return
	}
	fake_process 210 q qemu -name "guest=a\"b\\c
d$(printf '\377')é"
	# A kernel that does not tell of devices.
	fake_vm 510 510 inherit param fast '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 - - 0'
	fake_process 510 vmm vmm
	ln -s 'anon_inode:[vfio-device]' "$fake/proc/510/fd/7"
	# Two VMs of one process.
	fake_vm 310 311 inherit param fast '7 0 0 0 0 0 0 0 0 0 0 0 99000 0 0 0 0 0 0 - 0 0'
	zap 0 stat --prometheus
	"$promtool" check metrics < "$tmp/out" > "$tmp/err" 2>&1 || ktap_fail "$(cat "$tmp/err")"
	ktap_equal 'remarks of promtool' "$(cat "$tmp/err")" ''
	ktap_equal 'series that are there twice' "$(sed '/^#/d; s/ [^ ]*$//' "$tmp/out" | sort | uniq -d)" ''
	sed 's/^/ /' "$tmp/out" > "$tmp/metrics"
	while read -r line; do
		grep -q -x -F " $line" "$tmp/metrics" || ktap_fail "no $line"
	done <<-'END'
		kvm_zap_invalidations_total{site="memslot",policy="fast"} 10
		kvm_zap_max_seconds{site="memslot",policy="fast"} 0.001340942
		kvm_zap_duration_seconds_bucket{site="memslot",policy="fast",le="0.000262144"} 0
		kvm_zap_duration_seconds_bucket{site="memslot",policy="fast",le="0.000524288"} 9
		kvm_zap_duration_seconds_bucket{site="memslot",policy="fast",le="+Inf"} 10
		kvm_zap_duration_seconds_bucket{site="teardown",policy="walk",le="0.000001024"} 1
		kvm_zap_duration_seconds_sum{site="memslot",policy="fast"} 0.005000000
		kvm_zap_duration_seconds_count{site="memslot",policy="fast"} 10
		kvm_zap_vm_memslot_update_seconds_total{domain="a\"b\\c\nd\\xffé",pid="210"} 0.009000000
		kvm_zap_vm_invalidations_total{domain="web",pid="310",site="memslot",policy="fast"} 7
		kvm_zap_vm_invalidations_total{domain="web",pid="310",site="memslot",policy="scoped"} 4
		kvm_zap_vm_max_seconds{domain="web",pid="310",policy="scoped"} 0.000099000
		kvm_zap_vm_info{domain="gpu-vmm",pid="410",word="inherit",by="dma",policy="fast"} 1
		kvm_zap_vm_assigned_devices{domain="gpu-vmm",pid="410"} 1
		kvm_zap_parameter_info{site="memslot",word="stock"} 1
		kvm_zap_vm_assigned_devices{domain="vmm",pid="510"} 1
		kvm_zap_vms 4
	END
	ktap_check grep -q '^kvm_zap_module_info{origin="kvm-zap",build_id="[0-9a-f]*",kernel="[^"]*"} 1$' "$tmp/out"
	when=$(sed -n 's/^kvm_zap_exporter_last_run_seconds //p' "$tmp/out")
	[ $(($(date +%s) - when)) -lt 60 ] || ktap_fail "last run $when"

	# A reader that has the file open keeps the old one: it is replaced, not written over.
	echo old > "$fake/run/kvm-zap.prom"
	exec 5< "$fake/run/kvm-zap.prom"
	zap 0 stat --prometheus --output /run/kvm-zap.prom
	ktap_equal 'what a reader has' "$(cat <&5)" old
	exec 5<&-
	ktap_equal 'what it prints' "$out" ''
	ktap_check grep -q '^kvm_zap_vms 4$' "$fake/run/kvm-zap.prom"
	ktap_equal 'mode, files' "$(stat -c %a "$fake/run/kvm-zap.prom") $(ls -I mount "$fake/run")" '644 kvm-zap.prom'
	zap 1 stat --prometheus --output /run/none/kvm-zap.prom
	says 'No such file'
	# What cannot be read leaves the file to grow old; stock modules are news.
	cp "$fake/run/kvm-zap.prom" "$tmp/before"
	mv "$debugfs/zap" "$tmp/zap"
	zap 5 stat --prometheus --output /run/kvm-zap.prom
	ktap_check cmp "$tmp/before" "$fake/run/kvm-zap.prom"
	rm "$parameters"/*zap*
	zap 0 stat --prometheus --output /run/kvm-zap.prom
	ktap_check grep -q '^kvm_zap_module_info{origin="distribution"' "$fake/run/kvm-zap.prom"
	"$promtool" check metrics < "$fake/run/kvm-zap.prom" > "$tmp/err" 2>&1 || ktap_fail "$(cat "$tmp/err")"
	rm -rf "$tmp/zap"
	ktap_result 'metrics for Prometheus'

	rules=$top/debian/examples/prometheus/kvm-zap.rules.yml
	sed "s,RULES,$rules," "$here/desk_rules_test.yml" > "$tmp/rules.yml"
	"$promtool" test rules "$tmp/rules.yml" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
	# The dashboard's expressions can be parsed. Grafana itself is not in Debian.
	dashboard=$top/debian/examples/prometheus/kvm-zap.dashboard.json
	jq -r '"groups:\n- name: dashboard\n  rules:", ([.panels[].targets[].expr] | to_entries[] |
		"  - record: panel:\(.key)\n    expr: \(.value | @json)")' "$dashboard" > "$tmp/dashboard.yml"
	"$promtool" check rules "$tmp/dashboard.yml" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
	ktap_check grep -q 'SUCCESS: 7 rules' "$tmp/out"
	if command -v systemd-analyze > /dev/null; then
		for unit in service timer; do
			sed "s,/usr/sbin/kvm-zap,$tool," "$top/debian/examples/systemd/kvm-zap-prometheus.$unit" \
				> "$tmp/kvm-zap-prometheus.$unit"
		done
		ktap_equal 'remarks of systemd' "$(systemd-analyze verify --man=no "$tmp/kvm-zap-prometheus.timer" 2>&1 | grep kvm-zap)" ''
	fi
	# Rules ask for no metric that is not written.
	# shellcheck disable=SC2013 # a word a line
	for metric in $(grep -h -o 'kvm_zap_[a-z_]*' "$rules" "$dashboard" | sort -u); do
		ktap_check grep -q "^ $metric"'[{ ]' "$tmp/metrics"
	done
	ktap_result 'alerts fire for what they are about, and the dashboard asks for what there is'
}

# What is missing -----------------------------------------------------------

missing_test() {
	fake_make
	rm -r "$fake/sys/kernel/debug/kvm"
	zap 5 status
	says 'debugfs is not mounted: mount -t debugfs none /sys/kernel/debug'
	says 'memslot_zap=stock'
	zap 5 stat
	zap 5 set memslot fast --vm db
	zap 0 status -i 0 --help
	mkdir "$fake/sys/kernel/debug/kvm"
	zap 5 stat
	says 'zap/stats is missing: the kvm that is loaded is of another version'
	fake_make
	rm "$parameters"/*zap*
	fake_module "$(uname -r)" distribution
	cp "$fake/note" "$fake/sys/module/kvm/notes/.note.gnu.build-id"
	for verb in 'set memslot fast' stat status; do
		# shellcheck disable=SC2086 # words
		zap 4 $verb
		says "kvm is without kvm-zap, the one installed by the kernel's package"
	done
	zap 4 status --json
	json '[.module.origin, .vms, .parameters.memslot_zap]' '["distribution",null,null]'
	zap 1 verify memslot=stock
	# Installed, and not loaded anew yet.
	fake_module "$(uname -r)" kvm-zap
	zap 4 set memslot fast
	says "and not the one installed by DKMS, which is kvm-zap's: kvm-zap-reload"
	rm -r "$fake/sys/module/kvm"
	zap 4 set memslot fast
	says "kvm is not loaded; the one installed by DKMS is kvm-zap's"
	fake_make
	sed -i '1s/ collateral / other /' "$debugfs/zap/vms"
	zap 1 status -i 0
	says "no column 'collateral'"
	: > "$debugfs/zap/stats"
	zap 1 stat
	says 'has no header'
	if [ "$unshare" = -m ]; then
		fake_make
		as_user=1
		zap 5 status
		says 'only root reads debugfs'
		says 'memslot_zap=stock'
		zap 5 set memslot fast
		says 'only root may choose'
		zap 5 restore
		zap 0 verify memslot=stock
		as_user=
		ktap_equal memslot_zap "$(word memslot_zap)" stock
	fi
	ktap_result 'what is missing is named: debugfs, kvm-zap, kvm, root'
}

locale_test() {
	if ! command -v localedef > /dev/null || [ ! -f /usr/share/i18n/locales/de_DE ]; then
		ktap_skip 'no locales: apt-get install locales' 'numbers in any locale'
		return
	fi
	fake_make
	mkdir -p "$tmp/locale"
	localedef -i de_DE -f UTF-8 "$tmp/locale/de_DE.UTF-8" > /dev/null 2>&1 || :
	LOCPATH=$tmp/locale LC_ALL=de_DE.UTF-8
	export LOCPATH LC_ALL
	ktap_equal 'the locale has a comma' "$(/usr/bin/printf '%.1f' 1,5 2>&1)" 1,5
	zap 0 status -i 0.1 --json
	ktap_equal 'seconds in JSON' "$(LC_ALL=C jq '.vms[0].rates.seconds < 1' "$tmp/out" 2>&1)" true
	zap 0 status -i 0.1
	says '0.1 s'
	zap 0 stat --prometheus
	grep -v '^#' "$tmp/out" | grep -E '[ "][0-9]+,[0-9]' && ktap_fail 'a comma'
	unset LOCPATH LC_ALL
	ktap_result 'numbers have a point in any locale'
}

words_test() {
	fake_make
	for site in memslot mmio teardown; do
		zap 2 set $site x
		ktap_equal "words of $site" "$(sed 's/.*takes \([^(;]*\) (.*/\1/; s/,//g' "$tmp/err" | tr ' ' '\n' | sort | xargs)" \
			"$("$top/tools/testing/policies" $site | tr ' ' '\n' | sort | xargs)"
	done
	ktap_result 'words are those of the kernel'
}

offers() { # offers WORD...: what bash would offer for the last one
	# shellcheck disable=SC2016 # bash's
	on bash -c '. "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_kvm_zap kvm-zap "${COMP_WORDS[COMP_CWORD]}" && printf "%s\n" "${COMPREPLY[@]}" | sort | xargs' \
		bash "$top/tools/kvm/kvm-zap.bash-completion" "$@" 2>&1
}

completion_test() {
	fake_make
	mkdir "$tmp/bin"
	ln -s "$tool" "$tmp/bin/kvm-zap"
	PATH=$tmp/bin:$PATH
	ktap_equal verbs "$(offers kvm-zap '')" 'restore set stat status verify'
	ktap_equal sites "$(offers kvm-zap set '')" 'memslot mmio teardown'
	ktap_equal words "$(offers kvm-zap set teardown '')" 'bulk fast walk'
	ktap_equal 'words of a site' "$(offers kvm-zap verify memslot=s)" 'memslot=scoped memslot=stock'
	ktap_equal VMs "$(offers kvm-zap set memslot fast --vm d)" db
	# A guest's owner chose its name.
	# shellcheck disable=SC2016 # not to be expanded
	fake_process 310 q qemu -name 'x y$(touch /run/owned)'
	# shellcheck disable=SC2016 # the same
	ktap_equal 'a VM' "$(offers kvm-zap set memslot fast --vm 'x ')" 'x y$(touch /run/owned)'
	[ ! -e "$fake/run/owned" ] || ktap_fail "a guest's name is run"
	for verb in status set verify restore stat; do
		has_now=$(offers kvm-zap $verb --)
		has=$("$tool" $verb --help | grep -o -E '^ .*  --[a-z-]*|, --[a-z-]*' | grep -o -e '--[a-z-]*' |
			sort | xargs)
		ktap_equal "options of $verb" "$has_now" "$has"
	done
	ktap_result 'bash completes verbs, sites, words, VMs and all options'
}

ktap_start 15
status_test
names_test
set_test
wrong_test
devices_test
restore_test
verify_test
stat_test
prometheus_test
missing_test
locale_test
words_test
completion_test
ktap_end
