// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots are deleted, re-created, moved and changed at random, under policies that
 * change at random, while vCPUs read and write and the host reclaims, remaps and
 * throws away the memory behind; and each access is judged.
 *
 * What breaks without it: what no one thought of. A stale translation, a lost
 * write or a page that is missing in a dirty log, of which only a certain order
 * of events and an odd border of a slot tell.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "zap_stress.h"
#include "zap_swap.h"

/* The VM is closed and another one made after so many steps. */
#define ROUND_STEPS	2000
#define PROGRESS_NS	5000000000UL
#define NS		1000000000UL

#define HUGETLB		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define HUGETLB_PAGES	4

static const char usage[] =
"usage: zap_stress_test [OPTION...]\n"
"Changes memory slots at random while vCPUs use them, and judges each access.\n"
"\n"
"  -s SEED      number from 1 on that all the main thread does follows from\n"
"               (default: from the time; it is printed)\n"
"  -n STEPS     steps to make (default: 6000)\n"
"  -p POLICY    memslot_zap: fast, scoped, auto, or flip, which changes it and\n"
"               the VM's own word at random (default: flip)\n"
"  -v VCPUS     1 to 16 (default: 3)\n"
"  -t THREADS   that reclaim, remap, fork and open other VMs: 0 to 16 (default: 1)\n"
"  -d SECONDS   stop after that, however many steps were made (default: no limit)\n"
"  -h, --help   this text\n"
"\n"
"Runs with any KVM. Without kvm-zap's parameters there are no policies to choose:\n"
"a failure that is seen there, too, is not kvm-zap's. Some of the work wants root:\n"
"policies, nx_huge_pages, swap (of zram, where the host has none), hugetlbfs.\n";

static volatile sig_atomic_t interrupted;

static __attribute__((noreturn)) void wrong(const char *option, const char *value,
					    const char *want)
{
	fprintf(stderr, "zap_stress_test: %s '%s': %s; see --help\n", option, value, want);
	exit(KTAP_FAIL);
}

static uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char want[96], *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno || *end || end == text || *text == '-' || n < min || n > max) {
		snprintf(want, sizeof(want), "a number from %lu to %lu is needed", min, max);
		wrong(option, text, want);
	}
	return n;
}

static const char *policy(const char *word)
{
	static const char * const words[] = { "fast", "scoped", "auto", "flip" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i]))
			return words[i];
	wrong("-p", word, "fast, scoped, auto or flip is needed");
}

static uint64_t parse(struct stress *s, int argc, char **argv)
{
	static const struct option longs[] = { { "help", 0, NULL, 'h' }, { } };
	uint64_t seconds = 0;
	int c;

	s->seed = vm_now_ns() % 1000000000 + 1;
	s->steps = 6000;
	s->policy = "flip";
	s->nr_vcpus = 3;
	s->nr_noise = 1;
	while ((c = getopt_long(argc, argv, "s:n:p:v:t:d:h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			s->seed = parse_number("-s", optarg, 1, INT64_MAX);
			break;
		case 'n':
			s->steps = parse_number("-n", optarg, 1, INT64_MAX);
			break;
		case 'p':
			s->policy = policy(optarg);
			break;
		case 'v':
			s->nr_vcpus = parse_number("-v", optarg, 1, STRESS_VCPUS);
			break;
		case 't':
			s->nr_noise = parse_number("-t", optarg, 0, STRESS_VCPUS);
			break;
		case 'd':
			seconds = parse_number("-d", optarg, 1, 10000000);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			/* getopt_long() has named what it does not know. */
			fputs("zap_stress_test: see --help\n", stderr);
			exit(KTAP_FAIL);
		}
	}
	if (optind < argc)
		wrong("argument", argv[optind], "none is taken");
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

/* Who was to be called before: zap_start's handler, which restores parameters. */
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

	s->have_policies = !access(ZAP_PARAM_PATH, F_OK);
	if (s->have_policies) {
		zap_start(plan);
	} else {
		why = vm_unusable();
		if (why)
			ktap_skip_all("%s", why);
		ktap_start(plan);
	}
	atexit(restore);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		before[signals[i]] = signal(signals[i], on_interrupt);

	why = zap_swap_begin();
	if (why)
		ktap_diag("%s", why);
	more_huge_pages();
	if (!s->have_policies)
		ktap_diag("no %s: these are not kvm-zap's modules, no policy is set",
			  ZAP_PARAM_PATH);
	ktap_diag("again: zap_stress_test -s %lu -n %lu -p %s -v %u -t %u", s->seed, s->steps,
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
	unsigned int i;

	s.random = s.seed * 0x9e3779b97f4a7c15UL | 1;
	s.param = "fast";
	s.word = "inherit";
	stress_areas(&s);
	start(&s, STRESS_AREAS + 1);
	run(&s, end);

	for (i = 0; i < STRESS_AREAS; i++) {
		struct stress_area *a = &s.area[i];

		ktap.bad = a->failed;
		if (a->skip)
			ktap_skip(a->skip, "%s: %s", s.policy, a->name);
		else
			ktap_result("%s: %s", s.policy, a->name);
	}
	ktap_check(s.judged && s.reached && s.exits && s.snaps,
		   "not every kind of access was seen");
	ktap_check(!interrupted, "interrupted by signal %d", interrupted);
	ktap.bad |= s.vcpu_failed;
	ktap_result("%s: vCPUs ran on", s.policy);
	return ktap_end();
}
