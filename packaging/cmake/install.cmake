# What an installation holds beside the command and the library, which src/CMakeLists.txt installs: all that is needed without the
# source.
#
#   include/gradsweep, lib/pkgconfig, lib/cmake/gradsweep   for programs that call the library
#   share/gradsweep/analysis, jobs, modulefile              the analysis, the scripts of a cluster with the sweeps, a modulefile
#   share/doc/gradsweep, share/man, shells' completions

set(share ${CMAKE_INSTALL_DATADIR}/gradsweep)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# ---- for programs that call the library: find_package(gradsweep), pkg-config ----
include(CMakePackageConfigHelpers)
set(GRADSWEEP_SHARE_DIR ${share})
list(GET MPI_C_LIBRARIES 0 GRADSWEEP_MPI_LIBRARY)
set(config ${CMAKE_INSTALL_LIBDIR}/cmake/gradsweep)
configure_package_config_file(packaging/cmake/gradsweepConfig.cmake.in gradsweepConfig.cmake INSTALL_DESTINATION ${config}
    PATH_VARS GRADSWEEP_SHARE_DIR)
# Before version 1 every 0.N may change the interface.
write_basic_package_version_file(gradsweepConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/gradsweepConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/gradsweepConfigVersion.cmake
    DESTINATION ${config})
install(EXPORT gradsweepTargets NAMESPACE gradsweep:: DESTINATION ${config})

# The way from the pkg-config folder back to the prefix: lib is one folder deep, lib/x86_64-linux-gnu two.
file(RELATIVE_PATH GRADSWEEP_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR} /prefix)
string(REGEX REPLACE "/$" "" GRADSWEEP_PC_PREFIX "${GRADSWEEP_PC_PREFIX}")
configure_file(packaging/cmake/gradsweep.pc.in gradsweep.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/gradsweep.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- the analysis beside the command; in Python's own path with: pip install ./analysis ----
install(DIRECTORY analysis DESTINATION ${share} USE_SOURCE_PERMISSIONS
    PATTERN __pycache__ EXCLUDE PATTERN build EXCLUDE PATTERN *.egg-info EXCLUDE)

# ---- on a cluster: job scripts, sweeps, a modulefile ----
# What installs packages and builds belongs to the source.
install(DIRECTORY jobs DESTINATION ${share} USE_SOURCE_PERMISSIONS PATTERN install.sh EXCLUDE PATTERN unpack.sh EXCLUDE PATTERN quickstart.sh EXCLUDE)
configure_file(packaging/cmake/modulefile.in modulefile @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/modulefile DESTINATION ${share})

# ---- to be read ----
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} PATTERN "*.py" EXCLUDE)
# There README lies beside the pages of docs/.
install(CODE "
    file(READ \"${CMAKE_SOURCE_DIR}/README.md\" readme)
    string(REPLACE \"](docs/\" \"](\" readme \"\${readme}\")
    file(WRITE \"${CMAKE_BINARY_DIR}/README.md\" \"\${readme}\")")
install(FILES ${CMAKE_BINARY_DIR}/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
# Manual pages, completion and the reference of the sweep file are made by the command that is installed, from its own tables.
find_program(GRADSWEEP_PYTHON3 python3 PATHS /usr/bin NO_DEFAULT_PATH DOC "Makes manual pages and completion at installation")
find_program(GRADSWEEP_PYTHON3 python3)
if(TARGET gradsweep AND GRADSWEEP_PYTHON3)
    set(made ${CMAKE_BINARY_DIR}/manual)
    install(CODE "if(\"$<TARGET_FILE:gradsweep>\" IS_NEWER_THAN \"${made}/gradsweep.bash\")
        execute_process(COMMAND ${GRADSWEEP_PYTHON3} -B ${CMAKE_SOURCE_DIR}/docs/generate.py $<TARGET_FILE:gradsweep> ${made}
            COMMAND_ERROR_IS_FATAL ANY)
    endif()")
    install(DIRECTORY ${made}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
    install(FILES ${made}/sweep-reference.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
    install(FILES ${made}/gradsweep.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME gradsweep)
    install(FILES ${made}/_gradsweep DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()

configure_file(packaging/cmake/uninstall.cmake.in uninstall.cmake @ONLY)
add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -P ${CMAKE_CURRENT_BINARY_DIR}/uninstall.cmake
    COMMENT "Removing what the last installation put in place" VERBATIM)
