// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest code, see zap_guest.h. It is copied into guest memory, so it refers to nothing
 * outside of itself.
 */
#include "zap_guest.h"

#define ZAP_GUEST	__attribute__((section("zap_guest"), used, noinline))
#define ZAP_INLINE	inline __attribute__((always_inline))

static ZAP_INLINE uint64_t load(uint64_t address)
{
	return *(volatile uint64_t *)address;
}

/* Whether a page of @beat may have held @value in one of the steps @lo to @hi. */
static ZAP_INLINE int legal(volatile struct zap_beat *beat, uint64_t index, uint64_t value,
			    uint64_t lo, uint64_t hi)
{
	uint64_t present = hi != lo || (lo & 1) == beat->parity;
	uint64_t absent = hi != lo || (lo & 1) != beat->parity;
	uint32_t gen = value;

	if (value == ZAP_ABSENT)
		return absent;
	if (value >> 32 != index || !present)
		return 0;
	return beat->gen ? gen == beat->gen : gen >= lo && gen <= hi;
}

/* Read the page at @address, page @index of its memory, and note what it may not hold. */
static ZAP_INLINE void check(volatile struct zap_beat *beat, uint64_t address, uint64_t index)
{
	volatile struct zap_clock *clock = (void *)beat->clock;
	/* Loads stay in order, the compiler's and the CPU's. */
	uint64_t lo = clock->lo;
	uint64_t value = load(address);
	uint64_t hi = clock->hi;

	if (!legal(beat, index, value, lo, hi) && !beat->bad++) {
		beat->bad_gva = address;
		beat->bad_value = value;
		beat->bad_lo = lo;
		beat->bad_hi = hi;
	}
}

/* Read page after page, round after round, and check each; write next to it if @write. */
static ZAP_INLINE uint64_t go_round(volatile struct guest_cmd *cmd, int write)
{
	volatile struct zap_beat *beat = (void *)cmd->value;
	uint64_t i, address, index;

	do {
		address = beat->start;
		index = beat->index;
		for (i = 0; i < beat->count; i++) {
			check(beat, address, index);
			if (write)
				*(volatile uint64_t *)(address + 8) = beat->rounds + 1;
			address += beat->stride;
			index += beat->stride >> 12;
		}
		beat->rounds++;
	} while (beat->rounds != beat->limit && !cmd->stop);
	return beat->bad;
}

ZAP_GUEST uint64_t zap_guest_patrol(volatile struct guest_cmd *cmd)
{
	return go_round(cmd, 0);
}

ZAP_GUEST uint64_t zap_guest_visit(volatile struct guest_cmd *cmd)
{
	return go_round(cmd, 1);
}

/* Write to page after page, round after round, next to the word that is read. */
ZAP_GUEST uint64_t zap_guest_scribble(volatile struct guest_cmd *cmd)
{
	volatile struct zap_beat *beat = (void *)cmd->value;
	uint64_t i, address;

	do {
		address = beat->start;
		for (i = 0; i < beat->count; i++) {
			*(volatile uint64_t *)(address + 8) = beat->rounds + 1;
			address += beat->stride;
		}
		beat->rounds++;
	} while (beat->rounds != beat->limit && !cmd->stop);
	return 0;
}
