// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guests of kvm-zap compare do. See qemu_load.h.
 */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "desk.h"
#include "qemu_load.h"

#define RESIZED_BYTES	(256UL << 20)	/* by which virtio-mem grows and shrinks */

static bool ask(struct qemu_vm *vm, const char *word, unsigned long rounds)
{
	char *what = desk_text("%s %lu", word, rounds), *said = qemu_ask(vm, what);

	free(what);
	free(said);
	return said;
}

static bool run_rom(struct qemu_vm *vm, unsigned long rounds)
{
	return ask(vm, "rom", rounds);
}

static bool run_vga(struct qemu_vm *vm, unsigned long rounds)
{
	return ask(vm, "vga", rounds);
}

/* Waits until @done says so; false: a signal, or the guest takes too long. */
static bool wait_until(struct qemu_vm *vm, bool (*done)(struct qemu_vm *vm, uint64_t value),
		       uint64_t value, const char *what)
{
	uint64_t until_ns = desk_now_ns() + vm->seconds * 1e9;

	while (!done(vm, value)) {
		if (!compare_sleep(0.005) || !vm->qmp || !desk_qmp_is_open(vm->qmp))
			return false;
		if (desk_now_ns() < until_ns)
			continue;
		desk_say("the guest does not %s within %g s", what, vm->seconds);
		return false;
	}
	return true;
}

static bool is_unplugged(struct qemu_vm *vm, uint64_t value)
{
	struct json_object *list = qemu_tell(vm, "qom-list", "{\"path\": \"/machine/peripheral\"}");
	size_t i;
	bool there = !list;

	(void)value;
	for (i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		there |= !strcmp(json_object_get_string(json_object_object_get(one, "name")),
				 "hot");
	}
	json_object_put(list);
	return !there;
}

static bool told(struct json_object *value)
{
	json_object_put(value);
	return value;
}

static bool run_hotplug(struct qemu_vm *vm, unsigned long rounds)
{
	char *said;

	while (rounds--) {
		if (!told(qemu_tell(vm, "device_add",
				    "{\"driver\": \"virtio-net-pci\", \"id\": \"hot\"}")))
			return false;
		said = qemu_ask(vm, "hot");
		free(said);
		if (!said || !told(qemu_tell(vm, "device_del", "{\"id\": \"hot\"}")))
			return false;
		if (!wait_until(vm, is_unplugged, 0, "let go of the device"))
			return false;
		said = qemu_ask(vm, "hot gone");
		free(said);
		if (!said)
			return false;
	}
	return true;
}

static bool has_size(struct qemu_vm *vm, uint64_t bytes)
{
	struct json_object *size = qemu_tell(vm, "qom-get",
		"{\"path\": \"/machine/peripheral/vmem\", \"property\": \"size\"}");
	bool is_it = size && (uint64_t)json_object_get_int64(size) == bytes;

	json_object_put(size);
	return is_it;
}

static bool resize(struct qemu_vm *vm, uint64_t bytes)
{
	return told(qemu_tell(vm, "qom-set",
			      "{\"path\": \"/machine/peripheral/vmem\", "
			      "\"property\": \"requested-size\", \"value\": %lu}",
			      bytes)) &&
	       wait_until(vm, has_size, bytes, "plug or unplug memory");
}

static bool run_mem(struct qemu_vm *vm, unsigned long rounds)
{
	while (rounds--)
		if (!resize(vm, RESIZED_BYTES) || !resize(vm, 0))
			return false;
	return true;
}

static const char * const rom_devices[] = { "-device", "virtio-net-pci", "-device", "VGA", NULL };

static const char * const vga_devices[] = { "-device", "VGA", NULL };

static const char * const mem_devices[] = {
	"-object", "memory-backend-ram,id=mem,size=512M,reserve=off",
	"-device", "virtio-mem-pci,id=vmem,memdev=mem,requested-size=0,dynamic-memslots=on", NULL
};

static const char * const mem_modules[] = { "virtio_pci", "virtio_mem", NULL };

static const struct qemu_load loads[] = {
	{ .name = "guest-rom", .doc = "reads the option ROMs of its PCI devices",
	  .devices = rom_devices, .run = run_rom },
	{ .name = "guest-hotplug",
	  .doc = "gets a virtio device, reads its option ROM, and loses it",
	  .run = run_hotplug },
	{ .name = "guest-virtio-mem",
	  .doc = "gets 256 MiB of memory by virtio-mem, and gives it back (QEMU 8.2)",
	  .devices = mem_devices, .modules = mem_modules, .device = "virtio-mem-pci",
	  .property = "dynamic-memslots", .since = "8.2", .run = run_mem },
	{ .name = "guest-vga", .doc = "switches VGA from 256 colours to text and back",
	  .devices = vga_devices, .run = run_vga },
};

const struct qemu_load *qemu_load_nth(size_t i)
{
	return i < ARRAY_SIZE(loads) ? &loads[i] : NULL;
}

const struct qemu_load *qemu_load_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(loads); i++)
		if (!strcmp(loads[i].name, name))
			return &loads[i];
	return NULL;
}

bool qemu_load_check(const char *qemu, const struct qemu_load *load)
{
	char *command, *said;
	bool has;

	/* Quotes may be in the path, not in the variable's name. */
	setenv("KVM_ZAP_QEMU", qemu, 1);
	command = desk_text("\"$KVM_ZAP_QEMU\" -device %s,help 2> /dev/null",
			    load->device ? load->device : "VGA");
	said = desk_read_command(command, NULL);
	free(command);
	has = said && (!load->property || strstr(said, load->property));
	if (!said)
		desk_say("--qemu: %s is no QEMU that runs here (apt-get install qemu-system-x86)",
			 qemu);
	else if (!has)
		desk_say("%s needs QEMU %s or later, whose %s has %s: name one by --qemu",
			 load->name, load->since, load->device, load->property);
	free(said);
	return has;
}
