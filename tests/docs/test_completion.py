"""Completion for bash and zsh: every command, option, figure, template, key and word of an option is offered, and nothing that the
command would not take; and at a prompt of the shells themselves what is begun is completed. That of zsh is skipped, visibly, where
there is none (Debian: apt-get install zsh).

Called as test_completion.py PATH_OF_gradsweep MPIEXEC."""

import functools
import importlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "command"), str(ROOT / "analysis")]

import command
from command import gradsweep
from gradsweep.commands import plot
from gradsweep.commands.table import COMMANDS

FILES = "(files)"
# The functions of zsh's completion that ours calls, as plain ones that tell what they are given.
ZSH = """
compadd() { while [[ $1 == -* ]]; do [[ $1 == -- ]] && { shift; break; }; [[ $1 == -S ]] && shift; shift; done; print -l -- $@; }
_describe() { local one; for one in ${(P)2}; do print -r -- ${one%%:*}; done; }
_files() { print -r -- "(files)"; }
compset() { :; }
words=(TYPED); CURRENT=$#words
complete_it() { source SCRIPT; }
complete_it
"""
BASH = 'source SCRIPT; COMP_WORDS=(TYPED); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _gradsweep; printf "%s\\n" "${COMPREPLY[@]}"'


def quoted(words):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gradsweep-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        ended = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", command.GRADSWEEP, folder.name], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr

    def offered(self, shell, *words):
        """What may stand as the last of the words, of which nothing is typed yet (but the first of an option's letters)."""
        text, file = (BASH, "gradsweep.bash") if shell == "bash" else (ZSH, "_gradsweep")
        script = text.replace("SCRIPT", str(self.folder / file)).replace("TYPED", quoted(["gradsweep", *words]))
        ended = subprocess.run([shell, *(["-f"] if shell == "zsh" else ["--norc"]), "-c", script], capture_output=True, text=True, cwd=self.folder)
        self.assertNotRegex(ended.stderr, "error|not found")
        return {word.rstrip("=") for word in ended.stdout.split("\n") if word and word != FILES}

    @functools.cached_property
    def shells(self):
        return [shell for shell in ("bash", "zsh") if shutil.which(shell)]

    def test_words(self):
        """Against the tables of the command itself and of the analysis."""
        commands = set(re.findall(r"^  ([a-z]+) +\S", gradsweep("--help").stdout, re.MULTILINE)) - {"gradsweep"}
        self.assertGreater(len(commands), 12)
        keys = {key["path"] for key in json.loads(gradsweep("help", "sweep", "--json").stdout)["keys"]}
        templates = set(re.findall(r"^  (\w+)", gradsweep("new").stdout, re.MULTILINE))
        self.assertTrue("grid.gamma" in keys and "first" in templates)
        for shell in self.shells:
            with self.subTest(shell):
                self.assertEqual(self.offered(shell, "") - {"--help", "--version"}, commands)
                self.assertEqual(self.offered(shell, "plot", ""), set(plot.FIGURES))
                self.assertEqual(self.offered(shell, "new", ""), templates)
                self.assertEqual(self.offered(shell, "help", ""), {"sweep"})
                self.assertEqual(self.offered(shell, "help", "sweep", ""), keys)
                for name in ("run", "plan", "extend"):
                    self.assertEqual(self.offered(shell, name, "--set", ""), keys)
                for name in commands:
                    expected = self.options_of(name)
                    self.assertEqual({word for word in self.offered(shell, name, "out.h5", "x", "--") if word.startswith("--")}, expected, name)

    def options_of(self, name):
        """By argparse's own list, or argp's --usage."""
        if name in COMMANDS:
            actions = importlib.import_module(f"gradsweep.commands.{COMMANDS[name].module}").parser()._actions
            return {word for action in actions for word in action.option_strings if word.startswith("--")}
        return set(re.findall(r"--[a-z][a-z-]*", gradsweep(name, "--usage").stdout))

    def test_words_of_options(self):
        """Those that an option has a list of are offered after it, and are taken."""
        choices = {(name, action.option_strings[-1]): set(action.choices) for name in COMMANDS
                   for action in importlib.import_module(f"gradsweep.commands.{COMMANDS[name].module}").parser()._actions
                   if action.choices}  # fmt: skip
        self.assertIn(("plot", "--quantity"), choices)
        for shell in self.shells:
            for (name, option), words in choices.items():
                self.assertEqual(self.offered(shell, name, option, ""), words, (shell, name, option))
            for word in self.offered(shell, "run", "--progress", ""):
                ended = gradsweep("run", "nothing.yaml", "-o", "x.h5", "--progress", word)
                self.assertIn("nothing.yaml", ended.stderr)  # and not the style
            self.assertEqual(self.offered(shell, "run", "--progress", ""), {"auto", "bar", "json", "none"})
            self.assertLessEqual({"spectral_radius", "coupling"}, self.offered(shell, "plot", "--axis", ""))

    def test_at_a_prompt(self):
        """What is typed, a tab and Enter, in the shell itself."""
        (self.folder / "results.h5").touch()
        typed = {
            "gradsweep rep\\t": ["report"],
            "gradsweep plot half\\t": ["plot", "half_life"],
            "gradsweep run --overw\\t": ["run", "--overwrite"],
            "gradsweep new pasc\\t": ["new", "pascanu2013"],
            "gradsweep run --progress=js\\t": ["run", "--progress=json"],
            "gradsweep plot decay --lines hid\\t": ["plot", "decay", "--lines", "hidden_size"],
            "gradsweep help sweep numerics.cer\\t": ["help", "sweep", "numerics.certify"],
            "gradsweep run x.yaml --set grid.hid\\t8": ["run", "x.yaml", "--set", "grid.hidden_size=8"],
            "gradsweep report resu\\t": ["report", "results.h5"],
        }
        for shell in self.shells:
            with Prompt(shell, self.folder) as prompt:
                for keys, expected in typed.items():
                    self.assertEqual(prompt.type(keys.replace("\\t", "\t")), expected, (shell, keys))


class Prompt:
    """An interactive shell that has our completion, in which `gradsweep` writes its words to a file."""

    START = {
        "bash": ("bash --norc --noprofile -i", "source {folder}/gradsweep.bash"),
        "zsh": ("zsh -f -i", "fpath=({folder} $fpath); autoload -U compinit; compinit -u -D; unsetopt beep"),
    }

    def __init__(self, shell, folder):
        self.start, self.load = (text.format(folder=folder) for text in self.START[shell])
        self.folder, self.told = folder, folder / "told"

    def __enter__(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(self.folder)
            words = self.start.split()
            os.execvpe(words[0], words, {**os.environ, "TERM": "dumb", "PS1": "> ", "HISTFILE": "", "INPUTRC": "/dev/null"})
        self.send(f"{self.load}; gradsweep() {{ printf '%s\\n' \"$@\" > told.part; mv told.part told; }}; gradsweep ready\n")
        assert self.wait() == ["ready"]
        return self

    def __exit__(self, *_):
        os.close(self.terminal)  # hangs the shell up
        os.waitpid(self.pid, 0)

    def type(self, keys):
        self.send(keys + "\n")
        return self.wait()

    def send(self, keys):
        os.write(self.terminal, keys.encode())

    def wait(self):
        """The words that the command was called with."""
        until = time.monotonic() + command.TIMEOUT
        while not self.told.exists():
            assert time.monotonic() < until, "the shell called nothing"
            if select.select([self.terminal], [], [], 0.05)[0]:
                os.read(self.terminal, 65536)  # or it would wait for its output to be taken
        found = self.told.read_text().splitlines()
        self.told.unlink()
        return found


class Zsh(unittest.TestCase):
    @unittest.skipUnless(shutil.which("zsh"), "no zsh (Debian: apt-get install zsh)")
    def test_is_there(self):
        """Tells that its part of the others was tried."""


if __name__ == "__main__":
    command.main()
