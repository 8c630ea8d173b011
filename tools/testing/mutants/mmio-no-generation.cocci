// SPDX-License-Identifier: GPL-2.0-only
// vCPUs go on making MMIO SPTEs of the old generation behind the walk: a cycle later
// the guest's memory is MMIO.

@@
expression e;
@@
 zap_mmio_begin_generation(...)
 {
	<...
-	WRITE_ONCE(slots->generation, e);
	...>
 }
