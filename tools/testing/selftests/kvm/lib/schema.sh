# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by tests of kvm-zap's JSON: check output against kvm-zap.schema.json. Needs
# ktap.sh; the sourcing script sets $top and $tmp.
# shellcheck disable=SC2154

schema_validator=/usr/bin/jsonschema

# Skips the test where there is no validator.
schema_start() {
	[ -x "$schema_validator" ] ||
		ktap_skip_all 'no jsonschema: apt-get install python3-jsonschema'
}

# schema_keeps FILE...: each is one object that keeps to the schema; else the case fails. The
# validator is slow to start: one call for all of them.
schema_keeps() {
	for schema_file; do
		shift
		set -- "$@" -i "$schema_file"
	done
	"$schema_validator" "$@" "$top/tools/kvm/kvm-zap.schema.json" > "$tmp/schema" 2>&1 || {
		ktap_fail "not as the schema says: $(head -n 5 "$tmp/schema")"
		return 1
	}
}

# schema_lines FILE: the same of each of its lines, of which there is one at least.
schema_lines() {
	rm -f "$tmp"/schema.line.*
	split -l 1 "$1" "$tmp/schema.line."
	schema_keeps "$tmp"/schema.line.*
}

# schema_kinds FILE FILTER...: the same of the last line of each kind, for which FILTER is true;
# there is one of each.
schema_kinds() {
	schema_of=$1 schema_nr=0
	shift
	rm -f "$tmp"/schema.kind.*
	for schema_filter; do
		schema_nr=$((schema_nr + 1))
		jq -c "select($schema_filter)" "$schema_of" | tail -n 1 > "$tmp/schema.kind.$schema_nr"
		[ -s "$tmp/schema.kind.$schema_nr" ] ||
			{ ktap_fail "$schema_of has no line of $schema_filter"; return 1; }
	done
	schema_keeps "$tmp"/schema.kind.*
}
