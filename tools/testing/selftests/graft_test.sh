#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# graft refuses what it cannot graft, says why, and leaves the tree as it was. Without
# these refusals, a hook goes missing silently: spatch exits with 0 whether its rule
# matched or not, and applies a rule again if it is run again.
set -u

cd "$(dirname "$0")/../../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT INT TERM

nr=0
failed=0
report() {
	nr=$((nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $nr $2"
	else
		echo "not ok $nr $2"
		sed 's/^/# /' "$tmp/out"
		failed=1
	fi
}

source=$(scripts/fetch/fetch-source) || exit 1
line=$(sed -n 's/^VERSION = //p; s/^PATCHLEVEL = //p' "$source/Makefile" | paste -s -d .)
graft=scripts/patch/graft

# new_tree: a fresh copy of what the build out of tree grafts.
new_tree() {
	rm -rf "$tmp/tree"
	scripts/patch/copy-kvm "$source" "$tmp/tree"
}

sum() { (cd "$tmp/tree" && find . -type f -exec sha256sum {} + | sort | sha256sum); }

# known: from here on a copy of graft's that takes the functions of $tmp/tree for known.
known() {
	[ -d "$tmp/scripts" ] || cp -R Kconfig Documentation arch include scripts virt "$tmp/"
	"$tmp/scripts/patch/fingerprint" --write "$line" "$tmp/tree"
	graft=$tmp/scripts/patch/graft
}

# refused NAME PATTERN: graft fails, says PATTERN, and changes nothing.
refused() {
	before=$(sum)
	if "$graft" "$tmp/tree" > "$tmp/out" 2>&1; then
		echo "graft exited with 0" >> "$tmp/out"
		report 1 "$1"
	elif ! grep -q -e "$2" "$tmp/out"; then
		echo "graft did not say '$2'" >> "$tmp/out"
		report 1 "$1"
	elif [ "$before" != "$(sum)" ]; then
		echo "graft changed the tree" >> "$tmp/out"
		report 1 "$1"
	else
		report 0 "$1"
	fi
}

echo 'TAP version 13'
echo '1..9'

new_tree
scripts/patch/graft "$tmp/tree" > "$tmp/out" 2>&1
report $? 'a pristine tree is grafted'

grep -q 'kvm_zap_mmio(kvm)' "$tmp/tree/arch/x86/kvm/mmu/mmu.c" &&
	grep -q 'Kconfig.zap' "$tmp/tree/arch/x86/kvm/Kconfig" > "$tmp/out" 2>&1
report $? 'hook and Kconfig are in place'

# The tree has the KVM of x86 alone.
! grep -H kvm_zap_reason "$tmp/tree/virt/kvm/kvm_main.c" > "$tmp/out" 2>&1
report $? 'common files have no edit that is another architecture'\''s'

refused 'a second run is refused' 'grafted already'

new_tree
sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 0/' "$tmp/tree/Makefile"
refused 'a kernel without rules is refused' 'is Linux [0-9]*\.0; there are rules for .*6\.1'

# The hook's line is not what the rule looks for any more.
new_tree
sed -i 's/\tkvm_mmu_zap_all(kvm);/\tkvm_mmu_zap_all_of(kvm);/' \
	"$tmp/tree/arch/x86/kvm/mmu/mmu.c" "$tmp/tree/arch/x86/kvm/x86.c"
known
refused 'a rule without a match is named' 'rule site-teardown: 0 lines added'
graft=scripts/patch/graft

# One match too many is as wrong as one too few.
new_tree
printf 'struct kvm_vm_stat {\n\tint twice;\n};\n' >> "$tmp/tree/arch/x86/include/asm/kvm_host.h"
refused 'a rule with one match too many is named' 'rule field-stat: 2 lines added'

# A hook that nobody asks for is missing from the tree without a word. Where lines
# differ, one has site-memslot, another site-memslot-choice in its place. What a line does
# not have yet wants no hook: a rule says '// Since LINE.'.
for rule in scripts/patch/cocci/*.cocci; do
	name=$(basename "$rule" .cocci)
	for other in scripts/patch/cocci/*.cocci; do
		case $name in "$(basename "$other" .cocci)"-*) name=$(basename "$other" .cocci) ;; esac
	done
	echo "$name"
done | sort -u > "$tmp/rules"
while read -r name; do
	since=$(sed -n 's,^// Since \([0-9.]*\)[.]$,\1,p' "scripts/patch/cocci/$name.cocci" 2> /dev/null || :)
	# Those of arm64 are for lines that have any of them.
	lines=$(echo scripts/patch/cocci/*.rules)
	case $name in arm64-*) lines=$(grep -l '^arch/arm64/' scripts/patch/cocci/*.rules) ;; esac
	# shellcheck disable=SC2086 # words are words
	grep -L -E "[[:space:]]$name(-[a-z]+)?[[:space:]]" $lines |
	while read -r rules; do
		line=$(basename "$rules" .rules)
		older=$(printf '%s\n' "$line" "$since" | sort -V | head -n 1)
		[ -n "$since" ] && [ "$line" != "$since" ] && [ "$older" = "$line" ] ||
			echo "$rules: no rule $name"
	done
done < "$tmp/rules" > "$tmp/out"
if [ "$(wc -l < "$tmp/rules")" -lt 15 ]; then
	echo 'not all rules were looked at' >> "$tmp/out"
fi
[ ! -s "$tmp/out" ]
report $? 'each kernel line has every rule'

rm -rf "$tmp/tree/arch/x86/kvm"
refused 'a folder without KVM is refused' 'is no kernel source tree'

exit $failed
