// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU, and the channels to it and its guest. See qemu_vm.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"
#include "desk_print.h"
#include "qemu_vm.h"

#define QMP_S		30	/* that QEMU has for a command: it may be busy with the guest */
#define SAID_BYTES	(4 << 20)

/* A helper of kvm-zap's: beside it, or where the package has it. free() it. */
static char *find_helper(const char *name)
{
	static const char * const places[] = { "", "../libexec/kvm-zap/" };
	char self[4096], *path, *slash;
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	self[bytes > 0 ? bytes : 0] = '\0';
	slash = strrchr(self, '/');
	for (i = 0; slash && i < ARRAY_SIZE(places); i++) {
		slash[1] = '\0';
		path = desk_text("%s%s%s", self, places[i], name);
		if (!access(path, X_OK))
			return path;
		free(path);
	}
	desk_say("%s is missing: it is installed with kvm-zap", name);
	return NULL;
}

/* The last lines of what @fd has, for people. */
static void print_end(int fd, const char *what)
{
	char *text = compare_tmpfile_text(fd), *end = text + strlen(text), *printable;
	int lines = 0;

	while (end > text && (end[-1] != '\n' || lines++ < 6))
		end--;
	for (end = strtok(end, "\r\n"); end; end = strtok(NULL, "\r\n")) {
		printable = desk_printable(end);
		fprintf(stderr, "%s: %s\n", what, printable);
		free(printable);
	}
	free(text);
}

static bool is_running(struct qemu_vm *vm)
{
	int status;

	if (vm->pid > 0 && waitpid(vm->pid, &status, WNOHANG) == vm->pid)
		vm->pid = 0;
	return vm->pid > 0;
}

/* Its channels close a moment before it can be waited for. */
static bool has_ended(struct qemu_vm *vm)
{
	char byte;
	int i;

	for (i = 0; i < 200 && is_running(vm); i++) {
		if (recv(vm->talk, &byte, 1, MSG_PEEK | MSG_DONTWAIT))
			return false;
		desk_sleep(0.01);
	}
	return !is_running(vm);
}

/* A kernel that panics early may not get QEMU to end. */
static bool has_panicked(const struct qemu_vm *vm)
{
	char text[4096];
	off_t end = lseek(vm->console, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(text) ? end - (off_t)sizeof(text) : 0;
	ssize_t bytes = pread(vm->console, text, sizeof(text), from);

	return bytes > 0 && memmem(text, bytes, "Kernel panic", strlen("Kernel panic"));
}

/* Why a guest does not do what it is to do. */
static void explain(struct qemu_vm *vm, const char *what)
{
	bool ended;

	if (compare_stopped)
		return;
	ended = has_ended(vm);
	print_end(vm->log, "QEMU");
	print_end(vm->console, "guest");
	desk_say("%s%s", has_panicked(vm) ? "the guest's kernel has panicked" : what,
		 ended ? ": QEMU has ended" : "");
}

/* The initramfs ------------------------------------------------------------- */

static int run_helper(char **words, int output)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(output, STDOUT_FILENO);
		execv(*words, words);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return DESK_NOT;
	return DESK_OK;
}

/* The release of "vmlinuz-RELEASE": its modules are called so. */
static const char *release_of(const char *kernel)
{
	const char *name = strrchr(kernel, '/');

	name = name ? name + 1 : kernel;
	return strncmp(name, "vmlinuz-", 8) ? "" : name + 8;
}

static int make_initrd(const struct qemu_options *o, const char * const *modules, int *fd)
{
	char *words[24], *helper = find_helper("guest-initrd");
	size_t nr = 0, i;
	int ret;

	*fd = compare_tmpfile();
	if (!helper || *fd < 0)
		return DESK_NOT;
	words[nr++] = helper;
	if (*release_of(o->kernel)) {
		words[nr++] = "-k";
		words[nr++] = (char *)release_of(o->kernel);
	}
	words[nr++] = "-d";
	words[nr++] = (char *)o->modules;
	if (o->cyclictest) {
		words[nr++] = "-c";
		words[nr++] = (char *)o->cyclictest;
	}
	for (i = 0; modules && modules[i] && nr < ARRAY_SIZE(words) - 1; i++)
		words[nr++] = (char *)modules[i];
	words[nr] = NULL;
	ret = run_helper(words, *fd);
	if (ret)
		desk_say("no initramfs was made for the guest");
	free(helper);
	return ret;
}

/* QEMU ---------------------------------------------------------------------- */

struct start {
	const struct qemu_options *options;
	const char *name;
	const char * const *devices;
	int qmp, talk, initrd;
};

static void __attribute__((noreturn)) child(struct qemu_vm *vm, const struct start *s)
{
	const struct qemu_options *o = s->options;
	char *words[96];
	size_t nr = 0, i;

#define ADD(...) (words[nr++] = desk_text(__VA_ARGS__))
	ADD("%s", o->qemu);
	ADD("-nodefaults");
	ADD("-no-user-config");
	ADD("-no-reboot");
	ADD("-display");
	ADD("none");
	ADD("-name");
	ADD("guest=%s", s->name);
	ADD("-machine");
	ADD("pc,accel=%s", o->accel);
	ADD("-cpu");
	ADD("%s", strcmp(o->accel, "kvm") ? "max" : "host");
	ADD("-smp");
	ADD("%lu", o->cpus);
	ADD("-m");
	ADD("%luM,maxmem=%luM,slots=2", o->mib, o->mib + 2048);
	ADD("-kernel");
	ADD("%s", o->kernel);
	ADD("-initrd");
	ADD("/proc/self/fd/%d", s->initrd);
	ADD("-append");
	/* An emulated host's XSAVE areas have sizes that newer guests do not boot with. */
	ADD("console=ttyS0 quiet panic=-1 oops=panic no_timer_check noxsave");
	ADD("-chardev");
	ADD("file,id=console,append=on,path=/proc/self/fd/%d", vm->console);
	ADD("-serial");
	ADD("chardev:console");
	ADD("-chardev");
	ADD("socket,id=talk,fd=%d", s->talk);
	ADD("-serial");
	ADD("chardev:talk");
	ADD("-chardev");
	ADD("socket,id=qmp,fd=%d", s->qmp);
	ADD("-mon");
	ADD("chardev=qmp,mode=control");
	for (i = 0; s->devices && s->devices[i] && nr < ARRAY_SIZE(words) - 1; i++)
		ADD("%s", s->devices[i]);
#undef ADD
	words[nr] = NULL;
	/* A terminal's ^C is for this program, which then ends QEMU. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(vm->log, STDOUT_FILENO);
	dup2(vm->log, STDERR_FILENO);
	execvp(*words, words);
	dprintf(STDERR_FILENO, "%s: %s\n", *words, strerror(errno));
	_exit(127);
}

/* The other ends are QEMU's alone: what it closes is seen here. */
static int spawn(struct qemu_vm *vm, struct start *s)
{
	int qmp[2], talk[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, qmp) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk)) {
		desk_say("socketpair: %s", strerror(errno));
		return -1;
	}
	s->qmp = qmp[1];
	s->talk = talk[1];
	vm->talk = talk[0];
	vm->pid = fork();
	if (!vm->pid) {
		fcntl(qmp[1], F_SETFD, 0);
		fcntl(talk[1], F_SETFD, 0);
		child(vm, s);
	}
	close(qmp[1]);
	close(talk[1]);
	return qmp[0];
}

/* What the guest says --------------------------------------------------------- */

/* The next line, in memory of its own; NULL: none came. */
static char *next_line(struct qemu_vm *vm, uint64_t until_ns)
{
	struct pollfd poll_fd = { .fd = vm->talk, .events = POLLIN };
	char *end, *line;

	while (!(end = vm->used ? memchr(vm->buf, '\n', vm->used) : NULL)) {
		ssize_t bytes;

		if (compare_stopped || desk_now_ns() > until_ns || vm->used > SAID_BYTES)
			return NULL;
		if (poll(&poll_fd, 1, 100) <= 0) {
			if (has_panicked(vm))
				return NULL;
			continue;
		}
		vm->buf = desk_grow(vm->buf, vm->used + 4096, 1);
		bytes = recv(vm->talk, vm->buf + vm->used, 4096, MSG_DONTWAIT);
		if (!bytes || (bytes < 0 && errno != EAGAIN && errno != EINTR))
			return NULL;
		vm->used += bytes > 0 ? bytes : 0;
	}
	line = strndup(vm->buf, end - vm->buf);
	if (!line)
		abort();
	line[strcspn(line, "\r")] = '\0';
	vm->used -= end + 1 - vm->buf;
	memmove(vm->buf, end + 1, vm->used);
	return line;
}

static bool wait_ready(struct qemu_vm *vm)
{
	uint64_t until_ns = desk_now_ns() + vm->seconds * 1e9;
	char *line, *text;

	while ((line = next_line(vm, until_ns))) {
		bool ready = !strcmp(line, "ready");

		free(line);
		if (ready)
			return true;
	}
	text = desk_text("the guest has not booted within %g s", vm->seconds);
	explain(vm, text);
	free(text);
	return false;
}

char *qemu_ask(struct qemu_vm *vm, const char *what)
{
	uint64_t until_ns = desk_now_ns() + vm->seconds * 1e9;
	char *line, *all = desk_copy(""), *longer;
	int status = -1;

	dprintf(vm->talk, "%s\n", what);
	while (status < 0 && (line = next_line(vm, until_ns))) {
		if (sscanf(line, "done %d", &status) != 1) {
			longer = desk_text("%s%s\n", all, line);
			free(all);
			all = longer;
		}
		free(line);
	}
	if (!status)
		return all;
	if (status > 0) {
		longer = desk_printable(all);
		desk_say("the guest: '%s': %s (exit status %d)", what, longer, status);
		free(longer);
	} else {
		longer = desk_text("the guest does not answer to '%s'", what);
		explain(vm, longer);
		free(longer);
	}
	free(all);
	return NULL;
}

struct json_object *qemu_tell(struct qemu_vm *vm, const char *command, const char *arguments, ...)
{
	struct json_object *value;
	char *text, *why = NULL;
	va_list ap;

	va_start(ap, arguments);
	if (vasprintf(&text, arguments, ap) < 0)
		abort();
	va_end(ap);
	value = desk_qmp_execute(vm->qmp, command, json_tokener_parse(text), &why);
	if (!value)
		desk_say("%s", why);
	free(why);
	free(text);
	return value;
}

int qemu_start(struct qemu_vm *vm, const struct qemu_options *o, const char *name,
	       const char * const *devices, const char * const *guest_modules)
{
	struct start s = { .options = o, .name = name, .devices = devices };
	char *why = NULL;
	int ret, qmp;

	*vm = (struct qemu_vm){ .talk = -1, .seconds = o->seconds };
	vm->console = compare_tmpfile();
	vm->log = compare_tmpfile();
	if (vm->console < 0 || vm->log < 0)
		return DESK_NOT;
	ret = make_initrd(o, guest_modules, &s.initrd);
	if (ret)
		return ret;
	qmp = spawn(vm, &s);
	close(s.initrd);
	if (qmp < 0 || vm->pid < 0)
		return DESK_NOT;
	vm->qmp = desk_qmp_attach(qmp, "QEMU's monitor", QMP_S, &why);
	if (!vm->qmp) {
		explain(vm, why);
		free(why);
		return DESK_NOT;
	}
	return wait_ready(vm) ? DESK_OK : DESK_NOT;
}

void qemu_stop(struct qemu_vm *vm)
{
	if (vm->pid > 0) {
		kill(vm->pid, SIGKILL);
		waitpid(vm->pid, NULL, 0);
		vm->pid = 0;
	}
	desk_qmp_close(vm->qmp);
	vm->qmp = NULL;
	free(vm->buf);
	vm->buf = NULL;
}
