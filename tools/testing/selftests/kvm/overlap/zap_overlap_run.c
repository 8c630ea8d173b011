// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rounds of zap_overlap_test, see zap_overlap.h. A memslot is deleted and created
 * again over other memory while a vCPU reads and writes it and a partner does its part.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "zap_overlap.h"

/* Long enough for the other CPUs' turns to end, and short for all that has a timer. */
#define METRONOME_NS	20000

/* Each turn costs the emulator: when there is nothing to meet they are long. */
#define REST_NS		200000

/* What was written meanwhile is looked for after this. */
#define LINGER_US	200

static struct {
	pthread_t thread;
	bool stop;
	bool on;	/* something is under way that others are to meet */
} metronome;

/* The partner's thread. */
static struct {
	pthread_t thread;
	const struct overlap_pair *pair;
	struct overlap *o;
	unsigned int called, ready, go, done;	/* rounds */
	bool stop;
} partner;

static unsigned int role_cpu(enum overlap_role role)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_ONLN);

	/* With two, the watcher and the partner share one. */
	return cpus > OVERLAP_METRONOME ? role :
	       role == OVERLAP_WATCHER || role == OVERLAP_PARTNER;
}

void overlap_pin_thread(pthread_t thread, enum overlap_role role)
{
	cpu_set_t set;
	int ret;

	CPU_ZERO(&set);
	CPU_SET(role_cpu(role), &set);
	ret = pthread_setaffinity_np(thread, sizeof(set), &set);
	if (ret)
		vm_die("pthread_setaffinity_np to CPU %u: %s", role_cpu(role), strerror(ret));
}

void overlap_pin(enum overlap_role role)
{
	overlap_pin_thread(pthread_self(), role);
}

static bool pin_task(const char *dir, const char *name, const char *comm, enum overlap_role role)
{
	char path[128], is[64];
	cpu_set_t set;

	snprintf(path, sizeof(path), "%s/%.16s/comm", dir, name);
	if (zap_read_file(path, is, sizeof(is)) < 0 || strncmp(is, comm, strlen(comm)))
		return false;
	CPU_ZERO(&set);
	CPU_SET(role_cpu(role), &set);
	return !sched_setaffinity(atoi(name), sizeof(set), &set);
}

/* Tasks of the kernel's, or threads that it gave this process, whose name begins so. */
unsigned int overlap_pin_tasks(const char *comm, enum overlap_role role)
{
	static const char * const dirs[] = { "/proc", "/proc/self/task" };
	struct dirent *entry;
	unsigned int i, n = 0;
	DIR *dir;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		dir = opendir(dirs[i]);
		while (dir && (entry = readdir(dir)))
			n += pin_task(dirs[i], entry->d_name, comm, role);
		if (dir)
			closedir(dir);
	}
	return n;
}

void overlap_pause(void)
{
	__builtin_ia32_pause();
}

static void *metronome_main(void *arg)
{
	struct timespec beat = { .tv_nsec = METRONOME_NS }, rest = { .tv_nsec = REST_NS };

	overlap_pin(OVERLAP_METRONOME);
	while (!__atomic_load_n(&metronome.stop, __ATOMIC_RELAXED))
		nanosleep(__atomic_load_n(&metronome.on, __ATOMIC_RELAXED) ? &beat : &rest, NULL);
	return arg;
}

void overlap_metronome(bool on)
{
	__atomic_store_n(&metronome.on, on, __ATOMIC_RELAXED);
}

void overlap_metronome_start(void)
{
	metronome.stop = false;
	if (pthread_create(&metronome.thread, NULL, metronome_main, NULL))
		vm_die("pthread_create for the metronome failed");
}

void overlap_metronome_stop(void)
{
	__atomic_store_n(&metronome.stop, true, __ATOMIC_RELAXED);
	pthread_join(metronome.thread, NULL);
}

void overlap_memory_create(struct overlap_memory *mem, size_t bytes)
{
	int fd = memfd_create("zap_overlap_test", MFD_CLOEXEC);
	int prot = PROT_READ | PROT_WRITE;

	if (fd < 0 || ftruncate(fd, bytes))
		vm_die("memfd_create or ftruncate: %s", strerror(errno));
	mem->bytes = bytes;
	mem->hva = mmap(NULL, bytes, prot, MAP_SHARED | MAP_POPULATE, fd, 0);
	mem->alias = mmap(NULL, bytes, prot, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (mem->hva == MAP_FAILED || mem->alias == MAP_FAILED)
		vm_die("mmap of %zu bytes: %s", bytes, strerror(errno));
	close(fd);
}

void overlap_memory_destroy(struct overlap_memory *mem)
{
	munmap(mem->hva, mem->bytes);
	munmap(mem->alias, mem->bytes);
}

/* Sleep until round @n is called, say so, and be there when it begins. */
static bool partner_waits(unsigned int n)
{
	while (__atomic_load_n(&partner.called, __ATOMIC_ACQUIRE) != n) {
		if (__atomic_load_n(&partner.stop, __ATOMIC_ACQUIRE))
			return false;
		usleep(100);
	}
	__atomic_store_n(&partner.ready, n, __ATOMIC_RELEASE);
	while (__atomic_load_n(&partner.go, __ATOMIC_ACQUIRE) != n)
		overlap_pause();
	return true;
}

const char *overlap_only;

bool overlap_wanted(const char *name)
{
	return !overlap_only || strstr(name, overlap_only);
}

/* The partner of what is no pair. */
static struct {
	pthread_t thread;
	void (*step)(void *arg);
	void *arg;
	bool running, stop;
} other;

static void *other_main(void *arg)
{
	overlap_pin(OVERLAP_PARTNER);
	__atomic_store_n(&other.running, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&other.stop, __ATOMIC_ACQUIRE))
		other.step(other.arg);
	return arg;
}

void overlap_partner_start(void (*step)(void *arg), void *arg)
{
	other.step = step;
	other.arg = arg;
	other.running = false;
	other.stop = false;
	if (pthread_create(&other.thread, NULL, other_main, NULL))
		vm_die("pthread_create for the partner failed");
	while (!__atomic_load_n(&other.running, __ATOMIC_ACQUIRE))
		usleep(20);
}

void overlap_partner_stop(void)
{
	__atomic_store_n(&other.stop, true, __ATOMIC_RELEASE);
	pthread_join(other.thread, NULL);
}

static void *partner_main(void *arg)
{
	struct overlap *o = partner.o;
	unsigned int n;

	overlap_pin(OVERLAP_PARTNER);
	for (n = 1; partner_waits(n); n++) {
		do {
			partner.pair->partner(o);
			o->step++;
		} while (__atomic_load_n(&o->busy, __ATOMIC_ACQUIRE));
		__atomic_store_n(&partner.done, n, __ATOMIC_RELEASE);
	}
	return arg;
}

static void wait_for(const unsigned int *what, unsigned int n)
{
	while (__atomic_load_n(what, __ATOMIC_ACQUIRE) != n)
		usleep(20);
}

/* The memslot goes, at the same time as the partner begins. */
static void delete(struct overlap *o, const struct overlap_pair *pair)
{
	unsigned int n = o->round + 1;

	o->nr_notes = 0;
	overlap_metronome(true);
	__atomic_store_n(&partner.called, n, __ATOMIC_RELEASE);
	wait_for(&partner.ready, n);
	overlap_trace_pause(false);
	__atomic_store_n(&o->busy, true, __ATOMIC_RELEASE);
	__atomic_store_n(&partner.go, n, __ATOMIC_RELEASE);
	/* The watcher watches this one alone. */
	if (pair->slot == OVERLAP_SLOT)
		world_step_begin(o->w);
	vm_delete_slot(o->w->vm, pair->slot);
	if (pair->slot == OVERLAP_SLOT)
		world_step_end(o->w);
	__atomic_store_n(&o->busy, false, __ATOMIC_RELEASE);
	overlap_metronome(false);
	wait_for(&partner.done, n);
	overlap_trace_pause(true);
}

/* The memslot is gone: over other memory it comes back. */
static void replace(struct overlap *o, struct overlap_memory *old)
{
	/* From here on nobody has a way to the memory. */
	world_stamp(old->alias, OVERLAP_BYTES, o->w->clock->hi - 1);
	usleep(LINGER_US);
	ktap_equal("pages of the former memory that were written",
		   world_count_scribbles(old->alias, OVERLAP_PAGES, SZ_4K), 0);

	o->now = &o->mem[(o->round + 1) % 2];
	world_stamp(o->now->alias, OVERLAP_BYTES, o->w->clock->hi + 1);
	world_step_begin(o->w);
	vm_set_slot(o->w->vm, OVERLAP_SLOT, 0, OVERLAP_GPA, OVERLAP_BYTES, o->now->hva);
	world_step_end(o->w);
}

static void one_round(struct overlap *o, const struct overlap_pair *pair)
{
	struct overlap_memory *old = o->now;

	world_rounds(o->w, 0);
	if (pair->prepare)
		pair->prepare(o);
	delete(o, pair);
	overlap_trace_read(o, pair);
	if (pair->judge)
		pair->judge(o);
	if (pair->slot == OVERLAP_SLOT)
		replace(o, old);
}

static void create(struct overlap *o, const struct overlap_pair *pair)
{
	unsigned int i;

	o->w = world_create(pair->policy, &world_pages[pair->pages]);
	for (i = 0; i < 2; i++)
		overlap_memory_create(&o->mem[i], OVERLAP_BYTES);
	overlap_memory_create(&o->stays, OVERLAP_STAYS_BYTES);
	o->now = &o->mem[0];
	world_stamp(o->now->alias, OVERLAP_BYTES, o->w->clock->hi);
	world_stamp(o->stays.alias, OVERLAP_STAYS_BYTES, 99);
	vm_set_slot(o->w->vm, OVERLAP_SLOT, 0, OVERLAP_GPA, OVERLAP_BYTES, o->now->hva);
	vm_set_slot(o->w->vm, OVERLAP_STAYS, 0, OVERLAP_STAYS_GPA, OVERLAP_STAYS_BYTES,
		    o->stays.hva);
	world_watch(o->w, 0, OVERLAP_GPA, OVERLAP_WATCHED, OVERLAP_STRIDE * SZ_4K, 0, 0, 0);
}

static void destroy(struct overlap *o)
{
	unsigned int i;

	world_destroy(o->w);
	for (i = 0; i < 2; i++)
		overlap_memory_destroy(&o->mem[i]);
	overlap_memory_destroy(&o->stays);
}

/* Drop everything: what the statistics still have then was lost in a race. */
static void expect_nothing_left(struct overlap *o)
{
	zap_policy("fast");
	vm_delete_slot(o->w->vm, OVERLAP_STAYS);
	ktap_equal("leaf SPTEs that the statistics have when all are dropped",
		   zap_leafs(o->w->vm), 0);
}

/* Whether the two meet depends on the schedule: where they have not, there are more rounds. */
static bool goes_on(const struct overlap *o, const struct overlap_pair *pair)
{
	if (ktap.bad)
		return false;
	return o->round < pair->rounds ||
	       (!o->seen.met && !pair->seldom && o->round < 10 * pair->rounds);
}

static void rounds(struct overlap *o, const struct overlap_pair *pair)
{
	partner.pair = pair;
	partner.o = o;
	partner.called = 0;
	partner.ready = 0;
	partner.go = 0;
	partner.done = 0;
	partner.stop = false;
	if (pthread_create(&partner.thread, NULL, partner_main, NULL))
		vm_die("pthread_create for the partner failed");
	world_start(o->w, 0, zap_guest_visit);
	overlap_pin_thread(o->w->vcpu[0]->thread, OVERLAP_WATCHER);
	for (o->round = 0; goes_on(o, pair); o->round++)
		one_round(o, pair);
	world_stop(o->w, 0);
	__atomic_store_n(&partner.stop, true, __ATOMIC_RELEASE);
	pthread_join(partner.thread, NULL);
}

/* No more than the page tables of the memslot's own that this test's has. */
static void expect_tables(const struct overlap *o)
{
	uint64_t most = zap_mmu() == ZAP_MMU_TDP ? 1 : 4;

	ktap_check(o->seen.tables <= most,
		   "page tables that a deletion counts: %lu; its own are %lu at most",
		   o->seen.tables, most);
}

void overlap_conclude(const char *name, const char *event, const struct overlap_seen *seen,
		      uint64_t start_ns, const char *seldom)
{
	ktap_diag("%s: met in %u of %u, by %u of %u events (%s); %lu us each, %lu ms in all",
		  name, seen->met, seen->zaps, seen->within, seen->events, event,
		  seen->zaps ? seen->ns / seen->zaps / 1000 : 0,
		  (vm_now_ns() - start_ns) / 1000000);
	if (!seen->met && seldom && !ktap.bad) {
		ktap_skip(seldom, "%s", name);
		return;
	}
	ktap_check(seen->met, "the two never overlapped");
	ktap_result("%s", name);
}

static const char *choose(const char *tdp, const char *other)
{
	return other && zap_mmu() != ZAP_MMU_TDP ? other : tdp;
}

static void run(struct overlap *o, const struct overlap_pair *pair)
{
	const char *delay = choose(pair->delay, pair->shadow_delay);

	if (delay && !overlap_delay(delay))
		ktap_diag("%s() cannot be delayed", delay);
	if (pair->ordered && !overlap_trace_order(zap_mmu() == ZAP_MMU_TDP))
		ktap_diag("drops and flushes cannot be traced");
	create(o, pair);
	if (pair->begin)
		pair->begin(o);
	rounds(o, pair);
	if (pair->end)
		pair->end(o);
	overlap_trace_off();
	overlap_delay_end();
	expect_nothing_left(o);
	destroy(o);
	if (pair->slot == OVERLAP_SLOT)
		expect_tables(o);
	ktap_equal("the other one had mmu_lock between a drop and its flush", o->seen.unflushed,
		   0);
}

void overlap_run(const struct overlap_pair *pair)
{
	const char *event = choose(pair->event, pair->shadow_event);
	uint64_t start = vm_now_ns();
	static struct overlap o;
	const char *why;

	if (!overlap_wanted(pair->name))
		return;
	why = pair->unable ? pair->unable() : NULL;
	if (!why && !overlap_trace_on(event, pair->comm))
		why = "the kernel has no such event, or function";
	if (why) {
		ktap_skip(why, "%s", pair->name);
		return;
	}
	memset(&o, 0, sizeof(o));
	o.event = event;
	run(&o, pair);
	overlap_conclude(pair->name, event, &o.seen, start, pair->seldom);
}
