// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disturbs the schedule of a lab, by a seed. How kernel code is preempted, how long time
 * slices are and how readily tasks move is chosen once. Then a process of the highest
 * priority alternates between sleep and work on each CPU. At its timers, the emulator
 * also lets the next CPU have its turn.
 *
 * usage: noise SEED does not end
 *
 * A setting of the scheduler whose file or word a kernel does not have stays as it is.
 * Exit status: 1 wrong usage, or a system call that failed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SCHED		"/sys/kernel/debug/sched/"

/* A sleep is shorter than 2^16 to 2^22 ns, work than a quarter of that. */
#define SLEEP_MIN_BITS	16
#define SLEEP_BITS	7
#define WORK_SHIFT	2
/* How many turns have the same bounds, at most. */
#define TURNS		64

static uint64_t state;

/* splitmix64: seeds that are close to each other have nothing in common. */
static uint64_t draw(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static uint64_t below(uint64_t end)
{
	return draw() % end;
}

static void choose(const char *file, const char *value)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), SCHED "%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	n = write(fd, value, strlen(value));
	(void)n;
	close(fd);
}

static void choose_ns(const char *file, uint64_t ns)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)ns);
	choose(file, text);
}

static void choose_scheduler(void)
{
	static const char * const preempt[] = { "none", "voluntary", "lazy", "full" };
	/* 0.1 to 12.8 ms, and 0 to 1 ms. */
	uint64_t slice = 100000ULL << below(8), migration = below(5) * 250000;

	choose("preempt", preempt[below(4)]);
	/* Linux before 6.6, and later. */
	choose_ns("min_granularity_ns", slice);
	choose_ns("base_slice_ns", slice);
	choose_ns("migration_cost_ns", migration);
}

static void work(uint64_t instructions)
{
	uint64_t i;

	/* About four for each. */
	for (i = 0; i < instructions / 4; i++)
		__asm__ volatile("" : : : "memory");
}

static int disturb(int cpu)
{
	const struct sched_param param = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };
	uint64_t most = 0, turns = 0;
	struct timespec ts = { };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &param)) {
		perror("noise");
		return 1;
	}
	for (;; turns--) {
		if (!turns) {
			turns = 1 + below(TURNS);
			most = 1ULL << (SLEEP_MIN_BITS + below(SLEEP_BITS));
		}
		ts.tv_nsec = below(most);
		nanosleep(&ts, NULL);
		work(below(most >> WORK_SHIFT));
	}
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), cpu;
	char *end = NULL;
	uint64_t seed;

	if (argc == 2)
		state = strtoull(argv[1], &end, 10);
	if (!end || end == argv[1] || *end) {
		fputs("usage: noise SEED\n", stderr);
		return 1;
	}
	choose_scheduler();
	for (cpu = 1; cpu < cpus; cpu++) {
		/* Each goes its own way. */
		seed = draw();
		switch (fork()) {
		case -1:
			perror("noise: fork");
			return 1;
		case 0:
			state = seed;
			return disturb(cpu);
		}
	}
	return disturb(0);
}
