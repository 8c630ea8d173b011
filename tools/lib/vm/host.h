/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about the host without which a benchmark's figures are worthless. */
#ifndef KVM_ZAP_HOST_H
#define KVM_ZAP_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/*
 * How KVM maps guest memory, from the modules' parameters: "tdp_mmu", "direct"
 * (two-dimensional paging without the TDP MMU), "shadow", "unknown"; "stage2" on arm64.
 */
const char *host_mmu(void);

/* The word of @site's policy, e.g. "memslot"; "none" if kvm has no kvm-zap. */
const char *host_policy(const char *site);

/* The first line of the file without its newline; "" if it cannot be read. */
void host_read_line(const char *path, char *buf, size_t bytes);

/*
 * The GNU build ID of @module in hex: which build of it is loaded. "" if the
 * module is built in or not there.
 */
void host_build_id(const char *module, char *buf, size_t bytes);

/* Model name of the first CPU, on arm64 its numbers; "" if unknown. */
void host_cpu(char *buf, size_t bytes);

/* MemAvailable in bytes; UINT64_MAX if unknown. */
uint64_t host_mem_available(void);

/* Exits unless @bytes of guest memory, which @what asks for, are available. */
void host_need_memory(uint64_t bytes, const char *what);

/* CPU time, user and system: CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID. */
uint64_t host_cpu_ns(clockid_t clock);

/*
 * Calls @fn for each readable parameter of @module with name and word, in
 * alphabetical order. Returns how many there were, -ENOENT without the module.
 */
int host_params(const char *module, void (*fn)(void *arg, const char *name, const char *word),
		void *arg);

#define HOST_ZAP_STATS	"/sys/kernel/debug/kvm/zap/stats"

/*
 * Sum over all policies of @column ("count", "sptes", "tables", "yields",
 * "flushes", "total_ns") in the rows of @site in HOST_ZAP_STATS. -ENOENT
 * if there is no such file or column, other errors as open() gives them.
 */
int host_zap_stats(const char *site, const char *column, uint64_t *value);

#endif
