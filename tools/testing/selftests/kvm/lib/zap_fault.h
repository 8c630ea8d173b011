/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fail one allocation after the other, by the kernel's fault injection. Of the
 * allocations that this thread requests between fault_arm() and fault_fired(), the one
 * with the given number fails, whether from the slab or of pages.
 *
 *	for (n = 1; ; n++) {
 *		fault_arm(n);
 *		ret = operation();
 *		if (!fault_fired())
 *			break;		// fewer than n allocations, all succeeded
 *		...
 *	}
 *
 * The caller of a failed allocation may be able to do without it, so the operation need
 * not fail.
 *
 * The kernel logs a call trace for some failures, e.g. of vmalloc(), as if memory had run
 * out. Two lines in the kernel log, FAULT_FROM and FAULT_TO, enclose everything that
 * happens here, so that readers of the log can tell these traces from others.
 */
#ifndef KVM_ZAP_FAULT_H
#define KVM_ZAP_FAULT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define FAULT_FROM	"kvm-zap: allocations are made to fail from here"
#define FAULT_TO	"kvm-zap: allocations are made to fail until here"

/* More than any operation here asks for. */
#define FAULT_MAX	3000

#define FAULT_KNOB(name, value)	{ "/sys/kernel/debug/" name, value, "" }

/* What is set, and what it was: fail all kinds, and not a word for each. */
static struct fault_knob {
	const char *path;
	const char *value;
	char saved[32];
} fault_knobs[] = {
	FAULT_KNOB("failslab/ignore-gfp-wait", "N"),
	FAULT_KNOB("failslab/cache-filter", "N"),
	FAULT_KNOB("failslab/verbose", "0"),
	FAULT_KNOB("failslab/times", "-1"),
	FAULT_KNOB("fail_page_alloc/ignore-gfp-wait", "N"),
	FAULT_KNOB("fail_page_alloc/ignore-gfp-highmem", "N"),
	FAULT_KNOB("fail_page_alloc/min-order", "0"),
	FAULT_KNOB("fail_page_alloc/verbose", "0"),
	FAULT_KNOB("fail_page_alloc/times", "-1"),
};

static int fault_fd = -1;

static inline void fault_log(const char *line)
{
	zap_write_file("/dev/kmsg", line, strlen(line));
}

static inline void fault_end(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fault_knobs); i++)
		if (fault_knobs[i].saved[0])
			zap_write_file(fault_knobs[i].path, fault_knobs[i].saved,
				       strlen(fault_knobs[i].saved));
	fault_log(FAULT_TO);
}

static void (*fault_next_handler[NSIG])(int);

static inline void fault_on_signal(int sig)
{
	fault_end();
	fault_next_handler[sig](sig);
}

/* Before zap_start(): the test ends here, skipped, where nothing can be failed. */
static inline void fault_need(void)
{
	unsigned int i;
	char path[64];
	long ret;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	fault_fd = open(path, O_RDWR | O_CLOEXEC);
	if (fault_fd < 0)
		ktap_skip_all("no %s: the kernel has no fault injection (CONFIG_FAULT_INJECTION)",
			      path);
	for (i = 0; i < ARRAY_SIZE(fault_knobs); i++) {
		struct fault_knob *k = &fault_knobs[i];

		ret = zap_read_file(k->path, k->saved, sizeof(k->saved));
		if (ret < 0)
			ktap_skip_all("%s: %s (FAILSLAB, FAIL_PAGE_ALLOC, their debugfs)",
				      k->path, strerror(-ret));
	}
}

/* After zap_start(), whose handlers run after the ones here. */
static inline void fault_start(void)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM,
		SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL,
	};
	unsigned int i;
	int ret;

	fault_log(FAULT_FROM);
	atexit(fault_end);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		fault_next_handler[signals[i]] = signal(signals[i], fault_on_signal);
	for (i = 0; i < ARRAY_SIZE(fault_knobs); i++) {
		struct fault_knob *k = &fault_knobs[i];

		ret = zap_write_file(k->path, k->value, strlen(k->value));
		if (ret)
			vm_die("'%s' > %s: %s", k->value, k->path, strerror(-ret));
	}
}

/* The @n-th allocation from here on fails; 0: none. */
static inline void fault_arm(unsigned int n)
{
	char buf[16];
	int len = snprintf(buf, sizeof(buf), "%u", n);

	if (pwrite(fault_fd, buf, len, 0) != len)
		vm_die("'%s' > fail-nth: %s", buf, strerror(errno));
}

/* How many allocations are left until the one that fails; disarms. */
static inline unsigned int fault_left(void)
{
	char buf[16] = "";

	if (pread(fault_fd, buf, sizeof(buf) - 1, 0) < 1)
		vm_die("fail-nth: %s", strerror(errno));
	fault_arm(0);
	return strtoul(buf, NULL, 10);
}

static inline bool fault_fired(void)
{
	return !fault_left();
}

/* Leaks -------------------------------------------------------------------- */

/* What a failure that is not undone would leave behind; kmemleak knows the rest. */
struct fault_leaks {
	unsigned long fds;		/* of this process */
	unsigned long folders;		/* of VMs, in debugfs */
	unsigned long kvm_refs;		/* of the modules */
	unsigned long vendor_refs;
	unsigned long vmalloc_kb;	/* metadata of memslots, struct kvm */
	unsigned long percpu_kb;	/* SRCU of a VM */
	unsigned long slab_kb;
};

static inline unsigned long fault_entries(const char *path, bool folders)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	unsigned long n = 0;

	if (!dir)
		vm_die("%s: %s", path, strerror(errno));
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.' && (!folders || d->d_type == DT_DIR);
	closedir(dir);
	return n;
}

static inline unsigned long fault_number(const char *path, const char *key)
{
	char buf[8192], *at = buf;

	if (zap_read_file(path, buf, sizeof(buf)) < 0)
		return 0;
	if (key)
		at = strstr(buf, key);
	return at ? strtoul(at + (key ? strlen(key) : 0), NULL, 10) : 0;
}

static inline void fault_look(struct fault_leaks *l)
{
	/* What a VM leaves to workers and to RCU is on its way for a moment. */
	usleep(500000);
	l->fds = fault_entries("/proc/self/fd", false);
	l->folders = fault_entries("/sys/kernel/debug/kvm", true);
	l->kvm_refs = fault_number("/sys/module/kvm/refcnt", NULL);
	l->vendor_refs = fault_number("/sys/module/kvm_amd/refcnt", NULL) +
			 fault_number("/sys/module/kvm_intel/refcnt", NULL);
	l->vmalloc_kb = fault_number("/proc/meminfo", "\nVmallocUsed:");
	l->percpu_kb = fault_number("/proc/meminfo", "\nPercpu:");
	l->slab_kb = fault_number("/proc/meminfo", "\nSlab:");
}

/*
 * @before: from when all had been done once. The slab has what KASAN keeps from
 * being used again, up to a 32nd of memory: no bound can be tight.
 */
static inline void fault_expect_no_leaks(const struct fault_leaks *before)
{
	struct fault_leaks now;

	fault_look(&now);
	ktap_equal("open files", now.fds, before->fds);
	ktap_equal("folders of VMs", now.folders, before->folders);
	ktap_equal("references of kvm", now.kvm_refs, before->kvm_refs);
	ktap_equal("references of the vendor's module", now.vendor_refs, before->vendor_refs);
	ktap_check(now.vmalloc_kb <= before->vmalloc_kb + 64, "VmallocUsed: %lu kB, was %lu kB",
		   now.vmalloc_kb, before->vmalloc_kb);
	ktap_check(now.percpu_kb <= before->percpu_kb + 64, "Percpu: %lu kB, was %lu kB",
		   now.percpu_kb, before->percpu_kb);
	ktap_check(now.slab_kb <= before->slab_kb + (256 << 10), "Slab: %lu kB, was %lu kB",
		   now.slab_kb, before->slab_kb);
	ktap_diag("VmallocUsed %lu kB -> %lu kB, Percpu %lu -> %lu, Slab %lu -> %lu",
		  before->vmalloc_kb, now.vmalloc_kb, before->percpu_kb, now.percpu_kb,
		  before->slab_kb, now.slab_kb);
}

#endif
