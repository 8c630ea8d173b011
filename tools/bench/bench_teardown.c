// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench teardown: how long it takes until a VM is gone, by closing it or by the
 * exit of the process that owns it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "desk.h"
#include "guest_l2.h"
#include "host.h"
#include "options.h"

static const char command[] = "kvm-zap-bench teardown";
static const char about[] =
"Creates a VM, has the guest write to all its memory, and times the VM's end. By\n"
"default, that is closing the VM's file descriptors: KVM has dropped the last\n"
"mapping when close() returns, and the memory behind the guest stays allocated.\n"
"With --exit, the process that owns the VM exits instead, and its parent measures\n"
"the time from telling it so until it is gone. This includes KVM's teardown from\n"
"the MMU notifier's release, freeing the memory behind the guest, and closing the\n"
"descriptors. Both contain grace periods during which the process sleeps; cpu_ns\n"
"does not. zap_ns (with kvm-zap in the kernel and debugfs mounted) is the zap\n"
"alone. With --nested, a nested guest (SVM or VMX) has run before, in 64 KiB of the\n"
"memory; exit status 4 if this KVM has no nested paging for guests.";

/* Columns of zap/stats, counted over a teardown; only where kvm-zap is. */
static const struct {
	const char *column, *series, *about;
} zap_columns[] = {
	{ "total_ns", "zap_ns", "the zap alone" },
	{ "sptes", "zap_sptes", "leaf SPTEs dropped" },
	{ "tables", "zap_tables", "page tables freed" },
	{ "yields", "zap_yields", "lock breaks" },
};

#define NR_ZAP_COLUMNS	ARRAY_SIZE(zap_columns)

/* The machine whose end is measured. */
struct mapped {
	struct guest_ram ram;
	bool nested;
	struct guest_l2 l2;
};

struct zap_sample {
	uint64_t value[NR_ZAP_COLUMNS];
	bool have[NR_ZAP_COLUMNS];
};

struct end {
	uint64_t ns;		/* until the VM is gone */
	uint64_t cpu_ns;	/* CPU time of it, user and system */
};

static void zap_read(struct zap_sample *z)
{
	unsigned int i;

	for (i = 0; i < NR_ZAP_COLUMNS; i++)
		z->have[i] = !host_zap_stats("teardown", zap_columns[i].column, &z->value[i]);
}

/* Says why a kvm that has kvm-zap will have no rows of zap/stats. */
static void zap_explain(void)
{
	uint64_t value;
	int error = -host_zap_stats("teardown", zap_columns[0].column, &value);
	char *why;

	if (!error || !strcmp(host_policy("teardown"), "none"))
		return;
	why = desk_denied(error, HOST_ZAP_STATS);
	fprintf(stderr, "%s: no rows zap_*, which come from " HOST_ZAP_STATS ": %s\n", command,
		why);
	free(why);
}

/* Makes a VM as @from says, all of it mapped by the end. */
static void make_mapped(struct mapped *m, const struct mapped *from, struct report *r)
{
	struct guest_ram *ram = &m->ram;
	unsigned int i;

	*m = *from;
	guest_ram_create(ram);
	/* One vCPU after the other: closing is to wait for no thread. */
	for (i = 0; i < ram->vcpus; i++) {
		struct guest_op touch = guest_ram_op(ram, i, GUEST_OP_WRITE);

		vcpu_must(ram->vcpu[i], &touch, NULL);
	}
	if (m->nested) {
		guest_l2_create(&m->l2, ram, SZ_64K);
		guest_l2_touch(&m->l2, ram);
	}
	guest_ram_check_pages(ram, r);
}

static void end_by_close(const struct mapped *from, struct report *r, struct end *end)
{
	struct mapped m;
	uint64_t start, cpu;

	make_mapped(&m, from, r);
	cpu = host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	start = vm_now_ns();
	vm_mark_begin();
	vm_close(m.ram.vm);
	vm_mark_end();
	end->ns = vm_now_ns() - start;
	end->cpu_ns = host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	vm_free(m.ram.vm);
	guest_ram_release(&m.ram);
	if (m.nested)
		guest_l2_release(&m.l2);
}

/* In the child: report the CPU time used so far once mapped, exit when told to. */
static void __attribute__((noreturn))
child(const struct mapped *from, int ready, int go)
{
	struct mapped m;
	uint64_t cpu;
	char word;

	/* ^C and a dying parent leave no VM behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make_mapped(&m, from, NULL);
	cpu = host_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
	if (write(ready, &cpu, sizeof(cpu)) != sizeof(cpu) || read(go, &word, 1) != 1)
		_exit(1);
	_exit(0);
}

static void end_by_exit(const struct mapped *from, struct end *end)
{
	int ready[2], go[2], status;
	struct rusage usage;
	uint64_t start, cpu;
	ssize_t got;
	pid_t pid;

	if (pipe(ready) || pipe(go))
		vm_die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		vm_die("fork: %s", strerror(errno));
	if (!pid) {
		close(ready[0]);
		close(go[1]);
		child(from, ready[1], go[0]);
	}
	close(ready[1]);
	close(go[0]);
	got = read(ready[0], &cpu, sizeof(cpu));
	if (got != sizeof(cpu))
		/* The child has said why. */
		exit(1);

	start = vm_now_ns();
	if (write(go[1], "", 1) != 1 || wait4(pid, &status, 0, &usage) != pid)
		vm_die("process %d, which owns the VM: %s", pid, strerror(errno));
	end->ns = vm_now_ns() - start;
	if (status)
		vm_die("process %d, which owns the VM, ended with status 0x%x", pid, status);
	end->cpu_ns = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
		      (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL - cpu;
	close(ready[0]);
	close(go[1]);
}

static int run(int argc, char **argv)
{
	struct mapped m = {
		.ram = { .vcpus = 1, .mib = 512, .page = VM_4K, .guest_page = VM_2M },
	};
	unsigned long iterations = 5, warmup = 1, i, j;
	bool json = false, by_exit = false;
	const struct option_desc table[] = {
		{ 'c', "vcpus", OPT_NUMBER, &m.ram.vcpus, 1, VM_VCPUS_MAX, "vCPUs" },
		{ 'm', "mib", OPT_NUMBER, &m.ram.mib, 1, 1UL << 24,
		  "memory of each vCPU in MiB" },
		BENCH_ITERATIONS(&iterations, "VMs"),
		BENCH_WARMUP(&warmup, "VMs"),
		BENCH_PAGE(&m.ram.page),
		BENCH_GUEST_PAGE(&m.ram.guest_page),
		{ 0, "exit", OPT_FLAG, &by_exit, 0, 0, "let the process that owns the VM exit" },
		{ 0, "nested", OPT_FLAG, &m.nested, 0, 0, "let a nested guest run before" },
		BENCH_JSON(&json),
		{ }
	};
	struct series *wall, *cpu, *zap[NR_ZAP_COLUMNS];
	const char *why;
	struct report *r;

	options_parse(argc, argv, command, about, table);
	guest_ram_check(&m.ram, command);
	why = m.nested ? guest_l2_unusable(NULL) : NULL;
	if (why) {
		fprintf(stderr, "kvm-zap-bench teardown: skipped: %s\n", why);
		return 4;
	}
	zap_explain();

	r = report_new("teardown", argc, argv);
	report_number(r, "vcpus", m.ram.vcpus);
	guest_ram_report(&m.ram, r, iterations, warmup);
	report_word(r, "nested", m.nested ? "yes" : "no");
	report_word(r, "by", by_exit ? "exit" : "close");
	wall = report_series(r, by_exit ? "exit_ns" : "close_ns", "until the VM is gone");
	cpu = report_series(r, "cpu_ns", "CPU time of it, of the process");
	for (j = 0; j < NR_ZAP_COLUMNS; j++)
		zap[j] = report_series(r, zap_columns[j].series, zap_columns[j].about);

	for (i = 0; i < warmup + iterations; i++) {
		struct zap_sample before, after;
		struct end end;

		zap_read(&before);
		if (by_exit)
			end_by_exit(&m, &end);
		else
			end_by_close(&m, i ? NULL : r, &end);
		zap_read(&after);
		if (i < warmup)
			continue;
		report_sample(wall, end.ns);
		report_sample(cpu, end.cpu_ns);
		for (j = 0; j < NR_ZAP_COLUMNS; j++)
			if (before.have[j] && after.have[j])
				report_sample(zap[j], after.value[j] - before.value[j]);
	}
	report_print(r, json);
	return 0;
}

const struct workload bench_teardown = {
	.name = "teardown",
	.help = "end a VM whose memory is fully mapped",
	.run = run,
};
