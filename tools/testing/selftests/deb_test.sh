#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian packages: they build, they contain the right files, and a build on the host
# that cannot succeed says what to do. make check-deb tests their life on a host.
#
# What breaks without it: a script that has moved is missing from what DKMS builds from,
# and users of the package have no modules after the next kernel upgrade.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,8s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
for command in dpkg-buildpackage dh_dkms help2man lintian; do
	command -v "$command" > /dev/null || ktap_skip_all "no $command: run 'make setup'"
done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ktap_start 10

# Nothing of the build stays behind in the sources.
list() { find . -name .git -prune -o -path ./build -prune -o -print | sort; }
list > "$tmp/before"
if ! scripts/build/build-deb "$tmp/deb" > "$tmp/out" 2>&1; then
	ktap_fail "$(cat "$tmp/out")"
	ktap_result 'the packages build'
	exit 1
fi
list | diff "$tmp/before" - > "$tmp/diff" || ktap_fail "$(cat "$tmp/diff")"
ktap_result 'the packages build, and leave the sources as they are'

lintian --allow-root --fail-on error,warning --display-info --pedantic "$tmp"/deb/*.changes \
	> "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
ktap_result 'lintian has no error and no warning'

version=$(dpkg-parsechangelog -S Version)
for name in kvm-zap-dkms_${version}_all kvm-zap_${version}_amd64; do
	ktap_check dpkg-deb -R "$tmp/deb/$name.deb" "$tmp/${name%%_*}"
done
dkms=$tmp/kvm-zap-dkms/usr/src/kvm-zap-$version
(cd "$tmp/kvm-zap" && find usr -type f -o -type l) | sed 's/\.gz$//' > "$tmp/has"
for file in usr/bin/kvm-zap-bench usr/sbin/kvm-zap usr/sbin/zap-perf usr/sbin/kvm-zap-rom \
	usr/share/bash-completion/completions/kvm-zap usr/share/kvm-zap/kvm-zap.schema.json \
	usr/libexec/kvm-zap/kvm-zap-trace usr/libexec/kvm-zap/guest-init usr/libexec/kvm-zap/guest-initrd \
	usr/share/kvm-zap/kvm-zap-stall.bt \
	usr/share/kvm-zap/kvm-zap-latency.bt \
	usr/share/doc/kvm-zap/examples/prometheus/kvm-zap.rules.yml \
	usr/share/doc/kvm-zap/examples/systemd/kvm-zap-prometheus.service \
	usr/share/doc/kvm-zap/examples/systemd/kvm-zap-prometheus.timer \
	usr/share/doc/kvm-zap/kvm-zap.rst \
	usr/share/doc/kvm-zap/README.md usr/share/doc/kvm-zap/zap-scoped.rst \
	usr/share/doc/kvm-zap/zap-performance/6.1.rst \
	usr/share/doc/kvm-zap/sysfs-abi/sysfs-module-kvm-zap \
	usr/share/doc/kvm-zap/examples/libvirt/kvm-zap-hook.sh \
	usr/share/doc/kvm-zap/examples/proxmox/kvm-zap-hook.sh \
	usr/share/doc/kvm-zap/examples/modprobe.d/kvm-zap.conf \
	usr/share/doc/kvm-zap/examples/tmpfiles.d/kvm-zap.conf; do
	grep -q -x "$file" "$tmp/has" || ktap_fail "kvm-zap has no $file"
done
find "$dkms" -name '*.o' -o -name '*.ko' | grep . && ktap_fail 'build products in the sources'
for dir in arch include virt scripts Kconfig; do
	diff -r "$dir" "$dkms/$dir" > "$tmp/diff" 2>&1 || ktap_fail "$(head -n 5 "$tmp/diff")"
done
ktap_result 'what belongs in them is in them'

for file in "$tmp"/kvm-zap*/usr/bin/* "$tmp"/kvm-zap*/usr/sbin/*; do
	page=$(find "$tmp"/kvm-zap*/usr/share/man -name "$(basename "$file").[18].gz")
	[ -n "$page" ] || { ktap_fail "no manual page of ${file##*/}"; continue; }
	said=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > "$tmp/page")
	ktap_equal "remarks on ${page##*/}" "$said" ''
	ktap_check grep -q 'tSYNOPSIS' "$tmp/page"
done
zcat "$tmp"/kvm-zap/usr/share/man/man1/kvm-zap-bench.1.gz > "$tmp/page"
for workload in rom teardown mmio\\-wrap; do
	ktap_check grep -q -F -e "kvm\\-zap\\-bench $workload [OPTION...]" "$tmp/page"
done
zcat "$tmp"/kvm-zap/usr/share/man/man8/kvm-zap.8.gz > "$tmp/page"
for verb in status set verify restore stat trace compare report; do
	ktap_check grep -q "^Usage: kvm\\\\-zap $verb " "$tmp/page"
done
grep -q "^Depends:.*libjson-c5" "$tmp/kvm-zap/DEBIAN/control" || ktap_fail "kvm-zap does not depend on json-c"
grep "^Depends:" "$tmp/kvm-zap/DEBIAN/control" | grep libtrace && ktap_fail 'all verbs depend on libtracefs'
grep -q "^Recommends:.*libtracefs1" "$tmp/kvm-zap/DEBIAN/control" || ktap_fail 'kvm-zap does not recommend libtracefs'
ktap_result 'each command has a manual page, each workload and verb is in it'

# Debian, as it would be: what dpkg-query says of each package, and who asks.
line=$(cd scripts/patch/cocci && echo *.rules | sed 's/\.rules.*//')
mkdir -p "$tmp/bin" "$tmp/debian/usr/src"
cat > "$tmp/bin/dpkg-query" <<-'END'
	#!/bin/sh
	for package; do :; done
	case $3 in
	*Package*) grep "^$package " "$PACKAGES" ;;
	*) sed -n "s/^$package //p" "$PACKAGES" | grep . ;;
	esac
END
# shellcheck disable=SC2016 # another shell's
printf '#!/bin/sh\necho "${KVM_ZAP_UID-0}"\n' > "$tmp/bin/id"
chmod 755 "$tmp/bin"/*
export PACKAGES="$tmp/packages" DPKG_ROOT="$tmp/debian" PATH="$tmp/bin:$PATH"
: > "$PACKAGES"

# DKMS, asked what it would do.
excluded() { # excluded KERNEL: whether the package leaves that kernel alone
	# shellcheck disable=SC2016 # bash's
	bash -c 'kernelver=$1; . "$2" > /dev/null; ! [[ $1 =~ $BUILD_EXCLUSIVE_KERNEL ]]' \
		bash "$1" "$dkms/dkms.conf"
}
grep -q "^PACKAGE_VERSION=\"$version\"$" "$dkms/dkms.conf" || ktap_fail 'not the version of the package'
# shellcheck disable=SC2013 # a word a line
for script in $(sed -n 's/^\(PRE_BUILD\|MAKE\[0\]\)="\([^ ]*\) .*/\2/p' "$dkms/dkms.conf"); do
	ktap_check [ -x "$dkms/$script" ]
done
grep -q '^MAKE.*dkms-build.* '"$version"'"$' "$dkms/dkms.conf" ||
	ktap_fail 'the modules get no version, and DKMS would not install them'
while read -r name _ state; do
	case $name in '' | '#'*) continue ;; esac
	for kernel in "$name.0-56-amd64" "$name.0-56-cloud-amd64" "$name.43+deb13-amd64" \
		"$name.43+deb13.1-amd64" "$name.43+bpo-cloud-amd64"; do
		case $state in
		tested) excluded "$kernel" && ktap_fail "no modules for $kernel" ;;
		*) excluded "$kernel" || ktap_fail "modules that were not tested, for $kernel" ;;
		esac
	done
	for kernel in "$name.0-56-rt-amd64" "$name.100" "${name}0.3-1-amd64" 5.10.0-30-amd64; do
		excluded "$kernel" || ktap_fail "it would build for $kernel"
	done
done < scripts/lines
ktap_result 'DKMS builds for the kernels whose tests have passed'

asked() { # asked "PACKAGE VERSION"...: dkms-check, of a machine that has these
	printf '%s\n' "$@" > "$tmp/packages"
	PACKAGES=$tmp/packages PATH=$tmp/bin:$PATH "$dkms/scripts/dkms/dkms-check" "$line.0-9-amd64" 2>&1
}
mismatch=$(asked "linux-headers-$line.0-9-amd64 $line.2-1" "linux-source-$line $line.1-1" \
	"linux-source $line.1-1") && ktap_fail 'exit status 0'
for text in "linux-headers-$line.0-9-amd64 is $line.2-1, linux-source-$line is" \
	"what to do: apt install linux-source=$line.2-1 linux-source-$line=$line.2-1," \
	"then: dkms autoinstall -k $line.0-9-amd64"; do
	# Whether that source is installed here is no part of the test.
	case $mismatch in
	*"its source is not installed"*) [ ! -f "/usr/src/linux-source-$line.tar.xz" ] || ktap_fail "$mismatch" ;;
	*"$text"*) ;;
	*) ktap_fail "not said: $text"; ktap_diag "$mismatch" ;;
	esac
done
none=$(asked 'bash 5') && ktap_fail 'no headers: exit status 0'
case $none in
*"apt install linux-headers-$line.0-9-amd64,"*) ;;
*) ktap_fail "$none" ;;
esac
missing=$(asked "linux-headers-$line.0-9-amd64 $line.2-1") && ktap_fail 'no source: exit status 0'
case $missing in
*"its source is not installed"*"apt install linux-source-$line=$line.2-1, then"*) ;;
*) ktap_fail "$missing" ;;
esac
ktap_result 'a build that cannot succeed says what to do'

# From here on all lines count as tested.
sed -i 's/untested/tested/' "$dkms/scripts/lines"
keeps() { "$dkms/scripts/dkms/dkms-keeps" "$line.0-9-amd64"; }
tarball=$DPKG_ROOT/usr/src/linux-source-$line.tar.xz
: > "$tarball"
older() { # older VERSION "PACKAGE VERSION"...: of linux-source, and what else there is
	printf '%s\n' "linux-source-$line $line.$1-1" "linux-headers-$line.0-9-amd64 $line.2-1" \
		"linux-headers-$line.0-10-rt-amd64 $line.3-1" "$2" > "$PACKAGES"
	keeps
}
said=$(older 3 "linux-headers-$line.0-10-amd64 $line.3-1") || ktap_fail 'it would fail for the older kernel'
case $said in
*"kernel $line.0-9-amd64 ($line.2-1) keeps its own modules: linux-source-$line is $line.3-1, for $line.0-10-amd64") ;;
*) ktap_fail "said: $said" ;;
esac
older 3 '' > "$tmp/out" && ktap_fail 'left alone, with no other kernel to build for'
older 1 "linux-headers-$line.0-8-amd64 $line.1-1" > "$tmp/out" && ktap_fail 'a newer kernel is left alone'
ktap_result 'an older kernel is left alone next to one that can be built for'

# What DKMS gets is all that it takes to graft; the compiler's part is the lab's.
if ! source=$(scripts/fetch/fetch-source 2> "$tmp/out"); then
	for what in 'a kernel that fits is built for' 'one that has drifted keeps its own, and it says what has' \
		'what was found out is kept, for that version'; do
		ktap_skip "$(cat "$tmp/out")" "$what"
	done
	ktap_end
fi
line=$(sed -n 's/^VERSION = //p; s/^PATCHLEVEL = //p' "$source/Makefile" | paste -s -d .)
tarball=$DPKG_ROOT/usr/src/linux-source-$line.tar.xz
cache=$DPKG_ROOT/var/cache/kvm-zap
tree=$tmp/linux-source-$line
scripts/patch/copy-kvm "$source" "$tree"
# pack VERSION: $tree is that version of linux-source, and of the headers.
pack() {
	tar -C "$tmp" -cJf "$tarball" "linux-source-$line"
	printf '%s\n' "linux-source-$line $1" "linux-headers-$line.0-9-amd64 $1" \
		"linux-headers-$line.0-9-cloud-amd64 $1" > "$PACKAGES"
}
# autoinstalled KERNEL: what DKMS 3.0 finds in AUTOINSTALL, by functions as it has them: it
# asks in the name of no kernel.
autoinstalled() {
	# shellcheck disable=SC2016 # bash's
	bash -c 'safe_source() { (. "$conf" > /dev/null; echo "$AUTOINSTALL"); }
		read_conf() { local kernelver=$1; safe_source; }
		autoinstall() { read_conf ""; }
		kernelver=$1 conf=$2; autoinstall' bash "$1" "$dkms/dkms.conf"
}
pack 1
keeps > "$tmp/out" 2>&1 && ktap_fail "$(cat "$tmp/out")"
ktap_equal 'what was said' "$(cat "$tmp/out")" ''
excluded "$line.0-9-amd64" && ktap_fail 'DKMS leaves it alone'
ktap_equal AUTOINSTALL "$(autoinstalled "$line.0-9-amd64")" yes
ktap_equal 'what is kept of it' "$(cat "$cache/$line.0-9-amd64")" "linux-source-$line 1, kvm-zap $version"
ktap_result 'a kernel that fits is built for'

drifts() { # drifts VERSION WORDS: it keeps its own, and these words say why
	pack "$1"
	keeps > "$tmp/said" 2> "$tmp/out" || ktap_fail "built for, although $2"
	ktap_equal "said twice" "$(cat "$tmp/said")" ''
	grep -q "kernel $line.0-9-amd64 ($1) keeps its own modules" "$tmp/out" || ktap_fail "$(cat "$tmp/out")"
	grep -q -x -e "  $2" "$tmp/out" || ktap_fail "not said: $2; but: $(cat "$tmp/out")"
	grep -n -F -e "$tmp" -e /tmp/ "$tmp/out" && ktap_fail 'a folder that is gone is named'
	excluded "$line.0-9-amd64" || ktap_fail 'DKMS builds for it'
	ktap_equal AUTOINSTALL "$(autoinstalled "$line.0-9-amd64")" ''
}
sed -i '/^[a-z ]*sp_has_gptes(.*)$/,/^}/s/return/return !/' "$tree/arch/x86/kvm/mmu/mmu.c"
drifts 2 'sp_has_gptes in arch/x86/kvm/mmu/mmu.c has changed (zap_shadow.h: .* is a copy)'
scripts/patch/copy-kvm "$source" "$tree"
host=arch/x86/include/asm/kvm_host.h
printf 'struct kvm_vm_stat {\n\tint twice;\n};\n' >> "$tree/$host"
drifts 3 "rule field-stat: 2 lines added to $host, expected 1; see scripts/patch/cocci/$line.rules"
ktap_equal 'lines said' "$(wc -l < "$tmp/out")" 3
ktap_result 'one that has drifted keeps its own, and it says what has'

# By now the tarball cannot be looked at.
: > "$tarball"
keeps > "$tmp/said" 2> "$tmp/again" || ktap_fail 'forgotten'
ktap_equal 'what is said again' "$(cat "$tmp/said" "$tmp/again")" "$(cat "$tmp/out")"
"$dkms/scripts/dkms/dkms-keeps" "$line.0-9-cloud-amd64" > "$tmp/said" 2>&1 || ktap_fail 'looked for anew'
grep -q "kernel $line.0-9-cloud-amd64 (3) keeps" "$tmp/said" || ktap_fail "$(cat "$tmp/said")"
sed -i 's/ 3$/ 4/' "$PACKAGES"
KVM_ZAP_UID=1000 keeps > "$tmp/said" 2>&1 && ktap_fail 'another version has drifted, too'
ktap_equal 'what is said to users' "$(cat "$tmp/said")" ''
keeps > "$tmp/said" 2>&1 && ktap_fail 'what is no tarball has drifted'
grep -q '^linux-source-.* 3, kvm-zap' "$cache/$line.0-9-amd64" || ktap_fail 'a failure was kept'
ktap_equal 'files that are kept' "$(find "$cache" -type f | wc -l)" 2
ktap_result 'what was found out is kept, for that version'
ktap_end
