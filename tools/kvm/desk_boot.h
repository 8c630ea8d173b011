/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the configuration of the boot says about kvm's parameters.
 */
#ifndef DESK_BOOT_H
#define DESK_BOOT_H

#include <stdbool.h>

#include "desk_kvm.h"

struct desk_boot {
	char word[16];		/* "" if there is none */
	const char *from;	/* what says so, or NULL */
	char later[16];		/* what tmpfiles.d writes once kvm is there, or "" */
};

/*
 * Fill in @boot, an entry for each of desk_sites[]. With @builtin, for a kvm that is built
 * in. Return NULL, or what cannot be read.
 */
const char *desk_boot_read(bool builtin, struct desk_boot *boot);

#endif /* DESK_BOOT_H */
