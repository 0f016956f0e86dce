"""The recipes under packaging/ are of this version, and each is well-formed in its own language, as far as that can be told without
its tool; what they name of the source is there.

usage: packaging.py SOURCE VERSION"""

import ast
import re
import subprocess
import sys
import unittest
from pathlib import Path

SOURCE = VERSION = None
DOCKER = {"FROM", "ENV", "RUN", "COPY", "CMD"}
APPTAINER = {"files", "post", "environment", "test", "runscript"}


def text(path):
    return (SOURCE / path).read_text()


def continued(lines):
    """Lines with their continuations, without comments."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in lines.splitlines() if not line.lstrip().startswith("#")))
    return [line for line in joined.splitlines() if line.strip()]


class Recipes(unittest.TestCase):
    def test_changes(self):
        self.assertRegex(text("docs/CHANGELOG.md"), rf"(?m)^## {re.escape(VERSION)}$")
        self.assertIn(f'/* "{VERSION}" */', text("include/gradsweep/gradsweep.h"))

    def test_licence(self):
        """None is stated; no recipe invents one."""
        recipes = [path for path in (SOURCE / "packaging").rglob("*")
                   if path.name in ("package.py", "meta.yaml", "Dockerfile", "copyright", "README.md") or path.suffix in (".eb", ".def")]
        self.assertEqual(len(recipes), 7)
        for path in recipes:
            with self.subTest(recipe=path.name):
                self.assertIn("The source states no licence", path.read_text())
                self.assertNotRegex(path.read_text(), r"(?m)^ *(license\(['\"]|license:|software_license *=)")

    def test_spack(self):
        tree = ast.parse(text("packaging/spack/packages/gradsweep/package.py"))
        package = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Gradsweep")
        calls = [node for node in ast.walk(package) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        versions = [call.args[0].value for call in calls if call.func.id == "version"]
        self.assertIn(VERSION, versions)
        needed = {call.args[0].value.split("@")[0].split("+")[0] for call in calls
                  if call.func.id == "depends_on" and isinstance(call.args[0], ast.Constant)}
        self.assertLessEqual({"mpi", "hdf5", "scalapack", "blas", "lapack", "libfyaml", "random123", "xxhash"}, needed)
        self.assertIn("namespace: gradsweep", text("packaging/spack/repo.yaml"))

    def test_easybuild(self):
        path, = (SOURCE / "packaging/easybuild").glob("*.eb")
        values = {target.id: node.value for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)
                  for target in node.targets if isinstance(target, ast.Name)}
        version, toolchain = (ast.literal_eval(values[name]) for name in ("version", "toolchain"))
        self.assertEqual(version, VERSION)
        self.assertEqual(path.name, f"gradsweep-{VERSION}-{toolchain['name']}-{toolchain['version']}.eb")
        for option in re.findall(r"-D(\w+)=", path.read_text()):
            self.assert_is_option(option)

    def assert_is_option(self, name):
        """One of CMake's own, or one that our files know."""
        if name.startswith(("CMAKE_", "BLA_", "HDF5_", "MPI_")):
            return
        known = "".join(path.read_text() for path in [SOURCE / "CMakeLists.txt", *(SOURCE / "packaging/cmake").glob("*.cmake")])
        self.assertRegex(known, rf"\b{name}\b")

    def test_conda(self):
        recipe = text("packaging/conda/meta.yaml")
        self.assertIn(f'set version = "{VERSION}"', recipe)
        self.assertEqual(recipe.count("{{"), recipe.count("}}"))
        try:
            import yaml
        except ImportError:
            self.skipTest("no yaml")
        filled = re.sub(r"{{.*?}}", "filled", re.sub(r"(?m)^{%.*%}$", "", recipe))
        read = yaml.safe_load(filled)
        self.assertLessEqual({"package", "source", "build", "requirements", "test"}, read.keys())
        self.assertTrue((SOURCE / "packaging/conda" / read["source"][0]["path"] / "CMakeLists.txt").exists())
        yaml.safe_load(text("packaging/conda/conda_build_config.yaml"))
        for option in re.findall(r"-D(\w+)=", text("packaging/conda/build.sh")):
            self.assert_is_option(option)

    def test_containers(self):
        for line in continued(text("packaging/docker/Dockerfile")):
            self.assertIn(line.split()[0], DOCKER, line)
        for command in re.findall(r"(?m)^RUN (.*)$", "\n".join(continued(text("packaging/docker/Dockerfile")))):
            self.assert_is_shell(command)
        definition = text("packaging/apptainer/gradsweep.def")
        sections = dict(re.findall(r"(?ms)^%(\w+)\n(.*?)(?=^%|\Z)", definition))
        self.assertEqual(set(sections), APPTAINER)
        self.assertRegex(definition, r"(?m)^Bootstrap: docker\nFrom: debian:12$")
        for name in sections.keys() - {"files"}:
            self.assert_is_shell(sections[name])

    def assert_is_shell(self, script):
        checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""), script)

    def test_debian(self):
        self.assertRegex(text("packaging/debian/changelog"), rf"^gradsweep \({re.escape(VERSION)}\) ")
        control = text("packaging/debian/control")
        self.assertRegex(control, r"(?m)^Source: gradsweep$")
        self.assertRegex(control, r"(?m)^Package: gradsweep$")
        self.assertTrue(text("packaging/debian/rules").startswith("#!/usr/bin/make -f\n"))
        for option in re.findall(r"-D(\w+)=", text("packaging/debian/rules")):
            self.assert_is_option(option)
        self.assert_is_shell(text("packaging/debian/build.sh"))


if __name__ == "__main__":
    SOURCE, VERSION = Path(sys.argv[1]), sys.argv[2]
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=1)
