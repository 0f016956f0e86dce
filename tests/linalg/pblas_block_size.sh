#!/usr/bin/env bash
# ScaLAPACK asks the command for the block size of its panels, and a program that links the library where that shows a pilaenv_ of
# its own: never the library, which would answer for its caller's other calls. The dynamic linker tells whose pilaenv_ it took. Exit
# code 77: this linker does not tell.
# usage: tests/linalg/pblas_block_size.sh GRADSWEEP_COMMAND LIBGRADSWEEP C_COMPILER
set -euo pipefail
command=$1 library=$2 compiler=$3

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
echo 'int main(void) { return 0; }' >"$place/user.c"
echo 'int pilaenv_(const int *context, const char *precision); int pilaenv_(const int *c, const char *p) { return c && p ? 256 : 128; }' |
    cat - "$place/user.c" >"$place/shows.c"
for program in user shows; do
    "$compiler" -o "$place/$program" "$place/$program.c" -rdynamic -Wl,--no-as-needed "$library" -Wl,-rpath,"$(dirname "$library")"
done

# takes_pilaenv_from PROGRAM OWNER
takes_pilaenv_from() {
    # Sanitizers may end a program that does nothing wrong but to be linked without them: after this was written.
    LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT="$place/bindings" "$1" --version >/dev/null 2>&1 || true
    if ! grep -qs "binding file" "$place"/bindings.*; then
        echo "SKIPPED: LD_DEBUG tells nothing here"
        exit 77
    fi
    if ! grep -h "\(libscalapack\|libmkl\|libsci\).*\`pilaenv_'" "$place"/bindings.* | grep "to [^ ]*$2[^/ ]* "; then
        echo "ScaLAPACK does not take pilaenv_ of $2 in $1, but:"
        grep -h "\`pilaenv_'" "$place"/bindings.* || echo "(nothing asks for it)"
        exit 1
    fi
    rm "$place"/bindings.*
}
takes_pilaenv_from "$command" /gradsweep
takes_pilaenv_from "$place/user" 'lib\(scalapack\|mkl\|sci\)'
takes_pilaenv_from "$place/shows" /shows
