// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scoped deletion beside activities of the host: its administrator, its shrinkers, its
 * workers, another VM. See zap_overlap.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "zap_overlap.h"

/* Words ------------------------------------------------------------------ */

/* These pairs of policy and decider may occur, and no others. */
static const struct {
	const char *policy, *by;
} decisions[] = {
	{ "fast", "kernel" }, { "scoped", "param" }, { "fast", "vm" },
};

static unsigned int decided[ARRAY_SIZE(decisions)];

static void write_words(struct overlap *o)
{
	zap_policy(o->step & 1 ? "stock" : "scoped");
	if (o->step % 8 == 3)
		zap_vm_policy(o->w->vm, "fast");
	else if (o->step % 8 == 5)
		zap_vm_policy(o->w->vm, "inherit");
}

/* What  says after , "" if it does not. */
static void word_after(const char *line, const char *name, char *word, size_t bytes)
{
	const char *at = strstr(line, name);

	at = at ? at + strlen(name) : "";
	snprintf(word, bytes, "%.*s", (int)strcspn(at, " "), at);
}

static void look_at_words(struct overlap *o, const char *line)
{
	char policy[16], by[16];
	unsigned int i;

	(void)o;
	word_after(line, " policy=", policy, sizeof(policy));
	word_after(line, " by=", by, sizeof(by));
	for (i = 0; i < ARRAY_SIZE(decisions); i++)
		if (!strcmp(policy, decisions[i].policy) && !strcmp(by, decisions[i].by))
			break;
	if (ktap_check(i < ARRAY_SIZE(decisions), "policy %s by %s: no word says that", policy,
		       by))
		decided[i]++;
}

static void words_begin(struct overlap *o)
{
	(void)o;
	memset(decided, 0, sizeof(decided));
}

/* The VM's counts say what was done: as many of each as the events. */
static void words_end(struct overlap *o)
{
	struct zap_counts counts;
	unsigned int i;

	zap_counts(o->w->vm, &counts);
	ktap_equal("memslot_zap_scoped", counts.memslot_zap_scoped, decided[1]);
	ktap_equal("memslot_zap_fast", counts.memslot_zap_fast, decided[0] + decided[2]);
	for (i = 0; i < ARRAY_SIZE(decisions); i++)
		ktap_diag("%s by %s: %u", decisions[i].policy, decisions[i].by, decided[i]);
	zap_vm_policy(o->w->vm, "inherit");
}

/* Statistics --------------------------------------------------------------- */

static void clear_statistics(struct overlap *o)
{
	static const char * const own[] = { "remote_tlb_flush_requests", "zap_sptes", "zap_ns" };
	struct zap_row row;
	char path[128];
	int ret;

	if (o->step % 2) {
		ret = zap_write_file(ZAP_RESET, "1", 1);
		if (ret)
			vm_die(ZAP_RESET ": %s", strerror(-ret));
	}
	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/%s", getpid(), o->w->vm->fd,
		 own[o->step % ARRAY_SIZE(own)]);
	ret = zap_write_file(path, "0", 1);
	if (ret)
		vm_die("'0' > %s: %s", path, strerror(-ret));
	zap_row("memslot", "scoped", &row);
	ktap_check(row.max_ns <= row.total_ns && row.total_ns <= row.max_ns * row.count,
		   "a row that cannot be: count %lu, total_ns %lu, max_ns %lu", row.count,
		   row.total_ns, row.max_ns);
	zap_latency("memslot", "scoped");
}

/* Another VM ----------------------------------------------------------------- */

#define OTHER_VM_SLOT	5
#define OTHER_VM_BYTES	SZ_64K

struct other_vm {
	struct vm *vm;
	void *mem;
	bool there;
};

static void other_vm_begin(struct overlap *o)
{
	static struct other_vm other;

	other.vm = vm_create(NULL);
	other.mem = vm_backing_alloc(OTHER_VM_BYTES, VM_4K);
	vcpu_create(other.vm, 0);
	guest_pt_map(other.vm->pt, VM_RAM_GPA, VM_RAM_GPA, SZ_2M, 0);
	o->private = &other;
}

static void other_vm_prepare(struct overlap *o)
{
	struct other_vm *other = o->private;

	vm_set_slot(other->vm, OTHER_VM_SLOT, 0, VM_RAM_GPA, OTHER_VM_BYTES, other->mem);
	vcpu_stamp(other->vm->vcpus, VM_RAM_GPA, OTHER_VM_BYTES, o->round);
	other->there = true;
}

static void other_vm_deletes(struct overlap *o)
{
	struct other_vm *other = o->private;

	if (other->there)
		vm_delete_slot(other->vm, OTHER_VM_SLOT);
	other->there = false;
}

static void other_vm_judge(struct overlap *o)
{
	struct other_vm *other = o->private;

	if (__atomic_load_n((uint64_t *)other->mem, __ATOMIC_ACQUIRE) !=
	    guest_stamp(VM_RAM_GPA, o->round))
		ktap_check(false, "the other VM lost what it wrote");
}

static void other_vm_end(struct overlap *o)
{
	struct other_vm *other = o->private;

	vm_destroy(other->vm);
	vm_backing_free(other->mem, OTHER_VM_BYTES);
}

/* The worker that recovers huge pages ------------------------------------------ */

#define LARGE_PAGES	4
#define CODE_GPA	(WORLD_GPA + 16 * SZ_1M)
#define CODE_OFFSET	(3 * SZ_4K)
#define NX_COMM		"kvm-nx-lpage"

static unsigned char *code;

static void worker_period(const char *ms)
{
	if (kvm_param_set(ZAP_MODULE, "nx_huge_pages_recovery_period_ms", ms))
		vm_die("nx_huge_pages_recovery_period_ms: '%s' is refused", ms);
}

/* mov $VALUE, %eax; ret */
static void put_code(unsigned char *to, unsigned char value)
{
	const unsigned char text[] = { 0xb8, value, 0, 0, 0, 0xc3 };

	memcpy(to, text, sizeof(text));
}

/* A load maps a large page, a call splits it. */
static void split(struct overlap *o)
{
	struct guest_op op = { .op = GUEST_OP_CALL };
	struct guest_result res;
	unsigned int i;

	for (i = 0; i < LARGE_PAGES; i++) {
		op.start = CODE_GPA + i * SZ_2M + CODE_OFFSET;
		vcpu_read64(o->w->vcpu[1], op.start);
		vcpu_must(o->w->vcpu[1], &op, &res);
		ktap_equal("what the code returned", res.value, 10 + i);
	}
}

static void nx_begin(struct overlap *o)
{
	unsigned int i;

	if (kvm_param_set(ZAP_MODULE, "nx_huge_pages", "force") ||
	    kvm_param_set(ZAP_MODULE, "nx_huge_pages_recovery_ratio", "1"))
		vm_die("nx_huge_pages cannot be set");
	code = vm_backing_alloc(LARGE_PAGES * SZ_2M, VM_2M);
	for (i = 0; i < LARGE_PAGES; i++)
		put_code(code + i * SZ_2M + CODE_OFFSET, 10 + i);
	vm_set_slot(o->w->vm, OVERLAP_OTHER, 0, CODE_GPA, LARGE_PAGES * SZ_2M, code);
	split(o);
	ktap_diag("large pages split: %lu, workers: %u", zap_stat(o->w->vm, "nx_lpage_splits"),
		  overlap_pin_tasks(NX_COMM, OVERLAP_PARTNER));
}

static void nx_wake(struct overlap *o)
{
	worker_period(o->step & 1 ? "10" : "20");
	usleep(100);
}

static void nx_end(struct overlap *o)
{
	worker_period("0");
	vm_delete_slot(o->w->vm, OVERLAP_OTHER);
	ktap_equal("split large pages that are left", zap_stat(o->w->vm, "nx_lpage_splits"), 0);
	kvm_param_set(ZAP_MODULE, "nx_huge_pages", "off");
	vm_backing_free(code, LARGE_PAGES * SZ_2M);
}

/* The shrinker ------------------------------------------------------------------ */

static const char *no_shadow_pages(void)
{
	return zap_mmu() == ZAP_MMU_TDP ? "the TDP MMU has nothing for KVM's shrinker" : NULL;
}

static void shrink(struct overlap *o)
{
	int ret = zap_write_file("/proc/sys/vm/drop_caches", "2", 1);

	(void)o;
	if (ret)
		vm_die("drop_caches: %s", strerror(-ret));
}

const struct overlap_pair overlap_host_pairs[] = {
	{
		.name = "a deletion, and words that are written",
		.policy = "scoped", .rounds = 20, .event = "kvm_zap_param_set",
		.delay = "kvm_arch_zap_demand",
		.begin = words_begin, .partner = write_words, .look = look_at_words,
		.end = words_end,
	}, {
		.name = "a deletion, and statistics that are read and cleared",
		.policy = "scoped", .rounds = 40, .event = "kvm_zap_reset_write",
		.delay = "kvm_zap_count_sptes", .partner = clear_statistics,
	}, {
		.name = "a deletion, and another VM's",
		.policy = "scoped", .rounds = 40, .event = "kvm/kvm_zap",
		.delay = "kvm_zap_count_sptes", .begin = other_vm_begin,
		.prepare = other_vm_prepare, .partner = other_vm_deletes,
		.judge = other_vm_judge, .end = other_vm_end,
	}, {
		.name = "a deletion, and the NX worker",
		.policy = "scoped", .rounds = 40, .pages = 1,
		.event = "kvm_tdp_mmu_zap_sp|kvm_tdp_mmu_zap_possible_nx_huge_page",
		.shadow_event = "kvmmmu/kvm_mmu_prepare_zap_page", .comm = NX_COMM "*",
		.delay = "kvm_zap_count_sptes",
		.begin = nx_begin, .prepare = split, .partner = nx_wake, .end = nx_end,
	}, {
		.name = "a deletion, and KVM's shrinker",
		.policy = "scoped", .rounds = 10, .event = "mmu_shrink_scan",
		.unable = no_shadow_pages, .partner = shrink,
	},
};

const unsigned int overlap_nr_host_pairs = ARRAY_SIZE(overlap_host_pairs);
