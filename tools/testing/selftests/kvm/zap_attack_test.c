// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile input: any data is written to the parameters and to the files in debugfs, in
 * any way and by many threads at a time, while VMs come and go. The random numbers are
 * the same in every run; their timing is not.
 *
 * What breaks without it: a word is in force that nobody wrote, a reader gets data that
 * is not for it, or a file that is still open uses a VM after its memory is freed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define PARAMETERS	"/sys/module/" ZAP_MODULE "/parameters/"

/* Files under attack; a NULL path is the word of the VM there is at the moment. */
static const struct target {
	const char *name;
	const char *path;
	const char *legal[5];
} targets[] = {
	{ "memslot_zap", PARAMETERS "memslot_zap", { ZAP_MEMSLOT_WORDS } },
	{ "mmio_zap", PARAMETERS "mmio_zap", { ZAP_MMIO_WORDS } },
	{ "teardown_zap", PARAMETERS "teardown_zap", { ZAP_TEARDOWN_WORDS } },
	{ "the VM's memslot_zap", NULL, { "inherit", ZAP_MEMSLOT_WORDS } },
	{ "zap/stats", ZAP_DEBUGFS "zap/stats", {} },
	{ "zap/latency", ZAP_DEBUGFS "zap/latency", {} },
	{ "zap/vms", ZAP_DEBUGFS "zap/vms", {} },
	{ "zap/reset", ZAP_DEBUGFS "zap/reset", {} },
};

#define NR_PARAMETERS	3
#define VM_WORD		(&targets[NR_PARAMETERS])
#define RESET		(&targets[ARRAY_SIZE(targets) - 1])

/* Legal somewhere or nowhere; also cut short, repeated, with junk behind. */
static const char * const words[] = {
	"fast", "scoped", "auto", "stock", "inherit", "walk", "bulk", "fast\n", "inherit\n",
	"bulk\n",
	"", "\n", "FAST", "fas", "fastx", " fast", "fast ", "fast\n\n", "scoped\nfast", "0", "1",
	"-1", "Y", "%s%n", "\xff\xfe", "inheritinherit1", "inheritinherit12", "aut\xc3\xb6",
};

static int vm_fd = -1;	/* of the VM that there is */

/* False if there is none, or it is about to go. */
static bool path_of(const struct target *t, char *buf, size_t bytes)
{
	int fd = __atomic_load_n(&vm_fd, __ATOMIC_RELAXED);

	if (t->path)
		snprintf(buf, bytes, "%s", t->path);
	else
		snprintf(buf, bytes, ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), fd);
	return t->path || fd >= 0;
}

static bool is_parameter(const struct target *t)
{
	return t < targets + NR_PARAMETERS;
}

/* Is this one of the words, one newline behind it or none? */
static bool is_legal(const struct target *t, const char *text, size_t bytes)
{
	unsigned int i;
	size_t n;

	/* A parameter is a string: what is behind a NUL, sysfs does not hand on. */
	if (is_parameter(t))
		bytes = strnlen(text, bytes);
	for (i = 0; i < ARRAY_SIZE(t->legal) && t->legal[i]; i++) {
		n = strlen(t->legal[i]);
		if (!strncmp(text, t->legal[i], bytes < n ? bytes : n) &&
		    (bytes == n || (bytes == n + 1 && text[n] == '\n')))
			return true;
	}
	return false;
}

/* What an operation may say ---------------------------------------------- */

static unsigned long nr_ops, nr_ok, nr_wrong;
static char wrong[256];	/* the first */

KTAP_PRINTF(1, 2)
static void is_wrong(const char *fmt, ...)
{
	va_list ap;

	if (__atomic_fetch_add(&nr_wrong, 1, __ATOMIC_RELAXED))
		return;
	va_start(ap, fmt);
	vsnprintf(wrong, sizeof(wrong), fmt, ap);
	va_end(ap);
}

/*
 * EINVAL: not a legal word, offset or operation. EIO: the VM is gone. EFAULT: a
 * bad address. EBADF: opened for the other direction. ESPIPE: zap/reset has no
 * offset. EOVERFLOW: sendfile where lseek went too far. ENODEV, ENOTTY: mmap and
 * ioctl are not there.
 */
static void judge(const struct target *t, const char *op, long ret)
{
	static const int errors[] = {
		EINVAL, EFAULT, EBADF, ESPIPE, EOVERFLOW, ENODEV, ENOTTY,
	};
	unsigned int i;
	int err = errno;

	__atomic_fetch_add(&nr_ops, 1, __ATOMIC_RELAXED);
	if (ret >= 0) {
		__atomic_fetch_add(&nr_ok, 1, __ATOMIC_RELAXED);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (err == errors[i])
			return;
	if (err == EIO && t == VM_WORD)
		return;
	is_wrong("%s of %s: %s", op, t->name, strerror(err));
}

static void judge_write(const struct target *t, const char *op, long ret, const char *text,
			size_t bytes)
{
	judge(t, op, ret);
	/* zap/reset takes anything; zap/stats cannot be opened for writing to an effect. */
	if (ret < 0 || t == RESET)
		return;
	/* sysfs answers an empty write itself. */
	if (!bytes && is_parameter(t))
		return;
	if (!is_legal(t, text, bytes))
		is_wrong("%s of '%.40s', %zu bytes, to %s gave %ld", op, text, bytes, t->name, ret);
	else if ((size_t)ret != bytes)
		is_wrong("%s of '%.40s' to %s: %ld of %zu bytes", op, text, t->name, ret, bytes);
}

/* A read of all of it, from the beginning. */
static void judge_text(const struct target *t, const char *buf, long bytes)
{
	if (t->legal[0] ? bytes < 2 || buf[bytes - 1] != '\n' || !is_legal(t, buf, bytes)
			: bytes < 12 || (memcmp(buf, "site policy ", 12) &&
					 memcmp(buf, "tgid tid wor", 12)))
		is_wrong("%s reads '%.*s', %ld bytes", t->name, bytes < 40 ? (int)bytes : 40, buf,
			 bytes);
}

/* Attackers ------------------------------------------------------------------ */

#define NR_ATTACKERS	4
#define NR_HELD		12
#define PHASE_NS	4000000000UL
#define SLOW_NS		300000000000UL
#define BURST		32

static bool stop;
static const struct target *first, *last;	/* under attack in this phase */

struct attacker {
	pthread_t thread;
	uint64_t seed;
	int pipe[2];
	int null;
	struct { int fd; const struct target *t; bool fresh; } held[NR_HELD];
};

static char *edge;		/* the last byte that is mapped is edge[-1] */
static char huge[SZ_1M];

static uint32_t draw(struct attacker *a, uint32_t below)
{
	a->seed = a->seed * 6364136223846793005UL + 1442695040888963407UL;
	return (a->seed >> 33) % below;
}

static void hold(struct attacker *a, unsigned int i)
{
	static const int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_WRONLY | O_TRUNC, O_RDWR | O_APPEND,
		O_RDONLY | O_NONBLOCK,
	};
	const struct target *t = first + draw(a, last - first + 1);
	char path[128];

	if (a->held[i].fd >= 0)
		close(a->held[i].fd);
	a->held[i].fd = -1;
	if (!path_of(t, path, sizeof(path)))
		return;
	a->held[i].fd = open(path, flags[draw(a, ARRAY_SIZE(flags))] | O_CLOEXEC);
	a->held[i].t = t;
	a->held[i].fresh = true;
	if (a->held[i].fd < 0 && !(errno == ENOENT && t == VM_WORD))
		is_wrong("open of %s: %s", t->name, strerror(errno));
}

/* A word or junk in @buf, its length. */
static size_t text(struct attacker *a, char *buf, size_t bytes)
{
	size_t i, n = draw(a, 64);

	if (draw(a, 4)) {
		const char *word = words[draw(a, ARRAY_SIZE(words))];

		n = strlen(word);
		memcpy(buf, word, n + 1);
		/* Now and then with the NUL. */
		return n + !draw(a, 8);
	}
	for (i = 0; i < n && i < bytes; i++)
		buf[i] = draw(a, 256);
	return i;
}

static const void *bad_address(struct attacker *a)
{
	switch (draw(a, 4)) {
	case 0: return NULL;
	case 1: return (void *)-4096L;
	case 2: return edge - 2;
	default: return edge;
	}
}

static void attack(struct attacker *a, unsigned int i)
{
	int fd = a->held[i].fd;
	const struct target *t = a->held[i].t;
	bool fresh = a->held[i].fresh;
	static const size_t sizes[] = { 0, 1, 3, 4096, 16384 };
	static const off_t offsets[] = { 0, 1, 4, 4096, 1L << 40, -1, INT64_MAX };
	off_t off = offsets[draw(a, ARRAY_SIZE(offsets))];
	char buf[16384];
	struct iovec iov[2];
	size_t n;
	long ret;
	void *p;

	a->held[i].fresh = false;
	switch (draw(a, 14)) {
	case 0: case 1: case 2:
		n = text(a, buf, sizeof(buf));
		judge_write(t, "write", write(fd, buf, n), buf, n);
		break;
	case 3:
		n = text(a, buf, sizeof(buf));
		ret = pwrite(fd, buf, n, off);
		judge_write(t, "pwrite", ret, buf, n);
		break;
	case 4: case 5:
		n = sizes[draw(a, ARRAY_SIZE(sizes))];
		ret = read(fd, buf, n);
		judge(t, "read", ret);
		if (fresh && ret >= 0 && n == sizeof(buf))
			judge_text(t, buf, ret);
		break;
	case 6:
		n = sizes[draw(a, ARRAY_SIZE(sizes))];
		ret = pread(fd, buf, n, off);
		judge(t, "pread", ret);
		if (!off && ret >= 0 && n == sizeof(buf))
			judge_text(t, buf, ret);
		break;
	case 7:
		judge(t, "lseek", lseek(fd, off, draw(a, 3)));
		break;
	case 8:
		/* More bytes than are mapped, or none that is. */
		ret = write(fd, bad_address(a), 3 + draw(a, 13));
		judge(t, "write from a bad address", ret);
		if (ret >= 0 && t != RESET)
			is_wrong("write of a bad address to %s gave %ld", t->name, ret);
		ret = read(fd, (void *)bad_address(a), 16);
		judge(t, "read to a bad address", ret);
		break;
	case 9:
		judge_write(t, "huge write", write(fd, huge, sizeof(huge)), huge, sizeof(huge));
		judge(t, "write of SSIZE_MAX", syscall(SYS_write, fd, huge, SSIZE_MAX));
		break;
	case 10:
		/* Each piece for itself, or all together: which, is the file's. */
		iov[0] = (struct iovec){ .iov_base = "fa", .iov_len = 2 };
		iov[1] = (struct iovec){ .iov_base = "st", .iov_len = 2 };
		ret = writev(fd, iov, 2);
		judge(t, "writev", ret);
		if (ret >= 0 && t != RESET && !(ret == 4 && is_legal(t, "fast", 4)))
			is_wrong("writev of 'fa', 'st' to %s gave %ld", t->name, ret);
		break;
	case 11:
		judge(t, "sendfile", sendfile(a->null, fd, NULL, 4096));
		break;
	case 12:
		n = text(a, buf, sizeof(buf));
		if (!n || write(a->pipe[1], buf, n) != (ssize_t)n)
			break;
		judge(t, "splice to", splice(a->pipe[0], NULL, fd, NULL, n, 0));
		judge(t, "splice from", splice(fd, NULL, a->pipe[1], NULL, 4096, 0));
		/* Empty it for the next; it does not block. */
		while (read(a->pipe[0], buf, sizeof(buf)) > 0)
			;
		break;
	default:
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED) {
			is_wrong("mmap of %s", t->name);
			munmap(p, 4096);
		} else if (errno != EACCES) {	/* opened for reading alone */
			judge(t, "mmap", -1);
		}
		judge(t, "ioctl", ioctl(fd, _IO('z', draw(a, 256)), buf));
		break;
	}
}

static void *attacker(void *arg)
{
	struct attacker *a = arg;
	unsigned int i, n;

	for (n = 1; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		/* Leave the VMs their share of a single CPU. */
		if (n % BURST == 0)
			usleep(5000);
		i = draw(a, NR_HELD);
		if (a->held[i].fd < 0 || !draw(a, 8))
			hold(a, i);
		else
			attack(a, i);
	}
	for (i = 0; i < NR_HELD; i++)
		if (a->held[i].fd >= 0)
			close(a->held[i].fd);
	return NULL;
}

/* A VM from its creation to its end: memory, and what its counters say. */
static void live(void *mem)
{
	struct vm *vm = vm_create(NULL);
	struct vcpu *vcpu = vcpu_create(vm, 0);
	unsigned int round;

	__atomic_store_n(&vm_fd, vm->fd, __ATOMIC_RELAXED);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, mem);
	for (round = 1; round <= 4; round++) {
		vcpu_stamp(vcpu, VM_RAM_GPA, SZ_64K, round);
		vm_delete_slot(vm, 0);
		vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, mem);
		vcpu_check(vcpu, VM_RAM_GPA, SZ_64K, round);
		if (zap_stat(vm, "memslot_zap_fast") + zap_stat(vm, "memslot_zap_scoped") != round)
			is_wrong("%lu + %lu deletions were counted, not %u",
				 zap_stat(vm, "memslot_zap_fast"),
				 zap_stat(vm, "memslot_zap_scoped"), round);
	}
	/* Its file goes while some hold it, and some are about to open it. */
	vm_destroy(vm);
	__atomic_store_n(&vm_fd, -1, __ATOMIC_RELAXED);
}

static void expect_legal(const struct target *t)
{
	char buf[64], path[128];
	long n;

	if (!t->legal[0] || !path_of(t, path, sizeof(path)))
		return;
	n = zap_read_file(path, buf, sizeof(buf));
	ktap_check(n > 0 && is_legal(t, buf, n), "%s reads '%s' (%ld)", t->name,
		   n > 0 ? buf : "", n);
}

/* A test that did next to nothing proves as much. */
static bool enough(unsigned int vms)
{
	unsigned long ops = __atomic_load_n(&nr_ops, __ATOMIC_RELAXED);
	unsigned long ok = __atomic_load_n(&nr_ok, __ATOMIC_RELAXED);

	return vms > 1 && ops > 1000 && ok > 100 && ok < ops;
}

static void test_storm(const char *name, const struct target *from, const struct target *to,
		       void *mem)
{
	static struct attacker attackers[NR_ATTACKERS];
	uint64_t end = vm_now_ns() + PHASE_NS;
	unsigned int i, j, vms = 0;
	const struct target *t;

	first = from;
	last = to;
	stop = false;
	nr_ops = 0;
	nr_ok = 0;
	nr_wrong = 0;
	for (i = 0; i < NR_ATTACKERS; i++) {
		struct attacker *a = &attackers[i];

		a->seed = (from - targets) * 100 + i;
		a->null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (a->null < 0 || pipe2(a->pipe, O_CLOEXEC | O_NONBLOCK))
			vm_die("/dev/null or pipe: %s", strerror(errno));
		for (j = 0; j < NR_HELD; j++)
			a->held[j].fd = -1;
		if (pthread_create(&a->thread, NULL, attacker, a))
			vm_die("pthread_create");
	}
	do {
		live(mem);
		vms++;
		/* A slow kernel has more time for it. */
	} while (vm_now_ns() < end || (!enough(vms) && vm_now_ns() < end + SLOW_NS));
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_ATTACKERS; i++) {
		pthread_join(attackers[i].thread, NULL);
		close(attackers[i].null);
		close(attackers[i].pipe[0]);
		close(attackers[i].pipe[1]);
	}
	ktap_diag("%s: %u VMs, %lu operations, %lu of them successful", name, vms, nr_ops, nr_ok);
	ktap_check(!nr_wrong, "%lu results were wrong; the first: %s", nr_wrong, wrong);
	ktap_check(enough(vms), "too little was done to tell");
	for (t = targets; t < targets + NR_PARAMETERS; t++)
		expect_legal(t);
	live(mem);
	ktap_check(!nr_wrong, "afterwards: %s", wrong);
	ktap_result("attacked while VMs come and go: %s", name);
}

int main(void)
{
	void *mem;

	zap_need_debugfs();
	zap_start(3);
	mem = vm_backing_alloc(SZ_64K, VM_4K);
	memset(huge, 'j', sizeof(huge));
	edge = mmap(NULL, 2 * SZ_4K, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (edge == MAP_FAILED || munmap(edge + SZ_4K, SZ_4K))
		vm_die("mmap: %s", strerror(errno));
	edge += SZ_4K;

	test_storm("parameters", targets, VM_WORD - 1, mem);
	test_storm("debugfs", VM_WORD, RESET, mem);
	test_storm("all files", targets, RESET, mem);
	return ktap_end();
}
