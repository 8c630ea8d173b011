// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of a VMM. See desk_words.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_words.h"

char *desk_words(pid_t pid, size_t *bytes)
{
	char *path = desk_text("/proc/%d/cmdline", pid);
	char *words = desk_read(path, bytes);

	free(path);
	if (words && *bytes)
		return words;
	free(words);
	return NULL;
}

const char *desk_option_next(const char *words, size_t bytes, const char *name,
			     const char **word)
{
	const char *end = words + bytes, *next;
	size_t len = strlen(name);

	if (!*word)
		*word = words + strlen(words) + 1;
	for (; *word < end; *word = next) {
		const char *bare = *word + (**word == '-');

		bare += bare > *word && *bare == '-';
		next = *word + strlen(*word) + 1;
		if (bare == *word || strncmp(bare, name, len))
			continue;
		if (bare[len] == '=') {
			*word = next;
			return bare + len + 1;
		}
		if (!bare[len] && next < end) {
			*word = next + strlen(next) + 1;
			return next;
		}
	}
	return NULL;
}

const char *desk_option(const char *words, size_t bytes, const char *name)
{
	const char *word = NULL, *found = NULL, *arg;

	while ((arg = desk_option_next(words, bytes, name, &word)))
		found = arg;
	return found && *found ? found : NULL;
}

char *desk_part(const char **arg)
{
	char *part = desk_alloc(strlen(*arg) + 1), *out = part;
	const char *in = *arg;

	while (*in && (*in != ',' || in[1] == ',')) {
		in += *in == ',';
		*out++ = *in++;
	}
	*arg = *in ? in + 1 : NULL;
	return part;
}

char *desk_suboption(const char *arg, const char *key)
{
	size_t len = strlen(key);

	while (arg) {
		char *part = desk_part(&arg);

		if (!strncmp(part, key, len) && part[len] == '=')
			return memmove(part, part + len + 1, strlen(part + len));
		free(part);
	}
	return NULL;
}

bool desk_suboption_is_on(const char *arg, const char *key)
{
	size_t len = strlen(key);
	bool on = false;

	while (arg) {
		char *part = desk_part(&arg);

		if (!strcmp(part, key))
			on = true;
		else if (!strncmp(part, key, len) && part[len] == '=')
			on = !strcmp(part + len + 1, "on") || !strcmp(part + len + 1, "yes") ||
			     !strcmp(part + len + 1, "true") || !strcmp(part + len + 1, "y");
		else if (!strncmp(part, "no", 2) && !strcmp(part + 2, key))
			on = false;
		free(part);
	}
	return on;
}
