"""Runs, teams and shards that are killed, at whatever they are: the cells in work are lost, and nothing else."""
# ctest: LABELS campaign PROCESSORS 2

import os
import re
import signal

import numpy as np

import command
import h5py
import test_shards
import test_teams
from command import CommandTest, Run, gradsweep
from test_interruptions import QUIETLY, WRITE_SECONDS, InterruptedRuns
from test_shards import ShardTest


class Runs(InterruptedRuns):
    def test_kill(self):
        """Twice in the middle, then on another number of ranks to the end."""
        path = self.path("killed.h5")
        for share in (0.2, 0.5):
            with Run(self.text, "-o", path, "--resume", *QUIETLY, ranks=3, write_seconds=2 * WRITE_SECONDS) as run:
                run.wait_for_cells(path, share)
                pids = run.ranks()
                self.assertEqual(len(pids), 3)
                exit_code, text = run.kill()
            self.assertNotIn(exit_code, (0, 1, 2, 75), text)
            self.assertTrue(os.path.exists(path + ".lock"))
            self.assert_partial(path)
        self.resume(path, 2)

    def test_kill_while_the_file_is_made(self):
        """Half a file is never seen under the results file's name."""
        path = self.path("killed.h5")
        with Run(self.text, "-o", path, *QUIETLY, "--set", "weights.replicas=400", write_seconds=0.02) as run:
            run.wait_for_making(path)
            run.kill()
        self.assertTrue(command.in_the_making(path))
        self.assertFalse(os.path.exists(path))
        ended = gradsweep("run", self.text, "-o", path, *QUIETLY, "--set", "model.activation=identity", "--resume")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["killed.h5"])


class Teams(CommandTest):
    def test_a_killed_rank_of_a_team_costs_the_cells_in_work(self):
        sweep = self.sweep(test_teams.IMPLICIT.replace("[ginibre, uniform]", "[ginibre, uniform], replicas: 4"))
        path = self.path("killed.h5")
        with Run(sweep, "-o", path, "--progress", "none", ranks=3, write_seconds=0.01) as run:
            run.wait_for_cells(path, 0.1)
            os.kill(run.ranks()[1], signal.SIGKILL)
            code, _ = run.end()
            self.assertNotEqual(code, 0)
        self.run_sweep(sweep, "killed.h5", "--resume", ranks=2)
        self.assert_same_results(path, self.run_sweep(sweep, "reference.h5"))


class Shards(ShardTest):
    def test_killed_and_stopped_shards_go_on(self):
        sweep = self.sweep(test_shards.LONG)
        reference = self.run_sweep(sweep, "whole.h5")
        paths = [self.path(f"{number}.h5") for number in (1, 2)]
        options = [[sweep, "-o", path, "--shard", f"{number}/2", "--progress", "none", "--resume"]
                   for number, path in enumerate(paths, 1)]
        with Run(*options[0], ranks=2, write_seconds=0.01) as run:
            run.wait_for_cells(paths[0], 0.1)
            run.kill()
        with h5py.File(paths[0]) as file:
            self.assertLess(np.count_nonzero(file["status"][...]), file.attrs["shard_cells"])
        self.assertEqual(gradsweep("check", paths[0]).returncode, 3)
        with Run(*options[1], write_seconds=0.01) as run:
            run.wait_for_cells(paths[1], 0.1)
            exit_code, text = run.stop()
        self.assertEqual(exit_code, 75, text)
        pending = int(re.search(r"with (\d+) cells pending", text)[1])
        _, told = self.merge("part.h5", paths, exit_code=75)
        self.assertIn(f"shard 2/2 lacks {pending} of its", told)
        for number, ranks in ((0, 3), (1, 1)):
            ended = gradsweep("run", *options[number], ranks=ranks)
            self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(gradsweep("run", *options[0]).returncode, 0)
        merged, _ = self.merge("merged.h5", paths)
        self.assert_same_results(merged, reference)


if __name__ == "__main__":
    command.main()
