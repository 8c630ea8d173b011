// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/kvm/compare/qemu_vm.c starts, what it takes for an answer of the guest, and what
 * it says of one that does not answer. This program is its own QEMU, with a guest that answers
 * as its name says, and finds a guest-initrd beside it. compare_test.sh builds and runs it.
 * KTAP. Real guests are the matter of compare_guest_test.sh.
 *
 * What breaks without it: a comparison waits for a guest whose kernel has panicked, takes half
 * of an answer for all of it, or leaves a QEMU behind.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"
#include "qemu_vm.h"

volatile sig_atomic_t compare_stopped;

static int failed, points;
static char self[4096];

/* The fake --------------------------------------------------------------------- */

static const char *after(char **argv, const char *option, const char *begin)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, option) && argv[1] && strstr(argv[1], begin))
			return strstr(argv[1], begin) + strlen(begin);
	exit(90);
}

static void say(int fd, const char *text)
{
	size_t bytes = strlen(text);

	if (write(fd, text, bytes) != (ssize_t)bytes)
		exit(91);
}

static void serve_qmp(int fd)
{
	static char line[4096];
	struct json_object *object, *arguments;
	ssize_t bytes = read(fd, line, sizeof(line) - 1);
	const char *command;
	char *answer;

	if (bytes <= 0)
		exit(0);
	line[bytes] = '\0';
	object = json_tokener_parse(line);
	command = json_object_get_string(json_object_object_get(object, "execute"));
	arguments = json_object_object_get(object, "arguments");
	if (!command)
		exit(92);
	if (!strcmp(command, "refused"))
		answer = desk_text("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no way\"}}\n");
	else
		answer = desk_text("{\"return\": %s}\n",
				   arguments ? json_object_to_json_string(arguments) : "{}");
	say(fd, answer);
	free(answer);
}

static void serve_guest(int fd, const char *console)
{
	char line[256];
	ssize_t bytes = read(fd, line, sizeof(line) - 1);
	int i, to;

	if (bytes <= 0)
		exit(0);
	line[bytes] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "two lines")) {
		say(fd, "one\r\ntwo\r\ndone 0\r\n");
	} else if (!strcmp(line, "nothing")) {
		say(fd, "done 0\n");
	} else if (!strcmp(line, "pieces")) {
		/* What follows is of the next answer. */
		for (i = 0; i < 10; i++) {
			char one[] = { "one\ndone 0"[i], '\0' };

			say(fd, one);
			usleep(20000);
		}
		say(fd, "\nrest of ");
	} else if (!strcmp(line, "undone")) {
		say(fd, "done\ndone x\nwas done 1\ndone 0\n");
	} else if (!strcmp(line, "fails")) {
		say(fd, "b\033[2Jad\ndone 3\n");
	} else if (!strcmp(line, "large")) {
		for (i = 0; i < 5 * 1024; i++) {
			char block[1024];

			memset(block, 'x', sizeof(block));
			/* It may stop reading. */
			if (send(fd, block, sizeof(block), MSG_NOSIGNAL) < 0)
				exit(0);
		}
	} else if (!strcmp(line, "panics")) {
		to = open(console, O_WRONLY | O_APPEND);
		say(to, "[ 1.0] Kernel panic - not syncing\n[ 1.1] Rebooting\n");
		close(to);
	} else if (!strcmp(line, "ends")) {
		say(STDERR_FILENO, "one\ntwo\nthree\nfour\nfive\nsix\nse\033ven\n");
		exit(3);
	}
}

/* Everything that it was started with is in its log. */
static void tell_all(char **argv, const char *initrd)
{
	char *text = desk_read(initrd, NULL);
	struct stat null, in;
	int i;

	for (i = 1; argv[i]; i++)
		printf("%s%s", argv[i][0] == '-' && i > 1 ? "\n" : i > 1 ? " " : "", argv[i]);
	stat("/dev/null", &null);
	fstat(STDIN_FILENO, &in);
	printf("\nown group: %d, no input: %d\ninitrd:\n%s", getpgrp() == getpid(),
	       null.st_rdev == in.st_rdev, text ? text : "none\n");
	fflush(stdout);
}

static int be_qemu(char **argv)
{
	const char *name = after(argv, "-name", "guest="), *initrd = after(argv, "-initrd", "");
	const char *console = after(argv, "-chardev", "append=on,path=");
	int qmp = atoi(after(argv, "-chardev", "id=qmp,fd="));
	int talk = atoi(after(argv, "-chardev", "id=talk,fd=")), to;

	if (!strcmp(name, "tells"))
		tell_all(argv, initrd);
	if (!strcmp(name, "no QMP"))
		return 4;
	if (!strcmp(name, "no JSON")) {
		say(qmp, "hello\n");
		pause();
	}
	say(qmp, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n");
	serve_qmp(qmp);
	if (!strcmp(name, "early panic")) {
		to = open(console, O_WRONLY | O_APPEND);
		say(to, "Kernel panic - no init\n");
		pause();
	}
	if (!strcmp(name, "sleeps")) {
		say(talk, "not ready\nready soon\n");
		pause();
	}
	say(talk, "booting\r\nready\r\n");
	/* Also without the program that started it. */
	while (!strcmp(name, "stays"))
		pause();
	for (;;) {
		fd_set fds;

		FD_ZERO(&fds);
		FD_SET(qmp, &fds);
		FD_SET(talk, &fds);
		select((qmp > talk ? qmp : talk) + 1, &fds, NULL, NULL, NULL);
		if (FD_ISSET(qmp, &fds))
			serve_qmp(qmp);
		if (FD_ISSET(talk, &fds))
			serve_guest(talk, console);
	}
}

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

static void is(const char *what, const char *got, const char *wanted)
{
	if (got == wanted || (got && wanted && !strcmp(got, wanted)))
		return;
	printf("# %s: '%s', not '%s'\n", what, got ? got : "(none)", wanted ? wanted : "(none)");
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

/* What is said from here on; it is kept until the next call. */
static FILE *err;
static char *said;

static void hear(void)
{
	static size_t bytes;

	err = stderr;
	stderr = open_memstream(&said, &bytes);
	if (!stderr)
		exit(1);
}

static const char *heard(void)
{
	fclose(stderr);
	stderr = err;
	return said;
}

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

	check("starts", qemu_start(&vm, &o, "tells", devices, modules), DESK_OK);
	is("how it is started", log_of(&vm),
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
	check("it is ended", kill(pid, 0) && errno == ESRCH, 1);
	check("nothing is kept", vm.pid || vm.qmp || vm.buf, 0);
	qemu_stop(&vm);

	o = (struct qemu_options){ .qemu = self, .kernel = "/mine", .modules = "/", .accel = "tcg",
				   .mib = 64, .cpus = 1, .seconds = 10 };
	check("starts", qemu_start(&vm, &o, "tells", NULL, NULL), DESK_OK);
	check("another CPU", !!strstr(log_of(&vm), "accel=tcg\n-cpu max\n"), 1);
	is("its initrd", strstr(log_of(&vm), "initrd:"), "initrd:\n-d\n/\n");
	qemu_stop(&vm);
	result("QEMU and its initramfs get what was asked for");
}

static void answers(void)
{
	struct json_object *object;
	struct qemu_vm vm;

	check("starts", start(&vm, "fine", 10), DESK_OK);
	hear();
	is("two lines", qemu_ask(&vm, "two lines"), "one\ntwo\n");
	is("nothing", qemu_ask(&vm, "nothing"), "");
	is("in pieces", qemu_ask(&vm, "pieces"), "one\n");
	is("the rest", qemu_ask(&vm, "two lines"), "rest of one\ntwo\n");
	is("what is no end", qemu_ask(&vm, "undone"), "done\ndone x\nwas done 1\n");
	is("nothing said", heard(), "");
	hear();
	is("a failure", qemu_ask(&vm, "fails"), NULL);
	is("what is said of it", heard(),
	   "kvm-zap: the guest: 'fails': b\\x1b[2Jad\\x0a (exit status 3)\n");
	is("well again", qemu_ask(&vm, "nothing"), "");

	hear();
	object = qemu_tell(&vm, "echo", "{\"value\": %lu}", 268435456UL);
	is("what QEMU is told", json_object_to_json_string(object), "{ \"value\": 268435456 }");
	is("nothing said", heard(), "");
	hear();
	check("refused", !qemu_tell(&vm, "refused", "{}"), 1);
	check("what is said of it", !!strstr(heard(), "no way"), 1);
	qemu_stop(&vm);
	result("an answer is whole, and the next one is another");
}

/* So long a wait may take a busy machine, and no more. */
static bool in_time(uint64_t start_ns, double from, double to)
{
	double seconds = (desk_now_ns() - start_ns) / 1e9;

	if (seconds >= from && seconds < to)
		return true;
	printf("# it took %.1f s\n", seconds);
	return false;
}

static void silences(void)
{
	uint64_t now = desk_now_ns();
	struct qemu_vm vm;

	check("starts", start(&vm, "fine", 1), DESK_OK);
	hear();
	now = desk_now_ns();
	is("no answer", qemu_ask(&vm, "mute"), NULL);
	is("what is said of it", heard(), "kvm-zap: the guest does not answer to 'mute'\n");
	check("a second", in_time(now, 1, 15), 1);
	compare_stopped = SIGINT;
	hear();
	is("after a signal", qemu_ask(&vm, "mute"), NULL);
	is("nobody is told", heard(), "");
	compare_stopped = 0;
	qemu_stop(&vm);

	/* A minute is given, and is not needed. */
	check("starts", start(&vm, "fine", 60), DESK_OK);
	hear();
	now = desk_now_ns();
	is("a panic", qemu_ask(&vm, "panics"), NULL);
	is("what is said of it", heard(),
	   "guest: [ 1.0] Kernel panic - not syncing\nguest: [ 1.1] Rebooting\n"
	   "kvm-zap: the guest's kernel has panicked\n");
	check("at once", in_time(now, 0, 30), 1);
	qemu_stop(&vm);

	check("starts", start(&vm, "fine", 60), DESK_OK);
	hear();
	now = desk_now_ns();
	is("the end", qemu_ask(&vm, "ends"), NULL);
	is("what is said of it", heard(),
	   "QEMU: two\nQEMU: three\nQEMU: four\nQEMU: five\nQEMU: six\nQEMU: se\\x1bven\n"
	   "kvm-zap: the guest does not answer to 'ends': QEMU has ended\n");
	check("at once", in_time(now, 0, 30), 1);
	check("it is known", vm.pid, 0);
	qemu_stop(&vm);

	check("starts", start(&vm, "fine", 60), DESK_OK);
	hear();
	now = desk_now_ns();
	is("too much", qemu_ask(&vm, "large"), NULL);
	heard();
	check("before the time is up", in_time(now, 0, 30), 1);
	check("no more than that is kept", vm.used < (5 << 20), 1);
	qemu_stop(&vm);
	result("a guest that does not answer is told from one that has gone");
}

static void starts_not(const char *what, const char *name, double seconds, const char *words)
{
	struct qemu_vm vm;

	hear();
	check(what, start(&vm, name, seconds), DESK_NOT);
	heard();
	is(what, said, words);
	qemu_stop(&vm);
}

static void failures(void)
{
	struct qemu_options o = options(10);
	struct qemu_vm vm;

	starts_not("no QMP", "no QMP", 10,
		   "kvm-zap: QEMU's monitor: no greeting (it serves one client at a time): the other side has closed it: QEMU has ended\n");
	starts_not("no JSON", "no JSON", 10, "kvm-zap: QEMU's monitor is not QMP: it says 'hello'\n");
	starts_not("a panic", "early panic", 60,
		   "guest: Kernel panic - no init\nkvm-zap: the guest's kernel has panicked\n");
	starts_not("it sleeps", "sleeps", 1, "kvm-zap: the guest has not booted within 1 s\n");
	o.qemu = "/none/qemu";
	hear();
	check("no QEMU", qemu_start(&vm, &o, "fine", NULL, NULL), DESK_NOT);
	check("what is said of it", !strncmp(heard(), "QEMU: /none/qemu: No such file", 30), 1);
	qemu_stop(&vm);

	beside("guest-initrd", "#!/bin/sh\nexit 1\n");
	starts_not("no initramfs", "fine", 10, "kvm-zap: no initramfs was made for the guest\n");
	check("no QEMU without", vm.pid, 0);
	beside("guest-initrd", NULL);
	starts_not("no helper", "fine", 10,
		   "kvm-zap: guest-initrd is missing: it is installed with kvm-zap\n");
	beside("guest-initrd", HELPER);
	result("what does not start is named, and ended");
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
	check("it has started", read(pipes[0], &qemu, sizeof(qemu)), sizeof(qemu));
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
	check("gone", qemu > 0 && i < 500, 1);
	if (qemu > 0 && i == 500)
		kill(qemu, SIGKILL);
	result("a program that is killed takes its QEMU along");
}

int main(int argc, char **argv)
{
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc > 1 && !strcmp(argv[1], "-nodefaults"))
		return be_qemu(argv);
	if (bytes <= 0)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	printf("TAP version 13\n1..5\n");
	beside("guest-initrd", HELPER);
	starts();
	answers();
	silences();
	failures();
	check_kill();
	beside("guest-initrd", NULL);
	return failed ? 1 : 0;
}
