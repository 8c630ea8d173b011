// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tracing instance, see zap_tracing.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"
#include "zap_tracing.h"

static char instance[64];
static int waiting = -1;	/* trace_pipe, see zap_tracing_wait() */

static void instance_path(const char *file, char *path, size_t bytes)
{
	snprintf(path, bytes, "%s/%s", instance, file);
}

static void instance_remove(void)
{
	if (waiting >= 0)
		close(waiting);
	rmdir(instance);
}

void zap_need_tracing(void)
{
	/* Without the parameter zap_start() finds the better words. */
	if (access(ZAP_PARAM_PATH, F_OK))
		return;
	if (access(ZAP_TRACING "instances", W_OK))
		ktap_skip_all(ZAP_TRACING "instances may not be written: mount tracefs, run as root");
	if (access(ZAP_TRACING "events/kvm", F_OK))
		ktap_skip_all("no " ZAP_TRACING "events/kvm: the kernel traces no events");
}

void zap_tracing_start(const char *event)
{
	char file[128];

	snprintf(instance, sizeof(instance), ZAP_TRACING "instances/zap_test.%d", getpid());
	if (mkdir(instance, 0700))
		vm_die("mkdir %s: %s", instance, strerror(errno));
	atexit(instance_remove);
	snprintf(file, sizeof(file), "%s/enable", event);
	zap_tracing_put(file, "1");
}

void zap_tracing_put(const char *file, const char *text)
{
	char path[256];
	int ret;

	instance_path(file, path, sizeof(path));
	ret = zap_write_file(path, text, strlen(text));
	if (ret)
		vm_die("'%s' > %s: %s", text, path, strerror(-ret));
}

char *zap_tracing_take(void)
{
	static char buf[65536];
	char path[256];
	long ret;

	instance_path("trace", path, sizeof(path));
	ret = zap_read_file(path, buf, sizeof(buf));
	if (ret < 0)
		vm_die("%s: %s", path, strerror(-ret));
	/* To open it so empties it. */
	zap_tracing_put("trace", "");
	return buf;
}

static int open_pipe(int flags)
{
	char path[256];
	int fd;

	instance_path("trace_pipe", path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	if (fd < 0)
		vm_die("%s: %s", path, strerror(errno));
	return fd;
}

void zap_tracing_wait(void)
{
	char event[4096];

	if (waiting < 0)
		waiting = open_pipe(0);
	if (read(waiting, event, sizeof(event)) <= 0)
		vm_die("trace_pipe cannot be read, or ends");
}

char *zap_tracing_drain(void)
{
	static char buf[1048576];
	int fd = open_pipe(O_NONBLOCK);
	size_t used = 0;
	ssize_t got;

	while (used < sizeof(buf) - 1 &&
	       (got = read(fd, buf + used, sizeof(buf) - 1 - used)) > 0)
		used += got;
	close(fd);
	buf[used] = '\0';
	return buf;
}

const char *zap_traced(const char *field)
{
	static char value[32];
	char prefix[32], *at;

	snprintf(prefix, sizeof(prefix), " %s=", field);
	at = strstr(zap_tracing_take(), prefix);
	if (!at || strstr(at + 1, prefix) || sscanf(at + strlen(prefix), "%31s", value) != 1)
		return "no event, or several";
	return value;
}
