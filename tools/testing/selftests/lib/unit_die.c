// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm_die() of a test: what ends the program here ends what is tried, see unit.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "unit.h"
#include "vm.h"

char unit_died[512];
static jmp_buf back;
static bool armed;

jmp_buf *unit_try(void)
{
	*unit_died = '\0';
	armed = true;
	return &back;
}

void vm_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(unit_died, sizeof(unit_died), fmt, ap);
	va_end(ap);
	if (!armed) {
		ktap_diag("died: %s", unit_died);
		exit(KTAP_FAIL);
	}
	armed = false;
	longjmp(back, 1);
}
