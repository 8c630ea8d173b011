#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Where the kernel of a line comes from: which of Debian's archives are used, backports
# among them, which kernel is selected, and that a release that has moved on is named.
# Uses an apt that pretends to be a mirror.
#
# What breaks without it: the archive of backports is asked for security updates, which it
# does not have, and 'make LINE=7.3' fails; or a host that runs a backport gets modules
# for another kernel; or nothing is built when Debian releases a new kernel.
set -u

here=$(dirname "$0")
# shellcheck source-path=SCRIPTDIR source=kvm/lib/ktap.sh
. "$here/kvm/lib/ktap.sh"
cd "$here/../../.." || exit 1
case "${1-}" in -h | --help) sed -n '4,10s/^# \{0,1\}//p' "tools/testing/selftests/${0##*/}"; exit 0 ;; esac

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The machine's archives, each with its release, and what the mirror has.
mkdir "$tmp/bin"
cat > "$tmp/machine" <<'EOT'
bookworm http://mirror/debian/ Debian
bookworm-updates http://mirror/debian/ Debian
bookworm-backports http://mirror/debian/ Debian Backports
bookworm-security http://mirror/security/ Debian
EOT
cat > "$tmp/mirror" <<'EOT'
trixie-security linux-headers-6.12.118+deb13-amd64 6.12.118-1
trixie linux-headers-6.12.115+deb13.1-amd64 6.12.115-2
bookworm-backports linux-headers-6.12.95+deb12-amd64 6.12.95-1~bpo12+1
trixie linux-headers-6.12.118+deb13-rt-amd64 6.12.118-1
sid linux-headers-7.2.13+deb14-amd64 7.2.13-1
trixie-backports linux-headers-7.3.4+deb13-amd64 7.3.4-1~bpo13+1
trixie-backports linux-headers-7.3.4+deb13-cloud-amd64 7.3.4-1~bpo13+1
trixie-security linux-headers-amd64 6.12.118-1
trixie linux-headers-amd64 6.12.117-1
bookworm-security linux-headers-amd64 6.1.192-2
trixie-backports linux-headers-amd64 7.3.4-1~bpo13+1
EOT
cat > "$tmp/bin/apt-get" <<'EOT'
#!/bin/sh
case $* in
*indextargets*'Origin: Debian '*) awk '!/Backports/ { print $1, $2 }' "$PLAY/machine" ;;
*update) [ ! -e "$PLAY/down" ] ;;
*' download '*)
	mkdir -p deb/DEBIAN deb/usr/src
	spec=${*##* }
	printf '%s\n' "Package: ${spec%=*}" "Version: ${spec#*=}" 'Architecture: all' \
		'Maintainer: Nobody <nobody@example.org>' 'Description: of the play' > deb/DEBIAN/control
	echo "${spec#*=}" > "deb/usr/src/${spec%=*}.tar.xz"
	dpkg-deb -b deb . && rm -r deb ;;
esac
EOT
# What is installed: package and version, a line each.
cat > "$tmp/bin/dpkg-query" <<'EOT'
#!/bin/sh
awk -v name="${*##* }" '$1 == name { print $2; found = 1 } END { exit !found }' "$PLAY/installed"
EOT
: > "$tmp/installed"
# What the sources in APT_CONFIG have: of the mirror, the newest first.
cat > "$tmp/bin/apt-cache" <<'EOT'
#!/bin/sh
awk '{ print " " $5 " " }' "${APT_CONFIG%apt.conf}sources.list" > "$PLAY/asked"
while read -r release package version; do
	grep -q -F -e " $release " "$PLAY/asked" || continue
	case $1 in
	pkgnames) echo "$package" ;;
	madison) [ "$2" != "$package" ] || echo "$2 | $version | http://mirror $release/main amd64 Packages" ;;
	esac
done < "$PLAY/mirror"
EOT
printf '#!/bin/sh\necho "Acquire::Languages \\"none\\";"\n' > "$tmp/bin/apt-config"
# shellcheck disable=SC2016 # for the script that it prints
printf '#!/bin/sh\necho "$RUNS"\n' > "$tmp/bin/uname"
chmod 755 "$tmp"/bin/*
cp -R scripts "$tmp/"

play() { # play KERNEL COMMAND...: on a machine that runs KERNEL
	kernel=$1
	shift
	(cd "$tmp" && RUNS=$kernel PLAY=$tmp PATH=$tmp/bin:$PATH && export RUNS PLAY PATH && "$@") 2> "$tmp/err"
}

asked() { # asked LINE: the archives, as the mirror and what it is asked for
	awk '{ sub(/^http:\/\/mirror\//, "", $4); print $4 $5 }' "$tmp/build/apt/$1/sources.list" | sort | paste -s -d ' '
}

ktap_start 9

for line in 6.12 7.2 7.3; do
	play none scripts/fetch/apt-line "$line" list 'linux-headers-.*' > "$tmp/out" || ktap_fail "$(cat "$tmp/err")"
done
ktap_equal 'archives for 6.12' "$(asked 6.12)" \
	'debian/bookworm-backports debian/trixie debian/trixie-updates security/trixie-security'
ktap_equal 'archives for 7.2' "$(asked 7.2)" 'debian/sid debian/trixie-backports'
ktap_equal 'archives for 7.3' "$(asked 7.3)" 'debian/trixie-backports'
ktap_result 'backports and sid are asked for no updates, a release is'

ktap_equal 'a package of backports' \
	"$(play none scripts/fetch/apt-line 6.12 version linux-headers-6.12.95+deb12-amd64)" '6.12.95-1~bpo12+1'
ktap_equal 'versions' "$(play none scripts/fetch/apt-line 6.12 versions linux-headers-amd64 | paste -s -d ,)" \
	'6.12.118-1 trixie-security,6.12.117-1 trixie'
play none scripts/fetch/apt-line 7.3 version linux-headers-6.12.95+deb12-amd64 > "$tmp/out" && ktap_fail 'exit status 0'
ktap_equal 'what is said' "$(cat "$tmp/err")" \
	'apt-line: there is no linux-headers-6.12.95+deb12-amd64 in trixie-backports'
ktap_result 'a line has what each of its releases has'

newest() { # newest LINE KERNEL: what is built for where KERNEL runs
	play "$2" env LINE="$1" KVER= scripts/kver
}
ktap_equal 'newest of 6.12' "$(newest 6.12 6.1.0-56-amd64)" 6.12.118+deb13-amd64
ktap_equal 'newest of 7.3' "$(newest 7.3 6.1.0-56-amd64)" 7.3.4+deb13-amd64
ktap_result 'the newest kernel of a line is taken'
ktap_equal 'of 6.12' "$(newest 6.12 6.12.95+deb12-amd64)" 6.12.95+deb12-amd64
ktap_equal 'of 6.12, a rebuilt one' "$(newest 6.12 6.12.115+deb13.1-amd64)" 6.12.115+deb13.1-amd64
ktap_equal 'of 6.12, one that is gone running' "$(newest 6.12 6.12.43+deb12-amd64)" 6.12.118+deb13-amd64
ktap_result 'the one that runs goes before'

said() { # said: what new-lines says of line 7.4
	play none scripts/fetch/new-lines || ktap_fail "exit status $?"
	cat "$tmp/err"
}
ktap_equal 'what is said' "$(said)" ''
sed -i 's/\(trixie-backports linux-headers-amd64\) .*/\1 7.4.1-1~bpo13+1/' "$tmp/mirror"
echo 'sid linux-headers-amd64 7.5~rc1-1' >> "$tmp/mirror"
ktap_equal 'what is said' "$(said | sed 's/ yet, .*//')" \
	"new-lines: the newest kernel of sid is 7.5~rc1-1: there are no rules for line 7.5
new-lines: the newest kernel of trixie-backports is 7.4.1-1~bpo13+1: there are no rules for line 7.4"
cp scripts/patch/cocci/7.2.rules "$tmp/scripts/patch/cocci/7.4.rules"
ktap_equal 'what is said with rules' "$(said)" \
	'new-lines: the newest kernel of sid is 7.5~rc1-1: there are no rules for line 7.5 yet, see PORTING.md'
rm "$tmp/scripts/patch/cocci/7.4.rules"
ktap_result 'a release that has moved on to a line without rules is named'

touch "$tmp/down"
ktap_equal 'lines of which that is said' \
	"$(said | sed -n 's/^new-lines: the mirror was not asked for what is newer than line //p' | paste -s -d ' ')" \
	"$(sed -n 's/^\([0-9][0-9.]*\).*/\1/p' scripts/lines | paste -s -d ' ')"
ktap_result 'without the mirror that is said, and is no failure'

source_of() { # source_of VERSION: the tarball, with that version of the source installed
	printf '%s\n' 'linux-headers-6.1.0-56-amd64 6.1.192-2' "linux-source-6.1 $1" > "$tmp/installed"
	play none scripts/fetch/fetch-source --tarball 6.1.0-56-amd64 || ktap_fail "$(cat "$tmp/err")"
}
rm "$tmp/down"
own=/usr/src/linux-source-6.1.tar.xz
for version in 6.1.192-3 6.1.192-1; do
	ktap_equal "source with $version installed" "$(source_of "$version")" \
		"$tmp/build/download/${own##*/}"
	ktap_equal 'its version' "$(cat "$tmp/build/download/${own##*/}")" 6.1.192-2
	rm -r "$tmp/build/download"
done
[ ! -f "$own" ] || ktap_equal 'source of the same version' "$(source_of 6.1.192-2)" "$own"
ktap_result 'the source is that of the headers, also where another one is installed'

# shellcheck disable=SC2013 # a word a line
for line in $(sed -n 's/^\([0-9][0-9.]*\).*/\1/p' scripts/lines); do
	ktap_check [ -f "scripts/patch/cocci/$line.rules" ]
	ktap_check [ -f "scripts/patch/fingerprints/$line" ]
	grep -q " linux-source-$line\b[^.]" debian/control || ktap_fail "debian/control has no linux-source-$line"
	grep -q "^| $line | " README.md || ktap_fail "README.md does not say what was seen of $line"
done
ktap_result 'each line has its rules, its fingerprints, its source and its row in README.md'

env -u MAKEFLAGS -u MAKELEVEL make -n check-lines MAKE='echo runs' 2>&1 |
	sed -n 's/^runs //p' > "$tmp/out"
ktap_equal 'what check-lines runs' "$(cat "$tmp/out")" \
	"$(sed -n 's/^\([0-9][0-9.]*\).*/check LINE=\1\ncheck-intel LINE=\1/p' scripts/lines)"
ktap_result 'check-lines runs all tests on each line, and those of kvm-intel'
ktap_end
