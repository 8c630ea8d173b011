// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access that the kernel has to refuse: to the file of a VM that is gone, and by a user
 * other than root. What root writes while the VM exists is the matter of zap_attack_test.
 *
 * What breaks without it: a file that is still open uses a VM after its memory is freed,
 * or uses the next VM of that name, and any user changes the host's policies.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define PARAMETERS	"/sys/module/" ZAP_MODULE "/parameters/"

static const struct file {
	const char *path;
	unsigned int mode;
	bool parameter;
} files[] = {
	{ PARAMETERS "memslot_zap", 0644, true },
	{ PARAMETERS "mmio_zap", 0644, true },
	{ PARAMETERS "teardown_zap", 0644, true },
	{ PARAMETERS "zap_window_ms", 0644, true },
	{ PARAMETERS "zap_stall", 0644, true },
	{ ZAP_DEBUGFS "zap/stats", 0444, false },
	{ ZAP_DEBUGFS "zap/latency", 0444, false },
	{ ZAP_DEBUGFS "zap/vms", 0444, false },
	{ ZAP_DEBUGFS "zap/reset", 0200, false },
};

/* A file that outlives its VM ---------------------------------------------- */

static int error_of(long ret)
{
	return ret < 0 ? errno : 0;
}

/* @fd is of a VM that is gone. */
static void expect_gone(int fd)
{
	struct stat st;
	char buf[64];

	ktap_equal("error of read", error_of(read(fd, buf, sizeof(buf))), EIO);
	ktap_equal("error of pread", error_of(pread(fd, buf, sizeof(buf), 0)), EIO);
	ktap_equal("error of lseek", error_of(lseek(fd, 0, SEEK_SET)), EIO);
	ktap_equal("error of write", error_of(write(fd, "fast", 4)), EIO);
	ktap_equal("error of an illegal write", error_of(write(fd, "none", 4)), EIO);
	ktap_equal("error of an empty write", error_of(write(fd, "", 0)), EIO);
	ktap_equal("error of fstat", error_of(fstat(fd, &st)), 0);
}

static int open_vm_word(pid_t pid, int fd)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", pid, fd);
	ret = open(path, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		vm_die("%s: %s", path, strerror(errno));
	return ret;
}

static void test_held(void *mem)
{
	struct vm *vm = vm_create(NULL);
	int fd = open_vm_word(getpid(), vm->fd), again, number = vm->fd;
	char buf[64] = "";

	ktap_check(write(fd, "scoped", 6) == 6 && pread(fd, buf, sizeof(buf), 0) == 7 &&
		   !strcmp(buf, "scoped\n"), "the file reads '%s'", buf);
	vm_destroy(vm);
	expect_gone(fd);

	/* The next VM takes the same name: the old file is not the new VM's. */
	vm = vm_create(NULL);
	ktap_check(vm->fd == number, "the next VM is %d-%d, not -%d: no such case here",
		   getpid(), vm->fd, number);
	again = open_vm_word(getpid(), vm->fd);
	expect_gone(fd);
	memset(buf, 0, sizeof(buf));
	ktap_check(read(again, buf, sizeof(buf)) == 8 && !strcmp(buf, "inherit\n"),
		   "the new VM's file reads '%s'", buf);
	close(fd);
	close(again);
	vm_destroy(vm);
	vm_destroy(zap_used_vm(mem));
	ktap_result("the VM's file, held until after its end, gives EIO");
}

/* A process that owns a VM is killed; another one holds the file. */
static void test_killed(void *mem)
{
	int ready[2], fd, number = -1, status;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC))
		vm_die("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct vm *vm = vm_create(NULL);
		struct vcpu *vcpu = vcpu_create(vm, 0);

		guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
		vm_set_slot(vm, 0, 0, VM_RAM_GPA, SZ_64K, mem);
		vcpu_stamp(vcpu, VM_RAM_GPA, SZ_64K, 1);
		if (write(ready[1], &vm->fd, sizeof(vm->fd)) != sizeof(vm->fd))
			_exit(1);
		for (;;)
			pause();
	}
	if (pid < 0 || read(ready[0], &number, sizeof(number)) != sizeof(number))
		vm_die("fork or read: %s", strerror(errno));
	fd = open_vm_word(pid, number);
	ktap_equal("error of write", error_of(write(fd, "scoped", 6)), 0);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		vm_die("waitpid: %s", strerror(errno));
	expect_gone(fd);
	close(fd);
	close(ready[0]);
	close(ready[1]);
	vm_destroy(zap_used_vm(mem));
	ktap_result("the file of a VM whose process is killed gives EIO");
}

/* Refusals ------------------------------------------------------------------ */

static void expect_mode(const char *path, unsigned int mode)
{
	struct stat st;

	if (!ktap_check(!stat(path, &st), "%s: %s", path, strerror(errno)))
		return;
	ktap_check((st.st_mode & 07777) == mode, "%s: mode %o, expected %o", path,
		   st.st_mode & 07777, mode);
	ktap_check(!st.st_uid && !st.st_gid, "%s belongs to %u:%u", path, st.st_uid, st.st_gid);
}

static int open_error(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC), err = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* As nobody; @fd is of this file, opened by root for reading, or -1. */
static void refuse(const struct file *f, int fd)
{
	char buf[64];
	struct stat st;

	ktap_equal(f->path, open_error(f->path, O_RDONLY), f->parameter ? 0 : EACCES);
	ktap_equal("open for writing", open_error(f->path, O_WRONLY), EACCES);
	ktap_equal("open for both", open_error(f->path, O_RDWR), EACCES);
	ktap_equal("truncate", error_of(truncate(f->path, 0)), EACCES);
	ktap_equal("chmod", error_of(chmod(f->path, 0666)), f->parameter ? EPERM : EACCES);
	ktap_check(unlink(f->path), "%s could be removed", f->path);
	ktap_equal("stat", error_of(stat(f->path, &st)), f->parameter ? 0 : EACCES);
	ktap_equal("write to what is open for reading", error_of(write(fd, "fast", 4)), EBADF);
	ktap_equal("fchmod", error_of(fchmod(fd, 0666)), EPERM);
	if (f->parameter)
		ktap_check(pread(fd, buf, sizeof(buf), 0) > 0, "read: %s", strerror(errno));
}

/* Never returns: what it reports, the status says as well. */
static void be_nobody(const char *vm_word)
{
	int fds[ARRAY_SIZE(files)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++)
		fds[i] = open(files[i].path, O_RDONLY);
	if (setgid(65534) || setuid(65534))
		_exit(2);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		refuse(&files[i], fds[i]);
	ktap_equal(vm_word, open_error(vm_word, O_RDONLY), EACCES);
	ktap_equal("open for writing", open_error(vm_word, O_WRONLY), EACCES);
	fflush(stdout);
	_exit(ktap.bad);
}

static void test_nobody(void *mem)
{
	struct vm *vm = vm_create(NULL);
	char vm_word[128], before[64], now[64];
	unsigned int i;
	int status;
	pid_t pid;

	snprintf(vm_word, sizeof(vm_word), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), vm->fd);
	expect_mode("/sys/kernel/debug", 0700);
	expect_mode(vm_word, 0644);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		expect_mode(files[i].path, files[i].mode);

	zap_policy("scoped");
	zap_read_file(ZAP_PARAM_PATH, before, sizeof(before));
	fflush(stdout);
	pid = fork();
	if (!pid)
		be_nobody(vm_word);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		vm_die("fork or waitpid: %s", strerror(errno));
	ktap_equal("status of the child", status, 0);
	zap_read_file(ZAP_PARAM_PATH, now, sizeof(now));
	ktap_check(!strcmp(before, now), "memslot_zap was '%s', is '%s'", before, now);
	vm_destroy(vm);
	vm_destroy(zap_used_vm(mem));
	ktap_result("modes, and who is not root is refused");
}

int main(void)
{
	void *mem;

	zap_need_debugfs();
	zap_start(3);
	mem = vm_backing_alloc(SZ_64K, VM_4K);
	test_held(mem);
	test_killed(mem);
	test_nobody(mem);
	return ktap_end();
}
