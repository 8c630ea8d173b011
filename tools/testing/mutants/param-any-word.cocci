// SPDX-License-Identifier: GPL-2.0-only
// A parameter takes words that its site has no policy for, and nothing is done by.

@@
@@
 kvm_zap_parse(...)
 {
	...
	return
-		word < 0 || !(legal & BIT(word))
+		word < 0
		? -EINVAL : word;
 }
