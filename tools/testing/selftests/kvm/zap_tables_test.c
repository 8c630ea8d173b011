// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that KVM shadows lie in memory slots that are deleted, created again over
 * other memory, and moved: an L2's NPT, and L1's own tables, which matter under shadow
 * paging. They map pages of slots other than their own, at random.
 *
 * What breaks without it: a guest continues to translate by tables that are gone. The
 * SPTEs in question map memory of slots that stay, so a search for mappings of the
 * deleted slot does not find them.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "zap_tables.h"

#define PATROL_STEPS	16	/* in one go */
#define STUCK_SECONDS	60	/* a step takes less, however slow the host is */

static const char command[] = "zap_tables_test";
static const char about[] =
"Deletes, re-creates and moves memory slots that hold page tables which KVM\n"
"shadows, and slots that these map; the guest reads all, and each sum is judged.\n"
"The same seed, steps, policy, kind and pages make the same steps again.\n"
"\n"
"Runs with any KVM. Without kvm-zap's parameters there are no policies to choose: a\n"
"failure that is seen there, too, is not kvm-zap's.";

/* The last word stands for all before it. */
static const char * const policies[] = { ZAP_MEMSLOT_WORDS, "flip", "all", NULL };
static const char * const kinds[] = { "l1", "l2", "both", NULL };

#define NR_POLICIES	(ARRAY_SIZE(policies) - 2)
#define NR_WORDS	(NR_POLICIES - 1)	/* without flip */

/* What a signal handler can tell of. */
static struct tables *running;

static void choose_policy(struct tables *t, const char *policy, bool have_policies)
{
	t->policy = have_policies ? policy : "stock";
	if (!have_policies)
		return;
	if (!strcmp(policy, "flip"))
		t->policy = policies[tables_below(t, NR_WORDS)];
	zap_policy(t->policy);
}

static void test(const struct tables *options, const char *policy, bool have_policies)
{
	struct tables t = *options;
	uint64_t began = vm_now_ns();
	uint32_t rounds = 0;
	const char *why = t.kind == TABLES_L2 ? nested_unusable_here() : NULL;
	const char *name = have_policies ? policy : "stock";

	if (why) {
		ktap_skip(why, "%s: %s", name, kinds[t.kind]);
		return;
	}
	running = &t;
	t.random = t.seed;
	choose_policy(&t, policy, have_policies);
	snprintf(t.what, sizeof(t.what), "none yet");
	alarm(STUCK_SECONDS);
	tables_create(&t);
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

static bool chosen(const char *choice, const char *name, const char *all)
{
	return !strcmp(choice, name) || !strcmp(choice, all);
}

int main(int argc, char **argv)
{
	static struct tables options = { .steps = 50, .pages = 256 };
	struct option_word policy = { "all", policies }, kind = { "both", kinds };
	bool have_policies = zap_have_policies();
	unsigned int i, k, plan = 0;
	const struct option_desc table[] = {
		{ 's', "seed", OPT_NUMBER, &options.seed, 0, INT64_MAX,
		  "that all follows from; 0: from the time, it is printed" },
		{ 'n', "steps", OPT_NUMBER, &options.steps, 1, INT64_MAX,
		  "steps to make in each case" },
		{ 'p', "policy", OPT_WORD, &policy, 0, 0,
		  "fast, scoped, auto; flip: a random one each time; all" },
		{ 'k', "kind", OPT_WORD, &kind, 0, 0,
		  "whose tables: l1, or l2, a nested guest's NPT; both" },
		{ 'm', "pages", OPT_NUMBER, &options.pages, 16, TABLES_PAGES,
		  "4K pages that the guest's tables map" },
		{ 'v', "verbose", OPT_FLAG, &options.verbose, 0, 0, "tell of each step" },
		{ }
	};

	options_parse(argc, argv, command, about, table);
	if (!options.seed)
		options.seed = vm_now_ns() % 1000000000 + 1;
	/* Without parameters one policy is as good as another. */
	if (!have_policies)
		policy.word = policies[0];
	for (k = TABLES_L1; k <= TABLES_L2; k++)
		for (i = 0; i < NR_POLICIES; i++)
			plan += chosen(kind.word, kinds[k], "both") &&
				chosen(policy.word, policies[i], "all");

	zap_start_anywhere(plan);
	alarm_before = signal(SIGALRM, on_alarm);
	ktap_diag("again: zap_tables_test -s %lu -n %lu -m %lu", options.seed, options.steps,
		  options.pages);
	options.stay = vm_backing_alloc(TABLES_STAY_BYTES, VM_4K);
	for (k = TABLES_L1; k <= TABLES_L2; k++) {
		options.kind = k;
		for (i = 0; i < NR_POLICIES; i++)
			if (chosen(kind.word, kinds[k], "both") &&
			    chosen(policy.word, policies[i], "all"))
				test(&options, policies[i], have_policies);
	}
	return ktap_end();
}
