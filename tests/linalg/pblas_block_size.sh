#!/usr/bin/env bash
# ScaLAPACK asks the command, and a program that links the library alone, for the block size of its panels: not itself.
# The dynamic linker tells whose pilaenv_ it took. Exit code 77: this linker does not tell.
# usage: tests/linalg/pblas_block_size.sh GRADSWEEP_COMMAND LIBGRADSWEEP C_COMPILER
set -euo pipefail
command=$1 library=$2 compiler=$3

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
echo 'int main(void) { return 0; }' >"$place/user.c"
"$compiler" -o "$place/user" "$place/user.c" -Wl,--no-as-needed "$library" -Wl,-rpath,"$(dirname "$library")"

# takes_pilaenv_from PROGRAM OWNER
takes_pilaenv_from() {
    # Sanitizers may end a program that does nothing wrong but to be linked without them: after this was written.
    LD_BIND_NOW=1 LD_DEBUG=bindings LD_DEBUG_OUTPUT="$place/bindings" "$1" --version >/dev/null 2>&1 || true
    if ! grep -qs "binding file" "$place"/bindings.*; then
        echo "SKIPPED: LD_DEBUG tells nothing here"
        exit 77
    fi
    if ! grep -h "libscalapack.*\`pilaenv_'" "$place"/bindings.* | grep "to [^ ]*$2[^/ ]* "; then
        echo "ScaLAPACK does not take pilaenv_ of $2 in $1, but:"
        grep -h "\`pilaenv_'" "$place"/bindings.* || echo "(nothing asks for it)"
        exit 1
    fi
    rm "$place"/bindings.*
}
takes_pilaenv_from "$command" /gradsweep
takes_pilaenv_from "$place/user" libgradsweep.so
