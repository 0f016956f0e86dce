"""What `plan` tells: times, memory, teams and options for Slurm, for any number of ranks; and what it refuses."""

import re
import time

import command
import sweeps
from command import CommandTest, Run, gradsweep, read

# On 16 ranks teams of 16 hold the larger W, and 4 ranks each the smaller one.
LARGE_W = """\
name: large-w
weights: {replicas: 2}
model: {activation: tanh}
grid: {hidden_size: [64, 4096, 8192], spectral_radius: native, gamma: [0.5, 1], lag: {log2: 8}}
"""
# Some hundred small units, and a few with 512 x 512 weights, which decide the memory: 2 MB each.
MEDIUM = """\
weights: {ensemble: ginibre, replicas: 2}
model: {activation: tanh}
grid: {hidden_size: [16, 512], spectral_radius: [0.8, 1.2], gamma: [0.5, 1, 1.5, 2], lag: {log2: 16}}
"""
BYTES = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
TIME = re.compile(r"(?:(\d+)-)?(\d\d):(\d\d):00")


def bytes_of(text):
    number, unit = text.split()
    return float(number) * BYTES[unit]


class Table:
    """The output of plan, taken apart; every line must be one of those that are known."""

    def __init__(self, text):
        head, times, memory, slurm = text.split("\n\n")
        self.told = dict(re.fullmatch(r"(\w[\w ]*?) {2,}(\S.*)", line).groups() for line in head.splitlines())
        title, *rows = times.splitlines()
        assert title.split() == ["ranks", "seconds", "efficiency"], title
        self.times = {}
        for row in rows:
            ranks, seconds, efficiency = row.split()
            self.times[int(ranks)] = (float(seconds), float(efficiency.removesuffix("%")))
        title, *rows = memory.splitlines()
        assert title.split("  ")[-1].strip() == "teams (share of the time)", title
        self.memory, self.teams = {}, {}
        for row in rows:
            ranks, per_rank, per_node, teams = re.fullmatch(r" +(\d+) +([\d.]+ \w+) +([\d.]+ \w+)   (\S.*)", row).groups()
            self.memory[int(ranks)] = (bytes_of(per_rank), bytes_of(per_node))
            self.teams[int(ranks)] = [tuple(map(int, re.fullmatch(r"(\d+) of (\d+) \((\d+)%\)", team).groups()))
                                      for team in teams.split(", ")]
        self.slurm = {}
        for line in slurm.splitlines():
            options = re.fullmatch(r"slurm: --ntasks=(\d+) --cpus-per-task=1 --mem-per-cpu=(\d+)M --time=(\S+)", line)
            days, hours, minutes = TIME.fullmatch(options[3]).groups(default="0")
            self.slurm[int(options[1])] = (int(options[2]) * 2**20, 86400 * int(days) + 3600 * int(hours) +
                                           60 * int(minutes))


class Plans(CommandTest):
    def plan(self, text, *arguments):
        ended = gradsweep("plan", self.sweep(text), *arguments)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return Table(ended.stdout)

    def test_any_number_of_ranks(self):
        ranks = [1, 2, 3, 7, 64, 1000, 1021, 16384]  # from one to more ranks than units
        table = self.plan(sweeps.METHODS, "--ranks", ",".join(map(str, ranks)))
        self.assertGreater(16384, int(table.told["units of work"]))
        for column in (table.times, table.memory, table.teams, table.slurm):
            self.assertEqual(list(column), ranks)
        seconds = [table.times[number][0] for number in ranks]
        self.assertEqual(seconds, sorted(seconds, reverse=True))
        work = seconds[0]
        for number in ranks:
            time_taken, efficiency = table.times[number]
            self.assertGreaterEqual(time_taken, work / number * 0.99)  # printed with four digits
            # An efficiency is printed to 0.05%; of thousands of ranks that have nothing to do that is little to go by.
            self.assertAlmostEqual(time_taken * number * efficiency / 100, work,
                                   delta=work * 0.01 + time_taken * number * 0.0006)
            self.assertEqual(table.teams[number], [(number, 1, 100)])

    def test_slurm_gets_more_than_is_needed(self):
        table = self.plan(LARGE_W, "--ranks", "1,16,20", "--cores-per-node", "16")
        for ranks, (memory, seconds) in table.slurm.items():
            self.assertTrue(1.1 * table.memory[ranks][0] < memory < 1.5 * table.memory[ranks][0] + 300e6)
            self.assertTrue(1.1 * table.times[ranks][0] < seconds < 1.5 * table.times[ranks][0] + 600)
            per_rank, per_node = table.memory[ranks]
            self.assertAlmostEqual(per_node / per_rank, min(ranks, 16), delta=0.01 * ranks)
        self.assertEqual(bytes_of(table.told["memory per rank"]), max(memory for memory, _ in table.memory.values()))

    def test_large_weights_are_shared(self):
        table = self.plan(LARGE_W, "--ranks", "1,3,16,50,1021")
        sizes = {1: [1], 3: [3, 1], 16: [16, 4, 1], 50: [16, 4, 1], 1021: [16, 4, 1]}
        for ranks, expected in sizes.items():
            self.assertEqual([size for _, size, _ in table.teams[ranks]], expected)
            self.assertEqual([count for count, _, _ in table.teams[ranks]], [ranks // size for size in expected])
            self.assertAlmostEqual(sum(share for _, _, share in table.teams[ranks]), 100, delta=2)
        whole = 8 * 8192**2
        self.assertGreater(table.memory[1][0], 2 * whole)
        for ranks in (16, 50, 1021):  # W and its transpose, a sixteenth each, and not all of W
            self.assertTrue(whole / 8 < table.memory[ranks][0] < whole)
        self.assertLess(table.times[16][0], table.times[1][0] / 8)

    def test_what_does_not_fit_is_refused(self):
        path = self.sweep(LARGE_W)
        needed = self.plan(LARGE_W, "--ranks", "1,4,16").memory
        self.assert_error(gradsweep("plan", path, "--memory-per-rank", "1G"), 2,
                          r"hidden_size 8192 needs [\d.]+ GB on 1 rank, more than --memory-per-rank 1.07 GB; "
                          r"\d+ ranks would do")
        ended = gradsweep("plan", path, "--ranks", "4", "--memory-per-rank", str(int(needed[4][0] * 0.9)))
        self.assert_error(ended, 2, "hidden_size 8192 needs .* on each of 4 ranks.*; 6 ranks would do")
        self.assert_error(gradsweep("plan", path, "--ranks", "16", "--memory-per-rank", "20M"), 2,
                          "no number of ranks would do")
        # One number of ranks that does not do is enough.
        ended = gradsweep("plan", path, "--ranks", "16,4", "--memory-per-rank", str(int(needed[4][0] * 0.9)))
        self.assert_error(ended, 2, "on each of 4 ranks")
        self.plan(LARGE_W, "--ranks", "4,16", "--memory-per-rank", str(int(needed[4][0] * 1.1)))

    def test_wrong_use(self):
        path = self.sweep(sweeps.SMALLEST)
        for option, value in (("--ranks", "0"), ("--ranks", "16385"), ("--ranks", "2,"), ("--ranks", "two"),
                              ("--cores-per-node", "0"), ("--cores-per-node", "8x"), ("--memory-per-rank", "0"),
                              ("--memory-per-rank", "4Q"), ("--memory-per-rank", "-1G"), ("--memory-per-rank", "G"),
                              ("--memory-per-rank", "nan"), ("--memory-per-rank", "1GB")):
            with self.subTest(option=option, value=value):
                self.assert_error(gradsweep("plan", path, option, value), 2, f"{option} '{re.escape(value)}'")

    def test_prediction_of_memory(self):
        if command.is_sanitized():
            self.skipTest("the sanitizer takes memory of its own")
        predicted, highest = self.plan(MEDIUM).memory[1][0], 0
        with Run(self.sweep(MEDIUM), "-o", self.path("out.h5"), "--progress", "none") as run:
            while run.process.poll() is None:
                try:
                    with open(f"/proc/{run.process.pid}/status") as status:
                        text = status.read()
                except OSError:
                    break
                found = re.search(r"VmHWM:\s+(\d+) kB", text)
                highest = max(highest, int(found[1]) * 1024 if found else 0)
                time.sleep(0.005)
            self.assertEqual(run.end()[0], 0)
        # Libraries take 30 to 60 MB as they are built; the model's own share is tested on larger W by hand.
        self.assertTrue(0.5 < predicted / highest < 1.5, f"predicted {predicted / 1e6} MB, used {highest / 1e6} MB")

    def test_predicted_seconds_of_cells(self):
        """They add up to the plan's, up to the units for the spectra, and are of the order of what was needed."""
        path = self.run_sweep(self.sweep(MEDIUM), "out.h5")
        data = read(path)
        predicted, needed = data["predicted_seconds"], data["cell_seconds"]
        self.assertTrue((predicted > 0).all() and (needed > 0).all())
        self.assertLess(predicted.sum(), self.plan(MEDIUM).times[1][0] * 1.5)
        large = predicted[..., 1, :, :, :]
        self.assertGreater(large.mean(), 20 * predicted[..., 0, :, :, :].mean())  # d^2 grows a thousandfold


if __name__ == "__main__":
    command.main()
