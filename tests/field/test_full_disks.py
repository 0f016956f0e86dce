"""Disks that take no more: without inodes, full, read-only; said as what they are, and nothing is lost. Needs root, for file
systems of the test's own."""

import os
import shutil
import subprocess

import support
from support import CommandTest, command_line, gradsweep

SWEEP = """\
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""


class FullDisks(CommandTest):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or shutil.which("mount") is None:
            self.skipTest("only root can mount file systems")
        self.text = self.sweep(SWEEP)
        self.disk = self.path("disk")
        os.mkdir(self.disk)

    def mount(self, options):
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.disk], capture_output=True, text=True)
        if made.returncode != 0:
            self.skipTest(f"no file system could be mounted: {made.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.disk], check=True)

    def run_there(self, **how):
        return gradsweep("run", self.text, "-o", self.disk + "/out.h5", "--progress", "none", **how)

    def test_no_inodes(self):
        """The folder itself has one, and each of the files that are there."""
        self.mount("nr_inodes=3")
        for name in ("a", "b"):
            with open(os.path.join(self.disk, name), "w"):
                pass
        for how in ({}, {"ranks": 2}):
            ended = self.run_there(**how)
            self.assertIn(ended.returncode, (1, 2), ended.stderr)
            self.assertRegex(ended.stderr, r"error: .*No space left on device \(no more files: its 3 inodes are all in use, though "
                                           r"[0-9.]+ MB are free; remove files\)")
            self.assertEqual(sorted(os.listdir(self.disk)), ["a", "b"])

    def test_one_inode_too_few(self):
        """For the file, beside that of its lock."""
        self.mount("nr_inodes=2")
        ended = self.run_there()
        self.assertIn(ended.returncode, (1, 2), ended.stderr)
        self.assertIn("inodes are all in use", ended.stderr)
        self.assertEqual(os.listdir(self.disk), [])

    def test_no_bytes(self):
        self.mount("size=64k")
        ended = self.run_there()
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, r"No space left on device .*: the results need \d+ bytes")
        self.assertEqual(os.listdir(self.disk), [])

    def test_read_only(self):
        self.mount("size=1m")
        subprocess.run(["mount", "-o", "remount,ro", self.disk], check=True)
        ended = self.run_there()
        self.assertEqual(ended.returncode, 2, ended.stderr)
        self.assertIn("Read-only file system", ended.stderr)


if __name__ == "__main__":
    support.main()
