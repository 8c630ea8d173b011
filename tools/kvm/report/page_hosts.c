// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hosts on which the measurements of a report were made. See page.h.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "page.h"

enum { KVM_ZAP, BENCH, WRITERS };

/* Where each of them has it. What neither has is left out. */
static const struct {
	const char *about;
	const char *key[WRITERS];
} facts[] = {
	{ "host", { "host.name", "" } },
	{ "kernel", { "kernel", "result.kernel" } },
	{ "its build", { "host.kernel_version", "result.kernel_version" } },
	{ "CPU", { "host.cpu", "result.cpu" } },
	{ "CPUs online", { "host.cpus_online", "result.cpus_online" } },
	{ "MMU", { "host.mmu", "" } },
	{ "kvm's modules", { "host.module.origin", "" } },
	{ "kvm's build ID", { "host.module.build_id", "result.modules.kvm.build_id" } },
	{ "memslot_zap", { "host.parameters.memslot_zap", "" } },
	{ "mmio_zap", { "host.parameters.mmio_zap", "" } },
	{ "teardown_zap", { "host.parameters.teardown_zap", "" } },
	{ "clock", { "", "result.clocksource" } },
};

#define FACTS	(sizeof(facts) / sizeof(*facts))

struct host {
	const char *fact[FACTS];
};

static void read_host(struct host *host, const struct page_item *item)
{
	int writer = item->kind == PAGE_BENCH ? BENCH : KVM_ZAP;
	size_t i;

	for (i = 0; i < FACTS; i++) {
		struct json_object *value = page_get(item->json, facts[i].key[writer]);

		/* Numbers as well. The text is the object's, and stays as long. */
		host->fact[i] = value ? json_object_get_string(value) : NULL;
	}
}

static bool is_same(const struct host *a, const struct host *b)
{
	size_t i;

	for (i = 0; i < FACTS; i++)
		if (strcmp(a->fact[i] ? a->fact[i] : "", b->fact[i] ? b->fact[i] : ""))
			return false;
	return true;
}

static size_t read_hosts(struct host *hosts, const struct page_items *items)
{
	size_t i, j, nr = 0;

	for (i = 0; i < items->nr; i++) {
		read_host(&hosts[nr], &items->item[i]);
		for (j = 0; j < nr && !is_same(&hosts[j], &hosts[nr]); j++)
			;
		nr += j == nr;
	}
	return nr;
}

void page_hosts(struct page *page, const struct page_items *items)
{
	struct host *hosts = desk_alloc((items->nr + 1) * sizeof(*hosts));
	size_t nr = read_hosts(hosts, items), i, j;

	page_out(page, "<h2 id=\"hosts\">%s</h2>\n", nr == 1 ? "The host" : "The hosts");
	page_out(page, "<div class=\"wide words\" role=\"region\" tabindex=\"0\" "
		 "aria-label=\"Hosts\"><table><tbody>\n");
	for (i = 0; i < FACTS; i++) {
		for (j = 0; j < nr && !(hosts[j].fact[i] && *hosts[j].fact[i]); j++)
			;
		if (j == nr)
			continue;
		page_row(page, facts[i].about);
		for (j = 0; j < nr; j++)
			page_cell(page, desk_copy(hosts[j].fact[i] ? hosts[j].fact[i] : "-"));
		page_row_end(page);
	}
	page_out(page, "</tbody></table></div>\n");
	free(hosts);
}
