// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parameters of zap policies on arm64, a VM's own word, and the names of the
 * counters.
 *
 * What breaks without it: an operator's write is accepted and has no effect, words of x86
 * are accepted and mean something else, or the default is not what the stock kernel does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define STATS	"site policy count sptes tables yields flushes total_ns max_ns collateral kept" \
		" tlbis cmo_pages elided"
#define COUNTS	" memslot_walk memslot_bulk reset_walk reset_bulk unmap_walk unmap_bulk unmap_elide"
#define MORE	" sptes collateral kept tables yields"
#define TAIL	" updates update_ns update_max_ns refaults stall_ns mapped age_ms assigned" \
		" noncoherent stall_max_ns tlbis cmo_pages elided"

static const char * const wrong[] = {
	"fast", "scoped", "stock", "auto", "inherit", "", " walk", "walk ", "Walk", "WALK",
	"wal", "walks", "bulk walk", "0", "1", "walk\n",
};

static void expect_word(const char *path, const char *word)
{
	char buf[64];

	zap_read(path, buf, sizeof(buf));
	ktap_check(!strcmp(buf, word), "%s says '%s', not '%s'", path, buf, word);
}

/* All of @wrong are refused, but for inherit where that is a word; nothing changes. */
static void refuses(const char *path, const char *inherit)
{
	size_t i, j;

	for (j = 0; j < ZAP_NR_POLICIES; j++) {
		ktap_equal(path, zap_write(path, zap_policies[j]), 0);
		for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
			if (inherit && !strcmp(wrong[i], inherit))
				continue;
			ktap_check(zap_write(path, wrong[i]) == EINVAL, "%s takes '%s'", path,
				   wrong[i]);
			expect_word(path, zap_policies[j]);
		}
	}
}

/* Site unmap has it, on a machine for which it does something; the log says why it is not. */
static void where_to_be_had(void)
{
	int i, error;
	char path[128];

	for (i = 0; i < ZAP_NR_SITES; i++) {
		snprintf(path, sizeof(path), ZAP_PARAMS "%s_zap", zap_sites[i]);
		error = strcmp(zap_sites[i], "unmap") ? EINVAL : zap_may_elide() ? 0 : EOPNOTSUPP;
		ktap_equal(path, zap_write(path, "elide"), error);
		expect_word(path, error ? "walk" : "elide");
		zap_set(zap_sites[i], "walk");
	}
	ktap_result("elide is for site unmap, where caches are cleaned");
}

static void parameters(void)
{
	char path[128];
	int i;

	for (i = 0; i < ZAP_NR_SITES; i++) {
		snprintf(path, sizeof(path), ZAP_PARAMS "%s_zap", zap_sites[i]);
		expect_word(path, "walk");
	}
	ktap_result("the default is what the stock kernel does");

	for (i = 0; i < ZAP_NR_SITES; i++) {
		snprintf(path, sizeof(path), ZAP_PARAMS "%s_zap", zap_sites[i]);
		refuses(path, NULL);
		zap_set(zap_sites[i], "walk");
	}
	ktap_result("each site takes walk and bulk, and refuses all else");

	where_to_be_had();

	ktap_check(access(ZAP_PARAMS "mmio_zap", F_OK), "there is mmio_zap");
	ktap_result("there are no other sites");
}

/* What vms says of the VM's word, who decides, and what. */
static void decides(const char *word, const char *by, const char *policy)
{
	char buf[32];

	if (zap_protected()) {
		by = "type";
		policy = "walk";
	}
	zap_vms("word", buf, sizeof(buf));
	ktap_check(!strcmp(buf, word), "word '%s', not '%s'", buf, word);
	zap_vms("by", buf, sizeof(buf));
	ktap_check(!strcmp(buf, by), "by '%s', not '%s' (word %s)", buf, by, word);
	zap_vms("policy", buf, sizeof(buf));
	ktap_check(!strcmp(buf, policy), "policy '%s', not '%s' (word %s)", buf, policy, word);
}

static void vm_word(void)
{
	char path[128];
	struct vm vm;

	vm_create(&vm);
	zap_vm_path(&vm, "memslot_zap", path, sizeof(path));
	expect_word(path, "inherit");
	decides("inherit", "kernel", "walk");
	zap_set("memslot", "bulk");
	decides("inherit", "param", "bulk");
	zap_write(path, "walk");
	decides("walk", "vm", "walk");
	zap_set("memslot", "walk");
	zap_write(path, "bulk");
	decides("bulk", "vm", "bulk");
	refuses(path, "inherit");
	ktap_equal("inherit", zap_write(path, "inherit"), 0);
	decides("inherit", "kernel", "walk");
	vm_destroy(&vm);
	ktap_result("a VM's word goes before the parameter, and vms says who decides");
}

static void first_line(const char *path, const char *line)
{
	char buf[4096];

	zap_read(path, buf, sizeof(buf));
	buf[strcspn(buf, "\n")] = 0;
	ktap_check(!strcmp(buf, line), "%s begins with '%s'", path, buf);
}

static void files(void)
{
	static const char * const names[] = {
		"memslot_zap_walk", "memslot_zap_bulk", "reset_zap_walk", "reset_zap_bulk",
		"unmap_zap_walk", "unmap_zap_bulk",
		"zap_sptes", "zap_tables", "zap_yields", "zap_ns", "zap_collateral", "zap_kept",
		"unmap_zap_elide", "zap_tlbis", "zap_cmo_pages", "zap_elided",
	};
	char path[128];
	struct vm vm;
	size_t i;

	first_line(ZAP_DEBUGFS "zap/stats", STATS);
	first_line(ZAP_DEBUGFS "zap/latency", "site policy from_ns count");
	first_line(ZAP_DEBUGFS "zap/vms",
		   "tgid tid word by policy" COUNTS MORE
		   " walk_ns walk_max_ns bulk_ns bulk_max_ns elide_ns elide_max_ns" TAIL);
	vm_create(&vm);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		ktap_equal(names[i], zap_vm_stat(&vm, names[i]), 0);
	zap_vm_path(&vm, "mmio_zap_fast", path, sizeof(path));
	ktap_check(access(path, F_OK), "there is %s", path);
	vm_destroy(&vm);
	ktap_result("the columns and statistics have their names");
}

/* What the tracepoint says of a memslot of one page. */
static void traced(void)
{
	const char *policy = zap_protected() ? "walk" : "bulk";
	char trace[4096], want[160];
	void *memory = vm_alloc(PAGE);
	struct vm vm;

	zap_set("memslot", "bulk");
	vm_create(&vm);
	vm_slot(&vm, 1, VM_RAM, memory, PAGE);
	vm_run(&vm, guest_write, VM_RAM, VM_RAM + PAGE, NULL);
	if (!zap_trace_begin()) {
		ktap_skip("no tracefs", "the tracepoint says what was dropped");
		return;
	}
	vm_slot(&vm, 1, VM_RAM, NULL, 0);
	zap_trace_end();
	vm_destroy(&vm);
	zap_set("memslot", "walk");

	zap_read(ZAP_TRACING "trace", trace, sizeof(trace));
	snprintf(want, sizeof(want),
		 "site=memslot policy=%s as_id=0 slot=1 base_gfn=0x40000 npages=1 sptes=%d tables=%d",
		 policy, (int)zap_seen(1), (int)zap_seen(2));
	ktap_check(strstr(trace, want), "no '%s' in '%s'", want, trace);
	snprintf(want, sizeof(want),
		 "by=%s collateral=0 kept=0 vm=%d tlbis=%d cmo_pages=%d elided=0 reason=none",
		 zap_protected() ? "type" : "param", getpid(),
		 (int)zap_seen(zap_protected() ? 3 : 1), (int)zap_seen(zap_cmo()));
	ktap_check(strstr(trace, want), "no '%s' in '%s'", want, trace);
	ktap_result("the tracepoint says what was dropped");
}

int main(void)
{
	zap_need();
	ktap_start(7);
	parameters();
	vm_word();
	files();
	traced();
	return ktap_end();
}
