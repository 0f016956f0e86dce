"""Runs the program on a sweep given as a dictionary and reads its results."""
import json
import pathlib
import subprocess
import tempfile

import h5py

COORDINATES = ("activation", "ensemble", "hidden_size", "replica", "spectral_radius", "gamma", "lag")


def merged(base, changes):
    """A sweep with some keys changed, section by section."""
    return {key: {**base.get(key, {}), **changes.get(key, {})} if isinstance(base.get(key, {}), dict)
            else changes.get(key, base.get(key)) for key in {**base, **changes}}


def run(gradsweep, sweep, may_fail=False):
    """All datasets by name. YAML 1.2 contains JSON. Cells that fail make the exit code 1, which must be allowed."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = pathlib.Path(folder, "sweep.yaml"), pathlib.Path(folder, "out.h5")
        path.write_text(json.dumps(sweep))
        done = subprocess.run([gradsweep, "run", path, "-o", out, "--progress", "none"], capture_output=True, text=True)
        if done.returncode not in ({0, 1} if may_fail else {0}):
            raise SystemExit(f"gradsweep run ended with {done.returncode}:\n{done.stderr}\n{json.dumps(sweep)}")
        return read(out)


def read(path):
    """All datasets of a results file by name."""
    with h5py.File(path) as file:
        return {name: file[name].asstr()[:] if h5py.check_string_dtype(file[name].dtype) else file[name][:]
                for name in file if name != "runs"}


def table(gradsweep, key):
    """What may stand at a key of the sweep file, as the program's own tables have it."""
    told = subprocess.run([gradsweep, "help", "sweep", key, "--json"], capture_output=True, text=True, check=True).stdout
    return json.loads(told)["keys"][0]["choices"]
