// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parameters: which words they accept, what they show, and when a change takes
 * effect.
 *
 * What breaks without it: a mistyped word switches the host to a policy that nobody
 * chose, a reader sees half a word, and a change does not reach running VMs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

/* Each parameter, its words, and for each word the other one that it is changed from. */
static const struct param {
	const char *site;
	const char *path;
	const char *legal[4];
} params[] = {
#define PARAM(site, ...)	\
	{ site, "/sys/module/" ZAP_MODULE "/parameters/" site "_zap", { __VA_ARGS__ } }
	PARAM("memslot", ZAP_MEMSLOT_WORDS),
	PARAM("mmio", ZAP_MMIO_WORDS),
	PARAM("teardown", ZAP_TEARDOWN_WORDS),
#undef PARAM
};

#define LEGAL_MAX	ARRAY_SIZE(params[0].legal)

/* What any parameter or per-VM word takes. */
static const char * const words[] = {
	"inherit", "stock", "auto", "fast", "scoped", "walk", "bulk",
};

/* The one that is being tested. */
static const struct param *param = params;

static unsigned int nr_legal(void)
{
	unsigned int n = 0;

	while (n < LEGAL_MAX && param->legal[n])
		n++;
	return n;
}

/* 4 KiB is all that sysfs takes in one write. */
static char junk[4096];
static char line_and_junk[4096];

static const struct {
	const char *name;
	const char *text;
	size_t bytes;
} illegal[] = {
#define TEXT(name, text)	{ name, text, sizeof(text) - 1 }
	TEXT("newline alone", "\n"),
	TEXT("upper case", "FAST"),
	TEXT("mixed case", "Scoped"),
	TEXT("space before", " fast"),
	TEXT("space after", "fast "),
	TEXT("space before the newline", "fast \n"),
	TEXT("two newlines", "fast\n\n"),
	TEXT("two words", "fast\nscoped\n"),
	TEXT("list of words", "fast,scoped"),
	TEXT("carriage return", "fast\r\n"),
	TEXT("word cut short", "fas"),
	TEXT("longer word", "fastx"),
	TEXT("number 0", "0"),
	TEXT("number 1", "1"),
	TEXT("number -1", "-1"),
	TEXT("boolean", "Y"),
	TEXT("lone NUL", "\0"),
	TEXT("NUL before a word", "\0fast"),
	TEXT("NUL and newline", "\0\n"),
	{ "4 KiB of junk", junk, sizeof(junk) },
	{ "word, then 4 KiB of junk", line_and_junk, sizeof(line_and_junk) },
#undef TEXT
};

/* 0 or -errno. */
static int put(const char *text, size_t bytes)
{
	return zap_write_file(param->path, text, bytes);
}

/* What the file holds, the newline included. */
static void get(char *buf, size_t bytes)
{
	long ret = zap_read_file(param->path, buf, bytes);

	if (ret < 0)
		vm_die("%s: %s", param->path, strerror(-ret));
}

static bool holds(const char *word)
{
	char buf[64], want[64];

	get(buf, sizeof(buf));
	snprintf(want, sizeof(want), "%s\n", word);
	return ktap_check(!strcmp(buf, want), "reads '%s', expected '%s'", buf, want);
}

/* The next legal word, so that a write changes something. */
static const char *other(unsigned int i)
{
	return param->legal[(i + 1) % nr_legal()];
}

static void test_legal(unsigned int i)
{
	const char *word = param->legal[i];
	char line[64];

	zap_site_policy(param->site, other(i));
	ktap_equal("error of the word", -put(word, strlen(word)), 0);
	holds(word);

	zap_site_policy(param->site, other(i));
	snprintf(line, sizeof(line), "%s\n", word);
	ktap_equal("error of the word with a newline", -put(line, strlen(line)), 0);
	holds(word);
}

static void test_all_legal(void)
{
	unsigned int i;

	for (i = 0; i < nr_legal(); i++)
		test_legal(i);
	ktap_result("%s: each word is taken, with and without a newline", param->site);
}

static void refused(const char *text, size_t bytes)
{
	unsigned int j;

	for (j = 0; j < nr_legal(); j++) {
		zap_site_policy(param->site, param->legal[j]);
		ktap_equal("error", -put(text, bytes), EINVAL);
		holds(param->legal[j]);
	}
}

static void test_illegal(unsigned int i)
{
	refused(illegal[i].text, illegal[i].bytes);
	ktap_result("%s: refused: %s", param->site, illegal[i].name);
}

static void test_others_words(void)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < nr_legal(); j++)
			if (!strcmp(words[i], param->legal[j]))
				break;
		if (j == nr_legal())
			refused(words[i], strlen(words[i]));
	}
	ktap_result("%s: words that others take are refused", param->site);
}

static void test_empty(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr_legal(); i++) {
		zap_site_policy(param->site, param->legal[i]);
		/* sysfs drops it before the parameter sees it: no error. */
		ret = put("", 0);
		ktap_check(!ret || ret == -EINVAL, "error %d", -ret);
		holds(param->legal[i]);
	}
	ktap_result("%s: an empty write changes nothing", param->site);
}

static void test_mode(void)
{
	struct stat st;
	int status;
	pid_t pid;

	if (stat(param->path, &st))
		vm_die("%s: %s", param->path, strerror(errno));
	ktap_check((st.st_mode & 07777) == 0644, "mode %o, expected 644", st.st_mode & 07777);
	ktap_equal("owner", st.st_uid, 0);

	pid = fork();
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(!(put("fast", 4) == -EACCES && !access(param->path, R_OK)));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		vm_die("fork or waitpid: %s", strerror(errno));
	ktap_equal("status of a user who is to read and not to write", status, 0);
	ktap_result("%s: mode 0644", param->site);
}

/* Concurrent writers ---------------------------------------------------- */

#define MIN_NS		1500000000UL
#define MAX_NS		20000000000UL

static bool stop;
static unsigned long writes, wrong;

static void *writer(void *arg)
{
	unsigned int i = (uintptr_t)arg;
	unsigned long n;
	int ret, want;

	for (n = 0; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		if (i < nr_legal()) {
			want = 0;
			ret = put(param->legal[i], strlen(param->legal[i]));
		} else {
			want = -EINVAL;
			ret = put(illegal[n % ARRAY_SIZE(illegal)].text,
				  illegal[n % ARRAY_SIZE(illegal)].bytes);
		}
		if (ret != want)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&writes, n, __ATOMIC_RELAXED);
	return NULL;
}

static void test_concurrent(void)
{
	unsigned long reads = 0, seen[LEGAL_MAX] = { 0 }, bad = 0;
	unsigned int i, nr_seen = 0, n = nr_legal();
	pthread_t threads[LEGAL_MAX + 2];
	char buf[8192], last[64] = "";
	uint64_t start = vm_now_ns();

	stop = false;
	writes = 0;
	wrong = 0;
	for (i = 0; i < n + 2; i++)
		if (pthread_create(&threads[i], NULL, writer, (void *)(uintptr_t)i))
			vm_die("pthread_create");
	/* Locks are not fair: a word of one writer may take its time to be seen. */
	while (vm_now_ns() - start < (nr_seen == n ? MIN_NS : MAX_NS)) {
		get(buf, sizeof(buf));
		reads++;
		for (i = 0; i < n; i++)
			if (!strncmp(buf, param->legal[i], strlen(param->legal[i])) &&
			    !strcmp(buf + strlen(param->legal[i]), "\n"))
				break;
		if (i < n)
			nr_seen += !seen[i]++;
		else if (!bad++)
			snprintf(last, sizeof(last), "%.60s", buf);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < n + 2; i++)
		pthread_join(threads[i], NULL);

	ktap_check(!bad, "%lu of %lu reads were no legal word; the first: '%s'", bad, reads, last);
	ktap_check(!wrong, "%lu of %lu writes returned something else", wrong, writes);
	for (i = 0; i < n; i++)
		ktap_check(seen[i], "'%s' was never read in %lu reads, %lu writes",
			   param->legal[i], reads, writes);
	ktap_result("%s: concurrent writers", param->site);
}

/* When it takes effect --------------------------------------------------- */

/* @vm is older than any write here. What auto takes is not this test's. */
static void test_effect(struct vm *vm, void *mem)
{
	static const char * const taken[] = { ZAP_MEMSLOT_POLICIES };
	uint64_t before[ARRAY_SIZE(taken)];
	unsigned int i, j, n;
	char name[32];

	for (n = 0; n < 6; n++) {
		i = n % ARRAY_SIZE(taken);
		vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
		for (j = 0; j < ARRAY_SIZE(taken); j++) {
			snprintf(name, sizeof(name), "memslot_zap_%s", taken[j]);
			before[j] = zap_stat(vm, name);
		}
		zap_policy(taken[i]);
		/* What is refused has no effect, either. */
		put("Fast", 4);
		put("SCOPED", 6);
		vm_delete_slot(vm, 0);
		for (j = 0; j < ARRAY_SIZE(taken); j++) {
			snprintf(name, sizeof(name), "memslot_zap_%s", taken[j]);
			ktap_equal(name, zap_stat(vm, name) - before[j], i == j);
		}
	}
	ktap_result("a write counts from the next deletion of a VM that exists");
}

/* A test that is killed leaves no trace: that is zap_start()'s promise. */
static void test_restore(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGSEGV };
	char start[64], now[64];
	unsigned int i;
	int status;
	pid_t pid;

	get(start, sizeof(start));
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		fflush(stdout);
		pid = fork();
		if (!pid) {
			if (!freopen("/dev/null", "w", stdout))
				_exit(2);
			zap_start(1);
			zap_policy(strcmp(start, "fast\n") ? "fast" : "scoped");
			raise(signals[i]);
			_exit(2);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			vm_die("fork or waitpid: %s", strerror(errno));
		ktap_check(WIFSIGNALED(status) && WTERMSIG(status) == signals[i],
			   "status 0x%x, expected signal %d", status, signals[i]);
		get(now, sizeof(now));
		ktap_check(!strcmp(now, start), "reads '%s', was '%s'", now, start);
	}
	ktap_result("a test that is killed puts the parameter back");
}

int main(void)
{
	struct vm *vm;
	unsigned int i;
	void *mem;

	memset(junk, 'j', sizeof(junk));
	memset(line_and_junk, 'j', sizeof(line_and_junk));
	memcpy(line_and_junk, "fast\n", 5);

	zap_start(ARRAY_SIZE(params) * (ARRAY_SIZE(illegal) + 5) + 2);
	vm = vm_create(NULL);
	mem = vm_backing_alloc(SZ_64K, VM_4K);

	for (param = params; param < params + ARRAY_SIZE(params); param++) {
		test_all_legal();
		for (i = 0; i < ARRAY_SIZE(illegal); i++)
			test_illegal(i);
		test_others_words();
		test_empty();
		test_mode();
		test_concurrent();
	}
	param = params;
	test_effect(vm, mem);
	test_restore();

	vm_destroy(vm);
	return ktap_end();
}
