#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# An operator's way from "something is wrong" to "it is mended", on a host with three guests
# of QEMU, one of which deletes memslots: find it, look at what happens, measure what the
# other policy would cost it, switch it alone, and go back.
#
# What breaks without it: kvm-zap names another VM than the one that suffers, or changes one
# that was not meant.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk.sh
. "$here/lib/desk.sh"
usage="usage: ${0##*/} [KVM-ZAP]
Tests the command KVM-ZAP, by default build/tools/kvm-zap, on three guests of QEMU. KTAP;
exit status 0 pass, 1 fail, 4 skip."
case "${1-}" in -h | --help) echo "$usage"; exit 0 ;; esac
desk_start "${1-}" jq qemu-system-x86_64
image=$top/build/tests/rom_toggle.img
[ -e "$image" ] || ktap_skip_all "no $image: run 'make tests'"

# guest NAME OPTION...: $pid is its process.
guest() {
	guest_name=$1
	shift
	qemu-system-x86_64 -machine pc,accel=kvm -cpu host -m 32 -display none -nodefaults \
		-name "guest=$guest_name,debug-threads=on" "$@" > "$tmp/$guest_name" 2>&1 &
	pid=$!
	desk_vm $pid "$tmp/$guest_name"
}

# json FILTER: of what the command has written.
json() { jq -r "$1" "$tmp/out"; }

head -c 65536 /dev/zero > "$tmp/rom"
guest web -S
web=$(folder $pid)
guest db -drive "file=$image,format=raw,snapshot=on" \
	-device "pci-testdev,addr=4,romfile=$tmp/rom"
db=$(folder $pid)
db_pid=$pid
guest mail -S
mail=$(folder $pid)
words() { cat "$web/memslot_zap" "$db/memslot_zap" "$mail/memslot_zap" $parameters/memslot_zap | xargs; }
# count FOLDER: its invalidations.
count() { echo $(($(cat "$1/memslot_zap_fast") + $(cat "$1/memslot_zap_scoped"))); }

ktap_start 6

# The BIOS is done when memslots come and go.
# shellcheck disable=SC2317 # until_true calls it
has_deleted() { [ "$(cat "$db/memslot_updates")" -gt $((updates + 40)) ]; }
updates=$(cat "$db/memslot_updates")
until_true has_deleted
zap 0 status -i 5 --json
ktap_equal 'the one that suffers, and all' "$(json '[.vms[0].name, (.vms | map(.name) | sort | join(" "))] | join(": ")')" \
	'db: db mail web'
ktap_equal 'rates of the others' "$(json '.vms[1:] | map(.rates.invalidations) | add')" 0
[ "$(json '.vms[0].rates.invalidations > 1')" = true ] || ktap_fail "rates: $(json '.vms[0].rates | @json')"
zap 0 status -i 2
says '1 of 3 VMs: '
says "of db's time in updates of memslots"
ktap_result 'status names the guest that deletes memslots'

zap 0 trace --vm db -n 4 --json
ktap_equal 'VMs and policies' "$(jq -s -c '[.[] | select(.event == "zap") | [.vm.name, .policy]] | unique' "$tmp/out")" \
	'[["db","fast"]]'
ktap_equal 'the ROM' "$(jq -s -c '[.[] | select(.event == "zap").bytes] | unique' "$tmp/out")" '[65536]'
ktap_result 'trace shows its ROM'

zap 0 compare --vm db -r 2 -s 3 --json
ktap_equal 'rounds' "$(json '[.rounds_done, .vm.name] | join(" ")')" '2 db'
ktap_equal 'what fast drops, and scoped does not' \
	"$(json '[.values[] | select(.name == "sptes") | .first.median > 0, .others[0].max == 0] | @json')" '[true,true]'
ktap_equal words "$(words)" 'inherit inherit inherit stock'
ktap_result 'compare measures the other policy on it, and leaves no word'

zap 0 set memslot scoped --vm db
says 'inherit -> scoped'
ktap_equal words "$(words)" 'inherit scoped inherit stock'
before=$(cat "$db/memslot_zap_fast")
zap 0 status -i 3 --json
ktap_equal 'what it gets' "$(json '.vms[] | select(.name == "db") | [.word, .by, .policy] | @json')" '["scoped","vm","scoped"]'
# One may have been under way, and QEMU makes two of each deletion.
between 'fast invalidations after' "$before" "$(cat "$db/memslot_zap_fast")" $((before + 2))
zap 0 trace --vm db -n 4 --json
ktap_equal 'policies' "$(jq -s -c '[.[] | select(.event == "zap").policy] | unique' "$tmp/out")" '["scoped"]'
ktap_result 'set switches it, and it alone'

web_count=$(count "$web") mail_count=$(count "$mail")
zap 0 stat --prometheus --output "$tmp/kvm-zap.prom"
ktap_equal 'guests in the metrics' "$(sed -n 's/^kvm_zap_vm_info{domain="\([^"]*\)".*word="\([^"]*\)".*/\1=\2/p' "$tmp/kvm-zap.prom" | sort | xargs)" \
	'db=scoped mail=inherit web=inherit'
# metric NAME: invalidations of that guest.
metric() {
	grep "^kvm_zap_vm_invalidations_total{domain=\"$1\",.*site=\"memslot\"" "$tmp/kvm-zap.prom" |
		awk '{ all += $2 } END { print all }'
}
ktap_equal 'invalidations of those that rest' "$(metric web) $(metric mail)" "$web_count $mail_count"
[ "$(metric db)" -gt 20 ] || ktap_fail "invalidations of db: $(metric db)"
ktap_result 'the metrics have all three'

zap 0 restore
says "memslot_zap of pid $db_pid: scoped -> inherit"
ktap_equal words "$(words)" 'inherit inherit inherit stock'
kill $db_pid
wait $db_pid 2> /dev/null
zap 0 status -i 0 --json
ktap_equal 'guests left' "$(json '.vms | map(.name) | sort | join(" ")')" 'mail web'
ktap_result 'restore puts its word back, and a guest that has ended is gone'
ktap_end
