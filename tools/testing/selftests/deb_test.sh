#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The Debian packages: that they build, what is in them, and that a build on the host
# which cannot succeed says what to do. Their life is tested by make check-deb.
#
# What breaks without it: a script that moves is missing from what DKMS builds from,
# and who installs the package has no modules after the next kernel.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/ktap.sh
. "$here/kvm/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,8s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac
for command in dpkg-buildpackage dh_dkms help2man lintian; do
	command -v "$command" > /dev/null || ktap_skip_all "no $command: run 'make setup'"
done

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ktap_start 8

# Nothing of the build stays behind in the sources.
list() { find . -name .git -prune -o -path ./build -prune -o -print | sort; }
list > "$tmp/before"
if ! scripts/build-deb "$tmp/deb" > "$tmp/out" 2>&1; then
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
for file in usr/bin/kvm-zap-bench usr/sbin/zap-perf usr/sbin/kvm-zap-rom \
	usr/share/doc/kvm-zap/README.md usr/share/doc/kvm-zap/zap-policy.rst \
	usr/share/doc/kvm-zap/sysfs-abi/sysfs-module-kvm-zap \
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
ktap_result 'each command has a manual page, each workload is in it'

# DKMS, asked what it would do.
excluded() { # excluded KERNEL: whether the package leaves that kernel alone
	# shellcheck disable=SC2016 # bash's
	bash -c 'kernelver=$1; . "$2"; ! [[ $1 =~ $BUILD_EXCLUSIVE_KERNEL ]]' bash "$1" "$dkms/dkms.conf"
}
grep -q "^PACKAGE_VERSION=\"$version\"$" "$dkms/dkms.conf" || ktap_fail 'not the version of the package'
# shellcheck disable=SC2013 # a word a line
for script in $(sed -n 's/^\(PRE_BUILD\|MAKE\[0\]\)="\([^ ]*\) .*/\2/p' "$dkms/dkms.conf"); do
	ktap_check [ -x "$dkms/$script" ]
done
grep -q '^MAKE.*dkms-build.* '"$version"'"$' "$dkms/dkms.conf" ||
	ktap_fail 'the modules get no version, and DKMS would not install them'
while read -r line _ state; do
	case $line in '' | '#'*) continue ;; esac
	for kernel in "$line.0-56-amd64" "$line.0-56-cloud-amd64" "$line.43+deb13-amd64"; do
		case $state in
		tested) excluded "$kernel" && ktap_fail "no modules for $kernel" ;;
		*) excluded "$kernel" || ktap_fail "modules that were not tested, for $kernel" ;;
		esac
	done
	for kernel in "$line.0-56-rt-amd64" "$line.100" "${line}0.3-1-amd64" 5.10.0-30-amd64; do
		excluded "$kernel" || ktap_fail "it would build for $kernel"
	done
done < scripts/lines
ktap_result 'DKMS builds for the kernels whose tests have passed'


# Debian, as it would be: what dpkg-query says of each package.
line=$(cd scripts/cocci && echo *.rules | sed 's/\.rules.*//')
mkdir "$tmp/bin"
cat > "$tmp/bin/dpkg-query" <<-'END'
	#!/bin/sh
	for package; do :; done
	case $3 in
	*Package*) grep "^$package " "$PACKAGES" ;;
	*) sed -n "s/^$package //p" "$PACKAGES" | grep . ;;
	esac
END
chmod 755 "$tmp/bin/dpkg-query"
asked() { # asked "PACKAGE VERSION"...: dkms-check, of a machine that has these
	printf '%s\n' "$@" > "$tmp/packages"
	PACKAGES=$tmp/packages PATH=$tmp/bin:$PATH "$dkms/scripts/dkms-check" "$line.0-9-amd64" 2>&1
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

older() { # older VERSION "PACKAGE VERSION"...: of linux-source, and what else there is
	printf '%s\n' "linux-source-$line $line.$1-1" "linux-headers-$line.0-9-amd64 $line.2-1" \
		"linux-headers-$line.0-10-rt-amd64 $line.3-1" "$2" > "$tmp/packages"
	PACKAGES=$tmp/packages PATH=$tmp/bin:$PATH "$dkms/scripts/dkms-check" --older "$line.0-9-amd64"
}
said=$(older 3 "linux-headers-$line.0-10-amd64 $line.3-1") || ktap_fail 'it would fail for the older kernel'
case $said in
*"kernel $line.0-9-amd64 ($line.2-1) keeps its own modules: linux-source-$line is $line.3-1, for $line.0-10-amd64") ;;
*) ktap_fail "said: $said" ;;
esac
older 3 '' > "$tmp/out" && ktap_fail 'left alone, with no other kernel to build for'
older 1 "linux-headers-$line.0-8-amd64 $line.1-1" > "$tmp/out" && ktap_fail 'a newer kernel is left alone'
older 2 "linux-headers-$line.0-8-amd64 $line.1-1" > "$tmp/out" && ktap_fail 'the kernel of linux-source is left alone'
ktap_result 'an older kernel is left alone next to one that can be built for'

# What is shipped is all that it takes to graft; the compiler's part is the lab's.
if source=$(scripts/fetch-source 2> "$tmp/out"); then
	scripts/copy-kvm "$source" "$tmp/tree"
	"$dkms/scripts/graft" "$tmp/tree" > "$tmp/out" 2>&1 || ktap_fail "$(cat "$tmp/out")"
	ktap_check [ -f "$tmp/tree/virt/kvm/zap.c" ]
	ktap_result 'what DKMS gets is enough to graft'
else
	ktap_skip "$(cat "$tmp/out")" 'what DKMS gets is enough to graft'
fi
ktap_end
