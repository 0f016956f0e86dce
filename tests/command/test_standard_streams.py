"""Standard streams that are closed, as daemons and cron leave them, or full: nothing is ever written into a wrong file, and
results that could not be printed are no success."""

import re
import subprocess
from pathlib import Path

import h5py

import command
import sweeps
from command import CommandTest, gradsweep, same_bits

# Replicas of so small a network are one unit of work: the activations are the shards.
SHARDED = "model: {activation: [identity, tanh]}\n" + sweeps.SMALLEST


def redirected(redirections, *arguments, **how):
    """Runs the command with the shell's redirections."""
    line = ["sh", "-c", f'exec "$@" {redirections}', "sh"] + command.command_line(*arguments, **how)
    return subprocess.run(line, capture_output=True, text=True, timeout=command.TIMEOUT)


class StandardStreams(CommandTest):
    def damaged_shards(self):
        """Two shards, of which one has a damaged cell that merge tells of."""
        sweep = self.sweep(SHARDED)
        paths = [self.run_sweep(sweep, f"{number}.h5", "--shard", f"{number}/2") for number in (1, 2)]
        with h5py.File(paths[0], "r+") as file:
            norms = file["log_jacobian_norm"][...]
            norms[norms == norms] = 1.5
            file["log_jacobian_norm"][...] = norms
        return sweep, paths

    def test_closed_descriptors_never_get_a_file(self):
        sweep, shards = self.damaged_shards()
        ended = redirected("", "merge", self.path("open.h5"), *shards)
        self.assertEqual(ended.returncode, 75, ended.stderr)
        told = [line for line in ended.stderr.splitlines() if line]
        self.assertTrue(told)
        for number, closed in enumerate((">&- 2>&-", "2>&-", "<&- >&- 2>&-", "<&-")):
            path = self.path(f"closed{number}.h5")
            with self.subTest(closed=closed):
                ended = redirected(closed, "merge", path, *shards)
                self.assertEqual(ended.returncode, 75)
                self.assertNotIn(b"gradsweep: ", Path(path).read_bytes())
                self.assertEqual(same_bits(path), same_bits(self.path("open.h5")))
                ended = redirected(closed, "run", sweep, "-o", path, "--resume")
                self.assertEqual(ended.returncode, 0)
                self.assertNotIn(b"gradsweep: ", Path(path).read_bytes())
                self.assertEqual(gradsweep("check", path).returncode, 0)

    def test_results_that_cannot_be_printed_are_lost(self):
        sweep = self.sweep(sweeps.SMALLEST)
        path = self.run_sweep(sweep, "out.h5")
        for arguments in (["check", path], ["info", path], ["plan", sweep], ["--help"], ["--version"],
                          ["check", "--help"]):
            for redirection, cause in ((">/dev/full", "No space left on device"), (">&-", "it is closed")):
                with self.subTest(arguments=arguments, redirection=redirection):
                    self.assert_error(redirected(redirection, *arguments), 1,
                                      f"error: standard output: {re.escape(cause)}")

    def test_a_run_prints_nothing_there(self):
        sweep = self.sweep(sweeps.SMALLEST)
        for number, redirection in enumerate((">/dev/full", ">&-")):
            ended = redirected(redirection, "run", sweep, "-o", self.path(f"{number}.h5"))
            self.assertEqual(ended.returncode, 0, ended.stderr)


if __name__ == "__main__":
    command.main()
