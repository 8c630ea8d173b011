// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMIO generation wraps while a vCPU makes MMIO SPTEs, see zap_overlap.h and
 * zap_mmio_test.c. No MMIO SPTE of the previous cycle may be left afterwards.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "zap_overlap.h"
#include "zap_tracing.h"

#define GENERATION	"zap_mmio_generation"
#define CYCLE		0x40000UL
#define STALE		"events/kvmmmu/check_mmio_spte"

/* Page tables for the walk to go through, and places where there is no memslot between. */
#define TABLES		64UL
#define MMIO_GPA	(WORLD_GPA + SZ_1G)
#define MMIO_PAGES	8UL
#define ROUNDS		6

enum { RAM, TOGGLED };

struct mmio {
	struct vm *vm;
	unsigned int step;
};

/* A page of each table in turn, from both ends: where the walk has been, or will be. */
static void read_mmio(void *arg)
{
	struct mmio *m = arg;
	unsigned long table = m->step++ * 29 % TABLES;
	struct guest_op op = {
		.op = GUEST_OP_READ, .bytes = MMIO_PAGES * SZ_4K,
		.start = MMIO_GPA + table * SZ_2M + SZ_1M,
	};

	vcpu_must(m->vm->vcpus, &op, NULL);
}

static void change(struct mmio *m, unsigned int wrap, struct overlap *o, void *ram)
{
	const struct overlap_pair pair = { .slot = -1 };
	unsigned int i, step;

	/* Before: each place has an MMIO SPTE, of the generation that is. */
	for (i = 0; i < TABLES; i++)
		read_mmio(m);
	for (i = 0; i <= wrap; i++) {
		step = m->step;
		overlap_partner_start(read_mmio, m);
		/* It takes a while for a vCPU to get to another CPU. */
		while (__atomic_load_n(&m->step, __ATOMIC_ACQUIRE) < step + 2)
			usleep(50);
		overlap_metronome(true);
		overlap_trace_pause(false);
		vm_set_slot(m->vm, TOGGLED, i & 1 ? 0 : KVM_MEM_LOG_DIRTY_PAGES, VM_ROM_GPA,
			    SZ_4K, ram);
		overlap_trace_pause(true);
		overlap_metronome(false);
		overlap_partner_stop();
		overlap_trace_read(o, &pair);
	}
}

static void one_vm(const char *policy, unsigned int round, struct overlap *o, void *ram)
{
	struct vm_opts opts = { .guest_page = VM_4K };
	/* The library's slot, the two here, and what comes before the one that wraps. */
	unsigned int wrap = 1, i;
	struct mmio m = { .step = round };
	struct zap_counts counts;
	char word[32];
	char *line;

	snprintf(word, sizeof(word), "%lu", CYCLE - 2 - wrap);
	if (kvm_param_set(ZAP_MODULE, GENERATION, word))
		vm_die("parameter " GENERATION " refuses '%s'", word);
	m.vm = vm_create(&opts);
	vcpu_create(m.vm, 0);
	guest_pt_map(m.vm->pt, MMIO_GPA, MMIO_GPA, TABLES * SZ_2M, VM_4K);
	vm_set_slot(m.vm, TOGGLED, 0, VM_ROM_GPA, SZ_4K, ram);
	change(&m, wrap, o, ram);
	zap_counts(m.vm, &counts);
	ktap_equal("wraps", counts.mmio_zap_fast + counts.mmio_zap_scoped, 1);

	/* What is left of the cycle before shows when it is used. */
	zap_tracing_put(STALE "/filter", ZAP_TRACING_FORMER_CYCLE);
	zap_tracing_put(STALE "/enable", "1");
	overlap_trace_pause(false);
	for (i = 0; i < TABLES; i++)
		read_mmio(&m);
	overlap_trace_pause(true);
	zap_tracing_put(STALE "/enable", "0");
	line = strstr(zap_tracing_drain(), "check_mmio_spte:");
	if (!strcmp(policy, "scoped"))
		ktap_check(!line, "an MMIO SPTE is left of the former cycle: %.100s", line);
	vm_destroy(m.vm);
}

void overlap_mmio(void)
{
	static const char name[] = "an MMIO wrap by scoped, and MMIO faults";
	uint64_t start = vm_now_ns();
	static struct overlap o;
	unsigned int i;
	char word[64];
	void *ram;

	if (!overlap_wanted(name))
		return;
	if (kvm_param_get(ZAP_MODULE, GENERATION, word, sizeof(word))) {
		ktap_skip("no parameter " GENERATION ": no test build of the modules", "%s", name);
		return;
	}
	if (!overlap_trace_on("kvmmmu/mark_mmio_spte", NULL)) {
		ktap_skip("no event kvmmmu:mark_mmio_spte", "%s", name);
		return;
	}
	memset(&o, 0, sizeof(o));
	o.event = "kvmmmu/mark_mmio_spte";
	ram = vm_backing_alloc(SZ_4K, VM_4K);
	zap_site_policy("mmio", "scoped");
	for (i = 0; i < ROUNDS && !ktap.bad; i++)
		one_vm("scoped", i, &o, ram);
	overlap_trace_off();
	kvm_param_set(ZAP_MODULE, GENERATION, "0");
	vm_backing_free(ram, SZ_4K);
	overlap_conclude(name, o.event, &o.seen, start, NULL);
}

unsigned int overlap_count_mmio(void)
{
	return overlap_wanted("an MMIO wrap by scoped, and MMIO faults");
}
