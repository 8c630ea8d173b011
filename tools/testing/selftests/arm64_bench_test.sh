#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap-bench on arm64, with small sizes: under each policy, each workload drops as many
# pages and page tables as its sizes say, by zap/stats and by its own report, which is JSON
# with the fields of x86. What needs x86 is refused, and says so. Two boots, of 10 s of CPU
# time each. KTAP; exit status 0 pass, 1 fail, 4 skip. Arguments: kinds of CPU, by default
# cortex-a72 and max.
#
# What breaks without it: a workload measures an invalidation that drops less than it says,
# or nothing at all.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
top=$(cd "$here/../../.." && pwd -P)
lab_words='--arch arm64 --kernel small --timeout 1800'
# shellcheck source-path=SCRIPTDIR source=lib/lab_alone.sh
. "$here/lib/lab_alone.sh"

case "${1-}" in -h | --help) sed -n '4,13s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

alone_small zap_cost_test
program=$top/build/tools-arm64/kvm-zap-bench
[ -x "$program" ] || ktap_skip_all "no $program: 'make tools-arm64' builds it"
alone_begin
[ $# -gt 0 ] || set -- cortex-a72 max
rounds=3

# What a workload drops in a round: a line has its name, site, invalidations, pages, tables,
# TLB invalidations of walk and of bulk, and its words. Each page and each table is a TLB
# invalidation of walk. A memslot, except the ROM, is alone in its GiB. Of the VM library's
# own memory, three pages are mapped and one for each vCPU, by two tables of level 3; at
# teardown, the PGD is two tables more.
cat > workloads <<'END'
empty memslot 1 0 0 0 0 empty
rom memslot 1 16 1 17 1 rom -m 4
dense memslot 1 1024 3 1027 1 dense -s 4 -m 2
sparse memslot 1 64 65 129 1 sparse -s 1024 --pages 64 -m 2
move memslot 1 1024 3 1027 1 move -s 4 -m 2
many memslot 4 128 5 133 4 many -c 4 -s 2048 --stride-kib 64 -m 2
beside memslot 1 0 0 0 0 beside -m 4
unmap unmap 1 1024 3 1027 1 unmap -s 4 -m 2
munmap unmap 1 1024 3 1027 1 unmap --by munmap -s 4 -m 2
teardown teardown 1 1028 8 0 0 teardown -m 4
reset reset 2 1029 6 1035 2 reset -c 2 -m 2
END

# What is refused, a line each.
cat > foreign <<'END'
nested
mmio-wrap
contend
replay
beside --nested
teardown --nested
rom --guest-page 4k
dense --aliases 1
--no-slot-zap-all rom
END

# In the lab: NAME.POLICY.before and .after are zap/stats, .json is the report.
cat > script <<'END'
set -u
bench=$1
stats=/sys/kernel/debug/kvm/zap/stats
parameters=/sys/module/kvm/parameters
[ -e $stats ] || mount -t debugfs none /sys/kernel/debug
measure() {
	name=$1.$2
	shift 2
	cat $stats > "$LAB_OUT/$name.before"
	"$bench" "$@" -n 2 -w 1 --json > "$LAB_OUT/$name.json" < /dev/null ||
		echo "$name: exit status $?"
	cat $stats > "$LAB_OUT/$name.after"
}
for policy in walk bulk; do
	for site in memslot reset unmap teardown; do
		echo $policy > $parameters/${site}_zap
	done
	while read -r name site times pages tables walk bulk words; do
		measure $name $policy $words
	done < ./workloads
done
"$bench" rom -m 2 -n 1 > "$LAB_OUT/table"
"$bench" --help > "$LAB_OUT/help"
while read -r words; do
	status=0
	"$bench" $words > /dev/null 2> ./err < /dev/null || status=$?
	echo "$status $(head -n 1 ./err)"
done < ./foreign > "$LAB_OUT/refused"
# Not all CPUs have it.
if (echo elide > $parameters/unmap_zap) 2> /dev/null; then
	measure munmap elide unmap --by munmap -s 4 -m 2
fi
END

# column WHEN NAME SITE POLICY COLUMN: of zap/stats.
column() {
	awk -v site="$3" -v policy="$4" -v column="$5" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == site && $2 == policy { print $at[column] }' "$tmp/out/$2.$4.$1"
}

# grown WHAT... EXPECTED: by how much that column has grown, in all rounds.
grown() {
	before=$(column before "$1" "$2" "$3" "$4") after=$(column after "$1" "$2" "$3" "$4")
	ktap_equal "$1 $3: $4" $((${after:-0} - ${before:-1})) $((rounds * $5))
}

# told NAME POLICY SERIES EXPECTED: the median of a series.
told() {
	ktap_equal "$1 $2: $3" "$(jq ".series.$3.median" "$tmp/out/$1.$2.json")" "$4"
}

# dropped NAME SITE POLICY TIMES PAGES TABLES TLBIS CMO: in a round.
dropped() {
	grown "$1" "$2" "$3" count "$4"
	grown "$1" "$2" "$3" sptes "$5"
	grown "$1" "$2" "$3" tables "$6"
	grown "$1" "$2" "$3" tlbis "$7"
	grown "$1" "$2" "$3" cmo_pages "$8"
	told "$1" "$3" zap_sptes "$5"
	told "$1" "$3" zap_tables "$6"
	[ "$2" = teardown ] || told "$1" "$3" zap_tlbis "$7"
}

# reported FILE: it has the fields of x86, and none of what KVM does not count here.
reported() {
	jq -e '
		(keys == ["clocksource", "command", "cpu", "cpus_online", "kernel",
			"kernel_command_line", "kernel_version", "mmu", "modules", "parameters",
			"program", "series", "transparent_hugepage", "workload"]) and
		.program == "kvm-zap-bench" and .mmu == "stage2" and
		(.cpu | test("^part 0x[0-9a-f]+ of implementer 0x[0-9a-f]+$")) and
		(.modules.kvm.parameters | has("memslot_zap") and has("unmap_zap")) and
		(.parameters | has("mapped_4k_pages") | not) and
		(.series | length > 3 and (has("kept_pages") or has("touch_faults") | not)) and
		([.series[]] | all(keys == ["about", "mad", "max", "median", "min", "samples"] and
			(.samples | length == 2)))' "$1" > "$tmp/jq" ||
		ktap_fail "${1##*/} does not have the fields that it should"
}

ktap_start $(($# * 6))
for cpu; do
	rm -rf "$tmp/out"
	run --cpu "$cpu" --out "$tmp/out" -- sh ./script "$program" ./workloads ./foreign
	ktap_equal 'exit status' "$status" 0
	ktap_equal 'what it said' "$(cat "$tmp/stdout")" ''
	result "$cpu: every workload ends"

	# With FWB, KVM cleans no cache, and leaves memory mapped when a vCPU is reset.
	cmo=1
	[ "$cpu" != max ] || cmo=0
	for policy in walk bulk; do
		while read -r name site times pages tables walk bulk _; do
			[ $policy = walk ] && tlbis=$walk || tlbis=$bulk
			[ "$site$cmo" != reset0 ] || times=0 pages=0 tables=0 tlbis=0
			[ "$site" = teardown ] && cleaned=0 || cleaned=$((cmo * pages))
			dropped "$name" "$site" $policy "$times" "$pages" "$tables" "$tlbis" "$cleaned"
		done < workloads
		result "$cpu: what $policy drops"
	done

	if [ $cmo -eq 1 ]; then
		dropped munmap unmap elide 1 1024 3 1 0
		grown munmap unmap elide elided 1024
	else
		ktap_check [ ! -e "$tmp/out/munmap.elide.json" ]
	fi
	result "$cpu: what elide drops, if the CPU has it"

	for file in "$tmp"/out/*.*.json; do
		reported "$file"
	done
	ktap_equal 'policies' "$(sed -n 's/^# policy: //p' "$tmp/out/table")" \
		'memslot bulk, reset bulk, teardown bulk, unmap bulk'
	result "$cpu: reports"

	ktap_equal 'what is refused' "$(cat "$tmp/out/refused")" "\
4 kvm-zap-bench: workload 'nested' needs x86
4 kvm-zap-bench: workload 'mmio-wrap' needs x86
4 kvm-zap-bench: workload 'contend' needs x86
4 kvm-zap-bench: workload 'replay' needs x86
4 kvm-zap-bench beside: skipped: a nested guest needs x86
4 kvm-zap-bench teardown: skipped: a nested guest needs x86
2 kvm-zap-bench rom: --guest-page: the guest's own tables have pages of 1 GiB; a choice needs x86
2 kvm-zap-bench dense: --aliases: other addresses in the guest need x86
4 kvm-zap-bench: this KVM has no quirk for --no-slot-zap-all"
	ktap_equal 'named by --help' "$(grep -c -e '^  nested ' -e '^  reset ' "$tmp/out/help")" 1
	result "$cpu: what needs x86"
done
ktap_end
