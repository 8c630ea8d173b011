#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every file that sysfs-abi documents exists, with the documented mode, and sysfs-abi
# documents every file that kvm-zap adds. The same holds for the words that these files
# accept and show. Without this test, documentation and kernel drift apart.
set -u

# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$(dirname "$0")/lib/ktap.sh"
cd "$(dirname "$0")/../../../.." || exit 1

doc="Documentation/virt/kvm/zap-*.rst"
params=/sys/module/kvm/parameters
debugfs=/sys/kernel/debug/kvm
events=/sys/kernel/tracing/events/kvm
stock=build/$(uname -r)/image/lib/modules/$(uname -r)/kernel/arch/x86/kvm/kvm.ko

[ "$(id -u)" -eq 0 ] || ktap_skip_all 'needs root'
[ -d $debugfs ] || ktap_skip_all "no $debugfs: KVM is not loaded or debugfs not mounted"
command -v perl > /dev/null || ktap_skip_all 'needs perl'

tmp=$(mktemp -d)
vmm=
trap '${vmm:+kill "$vmm"} 2> /dev/null; wait; rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A VM, for the files that each has in a folder of its own: KVM_CREATE_VM.
perl -e 'open(my $kvm, "+<", "/dev/kvm") or die "$!\n";
	my $vm = ioctl($kvm, 0xae01, 0) or die "$!\n";
	$| = 1; print "$$-$vm\n"; sleep' > "$tmp/vm" 2> "$tmp/err" &
vmm=$!
while [ ! -s "$tmp/vm" ]; do
	[ ! -s "$tmp/err" ] || ktap_skip_all "/dev/kvm: $(cat "$tmp/err")"
	sleep 0.1
done
vm=$(cat "$tmp/vm")

# "PATH MODE" for each What:, its mode being in a line "Mode: 0644" below.
awk 'function flush(mode) { while (n) print what[n--], mode }
	/^What:/ { if (text) flush("none"); text = 0; what[++n] = $2 }
	/^Description:/ { text = 1 }
	/^[ \t]+Mode: / { flush($2) }
	END { flush("none") }' sysfs-abi/* | sed "s/<pid>-<fd>/$vm/" > "$tmp/modes"
cut -d ' ' -f 1 "$tmp/modes" > "$tmp/documented"

# The files that are ours: whose name the distribution's kvm.ko does not have.
# Without that module to look into, the name itself has to tell.
: > "$tmp/stock"
[ ! -f "$stock" ] || tr '\0' '\n' < "$stock" | grep -a -x '[a-z0-9_]*' > "$tmp/stock"
find $params $debugfs "$debugfs/$vm" $debugfs/zap -maxdepth 1 -type f |
	awk -F / 'FILENAME != "-" { stock[$1]; n++; next }
		$(NF - 1) == "zap" { print; next }
		n ? !($NF in stock) : $NF ~ /_zap$|zap_/' "$tmp/stock" - > "$tmp/found"
# Those of test builds say so, and are not for operators.
modinfo -F parm kvm | sed -n "s,^\([a-z_]*\):Test builds: .*,$params/\1,p" > "$tmp/test"
grep -v -x -F -f "$tmp/test" "$tmp/found" > "$tmp/all"

# ours FOLDER: those in it, at least one.
ours() {
	grep -x "$1/[^/]*" "$tmp/all" > "$tmp/ours" || ktap_fail "no file of kvm-zap's in $1"
}

# The first column of the table in the text about PATH.
table() {
	cat sysfs-abi/* | awk -v path="$1" '/^What:/ { on = $2 == path; rule = 0 }
		on && /^\t\t==/ { rule++ }
		on && rule == 1 && /^\t\t[a-z]/ { print $1 }' | xargs
}

# none FILE TEXT: the case fails for each line of FILE, with TEXT.
none() {
	while read -r line; do ktap_fail "$line $2"; done < "$1"
}

# in_doc WORDS: the document has each.
# shellcheck disable=SC2086 # a pattern
cat $doc | tr -c 'a-z0-9_' '\n' | sort -u > "$tmp/doc"
in_doc() {
	echo "$1" | tr -s ' ' '\n' | grep -v -x -F -f "$tmp/doc" > "$tmp/missing"
	none "$tmp/missing" "is in none of $doc"
}

# same_words PATH WORDS: the table about PATH has the same, and so has the document.
same_words() {
	ktap_equal "documented for $1" "$(table "$1")" "$(echo "$2" | xargs)"
	in_doc "$2"
}

ktap_start 8

ktap_check [ -s "$tmp/modes" ]
xargs stat -c '%n 0%a' < "$tmp/documented" > "$tmp/present" 2> "$tmp/err"
none "$tmp/err" '(documented)'
grep -v -x -F -f "$tmp/modes" "$tmp/present" > "$tmp/wrong"
none "$tmp/wrong" 'is not the documented mode'
ktap_result 'every documented file exists, with its mode'

for folder in $params $debugfs $debugfs/zap "$debugfs/$vm"; do
	ours "$folder"
	grep -v -x -F -f "$tmp/documented" "$tmp/ours" > "$tmp/missing"
	none "$tmp/missing" 'is not documented'
	ktap_result "every file of ours in $(echo "$folder" | sed "s/$vm/<pid>-<fd>/") is documented"
done

ours $params
while read -r path; do
	case $path in *_zap) ;; *) continue ;; esac # the others take numbers
	same_words "$path" "$(modinfo -F parm kvm | sed -n "s/^${path##*/}:.*: //p" | tr -d ,)"
done < "$tmp/ours"
ktap_result "a parameter's words are documented"

same_words $debugfs/zap/stats "$(head -n 1 $debugfs/zap/stats)"
same_words $debugfs/zap/latency "$(head -n 1 $debugfs/zap/latency)"
same_words $debugfs/zap/vms "$(head -n 1 $debugfs/zap/vms)"
for event in kvm_zap kvm_zap_memslot kvm_zap_settle; do
	event=$events/$event/format
	same_words $event \
		"$(sed -n 's/.*field:.* \([a-z_]*\);.*offset.*/\1/p' $event | grep -v '^common_')"
done
in_doc "$(awk 'NR > 1 { print $1, $2 }' $debugfs/zap/stats)"
ktap_result 'columns, fields, sites and policies are documented'

# The first three policies are words only: none of them is how an invalidation runs.
grep '^print fmt' $events/kvm_zap/format | grep -o '{ [0-9]*, "[a-z]*" }' | tr -d '{},"' |
	awk '$2 !~ /^(inherit|stock|auto)$/ { print $2 " (" $1 ")" }' > "$tmp/numbers"
[ "$(wc -l < "$tmp/numbers")" -ge 10 ] || ktap_fail "numbers of words: $(xargs < "$tmp/numbers")"
tr -s "\n\t " " " < sysfs-abi/tracefs-kvm-zap > "$tmp/page"
while read -r number; do
	grep -q -F "$number" "$tmp/page" || echo "$number"
done < "$tmp/numbers" > "$tmp/missing"
none "$tmp/missing" 'is not documented'
ktap_result "the numbers of a tracepoint's words are documented"

ktap_end
