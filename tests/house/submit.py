"""jobs/submit.sh with a plan that is known: which ranks, memory and time it proposes, and what it submits.

usage: submit.py JOBS"""
import os
import pathlib
import subprocess
import sys
import tempfile

# A sweep of 16 core hours, perfectly parallel up to 16 ranks and no better beyond; memory halves from 4 ranks on, where
# STUB_TEAM makes teams. Minutes as plan's slurm lines give them.
PLAN = r'''#!/usr/bin/env python3
import os, sys
ranks = [int(number) for number in sys.argv[sys.argv.index("--ranks") + 1].split(",")]
team = int(os.environ.get("STUB_TEAM", "1"))
if os.environ.get("STUB_PLAN") == "nothing":
    sys.exit("no plan today")
print("sweep              stub\ncells              42\nmemory per rank    1 GB\n")
print("     ranks          seconds   efficiency")
seconds = {n: 57600 / min(n, 16) for n in ranks}
for n in ranks:
    print(f"{n:10d} {seconds[n]:16.4g} {100 * 57600 / n / seconds[n]:11.1f}%")
print("\n     ranks  memory per rank  memory per node   teams (share of the time)")
for n in ranks:
    print(f"{n:10d}          1.5 GB           24 GB   1 of {team if n >= 4 else 1} (98%), {n} of 1 (2%)")
print()
for n in ranks:
    minutes = int(seconds[n] / 60) + 2
    days = f"{minutes // 1440}-" if minutes >= 1440 else ""
    print(f"slurm: --ntasks={n} --cpus-per-task=1 --mem-per-cpu={2000 if n < 4 else 1000}M "
          f"--time={days}{minutes % 1440 // 60:02d}:{minutes % 60:02d}:00")
'''
SBATCH = '#!/usr/bin/env bash\necho "$*" >> "$STUB_LOG"\necho 77\n'
NO_SINFO = "#!/usr/bin/env bash\nexit 1\n"


def submit(jobs, *arguments, **variables):
    """Its code, standard output and error, and what sbatch was called with."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("gradsweep", PLAN), ("sbatch", SBATCH), ("sinfo", NO_SINFO)):
            path = pathlib.Path(folder, name)
            path.write_text(text)
            path.chmod(0o755)
        log = pathlib.Path(folder, "log")
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "GRADSWEEP": f"{folder}/gradsweep",
                       "STUB_LOG": str(log), **variables}
        ended = subprocess.run([f"{jobs}/submit.sh", "a.yaml", "out.h5", *arguments], env=environment,
                               capture_output=True, text=True, timeout=60)
        return ended.returncode, ended.stdout + ended.stderr, log.read_text() if log.exists() else ""


def require(result, code, *texts):
    if result[0] != code or not all(text in result[1] for text in texts):
        sys.exit(f"expected {code} and {texts}:\n{result[0]}\n{result[1]}")


def main():
    jobs = os.path.abspath(sys.argv[1])
    # 16 core hours within 4: 8 ranks. Two minutes that plan adds, three for the signal.
    result = submit(jobs)
    require(result, 0, "--nodes=1 --ntasks=8 --cpus-per-task=1 --mem-per-cpu=1000M --time=02:05:00 ",
            "/sweep.sbatch a.yaml out.h5\n", "100% busy, 1 turn(s)")
    if result[2]:
        sys.exit("submitted without --submit")
    # No number of ranks does it in half an hour: the most that are busy (16 fully, 32 by half), in several turns.
    require(submit(jobs, "--time", "00:30:00"), 0, "--ntasks=32 ", "--time=00:30:00 ", "50% busy, 3 turn(s)")
    require(submit(jobs, "--ranks", "2", "--time", "1-00:00:00"), 0, "--ntasks=2 ", "=2000M --time=08:05:00")
    require(submit(jobs, "--ranks", "16", "--cores-per-node", "6"), 0, "--nodes=3 --ntasks=16 ")
    require(submit(jobs, STUB_TEAM="4"), 0, "/large-w.sbatch a.yaml")
    require(submit(jobs, "--set", "grid.gamma=[0.5, 1]"), 0, r"out.h5 --set grid.gamma=\[0.5\,\ 1\]")
    # Four shards of two ranks: the time of eight, the memory of two.
    result = submit(jobs, "--shards", "4", "--submit")
    require(result, 0, "--array=1-4 --nodes=1 --ntasks=2 --cpus-per-task=1 --mem-per-cpu=2000M --time=02:05:00 ",
            "--dependency=afterok:77 ", "/merge.sbatch out.h5 4\n")
    if len(result[2].split("\n")) != 3 or "--dependency=afterok:77" not in result[2]:
        sys.exit(f"an array and a merge were to be submitted: {result[2]}")
    require(submit(jobs, "--ranks", "0"), 2, "--ranks takes a number")
    require(submit(jobs, "--time", "4"), 2, "[D-]HH:MM:SS, not '4'")
    require(submit(jobs, "--time", "00:05:00"), 2, "longer than")
    require(submit(jobs, "--unknown"), 2, "usage: jobs/submit.sh")
    require(submit(jobs, STUB_PLAN="nothing"), 1, "no plan today")


main()
