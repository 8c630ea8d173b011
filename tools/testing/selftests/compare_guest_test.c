// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/compare/compare_guest.c makes of a guest's options, what it needs of the
 * host, and what it asks of the guest in a run, in which order. This file takes the place of
 * QEMU and of the guest. compare_test.sh builds and runs it. KTAP. Real guests are the matter
 * of kvm/compare_guest_test.sh.
 *
 * What breaks without it: a guest has other memory than was asked for, its stall is that of
 * another policy, or a run without an answer counts.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "compare_guest.h"
#include "desk.h"
#include "qemu_load.h"
#include "unit.h"

static const char *lacks = "";		/* this program is not installed */
static const char *silent = "";		/* no answer to that */
static bool old_qemu, no_start, stopped;
static int vms_status;

/* What is below it ------------------------------------------------------------ */

char *desk_read_command(const char *command, size_t *bytes)
{
	const char *name = strrchr(command, ' ') + 1;

	(void)bytes;
	if (strncmp(command, "command -v ", 11))
		return NULL;
	return strcmp(name, lacks) ? desk_text("/bin/%s\n", name) : NULL;
}

bool compare_sleep(double seconds)
{
	unit_note("sleep %g", seconds);
	return !stopped;
}

int desk_need_vms(struct desk_vms *vms)
{
	unit_note("VMs%s", vms->nr ? ", those of before" : "");
	return vms_status;
}

void desk_vms_free(struct desk_vms *vms)
{
	vms->nr = 0;
}

bool compare_latency_add(struct compare_latency *latency, const char *text)
{
	unit_note("latency %s", text);
	latency->count++;
	return strcmp(text, "junk");
}

static bool work(struct qemu_vm *vm, unsigned long rounds)
{
	unit_note("%lu rounds of %d", rounds, vm->pid);
	return strcmp(silent, "work");
}

static const char * const devices[] = { "-device", "VGA", NULL };
static const char * const modules[] = { "virtio_mem", NULL };

static const struct qemu_load loads[] = {
	{ .name = "guest-one", .devices = devices, .modules = modules, .run = work },
	{ .name = "guest-two", .run = work },
};

const struct qemu_load *qemu_load_nth(size_t i)
{
	return i < 2 ? &loads[i] : NULL;
}

const struct qemu_load *qemu_load_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (!strcmp(name, loads[i].name))
			return &loads[i];
	return NULL;
}

bool qemu_load_check(const char *qemu, const struct qemu_load *load)
{
	unit_note("check %s for %s", qemu, load->name);
	return !old_qemu;
}

int qemu_start(struct qemu_vm *vm, const struct qemu_options *o, const char *name,
	       const char * const *vm_devices, const char * const *guest_modules)
{
	unit_note("start %s: %s %s %s %s %lu MiB %lu CPUs %s %g s%s%s", name, o->qemu, o->kernel,
		  o->modules, o->accel, o->mib, o->cpus, o->cyclictest ? o->cyclictest : "-",
		  o->seconds, vm_devices == devices ? " devices" : "",
		  guest_modules == modules ? " modules" : "");
	vm->pid = 4711;
	return no_start ? DESK_NOT : DESK_OK;
}

char *qemu_ask(struct qemu_vm *vm, const char *what)
{
	unit_note("ask %d: %s", vm->pid, what);
	return strcmp(silent, what) ? strdup(silent[0] == 'j' ? "junk" : "{}") : NULL;
}

void qemu_stop(struct qemu_vm *vm)
{
	unit_note("stop %d", vm->pid);
}

/* The test -------------------------------------------------------------------- */

#define MAX_WORDS	24

/* A comparison of three policies, of a guest by these words. */
static struct compare parse(const char *line, bool *is_guest)
{
	static char *words[MAX_WORDS + 1];
	struct compare c = { .policies = { "fast", "scoped", "auto" }, .nr_policies = 3,
			     .settle = 2.5 };
	char *save, *word;
	size_t nr = 0;

	unit_forget();
	for (word = strtok_r(desk_copy(line), " ", &save); word && nr < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		words[nr++] = word;
	words[nr] = NULL;
	*is_guest = compare_guest_parse(&c, words);
	/* A report names what was compared by them. */
	ktap_text("its name stays", words[0], strtok_r(desk_copy(line), " ", &save));
	return c;
}

static struct compare guest(const char *line)
{
	bool is_guest;
	struct compare c = parse(line, &is_guest);

	ktap_equal(line, is_guest, true);
	return c;
}

static int opens(struct compare *c)
{
	struct desk_vms vms = { .nr = 3 };

	return compare_guest_open(c, &vms);
}

/* For unit_status(): these words are to end it. */
static int end_of(const char *line)
{
	bool is_guest;

	argp_err_exit_status = DESK_USAGE;
	parse(line, &is_guest);
	return 100;
}

static void check_options(void)
{
	struct compare c;
	struct utsname uts;
	char *kernel, *wanted;
	bool is_guest;

	/* A kernel that is there. */
	c = guest("guest-one -n 7 -m 512 --cpus 3 --qemu /q --kernel /dev/null --modules /mod --timeout 9.5 --interval 250");
	ktap_equal("opens", opens(&c), DESK_OK);
	ktap_text("all of them", unit_log,
		  "check /q for guest-one\n"
		  "start kvm-zap-guest-one: /q /dev/null /mod kvm 512 MiB 3 CPUs /bin/cyclictest 9.5 s devices modules\n"
		  "VMs\n");
	ktap_text("the VM", c.who, "4711");
	unit_forget();
	ktap_equal("a run", compare_guest_work(&c, 1), DESK_OK);
	ktap_text("a run", unit_log,
		  "ask 4711: latency start 250\n7 rounds of 4711\nask 4711: latency stop\nlatency {}\nsleep 2.5\n");

	c = guest("guest-two --kernel /dev/null");
	ktap_equal("opens", opens(&c), DESK_OK);
	ktap_text("none of them", unit_log,
		  "check qemu-system-x86_64 for guest-two\n"
		  "start kvm-zap-guest-two: qemu-system-x86_64 /dev/null / kvm 256 MiB 1 CPUs /bin/cyclictest 120 s\n"
		  "VMs\n");
	unit_forget();
	ktap_equal("a run", compare_guest_work(&c, 1), DESK_OK);
	ktap_text("a run", unit_log,
		  "ask 4711: latency start 1000\n100 rounds of 4711\nask 4711: latency stop\nlatency {}\nsleep 2.5\n");

	/* This host's kernel, which may not be there. */
	c = guest("guest-two");
	uname(&uts);
	kernel = desk_text("/boot/vmlinuz-%s", uts.release);
	if (opens(&c)) {
		wanted = desk_text("--kernel: %s: there is no such kernel, or it cannot be read",
				   kernel);
		ktap_text("this host's kernel", unit_said, wanted);
	} else if (!strstr(unit_log, kernel)) {
		ktap_text("this host's kernel", unit_log, kernel);
	}
	parse("rom -n 3", &is_guest);
	ktap_equal("a workload", is_guest, false);
	parse("guestimate", &is_guest);
	ktap_equal("a program", is_guest, false);
	ktap_result("options of a guest, and what they are without");
}

static void refuses(const char *what, const char *line, const char *said)
{
	char text[1024];

	ktap_equal(what, unit_status(end_of, line, text, sizeof(text)), DESK_USAGE);
	ktap_text(what, text, said);
}

static void usages(void)
{
	char text[1024];

	refuses("no guest", "guest-three", "'guest-three' is no guest: guest-one, guest-two");
	refuses("a word", "guest-one rom",
		"kvm-zap compare guest-one: 'rom' is not expected: give options");
	refuses("no rounds", "guest-one -n 0",
		"kvm-zap compare guest-one: '0': give how often, from 1 on");
	refuses("no memory", "guest-one -m x",
		"kvm-zap compare guest-one: 'x': give MiB, from 1 on");
	refuses("no CPU", "guest-one --cpus -1",
		"kvm-zap compare guest-one: '-1': give how many, from 1 on");
	refuses("no time", "guest-one --timeout 0.5",
		"kvm-zap compare guest-one: '0.5': give seconds, from 1 to 86400");
	refuses("no interval", "guest-one --interval 0",
		"kvm-zap compare guest-one: '0': give microseconds, from 1 on");
	refuses("twice", "guest-one --qemu a --qemu b",
		"kvm-zap compare guest-one: --qemu is given twice ('a', 'b'): give it once");
	/* What it prints is compare's affair. */
	ktap_equal("JSON", unit_status(end_of, "guest-one --json", text, sizeof(text)), DESK_USAGE);
	ktap_equal("help", unit_status(end_of, "guest-one --help", text, sizeof(text)), 0);
	ktap_text("help", text, "Usage: kvm-zap compare guest-one [OPTION...]");
	ktap_result("wrong options have an answer that names the guest");
}

static void check_needs(void)
{
	struct compare c = guest("guest-one --kernel /dev/null");

	old_qemu = true;
	ktap_equal("an old QEMU", opens(&c), DESK_NOT);
	ktap_text("an old QEMU", unit_log, "check qemu-system-x86_64 for guest-one\n");
	old_qemu = false;
	lacks = "busybox";
	ktap_equal("no busybox", opens(&c), DESK_NOT);
	ktap_text("no busybox", unit_said,
		  "the guest needs busybox (apt-get install busybox-static)");
	lacks = "";
	c = guest("guest-one --kernel /none/kernel");
	ktap_equal("no kernel", opens(&c), DESK_NOT);
	ktap_text("no kernel", unit_said,
		  "--kernel: /none/kernel: there is no such kernel, or it cannot be read");
	ktap_text("nothing is started", unit_log, "check qemu-system-x86_64 for guest-one\n");

	no_start = true;
	c = guest("guest-one --kernel /dev/null");
	ktap_equal("it does not start", opens(&c), DESK_NOT);
	ktap_equal("no VM is looked for", !strstr(unit_log, "VMs"), true);
	no_start = false;
	c = guest("guest-one --kernel /dev/null");
	vms_status = DESK_DENIED;
	ktap_equal("no debugfs", opens(&c), DESK_DENIED);
	vms_status = DESK_OK;
	ktap_result("what a guest needs is looked for before it boots");
}

static void check_latency(void)
{
	struct compare c = guest("guest-one --kernel /dev/null");
	struct compare workload = { };
	unsigned int run;

	lacks = "cyclictest";
	ktap_equal("opens", opens(&c), DESK_OK);
	ktap_text("said", unit_said,
		  "cyclictest is missing (apt-get install rt-tests): no stall is measured");
	ktap_equal("none in the guest", !!strstr(unit_log, " - 120 s"), true);
	unit_forget();
	ktap_equal("a run", compare_guest_work(&c, 0), DESK_OK);
	ktap_text("a run without", unit_log, "100 rounds of 4711\nsleep 2.5\n");
	lacks = "";
	c = guest("guest-one --kernel /dev/null --no-latency");
	ktap_equal("opens", opens(&c), DESK_OK);
	ktap_text("nobody wants it", unit_said, "");
	ktap_equal("none in the guest", !!strstr(unit_log, " - 120 s"), true);
	unit_forget();
	ktap_equal("a run", compare_guest_work(&c, 0), DESK_OK);
	ktap_text("a run without", unit_log, "100 rounds of 4711\nsleep 2.5\n");

	c = guest("guest-one --kernel /dev/null");
	ktap_equal("opens", opens(&c), DESK_OK);
	/* Three policies, and the first again: each has its own. */
	for (run = 0; run < 4; run++)
		ktap_equal("nothing yet", c.latency[run].count || c.latency[run].histogram, 0);
	compare_guest_work(&c, 3);
	compare_guest_work(&c, 1);
	compare_guest_work(&c, 3);
	ktap_equal("of the first", c.latency[0].count, 0);
	ktap_equal("of the first again", c.latency[1].count, 1);
	ktap_equal("of the second", c.latency[2].count, 0);
	ktap_equal("of the third", c.latency[3].count, 2);

	unit_forget();
	compare_guest_close(&c);
	ktap_text("it is ended", unit_log, "stop 4711\n");
	unit_forget();
	compare_guest_close(&workload);
	ktap_text("there is no guest", unit_log, "");
	ktap_result("each run has its own latency, or nobody measures it");
}

static void failures(void)
{
	struct compare c = guest("guest-one --kernel /dev/null -n 3");

	ktap_equal("opens", opens(&c), DESK_OK);
	unit_forget();
	silent = "latency start 1000";
	ktap_equal("no start", compare_guest_work(&c, 0), DESK_NOT);
	ktap_text("no start", unit_log, "ask 4711: latency start 1000\n");
	unit_forget();
	silent = "work";
	ktap_equal("no work", compare_guest_work(&c, 0), DESK_NOT);
	ktap_text("no work", unit_log, "ask 4711: latency start 1000\n3 rounds of 4711\n");
	silent = "latency stop";
	ktap_equal("no stop", compare_guest_work(&c, 0), DESK_NOT);
	ktap_equal("nothing is counted", c.latency[0].count, 0);
	silent = "junk";
	ktap_equal("no answer of cyclictest's", compare_guest_work(&c, 0), DESK_NOT);
	silent = "";
	stopped = true;
	ktap_equal("a signal", compare_guest_work(&c, 0), DESK_NOT);
	stopped = false;
	ktap_equal("and well again", compare_guest_work(&c, 0), DESK_OK);
	ktap_result("a run that a guest does not end is none");
}

int main(void)
{
	/* desk_say() is looked at above. */
	unit_quiet();
	ktap_start(5);
	check_options();
	usages();
	check_needs();
	check_latency();
	failures();
	return ktap_end();
}
