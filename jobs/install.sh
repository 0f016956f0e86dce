#!/usr/bin/env bash
# Installs what gradsweep needs on Debian 12 (or a relative of it) and is missing. Does nothing where all is there.
# usage: jobs/install.sh [--with-torch] [--with-slurm] [--with-hosts] [--dry-run]
#        jobs/install.sh --prefix FOLDER [--sources FOLDER]
#   --with-torch: also what the test of analysis/export_torch.py needs; some 140 packages, about a minute
#   --with-slurm: a batch system of one machine, for the tests of the job scripts
#   --with-hosts: what makes hosts of namespaces, for the tests of runs on several hosts
#   --prefix: without root, into a folder (jobs/unpack.sh): Debian's packages where there is apt, else what can be built of the
#       sources of libfyaml, Random123, xxHash and cmocka in the folder of --sources, beside MPI, HDF5 and ScaLAPACK of modules
set -euo pipefail

packages=(
    # compiler and tools
    build-essential cmake ninja-build pkg-config git clang-format clang-tidy
    # libraries
    openmpi-bin libopenmpi-dev libhdf5-openmpi-dev libscalapack-openmpi-dev libopenblas-dev
    libfyaml-dev librandom123-dev libxxhash-dev libcmocka-dev
    # reading and drawing results
    python3 python3-numpy python3-scipy python3-xxhash python3-h5py python3-xarray python3-h5netcdf python3-netcdf4
    python3-matplotlib python3-plotly python3-yaml python3-pip python3-setuptools python3-wheel hdf5-tools netcdf-bin
)

if [ "${1:-}" = --prefix ]; then
    exec "$(dirname "${BASH_SOURCE[0]}")/unpack.sh" "${@:2}"
fi
dry_run=false
for option in "$@"; do
    case $option in
        --with-torch) packages+=(python3-torch) ;;
        --with-slurm) packages+=(slurm-wlm slurm-wlm-basic-plugins munge) ;;
        --with-hosts) packages+=(iproute2 util-linux mount) ;;
        --dry-run) dry_run=true ;;
        *)
            echo "jobs/install.sh: unknown option $option; known: --with-torch, --with-slurm, --with-hosts, --dry-run, --prefix" >&2
            exit 2
            ;;
    esac
done

is_installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "jobs/install.sh: there is no apt-get here. Install these (Debian's names) with your system's tools or as" >&2
    echo "modules, then go on as usual; CMake names each one that is still missing: ${packages[*]}" >&2
    echo "jobs/install.sh --prefix FOLDER does what it can without root; docs/install.md" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "jobs/install.sh: missing: ${missing[*]}" >&2
! $dry_run || exit 0
as_root=(env DEBIAN_FRONTEND=noninteractive)
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "jobs/install.sh: run it as root, or have root install: ${missing[*]}" >&2
        echo "or, without root: jobs/install.sh --prefix FOLDER" >&2
        exit 1
    fi
    as_root=(sudo "${as_root[@]}")
fi
"${as_root[@]}" apt-get update -q </dev/null
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null
