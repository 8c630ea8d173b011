/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMs of this host: DESK_DEBUGFS/zap/vms, and what /proc says about their VMMs.
 */
#ifndef KVM_ZAP_DESK_VMS_H
#define KVM_ZAP_DESK_VMS_H

#include <sys/types.h>

#include "desk_kvm.h"

enum desk_count {
	COUNT_MEMSLOT_FAST, COUNT_MEMSLOT_SCOPED, COUNT_MMIO_FAST, COUNT_MMIO_SCOPED,
	COUNT_SPTES, COUNT_COLLATERAL, COUNT_KEPT, COUNT_TABLES, COUNT_YIELDS, COUNT_FAST_NS,
	COUNT_FAST_MAX_NS, COUNT_SCOPED_NS, COUNT_SCOPED_MAX_NS, COUNT_UPDATES,
	COUNT_UPDATE_NS, COUNT_UPDATE_MAX_NS, COUNT_REFAULTS, COUNT_STALL_NS, COUNT_MAPPED,
	COUNT_ASSIGNED, COUNT_NONCOHERENT, COUNT_STALL_MAX_NS, DESK_NR_COUNTS
};

/* Names of the columns, ended by NULL. */
extern const char * const desk_count_names[DESK_NR_COUNTS + 1];

struct desk_vm {
	pid_t tgid;		/* the VMM's process */
	pid_t tid;		/* the thread that made the VM: debugfs names it by that */
	char word[16], by[16], policy[16];
	uint64_t n[DESK_NR_COUNTS];
	int64_t age_ms;		/* since the last invalidation, -1 if there was none */
	bool assigned_known;	/* some kernels do not tell */

	/* By desk_vms_name(): from the VMM's command line. Any bytes but NUL. */
	char *name;
	const char *named_by;	/* "name", "id", "uuid", "comm", "pid" */
	char *id, *uuid;	/* or NULL */

	/* By desk_vms_look(). */
	int vfio;		/* devices or groups that the VMM has open; -1: not known */
	int vcpus;		/* the same */

	/* By desk_vms_since(). */
	uint64_t before[DESK_NR_COUNTS];
	bool is_new;
	double seconds;		/* 0: no rate is known */
};

struct desk_vms {
	size_t nr;
	struct desk_vm *vm;
};

/* As desk_table_read(). */
int desk_vms_read(struct desk_vms *vms, char **why);

/* The same, and says why not. */
int desk_need_vms(struct desk_vms *vms);
void desk_vms_free(struct desk_vms *vms);

void desk_vms_name(struct desk_vms *vms);
void desk_vms_look(struct desk_vms *vms);
/* What @before, read @seconds earlier, says is put into @vms. */
void desk_vms_since(struct desk_vms *vms, const struct desk_vms *before, double seconds);

/* How much a count grew a second. */
double desk_vm_rate(const struct desk_vm *vm, enum desk_count count);
/* Invalidations of a VM while it lives: sites memslot and mmio. */
uint64_t desk_vm_invalidations(const struct desk_vm *vm);
double desk_vm_invalidation_rate(const struct desk_vm *vm);
/* The longest of them. */
uint64_t desk_vm_worst_ns(const struct desk_vm *vm);
/* Share of the time that the VMM spends in updates of memslots. */
double desk_vm_update_share(const struct desk_vm *vm);
/* Share of its vCPUs' time that goes to faults after invalidations. */
double desk_vm_stall_share(const struct desk_vm *vm);
/* It has devices of the host. */
bool desk_vm_has_devices(const struct desk_vm *vm);
/* It has a word of its own, or no choice: the parameter does not reach it. */
bool desk_vm_is_its_own(const struct desk_vm *vm);

/* The one that does most harm first. */
void desk_vms_sort(struct desk_vms *vms);

/*
 * The VM that @who names: a process, the thread that made it, a name, an id or a UUID.
 * DESK_OK, else said: DESK_NO_VM. Several VMs of one process are the same to @who, then
 * *@nr is how many, from *@vm on.
 */
int desk_vms_find(struct desk_vms *vms, const char *who, struct desk_vm **vm, size_t *nr);

/* VM's folders in debugfs that have memslot_zap: "PID-FD", in memory of its own. */
size_t desk_vm_folders(const struct desk_vm *vm, char ***folders);

/*
 * Calls @each for each of these folders of @nr VMs of one process, until it returns another
 * status than DESK_OK, which is returned. DESK_NO_VM, and said of @label, if there is none.
 */
int desk_vms_folders(const struct desk_vm *vm, size_t nr, const char *label,
		     int (*each)(void *arg, const char *folder), void *arg);

/* When the process started, in ticks since boot; 0 if it is gone. */
uint64_t desk_process_start(pid_t pid);

/* "db (pid 210)", fit for a terminal, in memory of its own. */
char *desk_vm_label(const struct desk_vm *vm);

#endif
