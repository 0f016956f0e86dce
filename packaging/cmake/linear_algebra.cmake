# BLAS, LAPACK and the ScaLAPACK that fits the MPI. BLA_VENDOR chooses among several BLASes (CMake's FindBLAS lists the names):
# OpenBLAS, FLAME (BLIS, with its LAPACK or another), FlexiBLAS, Intel10_64lp_seq (MKL), Generic. On a Cray the compiler brings libsci.

find_package(BLAS QUIET)
gradsweep_require(BLAS_FOUND "A BLAS" libopenblas-dev
    VARIABLES "BLA_VENDOR to its name (OpenBLAS, FLAME, FlexiBLAS, Intel10_64lp_seq)" "CMAKE_PREFIX_PATH to its folder")
find_package(LAPACK QUIET)
if(NOT LAPACK_FOUND AND BLA_VENDOR)
    # BLIS comes without a LAPACK: any one goes with it.
    set(asked_vendor ${BLA_VENDOR})
    set(BLA_VENDOR Generic)
    find_package(LAPACK QUIET)
    set(BLA_VENDOR ${asked_vendor})
endif()
gradsweep_require(LAPACK_FOUND "LAPACK" libopenblas-dev
    VARIABLES "BLA_VENDOR to the name of a BLAS that brings LAPACK" "CMAKE_PREFIX_PATH to its folder"
    REASON "LAPACK was not found; the BLAS is ${BLAS_LIBRARIES}.")
include(packaging/cmake/blas_integers.cmake)

# ---- ScaLAPACK ----

set(scalapack_tried)
set(GRADSWEEP_SCALAPACK_FITS FALSE)

# gradsweep_try_scalapack(<library>...), none: what the compiler or LAPACK brings
macro(gradsweep_try_scalapack)
    if(NOT GRADSWEEP_SCALAPACK_FITS)
        gradsweep_probe(GRADSWEEP_SCALAPACK_FITS reason DEFINITIONS PROBE_HDF5 PROBE_SCALAPACK INCLUDES ${GRADSWEEP_HDF5_INCLUDES}
            LIBRARIES MPI::MPI_C ${GRADSWEEP_HDF5_LIBRARIES} ${ARGN} LAPACK::LAPACK BLAS::BLAS
            KEY ${GRADSWEEP_HDF5_KEY} ${LAPACK_LIBRARIES} ${BLAS_LIBRARIES})
        if(GRADSWEEP_SCALAPACK_FITS)
            set(GRADSWEEP_SCALAPACK_LIBRARIES ${ARGN})
        else()
            list(APPEND scalapack_tried "${ARGN}: ${reason}")
        endif()
    endif()
endmacro()

# gradsweep_try_named_scalapack(<name>): by pkg-config, then as a bare library. find_package(scalapack) is not asked: it aborts
# the configuration with Debian's package files.
macro(gradsweep_try_named_scalapack name)
    if(NOT GRADSWEEP_SCALAPACK_FITS)
        string(MAKE_C_IDENTIFIER "GRADSWEEP_PC_${name}" prefix)
        pkg_check_modules(${prefix} QUIET ${name})
        find_library(found_scalapack NAMES ${name} HINTS ${${prefix}_LIBRARY_DIRS} ${${prefix}_LIBDIR} NO_CACHE)
        if(found_scalapack)
            gradsweep_try_scalapack(${found_scalapack})
        endif()
        unset(found_scalapack)
    endif()
endmacro()

if(SCALAPACK_LIBRARY)
    gradsweep_try_scalapack(${SCALAPACK_LIBRARY})
else()
    if("${BLAS_LIBRARIES}" MATCHES "mkl_")
        # MKL's own, with the BLACS of this MPI; that for Intel's is that for MPICH.
        set(blacs mkl_blacs_intelmpi_lp64)
        if(GRADSWEEP_MPI_KIND STREQUAL openmpi)
            set(blacs mkl_blacs_openmpi_lp64)
        endif()
        string(REGEX MATCH "[^;]*mkl_[^;]*" mkl_library "${BLAS_LIBRARIES}")
        get_filename_component(mkl_folder "${mkl_library}" DIRECTORY)
        find_library(mkl_scalapack NAMES mkl_scalapack_lp64 HINTS ${mkl_folder} NO_CACHE)
        find_library(mkl_blacs NAMES ${blacs} HINTS ${mkl_folder} NO_CACHE)
        if(mkl_scalapack AND mkl_blacs)
            gradsweep_try_scalapack(${mkl_scalapack} ${mkl_blacs})
        endif()
    endif()
    if(GRADSWEEP_MPI_KIND)
        gradsweep_try_named_scalapack(scalapack-${GRADSWEEP_MPI_KIND})
    endif()
    if(DEFINED ENV{CRAYPE_VERSION} OR "${LAPACK_LIBRARIES}" MATCHES "sci")
        gradsweep_try_scalapack() # libsci
    endif()
    gradsweep_try_named_scalapack(scalapack)
endif()

set(reason "ScaLAPACK was not found.")
if(scalapack_tried)
    set(reason "No ScaLAPACK that was found fits this MPI (${MPI_C_COMPILER}, ${GRADSWEEP_MPI_KIND}) and BLAS (${BLAS_LIBRARIES}):"
        ${scalapack_tried})
endif()
gradsweep_require(GRADSWEEP_SCALAPACK_FITS "ScaLAPACK" libscalapack-${GRADSWEEP_MPI_PACKAGES}-dev REASON ${reason}
    VARIABLES "SCALAPACK_LIBRARY to a libscalapack.so built with this MPI (with MKL: libmkl_scalapack_lp64.so and the fitting BLACS)"
    "CMAKE_PREFIX_PATH to its folder" "MPI_C_COMPILER to the MPI that it was built with")
set(GRADSWEEP_SCALAPACK_FOUND "${GRADSWEEP_SCALAPACK_LIBRARIES}" CACHE INTERNAL "the ScaLAPACK that fits")
target_link_libraries(gradsweep_dependencies INTERFACE ${GRADSWEEP_SCALAPACK_LIBRARIES} LAPACK::LAPACK BLAS::BLAS)
