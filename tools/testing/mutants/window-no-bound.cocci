// SPDX-License-Identifier: GPL-2.0-only
// zap_window_ms takes a number that nobody can mean.

@@
@@
- param_set_uint_minmax(val, kp, 0, 10000)
+ param_set_uint_minmax(val, kp, 0, UINT_MAX)
