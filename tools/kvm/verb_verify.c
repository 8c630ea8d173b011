// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap verify: check that the chosen policies are in force, now and after a reboot.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_args.h"
#include "desk_boot.h"
#include "desk_json.h"
#include "desk_vms.h"

struct want {
	const struct desk_site *site;
	const char *word;
	char now[16], boot[16];		/* "" if there is none */
};

struct verify {
	struct desk_common common;
	bool boot;
	size_t nr;
	struct want want[DESK_NR_SITES];

	struct desk_module module;
	char *newest;			/* kernel that is booted next, as far as can be told */
	bool failed;
	char *vms_unknown;		/* why VMs could not be looked at, or NULL */
	struct json_object *reasons;
};

static const struct argp_option options[] = {
	{ .name = "boot", .key = 'b',
	  .doc = "Also check that it will be in force after a reboot, by modprobe.d, the "
		 "kernel's command line, tmpfiles.d, and the kvm that is installed for the "
		 "newest kernel" },
	{ }
};

/* Splits "SITE=WORD", with checks. */
static void add_want(void *verb, char *arg, struct argp_state *state)
{
	struct verify *v = verb;
	const char *equals = strchr(arg, '=');
	struct want *want = &v->want[v->nr];
	char *name = equals ? strndup(arg, equals - arg) : NULL;
	size_t i;

	if (!equals)
		argp_error(state, "'%s': give SITE=WORD, as in memslot=scoped", arg);
	want->site = desk_site(name);
	if (!want->site)
		argp_error(state, "'%s' is no site: memslot, mmio, teardown", name);
	for (i = 0; i < v->nr; i++)
		if (v->want[i].site == want->site)
			argp_error(state, "%s is given twice ('%s', '%s'): give it once", name,
				   v->want[i].word, equals + 1);
	want->word = equals + 1;
	if (!desk_site_takes(want->site, want->word)) {
		desk_site_refuse(want->site, want->word, NULL);
		exit(DESK_USAGE);
	}
	free(name);
	v->nr++;
}

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct verify *v = verb;

	(void)key;
	(void)arg;
	(void)state;
	v->boot = true;
}

static void check(void *verb, struct argp_state *state)
{
	struct verify *v = verb;

	if (!v->nr)
		argp_error(state, "give at least one SITE=WORD");
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.word = add_want,
	.check = check,
	.args_doc = "SITE=WORD...",
	.doc = "Check whether each SITE=WORD is in force. Exit with 0 if so; otherwise exit with "
	       "1 and print the reason.\vVMs that the parameter does not reach, because of a word "
	       "of their own, their type or a device, are named. They are not a failure: somebody "
	       "chose that word, or there is no choice. VMs are in debugfs, which only root reads: "
	       "without it, verify prints that it is not known which VMs have a word of their own. "
	       "The exit status is the same then: 0 means that each parameter has its WORD, and "
	       "says nothing about single VMs.",
};

/* A line of the answer; @good says whether it is as it should be. */
static void __attribute__((format(printf, 3, 4))) reason(struct verify *v, bool good,
							 const char *fmt, ...)
{
	struct json_object *object;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		exit(DESK_NOT);
	va_end(ap);
	v->failed |= !good;
	if (!v->common.json)
		printf("%s: %s\n", good ? "ok" : "not so", text);
	object = json_object_new_object();
	desk_json_bool(object, "ok", good);
	desk_json_text(object, "text", text);
	json_object_array_add(v->reasons, object);
	free(text);
}

static void check_now(struct verify *v)
{
	char *words = desk_module_words(&v->module);
	size_t i;

	if (!v->module.zap)
		reason(v, false, "now: %s", words);
	for (i = 0; i < v->nr && v->module.zap; i++) {
		struct want *want = &v->want[i];
		bool good;

		if (desk_param(want->site, want->now, sizeof(want->now)))
			*want->now = '\0';
		good = !strcmp(want->now, want->word);
		reason(v, good, "now: %s is %s", want->site->name,
		       *want->now ? want->now : "unknown");
	}
	free(words);
}

/* VMs have words of their own at this site alone. */
static bool wants_memslot(const struct verify *v)
{
	size_t i;

	for (i = 0; i < v->nr; i++)
		if (!strcmp(v->want[i].site->name, "memslot"))
			return true;
	return false;
}

static void name_exceptions(struct verify *v)
{
	struct desk_vms vms;
	size_t i;

	if (!v->module.zap || !wants_memslot(v))
		return;
	if (desk_vms_read(&vms, &v->vms_unknown)) {
		if (!v->common.json)
			printf("not known: now: which VMs have a word of their own: %s\n",
			       v->vms_unknown);
		return;
	}
	desk_vms_name(&vms);
	for (i = 0; i < vms.nr; i++) {
		char *label = desk_vm_label(&vms.vm[i]);

		if (desk_vm_is_its_own(&vms.vm[i]))
			reason(v, true, "now: %s follows its own %s, %s", label, vms.vm[i].by,
			       vms.vm[i].policy);
		free(label);
	}
	desk_vms_free(&vms);
}

static int is_kernel(const struct dirent *d)
{
	char *dep;
	int ret;

	if (*d->d_name == '.')
		return 0;
	dep = desk_text("/lib/modules/%s/modules.dep", d->d_name);
	ret = !access(dep, F_OK);
	free(dep);
	return ret;
}

/* GRUB starts the newest one unless it is told otherwise. */
static char *newest_kernel(void)
{
	struct dirent **list;
	char *newest = NULL;
	int i, nr = scandir("/lib/modules", &list, is_kernel, versionsort);

	for (i = 0; i < nr; i++) {
		if (i == nr - 1)
			newest = desk_copy(list[i]->d_name);
		free(list[i]);
	}
	if (nr >= 0)
		free(list);
	return newest;
}

static void check_installed(struct verify *v)
{
	enum desk_answer zap = DESK_NO;
	char *file = NULL;

	/* What is built in comes back as it is. */
	if (v->module.builtin && v->module.zap)
		return;
	v->newest = newest_kernel();
	if (v->newest)
		file = desk_module_file(v->newest);
	if (file)
		zap = desk_module_file_zap(file);
	if (!v->newest)
		reason(v, false, "boot: no kernel's modules are in /lib/modules");
	else if (!file)
		reason(v, false, "boot: no kvm is installed for %s, the newest kernel", v->newest);
	else if (zap == DESK_UNKNOWN)
		reason(v, false, "boot: %s cannot be read", file);
	else
		reason(v, zap == DESK_YES, "boot: kvm for %s, the newest kernel, is %s (%s)",
		       v->newest, zap == DESK_YES ? "kvm-zap's" : "without kvm-zap", file);
	free(file);
}

/*
 * systemd-tmpfiles writes to a kvm that is there already. One that is built in always is.
 * A module may be loaded by the initramfs or later, so that both words have to be right.
 */
static void check_later(struct verify *v, const struct want *want, const char *later)
{
	const char *site = want->site->name;

	if (!*later || !strcmp(later, want->boot))
		return;
	if (strcmp(later, want->word))
		reason(v, false, "boot: tmpfiles.d writes %s to /sys/module/kvm/parameters/%s_zap",
		       later, site);
	else
		reason(v, false,
		       "boot: tmpfiles.d may be too early: modprobe.d needs 'options kvm %s_zap=%s'",
		       site, later);
}

static void check_boot(struct verify *v)
{
	const bool builtin = v->module.builtin;
	struct desk_boot boot[DESK_NR_SITES];
	const char *why;
	size_t i;

	check_installed(v);
	why = desk_boot_read(builtin, boot);
	if (why) {
		reason(v, false, "boot: %s", why);
		return;
	}
	for (i = 0; i < v->nr; i++) {
		struct want *want = &v->want[i];
		const struct desk_boot *b = &boot[want->site - desk_sites];
		const char *word = b->word, *from = b->from;

		if (builtin && *b->later) {
			word = b->later;
			from = "tmpfiles.d";
		} else if (!from) {
			word = want->site->words[0];
			from = builtin ?
				"the default, neither tmpfiles.d nor the command line has one" :
				"the default, no modprobe.d has one";
		}
		snprintf(want->boot, sizeof(want->boot), "%s", word);
		reason(v, !strcmp(word, want->word), "boot: %s is %s (%s)", want->site->name, word,
		       from);
		check_later(v, want, b->later);
	}
}

static int print_json(struct verify *v)
{
	struct json_object *object = desk_json_new("verify"), *sites = json_object_new_array();
	size_t i;

	for (i = 0; i < v->nr; i++) {
		struct json_object *site = json_object_new_object();

		desk_json_text(site, "site", v->want[i].site->name);
		desk_json_text(site, "word", v->want[i].word);
		desk_json_text(site, "now", *v->want[i].now ? v->want[i].now : NULL);
		desk_json_text(site, "boot", *v->want[i].boot ? v->want[i].boot : NULL);
		json_object_array_add(sites, site);
	}
	desk_json_bool(object, "ok", !v->failed);
	desk_json_bool(object, "boot", v->boot);
	desk_json_text(object, "newest_kernel", v->newest);
	desk_json_text(object, "vms_unknown", v->vms_unknown);
	json_object_object_add(object, "module", desk_json_module(&v->module));
	json_object_object_add(object, "sites", sites);
	json_object_object_add(object, "reasons", v->reasons);
	return desk_json_print(object, false);
}

int desk_verb_verify(int argc, char **argv)
{
	struct verify v = { };
	int ret;

	desk_args_parse(&args, argc, argv, &v.common);
	v.reasons = json_object_new_array();
	desk_module_read(&v.module);
	check_now(&v);
	name_exceptions(&v);
	if (v.boot)
		check_boot(&v);
	ret = v.failed ? DESK_NOT : DESK_OK;
	if (v.common.json && print_json(&v))
		ret = DESK_NOT;
	else if (!v.common.json)
		json_object_put(v.reasons);
	desk_module_free(&v.module);
	free(v.newest);
	free(v.vms_unknown);
	return ret;
}
