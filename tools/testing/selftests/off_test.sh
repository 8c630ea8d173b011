#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# With CONFIG_KVM_ZAP_POLICY=n, a grafted tree is the pristine one: each object file
# disassembles to the same instructions, relocations included. Any edit of graft's that
# does not vanish with the option shows up here.
set -u

cd "$(dirname "$0")/../../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM

O=build/$(scripts/kver)
scripts/build/kconfig-override scripts/build/standalone_defconfig "$tmp/config" CONFIG_KVM_ZAP_POLICY=n || exit 1

echo 'TAP version 13'
echo '1..3'

# Folders with names of one length: newer kernels' warnings hold the file's path, and
# where the strings behind it lie depends on that.
if ! scripts/build/build-kvm --pristine "$O/stock" ||
	! scripts/build/build-kvm --config "$tmp/config" "$O/unset"; then
	echo 'not ok 1 both trees build'
	exit 1
fi
echo 'ok 1 both trees build'

failed=0
# The same objects in both, or the comparison compares nothing.
objects() { (cd "$O/$1/tree" && find . -name '*.o' | sort); }
objects stock > "$tmp/stock"
objects unset > "$tmp/unset"
if diff "$tmp/stock" "$tmp/unset" > "$tmp/diff" && [ -s "$tmp/stock" ]; then
	echo "ok 2 both have the same $(wc -l < "$tmp/stock") object files"
else
	sed 's/^/# /' "$tmp/diff"
	echo 'not ok 2 both have the same object files'
	failed=1
fi

# All but the first lines, which name the file.
disassemble() { objdump -dr --no-show-raw-insn "$1" | tail -n +4; }
differ=0
while read -r object; do
	disassemble "$O/stock/tree/$object" > "$tmp/a"
	disassemble "$O/unset/tree/$object" > "$tmp/b"
	cmp -s "$tmp/a" "$tmp/b" && continue
	echo "# $object differs:"
	diff "$tmp/a" "$tmp/b" | head -n 10 | sed 's/^/# /'
	differ=$((differ + 1))
done < "$tmp/stock"
if [ $differ -eq 0 ]; then
	echo 'ok 3 all object files have the same instructions'
else
	echo 'not ok 3 all object files have the same instructions'
	failed=1
fi

exit $failed
