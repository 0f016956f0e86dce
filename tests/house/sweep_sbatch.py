"""jobs/sweep.sbatch and jobs/array.sbatch against a Slurm of stubs: when they requeue, and with which code they end.

usage: sweep_sbatch.py JOBS"""
import os
import pathlib
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
    "gradsweep": "exit 99\n",
}


def run(script, code, state="RUNNING", restarts=None, is_deaf=False, **variables):
    """Runs the script; for code 75 it is sent SIGUSR1, as Slurm does before the time limit. Its code, the stubs' log."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in STUBS.items():
            path = pathlib.Path(folder, name)
            path.write_text("#!/usr/bin/env bash\n" + text)
            path.chmod(0o755)
        log = pathlib.Path(folder, "log")
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "GRADSWEEP": "gradsweep",
                       "STUB_CODE": str(code), "STUB_STATE": state, "STUB_LOG": str(log),
                       "SLURM_JOB_ID": "17", "SLURM_JOB_NODELIST": "node1",
                       "GRADSWEEP_JOBS": os.path.dirname(script), **variables}
        environment.pop("SLURM_RESTART_COUNT", None)
        if is_deaf:
            pathlib.Path(folder, "log.deaf").touch()
        if restarts is not None:
            environment["SLURM_RESTART_COUNT"] = str(restarts)
        job = subprocess.Popen(["bash", script, "a.yaml", "out.h5", "--max-failures", "3"], env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if code == 75:
            deadline = time.monotonic() + 20
            while not log.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.2)  # let both set their traps: the log is written before srun's
            job.send_signal(signal.SIGUSR1)
        return job.wait(30), log.read_text() if log.exists() else ""


def require(condition, what, result):
    if not condition:
        sys.exit(f"{what}: {result}")


def main():
    script, array = (os.path.join(sys.argv[1], name) for name in ("sweep.sbatch", "array.sbatch"))
    result = run(script, 0)
    require(result[0] == 0 and "requeue" not in result[1], "complete: code 0, not requeued", result)
    require("gradsweep run a.yaml -o out.h5 --resume --max-failures 3" in result[1], "the command line", result)
    result = run(script, 1)
    require(result[0] == 1 and "requeue" not in result[1], "failed: code 1, not requeued", result)
    result = run(script, 75)
    require(result[0] == 75 and result[1].count("scontrol requeue 17") == 1, "stopped: requeued once", result)
    result = run(script, 75, restarts=19)
    require("scontrol requeue 17" in result[1], "the twentieth turn: requeued", result)
    result = run(script, 75, restarts=20)
    require(result[0] == 75 and "requeue" not in result[1], "too many turns: not requeued", result)
    result = run(script, 75, state="COMPLETING")
    require(result[0] == 75 and "requeue" not in result[1], "cancelled: not requeued", result)

    result = run(script, 75, is_deaf=True)
    require(result[0] == 75 and "scontrol requeue 17" in result[1], "not heard: told again", result)
    result = run(script, 128 + signal.SIGUSR1)
    require(result[0] == 75 and "scontrol requeue 17" in result[1], "told before it could listen: requeued", result)

    task = {"SLURM_ARRAY_JOB_ID": "15", "SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4",
            "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "4"}
    result = run(array, 75, **task)
    require(result[0] == 75 and result[1].count("scontrol requeue 15_3") == 1, "a task goes by both numbers", result)
    require("run a.yaml -o out.shard-3-of-4.h5 --resume --shard 3/4 --max-failures 3" in result[1], "its share", result)
    part = {**task, "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "3"}
    result = run(array, 0, **part)
    require(result == (2, ""), "a part of an array, of how many shards is not said: refused", result)
    result = run(array, 0, SHARDS="7", **part)
    require(result[0] == 0 and "out.shard-3-of-7.h5 --resume --shard 3/7" in result[1], "and said", result)
    result = run(array, 0, SHARDS="2", **part)
    require(result == (2, ""), "a third shard of two: refused", result)


main()
