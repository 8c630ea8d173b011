// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/trace/trace_source.c asks tracefs for: which events, by which filters, in
 * which order, and how many it says were lost. This file takes the place of libtracefs.
 * desk_events_test.sh builds and runs it. KTAP. The real one is the matter of
 * desk_trace_test.sh.
 *
 * What breaks without it: a filter lets through what it is to keep out, or events that the
 * buffer had no room for are not counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>
#include <unistd.h>

#include "desk.h"
#include "desk_tracefs.h"
#include "trace.h"
#include "trace_fields.h"
#include "unit.h"
#include "vm.h"

static const char *refused;	/* that is refused */
static bool disabled;		/* by somebody else */

static int answer(const char *what)
{
	if (!refused || strcmp(refused, what))
		return 0;
	errno = EINVAL;
	return -1;
}

/* libtracefs and what is above it ------------------------------------------- */

const char * const trace_kind_names[TRACE_NR_KINDS] = { "zap", "settle", "memslot" };

const char *desk_tracefs(void)
{
	/* What is not there is no folder, rather than missing. */
	return "/dev/null";
}

size_t desk_tracefs_clean(char ***names)
{
	*names = NULL;
	return 0;
}

int trace_no_event(const char *system, enum trace_kind kind)
{
	unit_note("no %s:%s", system, trace_kind_names[kind]);
	return DESK_NO_ZAP;
}

int trace_fields_find(struct trace_fields **fields, struct tep_handle *tep, const char *system,
		      enum trace_kind kind)
{
	(void)tep;
	(void)system;
	*fields = (struct trace_fields *)&trace_kind_names[kind];
	return DESK_OK;
}

void trace_fields_free(struct trace_fields *fields)
{
	(void)fields;
}

void trace_fields_read(const struct trace_fields *fields, const struct tep_record *record,
		       struct trace_event *event)
{
	(void)record;
	event->change = *(const char * const *)fields;
}

int trace_fields_number(const struct trace_fields *fields, const char *name, const char *word)
{
	(void)fields;
	return !strcmp(name, "site") ? 10 + strlen(word) : 20 + strlen(word);
}

struct tracefs_instance *tracefs_instance_create(const char *name)
{
	(void)name;
	return (struct tracefs_instance *)&refused;
}

int tracefs_instance_file_open(struct tracefs_instance *instance, const char *file, int mode)
{
	(void)instance;
	(void)file;
	(void)mode;
	return dup(STDOUT_FILENO);
}

int tracefs_instance_destroy(struct tracefs_instance *instance)
{
	(void)instance;
	unit_note("destroy");
	return 0;
}

void tracefs_instance_free(struct tracefs_instance *instance)
{
	(void)instance;
}

const char *tracefs_instance_get_name(struct tracefs_instance *instance)
{
	(void)instance;
	return "kvm-zap.1";
}

struct tep_handle *tracefs_local_events_system(const char *tracing_dir,
					       const char * const *sys_names)
{
	(void)tracing_dir;
	(void)sys_names;
	return (struct tep_handle *)&refused;
}

void tep_set_loglevel(enum tep_loglevel level)
{
	(void)level;
}

void tep_free(struct tep_handle *tep)
{
	(void)tep;
}

int tracefs_event_file_write(struct tracefs_instance *instance, const char *system,
			     const char *event, const char *file, const char *str)
{
	(void)instance;
	(void)system;
	unit_note("%s %s '%s'", event, file, str);
	return answer(file);
}

int tracefs_event_enable(struct tracefs_instance *instance, const char *system,
			 const char *event)
{
	(void)instance;
	(void)system;
	unit_note("%s on", event);
	return answer("enable");
}

int tracefs_event_disable(struct tracefs_instance *instance, const char *system,
			  const char *event)
{
	(void)instance;
	(void)system;
	unit_note("%s off", event);
	return 0;
}

enum tracefs_enable_state tracefs_event_is_enabled(struct tracefs_instance *instance,
						   const char *system, const char *event)
{
	(void)instance;
	(void)system;
	(void)event;
	return disabled ? TRACEFS_ALL_DISABLED : TRACEFS_ALL_ENABLED;
}

int tracefs_instance_file_write(struct tracefs_instance *instance, const char *file,
				const char *str)
{
	(void)instance;
	unit_note("%s %s", file, str);
	return answer(file);
}

char *tracefs_instance_file_read(struct tracefs_instance *instance, const char *file, int *psize)
{
	(void)instance;
	(void)psize;
	/* As of the ring buffer: what is not lost is not counted. */
	return desk_text("entries: 1000\n%scommit overrun: 40\nbytes: 2000\n"
			 "oldest event ts: 1.5\nnow ts: 2.5\ndropped events: 500\nread events: 3000\n",
			 strstr(file, "/cpu0/") ? "overrun: 7\n" : "overrun: 3\n");
}

int tracefs_instance_set_buffer_size(struct tracefs_instance *instance, size_t size, int cpu)
{
	(void)instance;
	unit_note("%zu KiB of %s", size, cpu < 0 ? "each" : "one");
	return answer("size");
}

int tracefs_trace_on(struct tracefs_instance *instance)
{
	(void)instance;
	unit_note("start");
	return answer("start");
}

int tracefs_trace_off(struct tracefs_instance *instance)
{
	(void)instance;
	unit_note("wait");
	return 0;
}

int tracefs_iterate_raw_events(struct tep_handle *tep, struct tracefs_instance *instance,
			       cpu_set_t *cpus, int cpu_size,
			       int (*callback)(struct tep_event *, struct tep_record *, int,
					       void *),
			       void *callback_context)
{
	static char names[][8] = { "memslot", "other", "zap", "settle" };
	unsigned int i;

	(void)tep;
	(void)instance;
	(void)cpus;
	(void)cpu_size;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct tep_event event = { .name = names[i] };
		struct tep_record record = { .ts = 7 + i };

		callback(&event, &record, 0, callback_context);
	}
	return answer("read");
}

/* Tests --------------------------------------------------------------------- */

static void opens(const char *what, const struct trace_args *args, pid_t vm, int status,
		  const char *wanted)
{
	struct trace_source *source;
	int got;

	unit_forget();
	got = trace_open(&source, args, vm);
	ktap_equal(what, got, status);
	ktap_text(what, unit_log, wanted);
	if (!got)
		trace_close(source);
}

#define BEGIN	"trace_clock mono\n256 KiB of each\nwait\n"
#define ARGS(...)	(&(struct trace_args){ .buffer_kib = 256, __VA_ARGS__ })

static void filters(void)
{
	opens("all", ARGS(), 0, DESK_OK, BEGIN "zap on\nsettle on\nstart\n");
	opens("--vm", ARGS(), 210, DESK_OK,
	      BEGIN "zap filter 'vm == 210'\nzap on\n"
	      "settle filter 'vm == 210'\nsettle on\nstart\n");
	opens("--site", ARGS(.site = "mmio"), 0, DESK_OK,
	      BEGIN "zap filter 'site == 14'\nzap on\nsettle on\nstart\n");
	opens("--policy", ARGS(.policy = "scoped"), 0, DESK_OK,
	      BEGIN "zap filter 'policy == 26'\nzap on\nsettle on\nstart\n");
	opens("--min-ns", ARGS(.min_ns = 5000), 0, DESK_OK,
	      BEGIN "zap filter 'ns >= 5000'\nzap on\nsettle on\nstart\n");
	opens("all of them, and --memslots",
	      ARGS(.site = "memslot", .policy = "fast", .min_ns = 1, .memslots = true), 9, DESK_OK,
	      BEGIN "zap filter 'vm == 9 && site == 17 && policy == 24 && ns >= 1'\nzap on\n"
	      "settle filter 'vm == 9'\nsettle on\nmemslot filter 'vm == 9'\nmemslot on\nstart\n");
	opens("--top", ARGS(.top = true), 0, DESK_OK, BEGIN "zap on\nstart\n");
	opens("--buffer", &(struct trace_args){ .buffer_kib = 8, .top = true }, 0, DESK_OK,
	      "trace_clock mono\n8 KiB of each\nwait\nzap on\nstart\n");
	ktap_result("of each kind the events that were asked for, all from one moment on");
}

/* What was made is taken away again. */
static void refusals(void)
{
	/* desk_say() is not looked at here. */
	unit_quiet();
	refused = "trace_clock";
	opens("the clock", ARGS(), 0, DESK_NOT, "trace_clock mono\ndestroy\n");
	refused = "size";
	opens("the size", ARGS(), 0, DESK_NOT, "trace_clock mono\n256 KiB of each\ndestroy\n");
	refused = "filter";
	opens("a filter", ARGS(), 5, DESK_NOT, BEGIN "zap filter 'vm == 5'\ndestroy\n");
	refused = "enable";
	opens("an event", ARGS(), 0, DESK_NOT, BEGIN "zap on\ndestroy\n");
	refused = "start";
	opens("the start", ARGS(), 0, DESK_NOT, BEGIN "zap on\nsettle on\nstart\ndestroy\n");
	refused = NULL;
	ktap_result("what tracefs refuses is no trace, and no instance stays");
}

static bool each(const struct trace_event *event, void *arg)
{
	(void)arg;
	unit_note("%d %s at %lu", event->kind, event->change, event->mono_ns);
	ktap_check(event->time_ns >= 1000000000ULL * 1000000000, "%lu is not of this time",
		   event->time_ns);
	return false;
}

static void told_apart(void)
{
	const struct trace_args *args = ARGS(.memslots = true);
	uint64_t cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct trace_source *source;

	if (trace_open(&source, args, 0))
		exit(1);
	unit_forget();
	ktap_equal("read", trace_read(source, each, NULL), DESK_OK);
	ktap_text("events", unit_log, "2 memslot at 7\n0 zap at 9\n1 settle at 10\n");
	/* Of each CPU 540 and what it has overrun, which differs. */
	ktap_equal("lost", trace_lost(source), 540 * cpus + 7 + 3 * (cpus - 1));
	ktap_equal("ended", trace_ended(source), false);
	disabled = true;
	ktap_equal("disabled", trace_ended(source), true);
	unit_forget();
	trace_stop(source);
	ktap_text("stop", unit_log, "zap off\nsettle off\nmemslot off\n");
	/* It is this program that has disabled them. */
	ktap_equal("stopped", trace_ended(source), false);
	trace_close(source);
	ktap_result("events are told apart, and all that are lost are counted");
}

int main(void)
{
	ktap_start(3);
	filters();
	told_apart();
	refusals();
	return ktap_end();
}
