// SPDX-License-Identifier: GPL-2.0-only
/*
 * The QEMU of qemu_vm_test.c and the guest in it, see qemu_fake.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "desk.h"
#include "qemu_fake.h"

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

int qemu_fake(char **argv)
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
