# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests of kvm-zap report: files to report on, and what it says of files. The
# sourcing script sets $here, its folder, and passes its arguments. The current folder is
# $tmp, and pages go to $tmp/out.
# shellcheck disable=SC2154

top=$(cd "$here/../../.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=kvm/lib/schema.sh
. "$here/kvm/lib/schema.sh"

usage="usage: ${0##*/} [KVM-ZAP]
Tests the report of KVM-ZAP, by default build/tools/kvm-zap. KTAP; exit status 0 pass,
1 fail, 4 skip.${usage_more-}"
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
tool=${1:-$top/build/tools/kvm-zap}
[ -x "$tool" ] || ktap_skip_all "no $tool: run 'make'"
tool=$(realpath "$tool")
schema_start
command -v gnuplot > /dev/null || ktap_skip_all 'no gnuplot: apt-get install gnuplot-nox'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=lib/desk_report_data.sh
. "$here/lib/desk_report_data.sh"
# shellcheck disable=SC2034 # for those who source it
page=$tmp/out/page.html
cd "$tmp" || exit 1
mkdir "$tmp/out"

# report STATUS ARGUMENT...: it has that exit status; $err has what it says.
report() {
	want=$1
	shift
	"$tool" report "$@" > "$tmp/said" 2>&1 < /dev/null
	status=$?
	err=$(cat "$tmp/said")
	[ "$status" -eq "$want" ] || ktap_fail "report $*: exit status $status, not $want: $err"
}
