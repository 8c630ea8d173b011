#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The results of the KUnit tests in virt/kvm/zap_test.c, from when the kvm module was
# loaded or, if the kernel runs them on demand, from now. They fail if an illegal word is
# accepted, if the VM's own word does not override the parameter, or if something is
# counted twice, in the wrong place or not at all.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib/ktap.sh
. "$here/lib/ktap.sh"

results=/sys/kernel/debug/kunit/kvm_zap/results
[ -r $results ] || ktap_skip_all "no $results: not built with CONFIG_KVM_ZAP_KUNIT_TEST"

# 7.2 runs nothing by itself without CONFIG_KUNIT_AUTORUN_ENABLED, which 6.1 has not.
grep -q -E '^ +(not )?ok ' $results || [ ! -e ${results%results}run ] ||
	echo 1 > ${results%results}run

# A line for each test of the suite: ok N NAME, or not ok N NAME.
tests=$(sed -n -E 's/^ +((not )?ok) [0-9]+ (- )?/\1 /p' $results)
ktap_start "$(echo "$tests" | grep -c .)"
while read -r word name; do
	[ "$word" = ok ] || {
		name=${name#ok }
		ktap_fail "$(cat $results)"
	}
	ktap_result "$name"
done <<-END
	$tests
END
ktap_end
