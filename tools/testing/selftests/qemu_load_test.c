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
#include "unit.h"

static unsigned int asked;	/* how often so far */
static unsigned int refuse;	/* this one, from 1 */
static unsigned int slow;	/* how often it is not so yet */
static unsigned int left;	/* that, of the wait at hand */
static bool closed, stopped;
static uint64_t now_ns, size_bytes;
static char command_said[64];	/* what QEMU's -device says; "": it does not run */
static char command_asked[128];

/* What is below it ------------------------------------------------------------ */

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
	unit_note("guest: %s", what);
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
		unit_note("QEMU: %s %s", command, text);
	else
		unit_note("QEMU: no JSON: %s", text);
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

/* So many rounds of a guest's work. */
static bool run(const char *name, unsigned long rounds)
{
	const struct qemu_load *load = qemu_load_find(name);
	struct qemu_vm vm = { .qmp = (struct desk_qmp *)&vm, .seconds = 1 };

	unit_forget();
	asked = 0;
	now_ns = 7;
	if (!load)
		exit(1);
	return load->run(&vm, rounds);
}

static void words(void)
{
	ktap_equal("rom", run("guest-rom", 7), true);
	ktap_text("rom", unit_log, "guest: rom 7\n");
	ktap_equal("vga", run("guest-vga", 100), true);
	ktap_text("vga", unit_log, "guest: vga 100\n");
	refuse = 1;
	ktap_equal("rom, refused", run("guest-rom", 7), false);
	ktap_equal("vga, refused", run("guest-vga", 7), false);
	refuse = 0;
	ktap_result("a guest is told how many rounds to do");
}

#define ADD	"QEMU: device_add {\"driver\": \"virtio-net-pci\", \"id\": \"hot\"}\n"
#define DEL	"QEMU: device_del {\"id\": \"hot\"}\n"
#define LIST	"QEMU: qom-list {\"path\": \"/machine/peripheral\"}\n"

static void plugs(void)
{
	unsigned int i;

	slow = 2;
	ktap_equal("two rounds", run("guest-hotplug", 2), true);
	ktap_text("two rounds", unit_log,
		  ADD "guest: hot\n" DEL LIST LIST LIST "guest: hot gone\n"
		  ADD "guest: hot\n" DEL LIST LIST LIST "guest: hot gone\n");
	ktap_equal("two sleeps each", now_ns, 7 + 4 * 5000000);
	slow = 0;
	ktap_equal("none", run("guest-hotplug", 0), true);
	ktap_text("none", unit_log, "");
	/* Whatever is refused ends it: of a round there are five. */
	for (i = 1; i <= 10; i++) {
		refuse = i;
		/* A list that does not come is no device that has gone. */
		closed = i == 4 || i == 9;
		ktap_equal("refused", run("guest-hotplug", 2), false);
		ktap_equal("asked for no more", asked, i);
	}
	closed = false;
	/* The next list comes. */
	refuse = 4;
	ktap_equal("no list", run("guest-hotplug", 1), true);
	ktap_equal("another list", asked, 6);
	refuse = 0;
	ktap_result("a device is taken away before the next one comes");
}

#define GET	"QEMU: qom-get {\"path\": \"/machine/peripheral/vmem\", \"property\": \"size\"}\n"
#define SET(bytes) "QEMU: qom-set {\"path\": \"/machine/peripheral/vmem\", " \
		   "\"property\": \"requested-size\", \"value\": " bytes "}\n"
#define GROW	SET("268435456")
#define SHRINK	SET("0")

static void resizes(void)
{
	slow = 1;
	ktap_equal("two rounds", run("guest-virtio-mem", 2), true);
	ktap_text("two rounds", unit_log, GROW GET GET SHRINK GET GET GROW GET GET SHRINK GET GET);
	slow = 0;
	refuse = 1;
	ktap_equal("not to grow", run("guest-virtio-mem", 2), false);
	ktap_text("not to grow", unit_log, GROW);
	refuse = 3;
	ktap_equal("not to shrink", run("guest-virtio-mem", 2), false);
	ktap_text("not to shrink", unit_log, GROW GET SHRINK);
	/* Without an answer it is not of that size. */
	refuse = 2;
	ktap_equal("no size", run("guest-virtio-mem", 1), true);
	ktap_text("no size", unit_log, GROW GET GET SHRINK GET);
	refuse = 4;
	ktap_equal("no size, as of 0", run("guest-virtio-mem", 1), true);
	ktap_text("no size, as of 0", unit_log, GROW GET SHRINK GET GET);
	refuse = 0;
	ktap_result("memory has its size before it gets another");
}

static void waits(void)
{
	slow = 1000000;
	ktap_equal("for ever", run("guest-hotplug", 1), false);
	ktap_text("for ever", unit_said, "the guest does not let go of the device within 1 s");
	/* A second, and what is asked every 5 ms. */
	ktap_equal("a second", now_ns >= 1000000007 && now_ns <= 1010000007, true);
	ktap_equal("for ever", run("guest-virtio-mem", 1), false);
	ktap_text("for ever", unit_said, "the guest does not plug or unplug memory within 1 s");
	closed = true;
	ktap_equal("QEMU has ended", run("guest-hotplug", 1), false);
	ktap_text("QEMU has ended", unit_said, "");
	ktap_text("QEMU has ended", unit_log, ADD "guest: hot\n" DEL LIST);
	closed = false;
	stopped = true;
	ktap_equal("a signal", run("guest-virtio-mem", 1), false);
	ktap_text("a signal", unit_said, "");
	ktap_text("a signal", unit_log, GROW GET);
	stopped = false;
	slow = 0;
	ktap_result("what does not come is waited for as long as may be");
}

static void loads(void)
{
	static const char * const names[] = {
		"guest-rom", "guest-hotplug", "guest-virtio-mem", "guest-vga"
	};
	size_t i, j;

	for (i = 0; i < 4; i++) {
		const struct qemu_load *load = qemu_load_nth(i);

		ktap_text("in turn", load ? load->name : "(none)", names[i]);
		ktap_equal("by name", qemu_load_find(names[i]) == load, true);
		/* A device of virtio needs its module. */
		for (j = 0; load && load->modules && load->modules[j]; j++)
			;
		ktap_equal("modules", j, i == 2 ? 2 : 0);
	}
	ktap_equal("no fifth", !qemu_load_nth(4), true);
	ktap_equal("none", !qemu_load_find("guest-"), true);
	ktap_equal("a part", !qemu_load_find("guest-ro"), true);
	ktap_equal("more", !qemu_load_find("guest-roms"), true);
	ktap_result("guests are found by their whole name");
}

static bool has(const char *name, const char *answer)
{
	unit_forget();
	snprintf(command_said, sizeof(command_said), "%s", answer);
	return qemu_load_check("/a path/qemu", qemu_load_find(name));
}

static void checks(void)
{
	ktap_equal("vga", has("guest-vga", "VGA options"), true);
	ktap_text("how it is asked", command_asked,
		  "\"$KVM_ZAP_QEMU\" -device VGA,help 2> /dev/null");
	ktap_text("what is asked", getenv("KVM_ZAP_QEMU"), "/a path/qemu");
	ktap_text("said", unit_said, "");
	ktap_equal("virtio-mem", has("guest-virtio-mem", "  dynamic-memslots=<bool>"), true);
	ktap_text("how it is asked", command_asked,
		  "\"$KVM_ZAP_QEMU\" -device virtio-mem-pci,help 2> /dev/null");
	ktap_equal("an old one", has("guest-virtio-mem", "  prealloc=<bool>"), false);
	ktap_text("an old one", unit_said,
		  "guest-virtio-mem needs QEMU 8.2 or later, whose virtio-mem-pci has dynamic-memslots: name one by --qemu");
	ktap_equal("none", has("guest-virtio-mem", ""), false);
	ktap_text("none", unit_said,
		  "--qemu: /a path/qemu is no QEMU that runs here (apt-get install qemu-system-x86)");
	ktap_equal("none", has("guest-rom", ""), false);
	ktap_result("a QEMU that lacks what a guest needs is named");
}

int main(void)
{
	/* desk_say() is looked at above. */
	unit_quiet();
	ktap_start(6);
	words();
	plugs();
	resizes();
	waits();
	loads();
	checks();
	return ktap_end();
}
