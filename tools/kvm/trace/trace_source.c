// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracefs instance and its events. See trace.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tracefs.h>
#include <unistd.h>

#include "desk.h"
#include "desk_tracefs.h"
#include "trace.h"
#include "trace_fields.h"

#define SYSTEM	"kvm"

struct trace_source {
	struct tracefs_instance *instance;
	int held;		/* a file of it: the kernel keeps it as long as that is open */
	struct tep_handle *tep;
	struct trace_fields *fields[TRACE_NR_KINDS];
	bool wanted[TRACE_NR_KINDS];
	bool stopped;

	/* While events are handed out. */
	bool (*each)(const struct trace_event *event, void *arg);
	void *arg;
	uint64_t epoch_ns;	/* to be added to the time of an event */
};

static int denied(const char *what, int error)
{
	const char *lockdown = desk_lockdown();

	/* In a kernel that is locked down an instance has no files, which is said to be EINVAL. */
	if (error == EINVAL && lockdown)
		error = EPERM;
	if (error == EPERM && lockdown)
		desk_say("%s: the kernel is locked down (%s)", what, lockdown);
	else if (error == EACCES || error == EPERM)
		desk_say("%s: only root may trace", what);
	else if (error == ENOENT)
		desk_say("tracefs is not mounted: mount -t tracefs none /sys/kernel/tracing");
	else
		desk_say("%s: %s", what, strerror(error));
	return error == EACCES || error == EPERM || error == ENOENT ? DESK_DENIED : DESK_NOT;
}

/*
 * Somebody may take the instance for a left one as long as no file of it is open, so that
 * it has to be made again.
 */
static int make_instance(struct trace_source *source, const char *tracefs)
{
	char *name = desk_text(DESK_INSTANCE "%d", getpid());
	char *path = desk_text("%s/instances/%s", tracefs, name);
	int tries, error = 0;

	for (tries = 0; tries < 5 && source->held < 0; tries++) {
		source->instance = tracefs_instance_create(name);
		if (!source->instance) {
			error = errno;
			break;
		}
		source->held = tracefs_instance_file_open(source->instance, "tracing_on",
							  O_RDONLY | O_CLOEXEC);
		error = errno;
		if (source->held >= 0)
			break;
		tracefs_instance_destroy(source->instance);
		tracefs_instance_free(source->instance);
		source->instance = NULL;
	}
	error = source->held < 0 ? denied(path, error == ENOENT ? EBUSY : error) : DESK_OK;
	free(path);
	free(name);
	return error;
}

static int read_formats(struct trace_source *source, const char *tracefs)
{
	static const char * const systems[] = { SYSTEM, NULL };
	char *path = desk_text("%s/events/%s/%s", tracefs, SYSTEM, trace_kind_names[TRACE_ZAP]);
	int kind, ret = DESK_OK;

	if (access(path, F_OK) && errno == ENOENT) {
		free(path);
		return trace_no_event(SYSTEM, TRACE_ZAP);
	}
	/* KVM's other events are not ours, and some cannot be parsed. */
	tep_set_loglevel(TEP_LOG_NONE);
	source->tep = tracefs_local_events_system(tracefs, systems);
	if (!source->tep)
		ret = denied(path, errno);
	free(path);
	for (kind = 0; kind < TRACE_NR_KINDS && !ret; kind++)
		ret = trace_fields_find(&source->fields[kind], source->tep, SYSTEM, kind);
	return ret;
}

/* Both are freed. */
static char *also(char *filter, char *part)
{
	char *longer = desk_text("%s%s%s", filter, *filter ? " && " : "", part);

	free(filter);
	free(part);
	return longer;
}

/* Of each kind those events only that were asked for: others take room in the buffer. */
static char *filter_of(struct trace_source *source, const struct trace_args *args, pid_t vm,
		       enum trace_kind kind)
{
	const struct trace_fields *fields = source->fields[kind];
	char *filter = desk_copy("");

	if (vm)
		filter = also(filter, desk_text("vm == %d", vm));
	if (kind == TRACE_ZAP && args->site)
		filter = also(filter, desk_text("site == %d",
						trace_fields_number(fields, "site", args->site)));
	if (kind == TRACE_ZAP && args->policy)
		filter = also(filter, desk_text("policy == %d",
						trace_fields_number(fields, "policy",
								    args->policy)));
	if (kind == TRACE_ZAP && args->min_ns)
		filter = also(filter, desk_text("ns >= %lu", args->min_ns));
	return filter;
}

static int start_event(struct trace_source *source, const struct trace_args *args, pid_t vm,
		       enum trace_kind kind)
{
	const char *name = trace_kind_names[kind];
	char *filter = filter_of(source, args, vm, kind);
	int ret = DESK_OK;

	if (*filter && tracefs_event_file_write(source->instance, SYSTEM, name, "filter",
						filter) < 0) {
		desk_say("%s:%s: filter '%s': %s", SYSTEM, name, filter, strerror(errno));
		ret = DESK_NOT;
	} else if (tracefs_event_enable(source->instance, SYSTEM, name)) {
		ret = denied("kvm:kvm_zap", errno);
	}
	free(filter);
	return ret;
}

static int start(struct trace_source *source, const struct trace_args *args, pid_t vm)
{
	int kind, ret = DESK_OK;

	source->wanted[TRACE_ZAP] = true;
	source->wanted[TRACE_SETTLE] = !args->top;
	source->wanted[TRACE_MEMSLOT] = args->memslots;
	/* The clock of all CPUs: what an instance has otherwise may differ between them. */
	if (tracefs_instance_file_write(source->instance, "trace_clock", "mono") < 0 ||
	    tracefs_instance_set_buffer_size(source->instance, args->buffer_kib, -1)) {
		desk_say("the buffer of %lu KiB for each CPU: %s", args->buffer_kib,
			 strerror(errno));
		return DESK_NOT;
	}
	/* All of them from one moment on, however long it takes to enable each. */
	if (tracefs_trace_off(source->instance))
		return denied("tracing_on", errno);
	for (kind = 0; kind < TRACE_NR_KINDS && !ret; kind++)
		if (source->wanted[kind])
			ret = start_event(source, args, vm, kind);
	if (!ret && tracefs_trace_on(source->instance))
		ret = denied("tracing_on", errno);
	return ret;
}

int trace_open(struct trace_source **result, const struct trace_args *args, pid_t vm)
{
	struct trace_source *source = desk_alloc(sizeof(*source));
	const char *tracefs = desk_tracefs();
	char **left;
	size_t nr;
	int ret;

	source->held = -1;
	*result = NULL;
	if (!tracefs) {
		free(source);
		return denied("/sys/kernel/tracing", errno);
	}
	for (nr = desk_tracefs_clean(&left); nr--; free(left[nr]))
		desk_say("note: removed what a killed run has left: %s/instances/%s",
			 tracefs, left[nr]);
	free(left);
	ret = read_formats(source, tracefs);
	if (!ret)
		ret = make_instance(source, tracefs);
	if (!ret)
		ret = start(source, args, vm);
	if (ret)
		trace_close(source);
	else
		*result = source;
	return ret;
}

static int hand_out(struct tep_event *tep, struct tep_record *record, int cpu, void *arg)
{
	struct trace_source *source = arg;
	struct trace_event event = { };
	int kind;

	(void)cpu;
	for (kind = 0; kind < TRACE_NR_KINDS; kind++)
		if (source->fields[kind] && !strcmp(tep->name, trace_kind_names[kind]))
			break;
	if (kind == TRACE_NR_KINDS)
		return 0;
	event.kind = kind;
	event.mono_ns = record->ts;
	event.time_ns = record->ts + source->epoch_ns;
	trace_fields_read(source->fields[kind], record, &event);
	return source->each(&event, source->arg);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int trace_read(struct trace_source *source, bool (*each)(const struct trace_event *, void *),
	       void *arg)
{
	source->each = each;
	source->arg = arg;
	source->epoch_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	errno = 0;
	if (tracefs_iterate_raw_events(source->tep, source->instance, NULL, 0, hand_out,
				       source) < 0 &&
	    errno != EINTR && errno != EAGAIN) {
		desk_say("reading the events: %s", strerror(errno));
		return DESK_NOT;
	}
	return DESK_OK;
}

bool trace_ended(struct trace_source *source)
{
	return !source->stopped &&
	       tracefs_event_is_enabled(source->instance, SYSTEM,
					trace_kind_names[TRACE_ZAP]) != TRACEFS_ALL_ENABLED;
}

static uint64_t lost_of(const char *stats)
{
	static const char * const counts[] = { "overrun: ", "commit overrun: ",
					       "dropped events: " };
	const char *line = stats;
	uint64_t lost = 0;
	unsigned int i;

	while (line && *line) {
		for (i = 0; i < sizeof(counts) / sizeof(*counts); i++)
			if (!strncmp(line, counts[i], strlen(counts[i])))
				lost += strtoull(line + strlen(counts[i]), NULL, 10);
		line = strchr(line, '\n');
		line += !!line;
	}
	return lost;
}

uint64_t trace_lost(struct trace_source *source)
{
	int cpu, cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint64_t lost = 0;

	for (cpu = 0; cpu < cpus; cpu++) {
		char *file = desk_text("per_cpu/cpu%d/stats", cpu);
		char *stats = tracefs_instance_file_read(source->instance, file, NULL);

		lost += stats ? lost_of(stats) : 0;
		free(stats);
		free(file);
	}
	return lost;
}

void trace_stop(struct trace_source *source)
{
	int kind;

	source->stopped = true;
	for (kind = 0; kind < TRACE_NR_KINDS; kind++)
		if (source->wanted[kind])
			tracefs_event_disable(source->instance, SYSTEM, trace_kind_names[kind]);
}

void trace_close(struct trace_source *source)
{
	int kind;

	if (source->held >= 0)
		close(source->held);
	if (source->instance) {
		if (tracefs_instance_destroy(source->instance))
			desk_say("the instance %s stays: %s: 'kvm-zap restore' removes it",
				 tracefs_instance_get_name(source->instance), strerror(errno));
		tracefs_instance_free(source->instance);
	}
	for (kind = 0; kind < TRACE_NR_KINDS; kind++)
		trace_fields_free(source->fields[kind]);
	if (source->tep)
		tep_free(source->tep);
	free(source);
}
