"""Runs a job that would never end by itself and requires that it is ended: within the time limit, with exit code 75
(resumable), and with no process left. The ranks print "pid N".

usage: ends_resumable.py SECONDS COMMAND..."""
import os
import re
import subprocess
import sys
import time


def is_running(pid):
    """A killed process may stay a zombie for seconds, until its parent looks."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main():
    limit, command = float(sys.argv[1]), sys.argv[2:]
    started = time.monotonic()
    job = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=limit)
    seconds = time.monotonic() - started
    print(job.stdout)
    print(f"ended with {job.returncode} after {seconds:.1f} s")
    if job.returncode != 75:
        sys.exit(f"the exit code is {job.returncode}, not 75")
    pids = [int(pid) for pid in re.findall(r"^pid (\d+)", job.stdout, re.MULTILINE)]
    if not pids:
        sys.exit("no rank has told its pid")
    while any(is_running(pid) for pid in pids):
        if time.monotonic() - started > limit:
            left = [pid for pid in pids if is_running(pid)]
            for pid in left:
                os.kill(pid, 9)
            sys.exit(f"processes {left} were left behind")
        time.sleep(0.05)


main()
