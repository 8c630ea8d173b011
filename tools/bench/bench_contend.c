// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench contend: how a deletion affects other vCPUs. They touch memory that is
 * not mapped yet, so each touch is a page fault that needs KVM's mmu_lock, while the main
 * thread deletes a memslot.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "bench.h"
#include "bench_contend.h"
#include "bench_slot.h"
#include "host.h"
#include "options.h"

static const char command[] = "kvm-zap-bench contend";
static const char about[] =
"Deletes and re-creates a memslot that is fully mapped, while other vCPUs touch\n"
"page after page of memory that is not mapped yet. The guest measures the time from\n"
"touch to touch; stall_median_ns and stall_max_ns are of those times that overlap\n"
"the deletion. Then all vCPUs touch all of their memory again. total_cpu_ns is the\n"
"CPU time of the thread that deletes and creates, and of all vCPUs while they touch\n"
"memory again.";

/* Code, phase and jobs are in a slot of their own that is never deleted. */
#define SHARED_SLOT	(BENCH_SLOT + 1)
#define SHARED_GPA	VM_ROM_GPA
#define SHARED_CODE	0UL
#define SHARED_PHASE	SZ_4K
#define SHARED_JOBS	(2 * SZ_4K)

/* Pages that each vCPU touches to come up, and then before the deletion begins. */
#define FIRST_PAGES	16
#define GOING_PAGES	32

/* Rounds, one after the other, in which the vCPUs may have been done too early. */
#define ROUNDS_AGAIN	20

struct contend {
	struct guest_ram ram;
	struct slot slot;
	struct vcpu *main;	/* touches the slot, in the main thread */
	unsigned char *shared;
	size_t shared_bytes, job_bytes;
	uint64_t tsc_khz;
	struct slot_meter meter;
	struct series *median, *max, *during;
};

static struct contend_job *job_of(const struct contend *c, unsigned int i)
{
	return (struct contend_job *)(c->shared + SHARED_JOBS + i * c->job_bytes);
}

static void set_phase(struct contend *c, uint64_t phase)
{
	__atomic_store_n((uint64_t *)(c->shared + SHARED_PHASE), phase, __ATOMIC_SEQ_CST);
}

static void make_vm(struct contend *c)
{
	uint64_t pages = c->ram.mib * SZ_1M / SZ_4K, unused;
	long khz;

	guest_ram_create(&c->ram);
	c->slot.backing = vm_backing_alloc(c->slot.bytes, c->ram.page);
	slot_add(&c->slot, &c->ram);
	c->main = vcpu_create(c->ram.vm, c->ram.vcpus);

	c->job_bytes = (sizeof(struct contend_job) + pages * sizeof(uint64_t) + SZ_4K - 1) & -SZ_4K;
	c->shared_bytes = (SHARED_JOBS + c->ram.vcpus * c->job_bytes + SZ_2M - 1) & -SZ_2M;
	if (c->shared_bytes > VM_SYS_GPA - SHARED_GPA)
		vm_die("--vcpus %lu, --mib %lu: %zu MiB of notes do not fit, %lu do", c->ram.vcpus,
		       c->ram.mib, c->shared_bytes / SZ_1M, (VM_SYS_GPA - SHARED_GPA) / SZ_1M);
	c->shared = vm_backing_alloc(c->shared_bytes, VM_4K);
	vm_set_slot(c->ram.vm, SHARED_SLOT, 0, SHARED_GPA, c->shared_bytes, c->shared);
	guest_pt_map(c->ram.vm->pt, SHARED_GPA, SHARED_GPA, c->shared_bytes, VM_2M);
	memcpy(c->shared + SHARED_CODE, __start_contend_guest,
	       __stop_contend_guest - __start_contend_guest);

	khz = ioctl(c->main->fd, KVM_GET_TSC_KHZ, 0);
	if (khz <= 0)
		vm_die("KVM_GET_TSC_KHZ: %s: no clock to measure in the guest with",
		       khz ? strerror(errno) : "0");
	c->tsc_khz = khz;
	/* The first look opens a vCPU's statistics, which waits while it runs. */
	vm_vcpus_stat(c->ram.vm, "pf_taken", &unused);
}

static void wait_for_touches(const struct contend *c, uint64_t pages)
{
	static const struct timespec moment = { .tv_nsec = 100000 };
	unsigned int i;

	for (i = 0; i < c->ram.vcpus; i++)
		while (__atomic_load_n(&job_of(c, i)->touched, __ATOMIC_ACQUIRE) < pages)
			nanosleep(&moment, NULL);
}

/* The vCPUs are at work when this returns, all their memory unmapped before. */
static void start_vcpus(struct contend *c)
{
	unsigned int i;

	vm_delete_slot(c->ram.vm, RAM_SLOT);
	vm_set_slot(c->ram.vm, RAM_SLOT, 0, VM_RAM_GPA, c->ram.bytes, c->ram.backing);
	/* That may have unmapped the slot, too. */
	slot_touch(&c->slot, c->main, GUEST_OP_WRITE);

	set_phase(c, CONTEND_WAIT);
	for (i = 0; i < c->ram.vcpus; i++) {
		struct contend_job *job = job_of(c, i);
		uint64_t gpa = SHARED_GPA + SHARED_JOBS + i * c->job_bytes;
		struct guest_op call = {
			.op = GUEST_OP_CALL,
			.start = SHARED_GPA + SHARED_CODE +
				 ((const unsigned char *)contend_guest_touch -
				  __start_contend_guest),
			.value = gpa,
		};

		*job = (struct contend_job) {
			.phase = SHARED_GPA + SHARED_PHASE,
			.start = guest_ram_op(&c->ram, i, GUEST_OP_WRITE).start,
			.pages = c->ram.mib * SZ_1M / SZ_4K,
			.first = FIRST_PAGES,
			.gaps = gpa + sizeof(*job),
		};
		vcpu_start(c->ram.vcpu[i], &call);
	}
	wait_for_touches(c, FIRST_PAGES);
	set_phase(c, CONTEND_BEFORE);
	wait_for_touches(c, GOING_PAGES);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* All gaps of all vCPUs of this round: their median and the longest. */
static void sample_stalls(struct contend *c)
{
	uint64_t n = 0, *gaps;
	unsigned int i;

	for (i = 0; i < c->ram.vcpus; i++)
		n += job_of(c, i)->kept;
	gaps = malloc((n + 1) * sizeof(*gaps));
	if (!gaps)
		vm_die("out of memory");
	n = 0;
	for (i = 0; i < c->ram.vcpus; i++) {
		struct contend_job *job = job_of(c, i);

		memcpy(gaps + n, job + 1, job->kept * sizeof(*gaps));
		n += job->kept;
	}
	if (n) {
		qsort(gaps, n, sizeof(*gaps), compare);
		report_sample(c->median, gaps[n / 2] * 1000000 / c->tsc_khz);
		report_sample(c->max, gaps[n - 1] * 1000000 / c->tsc_khz);
	}
	free(gaps);
}

/* Whether a vCPU had touched all its memory before the deletion was over. */
static bool came_too_late(const struct contend *c)
{
	unsigned int i;

	for (i = 0; i < c->ram.vcpus; i++)
		if (__atomic_load_n(&job_of(c, i)->touched, __ATOMIC_ACQUIRE) >=
		    job_of(c, i)->pages)
			return true;
	return false;
}

/* False if the vCPUs did not fault during all of the deletion: nothing is sampled then. */
static bool iterate(struct contend *c, bool keep)
{
	uint64_t faults, faults_after;
	bool have_faults, late;
	unsigned int i;
	int ret;

	start_vcpus(c);
	slot_meter_start(&c->meter, keep);
	have_faults = !vm_vcpus_stat(c->ram.vm, "pf_taken", &faults);
	slot_begin(&c->meter, SLOT_ZAP);
	set_phase(c, CONTEND_DURING);
	slot_delete(&c->slot);
	set_phase(c, CONTEND_AFTER);
	late = came_too_late(c);
	keep = keep && !late;
	c->meter.keep = keep;
	slot_end(&c->meter, SLOT_ZAP);
	have_faults = have_faults && !vm_vcpus_stat(c->ram.vm, "pf_taken", &faults_after);

	slot_begin(&c->meter, SLOT_CREATE);
	slot_set(&c->slot);
	slot_end(&c->meter, SLOT_CREATE);

	for (i = 0; i < c->ram.vcpus; i++) {
		ret = vcpu_wait(c->ram.vcpu[i], NULL);
		if (ret)
			vm_die("vCPU %u, touching its memory: %s", i, vcpu_strerror(ret));
	}

	slot_begin(&c->meter, SLOT_TOUCH);
	slot_touch(&c->slot, c->main, GUEST_OP_WRITE);
	guest_ram_touch(&c->ram, GUEST_OP_READ);
	slot_end(&c->meter, SLOT_TOUCH);
	slot_meter_stop(&c->meter);
	if (!keep)
		return !late;
	sample_stalls(c);
	if (have_faults)
		report_sample(c->during, faults_after - faults);
	return true;
}

/* On a busy host the deletion may be late: do the round again. */
static unsigned int repeat(struct contend *c, bool keep)
{
	unsigned int again;

	for (again = 0; again < ROUNDS_AGAIN; again++)
		if (iterate(c, keep))
			return again;
	vm_die("--mib %lu: the vCPUs had touched everything before the deletion ended: give more",
	       c->ram.mib);
}

static int run(int argc, char **argv)
{
	struct contend c = {
		.ram = { .vcpus = 2, .mib = 64, .page = VM_4K, .guest_page = VM_2M },
		.slot = { .stride = SZ_4K },
	};
	unsigned long iterations = 10, warmup = 1, slot_mib = 64, again = 0, i;
	bool json = false;
	const struct option_desc table[] = {
		{ 'c', "vcpus", OPT_NUMBER, &c.ram.vcpus, 1, VM_VCPUS_MAX - 1,
		  "vCPUs that touch memory" },
		{ 'm', "mib", OPT_NUMBER, &c.ram.mib, 2, 1UL << 24, "memory of each in MiB" },
		{ 's', "slot-mib", OPT_NUMBER, &slot_mib, 2, 1UL << 24, "size of the slot in MiB" },
		BENCH_ITERATIONS(&iterations, "rounds"),
		BENCH_WARMUP(&warmup, "rounds"),
		BENCH_JSON(&json),
		{ }
	};
	struct report *r;

	options_parse(argc, argv, command, about, table);
	c.slot.bytes = slot_mib * SZ_1M;
	c.slot.pages = c.slot.bytes / SZ_4K;
	slot_check(&c.ram, slot_mib, c.slot.bytes, command);
	c.ram.more_bytes = c.slot.bytes;
	make_vm(&c);

	r = report_new("contend", argc, argv);
	report_number(r, "vcpus", c.ram.vcpus);
	report_number(r, "mib", c.ram.mib);
	report_number(r, "slot_mib", slot_mib);
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	slot_meter_init(&c.meter, c.ram.vm, r, "delete_ns", "delete the slot");
	/* The vCPUs go on during these: their time is not the deletion's. */
	c.meter.clock[SLOT_ZAP] = CLOCK_THREAD_CPUTIME_ID;
	c.meter.clock[SLOT_CREATE] = CLOCK_THREAD_CPUTIME_ID;
	c.median = report_series(r, "stall_median_ns", "delete: a vCPU's touch, the median");
	c.max = report_series(r, "stall_max_ns", "delete: a vCPU's touch, the longest");
	c.during = report_series(r, "faults_during", "delete: page faults KVM took");

	for (i = 0; i < warmup + iterations; i++)
		again += repeat(&c, i >= warmup);
	report_number(r, "rounds_again", again);
	report_print(r, json);
	guest_ram_destroy(&c.ram);
	vm_backing_free(c.slot.backing, c.slot.bytes);
	vm_backing_free(c.shared, c.shared_bytes);
	return 0;
}

const struct workload bench_contend = {
	.name = "contend",
	.help = "delete a memslot while other vCPUs fault memory in",
	.run = run,
};
