/* SPDX-License-Identifier: GPL-2.0-only */
#if !defined(_TRACE_KVM_ZAP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KVM_ZAP_H

#include <linux/kvm_host.h>
#include <linux/tracepoint.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE kvm_zap

#define KVM_ZAP_SITE_EXPORT(name, word)	\
	TRACE_DEFINE_ENUM(KVM_ZAP_SITE_##name);
#define KVM_ZAP_POLICY_EXPORT(name, word)	\
	TRACE_DEFINE_ENUM(KVM_ZAP_POLICY_##name);
#define KVM_ZAP_BY_EXPORT(name, word)	\
	TRACE_DEFINE_ENUM(KVM_ZAP_BY_##name);

KVM_ZAP_SITES(KVM_ZAP_SITE_EXPORT, KVM_ZAP_SITE_EXPORT)
KVM_ZAP_POLICIES(KVM_ZAP_POLICY_EXPORT, KVM_ZAP_POLICY_EXPORT)
KVM_ZAP_BYS(KVM_ZAP_BY_EXPORT, KVM_ZAP_BY_EXPORT)

#undef KVM_ZAP_SITE_EXPORT
#undef KVM_ZAP_POLICY_EXPORT
#undef KVM_ZAP_BY_EXPORT

#define KVM_ZAP_SITE_SYMBOL(name, word)		{ KVM_ZAP_SITE_##name, word },
#define KVM_ZAP_SITE_SYMBOL_LAST(name, word)	{ KVM_ZAP_SITE_##name, word }
#define KVM_ZAP_POLICY_SYMBOL(name, word)	{ KVM_ZAP_POLICY_##name, word },
#define KVM_ZAP_POLICY_SYMBOL_LAST(name, word)	{ KVM_ZAP_POLICY_##name, word }
#define KVM_ZAP_BY_SYMBOL(name, word)		{ KVM_ZAP_BY_##name, word },
#define KVM_ZAP_BY_SYMBOL_LAST(name, word)	{ KVM_ZAP_BY_##name, word }

/*
 * Tracepoint for the end of an invalidation.  Sites that have no memslot say
 * slot -1 and no range.
 */
TRACE_EVENT(kvm_zap,
	TP_PROTO(const struct kvm_zap *zap, u64 ns),
	TP_ARGS(zap, ns),

	TP_STRUCT__entry(
		__field(u8, site)
		__field(u8, policy)
		__field(u16, as_id)
		__field(s32, slot)
		__field(u64, base_gfn)
		__field(u64, npages)
		__field(u64, sptes)
		__field(u64, tables)
		__field(u64, yields)
		__field(u64, ns)
		__field(u8, by)
	),

	TP_fast_assign(
		__entry->site		= zap->site;
		__entry->policy		= zap->policy;
		__entry->as_id		= zap->slot ? zap->slot->as_id : 0;
		__entry->slot		= zap->slot ? zap->slot->id : -1;
		__entry->base_gfn	= zap->slot ? zap->slot->base_gfn : 0;
		__entry->npages		= zap->slot ? zap->slot->npages : 0;
		__entry->sptes		= zap->sptes;
		__entry->tables		= zap->tables;
		__entry->yields		= zap->yields;
		__entry->ns		= ns;
		__entry->by		= zap->by;
	),

	TP_printk("site=%s policy=%s as_id=%u slot=%d base_gfn=0x%llx npages=%llu sptes=%llu tables=%llu yields=%llu ns=%llu by=%s",
		  __print_symbolic(__entry->site,
				   KVM_ZAP_SITES(KVM_ZAP_SITE_SYMBOL,
						 KVM_ZAP_SITE_SYMBOL_LAST)),
		  __print_symbolic(__entry->policy,
				   KVM_ZAP_POLICIES(KVM_ZAP_POLICY_SYMBOL,
						    KVM_ZAP_POLICY_SYMBOL_LAST)),
		  __entry->as_id, __entry->slot, __entry->base_gfn,
		  __entry->npages, __entry->sptes, __entry->tables,
		  __entry->yields, __entry->ns,
		  __print_symbolic(__entry->by,
				   KVM_ZAP_BYS(KVM_ZAP_BY_SYMBOL,
					       KVM_ZAP_BY_SYMBOL_LAST)))
);

#endif /* _TRACE_KVM_ZAP_H */

#include <trace/define_trace.h>
