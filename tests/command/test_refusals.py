"""Wrong use and bad input: an exit code, one message that says what is wrong, and nothing touched."""

import os
import re
import subprocess

import command
import sweeps
from command import CommandTest, gradsweep, h5py, read

# Every mistake with its line, column and words, in the order of the file.
MISTAKEN = """\
nmae: x
seed: -1
weights: {ensemble: [ginibr, {kind: sparse, density: 2}], replicas: 0}
model: {activation: tanh, steps: 3}
grid: {hidden_size: [4, 4], spectral_radius: 1, gamma: [], lag: 0}
"""
MISTAKES = [
    '1:1: error: unknown key "nmae"; did you mean "name"',
    "2:7: error: seed: expected an integer",
    '3:22: error: weights.ensemble: unknown kind "ginibr"; did you mean "ginibre"',
    "3:54: error: weights.ensemble.density: expected a number > 0 and <= 1, found 2",
    "3:69: error: weights.replicas: expected an integer",
    "5:25: error: grid.hidden_size: 4 is repeated",
    "5:56: error: grid.gamma: the list is empty",
    "5:65: error: grid.lag: expected an integer from 1",
]


class Refusals(CommandTest):
    def setUp(self):
        super().setUp()
        self.smallest = self.sweep(sweeps.SMALLEST)
        self.out = self.path("out.h5")

    def refuse(self, *arguments, exit_code=2, patterns=(), ranks=None):
        """Runs the command, which must leave the folder as it is."""
        before = {name: os.stat(self.path(name)).st_mtime_ns for name in os.listdir(self.folder)}
        ended = gradsweep(*arguments, ranks=ranks)
        self.assert_error(ended, exit_code, *patterns)
        after = {name: os.stat(self.path(name)).st_mtime_ns for name in os.listdir(self.folder)}
        self.assertEqual(before, after)
        return ended.stderr

    def test_usage(self):
        run = ["run", self.smallest]
        cases = [
            ([], "no command given"),
            (["rnu", self.smallest], "unknown command 'rnu'; did you mean 'run'"),
            (["run"], "no sweep file given"),
            (run, r"no results file given; say -o OUT\.h5"),
            (run + ["-o", ""], r"no results file given; say -o OUT\.h5"),
            (run + [self.smallest, "-o", self.out], "a second sweep file"),
            (run + ["-o", self.out, "--bogus"], "unrecognized option '--bogus'"),
            (run + ["-o", self.out, "--resume", "--overwrite"], "--resume and --overwrite exclude each other"),
            (run + ["-o", self.out, "--max-time", "10"], "--max-time '10': expected HH:MM:SS"),
            (run + ["-o", self.out, "--max-time", "00:61:00"], "--max-time '00:61:00': expected HH:MM:SS"),
            (run + ["-o", self.out, "--max-time", "00:00:00"], "--max-time '00:00:00': expected HH:MM:SS"),
            (run + ["-o", self.out, "--max-failures", "0"], "--max-failures '0': expected a positive number"),
            (run + ["-o", self.out, "--progress", "loud"], "--progress 'loud': expected auto, bar, json or none"),
            (["plan"], "no sweep file given"),
            (["plan", self.smallest, "--ranks", "0"], "--ranks '0': expected"),
            (["plan", self.smallest, "--ranks", "1,,2"], "--ranks '1,,2': expected"),
            (["check"], "no results file given"),
            (["info"], "no results file given"),
            (["check", self.out, self.out], "a second results file"),
        ]
        for arguments, pattern in cases:
            with self.subTest(arguments[:1] + arguments[2:]):
                self.refuse(*arguments, patterns=[pattern])

    def test_usage_under_a_launcher_is_said_once(self):
        self.refuse("rnu", self.smallest, ranks=3, patterns=["unknown command 'rnu'"])
        self.refuse("run", self.smallest, "--bogus", ranks=3, patterns=["unrecognized option '--bogus'"])

    def test_help_under_a_launcher(self):
        ended = gradsweep("run", "--help", ranks=3)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(ended.stdout.count("Usage: gradsweep run"), 1)

    def test_no_sweep_file(self):
        missing = self.path("missing.yaml")
        for arguments in (["run", missing, "-o", self.out], ["plan", missing]):
            self.refuse(*arguments, patterns=[r"cannot read the sweep file .*missing\.yaml: No such file"])

    def check_mistakes(self, text):
        """All of them, each once, in order, with the file's name before it."""
        found = [text.find(f"mistaken.yaml:{mistake}") for mistake in MISTAKES]
        self.assertNotIn(-1, found, text)
        self.assertEqual(found, sorted(found))
        self.assertEqual(len(re.findall(r"mistaken\.yaml:\d+:\d+: error: ", text)), len(MISTAKES), text)

    def test_mistakes_of_the_sweep_file(self):
        mistaken = self.sweep(MISTAKEN, "mistaken.yaml")
        self.check_mistakes(self.refuse("plan", mistaken))
        for ranks in (None, 3):
            # Found before the output is looked at, whose directory does not exist either.
            self.check_mistakes(self.refuse("run", mistaken, "-o", self.path("none/out.h5"), ranks=ranks))

    def test_mistakes_of_overrides(self):
        self.refuse("run", self.smallest, "-o", self.out, "--set", "grid.gamma=[1,-1]", "--set", "gird.lag=1", "--set",
                    "weights.replicas=0", patterns=[r"--set grid\.gamma:1:4: error: grid\.gamma: expected a number > 0",
                                                    r"error: unknown key \"gird\"; did you mean \"grid\"",
                                                    r"--set weights\.replicas:1:1: error: "])
        self.refuse("plan", self.smallest, "--set", "grid", patterns=["--set:1:1: error: expected KEY=VALUE"])

    def test_weights_that_cannot_be_rescaled(self):
        chain = self.sweep("weights: {ensemble: [ginibre, chain]}\n" + sweeps.SMALLEST)
        self.refuse("run", chain, "-o", self.out,
                    patterns=[r'sweep\.yaml:1:31: error: .*the spectral radius of "chain" is 0.*native'])

    def test_output_that_cannot_be(self):
        os.mkdir(self.path("directory"))
        run = ["run", self.smallest, "-o"]
        for ranks in (None, 3):
            self.refuse(*run, self.path("none/out.h5"), ranks=ranks,
                        patterns=["directory .*/none cannot be used: No such file"])
        self.refuse(*run, self.path("sweep.yaml/out.h5"), patterns=["sweep.yaml is not a directory"])
        for option in ("--progress=none", "--resume", "--overwrite"):
            self.refuse(*run, self.path("directory"), option, patterns=["/directory: a directory; name a file"])

    def test_directory_that_cannot_be_written(self):
        os.chmod(self.folder, 0o555)
        nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            ended = subprocess.run(command.command_line("run", self.smallest, "-o", self.out), capture_output=True,
                                   stdin=subprocess.DEVNULL, text=True, timeout=command.TIMEOUT, **nobody)
        except PermissionError:
            self.skipTest("another user cannot start the command")
        finally:
            os.chmod(self.folder, 0o755)
        self.assert_error(ended, 2, "the directory .* cannot be written to: Permission denied")
        self.assertEqual(os.listdir(self.folder), ["sweep.yaml"])

    def test_existing_output(self):
        self.run_sweep(self.smallest, "out.h5")
        for ranks in (None, 3):
            self.refuse("run", self.smallest, "-o", self.out, ranks=ranks,
                        patterns=["the file exists; pass --resume to continue it or --overwrite to start afresh"])

    def test_existing_file_of_another_kind(self):
        with open(self.path("text.h5"), "w") as file:
            file.write("not a results file\n")
        with h5py.File(self.path("other.h5"), "w") as file:
            file["status"] = [1, 2, 3]
        self.run_sweep(self.smallest, "newer.h5")
        with h5py.File(self.path("newer.h5"), "r+") as file:
            file.attrs["format_version"] = 3
        self.run_sweep(self.smallest, "truncated.h5")
        os.truncate(self.path("truncated.h5"), 3000)
        for name in ("text.h5", "other.h5", "newer.h5", "truncated.h5"):
            with self.subTest(name):
                for option in ("--resume", "--overwrite"):
                    self.refuse("run", self.smallest, "-o", self.path(name), option,
                                patterns=[f"left untouched: .*{name}"])
                for reader in ("check", "info"):
                    self.refuse(reader, self.path(name), exit_code=1, patterns=[f"error: .*{name}: "])
        for reader in ("check", "info"):
            self.refuse(reader, self.path("missing.h5"), exit_code=1, patterns=["No such file"])

    def test_resume_with_another_sweep(self):
        self.run_sweep(self.smallest, "out.h5")
        for key, value in (("seed", 7), ("weights.ensemble", "cycle"), ("weights.replicas", 2),
                           ("model.activation", "relu"), ("model.input", "{kind: gaussian, size: 2, scale: 1}"),
                           ("model.bias", "{kind: gaussian, scale: 1}"), ("model.initial_state", "{kind: zero}"),
                           ("model.loss", "linear"), ("model.warmup", 5), ("model.steps", 300),
                           ("grid.hidden_size", 5), ("grid.spectral_radius", "native"), ("grid.gamma", "[0.5,1]"),
                           ("measure", "frobenius_norm"), ("numerics.tolerance", "1e-9"),
                           ("numerics.certify", "true"), ("numerics.distribute_from", 3)):
            self.refuse("run", self.smallest, "-o", self.out, "--resume", "--set", f"{key}={value}",
                        patterns=[rf"error: .*out\.h5: {re.escape(key)}: the file has .*, the sweep asks for"])
        # Longer lags alone would take more steps by themselves, which are named first.
        self.refuse("run", self.smallest, "-o", self.out, "--resume", "--set", "grid.lag=[1,2]", "--set", "model.steps=101",
                    patterns=[r"out\.h5: grid\.lag: the file has .*, the sweep asks for"])
        self.run_sweep(self.smallest, "out.h5", "--resume", "--set", "name=another")

    def test_overwrite(self):
        self.run_sweep(self.smallest, "out.h5")
        self.run_sweep(self.smallest, "out.h5", "--overwrite", "--set", "grid.gamma=[0.5,1]")
        self.assertEqual(read(self.out)["gamma"].tolist(), [0.5, 1.0])
        self.assertEqual(sorted(os.listdir(self.folder)), ["out.h5", "sweep.yaml"])


if __name__ == "__main__":
    command.main()
