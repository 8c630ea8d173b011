// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the table of a made-up run of kvm-zap-bench, by tools/bench/report.c. This file takes
 * the place of KVM and of the host. desk_tools_test.sh builds it, runs it on terminals of
 * several widths, and looks at what it prints.
 *
 * What breaks without it: on a terminal of 80 columns figures of one row stand below those
 * of another, or what a figure is of is cut off.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "report.h"
#include "vm.h"

void vm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	exit(1);
}

uint64_t vm_quirks_disabled(void)
{
	return 64;
}

const char *host_mmu(void)
{
	return "tdp_mmu";
}

void host_read_line(const char *path, char *buf, size_t bytes)
{
	(void)path;
	snprintf(buf, bytes, "-");
}

void host_build_id(const char *module, char *buf, size_t bytes)
{
	(void)module;
	snprintf(buf, bytes, "0123456789abcdef");
}

void host_cpu(char *buf, size_t bytes)
{
	snprintf(buf, bytes, "a CPU");
}

/* Some that are no site's, and more sites than fit into a line. */
int host_params(const char *module, void (*fn)(void *arg, const char *name, const char *word),
		void *arg)
{
	static const char * const names[] = {
		"halt_poll_ns", "memslot_zap", "mmio_zap", "zap", "_zap", "teardown_zap",
		"another_site_zap", "and_the_last_of_them_zap",
	};
	unsigned int i;

	(void)module;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		fn(arg, names[i], "scoped");
	return i;
}

static void add(struct report *r, const char *name, const char *about, uint64_t first)
{
	struct series *s = report_series(r, name, about);
	unsigned int i;

	for (i = 0; i < 5; i++)
		report_sample(s, first + i);
}

int main(int argc, char **argv)
{
	struct report *r = report_new("teardown", argc, argv);
	char name[16];
	int i;

	for (i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "fact%d", i);
		report_number(r, strdup(name), i * 1000);
	}
	report_word(r, "by", "close");
	add(r, "close_ns", "until the VM is gone", 123456789010);
	add(r, "cpu_ns", "CPU time of it, of the process, and so many words more of it", 7);
	add(r, "remote_tlb_flushes", "zap: remote TLB flushes", 1234567);
	report_series(r, "zap_ns", "has no samples");
	report_print(r, argc > 1 && !strcmp(argv[1], "--json"));
	return 0;
}
