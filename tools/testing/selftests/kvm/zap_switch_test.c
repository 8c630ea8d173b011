// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy is switched all the time while slots are deleted, created again and moved,
 * and vCPUs run. Each invalidation counts once, and contents stay right.
 *
 * What breaks without it: an invalidation that reads the parameter twice can be half of
 * one policy and half of another, and leave mappings behind.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "zap_world.h"

/* Until both policies have had a good number each; after TIME_NS, fewer rounds do. */
#define ROUNDS_MIN	60
#define ROUNDS_MAX	400
#define EACH_MIN	10
#define TIME_NS		15000000000UL

enum { SLOT, STAYS };

#define PAGES		24
#define BYTES		(PAGES * SZ_4K)
#define STAYS_GPA	(WORLD_GPA + BYTES)
#define AWAY_GPA	(WORLD_GPA + SZ_2M)

static bool stop;
static unsigned long switches;

static void *flip(void *unused)
{
	unsigned long n;

	(void)unused;
	for (n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++)
		zap_policy(n % 2 ? "fast" : "scoped");
	switches = n;
	return NULL;
}

static void change(struct world *w, uint64_t gpa, uint64_t bytes, void *mem)
{
	world_rounds(w, 0);
	world_step_begin(w);
	vm_set_slot(w->vm, SLOT, 0, gpa, bytes, mem);
	world_step_end(w);
}

/* Delete, move, re-create until both policies had their share; how many zaps. */
static unsigned int run_rounds(struct world *w, void **mem, const struct zap_counts *before)
{
	uint64_t end = vm_now_ns() + TIME_NS;
	unsigned int round, cur = 0, zaps = 0;
	struct zap_counts now;

	for (round = 0; round < ROUNDS_MAX; round++) {
		zap_counts(w->vm, &now);
		zap_diff(&now, before);
		if ((round >= ROUNDS_MIN || vm_now_ns() > end) &&
		    now.memslot_zap_fast >= EACH_MIN &&
		    now.memslot_zap_scoped >= EACH_MIN)
			break;

		/* What vCPU 0 watches is there in even steps only. */
		if (round % 3) {
			change(w, 0, 0, NULL);
			zaps++;
			world_stamp(mem[cur], BYTES, w->clock->hi - 1);
			cur = !cur;
		} else {
			change(w, AWAY_GPA, BYTES, mem[cur]);
			zaps++;
		}
		world_stamp(mem[cur], BYTES, w->clock->hi + 1);
		change(w, WORLD_GPA, BYTES, mem[cur]);
		/* Moved back, or created anew, which drops nothing. */
		zaps += !(round % 3);
	}
	ktap_diag("%u rounds, %u invalidations: %lu fast, %lu scoped", round, zaps,
		  now.memslot_zap_fast, now.memslot_zap_scoped);
	return zaps;
}

int main(void)
{
	static const char * const policies[] = { "fast", "scoped" };
	struct zap_row row[2], row_before[2];
	struct zap_counts before, now;
	unsigned int i, zaps;
	void *mem[2], *stays;
	pthread_t thread;
	struct world *w;

	zap_need_debugfs();
	zap_start(3);
	w = world_create(NULL, &world_pages[0]);
	for (i = 0; i < 2; i++)
		mem[i] = world_memory(w, BYTES, 0);
	stays = world_memory(w, BYTES, 99);
	vm_set_slot(w->vm, STAYS, 0, STAYS_GPA, BYTES, stays);
	vm_set_slot(w->vm, SLOT, 0, WORLD_GPA, BYTES, mem[0]);
	zap_counts(w->vm, &before);
	for (i = 0; i < 2; i++)
		zap_row("memslot", policies[i], &row_before[i]);

	world_watch(w, 0, WORLD_GPA, PAGES, SZ_4K, 0, 0, 0);
	world_watch_still(w, 1, STAYS_GPA, PAGES, SZ_4K, 0, 99);
	for (i = 0; i < WORLD_VCPUS; i++)
		world_start(w, i, zap_guest_patrol);
	if (pthread_create(&thread, NULL, flip, NULL))
		vm_die("pthread_create");
	zaps = run_rounds(w, mem, &before);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (i = 0; i < WORLD_VCPUS; i++)
		world_stop(w, i);
	ktap_result("contents are right all the time");

	zap_counts(w->vm, &now);
	zap_diff(&now, &before);
	for (i = 0; i < 2; i++) {
		zap_row("memslot", policies[i], &row[i]);
		zap_diff(&row[i], &row_before[i]);
	}
	ktap_diag("%lu switches", switches);
	ktap_check(now.memslot_zap_fast >= EACH_MIN, "fast: %lu only", now.memslot_zap_fast);
	ktap_check(now.memslot_zap_scoped >= EACH_MIN, "scoped: %lu only", now.memslot_zap_scoped);
	ktap_result("a switch takes effect while vCPUs run and slots change");

	ktap_equal("invalidations", now.memslot_zap_fast + now.memslot_zap_scoped, zaps);
	ktap_equal("zap/stats 'memslot fast'", row[0].count, now.memslot_zap_fast);
	ktap_equal("zap/stats 'memslot scoped'", row[1].count, now.memslot_zap_scoped);
	ktap_equal("zap/stats: sptes", row[0].sptes + row[1].sptes, now.zap_sptes);
	ktap_equal("zap/stats: tables", row[0].tables + row[1].tables, now.zap_tables);
	ktap_equal("zap/stats: total_ns", row[0].total_ns + row[1].total_ns, now.zap_ns);
	ktap_result("each invalidation counts once, under one policy");

	world_destroy(w);
	for (i = 0; i < 2; i++)
		vm_backing_free(mem[i], BYTES);
	vm_backing_free(stays, BYTES);
	return ktap_end();
}
