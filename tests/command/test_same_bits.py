"""Grids, computed in every way there is: ranks, transports, shards, kills, stops and extensions; one file, to the bit."""
# ctest: LABELS campaign PROCESSORS 2 TIMEOUT 900

import numpy as np

import command
import sweeps
from command import Run, gradsweep, read, same_bits
from test_same_results import RanksTest
from test_shards import LONG, ShardTest
from test_teams import MIXED, TeamTest


class Ranks(RanksTest):
    ALL = [(ranks, tcp) for tcp in (False, True) for ranks in (1, 2, 3, 5)]

    def test_everything(self):
        self.check_ranks(sweeps.EVERYTHING, 1, self.ALL)

    def test_every_method(self):
        self.check_ranks(sweeps.METHODS, 0, self.ALL)

    def test_native_weights(self):
        self.check_ranks(sweeps.NATIVE, 0, self.ALL)


class Teams(TeamTest):
    def test_more_sizes_and_longer(self):
        """What test_teams.py has, of three sizes, two of them on teams."""
        self.check_ranks(MIXED.replace("[24, 65]", "[24, 48, 65]").replace("warmup: 6", "warmup: 20"), 48, (2, 3, 6))


class SameBits(ShardTest):
    def test_ranks_shards_kills_stops_and_extensions_give_one_file(self):
        """Section by section of the grid, in every way there is to compute it."""
        sweep = self.sweep(LONG)
        reference = same_bits(self.run_sweep(sweep, "reference.h5"))
        results = {f"{ranks} ranks": self.run_sweep(sweep, f"{ranks}.h5", ranks=ranks) for ranks in (1, 3, 7)}
        shards = self.run_shards(sweep, 3, ranks=(2, None, 3))
        results["shards"], _ = self.merge("merged.h5", shards)
        results["killed"] = self.interrupt(sweep, "killed.h5", Run.kill)
        results["stopped"] = self.interrupt(sweep, "stopped.h5", Run.stop)
        less = ("grid.gamma=0.8", "weights.replicas=3", "grid.hidden_size=24", "model.input.scale=1", "model.bias.scale=0.1", "model.anchors=1")
        small = [word for key in less for word in ("--set", key)]
        shard = ["run", sweep, "--progress", "none", *small]
        parts = [self.path(f"small{number}.h5") for number in (1, 2)]
        for number, part in enumerate(parts, 1):
            self.assertEqual(gradsweep(*shard, "-o", part, "--shard", f"{number}/2").returncode, 0)
        old, _ = self.merge("small.h5", parts)
        self.assertEqual(gradsweep("extend", sweep, old, "-o", self.path("extended.h5")).returncode, 0)
        results["extended"] = self.run_sweep(sweep, "extended.h5", "--resume", ranks=2)
        for how, path in results.items():
            with self.subTest(how=how):
                ours = same_bits(path)
                self.assertEqual([name for name in reference if ours.get(name) != reference[name]], [])
                self.assertEqual(sorted(ours), sorted(reference))

    def interrupt(self, sweep, name, end):
        path = self.path(name)
        with Run(sweep, "-o", path, "--progress", "none", ranks=2, write_seconds=0.01) as run:
            run.wait_for_cells(path, 0.2)
            end(run)
        self.assertGreater(np.count_nonzero(read(path)["status"] == 0), 0)
        return self.run_sweep(sweep, name, "--resume", ranks=3)


if __name__ == "__main__":
    command.main()
