/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KTAP output of a test program, see Documentation/dev-tools/ktap.rst of the kernel. A
 * case is any number of ktap_check() and friends, then one ktap_result(), which names the
 * case and says whether all of them held.
 *
 * Exit status, as in all kselftests: 0 passed, 1 failed, 4 skipped as a whole.
 */
#ifndef KVM_ZAP_KTAP_H
#define KVM_ZAP_KTAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KTAP_FAIL	1
#define KTAP_SKIP	4

#define KTAP_PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))

/* Weak: one for all files of a program. */
struct ktap {
	unsigned int plan, done, failed, skipped;
	bool bad;	/* a check of the present case did not hold */
} ktap __attribute__((weak));

static inline void ktap_start(unsigned int plan)
{
	/* A line at a time, so that what came before a crash is not lost. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	ktap.plan = plan;
	printf("TAP version 13\n1..%u\n", plan);
}

/* Instead of ktap_start(): nothing can be tested here. */
KTAP_PRINTF(1, 2)
static inline void __attribute__((noreturn)) ktap_skip_all(const char *fmt, ...)
{
	va_list ap;

	printf("TAP version 13\n1..0 # SKIP ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	exit(KTAP_SKIP);
}

KTAP_PRINTF(1, 2)
static inline void ktap_diag(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* The case fails unless @cond holds; the rest says what was wrong. */
#define ktap_check(cond, ...)				\
({							\
	bool __holds = (cond);				\
							\
	if (!__holds) {					\
		ktap.bad = true;			\
		ktap_diag(__VA_ARGS__);			\
	}						\
	__holds;					\
})

#define ktap_equal(what, got, want)						\
({										\
	unsigned long long __got = (got), __want = (want);			\
										\
	ktap_check(__got == __want, "%s: %llu, expected %llu", what, __got, __want); \
})

/* The same of texts, of which NULL is one. Of long ones, also where they begin to differ. */
static inline bool ktap_text(const char *what, const char *got, const char *want)
{
	size_t same = 0;

	if (got == want || (got && want && !strcmp(got, want)))
		return true;
	ktap.bad = true;
	ktap_diag("%s: '%s', expected '%s'", what, got ? got : "(none)", want ? want : "(none)");
	while (got && want && got[same] && got[same] == want[same])
		same++;
	if (same > 60)
		ktap_diag("they differ from here on: '%.60s'", got + same);
	return false;
}

static inline void ktap_line(const char *verdict, const char *fmt, va_list ap)
{
	printf("%s %u ", verdict, ++ktap.done);
	vprintf(fmt, ap);
}

/* End of a case: its name. */
KTAP_PRINTF(1, 2)
static inline void ktap_result(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_line(ktap.bad ? "not ok" : "ok", fmt, ap);
	va_end(ap);
	putchar('\n');
	ktap.failed += ktap.bad;
	ktap.bad = false;
}

/* Instead of a case: its name, and why it cannot be tested here. */
KTAP_PRINTF(2, 3)
static inline void ktap_skip(const char *reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ktap_line("ok", fmt, ap);
	va_end(ap);
	printf(" # SKIP %s\n", reason);
	ktap.skipped++;
	ktap.bad = false;
}

/* The exit status. */
static inline int ktap_end(void)
{
	if (ktap.done != ktap.plan)
		ktap_diag("%u of %u planned tests were run", ktap.done, ktap.plan);
	if (ktap.failed || ktap.done != ktap.plan)
		return KTAP_FAIL;
	return ktap.done && ktap.skipped == ktap.done ? KTAP_SKIP : 0;
}

#endif
