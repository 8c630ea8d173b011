// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of a memslot update fails in turn, under each policy. So does each
 * allocation of creating a VM and vCPUs, and of the files that hold a policy. Needs a
 * kernel with fault injection, see zap_fault.h, and no other VM meanwhile.
 *
 * What breaks without it: on a host that is short of memory, a memslot is half deleted,
 * counters count what did not happen, or VMs never go away completely.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>

#include "zap_fault.h"

#define RAM_BYTES	SZ_1M
#define SLOT_BYTES	(64 * SZ_4K)
#define RAM_GPA		VM_RAM_GPA
#define HERE		(VM_RAM_GPA + SZ_2M)
#define THERE		(VM_RAM_GPA + 2 * SZ_2M)

enum { RAM, SLOT };

static const char * const policies[] = { ZAP_MEMSLOT_WORDS };

static struct vm *vm;
static struct vcpu *vcpu;
static void *ram, *mem;
static uint64_t value;	/* of the stamps in the memslot, another each time */

/* Memslots --------------------------------------------------------------------- */

static int put(uint64_t gpa, uint32_t flags)
{
	return vm_try_slot(vm, SLOT, flags, gpa, SLOT_BYTES, mem);
}

static int op_create(void) { return put(HERE, 0); }
static int op_create_logged(void) { return put(HERE, KVM_MEM_LOG_DIRTY_PAGES); }
static int op_delete(void) { return vm_try_slot(vm, SLOT, 0, 0, 0, NULL); }
static int op_move(void) { return put(THERE, 0); }
static int op_log(void) { return put(HERE, KVM_MEM_LOG_DIRTY_PAGES); }
static int op_unlog(void) { return put(HERE, 0); }

/* The states that an operation is from and to. */
enum state { ABSENT, AT_HERE, AT_THERE, LOGGED };

static const struct op {
	const char *name;
	int (*run)(void);
	enum state from, to;
	unsigned int zaps;	/* when it succeeds */
} ops[] = {
	{ "create", op_create, ABSENT, AT_HERE, 0 },
	{ "create with dirty logging", op_create_logged, ABSENT, LOGGED, 0 },
	{ "delete", op_delete, AT_HERE, ABSENT, 1 },
	{ "delete with dirty logging", op_delete, LOGGED, ABSENT, 1 },
	{ "move", op_move, AT_HERE, AT_THERE, 1 },
	{ "start dirty logging", op_log, AT_HERE, LOGGED, 0 },
	{ "stop dirty logging", op_unlog, LOGGED, AT_HERE, 0 },
};

static void enter(enum state state)
{
	op_delete();
	switch (state) {
	case ABSENT:
		return;
	case AT_HERE:
		vm_set_slot(vm, SLOT, 0, HERE, SLOT_BYTES, mem);
		break;
	case AT_THERE:
		vm_set_slot(vm, SLOT, 0, THERE, SLOT_BYTES, mem);
		break;
	case LOGGED:
		vm_set_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, HERE, SLOT_BYTES, mem);
		break;
	}
}

static void expect_absent(uint64_t gpa)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = gpa, .bytes = SLOT_BYTES };
	struct guest_result res;

	vcpu_must(vcpu, &op, &res);
	ktap_equal("MMIO exits where no memslot is", res.mmio_reads, SLOT_BYTES / SZ_4K);
}

static void expect_stamps(const char *what, uint64_t gpa, uint64_t bytes, uint64_t stamp)
{
	struct guest_result res;
	uint64_t bad = vcpu_mismatches(vcpu, gpa, bytes, stamp, &res);

	ktap_check(!bad, "%s: %lu pages are wrong, the first at 0x%lx: 0x%lx, expected 0x%lx", what,
		   bad, res.bad_gva, res.bad_value, guest_stamp(res.bad_gva, stamp));
}

/* The guest, KVM and the memory agree on the memslot, the guest may write to it. */
static void expect_state(enum state state)
{
	uint64_t gpa = state == AT_THERE ? THERE : HERE, dirty = 0;
	unsigned int i;
	int ret;

	expect_stamps("the memslot next to it", RAM_GPA, RAM_BYTES, 7);
	expect_absent(state == AT_THERE ? HERE : THERE);
	if (state == ABSENT) {
		expect_absent(HERE);
		return;
	}
	/* By the host, as memory: what the guest wrote last is there to be read. */
	for (i = 0; i < SLOT_BYTES / SZ_4K; i++)
		*(uint64_t *)((char *)mem + i * SZ_4K) = guest_stamp(gpa + i * SZ_4K, value);
	expect_stamps("the memslot", gpa, SLOT_BYTES, value);

	if (state == LOGGED)
		vm_dirty_log(vm, SLOT, &dirty);
	vcpu_stamp(vcpu, gpa, SLOT_BYTES, ++value);
	for (i = 0; i < SLOT_BYTES / SZ_4K && !ktap.bad; i++) {
		uint64_t stamp = ((uint64_t *)mem)[i * SZ_4K / 8];

		ktap_check(stamp == guest_stamp(gpa + i * SZ_4K, value),
			   "page %u: what the guest wrote does not arrive", i);
	}
	dirty = 0;
	ret = vm_dirty_log(vm, SLOT, &dirty);
	ktap_equal("error of KVM_GET_DIRTY_LOG", -ret, state == LOGGED ? 0 : ENOENT);
	ktap_check(dirty == (state == LOGGED ? ~0UL : 0), "dirty pages 0x%lx", dirty);
}

static uint64_t zaps_of_vm(void)
{
	return zap_stat(vm, "memslot_zap_fast") + zap_stat(vm, "memslot_zap_scoped");
}

static uint64_t zaps_of_all(void)
{
	struct zap_row fast, scoped;

	zap_row("memslot", "fast", &fast);
	zap_row("memslot", "scoped", &scoped);
	return fast.count + scoped.count;
}

/*
 * Deleting fails before anything is dropped. Moving may fail afterwards, when
 * the metadata for the new place is made: the mappings are gone by then, the
 * memslot stays, and the invalidation is counted, for it happened.
 */
static void expect_failed(const struct op *op, unsigned int n, int ret, uint64_t zaps,
			  uint64_t zaps_all, uint64_t leafs, unsigned int *late)
{
	uint64_t counted = zaps_of_vm() - zaps, left = zap_leafs(vm);

	ktap_check(ret == -ENOMEM, "allocation %u: %s", n, strerror(-ret));
	ktap_equal("invalidations of all VMs", zaps_of_all() - zaps_all, counted);
	ktap_check(counted <= (op->run == op_move), "allocation %u: %lu invalidations counted", n,
		   counted);
	ktap_check(counted ? left < leafs : left == leafs,
		   "allocation %u: %lu invalidations counted, %lu leaf SPTEs of %lu are left", n,
		   counted, left, leafs);
	*late += counted;
}

static void test_op(const struct op *op)
{
	unsigned int n, failed = 0, late = 0;
	uint64_t zaps, zaps_all, leafs;
	bool fired;
	int ret;

	for (n = 1; n < FAULT_MAX && !ktap.bad; n++) {
		enter(op->from);
		expect_state(op->from);
		zaps = zaps_of_vm();
		zaps_all = zaps_of_all();
		leafs = zap_leafs(vm);

		fault_arm(n);
		ret = op->run();
		fired = fault_fired();
		if (ret) {
			ktap_check(fired, "failed by itself: %s", strerror(-ret));
			failed++;
			expect_failed(op, n, ret, zaps, zaps_all, leafs, &late);
			expect_state(op->from);
			zaps = zaps_of_vm();
			ktap_equal("error when tried again", -op->run(), 0);
		}
		ktap_equal("invalidations counted", zaps_of_vm() - zaps, op->zaps);
		expect_state(op->to);
		if (!fired)
			break;
	}
	ktap_check(failed, "no allocation failed it");
	ktap_check(n < FAULT_MAX, "more than %u allocations", FAULT_MAX);
	ktap_diag("%s: %u allocations, %u of them failed it, %u after mappings were dropped",
		  op->name, n - 1, failed, late);
}

static void make_vm(void)
{
	vm = vm_create(NULL);
	vcpu = vcpu_create(vm, 0);
	vm_set_slot(vm, RAM, 0, RAM_GPA, RAM_BYTES, ram);
	guest_pt_map(vm->pt, RAM_GPA, RAM_GPA, 4 * SZ_2M, 0);
	vcpu_stamp(vcpu, RAM_GPA, RAM_BYTES, 7);
}

static void test_slots(void)
{
	struct fault_leaks leaks;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		zap_policy(policies[i]);
		for (j = 0; j < ARRAY_SIZE(ops); j++) {
			test_op(&ops[j]);
			ktap_result("%s: %s", policies[i], ops[j].name);
		}
	}
	/* By now all was done once; what grows from here on is lost. */
	enter(ABSENT);
	fault_look(&leaks);
	for (j = 0; j < ARRAY_SIZE(ops); j++)
		test_op(&ops[j]);
	enter(ABSENT);
	fault_expect_no_leaks(&leaks);
	ktap_result("memslots: nothing is left behind");
}

/* VMs and vCPUs ------------------------------------------------------------------ */

/* A VM that was made in spite of it: can it be used? */
static void use_vm(int fd, unsigned int n)
{
	struct kvm_userspace_memory_region region = {
		.slot = 0, .guest_phys_addr = RAM_GPA, .memory_size = RAM_BYTES,
		.userspace_addr = (uintptr_t)ram,
	};
	int id = ioctl(fd, KVM_CREATE_VCPU, 0);

	ktap_check(id >= 0, "VM of allocation %u: KVM_CREATE_VCPU: %s", n, strerror(errno));
	ktap_check(!ioctl(fd, KVM_SET_USER_MEMORY_REGION, &region),
		   "VM of allocation %u: a memslot: %s", n, strerror(errno));
	region.memory_size = 0;
	ktap_check(!ioctl(fd, KVM_SET_USER_MEMORY_REGION, &region),
		   "VM of allocation %u: no memslot: %s", n, strerror(errno));
	if (id >= 0)
		close(id);
}

/* One VM with the @n-th allocation failed, or less; returns whether there was one. */
static bool try_vm(int kvm_fd, unsigned int n, unsigned int *failed, unsigned int *bare)
{
	char path[128];
	bool fired;
	int fd, err;

	fault_arm(n);
	fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	err = errno;
	fired = fault_fired();
	if (fd < 0) {
		ktap_check(fired && (err == ENOMEM || err == ENFILE), "allocation %u: %s", n,
			   strerror(err));
		++*failed;
		return fired;
	}
	/* KVM does without files in debugfs that could not be made. */
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), fd);
	if (access(path, F_OK)) {
		ktap_check(fired, "no %s", path);
		++*bare;
	}
	use_vm(fd, n);
	close(fd);
	return fired;
}

static void test_vms(void)
{
	int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	unsigned int n, failed = 0, bare = 0;
	struct fault_leaks leaks;

	if (kvm_fd < 0)
		vm_die("/dev/kvm: %s", strerror(errno));
	for (n = 0; n < 3; n++)
		try_vm(kvm_fd, 0, &failed, &bare);
	/* 0 is never fired; it reads as 0, though. */
	failed = 0;
	bare = 0;
	fault_look(&leaks);
	for (n = 1; n < FAULT_MAX && !ktap.bad; n++)
		if (!try_vm(kvm_fd, n, &failed, &bare))
			break;
	ktap_check(failed && n < FAULT_MAX, "%u of %u failed", failed, n);
	ktap_diag("KVM_CREATE_VM: %u allocations, %u of them failed it, %u left it without files",
		  n - 1, failed, bare);
	fault_expect_no_leaks(&leaks);
	close(kvm_fd);
	ktap_result("KVM_CREATE_VM");
}

static void test_vcpus(void)
{
	unsigned int n, failed = 0, id = 1;
	struct fault_leaks leaks;
	struct vm *other;
	bool fired = true;
	int fd, err;

	fault_look(&leaks);
	other = vm_create(NULL);
	vcpu_create(other, 0);
	for (n = 1; n < FAULT_MAX && fired && !ktap.bad; n++, id++) {
		fault_arm(n);
		fd = ioctl(other->fd, KVM_CREATE_VCPU, id);
		err = errno;
		fired = fault_fired();
		if (fd < 0) {
			ktap_check(fired && (err == ENOMEM || err == ENFILE),
				   "allocation %u: %s", n, strerror(err));
			failed++;
			fd = ioctl(other->fd, KVM_CREATE_VCPU, id);
			ktap_check(fd >= 0, "tried again: %s", strerror(errno));
		}
		close(fd);
	}
	ktap_check(failed && n < FAULT_MAX, "%u of %u failed", failed, n);
	ktap_diag("KVM_CREATE_VCPU: %u allocations, %u of them failed it", n - 2, failed);
	vm_destroy(other);
	fault_expect_no_leaks(&leaks);
	ktap_result("KVM_CREATE_VCPU");
}

/* Files ---------------------------------------------------------------------------- */

/* Open, write @word if there is one, read; returns 0 or -errno, whatever failed. */
static int use_file(const char *path, const char *word, char *buf, size_t bytes)
{
	int fd = open(path, (word ? O_RDWR : O_RDONLY) | O_CLOEXEC), ret = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (word && write(fd, word, strlen(word)) < 0)
		ret = -errno;
	n = ret ? 0 : pread(fd, buf, bytes - 1, 0);
	if (n < 0)
		ret = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return ret;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static void test_file(const char *name, const char *path, const char *first, const char *second)
{
	unsigned int n, failed = 0;
	bool fired = true;
	char buf[4096], now[64];
	const char *word = NULL;
	int ret;

	/* Not to be in the way: pages of the stack. */
	memset(buf, 0, sizeof(buf));
	for (n = 1; n < FAULT_MAX && fired && !ktap.bad; n++) {
		if (first) {
			word = second;
			zap_write_file(path, first, strlen(first));
		}
		fault_arm(n);
		ret = use_file(path, word, buf, sizeof(buf));
		fired = fault_fired();
		if (ret) {
			failed++;
			ktap_check(fired && (ret == -ENOMEM || ret == -ENFILE),
				   "allocation %u: %s", n, strerror(-ret));
			/* One of the two, whole; then the second. */
			if (word && ktap_check(zap_read_file(path, now, sizeof(now)) > 0,
					       "cannot be read"))
				ktap_check(starts(now, first) || starts(now, second),
					   "reads '%s'", now);
			ktap_equal("error when tried again",
				   -use_file(path, word, buf, sizeof(buf)), 0);
		}
		if (word)
			ktap_check(!strncmp(buf, word, strlen(word)) && buf[strlen(word)] == '\n',
				   "reads '%s', '%s' was written", buf, word);
		else
			ktap_check(starts(buf, "site policy ") || starts(buf, "tgid tid "),
				   "reads '%.20s'", buf);
	}
	ktap_check(failed, "no allocation failed it");
	ktap_diag("%s: %u allocations, %u of them failed it", name, n - 2, failed);
	ktap_result("%s", name);
}

static void test_files(void)
{
	char path[128];

	zap_policy("fast");
	test_file("parameter memslot_zap", ZAP_PARAM_PATH, "fast", "scoped");
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), vm->fd);
	test_file("a VM's memslot_zap", path, "inherit", "fast");
	zap_write_file(path, "inherit", 7);
	test_file("zap/stats", ZAP_DEBUGFS "zap/stats", NULL, NULL);
	test_file("zap/latency", ZAP_DEBUGFS "zap/latency", NULL, NULL);
	test_file("zap/vms", ZAP_DEBUGFS "zap/vms", NULL, NULL);
}

/* kmemleak gives up for good when it runs out of memory itself. */
static void test_kmemleak(void)
{
	if (access("/sys/kernel/debug/kmemleak", F_OK)) {
		ktap_skip("no /sys/kernel/debug/kmemleak", "kmemleak watches still");
		return;
	}
	ktap_equal("error of a scan", -zap_write_file("/sys/kernel/debug/kmemleak", "scan", 4), 0);
	ktap_result("kmemleak watches still");
}

int main(void)
{
	fault_need();
	zap_need_debugfs();
	zap_start(ARRAY_SIZE(policies) * ARRAY_SIZE(ops) + 9);
	ram = vm_backing_alloc(RAM_BYTES, VM_4K);
	mem = vm_backing_alloc(SLOT_BYTES, VM_4K);
	make_vm();
	fault_start();
	test_slots();
	test_files();
	enter(AT_HERE);
	expect_state(AT_HERE);
	vm_destroy(vm);
	test_vms();
	test_vcpus();
	test_kmemleak();
	return ktap_end();
}
