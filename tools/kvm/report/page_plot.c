// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plots of a report, which gnuplot draws. See page.h.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "desk.h"
#include "page.h"

/* Small enough for a telephone, where a letter is to be read. */
#define WIDTH	480
#define HEIGHT	330

/* To be seen on white and on black; the points' shapes differ as well. */
static const struct {
	const char *colour;
	int points, dashes;
} styles[PAGE_COLOURS] = {
	{ "#3b82d6", 7, 1 }, { "#d9722b", 5, 2 }, { "#2f9e5b", 9, 4 }, { "#a05fd0", 13, 5 },
	{ "#808890", 6, 3 }, { "#d0569b", 11, 2 }, { "#1f95a3", 4, 4 }, { "#a8862a", 8, 5 },
};

/* The same on the whole page, whatever else is in a plot or is not. */
static size_t style_of(const char *name)
{
	static char **known;
	static size_t nr;
	size_t i;

	if (!nr) {
		known = desk_alloc(2 * sizeof(*known));
		known[nr++] = "fast";
		known[nr++] = "scoped";
	}
	for (i = 0; i < nr; i++)
		if (!strcmp(known[i], name))
			return i % PAGE_COLOURS;
	known = desk_grow(known, nr + 1, sizeof(*known));
	known[nr++] = desk_copy(name);
	return i % PAGE_COLOURS;
}

const char *page_style(const char *name)
{
	static char text[PAGE_COLOURS][64];
	size_t s = style_of(name);

	snprintf(text[s], sizeof(text[s]), "lc rgb '%s' lw 2 dt %d pt %d ps 0.7",
		 styles[s].colour, styles[s].dashes, styles[s].points);
	return text[s];
}

char *page_plain(const char *text)
{
	char *plain = desk_copy(text ? text : "?"), *s;

	for (s = plain; *s; s++)
		if (!isascii(*s) || (!isalnum(*s) && !strchr(" _-.,:/=()+*", *s)))
			*s = '?';
	return plain;
}

/* Axes ---------------------------------------------------------------------- */

/* None below , where 0 may have its place. */
static void tic(FILE *script, bool *first, const char *text, double at, double low)
{
	if (at < low)
		return;
	fprintf(script, "%s'%s' %.17g", *first ? "" : ", ", text, at);
	*first = false;
}

static void axis_range(FILE *script, char axis, double low, double high, double base)
{
	fprintf(script, "set logscale %c %g\nset %crange [%.17g:%.17g]\n", axis, base, axis, low,
		high);
}

void page_axis_ns(FILE *script, char axis, double low, double high)
{
	/* A label for each power of ten is too many for a wide range. */
	static const char * const units[] = { "ns", "us", "ms", "s" };
	int step = log10(high / low) > 5 ? 2 : 1, i;
	bool first = true;

	axis_range(script, axis, low, high, 10);
	fprintf(script, "set %ctics (", axis);
	for (i = 0; i < 12; i += step) {
		char text[32];

		snprintf(text, sizeof(text), "%g%s", pow(10, i % 3), units[i / 3]);
		tic(script, &first, text, pow(10, i), low);
		/* A narrow range may have no power of ten. */
		if (high / low < 30) {
			snprintf(text, sizeof(text), "%g%s", 3 * pow(10, i % 3), units[i / 3]);
			tic(script, &first, text, 3 * pow(10, i), low);
		}
	}
	fprintf(script, ")\n");
}

void page_axis_bytes(FILE *script, char axis, double low, double high)
{
	static const char * const units[] = { "K", "M", "G", "T" };
	int step = log2(high / low) > 8 ? 4 : log2(high / low) > 4 ? 2 : 1, i;
	bool first = true;

	axis_range(script, axis, low, high, 2);
	fprintf(script, "set %ctics (", axis);
	for (i = 2; i < 50; i += step) {
		char text[32];

		snprintf(text, sizeof(text), "%d%s", 1 << (i % 10), units[i / 10 > 3 ? 3 : i / 10]);
		if (i < 40)
			tic(script, &first, text, pow(2, i + 10), low);
	}
	fprintf(script, ")\n");
}

void page_axis_ratio(FILE *script, char axis, double low, double high)
{
	int i;
	bool first = true;

	axis_range(script, axis, low, high, 10);
	fprintf(script, "set %ctics (", axis);
	for (i = -6; i <= 6; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%g", pow(10, i));
		tic(script, &first, text, pow(10, i), low);
		/* A narrow range has no other label. */
		if (high / low < 30) {
			snprintf(text, sizeof(text), "%g", 2 * pow(10, i));
			tic(script, &first, text, 2 * pow(10, i), low);
			snprintf(text, sizeof(text), "%g", 5 * pow(10, i));
			tic(script, &first, text, 5 * pow(10, i), low);
		}
	}
	fprintf(script, ")\n");
}

/* gnuplot ------------------------------------------------------------------- */

/* Reads to the end; NULL with errno. */
static char *read_fd(int fd, size_t *bytes)
{
	size_t room = 65536;
	char *text = desk_alloc(room);
	ssize_t done;

	*bytes = 0;
	while ((done = read(fd, text + *bytes, room - *bytes - 1)) > 0) {
		*bytes += done;
		if (*bytes < room - 1)
			continue;
		room *= 2;
		text = desk_grow(text, room, 1);
	}
	text[*bytes] = '\0';
	return text;
}

/* A file that has no name, so that no one has to remove it. */
static int nameless(const char *text)
{
	int fd = memfd_create("kvm-zap", MFD_CLOEXEC);
	size_t bytes = strlen(text);

	if (fd >= 0 && bytes &&
	    (write(fd, text, bytes) != (ssize_t)bytes || lseek(fd, 0, SEEK_SET))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int start(pid_t *pid, int in, int out, int err)
{
	char *argv[] = { "gnuplot", "-d", NULL };
	posix_spawn_file_actions_t files;
	int error;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&files, err, STDERR_FILENO);
	error = posix_spawnp(pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

/* The first thing that gnuplot complained of. */
static char *complaint(int fd)
{
	char *text, *line, *save;
	char *said = NULL;
	size_t bytes;

	lseek(fd, 0, SEEK_SET);
	text = read_fd(fd, &bytes);
	for (line = strtok_r(text, "\n", &save); line && !said; line = strtok_r(NULL, "\n", &save))
		if (strspn(line, " ^\t") != strlen(line) && strncmp(line, "gnuplot>", 8))
			said = desk_copy(line + strspn(line, " \t"));
	free(text);
	return said ? said : desk_copy("it says nothing of why");
}

/* What gnuplot draws, or NULL; then page->no_plots says why. */
static char *draw(struct page *page, const char *script)
{
	int in = nameless(script), err = nameless(""), out[2], status = 0, error;
	char *svg = NULL;
	size_t bytes = 0;
	pid_t pid;

	if (in < 0 || err < 0 || pipe2(out, O_CLOEXEC)) {
		page->no_plots = desk_text("gnuplot cannot be started: %s", strerror(errno));
		close(in);
		close(err);
		return NULL;
	}
	error = start(&pid, in, out[1], err);
	close(out[1]);
	if (!error) {
		svg = read_fd(out[0], &bytes);
		waitpid(pid, &status, 0);
	}
	if (error == ENOENT)
		page->no_plots = desk_copy("gnuplot is not installed (package gnuplot-nox)");
	else if (error)
		page->no_plots = desk_text("gnuplot cannot be started: %s", strerror(error));
	else if (status || !memmem(svg, bytes, "</svg>", 6) || strlen(svg) != bytes)
		page->no_plots = desk_text("gnuplot failed: %s", complaint(err));
	close(in);
	close(err);
	close(out[0]);
	if (!page->no_plots)
		return svg;
	free(svg);
	return NULL;
}

/* What is between these is skipped: gnuplot's own names. */
static const char *skip(const char *svg, const char *from, const char *to)
{
	const char *start = strstr(svg, from), *end = start ? strstr(start, to) : NULL;

	return end ? end + strlen(to) : svg;
}

/* Several drawings share a page: ids are made to differ. */
static void print_svg(struct page *page, const char *svg, unsigned int n)
{
	static const char * const ids[] = { "id='", "id=\"", "xlink:href='#" };
	size_t i;

	while (*svg) {
		for (i = 0; i < 3; i++) {
			size_t len = strlen(ids[i]);

			if (strncmp(svg, ids[i], len))
				continue;
			fprintf(page->to, "%sp%u-", ids[i], n);
			svg += len;
			break;
		}
		if (i == 3)
			fputc(*svg++, page->to);
	}
}

static void print_key(struct page *page, const char * const *names, size_t nr)
{
	size_t i;

	if (!nr)
		return;
	page_out(page, "<ul class=\"key\">");
	for (i = 0; i < nr; i++)
		page_out(page, "<li><svg viewBox=\"0 0 32 16\" aria-hidden=\"true\">"
			 "<rect y=\"5\" width=\"32\" height=\"6\" rx=\"3\" fill=\"%s\"/></svg>%s</li>",
			 styles[style_of(names[i])].colour, names[i]);
	page_out(page, "</ul>");
}

void page_plot(struct page *page, const char *title, const char *about, const char *script,
	       const char * const *names, size_t nr, unsigned int higher)
{
	unsigned int n = ++page->plots;
	char *whole, *svg, *id, *size;
	const char *rest;

	if (page->no_plots)
		return;
	whole = desk_text("set terminal svg size %d,%d dynamic noenhanced "
			  "font 'sans-serif,16' name 'plot%u'\nset encoding utf8\nset key off\nset border 3\n"
			  "set tics nomirror\nset grid lw 0.4\nset samples 2\n%s\n",
			  WIDTH, HEIGHT + higher, n, script);
	svg = draw(page, whole);
	free(whole);
	if (!svg)
		return;
	id = desk_text("p%u-", n);
	size = desk_text("%d %d", WIDTH, HEIGHT + higher);
	rest = skip(svg, "<svg", ">");
	rest = skip(rest, "<title>", "</title>");
	rest = skip(rest, "<desc>", "</desc>");
	page_out(page, "<figure><figcaption aria-hidden=\"true\">%s</figcaption>"
		 "<svg viewBox=\"0 0 %s\" role=\"img\" aria-labelledby=\"%st %sd\">"
		 "<title id=\"%st\">%s</title><desc id=\"%sd\">%s</desc>", title, size, id, id, id,
		 title, id, about);
	print_svg(page, rest, n);
	print_key(page, names, nr);
	page_out(page, "</figure>\n");
	free(size);
	free(svg);
	free(id);
}
