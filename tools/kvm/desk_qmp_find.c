// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find a VM's QMP socket in the command line of its VMM: -qmp unix:PATH,server=on, or
 * -chardev socket,id=ID,path=PATH,server=on with -mon chardev=ID,mode=control. See
 * desk_qmp.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_qmp.h"
#include "desk_words.h"

struct search {
	pid_t pid;
	const char *words;
	size_t bytes;
	char *path;	/* found */
	bool libvirt;	/* one of those that were passed over is libvirt's */
	bool other;	/* ... is no UNIX socket, or one that the VMM connects to itself */
};

bool desk_qmp_is_libvirt(const char *path)
{
	return strstr(path, "/libvirt/");
}

/* @path is the VMM's: of its folder and of its root. */
static char *reach(pid_t pid, const char *path)
{
	char *link = desk_text("/proc/%d/%s", pid, *path == '/' ? "root" : "cwd");
	char root[8], *reached;
	ssize_t bytes = *path == '/' ? readlink(link, root, sizeof(root)) : 0;

	/* Not by way of /proc where it is the same: that is shorter. */
	if (bytes == 1 && *root == '/' && !access(path, F_OK))
		reached = desk_copy(path);
	else
		reached = desk_text("%s%s%s", link, *path == '/' ? "" : "/", path);
	free(link);
	return reached;
}

/* "PATH,server=on,wait=off", or the same with path= anywhere. */
static void take(struct search *s, const char *arg, char *path)
{
	if (!s->path && path && *path && desk_qmp_is_libvirt(path))
		s->libvirt = true;
	else if (!s->path && path && *path && desk_suboption_is_on(arg, "server"))
		s->path = reach(s->pid, path);
	else
		s->other = true;
	free(path);
}

/* The character device that a monitor is on. */
static void take_chardev(struct search *s, const char *id)
{
	const char *word = NULL, *arg;

	while ((arg = desk_option_next(s->words, s->bytes, "chardev", &word))) {
		char *own = desk_suboption(arg, "id");
		bool is_it = own && !strcmp(own, id);

		free(own);
		if (!is_it)
			continue;
		/* libvirt's, by whatever descriptor it was handed over. */
		if (!strcmp(id, "charmonitor"))
			s->libvirt = true;
		else if (!strncmp(arg, "socket,", 7))
			take(s, arg, desk_suboption(arg, "path"));
		else
			s->other = true;
	}
}

static void take_qmp(struct search *s, const char *arg)
{
	const char *rest = arg + 5;

	if (!strncmp(arg, "chardev:", 8))
		take_chardev(s, arg + 8);
	else if (!strncmp(arg, "unix:", 5))
		take(s, arg, desk_part(&rest));
	else if (strcmp(arg, "none"))
		s->other = true;
}

static void take_mon(struct search *s, const char *arg)
{
	char *mode = desk_suboption(arg, "mode"), *id = desk_suboption(arg, "chardev");

	/* The first part may stand without its key. */
	if (!id)
		id = desk_part(&arg);
	if (mode && !strcmp(mode, "control"))
		take_chardev(s, id);
	free(mode);
	free(id);
}

static void look(struct search *s, const char *option,
		 void (*take)(struct search *s, const char *arg))
{
	const char *word = NULL, *arg;

	while (!s->path && (arg = desk_option_next(s->words, s->bytes, option, &word)))
		take(s, arg);
}

char *desk_qmp_find(pid_t pid, bool *quiet, char **why)
{
	struct search s = { .pid = pid };

	s.words = desk_words(pid, &s.bytes);
	if (s.words) {
		look(&s, "qmp", take_qmp);
		look(&s, "qmp-pretty", take_qmp);
		look(&s, "mon", take_mon);
		free((char *)s.words);
	}
	*quiet = !s.path && !s.libvirt && !s.other;
	if (s.path)
		return s.path;
	if (s.libvirt)
		*why = desk_copy("its QMP socket is libvirt's, which has the only connection");
	else if (s.other)
		*why = desk_copy("its QMP is on no UNIX socket that others may connect to");
	else
		*why = desk_copy("it has no QMP socket");
	return NULL;
}
