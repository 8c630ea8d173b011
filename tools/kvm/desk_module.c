// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose kvm is loaded, and whose is installed. See desk_kvm.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "desk.h"
#include "desk_kvm.h"

#define MODULE		"/sys/module/kvm"

/* The bytes of a module as it lies on disk. */
static char *read_module(const char *file, size_t *bytes)
{
	static const struct {
		const char *suffix, *command;
	} packers[] = { { ".xz", "xz" }, { ".zst", "zstd" }, { ".gz", "gzip" } };
	const char *suffix = strrchr(file, '.');
	char *command, *text;
	unsigned int i;

	for (i = 0; suffix && i < ARRAY_SIZE(packers); i++) {
		if (strcmp(suffix, packers[i].suffix))
			continue;
		command = desk_text("%s -dc '%s' 2> /dev/null", packers[i].command, file);
		text = desk_read_command(command, bytes);
		free(command);
		return text;
	}
	return desk_read(file, bytes);
}

static enum desk_answer file_has(const char *file, const void *what, size_t len)
{
	size_t bytes;
	char *text = read_module(file, &bytes);
	enum desk_answer answer;

	if (!text)
		return DESK_UNKNOWN;
	answer = memmem(text, bytes, what, len) ? DESK_YES : DESK_NO;
	free(text);
	return answer;
}

enum desk_answer desk_module_file_zap(const char *file)
{
	static const char parm[] = "parm=memslot_zap:";

	return file_has(file, parm, strlen(parm));
}

static enum desk_answer file_is(const char *file, const char *build_id)
{
	unsigned char id[64];
	size_t i, len = strlen(build_id) / 2;

	for (i = 0; i < len; i++) {
		unsigned int byte;

		if (sscanf(build_id + 2 * i, "%2x", &byte) != 1)
			return DESK_UNKNOWN;
		id[i] = byte;
	}
	return len ? file_has(file, id, len) : DESK_UNKNOWN;
}

char *desk_module_file(const char *release)
{
	char *path = desk_text("/lib/modules/%s/modules.dep", release);
	char *text = desk_read(path, NULL), *line, *save, *file = NULL;

	free(path);
	if (!text)
		return NULL;
	for (line = strtok_r(text, "\n", &save); line && !file;
	     line = strtok_r(NULL, "\n", &save)) {
		char *name;

		line[strcspn(line, ":")] = '\0';
		name = strrchr(line, '/');
		if (!name || strncmp(name, "/kvm.ko", 7))
			continue;
		file = *line == '/' ? desk_copy(line) :
		       desk_text("/lib/modules/%s/%s", release, line);
	}
	free(text);
	return file;
}

void desk_module_read(struct desk_module *module)
{
	struct utsname uts;

	memset(module, 0, sizeof(*module));
	uname(&uts);
	module->loaded = !access(MODULE, F_OK);
	/* What is built in has parameters, and no state. */
	module->builtin = module->loaded && access(MODULE "/initstate", F_OK);
	module->zap = !access(MODULE "/parameters/memslot_zap", F_OK);
	host_build_id("kvm", module->build_id, sizeof(module->build_id));
	module->current = DESK_UNKNOWN;
	module->file_zap = DESK_UNKNOWN;
	module->file = desk_module_file(uts.release);
	if (!module->file)
		return;
	module->file_zap = desk_module_file_zap(module->file);
	if (module->loaded)
		module->current = file_is(module->file, module->build_id);
}

void desk_module_free(struct desk_module *module)
{
	free(module->file);
	module->file = NULL;
}

const char *desk_module_origin(const struct desk_module *module)
{
	return !module->loaded ? "none" : module->zap ? "kvm-zap" : "distribution";
}

/* Who installs modules in the folder of @file. */
static const char *installer(const char *file)
{
	return strstr(file, "/updates/dkms/") ? "DKMS" :
	       strstr(file, "/updates/kvm-zap/") ? "make modules_install" :
	       strstr(file, "/kernel/") ? "the kernel's package" : "modules.dep";
}

char *desk_module_words(const struct desk_module *module)
{
	const char *whose = module->zap ? "kvm-zap's" : "without kvm-zap";
	const char *then = module->file_zap == DESK_YES ? "kvm-zap's" : "without kvm-zap";

	if (module->builtin)
		return desk_text("kvm is built in, %s", whose);
	if (!module->file)
		return desk_text("kvm is %s%s, and no kvm is installed for this kernel",
				 module->loaded ? "" : "not loaded", module->loaded ? whose : "");
	if (!module->loaded)
		return desk_text("kvm is not loaded; the one installed by %s is %s",
				 installer(module->file), then);
	if (module->current == DESK_YES)
		return desk_text("kvm is %s, the one installed by %s", whose,
				 installer(module->file));
	if (module->current == DESK_UNKNOWN)
		return desk_text("kvm is %s; %s cannot be read", whose, module->file);
	return desk_text("kvm is %s, and not the one installed by %s, which is %s: kvm-zap-reload",
			 whose, installer(module->file), then);
}

int desk_need_zap(const struct desk_module *module)
{
	char *words;

	if (module->zap)
		return DESK_OK;
	words = desk_module_words(module);
	desk_say("there is nothing to choose and to count: %s", words);
	free(words);
	return DESK_NO_ZAP;
}

int desk_need_root(const char *what)
{
	struct desk_module module;
	int ret;

	desk_module_read(&module);
	ret = desk_need_zap(&module);
	desk_module_free(&module);
	if (!ret && geteuid()) {
		desk_say("only root may %s", what);
		ret = DESK_DENIED;
	}
	return ret;
}
