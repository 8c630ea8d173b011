/* SPDX-License-Identifier: GPL-2.0-only */
#if !defined(_TRACE_KVM_ZAP_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KVM_ZAP_H

#include <linux/kvm_host.h>
#include <linux/tracepoint.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE kvm_zap

#define KVM_ZAP_SITE_EXPORT(name, ...)	\
	TRACE_DEFINE_ENUM(KVM_ZAP_SITE_##name);
#define KVM_ZAP_POLICY_EXPORT(name, word)	\
	TRACE_DEFINE_ENUM(KVM_ZAP_POLICY_##name);
#define KVM_ZAP_BY_EXPORT(name, word)	\
	TRACE_DEFINE_ENUM(KVM_ZAP_BY_##name);

KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_EXPORT, KVM_ZAP_SITE_EXPORT)
KVM_ZAP_POLICIES(KVM_ZAP_POLICY_EXPORT, KVM_ZAP_POLICY_EXPORT)
KVM_ZAP_BYS(KVM_ZAP_BY_EXPORT, KVM_ZAP_BY_EXPORT)

#undef KVM_ZAP_SITE_EXPORT
#undef KVM_ZAP_POLICY_EXPORT
#undef KVM_ZAP_BY_EXPORT

#define KVM_ZAP_SITE_SYMBOL(name, word, ...)		{ KVM_ZAP_SITE_##name, #word },
#define KVM_ZAP_SITE_SYMBOL_LAST(name, word, ...)	{ KVM_ZAP_SITE_##name, #word }
#define KVM_ZAP_POLICY_SYMBOL(name, word)	{ KVM_ZAP_POLICY_##name, word },
#define KVM_ZAP_POLICY_SYMBOL_LAST(name, word)	{ KVM_ZAP_POLICY_##name, word }
#define KVM_ZAP_BY_SYMBOL(name, word)		{ KVM_ZAP_BY_##name, word },
#define KVM_ZAP_BY_SYMBOL_LAST(name, word)	{ KVM_ZAP_BY_##name, word }

#define KVM_ZAP_EXTRA_FIELD(arg, NAME, name)	__field(u64, name)
#define KVM_ZAP_EXTRA_ASSIGN(arg, NAME, name)	\
	__entry->name = zap->extras[KVM_ZAP_EXTRA_##NAME];
#define KVM_ZAP_EXTRA_FORMAT(arg, NAME, name)	" " #name "=%llu"
#define KVM_ZAP_EXTRA_VALUE(arg, NAME, name)	, __entry->name

#ifdef KVM_ARCH_ZAP_REASONS

#define KVM_ZAP_REASON_EXPORT(NAME, name)	TRACE_DEFINE_ENUM(KVM_ZAP_REASON_##NAME);
TRACE_DEFINE_ENUM(KVM_ZAP_REASON_NONE);
KVM_ARCH_ZAP_REASONS(KVM_ZAP_REASON_EXPORT, KVM_ZAP_REASON_EXPORT)
#undef KVM_ZAP_REASON_EXPORT

#define KVM_ZAP_REASON_SYMBOL(NAME, name)	{ KVM_ZAP_REASON_##NAME, #name },
#define KVM_ZAP_REASON_SYMBOL_LAST(NAME, name)	{ KVM_ZAP_REASON_##NAME, #name }
#define KVM_ZAP_REASON_FIELD	__field(u8, reason)
#define KVM_ZAP_REASON_ASSIGN	__entry->reason = zap->reason;
#define KVM_ZAP_REASON_FORMAT	" reason=%s"
#define KVM_ZAP_REASON_VALUE	, __print_symbolic(__entry->reason,		\
				   { KVM_ZAP_REASON_NONE, "none" },		\
				   KVM_ARCH_ZAP_REASONS(KVM_ZAP_REASON_SYMBOL,	\
							KVM_ZAP_REASON_SYMBOL_LAST))

#else /* !KVM_ARCH_ZAP_REASONS */

#define KVM_ZAP_REASON_FIELD
#define KVM_ZAP_REASON_ASSIGN
#define KVM_ZAP_REASON_FORMAT
#define KVM_ZAP_REASON_VALUE

#endif /* KVM_ARCH_ZAP_REASONS */

/*
 * Tracepoint for the end of an invalidation.  At sites without a memslot, slot is -1 and
 * the range is empty.  What the architecture counts besides comes last.
 */
TRACE_EVENT(kvm_zap,
	TP_PROTO(pid_t vm, const struct kvm_zap_record *zap, u64 ns),
	TP_ARGS(vm, zap, ns),

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
		__field(u64, collateral)
		__field(u64, kept)
		__field(s32, vm)
		KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_FIELD, 0)
		KVM_ZAP_REASON_FIELD
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
		__entry->collateral	= zap->collateral;
		__entry->kept		= zap->left;
		__entry->vm		= vm;
		KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_ASSIGN, 0)
		KVM_ZAP_REASON_ASSIGN
	),

	TP_printk("site=%s policy=%s as_id=%u slot=%d base_gfn=0x%llx npages=%llu sptes=%llu tables=%llu yields=%llu ns=%llu by=%s collateral=%llu kept=%llu vm=%d"
		  KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_FORMAT, 0) KVM_ZAP_REASON_FORMAT,
		  __print_symbolic(__entry->site,
				   KVM_ARCH_ZAP_SITES(KVM_ZAP_SITE_SYMBOL,
						      KVM_ZAP_SITE_SYMBOL_LAST)),
		  __print_symbolic(__entry->policy,
				   KVM_ZAP_POLICIES(KVM_ZAP_POLICY_SYMBOL,
						    KVM_ZAP_POLICY_SYMBOL_LAST)),
		  __entry->as_id, __entry->slot, __entry->base_gfn,
		  __entry->npages, __entry->sptes, __entry->tables,
		  __entry->yields, __entry->ns,
		  __print_symbolic(__entry->by,
				   KVM_ZAP_BYS(KVM_ZAP_BY_SYMBOL,
					       KVM_ZAP_BY_SYMBOL_LAST)),
		  __entry->collateral, __entry->kept, __entry->vm
		  KVM_ARCH_ZAP_EXTRAS(KVM_ZAP_EXTRA_VALUE, 0) KVM_ZAP_REASON_VALUE)
);

/*
 * Tracepoint for the end of a window in which page faults count as refaults.  slot is the
 * memslot of the latest invalidation, -1 if that had none.
 */
TRACE_EVENT(kvm_zap_settle,
	TP_PROTO(pid_t vm, s32 slot, u64 refaults, u64 stall_ns, u64 window_ns),
	TP_ARGS(vm, slot, refaults, stall_ns, window_ns),

	TP_STRUCT__entry(
		__field(s32, vm)
		__field(s32, slot)
		__field(u64, refaults)
		__field(u64, stall_ns)
		__field(u64, window_ms)
	),

	TP_fast_assign(
		__entry->vm		= vm;
		__entry->slot		= slot;
		__entry->refaults	= refaults;
		__entry->stall_ns	= stall_ns;
		__entry->window_ms	= div_u64(window_ns, NSEC_PER_MSEC);
	),

	TP_printk("vm=%d slot=%d refaults=%llu stall_ns=%llu window_ms=%llu",
		  __entry->vm, __entry->slot, __entry->refaults, __entry->stall_ns,
		  __entry->window_ms)
);

#define KVM_ZAP_CHANGES(X, XE)		\
	X(KVM_MR_CREATE, "create")	\
	X(KVM_MR_DELETE, "delete")	\
	X(KVM_MR_MOVE, "move")		\
	XE(KVM_MR_FLAGS_ONLY, "flags")

#define KVM_ZAP_CHANGE_EXPORT(value, word)	TRACE_DEFINE_ENUM(value);
KVM_ZAP_CHANGES(KVM_ZAP_CHANGE_EXPORT, KVM_ZAP_CHANGE_EXPORT)
#undef KVM_ZAP_CHANGE_EXPORT

#define KVM_ZAP_CHANGE_SYMBOL(value, word)	{ value, word },
#define KVM_ZAP_CHANGE_SYMBOL_LAST(value, word)	{ value, word }

/* Tracepoint for a memslot that was created, changed, moved or deleted. */
TRACE_EVENT(kvm_zap_memslot,
	TP_PROTO(pid_t vm, const struct kvm_zap_update *update, u64 ns),
	TP_ARGS(vm, update, ns),

	TP_STRUCT__entry(
		__field(s32, vm)
		__field(u16, as_id)
		__field(s32, slot)
		__field(u64, base_gfn)
		__field(u64, npages)
		__field(u32, flags)
		__field(u8, change)
		__field(u64, ns)
	),

	TP_fast_assign(
		__entry->vm		= vm;
		__entry->as_id		= update->as_id;
		__entry->slot		= update->slot;
		__entry->base_gfn	= update->base_gfn;
		__entry->npages		= update->npages;
		__entry->flags		= update->flags;
		__entry->change		= update->change;
		__entry->ns		= ns;
	),

	TP_printk("vm=%d as_id=%u slot=%d base_gfn=0x%llx npages=%llu flags=0x%x change=%s ns=%llu",
		  __entry->vm, __entry->as_id, __entry->slot, __entry->base_gfn,
		  __entry->npages, __entry->flags,
		  __print_symbolic(__entry->change,
				   KVM_ZAP_CHANGES(KVM_ZAP_CHANGE_SYMBOL,
						   KVM_ZAP_CHANGE_SYMBOL_LAST)),
		  __entry->ns)
);

#endif /* _TRACE_KVM_ZAP_H */

#include <trace/define_trace.h>
