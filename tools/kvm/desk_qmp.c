// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QMP client, see desk_qmp.h.
 *
 * Nothing is sent before the greeting has arrived, so a path that names another service's
 * socket does no harm there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "desk.h"
#include "desk_print.h"
#include "desk_qmp.h"

#define ANSWER_BYTES	(16 << 20)	/* an answer may have; "info mtree" takes kilobytes */
#define CLOSED		"the other side has closed it"

struct desk_qmp {
	int fd;
	char *path;
	double seconds;
	struct json_tokener *tokener;
	char buf[16384];
	size_t used, parsed;
};

/* Words of the other side: the beginning of them, fit for a terminal. */
static char *words_of(const char *text)
{
	char *start = strndup(text, strcspn(text, "\r\n") < 60 ? strcspn(text, "\r\n") : 60);
	char *words = desk_printable(start ? start : "");

	free(start);
	return words;
}

static int left_ms(uint64_t until_ns)
{
	uint64_t now = desk_now_ns();

	return now < until_ns ? (until_ns - now) / 1000000 + 1 : 0;
}

/* Waits until the socket is ready for @events. False: @why has the reason. */
static bool ready(struct desk_qmp *q, short events, uint64_t until_ns, const char *what,
		  char **why)
{
	struct pollfd poll_fd = { .fd = q->fd, .events = events };

	for (;;) {
		int ret = poll(&poll_fd, 1, left_ms(until_ns));

		if (ret > 0)
			return true;
		if (ret < 0 && errno == EINTR && left_ms(until_ns))
			continue;
		if (ret < 0)
			*why = desk_text("%s: %s", q->path, strerror(errno));
		else
			*why = desk_text("%s: no %s within %g s", q->path, what, q->seconds);
		return false;
	}
}

/* More of what the other side sends, when all before is parsed. */
static bool receive(struct desk_qmp *q, uint64_t until_ns, const char *what, char **why)
{
	ssize_t bytes;

	do {
		if (!ready(q, POLLIN, until_ns, what, why))
			return false;
		bytes = recv(q->fd, q->buf, sizeof(q->buf), MSG_DONTWAIT);
	} while (bytes < 0 && (errno == EINTR || errno == EAGAIN));
	if (bytes <= 0) {
		*why = desk_text("%s: no %s: %s", q->path, what,
				 bytes && errno != ECONNRESET ? strerror(errno) : CLOSED);
		return false;
	}
	q->used = bytes;
	q->parsed = 0;
	return true;
}

/* The next object that comes. */
static struct json_object *next_object(struct desk_qmp *q, uint64_t until_ns, const char *what,
				       char **why)
{
	struct json_object *object;
	enum json_tokener_error error;
	size_t all = 0;
	char *text;

	json_tokener_reset(q->tokener);
	for (;;) {
		/* Between two objects there are line ends. */
		while (!all && q->parsed < q->used && strchr("\r\n", q->buf[q->parsed]))
			q->parsed++;
		if (q->parsed == q->used && !receive(q, until_ns, what, why))
			return NULL;
		object = json_tokener_parse_ex(q->tokener, q->buf + q->parsed,
					       q->used - q->parsed);
		error = json_tokener_get_error(q->tokener);
		if (error != json_tokener_continue)
			break;
		all += q->used - q->parsed;
		q->parsed = q->used;
		if (all > ANSWER_BYTES) {
			*why = desk_text("%s: an answer of more than %d MiB", q->path,
					 ANSWER_BYTES >> 20);
			return NULL;
		}
	}
	if (error == json_tokener_success && json_object_is_type(object, json_type_object)) {
		q->parsed += json_tokener_get_parse_end(q->tokener);
		return object;
	}
	json_object_put(object);
	q->buf[q->used < sizeof(q->buf) ? q->used : sizeof(q->buf) - 1] = '\0';
	text = words_of(q->buf + q->parsed);
	*why = desk_text("%s is not QMP: it says '%s'", q->path, text);
	free(text);
	return NULL;
}

static bool send_object(struct desk_qmp *q, struct json_object *object, uint64_t until_ns,
			const char *what, char **why)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	size_t left = strlen(text);
	ssize_t bytes;

	while (left) {
		if (!ready(q, POLLOUT, until_ns, what, why))
			return false;
		bytes = send(q->fd, text, left, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (bytes < 0 && errno != EAGAIN && errno != EINTR) {
			*why = desk_text("%s: no %s: %s", q->path, what,
					 errno != EPIPE && errno != ECONNRESET ? strerror(errno) :
					 CLOSED);
			return false;
		}
		text += bytes > 0 ? bytes : 0;
		left -= bytes > 0 ? bytes : 0;
	}
	return true;
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *text = json_object_object_get(object, key);

	return text ? json_object_get_string(text) : "?";
}

/* An answer, or NULL if the object is not one: events may come in between. */
static struct json_object *answer(struct desk_qmp *q, struct json_object *object,
				  const char *command, char **why)
{
	struct json_object *value = NULL, *error;
	char *class, *text;

	if (json_object_object_get_ex(object, "return", &value)) {
		value = value ? json_object_get(value) : json_object_new_object();
	} else if (json_object_object_get_ex(object, "error", &error)) {
		class = words_of(text_of(error, "class"));
		text = desk_printable(text_of(error, "desc"));
		*why = desk_text("%s: '%s' was refused: %s (%s)", q->path, command, text, class);
		free(class);
		free(text);
	}
	json_object_put(object);
	return value;
}

static void close_socket(struct desk_qmp *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}

bool desk_qmp_is_open(const struct desk_qmp *qmp)
{
	return qmp->fd >= 0;
}

struct json_object *desk_qmp_execute(struct desk_qmp *q, const char *command,
				     struct json_object *arguments, char **why)
{
	struct json_object *object = json_object_new_object(), *value = NULL;
	uint64_t until_ns = desk_now_ns() + q->seconds * 1e9;
	char *what = desk_text("answer to '%s'", command);

	*why = NULL;
	json_object_object_add(object, "execute", json_object_new_string(command));
	if (arguments)
		json_object_object_add(object, "arguments", arguments);
	if (q->fd < 0)
		*why = desk_text("%s: closed", q->path);
	/* An answer that comes too late would be taken for the next command's. */
	else if (!send_object(q, object, until_ns, what, why))
		close_socket(q);
	json_object_put(object);
	while (!value && !*why) {
		object = next_object(q, until_ns, what, why);
		if (object)
			value = answer(q, object, command, why);
		else
			close_socket(q);
	}
	free(what);
	return value;
}

char *desk_qmp_human(struct desk_qmp *q, const char *line, char **why)
{
	struct json_object *arguments = json_object_new_object(), *value;
	char *text = NULL;

	json_object_object_add(arguments, "command-line", json_object_new_string(line));
	value = desk_qmp_execute(q, "human-monitor-command", arguments, why);
	if (!value)
		return NULL;
	if (json_object_is_type(value, json_type_string))
		text = desk_copy(json_object_get_string(value));
	else
		*why = desk_text("%s: '%s': the return value is no text", q->path, line);
	json_object_put(value);
	return text;
}

struct desk_qmp *desk_qmp_attach(int fd, const char *path, double seconds, char **why)
{
	struct desk_qmp *q = desk_alloc(sizeof(*q));
	struct json_object *object;

	q->fd = fd;
	q->path = desk_printable(path);
	q->seconds = seconds;
	q->used = 0;
	q->parsed = 0;
	q->tokener = json_tokener_new();
	if (!q->tokener)
		abort();
	object = next_object(q, desk_now_ns() + seconds * 1e9,
			     "greeting (it serves one client at a time)", why);
	if (object && !json_object_object_get_ex(object, "QMP", NULL)) {
		*why = desk_text("%s is not QMP: its first message is no greeting", q->path);
		json_object_put(object);
		object = NULL;
	}
	if (object) {
		json_object_put(object);
		object = desk_qmp_execute(q, "qmp_capabilities", NULL, why);
	}
	if (object) {
		json_object_put(object);
		return q;
	}
	desk_qmp_close(q);
	return NULL;
}

/* Connected, or -1. */
static int connect_to(const char *path, pid_t pid, char **why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { };
	socklen_t bytes = sizeof(peer);
	struct stat st;
	int fd;

	if (stat(path, &st)) {
		*why = desk_text("%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		*why = desk_text("%s is no socket", path);
		return -1;
	}
	if (strlen(path) >= sizeof(address.sun_path)) {
		*why = desk_text("%s: the path of a socket has %zu bytes at most: make a link",
				 path, sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		if (errno == EAGAIN)
			*why = desk_text("%s: other clients wait there already", path);
		else if (errno == ECONNREFUSED)
			*why = desk_text("%s: nobody listens there any more", path);
		else
			*why = desk_text("%s: %s", path, strerror(errno));
	} else if (pid && !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) &&
		   peer.pid != pid) {
		*why = desk_text("%s is a socket of process %d, not %d", path, peer.pid, pid);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

struct desk_qmp *desk_qmp_open(const char *path, pid_t pid, double seconds, char **why)
{
	char *printable = desk_printable(path);
	int fd = connect_to(path, pid, why);

	/* Said with the path as it is: it may hold anything. */
	if (fd < 0 && strcmp(printable, path)) {
		char *said = desk_printable(*why);

		free(*why);
		*why = said;
	}
	free(printable);
	return fd < 0 ? NULL : desk_qmp_attach(fd, path, seconds, why);
}

void desk_qmp_close(struct desk_qmp *q)
{
	if (!q)
		return;
	close_socket(q);
	json_tokener_free(q->tokener);
	free(q->path);
	free(q);
}
