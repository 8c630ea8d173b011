// SPDX-License-Identifier: GPL-2.0-only
// What an engine wants to know of an rmap, next to those who know what one is.
@@
type T;
@@
  T *rmap_get_first(...) { ... }
+
+ #include "zap_rmap.h"
