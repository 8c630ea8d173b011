// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs on arm64 go away, by closing them, with their process, and by both at once; memslots are
 * deleted and vCPUs are reset. Under each policy, every page table is freed once, and the
 * machine's count of page tables is right.
 *
 * What breaks without it: the host loses memory with each VM, or frees it twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap.h"

#define PAGES	4096UL
#define BYTES	(PAGES * PAGE)
#define TABLES	(PAGES / 512 + 5)
#define VMS	10
#define ROUNDS	20

static const char *policy;
static uint64_t tables_before;

/* KiB of page tables that are still there; all CPUs' counts are added up first. */
static uint64_t tables(void)
{
	zap_write("/proc/sys/vm/stat_refresh", "1");
	return zap_page_tables();
}

static void begin(void)
{
	tables_before = tables();
}

static void end(void)
{
	ktap_equal("KiB of page tables", tables(), tables_before);
}

static void touched(struct vm *vm, char *memory)
{
	vm_create(vm);
	vm_slot(vm, 1, VM_RAM, memory, BYTES);
	vm_run(vm, guest_write, VM_RAM, VM_RAM + BYTES, NULL);
}

static void counted(struct zap_row *before, uint64_t vms)
{
	const char *done = zap_protected() ? "walk" : policy;
	struct zap_row now;

	zap_row_since("teardown", done, before, &now);
	ktap_equal("VMs", now.count, vms);
	ktap_equal("sptes", now.sptes, vms * (PAGES + 1));
}

static void row(struct zap_row *before)
{
	zap_row("teardown", zap_protected() ? "walk" : policy, before);
}

static void close_vms(char *memory)
{
	struct zap_row before;
	struct vm vm;
	int i;

	row(&before);
	begin();
	for (i = 0; i < VMS; i++) {
		touched(&vm, memory);
		if (!i)
			ktap_check(tables() >= tables_before + TABLES * 4, "no page tables");
		vm_destroy(&vm);
	}
	end();
	counted(&before, VMS);
	ktap_result("%s: VMs that are closed", policy);
}

/* With the process: its address space goes first. */
static void killed(char *memory)
{
	struct zap_row before;
	struct vm vm;
	int status;

	row(&before);
	begin();
	fflush(stdout);
	if (!fork()) {
		touched(&vm, memory);
		_exit(0);
	}
	wait(&status);
	ktap_equal("exit status", status, 0);
	end();
	counted(&before, 1);
	ktap_result("%s: a VM whose process exits", policy);
}

static void let_go(struct vm *vm)
{
	munmap(vm->run, vm->run_bytes);
	close(vm->vcpu);
	close(vm->fd);
	close(vm->kvm);
}

/*
 * A VM's process exits while another one, which has the last of its file descriptors, closes
 * it, a little later each time. Either takes the page table, and one of them gets it.
 */
static void owner(char *memory, unsigned int delay)
{
	struct vm vm;
	int go[2];
	char byte = 0;

	vm_create(&vm);
	vm_slot(&vm, 1, VM_RAM, memory, BYTES);
	if (pipe(go))
		_exit(1);
	if (!fork()) {
		/* The mapping of the vCPU that came with fork() goes first. */
		munmap(vm.run, vm.run_bytes);
		close(vm.vcpu);
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		usleep(delay);
		close(vm.fd);
		_exit(0);
	}
	/* fork() takes memory from the guest. */
	vm_run(&vm, guest_write, VM_RAM, VM_RAM + BYTES, NULL);
	let_go(&vm);
	_exit(write(go[1], &byte, 1) != 1);
}

static void both(char *memory)
{
	struct zap_row before;
	int i, n, status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	row(&before);
	begin();
	fflush(stdout);
	for (i = 0; i < ROUNDS; i++) {
		if (!fork())
			owner(memory, 100 * i);
		for (n = 0; n < 2; n++) {
			wait(&status);
			ktap_equal("exit status", status, 0);
		}
	}
	end();
	counted(&before, ROUNDS);
	ktap_result("%s: VMs whose process exits while another one closes them", policy);
}

static void stays(char *memory)
{
	struct vm vm;
	int i;

	begin();
	touched(&vm, memory);
	vm_slot(&vm, 1, VM_RAM, NULL, 0);
	ktap_check(tables() <= tables_before + 6 * 4, "page tables of a memslot are left");
	for (i = 0; i < 6; i++) {
		vm_slot(&vm, 1, VM_RAM, memory, BYTES);
		vm_run(&vm, guest_write, VM_RAM, VM_RAM + BYTES, NULL);
		if (i % 2)
			vm_reset(&vm);
		vm_slot(&vm, 1, VM_RAM, NULL, 0);
	}
	ktap_check(tables() <= tables_before + 6 * 4, "page tables of memslots are left");
	vm_destroy(&vm);
	end();
	ktap_result("%s: memslots and resets", policy);
}

int main(void)
{
	char *memory;
	int i;

	zap_need();
	memory = vm_alloc(BYTES);
	ktap_start(4 * ZAP_NR_POLICIES);
	for (i = 0; i < ZAP_NR_POLICIES; i++) {
		policy = zap_policies[i];
		zap_set_all(policy);
		close_vms(memory);
		killed(memory);
		both(memory);
		stays(memory);
	}
	zap_set_all("walk");
	return ktap_end();
}
