// SPDX-License-Identifier: GPL-2.0-only
/*
 * bpftrace attaches to a function of kvm-zap and reads from the memslot and the VM the
 * values that this test gave them. So the modules have BTF, and struct kvm, which
 * bpftrace looks up in the kernel's own BTF, has the layout that this BTF describes.
 *
 * What breaks without it: an operator cannot attach to a function, or is shown a number
 * from another place in the structure.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

#define BPFTRACE	"/usr/bin/bpftrace"
#define SLOT		7
#define GPA		VM_ROM_GPA
#define PAGES		19
#define VCPUS		2
#define MMU_PAGES	4711
#define PATIENCE_NS	(180 * 1000000000ULL)	/* it comes with a compiler, which takes time */

/* What bpftrace reads as numbers, and what this test has made of them. */
static struct number {
	const char *what;
	unsigned long want;
} numbers[] = {
	{ "slot->base_gfn", GPA / SZ_4K },
	{ "slot->npages", PAGES },
	{ "kvm->created_vcpus", VCPUS },
	{ "kvm->arch.n_requested_mmu_pages", MMU_PAGES },
	{ "kvm->userspace_pid", 0 },	/* set by main() */
};

/* What bpftrace says so far. */
static char output[4096];

static FILE *start_bpftrace(void)
{
	char command[2048];
	FILE *pipe;
	int n;

	n = snprintf(command, sizeof(command), "timeout 240 " BPFTRACE
		     " -B line -e 'kfunc:kvm:kvm_zap_memslot /pid == %d/ { printf(\"seen\");",
		     getpid());
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++)
		n += snprintf(command + n, sizeof(command) - n,
			      " printf(\" %%lu\", (uint64)args->%s);", numbers[i].what);
	snprintf(command + n, sizeof(command) - n,
		 " printf(\" %%s\\n\", args->kvm->stats_id); exit(); }' 2>&1");

	pipe = popen(command, "r");
	if (!pipe || fcntl(fileno(pipe), F_SETFL, O_NONBLOCK))
		vm_die("cannot start bpftrace");
	return pipe;
}

/* Read on: the line that it prints, if it is there; false in @more at the end of all. */
static const char *look(FILE *pipe, bool *more)
{
	size_t len = strlen(output);
	ssize_t n = read(fileno(pipe), output + len, sizeof(output) - len - 1);
	const char *line;

	*more = n;
	if (n > 0)
		output[len + n] = '\0';
	line = strstr(output, "seen ");
	return line && strchr(line, '\n') ? line : NULL;
}

/* Delete the memslot until bpftrace, which does not say when it is ready, has seen it. */
static const char *delete_slot(struct vm *vm, void *mem, FILE *pipe)
{
	uint64_t end = vm_now_ns() + PATIENCE_NS;
	const char *line = NULL;
	bool more = true;

	while (!line && more && vm_now_ns() < end) {
		vm_set_slot(vm, SLOT, 0, GPA, PAGES * SZ_4K, mem);
		vm_delete_slot(vm, SLOT);
		usleep(100000);
		line = look(pipe, &more);
	}
	return line;
}

static void expect(const char *line)
{
	const char *at = line ? line + strlen("seen") : "";
	char id[48], *end;

	ktap_check(line, "bpftrace says: %.200s", output);
	ktap_result("bpftrace sees a function of kvm-zap's");

	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		ktap_equal(numbers[i].what, strtoul(at, &end, 10), numbers[i].want);
		at = end;
	}
	snprintf(id, sizeof(id), " kvm-%d\n", getpid());
	ktap_check(!strncmp(at, id, strlen(id)), "kvm->stats_id: '%.40s'", at);
	ktap_result("the memslot and the VM are read right, from begin to end");
}

int main(void)
{
	void *mem = vm_backing_alloc(PAGES * SZ_4K, VM_4K);
	struct vm *vm;
	FILE *pipe;

	if (access(BPFTRACE, X_OK))
		ktap_skip_all("no " BPFTRACE);
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		ktap_skip_all("this kernel has no BTF");
	zap_start(2);
	numbers[ARRAY_SIZE(numbers) - 1].want = getpid();

	vm = vm_create(NULL);
	for (unsigned int i = 0; i < VCPUS; i++)
		vcpu_create(vm, i);
	if (ioctl(vm->fd, KVM_SET_NR_MMU_PAGES, MMU_PAGES))
		vm_die("KVM_SET_NR_MMU_PAGES failed");

	pipe = start_bpftrace();
	expect(delete_slot(vm, mem, pipe));
	pclose(pipe);

	vm_destroy(vm);
	vm_backing_free(mem, PAGES * SZ_4K);
	return ktap_end();
}
