// SPDX-License-Identifier: GPL-2.0-only
/*
 * The time that this CPU takes to empty a page table by an atomic exchange of each entry,
 * and by plain reads. Counting instructions does not show this difference.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENTRIES	      512
#define ENTRY_PRESENT (1ULL << 11)
#define ENTRY_FROZEN  0x5a0ULL
#define SAMPLES_MAX   100000
#define TABLES_MAX    4096

static const char usage[] =
	"usage: zap-table-cost [OPTION...]\n"
	"\n"
	"Times the two ways in which policy scoped empties a page table of the TDP MMU:\n"
	"512 entries, all present, by an atomic exchange each (6.1 and 6.12, for entries\n"
	"that the CPU may still change), and by plain reads that count them (6.13 and later).\n"
	"Prints nanoseconds for a table. The two are sampled in turn, on one CPU, with\n"
	"tables that were written just before, so they are in its caches. No other CPU uses\n"
	"them: what sharing them with another one would cost is not in it.\n"
	"\n"
	"  -n, --samples N  samples of each way (1001)\n"
	"  -t, --tables N   page tables in a sample (16)\n"
	"  -h, --help       this text\n";

typedef uint64_t empty_fn(uint64_t *table);

static uint64_t by_exchange(uint64_t *table)
{
	uint64_t entry, leafs = 0;
	unsigned int i;

	for (i = 0; i < ENTRIES; i++) {
		if (!(__atomic_load_n(&table[i], __ATOMIC_RELAXED) & ENTRY_PRESENT))
			continue;
		entry = __atomic_exchange_n(&table[i], ENTRY_FROZEN, __ATOMIC_SEQ_CST);
		leafs += !!(entry & ENTRY_PRESENT);
	}
	return leafs;
}

static uint64_t by_reads(uint64_t *table)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < ENTRIES; i += 4)
		sum += (__atomic_load_n(&table[i], __ATOMIC_RELAXED) & ENTRY_PRESENT) +
		       (__atomic_load_n(&table[i + 1], __ATOMIC_RELAXED) & ENTRY_PRESENT) +
		       (__atomic_load_n(&table[i + 2], __ATOMIC_RELAXED) & ENTRY_PRESENT) +
		       (__atomic_load_n(&table[i + 3], __ATOMIC_RELAXED) & ENTRY_PRESENT);
	return sum / ENTRY_PRESENT;
}

static const struct {
	const char *name;
	empty_fn *empty;
} ways[] = {
	{ "exchange", by_exchange },
	{ "reads", by_reads },
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define WAYS	      ARRAY_SIZE(ways)

static void die(const char *what)
{
	fprintf(stderr, "zap-table-cost: %s\n", what);
	exit(2);
}

static unsigned long parse(const char *text, unsigned long max)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || !value || value > max)
		die("a number is missing, 0, or too large; see --help");
	return value;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static double sample(empty_fn *empty, uint64_t *tables, unsigned long nr)
{
	uint64_t start, leafs = 0;
	unsigned long i;

	for (i = 0; i < nr * ENTRIES; i++)
		tables[i] = i << 12 | ENTRY_PRESENT;
	start = now_ns();
	for (i = 0; i < nr; i++)
		leafs += empty(tables + i * ENTRIES);
	start = now_ns() - start;
	if (leafs != nr * ENTRIES)
		die("entries were miscounted");
	return (double)start / nr;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_cpu(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10)) {
			printf("CPU: %s", strchr(line, ':') ? strchr(line, ':') + 2 : line);
			break;
		}
	if (f)
		fclose(f);
}

static void stay_here(void)
{
	cpu_set_t set;
	int cpu = sched_getcpu();

	CPU_ZERO(&set);
	if (cpu >= 0)
		CPU_SET(cpu, &set);
	if (cpu < 0 || sched_setaffinity(0, sizeof(set), &set))
		die("cannot stay on one CPU");
}

static void measure(unsigned long samples, unsigned long nr, uint64_t *tables, double *ns)
{
	unsigned long i;
	unsigned int w;

	for (w = 0; w < WAYS; w++)
		sample(ways[w].empty, tables, nr);
	for (i = 0; i < samples; i++)
		for (w = 0; w < WAYS; w++)
			ns[w * samples + i] = sample(ways[w].empty, tables, nr);

	print_cpu();
	printf("ns for a page table of %d entries; %lu samples of %lu tables\n", ENTRIES, samples,
	       nr);
	printf("%-10s %10s %10s %10s %10s\n", "way", "median", "quartile 1", "quartile 3", "min");
	for (w = 0; w < WAYS; w++) {
		double *of = ns + w * samples;

		qsort(of, samples, sizeof(*of), compare);
		printf("%-10s %10.0f %10.0f %10.0f %10.0f\n", ways[w].name, of[samples / 2],
		       of[samples / 4], of[samples * 3 / 4], of[0]);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "samples", required_argument, NULL, 'n' },
						 { "tables", required_argument, NULL, 't' },
						 { "help", no_argument, NULL, 'h' },
						 {} };
	unsigned long samples = 1001, nr = 16;
	uint64_t *tables;
	double *ns;
	int c;

	while ((c = getopt_long(argc, argv, "n:t:h", options, NULL)) != -1)
		switch (c) {
		case 'n':
			samples = parse(optarg, SAMPLES_MAX);
			break;
		case 't':
			nr = parse(optarg, TABLES_MAX);
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	if (optind < argc)
		die("no argument is expected; see --help");
	stay_here();
	tables = aligned_alloc(4096, nr * 4096);
	ns = calloc(samples * WAYS, sizeof(*ns));
	if (!tables || !ns)
		die("out of memory");
	measure(samples, nr, tables, ns);
	free(ns);
	free(tables);
	return 0;
}
