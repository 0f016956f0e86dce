# The MPI that everything else must fit. Sets GRADSWEEP_MPI_KIND: openmpi, mpich (and what is made from it: Cray, Intel, MVAPICH),
# or "" for others; and a launcher of the same MPI, where there is one.

find_package(MPI COMPONENTS C QUIET)
gradsweep_require(MPI_C_FOUND "MPI (C compiler wrapper mpicc)" libopenmpi-dev
    VARIABLES "MPI_C_COMPILER to the wrapper (mpicc, mpicc.mpich, cc)" "MPI_HOME to the folder of the MPI")
target_link_libraries(gradsweep_dependencies INTERFACE MPI::MPI_C)

# gradsweep_mpi_defines(<macro> <result>)
function(gradsweep_mpi_defines macro result)
    set(CMAKE_REQUIRED_LIBRARIES MPI::MPI_C)
    set(CMAKE_REQUIRED_QUIET ON)
    unset(GRADSWEEP_MPI_HAS_${macro} CACHE)
    check_c_source_compiles("
        #include <mpi.h>
        #ifndef ${macro}
        #error no
        #endif
        int main(void) { return 0; }" GRADSWEEP_MPI_HAS_${macro})
    set(${result} "${GRADSWEEP_MPI_HAS_${macro}}" PARENT_SCOPE)
    unset(GRADSWEEP_MPI_HAS_${macro} CACHE)
endfunction()

string(MD5 identity "${MPI_C_LIBRARIES};${MPI_C_INCLUDE_DIRS};${MPI_C_COMPILER}")
if(NOT identity STREQUAL "${GRADSWEEP_MPI_IDENTITY}")
    set(kind "")
    gradsweep_mpi_defines(OPEN_MPI is_openmpi)
    if(is_openmpi)
        set(kind openmpi)
    else()
        gradsweep_mpi_defines(MPICH_NUMVERSION is_mpich)
        if(is_mpich)
            set(kind mpich)
        endif()
    endif()
    set(GRADSWEEP_MPI_KIND "${kind}" CACHE INTERNAL "openmpi, mpich or neither")
    set(GRADSWEEP_MPI_IDENTITY ${identity} CACHE INTERNAL "of the MPI whose kind it is")
    unset(GRADSWEEP_MPIEXEC_IS_FOUND_FOR CACHE)
endif()
# How Debian's packages for it are called; for an MPI that is neither, those of its default.
set(GRADSWEEP_MPI_PACKAGES openmpi)
if(GRADSWEEP_MPI_KIND STREQUAL mpich)
    set(GRADSWEEP_MPI_PACKAGES mpich)
endif()

# FindMPI takes the mpiexec that comes first, of whichever MPI. Slurm's srun and unknown launchers are taken at their word.
function(gradsweep_launcher_kind launcher result)
    execute_process(COMMAND ${launcher} --version OUTPUT_VARIABLE output ERROR_VARIABLE error RESULT_VARIABLE failed)
    set(${result} "" PARENT_SCOPE)
    if("${output}${error}" MATCHES "Open MPI|OpenRTE|PRRTE|prterun")
        set(${result} openmpi PARENT_SCOPE)
    elseif("${output}${error}" MATCHES "HYDRA|MPICH|Intel\\(R\\) MPI")
        set(${result} mpich PARENT_SCOPE)
    endif()
endfunction()

if(GRADSWEEP_MPI_KIND AND MPIEXEC_EXECUTABLE AND NOT "${MPIEXEC_EXECUTABLE}" STREQUAL "${GRADSWEEP_MPIEXEC_IS_FOUND_FOR}")
    gradsweep_launcher_kind(${MPIEXEC_EXECUTABLE} launcher_kind)
    if(launcher_kind AND NOT launcher_kind STREQUAL GRADSWEEP_MPI_KIND)
        get_filename_component(folder "${MPI_C_COMPILER}" DIRECTORY)
        find_program(GRADSWEEP_FITTING_MPIEXEC NAMES mpiexec.${GRADSWEEP_MPI_KIND} mpirun.${GRADSWEEP_MPI_KIND} mpiexec.hydra
            mpiexec mpirun HINTS ${folder} NO_CACHE)
        set(fitting_kind "")
        if(GRADSWEEP_FITTING_MPIEXEC)
            gradsweep_launcher_kind(${GRADSWEEP_FITTING_MPIEXEC} fitting_kind)
        endif()
        if(fitting_kind STREQUAL GRADSWEEP_MPI_KIND)
            set(MPIEXEC_EXECUTABLE ${GRADSWEEP_FITTING_MPIEXEC} CACHE FILEPATH "Executable for running MPI programs." FORCE)
        else()
            message(WARNING "${MPIEXEC_EXECUTABLE} is of another MPI (${launcher_kind}) than ${MPI_C_COMPILER} "
                "(${GRADSWEEP_MPI_KIND}): the tests on several ranks would fail. Set MPIEXEC_EXECUTABLE")
        endif()
    endif()
    set(GRADSWEEP_MPIEXEC_IS_FOUND_FOR "${MPIEXEC_EXECUTABLE}" CACHE INTERNAL "the launcher that was looked at")
endif()

gradsweep_probe(mpi_fits mpi_reason LIBRARIES MPI::MPI_C)
set(GRADSWEEP_PROBE_STARTS ${mpi_fits})
if(NOT mpi_fits AND mpi_reason MATCHES "does not run")
    if(NOT CMAKE_CROSSCOMPILING)
        message(WARNING "${mpi_reason}\nHDF5 and ScaLAPACK are linked with this MPI, but not tried: as on login nodes where only srun "
            "starts MPI programs")
    endif()
    set(mpi_fits TRUE)
endif()
gradsweep_require(mpi_fits "MPI" libopenmpi-dev VARIABLES "MPI_C_COMPILER to the wrapper (mpicc, mpicc.mpich, cc)"
    REASON "MPI (${MPI_C_COMPILER}) cannot be used: ${mpi_reason}")
