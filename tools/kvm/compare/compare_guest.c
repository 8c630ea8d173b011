// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap compare's guests under QEMU. See compare_guest.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compare_guest.h"
#include "desk.h"
#include "desk_json.h"
#include "qemu_load.h"

#define KEY_CPUS	0x100	/* options without a letter */
#define KEY_QEMU	0x101
#define KEY_KERNEL	0x102
#define KEY_MODULES	0x103
#define KEY_TIMEOUT	0x104
#define KEY_INTERVAL	0x105
#define KEY_NO_LATENCY	0x106

struct compare_guest {
	struct desk_common common;
	const struct qemu_load *load;
	struct qemu_options options;
	unsigned long rounds, interval_us;
	bool no_latency;
	char *cyclictest;		/* NULL: it is not installed */
	struct qemu_vm vm;
};

static const struct argp_option options[] = {
	{ .name = "rounds", .key = 'n', .arg = "N",
	  .doc = "Repetitions in each run of a policy (default: 100)" },
	{ .name = "memory", .key = 'm', .arg = "MIB",
	  .doc = "The guest's memory (default: 256); Debian's kernels need more than 64" },
	{ .name = "cpus", .key = KEY_CPUS, .arg = "N", .doc = "The guest's CPUs (default: 1)" },
	{ .name = "qemu", .key = KEY_QEMU, .arg = "PATH",
	  .doc = "The QEMU to run (default: qemu-system-x86_64)" },
	{ .name = "kernel", .key = KEY_KERNEL, .arg = "FILE",
	  .doc = "The guest's kernel (default: that of this host, in /boot)" },
	{ .name = "modules", .key = KEY_MODULES, .arg = "DIR",
	  .doc = "The folder that has the kernel's lib/modules (default: /)" },
	{ .name = "timeout", .key = KEY_TIMEOUT, .arg = "SECONDS",
	  .doc = "The time for the guest to boot, and for each of its answers (default: 120)" },
	{ .name = "interval", .key = KEY_INTERVAL, .arg = "US",
	  .doc = "The interval at which cyclictest wakes in the guest (default: 1000)" },
	{ .name = "no-latency", .key = KEY_NO_LATENCY, .doc = "Do not run cyclictest" },
	{ }
};

static void option(void *verb, int key, char *arg, struct argp_state *state)
{
	struct compare_guest *g = verb;

	switch (key) {
	case 'n':
		g->rounds = desk_whole(state, arg, "how often");
		break;
	case 'm':
		g->options.mib = desk_whole(state, arg, "MiB");
		break;
	case KEY_CPUS:
		g->options.cpus = desk_whole(state, arg, "how many");
		break;
	case KEY_QEMU:
		g->options.qemu = arg;
		break;
	case KEY_KERNEL:
		g->options.kernel = arg;
		break;
	case KEY_MODULES:
		g->options.modules = arg;
		break;
	case KEY_TIMEOUT:
		g->options.seconds = desk_seconds(state, arg, 1);
		break;
	case KEY_INTERVAL:
		g->interval_us = desk_whole(state, arg, "microseconds");
		break;
	case KEY_NO_LATENCY:
		g->no_latency = true;
		break;
	}
}

static const struct desk_args args = {
	.options = options,
	.option = option,
	.no_json = true,
	.no_word = "give options",
	.doc = "Compare policies on a guest with Debian's kernel under QEMU, which boots once. "
	       "compare's options come before the guest's name.\v"
	       "guest-rom reads the option ROMs of its PCI devices, guest-hotplug gets a virtio "
	       "device, reads its ROM and loses it, guest-virtio-mem gets memory and gives it back, "
	       "guest-vga switches VGA between 256 colours and text. Where cyclictest (rt-tests) is "
	       "installed, it runs in the guest meanwhile: late wake-ups are the stall as the "
	       "guest sees it. The guest has busybox (busybox-static), no disk and no network.",
};

static char *find_in_path(const char *name)
{
	char *command = desk_text("command -v %s", name), *path = desk_read_command(command, NULL);

	free(command);
	if (path)
		path[strcspn(path, "\n")] = '\0';
	if (path && *path)
		return path;
	free(path);
	return NULL;
}

/* A word that begins like a guest's name, but is not one, is no workload either. */
static void refuse_guest(const char *name)
{
	const struct qemu_load *load;
	char *list, *longer;
	size_t i;

	if (strncmp(name, "guest-", 6))
		return;
	list = desk_copy("");
	for (i = 0; (load = qemu_load_nth(i)); i++) {
		longer = desk_text("%s%s%s", list, i ? ", " : "", load->name);
		free(list);
		list = longer;
	}
	desk_say("'%s' is no guest: %s", name, list);
	exit(DESK_USAGE);
}

bool compare_guest_parse(struct compare *c, char **words)
{
	const struct qemu_load *load = qemu_load_find(*words);
	struct compare_guest *g;
	struct utsname uts;
	int argc = 0;
	char *name;

	if (!load) {
		refuse_guest(*words);
		return false;
	}
	uname(&uts);
	g = desk_alloc(sizeof(*g));
	*g = (struct compare_guest){
		.load = load, .rounds = 100, .interval_us = 1000,
		.options = { .qemu = "qemu-system-x86_64", .modules = "/", .accel = "kvm",
			     .mib = 256, .cpus = 1, .seconds = 120,
			     .kernel = desk_text("/boot/vmlinuz-%s", uts.release) },
		.vm = { .talk = -1 },
	};
	while (words[argc])
		argc++;
	name = words[0];
	words[0] = desk_text("kvm-zap compare %s", name);
	desk_args_parse(&args, argc, words, &g->common);
	words[0] = name;
	c->guest = g;
	return true;
}

/* What a guest needs of this host. */
static int check(struct compare_guest *g)
{
	char *busybox = find_in_path("busybox");

	free(busybox);
	if (!qemu_load_check(g->options.qemu, g->load))
		return DESK_NOT;
	if (access(g->options.kernel, R_OK)) {
		desk_say("--kernel: %s: there is no such kernel, or it cannot be read",
			 g->options.kernel);
		return DESK_NOT;
	}
	if (!busybox) {
		desk_say("the guest needs busybox (apt-get install busybox-static)");
		return DESK_NOT;
	}
	g->cyclictest = g->no_latency ? NULL : find_in_path("cyclictest");
	if (!g->cyclictest && !g->no_latency)
		desk_say("cyclictest is missing (apt-get install rt-tests): no stall is measured");
	g->options.cyclictest = g->cyclictest;
	return DESK_OK;
}

int compare_guest_open(struct compare *c, struct desk_vms *vms)
{
	struct compare_guest *g = c->guest;
	char *name;
	int ret = check(g);

	if (ret)
		return ret;
	name = desk_text("kvm-zap-%s", g->load->name);
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s boots", g->load->name);
	ret = qemu_start(&g->vm, &g->options, name, g->load->devices, g->load->modules);
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	free(name);
	if (ret)
		return ret;
	c->who = desk_text("%d", g->vm.pid);
	c->latency = desk_alloc(compare_runs(c) * sizeof(*c->latency));
	memset(c->latency, 0, compare_runs(c) * sizeof(*c->latency));
	desk_vms_free(vms);
	return desk_need_vms(vms);
}

static bool latency_begins(struct compare_guest *g)
{
	char *what, *said;

	if (!g->cyclictest)
		return true;
	what = desk_text("latency start %lu", g->interval_us);
	said = qemu_ask(&g->vm, what);
	free(what);
	free(said);
	return said;
}

static bool latency_ends(struct compare *c, unsigned int run)
{
	char *said;
	bool ok;

	if (!c->guest->cyclictest)
		return true;
	said = qemu_ask(&c->guest->vm, "latency stop");
	ok = said && compare_latency_add(&c->latency[run], said);
	free(said);
	return ok;
}

int compare_guest_work(struct compare *c, unsigned int run)
{
	struct compare_guest *g = c->guest;

	/* Page faults that follow the last invalidation are counted when the window ends. */
	if (latency_begins(g) && g->load->run(&g->vm, g->rounds) && latency_ends(c, run) &&
	    compare_sleep(c->settle))
		return DESK_OK;
	return DESK_NOT;
}

void compare_guest_close(struct compare *c)
{
	if (c->guest)
		qemu_stop(&c->guest->vm);
}
