// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's TCG for arm64 that counts what guests execute between two marks. A
 * mark is HINT #0x60 to #0x6f, which an Arm CPU ignores at any exception level. 0x60
 * starts counting. 0x60 + N ends it, and a line of JSON has N and the counts in between:
 * those of all CPUs and all levels, without the marks. An instruction is counted when it
 * begins: one that faults is counted again when it is retried.
 *
 * -plugin count.so,out=FILE.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "qemu_plugin.h"

/* IPAS2 is by address of stage 2, RIPAS2 a range of these. VA is the rest of EL1's. */
#define WHATS(X) \
	X(instructions) \
	X(tlbi_ipas2) \
	X(tlbi_ripas2) \
	X(tlbi_vmalls12) \
	X(tlbi_vmalle1) \
	X(tlbi_va) \
	X(tlbi_el2) \
	X(dc_civac) \
	X(dc_cvac) \
	X(dc_cvau) \
	X(dc_zva) \
	X(dc_other) \
	X(ic) \
	X(dsb) \
	X(hvc)

#define NUMBER(word) WHAT_##word,
#define NAME(word) #word,

enum what { WHATS(NUMBER) WHATS_NR, WHAT_NONE = WHATS_NR };

static const char * const names[] = { WHATS(NAME) };

int qemu_plugin_version = 7;

static struct qemu_plugin_scoreboard *score;
static uint64_t begin[WHATS_NR];
static FILE *out;

static struct member member(enum what what)
{
	return (struct member){ .score = score, .offset = what * sizeof(uint64_t) };
}

/* CRn is 8 or, for what does not wait for accesses by XS, 9. */
static enum what tlbi(unsigned int op1, unsigned int crm, unsigned int op2)
{
	bool outer_or_inner_or_own = crm == 1 || crm == 3 || crm == 7;

	if (op1 == 0)
		return op2 == 0 && outer_or_inner_or_own ? WHAT_tlbi_vmalle1 : WHAT_tlbi_va;
	if (op1 != 4)
		return WHAT_NONE;
	if (crm == 0 || crm == 4)
		return op2 & 2 ? WHAT_tlbi_ripas2 : WHAT_tlbi_ipas2;
	return op2 == 6 && outer_or_inner_or_own ? WHAT_tlbi_vmalls12 : WHAT_tlbi_el2;
}

/* CRn is 7: caches, and other things. */
static enum what cache(unsigned int op1, unsigned int crm, unsigned int op2)
{
	if (op1 == 0 && (crm == 1 || crm == 5))
		return WHAT_ic;
	if (op1 == 0)
		return crm == 6 || crm == 10 || crm == 14 ? WHAT_dc_other : WHAT_NONE;
	if (op1 != 3)
		return WHAT_NONE;
	switch (crm) {
	case 4:
		return op2 == 1 ? WHAT_dc_zva : WHAT_dc_other;
	case 5:
		return WHAT_ic;
	case 10:
		return op2 == 1 ? WHAT_dc_cvac : WHAT_dc_other;
	case 11:
		return op2 == 1 ? WHAT_dc_cvau : WHAT_dc_other;
	case 14:
		return op2 == 1 ? WHAT_dc_civac : WHAT_dc_other;
	case 12:
	case 13:
		return WHAT_dc_other;
	}
	return WHAT_NONE;
}

static enum what classify(uint32_t word)
{
	unsigned int op1 = word >> 16 & 7, crn = word >> 12 & 15, crm = word >> 8 & 15;
	unsigned int op2 = word >> 5 & 7;

	if ((word & 0xffe0001f) == 0xd4000002)
		return WHAT_hvc;
	/* Two of its kinds are barriers against speculation only. */
	if ((word & 0xfffff0ff) == 0xd503309f)
		return crm == 0 || crm == 4 ? WHAT_NONE : WHAT_dsb;
	if ((word & 0xfffff3ff) == 0xd503323f)
		return WHAT_dsb;
	if ((word & 0xfff80000) != 0xd5080000)
		return WHAT_NONE;
	if (crn == 8 || crn == 9)
		return tlbi(op1, crm, op2);
	return crn == 7 ? cache(op1, crm, op2) : WHAT_NONE;
}

static void at_mark(unsigned int cpu, void *data)
{
	unsigned long long since;
	char line[1024];
	int what, length;

	(void)cpu;
	if (!(uintptr_t)data) {
		for (what = 0; what < WHATS_NR; what++)
			begin[what] = qemu_plugin_u64_sum(member(what));
		return;
	}
	length = snprintf(line, sizeof(line), "{\"mark\": %u", (unsigned int)(uintptr_t)data);
	for (what = 0; what < WHATS_NR; what++) {
		since = qemu_plugin_u64_sum(member(what)) - begin[what];
		length += snprintf(line + length, sizeof(line) - length, ", \"%s\": %llu",
				   names[what], since);
	}
	/* In one piece: other CPUs have marks as well. */
	fprintf(out, "%s}\n", line);
	fflush(out);
}

static void translate(struct qemu_plugin_tb *tb, void *data)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)data;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		enum what what;
		uint32_t word = 0;

		qemu_plugin_insn_data(insn, &word, sizeof(word));
		if ((word & 0xfffffe1f) == (0xd503201f | 0x60 << 5)) {
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, CB_NO_REGS,
							       (void *)(uintptr_t)(word >> 5 & 15));
			continue;
		}
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD_U64,
								    member(WHAT_instructions), 1);
		what = classify(word);
		if (what != WHAT_NONE)
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, INLINE_ADD_U64,
									    member(what), 1);
	}
}

int qemu_plugin_install(uint64_t id, const struct info *info, int argc, char **argv)
{
	const char *path = NULL;
	int i;

	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			path = argv[i] + 4;
	if (!path || strcmp(info->target, "aarch64")) {
		fprintf(stderr, "count: out=FILE is needed, and a guest that is aarch64\n");
		return -1;
	}
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		return -1;
	}
	score = qemu_plugin_scoreboard_new(WHATS_NR * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
	return 0;
}
