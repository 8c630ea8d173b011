#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Policy elide on the kernel's command line, which is read before KVM knows the CPU. It has to
# be elide where caches are cleaned, bulk on a CPU with FWB, and walk in protected mode.
# Three boots, of 5 s of CPU time each. KTAP; exit status 0 pass, 1 fail, 4 skip.
#
# What breaks without it: a machine refuses the word while it runs, and takes it for something
# else when it boots.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lab_words='--arch arm64 --kernel small'
# shellcheck source-path=SCRIPTDIR source=lib/lab_alone.sh
. "$here/lib/lab_alone.sh"

case "${1-}" in -h | --help) sed -n '4,9s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

alone_small zap_elide_test

alone_begin
ktap_start 3
while read -r policy words; do
	# shellcheck disable=SC2086 # words
	run $words --kvm unmap_zap=elide -- "$program" boot < /dev/null
	ktap_equal 'exit status' "$status" 0
	ktap_check grep -q "^ok 1 .* is $policy\$" "$tmp/stdout"
	result "elide at boot with $words is $policy"
done << EOT
elide --cpu cortex-a72
bulk --cpu max
walk --cpu cortex-a72 --kvm-arm mode=protected
EOT
ktap_end
