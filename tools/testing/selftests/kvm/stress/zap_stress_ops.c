// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the main thread of zap_stress_test does. A step changes one area's slot, its dirty
 * log or the content of its memory; now and then it changes the policies first. All of it
 * follows from the seed, so no random number drawn here may depend on what another thread
 * has done meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "zap_stress.h"

/* Pages to have swapped out at a time: that is slow. */
#define PAGEOUT_MAX	64

static uint64_t below(struct stress *s, uint64_t n)
{
	return stress_below(&s->random, n);
}

static uint64_t gpa_of(const struct stress_area *a, uint32_t page)
{
	return VM_RAM_GPA + (a->base + page) * SZ_4K;
}

/* Where the slot is to be, in the area and in its memory. */
static void choose_place(struct stress *s, struct stress_area *a, struct stress_state *st)
{
	uint32_t span = a->span;

	if (span > 512 && below(s, 3))
		st->npages = 512 + below(s, span - 511);
	else
		st->npages = 1 + below(s, span > 64 ? 64 : span);
	st->first = below(s, span - st->npages + 1);
	/* Now and then right up to the next area. */
	if (!below(s, 8))
		st->first = span - st->npages;
	st->mem_first = st->first;
	if (!below(s, span > 512 ? 4 : 2))
		st->mem_first = below(s, span - st->npages + 1);
}

static void set_slot(struct stress *s, struct stress_area *a, const struct stress_state *st)
{
	vm_set_slot(s->vm, a->slot,
		    (st->epoch ? KVM_MEM_LOG_DIRTY_PAGES : 0) |
		    (st->readonly ? KVM_MEM_READONLY : 0), gpa_of(a, st->first),
		    st->npages * SZ_4K, a->mem[st->mem].hva + st->mem_first * SZ_4K);
}

static void do_create(struct stress *s, struct stress_area *a)
{
	struct stress_state next = { .op = "create", .present = true };
	uint64_t flags = below(s, 4);
	struct stress_memory *mem;

	choose_place(s, a, &next);
	next.mem = below(s, a->nr_mems);
	next.readonly = flags == 0;
	if (flags == 1)
		next.epoch = ++a->epochs;
	mem = &a->mem[next.mem];
	stress_check_quiet(s, a, mem, true);
	if (next.readonly)
		stress_quiet(s, a, mem, next.mem_first, next.npages);
	stress_begin(s, a, &next, NULL, 0, 0, false);
	set_slot(s, a, &next);
	stress_end(a);
}

static void do_delete(struct stress *s, struct stress_area *a)
{
	struct stress_state next = *stress_now(a);
	struct stress_memory *mem = &a->mem[next.mem];

	next.op = "delete";
	next.present = false;
	next.readonly = false;
	next.vanishes = false;
	next.epoch = 0;
	stress_check_quiet(s, a, mem, true);
	stress_begin(s, a, &next, NULL, 0, 0, false);
	vm_delete_slot(s->vm, a->slot);
	stress_end(a);
	stress_quiet(s, a, mem, next.mem_first, next.npages);
	/* What only an SPTE knew to be dirty would be lost now. */
	if (!below(s, 3))
		madvise(mem->hva + next.mem_first * SZ_4K,
			(next.npages < PAGEOUT_MAX ? next.npages : PAGEOUT_MAX) * SZ_4K,
			MADV_PAGEOUT);
}

static void do_replace(struct stress *s, struct stress_area *a)
{
	do_delete(s, a);
	do_create(s, a);
}

static void do_move(struct stress *s, struct stress_area *a)
{
	struct stress_state next = *stress_now(a);

	next.op = "move";
	next.vanishes = true;
	if (next.epoch)
		next.epoch = ++a->epochs;
	/* By a page or two, or anywhere; to the same place is no move. */
	if (below(s, 2))
		next.first += below(s, 5) - 2;
	else
		next.first = below(s, a->span - next.npages + 1);
	if (next.first > a->span - next.npages || next.first == stress_now(a)->first)
		next.first = stress_now(a)->first ? 0 : a->span - next.npages;
	if (next.first == stress_now(a)->first)
		return;
	stress_begin(s, a, &next, NULL, 0, 0, false);
	set_slot(s, a, &next);
	stress_end(a);
}

/* Dirty logging on or off. */
static void do_flags(struct stress *s, struct stress_area *a)
{
	struct stress_state next = *stress_now(a);

	next.op = "flags";
	next.vanishes = false;
	next.epoch = next.epoch ? 0 : ++a->epochs;
	stress_begin(s, a, &next, NULL, 0, 0, false);
	set_slot(s, a, &next);
	stress_end(a);
}

/* Of all pages, or of some rows of 64, as KVM wants it. */
static void clear_log(struct stress *s, struct stress_area *a, const struct stress_state *st,
		      uint64_t *bits)
{
	uint32_t rows = (st->npages + 63) / 64, first = 0, nr = rows;
	struct kvm_clear_dirty_log clear = { .slot = a->slot };

	if (!below(s, 2)) {
		first = below(s, rows);
		nr = 1 + below(s, rows - first);
	}
	clear.first_page = first * 64;
	clear.num_pages = first + nr == rows ? st->npages - first * 64 : nr * 64;
	clear.dirty_bitmap = bits + first;
	if (ioctl(s->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear))
		vm_die("KVM_CLEAR_DIRTY_LOG slot 0x%x pages %llu and %u more of %u: %s", a->slot,
		       clear.first_page, clear.num_pages, st->npages, strerror(errno));
}

static void do_log(struct stress *s, struct stress_area *a)
{
	struct stress_state next = *stress_now(a);
	uint64_t bits[STRESS_PAGES / 64] = { 0 };
	int ret;

	next.op = "log";
	next.vanishes = false;
	stress_begin(s, a, &next, NULL, 0, 0, false);
	ret = vm_dirty_log(s->vm, a->slot, bits);
	if (ret)
		vm_die("KVM_GET_DIRTY_LOG slot 0x%x: %s", a->slot, strerror(-ret));
	if (s->manual)
		clear_log(s, a, &next, bits);
	stress_end(a);
	stress_logged(s, a, bits);
}

/* The host throws content away, or has other pages take its place. */
static void do_content(struct stress *s, struct stress_area *a)
{
	struct stress_state next = *stress_now(a);
	struct stress_memory *mem = &a->mem[below(s, 2) ? next.mem : below(s, a->nr_mems)];
	uint32_t nr = 1 + below(s, 12), first = below(s, mem->npages - nr + 1);
	bool swap = mem->fd < 0 && !below(s, 3), stamped = swap || below(s, 2);
	volatile unsigned char *page;
	unsigned char *at, *fresh;
	uint32_t i;

	/* Of huge pages a whole one now and then. */
	if (a->backing == STRESS_THP && !below(s, 4)) {
		first = (512 - a->base % 512) % 512 + 512 * below(s, 2);
		nr = 512;
	}
	if (a->backing == STRESS_HUGETLB)
		return;
	at = mem->hva + first * SZ_4K;
	next.op = swap ? "remap" : mem->fd < 0 ? "MADV_DONTNEED" : "MADV_REMOVE";
	next.vanishes = false;
	stress_check_quiet(s, a, mem, true);
	stress_begin(s, a, &next, mem, first, nr, stamped);
	if (swap) {
		fresh = stress_map(mem, a->backing, NULL, 0, nr);
		if (!fresh)
			vm_die("mmap of %u pages: %s", nr, strerror(errno));
		stress_stamp(mem, fresh, first, nr);
		if (mremap(fresh, nr * SZ_4K, nr * SZ_4K, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
			vm_die("mremap of %u pages: %s", nr, strerror(errno));
	} else if (madvise(at, nr * SZ_4K, mem->fd < 0 ? MADV_DONTNEED : MADV_REMOVE)) {
		vm_die("%s of %u pages: %s", next.op, nr, strerror(errno));
	} else if (stamped) {
		stress_stamp(mem, at, first, nr);
	} else if (below(s, 2)) {
		/* Mapped by the host, clean: what the guest writes only the SPTE knows. */
		page = at;
		for (i = 0; i < nr; i++)
			(void)page[i * SZ_4K];
	}
	stress_end(a);
}

/* The VM's own word. No debugfs: the module's parameter counts. */
static const char *set_word(struct stress *s, const char *word)
{
	char path[128];

	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), s->vm->fd);
	return zap_write_file(path, word, strlen(word)) ? "inherit" : word;
}

void stress_policies(struct stress *s)
{
	static const char * const memslot[] = { ZAP_MEMSLOT_WORDS };
	static const char * const mmio[] = { ZAP_MMIO_WORDS };
	static const char * const teardown[] = { ZAP_TEARDOWN_WORDS };
	static const char * const word[] = { "inherit", "inherit", ZAP_MEMSLOT_WORDS };
	uint64_t r = stress_random(&s->random) >> 16;

	if (!s->have_policies)
		return;
	zap_site_policy("mmio", mmio[r % ARRAY_SIZE(mmio)]);
	r /= ARRAY_SIZE(mmio);
	zap_site_policy("teardown", teardown[r % ARRAY_SIZE(teardown)]);
	r /= ARRAY_SIZE(teardown);
	if (strcmp(s->policy, "flip")) {
		s->param = s->policy;
		s->word = "inherit";
	} else {
		s->param = memslot[r % ARRAY_SIZE(memslot)];
		r /= ARRAY_SIZE(memslot);
		s->word = set_word(s, word[r % ARRAY_SIZE(word)]);
	}
	zap_policy(s->param);
}

/* What nx_huge_pages was; empty: not touched. */
static char nx_before[16];

void stress_nx_restore(void)
{
	if (nx_before[0])
		kvm_param_set("kvm", "nx_huge_pages", nx_before);
	nx_before[0] = '\0';
}

/* All VMs lose all mappings, whichever way it is toggled. */
static void toggle_nx(void)
{
	static bool force;

	if (!nx_before[0] &&
	    kvm_param_get("kvm", "nx_huge_pages", nx_before, sizeof(nx_before)))
		return;
	force = !force;
	kvm_param_set("kvm", "nx_huge_pages", force ? "force" : "off");
}

void stress_step(struct stress *s)
{
	struct stress_area *a = &s->area[below(s, STRESS_AREAS)];
	const struct stress_state *st;
	unsigned int m;

	/* Small slots are cheap: most steps are theirs. */
	if (a->span > 512 && below(s, 2))
		a = &s->area[below(s, 2)];
	s->step++;
	if (!below(s, 16))
		stress_policies(s);
	if (!below(s, 1024))
		toggle_nx();
	if (a->skip)
		a = &s->area[0];

	st = stress_now(a);
	if (!st->present) {
		if (!below(s, 4))
			do_content(s, a);
		else
			do_create(s, a);
	} else {
		switch (below(s, 20)) {
		case 0 ... 3:
			do_delete(s, a);
			break;
		case 4 ... 9:
			do_replace(s, a);
			break;
		case 10 ... 12:
			do_move(s, a);
			break;
		case 13 ... 14:
			if (!st->readonly)
				do_flags(s, a);
			break;
		case 15 ... 16:
			do_content(s, a);
			break;
		default:
			if (st->epoch)
				do_log(s, a);
			else
				do_delete(s, a);
		}
	}
	a = &s->area[below(s, STRESS_AREAS)];
	m = below(s, STRESS_MEMS);
	if (!a->skip && m < a->nr_mems)
		stress_check_quiet(s, a, &a->mem[m], false);
}
