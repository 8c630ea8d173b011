#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A kernel that is not the one the engines were written for is refused: each function that
# they rely on is changed in turn, or is new, or gets another caller. A feature is
# detected where it is, whatever the version.
#
# What breaks without it: a point release changes a function that an engine copies. The
# edits still fit, it compiles, and the guest loses data.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
source=$(scripts/fetch/fetch-source) || exit 1
line=$(sed -n 's/^VERSION = //p; s/^PATCHLEVEL = //p' "$source/Makefile" | paste -s -d .)

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tree=$tmp/tree
mmu=arch/x86/kvm/mmu/mmu.c

pristine() {
	rm -rf "$tree"
	scripts/patch/copy-kvm "$source" "$tree"
}

# change NAME STATEMENT: put a statement first in a function or structure, or last in a
# macro's first line. By other means than scripts/patch/source-texts has.
change() {
	sed -n "s/^$1	//p" "$tmp/there" | tr , '\n' | sed "s,^,$tree/," > "$tmp/files"
	while read -r file; do
		awk -v name="${1#struct:}" -v add="$2" '
			function begins(	at) {
				at = index($0, name)
				return at && /^[^ \t#*\/]/ && substr($0, at + length(name)) ~ /^ *[({]/ &&
					(at == 1 || substr($0, at - 1, 1) !~ /[A-Za-z_0-9]/)
			}
			$0 ~ "^#[ \t]*define[ \t]+" name "[( \t]" {
				if (!sub(/\\$/, add " \\")) $0 = $0 add
			}
			begins() { on = 1 }
			on && /;[ \t]*$/ { on = 0 }
			{ print }
			on && /[{][ \t]*$/ { print "\t" add; on = 0 }' "$file" > "$tmp/new"
		cmp -s "$tmp/new" "$file" && ktap_fail "$1 could not be changed"
		cp "$tmp/new" "$file"
	done < "$tmp/files"
}

# undo: the files that were changed are as they were.
undo() {
	sort -u "$tmp/files" "$tmp/changed" > "$tmp/all"
	while read -r file; do
		cp "$source/${file#"$tree/"}" "$file"
	done < "$tmp/all"
	: > "$tmp/changed"
}

# append FILE LINES: more code at its end.
append() {
	echo "$tree/$1" > "$tmp/files"
	printf '%b\n' "$2" >> "$tree/$1"
}

# refused WORDS: the fingerprints differ, and say so.
refused() {
	if scripts/patch/fingerprint --check "$line" "$tree" > "$tmp/out" 2>&1; then
		ktap_fail "not noticed: $1"
	fi
	grep -q -F -e "$1" "$tmp/out" || ktap_fail "not said: $1; but: $(cat "$tmp/out")"
}

# all_refused: the fingerprints differ in each line of $tmp/want, and in nothing else.
all_refused() {
	scripts/patch/fingerprint --check "$line" "$tree" > "$tmp/out" 2>&1
	ktap_equal 'exit status of fingerprint' $? 1
	# Of callers, those of another version may be named as well.
	sed -n 's/^  //p' "$tmp/out" | sed 's/ (.*//; s/, now by .*\<drift().*/, now by drift()/' |
		sort > "$tmp/said"
	sort "$tmp/want" | diff - "$tmp/said" > "$tmp/diff" ||
		ktap_fail "expected (<) and said (>): $(cat "$tmp/diff")"
	: > "$tmp/want"
	undo
}

# kept WORDS: graft refuses, says so with what relies on it, and changes nothing.
kept() {
	cp -R "$tree" "$tmp/before"
	scripts/patch/graft "$tree" > "$tmp/out" 2>&1 && ktap_fail "grafted: $1"
	grep -F -e "$1" "$tmp/out" | grep -q '(.*zap.*[.][ch].*)$' ||
		ktap_fail "not said: $1; but: $(cat "$tmp/out")"
	diff -r "$tmp/before" "$tree" > "$tmp/diff" || ktap_fail "$(cat "$tmp/diff")"
	rm -rf "$tmp/before"
}

feature() { # feature NAME: its value in $tree
	scripts/patch/find-features "$tree" 2> "$tmp/out" | awk -v name="KVM_ZAP_HAS_$1" '$2 == name { print $3 }'
}

ktap_start 8

pristine
scripts/patch/fingerprint --check "$line" "$tree" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
ktap_equal 'names without a fingerprint' "$(awk '
	!/^#/ && NF { if (FILENAME ~ /relied-on$/) want[$1] = 1; else has[$1] = 1 }
	END { for (name in want) if (!(name in has)) print name
	      for (name in has) if (!(name in want)) print name }' \
	scripts/patch/fingerprints/relied-on "scripts/patch/fingerprints/$line")" ''
ktap_result "the kernel of $line is the one that the engines were written for"

scripts/patch/source-texts "$tree" scripts/patch/fingerprints/relied-on "$tmp/texts" > "$tmp/there"
sed '/^#/d; /^$/d; s/[[:blank:]].*//' scripts/patch/fingerprints/relied-on > "$tmp/names"
# Some at a time: a check of the whole tree takes seconds.
at_a_time=12
tried=0
: > "$tmp/want"
: > "$tmp/changed"
while read -r name; do
	case $name in callers:*) continue ;; esac
	if [ -s "$tmp/texts/$name" ]; then
		change "$name" ';'
		echo "$name in $(sed -n "s/^$name	//p" "$tmp/there") has changed" >> "$tmp/want"
	else
		append $mmu "static void $name(void)\n{\n}"
		# Another version of the line may have it.
		now='is new'
		! grep -q "^$name	[0-9a-f]" "scripts/patch/fingerprints/$line" || now='has changed'
		echo "$name in $mmu $now" >> "$tmp/want"
	fi
	cat "$tmp/files" >> "$tmp/changed"
	tried=$((tried + 1))
	[ $((tried % at_a_time)) -ne 0 ] || all_refused
done < "$tmp/names"
[ ! -s "$tmp/want" ] || all_refused
[ "$tried" -ge 60 ] || ktap_fail "$tried only were tried"
ktap_result 'each function, changed or new, is named, and no other'

sed -n 's/^callers:\(.*\)/\1() is used by other functions than before, now by drift()/p' "$tmp/names" > "$tmp/want"
append $mmu "void drift(void)\n{$(sed -n 's/^callers:\(.*\)/\\n\\t\1();/p' "$tmp/names" | tr -d '\n')\n}"
all_refused
sed -i 's/\bpte_list_add(/pte_list_add_all(/' "$tree/$mmu"
refused 'pte_list_add is gone'
refused 'pte_list_add() is used by other functions than before, no longer by'
ktap_result 'another caller is named, and a function that is gone'

# Comments where a statement ends or begins, other indentation, lines cut in two.
pristine
find "$tree" -name '*.[ch]' | while read -r file; do
	awk '/\\$/ || before ~ /\\$/ || /^[ \t]*(#|\*|\/\*)/ { before = $0; print; next }
		/^\t.*;$/ { before = $0; sub(/^\t/, "        "); print $0 " /* drift { \" */ // (drift"; next }
		/^\t.* &&$/ { before = $0; sub(/ &&$/, "\n\n\t/* more\n * follows */ &\t"); print; next }
		{ before = $0; print }' "$file" > "$tmp/new"
	cp "$tmp/new" "$file"
done
[ "$(grep -c 'drift' "$tree/$mmu")" -gt 500 ] || ktap_fail 'there are few comments to see'
scripts/patch/fingerprint --check "$line" "$tree" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
ktap_result 'comments and white space make no difference'

# What a stable update may bring.
pristine
change sp_has_gptes 'if (sp->role.smm)\n\t\treturn false;'
kept "sp_has_gptes in $mmu has changed"
undo
change mmu_spte_clear_track_bits 'trace_drift(sptep);'
kept "mmu_spte_clear_track_bits in $mmu has changed"
undo
change handle_removed_pt 'lockdep_assert_held_read(&kvm->mmu_lock);'
kept 'handle_removed_pt in arch/x86/kvm/mmu/tdp_mmu.c has changed'
undo
append $mmu 'static void drift(void)\n{\n\tpte_list_add(cache, spte, rmap_head);\n}'
kept 'pte_list_add() is used by other functions than before, now by drift()'
undo
site=kvm_arch_flush_shadow_memslot
older=kvm_mmu_invalidate_zap_pages_in_memslot
[ ! -s "$tmp/texts/$older" ] || site=$older
change "$site" 'if (slot->flags & KVM_MEM_DRIFT)\n\t\treturn;'
kept "$site in $mmu has changed"
undo
ktap_result 'graft refuses what an update may bring, says what relies on it, and changes nothing'

# The NX worker of another release: the other way to hold mmu_lock.
has=$(feature NX_WORKER_SHARED)
case $has in 0) from=write to=read ;; *) from=read to=write ;; esac
sed -i "/^static void kvm_recover_nx_/,/^}/s/\b${from}_lock(&kvm->mmu_lock)/${to}_lock(\&kvm->mmu_lock)/" \
	"$tree/$mmu"
ktap_equal 'NX_WORKER_SHARED' "$(feature NX_WORKER_SHARED)" $((1 - has))
kept 'kvm_recover_nx_'
cp -R Kconfig Documentation arch include scripts virt "$tmp/"
"$tmp/scripts/patch/fingerprint" --write "$line" "$tree"
if [ "$has" -eq 0 ]; then
	"$tmp/scripts/patch/graft" "$tree" > "$tmp/out" 2>&1 && ktap_fail 'it was grafted without note-nx'
	grep -q "mmu_lock for read: $line.rules needs note-nx" "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
	ktap_check [ ! -e "$tree/virt/kvm/zap.c" ]
	# The line that the rule is for is elsewhere: here it may as well add nothing.
	echo "$mmu	note-nx	0|1" >> "$tmp/scripts/patch/cocci/$line.rules"
fi
"$tmp/scripts/patch/graft" "$tree" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
ktap_check grep -q "^#define KVM_ZAP_HAS_NX_WORKER_SHARED	$((1 - has))$" \
	"$tree/arch/x86/kvm/mmu/zap_features.h"
ktap_result 'a feature that is backported is found, once the change has been read'

pristine
sed -i 's/\bis_mmio_spte(\(.*\)u64 spte)/is_mmio_spte(\1u64 spte, int level)/' "$tree/arch/x86/kvm/mmu/spte.h"
"$tmp/scripts/patch/fingerprint" --write "$line" "$tree"
"$tmp/scripts/patch/graft" "$tree" > "$tmp/out" 2>&1 && ktap_fail 'it was grafted'
grep -q 'no form of MMIO_SPTE_PER_VM that is known' "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
ktap_check [ ! -e "$tree/virt/kvm/zap.c" ]
ktap_result 'a feature in no form that is known is refused'

pristine
sed -i '/^feature RMAP_LOCK/,/^$/d' "$tmp/scripts/patch/features"
"$tmp/scripts/patch/fingerprint" --write "$line" "$tree"
"$tmp/scripts/patch/graft" "$tree" > "$tmp/out" 2>&1 && ktap_fail 'it was grafted'
grep -q 'scripts/patch/features has no RMAP_LOCK' "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
ktap_result 'a feature that is asked for and not looked for is an error'
ktap_end
