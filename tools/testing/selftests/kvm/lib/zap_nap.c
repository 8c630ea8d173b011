// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"
#include "zap_nap.h"

#define NAP_US	200

static pthread_t thread;
static bool stop;

/*
 * Of a real-time class: a kernel that preempts lazily lets a task of the fair class
 * wait for the next tick, and by then the deletion may be over.
 */
static void *nap(void *unused)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	volatile unsigned int i;

	(void)unused;
	if (sched_setscheduler(gettid(), SCHED_FIFO, &lowest))
		vm_die("sched_setscheduler: %s", strerror(errno));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		usleep(NAP_US);
		for (i = 0; i < 1000; i++)
			;
	}
	return NULL;
}

void nap_start(void)
{
	stop = false;
	if (pthread_create(&thread, NULL, nap, NULL))
		vm_die("pthread_create");
}

void nap_stop(void)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}
