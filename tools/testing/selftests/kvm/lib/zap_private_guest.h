/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest code of zap_private_test, and the guest physical addresses that it uses.
 */
#ifndef KVM_ZAP_PRIVATE_GUEST_H
#define KVM_ZAP_PRIVATE_GUEST_H

/* In the first 64K: code for real mode, what it has read, code for 64-bit mode. */
#define REAL_CODE	0x1000
#define REAL_WORDS	0x2000
#define APIC_CODE	0x3000

/* A page without a memslot, and a memslot. */
#define REAL_MMIO	0xd0000
#define REAL_ROM	0xe0000
#define REAL_ROM_PAGES	16

#define APIC_PAGE	0xfee00000
#define APIC_TPR	0x80

#ifndef __ASSEMBLER__
/*
 * Copied to REAL_CODE: read a word of each page of the memslot, then one of MMIO, to
 * REAL_WORDS; say so by an OUT to GUEST_PORT; begin again.
 */
extern const unsigned char real_code[], real_code_end[];

/*
 * Copied to APIC_CODE, for GUEST_OP_CALL: write the command's value to the TPR of the APIC,
 * and return what is read from there.
 */
extern const unsigned char apic_code[], apic_code_end[];
#endif

#endif
