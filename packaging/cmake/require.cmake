# How the configuration refuses: what is missing, the variables that tell where it is, and Debian's package.
#
#   gradsweep_require(<found?> <what it is> <Debian package> VARIABLES <how to set one>... [REASON <text>...])
#
# <found?> names a variable that is true where all is well. The first of VARIABLES is the one that helps most.
function(gradsweep_require found what package)
    if(${found})
        return()
    endif()
    cmake_parse_arguments(REQUIRE "" "" "VARIABLES;REASON" ${ARGN})
    list(JOIN REQUIRE_VARIABLES ", or " variables)
    list(JOIN REQUIRE_REASON "\n  " reason)
    if(NOT reason)
        set(reason "${what} was not found.")
    endif()
    message(FATAL_ERROR "${reason}\nSet ${variables} (cmake -DNAME=VALUE); where software comes as modules, load the one for it "
        "first, and configure in an empty folder. On Debian: apt-get install ${package} (jobs/install.sh installs all)")
endfunction()
