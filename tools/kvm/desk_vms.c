// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMs of this host and what invalidations do to them. See desk_vms.h.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_print.h"
#include "desk_vms.h"

const char * const desk_count_names[DESK_NR_COUNTS + 1] = {
	"memslot_fast", "memslot_scoped", "mmio_fast", "mmio_scoped", "sptes", "collateral",
	"kept", "tables", "yields", "fast_ns", "fast_max_ns", "scoped_ns", "scoped_max_ns",
	"updates", "update_ns", "update_max_ns", "refaults", "stall_ns", "mapped", "assigned",
	"noncoherent", "stall_max_ns", NULL
};

static void fill(struct desk_vm *vm, const struct desk_table *table, size_t row)
{
	const char *age = desk_table_cell(table, row, "age_ms");
	int i;

	vm->tgid = desk_table_number(table, row, "tgid");
	vm->tid = desk_table_number(table, row, "tid");
	snprintf(vm->word, sizeof(vm->word), "%s", desk_table_cell(table, row, "word"));
	snprintf(vm->by, sizeof(vm->by), "%s", desk_table_cell(table, row, "by"));
	snprintf(vm->policy, sizeof(vm->policy), "%s", desk_table_cell(table, row, "policy"));
	vm->age_ms = isdigit((unsigned char)*age) ? atoll(age) : -1;
	vm->vfio = -1;
	vm->vcpus = -1;
	vm->assigned_known = strcmp(desk_table_cell(table, row, "assigned"), "-");
	for (i = 0; i < DESK_NR_COUNTS; i++)
		vm->n[i] = desk_table_number(table, row, desk_count_names[i]);
}

int desk_vms_read(struct desk_vms *vms, char **why)
{
	static const char * const words[] = {
		"tgid", "tid", "word", "by", "policy", "age_ms", NULL
	};
	struct desk_table table;
	const char *lacks;
	size_t i;
	int ret;

	memset(vms, 0, sizeof(*vms));
	ret = desk_table_read("vms", &table, why);
	if (ret)
		return ret;
	lacks = desk_table_lacks(&table, words);
	if (!lacks)
		lacks = desk_table_lacks(&table, desk_count_names);
	if (lacks) {
		*why = desk_text("%s/zap/vms has no column '%s': not of this kvm-zap",
				 DESK_DEBUGFS, lacks);
		ret = DESK_NOT;
	} else {
		vms->nr = table.rows;
		vms->vm = desk_alloc((table.rows + 1) * sizeof(*vms->vm));
		for (i = 0; i < table.rows; i++)
			fill(&vms->vm[i], &table, i);
	}
	desk_table_free(&table);
	return ret;
}

int desk_need_vms(struct desk_vms *vms)
{
	char *why = NULL;
	int ret = desk_vms_read(vms, &why);

	if (ret)
		desk_say("%s", why);
	free(why);
	return ret;
}

void desk_vms_free(struct desk_vms *vms)
{
	size_t i;

	for (i = 0; i < vms->nr; i++) {
		free(vms->vm[i].name);
		free(vms->vm[i].id);
		free(vms->vm[i].uuid);
	}
	free(vms->vm);
	memset(vms, 0, sizeof(*vms));
}

/*
 * VMs of one thread cannot be told apart, but the newest is listed first: the n-th from the
 * end is the n-th of before, unless one went away.
 */
static const struct desk_vm *earlier(const struct desk_vms *before, const struct desk_vms *vms,
				     size_t i)
{
	size_t j, nth = 0;

	for (j = i + 1; j < vms->nr; j++)
		nth += vms->vm[j].tid == vms->vm[i].tid;
	for (j = before->nr; j--;)
		if (before->vm[j].tid == vms->vm[i].tid &&
		    before->vm[j].tgid == vms->vm[i].tgid && !nth--)
			return &before->vm[j];
	return NULL;
}

void desk_vms_since(struct desk_vms *vms, const struct desk_vms *before, double seconds)
{
	size_t i;

	for (i = 0; i < vms->nr; i++) {
		const struct desk_vm *was = earlier(before, vms, i);

		vms->vm[i].seconds = seconds;
		/* All that a new VM has counted it has counted meanwhile. */
		vms->vm[i].is_new = !was;
		if (was)
			memcpy(vms->vm[i].before, was->n, sizeof(was->n));
	}
}

static uint64_t growth(const struct desk_vm *vm, enum desk_count count)
{
	return vm->n[count] > vm->before[count] ? vm->n[count] - vm->before[count] : 0;
}

double desk_vm_rate(const struct desk_vm *vm, enum desk_count count)
{
	return vm->seconds ? growth(vm, count) / vm->seconds : 0;
}

uint64_t desk_vm_invalidations(const struct desk_vm *vm)
{
	return vm->n[COUNT_MEMSLOT_FAST] + vm->n[COUNT_MEMSLOT_SCOPED] +
	       vm->n[COUNT_MMIO_FAST] + vm->n[COUNT_MMIO_SCOPED];
}

double desk_vm_invalidation_rate(const struct desk_vm *vm)
{
	return desk_vm_rate(vm, COUNT_MEMSLOT_FAST) + desk_vm_rate(vm, COUNT_MEMSLOT_SCOPED) +
	       desk_vm_rate(vm, COUNT_MMIO_FAST) + desk_vm_rate(vm, COUNT_MMIO_SCOPED);
}

uint64_t desk_vm_worst_ns(const struct desk_vm *vm)
{
	return vm->n[COUNT_FAST_MAX_NS] > vm->n[COUNT_SCOPED_MAX_NS] ?
	       vm->n[COUNT_FAST_MAX_NS] : vm->n[COUNT_SCOPED_MAX_NS];
}

double desk_vm_update_share(const struct desk_vm *vm)
{
	return desk_vm_rate(vm, COUNT_UPDATE_NS) / 1e9;
}

double desk_vm_stall_share(const struct desk_vm *vm)
{
	return desk_vm_rate(vm, COUNT_STALL_NS) / 1e9 / (vm->vcpus > 0 ? vm->vcpus : 1);
}

bool desk_vm_has_devices(const struct desk_vm *vm)
{
	return vm->n[COUNT_ASSIGNED] || vm->n[COUNT_NONCOHERENT] || vm->vfio > 0;
}

bool desk_vm_is_its_own(const struct desk_vm *vm)
{
	return strcmp(vm->word, "inherit") || !strcmp(vm->by, "type") || !strcmp(vm->by, "dma");
}

/* What harms now, then what has harmed, then the larger. */
static int by_harm(const void *left, const void *right)
{
	const struct desk_vm *a = left, *b = right;
	double now_a = desk_vm_rate(a, COUNT_UPDATE_NS) + desk_vm_rate(a, COUNT_STALL_NS);
	double now_b = desk_vm_rate(b, COUNT_UPDATE_NS) + desk_vm_rate(b, COUNT_STALL_NS);
	uint64_t all_a = a->n[COUNT_UPDATE_NS] + a->n[COUNT_STALL_NS];
	uint64_t all_b = b->n[COUNT_UPDATE_NS] + b->n[COUNT_STALL_NS];

	if (now_a != now_b)
		return now_a < now_b ? 1 : -1;
	if (all_a != all_b)
		return all_a < all_b ? 1 : -1;
	if (a->n[COUNT_MAPPED] != b->n[COUNT_MAPPED])
		return a->n[COUNT_MAPPED] < b->n[COUNT_MAPPED] ? 1 : -1;
	return a->tid - b->tid;
}

void desk_vms_sort(struct desk_vms *vms)
{
	qsort(vms->vm, vms->nr, sizeof(*vms->vm), by_harm);
}

static int is_folder(const struct dirent *d)
{
	return isdigit((unsigned char)d->d_name[0]) && strchr(d->d_name, '-');
}

size_t desk_vm_folders(const struct desk_vm *vm, char ***folders)
{
	struct dirent **list;
	size_t nr = 0;
	int i, entries;

	*folders = NULL;
	entries = scandir(DESK_DEBUGFS, &list, is_folder, versionsort);
	for (i = 0; i < entries; i++) {
		char *file = desk_text(DESK_DEBUGFS "/%s/memslot_zap", list[i]->d_name);

		if (atoi(list[i]->d_name) == vm->tid && !access(file, F_OK)) {
			*folders = desk_grow(*folders, nr + 1, sizeof(**folders));
			(*folders)[nr++] = desk_copy(list[i]->d_name);
		}
		free(file);
		free(list[i]);
	}
	if (entries >= 0)
		free(list);
	return nr;
}

int desk_vms_folders(const struct desk_vm *vm, size_t nr, const char *label,
		     int (*each)(void *arg, const char *folder), void *arg)
{
	size_t i, j, folders, seen = 0;
	int ret = DESK_OK;
	char **folder;

	for (i = 0; i < nr && !ret; i++) {
		/* VMs of one thread have their folders in common. */
		if (i && vm[i].tid == vm[i - 1].tid)
			continue;
		folders = desk_vm_folders(&vm[i], &folder);
		for (j = 0; j < folders; j++) {
			if (!ret)
				ret = each(arg, folder[j]);
			free(folder[j]);
		}
		free(folder);
		seen += folders;
	}
	if (seen)
		return ret;
	desk_say("%s has no folder with memslot_zap in " DESK_DEBUGFS
		 ": it has gone, or was created without one", label);
	return DESK_NO_VM;
}

char *desk_vm_label(const struct desk_vm *vm)
{
	char *name = desk_printable(vm->name ? vm->name : "?");
	char *label = desk_text("%s (pid %d)", name, vm->tgid);

	free(name);
	return label;
}
