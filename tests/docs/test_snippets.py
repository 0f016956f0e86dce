"""The manual in docs/: its commands and snippets run, in the order of its pages, with large sweeps made small; its links lead
somewhere; and every command and figure is in it. Manual pages and completion are made, and know all commands.

Called as test_snippets.py PATH_OF_gradsweep MPIEXEC."""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "command"), str(ROOT / "analysis")]

import command
from gradsweep.commands import main, plot, table

DOCS = ROOT / "docs"
PAGES = [DOCS / f"{name}.md" for name in ("tutorial", "how-to", "sweep-file", "results-file", "networks", "cluster", "python", "numbers",
                                         "commands", "gallery")] + [ROOT / "README.md"]
SMALLER = {"half_life": "[16]", "critical": "[16,32]", "saxe2014": "[16]"}  # hidden sizes instead of those of the sweep
BLOCK = re.compile(r"^```(\w+)( torch)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HAS_TORCH = importlib.util.find_spec("torch") is not None


def blocks(kind):
    """(page, text) of the blocks in that language, in order."""
    return [(page.stem, text) for page in PAGES for language, needs_torch, text in BLOCK.findall(page.read_text())
            if language == kind and (HAS_TORCH or not needs_torch)]


class Snippets(unittest.TestCase):
    def test_all_of_them(self):
        """One test, for what a page makes another uses."""
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.TemporaryDirectory(prefix="gradsweep-test-")
        self.addCleanup(folder.cleanup)
        os.chdir(folder.name)
        os.environ["PATH"] = f"{os.path.dirname(command.GRADSWEEP)}:{os.environ['PATH']}"
        os.environ["GRADSWEEP_COMMAND"] = command.GRADSWEEP
        lines = [(page, line) for page, text in blocks("sh") for line in text.splitlines() if line]
        self.assertGreater(len(lines), 20)
        for page, line in lines:
            with self.subTest(page=page, line=line):
                self.run_line(line)
        os.mkdir("results")
        os.link("first.h5", "results/quickstart.h5")  # of which the README speaks
        for page, text in blocks("python"):
            with self.subTest(page=page, snippet=text), contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, f"{page}.md", "exec"), {})
        for page, text in blocks("yaml"):
            with self.subTest(page=page, sweep=text):
                Path("snippet.yaml").write_text(text)
                ended = subprocess.run([command.GRADSWEEP, "plan", "snippet.yaml"], capture_output=True, text=True)
                self.assertEqual(ended.returncode, 0, ended.stderr)

    def run_line(self, line):
        words, target = shlex.split(line), None
        self.assertEqual(words.pop(0), "gradsweep")
        if ">" in words:
            target = words[words.index(">") + 1]
            del words[words.index(">") :]
        out = io.StringIO()
        if words[0] in table.COMMANDS:  # in this process, since loading takes seconds
            error = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
                code = main.run(words[0], words[1:])
            said, error = out.getvalue(), error.getvalue()
        else:
            if words[0] == "run" and "grid.hidden_size" not in line:
                size = SMALLER.get(Path(words[1]).stem)
                words += ["--set", f"grid.hidden_size={size}"] if size else []
            ended = subprocess.run([command.GRADSWEEP, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            code, said, error = ended.returncode, ended.stdout, ended.stderr
        self.assertEqual(code, 0, error)
        if target:
            Path(target).write_text(said)

    def test_links_lead_somewhere(self):
        for page in [*DOCS.glob("*.md"), ROOT / "README.md"]:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")
        index = (DOCS / "index.md").read_text()
        for page in DOCS.glob("*.md"):
            self.assertTrue(page.name == "index.md" or f"({page.name})" in index, page.name)

    def test_nothing_is_missing(self):
        """Commands and figures are in the manual, all of them."""
        listed = re.findall(r"^  ([a-z]+) +\S", subprocess.run([command.GRADSWEEP, "--help"], capture_output=True, text=True).stdout, re.M)
        self.assertIn("run", listed)
        text, gallery = (DOCS / "commands.md").read_text(), (DOCS / "gallery.md").read_text()
        for name in set(listed) - {"gradsweep"}:
            self.assertRegex(text, rf"\| `{name}\b")
        for name in plot.FIGURES:
            self.assertRegex(gallery, rf"\b{name}\b")

    def test_manual_pages_and_completion(self):
        with tempfile.TemporaryDirectory(prefix="gradsweep-test-") as folder:
            ended = subprocess.run([sys.executable, DOCS / "generate.py", command.GRADSWEEP, folder], capture_output=True, text=True)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            text = Path(folder, "man1", "gradsweep-run.1").read_text()
            self.assertIn("\\-\\-max\\-time", text)
            self.assertIn("gradsweep\\-report", Path(folder, "man1", "gradsweep.1").read_text())
            reference = Path(folder, "sweep-reference.md").read_text()
            self.assertIn("## `weights.ensemble`", reference)
            self.assertIn("ginibre", reference)
            completion = Path(folder, "gradsweep.bash")
            script = f'source {completion}; COMP_WORDS=({{}}); COMP_CWORD={{}}; _gradsweep; echo "${{{{COMPREPLY[@]}}}}"'
            for words, at, expected in (("gradsweep re", 1, {"report"}), ("gradsweep run --ov", 2, {"--overwrite"}),
                                        ("gradsweep plot ha", 2, {"half_life"}), ("gradsweep new fi", 2, {"first"}),
                                        ("gradsweep help sweep grid.la", 3, {"grid.lag"})):  # fmt: skip
                found = subprocess.run(["bash", "-c", script.format(words, at)], capture_output=True, text=True)
                self.assertLessEqual(expected, set(found.stdout.split()), f"{words}: {found.stderr}")
            self.assertIn("#compdef gradsweep", Path(folder, "_gradsweep").read_text())


if __name__ == "__main__":
    command.main()
