"""Checksums of what results files hold, times left out; and how far their numbers are apart.

    bits.py OUT.h5                  prints one checksum of all datasets
    bits.py OUT.h5 REFERENCE.h5     prints which datasets differ, in how many elements, by how much at most; nothing: none"""

import hashlib
import os
import sys

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
import h5py
import numpy as np

# Times, and the checksums over them.
MAY_DIFFER = {"cell_seconds", "predicted_seconds", "team_size", "runtime_checksum"}


def read(path):
    with h5py.File(path) as file:
        return {name: item[()] for name, item in file.items()
                if isinstance(item, h5py.Dataset) and name not in MAY_DIFFER and item.dtype.kind in "fiu"}


def checksum(datasets):
    total = hashlib.md5()
    for name in sorted(datasets):
        total.update(name.encode() + datasets[name].tobytes())
    return total.hexdigest()


def main():
    results = read(sys.argv[1])
    if len(sys.argv) == 2:
        print(checksum(results))
        return
    reference = read(sys.argv[2])
    for name in sorted(results.keys() | reference.keys()):
        if name not in results or name not in reference:
            print(f"{name}: in one of the files alone")
        elif results[name].tobytes() != reference[name].tobytes():
            a, b = results[name].astype(float), reference[name].astype(float)
            with np.errstate(invalid="ignore"):
                apart = np.nanmax(np.where(a == b, 0, np.abs(a - b)), initial=0)
                print(f"{name}: {np.sum((a != b) & ~(np.isnan(a) & np.isnan(b)))} of {a.size} by {apart:.2g} at most")


main()
