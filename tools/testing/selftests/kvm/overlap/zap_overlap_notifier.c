// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scoped deletion beside MMU notifiers, see zap_overlap.h.
 *
 * Some notifiers concern the memory that goes: the host takes a page from the VM in the
 * middle of the deletion. From then on no vCPU may write to that page. None can map it
 * again, because the memslot is invalid. The emulator shows only a part of this, because
 * the host's own TLB shootdown makes vCPUs leave the guest. So the test also checks the
 * order: no notifier may hold mmu_lock between a drop and its flush. Reclaim asks which
 * of these pages were used, on newer kernels without mmu_lock; the SPTEs that it looks at
 * must not go meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "zap_overlap.h"

/* What the watcher last wrote to it. */
static uint64_t written(struct overlap *o, unsigned int page)
{
	uint64_t *words = (uint64_t *)(o->now->alias + page * OVERLAP_STRIDE * SZ_4K);

	return __atomic_load_n(&words[1], __ATOMIC_ACQUIRE);
}

static void take_page(struct overlap *o)
{
	unsigned int page = o->step % OVERLAP_WATCHED;
	struct overlap_note note = { .ns = vm_now_ns(), .page = page };

	if (madvise(o->now->hva + page * OVERLAP_STRIDE * SZ_4K, SZ_4K, MADV_DONTNEED))
		vm_die("madvise: %s", strerror(errno));
	note.value = written(o, page);
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
		ktap_check(written(o, note->page) == note->value,
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

/* Memory of the host's own kind, in a memslot of its own ---------------------------- */

#define OTHER_GPA	(WORLD_GPA + 32 * SZ_1M)
#define OTHER_PAGES	64UL
#define OTHER_BYTES	(OTHER_PAGES * SZ_4K)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT	21
#endif

static void *other;

static void other_alloc(struct overlap *o)
{
	(void)o;
	other = vm_backing_alloc(OTHER_BYTES, VM_4K);
}

static void other_free(struct overlap *o)
{
	(void)o;
	vm_backing_free(other, OTHER_BYTES);
}

static void other_slot(struct overlap *o)
{
	vm_set_slot(o->w->vm, OVERLAP_OTHER, 0, OTHER_GPA, OTHER_BYTES, other);
}

static void other_begin(struct overlap *o)
{
	other_alloc(o);
	other_slot(o);
}

/* All of it mapped, each page with the same in it. */
static void other_write(struct overlap *o)
{
	vcpu_write(o->w->vcpu[1], OTHER_GPA, OTHER_BYTES, o->round);
}

/* The same where the memslot goes, and has to come back. */
static void other_again(struct overlap *o)
{
	other_slot(o);
	other_write(o);
}

/* Whatever the host did to the pages. */
static void other_judge(struct overlap *o)
{
	struct guest_op op = { .op = GUEST_OP_READ, .start = OTHER_GPA, .bytes = OTHER_BYTES };
	struct guest_result res;

	vcpu_must(o->w->vcpu[1], &op, &res);
	ktap_equal("sum of what the guest wrote elsewhere", res.value, OTHER_PAGES * o->round);
}

static void other_end(struct overlap *o)
{
	vm_delete_slot(o->w->vm, OVERLAP_OTHER);
	other_free(o);
}

#define LRU_GEN	"/sys/kernel/debug/lru_gen"

/*
 * Have all pages of this process asked for whether they were used, by the generations of the
 * multi-gen LRU: "memcg ID PATH", then of each node, whose last line is the youngest one.
 */
static bool age_generations(void)
{
	unsigned int memcg, node, seq = 0;
	char text[4096], *line, *rest = text;

	if (zap_read_file("/sys/kernel/mm/lru_gen/enabled", text, sizeof(text)) <= 0 ||
	    !strtoul(text, NULL, 0))
		return false;
	if (zap_read_file(LRU_GEN, text, sizeof(text)) <= 0 ||
	    sscanf(text, "memcg %u", &memcg) != 1)
		return false;
	strsep(&rest, "\n");
	line = strsep(&rest, "\n");
	if (!line || sscanf(line, " node %u", &node) != 1)
		return false;
	while ((line = strsep(&rest, "\n")) && sscanf(line, " %u", &seq) == 1)
		;
	snprintf(text, sizeof(text), "+%u %u %u 1 1", memcg, node, seq);
	/* Somebody else may have been faster. */
	zap_write_file(LRU_GEN, text, strlen(text));
	return true;
}

/*
 * Reclaim asks whether the pages were used; there is no swap for them to go to. With MGLRU,
 * it does not ask about pages that it was told to reclaim.
 */
static void reclaim(struct overlap *o)
{
	(void)o;
	if (!age_generations() && madvise(other, OTHER_BYTES, MADV_PAGEOUT))
		vm_die("madvise: %s", strerror(errno));
}

static void compact(struct overlap *o)
{
	(void)o;
	zap_write_file("/proc/sys/vm/compact_memory", "1", 1);
}

#define KSM	"/sys/kernel/mm/ksm/"

static const char *no_ksm(void)
{
	return access(KSM "run", W_OK) ? "the kernel has no KSM" : NULL;
}

static void ksm_put(const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), KSM "%s", file);
	if (zap_write_file(path, text, strlen(text)))
		vm_die("'%s' > %s", text, path);
}

static void ksm_begin(struct overlap *o)
{
	other_begin(o);
	if (madvise(other, OTHER_BYTES, MADV_MERGEABLE))
		vm_die("madvise: %s", strerror(errno));
	overlap_pin_tasks("ksmd", OVERLAP_PARTNER);
	ksm_put("pages_to_scan", "64");
	ksm_put("sleep_millisecs", "0");
	ksm_put("run", "1");
}

/* What was merged is the guest's own again, to be merged anew. */
static void unmerge(struct overlap *o)
{
	uint64_t gpa = OTHER_GPA + o->step % 8 * 8 * SZ_4K;

	vcpu_write(o->w->vcpu[1], gpa, 8 * SZ_4K, o->round);
	usleep(100);
}

static void ksm_end(struct overlap *o)
{
	ksm_put("run", "2");
	ksm_put("run", "0");
	other_end(o);
}

const struct overlap_pair overlap_notifier_pairs[] = {
	{
		.name = "a deletion, and an MMU notifier (MADV_DONTNEED)",
		.policy = "scoped", .rounds = 40, .event = "kvm_unmap_gfn_range",
		.ordered = true,
		.partner = take_page, .judge = judge_pages, .end = say_judged,
		.delay = "kvm_flush_remote_tlbs",
	}, {
		.name = "a deletion, and reclaim that asks what was used",
		.policy = "scoped", .rounds = 30, .event = "kvm/kvm_age_hva",
		.begin = other_begin, .prepare = other_write, .partner = reclaim,
		.judge = other_judge, .end = other_end,
	}, {
		.name = "a deletion, and reclaim that asks whether what goes was used",
		.policy = "scoped", .rounds = 30, .event = "kvm/kvm_age_hva",
		.slot = OVERLAP_OTHER,
		.begin = other_alloc, .prepare = other_again, .partner = reclaim,
		.end = other_free,
		.delay = "kvm_zap_count_sptes", .shadow_delay = "kvm_zap_shadow_rmap",
	}, {
		.name = "a deletion, and KSM",
		.policy = "scoped", .rounds = 30, .event = "kvm/kvm_unmap_hva_range",
		.comm = "ksmd", .unable = no_ksm,
		.begin = ksm_begin, .prepare = other_write, .partner = unmerge,
		.judge = other_judge, .end = ksm_end,
	}, {
		.name = "a deletion, and pages that are migrated",
		.policy = "scoped", .rounds = 8, .event = "kvm/kvm_unmap_hva_range",
		.seldom = "compaction moves none of the VM's pages",
		.begin = other_begin, .prepare = other_write, .partner = compact,
		.judge = other_judge, .end = other_end,
	},
};

const unsigned int overlap_nr_notifier_pairs = ARRAY_SIZE(overlap_notifier_pairs);
