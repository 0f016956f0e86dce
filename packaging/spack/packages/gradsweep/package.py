"""gradsweep for Spack, from the checkout that this recipe lies in:

    spack repo add packaging/spack
    spack install gradsweep ^mpich

The source states no licence, so there is no line license(...) here.
"""
import os

from spack.package import *

try:  # Spack 1.0 and later keep what builds with CMake in their repository of packages
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:
    pass


class Gradsweep(CMakePackage):
    """Exploding and vanishing gradients of recurrent networks, over whole grids of them: an MPI-parallel simulator."""

    homepage = "https://arxiv.org/abs/1211.5063"
    git = "file://" + os.path.abspath(os.path.join(os.path.dirname(os.path.realpath(__file__)), *[os.pardir] * 4))

    version("main", branch="main")
    version("0.2.0", tag="v0.2.0")

    variant("analysis", default=True, description="What the analysis in Python needs: figures, the report")

    depends_on("c", type="build")
    depends_on("cmake@3.22:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("hdf5@1.10:+mpi+hl")
    depends_on("scalapack")
    depends_on("blas")
    depends_on("lapack")
    depends_on("libfyaml@0.7:")
    depends_on("random123@1.14:")
    depends_on("xxhash@0.8:")
    depends_on("cmocka@1.1.5:", type=("build", "test"))
    depends_on("python@3.9:", type=("build", "run"), when="+analysis")
    for package in ("numpy", "scipy", "h5py", "xarray", "matplotlib", "plotly", "pyyaml"):
        depends_on("py-" + package, type="run", when="+analysis")

    def cmake_args(self):
        return [
            self.define("GRADSWEEP_BUILD_TESTS", self.run_tests),
            self.define("MPI_C_COMPILER", self.spec["mpi"].mpicc),
            self.define("HDF5_ROOT", self.spec["hdf5"].prefix),
            # A list where MKL brings it: ScaLAPACK and the BLACS of this MPI.
            self.define("SCALAPACK_LIBRARY", ";".join(self.spec["scalapack"].libs)),
            self.define("BLAS_LIBRARIES", ";".join(self.spec["blas"].libs)),
            self.define("LAPACK_LIBRARIES", ";".join(self.spec["lapack"].libs)),
            self.define("RANDOM123_INCLUDE_DIR", self.spec["random123"].prefix.include),
        ]

    def setup_run_environment(self, env):
        env.set("GRADSWEEP_JOBS", self.prefix.share.gradsweep.jobs)
        env.prepend_path("PYTHONPATH", self.prefix.share.gradsweep.analysis)

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def says_its_version(self):
        Executable(self.prefix.bin.gradsweep)("--version")
