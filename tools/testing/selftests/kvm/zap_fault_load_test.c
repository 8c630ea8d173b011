// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each allocation of loading KVM's modules fails in turn, from the parameters on: their
 * files in sysfs, the modules' own initialisation, the files in debugfs. Needs a kernel
 * with fault injection, see zap_fault.h.
 *
 * Two parts are left out, because 6.1 itself does not recover from failures there. The
 * first is what the module loader does before it reads the parameters: it warns (WARN) if
 * it cannot patch jump labels and static calls. The second is what kvm_init() does after
 * the files in debugfs, misc_register(): its error path forgets to remove those files and
 * the entry in the list of syscore_ops, and both make every later attempt fail.
 *
 * What breaks without it: a module that failed to load leaves files behind whose
 * functions are gone, and the next attempt stumbles over them.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>

#include "zap_fault.h"
#include "zap_modules.h"

/* So many that none is reached. */
#define FAULT_NEVER	1000000U

/* More than a module asks for, from where the test begins. */
#define FAULT_LOAD_MAX	3000

/* Try again without a fault this often; that costs as much as the fault. */
#define AGAIN_EACH	16

static const char * const ours[] = { "zap/stats", "zap/latency", "zap/reset", "zap/vms" };

/* A module's file. */
struct image {
	const char *module;
	const char *bad_options;	/* refused with EINVAL by a parameter */
	const char *options;
	void *bytes;
	size_t size;
};

static void image_read(struct image *image)
{
	char command[128], path[512] = "";
	struct stat st;
	FILE *depends;
	int fd;

	/* What it depends on comes first, the module last. */
	snprintf(command, sizeof(command), "modprobe --show-depends --ignore-install %s",
		 image->module);
	depends = popen(command, "r");
	if (!depends)
		vm_die("%s: %s", command, strerror(errno));
	while (fscanf(depends, "insmod %500s%*[^\n]\n", path) == 1)
		;
	pclose(depends);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		vm_die("'%s', which '%s' names: %s", path, command, strerror(errno));
	image->size = st.st_size;
	image->bytes = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (image->bytes == MAP_FAILED)
		vm_die("%s: mmap: %s", path, strerror(errno));
	close(fd);
}

/* 0 or the error; @n as of fault_arm(), then what fault_left() says. */
static int image_load(const struct image *image, const char *options, unsigned int *n)
{
	int err = 0;

	fault_arm(*n);
	if (syscall(SYS_init_module, image->bytes, image->size, options))
		err = errno;
	*n = fault_left();
	return err;
}

/* How many allocations there are until the parameters have been read. */
static unsigned int image_count(const struct image *image, bool to_the_end)
{
	unsigned int i, n, max = 0;

	for (i = 0; i < 3; i++) {
		n = FAULT_NEVER;
		ktap_equal("error of loading", image_load(image, to_the_end ? image->options :
							  image->bad_options, &n),
			   to_the_end ? 0 : EINVAL);
		if (FAULT_NEVER - n > max)
			max = FAULT_NEVER - n;
		if (to_the_end)
			modules_unload_must(image->module);
	}
	return max;
}

static bool present(const char *module)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", module);
	return !access(path, F_OK);
}

/* A guest that reads back what it wrote, over a deletion. */
static void use_kvm(void)
{
	void *mem = vm_backing_alloc(SZ_64K, VM_4K);
	struct vm *vm = zap_used_vm(mem);

	ktap_equal("deletions counted", zap_stat(vm, "memslot_zap_fast") +
		   zap_stat(vm, "memslot_zap_scoped"), 1);
	vm_destroy(vm);
	vm_backing_free(mem, SZ_64K);
}

static void test_kvm(const struct image *kvm)
{
	unsigned int n, from, end, left, failed = 0, passed = 0;
	char word[64];
	int err;

	modules_unload_must(modules_vendor);
	modules_unload_must("kvm");
	from = image_count(kvm, false) + 4;
	end = image_count(kvm, true);
	for (n = from; n < from + FAULT_LOAD_MAX && !ktap.bad; n++) {
		left = n;
		err = image_load(kvm, kvm->options, &left);
		if (err) {
			ktap_check(!left && err == ENOMEM, "allocation %u: %s", n, strerror(err));
			ktap_check(!present("kvm"), "allocation %u: kvm is there", n);
			failed++;
			if (failed % AGAIN_EACH)
				continue;
			ktap_diag("kvm.ko: allocation %u of %u", n, end);
			left = FAULT_NEVER;
			ktap_equal("error when tried again",
				   image_load(kvm, kvm->options, &left), 0);
			left = 0;
		}
		/* Loaded: then with its parameters, at their defaults. */
		passed += !err;
		err = kvm_param_get("kvm", "teardown_zap", word, sizeof(word));
		ktap_check(!err && !strcmp(word, "walk"), "allocation %u: teardown_zap: %s", n,
			   err ? strerror(-err) : word);
		modules_unload_must("kvm");
		if (left)
			break;
	}
	ktap_check(failed && n < from + FAULT_LOAD_MAX, "%u failed", failed);
	ktap_diag("kvm.ko: %u allocations, those from %u on: %u failed it, %u did not", end, from,
		  failed, passed);
	modules_load();
	use_kvm();
	ktap_result("kvm.ko");
}

/* Whether all of our files are there, and how many there are of all. */
static bool files_are_there(unsigned long *nr)
{
	unsigned int i;
	char path[64];

	*nr = access("/sys/kernel/debug/kvm", F_OK) ? 0 :
	      fault_entries("/sys/kernel/debug/kvm", false);
	for (i = 0; i < ARRAY_SIZE(ours); i++) {
		snprintf(path, sizeof(path), ZAP_DEBUGFS "%s", ours[i]);
		if (access(path, F_OK))
			return false;
	}
	return true;
}

static void test_vendor(const struct image *vendor)
{
	unsigned int n, from, left, failed = 0, without = 0;
	unsigned long all, nr;
	bool there;
	int err;

	ktap_check(files_are_there(&all), "a file of ours is missing");
	modules_unload_must(modules_vendor);
	from = image_count(vendor, false) + 4;
	for (n = from; n < from + FAULT_LOAD_MAX && !ktap.bad; n++) {
		left = n;
		err = image_load(vendor, vendor->options, &left);
		if (err) {
			ktap_check(!left && err == ENOMEM, "allocation %u: %s", n, strerror(err));
			ktap_check(!present(modules_vendor), "allocation %u: %s is there", n,
				   modules_vendor);
			ktap_check(access("/sys/kernel/debug/kvm", F_OK) &&
				   access("/dev/kvm", F_OK), "allocation %u: files are left", n);
			failed++;
			if (failed % AGAIN_EACH)
				continue;
			ktap_diag("%s: allocation %u", modules_vendor, n);
			left = FAULT_NEVER;
			ktap_equal("error when tried again",
				   image_load(vendor, vendor->options, &left), 0);
		}
		there = files_are_there(&nr);
		if (!there) {
			ktap_check(!left, "nothing failed, but a file is missing");
			without++;
		}
		use_kvm();
		modules_unload_must(modules_vendor);
		/* What follows our files is KVM's, see above. */
		if (there && !left && nr < all)
			break;
	}
	ktap_check(failed && without && n < from + FAULT_LOAD_MAX,
		   "%u failed, %u without files", failed, without);
	ktap_diag("%s: allocations %u to %u: %u failed it, %u cost it files", modules_vendor, from,
		  n, failed, without);
	modules_load_vendor();
	use_kvm();
	ktap_result("the vendor's module");
}

int main(void)
{
	struct image kvm = {
		.module = "kvm", .bad_options = "memslot_zap=none", .options = modules_kvm_options,
	};
	struct image vendor = { .options = modules_vendor_options };
	struct fault_leaks leaks;

	fault_need();
	zap_need_debugfs();
	modules_need();
	vendor.module = modules_vendor;
	vendor.bad_options = strcmp(modules_vendor, "kvm_amd") ? "ept=x" : "npt=x";
	image_read(&kvm);
	image_read(&vendor);
	zap_start(3);
	modules_start();
	fault_start();

	fault_look(&leaks);
	test_kvm(&kvm);
	test_vendor(&vendor);
	fault_expect_no_leaks(&leaks);
	ktap_result("nothing is left behind");
	return ktap_end();
}
