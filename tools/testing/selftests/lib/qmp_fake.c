// SPDX-License-Identifier: GPL-2.0-only
/*
 * For desk_qmp_test.sh: a program that listens at a socket in place of QEMU.
 *
 *	qmp_fake SOCKET HOW [TEXT]
 *
 * HOW: ok, pretty (the same in pieces and lines); number (the return value is of the
 * wrong type); silent, mail (another greeting), object (the same as JSON), closes,
 * refuses (the capabilities), unknown (the command), mute (no answer to it), flood (an
 * endless one), full (accepts nobody). The first answer to "info mtree -f" is the file
 * TEXT.1, the next one TEXT.2 and so on, as long as these files exist. Each connection,
 * and each word of commands, is a line on stdout.
 */
#define _GNU_SOURCE
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *how, *text;
static unsigned int asked;

/* Until the other side has gone. */
static int wait_for_end(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) > 0)
		;
	return 0;
}

static int is(const char *word)
{
	return !strcmp(how, word);
}

/* False: nobody reads it. */
static int say(int fd, const char *words)
{
	size_t left = strlen(words), piece;

	while (left) {
		piece = is("pretty") && left > 7 ? 7 : left;
		if (send(fd, words, piece, MSG_NOSIGNAL) < 0)
			return 0;
		words += piece;
		left -= piece;
		if (is("pretty"))
			usleep(200);
	}
	return 1;
}

static struct json_object *mtree(void)
{
	char *path, *words = NULL;
	size_t room = 0;
	FILE *file;

	asked++;
	if (asprintf(&path, "%s.%u", text, asked) < 0)
		exit(1);
	if (access(path, R_OK))
		path[strlen(path) - 1] = '0' + --asked;
	file = fopen(path, "r");
	if (!file || getdelim(&words, &room, '\0', file) < 0)
		exit(1);
	fclose(file);
	return json_object_new_string(words);
}

static void flood(int fd)
{
	while (say(fd, "{\"return\": \"") && say(fd, "0123456789"))
		while (say(fd, "012345678901234567890123456789"))
			;
}

static int refuse(int fd, const char *class, const char *text)
{
	return say(fd, "{\"error\": {\"class\": \"") && say(fd, class) &&
	       say(fd, "\", \"desc\": \"") && say(fd, text) && say(fd, "\"}}\r\n");
}

static int answer(int fd, const char *command)
{
	int flags = is("pretty") ? JSON_C_TO_STRING_PRETTY : 0;
	struct json_object *object = json_object_new_object();
	int said;

	if (!strcmp(command, "qmp_capabilities")) {
		if (is("refuses"))
			return refuse(fd, "GenericError", "not \\u001b[2J today");
		return say(fd, "{\"event\": \"RESUME\", \"data\": {}}\r\n{\"return\": {}}\r\n");
	}
	if (is("unknown"))
		return refuse(fd, "CommandNotFound", "no such command");
	if (is("flood"))
		flood(fd);
	if (is("mute") || is("flood"))
		return wait_for_end(fd);
	json_object_object_add(object, "return", is("number") ? json_object_new_int(3) : mtree());
	said = say(fd, json_object_to_json_string_ext(object, flags)) && say(fd, "\r\n");
	json_object_put(object);
	return said;
}

static void serve(int fd)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object, *command;
	char buf[4096];
	ssize_t bytes;

	if (is("silent"))
		wait_for_end(fd);
	if (is("mail"))
		say(fd, "220 mail \033[2J ready\r\n");
	else if (is("object"))
		say(fd, "{\"hello\": 1}\r\n");
	else
		say(fd, "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n");
	while (!is("closes") && (bytes = recv(fd, buf, sizeof(buf), 0)) > 0) {
		object = json_tokener_parse_ex(tokener, buf, bytes);
		if (!json_object_object_get_ex(object, "execute", &command))
			break;
		puts(json_object_get_string(command));
		if (!answer(fd, json_object_get_string(command)))
			break;
		json_object_put(object);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;

	if (argc < 3)
		return 2;
	how = argv[2];
	text = argv[3];
	setlinebuf(stdout);
	strncpy(address.sun_path, argv[1], sizeof(address.sun_path) - 1);
	unlink(argv[1]);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 0))
		return 1;
	puts("ready");
	if (is("full")) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			puts("waits");
		pause();
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		puts("connected");
		serve(fd);
	}
	return 1;
}
