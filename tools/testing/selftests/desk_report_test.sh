#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap report: what it says about files that are not kvm-zap's, what it leaves behind, and
# what is in its page. How a browser displays that is the matter of desk_page_test.sh.
#
# What breaks without it: a full disk leaves half a page in place of the previous one, or a
# figure stands in another one's place.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/desk_report.sh
. "$here/lib/desk_report.sh"

says() { # says TEXT
	case $err in *"$1"*) ;; *) ktap_fail "not said: '$1' but: $err" ;; esac
}

# refuses TEXT FILE...: no page of these, for that reason; the one before is as it was.
refuses() {
	text=$1
	shift
	echo before > "$page"
	report 1 "$@" -o "$page"
	says "$text"
	ktap_equal "what is left of $*" "$(ls "${page%/*}") $(cat "$page")" 'page.html before'
}

input_test() {
	refuses "$tmp/none.json: No such file" "$tmp/none.json"
	refuses "$tmp: is a folder" "$tmp"
	: > "$tmp/empty.json"
	refuses "$tmp/empty.json: is empty" "$tmp/compare.json" "$tmp/empty.json"
	printf '{\n"schema": 1,\noops }' > "$tmp/bad.json"
	refuses "$tmp/bad.json: no JSON" "$tmp/bad.json"
	says 'in line 3'
	head -c 300 "$tmp/compare.json" > "$tmp/cut.json"
	refuses 'it ends too early' "$tmp/cut.json"
	printf '{ "schema": 1, "verb": "stat", "x": "\377" }' > "$tmp/bytes.json"
	refuses "$tmp/bytes.json: no JSON" "$tmp/bytes.json"
	for text in '{ "fio version": "fio-3.33" }' '"kvm-zap"' 7 null '[]' '[1]' '[{ "result": 3 }]' \
		'{ "schema": 1 }' '{ "schema": "1", "verb": 3 }'; do
		echo "$text" > "$tmp/other.json"
		refuses "give what 'kvm-zap compare --json'" "$tmp/other.json"
	done
	jq '.schema = 2' "$tmp/compare.json" > "$tmp/later.json"
	refuses 'a later kvm-zap wrote it (schema 2, this one knows 1)' "$tmp/later.json"
	echo '{ "schema": 1, "verb": "status" }' > "$tmp/status.json"
	refuses "is of 'kvm-zap status'" "$tmp/status.json"
	echo '{ "schema": 1, "verb": "compare-sample" }' > "$tmp/sample.json"
	refuses "samples of 'compare --output'" "$tmp/sample.json"
	jq '.values = 3' "$tmp/compare.json" > "$tmp/changed.json"
	refuses "its 'values' is not what it should be" "$tmp/changed.json"
	# What may be anything else is left out.
	jq '.values[0] = { name: [], first: 3 } | .vm = 4 | .rounds = "x" | .by = null | .host = [] |
		.policies[1] = 9' "$tmp/compare.json" > "$tmp/odd.json"
	jq '.[0].result.series = 1 | .[1].result.parameters = [] | .[2].policy = {}' "$tmp/bench.json" > "$tmp/odd2.json"
	report 0 "$tmp/odd.json" "$tmp/odd2.json" -o "$page"
	ktap_result 'a file that is none of ours is named, and why, and the page before stays'
}

output_test() {
	report 2 "$tmp/compare.json"
	says 'no --output: give the page to write'
	report 2 -o "$page"
	says 'no file: give what'
	report 2 --json "$tmp/compare.json" -o "$page"
	report 1 "$tmp/compare.json" -o "$tmp/none/page.html"
	says "$tmp/none/page.html: No such file or directory"
	report 1 "$tmp/compare.json" -o "$tmp/out"
	says 'is a folder'
	mkfifo "$tmp/pipe"
	report 1 "$tmp/compare.json" -o "$tmp/pipe"
	says "$tmp/pipe: is no file"
	[ -p "$tmp/pipe" ] || ktap_fail 'what was no file is one'
	report 1 "$tmp/compare.json" "$tmp/stat.json" -o "$tmp/out/../stat.json"
	says 'is one of the files to report on'
	ktap_check jq -e . "$tmp/stat.json" > /dev/null
	report 0 "$tmp/compare.json" -o "$page"
	ktap_equal 'mode' "$(stat -c %a "$page")" 644
	echo before > "$page"
	# As a full disk does, this ends in the middle of the page.
	(
		ulimit -f 4
		"$tool" report "$tmp/compare.json" -o "$page" > "$tmp/said" 2>&1
		echo $? >> "$tmp/said"
	)
	ktap_equal 'a page that is too large' "$(cat "$tmp/said")" "kvm-zap: $page: File too large
1"
	ktap_equal 'what is left' "$(ls "$tmp/out") $(cat "$page")" 'page.html before'
	ktap_result 'a page is replaced as a whole or not at all'
}

# path_with SCRIPT: a folder in front of PATH whose gnuplot is that.
path_with() {
	mkdir -p "$tmp/bin"
	printf '#!/bin/sh\n%s\n' "$1" > "$tmp/bin/gnuplot"
	chmod +x "$tmp/bin/gnuplot"
}

gnuplot_test() {
	mkdir -p "$tmp/nobin"
	old=$PATH
	err=$(env PATH="$tmp/nobin" "$tool" report "$tmp/compare.json" "$tmp/stat.json" -o "$page" 2>&1)
	says 'tables only: gnuplot is not installed (package gnuplot-nox)'
	ktap_check grep -q 'role="note">There are no plots: gnuplot is not installed' "$page"
	ktap_equal 'plots' "$(grep -c '<svg' "$page")" 0
	ktap_check grep -q '<td>51us (26us to 102us)</td>' "$page"
	path_with 'cat > /dev/null; echo "line 3: <no> terminal" >&2; exit 1'
	PATH=$tmp/bin:$old
	report 0 "$tmp/compare.json" -o "$page"
	says 'tables only: gnuplot failed: line 3: <no> terminal'
	ktap_check grep -q 'gnuplot failed: line 3: &lt;no&gt; terminal' "$page"
	path_with 'cat > /dev/null; echo "<svg><path"'
	report 0 "$tmp/compare.json" -o "$page"
	says 'tables only: gnuplot failed'
	ktap_equal 'plots' "$(grep -c '<svg' "$page")" 0

	# Interrupted while it draws.
	path_with "echo x > $tmp/drawing; exec sleep 60"
	echo before > "$page"
	TMPDIR=$tmp/out timeout -s INT 2 "$tool" report "$tmp/compare.json" -o "$page" > "$tmp/said" 2>&1
	[ -s "$tmp/drawing" ] || ktap_fail 'it was not drawing'
	PATH=$old
	ktap_equal 'what ^C leaves' "$(ls "$tmp/out") $(cat "$page")" 'page.html before'
	ktap_result 'without gnuplot there are the tables, after ^C there is nothing'
}

# colours NAME: those that the keys of the page's plots have for it, each once.
colours() {
	sed "s/<li>/\\n&/g" "$page" | sed -n "s|.*fill=\"\\(#[0-9a-f]*\\)\"/></svg>$1</li>.*|\\1|p" | sort -u
}

# What cyclictest found in a guest: 1000 of 2000 at 60 us, 10 later than 300, one later than
# the histogram goes.
# shellcheck disable=SC2016 # names of gnuplot, and of jq
latency_test() {
	path_with "cat >> $tmp/scripts; echo '<svg></svg>'"
	PATH=$tmp/bin:$PATH report 0 "$tmp/compare.json" -o "$page"
	ktap_equal 'rows' "$(sed -n '/timers wake/,/<\/table>/s/<tr><th scope="row">\(.*\)<\/td><\/tr>/\1/p' "$page" |
		sed 's/<[^>]*>/ /g' | tr -s ' ')" "fast 2.0k 60us 300us 1.2ms 140ms 1.2ms
fast again (noise) 2.0k 70us 2.0ms 2.0ms 2.0ms 2.0ms
scoped 4 40us 40us 40us 40us 25us"
	ktap_check grep -q '<desc id="p[0-9]*-d">fast: 50 % within 60us, 99 % within 300us, 99.9 % within 1.2ms, all in 140ms; fast again (noise): 50 % within 70us,' "$page"
	ktap_equal "its key" "$(sed -n "/>Timers in the guest/,/<.figure>/s/.*<ul class=.key.>//p" "$page" | sed "s/<[^>]*>/ /g" | xargs)" \
		"fast fast again (noise) scoped"
	# Nanoseconds, and how many in 100 are that late or later.
	ktap_equal 'the curve' "$(sed -n '/^\$l0 /,/^EOD/p' "$tmp/scripts" | xargs)" \
		"\$l0 << EOD 60000 100 80000 50 300000 1.5 1200000 0.5 140000000 0.05 EOD"
	# 0 has no place on its axis.
	ktap_equal 'the curve from 0 on' "$(sed -n '/^\$l1 /,/^EOD/p' "$tmp/scripts" | xargs)" \
		"\$l1 << EOD 1000 100 70000 99.95 2000000 50 EOD"
	ktap_check grep -q '^set xrange \[833[.0-9]*:168000000\]$' "$tmp/scripts"
	jq '.guest_latency[0].histogram = [range(100000) | [., 1]] | .guest_latency[0].wakings = 100000' "$tmp/compare.json" > "$tmp/long.json"
	: > "$tmp/scripts"
	PATH=$tmp/bin:$PATH report 0 "$tmp/long.json" -o "$page"
	lines=$(sed -n '/^\$l0 /,/^EOD/p' "$tmp/scripts" | wc -l)
	{ [ "$lines" -gt 300 ] && [ "$lines" -lt 1500 ]; } || ktap_fail "$lines points of a long histogram"
	for none in null '[]' '[3, { "policy": 3, "wakings": 0, "histogram": [] }, { "wakings": 7, "histogram": [3, [], ["a", 2], [2, null]] }]'; do
		jq --argjson none "$none" '.guest_latency = $none' "$tmp/compare.json" > "$tmp/none.json"
		report 0 "$tmp/none.json" -o "$page"
		ktap_equal "a table of $none" "$(grep -c 'timers wake' "$page")" 0
	done
	# A policy is to be known again in the next plot: "fast again" is none of the others.
	PATH=$tmp/bin:$PATH report 0 "$tmp/compare.json" -o "$page"
	for name in fast scoped 'fast again (noise)'; do
		ktap_equal "colours of $name" "$(colours "$name" | wc -l)" 1
	done
	# ... as it is where none is beside it.
	beside=$(colours scoped)
	jq -c '.rows |= map(select(.policy == "scoped"))' "$tmp/stat.json" > "$tmp/scoped.json"
	PATH=$tmp/bin:$PATH report 0 "$tmp/scoped.json" -o "$page"
	ktap_equal 'colour of scoped alone' "$(colours scoped)" "$beside"
	ktap_result 'how late timers wake in a guest is in a table and a plot'
}

# rows WORDS: of the table whose heads begin with these, each row, its cells between bars.
rows() {
	sed 's/<\/tr>/&\n/g' "$page" | sed -n 's/.*<tr>\(.*\)<\/tr>.*/\1/p' |
		sed 's/<[^>]*>/|/g; s/||*/|/g; s/^|//; s/|$//' |
		awk -v words="$1" '/^(host|value|policy|site, policy|workload)[|]/ { inside = index($0, words) == 1 }
			inside'
}

# data NAME: of each plot that has data of that name a line, the x and y of its points.
data() {
	awk -v head="\$$1 << EOD" '
		$0 == head { inside = 1; line = ""; next }
		inside && /^EOD/ { inside = 0; print line }
		inside { line = line (line ? " " : "") $1 ":" $2 }' "$tmp/scripts"
}

tables_test() {
	path_with "cat >> $tmp/scripts; echo '<svg></svg>'"
	: > "$tmp/scripts"
	PATH=$tmp/bin:$PATH report 0 "$tmp/compare.json" "$tmp/stat.json" "$tmp/bench.json" -o "$page"
	ktap_equal 'values' "$(rows 'value|' | head -n 3)" \
		'value|fast|fast again, ratio|scoped|scoped to fast|verdict
ns|51us (26us to 102us)|1.00 (0.95 to 1.04)|13us (6.4us to 26us)|0.25 (0.12 to 0.38)|differs
update_ns|779us (390us to 1.6ms)|1.00 (0.95 to 1.04)|682us (341us to 1.4ms)|0.88 (0.44 to 1.31)|no difference shown'
	ktap_equal 'statistics' "$(rows 'site, policy|')" \
		'site, policy|count|SPTEs|others&#39;|kept|tables|yields|flushes|time|worst
memslot, fast|20|10|9|5|2|3|4|5.0ms|1.3ms
memslot, scoped|4|10|9|5|2|3|4|5.0ms|1.3ms
teardown, walk|2|10|9|5|2|3|4|5.0ms|1.3ms'
	ktap_equal 'workloads' "$(rows 'workload|' | sed '4,11d')" \
		'workload|MMU|policy|zap|call|all|SPTEs|tables|faults after|kept
dense-1-16|tdp|fast|321us|642us|1.6ms|256|0|4.1k|19
dense-1-16|tdp|sco&lt;ped|1.0us|2.0us|5.0us|256|0|4.1k|19
dense-256-64|tdp|fast|1.5ms|3.1ms|7.7ms|66k|128|16k|67
dense-256-64|tdp|sco&lt;ped|256us|512us|1.3ms|66k|128|16k|67'
	# Bytes, and the zap in ns: three sizes of the memslot, and two of the memory beside it.
	ktap_equal 'points of fast' "$(data d0 | sed 1,2d)" '1048576:321000 16777216:336000 268435456:576000
1048576:1281000 16777216:1296000 268435456:1536000
16777216:321000 67108864:1281000
16777216:336000 67108864:1296000
16777216:576000 67108864:1536000'
	ktap_equal 'points of the other policy' "$(data d1 | sed 1,2d)" '1048576:1000 16777216:16000 268435456:256000
1048576:1000 16777216:16000 268435456:256000
16777216:1000 67108864:1000
16777216:16000 67108864:16000
16777216:256000 67108864:256000'
	# What they are, of those that are there.
	ktap_check grep -q -F '<p class="dim">ns: time that the invalidation took; update_ns: time that the VMM waited for the memslot updates around it; refaults: page faults that followed it.</p>' "$page"
	ktap_result 'a table has each figure in the column and the row that it belongs to'
}

# What differs from the first files in each way: another host, a command, three policies.
several_data() {
	jq '.host.name = "second" | .host.cpu = "Intel" | .kernel = "6.12.0-x" | .vm = null | .by = "update_ns" |
		.command = ["kvm-zap-bench", "rom", "-n", "7"] | .rounds_done = 10 | .runs_empty = 0 | .runs_mixed = 4 |
		.policies += ["auto"] | .values |= map(.name as $name | .others += [.others[0] + { policy: "auto",
			median: 777, min: 770, max: 780, ratio: 3, low: 2, high: 4, differs: null, text: "auto: three of \($name)" }])' \
		"$tmp/compare.json" > "$tmp/compare2.json"
	tail -n 1 "$tmp/stat.json" | jq -c '.host.name = "third" | .time += 3600 | .rows[0].count = 33 |
		.rows[0].rates = { count: 1234, sptes: 1,
		tables: 2, yields: 3, flushes: 4, total_ns: 5, collateral: 6, kept: 7 }' > "$tmp/stat2.json"
	jq '.[0].result | .command = ["kvm-zap-bench", "dense", "--json", "-s", "1"] | .mmu = "shadow" |
		.modules.kvm.parameters = { memslot_zap: "auto", mmio_zap: "fast" }' "$tmp/bench.json" > "$tmp/run.json"
	schema_keeps "$tmp/compare2.json" "$tmp/stat2.json"
}

# tags TAG: what elements of that tag have in them, as text.
tags() {
	grep -o "<$1[ >].*</$1>" "$page" | sed 's/<[^>]*>//g'
}

several_test() {
	old=$PATH
	path_with "cat > /dev/null; echo '<svg></svg>'"
	PATH=$tmp/bin:$PATH
	several_data || ktap_fail 'the files to report on are not as the schema says'
	report 0 "$tmp/compare.json" "$tmp/stat.json" "$tmp/compare2.json" "$tmp/stat2.json" -o "$page"
	# Of each host a column, in the order of the files.
	ktap_equal 'hosts' "$(rows 'host|' | grep -e '^host|' -e '^kernel|' -e '^CPU|')" \
		'host|hv&lt;i&gt;7|hv&lt;i&gt;7|second|third
kernel|6.1.0-&lt;u&gt;test&lt;/u&gt;|6.1.0-test|6.12.0-x|6.1.0-test
CPU|AMD &lt;EPYC&gt;|AMD &lt;EPYC&gt;|Intel|AMD &lt;EPYC&gt;'
	# A verdict leads to the part that it is of.
	ktap_equal 'links' "$(sed -n 's/.*<li><a href="#\(part[0-9]*\)">\(.*\)<\/a>: \(.*\)<\/li>.*/\1 \2: \3/p' "$page" | sed 's/VM .* (pid/VM (pid/')" \
		'part1 VM (pid 210): scoped: a sentence on ns &amp; &lt;fast&gt;
part2 Site memslot, fast: 20 invalidations, 5.0ms in all, the longest 1.3ms
part2 Site memslot, scoped: 4 invalidations, 5.0ms in all, the longest 1.3ms
part2 Site teardown, walk: 2 invalidations, 5.0ms in all, the longest 1.3ms
part3 kvm-zap-bench rom -n 7: scoped: a sentence on update_ns &amp; &lt;fast&gt;
part3 kvm-zap-bench rom -n 7: auto: three of update_ns
part4 Site memslot, fast: 33 invalidations, 5.0ms in all, the longest 1.3ms
part4 Site memslot, scoped: 4 invalidations, 5.0ms in all, the longest 1.3ms
part4 Site teardown, walk: 2 invalidations, 5.0ms in all, the longest 1.3ms'
	ktap_equal 'parts' "$(sed -n 's/.*<h2 id="\(part[0-9]*\)">\(.*\)<\/h2>.*/\1 \2/p' "$page" | sed 's/VM .* (pid/VM (pid/')" \
		'part1 Comparison: VM (pid 210)
part2 Statistics of hv&lt;i&gt;7
part3 Comparison: kvm-zap-bench rom -n 7
part4 Statistics of third'
	ktap_equal 'three policies' "$(rows 'value|' | sed -n '/auto/,$p' | head -n 3)" \
		'value|fast|fast again, ratio|scoped|scoped to fast|verdict|auto|auto to fast|verdict
ns|51us (26us to 102us)|1.00 (0.95 to 1.04)|13us (6.4us to 26us)|0.25 (0.12 to 0.38)|differs|777ns (770ns to 780ns)|3.00 (2.00 to 4.00)|no interval
update_ns|779us (390us to 1.6ms)|1.00 (0.95 to 1.04)|682us (341us to 1.4ms)|0.88 (0.44 to 1.31)|no difference shown|777ns (770ns to 780ns)|3.00 (2.00 to 4.00)|no interval'
	ktap_equal 'what is said of them' "$(tags p | grep rounds)" \
		"7 of 10 rounds, in file $tmp/compare.json. 2 runs had no invalidation and count for nothing.
10 of 10 rounds, in file $tmp/compare2.json. 4 runs had some at site mmio as well and count for nothing."
	ktap_equal 'rates' "$(rows 'site, policy|' | grep '^memslot, fast' | sed 's/.*|1.3ms//')" "
|1.2k"
	ktap_equal 'their title' "$(rows 'site, policy|' | sed -n 's/^site.*worst//p')" '
|a second'
	ktap_check grep -q 'touch owned`&#39;&quot;&lt;&gt;/</th>' "$page"
	# Two of one host are a column, and its name is in the title.
	for zone in UTC0 ABC-9; do
		TZ=$zone report 0 "$tmp/stat2.json" "$tmp/stat2.json" -o "$page"
		ktap_equal "when, in $zone" "$(tags p | sed -n 's/^As of \(.*\), in.*/\1/p' | sort -u)" '2023-11-14 23:13:20 UTC'
	done
	ktap_equal 'one host' "$(rows 'host|' | head -n 1)" 'host|third'
	ktap_equal 'its title' "$(tags title | head -n 1)" 'kvm-zap: 2 statistics on third, kernel 6.1.0-test'
	# What was chosen differs: that is another column.
	jq -c '.host.parameters.memslot_zap = "auto"' "$tmp/stat2.json" > "$tmp/stat3.json"
	report 0 "$tmp/stat2.json" "$tmp/stat2.json" "$tmp/stat3.json" -o "$page"
	ktap_equal 'one host, two choices' "$(rows 'host|' | grep -e '^host|' -e '^memslot_zap|')" 'host|third|third
memslot_zap|stock|auto'
	report 0 "$tmp/run.json" -o "$page"
	ktap_equal 'one run' "$(rows 'workload|' | sed -n 's/|321us.*//p')" 'dense -s 1|shadow|auto'
	ktap_equal 'title of a run' "$(tags title | head -n 1)" 'kvm-zap: 1 run of kvm-zap-bench on kernel 6.1.0-test'
	jq 'del(.modules)' "$tmp/run.json" > "$tmp/stock.json"
	report 0 "$tmp/stock.json" -o "$page"
	ktap_equal "one of Debian's" "$(rows 'workload|' | sed -n 's/|321us.*//p')" 'dense -s 1|shadow|distribution'
	PATH=$old
	ktap_result 'of several files each has its own host, part and verdicts'
}

# Of a median of 0 there is no ratio: null is that, and an upper end that is null is open.
nothing_test() {
	path_with "cat >> $tmp/scripts; echo '<svg></svg>'"
	: > "$tmp/scripts"
	jq '.values[0].others[0] += { ratio: 4, low: 2, high: null } |
		.values[1].others[0] += { ratio: null, low: null, high: null } |
		.values[2].others[0] += { ratio: null, low: 3, high: null, median: 5 } |
		.values[4].again += { ratio: null, low: null, high: null }' "$tmp/compare.json" > "$tmp/nothing.json"
	schema_keeps "$tmp/nothing.json"
	PATH=$tmp/bin:$PATH report 0 "$tmp/nothing.json" -o "$page"
	ktap_equal 'ratios' "$(rows 'value|' | cut -d '|' -f 1,3,5 | sed '1d; s/^.touch own./own/')" \
		"ns|1.00 (0.95 to 1.04)|4.00 (2.00 or more)
update_ns|1.00 (0.95 to 1.04)|from 0
refaults|1.00 (0.95 to 1.04)|from 0
&#39;\`touch own\`|from 0|0.50 (0.25 to 0.75)
cpu/event=0xc4,umask=0x01,name=a_long_name_\`touch owned\`&#39;&quot;&lt;&gt;/|1.00 (0.95 to 1.04)|0.50 (0.25 to 0.75)"
	ktap_check grep -q 'ns, scoped: 4 (2 or more); ' "$page"
	# The axis goes to 1.3 times what is farthest, which is 4: so does what has no end.
	ktap_equal 'the open end' "$(awk '/^\$d1 << EOD/ { inside = 1; next } inside { print $1, $3, $4; exit }' "$tmp/scripts")" \
		'4 2 5.2000000000000002'
	ktap_equal 'no number' "$(grep -c -w -e inf -e nan "$tmp/scripts" "$page" | cut -d : -f 2 | xargs)" '0 0'
	ktap_result 'over nothing there is no ratio, and an interval may have no end'
}

# Two of perf's events may begin alike.
long_test() {
	long=cpu/event=0xc4,umask=0x
	other=a-name-that-has-no-comma.but_is_long_all_the_same
	jq --arg one "${long}01/" --arg two "${long}02/" --arg other "$other" '.values[3].name = $one | .values[4].name = $two |
		.values[5].name = $other | .values[3].others[0].ratio = 0.5' "$tmp/compare.json" > "$tmp/long.json"
	path_with "cat >> $tmp/scripts; echo '<svg></svg>'"
	: > "$tmp/scripts"
	PATH=$tmp/bin:$PATH report 0 "$tmp/long.json" -o "$page"
	sed -n 's/^set ytics scale 0 (\(.*\))$/\1/p' "$tmp/scripts" | head -n 1 > "$tmp/tics"
	sed 's/\\n//g' "$tmp/tics" > "$tmp/tics.whole"
	for name in "${long}01/" "${long}02/" "$other"; do
		ktap_check grep -q -F "\"$name\"" "$tmp/tics.whole"
	done
	ktap_equal 'lines of more than 16 letters' "$(grep -o '"[^"]*"' "$tmp/tics" | sed 's/\\n/\n/g' | tr -d '"' | grep -c '.\{17\}')" 0
	# Places: of a name's lines the middle. Two of two lines, one of four, below three of one.
	ktap_equal 'places' "$(grep -o '" -[0-9.]*' "$tmp/tics" | tr -d '" ' | xargs)" '-1 -2 -3 -4.5 -6.5 -9.5'
	ktap_check grep -q '^set yrange \[-11.5:-0.5\]' "$tmp/scripts"
	# Five lines more, of 24 pixels, in the picture and in the page.
	ktap_check grep -q '^set terminal svg size 480,450 ' "$tmp/scripts"
	ktap_check grep -q 'viewBox="0 0 480 450"' "$page"
	ktap_check grep -q 'viewBox="0 0 480 330"' "$page"
	if command -v gnuplot > /dev/null; then
		report 0 "$tmp/long.json" -o "$page"
		ktap_equal 'remarks' "$err" ''
		# The lines of the SVG's text, one after the other.
		tr -d '\n\t' < "$page" | grep -o '<div class="plots">.*' |
			sed 's/<desc[^>]*>[^<]*//g; s/<[^>]*>//g' > "$tmp/letters"
		for name in "${long}01/" "${long}02/" "$other"; do
			ktap_check grep -q -F "$name" "$tmp/letters"
		done
	fi
	ktap_result "a plot has events' names whole"
}

# A tic is where its label says; 0 has a place of its own.
axes_test() {
	path_with "cat >> $tmp/scripts; echo '<svg></svg>'"
	: > "$tmp/scripts"
	# From narrow to wide: there are more labels on what is narrow.
	jq '.values |= map(.others[0] += { ratio: 0.9, low: 0.8, high: 1.2 })' "$tmp/compare.json" > "$tmp/narrow.json"
	jq '.values |= map(.others[0] += { ratio: 0.9, low: 0.0001, high: 900, max: 9e9 })' "$tmp/compare.json" > "$tmp/wide.json"
	jq '.[0].result.parameters.slot_mib = 4096 | .[2].result.parameters.slot_mib = 0.03125' "$tmp/bench.json" > "$tmp/sizes.json"
	PATH=$tmp/bin:$PATH report 0 "$tmp/compare.json" "$tmp/stat.json" "$tmp/bench.json" "$tmp/narrow.json" \
		"$tmp/wide.json" "$tmp/sizes.json" -o "$page"
	ktap_equal 'tics that are elsewhere' "$(sed -n 's/^set [xy]tics (\(.*\))$/\1/p' "$tmp/scripts" | tr ',' '\n' |
		sed "s/^ *'\(.*\)' /\1 /" | sort -u | awk '
			BEGIN { split("ns 1 us 1e3 ms 1e6 s 1e9 K 1024 M 1048576 G 1073741824 T 1099511627776", u, " ")
				for (i = 1; i < 16; i += 2) unit[u[i]] = u[i + 1] }
			{ name = $1; sub(/^[0-9.e+-]*/, "", name); n = $1 + 0; if (name != "") n *= unit[name]
				seen[name]++
				if (n < 0.999 * $2 || n > 1.001 * $2) print }
			END { for (name in unit) if (!seen[name] && name != "T") print "none in " name }')" ''
	ktap_result 'labels of axes are where they belong'
}

ktap_start 9
data_make || ktap_fail 'the files to report on are not as the schema says'
input_test
output_test
gnuplot_test
latency_test
tables_test
several_test
nothing_test
long_test
axes_test
ktap_end
