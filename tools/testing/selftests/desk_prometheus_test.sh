#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What "kvm-zap stat --prometheus" writes, of two hosts made of files, on its whole way: real
# node_exporters read the files, a real Prometheus scrapes them, and evaluates each expression
# of the dashboard and each alert. desk_metrics_test.sh checks the same files without them.
#
# What breaks without it: the dashboard of a fleet is empty, or an alert never fires, since
# node_exporter drops or renames what promtool takes, or labels of one series have no partner
# in the other.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# All that is started ends with this script, and any port is free in a network of its own.
# It has a trap for SIGTERM, and is the first process there: without it all others end.
if [ -z "${DESK_PROMETHEUS_INSIDE-}" ]; then
	alone=-nmpf
	[ "$(id -u)" -eq 0 ] || alone=-rnmpf
	if unshare $alone --kill-child=TERM --mount-proc true 2> /dev/null; then
		DESK_PROMETHEUS_INSIDE=1 exec unshare $alone --kill-child=TERM --mount-proc "$0" "$@"
	fi
	# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
	. "$here/kvm/lib/ktap.sh"
	ktap_skip_all 'no network namespaces here: unshare fails'
fi
# shellcheck source-path=SCRIPTDIR source=lib/desk_zap.sh
. "$here/lib/desk_zap.sh"
for command in busybox curl; do
	command -v $command > /dev/null || ktap_skip_all "no $command: run 'make setup'"
done
prometheus=$("$top/scripts/fetch/fetch-prometheus" prometheus) || ktap_skip_all 'no prometheus'
exporter=$("$top/scripts/fetch/fetch-prometheus" prometheus-node-exporter) ||
	ktap_skip_all 'no prometheus-node-exporter'
rules=$top/debian/examples/prometheus/kvm-zap.rules.yml
dashboard=$top/debian/examples/prometheus/kvm-zap.dashboard.json
server=127.0.0.1:9090
live=127.0.0.1:9101	# has kvm-zap
stale=127.0.0.1:9102	# had an upgrade to a kernel without kvm-zap, and its timer is dead

# get PATH: of Prometheus' HTTP API; prints the answer's data, or fails with the reason.
get() {
	curl -s -S -m 20 --noproxy "*" -o "$tmp/answer" "http://$server/api/v1/$1" || return 1
	jq -e -c 'if .status == "success" then .data else error(.error) end' "$tmp/answer"
}

# query EXPRESSION: its series, in JSON.
query() {
	get "query?query=$(jq -rn --arg text "$1" '$text | @uri')" | jq -c .result
}

# until_is SECONDS EXPRESSION VALUE: of its only series. Scrapes are a second apart.
until_is() {
	end=$(($(date +%s) + $1))
	until [ "$(query "$2" 2> /dev/null | jq -r '.[0].value[1]')" = "$3" ]; do
		[ "$(date +%s)" -lt "$end" ] || { ktap_fail "$2 is not $3: $(query "$2" 2>&1)"; return 1; }
		sleep 0.5
	done
}

# write HOST: its metrics, as the timer does.
write() {
	zap 0 stat --prometheus --output "$tmp/$1/kvm-zap.prom"
}

# What a panel asks for grows, in zap/stats, zap/latency and zap/vms.
grow() {
	awk -v CONVFMT=%.0f '$1 == "memslot" && $2 == "fast" { $3 += 600; $4 += 9000; $8 += 40000000000; $10 += 7000 } 1' \
		"$debugfs/zap/stats" > "$tmp/new" && cp "$tmp/new" "$debugfs/zap/stats"
	awk '$1 == "memslot" && $2 == "fast" { $4 += 300 } 1' "$debugfs/zap/latency" > "$tmp/new" &&
		cp "$tmp/new" "$debugfs/zap/latency"
	awk -v CONVFMT=%.0f 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == 210 {
			$at["memslot_fast"] += 600; $at["collateral"] += 7000; $at["fast_ns"] += 40000000000
			$at["updates"] += 600; $at["update_ns"] += 90000000000; $at["stall_ns"] += 80000000000; $at["refaults"] += 9000000
		} 1' "$debugfs/zap/vms" > "$tmp/new" && cp "$tmp/new" "$debugfs/zap/vms"
}

start() {
	mkdir "$tmp/live" "$tmp/stale" "$tmp/data"
	fake_make
	rm "$parameters"/*zap*
	fake_module "$(uname -r)" distribution
	cp "$fake/note" "$fake/sys/module/kvm/notes/.note.gnu.build-id"
	# Another one is installed, and not loaded yet.
	fake_module "$(uname -r)" kvm-zap
	write stale
	sed -i 's/^\(kvm_zap_exporter_last_run_seconds\) .*/\1 '$(($(date +%s) - 4000))'/' "$tmp/stale/kvm-zap.prom"
	fake_make
	fake_vm 510 510 scoped vm scoped '0 4 0 0 64 0 2000 0 0 0 0 40000 12000 8 300000 60000 0 0 1000 - 1 0'
	fake_process 510 vmm qemu -name passed-through
	write live
	cat > "$tmp/prometheus.yml" <<-END
		global:
		  scrape_interval: 1s
		  evaluation_interval: 1s
		rule_files: [ '$rules' ]
		scrape_configs:
		  - job_name: node
		    static_configs:
		      - targets: [ '$live', '$stale' ]
	END
	busybox ip link set lo up
	for host in live stale; do
		address=$live
		[ $host = live ] || address=$stale
		"$exporter" --collector.disable-defaults --collector.textfile --web.listen-address=$address \
			--collector.textfile.directory="$tmp/$host" > "$tmp/$host.log" 2>&1 &
	done
	"$prometheus" --config.file="$tmp/prometheus.yml" --storage.tsdb.path="$tmp/data" \
		--web.listen-address=$server > "$tmp/prometheus.log" 2>&1 &
}

scraped_test() {
	start
	if ! until_is 200 'count(up == 1)' 2 || ! until_is 60 "kvm_zap_invalidations_total{instance=\"$live\",site=\"memslot\",policy=\"fast\"}" 10; then
		ktap_fail "$(tail -n 3 "$tmp"/*.log)"
		return
	fi
	for host in live stale; do
		address=$live
		[ $host = live ] || address=$stale
		ktap_equal "errors of node_exporter of $host" \
			"$(query "node_textfile_scrape_error{instance=\"$address\"}" | jq -r '.[0].value[1]')" 0
		# Each line of the file is a series, of the same name and value.
		ktap_equal "series of $host" \
			"$(query "{__name__=~\"kvm_zap_.*\",instance=\"$address\"}" |
				jq -r '.[] | "\(.metric.__name__) \(.value[1] | tonumber)"' | sort | md5sum)" \
			"$(sed '/^#/d; s/{.*}//' "$tmp/$host/kvm-zap.prom" |
				jq -rR 'split(" ") | "\(.[0]) \(.[1] | tonumber)"' | sort | md5sum)"
	done
	ktap_equal 'the type of a metric' \
		"$(get 'metadata?metric=kvm_zap_sptes_dropped_total' | jq -r '.[][0].type')" counter
	ktap_equal 'the type of the histogram' \
		"$(get 'metadata?metric=kvm_zap_duration_seconds' | jq -r '.[][0].type')" histogram
	ktap_equal 'metrics without a help text' \
		"$(get metadata | jq -r 'to_entries[] | select(.key | startswith("kvm_zap_")) | select(.value[0].help == "") | .key')" ''
	grow
	write live
	until_is 60 "kvm_zap_invalidations_total{instance=\"$live\",site=\"memslot\",policy=\"fast\"}" 610
}

# What Grafana puts in for $instance when all are chosen.
instances() {
	get "label/instance/values?match%5B%5D=$(jq -r '.templating.list[] | select(.name == "instance") | .query |
		capture("label_values\\((?<metric>[a-z_]*), instance\\)").metric' "$dashboard")" |
		jq -r 'map(gsub("\\."; "\\\\.")) | "(" + join("|") + ")"'
}

dashboard_test() {
	instances=$(instances)
	ktap_equal 'hosts to choose from' "$instances" "(127\\\\.0\\\\.0\\\\.1:9101|127\\\\.0\\\\.0\\\\.1:9102)"
	panels=$(jq '.panels | length' "$dashboard") n=0
	[ "$panels" -ge 8 ] || ktap_fail "the dashboard has $panels panels"
	while [ $n -lt "$panels" ]; do
		title=$(jq -r ".panels[$n].title" "$dashboard")
		# shellcheck disable=SC2016 # a variable of Grafana's
		jq -r --arg is "$instances" ".panels[$n].targets[].expr | "'gsub("\\$instance"; $is)' "$dashboard" \
			> "$tmp/expressions"
		while read -r expr; do
			asked=$((asked + 1))
			query "$expr" > "$tmp/out" 2>&1 || { ktap_fail "$title: $expr: $(cat "$tmp/out")"; continue; }
			jq -e 'any(.[]; .value[1] | tonumber > 0)' "$tmp/out" > /dev/null 2>&1 ||
				ktap_fail "$title: $expr: nothing above 0: $(head -c 500 "$tmp/out")"
		done < "$tmp/expressions"
		n=$((n + 1))
	done
	[ "$asked" -ge "$panels" ] || ktap_fail "$asked expressions of $panels panels"
	# shellcheck disable=SC2016 # a variable of Grafana's
	ktap_equal 'the 99th percentile' "$(query "$(jq -r '.panels[].targets[].expr | select(test("quantile"))' "$dashboard" |
		sed 's/{instance=~"$instance"}//')" | jq -r '.[] | select(.value[1] != "NaN") |
		"\(.metric.site) \(.metric.policy) \((.value[1] | tonumber) > 0.001)"')" 'memslot fast true'
	ktap_result 'each panel of the dashboard has data'
}

# fires ALERT SERIES: those that its expression finds, as host and domain.
fires() {
	expr=$(jq -r --arg name "$1" '.groups[].rules[] | select(.name == $name) | .query' "$tmp/rules.json")
	[ -n "$expr" ] || { ktap_fail "no rule $1"; return; }
	query "$expr" > "$tmp/out" 2>&1 || { ktap_fail "$1: $expr: $(cat "$tmp/out")"; return; }
	ktap_equal "$1: $expr" \
		"$(jq -r '[.[].metric | [.instance, .domain // empty] | join(" ")] | sort | join(", ")' "$tmp/out")" "$2"
	tried=$((tried + 1))
}

rules_test() {
	get rules > "$tmp/rules.json" || ktap_fail "no rules: $(cat "$tmp/answer")"
	until [ "$(jq '[.groups[].rules[].health == "unknown"] | any' "$tmp/rules.json")" = false ]; do
		tries=$((tries + 1))
		[ $tries -lt 60 ] || break
		sleep 1
		get rules > "$tmp/rules.json"
	done
	ktap_equal 'rules that Prometheus cannot evaluate' \
		"$(jq -c '[.groups[].rules[] | select(.health != "ok") | [.name, .health, .lastError]]' "$tmp/rules.json")" '[]'
	fires KvmZapStale "$stale"
	fires KvmZapStockModules "$stale"
	fires KvmZapNotReloaded "$stale"
	fires KvmZapStall "$live db"
	fires KvmZapRefaults "$live db"
	fires KvmZapUpdates "$live db"
	fires KvmZapScopedWithDevices "$live passed-through"
	ktap_equal 'rules that were tried' $tried "$(jq '[.groups[].rules[]] | length' "$tmp/rules.json")"
	# The last one waits for nothing.
	ktap_equal 'alerts that fire at once' \
		"$(get alerts | jq -r '[.alerts[] | select(.state == "firing") | .labels | .alertname + " " + .pid] | join(", ")')" \
		'KvmZapScopedWithDevices 510'
	ktap_result 'each alert is for the host and the VM that it is about, and for no other'
}

asked=0 tried=0 tries=0
ktap_start 3
scraped_test
ktap_result 'Prometheus has all that kvm-zap has written'
# There is nothing to ask for otherwise.
if [ "$ktap_failed" -eq 0 ]; then
	dashboard_test
	rules_test
fi
ktap_end
