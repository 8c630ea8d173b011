/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A boot sector: the guest of desk_fleet_test.sh. It enables and disables the expansion ROM of
 * the PCI device 00:04.0, as an operating system does that reads it, once each two ticks of
 * the timer (55 ms each). The VMM creates a memslot for the ROM and deletes it.
 */
#define PCI_ADDRESS	0xcf8
#define PCI_DATA	0xcfc
#define DEVICE		(0x80000000 | 4 << 11)
#define COMMAND		(DEVICE | 0x04)
#define COMMAND_MEMORY	0x02
#define ROM_BAR		(DEVICE | 0x30)
/* Below the interrupt controllers, where the BIOS has no device. */
#define ROM		0xfe400000
#define ROM_ENABLE	0x01

.macro	pci_write register, value
	mov	$PCI_ADDRESS, %dx
	mov	$\register, %eax
	out	%eax, %dx
	mov	$PCI_DATA, %dx
	mov	$\value, %eax
	out	%eax, %dx
.endm

	.code16
	.text
	.globl	_start
_start:
	pci_write COMMAND, COMMAND_MEMORY
	sti
again:
	pci_write ROM_BAR, (ROM | ROM_ENABLE)
	hlt
	pci_write ROM_BAR, ROM
	hlt
	jmp	again

	.org	510
	.word	0xaa55
