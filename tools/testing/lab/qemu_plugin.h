/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of QEMU's plugin interface that count.c needs, in version 7. QEMU 11.1 has
 * this version, and Debian ships no header for it. QEMU refuses a plugin of a version
 * that it does not have.
 */
#ifndef KVM_ZAP_LAB_QEMU_PLUGIN_H
#define KVM_ZAP_LAB_QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

/* A member of each CPU's entry. */
struct member {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

enum { CB_NO_REGS };
enum { INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(struct qemu_plugin_tb *tb, void *data),
					   void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn, int op,
							 struct member entry, uint64_t imm);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t bytes);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t bytes);
uint64_t qemu_plugin_u64_sum(struct member entry);

/* The first fields of what QEMU says of itself. */
struct info {
	const char *target;
};

extern EXPORT int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const struct info *info, int argc, char **argv);

#endif
