// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command of a run of kvm-zap compare: its choice, its start, its end. See compare.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "desk.h"

#define END_S		2	/* for a command to end when it is told to */

/* kvm-zap-bench is where kvm-zap is, or where a shell would find it. */
static char *find_bench(void)
{
	char self[4096], *path, *slash;
	ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (bytes > 0) {
		self[bytes] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		path = desk_text("%s/kvm-zap-bench", self);
		if (!access(path, X_OK))
			return path;
		free(path);
	}
	return desk_copy("kvm-zap-bench");
}

int compare_own_open(struct compare *c)
{
	size_t i, words = 0;
	char *longer;

	c->what = desk_copy("");
	for (i = 0; c->command[i]; i++, words++) {
		longer = desk_text("%s%s%s", c->what, i ? " " : "", c->command[i]);
		free(c->what);
		c->what = longer;
	}
	if (c->is_workload) {
		char **command = desk_alloc((words + 2) * sizeof(*command));

		command[0] = find_bench();
		memcpy(command + 1, c->command, words * sizeof(*command));
		c->command = command;
		longer = desk_text("kvm-zap-bench %s", c->what);
		free(c->what);
		c->what = longer;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return DESK_OK;
}

static void __attribute__((noreturn)) child(struct compare_command *cmd, int gate, char **argv)
{
	int null = open("/dev/null", O_RDONLY);

	/* A terminal's ^C is for this program, which then ends the command. */
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	dup2(cmd->output, STDOUT_FILENO);
	dup2(cmd->output, STDERR_FILENO);
	if (gate >= 0)
		fcntl(gate, F_SETFD, 0);
	if (cmd->log >= 0)
		setenv("LC_ALL", "C", 1);
	execvp(*argv, argv);
	dprintf(STDERR_FILENO, "%s: %s\n", *argv, strerror(errno));
	_exit(127);
}

static int fork_it(const struct compare *c, struct compare_command *cmd, int gate, char **command)
{
	char **argv = compare_perf_command(c, command, cmd->log);

	cmd->pid = fork();
	if (!cmd->pid)
		child(cmd, gate, argv);
	free(argv);
	if (cmd->pid > 0)
		return DESK_OK;
	desk_say("fork: %s", strerror(errno));
	return DESK_NOT;
}

/* PROGRAM --gate FD WORKLOAD... */
static int start_gated(const struct compare *c, struct compare_command *cmd)
{
	size_t words = 0;
	char **command;
	int gates[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gates)) {
		desk_say("socketpair: %s", strerror(errno));
		return DESK_NOT;
	}
	while (c->command[words])
		words++;
	command = desk_alloc((words + 3) * sizeof(*command));
	command[0] = c->command[0];
	command[1] = "--gate";
	command[2] = desk_text("%d", gates[1]);
	memcpy(command + 3, c->command + 1, words * sizeof(*command));
	cmd->gate = gates[0];
	ret = fork_it(c, cmd, gates[1], command);
	close(gates[1]);
	free(command[2]);
	free(command);
	return ret;
}

int compare_command_start(const struct compare *c, struct compare_command *cmd)
{
	*cmd = (struct compare_command){ .gate = -1, .log = -1 };
	cmd->output = compare_tmpfile();
	if (cmd->output < 0)
		return DESK_NOT;
	if (c->nr_events) {
		cmd->log = compare_tmpfile();
		if (cmd->log < 0)
			return DESK_NOT;
	}
	return c->is_workload ? start_gated(c, cmd) : fork_it(c, cmd, -1, c->command);
}

bool compare_command_ended(struct compare_command *cmd, int *status)
{
	if (waitpid(cmd->pid, status, WNOHANG) != cmd->pid)
		return false;
	cmd->pid = 0;
	return true;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void compare_command_close_gate(struct compare_command *cmd)
{
	close_one(&cmd->gate);
}

void compare_command_end(struct compare_command *cmd)
{
	uint64_t until = desk_now_ns() + END_S * 1000000000ULL;

	if (cmd->pid > 0) {
		kill(-cmd->pid, SIGTERM);
		while (!waitpid(cmd->pid, NULL, WNOHANG) && desk_now_ns() < until)
			desk_sleep(0.01);
		kill(-cmd->pid, SIGKILL);
		waitpid(cmd->pid, NULL, 0);
	}
	close_one(&cmd->gate);
	close_one(&cmd->log);
	close_one(&cmd->output);
}

/* Of what a command said: the first line, which may be why, and the last ones. */
static void print_said(const char *text)
{
	const char *last = text + strlen(text), *second = strchrnul(text, '\n');
	int lines = 0;

	while (last > text && (last[-1] != '\n' || lines++ < 5))
		last--;
	second += *second == '\n';
	if (last > second)
		fprintf(stderr, "%.*s...\n", (int)(second - text), text);
	else
		last = text;
	fputs(last, stderr);
	if (*last && last[strlen(last) - 1] != '\n')
		fputc('\n', stderr);
}

int compare_command_failed(const struct compare *c, const struct compare_command *cmd,
			   const char *word, int status)
{
	char *text = compare_tmpfile_text(cmd->output);

	print_said(text);
	free(text);
	if (WIFSIGNALED(status))
		desk_say("%s, %s: ended by signal %d", c->what, word, WTERMSIG(status));
	else
		desk_say("%s, %s: exit status %d", c->what, word, WEXITSTATUS(status));
	/* kvm-zap-bench does not know the workload, or its option. */
	return c->is_workload && WIFEXITED(status) && WEXITSTATUS(status) == 2 ?
	       DESK_USAGE : DESK_NOT;
}
