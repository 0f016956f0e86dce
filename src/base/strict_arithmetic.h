/* Refuses to be compiled where the compiler may calculate as if numbers were real: NaN and infinity then cease to
 * exist, and with them every test for what could not be computed; sums are taken in another order, and no two builds
 * agree. Included by whatever calculates. */
#ifndef GRADSWEEP_BASE_STRICT_ARITHMETIC_H
#define GRADSWEEP_BASE_STRICT_ARITHMETIC_H

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ > 0) || \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error \
    "fast-math makes every cell fail: take -ffast-math, -Ofast or -funsafe-math-optimizations out of CFLAGS and CMAKE_C_FLAGS; Intel's icx has it by default: CMAKE_C_FLAGS=-fp-model=precise"
#endif

#endif
