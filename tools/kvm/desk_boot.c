// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the configuration of the boot says about kvm's parameters: modprobe's, the kernel's
 * command line, and tmpfiles.d.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "desk_boot.h"

/* The last word of "SITE_zap=WORD" counts, as for the kernel, which gets them in this order. */
static void read_option(struct desk_boot *boot, const char *word, const char *from)
{
	size_t i;

	for (i = 0; i < DESK_NR_SITES; i++) {
		size_t len = strlen(desk_sites[i].name);

		if (strncmp(word, desk_sites[i].name, len) || strncmp(word + len, "_zap=", 5))
			continue;
		snprintf(boot[i].word, sizeof(boot[i].word), "%s", word + len + 5);
		boot[i].from = from;
	}
}

/* modprobe knows the command line as well. */
static void read_options(struct desk_boot *boot, char *text)
{
	char *line, *lines, *word, *words;

	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		if (strncmp(line, "options kvm ", 12))
			continue;
		for (word = strtok_r(line + 12, " \t\"", &words); word;
		     word = strtok_r(NULL, " \t\"", &words))
			read_option(boot, word, "modprobe's configuration");
	}
}

/* modprobe loads no kvm that is built in, so its configuration does not matter. */
static void read_cmdline(struct desk_boot *boot, char *text)
{
	char *word, *words;

	for (word = strtok_r(text, " \t\"\n", &words); word;
	     word = strtok_r(NULL, " \t\"\n", &words))
		if (!strncmp(word, "kvm.", 4))
			read_option(boot, word + 4, "the kernel's command line");
}

static void read_tmpfiles(struct desk_boot *boot)
{
	char *text = desk_read_command("systemd-tmpfiles --cat-config 2> /dev/null", NULL);
	char *line, *lines;
	size_t i;

	for (line = text ? strtok_r(text, "\n", &lines) : NULL; line;
	     line = strtok_r(NULL, "\n", &lines)) {
		char type[16], path[256], word[sizeof(boot->later)];

		if (*line == '#' || sscanf(line, "%15s %255s %*s %*s %*s %*s %15s", type, path,
					   word) != 3 || *type != 'w')
			continue;
		for (i = 0; i < DESK_NR_SITES; i++) {
			char *mine = desk_text("/sys/module/kvm/parameters/%s_zap",
					       desk_sites[i].name);

			if (!strcmp(mine, path))
				snprintf(boot[i].later, sizeof(boot[i].later), "%s", word);
			free(mine);
		}
	}
	free(text);
}

const char *desk_boot_read(bool builtin, struct desk_boot *boot)
{
	char *text = builtin ? desk_read("/proc/cmdline", NULL) :
		     desk_read_command("modprobe --showconfig", NULL);

	memset(boot, 0, DESK_NR_SITES * sizeof(*boot));
	if (!text)
		return builtin ? "/proc/cmdline cannot be read" : "'modprobe --showconfig' fails";
	if (builtin)
		read_cmdline(boot, text);
	else
		read_options(boot, text);
	free(text);
	read_tmpfiles(boot);
	return NULL;
}
