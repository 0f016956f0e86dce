# What gradsweep stands on, found in the usual ways; each with one line that says what is missing and which variable helps.
# All of it is put together in the target gradsweep_dependencies. MPI goes first: HDF5 and ScaLAPACK must have been built for the
# same one, or the program crashes, so they are tried together (probe.cmake).

add_library(gradsweep_dependencies INTERFACE)
include(CheckCSourceCompiles)
include(packaging/cmake/require.cmake)
include(packaging/cmake/probe.cmake)

find_package(PkgConfig QUIET)
gradsweep_require(PKG_CONFIG_FOUND "pkg-config" pkg-config VARIABLES "PKG_CONFIG_EXECUTABLE to pkg-config or pkgconf")

include(packaging/cmake/mpi.cmake)
include(packaging/cmake/hdf5.cmake)
include(packaging/cmake/linear_algebra.cmake)

pkg_check_modules(FYAML QUIET IMPORTED_TARGET libfyaml)
if(FYAML_FOUND)
    target_link_libraries(gradsweep_dependencies INTERFACE PkgConfig::FYAML)
else()
    # Built by its CMakeLists.txt it has no pkg-config file.
    find_path(FYAML_INCLUDE_DIR libfyaml.h)
    find_library(FYAML_LIBRARY NAMES fyaml)
    if(FYAML_INCLUDE_DIR AND FYAML_LIBRARY)
        set(FYAML_FOUND TRUE)
        target_include_directories(gradsweep_dependencies SYSTEM INTERFACE ${FYAML_INCLUDE_DIR})
        target_link_libraries(gradsweep_dependencies INTERFACE ${FYAML_LIBRARY})
    endif()
endif()
gradsweep_require(FYAML_FOUND "libfyaml" libfyaml-dev
    VARIABLES "CMAKE_PREFIX_PATH to its folder" "PKG_CONFIG_PATH, in the environment, to that of libfyaml.pc"
    "FYAML_INCLUDE_DIR and FYAML_LIBRARY")

find_path(RANDOM123_INCLUDE_DIR Random123/philox.h)
gradsweep_require(RANDOM123_INCLUDE_DIR "Random123 (header Random123/philox.h)" librandom123-dev
    VARIABLES "RANDOM123_INCLUDE_DIR to the folder above Random123/" "CMAKE_PREFIX_PATH")
find_path(XXHASH_INCLUDE_DIR xxhash.h)
gradsweep_require(XXHASH_INCLUDE_DIR "xxHash (header xxhash.h)" libxxhash-dev
    VARIABLES "XXHASH_INCLUDE_DIR to the folder of xxhash.h" "CMAKE_PREFIX_PATH")
find_library(XXHASH_LIBRARY NAMES xxhash)
gradsweep_require(XXHASH_LIBRARY "xxHash (library libxxhash)" libxxhash-dev
    VARIABLES "XXHASH_LIBRARY to libxxhash.so" "CMAKE_PREFIX_PATH")
target_include_directories(gradsweep_dependencies SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR} ${XXHASH_INCLUDE_DIR})
target_link_libraries(gradsweep_dependencies INTERFACE ${XXHASH_LIBRARY})

find_package(Threads REQUIRED)
target_link_libraries(gradsweep_dependencies INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)

find_package(OpenMP COMPONENTS C QUIET)
if(OpenMP_C_FOUND)
    target_link_libraries(gradsweep_dependencies INTERFACE ${OpenMP_C_LIBRARIES})
endif()
