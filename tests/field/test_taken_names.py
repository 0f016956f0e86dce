"""A file that takes the output's name while run, merge or extend makes theirs is never replaced, whichever calls the file
system has; and nothing that was made is lost for it."""

import errno
import os
import shutil
import signal
import subprocess

import support
from support import CommandTest, command_line, denied, gradsweep, same_bits

SWEEP = """\
weights: {replicas: 2}
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""
# As on NFS; and where there are no hard links either, which ranks of Open MPI need for their semaphores.
FILE_SYSTEMS = {"no flags of renameat2": ({"rename_flags": errno.EINVAL}, ["run", "merge", "extend"]),
                "no hard links": ({"rename_flags": errno.EINVAL, "link": errno.EPERM}, ["merge"])}


class TakenNames(CommandTest):
    def setUp(self):
        super().setUp()
        self.text, self.out = self.sweep(SWEEP), self.path("out.h5")
        self.reference = self.run_sweep(self.text, "reference.h5")
        shards = [self.run_sweep(self.text, f"{number}.h5", "--shard", f"{number}/2") for number in (1, 2)]
        self.commands = {"run": ["run", self.text, "-o", self.out, "--progress", "none"],
                         "merge": ["merge", self.out] + shards,
                         "extend": ["extend", self.text, self.reference, "-o", self.out]}
        self.before = sorted(os.listdir(self.folder))

    def clear(self):
        for name in os.listdir(self.folder):
            if name not in self.before:
                os.remove(self.path(name))

    def interrupt(self, arguments, action, call="sync", launcher=(), number=1):
        """Suspends the command before this call on its file in the making, acts, and lets it go on."""
        environment = {**os.environ, "LD_PRELOAD": support.tool("fault_injection.so"), "FAULT_CALL": call,
                       "FAULT_ERRNO": "pause", "FAULT_NUMBER": str(number), "FAULT_PREFIX": self.out + ".",
                       "FAULT_EXCEPT": ".lock"}
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        with subprocess.Popen(list(launcher) + command_line(*arguments), env=environment, stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as process:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self.assertIsNone(process.poll(), "it was not suspended")
            action()
            process.send_signal(signal.SIGCONT)
            _, text = process.communicate(timeout=support.TIMEOUT)
        return process.returncode, text

    def take_name(self):
        with open(self.out, "x") as file:
            file.write("precious")

    def require_untouched(self, left):
        with open(self.out) as file:
            self.assertEqual(file.read(), "precious")
        self.assertEqual(sorted(os.listdir(self.folder)), sorted(self.before + ["out.h5"] + left))

    def test_file_systems(self):
        for name, (denials, commands) in FILE_SYSTEMS.items():
            launcher = denied(**denials)
            for command in commands:
                with self.subTest(name, command=command):
                    arguments = self.commands[command]
                    self.clear()
                    ended = gradsweep(*arguments, launcher=launcher)
                    self.assertEqual(ended.returncode, 0, ended.stderr)
                    self.assert_same_results(self.out, self.reference)
                    self.clear()
                    exit_code, text = self.interrupt(arguments, self.take_name, launcher=launcher)
                    self.assertEqual(exit_code, 2 if command == "run" else 1, text)
                    self.assertRegex(text, r"error: .*out\.h5: another file has taken this name meanwhile")
                    self.require_untouched([] if command == "run" else ["out.h5.1"])
                    if command != "run":
                        self.assertIn("out.h5.1", text)
                        self.assertEqual(same_bits(self.path("out.h5.1")), same_bits(self.reference))

    def test_in_the_last_moment(self):
        for command, arguments in self.commands.items():
            with self.subTest(command=command):
                self.clear()
                exit_code, text = self.interrupt(arguments, self.take_name, call="rename")
                self.assertEqual(exit_code, 2 if command == "run" else 1, text)
                self.require_untouched([] if command == "run" else ["out.h5.1"])

    def test_overwriting_replaces_what_was_agreed_on_alone(self):
        def replace():
            with open(self.path("new"), "w") as file:
                file.write("precious")
            os.rename(self.path("new"), self.out)

        denials = denied(rename_flags=errno.EINVAL)
        for launcher, calls in (([], ["sync", "rename"]), (denials, ["sync"])):
            for call in calls:
                with self.subTest(launcher, call=call):
                    self.clear()
                    shutil.copy(self.reference, self.out)
                    exit_code, text = self.interrupt(self.commands["run"] + ["--overwrite"], replace, call=call,
                                                     launcher=launcher)
                    self.assertEqual(exit_code, 2, text)
                    self.require_untouched([])
        self.clear()
        shutil.copy(self.reference, self.out)
        exit_code, text = self.interrupt(self.commands["run"] + ["--overwrite"], lambda: os.remove(self.out))
        self.assertEqual(exit_code, 0, text)
        self.assert_same_results(self.out, self.reference)

    def test_a_file_in_the_making_that_is_taken_away(self):
        def take_away():
            for name in os.listdir(self.folder):
                if name.endswith(".tmp"):
                    os.remove(self.path(name))
                    self.take_name()

        exit_code, text = self.interrupt(self.commands["run"], take_away)
        self.assertIn(exit_code, (1, 2), text)
        self.require_untouched([])


if __name__ == "__main__":
    support.main()
