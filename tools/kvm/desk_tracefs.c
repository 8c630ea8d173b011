// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instances of tracefs. See desk_tracefs.h.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "desk.h"
#include "desk_tracefs.h"

const char *desk_tracefs(void)
{
	static const char * const places[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing"
	};
	unsigned int i;
	int error = ENOENT;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char *path = desk_text("%s/instances", places[i]);
		bool found = !access(path, R_OK | X_OK);

		if (!found && errno != ENOENT)
			error = errno;
		free(path);
		if (found)
			return places[i];
	}
	errno = error;
	return NULL;
}

static int is_ours(const struct dirent *d)
{
	return !strncmp(d->d_name, DESK_INSTANCE, strlen(DESK_INSTANCE));
}

size_t desk_tracefs_clean(char ***names)
{
	const char *tracefs = desk_tracefs();
	char *dir = desk_text("%s/instances", tracefs ? tracefs : "");
	struct dirent **list;
	size_t nr = 0;
	int i, entries = tracefs ? scandir(dir, &list, is_ours, versionsort) : -1;

	*names = NULL;
	for (i = 0; i < entries; i++) {
		char *path = desk_text("%s/%s", dir, list[i]->d_name);

		/* The kernel refuses as long as a file of it is open: its run is alive. */
		if (!rmdir(path)) {
			*names = desk_grow(*names, nr + 1, sizeof(**names));
			(*names)[nr++] = desk_copy(list[i]->d_name);
		}
		free(path);
		free(list[i]);
	}
	if (entries >= 0)
		free(list);
	free(dir);
	return nr;
}
