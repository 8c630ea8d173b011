// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files, memory, messages. See desk.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "desk.h"
#include "host.h"

int desk_flush(void)
{
	static int error;

	if (error)
		return error;
	if (fflush(stdout))
		error = -errno;
	/* printf() has found out, and errno has been another's since: ask again. */
	else if (ferror(stdout))
		error = write(STDOUT_FILENO, "\n", 1) < 0 ? -errno : -EIO;
	return error;
}

int desk_check_output(void)
{
	int error = desk_flush();

	if (!error)
		return DESK_OK;
	desk_say("standard output: %s", strerror(-error));
	return DESK_NOT;
}

void desk_say(const char *fmt, ...)
{
	va_list ap;

	desk_flush();
	fputs("kvm-zap: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void no_memory(void)
{
	desk_say("out of memory");
	exit(DESK_NOT);
}

void *desk_alloc(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		no_memory();
	return p;
}

void *desk_grow(void *array, size_t nr, size_t bytes)
{
	void *p = reallocarray(array, nr, bytes);

	if (!p)
		no_memory();
	return p;
}

char *desk_copy(const char *text)
{
	return desk_text("%s", text);
}

char *desk_text(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		no_memory();
	va_end(ap);
	return text;
}

/* Files of sysfs, procfs and debugfs do not tell their size. */
static char *read_stream(FILE *f, size_t *bytes)
{
	size_t size = 0, room = 4096;
	char *text = desk_alloc(room);

	while (!ferror(f)) {
		size += fread(text + size, 1, room - size - 1, f);
		if (size < room - 1)
			break;
		room *= 2;
		text = desk_grow(text, room, 1);
	}
	if (ferror(f)) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	if (bytes)
		*bytes = size;
	return text;
}

char *desk_read(const char *path, size_t *bytes)
{
	FILE *f = fopen(path, "re");
	char *text;
	int error;

	if (!f)
		return NULL;
	text = read_stream(f, bytes);
	error = errno;
	fclose(f);
	errno = error;
	return text;
}

char *desk_read_command(const char *command, size_t *bytes)
{
	/* The folders of root's commands are not in everyone's PATH. */
	char *line = desk_text("PATH=\"$PATH:/usr/sbin:/sbin\"; export LC_ALL=C; %s", command);
	FILE *f = popen(line, "re");
	char *text;

	free(line);
	if (!f)
		return NULL;
	text = read_stream(f, bytes);
	if (pclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

int desk_read_word(const char *path, char *buf, size_t bytes)
{
	char *text = desk_read(path, NULL);

	if (!text)
		return -errno;
	text[strcspn(text, "\n")] = '\0';
	snprintf(buf, bytes, "%s", text);
	free(text);
	return 0;
}

int desk_write(const char *path, const char *text)
{
	ssize_t bytes = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, bytes) != bytes)
		ret = -errno;
	close(fd);
	return ret;
}

static int write_all(int fd, const char *text, size_t bytes)
{
	while (bytes) {
		ssize_t done = write(fd, text, bytes);

		if (done < 0)
			return -errno;
		text += done;
		bytes -= done;
	}
	/* What a rename puts in place has to be there after a crash, too. */
	return fchmod(fd, 0644) || fsync(fd) ? -errno : 0;
}

static int replace(const char *path, const char *text, size_t bytes)
{
	/* node_exporter takes names that end in .prom: this one does not. */
	char *tmp = desk_text("%s.XXXXXX", path);
	int fd = mkostemp(tmp, O_CLOEXEC);
	int ret;

	if (fd < 0) {
		ret = -errno;
		free(tmp);
		return ret;
	}
	ret = write_all(fd, text, bytes);
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret)
		unlink(tmp);
	free(tmp);
	return ret;
}

int desk_replace(const char *path, const char *text, size_t bytes)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	/* A file that may not become so large is an error, not the end. */
	struct sigaction large = { .sa_handler = SIG_IGN }, before;
	sigset_t signals, mask;
	size_t i;
	int ret;

	sigemptyset(&signals);
	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaddset(&signals, ends[i]);
	sigprocmask(SIG_BLOCK, &signals, &mask);
	sigaction(SIGXFSZ, &large, &before);
	ret = replace(path, text, bytes);
	sigaction(SIGXFSZ, &before, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return ret;
}

int desk_may_replace(const char *path)
{
	struct stat st;

	/* A rename would not write to a device: it would be gone. */
	if (stat(path, &st) || S_ISREG(st.st_mode))
		return DESK_OK;
	desk_say("%s: is %s: give the name of a file", path,
		 S_ISDIR(st.st_mode) ? "a folder" : "no file");
	return DESK_NOT;
}

const char *desk_lockdown(void)
{
	static char line[64];
	char *end, *word;

	host_read_line("/sys/kernel/security/lockdown", line, sizeof(line));
	word = strchr(line, '[');
	end = word ? strchr(word, ']') : NULL;
	if (!end)
		return NULL;
	*end = '\0';
	return strcmp(word + 1, "none") ? word + 1 : NULL;
}

char *desk_denied(int error, const char *path)
{
	const char *lockdown = desk_lockdown();

	if (error == EACCES && geteuid())
		return desk_text("only root reads debugfs");
	if (error == EPERM && lockdown)
		return desk_text("%s: the kernel is locked down (%s)", path, lockdown);
	if (error == ENOENT && access(DESK_DEBUGFS, F_OK))
		return desk_text("debugfs is not mounted: mount -t debugfs none /sys/kernel/debug");
	if (error == ENOENT)
		return desk_text("%s is missing: the kvm that is loaded is of another version",
				 path);
	return desk_text("%s: %s", path, strerror(error));
}

static struct timespec as_timespec(double seconds)
{
	struct timespec ts = { .tv_sec = seconds };

	ts.tv_nsec = (seconds - ts.tv_sec) * 1e9;
	return ts;
}

void desk_sleep(double seconds)
{
	struct timespec ts = as_timespec(seconds);

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool desk_nap(double seconds)
{
	struct timespec ts = as_timespec(seconds);

	return !nanosleep(&ts, NULL);
}

uint64_t desk_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}
