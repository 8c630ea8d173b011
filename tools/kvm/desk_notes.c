// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notes of changes, see desk_notes.h. A note is written before the change. If the change
 * was not made, its undoing finds the word in force already, and there is nothing to
 * restore.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "desk.h"
#include "desk_notes.h"
#include "desk_vms.h"

#define NOTES	"/run/kvm-zap"
#define FORMAT	"was %15s now %15s by %15s when %ld vm %d start %lu"
#define PRINT	"was %s now %s by %s when %ld vm %d start %lu\n"

static int lock = -1;

int desk_notes_lock(void)
{
	if (mkdir(NOTES, 0755) && errno != EEXIST)
		return -errno;
	lock = open(NOTES "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0)
		return -errno;
	/* Held by the descriptor, which the end of the process closes. */
	return flock(lock, LOCK_EX) ? -errno : 0;
}

void desk_notes_unlock(void)
{
	close(lock);
	lock = -1;
}

char *desk_note_path(const char *target)
{
	if (strchr(target, '-'))
		return desk_text(DESK_DEBUGFS "/%s/memslot_zap", target);
	return desk_text("/sys/module/kvm/parameters/%s", target);
}

int desk_note_read(const char *target, struct desk_note *note)
{
	char *path = desk_text(NOTES "/%s", target);
	char *text = desk_read(path, NULL);
	int ret = text ? 0 : -errno;

	free(path);
	memset(note, 0, sizeof(*note));
	snprintf(note->target, sizeof(note->target), "%s", target);
	if (text && sscanf(text, FORMAT, note->was, note->now, note->verb, &note->when,
			   &note->vm, &note->vm_start) != 6)
		ret = -EBADMSG;
	free(text);
	return ret;
}

int desk_note_write(const struct desk_note *note)
{
	char *path = desk_text(NOTES "/%s", note->target);
	char *text = desk_text(PRINT, note->was, note->now, note->verb, note->when, note->vm,
			       note->vm_start);
	int ret = desk_replace(path, text, strlen(text));

	free(text);
	free(path);
	return ret;
}

void desk_note_drop(const char *target)
{
	char *path = desk_text(NOTES "/%s", target);

	unlink(path);
	free(path);
}

/* desk_replace()'s temporary files, which a kill may leave, have a dot in their names. */
static int is_note(const struct dirent *d)
{
	return !strchr(d->d_name, '.');
}

size_t desk_notes_read(struct desk_note **notes)
{
	struct dirent **list;
	size_t nr = 0;
	int i, entries = scandir(NOTES, &list, is_note, versionsort);

	*notes = NULL;
	for (i = 0; i < entries; i++) {
		*notes = desk_grow(*notes, nr + 1, sizeof(**notes));
		if (!desk_note_read(list[i]->d_name, &(*notes)[nr]))
			nr++;
		free(list[i]);
	}
	if (entries >= 0)
		free(list);
	return nr;
}

bool desk_note_holds(const struct desk_note *note)
{
	char *path = desk_note_path(note->target), now[16];
	bool holds;

	holds = (!note->vm || note->vm_start == desk_process_start(note->vm)) &&
		!desk_read_word(path, now, sizeof(now)) && !strcmp(now, note->now);
	free(path);
	return holds;
}

/* Not by trying the lock: who tries has it for a moment, and another compare would give up. */
static pid_t lock_holder(const struct stat *st)
{
	char *text = desk_read("/proc/locks", NULL), *line, *save;
	pid_t found = 0;

	for (line = text ? strtok_r(text, "\n", &save) : NULL; line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		unsigned int major, minor;
		unsigned long inode;
		int pid;

		if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor,
			   &inode) == 4 && inode == st->st_ino &&
		    makedev(major, minor) == st->st_dev)
			found = pid;
	}
	free(text);
	return found;
}

pid_t desk_note_runs(const struct desk_note *note)
{
	struct stat st;

	/* Written when a compare begins: an older change is that of one that was killed. */
	if (strcmp(note->verb, "compare") || stat(DESK_COMPARE_LOCK, &st) ||
	    note->when < st.st_mtime)
		return 0;
	return lock_holder(&st);
}

/* The change that @target's note is about, if any, goes on from here. */
static bool continues(const struct desk_note *old, const char *now, uint64_t vm_start)
{
	return !strcmp(old->now, now) && old->vm_start == vm_start;
}

int desk_change(const char *target, const char *word, const char *verb, pid_t vm,
		bool *noting)
{
	char *path = desk_note_path(target);
	struct desk_note old, note = { .vm = vm, .when = time(NULL) };
	bool had;
	int ret;

	*noting = false;
	note.vm_start = vm ? desk_process_start(vm) : 0;
	snprintf(note.target, sizeof(note.target), "%s", target);
	snprintf(note.now, sizeof(note.now), "%s", word);
	snprintf(note.verb, sizeof(note.verb), "%s", verb);
	ret = desk_read_word(path, note.was, sizeof(note.was));
	if (ret)
		goto out;
	had = !desk_note_read(target, &old) && continues(&old, note.was, note.vm_start);
	if (had)
		memcpy(note.was, old.was, sizeof(note.was));
	ret = desk_note_write(&note);
	*noting = ret;
	if (ret)
		goto out;
	ret = desk_write(path, word);
	if (ret && had)
		desk_note_write(&old);
	/* Back to where it came from: there is nothing to restore. */
	if (ret ? !had : !strcmp(note.was, word))
		desk_note_drop(target);
out:
	free(path);
	return ret;
}
