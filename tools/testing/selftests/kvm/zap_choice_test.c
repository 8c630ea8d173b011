// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who decides how a memslot's mappings go: the VM's own word in debugfs, and
 * only if that says inherit the VMM, where the kernel asks it, or the parameter.
 * Every combination, and what each leaves alone.
 *
 * What breaks without it: the way back for a single VM would not be one, or an
 * operator's word for one VM would change others.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "zap_lib.h"

/* What is mapped beside the slot in question. */
#define RAM_BYTES	(8 * SZ_2M)

static const char * const params[] = { ZAP_MEMSLOT_WORDS };
static const char * const words[] = { "inherit", ZAP_MEMSLOT_WORDS };

/* The VM's file. */
static const char *word_path(struct vm *vm)
{
	static char path[128];

	snprintf(path, sizeof(path), ZAP_DEBUGFS "%d-%d/memslot_zap", getpid(), vm->fd);
	return path;
}

/* 0 or -errno. */
static int put(struct vm *vm, const char *text, size_t bytes)
{
	return zap_write_file(word_path(vm), text, bytes);
}

static void set_word(struct vm *vm, const char *word)
{
	int ret = put(vm, word, strlen(word));

	if (ret)
		vm_die("'%s' > %s: %s", word, word_path(vm), strerror(-ret));
}

static bool holds(struct vm *vm, const char *word)
{
	char buf[64], want[64];
	long ret = zap_read_file(word_path(vm), buf, sizeof(buf));

	if (ret < 0)
		vm_die("%s: %s", word_path(vm), strerror(-ret));
	snprintf(want, sizeof(want), "%s\n", word);
	return ktap_check(!strcmp(buf, want), "reads '%s', expected '%s'", buf, want);
}

/* Delete the slot and put it back; which policy it was counted as. */
static const char *delete_one(struct vm *vm, void *mem)
{
	struct zap_counts before, after;

	zap_counts(vm, &before);
	vm_delete_slot(vm, 0);
	zap_counts(vm, &after);
	zap_diff(&after, &before);
	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	if (after.memslot_zap_fast + after.memslot_zap_scoped != 1)
		return "none or several";
	return after.memslot_zap_fast ? "fast" : "scoped";
}

/* What is taken when @word decides: itself, or for auto what auto takes here. */
static const char *taken(const char *word, const char *auto_takes)
{
	return strcmp(word, "auto") ? word : auto_takes;
}

/* The table: what the VM says goes first, the parameter else. */
static void test_table(struct vm *vm, struct vm *neighbour, void *mem, const char *auto_takes)
{
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < ARRAY_SIZE(params); j++) {
			const char *first = strcmp(words[i], "inherit") ? words[i] : params[j];
			const char *got;

			zap_policy(params[j]);
			set_word(vm, words[i]);
			got = delete_one(vm, mem);
			ktap_check(!strcmp(got, taken(first, auto_takes)),
				   "was counted as %s, expected %s", got, first);
			got = delete_one(neighbour, mem);
			ktap_check(!strcmp(got, taken(params[j], auto_takes)),
				   "another VM's was counted as %s, expected %s", got, params[j]);
			holds(neighbour, "inherit");
			ktap_result("the VM says %s, the parameter %s", words[i], params[j]);
		}
	}
}

/* A VM whose VMM has asked for scoped; NULL where the kernel does not ask it. */
static struct vm *create_wishing(void)
{
	struct vm *vm = vm_create(NULL);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DISABLE_QUIRKS2,
		.args[0] = KVM_X86_QUIRK_SLOT_ZAP_ALL,
	};

	if (!(vm_cap(vm, KVM_CAP_DISABLE_QUIRKS2) & KVM_X86_QUIRK_SLOT_ZAP_ALL)) {
		vm_destroy(vm);
		return NULL;
	}
	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		vm_die("KVM_X86_QUIRK_SLOT_ZAP_ALL: %s", strerror(errno));
	return vm;
}

/* The VM's word goes before the VMM, the parameter after. */
static void test_vmm(void *mem, const char *auto_takes)
{
	struct vm *vm = create_wishing();
	unsigned int i, j;

	if (!vm) {
		ktap_skip("this kernel does not ask the VMM",
			  "the VMM goes before the parameter, the VM's word before the VMM");
		return;
	}

	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < ARRAY_SIZE(params); j++) {
			const char *first = strcmp(words[i], "inherit") ? words[i] : "scoped";
			const char *got;

			zap_policy(params[j]);
			set_word(vm, words[i]);
			got = delete_one(vm, mem);
			ktap_check(!strcmp(got, taken(first, auto_takes)),
				   "the VM says %s, the parameter %s: counted as %s, expected %s",
				   words[i], params[j], got, first);
		}
	}
	vm_destroy(vm);
	ktap_result("the VMM goes before the parameter, the VM's word before the VMM");
}

/*
 * What nobody but the VMM wants is KVM's to do, which leaves page tables where they
 * are; with another word than fast it is the engine's, which frees them.
 */
static void test_vmm_alone(void)
{
	void *ram = vm_backing_alloc(RAM_BYTES, VM_4K);
	struct vm *vm = create_wishing();
	struct zap_counts before, after;
	unsigned int i;

	for (i = 0; vm && i < ARRAY_SIZE(params); i++) {
		bool fast = !strcmp(params[i], "fast");

		if (!i) {
			vcpu_create(vm, 0);
			guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, RAM_BYTES, 0);
		}
		vm_set_slot(vm, 0, 0, VM_RAM_GPA, RAM_BYTES, ram);
		vcpu_read(vm->vcpus, VM_RAM_GPA, RAM_BYTES);
		zap_policy(params[i]);
		zap_counts(vm, &before);
		vm_delete_slot(vm, 0);
		zap_counts(vm, &after);
		zap_diff(&after, &before);
		ktap_equal("memslot_zap_scoped", after.memslot_zap_scoped, 1);
		ktap_equal("zap_sptes", after.zap_sptes, RAM_BYTES / SZ_4K);
		ktap_check(fast == !after.zap_tables, "%s: zap_tables %lu", params[i],
			   after.zap_tables);
	}
	if (vm)
		vm_destroy(vm);
	vm_backing_free(ram, RAM_BYTES);
	if (vm)
		ktap_result("what the VMM alone asks for KVM does in its own way");
	else
		ktap_skip("this kernel does not ask the VMM",
			  "what the VMM alone asks for KVM does in its own way");
}

/* auto takes the cheaper: a small slot, while the guest has much else mapped. */
static void test_auto(void)
{
	void *mem = vm_backing_alloc(SZ_64K, VM_4K), *ram = vm_backing_alloc(RAM_BYTES, VM_4K);
	struct vm *vm = vm_create(NULL);
	const char *got;

	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, RAM_BYTES, 0);
	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	vm_set_slot(vm, 1, 0, VM_RAM_GPA, RAM_BYTES, ram);
	vcpu_read(vm->vcpus, VM_RAM_GPA, RAM_BYTES);
	zap_policy("auto");
	got = delete_one(vm, mem);
	ktap_check(!strcmp(got, "scoped"), "was counted as %s, expected scoped", got);
	vm_destroy(vm);
	vm_backing_free(mem, SZ_64K);
	vm_backing_free(ram, RAM_BYTES);
	ktap_result("auto takes scoped where that is by far the cheaper");
}

/* The VM's word is of memslots: it does not decide how the VM goes. */
static void test_teardown(void)
{
	static const char * const says[] = { ZAP_TEARDOWN_WORDS };
	struct zap_row row, before;
	unsigned int i, j;
	struct vm *vm;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < ARRAY_SIZE(says); j++) {
			zap_site_policy("teardown", says[j]);
			vm = vm_create(NULL);
			set_word(vm, words[i]);
			zap_row("teardown", says[j], &before);
			vm_destroy(vm);
			zap_row("teardown", says[j], &row);
			ktap_check(row.count - before.count == 1,
				   "the VM says %s, the parameter %s: not counted as such",
				   words[i], says[j]);
		}
	}
	ktap_result("a VM's word does not decide how the VM goes");
}

static void test_text(struct vm *vm)
{
	static const struct {
		const char *text;
		size_t bytes;
	} illegal[] = {
#define TEXT(text)	{ text, sizeof(text) - 1 }
		TEXT(""), TEXT("\n"), TEXT("walk"), TEXT("bulk"), TEXT("FAST"), TEXT(" fast"),
		TEXT("fast "), TEXT("fas"), TEXT("0"), TEXT("fast\n\n"), TEXT("\0fast"),
		TEXT("fast\0"), TEXT("fast\0junk"), TEXT("inherit, or something else"),
#undef TEXT
	};
	char line[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		set_word(vm, words[(i + 1) % ARRAY_SIZE(words)]);
		snprintf(line, sizeof(line), "%s\n", words[i]);
		ktap_equal("error of a line", -put(vm, line, strlen(line)), 0);
		holds(vm, words[i]);
	}
	ktap_result("a VM's file takes and shows its words");

	set_word(vm, "scoped");
	for (i = 0; i < ARRAY_SIZE(illegal); i++) {
		ktap_check(put(vm, illegal[i].text, illegal[i].bytes) == -EINVAL || !illegal[i].bytes,
			   "'%s' is not refused", illegal[i].text);
		holds(vm, "scoped");
	}
	ktap_result("a VM's file refuses all else");
}

/* The file is there as long as the VM; one that is open outlives it harmlessly. */
static void test_lifetime(void)
{
	struct vm *vm = vm_create(NULL);
	struct stat st;
	char buf[16], path[128];
	int fd;

	snprintf(path, sizeof(path), "%s", word_path(vm));
	holds(vm, "inherit");
	ktap_check(!stat(path, &st) && (st.st_mode & 07777) == 0644, "mode %o, expected 644",
		   st.st_mode & 07777);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ktap_check(fd >= 0, "%s: %s", path, strerror(errno));
	vm_destroy(vm);
	ktap_check(access(path, F_OK) && errno == ENOENT, "%s outlives the VM", path);
	ktap_check(write(fd, "fast", 4) < 0 && errno == EIO, "a write after the VM is gone: %s",
		   strerror(errno));
	ktap_check(read(fd, buf, sizeof(buf)) < 0 && errno == EIO,
		   "a read after the VM is gone: %s", strerror(errno));
	close(fd);
	ktap_result("a VM's file goes with the VM");
}

int main(void)
{
	struct vm *vm, *neighbour;
	const char *auto_takes;
	void *mem;

	zap_need_debugfs();
	zap_start(ARRAY_SIZE(words) * ARRAY_SIZE(params) + 7);
	vm = vm_create(NULL);
	neighbour = vm_create(NULL);
	mem = vm_backing_alloc(SZ_64K, VM_4K);
	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	vm_set_slot(neighbour, 0, 0, VM_ROM_GPA, SZ_64K, mem);

	/* The same for both: neither has anything mapped. */
	zap_policy("auto");
	auto_takes = delete_one(vm, mem);
	test_table(vm, neighbour, mem, auto_takes);
	test_vmm(mem, auto_takes);
	test_vmm_alone();
	test_auto();
	test_teardown();
	test_text(vm);
	test_lifetime();

	vm_destroy(vm);
	vm_destroy(neighbour);
	vm_backing_free(mem, SZ_64K);
	return ktap_end();
}
