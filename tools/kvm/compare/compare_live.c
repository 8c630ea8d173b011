// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run of kvm-zap compare on an existing VM: some seconds of what it does anyway. See
 * compare.h.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "compare_guest.h"
#include "desk.h"

static bool is_daring(const char *word)
{
	return !strcmp(word, "scoped") || !strcmp(word, "auto");
}

static int check_devices(const struct compare *c)
{
	size_t i, j;

	for (i = 0; i < c->nr_policies; i++) {
		if (!is_daring(c->policies[i]) || c->tested)
			continue;
		for (j = 0; j < c->nr_vms; j++) {
			if (!desk_vm_has_devices(&c->vm[j]))
				continue;
			desk_say("%s has devices of the host: guests have shown corruption",
				 c->what);
			desk_say("nothing is done: test it with '%s', then add --devices-tested",
				 c->policies[i]);
			return DESK_DEVICES;
		}
	}
	return DESK_OK;
}

/* Before anything is written: what has no choice is not asked to change. */
static int check_choice(const struct compare *c)
{
	size_t i;

	for (i = 0; i < c->nr_vms; i++) {
		const char *by = c->vm[i].by;

		if (strcmp(by, "type") && strcmp(by, "dma"))
			continue;
		desk_say("%s: %s, whatever its word is: nothing to compare", c->what,
			 *by == 't' ? "a VM of its type has no choice" :
				      "it has a device with non-coherent DMA and keeps fast");
		return DESK_NOT;
	}
	return DESK_OK;
}

int compare_live_open(struct compare *c, struct desk_vms *vms)
{
	int ret;

	desk_vms_name(vms);
	desk_vms_look(vms);
	ret = desk_vms_find(vms, c->who, &c->vm, &c->nr_vms);
	if (ret)
		return ret;
	c->what = desk_vm_label(c->vm);
	c->vm_pid = c->vm->tgid;
	c->vm_start = desk_process_start(c->vm_pid);
	ret = check_choice(c);
	if (!ret)
		ret = check_devices(c);
	return ret ? ret : compare_words_open(c);
}

/* The rows of the VM's process, at the front of @vms. */
static int read_rows(const struct compare *c, struct desk_vms *vms)
{
	int ret = desk_need_vms(vms);
	size_t i, nr = 0;

	if (ret)
		return ret;
	for (i = 0; i < vms->nr; i++)
		if (vms->vm[i].tgid == c->vm_pid)
			vms->vm[nr++] = vms->vm[i];
	vms->nr = nr;
	if (nr && nr == c->nr_vms && desk_process_start(c->vm_pid) == c->vm_start)
		return DESK_OK;
	if (!nr || desk_process_start(c->vm_pid) != c->vm_start)
		desk_say("%s has gone meanwhile", c->what);
	else
		desk_say("%s has %zu VMs now, not %zu: no comparison", c->what, nr, c->nr_vms);
	desk_vms_free(vms);
	return nr ? DESK_NOT : DESK_NO_VM;
}

static int follow(const struct compare *c, const struct desk_vms *vms, const char *word,
		  const char **expected)
{
	int ret = DESK_OK;
	size_t i;

	for (i = 0; i < vms->nr && !ret; i++)
		ret = compare_follows(c, &vms->vm[i], word, expected);
	return ret;
}

/*
 * The rows before a run, in which the VMs have @word; whoever else writes it is noticed.
 * Until the VMs have done without an invalidation for a while, or for as long as a window can
 * last: one that is open now counts page faults that the former word caused.
 */
static int read_settled(struct compare *c, const char *word, struct desk_vms *vms)
{
	uint64_t until = desk_now_ns() + c->settle_max * 1e9, before = UINT64_MAX, now;
	int ret, tries = 100;
	size_t i;

	for (;; before = now) {
		ret = compare_words_check(c);
		if (!ret)
			ret = read_rows(c, vms);
		if (ret)
			return ret;
		for (i = now = 0; i < vms->nr; i++)
			now += desk_vm_invalidations(&vms->vm[i]);
		if ((now == before || desk_now_ns() >= until) &&
		    (!strcmp(vms->vm->word, word) || !tries--))
			return DESK_OK;
		desk_vms_free(vms);
		if (!compare_sleep(c->settle))
			return DESK_NOT;
	}
}

/* What the VM does meanwhile: what it does anyway, or a guest what it is asked for. */
static int wait_or_work(struct compare *c, unsigned int run)
{
	if (c->guest)
		return compare_guest_work(c, run);
	return compare_sleep(c->seconds) ? DESK_OK : DESK_NOT;
}

static int window(struct compare *c, unsigned int run, struct compare_perf *perf,
		  struct compare_sample *sample)
{
	const char *word = compare_policy(c, run);
	struct compare_counts grown = { };
	struct desk_vms before, after;
	const char *expected;
	uint64_t start;
	size_t i;
	int ret;

	ret = read_settled(c, word, &before);
	if (ret)
		return ret;
	start = desk_now_ns();
	ret = follow(c, &before, word, &expected);
	if (!ret)
		ret = compare_perf_go(perf);
	if (!ret)
		ret = wait_or_work(c, run);
	if (!ret)
		ret = compare_perf_end(c, perf, sample->values);
	sample->seconds = (desk_now_ns() - start) / 1e9;
	if (!ret)
		ret = read_rows(c, &after);
	if (ret)
		goto out;
	ret = compare_words_check(c);
	for (i = 0; i < after.nr; i++)
		compare_add(&grown, &before.vm[i], &after.vm[i]);
	desk_vms_free(&after);
	if (!ret)
		ret = compare_take(c, &grown, expected, sample);
out:
	desk_vms_free(&before);
	return ret;
}

int compare_live_run(struct compare *c, unsigned int run, struct compare_sample *sample)
{
	struct compare_perf perf = { .pid = 0 };
	int ret;

	ret = compare_words_set(c, compare_policy(c, run));
	if (!ret)
		ret = compare_perf_attach(c, c->vm_pid, &perf);
	if (!ret)
		ret = window(c, run, &perf, sample);
	compare_perf_kill(&perf);
	return ret;
}
