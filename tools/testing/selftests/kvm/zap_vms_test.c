// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file zap/vms in debugfs: a row for each existing VM, and the content of the rows.
 * No other VM may run on the host meanwhile.
 *
 * What breaks without it: if the VM's own folder is missing or the kernel is locked down,
 * the operator cannot tell which VM a row belongs to, or what decides for it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_small_vm.h"

#define VMS	ZAP_DEBUGFS "zap/vms"
#define MANY	500

static const char header[] =
	"tgid tid word by policy memslot_fast memslot_scoped mmio_fast mmio_scoped sptes "
	"collateral kept tables yields fast_ns fast_max_ns scoped_ns scoped_max_ns updates "
	"update_ns update_max_ns refaults stall_ns mapped age_ms assigned noncoherent "
	"stall_max_ns\n";

static char text[1 << 20];

static const char *read_vms(void)
{
	if (zap_read_file(VMS, text, sizeof(text)) < 0)
		vm_die("%s cannot be read", VMS);
	return text;
}

static unsigned int rows(const char *vms)
{
	unsigned int n = 0;

	while ((vms = strchr(vms, '\n')) && *++vms)
		n++;
	return n;
}

static const char *word_of(const char *column)
{
	static char word[64];

	if (!zap_vm_word(read_vms(), getpid(), column, word, sizeof(word)))
		vm_die("%s: no VM of thread %d", VMS, getpid());
	return word;
}

static uint64_t number_of(const char *column)
{
	return strtoull(word_of(column), NULL, 10);
}

static void expect_word(const char *column, const char *want)
{
	const char *word = word_of(column);

	ktap_check(!strcmp(word, want), "%s '%s', expected '%s'", column, word, want);
}

static void test_none(void)
{
	struct stat st;

	ktap_check(!stat(VMS, &st) && (st.st_mode & 07777) == 0444, "mode %o", st.st_mode);
	ktap_check(!strcmp(read_vms(), header), "without VMs: '%s'", text);
	ktap_result("without VMs there is a header only, that all may read");
}

/* Each word of the parameter and of the VM, and what it comes to. */
static void test_choice(struct small_vm *t)
{
	static const char * const words[] = { "stock", "fast", "scoped", "auto" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		const char *policy = i ? words[i] : "fast";

		zap_policy(words[i]);
		zap_vm_policy(t->vm, "inherit");
		expect_word("word", "inherit");
		expect_word("by", i ? "param" : "kernel");
		expect_word("policy", policy);
		zap_policy(words[(i + 1) % ARRAY_SIZE(words)]);
		zap_vm_policy(t->vm, words[i]);
		expect_word("word", words[i]);
		expect_word("by", "vm");
		expect_word("policy", policy);
	}
	zap_vm_policy(t->vm, "inherit");
	ktap_result("word, by and policy");
}

/* A window may close meanwhile, and its refaults come to both: ask until none did. */
static void expect_stat(struct small_vm *t, const char *column, const char *stat)
{
	uint64_t before, seen, after;

	do {
		before = zap_stat(t->vm, stat);
		seen = number_of(column);
		after = zap_stat(t->vm, stat);
	} while (before != after);
	ktap_equal(column, seen, after);
}

static void expect_counts(struct small_vm *t)
{
	static const char * const pairs[][2] = {
		{ "memslot_fast", "memslot_zap_fast" }, { "memslot_scoped", "memslot_zap_scoped" },
		{ "mmio_fast", "mmio_zap_fast" }, { "mmio_scoped", "mmio_zap_scoped" },
		{ "sptes", "zap_sptes" }, { "collateral", "zap_collateral" },
		{ "kept", "zap_kept" }, { "tables", "zap_tables" }, { "yields", "zap_yields" },
		{ "updates", "memslot_updates" }, { "update_ns", "memslot_update_ns" },
		{ "update_max_ns", "memslot_update_max_ns" }, { "refaults", "zap_refaults" },
		{ "stall_ns", "zap_stall_ns" }, { "stall_max_ns", "zap_stall_max_ns" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++)
		expect_stat(t, pairs[i][0], pairs[i][1]);
	ktap_equal("mapped", number_of("mapped"), zap_leafs(t->vm));
	ktap_equal("fast_ns and scoped_ns", number_of("fast_ns") + number_of("scoped_ns"),
		   zap_stat(t->vm, "zap_ns"));
	ktap_equal("noncoherent", number_of("noncoherent"), 0);
	ktap_check(!strcmp(word_of("assigned"), "0") || !strcmp(word_of("assigned"), "-"),
		   "assigned '%s'", word_of("assigned"));
}

static void zap_by(struct small_vm *t, const char *policy, uint64_t *ns, uint64_t *max_ns)
{
	uint64_t before, took;

	zap_policy(policy);
	small_vm_touch(t);
	before = zap_stat(t->vm, "zap_ns");
	vm_delete_slot(t->vm, ROM);
	took = zap_stat(t->vm, "zap_ns") - before;
	*ns += took;
	if (took > *max_ns)
		*max_ns = took;
	vm_set_slot(t->vm, ROM, 0, VM_ROM_GPA, ROM_PAGES * SZ_4K, t->rom);
}

static void test_counts(struct small_vm *t)
{
	uint64_t fast = 0, fast_max = 0, scoped = 0, scoped_max = 0, age;
	unsigned int i;

	expect_word("age_ms", "-");
	expect_counts(t);
	ktap_result("a VM that had no invalidation");

	for (i = 0; i < 4; i++) {
		zap_by(t, "fast", &fast, &fast_max);
		zap_by(t, "scoped", &scoped, &scoped_max);
	}
	age = vm_now_ns();
	expect_counts(t);
	ktap_equal("fast_ns", number_of("fast_ns"), fast);
	ktap_equal("fast_max_ns", number_of("fast_max_ns"), fast_max);
	ktap_equal("scoped_ns", number_of("scoped_ns"), scoped);
	ktap_equal("scoped_max_ns", number_of("scoped_max_ns"), scoped_max);
	ktap_check(number_of("kept") && number_of("collateral"), "kept or collateral is 0");
	usleep(200000);
	ktap_check(number_of("age_ms") >= 200, "age_ms %lu after 200 ms", number_of("age_ms"));
	age = (vm_now_ns() - age) / 1000000;
	ktap_check(number_of("age_ms") <= age + 10000, "age_ms %lu", number_of("age_ms"));
	ktap_result("counts, times, what is mapped, age");
}

struct made {
	pid_t tid;
	int fd;
};

static int kvm;

static void *make(void *arg)
{
	struct made *made = arg;

	made->tid = syscall(SYS_gettid);
	made->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	return NULL;
}

/* The thread that made it names the folder; the process is what an operator knows. */
static void test_thread(void)
{
	struct made made;
	pthread_t thread;
	char word[64];

	if (pthread_create(&thread, NULL, make, &made) || pthread_join(thread, NULL) ||
	    made.fd < 0)
		vm_die("no VM by a thread");
	if (ktap_check(zap_vm_word(read_vms(), made.tid, "tgid", word, sizeof(word)),
		       "no VM of thread %d", made.tid))
		ktap_equal("tgid", atoi(word), getpid());
	close(made.fd);
	ktap_check(!zap_vm_word(read_vms(), made.tid, "tgid", word, sizeof(word)),
		   "the VM is closed and still there");
	ktap_result("process and thread");
}

/* The name of its folder is taken by a VM that outlives its file descriptor. */
static void test_no_folder(void)
{
	struct made first, second;
	int vcpu;

	make(&first);
	vcpu = ioctl(first.fd, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		vm_die("KVM_CREATE_VCPU");
	close(first.fd);
	make(&second);
	ktap_equal("file descriptor", second.fd, first.fd);
	ktap_equal("rows", rows(read_vms()), 2);
	close(second.fd);
	close(vcpu);
	ktap_equal("rows", rows(read_vms()), 0);
	ktap_result("a VM that has no folder");
}

static void test_many(void)
{
	const struct rlimit files = { MANY + 64, MANY + 64 };
	unsigned int nr, i, steps[] = { 1, MANY };
	struct made *made = calloc(MANY, sizeof(*made));
	uint64_t start;

	setrlimit(RLIMIT_NOFILE, &files);
	for (i = 0, nr = 0; i < ARRAY_SIZE(steps); i++) {
		for (; nr < steps[i]; nr++) {
			make(&made[nr]);
			if (made[nr].fd < 0)
				vm_die("VM %u cannot be made", nr);
		}
		start = vm_now_ns();
		read_vms();
		ktap_diag("a read with %u VMs: %lu ns", nr, vm_now_ns() - start);
		ktap_equal("rows", rows(text), nr);
	}
	while (nr--)
		close(made[nr].fd);
	free(made);
	ktap_equal("rows", rows(read_vms()), 0);
	ktap_result("%u VMs", MANY);
}

int main(void)
{
	struct small_vm t;

	zap_need_debugfs();
	zap_start(7);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	test_none();
	small_vm_create(&t, VM_4K);
	test_choice(&t);
	test_counts(&t);
	small_vm_destroy(&t);
	test_thread();
	test_no_folder();
	test_many();
	return ktap_end();
}
