// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose pages are supplied late, see zap_hold.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_hold.h"
#include "zap_lib.h"

static int open_userfaultfd(void)
{
	return syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
}

void hold_need(void)
{
	int fd = open_userfaultfd();

	if (fd < 0)
		ktap_skip_all("the kernel has no userfaultfd, or does not permit it");
	close(fd);
}

static void take(struct hold *hold)
{
	struct uffd_msg msg;
	unsigned int page;

	if (read(hold->fd, &msg, sizeof(msg)) != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT)
		vm_die("userfaultfd: no page fault: %s", strerror(errno));
	page = (msg.arg.pagefault.address - (uintptr_t)hold->mem) / SZ_4K;
	hold->from_ns[page] = vm_now_ns();
	if (hold->meanwhile)
		hold->meanwhile();
}

static void supply(struct hold *hold, unsigned int page)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)hold->mem + page * SZ_4K, .len = SZ_4K },
	};

	hold->held_ns[page] = vm_now_ns() - hold->from_ns[page] ?: 1;
	if (ioctl(hold->fd, UFFDIO_ZEROPAGE, &zero))
		vm_die("UFFDIO_ZEROPAGE: %s", strerror(errno));
}

static void *serve(void *data)
{
	struct hold *hold = data;
	struct pollfd event = { .fd = hold->fd, .events = POLLIN };
	unsigned int i;

	for (;;) {
		/* A point of cancellation. */
		if (poll(&event, 1, 1) == 1)
			take(hold);
		for (i = 0; i < HOLD_PAGES; i++) {
			if (hold->from_ns[i] && !hold->held_ns[i] &&
			    vm_now_ns() - hold->from_ns[i] >= hold->ms[i] * 1000000UL)
				supply(hold, i);
		}
	}
	return NULL;
}

void hold_create(struct hold *hold)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register pages = {
		.range = { .len = HOLD_PAGES * SZ_4K }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	memset(hold, 0, sizeof(*hold));
	hold->mem = mmap(NULL, HOLD_PAGES * SZ_4K, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	hold->fd = open_userfaultfd();
	pages.range.start = (uintptr_t)hold->mem;
	if (hold->mem == MAP_FAILED || hold->fd < 0 || ioctl(hold->fd, UFFDIO_API, &api) ||
	    ioctl(hold->fd, UFFDIO_REGISTER, &pages) ||
	    pthread_create(&hold->thread, NULL, serve, hold))
		vm_die("userfaultfd: %s", strerror(errno));
}

void hold_destroy(struct hold *hold)
{
	if (pthread_cancel(hold->thread) || pthread_join(hold->thread, NULL))
		vm_die("the thread that supplies pages does not end");
	close(hold->fd);
	munmap(hold->mem, HOLD_PAGES * SZ_4K);
}
