# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by desk_report.sh and desk_metrics_test.sh: files to report on, in $tmp. Their
# figures are made up; their form is checked against the schema. The sourcing script sets $tmp and $top.
# shellcheck disable=SC2154

# What a guest's owner may call it: with what turns the line around behind it.
hostile='<b id=evil>db</b>&amp;"größe"'"'"'<script>document.title="owned"</script> ab'

host='{ "name": "hv<i>7", "kernel_version": "#1 SMP Debian", "cpu": "AMD <EPYC>", "cpus_online": 8,
	"mmu": "tdp_mmu", "module": { "origin": "kvm-zap", "builtin": false, "build_id": "0123abcd",
	"installed": null, "installed_has_kvm_zap": true, "installed_is_loaded": true },
	"parameters": { "memslot_zap": "stock", "mmio_zap": "fast", "teardown_zap": "walk" } }'

# An event of perf's has a name that is long, and quotes are nothing it may not have.
data_compare() {
	jq -n --arg name "$hostile" --argjson host "$host" '
		def run($p; $m): { policy: $p, samples: 10, median: $m, min: ($m / 2), max: ($m * 2), mad: 0 };
		def value($name; $m; $r): { name: $name, first: run("fast"; $m),
			again: (run("fast"; $m) + { ratio: 1, low: 0.95, high: 1.04 }),
			others: [run("scoped"; $m * $r) + { ratio: $r, low: ($r / 2), high: ($r * 1.5),
				differs: ($r < 0.5), text: "scoped: a sentence on \($name) & <fast>" }] };
		# Microseconds and how often; those that are longer than the histogram goes.
		def latency($p; $again; $h; $longer; $maxima): { policy: $p, again: $again, longer: $longer,
			wakings: (($h | map(.[1]) | add) + $longer), max_us: ($maxima | max), maxima_us: $maxima, histogram: $h };
		{ schema: 1, verb: "compare", kernel: "6.1.0-<u>test</u>", host: $host,
		  vm: { name: ($name + "\u202e"), pid: 210, word: "inherit", by: "param", policy: "fast" }, command: null,
		  policies: ["fast", "scoped"], rounds: 10, rounds_done: 7, seed: 1, runs: 21, runs_empty: 2,
		  runs_mixed: 0, by: "ns", values: [value("ns"; 51000; 0.25), value("update_ns"; 779000; 0.875),
			value("refaults"; 65542; 0), value("kept"; 0; 0),
			value("\u0027`touch own`"; 3; 0.5),
			value("cpu/event=0xc4,umask=0x01,name=a_long_name_`touch owned`\u0027\"<>/"; 12000; 0.5)],
		  guest_latency: [latency("fast"; false; [[60, 1000], [80, 970], [300, 20], [1200, 9]]; 1; [1200, 140000, 900]),
			latency("fast"; true; [[0, 1], [70, 999], [2000, 1000]]; 0; [2000, 2000, 2000]),
			latency("scoped"; false; [[40, 4]]; 0; [40, 10])] }' \
		> "$tmp/compare.json"
}

data_stat() {
	jq -n -c --argjson host "$host" '
		def row($site; $policy; $n; $buckets): { site: $site, policy: $policy, count: $n, sptes: 10,
			tables: 2, yields: 3, flushes: 4, total_ns: 5000000, max_ns: 1340942, collateral: 9, kept: 5,
			latency: $buckets, rates: null };
		(10, 20) as $n | { schema: 1, verb: "stat", kernel: "6.1.0-test", time: 1700000000, host: $host,
		  seconds: null, rows: [
			row("memslot"; "fast"; $n; [{ from_ns: 262144, count: ($n - 1) }, { from_ns: 1048576, count: 1 }]),
			row("memslot"; "scoped"; 4; [{ from_ns: 8192, count: 4 }]), row("mmio"; "fast"; 0; []),
			row("teardown"; "walk"; 2; [{ from_ns: 0, count: 1 }, { from_ns: 32768, count: 1 }])] }' \
		> "$tmp/stat.json"
}

# Two policies, three sizes of the memslot, two of the memory beside it.
data_bench() {
	jq -n '[(1, 16, 256) as $mib | (16, 64) as $rest | ("fast", "sco<ped") as $policy |
		($mib * 1000 + $rest * (if $policy == "fast" then 20000 else 0 end)) as $ns |
		{ workload: "dense-\($mib)-\($rest)", site: "memslot", mode: "tdp", policy: $policy,
		  result: { program: "kvm-zap-bench", workload: "dense", command: ["kvm-zap-bench", "dense"],
			kernel: "6.1.0-test", kernel_version: "#1", cpu: "QEMU TCG CPU version 2.5+",
			cpus_online: 1, mmu: "tdp_mmu", modules: { kvm: { build_id: "0123abcd" } },
			parameters: { slot_mib: $mib, mib: $rest, iterations: 2, page: "4k", rest_pages: ($rest * 256) },
			series: { zap_ns: { about: "", median: $ns, min: $ns, max: $ns, mad: 0, samples: [$ns] },
				delete_ns: { about: "", median: ($ns * 2), min: 1, max: 9, mad: 0, samples: [1] },
				total_ns: { median: ($ns * 5) }, zap_sptes: { median: ($mib * 256) },
				zap_tables: { median: ($mib / 2 | floor) }, touch_faults: { median: ($rest * 256) },
				kept_pages: { median: ($rest + 3) } } } }]' \
		> "$tmp/bench.json"
}

data_make() {
	data_compare && data_stat && data_bench || return 1
	# One object at a time is what the schema is of.
	tail -n 1 "$tmp/stat.json" > "$tmp/stat.one"
	schema_keeps "$tmp/compare.json" "$tmp/stat.one"
}

# The page, $1, in a window of $2 pixels, as a script from outside finds it: the page itself
# may run none.
data_frame() {
	cat <<-END
		<!DOCTYPE html><meta charset=utf-8><body style="margin:0">
		<iframe style="border:0;width:$2px;height:900px" src="file://$1"></iframe><pre id=found></pre>
		<script>
		onload = () => {
			const doc = document.querySelector('iframe').contentDocument, view = doc.defaultView;
			const root = doc.documentElement, say = [];
			const css = (e, name) => e && view.getComputedStyle(e)[name];
			const wide = [...doc.querySelectorAll('body *')].filter(e => !e.closest('.wide *, svg *') &&
				e.getBoundingClientRect().right > root.clientWidth + 0.5);
			say.push('width ' + root.clientWidth, 'overflow ' + (root.scrollWidth - root.clientWidth));
			say.push('sticking out ' + wide.map(e => e.tagName).join(' '));
			say.push('scrolls ' + [...doc.querySelectorAll('.wide')].some(e => e.scrollWidth > e.clientWidth));
			say.push('smallest letter ' + Math.min(...[...doc.querySelectorAll('figure svg text')]
				.map(e => e.getBoundingClientRect().height)));
			say.push('plots ' + [...doc.querySelectorAll('svg[role=img]')].filter(e =>
				e.getBoundingClientRect().height > 100 && e.querySelectorAll('path').length > 5).length);
			say.push('unnamed plots ' + [...doc.querySelectorAll('svg[role=img]')].filter(e =>
				e.getAttribute('aria-labelledby').split(' ').some(id => !doc.getElementById(id)?.textContent)).length);
			const ids = [...doc.querySelectorAll('[id]')].map(e => e.id);
			say.push('ids that are there twice ' + ids.filter((id, i) => ids.indexOf(id) != i).join(' '));
			say.push('links to nowhere ' + [...doc.querySelectorAll('a')].filter(e =>
				!doc.getElementById(e.getAttribute('href').slice(1))).length);
			say.push('heads without scope ' + doc.querySelectorAll('th:not([scope])').length);
			say.push('lang ' + root.lang, 'title ' + doc.title);
			say.push('foreign elements ' + doc.querySelectorAll('b, i, u, script, img, iframe, link, object').length);
			say.push('requests ' + view.performance.getEntriesByType('resource').length);
			say.push('text ' + css(doc.body, 'color') + ' on ' + css(doc.body, 'backgroundColor'));
			say.push('letters of plots ' + [...new Set([...doc.querySelectorAll('figure svg text')]
				.map(e => css(e, 'fill')))].join(' '));
			doc.querySelectorAll('h2, .said li, td, tbody th, .key li').forEach(e =>
				say.push(e.tagName + ' ' + e.innerText));
			document.getElementById('found').textContent = say.join('\n');
		};
		</script>
	END
}
