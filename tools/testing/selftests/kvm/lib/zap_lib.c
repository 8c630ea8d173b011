// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions that the tests share, see zap_lib.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

/* All that a test may set; test builds have those with zap_ in front. */
static struct {
	const char *name;
	char saved[64];
} params[] = {
	{ .name = "memslot_zap" }, { .name = "mmio_zap" }, { .name = "teardown_zap" },
	{ .name = "zap_reference" }, { .name = "zap_mmio_generation" },
	{ .name = "zap_noncoherent_dma" }, { .name = "zap_window_ms" }, { .name = "zap_stall" },
	{ .name = "nx_huge_pages" }, { .name = "nx_huge_pages_recovery_ratio" },
	{ .name = "nx_huge_pages_recovery_period_ms" },
};

static void save_params(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params); i++)
		if (kvm_param_get(ZAP_MODULE, params[i].name, params[i].saved,
				  sizeof(params[i].saved)))
			params[i].saved[0] = '\0';
}

/* Runs in signal handlers, too: no allocation, no stdio streams. */
static void restore_params(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params); i++)
		if (params[i].saved[0])
			kvm_param_set(ZAP_MODULE, params[i].name, params[i].saved);
}

static void on_signal(int sig)
{
	restore_params();
	signal(sig, SIG_DFL);
	raise(sig);
}

void zap_start(unsigned int plan)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM,
		SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	};
	const char *why;
	unsigned int i;
	char word[64];
	int ret;

	ret = kvm_param_get(ZAP_MODULE, ZAP_PARAM, word, sizeof(word));
	if (ret == -ENOENT)
		ktap_skip_all("no %s: KVM is not loaded, or these are not kvm-zap's modules",
			      ZAP_PARAM_PATH);
	if (ret)
		vm_die("%s: %s", ZAP_PARAM_PATH, strerror(-ret));
	if (access(ZAP_PARAM_PATH, W_OK))
		ktap_skip_all("%s may not be written: run as root", ZAP_PARAM_PATH);
	why = vm_unusable();
	if (why)
		ktap_skip_all("%s", why);

	save_params();
	atexit(restore_params);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], on_signal);
	ktap_start(plan);
}

bool zap_have_policies(void)
{
	return !access(ZAP_PARAM_PATH, F_OK);
}

void zap_start_anywhere(unsigned int plan)
{
	const char *why;

	if (zap_have_policies()) {
		zap_start(plan);
		return;
	}
	why = vm_unusable();
	if (why)
		ktap_skip_all("%s", why);
	ktap_start(plan);
	ktap_diag("no %s: these are not kvm-zap's modules, no policy is set", ZAP_PARAM_PATH);
}

void zap_need_debugfs(void)
{
	/* Without the parameter zap_start() finds the better words. */
	if (!access(ZAP_PARAM_PATH, F_OK) && access("/sys/kernel/debug/kvm", F_OK))
		ktap_skip_all("no /sys/kernel/debug/kvm: mount debugfs, run as root");
}

void zap_set_window(unsigned int ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", ms);
	if (kvm_param_set(ZAP_MODULE, "zap_window_ms", text))
		vm_die("'%s' > parameter zap_window_ms", text);
}

void zap_sleep_ms(unsigned int ms)
{
	const struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

void zap_site_policy(const char *site, const char *word)
{
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "%s_zap", site);
	ret = kvm_param_set(ZAP_MODULE, name, word);
	if (ret)
		vm_die("'%s' > parameter %s: %s", word, name, strerror(-ret));
}

void zap_policy(const char *word)
{
	zap_site_policy("memslot", word);
}

void zap_vm_policy(struct vm *vm, const char *word)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), vm->fd);
	ret = zap_write_file(path, word, strlen(word));
	if (ret)
		vm_die("'%s' > %s: %s", word, path, strerror(-ret));
}

static bool param_on(const char *module, const char *name, bool otherwise)
{
	char word[16];

	if (kvm_param_get(module, name, word, sizeof(word)))
		return otherwise;
	return strchr("Yy1", word[0]);
}

enum zap_mmu zap_mmu(void)
{
	/* Of the two vendors' modules the one that is not loaded says nothing. */
	if (!param_on("kvm_amd", "npt", true) || !param_on("kvm_intel", "ept", true))
		return ZAP_MMU_SHADOW;
	return param_on("kvm", "tdp_mmu", false) ? ZAP_MMU_TDP : ZAP_MMU_LEGACY;
}

unsigned int zap_private_deletions(struct vm *vm, bool irqchip, bool tss)
{
	/* KVM switches unrestricted guests off where there is no EPT, and says so. */
	bool intel = !access("/sys/module/kvm_intel", F_OK);
	bool restricted = intel && !param_on("kvm_intel", "unrestricted_guest", false);
	unsigned int slots = 0;

	/* What a guest in real mode needs where the CPU cannot run it as it is. */
	slots += restricted && tss;
	slots += restricted && param_on("kvm_intel", "ept", false);
	/* The APIC's page, access to which the CPU redirects. */
	slots += intel && irqchip && param_on("kvm_intel", "flexpriority", false);
	/* One for each address space. */
	return slots * (vm_cap(vm, KVM_CAP_MULTI_ADDRESS_SPACE) > 1 ? 2 : 1);
}

bool zap_kernel_since(unsigned int major, unsigned int minor)
{
	unsigned int a, b;
	struct utsname uts;

	uname(&uts);
	if (sscanf(uts.release, "%u.%u", &a, &b) != 2)
		vm_die("kernel release '%s' has no version", uts.release);
	return a > major || (a == major && b >= minor);
}

long zap_read_file(const char *path, char *buf, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while ((got = read(fd, buf + used, bytes - 1 - used)) > 0)
		used += got;
	if (got < 0) {
		got = -errno;
		close(fd);
		return got;
	}
	close(fd);
	buf[used] = '\0';
	return used;
}

int zap_write_file(const char *path, const char *text, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t put;
	int ret = 0;

	if (fd < 0)
		return -errno;
	put = write(fd, text, bytes);
	if (put < 0)
		ret = -errno;
	else if ((size_t)put != bytes)
		ret = -EIO;
	close(fd);
	return ret;
}

struct vm *zap_used_vm(void *mem)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);

	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, mem);
	vcpu_stamp(vcpu, VM_RAM_GPA, SZ_64K, 1);
	vm_delete_slot(vm, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, mem);
	vcpu_check(vcpu, VM_RAM_GPA, SZ_64K, 1);
	return vm;
}

void *zap_filler_create(struct vcpu *vcpu, unsigned int slot, size_t bytes)
{
	struct guest_op fill = {
		.op = GUEST_OP_READ, .start = ZAP_FILLER_GPA, .bytes = bytes, .stride = SZ_2M,
	};
	/* Address space of which a page exists once it is touched. */
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (mem == MAP_FAILED || madvise(mem, bytes, MADV_NOHUGEPAGE))
		vm_die("mmap or madvise of %zu bytes: %s", bytes, strerror(errno));
	guest_pt_map(vcpu->vm->pt, ZAP_FILLER_GPA, ZAP_FILLER_GPA, bytes, VM_2M);
	vm_set_slot(vcpu->vm, slot, 0, ZAP_FILLER_GPA, bytes, mem);
	vcpu_must(vcpu, &fill, NULL);
	return mem;
}

void zap_filler_free(void *filler, size_t bytes)
{
	munmap(filler, bytes);
}

uint64_t zap_stat(struct vm *vm, const char *name)
{
	uint64_t value;
	int ret = vm_stat(vm, name, &value);

	if (ret)
		vm_die("VM statistic %s: %s", name, strerror(-ret));
	return value;
}

uint64_t zap_hist(struct vm *vm, const char *name, uint64_t *buckets, unsigned int nr)
{
	uint64_t sum = 0;
	unsigned int i;

	if (vm_stat_hist(vm, name, buckets, nr))
		vm_die("no histogram %s of %u buckets", name, nr);
	for (i = 0; i < nr; i++)
		sum += buckets[i];
	return sum;
}

unsigned int zap_bucket(uint64_t value, unsigned int nr)
{
	unsigned int bucket = 0;

	while (bucket < nr - 1 && value >> bucket)
		bucket++;
	return bucket;
}

uint64_t zap_vcpus_stat(struct vm *vm, const char *name)
{
	uint64_t value;
	int ret = vm_vcpus_stat(vm, name, &value);

	if (ret)
		vm_die("vCPU statistic %s: %s", name, strerror(-ret));
	return value;
}

uint64_t zap_leafs(struct vm *vm)
{
	return zap_stat(vm, "pages_4k") + zap_stat(vm, "pages_2m") + zap_stat(vm, "pages_1g");
}

/* In the order of struct zap_counts. */
const char * const zap_count_names[ZAP_NR_COUNTS] = {
	"memslot_zap_fast", "memslot_zap_scoped", "mmio_zap_fast", "mmio_zap_scoped",
	"zap_sptes", "zap_tables", "zap_yields", "zap_ns", "zap_collateral", "zap_kept",
};

void zap_counts(struct vm *vm, struct zap_counts *counts)
{
	unsigned int i;

	for (i = 0; i < ZAP_NR_COUNTS; i++)
		((uint64_t *)counts)[i] = zap_stat(vm, zap_count_names[i]);
}

/* Lines of a file in debugfs that begin with "@site @policy "; NULL after the last. */
static char *next_line(char *from, const char *site, const char *policy)
{
	char prefix[64];
	char *line;

	snprintf(prefix, sizeof(prefix), "\n%s %s ", site, policy);
	line = strstr(from, prefix);
	return line ? line + strlen(prefix) : NULL;
}

static void read_debugfs(const char *path, char *buf, size_t bytes)
{
	long ret = zap_read_file(path, buf, bytes);

	if (ret < 0)
		vm_die("%s: %s", path, strerror(-ret));
}

void zap_row(const char *site, const char *policy, struct zap_row *row)
{
	char buf[4096], *line;

	read_debugfs(ZAP_DEBUGFS "zap/stats", buf, sizeof(buf));
	line = next_line(buf, site, policy);
	if (!line || sscanf(line, "%lu %lu %lu %lu %lu %lu %lu %lu %lu", &row->count,
			    &row->sptes, &row->tables, &row->yields, &row->flushes, &row->total_ns,
			    &row->max_ns, &row->collateral, &row->kept) != 9)
		vm_die("%szap/stats: no row '%s %s' of 9 numbers", ZAP_DEBUGFS, site, policy);
}

/* The word numbered @column of @line, from 0; NULL if it has fewer. */
static const char *column_of(const char *line, unsigned int column, char *word, size_t bytes)
{
	while (column--) {
		line += strcspn(line, "\n ");
		if (*line++ != ' ')
			return NULL;
	}
	snprintf(word, bytes, "%.*s", (int)strcspn(line, "\n "), line);
	return word;
}

/* Which column of the header @line is called @name; no more than there are, then. */
static unsigned int column_named(const char *line, const char *name)
{
	unsigned int column = 0;
	char word[64];

	while (column_of(line, column, word, sizeof(word)) && strcmp(word, name))
		column++;
	return column;
}

bool zap_vm_word(const char *vms, int tid, const char *column, char *word, size_t bytes)
{
	unsigned int tid_column = column_named(vms, "tid");
	unsigned int wanted = column_named(vms, column);
	const char *line = vms;
	char number[64];

	while ((line = strchr(line, '\n')) && *++line) {
		if (!column_of(line, tid_column, number, sizeof(number)) || atoi(number) != tid)
			continue;
		if (!column_of(line, wanted, word, bytes))
			vm_die("%szap/vms: no column '%s'", ZAP_DEBUGFS, column);
		return true;
	}
	return false;
}

uint64_t zap_latency(const char *site, const char *policy)
{
	char buf[16384], *line = buf;
	uint64_t from, count, sum = 0;

	read_debugfs(ZAP_DEBUGFS "zap/latency", buf, sizeof(buf));
	while ((line = next_line(line, site, policy))) {
		if (sscanf(line, "%lu %lu", &from, &count) != 2)
			vm_die("%szap/latency: '%s %s' without 2 numbers", ZAP_DEBUGFS,
			       site, policy);
		sum += count;
	}
	return sum;
}

void zap_subtract(uint64_t *after, const uint64_t *before, size_t nr)
{
	while (nr--)
		after[nr] -= before[nr];
}
