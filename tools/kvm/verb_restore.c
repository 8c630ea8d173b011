// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap restore: restore the words that the notes contain.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_args.h"
#include "desk_json.h"
#include "desk_notes.h"
#include "desk_tracefs.h"
#include "desk_vms.h"

struct restore {
	struct desk_common common;
	bool force;
};

static const struct argp_option options[] = {
	{ .name = "force", .key = 'f',
	  .doc = "Also put back words that somebody else has changed since, and those of a "
		 "'kvm-zap compare' that runs, which ends it" },
	{ }
};

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct restore *r = verb;

	(void)key;
	(void)arg;
	(void)state;
	r->force = true;
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.no_word = "all is put back",
	.doc = "Put back every word that 'kvm-zap set', or a run that was killed, has changed "
	       "since the host was started, and print what was done. Also remove tracefs "
	       "instances that a 'kvm-zap trace' has left.",
};

static const char *restore_one(const struct restore *r, const struct desk_note *note, int *error)
{
	char *path = desk_note_path(note->target), now[16];
	const char *outcome = "restored";

	*error = 0;
	if (note->vm && note->vm_start != desk_process_start(note->vm)) {
		outcome = "gone";
		goto out;
	}
	if (!r->force && desk_note_runs(note)) {
		outcome = "running";
		goto out;
	}
	*error = desk_read_word(path, now, sizeof(now));
	if (*error == -ENOENT) {
		*error = 0;
		outcome = "gone";
	} else if (!*error && !strcmp(now, note->was)) {
		outcome = "unchanged";
	} else if (!*error && strcmp(now, note->now) && !r->force) {
		outcome = "foreign";
	} else if (!*error) {
		*error = desk_write(path, note->was);
	}
out:
	free(path);
	return *error ? "failed" : outcome;
}

/* A VM's word, when a kernel that was locked down since lets nobody write it. */
static const char *locked(const struct desk_note *note, int error)
{
	return note->vm && error == -EPERM ? desk_lockdown() : NULL;
}

static void print_one(const struct desk_note *note, const char *outcome, int error)
{
	const char *lockdown = locked(note, error);

	if (note->vm)
		printf("memslot_zap of pid %d: ", note->vm);
	else
		printf("%s: ", note->target);
	if (!strcmp(outcome, "restored"))
		printf("%s -> %s\n", note->now, note->was);
	else if (!strcmp(outcome, "unchanged"))
		printf("is %s already\n", note->was);
	else if (!strcmp(outcome, "gone"))
		puts("the VM has ended, or kvm was unloaded: nothing to do");
	else if (!strcmp(outcome, "running"))
		printf("left to 'kvm-zap compare' (pid %d), which runs: --force makes it %s\n",
		       desk_note_runs(note), note->was);
	else if (!strcmp(outcome, "foreign"))
		printf("left alone, somebody has changed it since: --force makes it %s\n",
		       note->was);
	else if (lockdown)
		printf("stays %s: the kernel is locked down (%s)\n", note->now, lockdown);
	else
		printf("stays %s: %s\n", note->now, strerror(-error));
}

static struct json_object *json_one(const struct desk_note *note, const char *outcome)
{
	struct json_object *object = json_object_new_object();

	desk_json_text(object, "target", note->target);
	json_object_object_add(object, "pid", note->vm ? json_object_new_int(note->vm) : NULL);
	desk_json_text(object, "was", note->now);
	desk_json_text(object, "now", note->was);
	desk_json_text(object, "outcome", outcome);
	return object;
}

/* Instances of tracefs whose run was killed: no change of a word, but left behind, too. */
static size_t remove_instances(const struct restore *r, struct json_object *list)
{
	char **names;
	size_t i, nr = desk_tracefs_clean(&names);

	for (i = 0; i < nr; i++) {
		json_object_array_add(list, json_object_new_string(names[i]));
		if (!r->common.json)
			printf("trace instance %s: removed\n", names[i]);
		free(names[i]);
	}
	free(names);
	return nr;
}

static int restore_all(const struct restore *r)
{
	struct json_object *object = desk_json_new("restore"), *list = json_object_new_array();
	struct json_object *instances = json_object_new_array();
	struct desk_note *notes;
	size_t i, nr = desk_notes_read(&notes), removed;
	int ret = DESK_OK;

	for (i = 0; i < nr; i++) {
		int error;
		const char *outcome = restore_one(r, &notes[i], &error);

		json_object_array_add(list, json_one(&notes[i], outcome));
		if (!r->common.json)
			print_one(&notes[i], outcome, error);
		if (locked(&notes[i], error))
			ret = ret ? ret : DESK_DENIED;
		else if (!strcmp(outcome, "failed") || !strcmp(outcome, "foreign") ||
			 !strcmp(outcome, "running"))
			ret = DESK_NOT;
		else
			desk_note_drop(notes[i].target);
	}
	removed = remove_instances(r, instances);
	if (!nr && !removed && !r->common.json)
		puts("nothing to put back: no change is noted in /run/kvm-zap");
	free(notes);
	json_object_object_add(object, "restored", list);
	json_object_object_add(object, "instances", instances);
	if (r->common.json)
		desk_json_print(object, false);
	else
		json_object_put(object);
	return ret;
}

int desk_verb_restore(int argc, char **argv)
{
	struct restore r = { };
	int error;

	desk_args_parse(&args, argc, argv, &r.common);
	if (geteuid()) {
		desk_say("only root may choose");
		return DESK_DENIED;
	}
	error = desk_notes_lock();
	if (error) {
		desk_say("/run/kvm-zap: %s", strerror(-error));
		return DESK_NOT;
	}
	return restore_all(&r);
}
