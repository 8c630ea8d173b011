// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap status: whether invalidations hurt, which VM, and what another policy would do.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "desk.h"
#include "desk_args.h"
#include "desk_boot.h"
#include "desk_json.h"
#include "desk_notes.h"
#include "desk_print.h"
#include "desk_vms.h"

struct status {
	struct desk_common common;
	double seconds;

	struct desk_module module;
	struct desk_vms vms;
	int error;		/* of reading the VMs */
	char *why;

	/* Sums over the VMs, a second. */
	size_t busy;
	double invalidations, collateral, kept, scoped;
};

static const struct argp_option options[] = {
	{ .name = "interval", .key = 'i', .arg = "SECONDS",
	  .doc = "Measure rates over this time (default: 1); 0: do not measure rates" },
	{ }
};

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct status *s = verb;

	(void)key;
	s->seconds = desk_seconds(state, arg, 0);
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.no_word = "the verb goes first",
	.doc = "Show which kvm is loaded, which policies are chosen, and a line for each VM, the "
	       "VM that suffers most first.\vColumns: WORD is the VM's own word; BY says what "
	       "decides (param, vm, kernel; with type, dma and sregs, the VM has no choice); GETS "
	       "is the resulting policy; DEV is the number of assigned devices (+n: with "
	       "non-coherent DMA); MAPPED is the number of mappings (leaf SPTEs); INV/S is "
	       "invalidations per second (with SMM, QEMU makes two of each deletion); REF/S is "
	       "page faults per second that followed them; UPD is the share of time that the VMM "
	       "spends in memslot updates; STALL is the share of time that the vCPUs lose (if "
	       "zap_stall is on); WORST is the longest invalidation.",
};

static void measure(struct status *s)
{
	struct desk_vms before;
	uint64_t start;

	s->error = desk_vms_read(&s->vms, &s->why);
	if (s->error || !s->seconds)
		return;
	before = s->vms;
	start = desk_now_ns();
	desk_sleep(s->seconds);
	s->error = desk_vms_read(&s->vms, &s->why);
	if (!s->error)
		desk_vms_since(&s->vms, &before, (desk_now_ns() - start) / 1e9);
	desk_vms_free(&before);
}

static void sum(struct status *s)
{
	size_t i;

	for (i = 0; i < s->vms.nr; i++) {
		const struct desk_vm *vm = &s->vms.vm[i];

		s->busy += desk_vm_invalidation_rate(vm) > 0;
		s->invalidations += desk_vm_invalidation_rate(vm);
		s->collateral += desk_vm_rate(vm, COUNT_COLLATERAL);
		s->kept += desk_vm_rate(vm, COUNT_KEPT);
		s->scoped += desk_vm_rate(vm, COUNT_MEMSLOT_SCOPED);
	}
}

/* KVM asks the VMM since 6.12; before, all mappings go. */
static bool stock_asks(void)
{
	struct utsname uts;
	int major = 0, minor = 0;

	uname(&uts);
	if (sscanf(uts.release, "%d.%d", &major, &minor) != 2)
		return true;
	return major > 6 || (major == 6 && minor >= 12);
}

/* What the other policies would do, where that differs. */
static char *otherwise(const struct status *s)
{
	if (s->collateral)
		return desk_text("; scoped would have kept %s mappings a second that went",
				 desk_amount(s->collateral).text);
	/* Not a second: the next time, fast would have found little of what it drops. */
	if (s->kept && s->scoped)
		return desk_text("; each time, scoped kept %s mappings that %s drops",
				 desk_amount(s->kept / s->scoped).text,
				 stock_asks() ? "fast (as stock, unless a VMM asks for less)" :
						"stock (fast, on this kernel)");
	return desk_copy("");
}

static char *shares(const struct desk_vm *vm)
{
	static const char both[] =
		", %s of %s's time in updates of memslots, %s of its vCPUs' lost (worst %s)";
	char *name = desk_printable(vm->name), *text;
	double update = desk_vm_update_share(vm), stall = desk_vm_stall_share(vm);

	if (stall)
		text = desk_text(both, desk_percent(update).text, name, desk_percent(stall).text,
				 desk_duration(vm->n[COUNT_STALL_MAX_NS]).text);
	else if (update)
		text = desk_text(", %s of %s's time in updates of memslots",
				 desk_percent(update).text, name);
	else
		text = desk_copy("");
	free(name);
	return text;
}

static char *headline(const struct status *s)
{
	char *of, *other, *line;

	if (s->error)
		return desk_copy(s->why);
	if (!s->vms.nr)
		return desk_copy("no VM runs");
	if (!s->seconds)
		return desk_text("%zu VM%s, rates not measured", s->vms.nr,
				 s->vms.nr > 1 ? "s" : "");
	if (!s->busy)
		return desk_text("%zu VM%s: no invalidation within %g s", s->vms.nr,
				 s->vms.nr > 1 ? "s" : "", s->seconds);
	of = shares(s->vms.vm);
	other = otherwise(s);
	line = desk_text("%zu of %zu VM%s: %s invalidations a second%s%s (within %g s)", s->busy,
			 s->vms.nr, s->vms.nr > 1 ? "s" : "",
			 desk_amount(s->invalidations).text, of, other, s->seconds);
	free(of);
	free(other);
	return line;
}

static bool is_ours(const char *name)
{
	const char *end = strstr(name, "_zap");

	return (end && !end[4]) || !strncmp(name, "zap_", 4);
}

static void print_param(void *arg, const char *name, const char *word)
{
	int *printed = arg;

	if (!is_ours(name))
		return;
	printf("%s%s=%s", (*printed)++ ? " " : "", name, word);
}

/* How the change comes to its end; free() it. */
static char *way_back(const struct desk_note *note)
{
	pid_t comparing = desk_note_runs(note);

	if (comparing)
		return desk_text("it runs, as pid %d, and puts that back", comparing);
	if (!strcmp(note->verb, "compare"))
		return desk_copy("it was killed: kvm-zap restore");
	return desk_copy("kvm-zap restore");
}

static void print_changes(void)
{
	struct desk_note *notes;
	size_t i, nr = desk_notes_read(&notes);

	for (i = 0; i < nr; i++) {
		time_t when = notes[i].when;
		char at[32], *of, *end;

		if (!desk_note_holds(&notes[i]))
			continue;
		of = notes[i].vm ? desk_text(" of pid %d", notes[i].vm) : desk_copy("");
		end = way_back(&notes[i]);
		strftime(at, sizeof(at), "%F %T", localtime(&when));
		printf("%s%s: '%s' by kvm-zap %s since %s, was '%s'; %s\n",
		       notes[i].vm ? "memslot_zap" : notes[i].target, of, notes[i].now,
		       notes[i].verb, at, notes[i].was, end);
		free(end);
		free(of);
	}
	free(notes);
}

/* A word that is not the default, and that no verb of kvm-zap has a note about. */
struct origin {
	char param[32], word[16];
	const char *from;	/* what of the boot's configuration has it, or NULL */
};

static bool is_noted(const struct desk_note *notes, size_t nr, const char *param)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (!notes[i].vm && !strcmp(notes[i].target, param) && desk_note_holds(&notes[i]))
			return true;
	return false;
}

/* Returns the number of @origins, an entry for each of desk_sites[]. */
static size_t find_origins(const struct status *s, struct origin *origins)
{
	struct desk_boot boot[DESK_NR_SITES];
	const char *unknown = NULL;
	struct desk_note *notes;
	size_t i, nr_notes = desk_notes_read(&notes), nr = 0;

	for (i = 0; i < DESK_NR_SITES; i++) {
		struct origin *o = &origins[nr];

		if (desk_param(&desk_sites[i], o->word, sizeof(o->word)) ||
		    !strcmp(o->word, desk_sites[i].words[0]))
			continue;
		snprintf(o->param, sizeof(o->param), "%s_zap", desk_sites[i].name);
		if (is_noted(notes, nr_notes, o->param))
			continue;
		/* Asks another program, so not unless there is a reason. */
		if (!nr++)
			unknown = desk_boot_read(s->module.builtin, boot);
		o->from = NULL;
		if (!unknown && !strcmp(boot[i].word, o->word))
			o->from = boot[i].from;
		if (!unknown && !strcmp(boot[i].later, o->word))
			o->from = "tmpfiles.d";
	}
	free(notes);
	return nr;
}

static void print_origins(const struct status *s)
{
	struct origin origins[DESK_NR_SITES];
	size_t i, nr = find_origins(s, origins);

	for (i = 0; i < nr; i++)
		if (origins[i].from)
			printf("%s: '%s', as %s has it\n", origins[i].param,
			       origins[i].word, origins[i].from);
		else
			printf("%s: '%s', but neither by kvm-zap nor by the boot's configuration\n",
			       origins[i].param, origins[i].word);
}

static void add(struct desk_grid *grid, struct desk_word word)
{
	desk_grid_add(grid, word.text);
}

static struct desk_word devices(const struct desk_vm *vm)
{
	int nr = vm->vfio > (int)vm->n[COUNT_ASSIGNED] ? vm->vfio : (int)vm->n[COUNT_ASSIGNED];
	struct desk_word word;

	snprintf(word.text, sizeof(word.text), "%d%s", nr, vm->n[COUNT_NONCOHERENT] ? "+n" : "");
	if (!desk_vm_has_devices(vm))
		strcpy(word.text, "-");
	return word;
}

static void add_vm(struct desk_grid *grid, const struct desk_vm *vm, bool stall)
{
	static const struct desk_word none = { "-" };
	struct desk_word pid;
	bool rates = vm->seconds;

	desk_grid_add(grid, vm->name);
	snprintf(pid.text, sizeof(pid.text), "%d", vm->tgid);
	add(grid, pid);
	desk_grid_add(grid, vm->word);
	desk_grid_add(grid, vm->by);
	desk_grid_add(grid, vm->policy);
	add(grid, devices(vm));
	add(grid, desk_amount(vm->n[COUNT_MAPPED]));
	add(grid, rates ? desk_amount(desk_vm_invalidation_rate(vm)) : none);
	add(grid, rates ? desk_amount(desk_vm_rate(vm, COUNT_REFAULTS)) : none);
	add(grid, rates ? desk_percent(desk_vm_update_share(vm)) : none);
	if (stall)
		add(grid, rates ? desk_percent(desk_vm_stall_share(vm)) : none);
	add(grid, desk_vm_worst_ns(vm) ? desk_duration(desk_vm_worst_ns(vm)) : none);
}

static bool stall_is_measured(void)
{
	char word[8];

	return !kvm_param_get("kvm", "zap_stall", word, sizeof(word)) &&
	       (*word == 'Y' || *word == '1');
}

static void print_text(const struct status *s)
{
	char *line = headline(s), *words = desk_module_words(&s->module), *titles;
	bool stall = stall_is_measured();
	struct desk_grid *grid;
	struct utsname uts;
	int printed = 0;
	size_t i;

	uname(&uts);
	printf("%s\n%s: %s\n", line, uts.release, words);
	host_params("kvm", print_param, &printed);
	if (printed)
		putchar('\n');
	print_changes();
	print_origins(s);
	free(line);
	free(words);
	if (s->error || !s->vms.nr)
		return;
	putchar('\n');
	/* Without a column of nothing, names have more room. */
	titles = desk_text("NAME PID WORD BY GETS DEV MAPPED INV/S REF/S UPD%s WORST",
			   stall ? " STALL" : "");
	grid = desk_grid_new(titles, " WORD BY GETS ");
	free(titles);
	for (i = 0; i < s->vms.nr; i++)
		add_vm(grid, &s->vms.vm[i], stall);
	desk_grid_print(grid, desk_columns());
}

static void json_param(void *arg, const char *name, const char *word)
{
	if (is_ours(name))
		desk_json_text(arg, name, word);
}

static struct json_object *json_changes(void)
{
	struct json_object *list = json_object_new_array();
	struct desk_note *notes;
	size_t i, nr = desk_notes_read(&notes);

	for (i = 0; i < nr; i++) {
		struct json_object *change;
		pid_t comparing;

		if (!desk_note_holds(&notes[i]))
			continue;
		change = json_object_new_object();
		comparing = desk_note_runs(&notes[i]);
		desk_json_text(change, "target", notes[i].target);
		json_object_object_add(change, "pid", notes[i].vm ?
				       json_object_new_int(notes[i].vm) : NULL);
		desk_json_text(change, "was", notes[i].was);
		desk_json_text(change, "now", notes[i].now);
		desk_json_text(change, "verb", notes[i].verb);
		desk_json_number(change, "when", notes[i].when);
		json_object_object_add(change, "running", comparing ?
				       json_object_new_int(comparing) : NULL);
		json_object_array_add(list, change);
	}
	free(notes);
	return list;
}

static struct json_object *json_origins(const struct status *s)
{
	struct json_object *list = json_object_new_array();
	struct origin origins[DESK_NR_SITES];
	size_t i, nr = find_origins(s, origins);

	for (i = 0; i < nr; i++) {
		struct json_object *origin = json_object_new_object();

		desk_json_text(origin, "target", origins[i].param);
		desk_json_text(origin, "word", origins[i].word);
		desk_json_text(origin, "from", origins[i].from);
		json_object_array_add(list, origin);
	}
	return list;
}

static int print_json(const struct status *s)
{
	struct json_object *object = desk_json_new("status"), *vms = NULL;
	struct json_object *params = desk_json_parameters();
	char *line = headline(s);
	size_t i;

	host_params("kvm", json_param, params);
	desk_json_text(object, "summary", line);
	free(line);
	json_object_object_add(object, "module", desk_json_module(&s->module));
	json_object_object_add(object, "parameters", params);
	json_object_object_add(object, "changes", json_changes());
	json_object_object_add(object, "origins", json_origins(s));
	if (!s->error) {
		vms = json_object_new_array();
		for (i = 0; i < s->vms.nr; i++)
			json_object_array_add(vms, desk_json_vm(&s->vms.vm[i]));
	}
	json_object_object_add(object, "vms", vms);
	return desk_json_print(object, false);
}

int desk_verb_status(int argc, char **argv)
{
	struct status s = { .seconds = 1 };
	int ret = DESK_OK;

	desk_args_parse(&args, argc, argv, &s.common);
	desk_module_read(&s.module);
	if (s.module.zap) {
		measure(&s);
	} else {
		s.error = DESK_NO_ZAP;
		s.why = desk_copy("no kvm-zap is loaded: nothing is chosen, nothing is counted");
	}
	desk_vms_name(&s.vms);
	desk_vms_look(&s.vms);
	desk_vms_sort(&s.vms);
	sum(&s);
	if (s.common.json)
		ret = print_json(&s);
	else
		print_text(&s);
	desk_vms_free(&s.vms);
	desk_module_free(&s.module);
	free(s.why);
	return s.error ? s.error : ret;
}
