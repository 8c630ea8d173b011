// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files in debugfs: a VM's counters, zap/latency, zap/reset. What they count is the
 * matter of zap_counters_test. No other VM may run on the host meanwhile.
 *
 * What breaks without it: kvm_stat and scripts read other numbers than a VMM does, and
 * nobody can reset a histogram, so it only describes the past.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define NR_ZAPS		4

static const char * const policies[] = { ZAP_MEMSLOT_POLICIES };

static const struct {
	const char *site;
	const char *policies[8];
} sites[] = {
	{ "memslot", { ZAP_MEMSLOT_POLICIES } },
	{ "mmio", { ZAP_MMIO_POLICIES } },
	{ "teardown", { ZAP_TEARDOWN_POLICIES } },
};

/* Rows of zap/stats and zap/latency: site, policy. */
static const char *rows[ARRAY_SIZE(sites) * ARRAY_SIZE(sites[0].policies)][2];
static unsigned int nr_rows;

static void list_rows(void)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		for (j = 0; j < ARRAY_SIZE(sites[i].policies) && sites[i].policies[j]; j++) {
			rows[nr_rows][0] = sites[i].site;
			rows[nr_rows++][1] = sites[i].policies[j];
		}
	}
}

/* The kernel has these rows and no others: the tests try what it has. */
static void test_rows(void)
{
	char buf[4096], want[64], *line, *at = buf;
	unsigned int n = 0;

	if (zap_read_file(ZAP_DEBUGFS "zap/stats", buf, sizeof(buf)) < 0)
		vm_die("%szap/stats cannot be read", ZAP_DEBUGFS);
	strsep(&at, "\n");	/* what the columns are */
	while ((line = strsep(&at, "\n")) && *line) {
		snprintf(want, sizeof(want), "%s %s ", n < nr_rows ? rows[n][0] : "no",
			 n < nr_rows ? rows[n][1] : "more");
		ktap_check(!strncmp(line, want, strlen(want)), "row '%s', expected '%s'", line,
			   want);
		n++;
	}
	ktap_equal("rows of zap/stats", n, nr_rows);
	ktap_result("zap/stats has the rows of zap_policies.h");
}

/* Use the slot, then delete it and put it back. */
static void zap_one(struct vcpu *vcpu, void *mem)
{
	vcpu_read(vcpu, VM_ROM_GPA, SZ_64K);
	vm_delete_slot(vcpu->vm, 0);
	vm_set_slot(vcpu->vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
}

/* What KVM_GET_STATS_FD says, debugfs says as well. */
static void test_vm_files(struct vm *vm)
{
	struct zap_counts counts;
	char path[128], buf[64];
	unsigned int i;
	long ret;

	zap_counts(vm, &counts);
	for (i = 0; i < ZAP_NR_COUNTS; i++) {
		snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/%s", getpid(), vm->fd,
			 zap_count_names[i]);
		ret = zap_read_file(path, buf, sizeof(buf));
		if (ktap_check(ret > 0, "%s: %s", path, strerror(-ret)))
			ktap_equal(path, strtoull(buf, NULL, 10), ((uint64_t *)&counts)[i]);
	}
	ktap_equal("memslot_zap_fast", counts.memslot_zap_fast, NR_ZAPS);
	ktap_equal("memslot_zap_scoped", counts.memslot_zap_scoped, NR_ZAPS);
	ktap_check(counts.zap_sptes && counts.zap_tables && counts.zap_ns,
		   "zap_sptes, zap_tables or zap_ns is 0");
	ktap_result("debugfs agrees with KVM_GET_STATS_FD");
}

/* Every invalidation is in a bucket of the histogram. */
static void expect_latency(void)
{
	struct zap_row row;
	unsigned int i;

	for (i = 0; i < nr_rows; i++) {
		zap_row(rows[i][0], rows[i][1], &row);
		ktap_equal(rows[i][1], zap_latency(rows[i][0], rows[i][1]), row.count);
	}
}

static void expect_mode(const char *path, unsigned int mode)
{
	struct stat st;

	if (stat(path, &st))
		vm_die("%s: %s", path, strerror(errno));
	ktap_check((st.st_mode & 07777) == mode, "%s: mode %o, expected %o", path,
		   st.st_mode & 07777, mode);
}

static void test_modes(void)
{
	char buf[64];

	expect_mode(ZAP_DEBUGFS "zap/stats", 0444);
	expect_mode(ZAP_DEBUGFS "zap/latency", 0444);
	expect_mode(ZAP_DEBUGFS "zap/reset", 0200);
	/* root may open it in spite of its mode, but there is nothing to read. */
	ktap_check(zap_read_file(ZAP_DEBUGFS "zap/reset", buf, sizeof(buf)) < 0,
		   "zap/reset can be read");
	ktap_check(open(ZAP_DEBUGFS "zap/stats", O_WRONLY | O_CLOEXEC) < 0 ||
		   write(3, "0", 1) < 0, "zap/stats can be written");
	ktap_result("modes of the files");
}

static void reset_rows(const char *text)
{
	int fd = open(ZAP_DEBUGFS "zap/reset", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		vm_die("'%s' > %szap/reset: %s", text, ZAP_DEBUGFS, strerror(errno));
	close(fd);
}

static void test_reset(struct vm *vm)
{
	struct zap_counts before, after;
	struct zap_row row;
	unsigned int i;

	zap_counts(vm, &before);
	reset_rows("anything\n");
	for (i = 0; i < nr_rows; i++) {
		zap_row(rows[i][0], rows[i][1], &row);
		ktap_check(!row.count && !row.sptes && !row.tables && !row.yields && !row.flushes &&
			   !row.total_ns && !row.max_ns,
			   "'%s %s' after a reset: count %lu, sptes %lu, total_ns %lu, max_ns %lu",
			   rows[i][0], rows[i][1], row.count, row.sptes, row.total_ns, row.max_ns);
		ktap_equal("zap/latency after a reset", zap_latency(rows[i][0], rows[i][1]), 0);
	}
	zap_counts(vm, &after);
	ktap_check(!memcmp(&before, &after, sizeof(before)), "the VM's own counters changed");
	ktap_result("zap/reset clears zap/stats and zap/latency");
}

/* A single invalidation, alone in the histogram: in the bucket of its time? */
static void test_bucket(struct vcpu *vcpu, void *mem, const char *policy)
{
	unsigned long from_ns, count;
	char buf[4096], prefix[64], *line;
	struct zap_row row;

	reset_rows("1");
	zap_policy(policy);
	zap_one(vcpu, mem);
	zap_row("memslot", policy, &row);
	ktap_equal("count", row.count, 1);
	ktap_equal("max_ns of the only one", row.max_ns, row.total_ns);
	expect_latency();
	if (zap_read_file(ZAP_DEBUGFS "zap/latency", buf, sizeof(buf)) < 0)
		vm_die("%szap/latency cannot be read", ZAP_DEBUGFS);
	snprintf(prefix, sizeof(prefix), "\nmemslot %s ", policy);
	line = strstr(buf, prefix);
	if (ktap_check(line && sscanf(line + strlen(prefix), "%lu %lu", &from_ns, &count) == 2,
		       "zap/latency has no row for it"))
		ktap_check(count == 1 && from_ns <= row.max_ns && row.max_ns < 2 * from_ns,
			   "%lu ns are in the bucket from %lu ns on", row.max_ns, from_ns);
	ktap_result("%s: zap/latency has it in its bucket", policy);
}

int main(void)
{
	struct vcpu *vcpu;
	unsigned int i, j;
	struct vm *vm;
	void *mem;

	zap_need_debugfs();
	list_rows();
	zap_start(5 + ARRAY_SIZE(policies));
	vm = vm_create(NULL);
	vcpu = vcpu_create(vm, 0);
	mem = vm_backing_alloc(SZ_64K, VM_4K);
	guest_pt_map(vm->pt, VM_ROM_GPA, VM_ROM_GPA, SZ_2M, 0);
	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		zap_policy(policies[i]);
		for (j = 0; j < NR_ZAPS; j++)
			zap_one(vcpu, mem);
	}

	test_rows();
	test_vm_files(vm);
	expect_latency();
	ktap_result("zap/latency counts what zap/stats counts");
	test_modes();
	test_reset(vm);
	for (i = 0; i < ARRAY_SIZE(policies); i++)
		test_bucket(vcpu, mem, policies[i]);

	vm_destroy(vm);
	vm_backing_free(mem, SZ_64K);
	return ktap_end();
}
