# SPDX-License-Identifier: GPL-2.0-only
#
# Cuts functions, macros and structures out of C as the kernel writes it: a definition
# begins in the first column, and so does the brace that ends it. See source-texts.
#
# Input: the file of names (NAMES), then sources. The text of each name, without comments
# and white space, goes to the file NAME in the folder "dir"; the place where it was found
# goes to standard output.

# What is left of a line of code without its comments. Strings may hold what looks
# like one.
function strip(s,	kept, end) {
	while (1) {
		if (commented) {
			end = index(s, "*/")
			if (!end) return kept
			s = substr(s, end + 2)
			commented = 0
			kept = kept " "
		}
		if (!match(s, /"([^"\\]|\\.)*"|'([^'\\]|\\.)+'|\/\*|\/\//)) return kept s
		if (substr(s, RSTART, 2) == "//") return kept substr(s, 1, RSTART - 1)
		if (substr(s, RSTART, 2) == "/*") {
			kept = kept substr(s, 1, RSTART - 1)
			s = substr(s, RSTART + 2)
			commented = 1
		} else {
			kept = kept substr(s, 1, RSTART + RLENGTH - 1)
			s = substr(s, RSTART + RLENGTH)
		}
	}
}

# The name of what a head declares: struct:NAME, FNAME(NAME) of a function that a
# template has for each kind of guest page table, or a function's. Attributes with
# parameters may stand before and behind that one. Empty for data.
function name_of(head,	depth, name, c, i, from) {
	if (match(head, /^[ \t]*(struct|union|enum)[ \t]+[A-Za-z_0-9]+[ \t]*\{/)) {
		name = substr(head, RSTART, RLENGTH - 1)
		gsub(/^[ \t]+|[ \t]+$/, "", name)
		sub(/[ \t]+/, ":", name)
		return name
	}
	sub(/\{.*/, "", head)
	if (head ~ /=/) return ""
	if (match(head, /FNAME\([a-z_0-9]+\)/)) return substr(head, RSTART, RLENGTH)
	for (i = 1; i <= length(head); i++) {
		c = substr(head, i, 1)
		if (c == "(" && !depth++) {
			from = substr(head, 1, i - 1)
			sub(/[ \t]+$/, "", from)
			if (match(from, /[A-Za-z_][A-Za-z_0-9]*$/) &&
			    substr(from, RSTART) !~ /^__(acquires|releases|must_hold|printf|attribute__)$/)
				name = substr(from, RSTART)
		} else if (c == ")") {
			depth--
		}
	}
	return name
}

# How often the identifier @word stands in @s.
function count(word, s,	n, at, before, after) {
	while ((at = index(s, word))) {
		before = at > 1 ? substr(s, at - 1, 1) : " "
		after = substr(s, at + length(word), 1)
		s = substr(s, at + length(word))
		if (before !~ /[A-Za-z_0-9]/ && after !~ /[A-Za-z_0-9]/) n++
	}
	return n + 0
}

# A definition is complete: keep it if somebody asked for it, and who it refers to.
function done(name, head, body,	text, i, n) {
	text = head body
	if (name in want) {
		gsub(/[ \t]+/, "", text)
		texts[name] = texts[name] text
		if (!index("," where[name] ",", "," FILENAME ","))
			where[name] = where[name] (where[name] == "" ? "" : ",") FILENAME
	}
	for (i = 1; i <= referred; i++) {
		if (!index(body, refers[i]) || !(n = count(refers[i], body))) continue
		name = (name == "" ? "data" : name) (n > 1 ? "*" n : "")
		users[refers[i]] = users[refers[i]] name "\n"
		sub(/\*[0-9]+$/, "", name)
	}
}

FILENAME == names {
	if (/^#/ || !NF) next
	want[$1] = 1
	if (sub(/^callers:/, "", $1)) refers[++referred] = $1
	next
}
FNR == 1 { head = body = ""; inside = macro = commented = 0 }
{ line = strip($0); goes_on = line ~ /\\$/; sub(/\\$/, "", line) }

macro {
	body = body " " line
	if (!goes_on) { done(name, head, body); macro = 0; head = "" }
	next
}
inside {
	body = body " " line
	if (line ~ /^}/) { done(name, head, body); inside = 0; head = "" }
	next
}
/^[ \t]*#/ {
	if (match(line, /^[ \t]*#[ \t]*define[ \t]+[A-Za-z_0-9]+/)) {
		name = substr(line, RSTART, RLENGTH)
		sub(/.*[ \t]/, "", name)
		head = substr(line, 1, RLENGTH)
		body = substr(line, RLENGTH + 1)
		if (!goes_on) { done(name, head, body); head = "" }
	}
	macro = goes_on
	if (macro && line !~ /define/) name = ""
	next
}
line ~ /[^ \t]/ {
	head = head " " line
	if (line ~ /[{][^}]*$/) {
		name = name_of(head)
		at = index(head, "{")
		body = substr(head, at)
		head = substr(head, 1, at - 1)
		inside = 1
	} else if (line ~ /[{].*}[ \t;]*$/) {
		at = index(head, "{")
		done(name_of(head), substr(head, 1, at - 1), substr(head, at))
		head = ""
	} else if (line ~ /;[ \t]*$/) {
		head = ""
	}
}

END {
	for (name in want) {
		if (sub(/^callers:/, "", name)) {
			printf "%s", users[name] | ("LC_ALL=C sort > '" dir "/callers:" name "'")
			close("LC_ALL=C sort > '" dir "/callers:" name "'")
			continue
		}
		if (!(name in texts)) continue
		printf "%s", texts[name] > (dir "/" name)
		close(dir "/" name)
		print name "\t" where[name]
	}
}
