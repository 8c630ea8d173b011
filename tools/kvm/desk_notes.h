/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The word before a change: a file in /run/kvm-zap for each parameter and each VM's own
 * word. So the word can be restored if the program that changed it was killed. The next
 * boot removes the note, and the change.
 */
#ifndef KVM_ZAP_DESK_NOTES_H
#define KVM_ZAP_DESK_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct desk_note {
	char target[64];	/* "memslot_zap", or "PID-FD" of a VM's memslot_zap */
	char was[16], now[16];
	char verb[16];		/* of kvm-zap, that changed it */
	int64_t when;		/* seconds since 1970 */
	pid_t vm;		/* the VMM's process, 0: a parameter */
	uint64_t vm_start;	/* desk_process_start() of it */
};

/* Keep others that change words out until the process ends. 0 or -errno. */
int desk_notes_lock(void);
/* ... or until this, for a verb that takes its time between changes. */
void desk_notes_unlock(void);

/* 0 or -errno: -ENOENT if there is none of @target. */
int desk_note_read(const char *target, struct desk_note *note);
int desk_note_write(const struct desk_note *note);
void desk_note_drop(const char *target);

/* All of them, sorted; free() it. */
size_t desk_notes_read(struct desk_note **notes);

#define DESK_COMPARE_LOCK	"/run/kvm-zap/.compare"

/*
 * The process of the 'kvm-zap compare' that runs, if it made this change: it holds this
 * lock, and restores the word itself. 0: none, as far as can be told.
 */
pid_t desk_note_runs(const struct desk_note *note);

/* The word is still what the note says, and the VM the same. */
bool desk_note_holds(const struct desk_note *note);

/* The file whose word the note is about, in memory of its own. */
char *desk_note_path(const char *target);

/*
 * Changes the word of @target to @word. The note that is left says what it was before the
 * first of such changes. 0 or -errno; with an error nothing is changed, and *@noting says
 * whether it was for lack of a note.
 */
int desk_change(const char *target, const char *word, const char *verb, pid_t vm,
		bool *noting);

#endif
