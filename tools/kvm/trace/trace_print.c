// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print one line for each event. See trace.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "desk.h"
#include "desk_json.h"
#include "desk_print.h"
#include "trace.h"

#define NAME_MIN	4
#define NAME_USUAL	8
#define NAME_MAX_WIDTH	24

/* Whole numbers only: of a memslot no page is left out. */
static char *size_text(uint64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = 0;

	bytes /= 1024;
	while (bytes && !(bytes % 1024) && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	return desk_text("%lu%c", bytes, units[unit]);
}

/* The memslot, with its address or without. */
static char *slot_text(const struct trace_event *event, bool address)
{
	char *size = size_text(event->npages * 4096), *text, space[24] = "";

	if (event->as_id)
		snprintf(space, sizeof(space), "%ld:", event->as_id);
	if (address)
		text = desk_text("%s%ld %s 0x%lx", space, event->slot, size,
				 event->base_gfn * 4096);
	else
		text = desk_text("%s%ld %s", space, event->slot, size);
	free(size);
	return text;
}

char *trace_what(const struct trace_event *event, int room)
{
	char *slot, *region, *text;

	if (event->slot < 0)
		return desk_copy(event->site);
	slot = slot_text(event, true);
	if (!event->region)
		return slot;
	region = desk_printable(event->region);
	text = desk_text("%s %s", slot, region);
	free(slot);
	if (room && desk_width(text) > room) {
		free(text);
		slot = slot_text(event, false);
		text = desk_text("%s %s", slot, region);
		free(slot);
	}
	free(region);
	return text;
}

/* What a line has besides name, process and memslot: "09:59:59.999   POLICY BY ...". */
#define FIXED	48
#define PID_USUAL	5

static int widest(int *width, const char *text)
{
	int now = desk_width(text);

	if (now > *width)
		*width = now;
	return *width;
}

/* The name, as wide as what else a line had so far leaves on a terminal. */
static void print_name(const char *name, int used)
{
	int columns = desk_columns(), room = NAME_USUAL;
	char *text = desk_printable(name);

	if (columns) {
		room = columns - FIXED - used;
		room = room < NAME_MIN ? NAME_MIN : room;
		room = room > NAME_MAX_WIDTH ? NAME_MAX_WIDTH : room;
	}
	desk_print_cell(text, columns || desk_width(text) < room ? room : desk_width(text));
	free(text);
}

/* Time, VM and process: what each line begins with. */
static void print_begin(const struct trace_event *event, const char *what)
{
	static int pid_width = PID_USUAL, what_width = 19;
	static bool titled;
	time_t seconds = event->time_ns / 1000000000;
	char *pid = desk_text("%ld", event->vm), clock[16];
	int used = widest(&pid_width, pid) + widest(&what_width, what);
	struct tm tm;

	if (!titled) {
		printf("%-12s ", "TIME");
		print_name("VM", used);
		printf(" %*s POLICY BY      TOOK SPTES OTHERS WHAT\n", pid_width, "PID");
		titled = true;
	}
	localtime_r(&seconds, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s.%03lu ", clock, event->time_ns / 1000000 % 1000);
	print_name(trace_name(event->vm), used);
	printf(" %*s ", pid_width, pid);
	free(pid);
}

/* The last of a line: as much as a terminal has room for beside the shortest name. */
static void print_what(const char *what)
{
	int columns = desk_columns(), room = columns - FIXED - PID_USUAL - NAME_MIN;

	if (columns && desk_width(what) > room)
		desk_print_cell(what, room);
	else
		fputs(what, stdout);
	putchar('\n');
}

static void print_text(const struct trace_event *event)
{
	int columns = desk_columns();
	char *what = trace_what(event, columns ? columns - FIXED - PID_USUAL - NAME_USUAL : 0);

	print_begin(event, event->kind == TRACE_SETTLE ? "" : what);
	switch (event->kind) {
	case TRACE_ZAP:
		printf("%-6s %-6s %5s %5s %6s ", event->policy, event->by,
		       desk_duration(event->ns).text, desk_amount(event->sptes).text,
		       desk_amount(event->collateral).text);
		print_what(what);
		break;
	case TRACE_MEMSLOT:
		printf("%-6s %-6s %5s %5s %6s ", event->change, "-",
		       desk_duration(event->ns).text, "-", "-");
		print_what(what);
		break;
	case TRACE_SETTLE:
		printf("then %ld page faults within %ld ms\n", event->refaults,
		       event->window_ms);
		break;
	case TRACE_NR_KINDS:
		break;
	}
	free(what);
}

struct json_object *trace_json_new(const char *event)
{
	struct json_object *object = desk_json_new("trace");

	desk_json_text(object, "event", event);
	return object;
}

struct json_object *trace_json_vm(pid_t pid)
{
	struct json_object *object = json_object_new_object();

	desk_json_text(object, "name", trace_name(pid));
	desk_json_number(object, "pid", pid);
	return object;
}

/* A number, or null if it is not @known. */
static void json_number(struct json_object *object, const char *key, int64_t number, bool known)
{
	json_object_object_add(object, key, known ? json_object_new_int64(number) : NULL);
}

void trace_json_what(struct json_object *object, const struct trace_event *event)
{
	bool known = event->slot >= 0;

	json_number(object, "as_id", event->as_id, known);
	json_number(object, "slot", event->slot, known);
	json_number(object, "address", event->base_gfn * 4096, known);
	json_number(object, "bytes", event->npages * 4096, known);
	desk_json_text(object, "region", event->region);
}

static void json_zap(struct json_object *object, const struct trace_event *event)
{
	desk_json_text(object, "site", event->site);
	desk_json_text(object, "policy", event->policy);
	desk_json_text(object, "by", event->by);
	trace_json_what(object, event);
	desk_json_number(object, "sptes", event->sptes);
	desk_json_number(object, "collateral", event->collateral);
	desk_json_number(object, "kept", event->kept);
	desk_json_number(object, "tables", event->tables);
	desk_json_number(object, "yields", event->yields);
	desk_json_number(object, "ns", event->ns);
}

static void json_settle(struct json_object *object, const struct trace_event *event)
{
	json_number(object, "slot", event->slot, event->slot >= 0);
	desk_json_number(object, "refaults", event->refaults);
	desk_json_number(object, "stall_ns", event->stall_ns);
	desk_json_number(object, "window_ms", event->window_ms);
}

static void json_memslot(struct json_object *object, const struct trace_event *event)
{
	desk_json_text(object, "change", event->change);
	trace_json_what(object, event);
	desk_json_number(object, "flags", event->flags);
	desk_json_number(object, "ns", event->ns);
}

static void print_json(const struct trace_event *event)
{
	static const struct {
		const char *name;
		void (*add)(struct json_object *object, const struct trace_event *event);
	} kinds[TRACE_NR_KINDS] = {
		[TRACE_ZAP] = { "zap", json_zap },
		[TRACE_SETTLE] = { "settle", json_settle },
		[TRACE_MEMSLOT] = { "memslot", json_memslot },
	};
	struct json_object *object = trace_json_new(kinds[event->kind].name);

	desk_json_real(object, "time", event->time_ns / 1e9, true);
	json_object_object_add(object, "vm", trace_json_vm(event->vm));
	kinds[event->kind].add(object, event);
	desk_json_print(object, true);
}

void trace_print(const struct trace_event *event, bool json)
{
	if (json)
		print_json(event);
	else
		print_text(event);
}
