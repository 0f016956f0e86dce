"""Systems where some calls fail, as deny.c makes them: a run works, or says which call failed, and leaves nothing behind."""

import errno
import os
import subprocess

import support
from support import CommandTest, denied

SWEEP = """\
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""


# Tries calls by their names in deny.c, and prints those that fail with EXDEV, which none gives of itself here.
TRIES = """\
import fcntl, os, socket
file = open("file", "w")
tries = {"flock": lambda: fcntl.flock(file, fcntl.LOCK_SH),
         "setlk": lambda: fcntl.lockf(file, fcntl.LOCK_EX),
         "fsync": lambda: os.fsync(file.fileno()),
         "truncate": lambda: os.ftruncate(file.fileno(), 10),
         "fallocate": lambda: os.posix_fallocate(file.fileno(), 0, 20),
         "link": lambda: os.link("file", "second"),
         "symlink": lambda: os.symlink("file", "third"),
         "rename": lambda: os.rename("file", "fourth"),
         "unlink": lambda: os.unlink(os.listdir(".")[0]),
         "inet_socket": lambda: socket.socket(socket.AF_INET),
         "sched_getaffinity": lambda: os.sched_getaffinity(0)}
for name, call in tries.items():
    try:
        call()
    except OSError as error:
        print(name if error.errno == 18 else error)
"""


class DeniedCalls(CommandTest):
    def test_the_tool_itself(self):
        """Each name denies its call, whatever else is denied, and no other."""
        names = ["flock", "setlk", "fsync", "truncate", "fallocate", "link", "symlink", "rename", "unlink", "inet_socket",
                 "sched_getaffinity"]
        for chosen in (names[::2], names[1::2]):
            line = denied(**{name: errno.EXDEV for name in chosen}) + ["python3", "-c", TRIES]
            os.mkdir(self.path(chosen[0]))
            ended = subprocess.run(line, cwd=self.path(chosen[0]), stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(ended.stdout.split(), chosen, ended.stderr)

    def test_wrong_use_of_the_tool(self):
        for line in (["flock=NOTHING", "--", "true"], ["flok=EPERM", "--", "true"], ["flock=EPERM"], ["flock", "--", "true"]):
            ended = subprocess.run([support.tool("deny")] + line, capture_output=True, text=True)
            self.assertEqual(ended.returncode, 2, line)
            self.assertRegex(ended.stderr, "deny: .*expected|usage: deny")

    def test_container_without_ptrace(self):
        sweep = self.sweep(SWEEP)
        path = self.run_sweep(sweep, "out.h5", launcher=denied(ptrace=errno.EPERM, process_vm=errno.EPERM))
        self.assert_same_results(path, self.run_sweep(sweep, "reference.h5"))


if __name__ == "__main__":
    support.main()
