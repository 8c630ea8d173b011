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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tracefs.h>
#include <unistd.h>

#include "desk.h"
#include "desk_tracefs.h"
#include "trace.h"
#include "trace_fields.h"
#include "vm.h"

static int failed, points;
static char *asked;		/* what was asked of tracefs, in order */
static const char *refused;	/* that is refused */
static bool disabled;		/* by somebody else */

static void ask(const char *fmt, ...)
{
	char *one, *longer;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&one, fmt, ap) < 0)
		exit(1);
	va_end(ap);
	longer = desk_text("%s%s%s", asked ? asked : "", asked ? "; " : "", one);
	free(asked);
	free(one);
	asked = longer;
}

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
	ask("no %s:%s", system, trace_kind_names[kind]);
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
	return (struct tracefs_instance *)&asked;
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
	ask("destroy");
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
	return (struct tep_handle *)&points;
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
	ask("%s %s '%s'", event, file, str);
	return answer(file);
}

int tracefs_event_enable(struct tracefs_instance *instance, const char *system,
			 const char *event)
{
	(void)instance;
	(void)system;
	ask("%s on", event);
	return answer("enable");
}

int tracefs_event_disable(struct tracefs_instance *instance, const char *system,
			  const char *event)
{
	(void)instance;
	(void)system;
	ask("%s off", event);
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
	ask("%s %s", file, str);
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
	ask("%zu KiB of %s", size, cpu < 0 ? "each" : "one");
	return answer("size");
}

int tracefs_trace_on(struct tracefs_instance *instance)
{
	(void)instance;
	ask("start");
	return answer("start");
}

int tracefs_trace_off(struct tracefs_instance *instance)
{
	(void)instance;
	ask("wait");
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

static void result(const char *what)
{
	static int before;

	printf("%sok %d %s\n", failed > before ? "not " : "", ++points, what);
	before = failed;
}

static void is(const char *what, const char *got, const char *wanted)
{
	if (got && !strcmp(got, wanted))
		return;
	printf("# %s: '%s', not '%s'\n", what, got, wanted);
	failed++;
}

static void opens(const char *what, const struct trace_args *args, pid_t vm, int status,
		  const char *wanted)
{
	struct trace_source *source;
	int got;

	free(asked);
	asked = NULL;
	got = trace_open(&source, args, vm);
	if (got != status) {
		printf("# %s: status %d, not %d\n", what, got, status);
		failed++;
	}
	is(what, asked, wanted);
	if (!got)
		trace_close(source);
}

#define BEGIN	"trace_clock mono; 256 KiB of each; wait; "
#define ARGS(...)	(&(struct trace_args){ .buffer_kib = 256, __VA_ARGS__ })

static void filters(void)
{
	opens("all", ARGS(), 0, DESK_OK, BEGIN "zap on; settle on; start");
	opens("--vm", ARGS(), 210, DESK_OK,
	      BEGIN "zap filter 'vm == 210'; zap on; settle filter 'vm == 210'; settle on; start");
	opens("--site", ARGS(.site = "mmio"), 0, DESK_OK,
	      BEGIN "zap filter 'site == 14'; zap on; settle on; start");
	opens("--policy", ARGS(.policy = "scoped"), 0, DESK_OK,
	      BEGIN "zap filter 'policy == 26'; zap on; settle on; start");
	opens("--min-ns", ARGS(.min_ns = 5000), 0, DESK_OK,
	      BEGIN "zap filter 'ns >= 5000'; zap on; settle on; start");
	opens("all of them, and --memslots",
	      ARGS(.site = "memslot", .policy = "fast", .min_ns = 1, .memslots = true), 9, DESK_OK,
	      BEGIN "zap filter 'vm == 9 && site == 17 && policy == 24 && ns >= 1'; zap on; "
	      "settle filter 'vm == 9'; settle on; memslot filter 'vm == 9'; memslot on; start");
	opens("--top", ARGS(.top = true), 0, DESK_OK, BEGIN "zap on; start");
	opens("--buffer", &(struct trace_args){ .buffer_kib = 8, .top = true }, 0, DESK_OK,
	      "trace_clock mono; 8 KiB of each; wait; zap on; start");
	result("of each kind the events that were asked for, all from one moment on");
}

/* What was made is taken away again. */
static void refusals(void)
{
	/* desk_say() is not looked at here. */
	if (!freopen("/dev/null", "w", stderr))
		exit(1);
	refused = "trace_clock";
	opens("the clock", ARGS(), 0, DESK_NOT, "trace_clock mono; destroy");
	refused = "size";
	opens("the size", ARGS(), 0, DESK_NOT, "trace_clock mono; 256 KiB of each; destroy");
	refused = "filter";
	opens("a filter", ARGS(), 5, DESK_NOT, BEGIN "zap filter 'vm == 5'; destroy");
	refused = "enable";
	opens("an event", ARGS(), 0, DESK_NOT, BEGIN "zap on; destroy");
	refused = "start";
	opens("the start", ARGS(), 0, DESK_NOT, BEGIN "zap on; settle on; start; destroy");
	refused = NULL;
	result("what tracefs refuses is no trace, and no instance stays");
}

static bool each(const struct trace_event *event, void *arg)
{
	char **seen = arg, *longer;

	longer = desk_text("%s%d %s at %lu; ", *seen ? *seen : "", event->kind, event->change,
			   event->mono_ns);
	free(*seen);
	*seen = longer;
	if (event->time_ns < 1000000000ULL * 1000000000) {
		printf("# %lu is not of this time\n", event->time_ns);
		failed++;
	}
	return false;
}

static void told_apart(void)
{
	const struct trace_args *args = ARGS(.memslots = true);
	uint64_t cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct trace_source *source;
	char *seen = NULL;

	if (trace_open(&source, args, 0))
		exit(1);
	if (trace_read(source, each, &seen))
		failed++;
	is("events", seen, "2 memslot at 7; 0 zap at 9; 1 settle at 10; ");
	free(seen);
	/* Of each CPU 540 and what it has overrun, which differs. */
	if (trace_lost(source) != 540 * cpus + 7 + 3 * (cpus - 1)) {
		printf("# %lu lost by %lu CPUs\n", trace_lost(source), cpus);
		failed++;
	}
	if (trace_ended(source))
		is("ended", "yes", "no");
	disabled = true;
	if (!trace_ended(source))
		is("disabled", "no", "yes");
	free(asked);
	asked = NULL;
	trace_stop(source);
	is("stop", asked, "zap off; settle off; memslot off");
	/* It is this program that has disabled them. */
	if (trace_ended(source))
		is("stopped", "yes", "no");
	trace_close(source);
	result("events are told apart, and all that are lost are counted");
}

int main(void)
{
	printf("TAP version 13\n1..3\n");
	filters();
	told_apart();
	refusals();
	return failed ? 1 : 0;
}
