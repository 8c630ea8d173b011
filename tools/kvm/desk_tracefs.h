/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tracefs instances of kvm-zap trace: their names, and removal of those that a kill has
 * left behind.
 */
#ifndef KVM_ZAP_DESK_TRACEFS_H
#define KVM_ZAP_DESK_TRACEFS_H

#include <stddef.h>

/* What their names begin with. A process follows. */
#define DESK_INSTANCE	"kvm-zap."

/* Where tracefs is mounted, NULL with errno if it is not, or not for us. */
const char *desk_tracefs(void);

/*
 * Removes instances that nobody has open: @names gets theirs, and is of as many as are
 * returned; free() each, and it.
 */
size_t desk_tracefs_clean(char ***names);

#endif
