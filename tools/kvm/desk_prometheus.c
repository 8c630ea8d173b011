// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metrics for Prometheus. See desk_prometheus.h.
 *
 * If one series is there twice, node_exporter drops the whole file. VMs of one process
 * have the same labels, so their values are added up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "desk.h"
#include "desk_print.h"
#include "desk_prometheus.h"
#include "desk_vms.h"

/* Edges of the histogram, 1 us to 69 s: always the same ones, so that series stay. */
#define FIRST_EDGE	10
#define LAST_EDGE	36

struct metrics {
	FILE *out;
	const struct desk_module *module;
	struct desk_stats stats;
	struct desk_vms vms;
};

struct metric {
	const char *name, *help;
	int index;		/* of a count; in ns where the name says seconds */
};

static const struct metric row_counters[] = {
	{ "invalidations_total", "Invalidations.", STAT_COUNT },
	{ "sptes_dropped_total", "SPTEs that invalidations dropped.", STAT_SPTES },
	{ "collateral_sptes_total",
	  "SPTEs that invalidations dropped although they cannot have been the memslot's.",
	  STAT_COLLATERAL },
	{ "kept_sptes_total", "SPTEs that scoped left mapped.", STAT_KEPT },
	{ "page_tables_total", "Page tables that invalidations dropped.", STAT_TABLES },
	{ "yields_total", "Times that an invalidation gave way on mmu_lock.", STAT_YIELDS },
	{ "tlb_flushes_total", "Remote TLB flushes of invalidations.", STAT_FLUSHES },
	{ }
};

static const struct metric vm_counters[] = {
	{ "vm_sptes_dropped_total", "SPTEs that invalidations of the VM dropped.", COUNT_SPTES },
	{ "vm_collateral_sptes_total",
	  "SPTEs of the VM dropped although they cannot have been the memslot's.",
	  COUNT_COLLATERAL },
	{ "vm_kept_sptes_total", "SPTEs of the VM that scoped left mapped.", COUNT_KEPT },
	{ "vm_memslot_updates_total", "Updates of memslots.", COUNT_UPDATES },
	{ "vm_memslot_update_seconds_total", "Time that the VMM waited for updates of memslots.",
	  COUNT_UPDATE_NS },
	{ "vm_refaults_total", "Page faults that followed invalidations.", COUNT_REFAULTS },
	{ "vm_stall_seconds_total",
	  "Time of all vCPUs in page faults that followed invalidations, with zap_stall.",
	  COUNT_STALL_NS },
	{ }
};

static const struct metric vm_gauges[] = {
	{ "vm_memslot_update_max_seconds", "Longest update of a memslot.", COUNT_UPDATE_MAX_NS },
	{ "vm_stall_max_seconds",
	  "The most that a vCPU stood still in one window after invalidations, with zap_stall.",
	  COUNT_STALL_MAX_NS },
	{ "vm_mapped_sptes", "Leaf SPTEs that the VM has.", COUNT_MAPPED },
	{ "vm_assigned_devices", "Devices of the host that the VM has.", COUNT_ASSIGNED },
	{ "vm_noncoherent_dma", "The VM has a device with non-coherent DMA.",
	  COUNT_NONCOHERENT },
	{ }
};

static void head(struct metrics *m, const char *name, const char *help, const char *type)
{
	fprintf(m->out, "# HELP kvm_zap_%s %s\n# TYPE kvm_zap_%s %s\n", name, help, name, type);
}

static void value(struct metrics *m, const char *name, uint64_t n)
{
	if (strstr(name, "seconds"))
		fprintf(m->out, " %lu.%09lu\n", n / 1000000000, n % 1000000000);
	else
		fprintf(m->out, " %lu\n", n);
}

/* A label's value has to be UTF-8, and three characters are written otherwise. */
static void label(struct metrics *m, const char *name, const char *text)
{
	char *utf8 = desk_utf8(text), *s;

	fprintf(m->out, "%s=\"", name);
	for (s = utf8; *s; s++) {
		if (*s == '\n')
			fputs("\\n", m->out);
		else if (*s == '\\' || *s == '"')
			fprintf(m->out, "\\%c", *s);
		else
			fputc(*s, m->out);
	}
	fputc('"', m->out);
	free(utf8);
}

static void vm_labels(struct metrics *m, const char *name, const struct desk_vm *vm)
{
	fprintf(m->out, "kvm_zap_%s{", name);
	label(m, "domain", vm->name);
	fprintf(m->out, ",pid=\"%d\"", vm->tgid);
}

static void module_metrics(struct metrics *m)
{
	struct utsname uts;
	unsigned int i;

	uname(&uts);
	head(m, "module_info", "Whose kvm is loaded: kvm-zap, distribution, none.", "gauge");
	fputs("kvm_zap_module_info{", m->out);
	label(m, "origin", desk_module_origin(m->module));
	fputc(',', m->out);
	label(m, "build_id", m->module->build_id);
	fputc(',', m->out);
	label(m, "kernel", uts.release);
	fputs("} 1\n", m->out);
	if (m->module->current != DESK_UNKNOWN) {
		head(m, "module_is_installed_one", "The kvm that is loaded is the installed one.",
		     "gauge");
		fprintf(m->out, "kvm_zap_module_is_installed_one %d\n",
			m->module->current == DESK_YES);
	}
	head(m, "exporter_last_run_seconds", "When this was written, in seconds since 1970.",
	     "gauge");
	fprintf(m->out, "kvm_zap_exporter_last_run_seconds %lld\n", (long long)time(NULL));
	if (!m->module->zap)
		return;
	head(m, "parameter_info", "The word of each site's parameter.", "gauge");
	for (i = 0; i < DESK_NR_SITES; i++) {
		char word[64];

		if (desk_param(&desk_sites[i], word, sizeof(word)))
			continue;
		fprintf(m->out, "kvm_zap_parameter_info{site=\"%s\",", desk_sites[i].name);
		label(m, "word", word);
		fputs("} 1\n", m->out);
	}
}

static void row_metric(struct metrics *m, const char *name, int index)
{
	size_t i;

	for (i = 0; i < m->stats.nr; i++) {
		const struct desk_row *row = &m->stats.rows[i];

		fprintf(m->out, "kvm_zap_%s{site=\"%s\",policy=\"%s\"}", name, row->site,
			row->policy);
		value(m, name, row->n[index]);
	}
}

/*
 * The count is that of the buckets, which are read later than the totals: it has to be the
 * last bucket's.
 */
static void histogram(struct metrics *m, const struct desk_row *row)
{
	static const char name[] = "kvm_zap_duration_seconds";
	uint64_t sum = 0;
	int i, edge;

	for (i = 0, edge = FIRST_EDGE; edge <= LAST_EDGE; edge++) {
		for (; i < edge; i++)
			sum += row->bucket[i];
		fprintf(m->out, "%s_bucket{site=\"%s\",policy=\"%s\",le=\"%.9f\"} %lu\n",
			name, row->site, row->policy, (1ULL << edge) / 1e9, sum);
	}
	for (; i < DESK_BUCKETS; i++)
		sum += row->bucket[i];
	fprintf(m->out, "%s_bucket{site=\"%s\",policy=\"%s\",le=\"+Inf\"} %lu\n",
		name, row->site, row->policy, sum);
	fprintf(m->out, "%s_sum{site=\"%s\",policy=\"%s\"}", name, row->site, row->policy);
	value(m, name, row->n[STAT_TOTAL_NS]);
	fprintf(m->out, "%s_count{site=\"%s\",policy=\"%s\"} %lu\n", name, row->site,
		row->policy, sum);
}

static void row_metrics(struct metrics *m)
{
	const struct metric *metric;
	size_t i;

	for (metric = row_counters; metric->name; metric++) {
		head(m, metric->name, metric->help, "counter");
		row_metric(m, metric->name, metric->index);
	}
	head(m, "max_seconds", "Longest invalidation.", "gauge");
	row_metric(m, "max_seconds", STAT_MAX_NS);
	head(m, "duration_seconds", "Time within invalidations.", "histogram");
	for (i = 0; i < m->stats.nr; i++)
		histogram(m, &m->stats.rows[i]);
}

static void vm_metric(struct metrics *m, const struct metric *metric, const char *type)
{
	size_t i;

	head(m, metric->name, metric->help, type);
	for (i = 0; i < m->vms.nr; i++) {
		vm_labels(m, metric->name, &m->vms.vm[i]);
		fputc('}', m->out);
		value(m, metric->name, m->vms.vm[i].n[metric->index]);
	}
}

/* What there is of each policy: by site, for the sites that have it. */
static void vm_by_policy(struct metrics *m, const char *name, const int *index)
{
	static const char * const labels[] = {
		"site=\"memslot\",policy=\"fast\"", "site=\"memslot\",policy=\"scoped\"",
		"site=\"mmio\",policy=\"fast\"", "site=\"mmio\",policy=\"scoped\"",
	};
	static const char * const policies[] = { "policy=\"fast\"", "policy=\"scoped\"" };
	unsigned int j;
	size_t i;

	for (i = 0; i < m->vms.nr; i++) {
		for (j = 0; j < 4 && index[j] >= 0; j++) {
			vm_labels(m, name, &m->vms.vm[i]);
			fprintf(m->out, ",%s}", index[2] < 0 ? policies[j] : labels[j]);
			value(m, name, m->vms.vm[i].n[index[j]]);
		}
	}
}

static void vm_metrics(struct metrics *m)
{
	static const int counts[] = { COUNT_MEMSLOT_FAST, COUNT_MEMSLOT_SCOPED, COUNT_MMIO_FAST,
				      COUNT_MMIO_SCOPED };
	static const int ns[] = { COUNT_FAST_NS, COUNT_SCOPED_NS, -1 };
	static const int max[] = { COUNT_FAST_MAX_NS, COUNT_SCOPED_MAX_NS, -1 };
	const struct metric *metric;
	size_t i;

	head(m, "vms", "VMs that run.", "gauge");
	fprintf(m->out, "kvm_zap_vms %zu\n", m->vms.nr);
	head(m, "vm_info", "What decides for the VM, and what that comes to.", "gauge");
	for (i = 0; i < m->vms.nr; i++) {
		vm_labels(m, "vm_info", &m->vms.vm[i]);
		fprintf(m->out, ",word=\"%s\",by=\"%s\",policy=\"%s\"} 1\n", m->vms.vm[i].word,
			m->vms.vm[i].by, m->vms.vm[i].policy);
	}
	head(m, "vm_invalidations_total", "Invalidations of the VM.", "counter");
	vm_by_policy(m, "vm_invalidations_total", counts);
	head(m, "vm_seconds_total", "Time within invalidations of the VM.", "counter");
	vm_by_policy(m, "vm_seconds_total", ns);
	head(m, "vm_max_seconds", "Longest invalidation of the VM.", "gauge");
	vm_by_policy(m, "vm_max_seconds", max);
	for (metric = vm_counters; metric->name; metric++)
		vm_metric(m, metric, "counter");
	for (metric = vm_gauges; metric->name; metric++)
		vm_metric(m, metric, "gauge");
}

static bool is_max(int count)
{
	return count == COUNT_FAST_MAX_NS || count == COUNT_SCOPED_MAX_NS ||
	       count == COUNT_UPDATE_MAX_NS || count == COUNT_STALL_MAX_NS;
}

/* VMs of one process become one; words of the first stand for all of them. */
static void merge(struct desk_vms *vms)
{
	size_t i, j, kept = 0;
	int k;

	for (i = 0; i < vms->nr; i++) {
		for (j = 0; j < kept && vms->vm[j].tgid != vms->vm[i].tgid; j++)
			;
		if (j == kept) {
			vms->vm[kept++] = vms->vm[i];
			continue;
		}
		for (k = 0; k < DESK_NR_COUNTS; k++) {
			uint64_t *to = &vms->vm[j].n[k], from = vms->vm[i].n[k];

			*to = !is_max(k) ? *to + from : *to > from ? *to : from;
		}
	}
	vms->nr = kept;
}

/* Where the kernel does not tell, what the VMM has open does. */
static void fill_assigned(struct desk_vms *vms)
{
	bool unknown = false;
	size_t i;

	for (i = 0; i < vms->nr; i++)
		unknown |= !vms->vm[i].assigned_known;
	if (unknown)
		desk_vms_look(vms);
	for (i = 0; i < vms->nr; i++)
		if (!vms->vm[i].assigned_known && vms->vm[i].vfio > 0)
			vms->vm[i].n[COUNT_ASSIGNED] = vms->vm[i].vfio;
}

static int collect(struct metrics *m)
{
	char *why = NULL;
	int ret = DESK_OK;

	if (m->module->zap)
		ret = desk_stats_read(&m->stats, &why);
	if (m->module->zap && !ret)
		ret = desk_vms_read(&m->vms, &why);
	if (ret)
		desk_say("%s", why);
	free(why);
	/* Before there are names to free. */
	merge(&m->vms);
	desk_vms_name(&m->vms);
	fill_assigned(&m->vms);
	return ret;
}

static int deliver(const char *text, size_t bytes, const char *file)
{
	int error;

	if (!file)
		return fwrite(text, 1, bytes, stdout) == bytes ? DESK_OK : DESK_NOT;
	error = desk_replace(file, text, bytes);
	if (error)
		desk_say("%s: %s", file, strerror(-error));
	return error ? DESK_NOT : DESK_OK;
}

int desk_prometheus(const struct desk_module *module, const char *file)
{
	struct metrics m = { .module = module };
	char *text = NULL;
	size_t bytes = 0;
	int ret;

	ret = file ? desk_may_replace(file) : DESK_OK;
	if (!ret)
		ret = collect(&m);
	if (ret)
		goto out;
	m.out = open_memstream(&text, &bytes);
	if (!m.out) {
		ret = DESK_NOT;
		goto out;
	}
	module_metrics(&m);
	if (module->zap) {
		row_metrics(&m);
		vm_metrics(&m);
	}
	/* Short of memory it would be cut short. */
	ret = fclose(m.out) ? DESK_NOT : deliver(text, bytes, file);
	free(text);
out:
	desk_vms_free(&m.vms);
	desk_stats_free(&m.stats);
	return ret;
}
