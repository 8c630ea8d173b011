// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of windows: how long vCPUs stood still, and what is subtracted from refaults.
 * Part of zap_test.c, whose suite has them.
 */

/*
 * How long a vCPU was in page faults, told by one word: each case follows on the one before,
 * and begins page faults, ends them, or neither.
 */
static void kvm_zap_test_stall(struct kunit *test)
{
	static const struct {
		s64 stall_ns;
		u64 now, want;
	} cases[] = {
		{ 0, 1000, 0 },
		{ -1000, 1000, 0 },		/* begun this moment */
		{ -1010, 1000, 0 },		/* after the clock was read */
		{ -1010, 1040, 30 },
		{ -1010, 1050, 10 },
		{ 60, 1080, 20 },		/* ended at 1070 */
		{ 60, 2000, 0 },
		{ 60 - 2010, 2000, 0 },		/* the next one */
		{ 60 - 2010, 2011, 1 },
		{ 70, 3000, 9 },
		{ 100, 4000, 30 },		/* another one, begun and ended meanwhile */
	};
	struct kvm_vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, vcpu);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		vcpu->zap.stall_ns = cases[i].stall_ns;
		KUNIT_EXPECT_EQ_MSG(test, kvm_zap_stall_take(vcpu, cases[i].now), cases[i].want,
				    "case %d", i);
	}
}

/* A window's sum, and of its vCPUs the longest; the histogram has those that stood still. */
static void kvm_zap_test_stalls(struct kunit *test)
{
	static const s64 stalls[] = { 5, 0, -992 };
	struct kvm_zap_test *t = test->priv;
	struct kvm_zap_vm_stat *stat = &t->kvm->stat.zap;
	struct kvm_vcpu *vcpu;
	int i;

	xa_init(&t->kvm->vcpu_array);
	for (i = 0; i < ARRAY_SIZE(stalls); i++) {
		vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, vcpu);
		vcpu->zap.stall_ns = stalls[i];
		KUNIT_ASSERT_EQ(test, xa_insert(&t->kvm->vcpu_array, i, vcpu, GFP_KERNEL), 0);
		atomic_inc(&t->kvm->online_vcpus);
	}

	KUNIT_EXPECT_EQ(test, kvm_zap_stall_close(t->kvm, 1000), 0);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns, 0);
	t->kvm->zap->window.timed = true;
	KUNIT_EXPECT_EQ(test, kvm_zap_stall_close(t->kvm, 1000), 13);
	KUNIT_EXPECT_FALSE(test, t->kvm->zap->window.timed);
	/* One that follows at once goes on, and no vCPU is asked again. */
	static_branch_enable(&kvm_zap_stall_key);
	t->kvm->zap->window.timed = true;
	t->kvm->zap->window.open = true;
	KUNIT_EXPECT_EQ(test, kvm_zap_stall_close(t->kvm, 1002), 2);
	KUNIT_EXPECT_TRUE(test, t->kvm->zap->window.timed);
	kvm_zap_stall_open(t->kvm, 1003);
	static_branch_disable(&kvm_zap_stall_key);
	KUNIT_EXPECT_EQ(test, kvm_zap_stall_close(t->kvm, 1003), 1);
	KUNIT_EXPECT_FALSE(test, t->kvm->zap->window.timed);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns, 16);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_max_ns, 8);
	/* 5, 8, 2 and 1. */
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns_hist[0], 0);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns_hist[1], 1);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns_hist[2], 1);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns_hist[3], 1);
	KUNIT_EXPECT_EQ(test, stat->zap_stall_ns_hist[4], 1);
	xa_destroy(&t->kvm->vcpu_array);
	atomic_set(&t->kvm->online_vcpus, 0);
}

/* The quiet time ends where an invalidation begins, and goes on while a window is open. */
static void kvm_zap_test_quiet(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;
	struct kvm_zap_window *w = &t->kvm->zap->window;
	struct kvm_vcpu *vcpu = kunit_kzalloc(test, sizeof(*vcpu), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, vcpu);
	xa_init(&t->kvm->vcpu_array);
	KUNIT_ASSERT_EQ(test, xa_insert(&t->kvm->vcpu_array, 0, vcpu, GFP_KERNEL), 0);
	atomic_inc(&t->kvm->online_vcpus);

	vcpu->stat.pf_fixed = 1000;
	kvm_zap_begin(t->kvm, KVM_ZAP_SITE_MEMSLOT, NULL, KVM_ZAP_POLICY_FAST);
	/* Mapped again before all is dropped. */
	vcpu->stat.pf_fixed = 1200;
	kvm_zap_test_end(t->kvm);
	KUNIT_EXPECT_TRUE(test, w->open);
	KUNIT_EXPECT_EQ(test, w->quiet_faults, 1000);
	KUNIT_EXPECT_EQ(test, w->faults, 1200);

	vcpu->stat.pf_fixed = 1500;
	kvm_zap_begin(t->kvm, KVM_ZAP_SITE_MEMSLOT, NULL, KVM_ZAP_POLICY_FAST);
	kvm_zap_test_end(t->kvm);
	KUNIT_EXPECT_EQ(test, w->quiet_faults, 1000);
	KUNIT_EXPECT_EQ(test, w->faults, 1200);

	kvm_zap_stop(t->kvm);
	xa_destroy(&t->kvm->vcpu_array);
	atomic_set(&t->kvm->online_vcpus, 0);
}
