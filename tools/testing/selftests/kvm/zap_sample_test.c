// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each invalidation reads the parameter's word and the VM's own word once. A hardware
 * breakpoint on the word counts how often the kernel reads it.
 *
 * What breaks without it: if somebody writes the word between two reads, an invalidation
 * is half of one policy and half of another, or is counted for a policy that it did not
 * use.
 *
 * The address of the parameter comes from /proc/kallsyms. That of the VM's structure
 * comes from a kprobe.  The test finds the word through /proc/kcore, in what that structure
 * points to, by what changes with the words that it writes.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_tracing.h"

#define CHOICES		"kvm_zap_choices"
/* A choice is a long of legal words, then the word. */
#define CHOICE_BYTES	16
#define CHOICE_WORD	8

#define PROBES		ZAP_TRACING "kprobe_events"
#define PROBE		"zap_sample_test"
#define KVM_BYTES	0x10000	/* more than struct kvm has */
#define PART_BYTES	512	/* not more than struct kvm_zap is allocated with */

#define DELETIONS	5

static const char * const sites[] = { "memslot", "mmio", "teardown" };

/* As the words are numbered. */
static const char * const words[] = { "inherit", "stock", "auto", "fast", "scoped" };

static uint64_t choices_address(void)
{
	char line[256], name[128];
	unsigned long long address, found = 0;
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx %*c %127s", &address, name) == 2 && !strcmp(name, CHOICES))
			found = address;
	if (f)
		fclose(f);
	return found;
}

/* Count accesses of this thread's, in the kernel, to the 4 bytes at @address. */
static int watch(uint64_t address)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_RW,
		.bp_addr = address,
		.bp_len = HW_BREAKPOINT_LEN_4,
		.exclude_user = 1,
		.exclude_hv = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t reads(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		vm_die("read of a perf event: %s", strerror(errno));
	return n;
}

static void delete_one(struct vm *vm, void *mem)
{
	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	vm_delete_slot(vm, 0);
}

static void probe_remove(void)
{
	zap_write_file(PROBES, "-:" PROBE, strlen("-:" PROBE));
}

/* Where KVM has @vm, from a deletion under the eyes of a kprobe; 0: it says nothing. */
static uint64_t vm_address(struct vm *vm, void *mem)
{
	unsigned long long address = 0;
	char *line;

	zap_tracing_take();
	delete_one(vm, mem);
	line = strstr(zap_tracing_take(), " kvm=0x");
	return line && sscanf(line, " kvm=0x%llx", &address) == 1 ? address : 0;
}

/* Kernel memory; false where it cannot be read. */
static bool read_kernel(uint64_t address, void *buf, size_t bytes)
{
	int fd = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	bool done = false;
	Elf64_Ehdr head;
	Elf64_Phdr part;
	unsigned int i;

	if (fd < 0)
		return false;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		head.e_phnum = 0;
	for (i = 0; i < head.e_phnum && !done; i++) {
		if (pread(fd, &part, sizeof(part), head.e_phoff + i * sizeof(part)) !=
		    sizeof(part))
			break;
		if (part.p_type == PT_LOAD && address >= part.p_vaddr &&
		    address + bytes <= part.p_vaddr + part.p_memsz)
			done = pread(fd, buf, bytes, part.p_offset + address - part.p_vaddr) ==
			       (ssize_t)bytes;
	}
	close(fd);
	return done;
}

/*
 * The structures that @kvm's structure points to, and that begin with a pointer back, as struct
 * kvm_zap does.  Returns how many there are; -1: the memory cannot be read.
 */
static int parts_of(uint64_t kvm, uint64_t *parts, unsigned int max)
{
	static uint64_t pointers[KVM_BYTES / sizeof(uint64_t)];
	unsigned int i, nr = 0;
	uint64_t back;

	if (!read_kernel(kvm, pointers, sizeof(pointers)))
		return -1;
	for (i = 0; i < ARRAY_SIZE(pointers) && nr < max; i++) {
		/* Half of the addresses are the kernel's; the rest is no pointer. */
		if (pointers[i] >> 47 != 0x1ffff || pointers[i] % sizeof(back))
			continue;
		if (read_kernel(pointers[i], &back, sizeof(back)) && back == kvm)
			parts[nr++] = pointers[i];
	}
	return nr;
}

/* Where @vm's word is: what says each word that is written. 0: memory cannot be read. */
static uint64_t word_address(struct vm *vm, uint64_t kvm)
{
	static const unsigned int order[] = { 3, 4, 0, 2, 1, 4, 2, 3, 1, 0 };
	uint64_t parts[16], address = 0;
	uint32_t now[PART_BYTES / sizeof(uint32_t)];
	bool other[ARRAY_SIZE(parts)][ARRAY_SIZE(now)] = { };
	int p, nr = parts_of(kvm, parts, ARRAY_SIZE(parts));
	unsigned int i, j, found = 0;

	if (nr < 0)
		return 0;
	for (j = 0; j < ARRAY_SIZE(order); j++) {
		zap_vm_policy(vm, words[order[j]]);
		for (p = 0; p < nr; p++) {
			if (!read_kernel(parts[p], now, sizeof(now)))
				vm_die("what was read in /proc/kcore cannot be read again");
			for (i = 0; i < ARRAY_SIZE(now); i++)
				other[p][i] |= now[i] != order[j];
		}
	}
	for (p = 0; p < nr; p++) {
		for (i = 0; i < ARRAY_SIZE(now); i++) {
			if (other[p][i])
				continue;
			address = parts[p] + i * sizeof(now[0]);
			found++;
		}
	}
	if (found != 1)
		vm_die("%u places in %d structures of the VM say what its word is", found, nr);
	return address;
}

/* How often a deletion reads each of two words. */
static void test_deletions(struct vm *vm, void *mem, const char *word, int param_fd, int word_fd)
{
	uint64_t param = reads(param_fd), own;
	unsigned int i;

	zap_vm_policy(vm, word);
	own = word_fd < 0 ? 0 : reads(word_fd);
	for (i = 0; i < DELETIONS; i++)
		delete_one(vm, mem);
	ktap_equal("reads of the parameter", reads(param_fd) - param,
		   strcmp(word, "inherit") ? 0 : DELETIONS);
	if (word_fd >= 0)
		ktap_equal("reads of the VM's word", reads(word_fd) - own, DELETIONS);
}

/* The parameter, by a VM that says nothing, and one that says something. */
static void test_memslot(struct vm *vm, void *mem, uint64_t choices, uint64_t own)
{
	static const char * const policies[] = { ZAP_MEMSLOT_WORDS };
	int param_fd = watch(choices + CHOICE_WORD), word_fd = own ? watch(own) : -1;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		zap_policy(policies[i]);
		test_deletions(vm, mem, "inherit", param_fd, -1);
		test_deletions(vm, mem, "scoped", param_fd, -1);
		ktap_result("%s: the parameter is read once for each deletion", policies[i]);
		if (word_fd < 0) {
			ktap_skip("the VM's word is not to be found in /proc/kcore",
				  "%s: the VM's word is read once for each deletion",
				  policies[i]);
			continue;
		}
		test_deletions(vm, mem, "inherit", param_fd, word_fd);
		test_deletions(vm, mem, "fast", param_fd, word_fd);
		ktap_result("%s: the VM's word is read once for each deletion", policies[i]);
	}
	close(param_fd);
	if (word_fd >= 0)
		close(word_fd);
}

static void test_teardown(uint64_t choices)
{
	static const char * const policies[] = { ZAP_TEARDOWN_WORDS };
	int fd = watch(choices + 2 * CHOICE_BYTES + CHOICE_WORD);
	struct vm *vm;
	uint64_t before;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(policies); i++) {
		zap_site_policy("teardown", policies[i]);
		vm = vm_create(NULL);
		before = reads(fd);
		vm_destroy(vm);
		ktap_equal(policies[i], reads(fd) - before, 1);
	}
	close(fd);
	ktap_result("the parameter of teardown is read once for each VM");
}

/* To read a file of sysfs reads the word, too: that shows the breakpoint works. */
static void test_watch(uint64_t choices)
{
	char word[64], text[64];
	unsigned int i, j;
	uint64_t n;
	int fd;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		snprintf(word, sizeof(word), "%s_zap", sites[i]);
		fd = watch(choices + i * CHOICE_BYTES + CHOICE_WORD);
		n = reads(fd);
		for (j = 0; j < 3; j++)
			if (kvm_param_get(ZAP_MODULE, word, text, sizeof(text)))
				vm_die("parameter %s cannot be read", word);
		ktap_equal(sites[i], reads(fd) - n, 3);
		close(fd);
	}
	ktap_result("a read of the parameter's file is seen");
}

int main(void)
{
	static const char probe[] = "p:" PROBE " kvm_zap_begin kvm=%di:x64";
	uint64_t choices = choices_address(), own;
	struct vm *vm;
	void *mem;
	int fd;

	if (!access(ZAP_PARAM_PATH, F_OK)) {
		if (!choices)
			ktap_skip_all("no address of " CHOICES " in /proc/kallsyms");
		fd = watch(choices + CHOICE_WORD);
		if (fd < 0)
			ktap_skip_all("no breakpoint: %s", strerror(errno));
		close(fd);
		if (zap_write_file(PROBES, probe, strlen(probe)))
			ktap_skip_all("no kprobe on kvm_zap_begin()");
		atexit(probe_remove);
	}
	zap_need_debugfs();
	zap_start(10);
	zap_tracing_start("events/kprobes/" PROBE);
	vm = vm_create(NULL);
	mem = vm_backing_alloc(SZ_64K, VM_4K);
	own = vm_address(vm, mem);
	zap_tracing_put("events/kprobes/" PROBE "/enable", "0");
	if (own)
		own = word_address(vm, own);

	test_watch(choices);
	test_memslot(vm, mem, choices, own);
	test_teardown(choices);
	vm_destroy(vm);
	vm_backing_free(mem, SZ_64K);
	return ktap_end();
}
