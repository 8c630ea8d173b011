/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policies of each site, for tests that try all of them: each of these tests also
 * tries a policy that is added here. zap_debugfs_test compares the list with the kernel's
 * own. The words of each parameter are on one line, because scripts read them as well
 * (tools/testing/policies).
 */
#ifndef KVM_ZAP_POLICIES_H
#define KVM_ZAP_POLICIES_H

/* What an invalidation can be counted as, in the order of zap/stats. */
#define ZAP_MEMSLOT_POLICIES	"fast", "scoped"
#define ZAP_MMIO_POLICIES	"fast", "scoped"
#define ZAP_TEARDOWN_POLICIES	"fast", "walk", "bulk"

/* What the parameter takes: these, and choices between them. */
#define ZAP_MEMSLOT_WORDS	"stock", "fast", "scoped", "auto"
#define ZAP_MMIO_WORDS		"fast", "scoped"
#define ZAP_TEARDOWN_WORDS	"fast", "walk", "bulk"

#endif
