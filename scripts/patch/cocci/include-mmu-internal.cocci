// SPDX-License-Identifier: GPL-2.0-only
// The type that a shadow page embeds.
@@
@@
  #include <linux/kvm_host.h>
+ #include "zap.h"
