// SPDX-License-Identifier: GPL-2.0-only
/*
 * Code that the workloads that delete or move a memslot share, see bench_slot.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bench_slot.h"
#include "host.h"
#include "options.h"

/* Statistics of the VM ------------------------------------------------------ */

static const struct {
	const char *stat, *series, *about;
} stats[SLOT_STATS] = {
	[SLOT_STAT_ZAP_NS] = { "zap_ns", "zap_ns", "the zap alone" },
	{ "zap_sptes", "zap_sptes", "zap: leaf SPTEs dropped" },
	{ "zap_tables", "zap_tables", "zap: page tables freed" },
	{ "zap_yields", "zap_yields", "zap: lock breaks" },
	{ "zap_tlbis", "zap_tlbis", "zap: calls that invalidate TLBs" },
	{ "zap_cmo_pages", "zap_cmo_pages", "zap: pages whose cache lines were cleaned" },
	{ "zap_elided", "zap_elided", "zap: pages whose cache lines were not cleaned" },
	{ "mmu_shadow_zapped", "shadow_zapped", "zap: shadow pages, KVM's own count" },
	{ "remote_tlb_flush_requests", "tlb_flushes", "zap: remote TLB flushes" },
	{ "mmu_recycled", "mmu_recycled", "zap: shadow pages KVM reclaimed, also after it" },
};

void slot_stats_read(struct vm *vm, struct slot_stats *s)
{
	unsigned int i;

	for (i = 0; i < SLOT_STATS; i++)
		s->have[i] = !vm_stat(vm, stats[i].stat, &s->value[i]);
}

void slot_stats_series(struct report *r, struct series *series[SLOT_STATS])
{
	unsigned int i;

	for (i = 0; i < SLOT_STATS; i++)
		series[i] = report_series(r, stats[i].series, stats[i].about);
}

void slot_stats_sample(struct series *series[SLOT_STATS], const struct slot_stats *before,
		       const struct slot_stats *after)
{
	unsigned int i;

	for (i = 0; i < SLOT_STATS; i++)
		if (before->have[i] && after->have[i])
			report_sample(series[i], after->value[i] - before->value[i]);
}

/* The slot ------------------------------------------------------------------ */

void slot_check(const struct guest_ram *ram, unsigned long slot_mib, unsigned long slot_bytes,
		const char *command)
{
	unsigned long page = ram->page > ram->guest_page ? ram->page : ram->guest_page;
	char what[96];

	if (slot_mib * SZ_1M % page)
		options_bad(command, "--slot-mib %lu: with %s pages, give a multiple of %lu",
			    slot_mib, page_word(page), page / SZ_1M);
	guest_ram_check(ram, command);
	snprintf(what, sizeof(what), "--slot-mib %lu besides --mib %lu of %lu vCPUs", slot_mib,
		 ram->mib, ram->vcpus);
	host_need_memory(ram->mib * SZ_1M * ram->vcpus + slot_bytes, what);
}

uint64_t slot_place(const struct guest_ram *ram, unsigned int nth, uint64_t bytes)
{
	uint64_t gpa = VM_RAM_GPA + (ram->bytes + SZ_1G - 1) / SZ_1G * SZ_1G;

	gpa += nth * ((bytes + SZ_1G - 1) / SZ_1G * SZ_1G);
	if (gpa + bytes > 1UL << ram->vm->gpa_bits)
		vm_die("a slot of %lu MiB at 0x%lx does not fit into %u bits of address",
		       bytes / SZ_1M, gpa, ram->vm->gpa_bits);
	return gpa;
}

/*
 * What a page that is mapped costs at worst: itself, and a page table of the
 * host and of KVM each. For each 4K page of the slot KVM keeps up to 16 bytes.
 */
#define PAGE_COST	(3 * SZ_4K)
#define SLOT_PAGE_COST	16

uint64_t slot_sparse_bytes(uint64_t bytes, uint64_t pages)
{
	return pages * PAGE_COST + bytes / SZ_4K * SLOT_PAGE_COST;
}

void *slot_reserve(uint64_t bytes)
{
	unsigned char *p = mmap(NULL, bytes + SZ_2M, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		vm_die("mmap of %lu KiB for the slot: %s", bytes / 1024, strerror(errno));
	p = (unsigned char *)(((uintptr_t)p + SZ_2M - 1) & -SZ_2M);
	/* A huge page would map what nobody touched. */
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

/* Guest virtual addresses of a slot that is mapped several times: out of the way of all else. */
#define ALIASES_GVA	(256 * SZ_1G)

void slot_add(struct slot *slot, const struct guest_ram *ram)
{
	unsigned long i;

	slot->vm = ram->vm;
	slot->gpa = slot_place(ram, 0, slot->bytes);
	slot_set(slot);
	guest_pt_map(ram->vm->pt, slot->gpa, slot->gpa, slot->bytes, 0);
	for (i = 0; i < slot->aliases; i++)
		guest_pt_map(ram->vm->pt, ALIASES_GVA + i * slot->bytes, slot->gpa, slot->bytes, 0);
}

void slot_set(const struct slot *slot)
{
	vm_set_slot(slot->vm, BENCH_SLOT, slot->flags, slot->gpa, slot->bytes, slot->backing);
}

void slot_delete(const struct slot *slot)
{
	vm_delete_slot(slot->vm, BENCH_SLOT);
}

void slot_touch(const struct slot *slot, struct vcpu *vcpu, unsigned int op)
{
	struct guest_op touch = {
		.op = op,
		.start = slot->gpa,
		.bytes = slot->pages * slot->stride,
		.stride = slot->stride,
	};

	vcpu_must(vcpu, &touch, NULL);
	if (!slot->aliases)
		return;

	touch.start = ALIASES_GVA;
	touch.bytes = slot->aliases * slot->bytes;
	vcpu_must(vcpu, &touch, NULL);
}

/* The series ---------------------------------------------------------------- */

void slot_meter_init(struct slot_meter *m, struct vm *vm, struct report *r, const char *zap_name,
		     const char *zap_about)
{
	unsigned int i;

	m->vm = vm;
	for (i = 0; i < SLOT_STEPS; i++)
		m->clock[i] = CLOCK_PROCESS_CPUTIME_ID;
	m->ns[SLOT_ZAP] = report_series(r, zap_name, zap_about);
	m->ns[SLOT_CREATE] = report_series(r, "create_ns", "make it again");
	m->ns[SLOT_TOUCH] = report_series(r, "touch_ns", "the guest touches its memory again");
	m->faults = report_series(r, "touch_faults", "touch: page faults KVM took");
	m->cpu = report_series(r, "total_cpu_ns", "CPU time of all these steps");
	m->total = report_series(r, "total_ns", "all these steps");
	m->after = report_series(r, "after_ns", "zap: the rest of the system call");
	m->kept = NULL;
	m->times_only = false;
	slot_stats_series(r, m->stats);
}

void slot_meter_rest(struct slot_meter *m, const struct guest_ram *ram, struct report *r)
{
	if (!ram->bytes)
		return;
	report_number(r, "rest_pages", ram->bytes / SZ_4K);
	m->kept = report_series(r, "kept_pages", "pages of 4 KiB that are mapped after the zap");
}

static void sample_zap(struct slot_meter *m, const struct slot_stats *after, uint64_t ns)
{
	uint64_t pages_4k, pages_2m, zap_ns;

	if (m->times_only)
		return;
	slot_stats_sample(m->stats, &m->before, after);
	if (m->before.have[SLOT_STAT_ZAP_NS] && after->have[SLOT_STAT_ZAP_NS]) {
		zap_ns = after->value[SLOT_STAT_ZAP_NS] - m->before.value[SLOT_STAT_ZAP_NS];
		report_sample(m->after, ns - zap_ns);
	}
	if (m->kept && !vm_stat(m->vm, "pages_4k", &pages_4k) &&
	    !vm_stat(m->vm, "pages_2m", &pages_2m))
		report_sample(m->kept, pages_4k + pages_2m * (SZ_2M / SZ_4K));
}

void slot_meter_start(struct slot_meter *m, bool keep)
{
	m->keep = keep;
	m->cpu_ns = 0;
	m->total_ns = 0;
}

void slot_begin(struct slot_meter *m, enum slot_step step)
{
	if (step == SLOT_ZAP)
		slot_stats_read(m->vm, &m->before);
	if (step == SLOT_TOUCH)
		m->have_faults = !vm_vcpus_stat(m->vm, "pf_taken", &m->start_faults);
	m->start_cpu_ns = host_cpu_ns(m->clock[step]);
	m->start_ns = vm_now_ns();
	if (step == SLOT_ZAP)
		vm_mark_begin();
}

void slot_end(struct slot_meter *m, enum slot_step step)
{
	uint64_t ns, cpu_ns, faults, zap_ns = 0;
	struct slot_stats after;

	if (step == SLOT_ZAP)
		vm_mark_end();
	ns = vm_now_ns() - m->start_ns;
	cpu_ns = host_cpu_ns(m->clock[step]) - m->start_cpu_ns;
	if (step == SLOT_ZAP) {
		slot_stats_read(m->vm, &after);
		if (m->before.have[SLOT_STAT_ZAP_NS] && after.have[SLOT_STAT_ZAP_NS])
			zap_ns = after.value[SLOT_STAT_ZAP_NS] - m->before.value[SLOT_STAT_ZAP_NS];
		if (m->clock[step] == CLOCK_PROCESS_CPUTIME_ID && cpu_ns < zap_ns)
			cpu_ns = zap_ns;
	}
	m->cpu_ns += cpu_ns;
	m->total_ns += ns;
	if (!m->keep)
		return;
	report_sample(m->ns[step], ns);
	if (step == SLOT_ZAP)
		sample_zap(m, &after, ns);
	if (step == SLOT_TOUCH && m->have_faults && !vm_vcpus_stat(m->vm, "pf_taken", &faults))
		report_sample(m->faults, faults - m->start_faults);
}

void slot_meter_stop(struct slot_meter *m)
{
	if (!m->keep)
		return;
	report_sample(m->cpu, m->cpu_ns);
	report_sample(m->total, m->total_ns);
}

/* The rounds of a workload that deletes a slot ------------------------------ */

void slot_round(struct slot_meter *m, const struct slot_rounds *rounds, bool keep)
{
	struct vcpu *vcpu = rounds->ram->vcpu[0];

	slot_touch(rounds->slot, vcpu, rounds->op);
	if (rounds->no_touch)
		/* Nothing else would map again what the round before dropped. */
		guest_ram_touch(rounds->ram, GUEST_OP_READ);

	slot_meter_start(m, keep);
	slot_begin(m, SLOT_ZAP);
	slot_delete(rounds->slot);
	slot_end(m, SLOT_ZAP);

	slot_begin(m, SLOT_CREATE);
	slot_set(rounds->slot);
	slot_end(m, SLOT_CREATE);

	if (!rounds->no_touch) {
		slot_begin(m, SLOT_TOUCH);
		if (!rounds->no_retouch)
			slot_touch(rounds->slot, vcpu, rounds->op);
		guest_ram_touch(rounds->ram, GUEST_OP_READ);
		slot_end(m, SLOT_TOUCH);
	}
	slot_meter_stop(m);
}
