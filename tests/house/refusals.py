"""Whatever the configuration lacks it refuses, naming the variable that helps: each dependency is hidden in turn, one is of
another MPI. Nothing is built but two libraries that stand for those of that MPI. And where a BLAS of another name is asked for, it is
found with the ScaLAPACK that belongs to it: files of the names that FlexiBLAS and MKL have, which lead the linker to what is there.

usage: refusals.py CMAKE SOURCE BUILD GENERATOR C_COMPILER [WHAT IS HIDDEN | vendors]...
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CMAKE, SOURCE, BUILD, GENERATOR, COMPILER = sys.argv[1:6]
ONLY = sys.argv[6:]
CACHE = (Path(BUILD) / "CMakeCache.txt").read_text()
# What finds libraries and headers in the usual places is told not to look there.
NO_LIBRARIES = "-DCMAKE_IGNORE_PATH=" + ";".join(
    [f"{top}/{folder}" for top in ("/usr", "") for folder in ("lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib")])
FORGET = ["-U*GRADSWEEP_PC_*", "-U*FYAML*", "-U*CMOCKA*", "-UHDF5*", "-UXXHASH*", "-URANDOM123*", "-USCALAPACK*",
          "-UGRADSWEEP_PROBES_PASSED"]
NO_HEADERS = "-DCMAKE_IGNORE_PATH=/usr/include;/usr/local/include"


def cached(name):
    found = re.search(rf"^{name}:[A-Z]+=(.*)$", CACHE, re.MULTILINE)
    return found.group(1) if found else ""


def without(name):
    return f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON"


class Configuration:
    """Folders for one configuration after another."""

    def __init__(self, place):
        self.place = place
        self.number = 0

    def packages(self, hidden, change=None):
        """A folder of all pkg-config files but those whose names match; `change` may edit the texts of some."""
        folder = self.place / f"packages-{self.number}"
        folder.mkdir()
        asked = subprocess.run(["pkg-config", "--variable", "pc_path", "pkg-config"], text=True, capture_output=True)
        paths = os.environ.get("PKG_CONFIG_PATH", "").split(":") + asked.stdout.strip().split(":")
        for path in filter(None, paths):
            for file in Path(path).glob("*.pc"):
                if (folder / file.name).exists() or re.match(hidden, file.name):
                    continue
                if change and re.match(change[0], file.name):
                    (folder / file.name).write_text(change[1](file.read_text()))
                else:
                    (folder / file.name).symlink_to(file)
        return folder

    def begin(self):
        """A folder that knows what the project's own configuration has found: the compiler and MPI need not be looked at anew."""
        build = self.place / "build"
        for found in Path(BUILD).glob("CMakeFiles/[0-9]*"):
            shutil.copytree(found, build / "CMakeFiles" / found.name)
        at = re.compile(r"^((CMAKE_CACHEFILE_DIR:INTERNAL|\w+_BINARY_DIR:STATIC)=).*$", re.MULTILINE)
        self.cache = at.sub(rf"\g<1>{build}", CACHE)

    def run(self, options, hidden="$", change=None):
        self.number += 1
        (self.place / "build/CMakeCache.txt").write_text(self.cache)
        environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(self.packages(hidden, change)), "PKG_CONFIG_PATH": ""}
        environment.pop("HDF5_ROOT", None)
        ended = subprocess.run([CMAKE, "-S", SOURCE, "-B", str(self.place / "build"), "-G", GENERATOR, *FORGET, *options], text=True,
                               capture_output=True, env=environment, stdin=subprocess.DEVNULL)
        return ended.returncode, " ".join((ended.stdout + ended.stderr).split())


def make_foreign_scalapack(place):
    """A ScaLAPACK that wants the library of another MPI."""
    name = "libmpi.so.40" if "MPI_KIND:INTERNAL=mpich" in CACHE else "libmpich.so.12"
    names = ("Csys2blacs_handle Cfree_blacs_system_handle Cblacs_gridinit Cblacs_gridinfo Cblacs_gridexit pdgemm_").split()
    (place / "other.c").write_text("void other_mpi(void) {}\n")
    (place / "scalapack.c").write_text("void other_mpi(void);\n" + "".join(f"void {n}(void) {{ other_mpi(); }}\n" for n in names))
    for line in (f"-Wl,-soname,{name} -o {place}/{name} {place}/other.c",
                 f"-o {place}/libscalapack.so {place}/scalapack.c {place}/{name} -Wl,-rpath,{place}"):
        subprocess.run([COMPILER, "-shared", "-fPIC", *line.split()], check=True)
    return place / "libscalapack.so"


def make_vendors(place):
    """FlexiBLAS and MKL by their names, as scripts of the linker."""
    folder = place / "vendors"
    folder.mkdir()
    blas = f"INPUT ( {cached('BLAS_LIBRARIES') or '-lblas'} {cached('LAPACK_LIBRARIES') or '-llapack'} )\n".replace(";", " ")
    scalapack = f"INPUT ( {cached('GRADSWEEP_SCALAPACK_FOUND')} )\n".replace(";", " ")
    for name in ("flexiblas", "mkl_intel_lp64", "mkl_gf_lp64", "mkl_sequential", "mkl_core", "mkl_blacs_openmpi_lp64",
                 "mkl_blacs_intelmpi_lp64"):
        (folder / f"lib{name}.so").write_text(blas)
    (folder / "libmkl_scalapack_lp64.so").write_text(scalapack)
    return folder


def find_vendors(configuration, place):
    """How many BLASes of other names were not found as they must be."""
    folder = make_vendors(place)
    blacs = f"mkl_blacs_{'intelmpi' if 'MPI_KIND:INTERNAL=mpich' in CACHE else 'openmpi'}_lp64"
    wrong = 0
    for vendor, hidden, wanted in (("FlexiBLAS", "$", ["libflexiblas.so"]),
                                   ("Intel10_64lp_seq", "scalapack", ["mkl_core", f"mkl_scalapack_lp64.so;{folder}/lib{blacs}.so"])):
        code, said = configuration.run([f"-DBLA_VENDOR={vendor}", f"-DCMAKE_LIBRARY_PATH={folder}", "-UBLAS_*", "-ULAPACK_*",
                                        "-DGRADSWEEP_BUILD_TESTS=OFF"], hidden)
        found = (place / "build/CMakeCache.txt").read_text()
        rules = (place / "build/build.ninja").read_text() if GENERATOR == "Ninja" else "".join(wanted)
        lacking = [name for name in wanted if name not in found and name not in rules]
        if code != 0 or lacking:
            wrong += 1
            print(f"BLA_VENDOR={vendor}: exit code {code}, did not find {lacking}:\n  {said[-1500:]}\n")
    return wrong


def find_hdf5(suffix=""):
    """The library that this build's programs are linked with."""
    found = re.search(rf"[^;=\s]*/libhdf5{suffix}\.so", cached("GRADSWEEP_HDF5_FOUND"))
    return found.group(0) if found else ""


def make_lone_hdf5(place):
    """How to edit HDF5's pkg-config files so that they lead to a folder without the high-level library."""
    folder = place / "lone"
    folder.mkdir()
    (folder / "libhdf5.so").symlink_to(find_hdf5() or "/nowhere")
    return lambda text: re.sub(r"-L\S+", f"-L{folder}", re.sub(r"(?m)^libdir=.*$", f"libdir={folder}", text))


def make_serial_hdf5(place):
    folder = place / "serial"
    folder.mkdir()
    (folder / "hdf5.h").write_text("typedef long hid_t;\n")
    return lambda text: re.sub(r"-I\S+", f"-I{folder}", re.sub(r"(?m)^includedir=.*$", f"includedir={folder}", text))


def main():
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        configuration = Configuration(place)
        configuration.begin()
        no_tests = "-DGRADSWEEP_BUILD_TESTS=OFF"
        random123 = f"-DRANDOM123_INCLUDE_DIR={cached('RANDOM123_INCLUDE_DIR')}"
        no_hdf5 = without("HDF5")
        cases = [  # what is hidden, options, pkg-config's names, how to edit some of its files, what must be said
            ("pkg-config", ["-DPKG_CONFIG_EXECUTABLE=/nowhere"], "$", None, ["PKG_CONFIG_EXECUTABLE"]),
            ("MPI", [without("MPI")], "$", None, ["MPI_C_COMPILER", "MPI_HOME"]),
            ("HDF5", [no_hdf5], "hdf5", None, ["HDF5_ROOT", "CMAKE_PREFIX_PATH"]),
            ("HDF5 that is parallel", [no_hdf5], "$", ("hdf5", make_serial_hdf5(place)), ["HDF5_ROOT", "No HDF5 that was found fits"]),
            ("HDF5's high level", [no_hdf5, NO_LIBRARIES], "$", ("hdf5", make_lone_hdf5(place)), ["HDF5_HL_LIBRARY"]),
            ("BLAS", [without("BLAS")], "$", None, ["BLA_VENDOR", "CMAKE_PREFIX_PATH"]),
            ("LAPACK", [without("LAPACK")], "$", None, ["BLA_VENDOR", "LAPACK was not found"]),
            ("ScaLAPACK", [NO_LIBRARIES], "scalapack", None, ["SCALAPACK_LIBRARY", "ScaLAPACK was not found"]),
            ("ScaLAPACK of this MPI", [f"-DSCALAPACK_LIBRARY={make_foreign_scalapack(place)}"], "$", None,
             ["SCALAPACK_LIBRARY", "different MPI libraries"]),
            ("libfyaml", [NO_HEADERS], "libfyaml", None, ["CMAKE_PREFIX_PATH", "PKG_CONFIG_PATH", "FYAML_LIBRARY"]),
            ("Random123", [NO_HEADERS], "$", None, ["RANDOM123_INCLUDE_DIR"]),
            ("xxHash's header", [NO_HEADERS, random123], "$", None, ["XXHASH_INCLUDE_DIR"]),
            ("xxHash's library", [NO_LIBRARIES, f"-DSCALAPACK_LIBRARY={cached('GRADSWEEP_SCALAPACK_FOUND')}",
                                  f"-DHDF5_HL_LIBRARY={find_hdf5('_hl')}"], "$", None, ["XXHASH_LIBRARY"]),
            ("cmocka", ["-DGRADSWEEP_BUILD_TESTS=ON"], "cmocka", None, ["GRADSWEEP_BUILD_TESTS"]),
            ("Python", ["-DGRADSWEEP_BUILD_TESTS=ON", without("Python3")], "$", None, ["Python3_EXECUTABLE"]),
        ]
        cases = [case for case in cases if not ONLY or case[0] in ONLY]
        wrong = 0
        for what, options, hidden, change, wanted in cases:
            if "-DGRADSWEEP_BUILD_TESTS=ON" not in options:
                options = options + [no_tests]
            code, said = configuration.run(options, hidden, change)
            lacking = [word for word in wanted + ["apt-get install"] if word not in said]
            if code == 0 or lacking:
                wrong += 1
                print(f"without {what}: exit code {code}, said nothing of {lacking}:\n  {said[-1500:]}\n")
        print(f"{len(cases) - wrong} of {len(cases)} refusals name what helps")
        if not ONLY or "vendors" in ONLY:
            wrong += find_vendors(configuration, place)
        return 1 if wrong else 0


sys.exit(main())
