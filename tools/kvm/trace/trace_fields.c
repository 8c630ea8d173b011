// SPDX-License-Identifier: GPL-2.0-only
/*
 * From records to events. See trace_fields.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "trace_fields.h"

#define MAX_FIELDS	16

const char * const trace_kind_names[TRACE_NR_KINDS] = {
	[TRACE_ZAP] = "kvm_zap",
	[TRACE_SETTLE] = "kvm_zap_settle",
	[TRACE_MEMSLOT] = "kvm_zap_memslot",
};

#define NUMBER(name)	{ #name, offsetof(struct trace_event, name), false }
#define WORD(name)	{ #name, offsetof(struct trace_event, name), true }

static const struct known {
	const char *name;
	size_t offset;
	bool word;
} known[TRACE_NR_KINDS][MAX_FIELDS] = {
	[TRACE_ZAP] = {
		WORD(site), WORD(policy), WORD(by), NUMBER(vm), NUMBER(as_id), NUMBER(slot),
		NUMBER(base_gfn), NUMBER(npages), NUMBER(sptes), NUMBER(tables),
		NUMBER(yields), NUMBER(ns), NUMBER(collateral), NUMBER(kept),
	},
	[TRACE_SETTLE] = {
		NUMBER(vm), NUMBER(slot), NUMBER(refaults), NUMBER(stall_ns), NUMBER(window_ms),
	},
	[TRACE_MEMSLOT] = {
		WORD(change), NUMBER(vm), NUMBER(as_id), NUMBER(slot), NUMBER(base_gfn),
		NUMBER(npages), NUMBER(flags), NUMBER(ns),
	},
};

struct trace_fields {
	const struct known *known;
	struct tep_format_field *field[MAX_FIELDS];
	const struct tep_print_flag_sym *words[MAX_FIELDS];	/* of those that are words */
};

/* The words that the event's own text is printed with. */
static const struct tep_print_flag_sym *words_of(const struct tep_event *event, const char *name)
{
	const struct tep_print_arg *arg;

	for (arg = event->print_fmt.args; arg; arg = arg->next)
		if (arg->type == TEP_PRINT_SYMBOL &&
		    arg->symbol.field->type == TEP_PRINT_FIELD &&
		    !strcmp(arg->symbol.field->field.name, name))
			return arg->symbol.symbols;
	return NULL;
}

static const char *find_all(struct trace_fields *fields, struct tep_event *event)
{
	const struct known *k;
	int i;

	for (i = 0; i < MAX_FIELDS && fields->known[i].name; i++) {
		k = &fields->known[i];
		fields->field[i] = tep_find_field(event, k->name);
		if (k->word)
			fields->words[i] = words_of(event, k->name);
		if (!fields->field[i] || (k->word && !fields->words[i]))
			return k->name;
	}
	return NULL;
}

int trace_no_event(const char *system, enum trace_kind kind)
{
	desk_say("there is no event %s:%s: a kvm of another version, or no tracepoints", system,
		 trace_kind_names[kind]);
	return DESK_NO_ZAP;
}

int trace_fields_find(struct trace_fields **result, struct tep_handle *tep, const char *system,
		      enum trace_kind kind)
{
	struct tep_event *event = tep_find_event_by_name(tep, system, trace_kind_names[kind]);
	struct trace_fields *fields;
	const char *lacks;

	if (!event)
		return trace_no_event(system, kind);
	fields = desk_alloc(sizeof(*fields));
	fields->known = known[kind];
	lacks = find_all(fields, event);
	if (lacks) {
		desk_say("event %s:%s has no field '%s': not of this kvm-zap", system,
			 trace_kind_names[kind], lacks);
		free(fields);
		return DESK_NOT;
	}
	*result = fields;
	return DESK_OK;
}

void trace_fields_free(struct trace_fields *fields)
{
	free(fields);
}

static const char *word_for(const struct tep_print_flag_sym *words, uint64_t number)
{
	for (; words; words = words->next)
		if (strtoull(words->value, NULL, 0) == number)
			return words->str;
	return "?";
}

static int64_t number_in(struct tep_format_field *field, const struct tep_record *record)
{
	unsigned long long number = 0;

	tep_read_number_field(field, record->data, &number);
	/* The library does not extend signs. */
	if (field->flags & TEP_FIELD_IS_SIGNED && field->size == sizeof(int32_t))
		return (int32_t)number;
	return number;
}

void trace_fields_read(const struct trace_fields *fields, const struct tep_record *record,
		       struct trace_event *event)
{
	int i;

	for (i = 0; i < MAX_FIELDS && fields->known[i].name; i++) {
		void *to = (char *)event + fields->known[i].offset;
		int64_t number = number_in(fields->field[i], record);

		if (fields->known[i].word)
			*(const char **)to = word_for(fields->words[i], number);
		else
			*(int64_t *)to = number;
	}
}

int trace_fields_number(const struct trace_fields *fields, const char *name, const char *word)
{
	const struct tep_print_flag_sym *w;
	int i;

	for (i = 0; i < MAX_FIELDS && fields->known[i].name; i++)
		for (w = strcmp(fields->known[i].name, name) ? NULL : fields->words[i]; w;
		     w = w->next)
			if (!strcmp(w->str, word))
				return strtol(w->value, NULL, 0);
	return -1;
}
