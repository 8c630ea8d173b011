// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of zap policies: words, who decides, what is accounted.  Part of
 * zap.c, for what they test is static there.  They run when the kvm module is
 * loaded, on a struct kvm that no VM belongs to.
 */
#include <kunit/test.h>
#include <linux/sched/task.h>

struct kvm_zap_test {
	struct kvm *kvm;
	struct kvm_zap_choice choices[KVM_ZAP_NR_SITES];
	struct kvm_zap_row rows[KVM_ZAP_NR_SITES][KVM_ZAP_NR_POLICIES];
};

/* An invalidation ends, as one does at any site but teardown. */
static void kvm_zap_test_end(struct kvm *kvm)
{
	mutex_lock(&kvm->slots_lock);
	kvm_zap_end(kvm);
	mutex_unlock(&kvm->slots_lock);
}

static int kvm_zap_test_init(struct kunit *test)
{
	struct kvm_zap_test *t = vzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->kvm = kvm_zap_alloc_vm(vzalloc(sizeof(*t->kvm)));
	if (!t->kvm) {
		vfree(t);
		return -ENOMEM;
	}

	mutex_init(&t->kvm->slots_lock);
	memcpy(t->choices, kvm_zap_choices, sizeof(t->choices));
	memcpy(t->rows, kvm_zap_rows, sizeof(t->rows));
	memset(kvm_zap_rows, 0, sizeof(kvm_zap_rows));
	test->priv = t;
	return 0;
}

static void kvm_zap_test_exit(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;

	if (!t)
		return;
	memcpy(kvm_zap_choices, t->choices, sizeof(t->choices));
	memcpy(kvm_zap_rows, t->rows, sizeof(t->rows));
	kvm_zap_stop(t->kvm);
	kvm_zap_free_vm(t->kvm);
	vfree(t->kvm);
	vfree(t);
}

/* Exactly the words that are legal are parsed, in any site's choice of them. */
static void kvm_zap_test_parse(struct kunit *test)
{
	static const char * const wrong[] = {
		"", "\n", " ", "0", "1", "2", "Fast", "FAST", "fas", "fastt",
		" fast", "fast ", "fast\n\n", "fast scoped", "inherit\n\n", "\nfast",
	};
	char line[16];
	unsigned long legal;
	int word, i;

	for (word = 0; word < KVM_ZAP_NR_POLICIES; word++) {
		for (legal = 0; legal < BIT(KVM_ZAP_NR_POLICIES); legal++) {
			KUNIT_EXPECT_EQ(test, kvm_zap_parse(kvm_zap_policy_words[word], legal),
					legal & BIT(word) ? word : -EINVAL);
		}
		/* As echo writes it. */
		snprintf(line, sizeof(line), "%s\n", kvm_zap_policy_words[word]);
		KUNIT_EXPECT_EQ(test, kvm_zap_parse(line, ~0UL), word);
	}

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		KUNIT_EXPECT_EQ_MSG(test, kvm_zap_parse(wrong[i], ~0UL), -EINVAL,
				    "'%s'", wrong[i]);
}

/* A parameter takes its site's words, shows what it took, and refuses others. */
static void kvm_zap_test_param(struct kunit *test)
{
	char *page = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct kernel_param kp = {};
	int site, word, want;

	KUNIT_ASSERT_NOT_NULL(test, page);
	for (site = 0; site < KVM_ZAP_NR_SITES; site++) {
		kp.arg = &kvm_zap_choices[site];
		want = kvm_zap_choices[site].word;

		for (word = 0; word < KVM_ZAP_NR_POLICIES; word++) {
			bool legal = kvm_zap_choices[site].legal & BIT(word);

			if (legal)
				want = word;
			KUNIT_EXPECT_EQ(test, kvm_zap_param_set(kvm_zap_policy_words[word], &kp),
					legal ? 0 : -EINVAL);
			KUNIT_EXPECT_EQ(test, kvm_zap_choices[site].word, want);
			KUNIT_EXPECT_GT(test, kvm_zap_param_get(page, &kp), 0);
			strim(page);
			KUNIT_EXPECT_STREQ(test, page, kvm_zap_policy_words[want]);
		}
	}
}

/* What the stock kernel does is the default, but where Kconfig chose otherwise. */
static void kvm_zap_test_defaults(struct kunit *test)
{
	enum kvm_zap_policy word = KVM_ZAP_POLICY_STOCK;

	if (IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_FAST))
		word = KVM_ZAP_POLICY_FAST;
	if (IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_SCOPED))
		word = KVM_ZAP_POLICY_SCOPED;
	if (IS_ENABLED(CONFIG_KVM_ZAP_MEMSLOT_AUTO))
		word = KVM_ZAP_POLICY_AUTO;

	KUNIT_EXPECT_EQ(test, kvm_zap_choices[KVM_ZAP_SITE_MEMSLOT].word, word);
	KUNIT_EXPECT_EQ(test, kvm_zap_choices[KVM_ZAP_SITE_MMIO].word, KVM_ZAP_POLICY_FAST);
	KUNIT_EXPECT_EQ(test, kvm_zap_choices[KVM_ZAP_SITE_TEARDOWN].word, KVM_ZAP_POLICY_WALK);
}

/* What is to be done at @site, and in @by who decides, by the words and nothing else. */
static enum kvm_zap_policy kvm_zap_test_want(struct kvm *kvm, enum kvm_zap_site site,
					     enum kvm_zap_policy param,
					     enum kvm_zap_by *by)
{
	enum kvm_zap_policy kernel = site == KVM_ZAP_SITE_MEMSLOT ? KVM_ZAP_POLICY_STOCK :
				     site == KVM_ZAP_SITE_MMIO ? KVM_ZAP_POLICY_FAST :
				     KVM_ZAP_POLICY_WALK;
	enum kvm_zap_policy want = kvm->zap->memslot_word;

	*by = KVM_ZAP_BY_VM;
	if (site != KVM_ZAP_SITE_MEMSLOT || want == KVM_ZAP_POLICY_INHERIT) {
		*by = param == kernel ? KVM_ZAP_BY_KERNEL : KVM_ZAP_BY_PARAM;
		want = param;
	}

	return want;
}

/* A VM's own word wins, but at its site only; stock leaves it to the kernel. */
static void kvm_zap_test_choose(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;
	enum kvm_zap_policy word, param, want;
	enum kvm_zap_by by, want_by;
	int site;

	for (site = 0; site < KVM_ZAP_NR_SITES; site++) {
		for (param = 0; param < KVM_ZAP_NR_POLICIES; param++) {
			if (!(kvm_zap_choices[site].legal & BIT(param)))
				continue;
			kvm_zap_choices[site].word = param;

			for (word = 0; word < KVM_ZAP_NR_POLICIES; word++) {
				t->kvm->zap->memslot_word = word;
				want = kvm_zap_test_want(t->kvm, site, param, &want_by);
				KUNIT_EXPECT_EQ_MSG(test, kvm_zap_choose(t->kvm, site, &by),
						    want, "site %d param %d word %d", site, param,
						    word);
				KUNIT_EXPECT_EQ(test, by, want_by);
			}
		}
	}
}

/* What is left to the kernel is counted as what the kernel takes. */
static void kvm_zap_test_stock(struct kunit *test)
{
	static const enum kvm_zap_policy owns[] = { KVM_ZAP_POLICY_FAST, KVM_ZAP_POLICY_SCOPED };
	struct kvm_zap_row *rows = kvm_zap_rows[KVM_ZAP_SITE_MEMSLOT];
	struct kvm_zap_test *t = test->priv;
	int i;

	kvm_zap_choices[KVM_ZAP_SITE_MEMSLOT].word = KVM_ZAP_POLICY_STOCK;
	for (i = 0; i < ARRAY_SIZE(owns); i++) {
		KUNIT_EXPECT_EQ(test, kvm_zap_begin(t->kvm, KVM_ZAP_SITE_MEMSLOT, NULL, owns[i]),
				KVM_ZAP_POLICY_STOCK);
		KUNIT_EXPECT_EQ(test, t->kvm->zap->record.policy, owns[i]);
		KUNIT_EXPECT_EQ(test, t->kvm->zap->record.by, KVM_ZAP_BY_KERNEL);
		kvm_zap_test_end(t->kvm);
		KUNIT_EXPECT_EQ(test, rows[owns[i]].count, 1);
	}
	KUNIT_EXPECT_EQ(test, rows[KVM_ZAP_POLICY_STOCK].count, 0);
}

/* The statistic that flushes are the difference of may be cleared meanwhile. */
static void kvm_zap_test_cleared(struct kunit *test)
{
	struct kvm_zap_row *row = &kvm_zap_rows[KVM_ZAP_SITE_TEARDOWN][KVM_ZAP_POLICY_WALK];
	struct kvm_zap_test *t = test->priv;

	kvm_zap_choices[KVM_ZAP_SITE_TEARDOWN].word = KVM_ZAP_POLICY_WALK;
	t->kvm->stat.generic.remote_tlb_flush_requests = 5;
	kvm_zap_begin(t->kvm, KVM_ZAP_SITE_TEARDOWN, NULL, KVM_ZAP_POLICY_WALK);
	t->kvm->stat.generic.remote_tlb_flush_requests = 1;
	kvm_zap_test_end(t->kvm);
	KUNIT_EXPECT_EQ(test, row->count, 1);
	KUNIT_EXPECT_EQ(test, row->flushes, 0);
}

/* The rule of auto picks something that is done, whatever the memslot and VM. */
static void kvm_zap_test_auto(struct kunit *test)
{
	static const unsigned long sizes[] = { 1, 511, 512, 16384, 1UL << 28 };
	struct kvm_zap_test *t = test->priv;
	struct kvm_memory_slot *slot;
	enum kvm_zap_policy policy;
	int i;

	slot = kunit_kzalloc(test, sizeof(*slot), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slot);

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		slot->npages = sizes[i];
		atomic64_set(&t->kvm->stat.pages[0], sizes[ARRAY_SIZE(sizes) - 1 - i]);
		policy = kvm_arch_zap_auto(t->kvm, slot);
		/* By the measurements in zap-policy.rst there is no case for fast. */
		KUNIT_EXPECT_EQ(test, policy, KVM_ZAP_POLICY_SCOPED);

		kvm_zap_choices[KVM_ZAP_SITE_MEMSLOT].word = KVM_ZAP_POLICY_AUTO;
		KUNIT_EXPECT_EQ(test, kvm_zap_begin(t->kvm, KVM_ZAP_SITE_MEMSLOT, slot,
						    KVM_ZAP_POLICY_FAST), policy);
		kvm_zap_test_end(t->kvm);
	}
}

static void kvm_zap_test_bucket(struct kunit *test)
{
	int i;

	KUNIT_EXPECT_EQ(test, kvm_zap_bucket(0), 0);
	KUNIT_EXPECT_EQ(test, kvm_zap_bucket(1), 0);
	KUNIT_EXPECT_EQ(test, kvm_zap_bucket(U64_MAX), KVM_ZAP_NR_BUCKETS - 1);
	for (i = 1; i < 64; i++) {
		int want = min(i, KVM_ZAP_NR_BUCKETS - 1);

		KUNIT_EXPECT_EQ(test, kvm_zap_bucket(BIT_ULL(i)), want);
		KUNIT_EXPECT_EQ(test, kvm_zap_bucket(BIT_ULL(i) - 1),
				min(i - 1, KVM_ZAP_NR_BUCKETS - 1));
		KUNIT_EXPECT_EQ(test, kvm_zap_bucket(BIT_ULL(i) | (BIT_ULL(i) - 1)), want);
	}
}

/* From begin to end: what is counted lands once in each place, and nowhere else. */
static void kvm_zap_test_account(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;
	struct kvm_zap_vm_stat *stat = &t->kvm->stat.zap;
	struct kvm_zap_row *row;
	int site, policy, s, p;
	bool fast, scoped, memslot;

	for (site = 0; site < KVM_ZAP_NR_SITES; site++) {
		for (policy = KVM_ZAP_POLICY_FAST; policy < KVM_ZAP_NR_POLICIES; policy++) {
			if (!(kvm_zap_choices[site].legal & BIT(policy)))
				continue;
			memset(kvm_zap_rows, 0, sizeof(kvm_zap_rows));
			memset(stat, 0, sizeof(*stat));
			atomic64_set(&t->kvm->stat.pages[0], 11);
			t->kvm->zap->torn_down = false;
			kvm_zap_choices[site].word = policy;

			KUNIT_EXPECT_EQ(test, kvm_zap_begin(t->kvm, site, NULL, policy), policy);
			kvm_zap_count_sptes(t->kvm, 5);
			kvm_zap_count_sptes(t->kvm, 2);
			kvm_zap_count_table(t->kvm);
			KUNIT_EXPECT_EQ(test, kvm_zap_count_yield(t->kvm, 1), 1);
			KUNIT_EXPECT_EQ(test, kvm_zap_count_yield(t->kvm, 0), 0);
			t->kvm->stat.generic.remote_tlb_flush_requests += 3;
			kvm_zap_test_end(t->kvm);

			for (s = 0; s < KVM_ZAP_NR_SITES; s++) {
				for (p = 0; p < KVM_ZAP_NR_POLICIES; p++) {
					bool mine = s == site && p == policy;

					row = &kvm_zap_rows[s][p];
					KUNIT_EXPECT_EQ(test, row->count, mine ? 1 : 0);
					KUNIT_EXPECT_EQ(test, row->sptes, mine ? 7 : 0);
					KUNIT_EXPECT_EQ(test, row->tables, mine ? 1 : 0);
					KUNIT_EXPECT_EQ(test, row->yields, mine ? 1 : 0);
					KUNIT_EXPECT_EQ(test, row->flushes, mine ? 3 : 0);
					KUNIT_EXPECT_EQ(test, row->total_ns, row->max_ns);
				}
			}

			fast = policy == KVM_ZAP_POLICY_FAST;
			scoped = policy == KVM_ZAP_POLICY_SCOPED;
			memslot = site == KVM_ZAP_SITE_MEMSLOT;
			s = KVM_ZAP_SITE_MEMSLOT;
			KUNIT_EXPECT_EQ(test, stat->counts[KVM_ZAP_COUNTER_MEMSLOT_FAST],
					site == s && fast);
			KUNIT_EXPECT_EQ(test, stat->counts[KVM_ZAP_COUNTER_MEMSLOT_SCOPED],
					site == s && scoped);
			s = KVM_ZAP_SITE_MMIO;
			KUNIT_EXPECT_EQ(test, stat->counts[KVM_ZAP_COUNTER_MMIO_FAST],
					site == s && fast);
			KUNIT_EXPECT_EQ(test, stat->counts[KVM_ZAP_COUNTER_MMIO_SCOPED],
					site == s && scoped);
			KUNIT_EXPECT_EQ(test, stat->zap_sptes, 7);
			KUNIT_EXPECT_EQ(test, stat->zap_tables, 1);
			KUNIT_EXPECT_EQ(test, stat->zap_yields, 1);
			row = &kvm_zap_rows[site][policy];
			KUNIT_EXPECT_EQ(test, stat->zap_collateral, memslot ? 7 : 0);
			KUNIT_EXPECT_EQ(test, row->collateral, stat->zap_collateral);
			KUNIT_EXPECT_EQ(test, stat->zap_kept, memslot && scoped ? 11 : 0);
			KUNIT_EXPECT_EQ(test, row->kept, stat->zap_kept);
			KUNIT_EXPECT_EQ(test, stat->zap_ns, kvm_zap_rows[site][policy].total_ns);
		}
	}
}

/* A VM is torn down once, whoever comes again when that is over. */
static void kvm_zap_test_torn_down(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;
	struct kvm_zap_row *row = &kvm_zap_rows[KVM_ZAP_SITE_TEARDOWN][KVM_ZAP_POLICY_WALK];
	int i;

	memset(kvm_zap_rows, 0, sizeof(kvm_zap_rows));
	kvm_zap_choices[KVM_ZAP_SITE_TEARDOWN].word = KVM_ZAP_POLICY_WALK;
	for (i = 0; i < 2; i++) {
		kvm_zap_begin(t->kvm, KVM_ZAP_SITE_TEARDOWN, NULL, KVM_ZAP_POLICY_WALK);
		kvm_zap_count_sptes(t->kvm, 1);
		kvm_zap_test_end(t->kvm);
		KUNIT_EXPECT_EQ(test, row->count, 1);
		KUNIT_EXPECT_EQ(test, row->sptes, 1);
	}
}

/* Collateral is what the memslot's pages do not account for, never less than nothing. */
static void kvm_zap_test_collateral(struct kunit *test)
{
	static const struct {
		u64 sptes, npages, want;
	} cases[] = { { 0, 0, 0 }, { 0, 16, 0 }, { 16, 16, 0 }, { 17, 16, 1 }, { 5, 0, 5 } };
	struct kvm_memory_slot *slot;
	struct kvm_zap_record *zap;
	int i;

	slot = kunit_kzalloc(test, sizeof(*slot), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, slot);
	zap = kunit_kzalloc(test, sizeof(*zap), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, zap);

	zap->slot = slot;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		zap->sptes = cases[i].sptes;
		slot->npages = cases[i].npages;
		zap->site = KVM_ZAP_SITE_MEMSLOT;
		KUNIT_EXPECT_EQ(test, kvm_zap_collateral(zap), cases[i].want);
		zap->site = KVM_ZAP_SITE_MMIO;
		KUNIT_EXPECT_EQ(test, kvm_zap_collateral(zap), 0);
	}
}

/* What others do meanwhile, or comes without an invalidation, is not counted. */
static void kvm_zap_test_others(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;
	struct kvm_zap_row *row = &kvm_zap_rows[KVM_ZAP_SITE_TEARDOWN][KVM_ZAP_POLICY_WALK];

	kvm_zap_count_sptes(t->kvm, 1);
	kvm_zap_count_table(t->kvm);
	KUNIT_EXPECT_EQ(test, kvm_zap_count_yield(t->kvm, 1), 1);
	KUNIT_EXPECT_EQ(test, t->kvm->zap->record.sptes, 0);
	KUNIT_EXPECT_EQ(test, t->kvm->zap->record.tables, 0);
	KUNIT_EXPECT_EQ(test, t->kvm->zap->record.yields, 0);

	/* A teardown that another task runs: this one acts, but counts nothing. */
	kvm_zap_choices[KVM_ZAP_SITE_TEARDOWN].word = KVM_ZAP_POLICY_WALK;
	t->kvm->zap->task = &init_task;
	KUNIT_EXPECT_EQ(test, kvm_zap_begin(t->kvm, KVM_ZAP_SITE_TEARDOWN, NULL,
					    KVM_ZAP_POLICY_WALK),
			KVM_ZAP_POLICY_WALK);
	kvm_zap_count_sptes(t->kvm, 1);
	kvm_zap_count_table(t->kvm);
	kvm_zap_fall_back(t->kvm, KVM_ZAP_POLICY_BULK);
	kvm_zap_test_end(t->kvm);
	KUNIT_EXPECT_EQ(test, t->kvm->zap->record.sptes, 0);
	KUNIT_EXPECT_EQ(test, t->kvm->zap->record.tables, 0);
	KUNIT_EXPECT_NE(test, t->kvm->zap->record.policy, KVM_ZAP_POLICY_BULK);
	KUNIT_EXPECT_PTR_EQ(test, t->kvm->zap->task, &init_task);
	KUNIT_EXPECT_EQ(test, row->count, 0);
	t->kvm->zap->task = NULL;
}

/* Who falls back is counted where it fell to. */
static void kvm_zap_test_fall_back(struct kunit *test)
{
	struct kvm_zap_test *t = test->priv;
	struct kvm_zap_row *rows = kvm_zap_rows[KVM_ZAP_SITE_TEARDOWN];

	kvm_zap_choices[KVM_ZAP_SITE_TEARDOWN].word = KVM_ZAP_POLICY_FAST;
	KUNIT_EXPECT_EQ(test, kvm_zap_begin(t->kvm, KVM_ZAP_SITE_TEARDOWN, NULL,
					    KVM_ZAP_POLICY_WALK),
			KVM_ZAP_POLICY_FAST);
	kvm_zap_fall_back(t->kvm, KVM_ZAP_POLICY_WALK);
	kvm_zap_test_end(t->kvm);

	KUNIT_EXPECT_EQ(test, rows[KVM_ZAP_POLICY_WALK].count, 1);
	KUNIT_EXPECT_EQ(test, rows[KVM_ZAP_POLICY_FAST].count, 0);
	KUNIT_EXPECT_NULL(test, t->kvm->zap->task);
}

#include "zap_window_test.c"

static struct kunit_case kvm_zap_test_cases[] = {
	KUNIT_CASE(kvm_zap_test_defaults),
	KUNIT_CASE(kvm_zap_test_parse),
	KUNIT_CASE(kvm_zap_test_param),
	KUNIT_CASE(kvm_zap_test_choose),
	KUNIT_CASE(kvm_zap_test_stock),
	KUNIT_CASE(kvm_zap_test_auto),
	KUNIT_CASE(kvm_zap_test_bucket),
	KUNIT_CASE(kvm_zap_test_account),
	KUNIT_CASE(kvm_zap_test_torn_down),
	KUNIT_CASE(kvm_zap_test_collateral),
	KUNIT_CASE(kvm_zap_test_others),
	KUNIT_CASE(kvm_zap_test_fall_back),
	KUNIT_CASE(kvm_zap_test_cleared),
	KUNIT_CASE(kvm_zap_test_stall),
	KUNIT_CASE(kvm_zap_test_stalls),
	KUNIT_CASE(kvm_zap_test_quiet),
	{}
};

static struct kunit_suite kvm_zap_test_suite = {
	.name = "kvm_zap",
	.init = kvm_zap_test_init,
	.exit = kvm_zap_test_exit,
	.test_cases = kvm_zap_test_cases,
};

kunit_test_suite(kvm_zap_test_suite);
