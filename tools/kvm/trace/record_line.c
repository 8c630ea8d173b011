// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines of kvm-zap record. See record.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "desk.h"
#include "desk_json.h"
#include "host.h"
#include "record.h"

static const char no_slots[] =
	"KVM does not tell which memslots a VM has: those that are deleted, moved or changed "
	"later are found then";

static struct json_object *new_line(const char *event)
{
	struct json_object *object = desk_json_new("record");

	desk_json_text(object, "event", event);
	return object;
}

static uint64_t since(const struct record *r, uint64_t ns)
{
	return ns > r->start_ns ? ns - r->start_ns : 0;
}

/* A number, or null if it is not @known. */
static void number(struct json_object *object, const char *key, int64_t value, bool known)
{
	json_object_object_add(object, key, known ? json_object_new_int64(value) : NULL);
}

void record_header(struct record *r)
{
	struct json_object *object = new_line("header");
	struct desk_module module;

	desk_module_read(&module);
	desk_json_number(object, "format", RECORD_FORMAT);
	desk_json_real(object, "time", time(NULL), true);
	json_object_object_add(object, "vm", desk_json_vm_short(&r->vm));
	desk_json_text(object, "mmu", host_mmu());
	json_object_object_add(object, "module", desk_json_module(&module));
	json_object_object_add(object, "parameters", desk_json_parameters());
	desk_json_number(object, "mapped", r->vm.n[COUNT_MAPPED]);
	json_object_object_add(object, "slots", NULL);
	desk_json_text(object, "slots_unknown", no_slots);
	desk_module_free(&module);
	record_line(&r->file, object);
}

/* Before and after: of all that is mapped, fast leaves nothing, scoped what it kept. */
static void add_mapped(struct json_object *object, const struct trace_event *zap)
{
	number(object, "mapped_before", zap->sptes + zap->kept, true);
	number(object, "mapped_after", zap->kept, true);
	desk_json_text(object, "mapped_by", "event");
}

/*
 * An update that drops nothing tells nothing of it: what the last look at zap/vms said
 * holds unless an invalidation came since.
 */
static void add_looked(struct json_object *object, const struct record *r, uint64_t ns)
{
	bool known = r->looked_ns && r->looked_ns <= ns;

	number(object, "mapped_before", r->vm.n[COUNT_MAPPED], known);
	number(object, "mapped_after", 0, false);
	desk_json_text(object, "mapped_by", known ? "vms" : NULL);
}

static void add_counts(struct json_object *object, const struct trace_event *zap)
{
	desk_json_text(object, "policy", zap->policy);
	desk_json_text(object, "by", zap->by);
	number(object, "sptes", zap->sptes, true);
	number(object, "collateral", zap->collateral, true);
	number(object, "kept", zap->kept, true);
	number(object, "tables", zap->tables, true);
	number(object, "yields", zap->yields, true);
	number(object, "ns", zap->ns, true);
}

/* An invalidation that is no update's: of another site, or the update was lost. */
static void write_zap(struct record *r, const struct trace_event *zap)
{
	struct json_object *object = new_line("zap");
	bool has_slot = zap->slot >= 0;

	desk_json_number(object, "at_ns", since(r, zap->mono_ns));
	desk_json_text(object, "site", zap->site);
	number(object, "as_id", zap->as_id, has_slot);
	number(object, "slot", zap->slot, has_slot);
	number(object, "gfn", zap->base_gfn, has_slot);
	number(object, "pages", zap->npages, has_slot);
	add_counts(object, zap);
	add_mapped(object, zap);
	record_line(&r->file, object);
}

static void flush_zap(struct record *r)
{
	if (r->has_zap)
		write_zap(r, &r->zap);
	r->has_zap = false;
}

static bool is_of(const struct trace_event *zap, const struct trace_event *update)
{
	return zap->as_id == update->as_id && zap->slot == update->slot &&
	       zap->npages == update->npages &&
	       (!strcmp(update->change, "delete") || !strcmp(update->change, "move"));
}

static void write_update(struct record *r, const struct trace_event *update)
{
	struct json_object *object = new_line("memslot"), *zap = NULL;

	if (r->has_zap && !is_of(&r->zap, update))
		flush_zap(r);
	desk_json_number(object, "at_ns", since(r, update->mono_ns));
	number(object, "as_id", update->as_id, true);
	number(object, "slot", update->slot, true);
	number(object, "gfn", update->base_gfn, true);
	number(object, "pages", update->npages, true);
	number(object, "flags", update->flags, true);
	desk_json_text(object, "change", update->change);
	number(object, "ns", update->ns, true);
	if (r->has_zap) {
		zap = json_object_new_object();
		number(zap, "gfn", r->zap.base_gfn, true);
		add_counts(zap, &r->zap);
		add_mapped(object, &r->zap);
	} else {
		add_looked(object, r, update->mono_ns);
	}
	json_object_object_add(object, "zap", zap);
	record_line(&r->file, object);
	r->has_zap = false;
	r->updates++;
}

static void write_settle(struct record *r, const struct trace_event *event)
{
	struct json_object *object = new_line("settle");

	desk_json_number(object, "at_ns", since(r, event->mono_ns));
	number(object, "slot", event->slot, event->slot >= 0);
	number(object, "refaults", event->refaults, true);
	number(object, "stall_ns", event->stall_ns, true);
	number(object, "window_ms", event->window_ms, true);
	record_line(&r->file, object);
}

static void take_zap(struct record *r, const struct trace_event *event)
{
	flush_zap(r);
	r->invalidations++;
	r->looked_ns = 0;
	if (!strcmp(event->site, "memslot")) {
		r->zap = *event;
		r->has_zap = true;
		return;
	}
	write_zap(r, event);
	r->torn_down |= !strcmp(event->site, "teardown");
}

void record_event(struct record *r, const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_ZAP:
		take_zap(r, event);
		return;
	case TRACE_MEMSLOT:
		write_update(r, event);
		return;
	case TRACE_SETTLE:
		write_settle(r, event);
		return;
	case TRACE_NR_KINDS:
		return;
	}
}

void record_lost(struct record *r, uint64_t at_ns, uint64_t events)
{
	struct json_object *object = new_line("lost");

	flush_zap(r);
	desk_json_number(object, "at_ns", since(r, at_ns));
	desk_json_number(object, "events", events);
	record_line(&r->file, object);
	r->lost += events;
}

void record_end(struct record *r, uint64_t at_ns, const char *why)
{
	struct json_object *object;

	flush_zap(r);
	object = new_line("end");
	desk_json_number(object, "at_ns", since(r, at_ns));
	desk_json_text(object, "why", why);
	desk_json_number(object, "updates", r->updates);
	desk_json_number(object, "invalidations", r->invalidations);
	desk_json_number(object, "lost", r->lost);
	record_line(&r->file, object);
}
