/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Zap policies of KVM on arm64, through their files. If a file cannot be read or written,
 * the test ends with exit status 1, except in zap_need().
 */
#ifndef KVM_ZAP_ARM64_ZAP_H
#define KVM_ZAP_ARM64_ZAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vm.h"

#define ZAP_PARAMS	"/sys/module/kvm/parameters/"
#define ZAP_DEBUGFS	"/sys/kernel/debug/kvm/"
#define ZAP_TRACING	"/sys/kernel/tracing/"

/* A row of zap/stats, by its columns. */
struct zap_row {
	uint64_t count, sptes, tables, yields, flushes, total_ns, max_ns, collateral, kept;
	uint64_t tlbis, cmo_pages, elided;
};

extern const char * const zap_sites[];
/* The policies of all sites, and behind them elide, which site unmap has as well. */
extern const char * const zap_policies[];

#define ZAP_NR_SITES	4
#define ZAP_NR_POLICIES	2
#define ZAP_NR_UNMAP_POLICIES	(ZAP_NR_POLICIES + zap_may_elide())

/* Skip the test if the kernel is without; have debugfs. */
void zap_need(void);

/* Read a file of at most @size - 1 bytes, without the newline at its end. */
void zap_read(const char *path, char *buf, size_t size);

/* Write @word, a newline behind it: 0 or errno. */
int zap_write(const char *path, const char *word);

/* The word of a site's parameter. */
void zap_set(const char *site, const char *word);
void zap_set_all(const char *word);

void zap_row(const char *site, const char *policy, struct zap_row *row);

/* @now less @before, but for max_ns. */
void zap_row_since(const char *site, const char *policy, const struct zap_row *before,
		   struct zap_row *now);

/* A statistic in the VM's folder, and the path of a file there. */
uint64_t zap_vm_stat(const struct vm *vm, const char *name);
void zap_vm_path(const struct vm *vm, const char *name, char *path, size_t size);

/* What vms says in @column of the process's only VM. */
void zap_vms(const char *column, char *buf, size_t size);

/* What is done where @policy was chosen: in protected mode there is no choice. */
const char *zap_done(const char *policy);

/*
 * Have the tracepoint's lines from now on; then how many of them have @words, and stop. Without
 * tracefs, zap_trace_begin() returns false.
 */
bool zap_trace_begin(void);
unsigned int zap_trace_lines(const char *words);
void zap_trace_end(void);

/* Whether KVM has to clean caches: the CPU is a Cortex-A72. */
bool zap_cmo(void);

/*
 * Whether KVM invalidates TLBs by range: it knows how to, and the CPU is no Cortex-A72. Then
 * policy walk does not invalidate those of each mapping, but of each of KVM's chunks.
 */
bool zap_range_tlbi(void);

/*
 * What @policy, when it is done, counts as tlbis for @sptes and @tables dropped in ranges of
 * @chunks, of which @mapped have a mapping; and as flushes, if each has more than one.
 */
uint64_t zap_tlbis(const char *policy, uint64_t sptes, uint64_t tables, uint64_t chunks,
		   uint64_t mapped);
uint64_t zap_flushes(const char *policy, uint64_t mapped);

/* Whether the kernel is @major.@minor or newer. For what no file says, with a reason. */
bool zap_kernel_since(unsigned int major, unsigned int minor);

/* Whether policy elide is to be had: KVM cleans caches, and is not in protected mode. */
bool zap_may_elide(void);

/* Whether KVM is in protected mode. */
bool zap_protected(void);

/*
 * @n, or 0 where KVM does not see what is dropped: in protected mode, newer kernels leave a
 * guest's page tables to the hypervisor.
 */
uint64_t zap_seen(uint64_t n);

/* Page tables of KVM's in the machine, in KiB, as /proc/meminfo has them. */
uint64_t zap_page_tables(void);

#endif
