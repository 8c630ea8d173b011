// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of guests by process. A VM may have ended when its last events are read, so its
 * name stays known until another process has its number.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "desk.h"
#include "desk_vms.h"
#include "trace.h"

#define CHECK_NS	1000000000ULL

static struct known {
	pid_t pid;
	uint64_t start;		/* desk_process_start() */
	uint64_t checked_ns;
	char *name;
} *known;

static size_t nr_known;

static char *look_up(pid_t pid)
{
	struct desk_vm vm = { .tgid = pid };
	struct desk_vms vms = { .nr = 1, .vm = &vm };

	desk_vms_name(&vms);
	free(vm.id);
	free(vm.uuid);
	return vm.name;
}

static struct known *find(pid_t pid)
{
	size_t i;

	for (i = 0; i < nr_known; i++)
		if (known[i].pid == pid)
			return &known[i];
	known = desk_grow(known, nr_known + 1, sizeof(*known));
	known[nr_known] = (struct known){ .pid = pid };
	return &known[nr_known++];
}

const char *trace_name(pid_t pid)
{
	struct known *k = find(pid);
	uint64_t now = desk_now_ns(), start;

	if (k->name && now - k->checked_ns < CHECK_NS)
		return k->name;
	start = desk_process_start(pid);
	k->checked_ns = now;
	/* A process that has just begun may not be what it is going to be. */
	if (!k->name || (start && start != k->start)) {
		free(k->name);
		k->name = look_up(pid);
		k->start = start;
	}
	return k->name;
}

void trace_names_read(void)
{
	struct desk_vms vms;
	char *why = NULL;
	size_t i;

	if (desk_vms_read(&vms, &why)) {
		free(why);
		return;
	}
	for (i = 0; i < vms.nr; i++)
		trace_name(vms.vm[i].tgid);
	desk_vms_free(&vms);
}
