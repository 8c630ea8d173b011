// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's name, its devices, and which VM an operator means, by what /proc says about
 * the VMM. See desk_vms.h.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_vms.h"
#include "desk_words.h"

/*
 * The guest's name by the argument of -name: guest=X, or the first part without a key. "x"
 * and "a=b" alike may be that: QEMU has known keys only.
 */
static char *guest_name(const char *arg)
{
	char *name = desk_part(&arg);

	if (!strncmp(name, "guest=", 6))
		return memmove(name, name + 6, strlen(name + 5));
	if (strncmp(name, "process=", 8) && strncmp(name, "debug-threads=", 14))
		return name;
	free(name);
	return arg ? desk_suboption(arg, "guest") : NULL;
}

static void name_by(struct desk_vm *vm, char *name, const char *by)
{
	/* A name that is empty is none. */
	if (vm->name || !name || !*name) {
		free(name);
		return;
	}
	vm->name = name;
	vm->named_by = by;
}

static void name_one(struct desk_vm *vm)
{
	size_t bytes = 0;
	char *words = desk_words(vm->tgid, &bytes), *path;
	const char *arg;
	char comm[64];

	if (words) {
		arg = desk_option(words, bytes, "name");
		name_by(vm, arg ? guest_name(arg) : NULL, "name");
		arg = desk_option(words, bytes, "id");
		vm->id = arg ? desk_copy(arg) : NULL;
		arg = desk_option(words, bytes, "uuid");
		vm->uuid = arg ? desk_copy(arg) : NULL;
		name_by(vm, vm->id ? desk_copy(vm->id) : NULL, "id");
		name_by(vm, vm->uuid ? desk_copy(vm->uuid) : NULL, "uuid");
	}
	free(words);
	path = desk_text("/proc/%d/comm", vm->tgid);
	host_read_line(path, comm, sizeof(comm));
	free(path);
	name_by(vm, desk_copy(comm), "comm");
	name_by(vm, desk_text("%d", vm->tgid), "pid");
}

void desk_vms_name(struct desk_vms *vms)
{
	size_t i;

	for (i = 0; i < vms->nr; i++)
		name_one(&vms->vm[i]);
}

/*
 * A device is open as such, or by its group; /dev/vfio/vfio is the container. vCPUs are
 * counted over all VMs of the process.
 */
static void look_one(struct desk_vm *vm)
{
	int groups = 0, devices = 0, vcpus = 0;
	char path[64], link[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", vm->tgid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((d = readdir(dir))) {
		ssize_t bytes = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);

		if (bytes < 0)
			continue;
		link[bytes] = '\0';
		if (!strncmp(link, "anon_inode:kvm-vcpu", 19))
			vcpus++;
		else if (!strcmp(link, "anon_inode:[vfio-device]") ||
			 !strncmp(link, "/dev/vfio/devices/", 18))
			devices++;
		else if (!strncmp(link, "/dev/vfio/", 10) && strcmp(link, "/dev/vfio/vfio"))
			groups++;
	}
	closedir(dir);
	vm->vfio = devices > groups ? devices : groups;
	vm->vcpus = vcpus;
}

void desk_vms_look(struct desk_vms *vms)
{
	size_t i;

	for (i = 0; i < vms->nr; i++)
		look_one(&vms->vm[i]);
}

static bool is_called(const struct desk_vm *vm, const char *who, bool pid)
{
	if (pid)
		return vm->tgid == atol(who) || vm->tid == atol(who);
	return !strcmp(vm->name, who) || (vm->id && !strcmp(vm->id, who)) ||
	       (vm->uuid && !strcasecmp(vm->uuid, who));
}

static int ambiguous(struct desk_vms *vms, const char *who, bool pid)
{
	char *list = NULL, *longer;
	size_t i, nr = 0;
	int last = 0;

	for (i = 0; i < vms->nr; i++) {
		struct desk_vm *vm = &vms->vm[i];

		if (!is_called(vm, who, false) && !(pid && is_called(vm, who, true)))
			continue;
		if (vm->tgid == last)
			continue;
		last = vm->tgid;
		longer = desk_text("%s%s%d", list ? list : "", list ? ", " : "", vm->tgid);
		free(list);
		list = longer;
		nr++;
	}
	desk_say("%zu VMs are called '%s': give the pid (%s)", nr, who, list);
	free(list);
	return DESK_NO_VM;
}

static void move_first(struct desk_vms *vms, pid_t tgid, size_t *nr)
{
	size_t i;

	for (i = *nr = 0; i < vms->nr; i++) {
		struct desk_vm vm = vms->vm[i];

		if (vm.tgid != tgid)
			continue;
		memmove(&vms->vm[*nr + 1], &vms->vm[*nr], (i - *nr) * sizeof(vm));
		vms->vm[(*nr)++] = vm;
	}
}

int desk_vms_find(struct desk_vms *vms, const char *who, struct desk_vm **vm, size_t *nr)
{
	bool pid = *who && strspn(who, "0123456789") == strlen(who);
	struct desk_vm *found = NULL;
	size_t i;

	for (i = 0; i < vms->nr; i++) {
		/* A number may be a name, too: it has to be the same VM then. */
		if (!is_called(&vms->vm[i], who, false) &&
		    !(pid && is_called(&vms->vm[i], who, true)))
			continue;
		if (found && found->tgid != vms->vm[i].tgid)
			return ambiguous(vms, who, pid);
		found = &vms->vm[i];
	}
	if (!found) {
		desk_say("no VM is called '%s', nor is it the pid of one: kvm-zap lists them",
			 who);
		return DESK_NO_VM;
	}
	/* Those of one process stand together, the first of them at the front. */
	move_first(vms, found->tgid, nr);
	*vm = vms->vm;
	return DESK_OK;
}

uint64_t desk_process_start(pid_t pid)
{
	char *path = desk_text("/proc/%d/stat", pid);
	char *text = desk_read(path, NULL), *field;
	uint64_t start = 0;
	int i;

	free(path);
	/* The second field is a name in parentheses and may hold any of them. */
	field = text ? strrchr(text, ')') : NULL;
	for (i = 2; field && i < 22; i++) {
		field = strchr(field + 1, ' ');
		if (field && i == 21)
			start = strtoull(field, NULL, 10);
	}
	free(text);
	return start;
}
