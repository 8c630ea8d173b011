// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scoped deletion with MMU notifiers for the memory that goes, see zap_overlap.h.
 *
 * The host takes a page away from the VM in the midst of the deletion. When it has, no
 * vCPU may write to it any more, and none can have it mapped anew: the memslot is invalid.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "zap_overlap.h"

static volatile uint64_t *written(struct overlap *o, unsigned int page)
{
	return (uint64_t *)(o->now->alias + page * OVERLAP_STRIDE * SZ_4K) + 1;
}

static void take_page(struct overlap *o)
{
	unsigned int page = o->step % OVERLAP_WATCHED;
	struct overlap_note note = { .ns = vm_now_ns(), .page = page };

	if (madvise(o->now->hva + page * OVERLAP_STRIDE * SZ_4K, SZ_4K, MADV_DONTNEED))
		vm_die("madvise: %s", strerror(errno));
	note.value = *written(o, page);
	if (o->nr_notes < OVERLAP_NOTES)
		o->notes[o->nr_notes++] = note;
}

/* What was taken when the deletion had begun, and was written to after that. */
static void judge_pages(struct overlap *o)
{
	const struct overlap_note *note = o->notes;

	for (; note < o->notes + o->nr_notes; note++) {
		if (note->ns < o->seen.begin_ns)
			continue;
		o->private = (void *)((uintptr_t)o->private + 1);
		ktap_check(*written(o, note->page) == note->value,
			   "page %u was written to after it was taken, %lu ns after the deletion began",
			   note->page, note->ns - o->seen.begin_ns);
	}
}

static void say_judged(struct overlap *o)
{
	ktap_diag("%lu pages were taken while their memslot went, and judged",
		  (uintptr_t)o->private);
	ktap_check(o->private, "none could be judged");
}

const struct overlap_pair overlap_notifier_pairs[] = {
	{
		.name = "a deletion, and an MMU notifier (MADV_DONTNEED)",
		.policy = "scoped", .rounds = 40, .event = "kvm/kvm_unmap_hva_range",
		.partner = take_page, .judge = judge_pages, .end = say_judged,
		.delay = "kvm_flush_remote_tlbs",
	},
};

const unsigned int overlap_nr_notifier_pairs = ARRAY_SIZE(overlap_notifier_pairs);
