#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# tools/testing/lint: each of its checks fails on a fault of its kind and names the file
# and line. Without this test, a checker that no longer finds anything, e.g. because its
# output changed, would look like clean sources. The faults are planted in a copy, in
# which git tracks little else.
set -eu

cd "$(dirname "$0")/../../.."
. tools/testing/selftests/kvm/lib/ktap.sh

case "${1-}" in -h | --help) sed -n '4,7s/^# \{0,1\}//p' "$0"; exit 0 ;; esac

git ls-files > /dev/null 2>&1 || ktap_skip_all 'no git here'
unset KVER LINE # as lint does
source=$(scripts/fetch/fetch-source)

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

git ls-files | while read -r file; do
	[ ! -f "$file" ] || echo "$file"
done | xargs cp --parents -t "$tmp"
mkdir -p "$tmp/build/lint"
ln -s "$source" "$tmp/build/"
# What is grafted already need not be so again.
[ ! -d build/lint/tree ] || cp -R build/lint/tree "$tmp/build/lint/"
cd "$tmp"
: > expected

# plant CHECK FILE WHAT...: append standard input to FILE; CHECK has to say each
# WHAT of a line of it, or of the line behind, where the end is what is wrong.
plant() {
	check=$1 file=$2
	shift 2
	first=$([ ! -f "$file" ] || wc -l < "$file")
	cat >> "$file"
	git add -f "$file"
	for what; do
		echo "$check $file $((first + 1)) $(($(wc -l < "$file") + 1)) $what" >> expected
	done
}

: > tools/testing/lint.allow
git init -q .
git add -f Documentation/index.rst # the root of the pages
plant checkpatch tools/lib/vm/stats.c SPACING << 'END'

int lint_fault(int a)
{
	return a==1;
}
END
plant checkpatch tools/testing/lint.allow 'allowed are 7, there are 0' << 'END'
tools/lib/vm/stats.c VOLATILE 7 a remark that is gone
END
plant checkpatch tools/testing/lint.allow 'not FILE TYPE COUNT WHY' << 'END'
tools/lib/vm/stats.c VOLATILE some nobody knows why
END
plant sparse arch/x86/kvm/mmu/zap_mmio.c noderef << 'END'

static int __maybe_unused lint_noderef(int __user *p)
{
	return *p;
}
END
plant sparse virt/kvm/zap.c 'no previous prototype' << 'END'

void lint_prototype(void)
{
}
END
plant shellcheck tools/lint-fault SC2086 << 'END'
#!/bin/sh
rm $1
END
plant clang-format tools/lib/vm/host.c 'CLANG_FORMAT: indented to column 25' << 'END'

int lint_fault(int a)
{
			return a;
}
END
plant doc Documentation/virt/kvm/zap-policy.rst 'unknown document' << 'END'

See :doc:`/nowhere`.
END
plant doc include/linux/kvm_zap.h "'b' not described" << 'END'

/**
 * lint_kernel_doc() - no word about its second argument
 * @a: the first
 */
int lint_kernel_doc(int a, int b);
END
plant doc virt/kvm/zap.c 'Inline literal start-string without end-string' << 'END'

/**
 * lint_fault_rst() - reStructuredText that is none
 *
 * A literal that ``never ends.
 */
void lint_fault_rst(void) { }
END
plant doc sysfs-abi/debugfs-kvm-zap 'have a description' << 'END'

What:		/sys/kernel/debug/kvm/lint_fault
Date:		November 2026
Contact:	none
END
plant hygiene lint-spdx 'no SPDX' << 'END'
nothing
END
plant hygiene lint-fault 'white space' << END
# SPDX-License-Identifier: GPL-2.0-only
white$(printf '\t')
END
plant hygiene lint-fault merge << END
<<<<<<$(printf '<') HEAD
END
plant hygiene lint-fault 'left over' << END
# TO${tmp:+DO}: something
END
plant hygiene lint-fault 'blank line' << 'END'

END
printf '# SPDX-License-Identifier: GPL-2.0-only\nno newline' | plant hygiene lint-newline 'no newline'
printf 'lint-fault:\n\t/lint-fault\n' | plant hygiene Makefile 'a recipe without @'
printf '\t@scripts/lint-fault\n' | plant hygiene Makefile 'no file scripts/lint-fault'
printf '[gone](lint/gone.md)\n' | plant hygiene README.md 'no file lint/gone.md'
printf '# SPDX-License-Identifier: GPL-2.0-only\n' > lint-page
echo "# Documentation/virt/kvm/zap-go${tmp:+ne}.rst" | plant hygiene lint-page 'no file Documentation'
plant cocci tools/lint-fault.cocci 'parse error' << 'END'
// SPDX-License-Identifier: GPL-2.0-only
@@
@@
- foo(
END
plant maintainers MAINTAINERS 'no file matches' order << 'END'

KVM ZAP POLICIES, AAA
S:	Maintained
F:	nowhere/
END

checks=$(tools/testing/lint list)
# shellcheck disable=SC2086 # one word a check
set -- $checks
ktap_start $(($# + 1))

# A remark is one of the check whose point comes next.
tools/testing/lint > out 2>&1 && ktap_fail 'lint passed'
ktap_result 'lint fails'
for check; do
	awk -v check="$check" '/^(not )?ok / { if ($NF == check) printf "%s", text; text = ""; next }
		{ text = text $0 "\n" }' out > said
	ktap_check grep -q "^not ok [0-9]* $check\$" out
	ktap_check grep -q "^$check " expected
	sed -n "s/^$check //p" expected > wanted
	while read -r file first last what; do
		awk -v file="$file" -v first="$first" -v last="$last" -v what="$what" '
			index($0, file ":") {
				rest = substr($0, index($0, file ":") + length(file) + 1)
				n = rest + 0
				found += n >= first && n <= last && index(rest, what)
			}
			END { exit !found }' said ||
			ktap_fail "not said of $file:$first to $last: $what"
	done < wanted
	[ -z "$ktap_bad" ] || while read -r line; do ktap_diag "$line"; done < said
	ktap_result "$check"
done
ktap_end
