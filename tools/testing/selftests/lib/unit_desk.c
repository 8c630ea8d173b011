// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of tools/kvm/desk.c, of which some functions depend on the host: those that do
 * not, and desk_say(), whose words a test compares, see unit.h.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"
#include "unit.h"

void desk_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	unit_add(unit_said, sizeof(unit_said), fmt, ap);
	va_end(ap);
	/* For unit_status(). */
	fprintf(stderr, "%s\n", unit_said);
}

char *desk_text(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		exit(KTAP_FAIL);
	va_end(ap);
	return text;
}

char *desk_copy(const char *text)
{
	return desk_text("%s", text);
}

void *desk_alloc(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		exit(KTAP_FAIL);
	return p;
}
