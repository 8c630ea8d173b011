// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap compare: what policies cost, side by side. See compare.h.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare.h"
#include "compare_guest.h"
#include "desk.h"
#include "desk_notes.h"

volatile sig_atomic_t compare_stopped;

static const struct argp_option options[] = {
	{ .name = "policies", .key = 'p', .arg = "WORDS",
	  .doc = "Words of memslot, separated by commas or blanks; the first is what the "
		 "others are compared with (default: fast,scoped)" },
	{ .name = "rounds", .key = 'r', .arg = "N",
	  .doc = "The number of rounds (default: 10); with fewer than 6, there are no "
		 "intervals" },
	{ .name = "vm", .key = 'v', .arg = "NAME|PID",
	  .doc = "A running VM, given by its guest's name, id or UUID, or by its process. Its "
		 "own word is changed during the comparison and put back at the end" },
	{ .name = "seconds", .key = 's', .arg = "S",
	  .doc = "With --vm: the seconds of each run (default: 5)" },
	{ .name = "event", .key = 'E', .arg = "EVENT",
	  .doc = "Also count this event, or several separated by commas, with perf stat. May "
		 "be given more than once. With a COMMAND, perf counts the whole command, not "
		 "only its VMs" },
	{ .name = "by", .key = 'b', .arg = "VALUE",
	  .doc = "The value that the last sentence is about: a value of the table, or an event "
		 "(default: ns)" },
	{ .name = "output", .key = 'o', .arg = "FILE",
	  .doc = "Append each sample to FILE as it comes, as a line of JSON" },
	{ .name = "seed", .key = 'S', .arg = "N",
	  .doc = "The seed for the intervals (default: 1); the same seed gives the same "
		 "intervals" },
	{ .name = "devices-tested", .key = 'd',
	  .doc = "Confirm that you have tested these words with the guest, which has host "
		 "devices" },
	{ }
};

static unsigned long parse_number(struct argp_state *state, const char *arg,
				  unsigned long min, unsigned long max)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno || n < min || n > max)
		argp_error(state, "'%s': give a number from %lu to %lu", arg, min, max);
	return n;
}

/* Exits unless each is a word of memslot, and there once. */
static void set_policies(struct compare *c, const char *arg, struct argp_state *state)
{
	const struct desk_site *site = desk_site("memslot");
	char *words = desk_copy(arg), *word, *save;
	size_t i;

	c->nr_policies = 0;
	for (word = strtok_r(words, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
		if (!desk_site_takes(site, word)) {
			desk_site_refuse(site, word, NULL);
			exit(DESK_USAGE);
		}
		for (i = 0; i < c->nr_policies; i++)
			if (!strcmp(c->policies[i], word))
				argp_error(state, "'%s' is given twice: the first has two runs",
					   word);
		c->policies[c->nr_policies++] = word;
	}
	if (!c->nr_policies)
		argp_error(state, "--policies '%s': give at least one of stock, fast, scoped, auto",
			   arg);
}

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct compare *c = verb;

	switch (key) {
	case 'p':
		set_policies(c, arg, state);
		break;
	case 'r':
		c->rounds = parse_number(state, arg, 1, 9999);
		break;
	case 'v':
		c->who = arg;
		break;
	case 's':
		c->seconds = desk_seconds(state, arg, 0.1);
		break;
	case 'E':
		if (!*arg)
			argp_error(state, "--event '': give an event that perf counts");
		c->events = desk_grow(c->events, c->nr_events + 1, sizeof(*c->events));
		c->events[c->nr_events++] = arg;
		break;
	case 'b':
		c->by = arg;
		break;
	case 'o':
		c->output = arg;
		break;
	case 'S':
		c->seed = parse_number(state, arg, 0, ULONG_MAX);
		break;
	case 'd':
		c->tested = true;
		break;
	}
}

/* The first word takes all that follow it. */
static void command(void *verb, char *arg, struct argp_state *state)
{
	struct compare *c = verb;

	(void)arg;
	c->command = &state->argv[state->next - 1];
	c->is_workload = !state->quoted || state->quoted > state->next - 1;
	state->next = state->argc;
}

static void check(void *verb, struct argp_state *state)
{
	static char *rom[] = { "rom", NULL };
	struct compare *c = verb;

	if (c->who && c->command)
		argp_error(state, "'%s' is not expected: --vm compares what the VM does anyway",
			   c->command[0]);
	if (!c->command && state->quoted)
		argp_error(state, "-- needs a COMMAND");
	if (c->output && !*c->output)
		argp_error(state, "--output '': give a file's name");
	if (!c->who && c->seconds)
		argp_error(state, "--seconds needs --vm: a command takes the time that it takes");
	if (!c->who && c->tested)
		argp_error(state, "--devices-tested needs --vm");
	if (!c->who && !c->command) {
		c->command = rom;
		c->is_workload = true;
	}
	if (c->is_workload && compare_guest_parse(c, c->command))
		c->is_workload = false;
	if (!c->seconds)
		c->seconds = 5;
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.repeated = "E",
	.word = command,
	.check = check,
	/* A workload's options are not ours. */
	.flags = ARGP_IN_ORDER,
	.args_doc = "[WORKLOAD [ARG...] | GUEST [ARG...] | -- COMMAND [ARG...]]",
	.doc = "Compare policies of site memslot, per invalidation. Only the words of the VMs "
	       "concerned are changed, no parameter and no other VM.\vWORKLOAD is a workload of "
	       "kvm-zap-bench (default: rom), which runs once for each sample. COMMAND runs once "
	       "for each sample, and has to wait for the VMs that it makes. GUEST is a Linux "
	       "guest under QEMU: guest-rom, guest-hotplug, guest-virtio-mem or guest-vga (each "
	       "has a --help). With --vm, a VM of this host goes on with its own work. Each round "
	       "has the first policy twice; the ratio of these two, 'again', is noise. Ratios are "
	       "ratios of medians, with the interval that contains 95 % of resampled ratios. A "
	       "difference is reported only if its interval neither contains 1 nor overlaps that "
	       "of the noise.\n\nVALUE, for each invalidation: ns is its time; update_ns is the "
	       "time of the memslot update that it is part of and of those that follow it; "
	       "stall_ns and refaults are time and number of page faults after it; sptes is the "
	       "mappings that it dropped; collateral is how many of these cannot have been the "
	       "memslot's; kept is the mappings that scoped left; tables is page tables; yields "
	       "is lock breaks of mmu_lock; and perf's events.\n\n^C ends the comparison early "
	       "and prints the results so far. If the run is killed, 'kvm-zap restore' puts back "
	       "what it has changed.",
};

static void on_signal(int number)
{
	compare_stopped = number;
}

bool compare_sleep(double seconds)
{
	uint64_t until = desk_now_ns() + seconds * 1e9, now;

	while (!compare_stopped && (now = desk_now_ns()) < until)
		desk_sleep(until - now > 50000000 ? 0.05 : (until - now) / 1e9);
	return !compare_stopped;
}

/* Held until the process ends. Children do not have it. */
static int lock(void)
{
	char text[32] = "";
	int fd;

	mkdir("/run/kvm-zap", 0755);
	fd = open(DESK_COMPARE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0) {
		desk_say(DESK_COMPARE_LOCK ": %s", strerror(errno));
		return DESK_NOT;
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ssize_t bytes = pread(fd, text, sizeof(text) - 1, 0);

		text[bytes > 0 ? bytes : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		desk_say("another 'kvm-zap compare' runs (pid %s): two at once disturb each other",
			 *text ? text : "?");
		return DESK_NOT;
	}
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0)
		desk_say(DESK_COMPARE_LOCK ": %s", strerror(errno));
	return DESK_OK;
}

/* What the kernel and the user have to be like; *@vms are those that there are. */
static int need(struct desk_vms *vms)
{
	int ret = desk_need_root("choose");

	if (!ret)
		ret = desk_need_vms(vms);
	return ret ? ret : lock();
}

static void settle(struct compare *c)
{
	double window = 0;
	char text[16];

	/* Page faults count until a window has ended, an invalidation under way as it began. */
	if (!kvm_param_get("kvm", "zap_window_ms", text, sizeof(text)))
		window = atoi(text) / 1000.0;
	c->settle = window + 0.1;
	c->settle_max = 10 * window + 0.1;
}

static int check_by(const struct compare *c)
{
	char *list = desk_copy(""), *longer;
	size_t i;

	for (i = 0; i < c->nr_values; i++) {
		if (!strcmp(c->names[i], c->by)) {
			free(list);
			return DESK_OK;
		}
		longer = desk_text("%s%s%s", list, i ? ", " : "", c->names[i]);
		free(list);
		list = longer;
	}
	desk_say("--by '%s': no such value: %s", c->by, list);
	free(list);
	return DESK_USAGE;
}

static int open_file(struct compare *c)
{
	c->file = c->output ? fopen(c->output, "ae") : NULL;
	if (c->file || !c->output)
		return DESK_OK;
	desk_say("%s: %s", c->output, strerror(errno));
	return DESK_NOT;
}

static int open_all(struct compare *c, struct desk_vms *vms)
{
	int ret;

	compare_names(c);
	ret = need(vms);
	if (!ret)
		ret = compare_perf_open(c);
	if (!ret)
		ret = check_by(c);
	/* Before a guest boots, and before a word is changed. */
	if (!ret)
		ret = open_file(c);
	if (!ret)
		ret = c->guest ? compare_guest_open(c, vms) : DESK_OK;
	if (!ret)
		ret = c->who ? compare_live_open(c, vms) : compare_own_open(c);
	return ret;
}

static int run(struct compare *c, unsigned int round, unsigned int run)
{
	struct compare_sample sample = { .round = round, .run = run };
	int ret;

	sample.values = desk_alloc(c->nr_values * sizeof(*sample.values));
	ret = c->who ? compare_live_run(c, run, &sample) :
			compare_own_run(c, compare_policy(c, run), &sample);
	if (ret || compare_stopped) {
		free(sample.values);
		return ret ? ret : DESK_NOT;
	}
	c->samples = desk_grow(c->samples, c->nr_samples + 1, sizeof(*c->samples));
	c->samples[c->nr_samples++] = sample;
	ret = compare_write_sample(c);
	if (ret || c->who || sample.invalidations)
		return ret;
	desk_say("%s deletes or moves no memslot, or does at site mmio as well: nothing to compare",
		 c->what);
	return DESK_NOT;
}

static int run_all(struct compare *c)
{
	unsigned int i, runs = compare_runs(c);
	uint64_t start = desk_now_ns();
	int ret = DESK_OK;

	while (c->rounds_done < c->rounds && !ret) {
		for (i = 0; i < runs && !ret; i++) {
			unsigned int now = c->rounds_done % 2 ? runs - 1 - i : i;

			compare_progress(c, c->rounds_done + 1, now, (desk_now_ns() - start) / 1e9,
					 c->rounds_done * runs + i);
			ret = run(c, c->rounds_done + 1, now);
		}
		c->rounds_done += !ret;
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	return ret;
}

/* False: part of the measurement was under another policy, or there is none. */
static bool has_result(const struct compare *c, int ret)
{
	size_t i;

	if (ret && ret != DESK_NO_VM && !compare_stopped)
		return false;
	for (i = 0; i < c->nr_samples; i++)
		if (c->samples[i].invalidations)
			return true;
	/* Who interrupts it wants to know, too, why there is no table. */
	if (!ret || (compare_stopped && c->nr_samples))
		desk_say("%s: no invalidation at site memslot in %zu runs: nothing to compare",
			 c->what, c->nr_samples);
	return false;
}

/* perf may end before it is told to: that is seen when it does not answer. */
static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

int desk_verb_compare(int argc, char **argv)
{
	struct compare c = { .policies = { "fast", "scoped" }, .nr_policies = 2, .rounds = 10,
			     .seed = 1, .by = "ns" };
	struct desk_vms vms = { };
	int ret, restored = DESK_OK;

	desk_args_parse(&args, argc, argv, &c.common);
	settle(&c);
	catch_signals();
	ret = open_all(&c, &vms);
	if (!ret) {
		ret = run_all(&c);
		restored = compare_words_restore(&c);
		if (compare_stopped)
			desk_say("interrupted after %u of %lu rounds", c.rounds_done, c.rounds);
		if (has_result(&c, ret)) {
			int printed = compare_print(&c);

			ret = ret ? ret : printed;
		} else if (!ret) {
			ret = DESK_NOT;
		}
	}
	compare_guest_close(&c);
	desk_vms_free(&vms);
	return ret ? ret : restored;
}
