/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Boot sector and loader for Bochs, which has no -kernel. It reads the segments of a
 * kernel's ELF file and an initramfs from the disk to where they belong, and enters the
 * kernel by PVH, as QEMU does. bochs.sh makes the disk, in sectors of 512 bytes:
 *
 *	0	what the BIOS loads, to 0x7c00
 *	1-7	the rest of this file
 *	8-9	the table: u32 entry, u32 pieces, u32 initramfs, u32 bytes of it; then for
 *		each piece u32 sector, u32 sectors, u32 physical address
 *	10-15	the kernel's command line
 *	16-	the pieces
 *
 * Formats: Documentation/x86/boot.rst, include/xen/interface/hvm/start_info.h. A BIOS
 * reads below 1 MiB only, so each piece goes through a buffer and is copied up in
 * protected mode. An error ends Bochs.
 */
#define SECTORS		16
#define ORIGIN		0x7c00
#define TABLE		(ORIGIN + 8 * 512)
#define CMDLINE		(ORIGIN + 10 * 512)

/* Where pieces go through, and how many sectors at once: 32K, within a 64K segment. */
#define BUFFER		0x20000
#define CHUNK		64

/* A write of "Shutdown" to this port ends Bochs. */
#define PORT_END	0x8900

#define START_MAGIC	0x336ec578
#define SMAP		0x534d4150
#define MAP_ENTRIES	32
#define MAP_BYTES	24	/* of an entry of PVH's; the BIOS writes the first 20 */

#define CODE32		0x08
#define DATA32		0x10

	.code16
	.globl	_start
_start:
	ljmp	$0, $1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$ORIGIN, %sp
	movb	%dl, drive
	movl	$1, packet_sector
	movw	$SECTORS - 1, packet_count
	movw	$ORIGIN + 512, packet_offset
	movw	$0, packet_segment
	call	read
	jmp	load

/* Read what the packet says; clobbers AX, DX and SI. */
read:
	movb	drive, %dl
	movw	$packet, %si
	movb	$0x42, %ah
	int	$0x13
	jc	fail
	ret

fail:
	movw	$PORT_END, %dx
	movw	$end_word, %si
	movw	$8, %cx
	rep outsb
1:	hlt
	jmp	1b

end_word:
	.ascii	"Shutdown"
drive:
	.byte	0

	.balign	4
packet:
	.byte	16, 0
packet_count:
	.word	0
packet_offset:
	.word	0
packet_segment:
	.word	0
packet_sector:
	.quad	0

	.org	510
	.word	0xaa55

load:
	/* The A20 gate, by port 92h. */
	inb	$0x92, %al
	orb	$2, %al
	outb	%al, $0x92
	movl	TABLE + 4, %ebp
	movw	$TABLE + 16, %bx

piece:
	testl	%ebp, %ebp
	jz	memory_map
	movl	(%bx), %eax
	movl	%eax, packet_sector
	movl	4(%bx), %eax
	movl	%eax, left
	movl	8(%bx), %eax
	movl	%eax, to

chunk:
	movl	left, %ecx
	testl	%ecx, %ecx
	jz	next
	cmpl	$CHUNK, %ecx
	jbe	1f
	movl	$CHUNK, %ecx
1:	movw	%cx, packet_count
	subl	%ecx, left
	movw	$0, packet_offset
	movw	$BUFFER >> 4, packet_segment
	pushw	%bx
	pushl	%ecx
	pushl	%ebp
	call	read
	popl	%ebp
	popl	%ecx
	popw	%bx
	addl	%ecx, packet_sector

	cli
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	jmp	1f
1:	movw	$DATA32, %ax
	movw	%ax, %ds
	movw	%ax, %es
	shll	$7, %ecx
	movl	$BUFFER, %esi
	movl	to, %edi
	cld
	rep movsl %ds:(%esi), %es:(%edi)
	movl	%edi, to
	movl	%cr0, %eax
	andb	$0xfe, %al
	movl	%eax, %cr0
	jmp	1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	sti
	jmp	chunk

next:
	addw	$12, %bx
	decl	%ebp
	jmp	piece

memory_map:
	xorl	%ebx, %ebx
	movw	$map, %di
1:	movl	$0xe820, %eax
	movl	$SMAP, %edx
	movl	$20, %ecx
	int	$0x15
	jc	2f
	incl	map_entries
	cmpl	$MAP_ENTRIES, map_entries
	je	2f
	addw	$MAP_BYTES, %di
	testl	%ebx, %ebx
	jnz	1b

2:	movl	TABLE + 8, %eax
	movl	%eax, module
	movl	TABLE + 12, %eax
	movl	%eax, module + 8
	cli
	lgdtl	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	ljmpl	$CODE32, $enter

	.code32
enter:
	movw	$DATA32, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	%ax, %fs
	movw	%ax, %gs
	movl	$start_info, %ebx
	movl	TABLE, %eax
	jmp	*%eax

	.balign	8
/* Flat segments of 4 GiB. */
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff
	.quad	0x00cf93000000ffff
gdt_pointer:
	.word	23
	.long	gdt

	.balign	8
left:
	.long	0
to:
	.long	0

	.balign	8
/* struct hvm_start_info: version 1, no flags, one module, no RSDP: Linux finds it. */
start_info:
	.long	START_MAGIC, 1, 0, 1
	.quad	module, CMDLINE, 0, map
map_entries:
	.long	0, 0
/* struct hvm_modlist_entry: the initramfs, by address and size. */
module:
	.quad	0, 0, 0, 0
map:
	.fill	MAP_ENTRIES * MAP_BYTES, 1, 0
	.org	8 * 512
