/* SPDX-License-Identifier: GPL-2.0-only */
/* Metrics in Prometheus' text format 0.0.4. */
#ifndef KVM_ZAP_DESK_PROMETHEUS_H
#define KVM_ZAP_DESK_PROMETHEUS_H

#include "desk_kvm.h"

/*
 * To @file in one step, to stdout if that is NULL. Where the kvm that is loaded has no
 * kvm-zap the metrics say so, and that is no failure. Returns an exit status: @file stays
 * as it was unless that is DESK_OK, and grows old.
 */
int desk_prometheus(const struct desk_module *module, const char *file);

#endif
