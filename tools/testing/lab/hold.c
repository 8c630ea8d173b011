// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stops one thread of another process, for as long as that process or this one lives. The
 * lab stops the thread in which QEMU frees memory: otherwise that thread ends the turn of
 * a guest's CPU whenever it has waited long enough.
 *
 * usage: hold TID
 *
 * Exit status: 0 the process is gone, 1 wrong usage, no such thread, or no permission.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where it waits, it holds no lock that the others need: malloc()'s is one. */
static int waits(int tid)
{
	char path[32];
	long nr = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	file = fopen(path, "r");
	if (file) {
		if (fscanf(file, "%ld", &nr) != 1)
			nr = -1;
		fclose(file);
	}
	return nr == SYS_futex || nr == SYS_clock_nanosleep;
}

int main(int argc, char **argv)
{
	int tid = argc == 2 ? atoi(argv[1]) : 0, status;

	if (tid <= 0) {
		fputs("usage: hold TID\n", stderr);
		return 1;
	}
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) || ptrace(PTRACE_INTERRUPT, tid, NULL, NULL)) {
		perror("hold");
		return 1;
	}
	while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status)) {
		if (waits(tid))
			continue;
		ptrace(PTRACE_CONT, tid, NULL, NULL);
		usleep(1000);
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	}
	return 0;
}
