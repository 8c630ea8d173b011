#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# make apply and make series: a whole kernel tree is grafted, or refused and left as it
# is, and the patches are the same change, in a form that a mailing list accepts. That
# each of them builds is the matter of tools/testing/check-series.
#
# What breaks without it: whoever applies the series finds a hook that is in no patch, or
# in two.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
command -v git > /dev/null || ktap_skip_all 'no git'
source=$(scripts/fetch/fetch-source) || exit 1
top=$PWD
line=$(sed -n 's/^VERSION = //p; s/^PATCHLEVEL = //p' "$source/Makefile" | paste -s -d .)

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
export GIT_AUTHOR_NAME=Tester GIT_AUTHOR_EMAIL=tester@example.org
export GIT_COMMITTER_NAME=Tester GIT_COMMITTER_EMAIL=tester@example.org

# As much of a kernel tree as is looked at, in git. Of MAINTAINERS and the ABI files
# only the form matters.
tree=$tmp/tree
scripts/patch/copy-kvm "$source" "$tree"
mkdir -p "$tree/Documentation/virt" "$tree/Documentation/ABI/testing" "$tree/tools/testing/selftests"
cp -R "$source/Documentation/virt/kvm" "$tree/Documentation/virt/"
echo 'What:		/sys/nothing' > "$tree/Documentation/ABI/testing/sysfs-nothing"
for file in Makefile lib.mk kselftest.h kselftest_harness.h; do
	cp "$source/tools/testing/selftests/$file" "$tree/tools/testing/selftests/"
done
cp -R "$source/tools/testing/selftests/kvm" "$tree/tools/testing/selftests/"
printf '%s\n' 'List of maintainers' '' 'K: not a section' '' 'Maintainers List' '----------------' '' \
	'KERNEL VIRTUAL MACHINE FOR X86 (KVM/x86)' 'S:	Supported' 'F:	arch/x86/kvm/' '' \
	'KERNFS' 'S:	Supported' 'F:	fs/kernfs/' '' 'THE REST' 'S:	Buried alive in reporters' \
	'F:	*' > "$tree/MAINTAINERS"
in_tree() { git -C "$tree" -c core.autocrlf=false "$@"; }
{ git init -q -b main "$tree" && in_tree add -f . && in_tree commit -q -m pristine; } || exit 1

# refused NAME PATTERN: apply fails, says PATTERN, and changes nothing.
refused() {
	before=$(in_tree status --porcelain --ignored)
	scripts/patch/apply "$tree" > "$tmp/out" 2>&1 && ktap_fail 'exit status 0'
	grep -q -e "$2" "$tmp/out" || ktap_fail "not said: $2; but: $(cat "$tmp/out")"
	ktap_equal 'what it changed' "$(in_tree status --porcelain --ignored)" "$before"
	ktap_result "$1"
}

ktap_start 13

echo changed >> "$tree/MAINTAINERS"
refused 'a tree with changes is refused' 'is not clean.*'
grep -q 'M MAINTAINERS' "$tmp/out" || ktap_fail 'the file is not named'
scripts/patch/make-series "$tree" "$tmp/none" > "$tmp/out" 2>&1 && ktap_fail 'make-series: exit status 0'
grep -q 'is not clean' "$tmp/out" || ktap_fail "make-series: $(cat "$tmp/out")"
ktap_check [ ! -e "$tmp/none" ]
ktap_result 'nor does it become a series'
in_tree checkout -q -f main

sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 0/' "$tree/Makefile"
in_tree commit -q -a -m 'a line without rules'
refused 'an unknown kernel is refused' 'is Linux [0-9]*\.0; there are rules for'
in_tree reset -q --hard HEAD~

sed -i '/^[a-z ]*sp_has_gptes(.*)$/,/^}/s/return/return !/' "$tree/arch/x86/kvm/mmu/mmu.c"
in_tree commit -q -a -m 'another KVM'
refused 'a kernel that has drifted is refused' '^  sp_has_gptes in .* has changed (zap_shadow.h: '
grep -F -e "$tmp" -e /tmp/ "$tmp/out" && ktap_fail 'a folder that is gone is named'
scripts/patch/make-series "$tree" "$tmp/none" > "$tmp/out" 2>&1 && ktap_fail 'make-series: exit status 0'
grep -q 'sp_has_gptes in .* has changed' "$tmp/out" || ktap_fail "make-series: $(cat "$tmp/out")"
ktap_check [ ! -e "$tmp/none" ]
ktap_result 'nor does that become a series'
in_tree reset -q --hard HEAD~

mv "$tree/.git/HEAD" "$tmp/"
scripts/patch/apply "$tree" > "$tmp/out" 2>&1 && ktap_fail 'exit status 0'
grep -q 'git cannot tell whether' "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
mv "$tmp/HEAD" "$tree/.git/"
ktap_equal 'what it changed' "$(in_tree status --porcelain --ignored)" ''
ktap_result 'a tree that git cannot read is refused'

in_tree rm -q -r MAINTAINERS
in_tree commit -q -m 'part of a tree'
refused 'a part of a tree is refused' 'is no whole kernel source tree: no MAINTAINERS'
in_tree reset -q --hard HEAD~

chmod 2775 "$tree" "$tree/virt"
scripts/patch/apply "$tree" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
ktap_equal 'modes of its folders' "$(stat -c %a "$tree" "$tree/virt" | paste -s -d ' ')" '2775 2775'
in_tree checkout -q -b applied
in_tree add -f .
in_tree commit -q -m applied
for want in 'Documentation/virt/kvm/index.rst:   zap-policy' 'tools/testing/selftests/Makefile:TARGETS += kvm/zap' \
	'arch/x86/kvm/Kconfig:source "virt/kvm/Kconfig.zap"' 'MAINTAINERS:F:	virt/kvm/\*zap\*' \
	'arch/x86/kvm/mmu/mmu.c:.*kvm_zap_memslot\(_begin\)*(kvm, slot.*'; do
	ktap_equal "lines '${want#*:}' in ${want%%:*}" "$(grep -c -x -e "${want#*:}" "$tree/${want%%:*}")" 1
done
for file in sysfs-abi/*; do
	sed "s/^\(KernelVersion:.\)6\.1 /\1$line /" "$file" > "$tmp/abi"
	ktap_check cmp "$tmp/abi" "$tree/Documentation/ABI/testing/${file##*/}"
done
ktap_equal 'sections of MAINTAINERS' "$(awk 'NR > 6 && blank && !/^.:/ { print } { blank = /^$/ }' \
	"$tree/MAINTAINERS" | paste -s -d ,)" \
	'KERNEL VIRTUAL MACHINE FOR X86 (KVM/x86),KERNEL VIRTUAL MACHINE ZAP POLICIES (KVM/zap),KERNFS,THE REST'
while read -r pattern; do
	# shellcheck disable=SC2086 # a pattern
	(cd "$tree" && ls -d $pattern > /dev/null 2>&1) || ktap_fail "MAINTAINERS: no file '$pattern'"
done <<-END
	$(sed -n '/ZAP POLICIES/,/^$/s/^F:	//p' "$tree/MAINTAINERS")
END
ktap_result 'a clean tree gets code, Kconfig, documentation, ABI, tests and MAINTAINERS'
refused 'a second time is refused' 'has kvm-zap in it already'

# The kernel's own way to build them, with the headers that the machine has.
mkdir -p "$tmp/tests"
(unset MAKEFLAGS MFLAGS MAKELEVEL
make -C "$tree/tools/testing/selftests/kvm/zap" OUTPUT="$tmp/tests" KHDR_INCLUDES=) > "$tmp/out" 2>&1 ||
	ktap_fail "$(tail -n 20 "$tmp/out")"
for file in tools/testing/selftests/kvm/zap_*_test.c; do
	ktap_check [ -x "$tmp/tests/$(basename "$file" .c)" ]
done
ktap_result 'the tests build there'

in_tree checkout -q main
in_tree clean -q -f -d -x
scripts/patch/make-series "$tree" "$tmp/series" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
ktap_equal 'what make-series changed' "$(in_tree status --porcelain --ignored)" ''
ktap_equal 'cover letters' "$(find "$tmp/series" -name '0000-cover-letter.patch' | wc -l)" 1
grep -q '\*\*\*' "$tmp/series/0000-cover-letter.patch" && ktap_fail 'the cover letter is empty'
grep -q 'scoped [0-9.]*$' "$tmp/series/0000-cover-letter.patch" || ktap_fail 'it has no measurements'
grep -h '^ .*([0-9][0-9.]*-[0-9][0-9]*)$' "$tmp"/series/*.patch | grep -v "($line\.[0-9]*-" > "$tmp/others"
[ ! -s "$tmp/others" ] || ktap_fail "measured on another kernel: $(cat "$tmp/others")"
grep -h '^@' "$tmp"/series/000[0-8]-*.patch | grep -v '^@@' > "$tmp/marks"
[ ! -s "$tmp/marks" ] || ktap_fail "$(cat "$tmp/marks")"
scripts/patch/make-series "$tree" "$tmp/series" > "$tmp/out" 2>&1 && ktap_fail 'it writes over a series'
grep -q 'there are patches in' "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
ktap_result 'a series is written, and not over another'

in_tree checkout -q -b series main
in_tree am -q "$tmp"/series/000[1-9]-*.patch > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
in_tree diff --stat applied series > "$tmp/diff"
[ ! -s "$tmp/diff" ] || ktap_fail "$(cat "$tmp/diff")"
ktap_result 'git am makes of the pristine tree what apply makes'

# Remarks as lint.allow has them, of the file by its name here. Of hooks in the
# kernel's own files: a word that stands for "static" is none to checkpatch. What is
# ignored is so in lint, with the reason.
cd "$tmp/series" || exit 1
for patch in 000[1-9]-*.patch; do
	perl "$source/scripts/checkpatch.pl" --strict --no-tree --terse --show-types --no-summary --showfile \
		--ignore MACRO_ARG_UNUSED,ALLOC_WITH_SIZEOF \
		"$patch" 2> /dev/null | sed "s/^/$patch /"
done | awk -v list="$top/tools/testing/lint.allow" '
	BEGIN {
		while ((getline < list) > 0) {
			if (/^#/ || !NF) continue
			n = split($1, part, "/")
			allowed[part[n] " " $2] = 1
		}
		allowed["mmu.c AVOID_EXTERNS"] = allowed["mmu.c SUSPECT_CODE_INDENT"] = 1
	}
	{
		split($2, at, ":")
		n = split(at[1], part, "/")
		name = part[n]
		sub(/^Kconfig\.zap$/, "Kconfig", name)
		type = $3
		sub(/:$/, "", type)
		sub(/.*:/, "", type)
		if (!(name " " type in allowed)) print
	}' > "$tmp/remarks"
[ ! -s "$tmp/remarks" ] || ktap_fail "$(cat "$tmp/remarks")"
ktap_result 'checkpatch --strict has nothing to say that is not allowed for'
ktap_end
