"""jobs/sweep.sbatch and jobs/array.sbatch against a Slurm of stubs: when they requeue, and with which code they end.

usage: sweep_sbatch.py JOBS"""
import concurrent.futures
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

# srun says that it runs, then ends with $STUB_CODE: at once, or, where that is 75, on SIGUSR1 (not on its own); on the
# second one where it is deaf, as before its ranks are there.
STUBS = {
    "srun": 'echo "srun $*" >> "$STUB_LOG"\n'
            'trap "[ -e $STUB_LOG.deaf ] || exit 75; rm $STUB_LOG.deaf" USR1\n'
            'if [ "$STUB_CODE" = 75 ]; then while :; do sleep 0.02; done; fi\n'
            'exit "$STUB_CODE"\n',
    "squeue": 'echo "$STUB_STATE"\n',
    "scontrol": 'echo "scontrol $*" >> "$STUB_LOG"\n',
    "gradsweep": '[ "$1" != info ] || [ ! -e "$STUB_CELLS" ] || head -n 1 "$STUB_CELLS"\n'
                 '[ ! -e "$STUB_CELLS" ] || sed -i 1d "$STUB_CELLS"\n',
}


def run(script, code, state="RUNNING", restarts=None, is_deaf=False, folder=None, **variables):
    """Runs the script, in a folder of its own if none is given; for code 75 it is sent SIGUSR1, as Slurm does before the time
    limit. Its code, the stubs' log with what the script itself says of memory."""
    with contextlib.nullcontext(folder) if folder else tempfile.TemporaryDirectory() as folder:
        for name, text in STUBS.items():
            path = pathlib.Path(folder, name)
            path.write_text("#!/usr/bin/env bash\n" + text)
            path.chmod(0o755)
        log = pathlib.Path(folder, "log")
        log.unlink(missing_ok=True)
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "GRADSWEEP": "gradsweep",
                       "STUB_CODE": str(code), "STUB_STATE": state, "STUB_LOG": str(log), "STUB_CELLS": f"{folder}/cells",
                       "SLURM_JOB_ID": "17", "SLURM_JOB_NODELIST": "node1",
                       "GRADSWEEP_JOBS": os.path.dirname(script), **variables}
        environment.pop("SLURM_RESTART_COUNT", None)
        if is_deaf:
            pathlib.Path(folder, "log.deaf").touch()
        if restarts is not None:
            environment["SLURM_RESTART_COUNT"] = str(restarts)
        job = subprocess.Popen(["bash", script, "a.yaml", "out.h5", "--max-failures", "3"], env=environment,
                               cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if code == 75:
            deadline = time.monotonic() + 20
            while not log.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.2)  # let both set their traps: the log is written before srun's
            job.send_signal(signal.SIGUSR1)
        _, errors = job.communicate(timeout=30)
        return job.returncode, "".join([log.read_text() if log.exists() else "", *re.findall(".*memory.*", errors)])


def require(condition, what, result):
    if not condition:
        sys.exit(f"{what}: {result}")


def run_turns(script, *cells):
    """Turns of one job that are stopped, with so many cells finished before and after each; their results, and what is left."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"  {done} cells done (1.0%), {failed} failed, 7 pending\n" for pair in cells for done, failed in pair]
        pathlib.Path(folder, "cells").write_text("".join(lines))
        results = [run(script, 75, restarts=turn, folder=folder) for turn in range(len(cells))]
        return results, sorted(path.name for path in pathlib.Path(folder).glob("out.h5*"))


def check_idle_turns(script, turns):
    """One may be bad luck; the second one in a row is the last. Failed cells are finished, too."""
    idle, failed = ((5, 1), (5, 1)), ((5, 1), (5, 2))
    two, apart = turns(script, idle, idle), turns(script, idle, failed, idle)
    results, left = two()
    require("scontrol requeue 17" in results[0][1], "one idle turn: requeued", results)
    require(results[1][0] == 1 and "requeue" not in results[1][1], "a second one: the end", results)
    require("--mem-per-cpu" in results[1][1] and "--time" in results[1][1], "and why", results)
    require(left == [], "nothing is left", left)
    results, left = apart()
    require(all(code == 75 and "requeue" in log for code, log in results), "idle turns with another between", results)
    require(left == ["out.h5.turns"], "a note for the next turn", left)


def main():
    script, array = (os.path.abspath(os.path.join(sys.argv[1], name)) for name in ("sweep.sbatch", "array.sbatch"))
    task = {"SLURM_ARRAY_JOB_ID": "15", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4",
            "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "4"}
    part = {**task, "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "3"}
    cases = [  # what is so, how the script is run, what must hold of its code and of the log
        ("complete: code 0, not requeued", (script, 0), {}, lambda code, log: code == 0 and "requeue" not in log),
        ("the command line", (script, 0), {}, lambda _, log: "gradsweep run a.yaml -o out.h5 --resume --max-failures 3" in log),
        ("failed: code 1, not requeued", (script, 1), {}, lambda code, log: code == 1 and "requeue" not in log),
        ("stopped: requeued once", (script, 75), {}, lambda code, log: code == 75 and log.count("scontrol requeue 17") == 1),
        ("the twentieth turn: requeued", (script, 75), {"restarts": 19}, lambda _, log: "scontrol requeue 17" in log),
        ("too many turns: not requeued", (script, 75), {"restarts": 20}, lambda code, log: code == 75 and "requeue" not in log),
        ("cancelled: not requeued", (script, 75), {"state": "COMPLETING"}, lambda code, log: code == 75 and "requeue" not in log),
        ("not heard: told again", (script, 75), {"is_deaf": True}, lambda code, log: code == 75 and "scontrol requeue 17" in log),
        ("told before it could listen: requeued", (script, 128 + signal.SIGUSR1), {},
         lambda code, log: code == 75 and "scontrol requeue 17" in log),
        ("a task goes by both numbers, and has its share", (array, 75), task,
         lambda code, log: code == 75 and log.count("scontrol requeue 15_3") == 1 and
         "run a.yaml -o out.shard-3-of-4.h5 --resume --shard 3/4 --max-failures 3" in log),
        ("a part of an array, of how many shards is not said: refused", (array, 0), part, lambda *result: result == (2, "")),
        ("and said", (array, 0), {"SHARDS": "7", **part},
         lambda code, log: code == 0 and "out.shard-3-of-7.h5 --resume --shard 3/7" in log),
        ("a third shard of two: refused", (array, 0), {"SHARDS": "2", **part}, lambda *result: result == (2, ""))]
    # Side by side: most of each is a second that the script waits before it tells srun again.
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        turns = [pool.submit(run, *arguments, **options) for _, arguments, options, _ in cases]
        check_idle_turns(script, lambda *how: pool.submit(run_turns, *how).result)
        for (what, _, _, holds), turn in zip(cases, turns):
            require(holds(*turn.result()), what, turn.result())


main()
