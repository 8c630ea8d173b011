#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap on a host made of files: how it answers wrong input of each kind, and a host on
# which something is missing.
#
# What breaks without it: an operator who mistypes changes another VM than the one meant,
# or looks for the cause in the wrong place.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
bench=${1:-$top/build/tools/kvm-zap}-bench

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
	zap 2 set
	says "no SITE and no WORD: memslot takes stock, fast, scoped, auto; mmio takes "
	zap 2 set memslot
	says "no WORD for memslot: it takes stock, fast, scoped, auto"
	zap 2 set memslots
	says "'memslots' is no site: memslot, mmio, teardown"
	zap 2 set memslot=scoped
	says "'memslot=scoped': give SITE and WORD as two words, as in memslot scoped"
	zap 2 set memslot fast 210
	says "'210' is not expected"
	zap 2 frobnicate
	says "'frobnicate' is no verb: status, set, verify, restore, stat, trace, record, compare, report"
	zap 2 --json status
	says 'the verb goes first'
	for seconds in -1 1,5 nan '' 1x 999999; do
		zap 2 status -i "$seconds"
		says "'$seconds': give seconds"
	done
	zap 2 stat -n 0 -i 1
	zap 2 stat -n 3
	says '--count needs --interval'
	zap 2 stat --output x
	says '--output needs --prometheus'
	for file in "$tmp/x" "$tmp/x.txt"; do
		zap 0 stat --prometheus --output "$file"
		says "--output '$file': node_exporter reads only names that end in .prom"
		ktap_check grep -q '^# TYPE kvm_zap' "$file"
	done
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

# two OPTION: two values that it takes.
two() {
	case $1 in
	--vm) echo db web ;;
	--site) echo memslot mmio ;;
	--policy | --policies) echo fast scoped ;;
	--by) echo ns sptes ;;
	--output) echo "$tmp/one.prom $tmp/two.prom" ;;
	--qmp | --qemu | --kernel | --modules) echo /one /two ;;
	--interval | --seconds | --count | --rounds | --seed | --min-ns | --memory | --cpus | --timeout) echo 1 2 ;;
	--buffer) echo 8 9 ;;
	*) return 1 ;;
	esac
}

# twice FIRST SECOND: of $option of $verb. One that takes both may never end.
twice() {
	# shellcheck disable=SC2086 # words
	on timeout 5 "$tool" $verb "$option" "$1" "$option=$2" > "$tmp/out" 2> "$tmp/err" < /dev/null
	ktap_equal "exit status of $verb $option $1 $option=$2" $? 2
	out='' err=$(cat "$tmp/err")
	says "$option is given twice ('$1', '$2'): give it once"
}

# Of two values one would not count, and the VM of the other would keep what it has.
twice_test() {
	fake_make
	for verb in status set verify restore stat trace record compare report 'compare guest-rom'; do
		# shellcheck disable=SC2086 # words
		on "$tool" $verb --help > "$tmp/help"
		for option in $(grep -o -e '--[a-z-]*=' "$tmp/help" | tr -d = | sort -u); do
			[ "$option" != --event ] || continue
			values=$(two "$option") || { ktap_fail "which values does $option of $verb take?"; continue; }
			twice "${values% *}" "${values#* }"
			twice "${values% *}" "${values% *}"
			options=$((options + 1))
		done
	done
	[ "$options" -ge 28 ] || ktap_fail "$options options have been tried"
	zap 2 verify memslot=fast memslot=scoped
	says "memslot is given twice ('fast', 'scoped'): give it once"
	# What may be given again, and what has no value.
	zap 2 compare -E cycles -E '' -- true
	says "--event '': give an event that perf counts"
	zap 0 status --json --json -i 0
	# Workloads have a parser of their own.
	[ -x "$bench" ] || { ktap_fail "no $bench"; return; }
	"$bench" rom -n 3 --iterations 4 > "$tmp/out" 2> "$tmp/err" < /dev/null
	ktap_equal 'exit status of kvm-zap-bench' $? 2
	out='' err=$(cat "$tmp/err")
	says "--iterations is given twice ('3', '4'): give it once"
	ktap_result 'a value that is given twice is refused, and both are named'
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
	zap 0 verify memslot=stock
	says 'not known: now: which VMs have a word of their own: debugfs is not mounted'
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
		# What it could not look at is said, and no failure.
		zap 0 verify memslot=stock
		says 'ok: now: memslot is stock'
		says 'not known: now: which VMs have a word of their own: only root reads debugfs'
		zap 1 verify memslot=fast
		says 'not known: now: which VMs have a word of their own: only root reads debugfs'
		zap 0 verify memslot=stock --json
		json '[.ok, .vms_unknown, (.reasons | length)]' '[true,"only root reads debugfs",1]'
		# At the other sites no VM has a word of its own.
		zap 0 verify mmio=fast teardown=walk
		unsaid 'not known'
		zap 0 verify mmio=fast --json
		json .vms_unknown null
		as_user=
		ktap_equal memslot_zap "$(word memslot_zap)" stock
	fi
	ktap_result 'what is missing is named: debugfs, kvm-zap, kvm, root'
}

ktap_start 3
options=0
wrong_test
twice_test
missing_test
ktap_end
