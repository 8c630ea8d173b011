// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-zap-bench --gate FD: the program that started this one is told of each VM once it
 * is created, and before it is closed. Until that program answers, it may look at the VM
 * or give it a word of its own. kvm-zap compare does so: what it then reads of a VM is
 * everything that the VM did.
 *
 * FD is a socket that preserves message boundaries. Each message is "made TID-FD" or
 * "closing TID-FD", after the VM's folder in debugfs; any message is an answer.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "vm.h"

static int gate;

static void tell(const char *what, struct vm *vm)
{
	char text[64];
	ssize_t bytes;

	snprintf(text, sizeof(text), "%s %d-%d", what, gettid(), vm->fd);
	if (send(gate, text, strlen(text), MSG_NOSIGNAL) < 0)
		vm_die("--gate %d: %s", gate, strerror(errno));
	do {
		bytes = recv(gate, text, sizeof(text), 0);
	} while (bytes < 0 && errno == EINTR);
	if (bytes <= 0)
		vm_die("--gate %d: no answer", gate);
}

static void made(struct vm *vm)
{
	tell("made", vm);
}

static void closing(struct vm *vm)
{
	tell("closing", vm);
}

bool bench_gate(const char *arg)
{
	int type;
	socklen_t bytes = sizeof(type);
	char *end;

	gate = strtol(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end ||
	    getsockopt(gate, SOL_SOCKET, SO_TYPE, &type, &bytes) || type != SOCK_SEQPACKET)
		return false;
	vm_watch(made, closing);
	return true;
}
