# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by lab: the command line. Needs $me, $top and die().
# shellcheck disable=SC2034,SC2154 # lab's variables, from and for lab

usage="usage: lab run [OPTION...] -- COMMAND [ARG...]
       lab shell [OPTION...]
       lab --version

run boots a kernel in QEMU, loads KVM and runs COMMAND in it, as root, in the
current directory, with empty standard input. The lab sees this machine's whole root file
system. What COMMAND writes there vanishes with the lab; what it writes to \$LAB_OUT stays.
shell does the same with an interactive shell.

With --seed, the same seed repeats a run exactly. With --emulator bochs, the CPU is Intel's,
and with --arch arm64 it is an Arm one. Nothing is shared with the host in these three cases:
the root file system has busybox, the modules of KVM and zram, and what COMMAND names. Words
that are files are copied to the same path; of scripts and lists, so are the files that they
name and that are below this project's folder. Programs have to be linked statically, for an
Arm CPU by the compiler of scripts/fetch/fetch-cross.

  --kernel VERSION    kernel to boot, from Debian's linux-image-VERSION, which is
                      downloaded to build/ once; default: what scripts/kver prints
  --kernel debug      the debug kernel of scripts/build/build-debug: KASAN, lockdep and
                      the like; debug-LINE, e.g. debug-6.1, for a certain line
  --kernel races      the one of scripts/build/build-debug --races: KCSAN; or races-LINE
  --kernel small      with --arch arm64: the small kernel of scripts/build/build-arm64; or
                      small-LINE
  --modules DIR       directory with kvm.ko, kvm-amd.ko and kvm-intel.ko;
                      default: build/VERSION/modules, where 'make' puts them
  --modules stock     the distribution's own modules
  --arch arm64        an Arm CPU with virtualization (EL2), and Debian's kernel for it, in
                      which KVM is built in: --kernel VERSION-arm64. Options for KVM
                      are options of the kernel
  --cpu cortex-a72|max
                      the CPU, with --arch arm64. cortex-a72 (the default) has no VHE
                      and no FWB: KVM calls EL2 and cleans caches. max has everything that
                      QEMU emulates except pointer authentication, which is slow there
  --count             with --arch arm64: count what is executed between two marks, which
                      are HINT #0x60 and HINT #0x60 + N in a program or a guest of KVM:
                      instructions, TLBIs, cache maintenance, DSBs, HVCs. A table is
                      printed at the end; the counts arrive in DIR of --out, as
                      'counts.json', one object a section
  --root DIR          boot another root file system than this machine's: Debian's,
                      in DIR, with the newest kernel in its /boot or the one that
                      --kernel names. KVM is not loaded; COMMAND begins in /
  --kvm OPTIONS       options for kvm, for example 'tdp_mmu=0'
  --kvm-amd OPTIONS   options for kvm-amd, for example 'npt=0'
  --kvm-intel OPTIONS options for kvm-intel, for example 'ept=0' (with --emulator
                      bochs, or --accel kvm on such a machine)
  --kvm-arm OPTIONS   options that KVM has on arm64 only, with --arch arm64, for example
                      'mode=protected' or 'mode=nvhe'
  --append WORDS      more words for the kernel's command line, for example 'isolcpus=1'
  --emulator qemu|bochs
                      qemu (the default) has AMD's SVM; bochs, of scripts/fetch/fetch-bochs,
                      has Intel's VMX, one CPU, and time that counts instructions.
                      There enable_apicv=0 is kvm-intel's default
  --smp N             virtual CPUs; default: 1. Several need the QEMU of
                      scripts/fetch/fetch-qemu: they run at once, a thread each, or with
                      --icount or --seed in turns
  --seed N            --icount, and the same run each time that N is the same: each
                      instruction, interrupt and task switch happens at the same
                      point. A process that works and sleeps as N says makes runs with
                      different N differ. A digest of what the guest counted is printed
                      at the end, by which two runs can be compared; the counts arrive
                      in DIR of --out, as 'schedule'. Kernel, modules, COMMAND and its
                      files, --smp, --mem, QEMU and the current directory have to be
                      the same
  --mem SIZE          memory, in M or G; default: 4G; with bochs 2G, which is also the
                      maximum there; with --arch arm64 2G. The lab can write at most half
                      of it to its root file system
  --icount            let guest time count instructions, one a nanosecond: the
                      same run takes the same time, whatever else goes on
  --accel tcg|kvm     tcg (the default) works everywhere; kvm needs a machine
                      with nested virtualization
  --timeout S         seconds of wall time; default: run 300, shell none
  --out DIR           where the files of \$LAB_OUT arrive, and the kernel log as
                      'dmesg'; created if missing; default: they vanish
  -h, --help          print this
  -V, --version       print the version

COMMAND's environment is LAB_OUT, the caller's LAB_*, KVM_ZAP_* and, without --seed,
TERM, LANG and LC_ALL, and a plain PATH, HOME, USER, LOGNAME and SHELL. /lib/modules is the
image's, with DIR's modules in it, so modprobe works, also to reload KVM with
other options. debugfs and tracefs are mounted.

Exit status: COMMAND's (128+N if signal N killed it), or
  124  out of time. With qemu, up to 35 seconds later, the lab prints what each CPU and each
       task was doing (of an Arm CPU, its registers), in full in DIR of --out (dmesg, monitor)
  125  the lab itself failed (also for wrong usage), or the kernel log has a report such as
       BUG:, WARNING:, KASAN, Call Trace, lockdep or an RCU stall, which is printed
  130  interrupted

Examples:
  lab run --modules stock -- uname -a
  lab run --kvm 'tdp_mmu=0' --out results -- sh -c 'make check >\$LAB_OUT/log'
  lab run --icount --modules stock -- kvm-zap-bench
  lab run --smp 2 --append isolcpus=1 -- cat /sys/devices/system/cpu/isolated
  lab run --smp 2 --seed 7 -- build/tests/zap_stress_test -s 1
  lab run --emulator bochs --kvm-intel 'ept=0' -- build/tests/zap_slots_test
  lab run --arch arm64 --cpu max -- build/tests-arm64/slots_test
  lab shell --kvm-amd 'npt=0' --mem 8G"

help() {
	printf '%s\n' "$usage"
	verdict=0
	exit
}

version() {
	sed -n '1s/.*(\(.*\)).*/'"$me"' \1/p' "$top/debian/changelog"
	verdict=0
	exit
}

number() { # number OPTION VALUE
	case $2 in
	'' | 0* | *[!0-9]*) die "$1 '$2': a number from 1 on is needed" ;;
	esac
}

# The options of a module are words of the form name=value.
options() { # options OPTION WORDS
	for word in $2; do
		case $word in
		[a-z]*=*) ;;
		*) die "$1 '$word': name=value is needed, for example ${3}" ;;
		esac
	done
}

# Say what is missing for --accel kvm.
check_accel_kvm() {
	grep -qwE 'svm|vmx' /proc/cpuinfo ||
		die "--accel kvm: this machine's CPU shows neither svm nor vmx, so a guest" \
			"of its KVM cannot run KVM: leave it out, tcg works everywhere"
	[ -c /dev/kvm ] || die "--accel kvm: there is no /dev/kvm: load kvm-amd or kvm-intel"
	if [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
		die "--accel kvm: no permission to use /dev/kvm"
	fi
	grep -qsE '^[Y1]' /sys/module/kvm_amd/parameters/nested \
		/sys/module/kvm_intel/parameters/nested ||
		die "--accel kvm: this machine's KVM does not nest: load it with nested=1"
}

# Say what Bochs cannot do, or what a caller of it must have meant for QEMU.
check_bochs() {
	[ "$verb" = run ] || die "--emulator bochs has no terminal: use run, or qemu"
	[ -z "$icount" ] ||
		die "--icount: time always counts instructions with --emulator bochs: leave it out"
	[ "$accel" = tcg ] ||
		die "--accel '$accel' is for QEMU: leave it out, or say --emulator qemu"
	[ "$smp" = 1 ] || die "--smp '$smp': 1 is needed with --emulator bochs"
	[ -z "$seed" ] ||
		die "--seed '$seed': runs with --emulator bochs do not differ: leave it out"
	[ -z "$kvm_amd" ] ||
		die "--kvm-amd '$kvm_amd': --emulator bochs has an Intel CPU: --kvm-intel is needed"
	[ -z "$root" ] ||
		die "--root '$root': --emulator bochs shares no file system: use qemu"
	case $kernel in
	debug*) die "--kernel '$kernel': --emulator bochs cannot start a kernel with KASAN:" \
		"a version of Debian's is needed" ;;
	esac
	case $mem in
	*M) megabytes=${mem%M} ;;
	*G) megabytes=$((${mem%G} * 1024)) ;;
	esac
	if [ "$megabytes" -lt 512 ] || [ "$megabytes" -gt 2048 ]; then
		die "--mem '$mem': 512M to 2G is needed with --emulator bochs"
	fi
	# Bochs 3.0 refuses to enter a guest with KVM's posted-interrupt descriptor, for it
	# wants it to be aligned to a page: its issue 556.
	case " $kvm_intel" in
	*' enable_apicv='*) ;;
	*) kvm_intel="$kvm_intel enable_apicv=0" ;;
	esac
}

# not_arm64 OPTION VALUE WORDS...: refuse an option that was given a value.
not_arm64() {
	[ -z "$2" ] || die "$1 '$2': not with --arch arm64: $3"
}

# Say what is for the other architecture.
check_arm64() {
	[ "$arch" = arm64 ] || die "--arch '$arch': arm64 is needed, or leave it out for x86-64"
	[ "$verb" = run ] || die "--arch arm64 has no terminal: use run"
	case $cpu in
	cortex-a72 | max) ;;
	*) die "--cpu '$cpu': cortex-a72 or max is needed" ;;
	esac
	case $kernel in
	'' | *-arm64 | small | small-[0-9]*) ;;
	*) die "--kernel '$kernel': with --arch arm64 a version of Debian's for it is needed," \
		"for example 6.1.0-56-arm64, or small" ;;
	esac
	[ "$modules" != stock ] || modules=''
	not_arm64 --modules "$modules" "its kernels have KVM built in: stock, or leave it out"
	not_arm64 --kvm-amd "$kvm_amd" "--kvm and --kvm-arm are for its KVM"
	not_arm64 --kvm-intel "$kvm_intel" "--kvm and --kvm-arm are for its KVM"
	not_arm64 --root "$root" "no file system is shared there: leave it out"
	not_arm64 --seed "$seed" "it cannot be repeated by one: leave it out, or use --icount"
	[ "$emulator" = qemu ] ||
		die "--emulator '$emulator': qemu is needed with --arch arm64, or leave it out"
	[ "$accel" = tcg ] || die "--accel '$accel': tcg is needed with --arch arm64, or leave it out"
	alone='--arch arm64'
}

# Say what cannot be repeated by a seed.
check_seed() {
	[ "$verb" = run ] || die "--seed '$seed': nobody types the same again: use run"
	[ -z "$root" ] ||
		die "--root '$root': by --seed no file system is shared: leave one of them out"
	icount=1 alone='--seed'
}

# parse WORD...: set a variable for every option; leave what is to be run inside to
# stage(), the only way for shell to hand a list of words on.
parse() {
	verb=${1-}
	case $verb in
	run | shell) shift ;;
	-h | --help) help ;;
	-V | --version) version ;;
	'') die "run or shell? See $me --help" ;;
	*) die "unknown verb '$verb': run or shell; see $me --help" ;;
	esac
	kernel='' modules='' kvm='' kvm_amd='' kvm_intel='' kvm_arm='' smp='' mem='' icount='' seed=''
	accel=tcg timeout='' out='' root='' emulator=qemu alone='' arch='' cpu='' count='' append='' wake=''
	while [ $# -gt 0 ]; do
		case $1 in
		-h | --help) help ;;
		-V | --version) version ;;
		--) shift; break ;;
		--icount) icount=1; shift; continue ;;
		--count) count=1; shift; continue ;;
		--*=*) value=${1#*=}; option=${1%%=*}; shift ;;
		--kernel | --modules | --root | --kvm | --kvm-amd | --kvm-intel | --kvm-arm | \
			--smp | --seed | --mem | --accel | --emulator | --arch | --cpu | --timeout | \
			--out | --append)
			[ $# -ge 2 ] || die "$1 needs a value; see $me --help"
			option=$1 value=$2
			shift 2
			;;
		-*) die "unknown option '$1'; see $me --help" ;;
		*) break ;;
		esac
		case $option in
		--kernel) kernel=$value ;;
		--modules) modules=$value ;;
		--root) root=$value ;;
		--kvm) kvm=$value ;;
		--kvm-amd) kvm_amd=$value ;;
		--kvm-intel) kvm_intel=$value ;;
		--kvm-arm) kvm_arm=$value ;;
		--smp) smp=$value ;;
		--seed) seed=$value ;;
		--mem) mem=$value ;;
		--accel) accel=$value ;;
		--emulator) emulator=$value ;;
		--arch) arch=${value:-none} ;;
		--cpu) cpu=$value ;;
		--append) append=$value ;;
		--timeout) timeout=$value ;;
		--out) out=$value ;;
		*) die "unknown option '$option'; see $me --help" ;;
		esac
	done
	if [ -n "$arch" ]; then
		: "${cpu:=cortex-a72}"
		check_arm64
	elif [ -n "$cpu" ]; then
		die "--cpu '$cpu': leave it out, or say --arch arm64"
	elif [ -n "$kvm_arm" ]; then
		die "--kvm-arm '$kvm_arm': leave it out, or say --arch arm64"
	elif [ -n "$count" ]; then
		die "--count: leave it out, or say --arch arm64"
	else
		case $kernel in
		small*) die "--kernel '$kernel': leave it out, or say --arch arm64" ;;
		esac
	fi
	options --kvm "$kvm" tdp_mmu=0
	options --kvm-amd "$kvm_amd" npt=0
	options --kvm-intel "$kvm_intel" ept=0
	options --kvm-arm "$kvm_arm" mode=protected
	if [ -n "$icount$seed" ] && [ "$accel" != tcg ]; then
		die "--icount and --seed count what TCG executes: not with --accel $accel"
	fi
	case $accel in
	tcg) ;;
	kvm) check_accel_kvm ;;
	*) die "--accel '$accel': tcg or kvm is needed" ;;
	esac
	number --smp "${smp:=1}"
	if [ -n "$seed" ]; then
		number --seed "$seed"
	fi
	[ -n "$mem" ] || case ${arch:-$emulator} in
	bochs | arm64) mem=2G ;;
	*) mem=4G ;;
	esac
	case $mem in
	*[!0-9]*[MG] | 0* | [MG]) die "--mem '$mem': a size such as 512M or 4G is needed" ;;
	*[MG]) ;;
	*) die "--mem '$mem': a size such as 512M or 4G is needed" ;;
	esac
	if [ -n "$root" ]; then
		[ -z "$modules$kvm$kvm_amd$kvm_intel" ] ||
			die "--root '$root': COMMAND loads KVM there: not with options for it or --modules"
		[ -d "$root/boot" ] || die "--root '$root': no folder with a boot in it"
		root=$(cd "$root" && pwd -P)
	fi
	case $emulator in
	qemu) [ -z "$seed" ] || check_seed ;;
	bochs)
		check_bochs
		alone="--emulator bochs"
		;;
	*) die "--emulator '$emulator': qemu or bochs is needed" ;;
	esac
	[ -z "$timeout" ] || number --timeout "$timeout"
	if [ "$verb" = run ]; then
		[ $# -gt 0 ] || die "there is no COMMAND to run; see $me --help"
		: "${timeout:=300}"
	else
		[ $# -eq 0 ] || die "shell takes no COMMAND: '$1'; see $me --help"
		if [ ! -t 0 ] || [ ! -t 1 ]; then
			die "shell needs a terminal: use run"
		fi
		# shellcheck disable=SC2016 # expanded inside
		set -- /bin/sh -c 'exec "$(command -v bash || echo sh)" -i'
	fi
	stage "$@"
}
