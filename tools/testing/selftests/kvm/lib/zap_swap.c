// SPDX-License-Identifier: GPL-2.0-only
/*
 * Swap for tests, see zap_swap.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>

#include "zap_lib.h"
#include "zap_swap.h"

#define SWAP_BYTES	"64M"

/* The zram device that was made, -1: none. */
static int zram = -1;

const char *zap_swap_begin(void)
{
	char text[4096], path[64];

	if (zap_read_file("/proc/swaps", text, sizeof(text)) > 0 && strstr(text, "\n/"))
		return NULL;
	if (system("modprobe -q zram num_devices=0") ||
	    zap_read_file("/sys/class/zram-control/hot_add", text, sizeof(text)) <= 0)
		return "no swap, and no zram to make some";
	zram = atoi(text);
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", zram);
	snprintf(text, sizeof(text), "mkswap /dev/zram%d >/dev/null 2>&1", zram);
	if (zap_write_file(path, SWAP_BYTES, strlen(SWAP_BYTES)) || system(text))
		return "no swap, and mkswap on zram fails";
	snprintf(path, sizeof(path), "/dev/zram%d", zram);
	return swapon(path, 0) ? "no swap, and swapon on zram fails" : NULL;
}

void zap_swap_end(void)
{
	char text[64];

	if (zram < 0)
		return;
	snprintf(text, sizeof(text), "/dev/zram%d", zram);
	swapoff(text);
	snprintf(text, sizeof(text), "%d", zram);
	zap_write_file("/sys/class/zram-control/hot_remove", text, strlen(text));
	zram = -1;
}
