#!/usr/bin/env bash
# Builds with every compiler, MPI and BLAS that this machine has, runs the tests that apply, and compares the bits of one sweep.
# usage: tests/house/matrix.sh [ROW...]        rows: openmpi mpich clang lto native reference blis asan arm64 (all)
#   MATRIX_FOLDER   where builds are kept (build/matrix)
#   MATRIX_TESTS    options of ctest: which tests (-L ^quick$); "-LE ^campaign$": the standard tier, ten minutes a row and more
#   MATRIX_JOBS     at once (the number of cores)
# A row whose compiler or libraries are not there is left out, and says so. Exit code 1 where a row fails; 77 where all are left out.
# Debian: mpich libmpich-dev libhdf5-mpich-dev libscalapack-mpich-dev, clang, libblis-dev, libblas-dev liblapack-dev.
set -euo pipefail
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$source_folder"
folder=${MATRIX_FOLDER:-build/matrix} jobs=${MATRIX_JOBS:-$(nproc)}
read -r -a tests <<<"${MATRIX_TESTS:--L ^quick$}"
source jobs/environment.sh
mkdir -p "$folder"
folder=$(realpath "$folder")
table=$folder/table.md
python=$(python_with_h5py) || exit 77
libraries=/usr/lib/$(gcc -print-multiarch 2>/dev/null || true)

# What a row needs, its options of CMake and the folders of its libraries.
describe() {
    needs=() options=() path=''
    case $1 in
        openmpi) needs=(mpicc.openmpi) options=(-DMPI_C_COMPILER=mpicc.openmpi) ;;
        mpich) needs=(mpicc.mpich) options=(-DMPI_C_COMPILER=mpicc.mpich) ;;
        clang) needs=(clang) options=(-DCMAKE_C_COMPILER=clang) ;;
        lto) needs=(gcc) options=(-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON) ;;
        native) needs=(gcc) options=(-DCMAKE_C_FLAGS=-march=native) ;;
        reference)
            needs=("$libraries/blas/libblas.so" "$libraries/lapack/liblapack.so")
            path=$libraries/blas:$libraries/lapack
            options=(-DBLA_VENDOR=Generic "-DCMAKE_LIBRARY_PATH=${path/:/;}")
            ;;
        blis) needs=("$libraries/libblis.so") options=(-DBLA_VENDOR=FLAME) ;;
        asan)
            options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo
                "-DCMAKE_C_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer")
            ;;
        arm64) ;;
        *) echo "tests/house/matrix.sh: there is no row $1" >&2 && exit 2 ;;
    esac
}

row() {
    printf '| %s | %s | %s | %s |\n' "$@" | tee -a "$table"
}

# Prints the part of ctest's log that counts.
count() {
    sed -nE 's/^([0-9]+)% tests passed, ([0-9]+) tests? failed out of ([0-9]+).*/\2 of \3 failed/p' "$1" | tail -n 1
}

# Configures, builds, tests; and one sweep: run_row NAME
run_row() {
    local name=$1 build=$folder/$1 tried bits='' differences=''
    describe "$name"
    local need
    for need in "${needs[@]}"; do
        if ! command -v "$need" >/dev/null && [ ! -e "$need" ]; then
            row "$name" "left out: there is no $need" "" ""
            return 0
        fi
    done
    if [ "$name" = arm64 ]; then
        tried=0
        tests/campaign/arm64.sh "$source_folder" >"$folder/arm64.log" 2>&1 || tried=$?
        [ "$tried" -ne 77 ] || { row arm64 "left out: $(tail -n 1 "$folder/arm64.log")" "" "" && return 0; }
        row arm64 "kernel, blocks, activations" "$([ "$tried" -eq 0 ] && echo passed || echo FAILED)" "$(tail -n 1 "$folder/arm64.log")"
        return "$tried"
    fi
    export LD_LIBRARY_PATH=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    if ! cmake -S . -B "$build" -DGRADSWEEP_WERROR=ON "${options[@]}" >"$build.log" 2>&1; then
        row "$name" "REFUSED: see $build.log" "" ""
        return 1
    fi
    if ! cmake --build "$build" -j "$jobs" >>"$build.log" 2>&1; then
        row "$name" "DOES NOT COMPILE: see $build.log" "" ""
        return 1
    fi
    tried=0
    ctest --test-dir "$build" -j "$jobs" --output-on-failure "${tests[@]}" </dev/null >"$build.tests.log" 2>&1 || tried=$?
    rm -f "$build.h5"
    "$build/src/gradsweep" run tests/house/matrix.yaml -o "$build.h5" --progress none </dev/null >>"$build.log" 2>&1 || tried=$?
    bits=$("$python" tests/house/bits.py "$build.h5") || tried=1
    if [ -e "$folder/first.h5" ]; then
        differences=$("$python" tests/house/bits.py "$build.h5" "$folder/first.h5" | tr '\n' ';')
    else
        cp "$build.h5" "$folder/first.h5"
    fi
    row "$name" "built" "$(count "$build.tests.log")" "$bits ${differences:+differs: $differences}"
    return "$tried"
}

rows=("$@")
[ ${#rows[@]} -gt 0 ] || rows=(openmpi mpich clang lto native reference blis asan arm64)
rm -f "$folder/first.h5"
printf '| row | build | tests | bits |\n|---|---|---|---|\n' | tee "$table"
failed=0
for name in "${rows[@]}"; do
    (run_row "$name") || failed=1
done
[ "$(grep -c 'left out' "$table" || true)" -lt ${#rows[@]} ] || exit 77
exit "$failed"
