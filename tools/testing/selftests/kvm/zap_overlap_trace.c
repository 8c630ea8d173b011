// SPDX-License-Identifier: GPL-2.0-only
/*
 * What zap_overlap_test reads from the kernel's trace, see zap_overlap.h.
 *
 * kvm:kvm_zap is emitted when an invalidation ends, and says how long that took. So its
 * interval is known, and whether an event of another CPU lies in it. The trace has
 * microseconds: only what lies in it for sure counts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zap_overlap.h"
#include "zap_tracing.h"

#define PROBES	ZAP_TRACING "kprobe_events"
#define GROUP	"zap_overlap"

static char enabled[128];	/* the partner's event, its folder */
static char delayed[128];	/* the same of what is delayed, in all of tracefs */
static char delays[64];		/* an instance of its own: what it notes is not read */

bool overlap_has_symbol(const char *function)
{
	char line[256], name[128];
	bool found = false;
	FILE *f = fopen("/proc/kallsyms", "r");

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*x %*c %127s", name) == 1 && !strcmp(name, function);
	if (f)
		fclose(f);
	return found;
}

static bool probe_command(const char *text)
{
	/* Without O_APPEND all others would be removed. */
	int fd = open(PROBES, O_WRONLY | O_APPEND | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static void probe_remove(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "-:" GROUP "/%s\n", name);
	probe_command(text);
}

static void probes_remove(void)
{
	probe_remove("partner");
	probe_remove("delay");
	if (delays[0])
		rmdir(delays);
}

static bool probe(const char *name, const char *function)
{
	bool returns = *function == '-';
	char text[192];

	snprintf(text, sizeof(text), "%c:" GROUP "/%s %s\n", returns ? 'r' : 'p', name,
		 function + returns);
	return probe_command(text);
}

void overlap_trace_create(void)
{
	/* Called at the end: events that an instance has on cannot be removed. */
	atexit(probes_remove);
	zap_tracing_start("events/kvm/kvm_zap");
	zap_tracing_put("trace_clock", "mono");
	zap_tracing_put("tracing_on", "0");
}

bool overlap_trace_on(const char *event, const char *comm)
{
	char file[192], filter[64];

	if (!strcmp(event, "kvm/kvm_zap")) {
		enabled[0] = '\0';
		return true;
	}
	if (strchr(event, '/')) {
		snprintf(enabled, sizeof(enabled), "events/%s", event);
		snprintf(file, sizeof(file), ZAP_TRACING "%s", enabled);
		if (access(file, F_OK)) {
			enabled[0] = '\0';
			return false;
		}
	} else {
		if (!overlap_has_symbol(event) || !probe("partner", event))
			return false;
		snprintf(enabled, sizeof(enabled), "events/" GROUP "/partner");
	}
	snprintf(file, sizeof(file), "%s/filter", enabled);
	snprintf(filter, sizeof(filter), "comm ~ \"%s\"", comm ? comm : "*");
	zap_tracing_put(file, filter);
	snprintf(file, sizeof(file), "%s/enable", enabled);
	zap_tracing_put(file, "1");
	return true;
}

void overlap_trace_off(void)
{
	char file[192];

	if (!enabled[0])
		return;
	snprintf(file, sizeof(file), "%s/enable", enabled);
	zap_tracing_put(file, "0");
	enabled[0] = '\0';
	probe_remove("partner");
}

void overlap_trace_pause(bool pause)
{
	zap_tracing_put("tracing_on", pause ? "0" : "1");
}

/* A line of the trace. */
struct entry {
	unsigned int cpu;
	uint64_t begin, end;	/* ns, the same but for an invalidation */
	bool zap, mine;		/* an invalidation; of the memslot that goes */
	uint64_t tables;
};

static uint64_t field(const char *line, const char *name)
{
	const char *at = strstr(line, name), *end = strchr(line, '\n');

	return at && (!end || at < end) ? strtoull(at + strlen(name), NULL, 10) : 0;
}

/* False if @line is no event, or neither an invalidation nor @event. */
static bool parse(const char *line, const char *event, struct entry *e)
{
	const char *at = strstr(line, " ["), *end = strchr(line, '\n');
	unsigned long s, us;
	char name[64];

	if (*line == '#' || !at || (end && at > end))
		return false;
	if (sscanf(at, " [%u] %*s %lu.%lu: %63[^: ]", &e->cpu, &s, &us, name) != 4)
		return false;
	e->begin = (s * 1000000 + us) * 1000;
	e->end = e->begin + 999;
	e->zap = !strcmp(name, "kvm_zap");
	e->mine = false;
	if (!e->zap)
		return !strcmp(name, event);
	e->end = e->begin;
	e->begin = e->begin + 999 - field(line, " ns=");
	e->mine = !!strstr(line, "site=memslot") && field(line, " slot=") == OVERLAP_SLOT;
	e->tables = field(line, " tables=");
	return true;
}

static const char *next(const char *line)
{
	line = strchr(line, '\n');
	return line ? line + 1 : NULL;
}

/* How many events of the partner's lie in @zap. */
static unsigned int count_within(const char *text, const char *event, const struct entry *zap)
{
	unsigned int n = 0;
	struct entry e;

	for (; text; text = next(text)) {
		if (!parse(text, event, &e) || e.mine || e.cpu == zap->cpu)
			continue;
		if (e.zap && strcmp(event, "kvm_zap"))
			continue;
		/* A point must lie in it, another invalidation may reach into it. */
		n += e.zap ? e.begin <= zap->end && e.end >= zap->begin :
			     e.begin >= zap->begin && e.end <= zap->end;
	}
	return n;
}

void overlap_trace_read(const char *event, struct overlap_seen *sum)
{
	const char *text = zap_tracing_drain(), *line;
	const char *name = strrchr(event, '/');
	unsigned int n;
	struct entry e;

	name = name ? name + 1 : "partner";
	for (line = text; line; line = next(line)) {
		if (!parse(line, name, &e))
			continue;
		if (!e.mine) {
			sum->events += !e.zap || !strcmp(name, "kvm_zap");
			continue;
		}
		n = count_within(text, name, &e);
		sum->zaps++;
		sum->within += n;
		sum->met += !!n;
		sum->begin_ns = e.begin;
		sum->end_ns = e.end;
		sum->ns += e.end - e.begin;
		if (e.tables > sum->tables)
			sum->tables = e.tables;
	}
}

static void delay_put(const char *file, const char *text)
{
	char path[256];
	int ret;

	snprintf(path, sizeof(path), "%s/events/" GROUP "/delay/%s", delays, file);
	ret = zap_write_file(path, text, strlen(text));
	if (ret)
		vm_die("'%s' > %s: %s", text, path, strerror(-ret));
}

bool overlap_delay(const char *function)
{
	if (!overlap_has_symbol(function + (*function == '-')) || !probe("delay", function))
		return false;
	snprintf(delays, sizeof(delays), ZAP_TRACING "instances/zap_delay.%d", getpid());
	if (mkdir(delays, 0700))
		vm_die("mkdir %s: %s", delays, strerror(errno));
	delay_put("trigger", "stacktrace");
	snprintf(delayed, sizeof(delayed), "%s", function);
	return true;
}

void overlap_delay_end(void)
{
	if (!delays[0])
		return;
	delay_put("trigger", "!stacktrace");
	if (rmdir(delays))
		vm_die("rmdir %s: %s", delays, strerror(errno));
	delays[0] = '\0';
	probe_remove("delay");
}
