// SPDX-License-Identifier: GPL-2.0-only
/* Zap policies of KVM on arm64, through their files. See zap.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

const char * const zap_sites[] = { "memslot", "reset", "teardown", "unmap" };
const char * const zap_policies[] = { "walk", "bulk", "elide" };

static void __attribute__((noreturn)) die(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	exit(1);
}

void zap_need(void)
{
	if (access(ZAP_PARAMS "memslot_zap", F_OK))
		ktap_skip_all("this kernel has no zap policies");
	if (access(ZAP_DEBUGFS, F_OK) && mount("none", "/sys/kernel/debug", "debugfs", 0, NULL))
		die("mount of debugfs");
}

void zap_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		die(path);
	while (have < size - 1 && (n = read(fd, buf + have, size - 1 - have)) > 0)
		have += n;
	close(fd);
	if (have && buf[have - 1] == '\n')
		have--;
	buf[have] = 0;
}

int zap_write(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), error = 0;
	char line[64];
	int n = snprintf(line, sizeof(line), "%s\n", word);

	if (fd < 0)
		die(path);
	if (write(fd, line, n) != n)
		error = errno;
	close(fd);
	return error;
}

void zap_set(const char *site, const char *word)
{
	char path[128];

	snprintf(path, sizeof(path), ZAP_PARAMS "%s_zap", site);
	errno = zap_write(path, word);
	if (errno)
		die(path);
}

void zap_set_all(const char *word)
{
	int i;

	for (i = 0; i < ZAP_NR_SITES; i++)
		zap_set(zap_sites[i], word);
}

void zap_row(const char *site, const char *policy, struct zap_row *row)
{
	char stats[4096], key[32];
	uint64_t *to = (uint64_t *)row;
	char *at;
	size_t i;

	zap_read(ZAP_DEBUGFS "zap/stats", stats, sizeof(stats));
	snprintf(key, sizeof(key), "\n%s %s ", site, policy);
	at = strstr(stats, key);
	if (!at) {
		printf("# no row '%s %s' in zap/stats\n", site, policy);
		exit(1);
	}
	at += strlen(key);
	for (i = 0; i < sizeof(*row) / sizeof(*to); i++)
		to[i] = strtoull(at, &at, 10);
}

void zap_row_since(const char *site, const char *policy, const struct zap_row *before,
		   struct zap_row *now)
{
	uint64_t max_ns;
	size_t i;

	zap_row(site, policy, now);
	max_ns = now->max_ns;
	for (i = 0; i < sizeof(*now) / sizeof(uint64_t); i++)
		((uint64_t *)now)[i] -= ((const uint64_t *)before)[i];
	now->max_ns = max_ns;
}

void zap_vm_path(const struct vm *vm, const char *name, char *path, size_t size)
{
	snprintf(path, size, ZAP_DEBUGFS "%d-%d/%s", getpid(), vm->fd, name);
}

uint64_t zap_vm_stat(const struct vm *vm, const char *name)
{
	char path[128], buf[32];

	zap_vm_path(vm, name, path, sizeof(path));
	zap_read(path, buf, sizeof(buf));
	return strtoull(buf, NULL, 10);
}

void zap_vms(const char *column, char *buf, size_t size)
{
	char vms[4096], *head, *row, *end, *head_at, *row_at;

	zap_read(ZAP_DEBUGFS "zap/vms", vms, sizeof(vms));
	head = strtok_r(vms, "\n", &end);
	row = strtok_r(NULL, "\n", &end);
	buf[0] = 0;
	if (!row)
		return;
	head = strtok_r(head, " ", &head_at);
	row = strtok_r(row, " ", &row_at);
	while (head && row) {
		if (!strcmp(head, column)) {
			snprintf(buf, size, "%s", row);
			return;
		}
		head = strtok_r(NULL, " ", &head_at);
		row = strtok_r(NULL, " ", &row_at);
	}
}

const char *zap_done(const char *policy)
{
	return zap_protected() ? "walk" : policy;
}

bool zap_trace_begin(void)
{
	if (access(ZAP_TRACING "trace", F_OK) &&
	    mount("none", ZAP_TRACING, "tracefs", 0, NULL))
		return false;
	zap_write(ZAP_TRACING "trace", "");
	errno = zap_write(ZAP_TRACING "events/kvm/kvm_zap/enable", "1");
	if (errno)
		die(ZAP_TRACING "events/kvm/kvm_zap/enable");
	return true;
}

unsigned int zap_trace_lines(const char *words)
{
	static char trace[1 << 16];
	unsigned int n = 0;
	char *line, *end;

	zap_read(ZAP_TRACING "trace", trace, sizeof(trace));
	for (line = strtok_r(trace, "\n", &end); line; line = strtok_r(NULL, "\n", &end))
		n += strstr(line, " kvm_zap: ") && strstr(line, words);
	return n;
}

void zap_trace_end(void)
{
	zap_write(ZAP_TRACING "events/kvm/kvm_zap/enable", "0");
}

bool zap_cmo(void)
{
	char cpuinfo[8192];

	zap_read("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo));
	return strstr(cpuinfo, ": 0xd08\n");
}

/* Whether the kernel has a function of that name. */
static bool has_function(const char *name)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], want[128];
	bool found = false;

	if (!symbols)
		die("/proc/kallsyms");
	snprintf(want, sizeof(want), " %s\n", name);
	while (!found && fgets(line, sizeof(line), symbols))
		found = strstr(line, want);
	fclose(symbols);
	return found;
}

bool zap_range_tlbi(void)
{
	static int known = -1;

	if (known < 0)
		known = !zap_cmo() && has_function("kvm_tlb_flush_vmid_range");
	return known;
}

uint64_t zap_tlbis(const char *policy, uint64_t sptes, uint64_t tables, uint64_t chunks,
		   uint64_t mapped)
{
	if (strcmp(policy, "walk"))
		return mapped;
	return tables + (zap_range_tlbi() ? chunks : sptes);
}

uint64_t zap_flushes(const char *policy, uint64_t mapped)
{
	return !strcmp(policy, "walk") || zap_range_tlbi() ? 0 : mapped;
}

bool zap_kernel_since(unsigned int major, unsigned int minor)
{
	unsigned int a, b;
	struct utsname uts;

	if (uname(&uts) || sscanf(uts.release, "%u.%u", &a, &b) != 2)
		die("uname");
	return a > major || (a == major && b >= minor);
}

bool zap_may_elide(void)
{
	return zap_cmo() && !zap_protected();
}

bool zap_protected(void)
{
	char cmdline[4096];

	zap_read("/proc/cmdline", cmdline, sizeof(cmdline));
	return strstr(cmdline, "kvm-arm.mode=protected");
}

uint64_t zap_seen(uint64_t n)
{
	static int hidden = -1;

	if (hidden < 0)
		hidden = zap_protected() && has_function("pkvm_pgtable_stage2_unmap");
	return hidden ? 0 : n;
}

uint64_t zap_page_tables(void)
{
	char meminfo[8192], *at;

	zap_read("/proc/meminfo", meminfo, sizeof(meminfo));
	at = strstr(meminfo, "SecPageTables:");
	if (!at) {
		printf("# no SecPageTables in /proc/meminfo\n");
		exit(1);
	}
	return strtoull(at + strlen("SecPageTables:"), NULL, 10);
}
