// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of a VM that kvm-zap compare did not create. Each change is noted, so that
 * 'kvm-zap restore' can take it back after a kill. See compare.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "desk.h"

static int failed(const struct compare *c, int error, bool noting)
{
	const char *lockdown = desk_lockdown();

	if (noting)
		desk_say("/run/kvm-zap: the former word cannot be noted: %s", strerror(-error));
	else if (error == -ENOENT || error == -ENODEV)
		desk_say("%s has gone meanwhile", c->what);
	else if (error == -EPERM && lockdown)
		desk_say("%s: locked down (%s): no VM's own word can be set", c->what, lockdown);
	else
		desk_say("%s: its memslot_zap: %s", c->what, strerror(-error));
	return error == -ENOENT || error == -ENODEV ? DESK_NO_VM :
	       error == -EPERM || error == -EACCES ? DESK_DENIED : DESK_NOT;
}

static int read_word(const struct compare_word *w, char *word, size_t bytes)
{
	char *path = desk_note_path(w->folder);
	int ret = desk_read_word(path, word, bytes);

	free(path);
	return ret;
}

/* Its word, which is what is put back at the end, may be none that anybody has chosen. */
static void say_left(const struct compare *c, const struct compare_word *w)
{
	/* The lock says that no other compare runs. */
	if (!w->had_note || strcmp(w->note.verb, "compare"))
		return;
	desk_say("note: %s: a 'kvm-zap compare' that was killed has left '%s'", c->what, w->was);
	desk_say("it was '%s'; 'kvm-zap restore' restores that", w->note.was);
}

static int add_folder(void *arg, const char *folder)
{
	struct compare *c = arg;
	struct compare_word *w;
	int ret;

	c->words = desk_grow(c->words, c->nr_words + 1, sizeof(*c->words));
	w = &c->words[c->nr_words];
	memset(w, 0, sizeof(*w));
	snprintf(w->folder, sizeof(w->folder), "%s", folder);
	ret = read_word(w, w->was, sizeof(w->was));
	if (ret)
		return failed(c, ret, false);
	strcpy(w->ours, w->was);
	w->had_note = !desk_note_read(folder, &w->note) && desk_note_holds(&w->note);
	say_left(c, w);
	c->nr_words++;
	return DESK_OK;
}

int compare_words_open(struct compare *c)
{
	return desk_vms_folders(c->vm, c->nr_vms, c->what, add_folder, c);
}

static int foreign(const struct compare *c, const struct compare_word *w, const char *now)
{
	desk_say("%s: somebody wrote '%s' to %s/memslot_zap meanwhile: no comparison", c->what,
		 now, w->folder);
	return DESK_NOT;
}

/* Under the lock of the notes. */
static int set_one(struct compare *c, struct compare_word *w, const char *word)
{
	bool noting = false;
	char now[16];
	int ret = read_word(w, now, sizeof(now));

	if (!ret && strcmp(now, w->ours))
		return foreign(c, w, now);
	if (!ret && strcmp(now, word))
		ret = desk_change(w->folder, word, "compare", c->vm_pid, &noting);
	if (ret)
		return failed(c, ret, noting);
	strcpy(w->ours, word);
	return DESK_OK;
}

int compare_words_set(struct compare *c, const char *word)
{
	int ret = desk_notes_lock();
	size_t i;

	if (ret)
		return failed(c, ret, true);
	for (i = 0; i < c->nr_words && !ret; i++)
		ret = set_one(c, &c->words[i], word);
	desk_notes_unlock();
	return ret;
}

int compare_words_check(struct compare *c)
{
	size_t i;

	for (i = 0; i < c->nr_words; i++) {
		struct compare_word *w = &c->words[i];
		char now[16];
		int ret = read_word(w, now, sizeof(now));

		if (ret)
			return failed(c, ret, false);
		if (strcmp(now, w->ours))
			return foreign(c, w, now);
	}
	return DESK_OK;
}

static int restore_one(struct compare *c, struct compare_word *w)
{
	bool noting = false;
	char now[16];
	int ret = read_word(w, now, sizeof(now));

	if (ret || c->vm_start != desk_process_start(c->vm_pid)) {
		desk_note_drop(w->folder);
		return DESK_OK;
	}
	if (strcmp(now, w->ours)) {
		desk_say("%s: its word stays '%s': somebody wrote it meanwhile; it was '%s'",
			 c->what, now, w->was);
		desk_note_drop(w->folder);
		return DESK_NOT;
	}
	if (strcmp(now, w->was))
		ret = desk_change(w->folder, w->was, "compare", c->vm_pid, &noting);
	if (ret)
		return failed(c, ret, noting);
	/* What 'kvm-zap set' noted goes on to hold. */
	if (w->had_note)
		desk_note_write(&w->note);
	return DESK_OK;
}

int compare_words_restore(struct compare *c)
{
	int ret = desk_notes_lock(), one;
	size_t i;

	if (ret)
		return failed(c, ret, true);
	for (i = 0; i < c->nr_words; i++) {
		one = restore_one(c, &c->words[i]);
		if (one)
			ret = one;
	}
	desk_notes_unlock();
	return ret;
}
