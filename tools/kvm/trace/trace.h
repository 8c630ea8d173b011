/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-zap-trace: kvm-zap's events of KVM, from a tracefs instance of its own, as lines,
 * as JSON or summed up.
 */
#ifndef KVM_ZAP_TRACE_H
#define KVM_ZAP_TRACE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace_args.h"

enum trace_kind { TRACE_ZAP, TRACE_SETTLE, TRACE_MEMSLOT, TRACE_NR_KINDS };

/* An event: fields as sysfs-abi/tracefs-kvm-zap has them; those of other kinds are 0. */
struct trace_event {
	enum trace_kind kind;
	uint64_t time_ns;		/* since 1970 */
	uint64_t mono_ns;		/* of CLOCK_MONOTONIC */
	const char *site, *policy, *by, *change;
	int64_t vm, as_id, slot, base_gfn, npages, sptes, tables, yields, ns, collateral, kept;
	int64_t refaults, stall_ns, window_ms, flags;
	const char *region;		/* trace_region() of it; NULL: not known */
};

struct trace_source;

/*
 * An instance of its own, whose events are those of the VM with process @vm (0: all) that
 * @args ask for. A status of enum desk_exit; if it is not DESK_OK, the reason has been
 * printed, and nothing is left behind.
 */
int trace_open(struct trace_source **source, const struct trace_args *args, pid_t vm);

/*
 * Hands out what has come since, in order, until @each returns true. DESK_OK, or said:
 * DESK_NOT.
 */
int trace_read(struct trace_source *source, bool (*each)(const struct trace_event *, void *),
	       void *arg);

/* Events do not come any more, for kvm was unloaded, or somebody has turned them off. */
bool trace_ended(struct trace_source *source);

/* Events since the beginning that the buffer had no room for. */
uint64_t trace_lost(struct trace_source *source);

/* No more events, but those before can still be read. */
void trace_stop(struct trace_source *source);
void trace_close(struct trace_source *source);

/* Learns the names of the VMs that there are: one that ends has none any more. */
void trace_names_read(void);

/* What the guest of process @pid is called, valid until the next call. */
const char *trace_name(pid_t pid);

/*
 * By --qmp @qmp, which may be NULL: the socket of the VM with process @vm, or "none". DESK_OK,
 * or said: DESK_NOT.
 */
int trace_regions_open(const char *qmp, pid_t vm);

/* What QEMU calls the memory of the event's memslot. NULL: not known. Any bytes but NUL. */
const char *trace_region(const struct trace_event *event);

/* Between events: asks for what the last one of a VM had no name for. */
void trace_regions_poll(void);

/*
 * "9 256K 0xfeac0000 vga.rom", in memory of its own; @site where there is no memslot. Where
 * that takes more columns than @room (0: any), the address gives way to the region.
 */
char *trace_what(const struct trace_event *event, int room);

/* The same for JSON: keys as_id, slot, address, bytes and region. */
void trace_json_what(struct json_object *object, const struct trace_event *event);
struct json_object *trace_json_new(const char *event);
struct json_object *trace_json_vm(pid_t pid);

/* A line of it on stdout. */
void trace_print(const struct trace_event *event, bool json);

/* --top: what has come since the last table. */
void trace_top_add(const struct trace_event *event);
void trace_top_print(double seconds, uint64_t lost, bool json);

#endif
