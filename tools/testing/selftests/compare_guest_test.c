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
#include <sys/wait.h>
#include <unistd.h>

#include "compare_guest.h"
#include "desk.h"
#include "qemu_load.h"

static int failed, points;
static char done[2048];			/* what was asked, in order */
static char said[1024];
static const char *lacks = "";		/* this program is not installed */
static const char *silent = "";		/* no answer to that */
static bool old_qemu, no_start, stopped;
static int vms_status;

static void log_it(const char *fmt, ...)
{
	size_t used = strlen(done);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(done + used, sizeof(done) - used, fmt, ap);
	va_end(ap);
	strncat(done, "\n", sizeof(done) - strlen(done) - 1);
}

/* What is below it ------------------------------------------------------------ */

void desk_say(const char *fmt, ...)
{
	size_t used = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + used, sizeof(said) - used, fmt, ap);
	va_end(ap);
	/* Where it exits, the parent reads this. */
	fprintf(stderr, "%s\n", said);
}

char *desk_text(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		exit(1);
	va_end(ap);
	return text;
}

char *desk_copy(const char *text)
{
	return strdup(text);
}

void *desk_alloc(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		exit(1);
	return p;
}

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
	log_it("sleep %g", seconds);
	return !stopped;
}

int desk_need_vms(struct desk_vms *vms)
{
	log_it("VMs%s", vms->nr ? ", those of before" : "");
	return vms_status;
}

void desk_vms_free(struct desk_vms *vms)
{
	vms->nr = 0;
}

bool compare_latency_add(struct compare_latency *latency, const char *text)
{
	log_it("latency %s", text);
	latency->count++;
	return strcmp(text, "junk");
}

static bool work(struct qemu_vm *vm, unsigned long rounds)
{
	log_it("%lu rounds of %d", rounds, vm->pid);
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
	log_it("check %s for %s", qemu, load->name);
	return !old_qemu;
}

int qemu_start(struct qemu_vm *vm, const struct qemu_options *o, const char *name,
	       const char * const *vm_devices, const char * const *guest_modules)
{
	log_it("start %s: %s %s %s %s %lu MiB %lu CPUs %s %g s%s%s", name, o->qemu, o->kernel,
	       o->modules, o->accel, o->mib, o->cpus, o->cyclictest ? o->cyclictest : "-",
	       o->seconds, vm_devices == devices ? " devices" : "",
	       guest_modules == modules ? " modules" : "");
	vm->pid = 4711;
	return no_start ? DESK_NOT : DESK_OK;
}

char *qemu_ask(struct qemu_vm *vm, const char *what)
{
	log_it("ask %d: %s", vm->pid, what);
	return strcmp(silent, what) ? strdup(silent[0] == 'j' ? "junk" : "{}") : NULL;
}

void qemu_stop(struct qemu_vm *vm)
{
	log_it("stop %d", vm->pid);
}

/* The test -------------------------------------------------------------------- */

static void is(const char *what, const char *got, const char *wanted)
{
	if (!strcmp(got, wanted))
		return;
	printf("# %s: '%s', not '%s'\n", what, got, wanted);
	failed++;
}

static void check(const char *what, int got, int wanted)
{
	if (got == wanted)
		return;
	printf("# %s: %d, not %d\n", what, got, wanted);
	failed++;
}

static void result(const char *what)
{
	static int before;

	printf("%sok %d %s\n", failed > before ? "not " : "", ++points, what);
	before = failed;
}

#define MAX_WORDS	24

/* A comparison of three policies, of a guest by these words. */
static struct compare parse(const char *line, bool *is_guest)
{
	static char *words[MAX_WORDS + 1];
	struct compare c = { .policies = { "fast", "scoped", "auto" }, .nr_policies = 3,
			     .settle = 2.5 };
	char *save, *word;
	size_t nr = 0;

	*done = '\0';
	*said = '\0';
	for (word = strtok_r(desk_copy(line), " ", &save); word && nr < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		words[nr++] = word;
	words[nr] = NULL;
	*is_guest = compare_guest_parse(&c, words);
	/* A report names what was compared by them. */
	is("its name stays", words[0], strtok_r(desk_copy(line), " ", &save));
	return c;
}

static struct compare guest(const char *line)
{
	bool is_guest;
	struct compare c = parse(line, &is_guest);

	check(line, is_guest, true);
	return c;
}

static int opens(struct compare *c)
{
	struct desk_vms vms = { .nr = 3 };

	return compare_guest_open(c, &vms);
}

/* The exit status of these words, and what is said first. */
static int usage(const char *line, char *text, size_t bytes)
{
	int out[2], status = 0;
	size_t used = 0;
	ssize_t nr;
	bool is_guest;
	pid_t pid;

	fflush(NULL);
	if (pipe(out))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		argp_err_exit_status = DESK_USAGE;
		parse(line, &is_guest);
		_exit(100);
	}
	close(out[1]);
	while ((nr = read(out[0], text + used, bytes - 1 - used)) > 0)
		used += nr;
	text[used] = '\0';
	text[strcspn(text, "\n")] = '\0';
	close(out[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_options(void)
{
	struct compare c;
	struct utsname uts;
	char *kernel, *wanted;
	bool is_guest;

	/* A kernel that is there. */
	c = guest("guest-one -n 7 -m 512 --cpus 3 --qemu /q --kernel /dev/null --modules /mod --timeout 9.5 --interval 250");
	check("opens", opens(&c), DESK_OK);
	is("all of them", done,
	   "check /q for guest-one\n"
	   "start kvm-zap-guest-one: /q /dev/null /mod kvm 512 MiB 3 CPUs /bin/cyclictest 9.5 s devices modules\n"
	   "VMs\n");
	is("the VM", c.who, "4711");
	*done = '\0';
	check("a run", compare_guest_work(&c, 1), DESK_OK);
	is("a run", done,
	   "ask 4711: latency start 250\n7 rounds of 4711\nask 4711: latency stop\nlatency {}\nsleep 2.5\n");

	c = guest("guest-two --kernel /dev/null");
	check("opens", opens(&c), DESK_OK);
	is("none of them", done,
	   "check qemu-system-x86_64 for guest-two\n"
	   "start kvm-zap-guest-two: qemu-system-x86_64 /dev/null / kvm 256 MiB 1 CPUs /bin/cyclictest 120 s\n"
	   "VMs\n");
	*done = '\0';
	check("a run", compare_guest_work(&c, 1), DESK_OK);
	is("a run", done,
	   "ask 4711: latency start 1000\n100 rounds of 4711\nask 4711: latency stop\nlatency {}\nsleep 2.5\n");

	/* This host's kernel, which may not be there. */
	c = guest("guest-two");
	uname(&uts);
	kernel = desk_text("/boot/vmlinuz-%s", uts.release);
	if (opens(&c)) {
		wanted = desk_text("--kernel: %s: there is no such kernel, or it cannot be read",
				   kernel);
		is("this host's kernel", said, wanted);
	} else if (!strstr(done, kernel)) {
		is("this host's kernel", done, kernel);
	}
	parse("rom -n 3", &is_guest);
	check("a workload", is_guest, false);
	parse("guestimate", &is_guest);
	check("a program", is_guest, false);
	result("options of a guest, and what they are without");
}

static void usages(void)
{
	char text[1024];

	check("no guest", usage("guest-three", text, sizeof(text)), DESK_USAGE);
	is("no guest", text, "'guest-three' is no guest: guest-one, guest-two");
	check("a word", usage("guest-one rom", text, sizeof(text)), DESK_USAGE);
	is("a word", text, "kvm-zap compare guest-one: 'rom' is not expected: give options");
	check("no rounds", usage("guest-one -n 0", text, sizeof(text)), DESK_USAGE);
	is("no rounds", text, "kvm-zap compare guest-one: '0': give how often, from 1 on");
	check("no memory", usage("guest-one -m x", text, sizeof(text)), DESK_USAGE);
	is("no memory", text, "kvm-zap compare guest-one: 'x': give MiB, from 1 on");
	check("no CPU", usage("guest-one --cpus -1", text, sizeof(text)), DESK_USAGE);
	is("no CPU", text, "kvm-zap compare guest-one: '-1': give how many, from 1 on");
	check("no time", usage("guest-one --timeout 0.5", text, sizeof(text)), DESK_USAGE);
	is("no time", text, "kvm-zap compare guest-one: '0.5': give seconds, from 1 to 86400");
	check("no interval", usage("guest-one --interval 0", text, sizeof(text)), DESK_USAGE);
	is("no interval", text, "kvm-zap compare guest-one: '0': give microseconds, from 1 on");
	check("twice", usage("guest-one --qemu a --qemu b", text, sizeof(text)), DESK_USAGE);
	is("twice", text, "kvm-zap compare guest-one: --qemu is given twice ('a', 'b'): give it once");
	/* What it prints is compare's affair. */
	check("JSON", usage("guest-one --json", text, sizeof(text)), DESK_USAGE);
	check("help", usage("guest-one --help", text, sizeof(text)), 0);
	is("help", text, "Usage: kvm-zap compare guest-one [OPTION...]");
	result("wrong options have an answer that names the guest");
}

static void check_needs(void)
{
	struct compare c = guest("guest-one --kernel /dev/null");

	old_qemu = true;
	check("an old QEMU", opens(&c), DESK_NOT);
	is("an old QEMU", done, "check qemu-system-x86_64 for guest-one\n");
	old_qemu = false;
	lacks = "busybox";
	check("no busybox", opens(&c), DESK_NOT);
	is("no busybox", said, "the guest needs busybox (apt-get install busybox-static)");
	lacks = "";
	c = guest("guest-one --kernel /none/kernel");
	check("no kernel", opens(&c), DESK_NOT);
	is("no kernel", said, "--kernel: /none/kernel: there is no such kernel, or it cannot be read");
	is("nothing is started", done, "check qemu-system-x86_64 for guest-one\n");

	no_start = true;
	c = guest("guest-one --kernel /dev/null");
	check("it does not start", opens(&c), DESK_NOT);
	check("no VM is looked for", !strstr(done, "VMs"), true);
	no_start = false;
	c = guest("guest-one --kernel /dev/null");
	vms_status = DESK_DENIED;
	check("no debugfs", opens(&c), DESK_DENIED);
	vms_status = DESK_OK;
	result("what a guest needs is looked for before it boots");
}

static void check_latency(void)
{
	struct compare c = guest("guest-one --kernel /dev/null");
	struct compare workload = { };
	unsigned int run;

	lacks = "cyclictest";
	check("opens", opens(&c), DESK_OK);
	is("said", said, "cyclictest is missing (apt-get install rt-tests): no stall is measured");
	check("none in the guest", !!strstr(done, " - 120 s"), true);
	*done = '\0';
	check("a run", compare_guest_work(&c, 0), DESK_OK);
	is("a run without", done, "100 rounds of 4711\nsleep 2.5\n");
	lacks = "";
	c = guest("guest-one --kernel /dev/null --no-latency");
	check("opens", opens(&c), DESK_OK);
	is("nobody wants it", said, "");
	check("none in the guest", !!strstr(done, " - 120 s"), true);
	*done = '\0';
	check("a run", compare_guest_work(&c, 0), DESK_OK);
	is("a run without", done, "100 rounds of 4711\nsleep 2.5\n");

	c = guest("guest-one --kernel /dev/null");
	check("opens", opens(&c), DESK_OK);
	/* Three policies, and the first again: each has its own. */
	for (run = 0; run < 4; run++)
		check("nothing yet", c.latency[run].count || c.latency[run].histogram, 0);
	compare_guest_work(&c, 3);
	compare_guest_work(&c, 1);
	compare_guest_work(&c, 3);
	check("of the first", c.latency[0].count, 0);
	check("of the first again", c.latency[1].count, 1);
	check("of the second", c.latency[2].count, 0);
	check("of the third", c.latency[3].count, 2);

	*done = '\0';
	compare_guest_close(&c);
	is("it is ended", done, "stop 4711\n");
	*done = '\0';
	compare_guest_close(&workload);
	is("there is no guest", done, "");
	result("each run has its own latency, or nobody measures it");
}

static void failures(void)
{
	struct compare c = guest("guest-one --kernel /dev/null -n 3");

	check("opens", opens(&c), DESK_OK);
	*done = '\0';
	silent = "latency start 1000";
	check("no start", compare_guest_work(&c, 0), DESK_NOT);
	is("no start", done, "ask 4711: latency start 1000\n");
	*done = '\0';
	silent = "work";
	check("no work", compare_guest_work(&c, 0), DESK_NOT);
	is("no work", done, "ask 4711: latency start 1000\n3 rounds of 4711\n");
	silent = "latency stop";
	check("no stop", compare_guest_work(&c, 0), DESK_NOT);
	check("nothing is counted", c.latency[0].count, 0);
	silent = "junk";
	check("no answer of cyclictest's", compare_guest_work(&c, 0), DESK_NOT);
	silent = "";
	stopped = true;
	check("a signal", compare_guest_work(&c, 0), DESK_NOT);
	stopped = false;
	check("and well again", compare_guest_work(&c, 0), DESK_OK);
	result("a run that a guest does not end is none");
}

int main(void)
{
	/* desk_say() is looked at above. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	printf("TAP version 13\n1..5\n");
	check_options();
	usages();
	check_needs();
	check_latency();
	failures();
	return failed ? 1 : 0;
}
