// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap record, the part in kvm-zap-trace. See record.h.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "record.h"
#include "record_args.h"

#define POLL_SECONDS	0.1

static volatile sig_atomic_t stopped;

struct run {
	struct record_args args;
	struct trace_source *source;
	struct record record;
	uint64_t process_start;
};

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = stop };
	unsigned int i;

	/* Writing says that a reader has gone, or a file is as large as it may be. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static int find_vm(struct run *run)
{
	struct desk_vms vms;
	struct desk_vm *vm;
	size_t nr;
	int ret = desk_need_vms(&vms);

	if (ret)
		return ret;
	desk_vms_name(&vms);
	ret = desk_vms_find(&vms, run->args.vm, &vm, &nr);
	if (!ret && nr > 1) {
		desk_say("process %d has %zu VMs, and events do not say which one they are from: only a process with a single VM can be recorded",
			 vm->tgid, nr);
		ret = DESK_NO_VM;
	}
	if (!ret) {
		run->record.vm = *vm;
		run->record.vm.name = desk_copy(vm->name);
		run->process_start = desk_process_start(vm->tgid);
	}
	desk_vms_free(&vms);
	return ret;
}

/* What zap/vms says of it now. *@gone: nothing, or of another process. */
static int look(struct run *run, bool *gone)
{
	struct record *r = &run->record;
	uint64_t now = desk_now_ns();
	struct desk_vms vms;
	size_t i;
	int ret = desk_need_vms(&vms);

	if (ret)
		return ret;
	*gone = true;
	for (i = 0; i < vms.nr; i++) {
		if (vms.vm[i].tgid != r->vm.tgid)
			continue;
		memcpy(r->vm.n, vms.vm[i].n, sizeof(r->vm.n));
		r->looked_ns = now;
		*gone = desk_process_start(r->vm.tgid) != run->process_start;
	}
	desk_vms_free(&vms);
	return DESK_OK;
}

static bool each(const struct trace_event *event, void *arg)
{
	record_event(arg, event);
	return false;
}

static int read_events(struct run *run)
{
	struct record *r = &run->record;
	int ret = trace_read(run->source, each, r);
	uint64_t lost = trace_lost(run->source);

	/* Where among the last events they are missing is not known: behind them. */
	if (!ret && lost > r->lost)
		record_lost(r, desk_now_ns(), lost - r->lost);
	return ret;
}

/* Why it ends, NULL if it goes on. */
static const char *reason(const struct run *run, bool gone)
{
	if (stopped)
		return "signal";
	if (gone || run->record.torn_down)
		return "vm";
	if (run->args.seconds &&
	    (desk_now_ns() - run->record.start_ns) / 1e9 >= run->args.seconds)
		return "seconds";
	if (trace_ended(run->source))
		return "events";
	return NULL;
}

static int loop(struct run *run, const char **why)
{
	struct record *r = &run->record;
	bool gone = false;
	int ret = DESK_OK;

	for (;;) {
		*why = reason(run, gone);
		/* What happened until the end belongs to it. */
		if (*why)
			trace_stop(run->source);
		ret = read_events(run);
		if (!ret)
			ret = record_file_flush(&r->file);
		if (ret || *why)
			return ret;
		/* kvm that is unloaded has no table, either: events say so. */
		ret = look(run, &gone);
		if (ret)
			return ret;
		if (!gone)
			desk_nap(POLL_SECONDS);
	}
}

static int say_end(const struct record *r, const char *why)
{
	desk_say("%lu updates of memslots, %lu invalidations, %lu events lost", r->updates,
		 r->invalidations, r->lost);
	if (!strcmp(why, "vm"))
		desk_say("the VM has ended, and so has the recording");
	if (r->lost)
		desk_say("events were lost: the recording cannot be replayed beyond that; give them more room with --buffer");
	if (strcmp(why, "events"))
		return DESK_OK;
	desk_say("no more events: kvm was unloaded, or somebody has turned them off");
	return DESK_NOT;
}

static int run_it(struct run *run)
{
	const char *why = "vm";
	int ret, closed;

	record_header(&run->record);
	ret = record_file_flush(&run->record.file);
	if (!ret)
		ret = loop(run, &why);
	if (!ret)
		record_end(&run->record, desk_now_ns(), why);
	closed = record_file_close(&run->record.file);
	trace_close(run->source);
	if (!ret && !closed)
		return say_end(&run->record, why);
	return ret ? ret : closed;
}

int record_main(int argc, char **argv)
{
	struct run run = { };
	struct trace_args trace = { .memslots = true };
	int ret;

	record_args_parse(&run.args, argc, argv);
	trace.buffer_kib = run.args.buffer_kib;
	catch_signals();
	ret = find_vm(&run);
	if (ret)
		return ret;
	run.record.start_ns = desk_now_ns();
	ret = trace_open(&run.source, &trace, run.record.vm.tgid);
	if (ret)
		return ret;
	ret = record_file_open(&run.record.file, run.args.output);
	if (!ret)
		return run_it(&run);
	trace_close(run.source);
	return ret;
}
