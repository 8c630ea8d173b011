// SPDX-License-Identifier: GPL-2.0-only
/*
 * Read the files of a report: which tool wrote each, and what is in it. See page.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "desk.h"
#include "page.h"

/* Of kvm-zap.schema.json. */
#define SCHEMA_VERSION	1

#define WANTED	"give what 'kvm-zap compare --json' or 'kvm-zap stat --json' printed, or " \
		"the bench.json of 'make bench'"

struct json_object *page_get(struct json_object *object, const char *key)
{
	const char *dot = strchr(key, '.');
	struct json_object *value;
	char *first;

	if (!json_object_is_type(object, json_type_object))
		return NULL;
	if (!dot)
		return json_object_object_get_ex(object, key, &value) ? value : NULL;
	first = desk_copy(key);
	first[dot - key] = '\0';
	value = page_get(object, first);
	free(first);
	return page_get(value, dot + 1);
}

const char *page_text(struct json_object *object, const char *key)
{
	struct json_object *value = page_get(object, key);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

bool page_number(struct json_object *object, const char *key, double *number)
{
	struct json_object *value = page_get(object, key);

	*number = 0;
	if (!json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_double))
		return false;
	*number = json_object_get_double(value);
	if (isfinite(*number))
		return true;
	*number = 0;
	return false;
}

size_t page_length(struct json_object *object, const char *key)
{
	struct json_object *value = page_get(object, key);

	return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

struct json_object *page_at(struct json_object *object, const char *key, size_t i)
{
	return json_object_array_get_idx(page_get(object, key), i);
}

static void append(struct page_items *items, enum page_kind kind, const char *path,
		   struct json_object *json)
{
	items->item = desk_grow(items->item, items->nr + 1, sizeof(*items->item));
	items->item[items->nr++] = (struct page_item) { kind, path, json_object_get(json) };
}

/* Its command line from the workload on, without what is the same in all. */
static char *command_of(struct json_object *result)
{
	char *text = desk_copy(""), *longer;
	size_t i;

	for (i = 1; i < page_length(result, "command"); i++) {
		const char *word = json_object_get_string(page_at(result, "command", i));

		if (!word || !strcmp(word, "--json"))
			continue;
		longer = desk_text("%s%s%s", text, *text ? " " : "", word);
		free(text);
		text = longer;
	}
	return text;
}

/* A run of kvm-zap-bench that make bench has not labelled. */
static struct json_object *label(struct json_object *result)
{
	const char *policy = page_text(result, "modules.kvm.parameters.memslot_zap");
	const char *mode = page_text(result, "mmu");
	struct json_object *object = json_object_new_object();
	char *command = command_of(result);

	json_object_object_add(object, "workload", json_object_new_string(command));
	json_object_object_add(object, "mode", json_object_new_string(mode ? mode : "unknown"));
	/* As make bench calls it. */
	json_object_object_add(object, "policy",
			       json_object_new_string(policy ? policy : "distribution"));
	json_object_object_add(object, "result", json_object_get(result));
	free(command);
	return object;
}

static bool is_run(struct json_object *object)
{
	const char *program = page_text(object, "program");

	return program && !strcmp(program, "kvm-zap-bench");
}

static int no_part(const char *path, const char *part)
{
	desk_say("%s: its '%s' is not what it should be: it was changed, or cut off", path, part);
	return DESK_NOT;
}

/* make bench's: a list of runs. */
static int take_bench(struct page_items *items, const char *path, struct json_object *list)
{
	size_t i, nr = json_object_array_length(list);

	if (!nr) {
		desk_say("%s: has no result in it: %s", path, WANTED);
		return DESK_NOT;
	}
	for (i = 0; i < nr; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (!is_run(page_get(entry, "result"))) {
			desk_say("%s: entry %zu is no result of kvm-zap-bench: %s", path, i + 1,
				 WANTED);
			return DESK_NOT;
		}
		append(items, PAGE_BENCH, path, entry);
	}
	return DESK_OK;
}

/* kvm-zap's own. */
static int take_verb(struct page_items *items, const char *path, struct json_object *json)
{
	const char *verb = page_text(json, "verb");
	double schema;

	if (!verb || !page_number(json, "schema", &schema)) {
		desk_say("%s: JSON, but none of kvm-zap's: %s", path, WANTED);
		return DESK_NOT;
	}
	if (schema > SCHEMA_VERSION) {
		desk_say("%s: a later kvm-zap wrote it (schema %.0f, this one knows %d)", path,
			 schema, SCHEMA_VERSION);
		return DESK_NOT;
	}
	if (!strcmp(verb, "compare")) {
		if (!page_length(json, "values") || !page_length(json, "policies"))
			return no_part(path, "values");
		append(items, PAGE_COMPARE, path, json);
		return DESK_OK;
	}
	if (!strcmp(verb, "stat")) {
		if (!json_object_is_type(page_get(json, "rows"), json_type_array))
			return no_part(path, "rows");
		/* Of 'stat -i' the last line has the totals. */
		if (items->nr && items->item[items->nr - 1].kind == PAGE_STAT &&
		    items->item[items->nr - 1].path == path)
			json_object_put(items->item[--items->nr].json);
		append(items, PAGE_STAT, path, json);
		return DESK_OK;
	}
	if (!strcmp(verb, "compare-sample"))
		desk_say("%s: samples of 'compare --output': give what 'compare --json' printed",
			 path);
	else
		desk_say("%s: is of 'kvm-zap %s': %s", path, verb, WANTED);
	return DESK_NOT;
}

static int take(struct page_items *items, const char *path, struct json_object *json)
{
	struct json_object *labelled;

	if (json_object_is_type(json, json_type_array))
		return take_bench(items, path, json);
	if (!is_run(json))
		return take_verb(items, path, json);
	labelled = label(json);
	append(items, PAGE_BENCH, path, labelled);
	json_object_put(labelled);
	return DESK_OK;
}

/* Where byte @at of @text is, for people. */
static size_t line_of(const char *text, size_t at)
{
	size_t i, line = 1;

	for (i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

/* Several objects may follow each other, as 'stat -i' prints them. */
static int take_all(struct page_items *items, const char *path, const char *text, size_t bytes,
		    struct json_tokener *tokener)
{
	size_t at = strspn(text, " \t\r\n");
	int ret = DESK_OK;

	if (at == bytes) {
		desk_say("%s: is empty: %s", path, WANTED);
		return DESK_NOT;
	}
	while (at < bytes && !ret) {
		struct json_object *json = json_tokener_parse_ex(tokener, text + at, bytes - at);
		enum json_tokener_error error = json_tokener_get_error(tokener);

		at += json_tokener_get_parse_end(tokener);
		if (error == json_tokener_success) {
			ret = take(items, path, json);
			json_object_put(json);
		} else {
			desk_say("%s: no JSON: %s, in line %zu", path,
				 error == json_tokener_continue ? "it ends too early" :
				 json_tokener_error_desc(error), line_of(text, at));
			ret = DESK_NOT;
		}
		at += strspn(text + at, " \t\r\n");
	}
	return ret;
}

int page_read(struct page_items *items, const char *path)
{
	struct json_tokener *tokener;
	struct stat st;
	size_t bytes;
	char *text;
	int ret;

	/* The C library reads a folder as an empty file. */
	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		desk_say("%s: is a folder: %s", path, WANTED);
		return DESK_NOT;
	}
	text = desk_read(path, &bytes);
	if (!text) {
		desk_say("%s: %s", path, strerror(errno));
		return DESK_NOT;
	}
	/* What the library can count. */
	if (bytes > INT_MAX) {
		desk_say("%s: has %zu bytes: %s", path, bytes, WANTED);
		free(text);
		return DESK_NOT;
	}
	tokener = json_tokener_new();
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	ret = take_all(items, path, text, bytes, tokener);
	json_tokener_free(tokener);
	free(text);
	return ret;
}

void page_free(struct page_items *items)
{
	size_t i;

	for (i = 0; i < items->nr; i++)
		json_object_put(items->item[i].json);
	free(items->item);
}
