#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Each fault of tools/testing/mutants can still be made: its semantic patch matches
# the present sources at one place, and the test that has to notice it exists.
#
# What breaks without it: the sources move on, and a fault that is made nowhere
# seems to be one that no test notices, when somebody looks for that half a year
# later.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
mutants=tools/testing/mutants
command -v spatch > /dev/null || ktap_skip_all 'no spatch: apt-get install coccinelle'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tools/testing/check-mutants list > "$tmp/list"
{ tools/testing/check list; tools/testing/check --list tools/testing/tests-smp list; } > "$tmp/tests"

# made NAME FILE: that fault, in that file.
made() {
	ktap_check [ -f "$mutants/$1.cocci" ]
	case $2 in
	include/linux/kvm_zap.h | virt/kvm/zap*.c | arch/x86/kvm/mmu/zap*.[ch] | arch/arm64/kvm/zap*.[ch]) ;;
	*) ktap_fail "$1: '$2' is no file of ours" ;;
	esac
	cp "$2" "$tmp/${2##*/}"
	scripts/patch/cocci-edit "$mutants/$1.cocci" "$tmp/${2##*/}" > "$tmp/diff" 2>&1
	ktap_equal "$1: places in $2 that change" "$(grep -c '^@@' "$tmp/diff")" 1
}

ktap_start 5
while read -r name file test feature; do
	made "$name" "$file"
done < "$tmp/list"
ktap_result "$(wc -l < "$tmp/list") faults can be made"

sed '/^#/d; /^$/d' $mutants/arm64/list > "$tmp/arm64"
while read -r name file test feature; do
	made "arm64/$name" "$file"
done < "$tmp/arm64"
awk 'NF > 4 { print $5 }' "$tmp/arm64" > "$tmp/features"
while read -r feature; do
	grep -q "^feature ${feature#!}[[:space:]]" scripts/patch/features.arm64 ||
		ktap_fail "'$feature' is no feature of scripts/patch/features.arm64"
done < "$tmp/features"
ktap_result "$(wc -l < "$tmp/arm64") faults for arm64 can be made"

while read -r name file test feature; do
	grep -q -x -e "$test" "$tmp/tests" || ktap_fail "$name: no test '$test'"
	[ -z "$feature" ] || grep -q "^feature ${feature#!}[[:space:]]" scripts/patch/features ||
		ktap_fail "$name: '$feature' is no feature of scripts/patch/features"
done < "$tmp/list"
ktap_result 'the tests that have to notice them exist, and the features'

awk '{ print $1 }' "$tmp/list" | sort > "$tmp/listed"
for patch in "$mutants"/*.cocci; do
	basename "$patch" .cocci
done | sort | diff "$tmp/listed" - > "$tmp/diff" || ktap_fail "$(cat "$tmp/diff")"
for patch in "$mutants"/*.cocci; do
	[ "$(sed -n 1p "$patch")" = '// SPDX-License-Identifier: GPL-2.0-only' ] ||
		ktap_fail "$patch: no SPDX line"
	sed -n 2p "$patch" | grep -q '^// .' || ktap_fail "$patch does not say what it breaks"
done
ktap_result 'each patch is listed, and says what it breaks'

# One that matches nothing is refused: a build of it would be one without a fault.
printf '@@\n@@\n- zap_no_such_function();\n' > "$tmp/nothing.cocci"
cp virt/kvm/zap.c "$tmp/zap.c"
ktap_equal 'a patch that matches nothing' "$(scripts/patch/cocci-edit "$tmp/nothing.cocci" "$tmp/zap.c")" ''
tools/testing/check-mutants no-such-mutant > "$tmp/out" 2>&1 && ktap_fail 'a wrong name is taken'
grep -q "no mutant 'no-such-mutant'" "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
ktap_result 'what cannot be made is refused'
ktap_end
