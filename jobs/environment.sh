# shellcheck shell=bash
# What the scripts share; to be sourced. Not needed where you start mpirun or srun yourself, except as root.

# Open MPI refuses root unless told twice.
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Prints a Python that can read results: the first one in PATH may be another than the one Debian's packages serve.
python_with_h5py() {
    local python
    for python in /usr/bin/python3 python3 python; do
        if "$python" -c 'import h5py, matplotlib, scipy, xarray, yaml' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    echo "no Python that imports h5py, matplotlib, scipy, xarray and yaml was found; jobs/install.sh installs them" >&2
    return 1
}
