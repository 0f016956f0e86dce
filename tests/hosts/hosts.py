"""Hosts on this one machine, for tests: each has a name, a network interface and shared memory of its own (Linux
namespaces), and a cable to a common switch. Open MPI takes them for different nodes, and its ranks speak TCP.

All of it lives in one process namespace, whose first process reads a pipe from the test. The kernel closes the pipe
however the test ends, even by SIGKILL; then that process ends, and with it, at once, every process on every host."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from cluster import wait_for
from command import executable_of, pids_below

PROGRAMS = ["ip", "mount", "nsenter", "unshare"]
NETWORK = "192.168.77"  # nobody else sees it

# In a network namespace of its own, which is the switch; its interfaces have the names of the hosts at the other ends.
# A process that ignores SIGCHLD leaves no zombies, not even of those that it inherits.
ROOM = """\
set -e
trap '' CHLD
ip link add name switch type bridge
ip link set switch up
for name in $HOSTS; do
    unshare --mount --uts --ipc --net sh -c "$HOST" "$name" &
    until [ -e "$FOLDER/$name/pid" ]; do sleep 0.01; done
    read -r pid <"$FOLDER/$name/pid"
    address=$(sed -n "s/ $name$//p" "$FOLDER/hosts")
    ip link add name "$name" type veth peer name cable netns "$pid"
    ip link set "$name" master switch up
    nsenter --target "$pid" --net sh -ec "ip address add $address/24 dev cable; ip link set cable up; ip link set lo up"
done
echo ready
cat
rm -rf "$FOLDER"
"""
HOST = """\
set -e
trap '' CHLD
echo "$0" >/proc/sys/kernel/hostname
mount -t tmpfs tmpfs /dev/shm
mount --bind "$FOLDER/hosts" /etc/hosts
echo $$ >"$FOLDER/$0/pid.tmp"
mv "$FOLDER/$0/pid.tmp" "$FOLDER/$0/pid"
exec sleep infinity
"""
# In place of ssh, and like it without the caller's environment.
AGENT = """\
#!/bin/sh
folder={folder} host=$1
shift
read -r pid <"$folder/$host/pid"
exec env -i PATH="$PATH" TMPDIR="$folder/$host" nsenter --target "$pid" --mount --uts --ipc --net sh -c "$*"
"""


def missing(mpiexec):
    """Why there can be no such hosts here; None where there can be."""
    if os.geteuid() != 0:
        return "only root can make hosts of namespaces"
    absent = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if absent:
        return f"{', '.join(absent)} not found; jobs/install.sh --with-hosts installs what is needed"
    version = subprocess.run([mpiexec, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if not re.search("OpenRTE|Open MPI", version.stdout):
        return f"{mpiexec} is not Open MPI's"
    attempt = "mount -t tmpfs tmpfs /dev/shm && ip link add type bridge && ip link add type veth"
    made = subprocess.run(["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c",
                           attempt], env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return f"namespaces cannot be made: {made.stderr.strip()}" if made.returncode != 0 else None


def _path():
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def _environment(**more):
    return {**os.environ, "PATH": _path(), **more}


class Hosts:
    def __init__(self, names=("gradsweep-a", "gradsweep-b")):
        self.names = names
        self.folder = Path(tempfile.mkdtemp(prefix="gradsweep-hosts-"))
        for name in names:
            (self.folder / name).mkdir()
        lines = ["127.0.0.1 localhost"] + [f"{NETWORK}.{i} {name}" for i, name in enumerate(names, 1)]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")
        self._agent = self.folder / "agent"
        self._agent.write_text(AGENT.format(folder=shlex.quote(str(self.folder))))
        self._agent.chmod(0o755)
        self._room = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", ROOM],
            env=_environment(FOLDER=str(self.folder), HOSTS=" ".join(names), HOST=HOST), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        if self._room.stdout.readline() != "ready\n":
            self._room.stdin.close()
            raise AssertionError(f"no hosts could be made: {self._room.stderr.read()}")
        self._switch = pids_below(self._room.pid)[0]
        self._pids = {name: self._pid_of(name) for name in names}

    def launcher(self, mpiexec, *options, ranks=(2, 2)):
        """What comes before a command: so many ranks on each host, started from the first one."""
        first = self.names[0]
        slots = ",".join(f"{name}:{count}" for name, count in zip(self.names, ranks))
        # The sanitizer's settings are the only ones that ranks need from the environment on all hosts.
        forwarded = ["-x", "ASAN_OPTIONS"] if "ASAN_OPTIONS" in os.environ else []
        return ["nsenter", "--target", str(self._pids[first]), "--mount", "--uts", "--ipc", "--net", "--pid",
                "env", f"TMPDIR={self.folder / first}", mpiexec, "--host", slots, "--mca", "plm_rsh_agent",
                str(self._agent), "--mca", "oob_tcp_if_include", f"{NETWORK}.0/24", "--mca", "btl_tcp_if_include",
                f"{NETWORK}.0/24", *forwarded, *options]

    def cut(self, name):
        """Pulls this host's cable out of the switch."""
        self._ip(self._switch, "link", "set", name, "down")

    def mend(self, name):
        """Returns when the others can be reached again: the kernel may take seconds for it."""
        self._ip(self._switch, "link", "set", name, "up")
        others = [i for i, other in enumerate(self.names, 1) if other != name]
        wait_for(lambda: all(self._reaches(name, f"{NETWORK}.{i}") for i in others), f"a way from {name} to all others")

    def mount(self, name, folder):
        """Gives a host a folder of its own, empty, in the place of the one that all have. It goes with the host."""
        subprocess.run(["nsenter", "--target", str(self._pids[name]), "--mount", "mount", "-t", "tmpfs", "tmpfs", folder],
                       check=True)

    def bytes_sent(self, name):
        """Over this host's cable, in both directions."""
        told = json.loads(self._ip(self._switch, "-json", "-statistics", "link", "show", name))[0]["stats64"]
        return told["rx"]["bytes"] + told["tx"]["bytes"]

    def processes(self, executable, name=None):
        """The processes of an executable, given by its path without symbolic links, on one host or on all."""
        wanted = self._pids[name] if name else self._switch
        kind = "net" if name else "pid"
        return [pid for pid in self._all_processes() if executable_of(pid) == executable and
                _namespace(pid, kind) == _namespace(wanted, kind)]

    def stop(self):
        """Returns when nothing of it is left."""
        if not self._room.stdin.closed:
            self._room.stdin.close()
            self._room.wait()
            self._room.stdout.close()
            self._room.stderr.close()

    def _all_processes(self):
        return [int(path.name) for path in Path("/proc").glob("[0-9]*")]

    def _ip(self, pid, *words):
        """The program of that name, in the network that this process belongs to."""
        return subprocess.run(["nsenter", "--target", str(pid), "--net", "ip", *words], env=_environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout

    def _reaches(self, name, address):
        """Nobody listens at that port, and only the other host can say so."""
        attempt = subprocess.run(
            ["nsenter", "--target", str(self._pids[name]), "--net", "timeout", "1", "bash", "-c",
             f"echo >/dev/tcp/{address}/9"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return "Connection refused" in attempt.stderr

    def _pid_of(self, name):
        """As seen from here of what the host itself has told."""
        told = (self.folder / name / "pid").read_text().strip()
        for pid in pids_below(self._switch):
            if re.search(rf"^NSpid:.*\s{told}$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE):
                return pid
        raise AssertionError(f"{name} has ended")


def _namespace(pid, kind):
    """None for a process that has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None
