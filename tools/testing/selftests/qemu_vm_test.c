// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/compare/qemu_vm.c starts, what it takes for an answer of the guest, and what
 * it says of one that does not answer. This program is its own QEMU, by lib/qemu_fake.c, and
 * finds a guest-initrd beside it. compare_test.sh builds and runs it. KTAP. Real guests are
 * the matter of compare_guest_test.sh.
 *
 * What breaks without it: a comparison waits for a guest whose kernel has panicked, takes half
 * of an answer for all of it, or leaves a QEMU behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"
#include "qemu_fake.h"
#include "qemu_vm.h"
#include "unit.h"

volatile sig_atomic_t compare_stopped;

static char self[4096];

/* What is below it ------------------------------------------------------------ */

int compare_tmpfile(void)
{
	return memfd_create("qemu_vm_test", 0);
}

char *compare_tmpfile_text(int fd)
{
	char *path = desk_text("/proc/self/fd/%d", fd), *text = desk_read(path, NULL);

	free(path);
	return text ? text : desk_copy("");
}

/* The test -------------------------------------------------------------------- */

static struct qemu_options options(double seconds)
{
	return (struct qemu_options){ .qemu = self, .kernel = "/boot/vmlinuz-6.1.0-test",
				      .modules = "/mod", .accel = "kvm", .mib = 300, .cpus = 2,
				      .cyclictest = "/bin/cyclictest", .seconds = seconds };
}

static int start(struct qemu_vm *vm, const char *name, double seconds)
{
	struct qemu_options o = options(seconds);

	return qemu_start(vm, &o, name, NULL, NULL);
}

/* A file beside this program; with no @text, none. */
static void beside(const char *name, const char *text)
{
	char *path = desk_text("%s", self);
	FILE *f;

	strrchr(path, '/')[1] = '\0';
	path = desk_text("%s%s", path, name);
	unlink(path);
	if (text) {
		f = fopen(path, "w");
		if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, 0755))
			exit(1);
	}
	free(path);
}

#define HELPER	"#!/bin/sh\nprintf '%s\\n' \"$@\"\n"

/* The log without the numbers of descriptors, which are nobody's matter. */
static char *log_of(const struct qemu_vm *vm)
{
	char *text = compare_tmpfile_text(vm->log), *in, *out;

	for (in = out = text; *in;) {
		size_t digits = strspn(in, "0123456789");
		bool number = digits && out > text + 3 &&
			      (!memcmp(out - 3, "fd=", 3) || !memcmp(out - 3, "fd/", 3));

		*out++ = number ? '#' : *in;
		in += number ? digits : 1;
	}
	*out = '\0';
	return text;
}

static void starts(void)
{
	static const char * const devices[] = { "-device", "VGA", NULL };
	static const char * const modules[] = { "virtio_pci", "virtio_mem", NULL };
	struct qemu_options o = options(10);
	struct qemu_vm vm;
	pid_t pid;

	ktap_equal("starts", qemu_start(&vm, &o, "tells", devices, modules), DESK_OK);
	ktap_text("how it is started", log_of(&vm),
		  "-nodefaults\n-no-user-config\n-no-reboot\n-display none\n-name guest=tells\n"
		  "-machine pc,accel=kvm\n-cpu host\n-smp 2\n-m 300M,maxmem=2348M,slots=2\n"
		  "-kernel /boot/vmlinuz-6.1.0-test\n-initrd /proc/self/fd/#\n"
		  "-append console=ttyS0 quiet panic=-1 oops=panic no_timer_check noxsave\n"
		  "-chardev file,id=console,append=on,path=/proc/self/fd/#\n-serial chardev:console\n"
		  "-chardev socket,id=talk,fd=#\n-serial chardev:talk\n"
		  "-chardev socket,id=qmp,fd=#\n-mon chardev=qmp,mode=control\n-device VGA\n"
		  "own group: 1, no input: 1\n"
		  "initrd:\n-k\n6.1.0-test\n-d\n/mod\n-c\n/bin/cyclictest\nvirtio_pci\nvirtio_mem\n");
	pid = vm.pid;
	qemu_stop(&vm);
	ktap_equal("it is ended", kill(pid, 0) && errno == ESRCH, 1);
	ktap_equal("nothing is kept", vm.pid || vm.qmp || vm.buf, 0);
	qemu_stop(&vm);

	o = (struct qemu_options){ .qemu = self, .kernel = "/mine", .modules = "/", .accel = "tcg",
				   .mib = 64, .cpus = 1, .seconds = 10 };
	ktap_equal("starts", qemu_start(&vm, &o, "tells", NULL, NULL), DESK_OK);
	ktap_equal("another CPU", !!strstr(log_of(&vm), "accel=tcg\n-cpu max\n"), 1);
	ktap_text("its initrd", strstr(log_of(&vm), "initrd:"), "initrd:\n-d\n/\n");
	qemu_stop(&vm);
	ktap_result("QEMU and its initramfs get what was asked for");
}

static void answers(void)
{
	struct json_object *object;
	struct qemu_vm vm;

	ktap_equal("starts", start(&vm, "fine", 10), DESK_OK);
	unit_hear(&stderr);
	ktap_text("two lines", qemu_ask(&vm, "two lines"), "one\ntwo\n");
	ktap_text("nothing", qemu_ask(&vm, "nothing"), "");
	ktap_text("in pieces", qemu_ask(&vm, "pieces"), "one\n");
	ktap_text("the rest", qemu_ask(&vm, "two lines"), "rest of one\ntwo\n");
	ktap_text("what is no end", qemu_ask(&vm, "undone"), "done\ndone x\nwas done 1\n");
	ktap_text("nothing said", unit_heard(), "");
	unit_hear(&stderr);
	ktap_text("a failure", qemu_ask(&vm, "fails"), NULL);
	ktap_text("what is said of it", unit_heard(),
		  "kvm-zap: the guest: 'fails': b\\x1b[2Jad\\x0a (exit status 3)\n");
	ktap_text("well again", qemu_ask(&vm, "nothing"), "");

	unit_hear(&stderr);
	object = qemu_tell(&vm, "echo", "{\"value\": %lu}", 268435456UL);
	ktap_text("what QEMU is told", json_object_to_json_string(object),
		  "{ \"value\": 268435456 }");
	ktap_text("nothing said", unit_heard(), "");
	unit_hear(&stderr);
	ktap_equal("refused", !qemu_tell(&vm, "refused", "{}"), 1);
	ktap_equal("what is said of it", !!strstr(unit_heard(), "no way"), 1);
	qemu_stop(&vm);
	ktap_result("an answer is whole, and the next one is another");
}

/* So long a wait may take a busy machine, and no more. */
static bool in_time(uint64_t start_ns, double from, double to)
{
	double seconds = (desk_now_ns() - start_ns) / 1e9;

	if (seconds >= from && seconds < to)
		return true;
	ktap_diag("it took %.1f s", seconds);
	return false;
}

static void silences(void)
{
	uint64_t now = desk_now_ns();
	struct qemu_vm vm;

	ktap_equal("starts", start(&vm, "fine", 1), DESK_OK);
	unit_hear(&stderr);
	now = desk_now_ns();
	ktap_text("no answer", qemu_ask(&vm, "mute"), NULL);
	ktap_text("what is said of it", unit_heard(),
		  "kvm-zap: the guest does not answer to 'mute'\n");
	ktap_equal("a second", in_time(now, 1, 15), 1);
	compare_stopped = SIGINT;
	unit_hear(&stderr);
	ktap_text("after a signal", qemu_ask(&vm, "mute"), NULL);
	ktap_text("nobody is told", unit_heard(), "");
	compare_stopped = 0;
	qemu_stop(&vm);

	/* A minute is given, and is not needed. */
	ktap_equal("starts", start(&vm, "fine", 60), DESK_OK);
	unit_hear(&stderr);
	now = desk_now_ns();
	ktap_text("a panic", qemu_ask(&vm, "panics"), NULL);
	ktap_text("what is said of it", unit_heard(),
		  "guest: [ 1.0] Kernel panic - not syncing\nguest: [ 1.1] Rebooting\n"
		  "kvm-zap: the guest's kernel has panicked\n");
	ktap_equal("at once", in_time(now, 0, 30), 1);
	qemu_stop(&vm);

	ktap_equal("starts", start(&vm, "fine", 60), DESK_OK);
	unit_hear(&stderr);
	now = desk_now_ns();
	ktap_text("the end", qemu_ask(&vm, "ends"), NULL);
	ktap_text("what is said of it", unit_heard(),
		  "QEMU: two\nQEMU: three\nQEMU: four\nQEMU: five\nQEMU: six\nQEMU: se\\x1bven\n"
		  "kvm-zap: the guest does not answer to 'ends': QEMU has ended\n");
	ktap_equal("at once", in_time(now, 0, 30), 1);
	ktap_equal("it is known", vm.pid, 0);
	qemu_stop(&vm);

	ktap_equal("starts", start(&vm, "fine", 60), DESK_OK);
	unit_hear(&stderr);
	now = desk_now_ns();
	ktap_text("too much", qemu_ask(&vm, "large"), NULL);
	unit_heard();
	ktap_equal("before the time is up", in_time(now, 0, 30), 1);
	ktap_equal("no more than that is kept", vm.used < (5 << 20), 1);
	qemu_stop(&vm);
	ktap_result("a guest that does not answer is told from one that has gone");
}

static void starts_not(const char *what, const char *name, double seconds, const char *words)
{
	struct qemu_vm vm;

	unit_hear(&stderr);
	ktap_equal(what, start(&vm, name, seconds), DESK_NOT);
	ktap_text(what, unit_heard(), words);
	qemu_stop(&vm);
}

static void failures(void)
{
	struct qemu_options o = options(10);
	struct qemu_vm vm;

	starts_not("no QMP", "no QMP", 10,
		   "kvm-zap: QEMU's monitor: no greeting (it serves one client at a time): the other side has closed it: QEMU has ended\n");
	starts_not("no JSON", "no JSON", 10,
		   "kvm-zap: QEMU's monitor is not QMP: it says 'hello'\n");
	starts_not("a panic", "early panic", 60,
		   "guest: Kernel panic - no init\nkvm-zap: the guest's kernel has panicked\n");
	starts_not("it sleeps", "sleeps", 1, "kvm-zap: the guest has not booted within 1 s\n");
	o.qemu = "/none/qemu";
	unit_hear(&stderr);
	ktap_equal("no QEMU", qemu_start(&vm, &o, "fine", NULL, NULL), DESK_NOT);
	ktap_equal("what is said of it",
		   !strncmp(unit_heard(), "QEMU: /none/qemu: No such file", 30), 1);
	qemu_stop(&vm);

	beside("guest-initrd", "#!/bin/sh\nexit 1\n");
	starts_not("no initramfs", "fine", 10, "kvm-zap: no initramfs was made for the guest\n");
	ktap_equal("no QEMU without", vm.pid, 0);
	beside("guest-initrd", NULL);
	starts_not("no helper", "fine", 10,
		   "kvm-zap: guest-initrd is missing: it is installed with kvm-zap\n");
	beside("guest-initrd", HELPER);
	ktap_result("what does not start is named, and ended");
}

/* A comparison that is killed leaves no QEMU. */
static void check_kill(void)
{
	struct qemu_vm vm;
	int pipes[2], i;
	pid_t pid, qemu = 0;

	fflush(stdout);
	if (pipe(pipes))
		exit(1);
	pid = fork();
	if (!pid) {
		if (!start(&vm, "stays", 10) &&
		    write(pipes[1], &vm.pid, sizeof(vm.pid)) == sizeof(vm.pid))
			raise(SIGKILL);
		_exit(1);
	}
	close(pipes[1]);
	ktap_equal("it has started", read(pipes[0], &qemu, sizeof(qemu)), sizeof(qemu));
	waitpid(pid, NULL, 0);
	for (i = 0; i < 500 && qemu > 0; i++) {
		char *path = desk_text("/proc/%d/stat", qemu), *text = desk_read(path, NULL);
		bool gone = !text || strstr(text, ") Z ");

		free(text);
		free(path);
		if (gone)
			break;
		desk_sleep(0.01);
	}
	ktap_equal("gone", qemu > 0 && i < 500, 1);
	if (qemu > 0 && i == 500)
		kill(qemu, SIGKILL);
	ktap_result("a program that is killed takes its QEMU along");
}

int main(int argc, char **argv)
{
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 1 && !strcmp(argv[1], "-nodefaults"))
		return qemu_fake(argv);
	if (bytes <= 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	ktap_start(5);
	beside("guest-initrd", HELPER);
	starts();
	answers();
	silences();
	failures();
	check_kill();
	beside("guest-initrd", NULL);
	return ktap_end();
}
