/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the tests that unit.sh builds. Such a test is linked with some files of tools and
 * takes the place of what is below them. It prints KTAP.
 */
#ifndef KVM_ZAP_UNIT_H
#define KVM_ZAP_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../kvm/lib/ktap.h"

/* What the code under test has asked for, in order: a line for each unit_note(). */
extern char unit_log[8192];

void unit_note(const char *fmt, ...) KTAP_PRINTF(1, 2);
void unit_forget(void);

/* Adds to the text in @text, of which there are at most @bytes. */
void unit_add(char *text, size_t bytes, const char *fmt, va_list ap);

/*
 * Between these two, @stream is memory, and not the file that it was. unit_heard() returns
 * what was printed to it, for free().
 */
void unit_hear(FILE **stream);
char *unit_heard(void);

/* From here on, what is printed to stderr is lost. */
void unit_quiet(void);

/*
 * Runs @run with @words in a process of its own. Returns its exit status, -1 if a signal has
 * ended it, with the first line that it printed in @said.
 */
int unit_status(int (*run)(const char *words), const char *words, char *said, size_t bytes);

/* Replaces several blanks by one, and removes those at the beginning of a line. */
void unit_squeeze(char *text);

/*
 * unit_die.c, in place of vm_die(). 'if (unit_tries())' runs its body. If that calls vm_die(),
 * the program goes on behind the body, and unit_died is what vm_die() was to print. Elsewhere,
 * vm_die() ends the test.
 */
extern char unit_died[512];

#define unit_tries()	(!setjmp(*unit_try()))
jmp_buf *unit_try(void);

/* unit_desk.c, in place of tools/kvm/desk.c: what desk_say() said since the last unit_forget(). */
extern char unit_said[1024];

#endif
