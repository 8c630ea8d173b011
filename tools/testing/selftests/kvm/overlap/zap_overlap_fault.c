// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scoped deletion beside page faults elsewhere in the VM, see zap_overlap.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "zap_overlap.h"

/* Pages that the partner's vCPU touches in a step. */
#define CHUNK	16UL

static uint64_t chunk_gpa(const struct overlap *o)
{
	return OVERLAP_STAYS_GPA + o->step * CHUNK % OVERLAP_STAYS_PAGES * SZ_4K;
}

/* Nothing of the memslot that stays is mapped, and all of it is still there. */
static void forget(struct overlap *o)
{
	if (madvise(o->stays.hva, OVERLAP_STAYS_BYTES, MADV_DONTNEED))
		vm_die("madvise: %s", strerror(errno));
}

static void fault(struct overlap *o)
{
	uint64_t gpa = chunk_gpa(o);

	/* world_stamp()'s words are not guest_stamp()'s: the sum tells. */
	struct guest_op op = { .op = GUEST_OP_READ, .start = gpa, .bytes = CHUNK * SZ_4K };
	uint64_t first = (gpa - OVERLAP_STAYS_GPA) / SZ_4K;
	uint64_t sum = (CHUNK * first + CHUNK * (CHUNK - 1) / 2) << 32 | CHUNK * 99;
	struct guest_result res;

	vcpu_must(o->w->vcpu[1], &op, &res);
	ktap_equal("sum of what the guest read elsewhere", res.value, sum);
}

static const char *shadow_paging(void)
{
	return zap_mmu() == ZAP_MMU_SHADOW ? "shadow paging has no fast page faults" : NULL;
}

/* The pages that the guest writes in a round, for the log to tell. */
static uint64_t written[OVERLAP_STAYS_PAGES / 64];

static void log_begin(struct overlap *o)
{
	vm_set_slot(o->w->vm, OVERLAP_STAYS, KVM_MEM_LOG_DIRTY_PAGES, OVERLAP_STAYS_GPA,
		    OVERLAP_STAYS_BYTES, o->stays.hva);
	/* Mapped and, by the log's first reading, write-protected. */
	vcpu_write(o->w->vcpu[1], OVERLAP_STAYS_GPA, OVERLAP_STAYS_BYTES, 1);
}

static void log_read(struct overlap *o)
{
	uint64_t bitmap[OVERLAP_STAYS_PAGES / 64];
	int ret = vm_dirty_log(o->w->vm, OVERLAP_STAYS, bitmap);

	if (ret)
		vm_die("KVM_GET_DIRTY_LOG: %s", strerror(-ret));
	if (o->round)
		ktap_check(!memcmp(bitmap, written, sizeof(bitmap)),
			   "the dirty log does not say what the guest wrote");
	memset(written, 0, sizeof(written));
}

static void write_some(struct overlap *o)
{
	uint64_t gpa = chunk_gpa(o), first = (gpa - OVERLAP_STAYS_GPA) / SZ_4K;

	vcpu_write(o->w->vcpu[1], gpa, CHUNK * SZ_4K, o->round);
	written[first / 64] |= ((1UL << CHUNK) - 1) << first % 64;
}

static void log_end(struct overlap *o)
{
	log_read(o);
	vm_set_slot(o->w->vm, OVERLAP_STAYS, 0, OVERLAP_STAYS_GPA, OVERLAP_STAYS_BYTES,
		    o->stays.hva);
}

const struct overlap_pair overlap_fault_pairs[] = {
	{
		.name = "a deletion, and faults elsewhere",
		.policy = "scoped", .rounds = 40, .event = "kvm/kvm_page_fault",
		.prepare = forget, .partner = fault,
	}, {
		.name = "a deletion, and fast page faults",
		.policy = "scoped", .rounds = 40, .event = "kvmmmu/fast_page_fault",
		.unable = shadow_paging,
		.begin = log_begin, .prepare = log_read, .partner = write_some, .end = log_end,
	},
};

const unsigned int overlap_nr_fault_pairs = ARRAY_SIZE(overlap_fault_pairs);
