/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by all verbs of kvm-zap: exit statuses, messages, files.
 *
 * Numbers are printed in the C locale, whatever the environment says: setlocale() is
 * called for LC_CTYPE only.
 */
#ifndef KVM_ZAP_DESK_H
#define KVM_ZAP_DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DESK_DEBUGFS	"/sys/kernel/debug/kvm"

/* Exit statuses, of all verbs. */
enum desk_exit {
	DESK_OK,
	DESK_NOT,	/* not so, or not done: the reason is on stderr */
	DESK_USAGE,	/* a word or an option that there is not */
	DESK_NO_VM,	/* no such VM, several of that name, or it went away */
	DESK_NO_ZAP,	/* the kvm that is loaded has no kvm-zap, or none is loaded */
	DESK_DENIED,	/* not root, no debugfs, lockdown */
	DESK_DEVICES,	/* scoped, where there are assigned devices: --devices-tested */
};

/* The verbs. @argv[0] is what usage messages call it; each returns an exit status. */
int desk_verb_status(int argc, char **argv);
int desk_verb_set(int argc, char **argv);
int desk_verb_verify(int argc, char **argv);
int desk_verb_restore(int argc, char **argv);
int desk_verb_stat(int argc, char **argv);
int desk_verb_trace(int argc, char **argv);
int desk_verb_record(int argc, char **argv);
int desk_verb_compare(int argc, char **argv);
int desk_verb_report(int argc, char **argv);

/* "kvm-zap: " and the text on stderr. */
void desk_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Writes out what was printed. 0, or -errno of the first time that it could not be, which
 * errno has no more by the time that it is to be said.
 */
int desk_flush(void);

/* DESK_OK if all that was printed was written; otherwise says why not. */
int desk_check_output(void);

/* As asprintf(), but it cannot fail. */
char *desk_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Memory for free(); these exit if there is not enough. */
void *desk_alloc(size_t bytes);
void *desk_grow(void *array, size_t nr, size_t bytes);
char *desk_copy(const char *text);

/*
 * The whole of a file, ended by a NUL that @bytes (may be NULL) does not count; free() it.
 * NULL with errno.
 */
char *desk_read(const char *path, size_t *bytes);

/* The same of what a command prints; NULL if it cannot be run or fails. */
char *desk_read_command(const char *command, size_t *bytes);

/* The file's first line, in @buf. 0 or -errno. */
int desk_read_word(const char *path, char *buf, size_t bytes);

/* Writes in one go, to a file that is there. 0 or -errno. */
int desk_write(const char *path, const char *text);

/*
 * Replaces a file, by a rename within its folder: readers see the old one or the new one. A
 * signal that is to end the process has its way when there is no temporary file any more.
 */
int desk_replace(const char *path, const char *text, size_t bytes);

/* Whether that may take the place of @path: of a file, or of nothing, and of no device. */
int desk_may_replace(const char *path);

void desk_sleep(double seconds);
/* The same, but a signal ends it: false. */
bool desk_nap(double seconds);
uint64_t desk_now_ns(void);

/* Why a file of debugfs that this kvm has cannot be read, and what to do; free() it. */
char *desk_denied(int error, const char *path);

/* The kernel's lockdown level, if it is not "none"; else NULL. */
const char *desk_lockdown(void);

#endif
