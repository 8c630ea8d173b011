// SPDX-License-Identifier: GPL-2.0-only
// A parameter accepts words that its site has no policy for. They have no effect.

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
