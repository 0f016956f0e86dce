# Whether libraries fit the MPI that was found: a program of MPI and them is linked, looked at, and started
# (probe.c).
#
# Looked at: what it would load must hold one MPI library and one HDF5, even where MPI programs cannot be started here, as on
# the login nodes of some clusters. Started: only where MPI alone can be; when cross-compiling by the emulator, if there is one.

set(GRADSWEEP_PROBE_SOURCE ${CMAKE_CURRENT_LIST_DIR}/probe.c)

# The MPI libraries and HDF5s that a program loads, with their paths; none where the system does not tell (no ldd).
function(gradsweep_loaded_families program result_mpi result_hdf5)
    set(${result_mpi} "" PARENT_SCOPE)
    set(${result_hdf5} "" PARENT_SCOPE)
    if(CMAKE_CROSSCOMPILING)
        return()
    endif()
    execute_process(COMMAND ldd ${program} OUTPUT_VARIABLE lines ERROR_QUIET RESULT_VARIABLE failed)
    if(NOT failed EQUAL 0)
        return()
    endif()
    # libmpi.so.40, libmpich.so.12, libmpi_cray.so.12, libmpi_gnu_123.so.12; not libmpi_mpifh.so, libmpi_cxx.so
    string(REGEX MATCHALL "libmpi(ch|_cray|_gnu|_gnu_[0-9]+|_intel|_aocc|_nvidia)?\\.so[.0-9]* => [^ \n]+" mpi "${lines}")
    string(REGEX MATCHALL "libhdf5(_openmpi|_mpich|_serial|_parallel|_parallel_[a-z]+)?\\.so[.0-9]* => [^ \n]+" hdf5 "${lines}")
    foreach(family IN ITEMS mpi hdf5)
        list(TRANSFORM ${family} REPLACE "^.* => " "")
        list(REMOVE_DUPLICATES ${family})
        set(${result_${family}} "${${family}}" PARENT_SCOPE)
    endforeach()
endfunction()

# gradsweep_probe(<result> <reason> DEFINITIONS <name>... LIBRARIES <library or target>... [INCLUDES <folder>...] [KEY <text>...])
# <result> is TRUE where they fit, else FALSE, with <reason>. What fitted once is not tried again; KEY: what a target stands for.
function(gradsweep_probe result reason)
    cmake_parse_arguments(PROBE "" "" "DEFINITIONS;LIBRARIES;INCLUDES;KEY" ${ARGN})
    set(${result} FALSE PARENT_SCOPE)
    set(${reason} "" PARENT_SCOPE)
    string(MD5 key "${PROBE_KEY};${PROBE_DEFINITIONS};${PROBE_LIBRARIES};${PROBE_INCLUDES};${CMAKE_C_FLAGS};${MPI_C_LIBRARIES}")
    if("${key}" IN_LIST GRADSWEEP_PROBES_PASSED)
        set(${result} TRUE PARENT_SCOPE)
        return()
    endif()

    list(TRANSFORM PROBE_DEFINITIONS PREPEND -D OUTPUT_VARIABLE definitions)
    set(program ${CMAKE_BINARY_DIR}/CMakeFiles/gradsweep_probe)
    file(REMOVE ${program})
    try_compile(linked ${CMAKE_BINARY_DIR}/CMakeFiles/gradsweep_probe_build SOURCES ${GRADSWEEP_PROBE_SOURCE}
        CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${PROBE_INCLUDES}" COMPILE_DEFINITIONS ${definitions}
        LINK_LIBRARIES ${PROBE_LIBRARIES} OUTPUT_VARIABLE output COPY_FILE ${program} COPY_FILE_ERROR not_copied)
    set(is_linked ${linked})
    unset(linked CACHE)
    if(NOT is_linked)
        string(REGEX MATCHALL "[^\n]*(error|undefined reference|cannot find|not found)[^\n]*" lines "${output}")
        list(SUBLIST lines 0 3 lines)
        list(JOIN lines "\n    " lines)
        set(${reason} "it does not compile and link with this MPI:\n    ${lines}" PARENT_SCOPE)
        return()
    endif()

    gradsweep_loaded_families(${program} mpi hdf5)
    foreach(family IN ITEMS mpi hdf5)
        list(LENGTH ${family} count)
        if(count GREATER 1)
            list(JOIN ${family} " and " both)
            set(${reason} "the program would load ${both}: they are of different MPI libraries" PARENT_SCOPE)
            return()
        endif()
    endforeach()

    if(GRADSWEEP_PROBE_STARTS OR NOT PROBE_DEFINITIONS)
        execute_process(COMMAND ${CMAKE_COMMAND} -E env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
            OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl_vader_single_copy_mechanism=none OPENBLAS_NUM_THREADS=1
            ${CMAKE_CROSSCOMPILING_EMULATOR} ${program}
            WORKING_DIRECTORY ${CMAKE_BINARY_DIR} TIMEOUT 300 RESULT_VARIABLE ended OUTPUT_VARIABLE said ERROR_VARIABLE complained)
        if(NOT ended EQUAL 0 OR NOT said MATCHES "well")
            string(REGEX MATCH "[^\n]+" first "${said}${complained}")
            set(${reason} "a program of it and this MPI does not run (${ended}): ${first}" PARENT_SCOPE)
            return()
        endif()
    endif()
    set(passed ${GRADSWEEP_PROBES_PASSED} ${key})
    set(GRADSWEEP_PROBES_PASSED "${passed}" CACHE INTERNAL "libraries that fit the MPI")
    set(${result} TRUE PARENT_SCOPE)
endfunction()
