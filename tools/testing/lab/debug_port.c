// SPDX-License-Identifier: GPL-2.0-only
/*
 * For a guest without virtio. The emulator prints each byte that is written to one port;
 * a word that is written to another port ends Bochs.
 *
 * usage: debug-port cat	print standard input
 *        debug-port off	end Bochs; no effect in QEMU
 *
 * Exit status: 0 done, 1 wrong usage or no permission.
 */
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

#define PORT_PRINT	0xe9
#define PORT_END	0x8900

static int cat(void)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		outsb(PORT_PRINT, buf, n);
	return n < 0;
}

static int off(void)
{
	const char *p;

	for (p = "Shutdown"; *p; p++)
		outb(*p, PORT_END);
	return 1;
}

int main(int argc, char **argv)
{
	const char *verb = argc == 2 ? argv[1] : "";

	if (strcmp(verb, "cat") && strcmp(verb, "off")) {
		fputs("usage: debug-port cat|off\n", stderr);
		return 1;
	}
	if (iopl(3)) {
		perror("debug-port: iopl");
		return 1;
	}
	return !strcmp(verb, "cat") ? cat() : off();
}
