/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text for people: names that may contain anything, numbers in few characters, tables
 * that fit a terminal.
 */
#ifndef KVM_ZAP_DESK_PRINT_H
#define KVM_ZAP_DESK_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8, as JSON and Prometheus need it: invalid bytes become "\xNN". */
char *desk_utf8(const char *bytes);

/* The same, and what moves a cursor or reorders a line becomes "\xNN" or "\u{NNNN}". */
char *desk_printable(const char *bytes);

/* Columns on a terminal of text that is printable. */
int desk_width(const char *text);

/* At most five characters: "0", "0.3", "53", "1.2k", "65k", "3.1M"; seconds: "1.3ms". */
struct desk_word {
	char text[24];
};

struct desk_word desk_amount(double amount);
struct desk_word desk_duration(uint64_t ns);
struct desk_word desk_percent(double share);

/* Columns of the terminal on stdout, by COLUMNS or by itself; 0 if it is no terminal. */
int desk_columns(void);

/* Text that is printable, cut or padded to @width columns. */
void desk_print_cell(const char *text, int width);

/*
 * A table. The first column is text, and is cut where the terminal is too narrow; the
 * others are text where their title is in @left, which is titles between blanks.
 */
struct desk_grid;

struct desk_grid *desk_grid_new(const char *titles, const char *left);
void desk_grid_add(struct desk_grid *grid, const char *cell);
void desk_grid_print(struct desk_grid *grid, int columns);

/* Columns that it takes; with the first one cut as far as it may be. */
int desk_grid_width(const struct desk_grid *grid);
int desk_grid_least(const struct desk_grid *grid);
void desk_grid_free(struct desk_grid *grid);

#endif
