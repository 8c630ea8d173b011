// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots are deleted, created again, moved and changed at random, under policies that
 * change at random. Meanwhile vCPUs read and write, and the host reclaims, remaps and
 * discards the memory behind the slots. Each access is judged.
 *
 * What breaks without it: faults that nobody thought of, such as a stale translation, a
 * lost write or a page that is missing in a dirty log, which show only with a certain
 * order of events and an odd border of a slot.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "zap_stress.h"
#include "zap_swap.h"

/* The VM is closed and another one made after so many steps. */
#define ROUND_STEPS	2000
#define PROGRESS_NS	5000000000UL
#define NS		1000000000UL

#define HUGETLB		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define HUGETLB_PAGES	4

static const char command[] = "zap_stress_test";
static const char about[] =
"Changes memory slots at random while vCPUs use them, and judges each access. What\n"
"the main thread does follows from the seed, which is printed.\n"
"\n"
"Runs with any KVM. Without kvm-zap's parameters there are no policies to choose:\n"
"a failure that is seen there, too, is not kvm-zap's. Some of the work wants root:\n"
"policies, nx_huge_pages, swap (of zram, where the host has none), hugetlbfs.";

static const char * const policies[] = { ZAP_MEMSLOT_WORDS, "flip", NULL };

static volatile sig_atomic_t interrupted;

/* Returns the time of the end. */
static uint64_t parse(struct stress *s, int argc, char **argv)
{
	struct option_word policy = { "flip", policies };
	unsigned long seconds = 0;
	const struct option_desc table[] = {
		{ 's', "seed", OPT_NUMBER, &s->seed, 0, INT64_MAX, "0: from the time" },
		{ 'n', "steps", OPT_NUMBER, &s->steps, 1, INT64_MAX, "steps to make" },
		{ 'p', "policy", OPT_WORD, &policy, 0, 0,
		  "fast, scoped, auto; flip: a random one at random" },
		{ 'v', "vcpus", OPT_NUMBER, &s->nr_vcpus, 1, STRESS_VCPUS, "vCPUs" },
		{ 't', "threads", OPT_NUMBER, &s->nr_noise, 0, STRESS_VCPUS,
		  "threads that reclaim, remap, fork and open other VMs" },
		{ 'd', "seconds", OPT_NUMBER, &seconds, 0, 10000000,
		  "stop then, however many steps were made; 0: do not" },
		{ }
	};

	s->steps = 6000;
	s->nr_vcpus = 3;
	s->nr_noise = 1;
	options_parse(argc, argv, command, about, table);
	s->policy = policy.word;
	if (!s->seed)
		s->seed = vm_now_ns() % 1000000000 + 1;
	return seconds ? vm_now_ns() + seconds * NS : UINT64_MAX;
}

/* What nr_hugepages was; empty: not touched. */
static char huge_before[32];

static void more_huge_pages(void)
{
	char text[32];

	if (zap_read_file(HUGETLB, huge_before, sizeof(huge_before)) <= 0)
		return;
	snprintf(text, sizeof(text), "%ld", atol(huge_before) + HUGETLB_PAGES);
	zap_write_file(HUGETLB, text, strlen(text));
}

static void restore(void)
{
	if (huge_before[0])
		zap_write_file(HUGETLB, huge_before, strlen(huge_before));
	stress_nx_restore();
	zap_swap_end();
}

/* The previous handler: zap_start()'s, which restores parameters. */
static void (*before[NSIG])(int sig);

/* The first one ends the test in good order, the second one at once. */
static void on_interrupt(int sig)
{
	if (!interrupted) {
		interrupted = sig;
		/* Nobody listens any more, but all that was changed is to be put back. */
		signal(SIGPIPE, SIG_IGN);
		return;
	}
	restore();
	signal(sig, before[sig]);
	raise(sig);
}

static void start(struct stress *s, unsigned int plan)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM };
	const char *why;
	unsigned int i;

	s->have_policies = zap_have_policies();
	zap_start_anywhere(plan);
	atexit(restore);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		before[signals[i]] = signal(signals[i], on_interrupt);

	why = zap_swap_begin();
	if (why)
		ktap_diag("%s", why);
	more_huge_pages();
	ktap_diag("again: zap_stress_test -s %lu -n %lu -p %s -v %lu -t %lu", s->seed, s->steps,
		  s->policy, s->nr_vcpus, s->nr_noise);
}

static void progress(const struct stress *s, uint64_t began)
{
	uint64_t ns = vm_now_ns() - began;

	ktap_diag("step %lu of %lu, %lu a second: %lu accesses judged, %lu writes reached memory, %lu left as MMIO, %lu memories compared, %lu writes found in dirty logs, %lu could not be judged",
		  s->step, s->steps, s->step * NS / (ns + 1), s->judged, s->reached, s->exits,
		  s->snaps, s->dirty, s->unjudged);
}

static bool ends(const struct stress *s, uint64_t end)
{
	return s->failed || interrupted || vm_now_ns() > end;
}

static void run(struct stress *s, uint64_t end)
{
	uint64_t began = vm_now_ns(), told = began;
	unsigned int n;

	while (s->step < s->steps && !ends(s, end)) {
		stress_create(s);
		stress_policies(s);
		stress_noise_start(s);
		for (n = 0; n < ROUND_STEPS && s->step < s->steps && !ends(s, end); n++) {
			stress_step(s);
			/* vCPUs are to find what there is, and at times not to. */
			if (stress_below(&s->random, 2))
				usleep(stress_below(&s->random, 3000));
			if (vm_now_ns() - told > PROGRESS_NS) {
				told = vm_now_ns();
				progress(s, began);
			}
		}
		stress_noise_end(s);
		stress_destroy(s);
	}
	progress(s, began);
	if (!s->failed && s->step < s->steps)
		ktap_diag("%s after %lu of %lu steps", interrupted ? "interrupted" :
			  "out of time, as asked for,", s->step, s->steps);
}

int main(int argc, char **argv)
{
	static struct stress s = { .lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t end = parse(&s, argc, argv);
	const char *name;
	unsigned int i;

	s.random = s.seed * 0x9e3779b97f4a7c15UL | 1;
	s.param = "fast";
	s.word = "inherit";
	stress_areas(&s);
	start(&s, STRESS_AREAS + 1);
	name = s.have_policies ? s.policy : "stock";
	run(&s, end);

	for (i = 0; i < STRESS_AREAS; i++) {
		struct stress_area *a = &s.area[i];

		ktap.bad = a->failed;
		if (a->skip)
			ktap_skip(a->skip, "%s: %s", name, a->name);
		else
			ktap_result("%s: %s", name, a->name);
	}
	ktap_check(s.judged && s.reached && s.exits && s.snaps,
		   "not every kind of access was seen");
	ktap_check(!interrupted, "interrupted by signal %d", interrupted);
	ktap.bad |= s.vcpu_failed;
	ktap_result("%s: vCPUs ran on", name);
	return ktap_end();
}
