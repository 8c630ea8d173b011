// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events for record_test.sh, desk_qmp_test.sh and desk_events_test.sh. This file replaces
 * trace_source.c: it reads the events from the file that the environment variable
 * RECORD_EVENTS names, not from tracefs.
 *
 * A line is an event, "KIND NAME=VALUE...", as in "zap slot=3 policy=fast sptes=7". at_ms
 * is when it arrives and when it happened, after the instance was created. An event with
 * stopped=1 is read after the program has asked for no more. Other lines: "lost
 * events=N", "off" (somebody disables the events).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "trace.h"
#include "vm.h"

#define NUMBER(name)	{ #name, offsetof(struct trace_event, name), false }
#define WORD(name)	{ #name, offsetof(struct trace_event, name), true }

static const struct {
	const char *name;
	size_t offset;
	bool word;
} fields[] = {
	WORD(site), WORD(policy), WORD(by), WORD(change), NUMBER(vm), NUMBER(as_id), NUMBER(slot),
	NUMBER(base_gfn), NUMBER(npages), NUMBER(sptes), NUMBER(tables), NUMBER(yields),
	NUMBER(ns), NUMBER(collateral), NUMBER(kept), NUMBER(refaults), NUMBER(stall_ns),
	NUMBER(window_ms), NUMBER(flags),
};

struct trace_source {
	FILE *file;
	uint64_t start_ns, lost;
	char *line;		/* that has not come yet */
	size_t room;
	bool off, stopped;
	pid_t vm;
};

static int64_t value_of(const char *line, const char *name, char **word)
{
	char *copy = desk_copy(line), *save, *part;
	int64_t n = 0;

	for (part = strtok_r(copy, "\n ", &save); part; part = strtok_r(NULL, "\n ", &save)) {
		char *equals = strchr(part, '=');

		if (!equals || strncmp(part, name, strlen(name)) || part + strlen(name) != equals)
			continue;
		n = strtoll(equals + 1, NULL, 0);
		if (word)
			*word = desk_copy(equals + 1);
	}
	free(copy);
	return n;
}

int trace_open(struct trace_source **source, const struct trace_args *args, pid_t vm)
{
	struct trace_source *s = desk_alloc(sizeof(*s));

	(void)args;
	memset(s, 0, sizeof(*s));
	s->file = fopen(getenv("RECORD_EVENTS"), "re");
	s->start_ns = desk_now_ns();
	s->vm = vm;
	*source = s;
	return s->file ? DESK_OK : DESK_NOT;
}

/* Words are the same pointers, as those that tracefs has: there are few. */
static const char *word_of(char *word)
{
	static char *words[32];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words) && words[i]; i++) {
		if (strcmp(words[i], word))
			continue;
		free(word);
		return words[i];
	}
	if (i < ARRAY_SIZE(words))
		words[i] = word;
	return word;
}

static void fill(struct trace_event *event, const char *line)
{
	unsigned int i;

	event->site = word_of(desk_copy("memslot"));
	event->by = word_of(desk_copy("kernel"));
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		char *word = NULL;
		int64_t n = value_of(line, fields[i].name, &word);

		if (word && fields[i].word)
			*(const char **)((char *)event + fields[i].offset) =
				word_of(word);
		else if (word)
			*(int64_t *)((char *)event + fields[i].offset) = n;
	}
}

int trace_read(struct trace_source *s, bool (*each)(const struct trace_event *, void *), void *arg)
{
	static const char * const kinds[] = { "zap ", "settle ", "memslot " };

	for (;;) {
		uint64_t at_ns;
		bool done = false;
		int kind;

		if (!s->line && getline(&s->line, &s->room, s->file) < 0)
			return DESK_OK;
		at_ns = s->start_ns + value_of(s->line, "at_ms", NULL) * 1000000;
		if (desk_now_ns() < at_ns ||
		    (value_of(s->line, "stopped", NULL) && !s->stopped))
			return DESK_OK;
		if (!strncmp(s->line, "lost ", 5))
			s->lost += value_of(s->line, "events", NULL);
		s->off |= !strncmp(s->line, "off", 3);
		for (kind = 0; kind < TRACE_NR_KINDS; kind++) {
			struct trace_event event = { .kind = kind, .mono_ns = at_ns,
						     .vm = s->vm };

			if (strncmp(s->line, kinds[kind], strlen(kinds[kind])))
				continue;
			fill(&event, s->line);
			done = each(&event, arg);
		}
		free(s->line);
		s->line = NULL;
		if (done)
			return DESK_OK;
	}
}

bool trace_ended(struct trace_source *s)
{
	return s->off;
}

uint64_t trace_lost(struct trace_source *s)
{
	return s->lost;
}

void trace_stop(struct trace_source *s)
{
	s->stopped = true;
}

void trace_close(struct trace_source *s)
{
	fclose(s->file);
	free(s);
	/* As what is taken apart there leaves it. */
	errno = ENOENT;
}
