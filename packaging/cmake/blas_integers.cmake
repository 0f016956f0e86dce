# Refuses a BLAS with 64-bit integers: it would read beyond our 32-bit ones, and give wrong numbers or none.
#
# The two numbers after each other are 2 elements (or stride 1) to a BLAS with 32-bit integers, and a negative count to one
# with 64-bit integers, for which idamax answers 0: nothing is read out of bounds either way.
include(CheckCSourceRuns)
if(NOT CMAKE_CROSSCOMPILING)
    set(CMAKE_REQUIRED_LIBRARIES LAPACK::LAPACK BLAS::BLAS)
    set(CMAKE_REQUIRED_QUIET ON)
    check_c_source_runs("
        int idamax_(const int *count, const double *values, const int *stride);
        int main(void)
        {
            const int count[2] = { 2, -1 };
            const int stride[2] = { 1, 0 };
            const double values[2] = { 0.0, 1.0 };
            return idamax_(count, values, stride) == 2 ? 0 : 1;
        }" GRADSWEEP_BLAS_HAS_32_BIT_INTEGERS)
    unset(CMAKE_REQUIRED_LIBRARIES)
    unset(CMAKE_REQUIRED_QUIET)
    if(NOT GRADSWEEP_BLAS_HAS_32_BIT_INTEGERS)
        # Forgotten, so that the next configuration looks again.
        unset(GRADSWEEP_BLAS_HAS_32_BIT_INTEGERS CACHE)
        set(no FALSE)
        gradsweep_require(no "A BLAS" libopenblas-dev VARIABLES "BLA_VENDOR to the name of another BLAS (MKL: Intel10_64lp_seq)"
            REASON "The BLAS found (${BLAS_LIBRARIES}) has 64-bit integers or cannot be used; one with 32-bit integers is needed.")
    endif()
endif()
