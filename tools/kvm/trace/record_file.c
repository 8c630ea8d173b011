// SPDX-License-Identifier: GPL-2.0-only
/*
 * The output file of kvm-zap record: it consists of whole lines, whatever happens. See
 * record.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "desk.h"
#include "record.h"

static const char *name_of(const struct record_file *file)
{
	return file->path ? file->path : "standard output";
}

int record_file_open(struct record_file *file, const char *path)
{
	struct stat st;

	file->path = path;
	file->fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : STDOUT_FILENO;
	if (file->fd < 0) {
		desk_say("%s: %s", path, strerror(errno));
		return DESK_NOT;
	}
	if (path && !fstat(file->fd, &st) && S_ISREG(st.st_mode) && st.st_size) {
		desk_say("%s: it is not empty: give another file, or remove it",
			 path);
		close(file->fd);
		return DESK_NOT;
	}
	return DESK_OK;
}

/* Of a line that found no room the beginning is taken back. */
static void cut(struct record_file *file, size_t written)
{
	size_t torn = 0;
	off_t end = lseek(file->fd, 0, SEEK_CUR);

	while (torn < written && file->text[written - 1 - torn] != '\n')
		torn++;
	/* A pipe has no end: who reads it sees a line without one. */
	if (torn && end >= (off_t)torn && ftruncate(file->fd, end - torn))
		desk_say("%s: its last line is incomplete: %s", name_of(file), strerror(errno));
}

int record_file_flush(struct record_file *file)
{
	size_t written = 0;

	while (written < file->bytes) {
		ssize_t now = write(file->fd, file->text + written, file->bytes - written);
		int error = errno;

		if (now < 0 && error == EINTR)
			continue;
		if (now < 0) {
			cut(file, written);
			file->bytes = 0;
			/* The reader has seen what it wanted to. */
			if (error == EPIPE && !file->path)
				return DESK_NOT;
			desk_say("%s: %s: the recording ends here", name_of(file),
				 strerror(error));
			return DESK_NOT;
		}
		written += now;
	}
	file->bytes = 0;
	return DESK_OK;
}

int record_file_close(struct record_file *file)
{
	int ret = record_file_flush(file);

	/* Some file systems only now say that there is no room. */
	if (file->path && close(file->fd) && !ret) {
		desk_say("%s: %s", file->path, strerror(errno));
		ret = DESK_NOT;
	}
	free(file->text);
	file->text = NULL;
	file->room = 0;
	return ret;
}

void record_line(struct record_file *file, struct json_object *object)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE | JSON_C_TO_STRING_PLAIN;
	const char *line = json_object_to_json_string_ext(object, flags);
	size_t bytes = strlen(line) + 1;

	if (file->bytes + bytes > file->room) {
		file->room = 2 * (file->bytes + bytes);
		file->text = desk_grow(file->text, file->room, 1);
	}
	memcpy(file->text + file->bytes, line, bytes - 1);
	file->text[file->bytes + bytes - 1] = '\n';
	file->bytes += bytes;
	json_object_put(object);
}
