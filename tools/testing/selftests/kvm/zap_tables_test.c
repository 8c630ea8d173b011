// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that KVM shadows lie in memory slots that are deleted, re-created
 * over other memory and moved: an L2's NPT, and L1's own tables, which matter
 * under shadow paging. They map pages of slots other than their own, at random.
 *
 * What breaks without it: a guest goes on translating by tables that are gone.
 * The SPTEs in question map memory of slots that stay, so that no one who looks
 * for the mappings of the deleted slot finds them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "zap_tables.h"

#define PATROL_STEPS	16	/* in one go */
#define STUCK_SECONDS	60	/* a step takes less, however slow the host is */

static const char usage[] =
"usage: zap_tables_test [OPTION...]\n"
"Deletes, re-creates and moves memory slots that hold page tables which KVM\n"
"shadows, and slots that these map; the guest reads all, and each sum is judged.\n"
"\n"
"  -s SEED    number from 1 on that all follows from (default: from the time; it\n"
"             is printed)\n"
"  -n STEPS   steps to make in each case, from 1 on (default: 50)\n"
"  -p POLICY  memslot_zap: fast, scoped, auto, or flip, which changes it at random\n"
"             (default: a case for each)\n"
"  -k KIND    whose tables: l1, or l2, a nested guest's NPT (default: both)\n"
"  -m PAGES   4K pages that the guest's tables map: 16 to 1024 (default: 256)\n"
"  -v         tell of each step\n"
"  -h, --help this text\n"
"\n"
"The same seed, steps, policy, kind and pages make the same steps again. Runs with\n"
"any KVM. Without kvm-zap's parameters there are no policies to choose: a failure\n"
"that is seen there, too, is not kvm-zap's.\n";

static const char * const policies[] = { "fast", "scoped", "auto", "flip" };
static const char * const kinds[] = { "l1", "l2" };

/* What a signal handler can tell of. */
static struct tables *running;

static void choose_policy(struct tables *t, const char *policy, bool have_policies)
{
	t->policy = have_policies ? policy : "stock";
	if (!have_policies)
		return;
	if (!strcmp(policy, "flip"))
		t->policy = policies[tables_below(t, 3)];
	zap_policy(t->policy);
}

static void test(const struct tables *options, const char *policy, bool have_policies)
{
	struct tables t = *options;
	uint64_t began = vm_now_ns();
	uint32_t rounds = 0;
	const char *why, *name = have_policies ? policy : "stock";

	running = &t;
	t.random = t.seed;
	choose_policy(&t, policy, have_policies);
	snprintf(t.what, sizeof(t.what), "none yet");
	alarm(STUCK_SECONDS);
	tables_create(&t);
	why = t.kind == TABLES_L2 ? nested_unusable(t.vm) : NULL;
	if (why) {
		tables_destroy(&t);
		ktap_skip(why, "%s: %s", name, kinds[t.kind]);
		return;
	}
	tables_build(&t);
	tables_all_is_right(&t);
	while (t.step < t.steps && !ktap.bad) {
		if (t.step % PATROL_STEPS == 0) {
			if (rounds++)
				tables_patrol_stop(&t);
			tables_patrol_start(&t);
		}
		t.step++;
		alarm(STUCK_SECONDS);
		choose_policy(&t, policy, have_policies);
		tables_step(&t);
	}
	if (rounds)
		tables_patrol_stop(&t);
	alarm(STUCK_SECONDS);
	tables_destroy(&t);
	alarm(0);
	ktap_check(ktap.bad || t.passes > rounds || t.steps < PATROL_STEPS,
		   "the patrol made %lu passes in %u goes", t.passes, rounds);
	ktap_diag("%lu steps in %lu ms: %lu pages read, %lu written, %lu mapped elsewhere by the guest; tables made %lu times, %lu times where they were; %lu passes of the patrol",
		  t.step, (vm_now_ns() - began) / 1000000, t.reads, t.written, t.remapped,
		  t.built, t.refilled, t.passes);
	ktap_result("%s: %s", name, kinds[t.kind]);
}

static void (*alarm_before)(int sig);

static void on_alarm(int sig)
{
	static char text[256];
	int nr;

	/* No lock is held where this is of use: in KVM_RUN, or in an ioctl. */
	nr = snprintf(text, sizeof(text), "# stuck: seed %lu, step %lu (%s), policy %s\n",
		      running->seed, running->step, running->what, running->policy);
	if (write(STDOUT_FILENO, text, nr) < 0)
		text[0] = '\0';
	if (alarm_before != SIG_DFL)
		alarm_before(sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

static __attribute__((noreturn)) void wrong(const char *option, const char *value,
					    const char *want)
{
	fprintf(stderr, "zap_tables_test: %s '%s': %s; see --help\n", option, value, want);
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

/* Index in @words. */
static unsigned int word(const char *option, const char *text, const char * const *words,
			 unsigned int nr, const char *want)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!strcmp(text, words[i]))
			return i;
	wrong(option, text, want);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "help", 0, NULL, 'h' }, { } };
	static struct tables options = { .steps = 50, .pages = 256 };
	unsigned int first_policy = 0, last_policy = ARRAY_SIZE(policies) - 1, i, k;
	unsigned int first_kind = TABLES_L1, last_kind = TABLES_L2, plan;
	bool have_policies = !access(ZAP_PARAM_PATH, F_OK);
	const char *why;
	int c;

	options.seed = vm_now_ns() % 1000000000 + 1;
	while ((c = getopt_long(argc, argv, "s:n:p:k:m:vh", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			options.seed = parse_number("-s", optarg, 1, INT64_MAX);
			break;
		case 'n':
			options.steps = parse_number("-n", optarg, 1, INT64_MAX);
			break;
		case 'p':
			first_policy = word("-p", optarg, policies, ARRAY_SIZE(policies),
					    "fast, scoped, auto or flip is needed");
			last_policy = first_policy;
			break;
		case 'k':
			first_kind = word("-k", optarg, kinds, ARRAY_SIZE(kinds),
					  "l1 or l2 is needed");
			last_kind = first_kind;
			break;
		case 'm':
			options.pages = parse_number("-m", optarg, 16, TABLES_PAGES);
			break;
		case 'v':
			options.verbose = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			/* getopt_long() has named what it does not know. */
			fputs("zap_tables_test: see --help\n", stderr);
			return KTAP_FAIL;
		}
	}
	if (optind < argc)
		wrong("argument", argv[optind], "none is taken");

	if (!have_policies)
		last_policy = first_policy;
	plan = (last_policy - first_policy + 1) * (last_kind - first_kind + 1);
	if (have_policies) {
		zap_start(plan);
	} else {
		why = vm_unusable();
		if (why)
			ktap_skip_all("%s", why);
		ktap_start(plan);
		ktap_diag("no %s: these are not kvm-zap's modules, no policy is set",
			  ZAP_PARAM_PATH);
	}
	alarm_before = signal(SIGALRM, on_alarm);
	ktap_diag("again: zap_tables_test -s %lu -n %lu -m %u", options.seed, options.steps,
		  options.pages);
	options.stay = vm_backing_alloc(TABLES_STAY_BYTES, VM_4K);
	for (k = first_kind; k <= last_kind; k++) {
		for (i = first_policy; i <= last_policy; i++) {
			options.kind = k;
			test(&options, policies[i], have_policies);
		}
	}
	return ktap_end();
}
