"""The package gradsweep as a package: its floors, its version, what an import brings along, and its installation with pip.

Called as test_package.py ROOT_OF_THE_REPOSITORY."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 and __name__ == "__main__" else Path(__file__).resolve().parents[2])
PACKAGE = ROOT / "analysis" / "gradsweep"
FLOORS = ({"whole"}, {"theory", "networks"}, {"data"}, {"plots"}, {"report"}, {"commands"})


def floor_of(folder: str) -> int:
    return next(number for number, folders in enumerate(FLOORS) if folder in folders)


def imported_folders(path: Path) -> set[str]:
    """The folders of the package that a module in one of its folders imports from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            found.update([node.module.split(".")[0]] if node.module else [alias.name for alias in node.names])
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("gradsweep"):
            found.add("absolute")
    return found


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, **options)


class Package(unittest.TestCase):
    def test_imports_point_down(self) -> None:
        modules = sorted(PACKAGE.glob("*/*.py"))
        self.assertGreater(len(modules), 20)
        for path in modules:
            floor = floor_of(path.parent.name)
            for folder in imported_folders(path) - {path.parent.name}:
                with self.subTest(f"{path.parent.name}/{path.name} imports {folder}"):
                    self.assertLess(floor_of(folder), floor)

    def test_every_folder_is_installed(self) -> None:
        folders = {f"gradsweep.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")} | {"gradsweep"}
        listed = (ROOT / "analysis" / "pyproject.toml").read_text()
        listed = listed[listed.index("packages =") : listed.index("[tool.setuptools.package-data]")]
        self.assertEqual(set(re.findall(r'"(gradsweep[\w.]*)"', listed)), folders)

    def test_one_version(self) -> None:
        """It stands in gradsweep/version.py; the package and CMake read it there."""
        version = re.search(r'__version__ = "([\d.]+)"', (PACKAGE / "version.py").read_text()).group(1)
        self.assertIn('attr = "gradsweep.version.__version__"', (ROOT / "analysis" / "pyproject.toml").read_text())
        self.assertRegex((ROOT / "CMakeLists.txt").read_text(), r"project\(gradsweep VERSION \$\{")
        told = run("-c", "import gradsweep; print(gradsweep.__version__)", cwd=ROOT / "analysis")
        self.assertEqual(told.stdout.strip(), version)

    def test_import_is_light(self) -> None:
        """The scripts for networks need h5py and numpy alone, and `import gradsweep` next to nothing."""
        for module, absent in (("gradsweep", "numpy"), ("gradsweep.networks.export", "matplotlib xarray scipy")):
            code = f"import sys, {module}; sys.exit(' '.join(set('{absent}'.split()) & set(sys.modules)))"
            self.assertEqual(run("-c", code, cwd=ROOT / "analysis").stderr.strip(), "")

    def test_pip_install(self) -> None:
        """Without the network: what is installed works away from its source, with all its files."""
        if not all(importlib.util.find_spec(name) for name in ("pip", "setuptools", "wheel")):
            self.skipTest("no pip, setuptools and wheel; jobs/install.sh installs them")
        with tempfile.TemporaryDirectory(prefix="gradsweep-test-") as folder:
            source, target = Path(folder, "analysis"), Path(folder, "installed")
            shutil.copytree(ROOT / "analysis", source, ignore=shutil.ignore_patterns("__pycache__"))
            pip = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
            ended = run(*pip, "--disable-pip-version-check", "--no-cache-dir", "--root-user-action=ignore", "--target",
                        str(target), str(source), cwd=folder)  # fmt: skip
            self.assertEqual(ended.returncode, 0, ended.stderr)
            here = {path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.suffix not in ("", ".pyc")}
            there = {path.relative_to(target / "gradsweep") for path in (target / "gradsweep").rglob("*")}
            self.assertEqual(here - there, set())
            shutil.rmtree(source)
            code = "import gradsweep.report.page as p; print(len(open(p.STYLE_SHEET).read()), p.__file__)"
            ended = run("-c", code, cwd=folder, env={"PYTHONPATH": str(target), "PATH": "/usr/bin"})
            self.assertIn(str(target), ended.stdout, ended.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
