"""Commands that are programs of their own (report, plot, export, watch, torch), sweep files to start from, and info for
programs: found beside the command, with its exit codes, and told of where they are missing."""

import contextlib
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

import command
from command import CommandTest, gradsweep

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "analysis"))

SWEEP = """\
weights: {ensemble: [orthogonal, ginibre], replicas: 2}
model: {activation: [identity, tanh]}
grid: {hidden_size: [4, 8], spectral_radius: [0.5, 1.5], gamma: [0.5, 1], lag: [1, 2, 4]}
"""
# Explicit and by vectors, in lanes and not: something of everything that run tells the time of.
TIMED = """\
weights: {replicas: 20}
grid: {hidden_size: [8, 48], spectral_radius: [0.9, 1.1], gamma: 1, lag: {log2: 16}}
measure: [frobenius_norm, gradient]
"""
# 6000 writes, some seconds.
WRITE_SECONDS = 0.001
LONG = "weights: {replicas: 400}\ngrid: {hidden_size: [16, 128], spectral_radius: [0.9, 1, 1.1], gamma: 1, lag: {log2: 256}}\n"


def names_of(lines):
    return [line.split()[0] for line in lines if line.startswith("  ")]


class Programs(CommandTest):
    def call(self, name, *arguments):
        """A command of the analysis in this process, since loading takes seconds: exit code, stdout, stderr."""
        from gradsweep.commands import main

        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                code = main.run(name, [str(argument) for argument in arguments])
            except SystemExit as ended:  # of argparse
                code = ended.code
        return code, out.getvalue(), error.getvalue()

    def test_found_beside_the_command(self):
        ended = gradsweep("torch", "--help")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("usage: gradsweep torch", ended.stdout)
        self.assert_error(gradsweep("torch", "nothing.pt", "-o", self.path("n.h5")), 1, "nothing.pt: No such file")

    def test_own_programs_and_missing_ones(self):
        """A program of the user's on PATH is a command; of one of the analysis that is not there it is said what to install."""
        lone = self.path("bin/gradsweep")
        os.mkdir(self.path("bin"))
        shutil.copy(command.GRADSWEEP, lone)
        own = Path(self.path("bin/gradsweep-mine"))
        own.write_text('#!/bin/sh\necho "$#: $1 $2"; exit 7\n')
        own.chmod(0o755)
        environment = {**os.environ, "PATH": self.path("bin")}

        def run(*arguments):
            return subprocess.run([lone, *arguments], env=environment, capture_output=True, text=True)

        ended = run("mine", "a b", "c")
        self.assertEqual((ended.returncode, ended.stdout), (7, "2: a b c\n"))
        self.assert_error(run("report", "x.h5"), 2, r"pip install \./analysis")
        self.assert_error(run("reprt"), 2, "unknown command 'reprt'; did you mean 'report'")
        self.assert_error(run("../bin/mine"), 2, "unknown command")
        own.chmod(0o644)
        self.assertEqual(run("mine").returncode, 2)

    def test_one_table(self):
        """What the command lists of the analysis is what the analysis has, in the same words, with examples."""
        from gradsweep.commands.table import COMMANDS

        listed = gradsweep("--help").stdout
        scripts = (ROOT / "analysis" / "pyproject.toml").read_text()
        for name, row in COMMANDS.items():
            self.assertIn(f"  {name:8} {row.help}\n", listed)
            self.assertIn(f'\ngradsweep-{name} = "gradsweep.commands.main:main"', scripts)
            code, said, _ = self.call(name, "--help")
            self.assertEqual(code, 0)
            self.assertIn(f"\n  gradsweep {name} ", said)

    def test_figures_and_tables(self):
        results = self.undisturbed(self.sweep(SWEEP))
        code, said, error = self.call("plot", "half-life", results, "--select", "tanh,rho=0.5", "-o", self.path("h.pdf"))
        self.assertEqual((code, said), (0, self.path("h.pdf") + "\n"), error)
        self.assertIn("mean of two replicas; band: from one to the other", error)
        text = Path(self.path("h.pdf")).read_bytes()
        self.assertIn(b"/FontFile2", text)  # whole letters of a font, not drawings of them
        with h5py.File(results) as file:
            self.assertIn(f"sweep {file.attrs['sweep_hash']}".encode(), text)
            norms = file["log_jacobian_norm"][1, 0, 1, :, 1, 0, 1]
        code, said, error = self.call("export", results, "--select", "tanh,orthogonal,d=8,rho=1.5,gamma=0.5,lag=2:3",
                                      "--datasets", "log_jacobian_norm")  # fmt: skip
        self.assertEqual(code, 0, error)
        rows = [line.split(",") for line in said.splitlines()]
        self.assertEqual(rows[0], "activation,ensemble,hidden_size,replica,spectral_radius,gamma,lag,coupling,log_jacobian_norm".split(","))
        np.testing.assert_array_equal([float(row[-1]) for row in rows[1:]], norms)
        self.assertEqual({(row[6], row[7]) for row in rows[1:]}, {("2", "0.75")})
        code, _, error = self.call("export", results, "-o", self.path("part.nc"), "--select", "identity")
        self.assertEqual(code, 0, error)
        with h5py.File(self.path("part.nc")) as file:
            self.assertEqual(file["log_jacobian_norm"].shape, (1, 2, 2, 2, 2, 2, 3))
        code, _, error = self.call("export", results, "-o", self.path("all.csv.gz"))
        self.assertEqual(code, 0, error)

    def test_what_is_refused(self):
        results = self.undisturbed(self.sweep(SWEEP))
        for arguments, code, message in (
            (("plot", "faze", results), 2, "there is no figure 'faze'; there are"),
            (("plot", "phase", results, "-o", "x.doc"), 2, r"written as \.pdf, \.svg, \.png"),
            (("plot", "phase", results, "-o", "nowhere/x.pdf"), 2, "there is no directory"),
            (("plot", "phase", results, "--select", "relu"), 2, "'relu' is no activation or ensemble of the file"),
            (("plot", "phase", results, "--select", "d=5"), 2, "hidden_size has no value 5; it has 4, 8"),
            (("plot", "phase", results, "--select", "e=5"), 2, "there is no axis 'e'; the axes are"),
            (("plot", "phase", results, "--select", "rho=x"), 2, "'x' is no number"),
            (("plot", "rate", results, "--ci", "0.9"), 2, "--ci is no option of the figure rate"),
            (("plot", "spectrum", results), 1, "the file has no log_singular_value"),
            (("export", results, "--datasets", "nothing"), 1, "the file has no dataset nothing"),
            (("export", "none.h5"), 1, "none.h5: no such file"),
            (("report", __file__, "-o", self.path("r.html")), 1, "not a readable HDF5 file"),
            (("watch",), 2, "required: OUT.h5"),
        ):
            with self.subTest(arguments[:3]):
                found, said, error = self.call(*arguments)
                self.assertEqual(found, code, error)
                self.assertEqual(said, "")
                self.assertRegex(error, message)

    def test_watch_and_info(self):
        """The numbers of the file, as a picture and as an object; a stopped run says what is left."""
        sweep = self.sweep(LONG)
        ended = gradsweep("run", sweep, "-o", self.path("out.h5"), "--max-time", "00:00:01",
                          write_seconds=WRITE_SECONDS)
        self.assertEqual(ended.returncode, 75, ended.stderr)
        self.assertRegex(ended.stderr, r"elapsed, stopped with about [\d:-]+ to go\n")
        self.assertNotRegex(ended.stderr, r" 0:00 to go")
        told = json.loads(gradsweep("info", "--json", self.path("out.h5")).stdout)
        with h5py.File(self.path("out.h5")) as file:
            status = file["status"][...]
            self.assertEqual(told["sweep_hash"], file.attrs["sweep_hash"])
        counts = [int((status == code).sum()) for code in (command.PENDING, command.DONE, command.FAILED)]
        self.assertEqual([told[name] for name in ("pending", "done", "failed")], counts)
        self.assertGreater(counts[0], 0)
        self.assertEqual((told["cells"], told["is_running"], told["axes"]["spectral_radius"]), (2400, False, [0.9, 1, 1.1]))
        self.assertEqual(told["runs"][0]["exit_code"], 75)
        self.assertEqual(told["way_on"], "gradsweep run ... --resume goes on")
        if counts[1]:
            self.assertGreaterEqual(told["cells_per_second"], counts[1] / 30)
            np.testing.assert_allclose(told["seconds_to_go"], counts[0] / told["cells_per_second"], rtol=1e-9)
        os.environ["GRADSWEEP_COMMAND"] = command.GRADSWEEP
        code, said, error = self.call("watch", self.path("out.h5"), "--once")
        self.assertEqual(code, 0, error)
        self.assertIn(f"{counts[1]:,} of 2,400 cells done, 0 failed, {counts[0]:,} pending", said)
        self.assertIn("ginibre, tanh", said)
        self.assertIn("nobody computes it now: gradsweep run ... --resume goes on", said)
        with command.Run(sweep, "-o", self.path("out.h5"), "--resume", "--progress", "none",
                         write_seconds=WRITE_SECONDS) as run:
            run.wait_for_cells(self.path("out.h5"), (counts[1] + 5) / 2400)
            told = json.loads(gradsweep("info", "--json", self.path("out.h5")).stdout)
            run.stop()
        self.assertTrue(told["is_running"])
        self.assertIsNone(told["way_on"])
        self.assertGreater(told["cells_per_second"], 0.0)
        self.assertGreater(told["seconds_to_go"], 0.0)
        people = gradsweep("info", self.path("out.h5")).stdout
        self.assertIn("exit code 75, 1 rank, host ", people)
        self.assertIn("nobody computes it now: gradsweep run ... --resume goes on", people)
        self.assertNotIn("{", people)

    def test_where_the_time_went(self):
        """The parts add up to the time of the ranks, and what a sweep does has taken time; of files that do not tell it nothing
        is said."""
        sweep = self.sweep(TIMED)
        for ranks in (None, 2):
            ended = gradsweep("run", sweep, "-o", self.path("out.h5"), "--overwrite", ranks=ranks)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            last = json.loads(gradsweep("info", "--json", self.path("out.h5")).stdout)["runs"][-1]
            seconds, all_ranks = last["seconds"], (ranks or 1) * last["wall_seconds"]
            # Rounded to six digits. Of several ranks the last to hear that all is done tells the wall time; others are some
            # switches of processes ahead of it, on a busy machine many.
            self.assertLessEqual(sum(seconds.values()), all_ranks * (1 + 1e-4))
            self.assertGreater(sum(seconds.values()), all_ranks * (0.6 if ranks else 1 - 1e-4))
            self.assertEqual({name for name, value in seconds.items() if value <= 0.0}, set())
            self.assertEqual(set(last["measure_seconds"]) & {"gradient", "lyapunov"}, {"gradient"})
            self.assertLessEqual(last["measure_seconds"]["gradient"], seconds["measures"])
            np.testing.assert_allclose(last["dgemm_share"], last["operations"] / last["wall_seconds"] / last["dgemm_rate"],
                                       rtol=1e-2, atol=1e-4)  # four digits
            self.assertGreater(last["dgemm_share"], 0.0)
        for least, most in ((last["least_of_a_rank"][name], last["most_of_a_rank"][name]) for name in seconds):
            self.assertLessEqual(least, most)
        self.assertRegex(ended.stderr, r"ranks [\d.]+% busy: .*(norms|products|trajectory) \d+%, .*GF/s, \d+% of dgemm")
        told = gradsweep("info", self.path("out.h5")).stdout.split("where the time of the last run went")[1]
        shares = [float(line.split()[1].rstrip("%")) for line in told.splitlines()[1:-1]]
        self.assertEqual(len(shares), len(seconds))
        self.assertAlmostEqual(sum(shares), 100.0, delta=0.05 * len(seconds))  # each rounded to .1
        with gzip.open(ROOT / "tests" / "before_coupling" / "partial.h5.gz") as packed:
            Path(self.path("old.h5")).write_bytes(packed.read())
        ended = gradsweep("info", self.path("old.h5"))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertNotIn("where the time", ended.stdout)

    def test_sweep_files_to_start_from(self):
        """Each is what stands in jobs/templates, and passes; `torch` wants a network beside it."""
        names = names_of(gradsweep("new").stdout.splitlines())
        files = {path.stem: path.read_text() for path in (ROOT / "jobs" / "templates").glob("*.yaml")}
        self.assertEqual(names, sorted(files))
        self.assertLess({"first", "phase", "critical", "torch"}, set(names))
        with h5py.File(self.path("network.h5"), "w") as file:
            file["W"], file["w_in"], file["inputs"] = np.eye(32), np.ones((32, 2)), np.zeros((64, 2))
        for name in names:
            ended = gradsweep("new", name)
            self.assertEqual(ended.stdout, files[name], name)
            planned = gradsweep("plan", self.sweep(ended.stdout, f"{name}.yaml"), "--ranks", "2")
            self.assertEqual(planned.returncode, 0, planned.stderr)
            for line in ended.stdout.splitlines():
                self.assertLessEqual(len(line), 132, name)
        self.assert_error(gradsweep("new", "frist"), 2, "no sweep file 'frist' to start from; did you mean 'first'")


if __name__ == "__main__":
    command.main()
