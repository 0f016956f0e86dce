# How tests are registered, whatever they test. Tiers are labels: `quick` (tests/run.sh --quick: what tells within a minute and
# a half whether something is broken), none (with the former, tests/run.sh), `campaign` (tests/run.sh --all as well: what waits
# for ranks that are lost, starts clusters, or tries things by the hundred).

# ob1 is what Open MPI finds for one host by itself, having tried out all others: a sixth of what a short run takes.
set(GRADSWEEP_TEST_ENVIRONMENT
    "OMPI_MCA_pml=ob1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_mpi_yield_when_idle=1;OMPI_MCA_btl_vader_single_copy_mechanism=none")
# Nor are devices of the machine looked for: a fifth of what the run of one rank takes.
string(APPEND GRADSWEEP_TEST_ENVIRONMENT ";HWLOC_COMPONENTS=-linuxio,-pci")
# Open MPI 5 has other names for the same.
string(APPEND GRADSWEEP_TEST_ENVIRONMENT ";PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe;OMPI_MCA_smsc=^cma")
# Ranks of other MPIs poll while they wait: more of them than cores take their time.
set(GRADSWEEP_TEST_PATIENCE 1)
if(NOT GRADSWEEP_MPI_KIND STREQUAL openmpi)
    set(GRADSWEEP_TEST_PATIENCE 4)
endif()
if(CMAKE_C_FLAGS MATCHES "-fsanitize") # which slow everything down tenfold
    math(EXPR GRADSWEEP_TEST_PATIENCE "4 * ${GRADSWEEP_TEST_PATIENCE}")
endif()
string(APPEND GRADSWEEP_TEST_ENVIRONMENT ";GRADSWEEP_TEST_PATIENCE=${GRADSWEEP_TEST_PATIENCE}")
# MPI keeps what it has allocated; a program that starts it cannot be asked for leaks.
set(GRADSWEEP_MPI_ENVIRONMENT "${GRADSWEEP_TEST_ENVIRONMENT};ASAN_OPTIONS=detect_leaks=0")
# Programs and libraries that tests run the command with; tests/command/command.py looks here, beside the build of the command.
set(GRADSWEEP_TEST_TOOLS ${CMAKE_BINARY_DIR}/tests/tools)

function(gradsweep_add_test_program name source)
    add_executable(${name} ${source})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE gradsweep_archive gradsweep_warnings PkgConfig::CMOCKA)
endfunction()

# A library that tests load before the command.
function(gradsweep_add_test_library name source)
    add_library(${name} MODULE ${source})
    target_link_libraries(${name} PRIVATE gradsweep_warnings ${CMAKE_DL_LIBS})
    target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
    # It is there to take precedence.
    set_target_properties(${name} PROPERTIES C_VISIBILITY_PRESET default PREFIX ""
        LIBRARY_OUTPUT_DIRECTORY ${GRADSWEEP_TEST_TOOLS})
endfunction()

# One program on so many ranks:
#   add_mpi_test(<program> RANKS <n> [ARGUMENTS <argument>...] [TIMEOUT <s>] [LABELS ...] [CORES <n>] [TCP] [ENDS_RESUMABLE])
# CORES: how many the test keeps busy at the most (2); one rank keeps one. 3 are all of a machine with two: ranks that wait for
# each other all the time suffer from neighbours.
# TCP: not through shared memory, as between nodes (Open MPI). ENDS_RESUMABLE: a job that never ends by itself and must be
# ended, with exit code 75.
function(add_mpi_test program)
    cmake_parse_arguments(TEST "TCP;ENDS_RESUMABLE" "RANKS;TIMEOUT;CORES" "LABELS;ARGUMENTS" ${ARGN})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 300)
    endif()
    list(JOIN TEST_ARGUMENTS "_" suffix)
    string(REGEX REPLACE "(.)$" "\\1_" suffix "${suffix}")
    math(EXPR TEST_TIMEOUT "${TEST_TIMEOUT} * ${GRADSWEEP_TEST_PATIENCE}")
    if(TEST_TCP AND NOT GRADSWEEP_MPI_KIND STREQUAL openmpi)
        return()
    endif()
    if(NOT TEST_CORES)
        set(TEST_CORES 2)
    endif()
    if(TEST_RANKS EQUAL 1)
        set(TEST_CORES 1)
    endif()
    set(name ${program}_${suffix}${TEST_RANKS}_ranks)
    set(command ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${TEST_RANKS} ${MPIEXEC_PREFLAGS})
    if(TEST_TCP)
        string(APPEND name _tcp)
        list(APPEND command --mca pml ob1 --mca btl self,tcp --mca osc ^sm)
    endif()
    list(APPEND command $<TARGET_FILE:${program}> ${TEST_ARGUMENTS})
    if(TEST_ENDS_RESUMABLE)
        math(EXPR resumable_limit "30 * ${GRADSWEEP_TEST_PATIENCE}")
        list(PREPEND command ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/parallel/ends_resumable.py ${resumable_limit})
    elseif(TEST_RANKS EQUAL 3)
        list(APPEND TEST_LABELS quick)
    endif()
    add_test(NAME ${name} COMMAND ${command})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} PROCESSORS ${TEST_CORES} LABELS "mpi;${TEST_LABELS}"
        ENVIRONMENT "${GRADSWEEP_MPI_ENVIRONMENT}")
endfunction()

# A rule of the source; exit code 77: skipped.
#   add_house_test(<name> <command> <argument>...)
function(add_house_test name)
    add_test(NAME house_${name} COMMAND ${ARGN})
    set_tests_properties(house_${name} PROPERTIES LABELS "house;quick" TIMEOUT 300 SKIP_RETURN_CODE 77)
endfunction()

# A program in Python (with h5py): by default with the paths of the command and of the launcher; exit code 77: skipped, visibly.
#   add_python_test(<name> <script> [PROGRAM <target>] [ARGUMENTS <argument>...] [CORES <n>] [TIMEOUT <s>] [LABELS ...]
#       [ENVIRONMENT <name>=<value>...])
# PROGRAM: it gets the path of this one instead (NONE: of none). CORES: as with add_mpi_test, but 1 by default.
function(add_python_test name script)
    cmake_parse_arguments(TEST "" "PROGRAM;CORES;TIMEOUT" "ARGUMENTS;LABELS;ENVIRONMENT" ${ARGN})
    if(NOT TEST_TIMEOUT)
        set(TEST_TIMEOUT 600)
    endif()
    math(EXPR TEST_TIMEOUT "${TEST_TIMEOUT} * ${GRADSWEEP_TEST_PATIENCE}")
    if(NOT TEST_CORES)
        set(TEST_CORES 1)
    endif()
    if("campaign" IN_LIST TEST_LABELS AND DEFINED ENV{GRADSWEEP_CAMPAIGN_SCALE})
        math(EXPR TEST_TIMEOUT "${TEST_TIMEOUT} * $ENV{GRADSWEEP_CAMPAIGN_SCALE}")
    endif()
    set(programs $<TARGET_FILE:gradsweep> ${MPIEXEC_EXECUTABLE})
    if(TEST_PROGRAM STREQUAL NONE)
        set(programs)
    elseif(TEST_PROGRAM)
        set(programs $<TARGET_FILE:${TEST_PROGRAM}>)
    endif()
    add_test(NAME ${name} COMMAND ${GRADSWEEP_H5PY_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${programs} ${TEST_ARGUMENTS})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${TEST_TIMEOUT} PROCESSORS ${TEST_CORES} LABELS "${TEST_LABELS}"
        SKIP_RETURN_CODE 77 ENVIRONMENT "${GRADSWEEP_MPI_ENVIRONMENT};PYTHONDONTWRITEBYTECODE=1;${TEST_ENVIRONMENT}")
endfunction()

# All test_<what>.py of a folder, as the tests <folder>_<what>, found by their names and called with the paths of the command
# and of the launcher (tests/command/command.py). What one needs beyond the usual stands in a comment line of its own, of words
# that set_tests_properties knows:
#   # ctest: TIMEOUT 600 PROCESSORS 2 LABELS "campaign"
#   add_drivers(<folder> LABELS <label>...)
function(add_drivers folder)
    cmake_parse_arguments(TEST "" "" "LABELS" ${ARGN})
    file(GLOB drivers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/test_*.py)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${drivers})
    foreach(driver IN LISTS drivers)
        get_filename_component(file ${driver} NAME_WE)
        string(REGEX REPLACE "^test_" "${folder}_" name ${file})
        add_python_test(${name} ${folder}/${file}.py)
        file(STRINGS ${driver} properties REGEX "^# ctest: ")
        if(properties)
            string(REGEX REPLACE "^# ctest: " "" properties "${properties}")
            separate_arguments(properties UNIX_COMMAND "${properties}")
            set_tests_properties(${name} PROPERTIES ${properties})
        endif()
        get_test_property(${name} LABELS own)
        if(own)
            list(APPEND own ${TEST_LABELS})
        else()
            set(own ${TEST_LABELS})
        endif()
        set_tests_properties(${name} PROPERTIES LABELS "${own}")
    endforeach()
endfunction()

# Whether the Python of the tests has these modules (`result`: TRUE or FALSE); a warning that names the tests and the packages.
function(gradsweep_python_has result modules tests packages)
    set(${result} FALSE PARENT_SCOPE)
    if(GRADSWEEP_H5PY_PYTHON)
        execute_process(COMMAND ${GRADSWEEP_H5PY_PYTHON} -c "import ${modules}" RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
        if(failed EQUAL 0)
            set(${result} TRUE PARENT_SCOPE)
            return()
        endif()
    endif()
    message(WARNING "No Python that can import ${modules}: ${tests} are left out (apt-get install ${packages})")
endfunction()
