#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# With CONFIG_KVM_ZAP_POLICY=n, KVM of a grafted tree is that of a pristine one on arm64,
# too: each of its object files disassembles to the same instructions, relocations
# included. Two builds of KVM alone, of some minutes each the first time.
set -u

cd "$(dirname "$0")/../../.." || exit 1
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. tools/testing/selftests/kvm/lib/ktap.sh

case "${1-}" in -h | --help) sed -n '4,6s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
line=$(scripts/kver | cut -d. -f1-2)
objdump=$(scripts/fetch/fetch-cross)objdump || ktap_skip_all 'no compiler for arm64'

# objects KIND: those of KVM, the hypervisor's included.
objects() {
	(cd "build/small-$line-$1/object" && find arch/arm64/kvm virt/kvm -name '*.o' ! -name '.*' | sort)
}

# All but the first lines, which name the file.
disassemble() { # disassemble KIND OBJECT
	"$objdump" -dr --no-show-raw-insn "build/small-$line-$1/object/$2" | tail -n +4
}

ktap_start 3
for kind in pristine off; do
	scripts/build/build-arm64 --kvm --$kind "$line" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
done
ktap_result 'both trees build'

objects pristine > "$tmp/pristine"
objects off > "$tmp/off"
ktap_check [ "$(wc -l < "$tmp/pristine")" -gt 50 ]
diff "$tmp/pristine" "$tmp/off" > "$tmp/diff" || ktap_fail "$(cat "$tmp/diff")"
ktap_result "both have the same $(wc -l < "$tmp/pristine") object files"

while read -r object; do
	disassemble pristine "$object" > "$tmp/a"
	disassemble off "$object" > "$tmp/b"
	cmp -s "$tmp/a" "$tmp/b" || ktap_fail "$object: $(diff "$tmp/a" "$tmp/b" | head -n 6)"
done < "$tmp/pristine"
ktap_result 'all object files have the same instructions'
ktap_end
