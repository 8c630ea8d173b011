// SPDX-License-Identifier: GPL-2.0-only
/*
 * Facts about the host. See host.h.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "vm.h"

/* Kept for the kernel besides guest memory: KVM's tables, the guest's, slack. */
#define MEM_RESERVE	(64 * SZ_1M)

static int param_is_on(const char *module, const char *name)
{
	char word[16];

	if (kvm_param_get(module, name, word, sizeof(word)))
		return -1;
	return *word == 'Y' || *word == '1';
}

const char *host_mmu(void)
{
	static const char * const fixed = VM_ARCH_MMU;
	int tdp = param_is_on("kvm_amd", "npt");

	if (fixed)
		return fixed;
	if (tdp < 0)
		tdp = param_is_on("kvm_intel", "ept");
	if (tdp < 0)
		return "unknown";
	if (!tdp)
		return "shadow";
	return param_is_on("kvm", "tdp_mmu") == 1 ? "tdp_mmu" : "direct";
}

const char *host_policy(const char *site)
{
	static char word[32];
	char name[64];

	snprintf(name, sizeof(name), "%s_zap", site);
	if (kvm_param_get("kvm", name, word, sizeof(word)))
		return "none";
	return word;
}

void host_read_line(const char *path, char *buf, size_t bytes)
{
	FILE *f = fopen(path, "re");

	*buf = '\0';
	if (!f)
		return;
	if (!fgets(buf, bytes, f))
		*buf = '\0';
	fclose(f);
	buf[strcspn(buf, "\n")] = '\0';
}

/* The rest of the line of @path that begins with @key. */
static void read_key(const char *path, const char *key, char *buf, size_t bytes)
{
	FILE *f = fopen(path, "re");
	char line[512];

	*buf = '\0';
	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(buf, bytes, "%s", line + strlen(key) + strspn(line + strlen(key), " \t:"));
		break;
	}
	fclose(f);
}

void host_cpu(char *buf, size_t bytes)
{
	char implementer[16], part[16];

	read_key("/proc/cpuinfo", "model name", buf, bytes);
	if (*buf)
		return;
	/* On arm64, CPUs have no names. */
	read_key("/proc/cpuinfo", "CPU implementer", implementer, sizeof(implementer));
	read_key("/proc/cpuinfo", "CPU part", part, sizeof(part));
	if (*part)
		snprintf(buf, bytes, "part %s of implementer %s", part, implementer);
}

uint64_t host_mem_available(void)
{
	char kib[32];

	read_key("/proc/meminfo", "MemAvailable", kib, sizeof(kib));
	return *kib ? strtoull(kib, NULL, 10) * 1024 : UINT64_MAX;
}

void host_need_memory(uint64_t bytes, const char *what)
{
	/* 4K pages cost the host and shadow paging some 20 bytes of tables each. */
	uint64_t need = bytes + bytes / 128 + MEM_RESERVE;
	uint64_t have = host_mem_available();

	if (need > have)
		vm_die("%s needs %lu MiB of memory, only %lu MiB are available", what,
		       need / SZ_1M, have / SZ_1M);
}

void host_build_id(const char *module, char *buf, size_t bytes)
{
	struct {
		uint32_t name_bytes, id_bytes, type;
		char name[4];
		unsigned char id[64];
	} note;
	char path[128];
	size_t got, i;
	FILE *f;

	*buf = '\0';
	snprintf(path, sizeof(path), "/sys/module/%s/notes/.note.gnu.build-id", module);
	f = fopen(path, "re");
	if (!f)
		return;
	got = fread(&note, 1, sizeof(note), f);
	fclose(f);
	if (got < offsetof(typeof(note), id) || note.name_bytes != sizeof(note.name) ||
	    note.id_bytes > got - offsetof(typeof(note), id))
		return;
	for (i = 0; i < note.id_bytes && 2 * i + 3 <= bytes; i++)
		snprintf(buf + 2 * i, 3, "%02x", note.id[i]);
}

uint64_t host_cpu_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static int is_param(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int host_params(const char *module, void (*fn)(void *arg, const char *name, const char *word),
		void *arg)
{
	int i, entries, n = 0;
	struct dirent **list;
	char path[256];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters", module);
	entries = scandir(path, &list, is_param, alphasort);
	if (entries < 0)
		return -errno;
	for (i = 0; i < entries; i++) {
		char word[256];

		if (!kvm_param_get(module, list[i]->d_name, word, sizeof(word))) {
			fn(arg, list[i]->d_name, word);
			n++;
		}
		free(list[i]);
	}
	free(list);
	return n;
}

/* Index of @word among the whitespace-separated words of @line, or -1. */
static int word_index(char *line, const char *word)
{
	char *save, *w;
	int i = 0;

	for (w = strtok_r(line, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save), i++)
		if (!strcmp(w, word))
			return i;
	return -1;
}

int host_zap_stats(const char *site, const char *column, uint64_t *value)
{
	FILE *f = fopen(HOST_ZAP_STATS, "re");
	char line[512];
	int index, i;

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		goto absent;
	index = word_index(line, column);
	if (index < 0)
		goto absent;

	*value = 0;
	while (fgets(line, sizeof(line), f)) {
		char *save, *w = strtok_r(line, " \t\n", &save);

		if (!w || strcmp(w, site))
			continue;
		for (i = 0; w && i < index; i++)
			w = strtok_r(NULL, " \t\n", &save);
		if (w)
			*value += strtoull(w, NULL, 10);
	}
	fclose(f);
	return 0;
absent:
	fclose(f);
	return -ENOENT;
}
