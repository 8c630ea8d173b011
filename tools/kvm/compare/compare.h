/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-zap compare: policies side by side, per invalidation.
 *
 * A round tries each policy once and the first one twice: the difference of these two is
 * noise. Each try is a run: of a command, whose VMs get the policy's word as they appear,
 * or of some seconds of an existing VM. Every second round goes backwards, so that a
 * drift affects all policies alike. A run makes one sample: how much the VMs' own
 * counters, and perf's, grew for each invalidation.
 *
 * A function that returns an exit status of desk.h as an int has printed why it failed.
 */
#ifndef KVM_ZAP_COMPARE_H
#define KVM_ZAP_COMPARE_H

#include <signal.h>
#include <stdio.h>

#include "compare_stats.h"
#include "desk_args.h"
#include "desk_notes.h"
#include "desk_vms.h"

#define COMPARE_POLICIES	4

/* Runs of a round: the first policy, the first again, the others. */
enum { COMPARE_FIRST, COMPARE_AGAIN, COMPARE_OTHERS };

struct compare_sample {
	unsigned int round;		/* from 1 */
	unsigned int run;
	uint64_t invalidations;
	double seconds;
	double *values;			/* per invalidation; a NaN: perf did not count it */
};

/* The word of a VM that is compared, by its folder. */
struct compare_word {
	char folder[64];
	char was[16], ours[16];
	bool had_note;			/* kvm-zap had changed it before: */
	struct desk_note note;
};

struct compare {
	struct desk_common common;
	const char *policies[COMPARE_POLICIES];
	size_t nr_policies;
	const char *who;		/* NULL: VMs of a command */
	double seconds;			/* of a run of a VM */
	unsigned long rounds;
	uint64_t seed;			/* of the intervals */
	const char *output, *by;
	bool tested;
	const char **events;
	size_t nr_events;
	char **command;			/* NULL ends it */
	bool is_workload;		/* of kvm-zap-bench, which has a gate */

	struct compare_guest *guest;	/* a guest of QEMU's, which is the VM then; or NULL */
	struct compare_latency *latency;	/* of each run of a round; NULL without a guest */

	char *what;			/* what is compared, for people */
	double settle;			/* seconds until an invalidation's page faults count */
	double settle_max;		/* the same if invalidations follow each other */
	pid_t vm_pid;
	uint64_t vm_start;
	size_t nr_vms;			/* VMs of that process */
	struct desk_vm *vm;		/* the first of them */
	struct compare_word *words;
	size_t nr_words;

	char **names;			/* of values */
	size_t nr_values;
	struct compare_sample *samples;
	size_t nr_samples;
	unsigned int rounds_done;
	unsigned int empty;		/* runs without an invalidation */
	unsigned int mixed;		/* runs with some at site mmio: not to be told apart */
	FILE *file;
};

/* The signal that ends it early, 0 if there was none. */
extern volatile sig_atomic_t compare_stopped;

/* The policy of @run. */
static inline const char *compare_policy(const struct compare *c, unsigned int run)
{
	return c->policies[run < COMPARE_OTHERS ? 0 : run - 1];
}

static inline unsigned int compare_runs(const struct compare *c)
{
	return c->nr_policies + 1;
}

/* False if a signal came meanwhile. */
bool compare_sleep(double seconds);

/* Values (compare_values.c) ------------------------------------------------- */

/* The names of what the kernel counts; perf's events are appended. */
void compare_names(struct compare *c);

/* VMs' counters, added up. */
struct compare_counts {
	uint64_t n[DESK_NR_COUNTS];
	bool shrank;			/* they were cleared, or are another VM's */
};

void compare_add(struct compare_counts *sum, const struct desk_vm *before,
		 const struct desk_vm *after);

/* The VM follows @word now, of which its row of zap/vms makes @expected: NULL is any. */
int compare_follows(const struct compare *c, const struct desk_vm *vm, const char *word,
		    const char **expected);

/*
 * Fills @sample's counters; @expected as above. What another policy did makes the whole
 * comparison none: DESK_NOT.
 */
int compare_take(struct compare *c, const struct compare_counts *grown, const char *expected,
		 struct compare_sample *sample);

/* The command of a run (compare_command.c) ------------------------------- */

struct compare_command {
	pid_t pid;
	int gate;		/* kvm-zap-bench waits for answers there; -1: there is none */
	int output, log;	/* what it says; what perf says, or -1 */
};

int compare_own_open(struct compare *c);
int compare_command_start(const struct compare *c, struct compare_command *cmd);
bool compare_command_ended(struct compare_command *cmd, int *status);
void compare_command_close_gate(struct compare_command *cmd);
/* Ends all that it started if it has not ended. */
void compare_command_end(struct compare_command *cmd);
/* Says how it failed, and with what words of its own. */
int compare_command_failed(const struct compare *c, const struct compare_command *cmd,
			   const char *word, int status);

/* Runs (compare_own.c, compare_live.c) -------------------------------------- */

int compare_own_run(struct compare *c, const char *word, struct compare_sample *sample);

int compare_live_open(struct compare *c, struct desk_vms *vms);
int compare_live_run(struct compare *c, unsigned int run, struct compare_sample *sample);

/* The words of a VM that is there (compare_words.c). ------------------------- */

int compare_words_open(struct compare *c);
int compare_words_set(struct compare *c, const char *word);
/* They are what compare_words_set() made them. */
int compare_words_check(struct compare *c);
/* What somebody else has changed meanwhile stays. */
int compare_words_restore(struct compare *c);

/* perf stat (compare_perf.c) ------------------------------------------------ */

struct compare_perf {
	pid_t pid;
	int log, control, ack;
};

/* Whether perf counts each event; appends their names. */
int compare_perf_open(struct compare *c);
/* @command under perf, which writes to descriptor @log. free() it. */
char **compare_perf_command(const struct compare *c, char **command, int log);
/* What perf wrote there: @values as compare_sample has them, not per invalidation yet. */
void compare_perf_read(const struct compare *c, int log, double *values);

/* Count a process, from compare_perf_go() to compare_perf_end(). */
int compare_perf_attach(const struct compare *c, pid_t pid, struct compare_perf *perf);
int compare_perf_go(struct compare_perf *perf);
int compare_perf_end(const struct compare *c, struct compare_perf *perf, double *values);
void compare_perf_kill(struct compare_perf *perf);

/* A file without a name, open, that programs started from here may write to. */
int compare_tmpfile(void);
/* All that is in it; free() it. */
char *compare_tmpfile_text(int fd);

/* Output (compare_print.c). --------------------------------------------------- */

void compare_progress(const struct compare *c, unsigned int round, unsigned int run,
		      double seconds, unsigned int done);
/* Appends the last sample to the file. */
int compare_write_sample(struct compare *c);
int compare_print(struct compare *c);

#endif
