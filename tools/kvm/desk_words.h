/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of a VMM as /proc has it, in words that each end with a NUL, and
 * QEMU's "a=x,b".
 */
#ifndef KVM_ZAP_DESK_WORDS_H
#define KVM_ZAP_DESK_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* NULL if it cannot be read, or there is none; free() it. */
char *desk_words(pid_t pid, size_t *bytes);

/*
 * The argument of the next option @name ("-name X", "--name X", "--name=X") from *@word on,
 * which moves behind it. *@word is NULL at first: the first word is the program. NULL if
 * there is no more of them.
 */
const char *desk_option_next(const char *words, size_t bytes, const char *name,
			     const char **word);

/* The last one, which counts. NULL if there is none, or it is empty. */
const char *desk_option(const char *words, size_t bytes, const char *name);

/*
 * The next part of "a=x,key=value,b", where two commas are one within a part; *@arg moves
 * behind it, and is NULL after the last one. In memory of its own.
 */
char *desk_part(const char **arg);

/* The value of @key there, in memory of its own. NULL if it is not there. */
char *desk_suboption(const char *arg, const char *key);

/* The same of what is on or off: "key", "key=on"; "nokey", "key=off", and if it is not there. */
bool desk_suboption_is_on(const char *arg, const char *key);

#endif
