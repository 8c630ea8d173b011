// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model of zap_stress_test, see zap_stress.h, and the judge.
 *
 * A record says that the vCPU did and saw something between steps lo and hi of the area's
 * clock. It is right if that was possible in any of these steps; most records have lo =
 * hi, which leaves one answer. What the vCPU itself wrote before is known exactly,
 * because its records are judged in order.
 */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "zap_stress.h"

/* Failures that are told in full. */
#define TELL_MAX	5

uint64_t stress_random(uint64_t *state)
{
	/* Marsaglia's xorshift64. */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static const struct stress_state *state_at(const struct stress_area *a, uint32_t step)
{
	return &a->states[step % STRESS_STATES];
}

const struct stress_state *stress_now(const struct stress_area *a)
{
	return state_at(a, a->clock->hi);
}

static void set_hot(struct stress_area *a, const struct stress_state *st)
{
	uint32_t last = st->first + st->npages - 1;
	/* The borders from both sides, and around the last border of 2M inside. */
	uint32_t huge = ((a->base + last) & ~511U) - a->base;
	uint32_t hot[STRESS_HOT] = {
		st->first - 1, st->first, st->first + 1, last - 1, last, last + 1,
		huge - 1, huge,
	};
	unsigned int i;

	for (i = 0; i < STRESS_HOT; i++)
		a->clock->hot[i] = hot[i] < a->span ? hot[i] : last;
}

void stress_begin(struct stress *s, struct stress_area *a, struct stress_state *next,
		  struct stress_memory *mem, uint32_t first, uint32_t nr, bool stamped)
{
	uint32_t step = a->clock->hi + 1, i;

	next->step = s->step;
	next->policy = !s->have_policies ? "stock" :
		       strcmp(s->word, "inherit") ? s->word : s->param;
	pthread_mutex_lock(&s->lock);
	if (mem && stamped)
		mem->gens++;
	for (i = 0; mem && i < nr; i++) {
		struct stress_page *p = &mem->page[first + i];

		p->before = p->gen;
		p->changed_before = p->changed;
		p->gen = stamped ? mem->gens : 0;
		p->changed = step;
	}
	a->states[step % STRESS_STATES] = *next;
	set_hot(a, next);
	__atomic_store_n(&a->clock->hi, step, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&s->lock);
}

void stress_end(struct stress_area *a)
{
	__atomic_store_n(&a->clock->lo, a->clock->hi, __ATOMIC_SEQ_CST);
}

uint64_t stress_stamp_of(const struct stress_memory *mem, uint32_t index, uint32_t gen)
{
	return gen ? (uint64_t)mem->id << 56 | (uint64_t)gen << 32 | index : 0;
}

void stress_stamp(struct stress_memory *mem, unsigned char *to, uint32_t first, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		*(volatile uint64_t *)(to + i * SZ_4K) =
			stress_stamp_of(mem, first + i, mem->page[first + i].gen);
}

void stress_fail(struct stress *s, struct stress_area *a, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (a)
		a->failed = true;
	else
		s->vcpu_failed = true;
	s->failed = true;
	if (s->told++ >= TELL_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ktap_diag("seed %lu, step %lu, %s: %s", s->seed, s->step, a ? a->name : "vCPU", text);
}

/* Words of a page as they should be: what failed is compared with this by eye. */
static void tell_states(struct stress *s, const struct stress_area *a, unsigned int vcpu,
			const struct stress_record *r)
{
	uint32_t k;

	if (s->told > TELL_MAX)
		return;
	for (k = r->lo; k <= r->hi && k < r->lo + 6; k++) {
		const struct stress_state *st = state_at(a, k);
		const struct stress_memory *mem = &a->mem[st->mem];
		uint32_t i = r->page - st->first + st->mem_first;

		if (!st->present || r->page - st->first >= st->npages) {
			ktap_diag("  right in clock step %u (step %lu, %s, policy %s): absent",
				  k, st->step, st->op, st->policy);
			continue;
		}
		ktap_diag("  right in clock step %u (step %lu, %s, policy %s): memory %u, page %u%s: stamp 0x%lx (since clock step %u), own word 0x%lx or 0x%lx (written in %u to %u)",
			  k, st->step, st->op, st->policy, mem->id, i,
			  st->readonly ? ", read-only" : "",
			  stress_stamp_of(mem, i, mem->page[i].gen), mem->page[i].changed,
			  mem->own[vcpu][i].last, mem->own[vcpu][i].alt,
			  mem->own[vcpu][i].lo, mem->own[vcpu][i].hi);
	}
}

static void fail_record(struct stress_vcpu *v, struct stress_area *a,
			const struct stress_record *r, const char *what)
{
	stress_fail(v->s, a, "vCPU %u, gfn 0x%lx, clock steps %u to %u: %s 0x%lx%s", v->id,
		    VM_RAM_GPA / SZ_4K + a->base + r->page, r->lo, r->hi, what, r->value,
		    r->exits ? ", which left as MMIO" : "");
	tell_states(v->s, a, v->id, r);
}

/* Whether the host's word may be @value, in any of the steps. */
static bool stamp_legal(struct stress *s, const struct stress_memory *mem, uint32_t i,
			uint64_t value, uint32_t lo, uint32_t hi)
{
	const struct stress_page *p = &mem->page[i];

	if (lo >= p->changed)
		return value == stress_stamp_of(mem, i, p->gen);
	if (lo < p->changed_before) {
		s->unjudged++;
		return true;
	}
	if (value == stress_stamp_of(mem, i, p->before))
		return true;
	return hi >= p->changed && (!value || value == stress_stamp_of(mem, i, p->gen));
}

/* Whether the vCPU's own word may be @value. */
static bool own_legal(const struct stress_memory *mem, unsigned int vcpu, uint32_t i,
		      uint64_t value, uint32_t lo, uint32_t hi)
{
	const struct stress_own *own = &mem->own[vcpu][i];
	const uint32_t changed[2] = { mem->page[i].changed, mem->page[i].changed_before };
	bool gone = false, zero = false;
	unsigned int k;

	/* Older changes are forgotten. */
	if (own->unknown || lo < changed[1])
		return true;
	for (k = 0; k < 2; k++) {
		gone |= own->hi < changed[k] && changed[k] <= lo;
		zero |= own->lo < changed[k] && changed[k] <= hi;
	}
	if (!value && zero)
		return true;
	return (value == own->last || value == own->alt) && (!value || !gone);
}

static void note_write(struct stress_memory *mem, unsigned int vcpu, uint32_t i,
		       const struct stress_record *r, bool certain)
{
	struct stress_own *own = &mem->own[vcpu][i];

	if (certain) {
		*own = (struct stress_own) {
			.last = r->value, .alt = r->value, .lo = r->lo, .hi = r->hi,
			.before = own->last,
			.before_unknown = own->unknown || own->alt != own->last,
		};
		return;
	}
	own->unknown |= own->alt != own->last;
	own->alt = r->value;
	own->hi = r->hi;
}

/* Whether the word may be that as of a step in which nobody writes. */
static bool snap_legal(const struct stress_memory *mem, unsigned int vcpu, uint32_t i,
		       uint64_t value, uint32_t step)
{
	const struct stress_own *own = &mem->own[vcpu][i];

	/* The last write was perhaps into the slot that came after this step. */
	if (own->hi > step && (own->before_unknown || !value || value == own->before))
		return true;
	return own_legal(mem, vcpu, i, value, step, step);
}

static void compare_snaps(struct stress_vcpu *v, unsigned int area, uint32_t step)
{
	struct stress *s = v->s;
	struct stress_area *a = &s->area[area];
	struct stress_snap *snap;
	unsigned int i;

	if (a->nr_snaps - v->snap[area] > STRESS_SNAPS)
		v->snap[area] = a->nr_snaps - STRESS_SNAPS;
	for (; v->snap[area] < a->nr_snaps; v->snap[area]++) {
		snap = &a->snaps[v->snap[area] % STRESS_SNAPS];
		if (snap->step > step)
			return;
		for (i = 0; i < snap->nr; i++) {
			const struct stress_memory *mem = &a->mem[snap->mem];
			const struct stress_own *own = &mem->own[v->id][snap->page[i]];
			uint64_t word = snap->word[i][1 + v->id];

			if (!snap_legal(mem, v->id, snap->page[i], word, snap->step))
				stress_fail(s, a, "memory %u, page %u when its slot was gone (clock step %u, step %lu, %s, policy %s): vCPU %u's word is 0x%lx, it wrote 0x%lx (or 0x%lx) in clock steps %u to %u",
					    mem->id, snap->page[i], snap->step,
					    state_at(a, snap->step)->step,
					    state_at(a, snap->step)->op,
					    state_at(a, snap->step)->policy, v->id, word,
					    own->last, own->alt, own->lo, own->hi);
		}
		s->snaps++;
	}
}

static void expect_dirty(struct stress_vcpu *v, struct stress_area *a,
			 const struct stress_record *r)
{
	const struct stress_state *st = state_at(a, r->hi);

	/* If the list is full, the page is checked at its next write. */
	if (v->nr_pending == STRESS_PENDING)
		return;
	v->pending[v->nr_pending++] = (struct stress_pending) {
		.area = a - v->s->area, .page = r->page - st->first, .epoch = st->epoch,
		.lo = r->lo, .hi = r->hi,
	};
}

/* True if there is nothing more to wait for. */
static bool judge_dirty(struct stress_vcpu *v, const struct stress_pending *p)
{
	struct stress_area *a = &v->s->area[p->area];
	uint64_t from = a->nr_logs > STRESS_LOGS ? a->nr_logs - STRESS_LOGS : 0, i;
	/*
	 * A fast page fault makes an SPTE writable and marks the page dirty right
	 * afterwards; between these another CPU may write and the log be taken. The
	 * mark is in the next log then, which is soon enough for a migration, whose
	 * last log is taken with vCPUs stopped.
	 */
	unsigned int grace = sysconf(_SC_NPROCESSORS_ONLN) > 1;

	/* Logs that are forgotten may have told of it. */
	if (from && a->logs[from % STRESS_LOGS].step > p->lo)
		return true;

	for (i = from; i < a->nr_logs; i++) {
		const struct stress_log *log = &a->logs[i % STRESS_LOGS];

		if (log->step <= p->lo || log->epoch != p->epoch)
			continue;
		if (log->bits[p->page / 64] & 1UL << p->page % 64) {
			v->s->dirty++;
			return true;
		}
		if (log->step > p->hi && !grace--) {
			stress_fail(v->s, a, "page %u of the slot, written by vCPU %u in clock steps %u to %u, is not in the dirty log of clock step %u (step %lu, policy %s)",
				    p->page, v->id, p->lo, p->hi, log->step,
				    state_at(a, log->step)->step, state_at(a, log->step)->policy);
			return true;
		}
	}
	return stress_now(a)->epoch != p->epoch;
}

static void judge_write(struct stress_vcpu *v, struct stress_area *a,
			const struct stress_record *r)
{
	const struct stress_state *first = state_at(a, r->lo), *st;
	struct stress_memory *mem[4];
	uint32_t index[4], k, nr = 0;
	bool may_exit = false, logged = first->epoch;
	unsigned int i;

	for (k = r->lo; k <= r->hi; k++) {
		st = state_at(a, k);
		logged &= st->epoch == first->epoch;
		may_exit |= k > r->lo && st->vanishes;
		if (!st->present || r->page - st->first >= st->npages || st->readonly) {
			may_exit = true;
			continue;
		}
		for (i = 0; i < nr; i++)
			if (mem[i] == &a->mem[st->mem] &&
			    index[i] == r->page - st->first + st->mem_first)
				break;
		if (i < nr)
			continue;
		if (nr == 4) {
			/* The clock ran away: all that it may have hit is unsure. */
			a->mem[st->mem].own[v->id][r->page - st->first + st->mem_first].unknown =
				true;
			continue;
		}
		mem[nr] = &a->mem[st->mem];
		index[nr++] = r->page - st->first + st->mem_first;
	}
	if (r->exits ? !may_exit : !nr) {
		fail_record(v, a, r, "wrote");
		return;
	}
	if (r->exits) {
		v->s->exits++;
		return;
	}
	v->s->reached++;
	for (i = 0; i < nr; i++)
		note_write(mem[i], v->id, index[i], r, nr == 1);
	if (logged && nr == 1 && !may_exit)
		expect_dirty(v, a, r);
}

static void judge_read(struct stress_vcpu *v, struct stress_area *a,
		       const struct stress_record *r)
{
	bool own = r->kind == STRESS_READ_OWN;
	const struct stress_state *st;
	uint32_t k, i;

	for (k = r->lo; k <= r->hi; k++) {
		st = state_at(a, k);
		if (r->value == STRESS_ABSENT && k > r->lo && st->vanishes)
			return;
		if (!st->present || r->page - st->first >= st->npages) {
			if (r->value == STRESS_ABSENT)
				return;
			continue;
		}
		i = r->page - st->first + st->mem_first;
		if (own ? own_legal(&a->mem[st->mem], v->id, i, r->value, r->lo, r->hi) :
			  stamp_legal(v->s, &a->mem[st->mem], i, r->value, r->lo, r->hi))
			return;
	}
	fail_record(v, a, r, own ? "read its own word, it was" : "read the host's word, it was");
}

void stress_judge(struct stress_vcpu *v)
{
	struct stress *s = v->s;
	unsigned int n, left = 0;

	pthread_mutex_lock(&s->lock);
	for (n = 0; n < v->beat->done; n++) {
		const struct stress_record *r = &v->beat->record[n];
		struct stress_area *a = &s->area[r->area];

		compare_snaps(v, r->area, r->lo);
		s->judged++;
		if (a->clock->hi - r->lo >= STRESS_STATES - 8) {
			s->unjudged++;
			continue;
		}
		if (r->kind == STRESS_WRITE_OWN)
			judge_write(v, a, r);
		else
			judge_read(v, a, r);
	}
	v->beat->done = 0;
	/* The vCPU stands still: all that it wrote before is known. */
	for (n = 0; n < STRESS_AREAS; n++)
		compare_snaps(v, n, UINT32_MAX);
	for (n = 0; n < v->nr_pending; n++)
		if (!judge_dirty(v, &v->pending[n]))
			v->pending[left++] = v->pending[n];
	v->nr_pending = left;
	pthread_mutex_unlock(&s->lock);
}

static void read_snap(struct stress *s, const struct stress_memory *mem, unsigned int page,
		      uint64_t *words)
{
	volatile uint64_t *from = (void *)(mem->hva + page * SZ_4K);
	unsigned int i;

	for (i = 0; i <= s->nr_vcpus; i++)
		words[i] = from[i];
}

void stress_quiet(struct stress *s, struct stress_area *a, struct stress_memory *mem,
		  uint32_t first, uint32_t nr)
{
	struct stress_snap *snap = &a->snaps[a->nr_snaps % STRESS_SNAPS];
	unsigned int i;

	/* It is the oldest one, so no reader needs it any more. */
	pthread_mutex_lock(&s->lock);
	for (i = 0; i < a->nr_mems; i++)
		if (a->mem[i].quiet == snap)
			a->mem[i].quiet = NULL;
	snap->step = a->clock->lo;
	snap->mem = mem - a->mem;
	snap->nr = nr < STRESS_SNAP_PAGES ? nr : STRESS_SNAP_PAGES;
	for (i = 0; i < snap->nr; i++) {
		/* All pages, or some, the last one always among them. */
		snap->page[i] = first + nr - 1 - i * (uint64_t)nr / snap->nr;
		read_snap(s, mem, snap->page[i], snap->word[i]);
	}
	mem->quiet = snap;
	a->nr_snaps++;
	pthread_mutex_unlock(&s->lock);
}

void stress_check_quiet(struct stress *s, struct stress_area *a, struct stress_memory *mem,
			bool end)
{
	struct stress_snap *snap = mem->quiet;
	uint64_t words[STRESS_VCPUS + 1];
	unsigned int i, k;

	if (!snap)
		return;
	if (end)
		mem->quiet = NULL;
	pthread_mutex_lock(&s->lock);
	for (i = 0; i < snap->nr; i++) {
		read_snap(s, mem, snap->page[i], words);
		for (k = 0; k <= s->nr_vcpus; k++)
			if (words[k] != snap->word[i][k])
				stress_fail(s, a, "memory %u, page %u, word %u, which nobody may write from clock step %u on (step %lu, %s, policy %s): 0x%lx, was 0x%lx",
					    mem->id, snap->page[i], k, snap->step,
					    state_at(a, snap->step)->step,
					    state_at(a, snap->step)->op,
					    state_at(a, snap->step)->policy, words[k],
					    snap->word[i][k]);
	}
	pthread_mutex_unlock(&s->lock);
}

void stress_logged(struct stress *s, struct stress_area *a, const uint64_t *bits)
{
	struct stress_log *log = &a->logs[a->nr_logs % STRESS_LOGS];

	pthread_mutex_lock(&s->lock);
	log->step = a->clock->hi;
	log->epoch = stress_now(a)->epoch;
	memcpy(log->bits, bits, sizeof(log->bits));
	a->nr_logs++;
	pthread_mutex_unlock(&s->lock);
}
