// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-trace: the program that kvm-zap runs for its verbs trace and record. See
 * trace.h, record.h.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_json.h"
#include "desk_vms.h"
#include "record.h"
#include "trace.h"

#define POLL_SECONDS	0.1
#define CHECK_SECONDS	1	/* how often it is looked for losses, and whether kvm is there */

const char *argp_program_version = "kvm-zap-trace " KVM_ZAP_VERSION;

/* Set by signals. */
static volatile sig_atomic_t stopped, reader_left;

struct run {
	struct trace_args args;
	struct trace_source *source;
	uint64_t zaps, tables, lost;
	uint64_t table_ns;	/* when the last table was printed */

	/* VMs whose lines no line about faults has followed yet. */
	pid_t *pending;
	size_t nr_pending;
};

static void stop(int signal)
{
	stopped = 1;
	reader_left |= signal == SIGPIPE;
}

/* However it ends, the instance is removed. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction action = { .sa_handler = stop };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

static void add_pending(struct run *r, pid_t vm)
{
	size_t i;

	for (i = 0; i < r->nr_pending; i++)
		if (r->pending[i] == vm)
			return;
	r->pending = desk_grow(r->pending, r->nr_pending + 1, sizeof(*r->pending));
	r->pending[r->nr_pending++] = vm;
}

static bool take_pending(struct run *r, pid_t vm)
{
	size_t i;

	for (i = 0; i < r->nr_pending; i++)
		if (r->pending[i] == vm) {
			r->pending[i] = r->pending[--r->nr_pending];
			return true;
		}
	return false;
}

static bool is_done(const struct run *r)
{
	return r->args.count && (r->args.top ? r->tables : r->zaps) >= r->args.count;
}

/* True: no more of them. */
static bool each(const struct trace_event *raw, void *arg)
{
	struct trace_event named = *raw, *event = &named;
	struct run *r = arg;

	named.region = trace_region(raw);
	r->zaps += event->kind == TRACE_ZAP;
	if (r->args.top) {
		trace_top_add(event);
		return false;
	}
	if (event->kind == TRACE_ZAP)
		add_pending(r, event->vm);
	/* Faults that follow an invalidation without a line have none, either. */
	if (event->kind != TRACE_SETTLE || take_pending(r, event->vm))
		trace_print(event, r->args.common.json);
	return is_done(r);
}

static void say_lost(struct run *r)
{
	uint64_t lost = trace_lost(r->source), more = lost - r->lost;
	struct json_object *object;

	r->lost = lost;
	if (!more || r->args.top)
		return;
	if (!r->args.common.json) {
		desk_say("%lu events were lost here: give them more room with --buffer", more);
		return;
	}
	object = trace_json_new("lost");
	desk_json_number(object, "events", more);
	desk_json_print(object, true);
}

static void say_end(struct run *r)
{
	struct json_object *object;

	if (!r->args.common.json) {
		desk_say("%lu invalidations, %lu events lost", r->zaps, r->lost);
		return;
	}
	object = trace_json_new("end");
	desk_json_number(object, "invalidations", r->zaps);
	desk_json_number(object, "lost", r->lost);
	desk_json_print(object, true);
}

static void print_table(struct run *r)
{
	uint64_t now = desk_now_ns();

	r->lost = trace_lost(r->source);
	trace_top_print((now - r->table_ns) / 1e9, r->lost, r->args.common.json);
	r->table_ns = now;
	r->tables++;
}

static bool time_is_up(const struct run *r, uint64_t start_ns)
{
	return r->args.seconds && (desk_now_ns() - start_ns) / 1e9 >= r->args.seconds;
}

static int check(struct run *r, uint64_t *checked_ns)
{
	uint64_t now = desk_now_ns();

	if (now - *checked_ns < CHECK_SECONDS * 1000000000ULL)
		return DESK_OK;
	*checked_ns = now;
	say_lost(r);
	if (!trace_ended(r->source))
		return DESK_OK;
	desk_say("no more events: kvm was unloaded, or somebody has turned them off");
	return DESK_NOT;
}

static int loop(struct run *r)
{
	uint64_t start_ns = desk_now_ns(), checked_ns = start_ns;
	int ret = DESK_OK;

	r->table_ns = start_ns;
	while (!ret && !stopped && !is_done(r) && !time_is_up(r, start_ns)) {
		desk_nap(POLL_SECONDS);
		trace_regions_poll();
		ret = trace_read(r->source, each, r);
		if (!ret)
			ret = check(r, &checked_ns);
		if (r->args.top && (desk_now_ns() - r->table_ns) / 1e9 >= r->args.interval)
			print_table(r);
		if (desk_flush())
			break;
	}
	trace_stop(r->source);
	return ret;
}

static int run(struct run *r)
{
	int ret = loop(r);

	/* What happened until the end belongs to it. */
	if (!ret && !is_done(r))
		ret = trace_read(r->source, each, r);
	if (r->args.top && !is_done(r))
		print_table(r);
	else
		say_lost(r);
	if (!r->args.top)
		say_end(r);
	trace_close(r->source);
	/* The reader has seen what it wanted to. */
	if (reader_left)
		return DESK_OK;
	return desk_check_output() ? DESK_NOT : ret;
}

/* The process of the VM that is asked for, 0 if it is all of them. */
static int find_vm(const char *who, pid_t *pid)
{
	struct desk_vms vms;
	struct desk_vm *vm;
	size_t nr;
	int ret;

	*pid = 0;
	if (!who)
		return DESK_OK;
	ret = desk_need_vms(&vms);
	if (ret)
		return ret;
	desk_vms_name(&vms);
	ret = desk_vms_find(&vms, who, &vm, &nr);
	if (!ret)
		*pid = vm->tgid;
	desk_vms_free(&vms);
	return ret;
}

int main(int argc, char **argv)
{
	const char *verb = getenv("KVM_ZAP_VERB");
	struct run r = { };
	pid_t vm;
	int ret;

	setlocale(LC_CTYPE, "C.UTF-8");
	argp_err_exit_status = DESK_USAGE;
	if (verb && !strcmp(verb, "record"))
		return record_main(argc, argv);
	trace_args_parse(&r.args, argc, argv);
	if (!r.args.interval)
		r.args.interval = 1;
	catch_signals();
	trace_names_read();
	ret = find_vm(r.args.vm, &vm);
	if (!ret)
		ret = trace_regions_open(r.args.qmp, vm);
	if (!ret)
		ret = trace_open(&r.source, &r.args, vm);
	return ret ? ret : run(&r);
}
