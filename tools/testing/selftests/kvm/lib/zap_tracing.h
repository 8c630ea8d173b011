/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tracing instance of the test's own, in which one event is enabled. It shows only this
 * test's events, and is removed with the test. On failure, functions print a message and
 * exit.
 */
#ifndef KVM_ZAP_TRACING_H
#define KVM_ZAP_TRACING_H

#define ZAP_TRACING	"/sys/kernel/tracing/"

/*
 * A filter of event check_mmio_spte: MMIO SPTEs of the cycle before, seen in the new one. Their
 * generation has 19 bits on 6.1 and 18 on 7.2; it is near the wrap, or just behind it.
 */
#define ZAP_TRACING_FORMER_CYCLE	"kvm_gen < 0x20000 && spte_gen >= 0x20000"

/* Skip the test where KVM's events cannot be traced; to be called before it starts. */
void zap_need_tracing(void);

/* @event: its folder, e.g. "events/kvm/kvm_zap". */
void zap_tracing_start(const char *event);

/* Write @text to a file of the instance, e.g. the event's "filter". */
void zap_tracing_put(const char *file, const char *text);

/* The trace since the last call, at most 64 KiB; valid until the next one. */
char *zap_tracing_take(void);

/*
 * The same, at most 256 KiB, by another way, which neither waits nor stops what is traced:
 * cheaper, where it is asked for often.
 */
char *zap_tracing_drain(void);

/* Wait for an event, and take it and those that have come with it. */
void zap_tracing_wait(void);

/* What the only event since the last call says in @field; other words if it is not one. */
const char *zap_traced(const char *field);

#endif
