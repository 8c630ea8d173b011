// SPDX-License-Identifier: GPL-2.0-only
/*
 * What tools/bench/bench_replay.c does with a plan: the order of updates, of what the guest
 * touches and of the steps that are measured, how it waits, and what it reports. lib/replay_fake.c
 * takes the place of KVM, of the plan and of the report. record_test.sh builds and runs it.
 * KTAP. Real VMs are the matter of record_vm_test.sh.
 *
 * What breaks without it: a sample contains another step's time, the guest has mapped
 * something else than it had in the recording, or a memslot is not where it was.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "replay_fake.h"
#include "unit.h"

#define MAX_WORDS	12

/* Runs it with these words, separated by blanks; what it did is in unit_log. */
static int run(const char *words)
{
	char *copy = strdup(words), *argv[MAX_WORDS + 1] = { "replay" }, *save, *word;
	int argc = 1, ret = -1;

	unit_forget();
	memset(fake.memory, 0, sizeof(fake.memory));
	for (word = strtok_r(copy, " ", &save); word && argc < MAX_WORDS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	if (unit_tries())
		ret = bench_replay.run(argc, argv);
	return ret;
}

/* What was done between two lines of it. */
static const char *part(const char *from, const char *to)
{
	static char text[sizeof(unit_log)];
	const char *start = strstr(unit_log, from), *end = start ? strstr(start, to) : NULL;

	snprintf(text, sizeof(text), "%.*s", end ? (int)(end - start) : 0, start ? start : "");
	return text;
}

static struct replay_slot slots[] = {
	{ .id = 3, .at_start = true, .start = { .gfn = 10, .pages = 4, .flags = 2 },
	  .line = 2, .max_pages = 6, .max_own = 2 },
	{ .as_id = 1, .id = 4, .line = 3, .max_pages = 1 },
};

static struct replay_range ranges[] = {
	{ .from = 0, .end = 512, .to = REPLAY_FAKE_BASE / SZ_4K },
	{ .from = 1024, .end = 2048, .to = REPLAY_FAKE_BASE / SZ_4K + 512 },
};

static struct replay_update updates[] = {
	{ .change = REPLAY_DELETE, .slot = 0, .at_ns = 100, .from_gfn = 10, .line = 2,
	  .region = { 10, 4, 2 }, .touch_own = 2, .touch_rest = 5 },
	{ .change = REPLAY_CREATE, .slot = 1, .at_ns = 200, .line = 8, .region = { 40, 1, 0 } },
	{ .change = REPLAY_CREATE, .slot = 0, .at_ns = 1000000300, .line = 4,
	  .region = { 20, 6, 1 } },
	{ .change = REPLAY_MOVE, .slot = 0, .at_ns = 3000000400, .from_gfn = 20, .line = 5,
	  .region = { 30, 6, 1 }, .touch_own = 1, .touch_rest = 0 },
	{ .change = REPLAY_DELETE, .slot = 1, .at_ns = 3000000500, .from_gfn = 40, .line = 6,
	  .region = { 40, 1, 0 }, .touch_own = 0, .touch_rest = 3 },
};

static void reset(void)
{
	fake.plan = (struct replay){
		.nr_updates = ARRAY_SIZE(updates), .updates = updates,
		.nr_slots = ARRAY_SIZE(slots), .slots = slots,
		.nr_ranges = ARRAY_SIZE(ranges), .ranges = ranges,
		.invalidations = 3, .scale = 1, .rest_pages = 5, .slot_bytes = 1536 * SZ_4K,
	};
	fake.gpa_bits = 40;
	fake.refused = -1;
}

static void order(void)
{
	reset();
	run("FILE");
	ktap_text("the VM", part("VM,", "touch"),
		  /* 8 bytes twice for each 2 MiB of memslots and beside them, and 2 MiB. */
		  "VM, tables 2097216\n"
		  "slot 0:3 flags 2 at 10 pages 4\n"
		  "map 0x10000 512\n"
		  "map 0x210000 1024\n"
		  "rest slot 99 flags 0 at 0x100000000 pages 5\n"
		  "map 0x100000000 512\n"
		  "vCPU 0\n");
	/* A round's touching is what the next one drops, and at the end what is left. */
	ktap_text("the updates", part("touch", "print"),
		  "touch 10 2\ntouch rest+0 5\n"
		  "round\nbegin zap\nslot 0:3 flags 2 at 10 pages 0\nend zap\n"
		  "begin create\n"
		  "slot 1:4 flags 0 at 40 pages 1\n"
		  "slot 0:3 flags 1 at 20 pages 6\n"
		  "end create\n"
		  "begin touch\ntouch 20 1\nend touch\nstop\n"
		  "round\nbegin zap\nslot 0:3 flags 1 at 30 pages 6\nend zap\n"
		  "begin touch\ntouch rest+0 3\nend touch\nstop\n"
		  "round\nbegin zap\nslot 1:4 flags 0 at 40 pages 0\nend zap\n"
		  "begin touch\ntouch rest+0 3\nend touch\nstop\n"
		  "end\n");
	ktap_result("each update has its steps, and each step what the guest touches");
}

static void paces(void)
{
	reset();
	run("FILE --paced");
	/* Of what follows a deletion nothing is timed as a whole. */
	ktap_text("the updates", part("touch", "print"),
		  "touch 10 2\ntouch rest+0 5\n"
		  "wait until 5.000000000\nwait until 5.000000000\n"
		  "round\nbegin zap\nslot 0:3 flags 2 at 10 pages 0\nend zap\n"
		  "wait until 5.000000100\n"
		  "begin create\nslot 1:4 flags 0 at 40 pages 1\nend create\n"
		  "wait until 6.000000200\n"
		  "begin create\nslot 0:3 flags 1 at 20 pages 6\nend create\n"
		  "begin touch\ntouch 20 1\nend touch\nstop\n"
		  "wait until 8.000000300\n"
		  "round\nbegin zap\nslot 0:3 flags 1 at 30 pages 6\nend zap\n"
		  "begin touch\ntouch rest+0 3\nend touch\nstop\n"
		  "wait until 8.000000400\n"
		  "round\nbegin zap\nslot 1:4 flags 0 at 40 pages 0\nend zap\n"
		  "begin touch\ntouch rest+0 3\nend touch\nstop\n"
		  "end\n");
	ktap_result("--paced waits as long as the recorded VM did, and does not time that");
}

static void reports(void)
{
	unsigned int i, nr = 0;
	char *at;

	reset();
	fake.plan.others = 4;
	fake.plan.assumed = 2;
	fake.plan.unknown = 1;
	fake.plan.scale = 0.25;
	run("FILE --max-memory 3 -n 2 -w 1 --json");
	ktap_text("before the VM", part("needs", "VM,"),
		  "needs 35 for FILE\n"
		  "room of 6\nroom of 1\nmemory of 5 by 4096\n"
		  "report of replay, 9 words, replay\n"
		  "file FILE\nupdates 5\ninvalidations 3\nslots 2\nothers 4\nassumed 2\nunknown 1\n"
		  "scale 0.250000\npaced no\niterations 2\nwarmup 1\n"
		  "series delete_ns: delete or move the slot\nrest 5\n");
	ktap_equal("--max-memory", fake.max_bytes, 3 * SZ_1M);
	/* Of three VMs the first is for nothing. */
	for (at = unit_log; (at = strstr(at, "\nround for nothing\n")); at++)
		nr++;
	for (i = 0, at = unit_log; (at = strstr(at, "VM, ")); at++)
		i++;
	ktap_equal("rounds for nothing", nr, 3);
	ktap_equal("VMs", i, 3);
	ktap_check(!strstr(unit_log, "another"), "another VM");
	ktap_check(!strstr(strstr(unit_log, "\nend\n"), "nothing"), "a second VM for nothing");
	ktap_text("the end", strstr(unit_log, "print"), "print JSON\n");
	/* Pages that are touched are there before, and no more. */
	for (i = 0; i < 8; i++)
		ktap_equal("touched", fake.memory[i * SZ_4K], i < 2);
	reset();
	fake.plan.rest_pages = 0;
	run("FILE");
	ktap_equal("half of what is free", fake.max_bytes, 500);
	ktap_text("no memory beside", part("VM,", "touch"),
		  "VM, tables 2097200\n"
		  "slot 0:3 flags 2 at 10 pages 4\n"
		  "map 0x10000 512\n"
		  "map 0x210000 1024\n"
		  "vCPU 0\n");
	ktap_check(!strstr(unit_log, "memory of"), "memory of nothing");
	ktap_result("options, the plan and its samples are reported");
}

static void refusals(void)
{
	reset();
	fake.refused = 1 << 16 | 4;
	run("FILE");
	ktap_text("KVM", unit_died,
		  "FILE:8: KVM refuses slot 4, gfn 40, pages 1, flags 0: File exists");
	reset();
	fake.refused = 3;
	run("FILE");
	ktap_text("KVM, at the start", unit_died,
		  "FILE:2: KVM refuses slot 3, gfn 10, pages 4, flags 2: File exists");
	reset();
	slots[1].id = 99;
	run("FILE");
	ktap_text("a number that is taken", unit_died,
		  "FILE:3: 'slot': 99: here it may be up to 98");
	slots[1].id = 98;
	run("FILE");
	ktap_text("the last that is not", unit_died, "");
	slots[1].id = 4;
	/* The last page is at 0x80f000, which takes 24 bits. */
	fake.gpa_bits = 23;
	run("FILE");
	ktap_text("too few bits", unit_died,
		  "FILE: its memslots are in 0 GiB of guest memory, behind 2 MiB of other: that does not fit into 23 bits of address");
	fake.gpa_bits = 24;
	run("FILE");
	ktap_text("enough bits", unit_died, "");
	/* Up to the last address, 0x7fffff. */
	ranges[1].end = 2032;
	fake.gpa_bits = 23;
	run("FILE");
	ktap_text("just enough bits", unit_died, "");
	ranges[1].end = 2048;
	ktap_result("what KVM does not take is named, with the line of the recording");
}

/* By these words it ends with @status, after it has said this; " ..." is behind a name. */
static void says(const char *what, const char *words, int status, const char *wanted)
{
	char said[512];

	ktap_equal(what, unit_status(run, words, said, sizeof(said)), status);
	ktap_text(what, *wanted == ' ' ? strchr(said, ' ') : said, wanted);
}

static void usage(void)
{
	static const char no_file[] =
		"kvm-zap-bench replay FILE: give what 'kvm-zap record -o FILE' has written";

	reset();
	says("no file", "", 2, no_file);
	says("an option alone", "--paced", 2, no_file);
	says("no repetition", "FILE --iterations 0", 2,
	     "kvm-zap-bench replay FILE: --iterations '0': give a number from 1 to 1048576");
	fake.plan.scale = 0.5;
	says("less memory", "FILE", 0,
	     " FILE: 0.5 of what was mapped, for want of memory: see --max-memory");
	reset();
	fake.plan.assumed = 2;
	says("assumed", "FILE", 0,
	     " FILE: of 2 of 3 invalidations it is not known what was mapped of the memslot: taken for all of it");
	reset();
	fake.plan.unknown = 1;
	says("unknown", "FILE", 0, " FILE: of 1 of 3 it is not known what was mapped: nothing is");
	reset();
	fake.plan.others = 4;
	says("others", "FILE", 0, " FILE: 4 invalidations of no memslot are left out");
	reset();
	says("nothing to say", "FILE", 0, "");
	ktap_result("what is wrong, and what is not as in the recording, is said");
}

int main(void)
{
	ktap_start(5);
	order();
	paces();
	/* What it says of the plan is looked at below. */
	unit_hear(&stderr);
	reports();
	free(unit_heard());
	refusals();
	usage();
	return ktap_end();
}
