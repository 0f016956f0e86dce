"""Checksums of what results files hold, times left out; and how far their numbers are apart.

    bits.py OUT.h5                          prints one checksum of all datasets
    bits.py OUT.h5 REFERENCE.h5 [APART [DATASET...]]
        prints which datasets differ, in how many elements, by how much at most; and in a last line, the same for all of them. Exit
        code 1 where numbers are further apart than APART (0), where one of them is no number or infinite, and where counts and flags
        differ; of the named datasets that is only told"""

import os

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
import hashlib
import sys

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


def distance(a, b):
    """In how many elements, and by how much at most; infinite where one is no number, or infinite, and the other not."""
    a, b = a.astype(float), b.astype(float)
    differ = (a != b) & ~(np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        apart = np.abs(a[differ] - b[differ])
    return differ.sum(), np.where(np.isnan(apart), np.inf, apart).max(initial=0)


def main():
    results = read(sys.argv[1])
    if len(sys.argv) == 2:
        print(checksum(results))
        return 0
    reference = read(sys.argv[2])
    allowed = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    only_told = set(sys.argv[4:])
    wrong, differ, furthest = results.keys() ^ reference.keys(), 0, 0.0
    for name in sorted(wrong):
        print(f"{name}: in one of the files alone")
    for name in sorted(results.keys() & reference.keys()):
        if results[name].shape != reference[name].shape:
            print(f"{name}: of another shape")
            wrong.add(name)
        elif results[name].tobytes() != reference[name].tobytes():
            count, apart = distance(results[name], reference[name])
            differ += 1
            is_number = results[name].dtype.kind == "f"
            print(f"{name}: {count} of {results[name].size}" + (f" by {apart:.2g} at most" if is_number else ""))
            # A checksum differs where anything does.
            if name in only_told or (allowed > 0 and name.endswith("checksum")):
                continue
            furthest = max(furthest, apart if is_number else np.inf)
            if not is_number or apart > allowed:
                wrong.add(name)
    told = f", {', '.join(sorted(only_told))} not asked" if only_told else ""
    print("the same bits" if differ == 0 else f"{differ} of {len(results)} datasets differ, by {furthest:.2g} at most{told}")
    return 1 if wrong else 0


sys.exit(main())
