// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap set: choose a policy, and say which VMs it reaches.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_args.h"
#include "desk_json.h"
#include "desk_notes.h"
#include "desk_print.h"
#include "desk_vms.h"

struct set {
	struct desk_common common;
	const char *site_name, *word, *who;
	bool tested;

	const struct desk_site *site;
	struct desk_vms vms;
	bool vms_known;
	struct desk_vm *vm;	/* with --vm: the first of @nr, of one process */
	size_t nr;
	char was[16];
	bool changed;
};

static const struct argp_option options[] = {
	{ .name = "vm", .key = 'v', .arg = "NAME|PID",
	  .doc = "Only for this VM, at site memslot; the VM is given by its guest's name, id "
		 "or UUID, or by its process. WORD may be 'inherit': the parameter decides "
		 "again" },
	{ .name = "devices-tested", .key = 'd',
	  .doc = "Confirm that you have tested this word with guests that have host devices. "
		 "Without this option, 'scoped' and 'auto' of memslot are refused if there are "
		 "such guests" },
	{ }
};

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct set *s = verb;

	(void)state;
	if (key == 'v')
		s->who = arg;
	else
		s->tested = true;
}

static void add_word(void *verb, char *arg, struct argp_state *state)
{
	struct set *s = verb;

	if (state->arg_num > 1)
		argp_error(state, "'%s' is not expected: one SITE and one WORD", arg);
	*(state->arg_num ? &s->word : &s->site_name) = arg;
}

/* Words of all sites, as a sentence has them; free() it. */
static char *all_words(void)
{
	char *text = desk_copy(""), *words, *longer;
	size_t i;

	for (i = 0; i < DESK_NR_SITES; i++) {
		words = desk_site_words(&desk_sites[i]);
		longer = desk_text("%s%s%s takes %s", text, i ? "; " : "", desk_sites[i].name,
				   words);
		free(words);
		free(text);
		text = longer;
	}
	return text;
}

static void check(void *verb, struct argp_state *state)
{
	struct set *s = verb;
	const struct desk_site *site;

	if (s->word)
		return;
	if (!s->site_name)
		argp_error(state, "no SITE and no WORD: %s", all_words());
	site = desk_site(s->site_name);
	if (strchr(s->site_name, '='))
		argp_error(state, "'%s': give SITE and WORD as two words, as in memslot scoped",
			   s->site_name);
	if (!site)
		argp_error(state, "'%s' is no site: memslot, mmio, teardown", s->site_name);
	argp_error(state, "no WORD for %s: it takes %s", site->name, desk_site_words(site));
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.word = add_word,
	.check = check,
	.args_doc = "SITE WORD",
	.doc = "Choose a policy. It applies from the next invalidation on, until kvm is loaded "
	       "again.\vSITE is memslot (stock, fast, scoped, auto), mmio (fast, scoped) or "
	       "teardown (walk, fast, bulk). The former word is kept in /run/kvm-zap for 'kvm-zap "
	       "restore'. To keep a choice across reboots, write 'options kvm memslot_zap=WORD' "
	       "to a file in /etc/modprobe.d.",
};

/* The current word, of the VM or of the parameter; *@text says which it is. */
static int check_words(struct set *s)
{
	char now[16];

	s->site = desk_site(s->site_name);
	if (!s->site) {
		desk_say("'%s' is no site: memslot, mmio, teardown", s->site_name);
		return DESK_USAGE;
	}
	if (s->who && strcmp(s->site->name, "memslot")) {
		desk_say("only memslot can be set for one VM, not %s", s->site->name);
		return DESK_USAGE;
	}
	if (s->who && !strcmp(s->word, "inherit"))
		return DESK_OK;
	if (!s->who && !strcmp(s->word, "inherit")) {
		desk_say("'inherit' is a word of one VM: give --vm");
		return DESK_USAGE;
	}
	if (desk_site_takes(s->site, s->word))
		return DESK_OK;
	desk_site_refuse(s->site, s->word, desk_param(s->site, now, sizeof(now)) ? NULL : now);
	return DESK_USAGE;
}

/* The word may make a VM keep mappings when a memslot goes. */
static bool is_daring(const struct set *s, const char *word)
{
	return !strcmp(s->site->name, "memslot") &&
	       (!strcmp(word, "scoped") || !strcmp(word, "auto"));
}

/* The VM has to follow its type or its devices, whatever is chosen. */
static bool has_no_choice(const struct desk_vm *vm)
{
	return !strcmp(vm->by, "type") || !strcmp(vm->by, "dma");
}

/* A change of the parameter does not reach @vm, for this reason; NULL: it does. */
static const char *unreached(const struct set *s, const struct desk_vm *vm)
{
	/* No VM has a say but at site memslot. */
	if (strcmp(s->site->name, "memslot"))
		return NULL;
	if (!strcmp(vm->by, "type"))
		return "VMs of its type have no choice";
	if (!strcmp(vm->by, "dma"))
		return "it has a device with non-coherent DMA";
	if (!s->who && strcmp(vm->word, "inherit"))
		return "it has a word of its own";
	return NULL;
}

static int check_devices(struct set *s)
{
	struct desk_vm *vms = s->who ? s->vm : s->vms.vm;
	size_t i, nr = s->who ? s->nr : s->vms.nr, bad = 0;

	if (!is_daring(s, s->word) || s->tested)
		return DESK_OK;
	for (i = 0; i < nr; i++) {
		char *label;

		if (unreached(s, &vms[i]) || !desk_vm_has_devices(&vms[i]))
			continue;
		label = desk_vm_label(&vms[i]);
		desk_say("%s has devices of the host", label);
		free(label);
		bad++;
	}
	if (!bad)
		return DESK_OK;
	desk_say("nothing is changed: such guests have shown corruption, see kvm-zap-install.rst");
	desk_say("test them with '%s' first, then add --devices-tested%s", s->word,
		 s->who ? "" : ", or give them 'fast' of their own by --vm");
	return DESK_DEVICES;
}

static int said(const char *what, int error, bool noting)
{
	const char *lockdown = desk_lockdown();

	if (noting)
		desk_say("nothing is changed: the former word cannot be noted in /run/kvm-zap: %s",
			 strerror(-error));
	else if (error == -EPERM && lockdown)
		desk_say("%s: locked down (%s): no VM's own word can be set",
			 what, lockdown);
	else if (error == -EACCES || error == -EPERM)
		desk_say("%s: only root may choose", what);
	else if (error == -EINVAL)
		desk_say("%s: this kernel does not take that word", what);
	else
		desk_say("%s: %s", what, strerror(-error));
	return error == -EACCES || error == -EPERM ? DESK_DENIED : DESK_NOT;
}

static int set_param(struct set *s)
{
	char target[32];
	bool noting;
	int ret;

	ret = desk_param(s->site, s->was, sizeof(s->was));
	snprintf(target, sizeof(target), "%s_zap", s->site->name);
	if (!ret && !strcmp(s->was, s->word))
		return DESK_OK;
	if (!ret)
		ret = desk_change(target, s->word, "set", 0, &noting);
	else
		noting = false;
	if (ret)
		return said(target, ret, noting);
	s->changed = true;
	return DESK_OK;
}

/* The VM may go away at any time, and its folder with it. */
static int set_folder(void *arg, const char *folder)
{
	struct set *s = arg;
	char *path = desk_note_path(folder), was[16];
	bool noting = false;
	int ret;

	ret = desk_read_word(path, was, sizeof(was));
	if (!ret && !*s->was)
		strcpy(s->was, was);
	if (!ret && strcmp(was, s->word)) {
		ret = desk_change(folder, s->word, "set", s->vm->tgid, &noting);
		s->changed |= !ret;
	}
	if (ret == -ENOENT || ret == -ENODEV) {
		char *label = desk_vm_label(s->vm);

		desk_say("%s has gone meanwhile", label);
		free(label);
		ret = DESK_NO_VM;
	} else if (ret) {
		ret = said(path, ret, noting);
	}
	free(path);
	return ret;
}

static int set_vm(struct set *s)
{
	char *label = desk_vm_label(s->vm);
	int ret = desk_vms_folders(s->vm, s->nr, label, set_folder, s);

	free(label);
	return ret;
}

static void print_unreached(const struct set *s)
{
	struct desk_vm *vms = s->who ? s->vm : s->vms.vm;
	size_t i, nr = s->who ? s->nr : s->vms.nr;

	for (i = 0; i < nr; i++) {
		const char *why = unreached(s, &vms[i]);
		char *label;

		if (!why)
			continue;
		label = desk_vm_label(&vms[i]);
		printf("not reached: %s: %s (%s)\n", label, why,
		       has_no_choice(&vms[i]) ? vms[i].policy : vms[i].word);
		free(label);
	}
}

/* What has to be added to undo the change: where it was daring, it was so with devices. */
static const char *undo_option(const struct set *s)
{
	const struct desk_vm *vms = s->who ? s->vm : s->vms.vm;
	size_t i, nr = s->who ? s->nr : s->vms.nr;
	bool devices = !s->vms_known;

	for (i = 0; i < nr; i++)
		devices |= desk_vm_has_devices(&vms[i]);
	return devices && is_daring(s, s->was) ? " --devices-tested" : "";
}

static void print_text(const struct set *s)
{
	char *of = s->who ? desk_vm_label(s->vm) : NULL;
	size_t i, reached = 0;

	for (i = 0; i < s->vms.nr; i++)
		reached += !unreached(s, &s->vms.vm[i]);
	printf("%s%s%s: ", s->site->name, of ? " of " : "", of ? of : "");
	if (s->changed)
		printf("%s -> %s", s->was, s->word);
	else
		printf("is %s already, nothing is changed", s->word);
	if (s->changed && !s->who && s->vms_known)
		printf(", for %zu of %zu VM%s", reached, s->vms.nr, s->vms.nr == 1 ? "" : "s");
	putchar('\n');
	print_unreached(s);
	if (s->changed && s->who)
		printf("undo: kvm-zap set %s %s --vm %d%s\n", s->site->name, s->was,
		       s->vm->tgid, undo_option(s));
	else if (s->changed)
		printf("undo: kvm-zap set %s %s%s\n", s->site->name, s->was, undo_option(s));
	free(of);
}

static int print_json(const struct set *s)
{
	struct json_object *object = desk_json_new("set"), *list = NULL;
	struct desk_vm *vms = s->who ? s->vm : s->vms.vm;
	size_t i, nr = s->who ? s->nr : s->vms.nr;

	desk_json_text(object, "site", s->site->name);
	json_object_object_add(object, "vm", s->who ? desk_json_vm_short(s->vm) : NULL);
	desk_json_text(object, "was", s->was);
	desk_json_text(object, "now", s->word);
	desk_json_bool(object, "changed", s->changed);
	if (s->vms_known)
		list = json_object_new_array();
	for (i = 0; list && i < nr; i++)
		if (unreached(s, &vms[i]))
			json_object_array_add(list, desk_json_vm_short(&vms[i]));
	json_object_object_add(object, "not_reached", list);
	return desk_json_print(object, false);
}

/* Without the VMs a parameter can be set, but not for policies that devices matter to. */
static int read_vms(struct set *s)
{
	char *why = NULL;
	int ret = desk_vms_read(&s->vms, &why);

	if (!ret) {
		s->vms_known = true;
		desk_vms_name(&s->vms);
		desk_vms_look(&s->vms);
	} else if (!s->who && (s->tested || !is_daring(s, s->word))) {
		desk_say("note: it is not known which VMs this reaches: %s", why);
		ret = DESK_OK;
	} else {
		desk_say("%s", why);
		if (!s->who)
			desk_say("it is not known which VMs have devices: see --devices-tested");
	}
	free(why);
	return ret;
}

int desk_verb_set(int argc, char **argv)
{
	struct set s = { };
	int ret;

	desk_args_parse(&args, argc, argv, &s.common);
	ret = check_words(&s);
	if (ret)
		return ret;
	ret = desk_need_root("choose");
	if (!ret)
		ret = read_vms(&s);
	if (!ret && s.who)
		ret = desk_vms_find(&s.vms, s.who, &s.vm, &s.nr);
	if (!ret)
		ret = check_devices(&s);
	if (!ret) {
		int error = desk_notes_lock();

		ret = error ? said("/run/kvm-zap", error, true) : s.who ? set_vm(&s) :
		      set_param(&s);
	}
	if (!ret && s.common.json)
		ret = print_json(&s);
	else if (!ret)
		print_text(&s);
	desk_vms_free(&s.vms);
	return ret;
}
