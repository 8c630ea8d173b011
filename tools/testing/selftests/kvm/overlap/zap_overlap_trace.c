// SPDX-License-Identifier: GPL-2.0-only
/*
 * How zap_overlap_test reads the kernel's trace, see zap_overlap.h.
 *
 * kvm:kvm_zap is emitted when an invalidation ends and has its duration. So the interval
 * of the invalidation is known, and whether an event of another CPU lies in it. The
 * trace's clock has microseconds, so an event counts only if it lies in the interval for
 * certain.
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

/* More than zap_tracing_drain() has. */
#define MAX_LINES	16384

/* More than KVM has in /proc/kallsyms. */
#define SYMBOLS_BYTES	SZ_1M

static char enabled[128];	/* the partner's event, its folder */
static char delays[64];		/* an instance of its own: what it notes is not read */
static bool ordered;		/* drops and flushes are traced as well */

/*
 * Where KVM has , 0 if it has no such one. The kernel's own search for a name takes
 * tens of millions of instructions each time: read the list once.
 */
static uint64_t address_of(const char *function)
{
	static char symbols[SYMBOLS_BYTES];
	char line[256], word[128], *at;
	size_t used = 1;
	FILE *f;

	if (!symbols[0]) {
		f = fopen("/proc/kallsyms", "r");
		symbols[0] = '\n';
		while (f && fgets(line, sizeof(line), f))
			if (strstr(line, "\t[kvm]") && used + strlen(line) < sizeof(symbols))
				used += sprintf(symbols + used, "%s", line);
		if (f)
			fclose(f);
	}
	snprintf(word, sizeof(word), " %s\t", function);
	at = strstr(symbols, word);
	while (at && at[-1] != '\n')
		at--;
	return at ? strtoull(at, NULL, 16) : 0;
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
	probe_remove("drop");
	probe_remove("flush");
	probe_remove("delay");
	if (delays[0])
		rmdir(delays);
}

static bool probe(const char *name, const char *function)
{
	uint64_t address = address_of(function);
	char text[128];

	if (!address)
		return false;
	snprintf(text, sizeof(text), "p:" GROUP "/%s 0x%lx\n", name, address);
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

static bool trace_function(const char *functions)
{
	char name[64];
	size_t n;

	for (;; functions += n + 1) {
		n = strcspn(functions, "|");
		snprintf(name, sizeof(name), "%.*s", (int)n, functions);
		if (probe("partner", name))
			return true;
		if (!functions[n])
			return false;
	}
}

bool overlap_trace_on(const char *event, const char *comm)
{
	char file[192], filter[64];

	enabled[0] = '\0';
	if (!strcmp(event, "kvm/kvm_zap"))
		return true;
	if (strchr(event, '/')) {
		snprintf(file, sizeof(file), ZAP_TRACING "events/%s", event);
		if (access(file, F_OK))
			return false;
		snprintf(enabled, sizeof(enabled), "events/%s", event);
	} else {
		if (!trace_function(event))
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

bool overlap_trace_order(bool tdp)
{
	/* Called when an SPTE has gone, or when one is about to. */
	ordered = probe("drop", tdp ? "kvm_zap_count_sptes" : "kvm_zap_shadow_rmap") &&
		  probe("flush", "kvm_flush_remote_tlbs");
	if (ordered) {
		zap_tracing_put("events/" GROUP "/drop/enable", "1");
		zap_tracing_put("events/" GROUP "/flush/enable", "1");
	}
	return ordered;
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
	if (!ordered)
		return;
	zap_tracing_put("events/" GROUP "/drop/enable", "0");
	zap_tracing_put("events/" GROUP "/flush/enable", "0");
	probe_remove("drop");
	probe_remove("flush");
	ordered = false;
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
	const char *at = strstr(line, name);

	return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

/*
 * False if @line is no event, or neither an invalidation nor @event. @slot: of the
 * memslot that goes, -1 where none does.
 */
static bool parse(const char *line, const char *event, int slot, struct entry *e)
{
	const char *at = strstr(line, " [");
	unsigned long s, us;
	char name[64];

	if (!at)
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
	e->mine = (int)field(line, " slot=") == slot;
	e->tables = field(line, " tables=");
	return true;
}

/* How many events of the partner's lie in @zap. */
static unsigned int count_within(const char **lines, unsigned int nr, const char *event,
				 int slot, const struct entry *zap)
{
	unsigned int i, n = 0;
	struct entry e;

	for (i = 0; i < nr; i++) {
		if (!parse(lines[i], event, slot, &e) || e.mine || e.cpu == zap->cpu)
			continue;
		if (e.zap && strcmp(event, "kvm_zap"))
			continue;
		/* A point must lie in it, another invalidation may reach into it. */
		n += e.zap ? e.begin <= zap->end && e.end >= zap->begin :
			     e.begin >= zap->begin && e.end <= zap->end;
	}
	return n;
}

/* How many of the partner's events came when another CPU had dropped and not flushed. */
static unsigned int count_unflushed(const char **lines, unsigned int nr)
{
	unsigned int i, cpu, by = 0, n = 0;
	bool pending = false;
	const char *at;
	char name[64];

	for (i = 0; i < nr; i++) {
		at = strstr(lines[i], " [");
		if (!at || sscanf(at, " [%u] %*s %*s %63[^: ]", &cpu, name) != 2)
			continue;
		if (!strcmp(name, "drop")) {
			pending = true;
			by = cpu;
		} else if (!strcmp(name, "flush") && cpu == by) {
			pending = false;
		} else if (!strcmp(name, "partner") && cpu != by) {
			n += pending;
		}
	}
	return n;
}

/* Lines, each a string: to look for something in a long one takes long. */
static unsigned int split(char *text, const char **lines, unsigned int max)
{
	unsigned int n = 0;
	char *line;

	while ((line = strsep(&text, "\n")) && n < max)
		lines[n++] = line;
	return n;
}

void overlap_trace_read(struct overlap *o, const struct overlap_pair *pair)
{
	static const char *lines[MAX_LINES];
	unsigned int nr = split(zap_tracing_drain(), lines, MAX_LINES), i, n;
	const char *name = strrchr(o->event, '/');
	struct overlap_seen *sum = &o->seen;
	int first = -1;	/* CPU of the first of the partner's events since the last end */
	struct entry e;

	name = name ? name + 1 : "partner";
	sum->unflushed += count_unflushed(lines, nr);
	for (i = 0; i < nr; i++) {
		if (!parse(lines[i], name, pair->slot, &e))
			continue;
		if (!e.mine) {
			first = first < 0 ? (int)e.cpu : first;
			sum->events += !e.zap || !strcmp(name, "kvm_zap");
			continue;
		}
		if (pair->look)
			pair->look(o, lines[i]);
		n = count_within(lines, nr, name, pair->slot, &e);
		sum->usurped += first >= 0 && first != (int)e.cpu;
		first = -1;
		sum->zaps++;
		sum->cpu = e.cpu;
		sum->within += n;
		sum->met += !!n;
		sum->begin_ns = e.begin;
		sum->end_ns = e.end;
		sum->ns += e.end - e.begin;
		if (strstr(lines[i], " policy=scoped ") && e.tables > sum->tables)
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
	if (!probe("delay", function))
		return false;
	snprintf(delays, sizeof(delays), ZAP_TRACING "instances/zap_delay.%d", getpid());
	if (mkdir(delays, 0700))
		vm_die("mkdir %s: %s", delays, strerror(errno));
	delay_put("trigger", "stacktrace");
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
