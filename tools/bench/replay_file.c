// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parse lines of a recording, each by itself. See replay.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay.h"
#include "vm.h"

#define LINE_MAX_BYTES	65536
#define DEPTH_MAX	8
#define GFN_MAX		0x10000000000UL		/* addresses have 52 bits */
#define PAGES_MAX	((1UL << 31) - 1)	/* KVM_MEM_MAX_NR_PAGES */
#define COUNT_MAX	0x1000000000000UL
#define FLAGS_MAX	(KVM_MEM_LOG_DIRTY_PAGES | KVM_MEM_READONLY)

struct reading {
	struct replay *r;
	unsigned long line;
	struct json_object *object;
	unsigned long lost_line, lost;	/* events that were, 0: none */
	uint64_t at_ns;			/* of the line before */
};

void replay_bad(const struct replay *r, unsigned long line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: %s:%lu: ", program_invocation_short_name, r->path, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void *grow(void *array, size_t nr, size_t bytes)
{
	array = reallocarray(array, nr, bytes);
	if (!array)
		vm_die("out of memory");
	return array;
}

/* A value as it stands in the file, for messages. */
static const char *text_of(struct json_object *value)
{
	return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

static struct json_object *member(const struct reading *f, struct json_object *object,
				  const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		replay_bad(f->r, f->line, "'%s' is missing", key);
	return value;
}

static uint64_t get_number(const struct reading *f, struct json_object *object, const char *key,
			   uint64_t min, uint64_t max)
{
	struct json_object *value = member(f, object, key);
	uint64_t n;

	/* The library makes 0 of a negative number, and the largest of a larger one. */
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		replay_bad(f->r, f->line, "'%s': %.80s: give a whole number from %lu to %lu", key,
			   text_of(value), min, max);
	n = json_object_get_uint64(value);
	if (n < min || n > max)
		replay_bad(f->r, f->line, "'%s': %.80s: give a whole number from %lu to %lu", key,
			   text_of(value), min, max);
	return n;
}

/* The number of @value in @words, which NULL ends. */
static unsigned int word(const struct reading *f, struct json_object *object, const char *key,
			 const char * const *words)
{
	struct json_object *value = member(f, object, key);
	const char *text = json_object_is_type(value, json_type_string) ?
			   json_object_get_string(value) : "";
	char list[128] = "";
	size_t used = 0;
	unsigned int i;

	for (i = 0; words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
		used += snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", words[i]);
	}
	replay_bad(f->r, f->line, "'%s': %.80s: give one of %s", key, text_of(value), list);
}

static size_t find_slot(struct reading *f, uint32_t as_id, uint32_t id)
{
	struct replay *r = f->r;
	size_t i;

	for (i = 0; i < r->nr_slots; i++)
		if (r->slots[i].as_id == as_id && r->slots[i].id == id)
			return i;
	r->slots = grow(r->slots, r->nr_slots + 1, sizeof(*r->slots));
	r->slots[i] = (struct replay_slot){ .as_id = as_id, .id = id, .line = f->line };
	return r->nr_slots++;
}

static void read_zap(struct reading *f, struct json_object *zap, struct replay_update *u)
{
	static const char * const policies[] = { "fast", "scoped", NULL };
	uint64_t sptes, kept;

	if (!json_object_is_type(zap, json_type_object))
		replay_bad(f->r, f->line, "'zap': %.80s: give an object, or null", text_of(zap));
	if (u->change != REPLAY_DELETE && u->change != REPLAY_MOVE)
		replay_bad(f->r, f->line,
			   "'zap': only what is deleted or moves has one: give null");
	sptes = get_number(f, zap, "sptes", 0, COUNT_MAX);
	kept = get_number(f, zap, "kept", 0, COUNT_MAX);
	u->from_gfn = get_number(f, zap, "gfn", 0, GFN_MAX - 1);
	u->mapped = sptes + kept;
	/* fast drops all that there is, and does not tell whose it is. */
	if (word(f, zap, "policy", policies) == 1)
		u->own = sptes;
}

static void read_memslot(struct reading *f)
{
	static const char * const changes[] = { "create", "delete", "move", "flags", NULL };
	struct replay_update u = { .line = f->line, .at_ns = f->at_ns,
				   .from_gfn = REPLAY_UNKNOWN, .mapped = REPLAY_UNKNOWN,
				   .own = REPLAY_UNKNOWN };
	struct replay *r = f->r;
	struct json_object *zap;
	uint64_t as_id, id;

	if (f->lost)
		replay_bad(r, f->lost_line,
			   "%lu events were lost, and updates follow: give a recording without such a line (kvm-zap record --buffer)",
			   f->lost);
	as_id = get_number(f, f->object, "as_id", 0, REPLAY_SPACES - 1);
	id = get_number(f, f->object, "slot", 0, REPLAY_SLOTS - 1);
	u.region.gfn = get_number(f, f->object, "gfn", 0, GFN_MAX - 1);
	u.region.pages = get_number(f, f->object, "pages", 1, PAGES_MAX);
	u.region.flags = get_number(f, f->object, "flags", 0, FLAGS_MAX);
	u.change = word(f, f->object, "change", changes);
	if (u.region.gfn + u.region.pages > GFN_MAX)
		replay_bad(r, f->line, "'pages': %lu from gfn %lu on end behind 52 bits of address: give %lu at most",
			   u.region.pages, u.region.gfn, GFN_MAX - u.region.gfn);
	zap = member(f, f->object, "zap");
	if (zap)
		read_zap(f, zap, &u);
	u.slot = find_slot(f, as_id, id);
	r->updates = grow(r->updates, r->nr_updates + 1, sizeof(*r->updates));
	r->updates[r->nr_updates++] = u;
}

static void read_header(struct reading *f)
{
	static const char * const verbs[] = { "record", NULL };
	static const char * const events[] = { "header", NULL };

	word(f, f->object, "verb", verbs);
	word(f, f->object, "event", events);
	get_number(f, f->object, "format", REPLAY_FORMAT, REPLAY_FORMAT);
}

static void read_line(struct reading *f)
{
	enum { HEADER, MEMSLOT, ZAP, SETTLE, LOST, END };
	static const char * const events[] = {
		"header", "memslot", "zap", "settle", "lost", "end", NULL
	};
	unsigned int event;
	uint64_t at_ns;

	if (f->line == 1) {
		read_header(f);
		return;
	}
	event = word(f, f->object, "event", events);
	if (event == HEADER)
		replay_bad(f->r, f->line, "'event': \"header\": only the first line is one");
	at_ns = get_number(f, f->object, "at_ns", 0, INT64_MAX);
	if (event == MEMSLOT) {
		if (at_ns < f->at_ns)
			replay_bad(f->r, f->line, "'at_ns': %lu: updates are in order of time: give %lu or more",
				   at_ns, f->at_ns);
		f->at_ns = at_ns;
		read_memslot(f);
	} else if (event == ZAP) {
		f->r->others++;
	} else if (event == LOST) {
		f->lost = get_number(f, f->object, "events", 1, COUNT_MAX);
		f->lost_line = f->line;
	}
}

static void parse_line(struct reading *f, struct json_tokener *tokener, const char *line,
		       size_t bytes)
{
	json_tokener_reset(tokener);
	f->object = json_tokener_parse_ex(tokener, line, bytes);
	if (!f->object || !json_object_is_type(f->object, json_type_object))
		replay_bad(f->r, f->line, "'%.40s%s': give an object of JSON: %s", line,
			   bytes > 40 ? "..." : "",
			   json_tokener_get_error(tokener) == json_tokener_success ?
			   "this is none" :
			   json_tokener_error_desc(json_tokener_get_error(tokener)));
	read_line(f);
	json_object_put(f->object);
}

void replay_read(struct replay *r, const char *path)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct reading f = { .r = r };
	FILE *file = fopen(path, "re");
	char *line = grow(NULL, LINE_MAX_BYTES, 1);

	r->path = path;
	if (!file)
		vm_die("%s: %s", path, strerror(errno));
	if (!tokener)
		vm_die("out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	while (fgets(line, LINE_MAX_BYTES, file)) {
		size_t bytes = strlen(line);

		f.line++;
		if (!bytes || line[bytes - 1] != '\n')
			replay_bad(r, f.line, "not a whole line, of %d bytes at most: was the recording killed? Remove it",
				   LINE_MAX_BYTES - 2);
		line[--bytes] = '\0';
		parse_line(&f, tokener, line, bytes + 1);
	}
	if (ferror(file))
		vm_die("%s: %s", path, strerror(errno));
	if (!f.line)
		vm_die("%s is empty: give what 'kvm-zap record -o FILE' has written", path);
	json_tokener_free(tokener);
	fclose(file);
	free(line);
	replay_check(r);
}
