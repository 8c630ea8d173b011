#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap on a host made of files: what it prints and what it changes. How it answers wrong
# input is the matter of desk_wrong_test.sh, real VMs that of desk_vm_test.sh.
#
# What breaks without it: a word is written that nobody can take back, or a name with a
# control character garbles the terminal.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"

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
	json '[.vms[0].counts.update_ns, .vms[0].counts.stall_max_ns, .vms[0].rates.seconds, .changes]' '[9000000,1500000,null,[]]'
	json '.module | [.origin, .installed_has_kvm_zap, .installed_is_loaded]' '["kvm-zap",true,true]'
	json '.parameters | length' 5
	ktap_result 'status says what is in force, and JSON keeps to the schema'

	# 30 deletions more of db within the interval, 2 of them scoped; a VM comes.
	fake_make
	cp "$debugfs/zap/vms" "$tmp/vms"
	sed 's/^210 211 inherit kernel fast 10 0 0 0 1000 900 0 20 3 5000000 1340942 0 0 20 9000000 2000000 800 3000000/210 211 inherit kernel fast 38 2 0 0 2000 1500 0 20 3 5000000 1340942 0 0 50 109000000 2000000 2800 53000000/
		$a 510 510 inherit param scoped 0 6 0 0 6 0 0 0 0 0 0 6 1 6 600 100 0 0 1 5 0 0 0 x' \
		"$tmp/vms" > "$tmp/vms.new"
	ln -s anon_inode:kvm-vcpu:0 "$fake/proc/210/fd/30"
	ln -s anon_inode:kvm-vcpu:1 "$fake/proc/210/fd/31"
	seen 1 "$debugfs/zap/vms" "$tmp/vms" "$tmp/vms.new"
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
	says "of its vCPUs' lost (worst 1.5ms)"
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
	# Names may differ in their last letters. A column of nothing would take their room.
	echo N > "$parameters/zap_stall"
	fake_process 510 q qemu -name prod-web-01
	fake_process 610 q qemu -name prod-web-02
	sed -i 's/^510.*/510 510 inherit kernel scoped 9999 9999 0 0 9 9 9 9 9 9 9 9 1999000000 9 9 9 9 9 123456 99 9 0 0 x/' "$debugfs/zap/vms"
	on script -qec "stty cols 80; LC_ALL=C.UTF-8 $tool -i 0.1" /dev/null > "$tmp/out" < /dev/null 2>&1
	grep -q 'UPD WORST' "$tmp/out" || ktap_fail "no column less: $(cat "$tmp/out")"
	for name in prod-web-01 prod-web-02; do
		grep -q "^$name " "$tmp/out" || ktap_fail "$name is cut: $(cat "$tmp/out")"
	done
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
	says 'it is not known which VMs have devices'
	zap 0 set memslot fast
	says 'note: it is not known which VMs this reaches'
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
	grep -q 'the former word cannot be noted in /run/kvm-zap: No space left' "$tmp/out" ||
		ktap_fail "$(cat "$tmp/out")"
	ktap_equal memslot_zap "$(word memslot_zap)" stock
	ktap_result 'restore puts back what was before, and says what it leaves alone'
}

origins_test() {
	fake_make
	zap 0 status -i 0 --json
	json .origins '[]'
	echo 'options kvm mmio_zap=scoped memslot_zap=auto' > "$fake/modprobe.d/a.conf"
	echo scoped > "$parameters/memslot_zap"
	echo scoped > "$parameters/mmio_zap"
	zap 0 status -i 0
	says "memslot_zap: 'scoped', but neither by kvm-zap nor by the boot's configuration"
	says "mmio_zap: 'scoped', as modprobe's configuration has it"
	unsaid 'teardown_zap:'
	zap 0 status -i 0 --json
	json .origins '[{"target":"memslot_zap","word":"scoped","from":null},{"target":"mmio_zap","word":"scoped","from":"modprobe'"'"'s configuration"}]'
	# What kvm-zap has changed is said with its date.
	zap 0 set memslot auto
	zap 0 status -i 0
	says "memslot_zap: 'auto' by kvm-zap set since "
	unsaid "memslot_zap: 'auto', "
	mv "$fake/sys/module/kvm/initstate" "$fake/initstate"
	echo kvm.mmio_zap=scoped > "$fake/proc/cmdline"
	zap 0 status -i 0
	says "mmio_zap: 'scoped', as the kernel's command line has it"
	mv "$fake/initstate" "$fake/sys/module/kvm/initstate"
	if command -v systemd-tmpfiles > /dev/null; then
		mkdir "$fake/run/tmpfiles.d"
		echo 'w- /sys/module/kvm/parameters/mmio_zap - - - - scoped' > "$fake/run/tmpfiles.d/zap.conf"
		rm "$fake/modprobe.d/a.conf"
		real_proc=1
		zap 0 status -i 0
		real_proc=
		says "mmio_zap: 'scoped', as tmpfiles.d has it"
		rm -r "$fake/run/tmpfiles.d"
	fi
	zap 0 restore
	rm -f "$fake/modprobe.d/a.conf"
	ktap_result 'status says where a word comes from'
}

verify_test() {
	fake_make
	zap 0 verify memslot=stock teardown=walk --json
	json '[.ok, .newest_kernel, [.sites[] | [.site, .word, .now, .boot]]]' \
		'[true,null,[["memslot","stock","stock",null],["teardown","walk","walk",null]]]'
	says 'web (pid 310) follows its own vm, scoped'
	json .vms_unknown null
	zap 0 verify memslot=stock
	unsaid 'not known'
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
		# Modules may be loaded after it, what is built in is not.
		echo 'w- /sys/module/kvm/parameters/memslot_zap - - - - scoped' \
			> "$fake/run/tmpfiles.d/zap.conf"
		mv "$fake/modprobe.d" "$fake/modprobe.d.away"
		mkdir "$fake/modprobe.d"
		real_proc=1
		zap 1 verify --boot memslot=scoped
		says 'not so: boot: memslot is stock (the default, no modprobe.d has one)'
		says "not so: boot: tmpfiles.d may be too early: modprobe.d needs 'options kvm memslot_zap=scoped'"
		mv "$fake/sys/module/kvm/initstate" "$fake/initstate"
		zap 0 verify --boot memslot=scoped
		real_proc=
		says 'ok: boot: memslot is scoped (tmpfiles.d)'
		mv "$fake/initstate" "$fake/sys/module/kvm/initstate"
		rmdir "$fake/modprobe.d"
		mv "$fake/modprobe.d.away" "$fake/modprobe.d"
		rm -r "$fake/run/tmpfiles.d"
	fi
	# modprobe's configuration, now scoped, is not for what is built in.
	mv "$fake/sys/module/kvm/initstate" "$fake/initstate"
	echo 'quiet kvm.memslot_zap=auto kvm_amd.npt=1' > "$fake/proc/cmdline"
	zap 1 verify --boot memslot=scoped
	says "not so: boot: memslot is auto (the kernel's command line)"
	echo quiet > "$fake/proc/cmdline"
	zap 1 verify --boot memslot=scoped
	says 'not so: boot: memslot is stock (the default, neither tmpfiles.d nor the command line has one)'
	echo 'kvm.memslot_zap=auto kvm.memslot_zap=scoped' > "$fake/proc/cmdline"
	zap 0 verify --boot memslot=scoped
	mv "$fake/initstate" "$fake/sys/module/kvm/initstate"
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

# What needs no event. Those are desk_trace_test.sh's matter.
trace_test() {
	fake_make
	for wrong in '--site memslots' '--policy stock' '--site mmio --policy walk' '--min-ns -1' '--min-ns 1ms' \
		'--buffer 7' '--buffer 9999999' '-n 0' '-S 0' '-i 1' '--top --memslots' db; do
		# shellcheck disable=SC2086 # words
		zap 2 trace $wrong
	done
	zap 2 trace --buffer 0
	says "'0': give KiB, from 1 on"
	zap 2 trace --policy auto
	says "'auto' is not what an invalidation uses: fast, scoped, walk, bulk"
	zap 2 trace --site teardown --policy scoped
	says "site teardown never uses 'scoped'"
	zap 1 trace
	says 'kvm-zap-trace is missing'
	# Where it is in the package. libtracefs is not there: the loader says 127.
	mkdir -p "$fake/run/sbin" "$fake/run/libexec/kvm-zap"
	cp "$tool" "$fake/run/sbin/kvm-zap"
	printf '#!/bin/sh\nexit 127\n' > "$fake/run/libexec/kvm-zap/kvm-zap-trace"
	chmod 755 "$fake/run/libexec/kvm-zap/kvm-zap-trace"
	installed=$tool
	tool=/run/sbin/kvm-zap
	zap 1 trace
	says 'libexec/kvm-zap/kvm-zap-trace does not start: it needs libtracefs (apt-get install libtracefs1)'
	zap 0 trace --help
	tool=$installed
	cp "${1:-$top/build/tools/kvm-zap}-trace" "$tmp/kvm-zap-trace"
	zap 3 trace --vm nobody
	says "no VM is called 'nobody'"
	zap 5 trace --vm db
	says 'tracefs is not mounted: mount -t tracefs none /sys/kernel/tracing'
	mkdir -p "$fake/sys/kernel/tracing/instances/kvm-zap.77" "$fake/sys/kernel/tracing/instances/theirs" \
		"$fake/sys/kernel/tracing/events/kvm"
	zap 4 trace
	says 'there is no event kvm:kvm_zap'
	says 'removed what a killed run has left: /sys/kernel/tracing/instances/kvm-zap.77'
	mkdir "$fake/sys/kernel/tracing/instances/kvm-zap.78"
	zap 0 restore --json
	json .instances '["kvm-zap.78"]'
	ktap_equal instances "$(ls "$fake/sys/kernel/tracing/instances")" theirs
	rm "$parameters"/*zap*
	zap 4 trace
	says 'is without kvm-zap'
	if [ "$unshare" = -m ]; then
		fake_make
		as_user=1
		zap 5 trace
		says 'only root may trace'
		as_user=
	fi
	rm "$tmp/kvm-zap-trace"
	ktap_result 'trace says what is wrong, or missing, and takes what a kill has left'
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
	ktap_equal verbs "$(offers kvm-zap '')" 'compare record report restore set stat status trace verify'
	ktap_equal sites "$(offers kvm-zap set '')" 'memslot mmio teardown'
	ktap_equal words "$(offers kvm-zap set teardown '')" 'bulk fast walk'
	ktap_equal 'words of a site' "$(offers kvm-zap verify memslot=s)" 'memslot=scoped memslot=stock'
	ktap_equal VMs "$(offers kvm-zap set memslot fast --vm d)" db
	ktap_equal 'VMs to trace' "$(offers kvm-zap trace --vm d)" db
	ktap_equal 'policies to trace' "$(offers kvm-zap trace --policy '')" 'bulk fast scoped walk'
	# bash reads /dev/fd.
	real_proc=1
	ktap_equal 'recordings' "$(offers kvm-zap compare replay "$tmp/kvm-z")" "$tmp/kvm-zap"
	real_proc=
	# A guest's owner chose its name.
	# shellcheck disable=SC2016 # not to be expanded
	fake_process 310 q qemu -name 'x y$(touch /run/owned)'
	# shellcheck disable=SC2016 # the same
	ktap_equal 'a VM' "$(offers kvm-zap set memslot fast --vm 'x ')" 'x y$(touch /run/owned)'
	[ ! -e "$fake/run/owned" ] || ktap_fail "a guest's name is run"
	echo N > "$parameters/zap_stall"
	# shellcheck disable=SC2016 # the same
	ktap_equal 'a VM, with a column less' "$(offers kvm-zap set memslot fast --vm 'x ')" 'x y$(touch /run/owned)'
	for verb in status set verify restore stat trace record compare report; do
		has_now=$(offers kvm-zap $verb --)
		has=$("$tool" $verb --help | grep -o -E '^ .*  --[a-z-]*|, --[a-z-]*' | grep -o -e '--[a-z-]*' |
			sort | xargs)
		ktap_equal "options of $verb" "$has_now" "$has"
	done
	ktap_result 'bash completes verbs, sites, words, VMs and all options'
}

# The hooks among the examples, with a kvm-zap that says what it was told to do.
hooks_test() {
	mkdir -p "$tmp/hooks"
	# shellcheck disable=SC2016 # for the script
	printf '#!/bin/sh\necho "$@" >> "%s"\nexit "${KVM_ZAP_STATUS:-0}"\n' "$tmp/told" > "$tmp/hooks/kvm-zap"
	printf '#!/bin/sh\nexec cat\n' > "$tmp/hooks/logger"
	chmod +x "$tmp/hooks/kvm-zap" "$tmp/hooks/logger"
	printf '# name word\ndb scoped\n101 fast\n102 scoped\n' > "$tmp/guests"
	echo 4711 > "$tmp/hooks/101.pid"
	hook() { # hook WHICH ARG...: its exit status, and what kvm-zap was told
		: > "$tmp/told"
		which=$1
		shift
		status=0
		PATH=$tmp/hooks:$PATH KVM_ZAP_GUESTS=$tmp/guests KVM_ZAP_RUN=$tmp/hooks \
			sh "$top/debian/examples/$which/kvm-zap-hook.sh" "$@" < /dev/null > /dev/null 2>&1 || status=$?
		echo "$status $(cat "$tmp/told")"
	}
	ktap_equal 'a guest has started' "$(hook libvirt db started begin -)" '0 set memslot scoped --vm db'
	ktap_equal 'a guest is about to start' "$(hook libvirt db prepare begin -)" '0 '
	ktap_equal 'a guest without a word' "$(hook libvirt web started begin -)" '0 '
	# Any other exit status would end the guest.
	ktap_equal 'kvm-zap fails' "$(KVM_ZAP_STATUS=6; export KVM_ZAP_STATUS; hook libvirt db started begin -)" \
		'0 set memslot scoped --vm db'
	ktap_equal 'a guest has started, Proxmox' "$(hook proxmox 101 post-start)" '0 set memslot fast --vm 4711'
	ktap_equal 'a guest is about to start, Proxmox' "$(hook proxmox 101 pre-start)" '0 '
	ktap_equal 'a guest that is gone, Proxmox' "$(hook proxmox 102 post-start)" '0 '
	ktap_result 'hooks of libvirt and Proxmox give a guest its word'
}

ktap_start 12
status_test
names_test
set_test
devices_test
restore_test
origins_test
verify_test
trace_test "$@"
words_test
completion_test
hooks_test
ktap_end
