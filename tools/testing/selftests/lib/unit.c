// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests in C of some files of tools share, see unit.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

char unit_log[8192];
/* Of unit_desk.c, which need not be there. */
char unit_said[1024];

static struct {
	FILE **stream, *was;
	char *text;
	size_t bytes;
} hearing;

static void give_up(const char *what)
{
	perror(what);
	exit(KTAP_FAIL);
}

void unit_add(char *text, size_t bytes, const char *fmt, va_list ap)
{
	size_t used = strlen(text);

	vsnprintf(text + used, bytes - used, fmt, ap);
}

void unit_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	unit_add(unit_log, sizeof(unit_log), fmt, ap);
	va_end(ap);
	strncat(unit_log, "\n", sizeof(unit_log) - strlen(unit_log) - 1);
}

void unit_forget(void)
{
	*unit_log = '\0';
	*unit_said = '\0';
}

void unit_hear(FILE **stream)
{
	fflush(*stream);
	hearing.stream = stream;
	hearing.was = *stream;
	*stream = open_memstream(&hearing.text, &hearing.bytes);
	if (!*stream)
		give_up("open_memstream");
}

char *unit_heard(void)
{
	fclose(*hearing.stream);
	*hearing.stream = hearing.was;
	return hearing.text;
}

void unit_quiet(void)
{
	if (!freopen("/dev/null", "w", stderr))
		exit(KTAP_FAIL);
}

int unit_status(int (*run)(const char *words), const char *words, char *said, size_t bytes)
{
	int out[2], status = 0;
	char rest[256];
	size_t used = 0;
	ssize_t nr;
	pid_t pid;

	fflush(NULL);
	if (pipe(out))
		give_up("pipe");
	pid = fork();
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		_exit(run(words));
	}
	close(out[1]);
	while ((nr = read(out[0], said + used, bytes - 1 - used)) > 0)
		used += nr;
	said[used] = '\0';
	said[strcspn(said, "\n")] = '\0';
	/* What there is no room for is read as well: a pipe without a reader is a signal. */
	while (read(out[0], rest, sizeof(rest)) > 0)
		;
	close(out[0]);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void unit_squeeze(char *text)
{
	char *in, *out = text;

	for (in = text; *in; in++)
		if (*in != ' ' || (out > text && out[-1] != ' ' && out[-1] != '\n'))
			*out++ = *in;
	*out = '\0';
}
