"""Files that are damaged where results are not: HDF5 itself crashes on some, and others would be read under wrong names."""

import os
import signal
import struct
import subprocess
from pathlib import Path

import numpy as np
import support
import command
from support import CommandTest, gradsweep, h5py

SWEEP = """\
weights: {replicas: 2}
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: [0.5, 1], lag: [1, 3]}
"""
CRASHES = r"error: .*out\.h5: HDF5 itself fails on this file \(signal .*\): its structure is damaged"


class DamagedFiles(CommandTest):
    def setUp(self):
        super().setUp()
        self.text = self.sweep(SWEEP)
        self.out = self.run_sweep(self.text, "out.h5")

    def resume(self, exit_code, *patterns):
        """Refused with all of these words, and the file as it was; or (0) gone on with, and check content."""
        before = Path(self.out).read_bytes()
        ended = gradsweep("run", self.text, "-o", self.out, "--resume", "--progress", "none")
        self.assertEqual(ended.returncode, exit_code, ended.stderr)
        for pattern in patterns:
            self.assertRegex(ended.stderr, pattern)
        if exit_code != 0:
            self.assertEqual(Path(self.out).read_bytes(), before)

    def damage_text(self):
        """Gives the last text of the file's first heap a length far beyond the file: HDF5 1.10 copies so many bytes. A heap is
        GCOL, version, length, and objects: number, count, 4 bytes, length, the text in multiples of 8 bytes."""
        content = bytearray(Path(self.out).read_bytes())
        heap = content.find(b"GCOL")
        self.assertGreater(heap, 0)
        end, place, last = heap + struct.unpack_from("<Q", content, heap + 8)[0], heap + 16, None
        while place + 16 <= end:
            number, _, _, length = struct.unpack_from("<HHIQ", content, place)
            if number == 0:  # what is free
                break
            if length > 8:  # more than a reference
                last = place
            place += 16 + (length + 7) // 8 * 8
        struct.pack_into("<Q", content, last + 8, 1 << 40)
        Path(self.out).write_bytes(content)

    def test_hdf5_crashes(self):
        """The commands do not: they say so, and touch nothing. (A later HDF5 may refuse such a file by itself.)"""
        self.damage_text()
        grown = ["--set", "grid.gamma=[0.5,0.75,1]"]
        for exit_code, line in ((1, ["check", self.out]), (1, ["info", self.out]), (1, ["export", self.out]),
                                (2, ["merge", self.path("merged.h5"), self.out]),
                                (2, ["extend", self.text, self.out, "-o", self.path("longer.h5"), *grown])):
            with self.subTest(line=line):
                ended = gradsweep(*line)
                self.assertEqual(ended.returncode, exit_code, ended.stderr)
                if h5py.version.hdf5_version_tuple < (1, 11):
                    self.assertRegex(ended.stderr, CRASHES)
                self.assertEqual(sorted(os.listdir(self.folder)), ["out.h5", "sweep.yaml"])
        self.resume(2, "left untouched")

    def test_what_results_are_read_with(self):
        """Coordinates and attributes cannot be computed again: no run goes on with a file where they are others."""
        for name, damage in (("gamma", lambda file: file["gamma"].write_direct(np.array([0.5, 1.5]))),
                             ("attributes", lambda file: file["log_jacobian_norm"].attrs.modify("units", "2"))):
            with self.subTest(name=name):
                kept = Path(self.out).read_bytes()
                with h5py.File(self.out, "r+") as file:
                    damage(file)
                try:
                    self.resume(2, "left untouched; gradsweep extend .* saves", name)
                    self.assertEqual(gradsweep("check", self.out).returncode, 3)
                finally:
                    Path(self.out).write_bytes(kept)

    def test_what_others_add_is_no_harm(self):
        with h5py.File(self.out, "r+") as file:
            file.attrs["comment"] = "looked at"
        self.resume(0)

    def test_a_damaged_row_of_provenance_is_mended(self):
        """Of which nothing can be told any more; also one that no run has written yet."""
        with h5py.File(self.out, "r+") as file:
            file["runs/provenance"][40, 3] = b"x"
        self.assertEqual(gradsweep("check", self.out).returncode, 3)
        self.resume(0)
        checked = gradsweep("check", self.out)
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_a_look_that_is_killed_says_nothing_of_the_file(self):
        """By the system, for want of memory: once it looks again, and then it does not call the file damaged."""
        for wanted, exit_code, pattern in ((1, 0, "^$"), (2, 1, "out.h5: the process that looked at this file was killed from outside")):
            for _ in range(50):  # the child may end before it is seen
                killed, info = set(), subprocess.Popen([command.GRADSWEEP, "info", self.out], stdout=subprocess.DEVNULL,
                                                       stderr=subprocess.PIPE, text=True)
                while info.poll() is None and len(killed) < wanted:
                    try:
                        for child in Path(f"/proc/{info.pid}/task/{info.pid}/children").read_text().split():
                            if child not in killed:
                                os.kill(int(child), signal.SIGKILL)
                                killed.add(child)
                    except OSError:
                        pass
                said = info.communicate()[1]
                if len(killed) == wanted:
                    break
            self.assertEqual(len(killed), wanted)
            self.assertEqual(info.returncode, exit_code, said)
            self.assertRegex(said, pattern)
        self.assertEqual(gradsweep("check", self.out).returncode, 0)


if __name__ == "__main__":
    support.main()
