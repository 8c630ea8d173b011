#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every file that sysfs-abi documents exists, with the mode that it documents,
# and every file that kvm-zap adds is documented there. The same for the words
# that files take and give. Without it documentation and kernel drift apart.
set -u

# shellcheck source-path=SCRIPTDIR source=ktap.sh
. "$(dirname "$0")/ktap.sh"
cd "$(dirname "$0")/../../../.." || exit 1

doc=Documentation/virt/kvm/zap-policy.rst
params=/sys/module/kvm/parameters
debugfs=/sys/kernel/debug/kvm
event=/sys/kernel/tracing/events/kvm/kvm_zap/format
stock=build/$(uname -r)/image/lib/modules/$(uname -r)/kernel/arch/x86/kvm/kvm.ko
get_abi=build/linux-source-6.1/scripts/get_abi.pl

[ "$(id -u)" -eq 0 ] || ktap_skip_all 'needs root'
[ -d "$debugfs" ] || ktap_skip_all "no $debugfs: KVM is not loaded or debugfs not mounted"
command -v qemu-system-x86_64 > /dev/null || ktap_skip_all 'needs qemu-system-x86_64'

tmp=$(mktemp -d)
vmm=
trap '${vmm:+kill "$vmm"}; wait; rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A VM, for the files that each has in a folder of its own.
qemu-system-x86_64 -accel kvm -display none -S -nodefaults -m 16 > "$tmp/qemu" 2>&1 &
vmm=$!
i=0
while vm=$(cd $debugfs && ls -d "$vmm"-* 2> /dev/null); [ -z "$vm" ]; do
	i=$((i + 1))
	kill -0 "$vmm" 2> /dev/null || i=60
	[ $i -lt 60 ] || ktap_skip_all "no VM: $(tail -n 1 "$tmp/qemu")"
	sleep 1
done

# "PATH MODE" for each What:, its mode being in a line "Mode: 0644" below.
awk 'function flush(mode) { while (n) print what[n--], mode }
	/^What:/ { if (text) flush("none"); text = 0; what[++n] = $2 }
	/^Description:/ { text = 1 }
	/^[ \t]+Mode: / { flush($2) }
	END { flush("none") }' sysfs-abi/* | sed "s/<pid>-<fd>/$vm/" > "$tmp/documented"

# is_ours NAME: the distribution's kvm.ko does not have this string. Without one
# to look into, go by the name.
[ ! -f "$stock" ] || tr '\0' '\n' < "$stock" > "$tmp/stock"
is_ours() {
	if [ -s "$tmp/stock" ]; then
		! grep -a -q -x -F -e "$1" "$tmp/stock"
	else
		case $1 in *_zap | *zap_*) ;; *) return 1 ;; esac
	fi
}

# ours FOLDER: the files in it that are ours; there is at least one.
ours() {
	for file in "$1"/*; do
		! [ -f "$file" ] || ! is_ours "${file##*/}" || echo "$file"
	done > "$tmp/ours"
	[ -s "$tmp/ours" ] || ktap_fail "no file of kvm-zap's in $1"
}

# The first column of the table in the text about PATH.
table() {
	cat sysfs-abi/* | awk -v path="$1" '/^What:/ { on = $2 == path; rule = 0 }
		on && /^\t\t==/ { rule++ }
		on && rule == 1 && /^\t\t[a-z]/ { print $1 }' | xargs
}

# same_words PATH WORDS: the table about PATH has the same, the document has each.
same_words() {
	ktap_equal "documented for $1" "$(table "$1")" "$(echo "$2" | xargs)"
	for word in $2; do
		grep -q -w -e "$word" $doc || ktap_fail "'$word' is not in $doc"
	done
}

ktap_start 7

ktap_check [ -s "$tmp/documented" ]
while read -r path mode; do
	ktap_equal "mode of $path" "$(stat -c 0%a "$path" 2>&1)" "$mode"
done < "$tmp/documented"
ktap_result 'every documented file exists, with its mode'

for folder in "$params" "$debugfs" "$debugfs/$vm"; do
	ours "$folder"
	while read -r path; do
		grep -q "^$path " "$tmp/documented" || ktap_fail "$path is not in sysfs-abi"
	done < "$tmp/ours"
	ktap_result "every file of ours in $(echo "$folder" | sed "s/$vm/<pid>-<fd>/") is documented"
done

ours $params
while read -r path; do
	words=$(modinfo -F parm kvm | sed -n "s/^${path##*/}:.*: //p" | tr -d ,)
	same_words "$path" "$words"
done < "$tmp/ours"
ktap_result "a parameter's words are documented"

same_words $debugfs/zap_stats "$(head -n 1 $debugfs/zap_stats)"
same_words $debugfs/zap_latency "$(head -n 1 $debugfs/zap_latency)"
same_words $event "$(sed -n 's/.*field:.* \([a-z_]*\);.*offset.*/\1/p' $event | grep -v '^common_')"
awk 'NR > 1 { print $1; print $2 }' $debugfs/zap_stats > "$tmp/words"
while read -r word; do
	grep -q -w -e "$word" sysfs-abi/debugfs-kvm-zap || ktap_fail "'$word' is not in sysfs-abi"
	grep -q -w -e "$word" $doc || ktap_fail "'$word' is not in $doc"
done < "$tmp/words"
ktap_result 'columns, fields, sites and policies are documented'

[ ! -f $get_abi ] || ktap_equal get_abi.pl "$(perl $get_abi validate --dir sysfs-abi 2>&1)" ''
ktap_result "sysfs-abi has the form of the kernel's Documentation/ABI"

ktap_end
