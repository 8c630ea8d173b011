// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's modules are unloaded and loaded again while their files are open or being opened.
 * The MMU mode stays the same. No other VM may run meanwhile.
 *
 * What breaks without it: the functions of an open file run in memory that the module has
 * freed, old files stay behind and prevent the new ones from being created, or a policy
 * survives although the operator unloaded KVM to get rid of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zap_modules.h"

/* Loads and unloads, the fewer the slower the kernel is. */
#define STORM_ROUNDS	8
#define STORM_ROUNDS_MIN	2
#define STORM_NS	60000000000ULL

static const char * const sites[] = { "memslot", "mmio", "teardown" };
/* Not the default of any; memslot's is a choice in Kconfig. */
static const char * const others[] = { "auto", "scoped", "bulk" };
static const char * const files[] = { "zap/stats", "zap/latency", "zap/reset", "zap/vms" };

static char defaults[ARRAY_SIZE(sites)][64];

static void unload_must(void)
{
	modules_unload_must(modules_vendor);
	modules_unload_must("kvm");
}

static void get(const char *site, char *word, size_t bytes)
{
	char name[32];
	int ret;

	snprintf(name, sizeof(name), "%s_zap", site);
	ret = kvm_param_get("kvm", name, word, bytes);
	if (ret)
		vm_die("parameter %s: %s", name, strerror(-ret));
}

/* KVM as it is right after it was loaded, and working. */
static void expect_fresh(bool kvm_too)
{
	void *mem = vm_backing_alloc(SZ_64K, VM_4K);
	struct zap_row row;
	const char *want;
	char word[64];
	unsigned int i;
	struct vm *vm;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		get(sites[i], word, sizeof(word));
		want = kvm_too ? defaults[i] : others[i];
		ktap_check(!strcmp(word, want), "%s_zap is '%s', not '%s'", sites[i], word, want);
	}
	zap_row("memslot", "fast", &row);
	ktap_check(!kvm_too || !row.count, "zap/stats counts %lu already", row.count);

	zap_policy("fast");
	vm = zap_used_vm(mem);
	ktap_equal("memslot_zap_fast", zap_stat(vm, "memslot_zap_fast"), 1);
	zap_row("memslot", "fast", &row);
	ktap_check(row.count, "zap/stats does not count");
	vm_destroy(vm);
	vm_backing_free(mem, SZ_64K);
	for (i = 0; i < ARRAY_SIZE(sites); i++)
		zap_site_policy(sites[i], others[i]);
}

static int open_must(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		vm_die("%s: %s", path, strerror(errno));
	return fd;
}

static void test_defaults(void)
{
	unsigned int i;

	unload_must();
	modules_load();
	for (i = 0; i < ARRAY_SIZE(sites); i++)
		get(sites[i], defaults[i], sizeof(defaults[i]));
	ktap_check(!strcmp(defaults[1], "fast"), "mmio_zap starts as '%s'", defaults[1]);
	ktap_check(!strcmp(defaults[2], "walk"), "teardown_zap starts as '%s'", defaults[2]);
	expect_fresh(true);
	unload_must();
	modules_load();
	expect_fresh(true);
	ktap_result("loaded anew, parameters and zap/stats are as at first");
}

static void test_vendor(void)
{
	struct zap_row before, after;

	zap_row("memslot", "fast", &before);
	ktap_equal("error of unloading the vendor's module", modules_unload(modules_vendor), 0);
	ktap_check(access(ZAP_DEBUGFS "zap/stats", F_OK), "zap/stats is still there");
	modules_load_vendor();
	zap_row("memslot", "fast", &after);
	ktap_check(before.count, "nothing was counted before");
	ktap_equal("count of memslot fast", after.count, before.count);
	expect_fresh(false);
	ktap_result("counts and parameters outlive %s, not kvm", modules_vendor);
}

static void test_running(void)
{
	struct vm *vm = vm_create(NULL);

	ktap_check(modules_unload(modules_vendor), "%s was unloaded", modules_vendor);
	ktap_check(modules_unload("kvm"), "kvm was unloaded");
	vm_destroy(vm);
	expect_fresh(false);
	ktap_result("with a VM, unloading is refused");
}

/* Files of kvm.ko's: the vendor's module may go, and takes the file, kvm may not. */
static void test_open_debugfs(const char *path)
{
	bool reset = strstr(path, "zap/reset");
	int fd = open_must(path, reset ? O_WRONLY : O_RDONLY);
	char buf[4096];

	if (!reset)
		ktap_check(read(fd, buf, 8) > 0, "%s: %s", path, strerror(errno));
	ktap_equal("error of unloading the vendor's module", modules_unload(modules_vendor), 0);
	ktap_check(access(path, F_OK), "%s is still there", path);
	ktap_equal("error of unloading kvm with the file open", modules_unload("kvm"), EAGAIN);
	if (reset)
		ktap_check(write(fd, "1", 1) < 0 && errno == EIO, "write: %s", strerror(errno));
	else
		ktap_check(read(fd, buf, sizeof(buf)) < 0 && errno == EIO, "read: %s",
			   strerror(errno));
	/* The next one's file is another. */
	modules_load_vendor();
	ktap_check(!access(path, F_OK), "%s: %s", path, strerror(errno));
	if (!reset)
		ktap_check(pread(fd, buf, sizeof(buf), 0) < 0 && errno == EIO, "pread: %s",
			   strerror(errno));
	ktap_equal("error of unloading the vendor's module again",
		   modules_unload(modules_vendor), 0);
	close(fd);
	ktap_equal("error of unloading kvm, the file closed", modules_unload("kvm"), 0);
	modules_load();
	expect_fresh(true);
}

static void test_open_word(void)
{
	struct vm *vm = vm_create(NULL);
	char path[128], held[128];
	int fd;

	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), vm->fd);
	fd = open_must(path, O_RDWR);
	/* By way of what is open, the folder is gone by then. */
	snprintf(held, sizeof(held), "/proc/self/fd/%d", fd);
	vm_destroy(vm);
	ktap_equal("error of opening it again", open(held, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0,
		   ENOENT);
	ktap_check(write(fd, "fast", 4) < 0 && errno == EIO, "write: %s", strerror(errno));
	ktap_equal("error of unloading the vendor's module", modules_unload(modules_vendor), 0);
	ktap_equal("error of unloading kvm with the file open", modules_unload("kvm"), EAGAIN);
	ktap_check(write(fd, "fast", 4) < 0 && errno == EIO, "write: %s", strerror(errno));
	close(fd);
	ktap_equal("error of unloading kvm, the file closed", modules_unload("kvm"), 0);
	modules_load();
	expect_fresh(true);
	ktap_result("a VM's word, open: kvm stays until it is closed");
}

/* Files of sysfs hold nothing: KVM goes, they say so. */
static void test_open_parameter(void)
{
	int fd = open_must(ZAP_PARAM_PATH, O_RDWR);
	char buf[64];

	ktap_check(write(fd, "fast", 4) == 4, "write: %s", strerror(errno));
	ktap_check(pread(fd, buf, sizeof(buf), 0) == 5, "pread: %s", strerror(errno));
	ktap_equal("error of unloading the vendor's module", modules_unload(modules_vendor), 0);
	ktap_equal("error of unloading kvm", modules_unload("kvm"), 0);
	ktap_check(pread(fd, buf, sizeof(buf), 0) < 0 && errno == ENODEV, "pread: %s",
		   strerror(errno));
	ktap_check(write(fd, "scoped", 6) < 0 && errno == ENODEV, "write: %s", strerror(errno));
	modules_load();
	ktap_check(write(fd, "scoped", 6) < 0 && errno == ENODEV, "write: %s", strerror(errno));
	close(fd);
	expect_fresh(true);
	ktap_result("a parameter, open: KVM goes, and it gives ENODEV");
}

/* All files, opened and used as fast as can be, while the modules come and go. */

static bool stop;
static unsigned long used, wrong_errors;
static int wrong_error;
static const char *wrong_path;

static void *visitor(void *arg)
{
	static const char * const paths[] = {
		ZAP_PARAM_PATH, ZAP_DEBUGFS "zap/stats", ZAP_DEBUGFS "zap/latency",
		ZAP_DEBUGFS "zap/reset", ZAP_DEBUGFS "zap/vms", ZAP_DEBUGFS "zap_sptes",
	};
	/* Not there, its module is about to go, gone after it was opened. */
	static const int errors[] = { ENOENT, ENXIO, EIO, ENODEV };
	unsigned int i = (uintptr_t)arg, j;
	char buf[4096];
	long ret;
	int fd;

	for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); i++) {
		const char *path = paths[i % ARRAY_SIZE(paths)];
		bool writes = i % ARRAY_SIZE(paths) == 0 || i % ARRAY_SIZE(paths) == 3;

		if (i % 16 == 0)
			usleep(1000);
		fd = open(path, (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		ret = fd < 0 ? -1 : writes ? write(fd, "auto", 4) : read(fd, buf, sizeof(buf));
		if (ret >= 0)
			__atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);
		for (j = 0; ret < 0 && j < ARRAY_SIZE(errors) && errno != errors[j]; j++)
			;
		if (j == ARRAY_SIZE(errors) && !wrong_errors++) {
			wrong_error = errno;
			wrong_path = path;
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void test_storm(void)
{
	uint64_t end = vm_now_ns() + STORM_NS;
	unsigned int round, busy = 0, i;
	pthread_t threads[2];
	int err;

	for (i = 0; i < ARRAY_SIZE(threads); i++)
		if (pthread_create(&threads[i], NULL, visitor, (void *)(uintptr_t)i))
			vm_die("pthread_create");
	for (round = 0; round < STORM_ROUNDS &&
	     (round < STORM_ROUNDS_MIN || vm_now_ns() < end); round++) {
		while ((err = modules_unload(modules_vendor)) == EAGAIN)
			busy++;
		if (err)
			vm_die("%s cannot be unloaded: %s", modules_vendor, strerror(err));
		/* Held for moments by whoever has a file open. */
		while ((err = modules_unload("kvm")) == EAGAIN && busy < 1000)
			busy++;
		if (err)
			vm_die("kvm cannot be unloaded: %s", strerror(err));
		modules_load();
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	ktap_diag("%u rounds, %lu visits to files, %u times busy", round, used, busy);
	ktap_check(used > 100, "only %lu visits", used);
	ktap_check(!wrong_errors, "%lu wrong errors; the first: %s of %s", wrong_errors,
		   strerror(wrong_error), wrong_path);
	for (i = 0; i < ARRAY_SIZE(sites); i++)
		zap_site_policy(sites[i], others[i]);
	expect_fresh(false);
	unload_must();
	modules_load();
	expect_fresh(true);
	ktap_result("files opened and used while the modules come and go");
}

int main(void)
{
	char path[128];
	unsigned int i;

	zap_need_debugfs();
	modules_need();
	zap_start(6 + ARRAY_SIZE(files));
	modules_start();

	test_defaults();
	test_vendor();
	test_running();
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), ZAP_DEBUGFS "%s", files[i]);
		test_open_debugfs(path);
		ktap_result("%s, open: kvm stays until it is closed", files[i]);
	}
	test_open_word();
	test_open_parameter();
	test_storm();
	return ktap_end();
}
