/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-zap record: the updates of a VM's memslots as lines of JSON. kvm-zap.schema.json
 * describes the lines (record_*), and bench_replay.c repeats the updates.
 *
 * An update and the invalidation within it are two events, the invalidation first. KVM
 * holds slots_lock meanwhile, so no event of another memslot comes between them.
 */
#ifndef KVM_ZAP_RECORD_H
#define KVM_ZAP_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "desk_vms.h"
#include "trace.h"

/* Grows when a line that replay reads changes its meaning. */
#define RECORD_FORMAT	1

/* Where lines go. What is there are whole lines, always. */
struct record_file {
	const char *path;	/* NULL: stdout, then there is nobody to name */
	int fd;
	char *text;		/* lines that are not written yet */
	size_t bytes, room;
};

/* Exit statuses; why has been said. */
int record_file_open(struct record_file *file, const char *path);
int record_file_flush(struct record_file *file);
int record_file_close(struct record_file *file);

/* Appends @object as a line, and frees it. */
void record_line(struct record_file *file, struct json_object *object);

struct record {
	struct record_file file;
	uint64_t start_ns;		/* times of lines are since this */
	struct desk_vm vm;		/* what zap/vms said last */
	uint64_t looked_ns;		/* ... when; 0: something has changed that since */
	struct trace_event zap;		/* its update has not come yet */
	bool has_zap;
	bool torn_down;			/* the VM has gone */
	uint64_t updates, invalidations, lost;
};

/* Lines (record_line.c). ----------------------------------------------------- */

void record_header(struct record *r);
void record_event(struct record *r, const struct trace_event *event);
void record_lost(struct record *r, uint64_t at_ns, uint64_t events);
/* Also of an invalidation whose update never came. */
void record_end(struct record *r, uint64_t at_ns, const char *why);

/* The verb (record.c). -------------------------------------------------------- */

int record_main(int argc, char **argv);

#endif
