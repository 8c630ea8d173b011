// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run of kvm-zap compare on VMs of its own: a command, and the VMs of its processes.
 * See compare.h.
 *
 * kvm-zap-bench stops when it has created a VM, and before it closes it. So everything
 * that this VM does is under the word, and is counted. For other commands, compare looks
 * for VMs again and again. What these do before they are found, or after the last look,
 * is not counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"

#define LOOK_MS		10

struct own_vm {
	struct desk_vm before, last;
};

struct own {
	struct compare *c;
	const char *word, *expected;
	struct compare_command command;
	size_t nr;		/* VMs there are, in the order in which they were made */
	struct own_vm *vm;
	size_t made, foldless;
	char policy[16];
	struct compare_counts grown;
	char **folders;		/* of VMs that were given the word */
	size_t nr_folders;
};

static size_t rows_of(const struct desk_vms *vms, pid_t tid)
{
	size_t i, nr = 0;

	for (i = 0; i < vms->nr; i++)
		nr += vms->vm[i].tid == tid;
	return nr;
}

static size_t known_of(const struct own *o, pid_t tid, size_t end)
{
	size_t i, nr = 0;

	for (i = 0; i < end; i++)
		nr += o->vm[i].before.tid == tid;
	return nr;
}

/* The row of the @nth oldest VM, from 0, that thread @tid made. The newest comes first. */
static const struct desk_vm *row_of(const struct desk_vms *vms, pid_t tid, size_t nth)
{
	size_t i;

	for (i = vms->nr; i--;)
		if (vms->vm[i].tid == tid && !nth--)
			return &vms->vm[i];
	return NULL;
}

static void update(struct own *o, const struct desk_vms *vms)
{
	size_t i;

	for (i = 0; i < o->nr; i++) {
		pid_t tid = o->vm[i].before.tid;
		const struct desk_vm *row = row_of(vms, tid, known_of(o, tid, i));

		if (row)
			o->vm[i].last = *row;
	}
}

static void forget(struct own *o, size_t i)
{
	compare_add(&o->grown, &o->vm[i].before, &o->vm[i].last);
	memmove(&o->vm[i], &o->vm[i + 1], (--o->nr - i) * sizeof(*o->vm));
}

static void keep_folder(struct own *o, const char *folder)
{
	size_t i;

	for (i = 0; i < o->nr_folders; i++)
		if (!strcmp(o->folders[i], folder))
			return;
	o->folders = desk_grow(o->folders, o->nr_folders + 1, sizeof(*o->folders));
	o->folders[o->nr_folders++] = desk_copy(folder);
}

/* It is noted: a VM may outlive this program, if that is killed. */
static int change(const char *folder, const char *word, pid_t vm, bool *noting)
{
	int ret = desk_notes_lock();

	*noting = ret;
	if (ret)
		return ret;
	ret = desk_change(folder, word, "compare", vm, noting);
	desk_notes_unlock();
	return ret;
}

static int write_word(struct own *o, const char *folder, pid_t vm)
{
	char *path = desk_note_path(folder);
	const char *lockdown = desk_lockdown();
	bool noting;
	int ret = change(folder, o->word, vm, &noting);

	if (!ret)
		keep_folder(o, folder);
	/* One that has gone has nothing to count. */
	if (ret && (noting || (ret != -ENOENT && ret != -ENODEV))) {
		if (noting)
			desk_say("/run/kvm-zap: the former word cannot be noted: %s",
				 strerror(-ret));
		else if (ret == -EPERM && lockdown)
			desk_say("%s: locked down (%s): no VM's own word can be set", path,
				 lockdown);
		else
			desk_say("%s: '%s': %s", path, o->word, strerror(-ret));
		ret = ret == -EPERM || ret == -EACCES ? DESK_DENIED : DESK_NOT;
	} else {
		ret = DESK_OK;
	}
	free(path);
	return ret;
}

/*
 * A VM whose folders have the word: what it counts from here on is counted. With @later one
 * that does not follow the word yet is left for the next look.
 */
static int add_vm(struct own *o, pid_t tid, bool later)
{
	struct desk_vms vms;
	const struct desk_vm *row;
	int ret = desk_need_vms(&vms);

	if (ret)
		return ret;
	row = row_of(&vms, tid, known_of(o, tid, o->nr));
	if (row && !(later && strcmp(row->word, o->word))) {
		o->vm = desk_grow(o->vm, o->nr + 1, sizeof(*o->vm));
		o->vm[o->nr].before = *row;
		o->vm[o->nr].last = *row;
		o->nr++;
		o->made++;
		ret = compare_follows(o->c, row, o->word, &o->expected);
		if (o->expected && o->expected != o->word) {
			strcpy(o->policy, o->expected);
			o->expected = o->policy;
		}
	}
	desk_vms_free(&vms);
	return ret;
}

/* Commands that the gate of kvm-zap-bench tells of ------------------------- */

static int gate_made(struct own *o, const char *folder)
{
	char *path = desk_note_path(folder);
	int ret = DESK_OK;

	if (access(path, F_OK)) {
		desk_say("kvm-zap-bench's VM has no %s: %s", path, strerror(errno));
		ret = DESK_DENIED;
	}
	free(path);
	if (!ret)
		ret = write_word(o, folder, atoi(folder));
	return ret ? ret : add_vm(o, atoi(folder), false);
}

static int gate_closing(struct own *o, const char *folder)
{
	pid_t tid = atoi(folder);
	struct desk_vms vms;
	size_t i;
	int ret;

	/* Page faults that follow the last invalidation are counted when the window ends. */
	if (!compare_sleep(o->c->settle))
		return DESK_OK;
	ret = desk_need_vms(&vms);
	if (ret)
		return ret;
	update(o, &vms);
	desk_vms_free(&vms);
	/* Of VMs of one thread the oldest is closed first, or it does not matter which. */
	for (i = 0; i < o->nr; i++) {
		if (o->vm[i].before.tid != tid)
			continue;
		forget(o, i);
		break;
	}
	return DESK_OK;
}

static int gate_message(struct own *o)
{
	char text[64], folder[48];
	ssize_t bytes = recv(o->command.gate, text, sizeof(text) - 1, MSG_DONTWAIT);
	int ret = DESK_OK;

	if (bytes <= 0) {
		compare_command_close_gate(&o->command);
		return DESK_OK;
	}
	text[bytes] = '\0';
	if (sscanf(text, "made %47s", folder) == 1)
		ret = gate_made(o, folder);
	else if (sscanf(text, "closing %47s", folder) == 1)
		ret = gate_closing(o, folder);
	if (!ret)
		send(o->command.gate, "go", 2, MSG_NOSIGNAL);
	return ret;
}

/* Others -------------------------------------------------------------------- */

static pid_t parent_of(pid_t pid)
{
	char *path = desk_text("/proc/%d/stat", pid);
	char *text = desk_read(path, NULL), *end = text ? strrchr(text, ')') : NULL;
	pid_t parent = 0;

	/* The name, in parentheses, may hold any of them. */
	if (end)
		sscanf(end + 1, " %*c %d", &parent);
	free(text);
	free(path);
	return parent;
}

/* Orphans are this process' children: it is their reaper. */
static bool is_ours(pid_t pid)
{
	while (pid > 1) {
		pid = parent_of(pid);
		if (pid == getpid())
			return true;
	}
	return false;
}

static int found(struct own *o, const struct desk_vms *vms, const struct desk_vm *row)
{
	char **folders;
	size_t i, nr = desk_vm_folders(row, &folders), known;
	int ret = DESK_OK;

	/* KVM lists a VM before it has its folder. */
	o->foldless += nr < rows_of(vms, row->tid);
	for (i = 0; i < nr; i++) {
		if (!ret && nr >= rows_of(vms, row->tid))
			ret = write_word(o, folders[i], row->tgid);
		free(folders[i]);
	}
	free(folders);
	if (ret || nr < rows_of(vms, row->tid))
		return ret;
	do {
		known = known_of(o, row->tid, o->nr);
		if (known < rows_of(vms, row->tid))
			ret = add_vm(o, row->tid, true);
	} while (!ret && known < known_of(o, row->tid, o->nr));
	return ret;
}

/* VMs that have gone, and VMs that have come. */
static int look(struct own *o)
{
	struct desk_vms vms;
	size_t i;
	int ret = desk_need_vms(&vms);

	if (ret)
		return ret;
	for (i = 0; i < o->nr;) {
		pid_t tid = o->vm[i].before.tid;
		size_t rows = rows_of(&vms, tid);

		if (!rows)
			forget(o, i);
		else if (rows < known_of(o, tid, o->nr))
			o->grown.shrank = true, i++;
		else
			i++;
	}
	update(o, &vms);
	o->foldless = 0;
	for (i = 0; i < vms.nr && !ret; i++)
		if (known_of(o, vms.vm[i].tid, o->nr) < rows_of(&vms, vms.vm[i].tid) &&
		    is_ours(vms.vm[i].tgid))
			ret = found(o, &vms, &vms.vm[i]);
	desk_vms_free(&vms);
	return ret;
}

/* The run ------------------------------------------------------------------- */

static int watch(struct own *o)
{
	struct pollfd gate = { .events = POLLIN };
	int status = 0, ret = DESK_OK;
	bool ended = false;

	while (!ended && !ret) {
		gate.fd = o->command.gate;
		poll(&gate, 1, LOOK_MS);
		if (compare_stopped)
			return DESK_NOT;
		ended = compare_command_ended(&o->command, &status);
		if (!o->c->is_workload)
			ret = look(o);
		else if (gate.fd >= 0 && gate.revents)
			ret = gate_message(o);
	}
	if (!ret && status)
		ret = compare_command_failed(o->c, &o->command, o->word, status);
	return ret;
}

static int judge(struct own *o, struct compare_sample *sample)
{
	if (!o->c->is_workload && o->nr) {
		desk_say("%s has ended, but its VM, pid %d, has not: give a command that waits",
			 o->c->what, o->vm[0].before.tgid);
		return DESK_NOT;
	}
	while (o->nr)
		forget(o, 0);
	if (!o->made) {
		desk_say("%s has made no VM%s", o->c->what,
			 o->foldless ? " with memslot_zap in " DESK_DEBUGFS : "");
		return DESK_NOT;
	}
	return compare_take(o->c, &o->grown, o->expected, sample);
}

/* A VM that has not ended gets its own word back; of others there is nothing to restore. */
static void put_back(struct own *o)
{
	struct desk_note note;
	bool noting;
	size_t i;

	for (i = 0; i < o->nr_folders; i++) {
		if (!desk_note_read(o->folders[i], &note) &&
		    (!desk_note_holds(&note) ||
		     change(o->folders[i], note.was, note.vm, &noting)))
			desk_note_drop(o->folders[i]);
		free(o->folders[i]);
	}
	free(o->folders);
}

int compare_own_run(struct compare *c, const char *word, struct compare_sample *sample)
{
	struct own o = { .c = c, .word = word };
	uint64_t begin = desk_now_ns();
	int ret;

	ret = compare_command_start(c, &o.command);
	if (!ret)
		ret = watch(&o);
	sample->seconds = (desk_now_ns() - begin) / 1e9;
	if (!ret && c->nr_events)
		compare_perf_read(c, o.command.log, sample->values);
	if (!ret)
		ret = judge(&o, sample);
	compare_command_end(&o.command);
	put_back(&o);
	free(o.vm);
	return ret;
}
