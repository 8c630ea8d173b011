// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text for people. See desk_print.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "desk.h"
#include "desk_print.h"

#define GRID_COLUMNS	16
#define NAME_MIN	8

/* Bytes of the UTF-8 character at @s, and which it is; 0 if it is none. */
static int utf8_next(const char *s, uint32_t *c)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = *s;
	int i, bytes;

	bytes = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 :
		first < 0xf8 ? 4 : 0;
	*c = bytes < 2 ? first : first & (0x7f >> bytes);
	for (i = 1; i < bytes; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (bytes && (*c < smallest[bytes] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000)))
		return 0;
	return bytes;
}

/* Controls, and what Unicode has to separate lines, to join and to change direction. */
static bool disturbs(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c >= 0xe0000;
}

static char *clean(const char *s, bool printable)
{
	/* The longest that a byte may become: "\u{2028}" of three. */
	char *text = desk_alloc(4 * strlen(s) + 1), *out = text;
	uint32_t c;

	while (*s) {
		int bytes = utf8_next(s, &c);

		if (!bytes)
			out += sprintf(out, "\\x%02x", (unsigned char)*s++);
		else if (printable && disturbs(c))
			out += sprintf(out, c < 0x100 ? "\\x%02x" : "\\u{%x}", c);
		else
			out = mempcpy(out, s, bytes);
		s += bytes;
	}
	*out = '\0';
	return text;
}

char *desk_utf8(const char *bytes)
{
	return clean(bytes, false);
}

char *desk_printable(const char *bytes)
{
	return clean(bytes, true);
}

/* Without a locale wcwidth() knows ASCII alone. */
static int char_width(uint32_t c)
{
	int width = wcwidth(c);

	return width < 0 ? 1 : width;
}

int desk_width(const char *text)
{
	int bytes, width = 0;
	uint32_t c;

	for (; (bytes = utf8_next(text, &c)) && c; text += bytes)
		width += char_width(c);
	return width;
}

/* Bytes of @text that fit into @width columns. */
static int fitting(const char *text, int width)
{
	const char *s = text;
	int bytes;
	uint32_t c;

	for (; (bytes = utf8_next(s, &c)) && c; s += bytes) {
		width -= char_width(c);
		if (width < 0)
			break;
	}
	return s - text;
}

static struct desk_word scaled(double amount, const char * const *units)
{
	struct desk_word word;

	for (; units[1] && amount >= 999.5; units++)
		amount /= 1000;
	if (amount && amount < 9.95)
		snprintf(word.text, sizeof(word.text), "%.1f%s", amount, *units);
	else
		snprintf(word.text, sizeof(word.text), "%.0f%s", amount, *units);
	return word;
}

struct desk_word desk_amount(double amount)
{
	static const char * const units[] = { "", "k", "M", "G", "T", "P", NULL };
	struct desk_word word;

	/* Whole ones have no fraction. */
	if (amount < 1000 && amount == (int)amount) {
		snprintf(word.text, sizeof(word.text), "%d", (int)amount);
		return word;
	}
	return scaled(amount, units);
}

struct desk_word desk_duration(uint64_t ns)
{
	static const char * const units[] = { "ns", "us", "ms", "s", NULL };

	return scaled(ns, units);
}

struct desk_word desk_percent(double share)
{
	struct desk_word word;

	snprintf(word.text, sizeof(word.text), share && share < 0.0995 ? "%.1f%%" : "%.0f%%",
		 100 * share);
	return word;
}

int desk_columns(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (columns && atoi(columns) > 0)
		return atoi(columns);
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return 80;
}

struct desk_grid {
	int columns, cells;
	int width[GRID_COLUMNS];
	bool left[GRID_COLUMNS];
	char **cell;
};

struct desk_grid *desk_grid_new(const char *titles, const char *left)
{
	struct desk_grid *grid = desk_alloc(sizeof(*grid));
	char *copy = desk_copy(titles), *save, *title;

	for (title = strtok_r(copy, " ", &save); title && grid->columns < GRID_COLUMNS;
	     title = strtok_r(NULL, " ", &save))
		grid->columns++;
	free(copy);
	copy = desk_copy(titles);
	for (title = strtok_r(copy, " ", &save); title; title = strtok_r(NULL, " ", &save)) {
		char *word = desk_text(" %s ", title);

		grid->left[grid->cells] = !grid->cells || strstr(left, word);
		desk_grid_add(grid, title);
		free(word);
	}
	free(copy);
	return grid;
}

void desk_grid_add(struct desk_grid *grid, const char *cell)
{
	int column = grid->cells % grid->columns;
	int width;

	grid->cell = desk_grow(grid->cell, grid->cells + 1, sizeof(*grid->cell));
	grid->cell[grid->cells] = desk_printable(cell);
	width = desk_width(grid->cell[grid->cells++]);
	if (width > grid->width[column])
		grid->width[column] = width;
}

static void print_cell(const char *cell, int width, bool left, bool last)
{
	int pad = width - desk_width(cell);

	if (pad < 0) {
		char *cut = strndup(cell, fitting(cell, width - 1));

		/* A character of two columns may not fill the one that is left. */
		if (cut)
			printf("%s\u2026%*s", cut, width - 1 - desk_width(cut), "");
		free(cut);
	} else if (!left) {
		printf("%*s%s", pad, "", cell);
	} else {
		printf("%s%*s", cell, last ? 0 : pad, "");
	}
}

void desk_print_cell(const char *text, int width)
{
	print_cell(text, width, true, false);
}

int desk_grid_width(const struct desk_grid *grid)
{
	int i, width = grid->columns - 1;

	for (i = 0; i < grid->columns; i++)
		width += grid->width[i];
	return width;
}

int desk_grid_least(const struct desk_grid *grid)
{
	int first = grid->width[0];

	return desk_grid_width(grid) - first + (first < NAME_MIN ? first : NAME_MIN);
}

void desk_grid_free(struct desk_grid *grid)
{
	int i;

	for (i = 0; i < grid->cells; i++)
		free(grid->cell[i]);
	free(grid->cell);
	free(grid);
}

void desk_grid_print(struct desk_grid *grid, int columns)
{
	int i, used = grid->columns - 1;

	for (i = 1; i < grid->columns; i++)
		used += grid->width[i];
	if (columns && used + grid->width[0] > columns) {
		if (columns - used < grid->width[0])
			grid->width[0] = columns - used > NAME_MIN ? columns - used : NAME_MIN;
	}
	for (i = 0; i < grid->cells; i++) {
		int column = i % grid->columns;
		bool last = column == grid->columns - 1;

		print_cell(grid->cell[i], grid->width[column], grid->left[column], last);
		putchar(last ? '\n' : ' ');
	}
	desk_grid_free(grid);
}
