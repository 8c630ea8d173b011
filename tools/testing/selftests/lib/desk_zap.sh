# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the tests of kvm-zap on a host made of files: run kvm-zap, and check its
# output. The sourcing script sets $here, its folder, and passes its arguments.
# shellcheck disable=SC2154 # here; parameters and debugfs are desk_fake.sh's

top=$(cd "$here/../../.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=kvm/lib/schema.sh
. "$here/kvm/lib/schema.sh"
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/.. source=lib/desk_fake.sh
. "$here/lib/desk_fake.sh"

usage="usage: ${0##*/} [KVM-ZAP]
Tests the command KVM-ZAP, by default build/tools/kvm-zap. KTAP; exit status 0 pass,
1 fail, 4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
tool=${1:-$top/build/tools/kvm-zap}
[ -x "$tool" ] || ktap_skip_all "no $tool: run 'make'"
schema_start
unshare=-m
[ "$(id -u)" -eq 0 ] || unshare=-rm
unshare $unshare true 2> /dev/null || ktap_skip_all 'no mount namespaces here: unshare fails'

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$tmp"
cp "$tool" "$tmp/kvm-zap"
tool=$tmp/kvm-zap
# shellcheck disable=SC2034 # desk_fake.sh makes it
fake=$tmp/host
unset COLUMNS

# ends STATUS COMMAND...: on that host, it has that exit status; $out and $err have what it says,
# at most 1000 lines.
ends() {
	want=$1
	shift
	on "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null
	status=$?
	out=$(head -n 1000 "$tmp/out") err=$(cat "$tmp/err")
	[ "$status" -eq "$want" ] || ktap_fail "$*: exit status $status, not $want: $out $err"
}

# zap STATUS ARGUMENT...: kvm-zap ends so.
zap() {
	want=$1
	shift
	ends "$want" "$tool" "$@"
}

# says TEXT: one of these is on stdout, or stderr.
says() {
	case $out$err in *"$1"*) ;; *) ktap_fail "not said: '$1' but: $out $err" ;; esac
}

unsaid() {
	case $out$err in *"$1"*) ktap_fail "said: '$1': $out $err" ;; esac
}

# json FILTER EXPECTED: of what was printed last, which keeps to the schema.
json() {
	schema_keeps "$tmp/out"
	ktap_equal "$1" "$(jq -c "$1" "$tmp/out" 2>&1)" "$2"
}

word() { cat "$parameters/$1"; }
vm_word() { cat "$debugfs/$1/memslot_zap"; }

# seen SECONDS FILE CONTENT...: in the background, FILE has what is in these files, one each
# time that it is read. Both wait for each other, however slow the machine is, and the reader
# for SECONDS at least. At the end 'wait' for it: FILE is an ordinary one again, with the last.
seen() {
	rm -f "$2"
	mkfifo "$2"
	# shellcheck disable=SC2016 # another shell's
	timeout 200 sh -c '
		seconds=$1 file=$2 pause=0
		shift 2
		for content; do
			sleep $pause
			pause=$seconds
			cat "$content" > "$file"
		done
		# Whoever reads it last has it open.
		cp "$content" "$file.new"
		mv "$file.new" "$file"' sh "$@" &
}
