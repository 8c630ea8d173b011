# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by shell tests: KTAP output, the counterpart of ktap.h. A case is any
# number of ktap_check and ktap_equal, then one ktap_result that names it.
#
#	. "$(dirname "$0")/lib/ktap.sh"
#	ktap_start 1
#	ktap_equal "mode of the file" "$(stat -c %a file)" 644
#	ktap_result "the file is there"
#	ktap_end

ktap_plan=0 ktap_done=0 ktap_failed=0 ktap_skipped=0 ktap_bad=''

ktap_start() { # ktap_start PLAN
	ktap_plan=$1
	printf 'TAP version 13\n1..%s\n' "$ktap_plan"
}

# Instead of ktap_start: nothing can be tested here, and why.
ktap_skip_all() { # ktap_skip_all REASON...
	printf 'TAP version 13\n1..0 # SKIP %s\n' "$*"
	exit 4
}

ktap_diag() { # ktap_diag TEXT...
	printf '%s\n' "$*" | sed 's/^/# /'
}

# The case fails, and why. For 'COMMAND || ktap_fail REASON'.
ktap_fail() { # ktap_fail REASON...
	ktap_bad=1
	ktap_diag "$*"
}

# The case fails unless COMMAND succeeds.
ktap_check() { # ktap_check COMMAND [ARG...]
	"$@" || ktap_fail "failed: $*"
}

ktap_equal() { # ktap_equal WHAT GOT EXPECTED
	[ "$2" = "$3" ] || ktap_fail "$1: '$2', expected '$3'"
}

# End of a case: its name.
ktap_result() { # ktap_result NAME...
	ktap_done=$((ktap_done + 1))
	if [ -z "$ktap_bad" ]; then
		echo "ok $ktap_done $*"
	else
		echo "not ok $ktap_done $*"
		ktap_failed=$((ktap_failed + 1))
	fi
	ktap_bad=''
}

# Instead of a case: why it cannot be tested here, and its name.
ktap_skip() { # ktap_skip REASON NAME...
	ktap_done=$((ktap_done + 1)) ktap_skipped=$((ktap_skipped + 1)) ktap_bad=''
	ktap_reason=$1
	shift
	echo "ok $ktap_done $* # SKIP $ktap_reason"
}

# Exit with the status that the cases add up to.
ktap_end() {
	[ "$ktap_done" -eq "$ktap_plan" ] ||
		ktap_diag "$ktap_done of $ktap_plan planned tests were run"
	[ "$ktap_failed" -eq 0 ] && [ "$ktap_done" -eq "$ktap_plan" ] || exit 1
	[ "$ktap_done" -eq 0 ] || [ "$ktap_skipped" -lt "$ktap_done" ] || exit 4
	exit 0
}
