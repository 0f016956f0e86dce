#!/usr/bin/env bash
# An installation is whole without the source and wherever it is moved: the command, the library and what finds it, the analysis, job
# scripts with their sweeps, documentation. A program of one's own is built with it both ways. DESTDIR is respected, two versions lie
# side by side, and uninstalling leaves nothing.
# usage: tests/house/install.sh CMAKE BUILD [C_COMPILER MPI_C_COMPILER MPIEXEC]
set -euo pipefail
cmake=$1 build=$2 compiler=${3:-} mpicc=${4:-} mpiexec=${5:-}
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
wrong() {
    echo "$*"
    exit 1
}
"$cmake" --install "$build" --prefix "$place/first" >/dev/null
mv "$place/first" "$place/moved"
prefix=$place/moved

for file in bin/gradsweep share/gradsweep/jobs/sweep.sbatch share/gradsweep/jobs/slurm.sh share/gradsweep/jobs/sweeps/quickstart.yaml \
    share/gradsweep/modulefile share/doc/gradsweep/README.md share/doc/gradsweep/CHANGELOG.md share/doc/gradsweep/architecture.md \
    share/doc/gradsweep/sweep-reference.md share/man/man1/gradsweep-run.1 share/bash-completion/completions/gradsweep \
    share/zsh/site-functions/_gradsweep; do
    [ -s "$prefix/$file" ] || wrong "$file was not installed"
done
while read -r link; do
    [ -e "$prefix/share/doc/gradsweep/$link" ] || wrong "the installed README leads to $link, which is not there"
done < <(grep -oE '\]\([a-z][^)#:]*' "$prefix/share/doc/gradsweep/README.md" | cut -c3-)
config=$(find "$prefix" -name gradsweep.pc)
[ -n "$config" ] || wrong "no gradsweep.pc was installed"
export PKG_CONFIG_PATH=${config%/*}
libdir=$(pkg-config --variable=libdir gradsweep)
ls "$libdir"/libgradsweep.so* "$(pkg-config --variable=includedir gradsweep)"/gradsweep/*.h

# Nothing of the variables that a build needs: the command finds its libraries, and says what they are.
said=$(env -u LD_LIBRARY_PATH "$prefix/bin/gradsweep" --version)
grep -q "^gradsweep $(pkg-config --modversion gradsweep)$" <<<"$said" || wrong "--version says $said"
for line in revision compiler MPI HDF5 BLAS kernel; do
    grep -qE "^$line +[^ ]" <<<"$said" || wrong "--version says nothing of $line: $said"
done
"$prefix/bin/gradsweep" plan "$prefix/share/gradsweep/jobs/sweeps/quickstart.yaml" --ranks 2 >/dev/null

source "$source_folder/jobs/environment.sh"
analysis=$(find "$prefix" -path "*/analysis/report.py")
[ -x "$analysis" ] || wrong "no report.py was installed"
if python=$(python_with_h5py 2>/dev/null); then
    "$python" "$analysis" --help >/dev/null
    GRADSWEEP_PYTHON=$python "$prefix/bin/gradsweep" report --help >/dev/null
fi

# DESTDIR, and what was put there taken away again. The next one lies beside this one: 0.2 and 0.3 share no file but by their folders.
DESTDIR=$place/image "$cmake" --install "$build" --prefix /opt/gradsweep/one >/dev/null
[ -x "$place/image/opt/gradsweep/one/bin/gradsweep" ] || wrong "DESTDIR is not respected"
[ ! -e /opt/gradsweep/one ] || wrong "with DESTDIR something was installed outside"
DESTDIR=$place/image "$cmake" --install "$build" --prefix /opt/gradsweep/two >/dev/null
DESTDIR=$place/image "$cmake" --build "$build" --target uninstall >/dev/null
[ ! -e "$place/image/opt/gradsweep/two" ] || wrong "uninstalling leaves" "$(find "$place/image/opt/gradsweep/two")"
"$place/image/opt/gradsweep/one/bin/gradsweep" --version >/dev/null || wrong "uninstalling one version takes another"

# A program of one's own, by CMake and by pkg-config; each runs a sweep of one cell on two ranks.
[ -n "$mpiexec" ] || exit 0
example=$prefix/share/doc/gradsweep/examples/external
sweep=$place/sweep.yaml
echo "grid: {hidden_size: 4, spectral_radius: 1, gamma: 1, lag: 4}" >"$sweep"
# A library with the sanitizers wants their runtime to come first, from the program.
sanitizers=''
! grep -q libasan <<<"$(ldd "$libdir/libgradsweep.so")" || sanitizers=-fsanitize=address,undefined
make -s -C "$example" CC="$mpicc $sanitizers" external >/dev/null
mv "$example/external" "$place/by-pkg-config"
"$cmake" -S "$example" -B "$place/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$compiler" \
    -DMPI_C_COMPILER="$mpicc" -DCMAKE_C_FLAGS="$sanitizers" -DCMAKE_BUILD_TYPE=Release >/dev/null
"$cmake" --build "$place/build" >/dev/null
mv "$place/build/external" "$place/by-cmake"
for way in by-pkg-config by-cmake; do
    # Each rank writes its line; all are read, since a reader that leaves after the first makes MPICH's launcher fail.
    told=$("$mpiexec" -n 2 "$place/$way" "$sweep" "$place/$way.h5" </dev/null | grep -c "^complete: gradsweep") || wrong "$way does not run"
    [ "$told" = 2 ] || wrong "$way: $told of 2 ranks say that it is complete"
    "$prefix/bin/gradsweep" check "$place/$way.h5" >/dev/null
done
