// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who decides how a memslot's mappings are dropped: a device with non-coherent DMA, where
 * the kernel then needs more dropped than the memslot's mappings; the VM's own word in
 * debugfs, unless it is inherit; the parameter, unless it is stock; the kernel, which may
 * ask the VMM. For every combination, the test checks what was done, by whose code, and
 * who is reported to have decided. (zap_protected_test has the VM's type, which takes
 * precedence.)
 *
 * What breaks without it: there is no way back for a single VM, or for all of them; a
 * guest with a device loses the memory types that it asks for; or an operator's word for
 * one VM changes others.
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
#include "zap_tracing.h"

/* What is mapped beside the slot in question. */
#define RAM_BYTES	(8 * SZ_2M)

/* The slot in question, of whole page tables. */
#define SLOT_BYTES	(2 * SZ_2M)

#define DMA_PARAM	"zap_noncoherent_dma"

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

/* What is to be done, by whose code, who has decided. */
struct decision {
	const char *policy, *by;
	bool kernels;
};

/* @own is what the kernel does by itself. */
static struct decision decide(const char *word, const char *param, const char *own, bool dma)
{
	struct decision d = { .policy = word, .by = "vm" };

	/* 6.7 has it that KVM renews memory types when the device comes. */
	if (dma && !zap_kernel_since(6, 7))
		return (struct decision){ .policy = "fast", .by = "dma" };
	if (!strcmp(word, "inherit")) {
		d.policy = param;
		d.by = strcmp(param, "stock") ? "param" : "kernel";
	}
	d.kernels = !strcmp(d.policy, "stock");
	if (d.kernels)
		d.policy = own;
	else if (!strcmp(d.policy, "auto"))
		d.policy = "scoped";
	return d;
}

/* Use the slot, which is all that is mapped beside what any VM here has, and delete it. */
static void expect(struct vm *vm, void *mem, const struct decision *d, const char *what)
{
	bool scoped = !strcmp(d->policy, "scoped");
	struct zap_counts before, after;
	const char *by;

	vm_set_slot(vm, 0, 0, VM_RAM_GPA, SLOT_BYTES, mem);
	vcpu_read(vm->vcpus, VM_RAM_GPA, SLOT_BYTES);
	zap_tracing_take();
	zap_counts(vm, &before);
	vm_delete_slot(vm, 0);
	zap_counts(vm, &after);
	zap_diff(&after, &before);
	by = zap_traced("by");
	ktap_check(!strcmp(by, d->by), "%s: by '%s', expected '%s'", what, by, d->by);
	ktap_check(after.memslot_zap_fast == !scoped && after.memslot_zap_scoped == scoped,
		   "%s: counted %lu times as fast, %lu as scoped, expected %s", what,
		   after.memslot_zap_fast, after.memslot_zap_scoped, d->policy);
	ktap_check(scoped == (after.zap_sptes == SLOT_BYTES / SZ_4K),
		   "%s: %lu leaf SPTEs went, expected %s", what, after.zap_sptes, d->policy);
	/* KVM's own scoped leaves page tables where they are, the engine frees them. */
	ktap_check((scoped && d->kernels) == !after.zap_tables,
		   "%s: %lu page tables went", what, after.zap_tables);
}

static struct vm *set_up(struct vm *vm)
{
	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, SLOT_BYTES, 0);
	return vm;
}

/* The table, for a VM of which the kernel decides @own by itself. */
static void test_words(struct vm *vm, void *mem, const char *own, bool dma, const char *what)
{
	struct decision d;
	unsigned int i, j;
	char pair[64];

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < ARRAY_SIZE(params); j++) {
			snprintf(pair, sizeof(pair), "%s, parameter %s", words[i], params[j]);
			zap_policy(params[j]);
			set_word(vm, words[i]);
			d = decide(words[i], params[j], own, dma);
			expect(vm, mem, &d, pair);
			holds(vm, words[i]);
		}
		ktap_result("%s: the VM says %s, the parameter each word", what, words[i]);
	}
}

static void test_table(void *mem, bool wishing, bool dma)
{
	const char *skip = NULL;
	struct vm *vm = NULL;
	unsigned int i;
	char what[64];

	snprintf(what, sizeof(what), "%s, %s", wishing ? "quirk disabled" : "plain",
		 dma ? "non-coherent DMA" : "no DMA");
	if (kvm_param_set(ZAP_MODULE, DMA_PARAM, dma ? "Y" : "N") && dma)
		skip = "only test builds of kvm can have VMs count as having a device";
	else
		vm = wishing ? create_wishing() : vm_create(NULL);
	if (!vm && !skip)
		skip = "this kernel does not ask the VMM";
	for (i = 0; skip && i < ARRAY_SIZE(words); i++)
		ktap_skip(skip, "%s: the VM says %s, the parameter each word", what, words[i]);
	if (!skip) {
		test_words(set_up(vm), mem, wishing ? "scoped" : "fast", dma, what);
		vm_destroy(vm);
	}
	kvm_param_set(ZAP_MODULE, DMA_PARAM, "N");
}

/* What a VM says is nothing to another. */
static void test_neighbour(struct vm *vm, void *mem)
{
	struct vm *neighbour = set_up(vm_create(NULL));
	struct decision d;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		for (j = 0; j < ARRAY_SIZE(params); j++) {
			zap_policy(params[j]);
			set_word(vm, words[i]);
			d = decide("inherit", params[j], "fast", false);
			expect(neighbour, mem, &d, words[i]);
			holds(neighbour, "inherit");
		}
	}
	vm_destroy(neighbour);
	ktap_result("a VM's word is not another one's");
}

/* auto takes the cheaper: a small slot, while the guest has much else mapped. */
static void test_auto(void)
{
	void *mem = vm_backing_alloc(SZ_64K, VM_4K), *ram = vm_backing_alloc(RAM_BYTES, VM_4K);
	struct vm *vm = vm_create(NULL);

	vcpu_create(vm, 0);
	guest_pt_map(vm->pt, VM_RAM_GPA, VM_RAM_GPA, RAM_BYTES, 0);
	vm_set_slot(vm, 0, 0, VM_ROM_GPA, SZ_64K, mem);
	vm_set_slot(vm, 1, 0, VM_RAM_GPA, RAM_BYTES, ram);
	vcpu_read(vm->vcpus, VM_RAM_GPA, RAM_BYTES);
	zap_policy("auto");
	vm_delete_slot(vm, 0);
	ktap_equal("memslot_zap_scoped", zap_stat(vm, "memslot_zap_scoped"), 1);
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
	struct vm *vm;
	unsigned int i;
	void *mem;

	zap_need_debugfs();
	zap_need_tracing();
	zap_start(4 * ARRAY_SIZE(words) + 6);
	zap_tracing_start("events/kvm/kvm_zap");
	mem = vm_backing_alloc(SLOT_BYTES, VM_4K);
	for (i = 0; i < 4; i++)
		test_table(mem, i & 1, i & 2);

	vm = vm_create(NULL);
	test_neighbour(vm, mem);
	test_auto();
	test_teardown();
	test_text(vm);
	test_lifetime();

	vm_destroy(vm);
	vm_backing_free(mem, SLOT_BYTES);
	return ktap_end();
}
