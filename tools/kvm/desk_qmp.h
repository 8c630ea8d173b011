/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client of QMP, QEMU's monitor protocol: JSON over a UNIX socket. QEMU serves one
 * client at a time, so a connection is kept no longer than necessary.
 *
 * Data from the other side is not trusted. Functions that fail describe the failure in
 * *@why, which is allocated and safe to print on a terminal.
 */
#ifndef KVM_ZAP_DESK_QMP_H
#define KVM_ZAP_DESK_QMP_H

#include <json-c/json.h>
#include <sys/types.h>

struct desk_qmp;

/*
 * Connects to @path and waits for the greeting. With @pid the socket has to be that
 * process'. Each step may take @seconds, as may each command later on.
 */
struct desk_qmp *desk_qmp_open(const char *path, pid_t pid, double seconds, char **why);

/* The same by a descriptor that is connected, called @path. Closes it, if it fails too. */
struct desk_qmp *desk_qmp_attach(int fd, const char *path, double seconds, char **why);

/*
 * What @command returns, or NULL. @arguments may be NULL, and is taken. After a failure
 * desk_qmp_is_open() tells whether it was refused only.
 */
struct json_object *desk_qmp_execute(struct desk_qmp *qmp, const char *command,
				     struct json_object *arguments, char **why);
bool desk_qmp_is_open(const struct desk_qmp *qmp);

/* What the human monitor prints for @line. */
char *desk_qmp_human(struct desk_qmp *qmp, const char *line, char **why);

void desk_qmp_close(struct desk_qmp *qmp);

/*
 * The path of the QMP socket of the VMM with process @pid, by its command line, as this
 * process reaches it. NULL: *@why. *@quiet: the VMM has none, which is nobody's fault.
 */
char *desk_qmp_find(pid_t pid, bool *quiet, char **why);

/* libvirt's own: connected all the time, nobody else is served. */
bool desk_qmp_is_libvirt(const char *path);

#endif
