#!/usr/bin/env bash
# Compiles the whole command for 64-bit ARM, on a machine of another kind, against Debian's packages unpacked into a folder; no root.
# usage: tests/house/arm64_build.sh FOLDER      prints the words that start it: QEMU, its options, the program
# Exit code 77: no cross compiler, no QEMU or no apt (Debian: gcc-aarch64-linux-gnu qemu-user). It needs no second MPI of this machine:
# MPI, HDF5, ScaLAPACK and BLAS are those of ARM, as QEMU runs them.
set -euo pipefail
source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
mkdir -p "$1"
folder=$(realpath "$1")
root=$folder/root triplet=aarch64-linux-gnu
packages=(libc6-dev libopenmpi-dev libhdf5-openmpi-dev libscalapack-openmpi-dev libopenblas-pthread-dev libfyaml-dev librandom123-dev
    libxxhash-dev)

emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
for need in "$triplet-gcc" "${emulator:-qemu-aarch64}" apt-get dpkg-deb cmake; do
    command -v "$need" >/dev/null || { echo "SKIPPED: there is no $need" && exit 77; }
done

# The packages with all that they need, as for a machine that has nothing: lists and state are the folder's own.
unpack_packages() {
    local apt=(apt-get -q -o "Dir::State=$folder/apt" -o "Dir::State::status=$folder/apt/status" -o "Dir::Cache=$folder/apt"
        -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)")
    mkdir -p "$folder"/apt/{lists,archives}/partial "$root"/usr/{lib,bin,sbin}
    : >"$folder/apt/status"
    "${apt[@]}" update && "${apt[@]}" -y --no-install-recommends --download-only install "${packages[@]}" || return 1
    local name package link
    for name in lib bin sbin; do ln -sfn "usr/$name" "$root/$name"; done
    for package in "$folder"/apt/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root"
    done
    # What leads to / is meant for the root of the machine that it would be installed on.
    find "$root" -type l -lname '/*' | while read -r link; do
        ln -sfn "$root$(readlink "$link")" "$link"
    done
    touch "$folder/is_unpacked"
}

configure() {
    local libraries=$root/usr/lib/$triplet
    cat >"$folder/toolchain.cmake" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER $triplet-gcc)
set(CMAKE_SYSROOT $root)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_LIBRARY_PATH $libraries/openblas-pthread)
set(CMAKE_EXE_LINKER_FLAGS_INIT -Wl,-rpath-link,$libraries/openblas-pthread)
set(CMAKE_CROSSCOMPILING_EMULATOR "${start// /;}")
set(ENV{PKG_CONFIG_SYSROOT_DIR} $root)
set(ENV{PKG_CONFIG_LIBDIR} $libraries/pkgconfig:$root/usr/share/pkgconfig)
END
    cmake -S "$source_folder" -B "$folder/build" -DCMAKE_TOOLCHAIN_FILE="$folder/toolchain.cmake" -DGRADSWEEP_BUILD_TESTS=OFF \
        -DGRADSWEEP_WERROR=ON -DBLA_VENDOR=OpenBLAS -DMPI_C_LIB_NAMES=mpi -DMPI_mpi_LIBRARY="$libraries/openmpi/lib/libmpi.so" \
        -DMPI_C_HEADER_DIR="$libraries/openmpi/include"
}

# One rank, which starts no other and looks for no device; OpenBLAS lies where only Debian's alternatives would find it.
start="$emulator -L $root -E LD_LIBRARY_PATH=/usr/lib/$triplet/openblas-pthread -E OMPI_MCA_ess_singleton_isolated=1 -E OPENBLAS_NUM_THREADS=1"
{
    [ -e "$folder/is_unpacked" ] || unpack_packages
    configure
    cmake --build "$folder/build" -j "${MATRIX_JOBS:-$(nproc)}"
} >"$folder/log" 2>&1 || { echo "FAILED: see $folder/log" && exit 1; }
echo "$start $folder/build/src/gradsweep"
