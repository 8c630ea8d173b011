// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/compare/qemu_load.c asks of QEMU and of its guest, in which order, what it
 * waits for, and when it gives up. This file takes the place of both. compare_test.sh builds
 * and runs it. KTAP. Real guests are the matter of compare_guest_test.sh.
 *
 * What breaks without it: a run of a policy has fewer invalidations than it says, goes on
 * with a device that is still there, or waits for ever.
 */
#define _GNU_SOURCE
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "desk.h"
#include "qemu_load.h"

static int failed, points;
static char done[4096];		/* what was asked of both */
static char said[512];
static unsigned int asked;	/* how often so far */
static unsigned int refuse;	/* this one, from 1 */
static unsigned int slow;	/* how often it is not so yet */
static unsigned int left;	/* that, of the wait at hand */
static bool closed, stopped;
static uint64_t now_ns, size_bytes;
static char command_said[64];	/* what QEMU's -device says; "": it does not run */
static char command_asked[128];

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
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
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

char *desk_read_command(const char *command, size_t *bytes)
{
	(void)bytes;
	snprintf(command_asked, sizeof(command_asked), "%s", command);
	return *command_said ? strdup(command_said) : NULL;
}

uint64_t desk_now_ns(void)
{
	return now_ns;
}

bool compare_sleep(double seconds)
{
	now_ns += seconds * 1e9;
	return !stopped;
}

bool desk_qmp_is_open(const struct desk_qmp *qmp)
{
	(void)qmp;
	return !closed;
}

char *qemu_ask(struct qemu_vm *vm, const char *what)
{
	(void)vm;
	log_it("guest: %s", what);
	return ++asked == refuse ? NULL : strdup("");
}

/* Devices as QEMU lists them: the one that goes is not the last. */
static struct json_object *devices(bool there)
{
	return json_tokener_parse(there ? "[{'name': 'type'}, {'name': 'hot'}, {'name': 'vmem'}]" :
				  "[{'name': 'type'}, {'name': 'hotter'}, {'name': 'vmem'}]");
}

struct json_object *qemu_tell(struct qemu_vm *vm, const char *command, const char *arguments, ...)
{
	char text[256];
	va_list ap;

	(void)vm;
	va_start(ap, arguments);
	vsnprintf(text, sizeof(text), arguments, ap);
	va_end(ap);
	if (json_tokener_parse(text))
		log_it("QEMU: %s %s", command, text);
	else
		log_it("QEMU: no JSON: %s", text);
	if (++asked == refuse)
		return NULL;
	if (!strcmp(command, "device_del"))
		left = slow;
	if (!strcmp(command, "qom-set")) {
		left = slow;
		size_bytes = strtoull(strrchr(text, ':') + 1, NULL, 10);
	}
	if (!strcmp(command, "qom-list"))
		return devices(left && left--);
	if (!strcmp(command, "qom-get"))
		/* On its way: not where it is to be. */
		return json_object_new_int64(left && left-- ? size_bytes + 4096 : size_bytes);
	return json_object_new_object();
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

/* So many rounds of a guest's work. */
static bool run(const char *name, unsigned long rounds)
{
	const struct qemu_load *load = qemu_load_find(name);
	struct qemu_vm vm = { .qmp = (struct desk_qmp *)&vm, .seconds = 1 };

	*done = '\0';
	*said = '\0';
	asked = 0;
	now_ns = 7;
	if (!load)
		exit(1);
	return load->run(&vm, rounds);
}

static void words(void)
{
	check("rom", run("guest-rom", 7), true);
	is("rom", done, "guest: rom 7\n");
	check("vga", run("guest-vga", 100), true);
	is("vga", done, "guest: vga 100\n");
	refuse = 1;
	check("rom, refused", run("guest-rom", 7), false);
	check("vga, refused", run("guest-vga", 7), false);
	refuse = 0;
	result("a guest is told how many rounds to do");
}

#define ADD	"QEMU: device_add {\"driver\": \"virtio-net-pci\", \"id\": \"hot\"}\n"
#define DEL	"QEMU: device_del {\"id\": \"hot\"}\n"
#define LIST	"QEMU: qom-list {\"path\": \"/machine/peripheral\"}\n"

static void plugs(void)
{
	unsigned int i;

	slow = 2;
	check("two rounds", run("guest-hotplug", 2), true);
	is("two rounds", done,
	   ADD "guest: hot\n" DEL LIST LIST LIST "guest: hot gone\n"
	   ADD "guest: hot\n" DEL LIST LIST LIST "guest: hot gone\n");
	check("two sleeps each", now_ns, 7 + 4 * 5000000);
	slow = 0;
	check("none", run("guest-hotplug", 0), true);
	is("none", done, "");
	/* Whatever is refused ends it: of a round there are five. */
	for (i = 1; i <= 10; i++) {
		refuse = i;
		/* A list that does not come is no device that has gone. */
		closed = i == 4 || i == 9;
		check("refused", run("guest-hotplug", 2), false);
		check("asked for no more", asked, i);
	}
	closed = false;
	/* The next list comes. */
	refuse = 4;
	check("no list", run("guest-hotplug", 1), true);
	check("another list", asked, 6);
	refuse = 0;
	result("a device is taken away before the next one comes");
}

#define GET	"QEMU: qom-get {\"path\": \"/machine/peripheral/vmem\", \"property\": \"size\"}\n"
#define SET(bytes) "QEMU: qom-set {\"path\": \"/machine/peripheral/vmem\", " \
		   "\"property\": \"requested-size\", \"value\": " bytes "}\n"

static void resizes(void)
{
	slow = 1;
	check("two rounds", run("guest-virtio-mem", 2), true);
	is("two rounds", done,
	   SET("268435456") GET GET SET("0") GET GET SET("268435456") GET GET SET("0") GET GET);
	slow = 0;
	refuse = 1;
	check("not to grow", run("guest-virtio-mem", 2), false);
	is("not to grow", done, SET("268435456"));
	refuse = 3;
	check("not to shrink", run("guest-virtio-mem", 2), false);
	is("not to shrink", done, SET("268435456") GET SET("0"));
	/* Without an answer it is not of that size. */
	refuse = 2;
	check("no size", run("guest-virtio-mem", 1), true);
	is("no size", done, SET("268435456") GET GET SET("0") GET);
	refuse = 4;
	check("no size, as of 0", run("guest-virtio-mem", 1), true);
	is("no size, as of 0", done, SET("268435456") GET SET("0") GET GET);
	refuse = 0;
	result("memory has its size before it gets another");
}

static void waits(void)
{
	slow = 1000000;
	check("for ever", run("guest-hotplug", 1), false);
	is("for ever", said, "the guest does not let go of the device within 1 s");
	/* A second, and what is asked every 5 ms. */
	check("a second", now_ns >= 1000000007 && now_ns <= 1010000007, true);
	check("for ever", run("guest-virtio-mem", 1), false);
	is("for ever", said, "the guest does not plug or unplug memory within 1 s");
	closed = true;
	check("QEMU has ended", run("guest-hotplug", 1), false);
	is("QEMU has ended", said, "");
	is("QEMU has ended", done, ADD "guest: hot\n" DEL LIST);
	closed = false;
	stopped = true;
	check("a signal", run("guest-virtio-mem", 1), false);
	is("a signal", said, "");
	is("a signal", done, SET("268435456") GET);
	stopped = false;
	slow = 0;
	result("what does not come is waited for as long as may be");
}

static void loads(void)
{
	static const char * const names[] = {
		"guest-rom", "guest-hotplug", "guest-virtio-mem", "guest-vga"
	};
	size_t i, j;

	for (i = 0; i < 4; i++) {
		const struct qemu_load *load = qemu_load_nth(i);

		is("in turn", load ? load->name : "(none)", names[i]);
		check("by name", qemu_load_find(names[i]) == load, true);
		/* A device of virtio needs its module. */
		for (j = 0; load && load->modules && load->modules[j]; j++)
			;
		check("modules", j, i == 2 ? 2 : 0);
	}
	check("no fifth", !qemu_load_nth(4), true);
	check("none", !qemu_load_find("guest-"), true);
	check("a part", !qemu_load_find("guest-ro"), true);
	check("more", !qemu_load_find("guest-roms"), true);
	result("guests are found by their whole name");
}

static bool has(const char *name, const char *answer)
{
	*said = '\0';
	snprintf(command_said, sizeof(command_said), "%s", answer);
	return qemu_load_check("/a path/qemu", qemu_load_find(name));
}

static void checks(void)
{
	check("vga", has("guest-vga", "VGA options"), true);
	is("how it is asked", command_asked, "\"$KVM_ZAP_QEMU\" -device VGA,help 2> /dev/null");
	is("what is asked", getenv("KVM_ZAP_QEMU"), "/a path/qemu");
	is("said", said, "");
	check("virtio-mem", has("guest-virtio-mem", "  dynamic-memslots=<bool>"), true);
	is("how it is asked", command_asked,
	   "\"$KVM_ZAP_QEMU\" -device virtio-mem-pci,help 2> /dev/null");
	check("an old one", has("guest-virtio-mem", "  prealloc=<bool>"), false);
	is("an old one", said,
	   "guest-virtio-mem needs QEMU 8.2 or later, whose virtio-mem-pci has dynamic-memslots: name one by --qemu");
	check("none", has("guest-virtio-mem", ""), false);
	is("none", said,
	   "--qemu: /a path/qemu is no QEMU that runs here (apt-get install qemu-system-x86)");
	check("none", has("guest-rom", ""), false);
	result("a QEMU that lacks what a guest needs is named");
}

int main(void)
{
	printf("TAP version 13\n1..6\n");
	words();
	plugs();
	resizes();
	waits();
	loads();
	checks();
	return failed ? 1 : 0;
}
