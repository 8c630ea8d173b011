// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/bench/bench_replay.c does with a plan: the order of updates, of what the guest
 * touches and of the steps that are measured, how it waits, and what it reports. This file
 * takes the place of KVM, of the plan and of the report. record_test.sh builds and runs it.
 * KTAP. Real VMs are the matter of record_vm_test.sh.
 *
 * What breaks without it: a sample contains another step's time, the guest has mapped
 * something else than it had in the recording, or a memslot is not where it was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "bench_slot.h"
#include "host.h"
#include "replay.h"

#define BASE	0x10000UL	/* of memslots: where the plan puts gfn 0 */

static int failed, points;
static char done[8192];		/* what was done, in order */
static char died[512];
static jmp_buf dying;

static struct replay plan;	/* what replay_read() reads */
static uint64_t max_bytes;	/* that replay_plan() was given */
static unsigned int gpa_bits;
static unsigned int refused;	/* KVM refuses this memslot */
static struct vm vm;
static char memory[8 * SZ_4K];

static void log_it(const char *fmt, ...)
{
	size_t used = strlen(done);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(done + used, sizeof(done) - used, fmt, ap);
	va_end(ap);
	strncat(done, "\n", sizeof(done) - strlen(done) - 1);
}

/* What is above it and below it ---------------------------------------------- */

void vm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(died, sizeof(died), fmt, ap);
	va_end(ap);
	longjmp(dying, 1);
}

void replay_bad(const struct replay *r, unsigned long line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vm_die("%s:%lu: %s", r->path, line, text);
}

void replay_read(struct replay *r, const char *path)
{
	*r = plan;
	r->path = path;
}

void replay_plan(struct replay *r, uint64_t max, uint64_t base)
{
	(void)r;
	max_bytes = base == VM_RAM_GPA ? max : 0;
}

uint64_t replay_place(const struct replay *r, uint64_t gfn)
{
	(void)r;
	return BASE + gfn * SZ_4K;
}

uint64_t host_mem_available(void)
{
	return 1000;
}

void host_need_memory(uint64_t bytes, const char *what)
{
	log_it("needs %lu for %s", bytes, what);
}

uint64_t slot_sparse_bytes(uint64_t bytes, uint64_t pages)
{
	return bytes + 7 * pages;
}

void *slot_reserve(uint64_t bytes)
{
	log_it("room of %lu", bytes / SZ_4K);
	return memory;
}

void *vm_backing_alloc(size_t bytes, unsigned long page)
{
	log_it("memory of %lu by %lu", bytes / SZ_4K, page);
	return memory;
}

struct vm *vm_create(const struct vm_opts *opts)
{
	vm = (struct vm){ .sys_slot = 100, .gpa_bits = gpa_bits };
	log_it("VM, tables %lu", opts->pt_bytes);
	return &vm;
}

void vm_destroy(struct vm *old)
{
	log_it("end%s", old == &vm ? "" : " of another");
}

struct vcpu *vcpu_create(struct vm *of, unsigned int id)
{
	static struct vcpu vcpu;

	log_it("vCPU %u", id);
	vcpu.vm = of;
	return &vcpu;
}

void vcpu_must(struct vcpu *vcpu, const struct guest_op *op, struct guest_result *res)
{
	(void)vcpu;
	(void)res;
	if (op->start >= VM_RAM_GPA)
		log_it("touch rest+%lu %lu%s", (op->start - VM_RAM_GPA) / SZ_4K, op->bytes / SZ_4K,
		       op->op == GUEST_OP_READ ? "" : " not by reading");
	else
		log_it("touch %lu %lu%s", (op->start - BASE) / SZ_4K, op->bytes / SZ_4K,
		       op->op == GUEST_OP_READ ? "" : " not by reading");
}

void guest_pt_map(struct guest_pt *pt, uint64_t gva, uint64_t gpa, uint64_t bytes,
		  unsigned long page)
{
	(void)pt;
	(void)page;
	log_it("map 0x%lx %lu%s", gva, bytes / SZ_4K, gva == gpa ? "" : " elsewhere");
}

int vm_try_slot(struct vm *of, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t bytes,
		void *hva)
{
	(void)of;
	log_it("slot %u:%u flags %u at %lu pages %lu%s", slot >> 16, slot & 0xffff, flags,
	       (gpa - BASE) / SZ_4K, bytes / SZ_4K, hva == memory ? "" : " of nothing");
	return slot == refused ? -EEXIST : 0;
}

void vm_set_slot(struct vm *of, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t bytes,
		 void *hva)
{
	(void)of;
	log_it("rest slot %u flags %u at 0x%lx pages %lu%s", slot, flags, gpa, bytes / SZ_4K,
	       hva == memory ? "" : " of nothing");
}

uint64_t vm_now_ns(void)
{
	return 5000000000;
}

/* What glibc's does takes time. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *until,
		    struct timespec *left)
{
	static int interrupted;

	(void)left;
	log_it("wait %s %ld.%09ld", clock == CLOCK_MONOTONIC && flags == TIMER_ABSTIME ? "until" :
	       "for", until->tv_sec, until->tv_nsec);
	/* A signal once. */
	return interrupted++ ? 0 : EINTR;
}

struct report *report_new(const char *workload, int argc, char **argv)
{
	log_it("report of %s, %d words, %s", workload, argc, argv[0]);
	return (struct report *)&plan;
}

void report_number(struct report *r, const char *name, uint64_t value)
{
	(void)r;
	log_it("%s %lu", name, value);
}

void report_word(struct report *r, const char *name, const char *word)
{
	(void)r;
	log_it("%s %s", name, word);
}

void report_print(struct report *r, bool json)
{
	(void)r;
	log_it("print%s", json ? " JSON" : "");
}

void slot_meter_init(struct slot_meter *m, struct vm *of, struct report *r, const char *zap_name,
		     const char *zap_about)
{
	(void)m;
	(void)r;
	log_it("series %s: %s%s", zap_name, zap_about, of ? " of a VM" : "");
}

void slot_meter_rest(struct slot_meter *m, const struct guest_ram *ram, struct report *r)
{
	(void)m;
	(void)r;
	log_it("rest %lu", ram->bytes / SZ_4K);
}

void slot_meter_start(struct slot_meter *m, bool keep)
{
	log_it("round%s%s", keep ? "" : " for nothing", m->vm == &vm ? "" : " of another VM");
}

void slot_begin(struct slot_meter *m, enum slot_step step)
{
	static const char * const names[] = { "zap", "create", "touch" };

	(void)m;
	log_it("begin %s", names[step]);
}

void slot_end(struct slot_meter *m, enum slot_step step)
{
	static const char * const names[] = { "zap", "create", "touch" };

	(void)m;
	log_it("end %s", names[step]);
}

void slot_meter_stop(struct slot_meter *m)
{
	(void)m;
	log_it("stop");
}

/* The test -------------------------------------------------------------------- */

static void is(const char *what, const char *got, const char *wanted)
{
	if (!strcmp(got, wanted))
		return;
	printf("# %s:\n", what);
	for (; *got && *got == *wanted; got++)
		wanted++;
	printf("# from here on: '%.60s', not '%.60s'\n", got, wanted);
	failed++;
}

static void result(const char *what)
{
	static int before;

	printf("%sok %d %s\n", failed > before ? "not " : "", ++points, what);
	before = failed;
}

#define MAX_WORDS	12

/* Runs it with these words, separated by blanks; what it did is in @done. */
static int run(const char *words)
{
	char *copy = strdup(words), *argv[MAX_WORDS + 1] = { "replay" }, *save, *word;
	int argc = 1, ret = -1;

	*done = '\0';
	*died = '\0';
	memset(memory, 0, sizeof(memory));
	for (word = strtok_r(copy, " ", &save); word && argc < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	if (!setjmp(dying))
		ret = bench_replay.run(argc, argv);
	return ret;
}

/* What was done between two lines of it. */
static const char *part(const char *from, const char *to)
{
	static char text[sizeof(done)];
	const char *start = strstr(done, from), *end = start ? strstr(start, to) : NULL;

	snprintf(text, sizeof(text), "%.*s", end ? (int)(end - start) : 0, start ? start : "");
	return text;
}

static struct replay_slot slots[] = {
	{ .id = 3, .at_start = true, .start = { .gfn = 10, .pages = 4, .flags = 2 },
	  .line = 2, .max_pages = 6, .max_own = 2 },
	{ .as_id = 1, .id = 4, .line = 3, .max_pages = 1 },
};

static struct replay_range ranges[] = {
	{ .from = 0, .end = 512, .to = BASE / SZ_4K },
	{ .from = 1024, .end = 2048, .to = BASE / SZ_4K + 512 },
};

static struct replay_update updates[] = {
	{ .change = REPLAY_DELETE, .slot = 0, .at_ns = 100, .from_gfn = 10, .line = 2,
	  .region = { 10, 4, 2 }, .touch_own = 2, .touch_rest = 5 },
	{ .change = REPLAY_CREATE, .slot = 1, .at_ns = 200, .line = 8, .region = { 40, 1, 0 } },
	{ .change = REPLAY_CREATE, .slot = 0, .at_ns = 1000000300, .line = 4,
	  .region = { 20, 6, 1 } },
	{ .change = REPLAY_MOVE, .slot = 0, .at_ns = 3000000400, .from_gfn = 20, .line = 5,
	  .region = { 30, 6, 1 }, .touch_own = 1, .touch_rest = 0 },
	{ .change = REPLAY_DELETE, .slot = 1, .at_ns = 3000000500, .from_gfn = 40, .line = 6,
	  .region = { 40, 1, 0 }, .touch_own = 0, .touch_rest = 3 },
};

static void reset(void)
{
	plan = (struct replay){
		.nr_updates = ARRAY_SIZE(updates), .updates = updates,
		.nr_slots = ARRAY_SIZE(slots), .slots = slots,
		.nr_ranges = ARRAY_SIZE(ranges), .ranges = ranges,
		.invalidations = 3, .scale = 1, .rest_pages = 5, .slot_bytes = 1536 * SZ_4K,
	};
	gpa_bits = 40;
	refused = -1;
}

static void order(void)
{
	reset();
	run("FILE");
	is("the VM", part("VM,", "touch"),
	   /* 8 bytes twice for each 2 MiB of memslots and beside them, and 2 MiB. */
	   "VM, tables 2097216\n"
	   "slot 0:3 flags 2 at 10 pages 4\n"
	   "map 0x10000 512\n"
	   "map 0x210000 1024\n"
	   "rest slot 99 flags 0 at 0x100000000 pages 5\n"
	   "map 0x100000000 512\n"
	   "vCPU 0\n");
	/* A round's touching is what the next one drops, and at the end what is left. */
	is("the updates", part("touch", "print"),
	   "touch 10 2\ntouch rest+0 5\n"
	   "round\nbegin zap\nslot 0:3 flags 2 at 10 pages 0\nend zap\n"
	   "begin create\n"
	   "slot 1:4 flags 0 at 40 pages 1\n"
	   "slot 0:3 flags 1 at 20 pages 6\n"
	   "end create\n"
	   "begin touch\ntouch 20 1\nend touch\nstop\n"
	   "round\nbegin zap\nslot 0:3 flags 1 at 30 pages 6\nend zap\n"
	   "begin touch\ntouch rest+0 3\nend touch\nstop\n"
	   "round\nbegin zap\nslot 1:4 flags 0 at 40 pages 0\nend zap\n"
	   "begin touch\ntouch rest+0 3\nend touch\nstop\n"
	   "end\n");
	result("each update has its steps, and each step what the guest touches");
}

static void paces(void)
{
	reset();
	run("FILE --paced");
	/* Of what follows a deletion nothing is timed as a whole. */
	is("the updates", part("touch", "print"),
	   "touch 10 2\ntouch rest+0 5\n"
	   "wait until 5.000000000\nwait until 5.000000000\n"
	   "round\nbegin zap\nslot 0:3 flags 2 at 10 pages 0\nend zap\n"
	   "wait until 5.000000100\n"
	   "begin create\nslot 1:4 flags 0 at 40 pages 1\nend create\n"
	   "wait until 6.000000200\n"
	   "begin create\nslot 0:3 flags 1 at 20 pages 6\nend create\n"
	   "begin touch\ntouch 20 1\nend touch\nstop\n"
	   "wait until 8.000000300\n"
	   "round\nbegin zap\nslot 0:3 flags 1 at 30 pages 6\nend zap\n"
	   "begin touch\ntouch rest+0 3\nend touch\nstop\n"
	   "wait until 8.000000400\n"
	   "round\nbegin zap\nslot 1:4 flags 0 at 40 pages 0\nend zap\n"
	   "begin touch\ntouch rest+0 3\nend touch\nstop\n"
	   "end\n");
	result("--paced waits as long as the recorded VM did, and does not time that");
}

static void reports(void)
{
	unsigned int i, nr = 0;
	char *at;

	reset();
	plan.others = 4;
	plan.assumed = 2;
	plan.unknown = 1;
	plan.scale = 0.25;
	run("FILE --max-memory 3 -n 2 -w 1 --json");
	is("before the VM", part("needs", "VM,"),
	   "needs 35 for FILE\n"
	   "room of 6\nroom of 1\nmemory of 5 by 4096\n"
	   "report of replay, 9 words, replay\n"
	   "file FILE\nupdates 5\ninvalidations 3\nslots 2\nothers 4\nassumed 2\nunknown 1\n"
	   "scale 0.250000\npaced no\niterations 2\nwarmup 1\n"
	   "series delete_ns: delete or move the slot\nrest 5\n");
	if (max_bytes != 3 * SZ_1M) {
		printf("# --max-memory: %lu\n", max_bytes);
		failed++;
	}
	/* Of three VMs the first is for nothing. */
	for (at = done; (at = strstr(at, "\nround for nothing\n")); at++)
		nr++;
	for (i = 0, at = done; (at = strstr(at, "VM, ")); at++)
		i++;
	if (nr != 3 || i != 3 || strstr(done, "another") ||
	    strstr(strstr(done, "\nend\n"), "nothing")) {
		printf("# %u rounds for nothing, %u VMs\n", nr, i);
		failed++;
	}
	is("the end", strstr(done, "print"), "print JSON\n");
	/* Pages that are touched are there before, and no more. */
	for (i = 0; i < 8; i++) {
		bool touched = i < 2;

		if (memory[i * SZ_4K] == touched)
			continue;
		printf("# page %u: %d\n", i, memory[i * SZ_4K]);
		failed++;
	}
	reset();
	plan.rest_pages = 0;
	run("FILE");
	if (max_bytes != 500) {
		printf("# half of what is free: %lu\n", max_bytes);
		failed++;
	}
	is("no memory beside", part("VM,", "touch"),
	   "VM, tables 2097200\n"
	   "slot 0:3 flags 2 at 10 pages 4\n"
	   "map 0x10000 512\n"
	   "map 0x210000 1024\n"
	   "vCPU 0\n");
	if (strstr(done, "memory of")) {
		printf("# memory of nothing\n");
		failed++;
	}
	result("options, the plan and its samples are reported");
}

static void refusals(void)
{
	reset();
	refused = 1 << 16 | 4;
	run("FILE");
	is("KVM", died, "FILE:8: KVM refuses slot 4, gfn 40, pages 1, flags 0: File exists");
	reset();
	refused = 3;
	run("FILE");
	is("KVM, at the start", died,
	   "FILE:2: KVM refuses slot 3, gfn 10, pages 4, flags 2: File exists");
	reset();
	slots[1].id = 99;
	run("FILE");
	is("a number that is taken", died, "FILE:3: 'slot': 99: here it may be up to 98");
	slots[1].id = 98;
	run("FILE");
	is("the last that is not", died, "");
	slots[1].id = 4;
	/* The last page is at 0x80f000, which takes 24 bits. */
	gpa_bits = 23;
	run("FILE");
	is("too few bits", died,
	   "FILE: its memslots are in 0 GiB of guest memory, behind 2 MiB of other: that does not fit into 23 bits of address");
	gpa_bits = 24;
	run("FILE");
	is("enough bits", died, "");
	/* Up to the last address, 0x7fffff. */
	ranges[1].end = 2032;
	gpa_bits = 23;
	run("FILE");
	is("just enough bits", died, "");
	ranges[1].end = 2048;
	result("what KVM does not take is named, with the line of the recording");
}

/* The exit status of a command line that is wrong, and what is said. */
static int wrong(const char *words, char *said, size_t bytes)
{
	int out[2], status = 0;
	size_t used = 0;
	ssize_t nr;
	pid_t pid;

	fflush(stdout);
	if (pipe(out))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		_exit(run(words));
	}
	close(out[1]);
	while ((nr = read(out[0], said + used, bytes - 1 - used)) > 0)
		used += nr;
	said[used] = '\0';
	said[strcspn(said, "\n")] = '\0';
	close(out[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void usage(void)
{
	char said[512];

	reset();
	if (wrong("", said, sizeof(said)) != 2)
		failed++;
	is("no file", said,
	   "kvm-zap-bench replay FILE: give what 'kvm-zap record -o FILE' has written");
	if (wrong("--paced", said, sizeof(said)) != 2)
		failed++;
	is("an option alone", said,
	   "kvm-zap-bench replay FILE: give what 'kvm-zap record -o FILE' has written");
	if (wrong("FILE --iterations 0", said, sizeof(said)) != 2)
		failed++;
	is("no repetition", said,
	   "kvm-zap-bench replay FILE: --iterations '0': give a number from 1 to 1048576");
	plan.scale = 0.5;
	if (wrong("FILE", said, sizeof(said)))
		failed++;
	is("less memory", strchr(said, ' '),
	   " FILE: 0.5 of what was mapped, for want of memory: see --max-memory");
	reset();
	plan.assumed = 2;
	wrong("FILE", said, sizeof(said));
	is("assumed", strchr(said, ' '),
	   " FILE: of 2 of 3 invalidations it is not known what was mapped of the memslot: taken for all of it");
	reset();
	plan.unknown = 1;
	wrong("FILE", said, sizeof(said));
	is("unknown", strchr(said, ' '),
	   " FILE: of 1 of 3 it is not known what was mapped: nothing is");
	reset();
	plan.others = 4;
	wrong("FILE", said, sizeof(said));
	is("others", strchr(said, ' '), " FILE: 4 invalidations of no memslot are left out");
	reset();
	wrong("FILE", said, sizeof(said));
	is("nothing to say", said, "");
	result("what is wrong, and what is not as in the recording, is said");
}

int main(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), err = dup(STDERR_FILENO);

	if (null < 0 || err < 0)
		return 1;
	printf("TAP version 13\n1..5\n");
	order();
	paces();
	/* What it says of the plan is looked at below. */
	dup2(null, STDERR_FILENO);
	reports();
	dup2(err, STDERR_FILENO);
	refusals();
	usage();
	return failed ? 1 : 0;
}
