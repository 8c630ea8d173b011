// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM whose vCPUs have their own parts of memory. See guest_ram.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_ram.h"
#include "host.h"
#include "options.h"

void guest_ram_check(const struct guest_ram *ram, const char *command)
{
	char what[64];
	unsigned long bytes = ram->mib * SZ_1M;
	unsigned long page = ram->page > ram->guest_page ? ram->page : ram->guest_page;

	if (bytes % page)
		options_bad(command, "--mib %lu: with %s pages, give a multiple of %lu", ram->mib,
			    page_word(page), page / SZ_1M);
	snprintf(what, sizeof(what), "--mib %lu of each of %lu vCPUs", ram->mib, ram->vcpus);
	host_need_memory(bytes * ram->vcpus, what);
}

void guest_ram_create(struct guest_ram *ram)
{
	struct vm_opts opts = { .guest_page = ram->guest_page };
	unsigned int i;
	unsigned long max;

	ram->bytes = ram->mib * SZ_1M * ram->vcpus;
	/* A table of 4K maps 512 pages; as much again for the levels above. */
	opts.pt_bytes = (ram->bytes + ram->more_bytes) / ram->guest_page * 8 * 2 + SZ_2M;
	ram->vm = vm_create(&opts);
	max = vm_cap(ram->vm, KVM_CAP_MAX_VCPUS);
	if (max > 0 && ram->vcpus > max)
		vm_die("--vcpus %lu: this KVM has %lu at most", ram->vcpus, max);
	if ((uint64_t)VM_RAM_GPA + ram->bytes > 1UL << ram->vm->gpa_bits)
		vm_die("%zu MiB of guest memory do not fit into %u bits of address",
		       ram->bytes / SZ_1M, ram->vm->gpa_bits);
	if (ram->bytes) {
		ram->backing = vm_backing_alloc(ram->bytes, ram->page);
		vm_set_slot(ram->vm, RAM_SLOT, 0, VM_RAM_GPA, ram->bytes, ram->backing);
		guest_pt_map(ram->vm->pt, VM_RAM_GPA, VM_RAM_GPA, ram->bytes, 0);
	}
	ram->vcpu = calloc(ram->vcpus, sizeof(*ram->vcpu));
	if (!ram->vcpu)
		vm_die("out of memory");
	for (i = 0; i < ram->vcpus; i++)
		ram->vcpu[i] = vcpu_create(ram->vm, i);
}

struct guest_op guest_ram_op(const struct guest_ram *ram, unsigned int i, unsigned int op)
{
	struct guest_op touch = {
		.op = op,
		.start = VM_RAM_GPA + i * ram->mib * SZ_1M,
		.bytes = ram->mib * SZ_1M,
	};

	return touch;
}

const char *guest_ram_page_word(const struct guest_ram *ram)
{
	static const char * const fixed = VM_ARCH_GUEST_PAGE;

	return fixed ? fixed : page_word(ram->guest_page);
}

void guest_ram_report(const struct guest_ram *ram, struct report *r, unsigned long iterations,
		      unsigned long warmup)
{
	report_number(r, "mib", ram->mib);
	report_number(r, "iterations", iterations);
	report_number(r, "warmup", warmup);
	report_word(r, "page", page_word(ram->page));
	report_word(r, "guest_page", guest_ram_page_word(ram));
}

uint64_t guest_ram_touch(struct guest_ram *ram, unsigned int op)
{
	struct guest_op touch = guest_ram_op(ram, 0, op);
	uint64_t start = vm_now_ns();
	unsigned int i;
	int ret;

	if (ram->vcpus == 1) {
		vcpu_must(ram->vcpu[0], &touch, NULL);
		return vm_now_ns() - start;
	}
	for (i = 0; i < ram->vcpus; i++) {
		touch = guest_ram_op(ram, i, op);
		vcpu_start(ram->vcpu[i], &touch);
	}
	for (i = 0; i < ram->vcpus; i++) {
		ret = vcpu_wait(ram->vcpu[i], NULL);
		if (ret)
			vm_die("vCPU %u, touching its memory: %s", i, vcpu_strerror(ret));
	}
	return vm_now_ns() - start;
}

void guest_ram_check_pages(struct guest_ram *ram, struct report *r)
{
	guest_ram_check_more(ram, 0, r);
}

void guest_ram_check_more(struct guest_ram *ram, uint64_t more, struct report *r)
{
	uint64_t bytes = ram->bytes + more;
	unsigned long want = ram->page;
	uint64_t pages_4k, pages_2m;
	char thp[128];

	/* Stock kernels have both; without KVM_GET_STATS_FD it is not known. */
	if (vm_stat(ram->vm, "pages_4k", &pages_4k) || vm_stat(ram->vm, "pages_2m", &pages_2m))
		return;
	/* Not a vendor module that counts here: nothing to go by. */
	if (!pages_4k && !pages_2m)
		return;
	if (r) {
		report_number(r, "mapped_4k_pages", pages_4k);
		report_number(r, "mapped_2m_pages", pages_2m);
	}

	/* Shadow paging maps by the smaller of the host's and the guest's page. */
	if (!strcmp(host_mmu(), "shadow") && ram->guest_page < want)
		want = ram->guest_page;
	if (want == VM_4K ? !pages_2m && pages_4k >= bytes / VM_4K
			  : pages_2m >= bytes / VM_2M)
		return;
	host_read_line("/sys/kernel/mm/transparent_hugepage/enabled", thp, sizeof(thp));
	vm_die("--page %s: %lu MiB are mapped by %lu 4K, %lu 2M pages (transparent_hugepage '%s'%s)",
	       page_word(ram->page), bytes / SZ_1M, pages_4k, pages_2m, thp,
	       want == VM_2M ? "; memory too fragmented?" : "");
}

void guest_ram_release(struct guest_ram *ram)
{
	if (ram->bytes)
		vm_backing_free(ram->backing, ram->bytes);
	free(ram->vcpu);
	ram->vm = NULL;
}

void guest_ram_destroy(struct guest_ram *ram)
{
	vm_destroy(ram->vm);
	guest_ram_release(ram);
}
