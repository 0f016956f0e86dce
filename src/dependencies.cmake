# What gradsweep stands on, found in the usual ways; each with one line that says what is missing and how to get it.
# All of it is put together in the target gradsweep_dependencies.

add_library(gradsweep_dependencies INTERFACE)

# gradsweep_require(<found?> <what it is> <Debian package>)
function(gradsweep_require found what package)
    if(NOT ${found})
        message(FATAL_ERROR "${what} was not found. On Debian: apt-get install ${package} (jobs/install.sh installs all)")
    endif()
endfunction()

find_package(PkgConfig QUIET)
gradsweep_require(PKG_CONFIG_FOUND "pkg-config" pkg-config)

find_package(MPI COMPONENTS C QUIET)
gradsweep_require(MPI_C_FOUND "MPI (C compiler wrapper mpicc)" libopenmpi-dev)
target_link_libraries(gradsweep_dependencies INTERFACE MPI::MPI_C)

# Parallel HDF5 goes by several names: Debian's hdf5-openmpi or hdf5-mpich, elsewhere plain hdf5.
pkg_search_module(HDF5 QUIET IMPORTED_TARGET hdf5-openmpi hdf5-mpich hdf5-mpi hdf5)
if(HDF5_FOUND)
    target_link_libraries(gradsweep_dependencies INTERFACE PkgConfig::HDF5)
    find_library(HDF5_HL_LIBRARY NAMES hdf5_hl HINTS ${HDF5_LIBRARY_DIRS})
else()
    set(HDF5_PREFER_PARALLEL ON)
    find_package(HDF5 COMPONENTS C HL QUIET)
    if(HDF5_FOUND)
        target_include_directories(gradsweep_dependencies INTERFACE ${HDF5_C_INCLUDE_DIRS})
        target_link_libraries(gradsweep_dependencies INTERFACE ${HDF5_C_LIBRARIES})
        set(HDF5_HL_LIBRARY ${HDF5_C_HL_LIBRARIES})
    endif()
endif()
gradsweep_require(HDF5_FOUND "Parallel HDF5" libhdf5-openmpi-dev)
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES ${HDF5_INCLUDE_DIRS} ${HDF5_C_INCLUDE_DIRS})
set(CMAKE_REQUIRED_QUIET ON)
check_c_source_compiles("
    #include <H5pubconf.h>
    #ifndef H5_HAVE_PARALLEL
    #error serial
    #endif
    int main(void) { return 0; }" GRADSWEEP_HDF5_IS_PARALLEL)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_QUIET)
if(NOT GRADSWEEP_HDF5_IS_PARALLEL)
    unset(GRADSWEEP_HDF5_IS_PARALLEL CACHE) # so that the next configuration looks again
endif()
gradsweep_require(GRADSWEEP_HDF5_IS_PARALLEL "Parallel HDF5 (the one found is serial)" libhdf5-openmpi-dev)
gradsweep_require(HDF5_HL_LIBRARY "The high-level library of parallel HDF5" libhdf5-openmpi-dev)
target_link_libraries(gradsweep_dependencies INTERFACE ${HDF5_HL_LIBRARY})

# find_package(scalapack) aborts the configuration with Debian's package files, so pkg-config, then the bare library.
pkg_search_module(SCALAPACK QUIET scalapack-openmpi scalapack-mpich scalapack)
find_library(SCALAPACK_LIBRARY NAMES scalapack-openmpi scalapack-mpich scalapack HINTS ${SCALAPACK_LIBRARY_DIRS})
gradsweep_require(SCALAPACK_LIBRARY "ScaLAPACK" libscalapack-openmpi-dev)
target_link_libraries(gradsweep_dependencies INTERFACE ${SCALAPACK_LIBRARY})

find_package(BLAS QUIET)
gradsweep_require(BLAS_FOUND "A BLAS" libopenblas-dev)
find_package(LAPACK QUIET)
gradsweep_require(LAPACK_FOUND "LAPACK" libopenblas-dev)
target_link_libraries(gradsweep_dependencies INTERFACE LAPACK::LAPACK BLAS::BLAS)
include(src/blas_integers.cmake)

pkg_check_modules(FYAML QUIET IMPORTED_TARGET libfyaml)
gradsweep_require(FYAML_FOUND "libfyaml" libfyaml-dev)
target_link_libraries(gradsweep_dependencies INTERFACE PkgConfig::FYAML)

find_path(RANDOM123_INCLUDE_DIR Random123/philox.h)
gradsweep_require(RANDOM123_INCLUDE_DIR "Random123 (header Random123/philox.h)" librandom123-dev)
find_path(XXHASH_INCLUDE_DIR xxhash.h)
gradsweep_require(XXHASH_INCLUDE_DIR "xxHash (header xxhash.h)" libxxhash-dev)
find_library(XXHASH_LIBRARY NAMES xxhash)
gradsweep_require(XXHASH_LIBRARY "xxHash" libxxhash-dev)
target_include_directories(gradsweep_dependencies SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR} ${XXHASH_INCLUDE_DIR})
target_link_libraries(gradsweep_dependencies INTERFACE ${XXHASH_LIBRARY})

find_package(Threads REQUIRED)
target_link_libraries(gradsweep_dependencies INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)

find_package(OpenMP COMPONENTS C QUIET)
if(OpenMP_C_FOUND)
    target_link_libraries(gradsweep_dependencies INTERFACE ${OpenMP_C_LIBRARIES})
endif()
