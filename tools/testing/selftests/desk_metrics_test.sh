#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap's figures, on a host made of files: stat, metrics for Prometheus with the alerts
# and the dashboard that query them, and numbers in any locale.
#
# What breaks without it: node_exporter loses the file because one series is there twice,
# an alert queries a series that nobody writes, or a decimal comma ends up in a metric.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"

stat_test() {
	fake_make
	zap 0 stat
	says 'memslot  fast      10  1.0k    900'
	unsaid mmio
	zap 0 stat --all
	says 'mmio     scoped'
	zap 0 stat --json
	json '[.rows[0] | .count, .collateral, .latency, .rates]' \
		'[10,900,[{"from_ns":262144,"count":9},{"from_ns":1048576,"count":1}],null]'
	on script -qec "stty cols 80; $tool stat" /dev/null < /dev/null 2>&1 | tr -d '\r' > "$tmp/out"
	grep -q '262us - 524us  *9 ###*$' "$tmp/out" || ktap_fail "no bars: $(cat "$tmp/out")"
	[ "$(wc -L < "$tmp/out")" -le 80 ] || ktap_fail "wider than 80: $(cat "$tmp/out")"
	cp "$debugfs/zap/stats" "$tmp/before"
	sed 's/^memslot fast 10 1000/memslot fast 30 1500/' "$tmp/before" > "$tmp/after"
	seen 1 "$debugfs/zap/stats" "$tmp/before" "$tmp/after" "$tmp/after" "$tmp/after"
	zap 0 stat -i 1 -n 3 --json
	wait
	ktap_equal 'JSON lines' "$(wc -l < "$tmp/out")" 3
	ktap_equal 'growth, in all lines' \
		"$(jq -s '[.[] | .rows[0].rates.count * .seconds] | add | round' "$tmp/out")" 20
	head -n 1 "$tmp/out" > "$tmp/line"
	cp "$tmp/line" "$tmp/out"
	json .verb '"stat"'
	# Interrupted: what there is is whole.
	on timeout -s INT 3 "$tool" stat -i 0.2 --json > "$tmp/out" 2>&1
	jq -s -e 'length >= 2' "$tmp/out" > /dev/null || ktap_fail "^C: $(cat "$tmp/out")"
	zap 2 stat --prometheus --output ''
	says "--output '': give a file's name"
	mkdir "$tmp/folder.prom"
	zap 1 stat --prometheus --output "$tmp/folder.prom"
	says "$tmp/folder.prom: is a folder: give the name of a file"
	# A rename would leave a file in the place of a device.
	mkfifo "$tmp/pipe.prom"
	zap 1 stat --prometheus --output "$tmp/pipe.prom"
	says "$tmp/pipe.prom: is no file: give the name of a file"
	[ -p "$tmp/pipe.prom" ] || ktap_fail 'what was no file has gone'
	ktap_result 'stat has totals, rates and histograms'
}

# stats_of SITE POLICY COUNT SPTES TABLES YIELDS FLUSHES TOTAL_NS MAX_NS COLLATERAL KEPT...:
# what zap/stats has, eleven words a row.
stats_of() {
	echo 'site policy count sptes tables yields flushes total_ns max_ns collateral kept later'
	while [ $# -ge 11 ]; do
		echo "$1 $2 $3 $4 $5 $6 $7 $8 $9 ${10} ${11} x"
		shift 11
	done
}

# Each figure differs from all others.
figures_test() {
	fake_make
	stats_of memslot fast 21 1100 120 13 1400 9005000000 1340942 900 170 \
		memslot scoped 9 1 2 3 4 5 6 7 8 teardown bulk 0 0 0 0 0 0 0 0 0 > "$tmp/before"
	cp "$tmp/before" "$debugfs/zap/stats"
	zap 0 stat
	ktap_equal 'a table' "$(sed 's/  */ /g' "$tmp/out")" \
		'SITE POLICY COUNT SPTES OTHERS KEPT TABLES YIELDS FLUSHES TIME WORST
memslot fast 21 1.1k 900 170 120 13 1.4k 9.0s 1.3ms
memslot scoped 9 1 7 8 2 3 4 5.0ns 6.0ns'
	zap 0 stat --json
	json '[.seconds, (.rows[0] | .count, .sptes, .tables, .yields, .flushes, .total_ns, .max_ns, .collateral, .kept)]' \
		'[null,21,1100,120,13,1400,9005000000,1340942,900,170]'
	# The second look is late, as on a machine that is slow. The second row was cleared meanwhile,
	# so that all of it is new.
	stats_of memslot fast 821 2700 3320 6413 14200 10205000000 1340943 26500 51370 \
		memslot scoped 3 30 20 40 50 60 70 80 90 teardown bulk 0 0 0 0 0 0 0 0 0 > "$tmp/after"
	for as in --json ''; do
		seen 4 "$debugfs/zap/stats" "$tmp/before" "$tmp/after"
		# shellcheck disable=SC2086 # an option, or none
		zap 0 stat -i 1 -n 1 $as
		wait
		[ -z "$as" ] || cp "$tmp/out" "$tmp/line"
	done
	# Of 800 and more figures, each twice the one before it. TIME is 1.2 s of 4 s and more.
	ktap_equal 'ratios to COUNT, TIME, WORST' "$(sed -n 's/  */ /g; s/^memslot fast //p' "$tmp/out" | awk '
		function per(cell) { return int((cell + 0) * (cell ~ /k/ ? 1000 : 1) / $1 + 0.5) }
		{ print per($2), int(per($3) / 32 + 0.5), int(per($4) / 64 + 0.5), per($5), per($6), int(per($7) / 16 + 0.5), ($8 + 0 > 2 && $8 + 0 <= 31), $9 }')" \
		'2 1 1 4 8 1 1 1.3ms'
	ktap_equal 'rows with a growth' "$(grep -c '^[a-z]' "$tmp/out")" 2
	cp "$tmp/line" "$tmp/out"
	json '.seconds >= 3.9' true
	# shellcheck disable=SC2016 # a variable of jq
	json '.seconds as $s | [.rows[] | .rates | [.count, .sptes, .tables, .yields, .flushes, .total_ns / 1000000, .collateral, .kept] | map(. * $s | round)]' \
		'[[800,1600,3200,6400,12800,1200,25600,51200],[3,30,20,40,50,0,80,90],[0,0,0,0,0,0,0,0]]'
	json '[.rows[0] | .count, .max_ns, .rates.max_ns]' '[821,1340943,null]'
	ktap_result 'each figure is in its column, and rates are of the time that it took'

	# metric column, of a VM, and of a site and policy.
	fake_make
	cp "$tmp/before" "$debugfs/zap/stats"
	echo "$vms_header" > "$debugfs/zap/vms"
	n=1000000000
	figures=$(for column in $vms_header; do
		case $column in tgid | tid | word | by | policy | stall_max_ns | later) continue ;; esac
		n=$((n + 1010))
		echo $n
	done | xargs)
	fake_vm 210 210 auto vm scoped "$figures" 4321
	zap 0 stat --prometheus
	while read -r metric column; do
		want=$(awk -v column="$column" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i } NR == 2 { print $at }' \
			"$debugfs/zap/vms")
		case $metric in *seconds*) want=$((want / 1000000000)).$(printf '%09d' $((want % 1000000000))) ;; esac
		ktap_equal "$metric" "$(sed -n "s/^kvm_zap_$metric{domain=\"db\",pid=\"210\"} //p" "$tmp/out")" "$want"
	done <<-'END'
		vm_sptes_dropped_total sptes
		vm_collateral_sptes_total collateral
		vm_kept_sptes_total kept
		vm_memslot_updates_total updates
		vm_memslot_update_seconds_total update_ns
		vm_refaults_total refaults
		vm_stall_seconds_total stall_ns
		vm_memslot_update_max_seconds update_max_ns
		vm_stall_max_seconds stall_max_ns
		vm_mapped_sptes mapped
		vm_assigned_devices assigned
		vm_noncoherent_dma noncoherent
	END
	while read -r line; do
		grep -q -x -F "$line" "$tmp/out" || ktap_fail "no $line"
	done <<-'END'
		kvm_zap_sptes_dropped_total{site="memslot",policy="fast"} 1100
		kvm_zap_collateral_sptes_total{site="memslot",policy="fast"} 900
		kvm_zap_kept_sptes_total{site="memslot",policy="fast"} 170
		kvm_zap_page_tables_total{site="memslot",policy="fast"} 120
		kvm_zap_yields_total{site="memslot",policy="fast"} 13
		kvm_zap_tlb_flushes_total{site="memslot",policy="fast"} 1400
		kvm_zap_sptes_dropped_total{site="memslot",policy="scoped"} 1
		kvm_zap_vm_info{domain="db",pid="210",word="auto",by="vm",policy="scoped"} 1
		kvm_zap_vm_invalidations_total{domain="db",pid="210",site="memslot",policy="fast"} 1000001010
		kvm_zap_vm_invalidations_total{domain="db",pid="210",site="memslot",policy="scoped"} 1000002020
		kvm_zap_vm_invalidations_total{domain="db",pid="210",site="mmio",policy="fast"} 1000003030
		kvm_zap_vm_invalidations_total{domain="db",pid="210",site="mmio",policy="scoped"} 1000004040
		kvm_zap_vm_seconds_total{domain="db",pid="210",policy="fast"} 1.000010100
		kvm_zap_vm_max_seconds{domain="db",pid="210",policy="fast"} 1.000011110
		kvm_zap_vm_seconds_total{domain="db",pid="210",policy="scoped"} 1.000012120
		kvm_zap_vm_max_seconds{domain="db",pid="210",policy="scoped"} 1.000013130
		kvm_zap_module_is_installed_one 1
	END
	# Whose metrics are sums, and whose may become less.
	ktap_equal 'types' "$(sed -n 's/^# TYPE kvm_zap_//p' "$tmp/out" | grep -v -e '_total counter$' -e '_info gauge$' | xargs)" \
		"module_is_installed_one gauge exporter_last_run_seconds gauge max_seconds gauge duration_seconds histogram vms gauge vm_max_seconds gauge vm_memslot_update_max_seconds gauge vm_stall_max_seconds gauge vm_mapped_sptes gauge vm_assigned_devices gauge vm_noncoherent_dma gauge"
	fake_module "$(uname -r)" distribution
	zap 0 stat --prometheus
	grep -q -x 'kvm_zap_module_is_installed_one 0' "$tmp/out" || ktap_fail 'another one is installed, and nobody says so'
	ktap_result 'a metric has the figures of its column'
}

# A failed write is reported with the reason, whatever ends the program.
full_test() {
	fake_make
	for words in --help --version 'stat --help' 'trace --help' stat 'stat --json' 'stat --prometheus' \
		'stat -i 0.1' 'stat -i 0.1 --json' 'status -i 0' 'status -i 0 --json' 'verify mmio=fast' \
		'verify --json mmio=fast' 'set mmio scoped' 'restore' 'set mmio scoped --json' 'restore --json'; do
		# shellcheck disable=SC2086 # words
		on timeout 20 "$tool" $words > /dev/full 2> "$tmp/err"
		ktap_equal "exit status of $words on a full disk" $? 1
		ktap_equal "what $words says" "$(cat "$tmp/err")" 'kvm-zap: standard output: No space left on device'
	done
	# Killed while it writes: no temporary file stays.
	(
		ulimit -f 1
		on "$tool" stat --prometheus --output "$tmp/out.prom" 2> "$tmp/err"
		echo $? > "$tmp/status"
	)
	ktap_equal 'exit status where a file may not be so large' "$(cat "$tmp/status")" 1
	grep -q 'out.prom: File too large' "$tmp/err" || ktap_fail "$(cat "$tmp/err")"
	ktap_equal 'files' "$(find "$tmp" -name 'out.prom*')" ''
	ktap_result 'what cannot be written is said'
}

prometheus_test() {
	fake_make
	promtool=$("$top/scripts/fetch/fetch-prometheus" promtool) || {
		ktap_skip 'no promtool' 'metrics for Prometheus'
		ktap_skip 'no promtool' 'alerts fire for what they are about'
		return
	}
	fake_process 210 q qemu -name "guest=a\"b\\c
d$(printf '\377')é"
	# A kernel that does not tell of devices.
	fake_vm 510 510 inherit param fast '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 - - 0'
	fake_process 510 vmm vmm
	ln -s 'anon_inode:[vfio-device]' "$fake/proc/510/fd/7"
	# Two VMs of one process.
	fake_vm 310 311 inherit param fast '7 0 0 0 0 0 0 0 0 0 0 0 99000 0 0 0 0 0 0 - 0 0'
	zap 0 stat --prometheus
	"$promtool" check metrics < "$tmp/out" > "$tmp/err" 2>&1 || ktap_fail "$(cat "$tmp/err")"
	ktap_equal 'remarks of promtool' "$(cat "$tmp/err")" ''
	ktap_equal 'series that are there twice' "$(sed '/^#/d; s/ [^ ]*$//' "$tmp/out" | sort | uniq -d)" ''
	sed 's/^/ /' "$tmp/out" > "$tmp/metrics"
	while read -r line; do
		grep -q -x -F " $line" "$tmp/metrics" || ktap_fail "no $line"
	done <<-'END'
		kvm_zap_invalidations_total{site="memslot",policy="fast"} 10
		kvm_zap_max_seconds{site="memslot",policy="fast"} 0.001340942
		kvm_zap_duration_seconds_bucket{site="memslot",policy="fast",le="0.000262144"} 0
		kvm_zap_duration_seconds_bucket{site="memslot",policy="fast",le="0.000524288"} 9
		kvm_zap_duration_seconds_bucket{site="memslot",policy="fast",le="+Inf"} 10
		kvm_zap_duration_seconds_bucket{site="teardown",policy="walk",le="0.000001024"} 1
		kvm_zap_duration_seconds_sum{site="memslot",policy="fast"} 0.005000000
		kvm_zap_duration_seconds_count{site="memslot",policy="fast"} 10
		kvm_zap_vm_memslot_update_seconds_total{domain="a\"b\\c\nd\\xffé",pid="210"} 0.009000000
		kvm_zap_vm_invalidations_total{domain="web",pid="310",site="memslot",policy="fast"} 7
		kvm_zap_vm_invalidations_total{domain="web",pid="310",site="memslot",policy="scoped"} 4
		kvm_zap_vm_max_seconds{domain="web",pid="310",policy="scoped"} 0.000099000
		kvm_zap_vm_info{domain="gpu-vmm",pid="410",word="inherit",by="dma",policy="fast"} 1
		kvm_zap_vm_assigned_devices{domain="gpu-vmm",pid="410"} 1
		kvm_zap_parameter_info{site="memslot",word="stock"} 1
		kvm_zap_vm_assigned_devices{domain="vmm",pid="510"} 1
		kvm_zap_vms 4
	END
	ktap_check grep -q '^kvm_zap_module_info{origin="kvm-zap",build_id="[0-9a-f]*",kernel="[^"]*"} 1$' "$tmp/out"
	when=$(sed -n 's/^kvm_zap_exporter_last_run_seconds //p' "$tmp/out")
	[ $(($(date +%s) - when)) -lt 60 ] || ktap_fail "last run $when"

	# A reader that has the file open keeps the old one: it is replaced, not written over.
	echo old > "$fake/run/kvm-zap.prom"
	exec 5< "$fake/run/kvm-zap.prom"
	zap 0 stat --prometheus --output /run/kvm-zap.prom
	ktap_equal 'what a reader has' "$(cat <&5)" old
	exec 5<&-
	ktap_equal 'what it prints' "$out" ''
	ktap_check grep -q '^kvm_zap_vms 4$' "$fake/run/kvm-zap.prom"
	ktap_equal 'mode, files' "$(stat -c %a "$fake/run/kvm-zap.prom") $(ls -I mount "$fake/run")" '644 kvm-zap.prom'
	zap 1 stat --prometheus --output /run/none/kvm-zap.prom
	says 'No such file'
	# What cannot be read leaves the file to grow old; stock modules are news.
	cp "$fake/run/kvm-zap.prom" "$tmp/before"
	mv "$debugfs/zap" "$tmp/zap"
	zap 5 stat --prometheus --output /run/kvm-zap.prom
	ktap_check cmp "$tmp/before" "$fake/run/kvm-zap.prom"
	rm "$parameters"/*zap*
	zap 0 stat --prometheus --output /run/kvm-zap.prom
	ktap_check grep -q '^kvm_zap_module_info{origin="distribution"' "$fake/run/kvm-zap.prom"
	"$promtool" check metrics < "$fake/run/kvm-zap.prom" > "$tmp/err" 2>&1 || ktap_fail "$(cat "$tmp/err")"
	rm -rf "$tmp/zap"
	ktap_result 'metrics for Prometheus'

	rules=$top/debian/examples/prometheus/kvm-zap.rules.yml
	sed "s,RULES,$rules," "$here/desk_rules_test.yml" > "$tmp/rules.yml"
	"$promtool" test rules "$tmp/rules.yml" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
	# The dashboard's expressions can be parsed. Grafana itself is not in Debian.
	dashboard=$top/debian/examples/prometheus/kvm-zap.dashboard.json
	jq -r '"groups:\n- name: dashboard\n  rules:", ([.panels[].targets[].expr] | to_entries[] |
		"  - record: panel:\(.key)\n    expr: \(.value | @json)")' "$dashboard" > "$tmp/dashboard.yml"
	"$promtool" check rules "$tmp/dashboard.yml" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
	ktap_check grep -q 'SUCCESS: 8 rules' "$tmp/out"
	if command -v systemd-analyze > /dev/null; then
		for unit in service timer; do
			sed "s,/usr/sbin/kvm-zap,$tool," "$top/debian/examples/systemd/kvm-zap-prometheus.$unit" \
				> "$tmp/kvm-zap-prometheus.$unit"
		done
		ktap_equal 'remarks of systemd' "$(systemd-analyze verify --man=no "$tmp/kvm-zap-prometheus.timer" 2>&1 | grep kvm-zap)" ''
	fi
	# Rules ask for no metric that is not written.
	# shellcheck disable=SC2013 # a word a line
	for metric in $(grep -h -o 'kvm_zap_[a-z_]*' "$rules" "$dashboard" | sort -u); do
		ktap_check grep -q "^ $metric"'[{ ]' "$tmp/metrics"
	done
	ktap_result 'alerts fire for what they are about, and the dashboard asks for what there is'
}

locale_test() {
	if ! command -v localedef > /dev/null || [ ! -f /usr/share/i18n/locales/de_DE ]; then
		ktap_skip 'no locales: apt-get install locales' 'numbers in any locale'
		return
	fi
	fake_make
	mkdir -p "$tmp/locale"
	localedef -i de_DE -f UTF-8 "$tmp/locale/de_DE.UTF-8" > /dev/null 2>&1 || :
	LOCPATH=$tmp/locale LC_ALL=de_DE.UTF-8
	export LOCPATH LC_ALL
	ktap_equal 'the locale has a comma' "$(/usr/bin/printf '%.1f' 1,5 2>&1)" 1,5
	zap 0 status -i 0.1 --json
	ktap_equal 'seconds in JSON' "$(LC_ALL=C jq '.vms[0].rates.seconds < 1' "$tmp/out" 2>&1)" true
	zap 0 status -i 0.1
	says '0.1 s'
	zap 0 stat --prometheus
	grep -v '^#' "$tmp/out" | grep -E '[ "][0-9]+,[0-9]' && ktap_fail 'a comma'
	# What reads files that do not change says the same as everywhere.
	for words in 'stat --json' 'status -i 0 --json' 'verify memslot=stock --json' 'stat' 'status -i 0'; do
		# shellcheck disable=SC2086 # words
		zap 0 $words
		sed '/"time"/d' "$tmp/out" > "$tmp/comma"
		# shellcheck disable=SC2086 # words
		LC_ALL=C on "$tool" $words > "$tmp/out" 2>&1 < /dev/null
		sed '/"time"/d' "$tmp/out" > "$tmp/point"
		ktap_check cmp "$tmp/comma" "$tmp/point"
	done
	# awk, as Debian has it, does as the locale says.
	"$here/judge_test.sh" > "$tmp/out" 2>&1 || ktap_fail "judge: $(grep -v '^ok' "$tmp/out" | head -n 5)"
	# shellcheck source-path=SCRIPTDIR source=lib/desk_report_data.sh
	. "$here/lib/desk_report_data.sh"
	data_bench
	"$top/tools/bench/table" "$tmp/bench.json" > "$tmp/out" 2>&1 || ktap_fail "table: $(cat "$tmp/out")"
	ktap_check grep -q ' 1\.000 ' "$tmp/out"
	grep '[0-9],[0-9]' "$tmp/out" && ktap_fail 'a comma in a table'
	unset LOCPATH LC_ALL
	ktap_result 'numbers have a point in any locale'
}

ktap_start 7
stat_test
figures_test
full_test
prometheus_test
locale_test
ktap_end
