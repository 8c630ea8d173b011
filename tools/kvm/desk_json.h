/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON that kvm-zap.schema.json describes: keys are always there, null where unknown. */
#ifndef KVM_ZAP_DESK_JSON_H
#define KVM_ZAP_DESK_JSON_H

#include <json-c/json.h>

#include "desk_kvm.h"
#include "desk_vms.h"

/* The object of a verb, with what all of them have. */
struct json_object *desk_json_new(const char *verb);

/* Bytes that are no UTF-8 are made such; NULL is null. */
void desk_json_text(struct json_object *object, const char *key, const char *text);
void desk_json_number(struct json_object *object, const char *key, uint64_t number);
/* Six digits behind the point; null unless it is @known. */
void desk_json_real(struct json_object *object, const char *key, double real, bool known);
void desk_json_bool(struct json_object *object, const char *key, bool value);
void desk_json_answer(struct json_object *object, const char *key, enum desk_answer answer);

struct json_object *desk_json_module(const struct desk_module *module);
struct json_object *desk_json_vm(const struct desk_vm *vm);
/* Name, pid and what decides, of a VM that a message is about. */
struct json_object *desk_json_vm_short(const struct desk_vm *vm);
/* Words of the parameters, by site; null where there is none. */
struct json_object *desk_json_parameters(void);

/* What a measurement depends on. */
struct json_object *desk_json_host(void);

/* Prints @object and frees it. @line: on one line. */
int desk_json_print(struct json_object *object, bool line);

#endif
