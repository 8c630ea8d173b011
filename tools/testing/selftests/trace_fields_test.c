// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/trace/trace_fields.c makes of the kernel's format files and of records: each
 * field, each word, and what is refused. libtraceevent itself parses the formats.
 * desk_events_test.sh builds and runs it. KTAP. The kernel's own formats are the matter of
 * desk_trace_test.sh.
 *
 * What breaks without it: a line of 'kvm-zap trace' has another field's figure, or an event
 * of another kvm's is read as if it were this one's.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "trace_fields.h"
#include "unit.h"

#define SYSTEM	"kvm"

#define COMMON \
	"format:\n" \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

/* As the kernel prints it on x86; later kernels have more fields at the end. */
#define ZAP_FIELDS \
	"\tfield:u8 site;\toffset:8;\tsize:1;\tsigned:0;\n" \
	"\tfield:u8 policy;\toffset:9;\tsize:1;\tsigned:0;\n" \
	"\tfield:u16 as_id;\toffset:10;\tsize:2;\tsigned:0;\n" \
	"\tfield:s32 slot;\toffset:12;\tsize:4;\tsigned:1;\n" \
	"\tfield:u64 base_gfn;\toffset:16;\tsize:8;\tsigned:0;\n" \
	"\tfield:u64 npages;\toffset:24;\tsize:8;\tsigned:0;\n" \
	"\tfield:u64 sptes;\toffset:32;\tsize:8;\tsigned:0;\n" \
	"\tfield:u64 tables;\toffset:40;\tsize:8;\tsigned:0;\n" \
	"\tfield:u64 yields;\toffset:48;\tsize:8;\tsigned:0;\n" \
	"\tfield:u64 ns;\toffset:56;\tsize:8;\tsigned:0;\n" \
	"\tfield:u8 by;\toffset:64;\tsize:1;\tsigned:0;\n" \
	"\tfield:u64 collateral;\toffset:72;\tsize:8;\tsigned:0;\n" \
	"\tfield:u64 kept;\toffset:80;\tsize:8;\tsigned:0;\n" \
	"\tfield:s32 vm;\toffset:88;\tsize:4;\tsigned:1;\n"

#define SITES	"__print_symbolic(REC->site, { 0, \"memslot\" }, { 1, \"mmio\" }, { 2, \"teardown\" })"
#define POLICIES \
	"__print_symbolic(REC->policy, { 1, \"fast\" }, { 0x2, \"scoped\" }, { 4, \"walk\" }, " \
	"{ 5, \"bulk\" })"
#define BYS	"__print_symbolic(REC->by, { 0, \"param\" }, { 1, \"vm\" }, { 2, \"kernel\" })"

#define ZAP_PRINT(by) \
	"\nprint fmt: \"site=%s policy=%s as_id=%u slot=%d sptes=%llu by=%s vm=%d\", " SITES ", " \
	POLICIES ", REC->as_id, REC->slot, REC->sptes, " by ", REC->vm\n"

static const char zap[] =
	"name: kvm_zap\nID: 501\n" COMMON ZAP_FIELDS ZAP_PRINT(BYS);

static const char settle[] =
	"name: kvm_zap_settle\nID: 502\n" COMMON
	"\tfield:s32 vm;\toffset:8;\tsize:4;\tsigned:1;\n"
	"\tfield:s32 slot;\toffset:12;\tsize:4;\tsigned:1;\n"
	"\tfield:u64 refaults;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 stall_ns;\toffset:24;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 window_ms;\toffset:32;\tsize:8;\tsigned:0;\n"
	"\nprint fmt: \"vm=%d slot=%d\", REC->vm, REC->slot\n";

static const char memslot[] =
	"name: kvm_zap_memslot\nID: 503\n" COMMON
	"\tfield:s32 vm;\toffset:8;\tsize:4;\tsigned:1;\n"
	"\tfield:u16 as_id;\toffset:12;\tsize:2;\tsigned:0;\n"
	"\tfield:s32 slot;\toffset:16;\tsize:4;\tsigned:1;\n"
	"\tfield:u64 base_gfn;\toffset:24;\tsize:8;\tsigned:0;\n"
	"\tfield:u64 npages;\toffset:32;\tsize:8;\tsigned:0;\n"
	"\tfield:u32 flags;\toffset:40;\tsize:4;\tsigned:0;\n"
	"\tfield:u8 change;\toffset:44;\tsize:1;\tsigned:0;\n"
	"\tfield:u64 ns;\toffset:48;\tsize:8;\tsigned:0;\n"
	"\nprint fmt: \"change=%s ns=%llu\", __print_symbolic(REC->change, { 0, \"create\" }, "
	"{ 1, \"delete\" }, { 2, \"move\" }, { 3, \"flags\" }), REC->ns\n";

/* The fields of an event that is described so; NULL: *@ret says why, *@said in words. */
static struct trace_fields *fields_of(const char *format, enum trace_kind kind, int *ret,
				      char **said)
{
	struct tep_handle *tep = tep_alloc();
	struct trace_fields *fields = NULL;

	/* As the kernel does, whatever this machine is. */
	tep_set_local_bigendian(tep, TEP_LITTLE_ENDIAN);
	tep_set_file_bigendian(tep, TEP_LITTLE_ENDIAN);
	tep_set_long_size(tep, 8);
	tep_set_loglevel(TEP_LOG_NONE);
	ktap_check(!*format || !tep_parse_event(tep, format, strlen(format), SYSTEM),
		   "libtraceevent cannot parse it");
	unit_hear(&stderr);
	*ret = trace_fields_find(&fields, tep, SYSTEM, kind);
	*said = unit_heard();
	(*said)[strcspn(*said, "\n")] = '\0';
	/* The words that events get are libtraceevent's: it is not freed. */
	return fields;
}

static struct trace_fields *must(const char *format, enum trace_kind kind)
{
	struct trace_fields *fields;
	char *said;
	int ret;

	fields = fields_of(format, kind, &ret, &said);
	ktap_equal("found", ret, DESK_OK);
	ktap_text("said", said, "");
	if (!fields)
		exit(1);
	return fields;
}

static void put(unsigned char *data, size_t offset, size_t size, uint64_t number)
{
	while (size--) {
		data[offset++] = number;
		number >>= 8;
	}
}

static struct trace_event read_record(const struct trace_fields *fields, unsigned char *data,
				      size_t size)
{
	struct tep_record record = { .data = data, .size = size };
	struct trace_event event = { .kind = TRACE_ZAP, .region = "of before" };

	trace_fields_read(fields, &record, &event);
	return event;
}

static void zaps(void)
{
	struct trace_fields *fields = must(zap, TRACE_ZAP);
	unsigned char data[96] = { };
	struct trace_event e;

	put(data, 8, 1, 1);
	put(data, 9, 1, 2);
	put(data, 10, 2, 0xffff);
	put(data, 12, 4, -1);
	put(data, 16, 8, 0x123456789abc);
	put(data, 24, 8, 24);
	put(data, 32, 8, 32);
	put(data, 40, 8, 40);
	put(data, 48, 8, 48);
	put(data, 56, 8, 0x7fffffffffffffff);
	put(data, 64, 1, 2);
	put(data, 72, 8, 72);
	put(data, 80, 8, 0xfffffffff);
	put(data, 88, 4, 210);
	e = read_record(fields, data, sizeof(data));
	ktap_text("site", e.site, "mmio");
	ktap_text("policy", e.policy, "scoped");
	ktap_text("by", e.by, "kernel");
	ktap_text("change", e.change, NULL);
	ktap_equal("as_id, which has no sign", e.as_id, 0xffff);
	ktap_equal("slot, which has one", e.slot, -1);
	ktap_equal("base_gfn", e.base_gfn, 0x123456789abc);
	ktap_equal("npages", e.npages, 24);
	ktap_equal("sptes", e.sptes, 32);
	ktap_equal("tables", e.tables, 40);
	ktap_equal("yields", e.yields, 48);
	ktap_equal("ns", e.ns, INT64_MAX);
	ktap_equal("collateral", e.collateral, 72);
	ktap_equal("kept", e.kept, 0xfffffffff);
	ktap_equal("vm", e.vm, 210);
	ktap_equal("kind", e.kind, TRACE_ZAP);
	ktap_text("region", e.region, "of before");
	/* A word that this event does not know. */
	put(data, 9, 1, 3);
	put(data, 12, 4, 0x7fffffff);
	e = read_record(fields, data, sizeof(data));
	ktap_text("policy 3", e.policy, "?");
	ktap_equal("the highest slot", e.slot, 0x7fffffff);
	trace_fields_free(fields);
	ktap_result("an invalidation has each field of its record, and its words");
}

static void others(void)
{
	struct trace_fields *fields = must(settle, TRACE_SETTLE);
	unsigned char data[96] = { };
	struct trace_event e;

	put(data, 8, 4, 210);
	put(data, 12, 4, -1);
	put(data, 16, 8, 16);
	put(data, 24, 8, 24);
	put(data, 32, 8, 32);
	e = read_record(fields, data, sizeof(data));
	ktap_equal("vm", e.vm, 210);
	ktap_equal("slot", e.slot, -1);
	ktap_equal("refaults", e.refaults, 16);
	ktap_equal("stall_ns", e.stall_ns, 24);
	ktap_equal("window_ms", e.window_ms, 32);
	ktap_text("site", e.site, NULL);
	ktap_equal("sptes", e.sptes, 0);
	trace_fields_free(fields);

	fields = must(memslot, TRACE_MEMSLOT);
	memset(data, 0, sizeof(data));
	put(data, 8, 4, 210);
	put(data, 12, 2, 1);
	put(data, 16, 4, 16);
	put(data, 24, 8, 24);
	put(data, 32, 8, 32);
	put(data, 40, 4, 0xfffffff0);
	put(data, 44, 1, 3);
	put(data, 48, 8, 48);
	e = read_record(fields, data, sizeof(data));
	ktap_equal("vm", e.vm, 210);
	ktap_equal("as_id", e.as_id, 1);
	ktap_equal("slot", e.slot, 16);
	ktap_equal("base_gfn", e.base_gfn, 24);
	ktap_equal("npages", e.npages, 32);
	ktap_equal("flags, which have no sign", e.flags, 0xfffffff0);
	ktap_text("change", e.change, "flags");
	ktap_equal("ns", e.ns, 48);
	trace_fields_free(fields);
	ktap_result("so have page faults that follow, and memslots");
}

static void numbers(void)
{
	struct trace_fields *fields = must(zap, TRACE_ZAP);

	ktap_equal("mmio", trace_fields_number(fields, "site", "mmio"), 1);
	ktap_equal("teardown", trace_fields_number(fields, "site", "teardown"), 2);
	ktap_equal("memslot, which is 0", trace_fields_number(fields, "site", "memslot"), 0);
	ktap_equal("scoped, in hex", trace_fields_number(fields, "policy", "scoped"), 2);
	ktap_equal("bulk", trace_fields_number(fields, "policy", "bulk"), 5);
	ktap_equal("a word of another field", trace_fields_number(fields, "site", "scoped"), -1);
	ktap_equal("a part of a word", trace_fields_number(fields, "policy", "scope"), -1);
	ktap_equal("no word", trace_fields_number(fields, "policy", "turbo"), -1);
	ktap_equal("a field without words", trace_fields_number(fields, "slot", "memslot"), -1);
	ktap_equal("no field", trace_fields_number(fields, "change", "move"), -1);
	trace_fields_free(fields);
	ktap_result("a filter's number is that of its word in its field");
}

/* @format without the line that has @what. */
static char *without(const char *format, const char *what)
{
	char *copy = desk_copy(format), *at = strstr(copy, what), *line = at, *end;

	if (!at)
		exit(1);
	while (line > copy && line[-1] != '\n')
		line--;
	end = strchr(line, '\n') + 1;
	memmove(line, end, strlen(end) + 1);
	return copy;
}

static void refuses(const char *what, const char *format, enum trace_kind kind, int status,
		    const char *words)
{
	struct trace_fields *fields;
	char *said;
	int ret;

	fields = fields_of(format, kind, &ret, &said);
	ktap_equal(what, ret, status);
	ktap_text(what, said, words);
	ktap_check(!fields, "%s: fields of what is refused", what);
	free(said);
}

static void refusals(void)
{
	static const char no_words[] =
		"name: kvm_zap\nID: 501\n" COMMON ZAP_FIELDS ZAP_PRINT("REC->by");
	static const char more[] =
		"name: kvm_zap\nID: 501\n" COMMON ZAP_FIELDS
		"\tfield:u8 reason;\toffset:92;\tsize:1;\tsigned:0;\n" ZAP_PRINT(BYS);

	refuses("no event", "", TRACE_ZAP, DESK_NO_ZAP,
		"kvm-zap: there is no event kvm:kvm_zap: a kvm of another version, or no tracepoints");
	refuses("another event", zap, TRACE_SETTLE, DESK_NO_ZAP,
		"kvm-zap: there is no event kvm:kvm_zap_settle: a kvm of another version, or no tracepoints");
	refuses("no memslots", settle, TRACE_MEMSLOT, DESK_NO_ZAP,
		"kvm-zap: there is no event kvm:kvm_zap_memslot: a kvm of another version, or no tracepoints");
	/* The first of its fields, one in the middle, and the last. */
	refuses("no tables", without(zap, "u64 tables;"), TRACE_ZAP, DESK_NOT,
		"kvm-zap: event kvm:kvm_zap has no field 'tables': not of this kvm-zap");
	refuses("nothing kept", without(zap, "u64 kept;"), TRACE_ZAP, DESK_NOT,
		"kvm-zap: event kvm:kvm_zap has no field 'kept': not of this kvm-zap");
	refuses("no VM", without(settle, "s32 vm;"), TRACE_SETTLE, DESK_NOT,
		"kvm-zap: event kvm:kvm_zap_settle has no field 'vm': not of this kvm-zap");
	refuses("a word without words", no_words, TRACE_ZAP, DESK_NOT,
		"kvm-zap: event kvm:kvm_zap has no field 'by': not of this kvm-zap");
	/* One that is not known yet does no harm. */
	trace_fields_free(must(more, TRACE_ZAP));
	ktap_result("an event of another kvm is refused by the field that it lacks");
}

int main(void)
{
	ktap_start(4);
	zaps();
	others();
	numbers();
	refusals();
	return ktap_end();
}
