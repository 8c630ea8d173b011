// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scoped deletion of memory that the guest writes to for the first time meanwhile, see
 * zap_overlap.h. The CPU notes that in the SPTE, at any time until the SPTE is gone.
 *
 * The guest writes one page after the other from the last one on, KVM drops from the first
 * one on: somewhere they meet. Each step of KVM's is delayed between its look at an SPTE
 * and the exchange.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "zap_overlap.h"

#define DIRTY_GPA	(WORLD_GPA + 24 * SZ_1M + 5 * SZ_4K)
#define DIRTY_PAGES	96UL
#define DIRTY_BYTES	(DIRTY_PAGES * SZ_4K)

#define KPF_DIRTY	4

/* How long the guest dwells at a page: as long as KVM at an SPTE, about. */
#define DIRTY_DWELL	1000

static struct {
	struct overlap_memory mem;
	bool written;
	unsigned int met;	/* deletions that came in between */
} dirty;

static const char *not_told(void)
{
	return zap_kernel_since(6, 13) ? "a page is told when its SPTE is made, since 6.13" : NULL;
}

/* A memslot over memory that is clean for all that the host knows. */
static void dirty_prepare(struct overlap *o)
{
	struct guest_op op = {
		.op = GUEST_OP_READ, .start = DIRTY_GPA, .bytes = DIRTY_BYTES,
	};
	unsigned long i;

	overlap_memory_create(&dirty.mem, DIRTY_BYTES);
	for (i = 0; i < DIRTY_BYTES; i += SZ_4K)
		(void)((volatile char *)dirty.mem.hva)[i];
	vm_set_slot(o->w->vm, OVERLAP_OTHER, 0, DIRTY_GPA, DIRTY_BYTES, dirty.mem.hva);
	vcpu_must(o->w->vcpu[1], &op, NULL);
	/* Pages, not SPTEs, forget that they were used: KVM tells each, that takes a while. */
	if (zap_write_file("/proc/self/clear_refs", "1", 1))
		vm_die("/proc/self/clear_refs cannot be written");
	dirty.written = false;
	world_watch(o->w, 1, DIRTY_GPA + DIRTY_BYTES - SZ_4K, DIRTY_PAGES, -SZ_4K, DIRTY_DWELL, 0, 0);
}

static void dirty_write(struct overlap *o)
{
	if (!dirty.written)
		world_round(o->w, 1, zap_guest_creep);
	dirty.written = true;
}

/* Whether the host takes the page at @mem for dirty; -1: nobody says. */
static int is_dirty(const void *mem)
{
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int flags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	uint64_t entry, flag;
	int dirty = -1;

	if (pread(map, &entry, 8, (uintptr_t)mem / SZ_4K * 8) == 8 && entry & ~(~0UL << 55) &&
	    pread(flags, &flag, 8, (entry & ~(~0UL << 55)) * 8) == 8)
		dirty = flag >> KPF_DIRTY & 1;
	close(map);
	close(flags);
	return dirty;
}

static void dirty_judge(struct overlap *o)
{
	unsigned int i, lost = 0, unknown = 0, arrived = 0;
	int is;

	(void)o;
	for (i = 0; i < DIRTY_PAGES; i++) {
		if (!((volatile uint64_t *)(dirty.mem.alias + i * SZ_4K))[1])
			continue;
		arrived++;
		is = is_dirty(dirty.mem.alias + i * SZ_4K);
		lost += !is;
		unknown += is < 0;
	}
	ktap_equal("pages that nobody says anything of", unknown, 0);
	ktap_equal("pages that the guest wrote and the host takes for clean", lost, 0);
	dirty.met += arrived && arrived < DIRTY_PAGES;
	overlap_memory_destroy(&dirty.mem);
}

static void dirty_begin(struct overlap *o)
{
	(void)o;
	memset(&dirty, 0, sizeof(dirty));
}

static void dirty_end(struct overlap *o)
{
	(void)o;
	ktap_diag("deletions after the first and before the last write: %u", dirty.met);
	ktap_check(dirty.met, "the guest never wrote in time");
}

const struct overlap_pair overlap_dirty_pairs[] = {
	{
		.name = "a deletion, and the guest's first writes to what goes",
		.policy = "scoped", .rounds = 30, .event = "kvm/kvm_exit",
		.slot = OVERLAP_OTHER, .unable = not_told,
		.delay = "-tdp_iter_next", .shadow_delay = "mark_page_accessed",
		.begin = dirty_begin, .prepare = dirty_prepare, .partner = dirty_write,
		.judge = dirty_judge, .end = dirty_end,
	},
};

const unsigned int overlap_nr_dirty_pairs = ARRAY_SIZE(overlap_dirty_pairs);
