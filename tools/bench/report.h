/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Results of a workload: raw samples in named series, printed as a table for people or as
 * JSON for programs.
 */
#ifndef KVM_ZAP_REPORT_H
#define KVM_ZAP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

struct report;
struct series;

/* @argc, @argv: the program's command line from the workload's name on. */
struct report *report_new(const char *workload, int argc, char **argv);

/* A parameter or a fact of the run: "vcpus", 4. */
void report_number(struct report *r, const char *name, uint64_t value);
void report_word(struct report *r, const char *name, const char *word);

/*
 * Makes a series. @name ends in its unit where it has one ("delete_ns");
 * @about is one short line. Series are printed in the order they were made; one
 * without any sample is left out.
 */
struct series *report_series(struct report *r, const char *name, const char *about);
void report_sample(struct series *s, uint64_t value);

/* Prints on stdout, and frees the report. */
void report_print(struct report *r, bool json);

#endif
