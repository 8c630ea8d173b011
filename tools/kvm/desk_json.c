// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON of all verbs. See desk_json.h.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "desk.h"
#include "desk_json.h"
#include "desk_print.h"
#include "host.h"

/* Grows when a key changes its meaning or goes; new keys may come at any time. */
#define SCHEMA_VERSION	1

void desk_json_text(struct json_object *object, const char *key, const char *text)
{
	char *utf8 = text ? desk_utf8(text) : NULL;

	json_object_object_add(object, key, utf8 ? json_object_new_string(utf8) : NULL);
	free(utf8);
}

void desk_json_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_uint64(number));
}

void desk_json_real(struct json_object *object, const char *key, double real, bool known)
{
	char text[400];

	/* Written here: the library's own way has 17 digits. */
	snprintf(text, sizeof(text), "%.6f", real);
	/* JSON has no infinite numbers, and no NaN. */
	json_object_object_add(object, key, known && isfinite(real) ?
			       json_object_new_double_s(real, text) : NULL);
}

void desk_json_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void desk_json_answer(struct json_object *object, const char *key, enum desk_answer answer)
{
	json_object_object_add(object, key, answer == DESK_UNKNOWN ? NULL :
			       json_object_new_boolean(answer == DESK_YES));
}

struct json_object *desk_json_new(const char *verb)
{
	struct json_object *object = json_object_new_object();
	struct utsname uts;

	uname(&uts);
	desk_json_number(object, "schema", SCHEMA_VERSION);
	desk_json_text(object, "verb", verb);
	desk_json_text(object, "kernel", uts.release);
	return object;
}

struct json_object *desk_json_module(const struct desk_module *module)
{
	struct json_object *object = json_object_new_object();

	desk_json_text(object, "origin", desk_module_origin(module));
	desk_json_bool(object, "builtin", module->builtin);
	desk_json_text(object, "build_id", *module->build_id ? module->build_id : NULL);
	desk_json_text(object, "installed", module->file);
	desk_json_answer(object, "installed_has_kvm_zap", module->file_zap);
	desk_json_answer(object, "installed_is_loaded", module->current);
	return object;
}

struct json_object *desk_json_parameters(void)
{
	struct json_object *object = json_object_new_object();
	unsigned int i;

	for (i = 0; i < DESK_NR_SITES; i++) {
		char name[64], word[64];
		int error = desk_param(&desk_sites[i], word, sizeof(word));

		snprintf(name, sizeof(name), "%s_zap", desk_sites[i].name);
		desk_json_text(object, name, error ? NULL : word);
	}
	return object;
}

struct json_object *desk_json_vm_short(const struct desk_vm *vm)
{
	struct json_object *object = json_object_new_object();

	desk_json_text(object, "name", vm->name);
	desk_json_number(object, "pid", vm->tgid);
	desk_json_text(object, "word", vm->word);
	desk_json_text(object, "by", vm->by);
	desk_json_text(object, "policy", vm->policy);
	return object;
}

static struct json_object *json_rates(const struct desk_vm *vm)
{
	struct json_object *rates = json_object_new_object();
	bool known = vm->seconds;

	desk_json_real(rates, "seconds", vm->seconds, known);
	desk_json_real(rates, "invalidations", desk_vm_invalidation_rate(vm), known);
	desk_json_real(rates, "updates", desk_vm_rate(vm, COUNT_UPDATES), known);
	desk_json_real(rates, "sptes", desk_vm_rate(vm, COUNT_SPTES), known);
	desk_json_real(rates, "collateral", desk_vm_rate(vm, COUNT_COLLATERAL), known);
	desk_json_real(rates, "kept", desk_vm_rate(vm, COUNT_KEPT), known);
	desk_json_real(rates, "refaults", desk_vm_rate(vm, COUNT_REFAULTS), known);
	desk_json_real(rates, "update_share", desk_vm_update_share(vm), known);
	desk_json_real(rates, "stall_share", desk_vm_stall_share(vm), known);
	return rates;
}

struct json_object *desk_json_vm(const struct desk_vm *vm)
{
	struct json_object *object = desk_json_vm_short(vm);
	struct json_object *counts = json_object_new_object();
	int i;

	desk_json_text(object, "named_by", vm->named_by);
	desk_json_text(object, "id", vm->id);
	desk_json_text(object, "uuid", vm->uuid);
	desk_json_number(object, "tid", vm->tid);
	json_object_object_add(object, "vfio", vm->vfio < 0 ? NULL :
			       json_object_new_int(vm->vfio));
	json_object_object_add(object, "vcpus", vm->vcpus < 0 ? NULL :
			       json_object_new_int(vm->vcpus));
	json_object_object_add(object, "age_ms", vm->age_ms < 0 ? NULL :
			       json_object_new_int64(vm->age_ms));
	for (i = 0; i < DESK_NR_COUNTS; i++)
		desk_json_number(counts, desk_count_names[i], vm->n[i]);
	if (!vm->assigned_known)
		desk_json_text(counts, desk_count_names[COUNT_ASSIGNED], NULL);
	json_object_object_add(object, "counts", counts);
	json_object_object_add(object, "rates", json_rates(vm));
	return object;
}

/* Read once: stat prints it again and again, and whose kvm.ko it is takes some files. */
static struct json_object *json_module_once(void)
{
	static struct json_object *object;
	struct desk_module module;

	if (!object) {
		desk_module_read(&module);
		object = desk_json_module(&module);
		desk_module_free(&module);
	}
	return json_object_get(object);
}

struct json_object *desk_json_host(void)
{
	struct json_object *object = json_object_new_object();
	struct utsname uts;
	char cpu[256];

	uname(&uts);
	host_cpu(cpu, sizeof(cpu));
	desk_json_text(object, "name", uts.nodename);
	desk_json_text(object, "kernel_version", uts.version);
	desk_json_text(object, "cpu", *cpu ? cpu : NULL);
	desk_json_number(object, "cpus_online", sysconf(_SC_NPROCESSORS_ONLN));
	desk_json_text(object, "mmu", host_mmu());
	json_object_object_add(object, "module", json_module_once());
	json_object_object_add(object, "parameters", desk_json_parameters());
	return object;
}

int desk_json_print(struct json_object *object, bool line)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (line ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY |
						     JSON_C_TO_STRING_SPACED);

	puts(json_object_to_json_string_ext(object, flags));
	json_object_put(object);
	return desk_flush() ? DESK_NOT : DESK_OK;
}
