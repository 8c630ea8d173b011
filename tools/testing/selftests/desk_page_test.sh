#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap report: its page as Chromium displays it, in a narrow and a wide window, in light
# and dark. What is in the page, and what is no page, is the matter of desk_report_test.sh.
#
# What breaks without it: a guest's name runs as a script in the operator's browser, or a
# telephone shows only part of the page.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
usage_more=' SHOTS=DIR keeps the page and pictures of it there.'
# shellcheck source-path=SCRIPTDIR source=lib/desk_report.sh
. "$here/lib/desk_report.sh"
chromium=$("$top/scripts/fetch/fetch-chromium") ||
	ktap_skip_all 'no Chromium: see scripts/fetch/fetch-chromium'

# browse WIDTH [OPTION...]: what is found in the page, in $tmp/found.
browse() {
	data_frame "$page" "$1" > "$tmp/frame.html"
	shift
	timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --disable-web-security \
		--user-data-dir="$tmp/profile" --virtual-time-budget=5000 --hide-scrollbars "$@" \
		--dump-dom "file://$tmp/frame.html" > "$tmp/dom" 2> "$tmp/log"
	# The DOM is printed as HTML.
	sed -n '/<pre id="found">/,/<\/pre>/p' "$tmp/dom" | sed 's/.*<pre id="found">//; s/<\/pre>.*//
		s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&nbsp;/ /g; s/&amp;/\&/g' > "$tmp/found"
	[ -s "$tmp/found" ] || ktap_fail "Chromium found nothing: $(tail -n 3 "$tmp/log")"
}

# found LINE...: each is a line of what was found.
found() {
	for line; do
		grep -q -x -F -e "$line" "$tmp/found" || ktap_fail "not found: '$line'; but: $(grep -F -e "${line%% *} " "$tmp/found" | head -n 6)"
	done
}

# shot NAME WIDTH HEIGHT [OPTION...]: a picture of the page.
shot() {
	name=$1 size=$2,$3
	shift 3
	timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/profile" \
		--hide-scrollbars --window-size="$size" --screenshot="$tmp/$name.png" "$@" "file://$page" > "$tmp/log" 2>&1
	[ -s "$tmp/$name.png" ] || ktap_fail "no picture: $(tail -n 3 "$tmp/log")"
	[ ! "${SHOTS-}" ] || cp "$tmp/$name.png" "$page" "$SHOTS"
}

names_test() {
	browse 1600
	found "H2 Comparison: VM $hostile\\u{202e} (pid 210)" 'TD AMD <EPYC>' 'TD hv<i>7' 'TD 6.1.0-<u>test</u>' \
		'LI scoped: a sentence on ns & <fast>' 'LI sco<ped' 'foreign elements 0' 'requests 0' \
		'title kvm-zap: 1 comparison, 1 statistics, 12 runs of kvm-zap-bench on several kernels'
	found "TH '\`touch own\`" "TH cpu/event=0xc4,umask=0x01,name=a_long_name_\`touch owned\`'\"<>/"
	[ ! -e "$tmp/own" ] || ktap_fail "an event's name was run"
	ktap_check grep -q "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"" "$page"
	ktap_equal 'addresses' "$(grep -o -E '(src|href)=["'\'']?(https?:|//)[^ >]*' "$page")" ''
	ktap_result 'names of any kind are text, and nothing is asked for or run'
}

figures_test() {
	# By size: two of the memory beside the memslot, three of the memslot.
	found 'plots 10' 'unnamed plots 0' 'ids that are there twice ' 'links to nowhere 0' 'heads without scope 0' \
		'lang en' 'TD 13us (6.4us to 26us)' 'TD 0.25 (0.12 to 0.38)' \
		'LI Site memslot, fast: 20 invalidations, 5.0ms in all, the longest 1.3ms'
	ktap_equal 'verdicts' "$(grep -c -x 'TD differs' "$tmp/found") $(grep -c -x 'TD no difference shown' "$tmp/found")" '2 3'
	# What each plot shows, as it says in words.
	ktap_check grep -q '<desc id="[^"]*">ns, fast again (noise): 1 (0.95 to 1.04); ns, scoped: 0.25 (0.125 to 0.375); update_ns,' "$page"
	ktap_check grep -q '<desc id="[^"]*">ns, fast: 5.1e+04 (2.55e+04 to 1.02e+05); ns, scoped: 1.28e+04 (6.38e+03 to 2.55e+04); update_ns,' "$page"
	ktap_check grep -q '<desc id="[^"]*">fast: 95 % from 262us to 524us, 5 % from 1.0ms to 2.1ms; scoped: 100 % from 8.2us to 16us<' "$page"
	grep -q -x 'TH kept' "$tmp/found" && ktap_fail 'a row of nothing but 0'
	ktap_equal 'statistics, of which the last line counts' "$(grep -c '^H2 Statistics' "$tmp/found")" 1
	ktap_check grep -q 'make bench 1 ns is one instruction' "$page"
	ktap_result 'verdicts, tables and plots are there, and named'
}

narrow_test() {
	browse 360
	found 'width 360' 'overflow 0' 'sticking out ' 'scrolls true' 'plots 10'
	ktap_check grep -q '<meta name="viewport" content="width=device-width, initial-scale=1">' "$page"
	letter=$(sed -n 's/^smallest letter //p' "$tmp/found")
	awk "BEGIN { exit !($letter >= 9) }" || ktap_fail "letters of $letter pixels in a plot"
	browse 1600
	found 'width 1600' 'overflow 0' 'sticking out '
	ktap_result 'nothing is wider than a window of 360 pixels, nor of 1600'
}

night_test() {
	browse 360 --blink-settings=preferredColorScheme=1
	day=$(grep '^text ' "$tmp/found")
	found "letters of plots $(expr "$day" : 'text \(.*\) on')"
	browse 360 --blink-settings=preferredColorScheme=0
	night=$(grep '^text ' "$tmp/found")
	found "letters of plots $(expr "$night" : 'text \(.*\) on')"
	for text in "$day" "$night"; do
		# Of the sums of red, green and blue: 765 is between black and white.
		apart=$(echo "$text" | sed 's/[^0-9]\{1,\}/ /g' | awk '{ d = $1 + $2 + $3 - $4 - $5 - $6; print d < 0 ? -d : d }')
		[ "$apart" -gt 500 ] || ktap_fail "$text"
	done
	[ "$day" != "$night" ] || ktap_fail "day and night: $day"
	ktap_result 'by day and by night letters are seen, those of plots as well'
}

picture_test() {
	shot wide 1600 3000
	shot narrow 360 5000 --blink-settings=preferredColorScheme=0
	ktap_equal 'the picture begins as PNG does' "$(head -c 8 "$tmp/wide.png" | od -An -tx1)" ' 89 50 4e 47 0d 0a 1a 0a'
	full=$(stat -c %s "$tmp/wide.png")
	sed '/<main>/,$d' "$page" > "$tmp/out/blank.html"
	page=$tmp/out/blank.html
	shot blank 1600 3000
	[ "$full" -gt $((4 * $(stat -c %s "$tmp/blank.png"))) ] || ktap_fail "a page that is blank: $full bytes"
	ktap_result 'there is something to see'
}

ktap_start 5
data_make || ktap_fail 'the files to report on are not as the schema says'
report 0 "$tmp/compare.json" "$tmp/stat.json" "$tmp/bench.json" -o "$page"
ktap_equal 'remarks' "$err" ''
names_test
figures_test
narrow_test
night_test
picture_test
ktap_end
