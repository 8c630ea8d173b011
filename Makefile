# SPDX-License-Identifier: GPL-2.0-only
#
# kvm-zap: "make help" lists the verbs.  Everything that is built, downloaded
# or unpacked lives under build/.

MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)

# Another architecture has its own verbs.
ifeq ($(ARCH),arm64)
export LINE T M B KERNEL OUT
.PHONY: $(or $(MAKECMDGOALS),all)
$(or $(MAKECMDGOALS),all):
	@scripts/build/make-arm64 $@
else
ifeq ($(filter $(or $(ARCH),x86),x86 x86_64),)
$(error ARCH='$(ARCH)': kvm-zap knows x86 and arm64)
endif

# Determined once, and only if a recipe uses it: setup and help need no headers.
ifndef KVER
KVER = $(eval KVER := $(shell LINE='$(LINE)' scripts/kver))$(or $(KVER),$(error no kernel to build for))
endif
O = build/$(KVER)

KCONFIG = srctree=. KCONFIG_CONFIG=build/config

# CONFIG_KVM_ZAP_...=y|n on the command line overrides build/config.
overrides = $(foreach v,$(filter CONFIG_KVM_ZAP_%,$(.VARIABLES)), \
	$(if $(filter command line,$(origin $(v))),$(v)=$($(v))))

# Kbuild makes the modules' BTF from the kernel's. Headers of Debian 12 lack it; the image has
# it. Without either, the modules are built without BTF.
btf = test -f /usr/src/linux-headers-$(KVER)/vmlinux || test -f /boot/vmlinuz-$(KVER) || \
	scripts/fetch/fetch-image $(KVER) || :

.PHONY: all
all: modules tools ## build the modules and the tools (the default)

.PHONY: help
help: ## list the verbs
	@sed -n 's/^\([a-z0-9_-]*\):.* ## /\1\t/p' Makefile | expand -t 18
	@echo
	@echo 'ARCH=arm64        the verbs for arm64: scripts/build/make-arm64 --help lists them'
	@echo 'KVER=VERSION      build for this kernel instead of the running or newest one'
	@echo "LINE=LINE         build for the newest one of a kernel line:" \
		$$(sed -n 's/^\([0-9.]*\)\t.*/\1/p' scripts/lines)
	@echo 'CONFIG_KVM_ZAP_POLICY=n  and the like override what menuconfig chose'
	@echo 'T=NAME            make check runs this test only (tools/testing/check list names them)'
	@echo 'SEEDS="1 2 3"     make check-smp runs these schedules, one after the other'
	@echo 'M=NAME            make check-mutants tries this one only (tools/testing/check-mutants list names them)'
	@echo 'KERNEL=DIR        the kernel tree for make apply and make series; OUT=DIR: the folder for patches'
	@echo 'SUITE=NAME        make check-deb tests this release of Debian only, e.g. bookworm'
	@echo 'B=NAME            make bench runs this workload only, or several (see tools/bench/matrix)'

.PHONY: setup
setup: ## install the missing Debian packages, naming them (root)
	@scripts/setup

.PHONY: packages
packages:
	@scripts/setup --check

build/config: scripts/build/standalone_defconfig Kconfig scripts/build/Kconfig.standalone
	@mkdir -p build
	@test -f $@ && $(KCONFIG) kconfig-conf --olddefconfig scripts/build/Kconfig.standalone > /dev/null || \
	$(KCONFIG) kconfig-conf --defconfig=scripts/build/standalone_defconfig scripts/build/Kconfig.standalone > /dev/null
	@touch $@

.PHONY: defconfig
defconfig: | packages ## set the options to their defaults
	@rm -f build/config
	@$(MAKE) build/config

.PHONY: menuconfig
menuconfig: build/config | packages ## choose the options
	@$(KCONFIG) kconfig-mconf scripts/build/Kconfig.standalone

.PHONY: modules
modules: build/config | packages ## build kvm.ko, kvm-amd.ko and kvm-intel.ko for KVER
	@scripts/kernel-version $(KVER) > /dev/null
	@$(btf)
	@scripts/build/kconfig-override build/config $(O)/config $(overrides)
	@echo 'kvm-zap: building modules for $(KVER)'
	@scripts/build/build-kvm --jobs $(JOBS) --config $(O)/config $(O)
	@echo 'kvm-zap: modules are in $(O)/modules'

.PHONY: modules_install
modules_install: modules ## install the modules over the distribution's (root)
	@install -D -m 644 -t /lib/modules/$(KVER)/updates/kvm-zap $(O)/modules/*.ko
	@depmod $(KVER)

.PHONY: modules_uninstall
modules_uninstall: ## go back to the distribution's modules (root)
	@rm -rf /lib/modules/$(KVER)/updates/kvm-zap
	@depmod $(KVER)

.PHONY: test-modules
test-modules: build/config | packages
	@scripts/kernel-version $(KVER) > /dev/null
	@$(btf)
	@scripts/build/kconfig-override build/config $(O)/test/config $(overrides) CONFIG_KVM_ZAP_TEST=y
	@echo 'kvm-zap: building test modules for $(KVER)'
	@scripts/build/build-kvm --jobs $(JOBS) --config $(O)/test/config $(O)/test

# Test modules whose vCPUs stay in the guest: see tools/testing/smp/no-kick.cocci.
.PHONY: smp-modules
smp-modules: build/config | packages
	@scripts/kernel-version $(KVER) > /dev/null
	@$(btf)
	@scripts/build/kconfig-override build/config $(O)/smp/config $(overrides) CONFIG_KVM_ZAP_TEST=y
	@echo 'kvm-zap: building modules for the tests of several CPUs, for $(KVER)'
	@scripts/build/build-kvm --jobs $(JOBS) --config $(O)/smp/config \
		--edit tools/testing/smp/no-kick.cocci:arch/x86/kvm/x86.c $(O)/smp

.PHONY: tools
tools: | packages ## build kvm-zap and kvm-zap-bench
	@$(MAKE) -s -C tools O=$(CURDIR)/build/tools

.PHONY: tests
tests: tools ## build the tests, upstream's included
	@$(MAKE) -s -C tools/testing/selftests/kvm O=$(CURDIR)/build/tests
	@scripts/build/build-upstream-tests

# A module that zap_memtype_test loads, where KVM exports what it calls to all modules.
.PHONY: dma-module
dma-module: modules
	@scripts/build/build-dma-module $(O) build/tests

.PHONY: image
image: | packages
	@scripts/fetch/fetch-image

.PHONY: deb
deb: setup ## build the Debian packages, in build/deb
	@scripts/build/build-deb

.PHONY: apply
apply: | packages ## put kvm-zap into the kernel tree KERNEL=DIR
	@scripts/patch/apply $(if $(KERNEL),"$(KERNEL)",$(error apply: say KERNEL=DIR))

.PHONY: series
series: | packages ## the same as patches for git am: KERNEL=DIR OUT=DIR
	@scripts/patch/make-series $(if $(and $(KERNEL),$(OUT)),"$(KERNEL)" "$(OUT)",$(error series: say KERNEL=DIR OUT=DIR))

.PHONY: demo
demo: setup ## show what each policy costs, measured in the lab
	@$(MAKE) all image
	@tools/demo/demo

.PHONY: bench
bench: setup ## every workload x policy x MMU mode, counted; B=NAME runs one or several
	@$(MAKE) test-modules tools image
	@tools/bench/bench --peer --modules $(O)/test/modules $(B)
	@$(if $(B),:,$(MAKE) plots)
	@$(if $(B),:,tools/bench/performance-page --write build/bench/bench.json)
	@tools/bench/bench --judge

.PHONY: plots
plots: setup ## plot what a deletion costs against memory, slot size and vCPUs
	@$(MAKE) test-modules tools image
	@KVM_ZAP_MATRIX=$(CURDIR)/tools/bench/matrix-plot tools/bench/bench --peer --modes tdp \
		--modules $(O)/test/modules --out build/bench/plot > /dev/null
	@tools/bench/plot --write build/bench/plot/bench.json

.PHONY: contention
contention: setup ## how long 2, 4 and 8 vCPUs wait for mmu_lock while a memslot is deleted
	@scripts/fetch/fetch-qemu > /dev/null
	@$(MAKE) all image
	@tools/bench/contention-page --write

.PHONY: check
check: setup ## the tests, about half an hour on two idle CPUs; T=NAME runs one
	@scripts/fetch/fetch-qemu > /dev/null || :
	@$(MAKE) all test-modules smp-modules tests image
	@tools/testing/check $(T)

.PHONY: check-long
check-long: setup ## what 'make check' leaves out, or has a short part of; T=NAME runs one
	@scripts/fetch/fetch-qemu > /dev/null || :
	@$(MAKE) all test-modules smp-modules tests image
	@tools/testing/check --list tools/testing/tests-long $(T)

.PHONY: check-lines
check-lines: setup ## all tests on each kernel line, and its kvm-intel; T=NAME runs one of check
	@failed=; for line in $$(sed '/^[0-9]/!d; s/[[:space:]].*//' scripts/lines); do \
		echo "kvm-zap: kernel line $$line"; \
		$(MAKE) check LINE=$$line || failed="$$failed $$line"; \
		$(if $(T),:,$(MAKE) check-intel LINE=$$line) || failed="$$failed $$line/intel"; \
	done; \
	scripts/fetch/new-lines; \
	[ -z "$$failed" ] || { echo "check-lines: failed on$$failed" >&2; exit 1; }

.PHONY: check-smp
check-smp: setup ## the lab's tests with several CPUs, by each seed of SEEDS; T=NAME runs one
	@scripts/fetch/fetch-qemu > /dev/null
	@$(MAKE) smp-modules tests image
	@for seed in $(if $(filter list,$(T)),1,$(or $(SEEDS),1 2 3)); do \
		echo "kvm-zap: seed $$seed"; \
		tools/testing/check --list tools/testing/tests-smp --seed $$seed $(T) || exit 1; \
	done

.PHONY: check-debug
check-debug: setup ## the lab's tests, and more, on a kernel with KASAN, lockdep, ...; T=NAME
	@scripts/build/build-debug --jobs $(JOBS) $(LINE)
	@$(MAKE) tests
	@tools/testing/check --kernel debug$(LINE:%=-%) $(T)

.PHONY: check-debug-smp
check-debug-smp: setup ## the tests with several CPUs, on the kernel of check-debug; T=NAME
	@scripts/fetch/fetch-qemu > /dev/null
	@scripts/build/build-debug --jobs $(JOBS) $(LINE)
	@$(MAKE) tests
	@for seed in $(or $(SEEDS),1); do \
		tools/testing/check --kernel debug$(LINE:%=-%) --list tools/testing/tests-smp \
			--seed $$seed $(T) || exit 1; \
	done

.PHONY: check-races
check-races: setup ## the tests with several CPUs, on a kernel with KCSAN; T=NAME
	@scripts/fetch/fetch-qemu > /dev/null
	@scripts/build/build-debug --races --jobs $(JOBS) $(LINE)
	@$(MAKE) tests
	@for seed in $(or $(SEEDS),1); do \
		tools/testing/check --kernel races$(LINE:%=-%) --seed $$seed $(T) || exit 1; \
	done

.PHONY: check-intel
check-intel: setup ## the lab's tests with kvm-intel, on the CPU that Bochs emulates; T=NAME
	@scripts/fetch/fetch-bochs > /dev/null
	@$(MAKE) dma-module test-modules tests image
	@tools/testing/check --intel $(T)

.PHONY: tools-arm64
tools-arm64: | packages
	@$(MAKE) -s -C tools ARCH=arm64 CROSS_COMPILE="$$(scripts/fetch/fetch-cross)" \
		JSON_C="$$(scripts/fetch/fetch-json-c arm64)" O=$(CURDIR)/build/tools-arm64

.PHONY: tests-arm64
tests-arm64: tools-arm64
	@$(MAKE) -s -C tools/testing/selftests/arm64 CROSS_COMPILE="$$(scripts/fetch/fetch-cross)" \
		O=$(CURDIR)/build/tests-arm64

.PHONY: check-arm64
check-arm64: setup ## the lab's tests with KVM of arm64, on two kinds of CPU; T=NAME
	@scripts/fetch/fetch-qemu aarch64 > /dev/null
	@scripts/fetch/fetch-image $(KVER:%-amd64=%-arm64)
	@$(MAKE) tests-arm64
	@scripts/build/build-arm64 --jobs $(JOBS) $(LINE)
	@tools/testing/check --arch arm64 $(T)

.PHONY: check-hardware
check-hardware: setup ## the lab's tests and workloads on this machine's own CPU; T=NAME
	@$(MAKE) dma-module test-modules tools tests image
	@tools/testing/check-hardware $(T)

.PHONY: check-mutants
check-mutants: setup ## break the feature in one way after the other: do the tests notice? M=NAME
	@scripts/fetch/fetch-qemu > /dev/null
	@$(MAKE) build/config tools tests image
	@tools/testing/check-mutants $(M)

.PHONY: check-model
check-model: setup ## search the models of the locking, and break them; T=NAME runs one
	@tools/testing/check-model $(T)

.PHONY: check-stress
check-stress: setup ## 10^5 random steps in each policy and MMU mode: hours; T=NAME runs one
	@$(MAKE) modules tests image
	@tools/testing/check --list tools/testing/tests-stress $(T)

.PHONY: check-upstream
check-upstream: setup ## upstream's KVM selftests: ours next to the distribution's modules
	@$(MAKE) modules image
	@scripts/build/build-upstream-tests --all
	@tools/testing/check-upstream $(T)

.PHONY: check-deb
check-deb: setup ## install, upgrade and remove the packages in Debian file systems that the lab boots; SUITE=NAME
	@tools/testing/check-deb $(SUITE)

.PHONY: check-drift
check-drift: setup ## graft each version of linux-source that the mirror has; LINE=LINE
	@tools/testing/check-drift $(LINE)

.PHONY: check-series
check-series: setup ## build KVM at each patch of make series; LINE=LINE
	@tools/testing/check-series --jobs $(JOBS) $(LINE)

.PHONY: lint
lint: setup ## check the sources without running them; T=NAME runs one check
	@tools/testing/lint $(T)

.PHONY: htmldocs
htmldocs: setup ## the documentation as web pages, in build/lint/html
	@tools/testing/lint doc

.PHONY: clean
clean: ## remove what was built, keep what was downloaded
	@rm -rf build/config build/tools build/tools-arm64 build/tests build/tests-arm64 build/upstream build/deb build/demo build/bench build/lab build/lint build/check build/model build/mutants \
		build/*/modules build/*/tree build/*/stock build/*/unset build/*/config build/*/make.log \
		build/*/lab build/*/test build/*/dma build/*/smp build/*/headers build/debug-* build/races-* build/small-* build/series-*

.PHONY: distclean
distclean: ## remove everything that was built, downloaded or unpacked
	@rm -rf build

endif # ARCH
