// SPDX-License-Identifier: GPL-2.0-only
// zap/latency tells of twice the time that invalidations took.

@@
@@
- ilog2(ns)
+ ilog2(ns) + 1
