// SPDX-License-Identifier: GPL-2.0-only
/*
 * The part of kvm-zap compare that runs perf stat. See compare.h.
 *
 * perf separates its fields by semicolons here, because the name of a raw event may
 * contain commas, and so may a number in many locales. perf runs in the C locale.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"

#define ANSWER_MS	10000	/* that perf has to take an order */

int compare_tmpfile(void)
{
	int fd = memfd_create("kvm-zap", 0);

	if (fd < 0)
		desk_say("memfd_create: %s", strerror(errno));
	return fd;
}

char *compare_tmpfile_text(int fd)
{
	char *path = desk_text("/proc/self/fd/%d", fd);
	char *text = desk_read(path, NULL);

	free(path);
	return text ? text : desk_copy("");
}

static size_t count(char * const *words)
{
	size_t nr = 0;

	while (words[nr])
		nr++;
	return nr;
}

/* perf stat -x ; --log-fd LOG -e EVENT... and then @tail, which NULL ends. */
static char **perf_words(const char * const *events, size_t nr_events, int log, char **tail)
{
	char **words = desk_alloc((8 + 2 * nr_events + count(tail)) * sizeof(*words));
	size_t i, nr = 0;
	char *fd;

	words[nr++] = "perf";
	words[nr++] = "stat";
	words[nr++] = "-x;";
	fd = desk_text("%d", log);
	words[nr++] = "--log-fd";
	words[nr++] = fd;
	for (i = 0; i < nr_events; i++) {
		words[nr++] = "-e";
		words[nr++] = (char *)events[i];
	}
	memcpy(words + nr, tail, (count(tail) + 1) * sizeof(*words));
	return words;
}

char **compare_perf_command(const struct compare *c, char **command, int log)
{
	char **words, **tail;

	if (!c->nr_events) {
		words = desk_alloc((count(command) + 1) * sizeof(*words));
		return memcpy(words, command, (count(command) + 1) * sizeof(*words));
	}
	tail = desk_alloc((count(command) + 2) * sizeof(*tail));
	tail[0] = "--";
	memcpy(tail + 1, command, (count(command) + 1) * sizeof(*tail));
	words = perf_words(c->events, c->nr_events, log, tail);
	free(tail);
	return words;
}

/* The next line of perf's: its value and its event, within *@text, which moves on. */
static bool next_line(char **text, char **value, char **event)
{
	char *line;

	while ((line = strsep(text, "\n"))) {
		char *unit;

		if (!*line || *line == '#')
			continue;
		*value = strsep(&line, ";");
		unit = strsep(&line, ";");
		*event = strsep(&line, ";");
		if (unit && *event && **event)
			return true;
	}
	return false;
}

static bool is_number(const char *value)
{
	return isdigit((unsigned char)*value) && strspn(value, "0123456789.") == strlen(value);
}

void compare_perf_read(const struct compare *c, int log, double *values)
{
	char *text = compare_tmpfile_text(log), *rest = text, *value, *event;
	size_t i;

	for (i = 0; i < c->nr_values; i++)
		values[i] = NAN;
	while (next_line(&rest, &value, &event)) {
		for (i = 0; i < c->nr_values; i++)
			if (!strcmp(c->names[i], event))
				break;
		if (i == c->nr_values || !is_number(value))
			continue;
		/* strtod() is right: the locale of numbers is C's here. */
		values[i] = (isnan(values[i]) ? 0 : values[i]) + strtod(value, NULL);
	}
	free(text);
}

/* Starts it; its messages go to @say. */
static pid_t spawn(char **words, int say)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("LC_ALL", "C", 1);
	dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
	dup2(say, STDOUT_FILENO);
	dup2(say, STDERR_FILENO);
	execvp(*words, words);
	_exit(errno == ENOENT ? 127 : 126);
}

/* The first line that says something. */
static char *reason(int say)
{
	char *text = compare_tmpfile_text(say), *line, *rest = text, *copy = NULL;

	while (!copy && (line = strsep(&rest, "\n")))
		if (strspn(line, " \t") < strlen(line))
			copy = desk_copy(line);
	free(text);
	return copy ? copy : desk_copy("it does not say why");
}

static void add_name(struct compare *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nr_values; i++)
		if (!strcmp(c->names[i], name))
			return;
	c->names = desk_grow(c->names, c->nr_values + 1, sizeof(*c->names));
	c->names[c->nr_values++] = desk_copy(name);
}

/* Names of events that perf counts when it is asked for @event, which may be a list. */
static int learn(struct compare *c, int log, const char *event)
{
	char *text = compare_tmpfile_text(log), *rest = text, *value, *name;
	size_t lines = 0;
	int ret = DESK_OK;

	while (!ret && next_line(&rest, &value, &name)) {
		lines++;
		if (strcmp(value, "<not supported>")) {
			add_name(c, name);
			continue;
		}
		desk_say("--event '%s': this machine does not count '%s'", event, name);
		ret = DESK_NOT;
	}
	free(text);
	if (!ret && !lines) {
		desk_say("--event '%s': perf counts nothing for it", event);
		ret = DESK_NOT;
	}
	return ret;
}

static int probe(struct compare *c, const char *event)
{
	static char *tail[] = { "--", "true", NULL };
	char **words, *why;
	int log = compare_tmpfile(), say = compare_tmpfile(), status = -1, ret = DESK_NOT;
	pid_t pid;

	if (log < 0 || say < 0)
		return DESK_NOT;
	words = perf_words(&event, 1, log, tail);
	pid = spawn(words, say);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		desk_say("perf cannot be started: %s", strerror(errno));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		desk_say("--event needs perf, which is missing: apt-get install linux-perf");
	} else if (status) {
		why = reason(say);
		desk_say("--event '%s': perf cannot count it: %s", event, why);
		free(why);
	} else {
		ret = learn(c, log, event);
	}
	free(words);
	close(log);
	close(say);
	return ret;
}

int compare_perf_open(struct compare *c)
{
	int ret = DESK_OK;
	size_t i;

	for (i = 0; i < c->nr_events && !ret; i++)
		ret = probe(c, c->events[i]);
	return ret;
}

/* A process that is there ---------------------------------------------------- */

/* perf starts disabled, is told when to count, and answers. */
static pid_t start(const struct compare *c, pid_t pid, struct compare_perf *perf, int control,
		   int ack)
{
	char *fds = desk_text("fd:%d,%d", control, ack), *who = desk_text("%d", pid);
	char *tail[] = { "-D", "-1", "--control", fds, "-p", who, NULL };
	char **words = perf_words(c->events, c->nr_events, perf->log, tail);

	perf->pid = spawn(words, perf->log);
	free(words);
	free(who);
	free(fds);
	return perf->pid;
}

int compare_perf_attach(const struct compare *c, pid_t pid, struct compare_perf *perf)
{
	int control[2], ack[2];

	memset(perf, 0, sizeof(*perf));
	if (!c->nr_events)
		return DESK_OK;
	perf->log = compare_tmpfile();
	if (perf->log < 0)
		return DESK_NOT;
	if (pipe(control) || pipe(ack)) {
		desk_say("pipe: %s", strerror(errno));
		return DESK_NOT;
	}
	/* perf has its ends by number; these here are not for it. */
	fcntl(control[1], F_SETFD, FD_CLOEXEC);
	fcntl(ack[0], F_SETFD, FD_CLOEXEC);
	perf->control = control[1];
	perf->ack = ack[0];
	start(c, pid, perf, control[0], ack[1]);
	close(control[0]);
	close(ack[1]);
	if (perf->pid > 0)
		return DESK_OK;
	desk_say("perf cannot be started: %s", strerror(errno));
	return DESK_NOT;
}

static int order(struct compare_perf *perf, const char *text)
{
	struct pollfd answer = { .fd = perf->ack, .events = POLLIN };
	char buf[16], *why;
	int done;

	if (write(perf->control, text, strlen(text)) == (ssize_t)strlen(text)) {
		do {
			done = poll(&answer, 1, ANSWER_MS);
		} while (done < 0 && errno == EINTR && !compare_stopped);
		if (compare_stopped)
			return DESK_NOT;
		if (done > 0 && read(perf->ack, buf, sizeof(buf)) > 0)
			return DESK_OK;
	}
	why = reason(perf->log);
	desk_say("perf does not count that process: %s", why);
	free(why);
	return DESK_NOT;
}

int compare_perf_go(struct compare_perf *perf)
{
	return perf->pid ? order(perf, "enable\n") : DESK_OK;
}

int compare_perf_end(const struct compare *c, struct compare_perf *perf, double *values)
{
	int ret;

	if (!perf->pid)
		return DESK_OK;
	ret = order(perf, "disable\n");
	if (ret)
		return ret;
	kill(perf->pid, SIGINT);
	waitpid(perf->pid, NULL, 0);
	perf->pid = 0;
	compare_perf_read(c, perf->log, values);
	return DESK_OK;
}

void compare_perf_kill(struct compare_perf *perf)
{
	if (perf->pid > 0) {
		kill(perf->pid, SIGKILL);
		waitpid(perf->pid, NULL, 0);
	}
	if (perf->log)
		close(perf->log);
	if (perf->control)
		close(perf->control);
	if (perf->ack)
		close(perf->ack);
}
