/* SPDX-License-Identifier: GPL-2.0-only */
/* Fields of the events and their words, as the events' format files describe them. */
#ifndef KVM_ZAP_TRACE_FIELDS_H
#define KVM_ZAP_TRACE_FIELDS_H

#include <event-parse.h>

#include "trace.h"

extern const char * const trace_kind_names[TRACE_NR_KINDS];

struct trace_fields;

/* Says so. DESK_NO_ZAP. */
int trace_no_event(const char *system, enum trace_kind kind);

/* A status of enum desk_exit; if it is not DESK_OK, the reason has been printed. */
int trace_fields_find(struct trace_fields **fields, struct tep_handle *tep, const char *system,
		      enum trace_kind kind);
void trace_fields_free(struct trace_fields *fields);

/* Sets those of @event that its kind has. */
void trace_fields_read(const struct trace_fields *fields, const struct tep_record *record,
		       struct trace_event *event);

/* The number that stands for @word in field @name, -1 if none does. */
int trace_fields_number(const struct trace_fields *fields, const char *name, const char *word);

#endif
