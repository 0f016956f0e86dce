#!/usr/bin/env bash
# Builds with every compiler, MPI and BLAS that this machine has, runs the tests that apply, and compares the bits of one sweep.
# usage: tests/house/matrix.sh [ROW[:TIER]...]        rows: openmpi mpich clang lto native reference blis asan arm64 (all)
#   MATRIX_FOLDER   where builds and the table are kept (build/matrix)
#   MATRIX_TIER     of rows that name none. standard (default): all tests that apply but campaigns, ten minutes a row on a quiet machine;
#                   quick: those of them with the label quick; bits: the command alone is built, and its numbers are compared
#   MATRIX_JOBS     at once (the number of cores)
# A row whose compiler or libraries are not there is left out, and says so. Exit code 1 where a row fails; 77 where all are left out.
# Debian: mpich libmpich-dev libhdf5-mpich-dev libscalapack-mpich-dev, clang, libblis-dev, libblas-dev liblapack-dev,
# gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user.
set -euo pipefail
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$source_folder"
folder=${MATRIX_FOLDER:-build/matrix} jobs=${MATRIX_JOBS:-$(nproc)}
source jobs/environment.sh
mkdir -p "$folder"
folder=$(realpath "$folder")
table=$folder/table.md
python=$(python_with_h5py) || exit 77
libraries=/usr/lib/$(gcc -print-multiarch 2>/dev/null || true)

# The suite that applies: what depends on the compiler, MPI or BLAS. Not the analysis, figures and documents, which read results files
# of any build; not rules of the source, which are the same in every row; and not campaigns.
declare -A suites=(
    [programs]='test_|fuzz_|house_fast_math$|house_exports$'
    [ranks]='mpi_|pblas_block_size$'
    [command]='command_|field_|exact_zeros$|reference_(compare|measures|lyapunov)$|house_install$'
    [files]='read_results$|kill_store$|damage$'
)
suite="^(${suites[programs]}|${suites[ranks]}|${suites[command]}|${suites[files]})"
# The options of ctest for a tier; none where no test is to be built.
choose_tests() {
    case $1 in
        quick) tests=(-L '^quick$' -R "$suite") ;;
        standard) tests=(-LE '^campaign$' -R "$suite") ;;
        bits) tests=() ;;
        *) echo "tests/house/matrix.sh: a tier is standard, quick or bits, not $1" >&2 && exit 2 ;;
    esac
}
generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)

# What a row needs, its options of CMake, the folders of its libraries, and how far its numbers may be from those of the first row: of the
# compiler and of MPI they do not depend at all. Another LAPACK rounds spectral radii, Haar matrices and singular values otherwise;
# APART_BY_LAPACK is some hundred times what that made of this sweep, and a thousandth of the half of a percent that anybody would see.
APART_BY_LAPACK=1e-10
# Whose order among equals, here the eigenvalues of one modulus, is LAPACK's choice; and, of W as drawn, what LAPACK computes and what
# dgemm sums up, with the checksums over these.
ORDERED_BY_LAPACK=(eigenvalue_re eigenvalue_im log_expansion_coefficient)
OF_LIBRARIES=(weight_spectral_radius weight_checksum cancellation log_gradient_norm log_total_gradient_norm checksum)
describe() {
    needs=() options=() path='' apart=0
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
            apart=$APART_BY_LAPACK
            ;;
        blis) needs=("$libraries/libblis.so") options=(-DBLA_VENDOR=FLAME) apart=$APART_BY_LAPACK ;;
        asan)
            options=(-DCMAKE_BUILD_TYPE=RelWithDebInfo
                "-DCMAKE_C_FLAGS=-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer")
            ;;
        arm64) ;;
        *) echo "tests/house/matrix.sh: there is no row $1" >&2 && exit 2 ;;
    esac
}

row() {
    printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$1" "$2" "${3:-}" "${4:-}" "${5:-}" "${6:-}" "${7:-}" | tee -a "$table"
}

# Prints "passed of all" of the tests of one suite in ctest's log, where a name ends with a space, and what was skipped: count LOG SUITE
count() {
    local lines ran passed skipped
    lines=$(grep -E "^ *[0-9]+/[0-9]+ +Test +#[0-9]+: (${suites[$2]//\$/ })" "$1" || true)
    ran=$(grep -c . <<<"$lines" || true)
    passed=$(grep -cE ' Passed +[0-9.]+ sec' <<<"$lines" || true)
    skipped=$(grep -c '\*\*\*Skipped' <<<"$lines" || true)
    echo "$passed of $ran$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
}

# Runs both sweeps and prints how the first row's numbers and theirs differ: compare_sweeps COMMAND... Of matrix.yaml by no more than
# `apart`; of matrix_native.yaml in no bit, whatever the row. It fails where that does not hold.
compare_sweeps() {
    local well=0
    if [ "$apart" = 0 ]; then
        compare_sweep matrix 0 "$@" || well=1
        compare_sweep matrix_native 0 "$@" || well=1
    else
        compare_sweep matrix "$apart" "${ORDERED_BY_LAPACK[@]}" -- "$@" || well=1
        compare_sweep matrix_native 0 "${OF_LIBRARIES[@]}" -- "$@" || well=1
    fi
    return "$well"
}

# compare_sweep SWEEP APART [DATASETS THAT MAY DIFFER... --] COMMAND...
compare_sweep() {
    local sweep=$1 apart=$2 datasets=() file=$folder/$name.$1.h5 far=0
    shift 2
    if [[ " $* " = *" -- "* ]]; then
        while [ "$1" != -- ]; do datasets+=("$1") && shift; done
        shift
    fi
    rm -f "$file"
    # What MPI has allocated and keeps is no leak of ours.
    ASAN_OPTIONS=detect_leaks=0 "$@" run "tests/house/$sweep.yaml" -o "$file" --progress none </dev/null >"$file.log" 2>&1 ||
        { echo "$sweep FAILS" && return 1; }
    if [ ! -e "$folder/first.$sweep.h5" ]; then
        cp "$file" "$folder/first.$sweep.h5"
        echo "$sweep $("$python" tests/house/bits.py "$file") "
        return
    fi
    "$python" tests/house/bits.py "$file" "$folder/first.$sweep.h5" "$apart" "${datasets[@]}" >"$file.differences" || far=1
    echo "$sweep: $(tail -n 1 "$file.differences")$([ $far -eq 0 ] || echo ", TOO FAR") "
    return "$far"
}

# Configures, builds, tests; and the sweeps: run_row NAME[:TIER]
run_row() {
    local name=${1%%:*} tier=${MATRIX_TIER:-standard} tried=0 bits need
    local build=$folder/$name
    [[ $1 != *:* ]] || tier=${1#*:}
    choose_tests "$tier"
    describe "$name"
    for need in "${needs[@]}"; do
        if ! command -v "$need" >/dev/null && [ ! -e "$need" ]; then
            row "$name" "left out: there is no $need"
            return 0
        fi
    done
    if [ "$name" = arm64 ]; then
        run_arm64
        return
    fi
    export LD_LIBRARY_PATH=$path${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    [ ${#tests[@]} -gt 0 ] || options+=(-DGRADSWEEP_BUILD_TESTS=OFF)
    if ! cmake -S . -B "$build" "${generator[@]}" -DGRADSWEEP_WERROR=ON "${options[@]}" >"$build.log" 2>&1; then
        row "$name" "REFUSED: see $build.log"
        return 1
    fi
    if ! cmake --build "$build" -j "$jobs" >>"$build.log" 2>&1; then
        row "$name" "DOES NOT COMPILE: see $build.log"
        return 1
    fi
    bits=$(compare_sweeps "$build/src/gradsweep") || tried=1
    if [ ${#tests[@]} -gt 0 ]; then
        ctest --test-dir "$build" -j "$jobs" --output-on-failure "${tests[@]}" </dev/null >"$build.tests.log" 2>&1 || tried=1
        row "$name" built "$(count "$build.tests.log" programs)" "$(count "$build.tests.log" ranks)" \
            "$(count "$build.tests.log" command)" "$(count "$build.tests.log" files)" "${bits//$'\n'/ }"
    else
        row "$name" built - - - - "${bits//$'\n'/ }"
    fi
    return "$tried"
}

# Kernel, blocks and activations compiled for arm64, run by QEMU; and the sweeps, by the whole command.
run_arm64() {
    local tried=0 bits='' program words skipped=0
    tests/campaign/arm64.sh "$source_folder" >"$folder/arm64.log" 2>&1 || tried=$?
    [ "$tried" -ne 77 ] || { row arm64 "left out: $(tail -n 1 "$folder/arm64.log")" && return 0; }
    program=$(tests/house/arm64_build.sh "$folder/arm64" 2>>"$folder/arm64.log") || skipped=$?
    if [ "$skipped" -eq 0 ]; then
        read -r -a words <<<"$program"
        apart=$APART_BY_LAPACK
        bits=$(compare_sweeps "${words[@]}") || tried=1
    else
        [ "$skipped" -eq 77 ] || tried=1
        bits=$program
    fi
    row arm64 "kernel, blocks, activations: $(tail -n 1 "$folder/arm64.log")" - - - - "${bits//$'\n'/ }"
    return "$tried"
}

rows=("$@")
[ ${#rows[@]} -gt 0 ] || rows=(openmpi mpich clang lto native reference blis asan arm64)
rm -f "$folder"/first.*.h5
printf '| row | build | programs | ranks | command | files | bits |\n|---|---|---|---|---|---|---|\n' | tee "$table"
failed=0
for name in "${rows[@]}"; do
    (run_row "$name") || failed=1
done
[ "$(grep -c 'left out' "$table" || true)" -lt ${#rows[@]} ] || exit 77
exit "$failed"
