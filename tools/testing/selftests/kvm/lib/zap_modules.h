/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unload KVM's modules and load them again in the same MMU mode, for tests of exactly
 * that. No VM may exist, and no other test may run meanwhile.
 */
#ifndef KVM_ZAP_MODULES_H
#define KVM_ZAP_MODULES_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

/* The loaded one of kvm_amd and kvm_intel; both modules' options for the MMU mode. */
static const char *modules_vendor;
static char modules_kvm_options[32], modules_vendor_options[32];

static inline void modules_run(const char *module, const char *options)
{
	char command[128];
	int status;

	snprintf(command, sizeof(command), "modprobe %s %s", module, options);
	status = system(command);
	if (status)
		vm_die("'%s' ended with status 0x%x", command, status);
}

static inline void modules_load_vendor(void)
{
	modules_run(modules_vendor, modules_vendor_options);
}

static inline void modules_load(void)
{
	modules_run("kvm", modules_kvm_options);
	modules_load_vendor();
}

/* However the test ends. */
static inline void modules_at_exit(void)
{
	if (!access("/dev/kvm", F_OK))
		return;
	if (access("/sys/module/kvm", F_OK))
		modules_run("kvm", modules_kvm_options);
	modules_load_vendor();
}

/* 0, or the error of taking @module out, at once or not at all. */
static inline int modules_unload(const char *module)
{
	unsigned int tries;

	/* What closes a file may still be on its way, in a worker. */
	for (tries = 0; syscall(SYS_delete_module, module, O_NONBLOCK); tries++) {
		if (errno != EAGAIN || tries == 10)
			return errno;
		usleep(20000);
	}
	return 0;
}

static inline void modules_unload_must(const char *module)
{
	int err = modules_unload(module);

	if (err)
		vm_die("%s cannot be unloaded: %s", module, strerror(err));
}

/* Before zap_start(): the test ends here, skipped, where KVM cannot be loaded anew. */
static inline void modules_need(void)
{
	char tdp_mmu[16], value[16];
	const char *paging;

	if (access("/sys/module/kvm/refcnt", F_OK))
		ktap_skip_all("kvm is not a module here, or it is not loaded");
	if (system("command -v modprobe > /dev/null"))
		ktap_skip_all("no modprobe");
	modules_vendor = access("/sys/module/kvm_amd", F_OK) ? "kvm_intel" : "kvm_amd";
	paging = strcmp(modules_vendor, "kvm_amd") ? "ept" : "npt";
	if (kvm_param_get("kvm", "tdp_mmu", tdp_mmu, sizeof(tdp_mmu)) ||
	    kvm_param_get(modules_vendor, paging, value, sizeof(value)))
		vm_die("parameter tdp_mmu of kvm or %s of %s: cannot be read", paging,
		       modules_vendor);
	snprintf(modules_kvm_options, sizeof(modules_kvm_options), "tdp_mmu=%s", tdp_mmu);
	snprintf(modules_vendor_options, sizeof(modules_vendor_options), "%s=%s", paging, value);
}

/* After zap_start(), so that it runs before what puts parameters back, which needs KVM. */
static inline void modules_start(void)
{
	atexit(modules_at_exit);
}

#endif
